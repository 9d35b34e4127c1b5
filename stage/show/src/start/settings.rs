//! What a user has set, for all talks on this machine. What is not set is as usual.

use crate::deck::{Theme, WORDS_PER_MINUTE};
use serde::{Deserialize, Serialize};

/// Sizes of the notes, in pixels.
pub const NOTES_PX: [u32; 9] = [16, 18, 20, 23, 26, 30, 35, 41, 48];
const GIB: u64 = 1 << 30;

/// A field of another version is kept as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Settings {
    /// Of the presenter's window and the start page; a deck's own where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theme: Option<Theme>,
    /// Of the speaker's words.
    pub notes_px: u32,
    pub keys: Keys,
    pub clock: Clock,
    pub screens: Screens,
    /// The program that opens a file, with `{file}` and `{line}` where they belong; found by itself where empty.
    pub editor: String,
    pub budgets: Budgets,
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

/// What preflight holds a talk to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Budgets {
    /// How fast this speaker speaks.
    pub words_per_minute: f64,
    pub disk_free_bytes: u64,
    pub memory_free_bytes: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keys {
    #[default]
    Plain,
    Vi,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    #[default]
    Up,
    Down,
}

/// When the audience's window opens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Screens {
    /// With a second screen, by itself.
    #[default]
    Second,
    /// When the speaker presses A.
    Asked,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            theme: None,
            notes_px: NOTES_PX[3],
            keys: Keys::default(),
            clock: Clock::default(),
            screens: Screens::default(),
            editor: String::new(),
            budgets: Budgets::default(),
            other: serde_json::Map::new(),
        }
    }
}

impl Default for Budgets {
    /// A demo writes its data, the stack the same again, and what comes back once more.
    fn default() -> Budgets {
        Budgets { words_per_minute: WORDS_PER_MINUTE, disk_free_bytes: 4 * GIB, memory_free_bytes: GIB }
    }
}

impl Settings {
    /// What cannot be meant is put right by hand, and not taken.
    pub fn check(&self) -> Result<(), String> {
        let Budgets { words_per_minute, disk_free_bytes, memory_free_bytes } = self.budgets;
        if !(40.0..=400.0).contains(&words_per_minute) {
            return Err(format!("nobody speaks {words_per_minute} words a minute: say 40 to 400"));
        }
        if !NOTES_PX.contains(&self.notes_px) {
            return Err(format!("notes are {NOTES_PX:?} pixels high, and not {}", self.notes_px));
        }
        if disk_free_bytes > 1024 * GIB || memory_free_bytes > 1024 * GIB {
            return Err("a budget of disk or memory is at most 1,024 GiB".into());
        }
        let is_blank = self.editor.trim().is_empty();
        if !is_blank && !self.editor.contains("{file}") {
            return Err(
                "the line of an editor says {file} where the file goes, such as: code --goto {file}:{line}".into()
            );
        }
        Ok(())
    }

    /// The place of the notes' size among those that there are.
    pub fn notes_step(&self) -> usize {
        NOTES_PX.iter().position(|px| *px == self.notes_px).unwrap_or(3)
    }
}

/// What is kept of takes that nobody starred; without a limit all of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Retention {
    pub gib: Option<u64>,
    pub days: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_is_as_usual_and_what_is_not_known_stays() {
        let settings: Settings = serde_json::from_str(r#"{"keys":"vi","from-tomorrow":[1]}"#).expect("settings");
        assert_eq!((settings.keys, settings.notes_px, settings.theme), (Keys::Vi, 23, None));
        let written = serde_json::to_value(&settings).expect("plain values");
        assert_eq!(written["from-tomorrow"], serde_json::json!([1]));
        assert_eq!(serde_json::from_value::<Settings>(written).expect("settings"), settings);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_what_can() {
        type Edit = fn(&mut Settings);
        let cases: [(Edit, &str); 5] = [
            (|settings| settings.budgets.words_per_minute = 4000.0, "40 to 400"),
            (|settings| settings.budgets.words_per_minute = f64::NAN, "40 to 400"),
            (|settings| settings.notes_px = 17, "pixels"),
            (|settings| settings.budgets.disk_free_bytes = u64::MAX, "1,024 GiB"),
            (|settings| settings.editor = "code".into(), "{file}"),
        ];
        for (edit, said) in cases {
            let mut settings = Settings::default();
            assert_eq!(settings.check(), Ok(()));
            edit(&mut settings);
            let refused = settings.check().expect_err("refused");
            assert!(refused.contains(said), "{refused}");
        }
    }
}
