//! What there is to know of all takes without reading them: a cache beside them, which can be made anew from them at any time.

use super::{PassedOver, Reader, path};
use crate::durable;
use crate::recorder::SUFFIX;
use greenroom_show::deck::Level;
use greenroom_show::demo::Demo;
use greenroom_show::playback::Line;
use greenroom_show::rehearsal::Trial;
use greenroom_show::take::{Edition, Header, Machine, TakeInfo, Verdict};
use greenroom_show::{Event, FIGURES_MAX, Micros, Opened, Outcome, Stamped};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Raised when an older cache would be misread: it is then made anew.
const VERSION: u32 = 2;
/// Takes of one demo from which its steps' times are learned: older ones tell of another state of the machine.
const TRIAL_TAKES_MAX: usize = 30;
const LINE_BYTES_MAX: u64 = super::LINE_BYTES_MAX;

/// All takes of a folder.
#[derive(Debug)]
pub struct Index {
    folder: PathBuf,
    entries: BTreeMap<String, Entry>,
    /// Whether what is kept beside the takes is behind.
    is_behind: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    version: u32,
    takes: BTreeMap<String, Entry>,
}

/// What was read of a take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    header: Header,
    /// Of its file when it was looked at.
    bytes: u64,
    modified_ns: u64,
    /// Whole lines before this have been read: a take only grows.
    read_bytes: u64,
    duration: Micros,
    /// The steps of its demo, where the take tells.
    steps: Option<usize>,
    /// Of its demo or its deck, where the take tells.
    title: String,
    /// As they stood at its end.
    figures: BTreeMap<String, f64>,
    /// The last time that each step ran.
    runs: BTreeMap<usize, Ran>,
    trials: Vec<(usize, f64, bool)>,
    has_failed: bool,
    level: Level,
    unknown: usize,
    damaged: usize,
}

/// A take as it is, whatever demos there are today.
#[derive(Debug, Clone, Copy)]
pub struct Indexed<'a> {
    pub id: &'a str,
    pub header: &'a Header,
    pub title: &'a str,
    pub bytes: u64,
    pub modified_unix_ms: u64,
    pub duration: Micros,
    pub outcome: Verdict,
    pub passed_over: PassedOver,
}

/// What a past run measured, for whoever compares another one with it.
#[derive(Debug, Clone)]
pub struct PastRun<'a> {
    pub trials: Vec<Trial>,
    pub figures: &'a BTreeMap<String, f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Ran {
    since: Micros,
    passed: Option<bool>,
}

impl Index {
    /// What is kept beside the takes; nothing where there is none, or none that this version reads.
    pub fn open(folder: &Path) -> Index {
        let kept = std::fs::read(file(folder)).ok().and_then(|text| serde_json::from_slice::<Kept>(&text).ok());
        let takes = kept.filter(|kept| kept.version == VERSION).map(|kept| kept.takes);
        Index { folder: folder.to_path_buf(), entries: takes.unwrap_or_default(), is_behind: false }
    }

    /// Looks at the folder, and reads what is new in it. Files that are no takes are left out.
    pub fn refresh(&mut self) {
        let mut there = BTreeMap::new();
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name().into_string().ok();
            let id = name.and_then(|name| name.strip_suffix(SUFFIX).map(String::from));
            if let (Some(id), Ok(found)) = (id, entry.metadata()) {
                there.insert(id, (found.len(), modified_ns(&found)));
            }
        }
        let before = self.entries.len();
        self.entries.retain(|id, _| there.contains_key(id));
        self.is_behind |= self.entries.len() != before;
        for (id, (bytes, modified_ns)) in there {
            let is_known =
                self.entries.get(&id).is_some_and(|entry| (entry.bytes, entry.modified_ns) == (bytes, modified_ns));
            if is_known {
                continue;
            }
            let old = self.entries.remove(&id).filter(|entry| entry.read_bytes <= bytes);
            if let Some(entry) = look(&self.folder, &id, old, bytes, modified_ns) {
                self.entries.insert(id, entry);
            }
            self.is_behind = true;
        }
    }

    /// Whether what is kept beside the takes is behind.
    #[cfg(test)]
    pub fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Keeps it beside the takes for the next time. It costs reading where that fails, and nothing else.
    pub fn keep(&mut self) {
        if !self.is_behind || self.entries.is_empty() {
            return;
        }
        let kept = Kept { version: VERSION, takes: std::mem::take(&mut self.entries) };
        let written = serde_json::to_vec(&kept).map_err(std::io::Error::from);
        self.entries = kept.takes;
        match written.and_then(|text| durable::replace(&file(&self.folder), text)) {
            Ok(()) => self.is_behind = false,
            Err(error) => tracing::warn!(%error, "the index of takes cannot be kept"),
        }
    }

    /// Takes of `demos` and of the talk `deck`, newest first.
    pub fn list(&self, deck: &str, deck_hash: &str, demos: &BTreeMap<String, Demo>) -> Vec<TakeInfo> {
        let told = |(id, entry): (&String, &Entry)| entry.told(id, deck, deck_hash, demos);
        let mut takes: Vec<TakeInfo> = self.entries.iter().filter_map(told).collect();
        takes.sort_by(|a, b| (b.at_unix_ms, &b.id).cmp(&(a.at_unix_ms, &a.id)));
        takes
    }

    /// All takes, oldest first.
    pub fn all(&self) -> impl Iterator<Item = Indexed<'_>> {
        self.entries.iter().map(|(id, entry)| entry.indexed(id))
    }

    /// The newest runs of a demo, in this edition and on this machine, but for those takes that are named.
    pub fn past<'a>(
        &'a self,
        demo: &'a Demo,
        machine: &'a Machine,
        except: &'a [&str],
    ) -> impl Iterator<Item = PastRun<'a>> {
        let others = self.runs().filter(|(id, _)| !except.contains(&id.as_str()));
        let alike = others.map(|(_, entry)| entry).filter(|entry| {
            let header = &entry.header;
            (&header.demo, &header.demo_hash, &header.machine) == (&demo.slug, &demo.hash, machine)
        });
        let told = |entry: &'a Entry| PastRun { trials: entry.told_trials().collect(), figures: &entry.figures };
        alike.take(TRIAL_TAKES_MAX).map(told)
    }

    /// Newest first, as an id starts with its time. A copy of a take, or of what there was of it, is no run of its own: the whole one is
    /// the first of its name.
    fn runs(&self) -> impl Iterator<Item = (&String, &Entry)> {
        let mut whole: BTreeMap<(&str, u64), Vec<&Entry>> = BTreeMap::new();
        let mut runs = Vec::new();
        for (id, entry) in &self.entries {
            let alike = whole.entry((&entry.header.demo, entry.header.at_unix_ms)).or_default();
            if !alike.iter().any(|whole| whole.trials.starts_with(&entry.trials)) {
                alike.push(entry);
                runs.push((id, entry));
            }
        }
        runs.into_iter().rev()
    }

    /// The highest level of the slides that a take shows.
    pub fn level(&self, id: &str) -> Option<Level> {
        self.entries.get(id).map(|entry| entry.level)
    }

    /// The tools that a take was recorded with.
    pub fn header(&self, id: &str) -> Option<&Header> {
        self.entries.get(id).map(|entry| &entry.header)
    }

    pub fn passed_over(&self, id: &str) -> PassedOver {
        let entry = self.entries.get(id);
        entry.map(|entry| PassedOver { unknown: entry.unknown, damaged: entry.damaged }).unwrap_or_default()
    }

    /// What the newest takes of `demos`, in the edition that there is now and on this machine, tell of their steps.
    pub fn trials(&self, demos: &BTreeMap<String, Demo>, machine: &Machine) -> Vec<Trial> {
        let mut read: BTreeMap<&str, usize> = BTreeMap::new();
        let mut trials = Vec::new();
        for (_, entry) in self.runs() {
            let header = &entry.header;
            let is_of_now = demos.get(&header.demo).is_some_and(|demo| demo.hash == header.demo_hash);
            let count = read.entry(header.demo.as_str()).or_default();
            if !is_of_now || header.machine != *machine || *count >= TRIAL_TAKES_MAX {
                continue;
            }
            *count += 1;
            trials.extend(entry.told_trials());
        }
        trials
    }
}

impl Entry {
    fn new(header: Header) -> Entry {
        Entry {
            header,
            bytes: 0,
            modified_ns: 0,
            read_bytes: 0,
            duration: 0,
            steps: None,
            title: String::new(),
            figures: BTreeMap::new(),
            runs: BTreeMap::new(),
            trials: vec![],
            has_failed: false,
            level: Level::Public,
            unknown: 0,
            damaged: 0,
        }
    }

    fn told(&self, id: &str, deck: &str, deck_hash: &str, demos: &BTreeMap<String, Demo>) -> Option<TakeInfo> {
        let header = &self.header;
        let (verdict, hash) = match demos.get(&header.demo) {
            Some(demo) => (self.verdict(self.steps.unwrap_or(demo.steps.len())), (&demo.hash, &header.demo_hash)),
            None if header.demo.is_empty() && header.deck == deck => {
                return Some(self.info(id, self.of_talk(), edition(deck_hash, &header.deck_hash)));
            }
            None => return None,
        };
        Some(self.info(id, verdict, edition(hash.0, hash.1)))
    }

    fn info(&self, id: &str, verdict: Verdict, edition: Edition) -> TakeInfo {
        TakeInfo {
            id: id.to_string(),
            demo: self.header.demo.clone(),
            at_unix_ms: self.header.at_unix_ms,
            duration_ms: self.duration / 1000,
            machine: self.header.machine.clone(),
            verdict,
            edition,
        }
    }

    fn told_trials(&self) -> impl Iterator<Item = Trial> {
        let demo = &self.header.demo;
        self.trials.iter().map(|&(step, seconds, passed)| Trial { demo: demo.clone(), step, seconds, passed })
    }

    fn indexed<'a>(&'a self, id: &'a str) -> Indexed<'a> {
        // The first format does not tell how many steps there were.
        let steps = self.steps.or_else(|| self.runs.keys().max().map(|last| last + 1)).unwrap_or(0);
        let outcome = match self.header.demo.is_empty() {
            true => self.of_talk(),
            false if steps == 0 => Verdict::Partial,
            false => self.verdict(steps),
        };
        Indexed {
            id,
            header: &self.header,
            title: &self.title,
            bytes: self.bytes,
            modified_unix_ms: self.modified_ns / 1_000_000,
            duration: self.duration,
            outcome,
            passed_over: PassedOver { unknown: self.unknown, damaged: self.damaged },
        }
    }

    fn of_talk(&self) -> Verdict {
        if self.has_failed { Verdict::Failed } else { Verdict::Passed }
    }

    fn verdict(&self, steps: usize) -> Verdict {
        let passed = |step: usize| self.runs.get(&step).and_then(|ran| ran.passed);
        if (0..steps).all(|step| passed(step) == Some(true)) {
            Verdict::Passed
        } else if (0..steps).any(|step| passed(step) == Some(false)) {
            Verdict::Failed
        } else {
            Verdict::Partial
        }
    }

    /// Only what a list tells is kept: curves and screens would cost time and say nothing.
    fn hear(&mut self, line: &str) {
        match beginning(line) {
            Some((at, "o" | "sample" | "pointed" | "inked")) => self.duration = self.duration.max(at),
            _ => match Line::read(line) {
                Line::Event(stamped) => self.hear_event(&stamped),
                Line::Unknown => self.unknown += 1,
                Line::Damaged => self.damaged += 1,
            },
        }
    }

    fn hear_event(&mut self, stamped: &Stamped) {
        self.duration = self.duration.max(stamped.at);
        match &stamped.event {
            Event::Opened(opened) => self.opens(opened),
            Event::Showed { show, .. } => {
                let slides = show.deck.iter().flat_map(|deck| &deck.slides);
                self.level = slides.map(|slide| slide.level).max().unwrap_or_default().max(self.level);
                self.title = show.deck.as_ref().map(|deck| deck.title.clone()).unwrap_or_default();
            }
            Event::Begun { .. } => self.runs.clear(),
            Event::Figure { name, value, .. }
                if self.figures.len() < FIGURES_MAX || self.figures.contains_key(name) =>
            {
                self.figures.insert(name.clone(), *value);
            }
            Event::StepStarted { step, .. } => {
                self.runs.insert(*step, Ran { since: stamped.at, passed: None });
            }
            Event::StepEnded { step, outcome } => self.ended(*step, stamped.at, outcome),
            _ => {}
        }
    }

    fn opens(&mut self, opened: &Opened) {
        let slides = opened.deck.slides.iter().map(|slide| slide.level);
        self.level = slides.max().unwrap_or_default().max(self.level);
        if let Some(demo) = opened.demos.get(&self.header.demo) {
            self.steps = Some(demo.steps.len());
            self.title = demo.title.clone();
        } else if self.title.is_empty() {
            self.title = opened.deck.title.clone();
        }
    }

    fn ended(&mut self, step: usize, at: Micros, outcome: &Outcome) {
        let passed = match outcome {
            Outcome::Passed { .. } => true,
            Outcome::Failed { .. } | Outcome::TimedOut { .. } => false,
            Outcome::Cancelled => {
                self.runs.remove(&step);
                return;
            }
        };
        self.has_failed |= !passed;
        if let Some(ran) = self.runs.get_mut(&step) {
            ran.passed = Some(passed);
            self.trials.push((step, at.saturating_sub(ran.since) as f64 / 1e6, passed));
        }
    }
}

/// Reads a take from where it was read to.
fn look(folder: &Path, id: &str, old: Option<Entry>, bytes: u64, modified_ns: u64) -> Option<Entry> {
    let mut entry = match old {
        Some(entry) => entry,
        None => Entry::new(Reader::open(folder, id).ok()?.header),
    };
    let mut file = File::open(path(folder, id)).ok()?;
    file.seek(SeekFrom::Start(entry.read_bytes)).ok()?;
    let mut lines = BufReader::new(file);
    loop {
        let mut line = Vec::new();
        lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).ok()?;
        if line.last() != Some(&b'\n') {
            break;
        }
        let is_header = entry.read_bytes == 0;
        entry.read_bytes += line.len() as u64;
        if !is_header {
            entry.hear(String::from_utf8_lossy(&line).trim_end());
        }
    }
    Some(Entry { bytes, modified_ns, ..entry })
}

/// Time and channel of a line, `[12,"channel",…]`.
fn beginning(line: &str) -> Option<(Micros, &str)> {
    let (at, rest) = line.strip_prefix('[')?.split_once(",\"")?;
    Some((at.parse().ok()?, rest.split_once('"')?.0))
}

fn edition(now: &str, then: &str) -> Edition {
    if now == then { Edition::Todays } else { Edition::Earlier }
}

fn file(folder: &Path) -> PathBuf {
    folder.join(".index.json")
}

fn modified_ns(found: &std::fs::Metadata) -> u64 {
    let since = found.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
