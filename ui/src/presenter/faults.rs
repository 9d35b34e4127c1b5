//! What is wrong in the files of the talk, while it is: for the speaker alone.

use super::Console;
use crate::store::Part;
use leptos::prelude::*;

#[component]
pub fn Faults() -> impl IntoView {
    let store = expect_context::<Console>().store;
    let faults = Memo::new(move |_| {
        store.read(&[Part::Notices, Part::Deck], |show| (show.faults.clone(), show.keeps_last_good()))
    });
    move || {
        let (faults, keeps_last_good) = faults.get();
        (!faults.is_empty()).then(|| {
            let seen = match keeps_last_good {
                true => "The audience sees the last good version. Mend and save:",
                false => "The audience sees the talk without what is wrong in it. Mend and save:",
            };
            let lines: Vec<_> = faults.into_iter().map(|fault| view! { <li>{fault}</li> }).collect();
            view! {
                <section class="faults" role="alert" data-testid="faults">
                    <h2>{seen}</h2>
                    <ul>{lines}</ul>
                </section>
            }
        })
    }
}
