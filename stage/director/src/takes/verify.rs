//! Reads every line of a take, and says what is wrong with it, where, and what of it is kept.

use super::{LINE_BYTES_MAX, Lines, Text};
use greenroom_show::Micros;
use greenroom_show::playback::Line;
use greenroom_show::take::{Header, VERSION};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Faults that are named with their line; of the rest there is a count.
const NAMED_MAX: usize = 20;
/// Channels of other versions that are named.
const CHANNELS_MAX: usize = 20;

/// What is to be said of a take.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Whether nothing is wrong. A channel of another version is not wrong: it is passed over.
    pub whole: bool,
    /// Of the format; none where it is no take.
    pub version: Option<u32>,
    pub lines: usize,
    /// Events that are played.
    pub kept_events: usize,
    /// How far they reach.
    pub kept_us: Micros,
    pub faults: Vec<Fault>,
    /// Faults that are not named here.
    pub more_faults: usize,
    /// Lines of each channel that this version does not know.
    pub unknown: BTreeMap<String, usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// From 1; the header is the first.
    pub line: usize,
    pub what: What,
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    NotATake,
    NewerVersion,
    Damaged,
    TornTail,
    TooLong,
    TimeRunsBackwards,
}

/// Whether the lines after a header mean something to this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Something,
    Nothing,
}

/// Reads a take from its first byte to its last.
pub fn verify(path: &Path) -> std::io::Result<Verified> {
    read(BufReader::new(std::fs::File::open(path)?))
}

fn read(from: impl BufRead) -> std::io::Result<Verified> {
    let mut lines = Lines::new(from, LINE_BYTES_MAX);
    let mut found = Verified::default();
    let first = lines.read()?;
    found.lines = usize::from(first.is_some());
    // Of what is no take, or a later one's, no line means anything.
    if found.hear_header(first.map(|(_, text)| text)) == Says::Something {
        while let Some((number, text)) = lines.read()? {
            found.lines = number;
            found.hear(number, &text);
            if text == Text::TooLong {
                break;
            }
        }
    }
    found.whole = found.faults.is_empty();
    Ok(found)
}

impl Verified {
    fn hear_header(&mut self, first: Option<Text>) -> Says {
        let text = match first {
            Some(Text::Whole(text)) => text,
            Some(Text::Mended(text)) => {
                self.fault(1, What::Damaged, "some of its bytes are no UTF-8".into());
                text
            }
            Some(Text::Torn(_) | Text::TooLong) => {
                self.fault(1, What::NotATake, "its first line is no whole line of text".into());
                return Says::Nothing;
            }
            None => {
                self.fault(1, What::NotATake, "the file is empty".into());
                return Says::Nothing;
            }
        };
        match serde_json::from_str::<Header>(&text) {
            Err(error) => self.fault(1, What::NotATake, error.to_string()),
            Ok(header) if header.format != "greenroom-take" => {
                self.fault(1, What::NotATake, format!("its format is '{}'", header.format));
            }
            Ok(Header { version, .. }) if version > VERSION => {
                self.version = Some(version);
                let detail =
                    format!("it has version {version}, and this Greenroom reads up to {VERSION}: use a newer one");
                self.fault(1, What::NewerVersion, detail);
            }
            Ok(Header { version, .. }) => {
                self.version = Some(version);
                return Says::Something;
            }
        }
        Says::Nothing
    }

    fn hear(&mut self, number: usize, text: &Text) {
        match text {
            Text::Whole(text) => self.hear_line(number, text),
            Text::Mended(text) => {
                self.fault(number, What::Damaged, "some of its bytes are no UTF-8".into());
                if let Line::Event(stamped) = Line::read(text) {
                    self.hear_event(number, stamped.at);
                }
            }
            Text::Torn(text) => {
                let detail = format!("the recording ended within it, after {} bytes", text.len());
                self.fault(number, What::TornTail, detail);
            }
            Text::TooLong => {
                let mib = LINE_BYTES_MAX >> 20;
                self.fault(number, What::TooLong, format!("more than {mib} MiB: playing ends here"));
            }
        }
    }

    fn hear_line(&mut self, number: usize, text: &str) {
        match Line::read(text) {
            Line::Event(stamped) => self.hear_event(number, stamped.at),
            Line::Unknown => self.unknown(text),
            Line::Damaged => self.fault(number, What::Damaged, beginning(text)),
        }
    }

    fn hear_event(&mut self, number: usize, at: Micros) {
        if at < self.kept_us {
            self.fault(number, What::TimeRunsBackwards, format!("{at} µs after {} µs", self.kept_us));
        }
        self.kept_us = self.kept_us.max(at);
        self.kept_events += 1;
    }

    fn unknown(&mut self, text: &str) {
        let channel = serde_json::from_str::<(Micros, String, serde::de::IgnoredAny)>(text).map(|line| line.1);
        let channel: String = channel.unwrap_or_default().chars().take(40).collect();
        if self.unknown.len() < CHANNELS_MAX || self.unknown.contains_key(&channel) {
            *self.unknown.entry(channel).or_default() += 1;
        }
    }

    fn fault(&mut self, line: usize, what: What, detail: String) {
        if self.faults.len() < NAMED_MAX {
            self.faults.push(Fault { line, what, detail });
        } else {
            self.more_faults += 1;
        }
    }
}

impl What {
    pub fn as_str(self) -> &'static str {
        match self {
            What::NotATake => "this is no take",
            What::NewerVersion => "a later version's",
            What::Damaged => "damaged",
            What::TornTail => "torn",
            What::TooLong => "too long",
            What::TimeRunsBackwards => "time runs backwards",
        }
    }
}

/// Enough of a line to know it again, without what a terminal would obey.
fn beginning(text: &str) -> String {
    let plain: String = text.chars().take(40).map(|char| if char.is_control() { '·' } else { char }).collect();
    format!("it begins with {plain:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &str = include_str!("../../tests/golden/format-1.take.ndjson");

    fn of(text: impl AsRef<[u8]>) -> Verified {
        read(text.as_ref()).expect("memory is read")
    }

    fn faults(found: &Verified) -> Vec<(usize, What)> {
        found.faults.iter().map(|fault| (fault.line, fault.what)).collect()
    }

    #[test]
    fn a_whole_take_is_whole() {
        let found = of(GOLDEN);
        assert!(found.whole, "{found:?}");
        assert_eq!((found.version, found.lines, found.kept_events, found.kept_us), (Some(1), 12, 11, 90));
    }

    #[test]
    fn each_fault_is_named_with_its_line_and_what_is_kept_is_told() {
        let with = |line: &str| format!("{GOLDEN}{line}");
        let long = format!("[95,\"o\",\"{}\"]\n", "x".repeat(LINE_BYTES_MAX as usize));
        for (text, wanted) in [
            (String::new(), vec![(1, What::NotATake)]),
            ("hello\n".into(), vec![(1, What::NotATake)]),
            (GOLDEN.replacen("greenroom-take", "other", 1), vec![(1, What::NotATake)]),
            (GOLDEN.replacen("\"version\":1", "\"version\":99", 1), vec![(1, What::NewerVersion)]),
            (with("[91,\"o\",7]\n[92,\"o\",\"ok\"]\n"), vec![(13, What::Damaged)]),
            (with("[91,\"o\",\"to"), vec![(13, What::TornTail)]),
            (with("[5,\"o\",\"late\"]\n"), vec![(13, What::TimeRunsBackwards)]),
            (with(&long), vec![(13, What::TooLong)]),
        ] {
            let found = of(&text);
            assert!(!found.whole);
            assert_eq!(faults(&found), wanted);
        }
        let header = GOLDEN.as_bytes().split(|byte| *byte == b'A').collect::<Vec<_>>().join(&0xff);
        let found = of(header);
        assert_eq!(
            (faults(&found), found.kept_events),
            (vec![(1, What::Damaged)], 11),
            "a header is read as far as it goes"
        );
        assert_eq!(faults(&of([GOLDEN.as_bytes(), b"[91,\"o\",\"\xff\"]\n"].concat())), [(13, What::Damaged)]);
        let found = of(with("[91,\"o\",7]\n[92,\"o\",\"ok\"]\n"));
        assert_eq!((found.kept_events, found.kept_us), (12, 92));
    }

    #[test]
    fn channels_of_another_version_are_counted_and_no_fault() {
        let found = of(format!("{GOLDEN}[91,\"keyframe\",{{}}]\n[92,\"keyframe\",{{}}]\n"));
        assert!(found.whole);
        assert_eq!(found.unknown, [("keyframe".to_string(), 2)].into());
    }

    #[test]
    fn a_take_of_nothing_but_damage_is_told_in_a_few_lines() {
        let found = of(format!("{GOLDEN}{}", "rubbish\n".repeat(10_000)));
        assert_eq!((found.faults.len(), found.more_faults), (NAMED_MAX, 10_000 - NAMED_MAX));
    }
}
