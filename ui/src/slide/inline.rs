//! Text within a line.

use super::figure::BoundFigure;
use crate::bridge;
use greenroom_show::deck::Inline;
use leptos::prelude::*;

/// `demo`: whose figures come first, on a slide that cues one.
pub fn inlines(parts: &[Inline], demo: Option<&str>) -> Vec<AnyView> {
    parts.iter().map(|part| inline(part, demo)).collect()
}

fn inline(part: &Inline, demo: Option<&str>) -> AnyView {
    match part {
        Inline::Text(text) => text.clone().into_any(),
        Inline::Strong(parts) => view! { <strong>{inlines(parts, demo)}</strong> }.into_any(),
        Inline::Emphasis(parts) => view! { <em>{inlines(parts, demo)}</em> }.into_any(),
        Inline::Code(text) => view! { <code>{text.clone()}</code> }.into_any(),
        // Not a way out of the show: a window never leaves its page.
        Inline::Link { to, text } => {
            view! { <span class="link" title=to.clone()>{inlines(text, demo)}</span> }.into_any()
        }
        Inline::Picture { id, alt } => view! { <img src=bridge::picture_url(id) alt=alt.clone() /> }.into_any(),
        Inline::Break => view! { <br /> }.into_any(),
        Inline::Figure(name) => view! { <BoundFigure name=name.clone() demo=demo.map(String::from) /> }.into_any(),
    }
}
