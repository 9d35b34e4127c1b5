//! The go/no-go board in the presenter's window: all that a talk needs, and what to do where something is missing.

use crate::bridge;
use greenroom_show::{
    call::Preflight,
    preflight::{Check, worst},
};
use leptos::{prelude::*, task::spawn_local};

#[component]
pub fn Board() -> impl IntoView {
    let board = RwSignal::new(None::<Result<Vec<Check>, String>>);
    let look = move || {
        board.set(None);
        spawn_local(async move {
            let reply = bridge::call(&Preflight {}).await.map_err(|error| error.to_string());
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

/// One check, on the board and on the readiness card.
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
