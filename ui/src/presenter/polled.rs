//! What a page of the running stack is told while it is open: it asks again and again, one question at a time.

use crate::bridge;
use greenroom_show::call::Call;
use leptos::{prelude::*, task::spawn_local};
use std::time::Duration;

const ASK_EVERY: Duration = Duration::from_millis(500);

/// The last answer, or why there was none; nothing before the first. A handle, as signals are.
pub struct Polled<T: Send + Sync + 'static> {
    told: RwSignal<Option<Result<T, String>>>,
    /// Whether an answer is awaited: the next question waits for it.
    is_asking: StoredValue<bool>,
}

impl<T: Send + Sync + 'static> Clone for Polled<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Polled<T> {}

impl<T: Send + Sync + 'static> Polled<T> {
    /// Asks until the page goes.
    pub fn of<C: Call<Reply = T> + 'static>(question: fn() -> C) -> Self {
        let polled = Self { told: RwSignal::new(None), is_asking: StoredValue::new(false) };
        polled.ask(question());
        if let Ok(timer) = set_interval_with_handle(move || polled.ask(question()), ASK_EVERY) {
            on_cleanup(move || timer.clear());
        }
        polled
    }

    /// Asks now, unless it is asking.
    pub fn ask<C: Call<Reply = T> + 'static>(self, question: C) {
        if self.is_asking.try_get_value() != Some(false) {
            return;
        }
        self.is_asking.set_value(true);
        spawn_local(async move {
            let answer = bridge::call(question).await.map_err(|error| error.to_string());
            // The page may have been closed meanwhile.
            let _ = self.is_asking.try_set_value(false);
            let _ = self.told.try_set(Some(answer));
        });
    }

    /// Looks at the last answer, where there is one.
    pub fn look<R>(self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.told.with(|told| told.as_ref()?.as_ref().ok().map(look))
    }

    /// What there is to show. `nothing` and `there` are drawn anew only when that changes.
    pub fn body(
        self,
        is_empty: fn(&T) -> bool,
        nothing: impl Fn() -> AnyView + Send + 'static,
        there: impl Fn() -> AnyView + Send + 'static,
    ) -> impl IntoView {
        let state = Memo::new(move |_| self.told.with(|told| State::of(told, is_empty)));
        move || match state.get() {
            State::Asking => view! { <p class="sentence" role="status">"Asking the stack"</p> }.into_any(),
            State::Failed(error) => view! { <p class="sentence" role="alert">{error}</p> }.into_any(),
            State::Empty => nothing(),
            State::There => there(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Asking,
    Failed(String),
    Empty,
    There,
}

impl State {
    fn of<T>(told: &Option<Result<T, String>>, is_empty: fn(&T) -> bool) -> State {
        match told {
            None => State::Asking,
            Some(Err(error)) => State::Failed(error.clone()),
            Some(Ok(answer)) if is_empty(answer) => State::Empty,
            Some(Ok(_)) => State::There,
        }
    }
}
