//! The lines of the go/no-go board.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Go,
    /// The talk goes on with it; the speaker should know.
    Look,
    Stop,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub id: String,
    pub verdict: Verdict,
    pub found: String,
    /// What to do about it; empty where it is go.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub todo: String,
    /// The demo whose run would mend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demo: Option<String>,
}

impl Check {
    pub fn go(id: &str, found: impl Into<String>) -> Check {
        Check::new(id, Verdict::Go, found, "")
    }

    pub fn look(id: &str, found: impl Into<String>, todo: impl Into<String>) -> Check {
        Check::new(id, Verdict::Look, found, todo)
    }

    pub fn stop(id: &str, found: impl Into<String>, todo: impl Into<String>) -> Check {
        Check::new(id, Verdict::Stop, found, todo)
    }

    pub fn new(id: &str, verdict: Verdict, found: impl Into<String>, todo: impl Into<String>) -> Check {
        Check { id: id.into(), verdict, found: found.into(), todo: todo.into(), demo: None }
    }

    pub fn mended_by(self, demo: &str) -> Check {
        Check { demo: Some(demo.into()), ..self }
    }
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Go => "go",
            Verdict::Look => "look",
            Verdict::Stop => "stop",
        }
    }

    /// The whole board in one sentence, by its worst line.
    pub fn sentence(self) -> &'static str {
        match self {
            Verdict::Go => "Go.",
            Verdict::Look => "Go, once you have looked at the lines that say so.",
            Verdict::Stop => "No go: mend the lines that say stop.",
        }
    }
}

/// A screen as the desktop tells of it, in its own pixels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Screen {
    /// What stays when it is plugged in again: its name and its size.
    pub identity: String,
    pub width: u32,
    pub height: u32,
    pub holds: Holds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holds {
    Presenter,
    Audience,
    Nothing,
}

/// The smallest text on the stage of 1920 by 1080: labels of charts, the terminal, the foot.
pub const LABEL_PIXELS: f64 = 28.0;
/// Of the projector's own pixels: smaller letters are not read from the back row.
const READABLE_PIXELS: f64 = 18.0;
/// WCAG 2.2, AA, for text.
const CONTRAST_MIN: f64 = 4.5;

/// Where the audience will look, and whether it can read what it sees there.
pub fn screens(screens: &[Screen]) -> Vec<Check> {
    let audience = screens.iter().find(|screen| screen.holds == Holds::Audience);
    let Some(screen) = audience.or_else(|| screens.iter().find(|screen| screen.holds == Holds::Presenter)) else {
        return vec![Check::look("screens", "cannot be told apart here", "look at them yourself")];
    };
    let found = match (audience, screens.len()) {
        (Some(screen), _) => Check::go("screens", format!("the audience has {}", screen.identity)),
        (None, 1) => {
            let todo = "plug the projector in; with one screen, S changes between console and stage";
            Check::look("screens", "there is one screen", todo)
        }
        (None, _) => Check::look("screens", "the audience's window is closed", "press A to open it"),
    };
    let scale = (f64::from(screen.width) / 1920.0).min(f64::from(screen.height) / 1080.0);
    let pixels = LABEL_PIXELS * scale;
    let size = format!("the smallest text is {pixels:.0} pixels high on {} x {}", screen.width, screen.height);
    let legible = match pixels >= READABLE_PIXELS {
        true => Check::go("legibility", size),
        false => Check::look("legibility", size, "set the projector to a higher resolution"),
    };
    vec![found, legible]
}

/// Text against its ground, each as red, green and blue: a ratio from 1 to 21, by WCAG 2.2.
pub fn contrast(text: [u8; 3], ground: [u8; 3]) -> f64 {
    let luminance = |color: [u8; 3]| {
        let [red, green, blue] = color.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    };
    let (one, other) = (luminance(text), luminance(ground));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// The least contrast of the theme that is on, with the names of its colours.
pub fn legible_colors(least: f64, of: &str) -> Check {
    let found = format!("{least:.1} to 1 at least ({of})");
    match least >= CONTRAST_MIN {
        true => Check::go("contrast", found),
        false => Check::look("contrast", found, "text needs 4.5 to 1: change the colour in the theme"),
    }
}

/// The worst line decides.
pub fn worst(board: &[Check]) -> Verdict {
    board.iter().map(|check| check.verdict).max().unwrap_or(Verdict::Go)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(identity: &str, (width, height): (u32, u32), holds: Holds) -> Screen {
        Screen { identity: identity.into(), width, height, holds }
    }

    #[test]
    fn screens_are_judged_by_who_looks_at_them() {
        let laptop = screen("eDP-1", (2560, 1600), Holds::Presenter);
        let cases = [
            (vec![], [("screens", Verdict::Look), ("", Verdict::Go)]),
            (vec![laptop.clone()], [("screens", Verdict::Look), ("legibility", Verdict::Go)]),
            (
                vec![laptop.clone(), screen("HDMI-1", (1920, 1080), Holds::Audience)],
                [("screens", Verdict::Go), ("legibility", Verdict::Go)],
            ),
            (
                vec![laptop.clone(), screen("HDMI-1", (800, 600), Holds::Audience)],
                [("screens", Verdict::Go), ("legibility", Verdict::Look)],
            ),
            (
                vec![laptop, screen("HDMI-1", (1920, 1080), Holds::Nothing)],
                [("screens", Verdict::Look), ("legibility", Verdict::Go)],
            ),
        ];
        for (there, wanted) in cases {
            let found = screens(&there);
            let told: Vec<_> = found.iter().map(|check| (check.id.as_str(), check.verdict)).collect();
            assert_eq!(told, wanted[..told.len()], "{there:?}");
            assert!(found.iter().all(|check| (check.verdict == Verdict::Go) == check.todo.is_empty()), "{found:?}");
        }
    }

    #[test]
    fn contrast_is_as_the_standard_reckons_it() {
        assert_eq!(contrast([0; 3], [255; 3]), 21.0);
        assert_eq!(contrast([255; 3], [255; 3]), 1.0);
        assert!((contrast([0x76; 3], [255; 3]) - 4.54).abs() < 0.01);
    }
}
