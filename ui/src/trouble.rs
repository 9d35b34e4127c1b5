//! What the window shows when there is no show: what is wrong, and what to do.

use leptos::prelude::*;

#[component]
pub fn Trouble(trouble: String) -> impl IntoView {
    view! {
        <main class="trouble" data-testid="trouble" role="alert">
            <h1>"The show cannot open"</h1>
            <pre>{trouble}</pre>
            <p>"Mend this, then start Greenroom again. " <code>"greenroom doctor"</code> " says what this machine lacks."</p>
        </main>
    }
}
