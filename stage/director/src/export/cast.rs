//! The terminal of a take as an asciicast: what was printed, when, and a marker where each step begins.
//! Sources: <https://docs.asciinema.org/manual/asciicast/v2/>, <https://docs.asciinema.org/manual/asciicast/v3/>.

use super::source::{Heard, Place};
use super::{ExportError, Format, Idle, Source, Target};
use crate::scrub::{Scrubber, Secrets, scrub};
use greenroom_show::demo::{self, Demo};
use greenroom_show::{COLUMNS, Event, Micros, ROWS, Terminal};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// A player waits no longer while nothing is printed: the charts that moved meanwhile are not in the file. The times in it are true.
const IDLE_SECONDS: f64 = 5.0;
/// A terminal as it comes out of its box.
const RESET: &str = "\x1bc";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Times are counted from the beginning.
    Two,
    /// Times are counted from the event before.
    Three,
}

/// The format, once for each version.
#[derive(Debug)]
pub struct Asciicast(pub Version);

impl Format for Asciicast {
    fn name(&self) -> &'static str {
        match self.0 {
            Version::Two => "cast2",
            Version::Three => "cast3",
        }
    }

    fn extension(&self) -> &'static str {
        "cast"
    }

    fn holds(&self) -> &'static str {
        match self.0 {
            Version::Two => {
                "the terminal as an asciicast v2, which asciinema and most players open, with a marker for each step"
            }
            Version::Three => {
                "the terminal as an asciicast v3, which asciinema 3 and later open, with a marker for each step"
            }
        }
    }

    fn export(&self, take: &mut Source<'_>, to: &mut Target) -> Result<(), ExportError> {
        write(self.0, take, to)
    }
}

fn write(version: Version, take: &mut Source<'_>, to: &mut Target) -> Result<(), ExportError> {
    writeln!(to, "{}", header(version, take))?;
    let mut cast = Cast { version, to, last: 0, began: false, screen: Screen::default() };
    take.each(&mut |heard| cast.hear(&heard))?;
    let end = cast.last;
    cast.print_held(end, Place::Within)
}

fn header(version: Version, take: &Source<'_>) -> Value {
    let provenance = take.provenance();
    let listed = take.listed.as_ref();
    let title =
        listed.and_then(|take| take.name.clone().or(Some(take.title.clone()).filter(|title| !title.is_empty())));
    let title = title.unwrap_or_else(|| take.id.clone());
    let mut env: BTreeMap<&str, String> = provenance.pairs().into();
    env.insert("TERM", "xterm-256color".into());
    let mut header = match version {
        Version::Two => json!({ "version": 2, "width": COLUMNS, "height": ROWS }),
        Version::Three => json!({ "version": 3, "term": { "cols": COLUMNS, "rows": ROWS, "type": "xterm-256color" } }),
    };
    header["timestamp"] = json!(take.header.at_unix_ms / 1000);
    header["title"] = json!(format!("{} ({})", scrub(&title), provenance.say()));
    header["env"] = json!(env);
    if take.idle == Idle::Cut {
        header["idle_time_limit"] = json!(IDLE_SECONDS);
    }
    header
}

struct Cast<'t> {
    version: Version,
    to: &'t mut Target,
    /// When the last line fell.
    last: Micros,
    /// Whether what led to the first line is painted.
    began: bool,
    screen: Screen,
}

/// The terminal that the audience sees, and what is still held back of its output.
#[derive(Default)]
struct Screen {
    demos: BTreeMap<String, Demo>,
    demo: String,
    terminal: Terminal,
    is_used: bool,
    scrubber: Option<Scrubber>,
}

impl Cast<'_> {
    fn hear(&mut self, heard: &Heard) -> Result<(), ExportError> {
        let Heard { place, played, .. } = *heard;
        if place == Place::Within && !self.began {
            self.began = true;
            let painted = self.screen.terminal.repaint();
            self.line(played, "o", &painted)?;
        }
        match &heard.event {
            Event::Opened(opened) => self.screen.demos = opened.demos.clone(),
            Event::Showed { show, .. } => self.showed(show, played, place)?,
            Event::Begun { demo } => {
                self.print_held(played, place)?;
                self.screen.demo = demo.clone();
                if self.screen.is_used {
                    self.screen.terminal = Terminal::default();
                    self.print(played, place, RESET)?;
                }
            }
            Event::StepStarted { step, .. } => {
                self.print_held(played, place)?;
                let room = self.screen.terminal.begin_step();
                if place == Place::Within {
                    self.line(played, "o", &room)?;
                    let label = scrub(&demo::words(self.screen.demos.get(&self.screen.demo), *step));
                    self.line(played, "m", &label)?;
                }
            }
            Event::StepEnded { .. } => self.print_held(played, place)?,
            Event::Output(text) => {
                let scrubber = self.screen.scrubber.get_or_insert_with(|| {
                    // Nothing is known by value here: names such as `sig=` are the second net.
                    Scrubber::new(Secrets::default(), Path::new(""))
                });
                let clean = scrubber.push(text);
                self.output(played, place, &clean)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// A talk that began while a demo stood on stage.
    fn showed(&mut self, show: &greenroom_show::Show, at: Micros, place: Place) -> Result<(), ExportError> {
        self.screen.demos = show.demos.clone();
        let Some(run) = show.active.as_ref().and_then(|demo| show.run(demo)) else { return Ok(()) };
        self.screen.demo = run.demo.clone();
        let painted = scrub(&run.terminal.repaint());
        self.output(at, place, &painted)
    }

    /// What the scrubber still holds, where no more of the same text follows.
    fn print_held(&mut self, at: Micros, place: Place) -> Result<(), ExportError> {
        let held = self.screen.scrubber.take().map(|mut scrubber| scrubber.finish()).unwrap_or_default();
        self.output(at, place, &held)
    }

    fn output(&mut self, at: Micros, place: Place, text: &str) -> Result<(), ExportError> {
        self.screen.terminal.write(text);
        self.screen.is_used |= !text.is_empty();
        self.print(at, place, text)
    }

    fn print(&mut self, at: Micros, place: Place, text: &str) -> Result<(), ExportError> {
        if place == Place::Before { Ok(()) } else { self.line(at, "o", text) }
    }

    fn line(&mut self, at: Micros, code: &str, text: &str) -> Result<(), ExportError> {
        if text.is_empty() {
            return Ok(());
        }
        // A line that was recorded late is printed late: no time runs backwards.
        let at = at.max(self.last);
        let time = match self.version {
            Version::Two => at,
            Version::Three => at - self.last,
        };
        self.last = at;
        let (seconds, micros) = (time / 1_000_000, time % 1_000_000);
        writeln!(self.to, "[{seconds}.{micros:06}, \"{code}\", {}]", Value::from(text))?;
        Ok(())
    }
}
