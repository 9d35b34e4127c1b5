//! Text within a line.

use super::figure::BoundFigure;
use crate::bridge;
use greenroom_show::deck::Inline;
use leptos::prelude::*;

/// Letters of a word that may be wider than a column of a table: an address, a hash, a name of a file.
const LONG_WORD: usize = 20;

/// `demo`: whose figures come first, on a slide that cues one.
pub fn inlines(parts: &[Inline], demo: Option<&str>) -> Vec<AnyView> {
    parts.iter().map(|part| inline(part, demo)).collect()
}

fn inline(part: &Inline, demo: Option<&str>) -> AnyView {
    match part {
        Inline::Text(text) => words(text),
        Inline::Strong(parts) => view! { <strong>{inlines(parts, demo)}</strong> }.into_any(),
        Inline::Emphasis(parts) => view! { <em>{inlines(parts, demo)}</em> }.into_any(),
        Inline::Struck(parts) => view! { <s>{inlines(parts, demo)}</s> }.into_any(),
        Inline::Code(text) => view! { <code>{words(text)}</code> }.into_any(),
        // Not a way out of the show: a window never leaves its page.
        Inline::Link { to, text } => {
            view! { <span class="link" title=to.clone()>{inlines(text, demo)}</span> }.into_any()
        }
        Inline::Picture { id, alt } => view! { <img src=bridge::picture_url(id) alt=alt.clone() /> }.into_any(),
        Inline::Break => view! { <br /> }.into_any(),
        Inline::Figure(name) => view! { <BoundFigure name=name.clone() demo=demo.map(String::from) /> }.into_any(),
    }
}

/// Text whose long words may break anywhere, and whose others do not, however narrow their column.
fn words(text: &str) -> AnyView {
    let is_long = |word: &str| word.trim_end().chars().count() > LONG_WORD;
    if !text.split_whitespace().any(is_long) {
        return text.to_string().into_any();
    }
    let part = |word: &str| {
        let word = word.to_string();
        if is_long(&word) { view! { <span class="long">{word}</span> }.into_any() } else { word.into_any() }
    };
    text.split_inclusive(char::is_whitespace).map(part).collect::<Vec<_>>().into_any()
}
