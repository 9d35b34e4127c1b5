//! The presenter's keys: one table, from which both the handler and the help are made. Keys go by what they mean and not by where
//! they are.

use crate::marks::Tool;
use crate::presenter::{Console, Overlay};
use greenroom_show::{
    Curtain, call,
    call::window,
    marks::Ink,
    playback::{To, Way},
    start::settings::Keys as Profile,
    take::Cut,
};
use leptos::prelude::*;
use web_sys::KeyboardEvent;

/// One row of the table.
pub struct Row {
    pub keys: &'static [&'static str],
    pub what: &'static str,
    act: fn(Console),
}

pub struct Chapter {
    pub title: &'static str,
    pub rows: &'static [Row],
}

pub const TABLE: &[Chapter] = &[
    Chapter {
        title: "Slides",
        rows: &[
            Row {
                keys: &["PageDown", "ArrowRight", "ArrowDown", " ", "Enter", "n"],
                what: "Next",
                act: |console| console.send(call::Next {}),
            },
            Row {
                keys: &["PageUp", "ArrowLeft", "ArrowUp", "Backspace", "p"],
                what: "Previous",
                act: |console| console.send(call::Previous {}),
            },
            Row {
                keys: &["g"],
                what: "Go to a slide: its number, then Enter or G",
                act: |console| console.toggle(Overlay::Overview),
            },
            Row { keys: &["Home"], what: "To the first slide, or the booth to its start", act: Console::first },
            Row { keys: &["End", "Shift+g"], what: "To the last slide", act: Console::last },
            Row { keys: &["j"], what: "Skip what the clock has no time for", act: Console::skip },
            Row {
                keys: &["Shift+p"],
                what: "Preflight: go or no-go",
                act: |console| console.toggle(Overlay::Preflight),
            },
            Row {
                keys: &["h"],
                what: "Rehearsals: how past runs went",
                act: |console| console.toggle(Overlay::Rehearsals),
            },
            Row {
                keys: &["m"],
                what: "Loop this section, or let the talk go on",
                act: |console| console.send(call::ToggleLoop {}),
            },
            Row {
                keys: &["Shift+a"],
                what: "Tenants: who gets what, and what they may",
                act: |console| console.toggle(Overlay::Tenants),
            },
            Row {
                keys: &["Shift+m"],
                what: "Mirrors: how far behind their origins they are",
                act: |console| console.toggle(Overlay::Mirrors),
            },
            Row { keys: &["c"], what: "Capacity planner", act: |console| console.toggle(Overlay::Planner) },
            Row {
                keys: &["o"],
                what: "Overview, audience and length",
                act: |console| console.toggle(Overlay::Overview),
            },
        ],
    },
    Chapter {
        title: "Demo",
        rows: &[
            Row { keys: &["r"], what: "Run the next steps, or the failed ones again", act: Console::run_again },
            Row { keys: &["Shift+y"], what: "Yes: let the steps of this talk run", act: Console::trust },
            Row { keys: &["Shift+r"], what: "Reset the demo", act: Console::reset },
            Row { keys: &["k", "Ctrl+c"], what: "Stop the step that runs", act: |console| console.send(call::Stop {}) },
            Row {
                keys: &["v"],
                what: "Recorded take, or back to live",
                act: |console| console.send(call::ToggleRecorded {}),
            },
            Row { keys: &["Shift+s"], what: "This demo live, recorded, or auto", act: Console::next_plays },
            Row {
                keys: &["Shift+h"],
                what: "Compare: an earlier take under the charts, or away",
                act: |console| console.send(call::ToggleGhost {}),
            },
            Row {
                keys: &["Shift+d"],
                what: "Differences from what is compared",
                act: |console| console.toggle(Overlay::Differences),
            },
            Row {
                keys: &["z"],
                what: "Charts: last minute or whole run",
                act: |console| console.send(call::ToggleSpan {}),
            },
        ],
    },
    Chapter {
        title: "Takes",
        rows: &[
            Row { keys: &[","], what: "Play or pause the take", act: |console| console.send(call::TogglePlay {}) },
            Row { keys: &["<"], what: "Take from its start", act: |console| console.send(call::RestartTake {}) },
            Row { keys: &["["], what: "Take: a step back", act: |console| console.seek(To::Step(Way::Back)) },
            Row { keys: &["]"], what: "Take: a step on", act: |console| console.seek(To::Step(Way::On)) },
            Row {
                keys: &["Ctrl+ArrowLeft"],
                what: "Take: five seconds back",
                act: |console| console.seek(To::Little(Way::Back)),
            },
            Row {
                keys: &["Ctrl+ArrowRight"],
                what: "Take: five seconds on",
                act: |console| console.seek(To::Little(Way::On)),
            },
            Row { keys: &["("], what: "Take: a frame back", act: |console| console.seek(To::Frame(Way::Back)) },
            Row { keys: &[")"], what: "Take: a frame on", act: |console| console.seek(To::Frame(Way::On)) },
            Row {
                keys: &["Ctrl+ArrowUp"],
                what: "Take faster",
                act: |console| console.send(call::PaceTake { way: Way::On }),
            },
            Row {
                keys: &["Ctrl+ArrowDown"],
                what: "Take slower",
                act: |console| console.send(call::PaceTake { way: Way::Back }),
            },
            Row {
                keys: &["Shift+z"],
                what: "Take with its pauses, or without",
                act: |console| console.send(call::ToggleIdle {}),
            },
            Row {
                keys: &["Ctrl+i"],
                what: "Take: it begins here (I on its line)",
                act: |console| console.cut(Cut::In(None)),
            },
            Row {
                keys: &["Ctrl+o"],
                what: "Take: it ends here (O on its line)",
                act: |console| console.cut(Cut::Out(None)),
            },
            Row { keys: &["Ctrl+u"], what: "Take back the last cut", act: |console| console.cut(Cut::Undo) },
            Row {
                keys: &["Shift+c"],
                what: "Keep the last two minutes as a take",
                act: |console| console.send(call::KeepLast {}),
            },
        ],
    },
    Chapter {
        title: "Audience",
        rows: &[
            Row {
                keys: &["b", "."],
                what: "Black",
                act: |console| console.send(call::ToggleCurtain { curtain: Curtain::Black }),
            },
            Row {
                keys: &["w"],
                what: "White",
                act: |console| console.send(call::ToggleCurtain { curtain: Curtain::White }),
            },
            Row {
                keys: &["Shift+f"],
                what: "Freeze: the audience stays, you browse",
                act: |console| console.send(call::ToggleFreeze {}),
            },
            Row {
                keys: &["a"],
                what: "Open or close the audience's window",
                act: |console| console.send(window::ToggleAudience {}),
            },
            Row {
                keys: &["e"],
                what: "Enlarge a pane, the next one, then none",
                act: |console| console.send(call::ZoomPane {}),
            },
            Row {
                keys: &["q"],
                what: "Captions: what you say, below the slide",
                act: |console| console.send(call::ToggleCaptions {}),
            },
            Row { keys: &["l"], what: "Pointer: the mouse on your slide", act: |console| console.take(Tool::Laser) },
            Row {
                keys: &["Shift+l"],
                what: "Spotlight: all else goes dim",
                act: |console| console.take(Tool::Spotlight),
            },
            Row { keys: &["i"], what: "Draw on the slide", act: |console| console.take(Tool::Ink) },
            Row {
                keys: &["u"],
                what: "Take back a stroke",
                act: |console| console.send(call::DrawInk { ink: Ink::Undo }),
            },
            Row {
                keys: &["Shift+i"],
                what: "Wipe the slide clean",
                act: |console| console.send(call::DrawInk { ink: Ink::Clear }),
            },
            Row {
                keys: &["Shift+b"],
                what: "Booth: slides and takes go round, or no longer",
                act: |console| console.send(call::ToggleBooth {}),
            },
            Row { keys: &["x"], what: "Swap screens", act: |console| console.send(window::SwapScreens {}) },
        ],
    },
    Chapter {
        title: "This window",
        rows: &[
            Row {
                keys: &["f", "F11", "F5"],
                what: "Full screen",
                act: |console| console.send(window::ToggleFullScreen {}),
            },
            Row { keys: &["s"], what: "Stage or console, with one screen", act: Console::toggle_view },
            Row { keys: &["y"], what: "Clock counts up or down", act: Console::turn_clock },
            Row { keys: &["t"], what: "Start or pause the clock", act: |console| console.send(call::ToggleClock {}) },
            Row { keys: &["Shift+t"], what: "Clock to zero", act: |console| console.send(call::ResetClock {}) },
            Row { keys: &["+", "="], what: "Larger notes", act: |console| console.size_notes(1) },
            Row { keys: &["-"], what: "Smaller notes", act: |console| console.size_notes(-1) },
            Row { keys: &["d"], what: "Dark or light", act: Console::toggle_theme },
            Row { keys: &["Shift+v"], what: "Keys as here, or as in vi", act: Console::next_keys },
            Row {
                keys: &["Ctrl+w"],
                what: "Close the show, back to the start page",
                act: |console| console.send(window::LeaveShow {}),
            },
            Row { keys: &["?", "F1"], what: "These keys", act: |console| console.toggle(Overlay::Help) },
            Row {
                keys: &["Escape"],
                what: "Close what is open, then let the audience follow again",
                act: Console::back_out,
            },
        ],
    },
];

/// Pressed, and what it stands for. What a letter stood for before goes with Ctrl.
const VI: [(&str, &str); 10] = [
    ("h", "ArrowLeft"),
    ("l", "ArrowRight"),
    ("j", "ArrowDown"),
    ("k", "ArrowUp"),
    ("Ctrl+f", "PageDown"),
    ("Ctrl+b", "PageUp"),
    ("Ctrl+h", "h"),
    ("Ctrl+l", "l"),
    ("Ctrl+j", "j"),
    ("Ctrl+k", "k"),
];

/// How keys are read. The table stays the same: this says which of its keys a pressed one stands for.
pub trait Read {
    /// The key of the table that a pressed one stands for.
    fn means(self, pressed: &str) -> &str;
    /// What is to be pressed for a key of the table.
    fn pressed(self, key: &'static str) -> Vec<&'static str>;
}

impl Read for Profile {
    fn means(self, pressed: &str) -> &str {
        match self {
            Profile::Plain => pressed,
            Profile::Vi => VI.iter().find(|(key, _)| *key == pressed).map_or(pressed, |(_, means)| means),
        }
    }

    fn pressed(self, key: &'static str) -> Vec<&'static str> {
        match self {
            Profile::Plain => vec![key],
            Profile::Vi => {
                let others = VI.iter().filter(|(_, means)| *means == key).map(|(pressed, _)| *pressed);
                let own = (!VI.iter().any(|(pressed, _)| *pressed == key)).then_some(key);
                own.into_iter().chain(others).collect()
            }
        }
    }
}

/// Does what a key means. Whether it meant something.
pub fn press(console: Console, key: &str) -> bool {
    if let Some(digit) = key.chars().next().filter(|first| key.len() == 1 && first.is_ascii_digit()) {
        console.type_digit(digit);
        return true;
    }
    if matches!(key, "Enter" | "g") && console.go_to_typed() {
        return true;
    }
    let key = console.profile.get_untracked().means(key);
    let row = TABLE.iter().flat_map(|chapter| chapter.rows).find(|row| row.keys.contains(&key));
    if let Some(row) = row {
        (row.act)(console);
    }
    row.is_some()
}

/// The keys that do more the longer they are held.
const HELD: [&str; 7] = ["+", "=", "-", "Ctrl+ArrowLeft", "Ctrl+ArrowRight", "(", ")"];

/// Whether a key that is held acts again and again. All others act once, however long they are pressed.
pub fn may_be_held(key: &str) -> bool {
    HELD.contains(&key)
}

/// A key as the table spells it: letters small, with `Shift+` and `Ctrl+` before them; what a key types otherwise says it all.
pub fn name(event: &KeyboardEvent) -> Option<String> {
    if event.alt_key() || event.meta_key() {
        return None;
    }
    let key = event.key();
    let is_letter = key.chars().count() == 1 && key.chars().all(char::is_alphabetic);
    let plain = if is_letter { key.to_lowercase() } else { key };
    Some(match (event.ctrl_key(), event.shift_key() && is_letter) {
        (true, _) => format!("Ctrl+{plain}"),
        (false, true) => format!("Shift+{plain}"),
        (false, false) => plain,
    })
}

/// A key as it is printed on a keyboard.
pub fn cap(key: &str) -> String {
    match key {
        " " => "Space".into(),
        "ArrowRight" => "→".into(),
        "ArrowLeft" => "←".into(),
        "ArrowDown" => "↓".into(),
        "ArrowUp" => "↑".into(),
        "PageDown" => "Page ↓".into(),
        "PageUp" => "Page ↑".into(),
        "Escape" => "Esc".into(),
        "-" => "−".into(),
        _ => match key.rsplit_once('+') {
            Some((with, letter)) if !with.is_empty() => format!("{with} {}", cap(letter)),
            _ if key.len() == 1 => key.to_uppercase(),
            _ => key.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_key_means_two_things() {
        let mut seen = HashSet::new();
        for key in TABLE.iter().flat_map(|chapter| chapter.rows).flat_map(|row| row.keys) {
            assert!(seen.insert(*key), "{key} is in the table twice");
        }
    }

    #[test]
    fn every_key_of_the_table_can_be_pressed_in_every_profile_and_means_itself() {
        for profile in [Profile::Plain, Profile::Vi] {
            let mut seen = HashSet::new();
            for key in TABLE.iter().flat_map(|chapter| chapter.rows).flat_map(|row| row.keys) {
                let pressed = profile.pressed(key);
                assert!(!pressed.is_empty(), "{key} cannot be pressed in {profile:?}");
                for pressed in pressed {
                    assert_eq!(profile.means(pressed), *key, "{profile:?}");
                    assert!(seen.insert(pressed), "{pressed} means two things in {profile:?}");
                }
            }
        }
    }

    #[test]
    fn only_sizes_and_places_follow_a_key_that_is_held() {
        let rows = || TABLE.iter().flat_map(|chapter| chapter.rows);
        let held: Vec<_> = rows().filter(|row| row.keys.iter().any(|key| may_be_held(key))).collect();
        assert!(held.iter().all(|row| row.keys.iter().all(|key| may_be_held(key))), "all keys of a row do the same");
        let what: Vec<_> = held.iter().map(|row| row.what).collect();
        assert!(what.iter().all(|what| what.starts_with("Take: ") || what.ends_with(" notes")), "{what:?}");
        assert_eq!(what.len(), 6);
    }

    #[test]
    fn keys_read_as_on_a_keyboard() {
        for (key, printed) in [
            ("Shift+f", "Shift F"),
            ("Ctrl+c", "Ctrl C"),
            ("+", "+"),
            ("n", "N"),
            ("F11", "F11"),
            (" ", "Space"),
            ("Ctrl+ArrowUp", "Ctrl ↑"),
        ] {
            assert_eq!(cap(key), printed);
        }
    }
}
