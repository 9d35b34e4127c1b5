//! What the user has set: one small file, which a person can read and mend too.

use crate::durable;
use crate::places::Places;
use greenroom_show::start::settings::Settings;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// More is no file of ours.
const BYTES_MAX: u64 = 64 << 10;

#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{}: {detail}; mend it, or remove it and set things again", path.display())]
    Unreadable { path: PathBuf, detail: String },
    #[error("{0}")]
    Refused(String),
}

/// As it is set; as usual where nothing is, or where the file cannot be read: whoever shows settings says so by `read`.
pub fn of(places: &Places) -> Settings {
    read(places.settings()).unwrap_or_default()
}

pub fn read(path: &Path) -> Result<Settings, SettingsError> {
    let io = |source| SettingsError::Io { path: path.to_owned(), source };
    let unreadable = |detail: String| SettingsError::Unreadable { path: path.to_owned(), detail };
    match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Settings::default()),
        Err(error) => return Err(io(error)),
        Ok(found) if found.len() > BYTES_MAX => return Err(unreadable("it is no file of settings".into())),
        Ok(_) => {}
    }
    let text = std::fs::read(path).map_err(io)?;
    let settings: Settings = serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
    settings.check().map_err(unreadable)?;
    Ok(settings)
}

/// Nothing is written over what cannot be read.
pub fn write(path: &Path, settings: &Settings) -> Result<(), SettingsError> {
    settings.check().map_err(SettingsError::Refused)?;
    read(path)?;
    let text = serde_json::to_vec_pretty(settings).expect("plain values");
    durable::replace(path, text).map_err(|source| SettingsError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroom_show::start::settings::Keys;

    #[test]
    fn what_is_set_is_found_again_and_what_cannot_be_read_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/settings.json");
        assert_eq!(read(&path).expect("as usual"), Settings::default());
        let settings = Settings { keys: Keys::Vi, notes_px: 30, ..Settings::default() };
        write(&path, &settings).expect("written");
        assert_eq!(read(&path).expect("read"), settings);
        for text in ["{", r#"{"notes-px": 17}"#, r#"{"keys": "emacs"}"#] {
            std::fs::write(&path, text).expect("written");
            let error = read(&path).expect_err("unreadable").to_string();
            assert!(error.contains("settings.json") && error.contains("mend it"), "{error}");
            assert!(write(&path, &settings).is_err(), "it would be lost");
            assert_eq!(std::fs::read_to_string(&path).expect("there"), text);
        }
    }
}
