//! The keys, from the table that handles them.

use super::Console;
use crate::keys::{Read as _, TABLE, cap};
use leptos::prelude::*;

#[component]
pub fn Help() -> impl IntoView {
    let console = expect_context::<Console>();
    let chapters: Vec<_> = TABLE
        .iter()
        .map(|chapter| {
            let rows: Vec<_> = chapter
                .rows
                .iter()
                .map(|row| {
                    let keys = row.keys.iter().flat_map(|key| console.profile.get_untracked().pressed(key));
                    let keys: Vec<_> = keys.map(|key| view! { <kbd>{cap(key)}</kbd> }).collect();
                    view! { <tr><td>{keys}</td><td>{row.what}</td></tr> }
                })
                .collect();
            view! { <section><h3>{chapter.title}</h3><table><tbody>{rows}</tbody></table></section> }
        })
        .collect();
    view! {
        <div class="overlay" data-testid="help" role="dialog" aria-label="Keys" on:click=move |_| console.overlay.set(None)>
            <div class="help">{chapters}</div>
        </div>
    }
}
