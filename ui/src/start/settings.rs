//! What is set on this machine, for all talks.

use super::Page as Start;
use crate::bridge;
use greenroom_show::{
    deck::Theme,
    start::{
        ReadRetention, WriteRetention,
        settings::{Clock, Keys, NOTES_PX, Retention, Screens, Settings},
    },
};
use leptos::{prelude::*, task::spawn_local};

const GIB: f64 = (1_u64 << 30) as f64;

#[component]
pub fn Page() -> impl IntoView {
    let page = expect_context::<Start>();
    let retention = RwSignal::new(None::<Retention>);
    spawn_local(async move {
        match bridge::call(ReadRetention {}).await {
            Ok(read) => {
                let _ = retention.try_set(Some(read));
            }
            Err(error) => page.fail(error.to_string()),
        }
    });
    let keep = move |retention_now: Retention| {
        spawn_local(async move {
            match bridge::call(WriteRetention { retention: retention_now }).await {
                Ok(()) => {
                    let _ = retention.try_set(Some(retention_now));
                }
                Err(error) => page.fail(error.to_string()),
            }
        });
    };
    let limit = move |value: String| value.trim().parse::<u64>().ok();
    view! {
        <header class="top"><h2>"Settings"</h2></header>
        <div class="scroll settings" data-testid="settings">
            <h3>"How it looks"</h3>
            <Choice
                title="Theme of your windows"
                note="What the audience sees is as its deck says."
                of=|set| set.theme
                choices=vec![(None, "As the deck"), (Some(Theme::Dark), "Dark"), (Some(Theme::Light), "Light")]
                put=|set, theme| set.theme = theme
            />
            <Choice
                title="Size of the notes"
                note="+ and − change it while you speak."
                of=|set| set.notes_px
                choices=NOTES_PX.map(|px| (px, SIZES[NOTES_PX.iter().position(|known| *known == px).unwrap_or(0)])).to_vec()
                put=|set, px| set.notes_px = px
            />
            <Choice
                title="Clock"
                note="Y turns it round."
                of=|set| set.clock
                choices=vec![(Clock::Up, "Counts up"), (Clock::Down, "Counts down")]
                put=|set, clock| set.clock = clock
            />
            <h3>"On stage"</h3>
            <Choice
                title="The audience's window"
                note="A opens and closes it, whatever is set here; X swaps screens."
                of=|set| set.screens
                choices=vec![(Screens::Second, "With a second screen, by itself"), (Screens::Asked, "When I press A")]
                put=|set, screens| set.screens = screens
            />
            <Choice
                title="Keys"
                note="Shift V changes it on stage; ? shows all keys."
                of=|set| set.keys
                choices=vec![(Keys::Plain, "Plain"), (Keys::Vi, "As in vi")]
                put=|set, keys| set.keys = keys
            />
            <h3>"What preflight holds a talk to"</h3>
            <Number title="Words a minute" note="How fast you speak: H shows it, of your rehearsals." of=|set| set.budgets.words_per_minute put=|set, words| set.budgets.words_per_minute = words />
            <Number title="Room on the disk, GiB" note="Below it, preflight says stop. A demo writes its data, the stack the same again, and what comes back once more." of=|set| set.budgets.disk_free_bytes as f64 / GIB put=|set, gib| set.budgets.disk_free_bytes = (gib * GIB) as u64 />
            <Number title="Free memory, GiB" note="The same." of=|set| set.budgets.memory_free_bytes as f64 / GIB put=|set, gib| set.budgets.memory_free_bytes = (gib * GIB) as u64 />
            <h3>"Takes of this project"</h3>
            {move || retention.get().map(|now| {
                let text = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
                view! {
                    <label class="set"><span>"Keep at most, GiB"<small>"Empty keeps all. A starred take always stays; what goes is put away first, and can be brought back."</small></span>
                        <input inputmode="numeric" data-testid="keep-gib" prop:value=text(now.gib) on:change=move |event| keep(Retention { gib: limit(event_target_value(&event)), ..now }) /></label>
                    <label class="set"><span>"Keep at most, days"<small>"Looked at when a show begins."</small></span>
                        <input inputmode="numeric" prop:value=text(now.days) on:change=move |event| keep(Retention { days: limit(event_target_value(&event)), ..now }) /></label>
                }
            })}
            <h3>"Editing"</h3>
            <label class="set wide"><span>"Editor"<small>"With {file} and {line} where they go, such as: code --goto {file}:{line}. Empty takes VISUAL or EDITOR, or the first that is found here."</small></span>
                <input spellcheck="false" data-testid="editor" prop:value=move || page.settings.read().editor.clone()
                    on:change=move |event| { let mut set = page.settings.get_untracked(); set.editor = event_target_value(&event); page.keep(set); } /></label>
            <h3>"Tools and updates"</h3>
            <p class="note">"Greenroom never updates itself, never looks for updates, and fetches nothing that you have not asked for. Which programs of others it finds, and how one comes by them, says "
                <button class="link" on:click=move |_| page.section.set(super::Section::Machine)>"This machine"</button> "."</p>
        </div>
    }
}

const SIZES: [&str; 9] = ["16", "18", "20", "23", "26", "30", "35", "41", "48"];

#[component]
fn Choice<T: Copy + PartialEq + Send + Sync + 'static>(
    title: &'static str,
    note: &'static str,
    of: fn(&Settings) -> T,
    choices: Vec<(T, &'static str)>,
    put: fn(&mut Settings, T),
) -> impl IntoView {
    let page = expect_context::<Start>();
    let button = move |(value, word): (T, &'static str)| {
        let choose = move |_| {
            let mut settings = page.settings.get_untracked();
            put(&mut settings, value);
            page.keep(settings);
        };
        view! { <button role="radio" data-choice=word aria-checked=move || (of(&page.settings.read()) == value).to_string() on:click=choose>{word}</button> }
    };
    view! {
        <div class="set"><span>{title}<small>{note}</small></span>
            <div class="choices" role="radiogroup" aria-label=title>{choices.into_iter().map(button).collect_view()}</div></div>
    }
}

#[component]
fn Number(
    title: &'static str,
    note: &'static str,
    of: fn(&Settings) -> f64,
    put: fn(&mut Settings, f64),
) -> impl IntoView {
    let page = expect_context::<Start>();
    let text = move || (of(&page.settings.read()) * 10.0).round() / 10.0;
    let change =
        move |event: leptos::ev::Event| match event_target_value(&event).trim().replace(',', ".").parse::<f64>() {
            Ok(number) if number >= 0.0 => {
                let mut settings = page.settings.get_untracked();
                put(&mut settings, number);
                page.keep(settings);
            }
            _ => page.fail(format!("{title}: that is no number")),
        };
    view! {
        <label class="set"><span>{title}<small>{note}</small></span>
            <input inputmode="decimal" prop:value=move || text().to_string() on:change=change /></label>
    }
}
