//! Reads asciicasts of versions 1 to 3, whoever wrote them: one event after the other, and each fault with its place.
//! Sources: <https://docs.asciinema.org/manual/asciicast/v1/>, and v2 and v3 beside it.

use super::ImportError;
use crate::takes::{Lines, Text};
use greenroom_show::Micros;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::io::{BufRead, Read};

/// No event of a terminal is longer.
const LINE_BYTES_MAX: u64 = 4 << 20;
/// A cast of version 1 is one document, and is read whole.
const V1_BYTES_MAX: u64 = 64 << 20;
/// A recording of a year is none.
const SECONDS_MAX: f64 = 365.0 * 86_400.0;

/// What a cast says of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Header {
    pub version: u32,
    pub columns: u64,
    pub rows: u64,
    pub timestamp: Option<f64>,
    pub title: Option<String>,
    pub command: Option<String>,
    /// Of the text that says so, to know it again.
    pub hash: String,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    Output {
        at: Micros,
        text: String,
    },
    /// Of another kind than what is printed: a marker, a key that was pressed, a new size.
    Other {
        code: String,
    },
    Fault {
        line: usize,
        detail: String,
    },
}

/// A cast being read.
#[derive(Debug)]
pub struct Cast<R> {
    pub header: Header,
    events: Events<R>,
    at: Micros,
}

#[derive(Debug)]
enum Events<R> {
    Frames(std::iter::Enumerate<std::vec::IntoIter<Frame>>),
    /// Times are counted from the beginning in version 2, from the event before in version 3.
    Lines(Lines<R>),
}

#[derive(Debug, Deserialize)]
struct Version {
    version: u32,
    /// Of other programs' files, such as a take.
    format: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Told {
    width: u64,
    height: u64,
    term: Size,
    timestamp: Option<f64>,
    title: Option<String>,
    command: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Size {
    cols: u64,
    rows: u64,
}

#[derive(Debug, Deserialize)]
struct V1 {
    version: u32,
    #[serde(flatten)]
    told: Told,
    stdout: Vec<Frame>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Frame {
    Good(f64, String),
    Bad(IgnoredAny),
}

impl<R: BufRead> Cast<R> {
    /// Reads the head of a cast.
    pub fn open(mut from: R) -> Result<Cast<R>, ImportError> {
        let mut first = Vec::new();
        from.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut first)?;
        let no_cast = |detail: String| ImportError::NoCast { detail };
        match serde_json::from_slice::<Version>(&first) {
            Ok(Version { format: Some(format), .. }) => Err(no_cast(format!("it says that it is a '{format}'"))),
            Ok(Version { version: version @ (2 | 3), .. }) => {
                let told: Told = serde_json::from_slice(&first).map_err(|error| no_cast(error.to_string()))?;
                let header = told.header(version, &first);
                if header.columns == 0 || header.rows == 0 {
                    return Err(no_cast("its first line tells no size of a terminal".into()));
                }
                Ok(Cast { header, events: Events::Lines(Lines::after(from, LINE_BYTES_MAX, 1)), at: 0 })
            }
            Ok(Version { version, .. }) if version != 1 => {
                Err(no_cast(format!("it is an asciicast of version {version}, and versions 1 to 3 are read")))
            }
            // Version 1 is a document of as many lines as it likes.
            Ok(_) | Err(_) => {
                let rest = V1_BYTES_MAX.saturating_sub(first.len() as u64);
                from.by_ref().take(rest + 1).read_to_end(&mut first)?;
                if first.len() as u64 > V1_BYTES_MAX {
                    let mib = V1_BYTES_MAX >> 20;
                    return Err(no_cast(format!("it is no asciicast of version 2 or 3, and longer than {mib} MiB")));
                }
                let whole: V1 = serde_json::from_slice(&first).map_err(|error| no_cast(error.to_string()))?;
                let header = whole.told.header(whole.version, &first);
                Ok(Cast { header, events: Events::Frames(whole.stdout.into_iter().enumerate()), at: 0 })
            }
        }
    }

    /// What comes next; `None` at the end.
    pub fn next_event(&mut self) -> std::io::Result<Option<Found>> {
        match &mut self.events {
            Events::Frames(frames) => Ok(frames.next().map(|(index, frame)| match frame {
                Frame::Good(delay, text) => match micros(delay) {
                    Some(delay) => {
                        self.at = self.at.saturating_add(delay);
                        Found::Output { at: self.at, text }
                    }
                    None => Found::Fault { line: index + 1, detail: format!("a delay of {delay} s") },
                },
                Frame::Bad(_) => Found::Fault { line: index + 1, detail: "no frame".into() },
            })),
            Events::Lines(lines) => loop {
                let Some((line, text)) = lines.read()? else { return Ok(None) };
                let fault = |detail: String| Ok(Some(Found::Fault { line, detail }));
                let text = match text {
                    Text::Whole(text) => text,
                    // The last line of a file may lack its end; one that is cut off is no event.
                    Text::Torn(text) => text,
                    Text::TooLong => return fault(format!("longer than {} MiB", LINE_BYTES_MAX >> 20)),
                    Text::Mended(_) => return fault("some of its bytes are no UTF-8".into()),
                };
                if text.trim().is_empty() || text.starts_with('#') {
                    continue;
                }
                let (time, code, payload) = match serde_json::from_str::<(f64, String, serde_json::Value)>(&text) {
                    Ok(event) => event,
                    Err(error) => return fault(format!("no event: {error}")),
                };
                let Some(time) = micros(time) else { return fault(format!("a time of {time} s")) };
                // A time that runs backwards is the last one again.
                let is_relative = self.header.version == 3;
                self.at = if is_relative { self.at.saturating_add(time) } else { self.at.max(time) };
                return match payload {
                    serde_json::Value::String(text) if code == "o" => Ok(Some(Found::Output { at: self.at, text })),
                    _ if code == "o" => fault("what was printed is no text".into()),
                    _ => Ok(Some(Found::Other { code })),
                };
            },
        }
    }
}

impl Told {
    fn header(self, version: u32, text: &[u8]) -> Header {
        Header {
            version,
            columns: self.width.max(self.term.cols),
            rows: self.height.max(self.term.rows),
            timestamp: self.timestamp,
            title: self.title.filter(|title| !title.trim().is_empty()),
            command: self.command.filter(|command| !command.trim().is_empty()),
            hash: blake3::hash(text).to_hex().to_string(),
        }
    }
}

/// `None` where it is no time that anybody records.
fn micros(seconds: f64) -> Option<Micros> {
    (0.0..SECONDS_MAX).contains(&seconds).then(|| (seconds * 1e6).round() as Micros)
}
