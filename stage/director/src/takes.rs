//! Reads takes: a list of them, and one event after the other. A torn last line is where a take ends.

use crate::recorder::SUFFIX;
use greenroom_show::deck::Level;
use greenroom_show::demo::Demo;
use greenroom_show::rehearsal::Trial;
use greenroom_show::take::{Header, Machine, TakeInfo, VERSION, Verdict};
use greenroom_show::{Event, Micros, Outcome, Run, Stamped, StepState};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// No event is longer: a chunk of terminal output or a deck.
const LINE_BYTES_MAX: u64 = 8 << 20;
/// Takes of one demo from which its steps' times are learned: older ones tell of another state of the machine.
const TRIAL_TAKES_MAX: usize = 30;

#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    #[error("there is no take '{id}' in {}", folder.display())]
    NotFound { id: String, folder: PathBuf },
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{}:1: this is no take that this version reads: {detail}", path.display())]
    Header { path: PathBuf, detail: String },
}

/// A take being read.
#[derive(Debug)]
pub struct Reader {
    pub header: Header,
    lines: BufReader<File>,
}

impl Reader {
    pub fn open(folder: &Path, id: &str) -> Result<Reader, TakeError> {
        // An id is a file's name, and never a path.
        if id.is_empty() || id.contains(['/', '\\']) || id.starts_with('.') {
            return Err(TakeError::NotFound { id: id.to_string(), folder: folder.to_path_buf() });
        }
        let path = folder.join(format!("{id}{SUFFIX}"));
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(TakeError::NotFound { id: id.to_string(), folder: folder.to_path_buf() });
            }
            Err(source) => return Err(TakeError::Io { path, source }),
        };
        let mut lines = BufReader::new(file);
        let bad = |detail: String| TakeError::Header { path: path.clone(), detail };
        let first = line(&mut lines).map_err(|source| TakeError::Io { path: path.clone(), source })?;
        let header: Header =
            serde_json::from_str(&first.unwrap_or_default()).map_err(|error| bad(error.to_string()))?;
        if header.format != "greenroom-take" || header.version > VERSION {
            return Err(bad(format!("format '{}' version {}", header.format, header.version)));
        }
        Ok(Reader { header, lines })
    }
}

impl Iterator for Reader {
    type Item = Stamped;

    /// The next event. Ends at the end of the file, or where a line is torn.
    fn next(&mut self) -> Option<Stamped> {
        let line = line(&mut self.lines).ok()??;
        serde_json::from_str(&line).ok()
    }
}

/// Takes of `demos` and of the talk `deck`, newest first. Files that are no takes are left out.
pub fn list(folder: &Path, deck: &str, demos: &BTreeMap<String, Demo>) -> Vec<TakeInfo> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut takes: Vec<TakeInfo> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(SUFFIX).map(String::from))
        .filter_map(|id| info(folder, &id, deck, demos))
        .collect();
    takes.sort_by(|a, b| (b.at_unix_ms, &b.id).cmp(&(a.at_unix_ms, &a.id)));
    takes
}

/// What a list shows of one take, read through to its end.
pub fn info(folder: &Path, id: &str, deck: &str, demos: &BTreeMap<String, Demo>) -> Option<TakeInfo> {
    let mut reader = Reader::open(folder, id).ok()?;
    let header = reader.header.clone();
    let (duration, verdict) = match demos.get(&header.demo) {
        Some(demo) => of_demo(&mut reader, demo),
        None if header.demo.is_empty() && header.deck == deck => of_talk(&mut reader),
        None => return None,
    };
    Some(TakeInfo {
        id: id.to_string(),
        demo: header.demo,
        at_unix_ms: header.at_unix_ms,
        duration_ms: duration / 1000,
        machine: header.machine,
        verdict,
    })
}

fn of_demo(reader: &mut Reader, demo: &Demo) -> (Micros, Verdict) {
    let mut run = Run::new(demo.slug.clone(), 0);
    let mut duration = 0;
    for stamped in reader.by_ref() {
        duration = stamped.at;
        // Only what decides the verdict is folded: curves and screens would cost time and say nothing.
        if matches!(stamped.event, Event::Begun { .. } | Event::StepStarted { .. } | Event::StepEnded { .. }) {
            run.apply(stamped.at, &stamped.event);
        }
    }
    (duration, verdict(demo, &run))
}

/// A talk is an hour of samples: of its lines no more is parsed than what decides.
fn of_talk(reader: &mut Reader) -> (Micros, Verdict) {
    let mut duration = 0;
    let mut verdict = Verdict::Passed;
    while let Ok(Some(line)) = line(&mut reader.lines) {
        let Some((at, channel)) = beginning(&line) else { break };
        duration = at;
        if channel != "step-ended" {
            continue;
        }
        let Ok(Stamped { event, .. }) = serde_json::from_str(&line) else { break };
        if matches!(event, Event::StepEnded { outcome: Outcome::Failed { .. } | Outcome::TimedOut, .. }) {
            verdict = Verdict::Failed;
        }
    }
    (duration, verdict)
}

/// Time and channel of a line, `[12,"channel",…]`.
fn beginning(line: &str) -> Option<(Micros, &str)> {
    let (at, rest) = line.strip_prefix('[')?.split_once(",\"")?;
    Some((at.parse().ok()?, rest.split_once('"')?.0))
}

/// The highest level of the slides that the take of a talk shows.
pub fn level(folder: &Path, id: &str) -> Result<Level, TakeError> {
    let mut reader = Reader::open(folder, id)?;
    let mut highest = Level::Public;
    while let Ok(Some(line)) = line(&mut reader.lines) {
        if beginning(&line).is_none_or(|(_, channel)| channel != "opened") {
            continue;
        }
        if let Ok(Stamped { event: Event::Opened(opened), .. }) = serde_json::from_str(&line) {
            highest = opened.deck.slides.iter().map(|slide| slide.level).chain([highest]).max().unwrap_or(highest);
        }
    }
    Ok(highest)
}

/// What the newest takes of `demos`, in the edition that there is now and on this machine, tell of their steps.
pub fn trials(folder: &Path, demos: &BTreeMap<String, Demo>, machine: &Machine) -> Vec<Trial> {
    let mut ids: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok()?.strip_suffix(SUFFIX).map(String::from))
        .collect();
    // An id starts with its time.
    ids.sort_by(|a, b| b.cmp(a));
    let mut read: BTreeMap<String, usize> = BTreeMap::new();
    let mut trials = Vec::new();
    for id in ids {
        let Ok(mut reader) = Reader::open(folder, &id) else { continue };
        let header = &reader.header;
        let is_of_now = demos.get(&header.demo).is_some_and(|demo| demo.hash == header.demo_hash);
        let count = read.entry(header.demo.clone()).or_default();
        if !is_of_now || header.machine != *machine || *count >= TRIAL_TAKES_MAX {
            continue;
        }
        *count += 1;
        trials.extend(trials_of(&mut reader));
    }
    trials
}

fn trials_of(reader: &mut Reader) -> Vec<Trial> {
    let demo = reader.header.demo.clone();
    let mut started: BTreeMap<usize, u64> = BTreeMap::new();
    let mut trials = Vec::new();
    while let Ok(Some(line)) = line(&mut reader.lines) {
        // Most lines are output and samples: they are not even parsed.
        if !line.contains("\"step-") {
            continue;
        }
        let Ok(Stamped { at, event }) = serde_json::from_str(&line) else { break };
        match event {
            Event::StepStarted { step, .. } => {
                started.insert(step, at);
            }
            Event::StepEnded { step, outcome } => {
                let Some(began) = started.remove(&step) else { continue };
                let passed = matches!(outcome, Outcome::Passed { .. });
                if passed || matches!(outcome, Outcome::Failed { .. } | Outcome::TimedOut) {
                    let seconds = at.saturating_sub(began) as f64 / 1e6;
                    trials.push(Trial { demo: demo.clone(), step, seconds, passed });
                }
            }
            _ => {}
        }
    }
    trials
}

fn verdict(demo: &Demo, run: &Run) -> Verdict {
    let states: Vec<_> = (0..demo.steps.len()).map(|step| run.state(step)).collect();
    if states.iter().all(|state| *state == StepState::Passed) {
        Verdict::Passed
    } else if states.contains(&StepState::Failed) {
        Verdict::Failed
    } else {
        Verdict::Partial
    }
}

/// A whole line without its end; `None` at the end of the file or where the line is torn.
fn line(lines: &mut BufReader<File>) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)?;
    if bytes.pop() != Some(b'\n') {
        return Ok(None);
    }
    Ok(String::from_utf8(bytes).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::Recorder;

    fn header() -> Header {
        Header {
            format: "greenroom-take".into(),
            version: VERSION,
            greenroom: "0".into(),
            deck: "a".into(),
            deck_hash: String::new(),
            demo: "copy".into(),
            demo_hash: String::new(),
            at_unix_ms: 1_790_000_000_000,
            machine: Machine::default(),
            tools: BTreeMap::new(),
        }
    }

    fn record(folder: &Path, events: &[Event]) -> String {
        let mut recorder = Recorder::open(folder, &header(), 1_000, |error| panic!("{error}")).expect("writable");
        for (index, event) in events.iter().enumerate() {
            assert!(recorder.record(1_000 + index as u64 * 10, event));
        }
        recorder.id.clone()
    }

    fn events() -> Vec<Event> {
        vec![
            Event::Begun { demo: "copy".into() },
            Event::StepStarted { step: 0, timeout_ms: 5 },
            Event::Output("copying to http://h/a?sig=SECRET&se=1\r\n".into()),
            Event::StepEnded { step: 0, outcome: Outcome::Passed { seen: "ok".into() } },
        ]
    }

    #[test]
    fn what_was_recorded_is_read_back_without_its_secrets() {
        let folder = tempfile::tempdir().expect("a folder");
        let id = record(folder.path(), &events());
        assert_eq!(id, "20260921T141320Z-copy");
        let text = std::fs::read_to_string(folder.path().join(format!("{id}{SUFFIX}"))).expect("there");
        assert!(!text.contains("SECRET"), "{text}");
        let read: Vec<_> = Reader::open(folder.path(), &id).expect("there").collect();
        assert_eq!(read.iter().map(|stamped| stamped.at).collect::<Vec<_>>(), [0, 10, 20, 30]);
        assert_eq!(read[3].event, events()[3]);
        assert_eq!(read[2].event, Event::Output("copying to http://h/a?sig=•••&se=1\r\n".into()));
    }

    #[test]
    fn a_torn_last_line_ends_the_take_wherever_it_is_torn() {
        let folder = tempfile::tempdir().expect("a folder");
        let id = record(folder.path(), &events());
        let path = folder.path().join(format!("{id}{SUFFIX}"));
        let whole = std::fs::read(&path).expect("there");
        let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').expect("lines") + 1;
        for cut in last..whole.len() {
            std::fs::write(&path, &whole[..cut]).expect("written");
            assert_eq!(Reader::open(folder.path(), &id).expect("a header").count(), 3, "cut at {cut}");
        }
    }

    #[test]
    fn takes_tell_how_long_steps_took_and_which_failed() {
        let folder = tempfile::tempdir().expect("a folder");
        let ended = |step, outcome| Event::StepEnded { step, outcome };
        let started = |step| Event::StepStarted { step, timeout_ms: 5 };
        record(
            folder.path(),
            &[
                started(0),
                Event::Output("\"step-\" said a tool".into()),
                ended(0, Outcome::Passed { seen: String::new() }),
                started(1),
                ended(1, Outcome::TimedOut),
                started(1),
                ended(1, Outcome::Cancelled),
                started(2),
            ],
        );
        let mut demo = crate::parse::parse_demo(
            "d",
            "copy",
            "---\ntitle: Copy\n---\n```steps up\nexpect photos.blobs == 1\n```\n",
        )
        .expect("good")
        .value
        .demo;
        demo.hash = String::new();
        let mut demos: BTreeMap<String, Demo> = [("copy".to_string(), demo)].into();
        let found = trials(folder.path(), &demos, &Machine::default());
        let trial = |step, micros: f64, passed| Trial { demo: "copy".into(), step, seconds: micros / 1e6, passed };
        assert_eq!(found, [trial(0, 20.0, true), trial(1, 10.0, false)]);
        assert_eq!(trials(folder.path(), &demos, &Machine { cores: 9, ..Machine::default() }), [], "another machine");
        demos.values_mut().for_each(|demo| demo.hash = "other".into());
        assert_eq!(trials(folder.path(), &demos, &Machine::default()), [], "another edition");
    }

    #[test]
    fn a_talks_take_is_told_from_a_demos_and_says_what_it_shows() {
        let folder = tempfile::tempdir().expect("a folder");
        let header = Header { demo: String::new(), ..header() };
        let mut recorder = Recorder::open(folder.path(), &header, 0, |error| panic!("{error}")).expect("writable");
        let id = recorder.id.clone();
        assert!(id.ends_with("-talk-a"), "{id}");
        for (at, event) in events().into_iter().enumerate() {
            recorder.record(at as u64 * 1_000_000, &event);
        }
        drop(recorder);
        let found = list(folder.path(), "a", &BTreeMap::new());
        assert_eq!(found.iter().map(|take| (take.is_of_talk(), take.duration_ms)).collect::<Vec<_>>(), [(true, 3_000)]);
        assert_eq!(list(folder.path(), "b", &BTreeMap::new()), [], "another deck's");
        assert_eq!(level(folder.path(), &id).expect("a take"), Level::Public);
    }

    #[test]
    fn two_takes_of_one_second_have_two_names() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_ne!(record(folder.path(), &[]), record(folder.path(), &[]));
    }

    #[test]
    fn what_is_no_take_is_an_error_and_an_id_is_no_path() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(format!("x{SUFFIX}")), "hello\n").expect("written");
        assert!(matches!(Reader::open(folder.path(), "x"), Err(TakeError::Header { .. })));
        for id in ["", "y", "../x", ".x"] {
            assert!(matches!(Reader::open(folder.path(), id), Err(TakeError::NotFound { .. })), "{id}");
        }
    }
}
