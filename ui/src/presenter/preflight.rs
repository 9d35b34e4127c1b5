//! The go/no-go board in the presenter's window: all that a talk needs, and what to do where something is missing.

use crate::bridge;
use greenroom_show::{
    call::{Preflight, window::ReadScreens},
    preflight::{Check, contrast, legible_colors, screens as screens_of, worst},
};
use leptos::{prelude::*, task::spawn_local};

/// Colours that text has, and what it stands on.
const INKS: [&str; 5] = ["--text", "--quiet", "--live", "--passed", "--failed"];
const GROUNDS: [&str; 2] = ["--ground", "--raised"];

#[component]
pub fn Board() -> impl IntoView {
    let board = RwSignal::new(None::<Result<Vec<Check>, String>>);
    let look = move || {
        board.set(None);
        spawn_local(async move {
            let reply = bridge::call(Preflight {}).await.map_err(|error| error.to_string());
            // Only the windows know their screens, and only the page its colours.
            let screens = bridge::call(ReadScreens {}).await.unwrap_or_default();
            let reply = reply.map(|mut board| {
                board.extend(screens_of(&screens));
                board.push(colors());
                board
            });
            // The board may have been closed meanwhile.
            let _ = board.try_set(Some(reply));
        });
    };
    look();
    let lines = move || match board.get() {
        None => {
            view! { <p class="sentence" role="status">"Looking at decks, demos, tools, recordings, disk and power"</p> }
                .into_any()
        }
        Some(Err(error)) => view! { <p class="sentence" role="alert">{error}</p> }.into_any(),
        Some(Ok(board)) => {
            let verdict = worst(&board);
            let lines: Vec<_> = board.into_iter().map(line).collect();
            view! {
                <p class="sentence" role="status" data-testid="verdict" data-verdict=verdict.as_str()>{verdict.sentence()}</p>
                <ul>{lines}</ul>
            }
            .into_any()
        }
    };
    view! {
        <div class="overlay" data-testid="preflight" role="dialog" aria-label="Preflight">
            <div class="board">
                <header>
                    <h2>"Preflight"</h2>
                    <button on:click=move |_| look()>"Look again"</button>
                </header>
                {lines}
            </div>
        </div>
    }
}

/// The theme that is on, read from the page.
fn colors() -> Check {
    let root = document().document_element();
    let style = root.and_then(|root| window().get_computed_style(&root).ok().flatten());
    let color = |name: &str| -> Option<[u8; 3]> {
        let value = style.as_ref()?.get_property_value(name).ok()?;
        let number = u32::from_str_radix(value.trim().strip_prefix('#')?, 16).ok()?;
        let [_, red, green, blue] = number.to_be_bytes();
        Some([red, green, blue])
    };
    let pairs = INKS.iter().flat_map(|ink| GROUNDS.iter().map(move |ground| (*ink, *ground)));
    let ratios = pairs.filter_map(|(ink, ground)| Some((contrast(color(ink)?, color(ground)?), ink, ground)));
    let (least, ink, ground) = ratios.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((0.0, "no colour", "no ground"));
    legible_colors(least, &format!("{} on {}", ink.trim_start_matches('-'), ground.trim_start_matches('-')))
}

/// One check, wherever a board of them stands.
pub fn line(check: Check) -> impl IntoView {
    let todo = (!check.todo.is_empty()).then(|| view! { <span class="todo">{check.todo}</span> });
    view! {
        <li class=format!("verdict-{}", check.verdict.as_str()) data-check=check.id.clone()>
            <b>{check.verdict.as_str()}</b>
            <span class="id">{check.id.clone()}</span>
            <span class="found">{check.found}</span>
            {todo}
        </li>
    }
}
