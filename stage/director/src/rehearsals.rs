//! Runs of talks on disk: one small JSON file each, under `rehearsals/<deck>/`. They stay on this machine.

use crate::durable;
use crate::places::Places;
use greenroom_show::rehearsal::Rehearsal;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Runs of one deck that are read: more tell nothing new.
const RUNS_MAX: usize = 200;
const SUFFIX: &str = ".json";

#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("there is no rehearsal '{id}' of '{deck}'; 'greenroom rehearsal list {deck}' names them")]
    NotFound { deck: String, id: String },
}

/// The name of a run that started then.
pub fn id(at_unix_ms: u64) -> String {
    let stamp = i64::try_from(at_unix_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    stamp.unwrap_or_default().strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Writes a run, over an earlier state of the same one.
pub fn save(places: &Places, run: &Rehearsal) -> Result<(), RehearsalError> {
    let folder = places.rehearsals(&run.deck);
    let path = folder.join(format!("{}{SUFFIX}", id(run.at_unix_ms)));
    let write = || durable::replace(&path, serde_json::to_vec_pretty(run)?);
    write().map_err(|source| RehearsalError::Io { path: path.clone(), source })
}

/// Runs of a deck, oldest first. What is no run is left out.
pub fn list(places: &Places, deck: &str) -> Vec<(String, Rehearsal)> {
    let entries = std::fs::read_dir(places.rehearsals(deck)).into_iter().flatten().flatten();
    let mut ids: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(SUFFIX).map(String::from))
        .collect();
    ids.sort();
    let ids = ids.split_off(ids.len().saturating_sub(RUNS_MAX));
    let read = |id: &String| std::fs::read(places.rehearsals(deck).join(format!("{id}{SUFFIX}"))).ok();
    ids.into_iter().filter_map(|id| Some((id.clone(), serde_json::from_slice(&read(&id)?).ok()?))).collect()
}

/// All runs of a deck as a table: a line for each slide of each run.
pub fn csv(places: &Places, deck: &str) -> String {
    let mut table = String::from("run,minutes_version,audience,slide,section,title,planned_seconds,seconds\n");
    for (id, run) in list(places, deck) {
        let minutes = run.version.cut.map(|minutes| minutes.to_string()).unwrap_or_default();
        let level = run.version.level.map(|level| level.as_str()).unwrap_or_default();
        for (index, slide) in run.slides.iter().enumerate() {
            let (section, title) = (quoted(&slide.section), quoted(&slide.title));
            let (planned, seconds) = (slide.planned_seconds, slide.seconds);
            // Writing to a string cannot fail.
            let _ = writeln!(table, "{id},{minutes},{level},{},{section},{title},{planned:.1},{seconds:.1}", index + 1);
        }
    }
    table
}

/// A field of CSV, whatever is in it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// Deletes one run, or all of a deck; how many that were.
pub fn delete(places: &Places, deck: &str, id: Option<&str>) -> Result<usize, RehearsalError> {
    let runs = list(places, deck);
    let chosen: Vec<_> = runs.iter().map(|(id, _)| id.as_str()).filter(|run| id.is_none_or(|id| id == *run)).collect();
    if let (Some(id), true) = (id, chosen.is_empty()) {
        return Err(RehearsalError::NotFound { deck: deck.to_string(), id: id.to_string() });
    }
    for run in &chosen {
        let path = places.rehearsals(deck).join(format!("{run}{SUFFIX}"));
        std::fs::remove_file(&path).map_err(|source| RehearsalError::Io { path, source })?;
    }
    Ok(chosen.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_kept_listed_and_deleted() {
        let root = tempfile::tempdir().expect("a folder");
        let places = Places::within(root.path());
        let run = |at_unix_ms| Rehearsal { deck: "talk".into(), at_unix_ms, ..Rehearsal::default() };
        for at in [5_000, 1_000, 1_000] {
            save(&places, &run(at)).expect("saved");
        }
        std::fs::write(root.path().join("rehearsals/talk/torn.json"), "{").expect("written");
        let found: Vec<_> = list(&places, "talk").into_iter().map(|(id, run)| (id, run.at_unix_ms)).collect();
        assert_eq!(found, [("19700101T000001Z".to_string(), 1_000), ("19700101T000005Z".to_string(), 5_000)]);
        assert!(list(&places, "other").is_empty());
        assert!(delete(&places, "talk", Some("nonsense")).is_err());
        assert_eq!(delete(&places, "talk", Some("19700101T000001Z")).expect("deleted"), 1);
        assert_eq!(delete(&places, "talk", None).expect("deleted"), 1);
        assert!(list(&places, "talk").is_empty());
    }
}
