//! Words that steps and command lines have in common.

use std::time::Duration;

pub fn duration(text: &str) -> Result<Duration, String> {
    let parsed: Result<jiff::SignedDuration, _> = text.parse();
    parsed
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| format!("'{text}' is no duration: write '500ms', '60s' or '2m'"))
}

/// What a program that failed said last.
pub fn last_line(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it gave no reason").to_string()
}

/// What the figures of a load begin with.
pub fn figure_name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    match !text.is_empty() && text.chars().all(fits) {
        true => Ok(text.to_string()),
        false => Err("a load's name has letters, digits, - and _".into()),
    }
}
