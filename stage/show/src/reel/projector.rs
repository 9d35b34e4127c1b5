//! Plays a reel: what is due, and how it stands at any place. Looked through once for keyframes, in portions, so that whoever plays it
//! may draw meanwhile.

use super::{FORMAT, Head, Line, VERSION};
use crate::audience::Told;
use crate::keyframes::{KEYFRAMES_MAX, keep_every_second};
use crate::{Micros, Show};

const FIRST_STRIDE: Micros = 5_000_000;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReelError {
    #[error("this is no reel that this page plays: {0}")]
    Head(String),
    #[error("line {line} of the reel is damaged: {detail}")]
    Line { line: usize, detail: String },
}

/// Where to read on, and what the reel had come to there.
#[derive(Debug, Clone)]
struct Keyframe {
    /// In bytes, of the line that comes next.
    place: usize,
    due: Micros,
    now: Micros,
    show: Show,
}

#[derive(Debug)]
pub struct Projector {
    pub head: Head,
    pub(super) lines: String,
    frames: Vec<Keyframe>,
    stride: Micros,
    /// How far the reel is looked through.
    scout: Keyframe,
    /// What is played next.
    place: usize,
    /// Of the last line that was played: when it was due, and what the clock told.
    last: (Micros, Micros),
}

/// What is due of a reel.
#[derive(Debug, Default)]
pub struct Due {
    /// What the clock of whoever watches tells.
    pub now: Micros,
    pub told: Vec<Told>,
}

impl Projector {
    pub fn open(head: &str, lines: String) -> Result<Projector, ReelError> {
        let head: Head = serde_json::from_str(head).map_err(|error| ReelError::Head(error.to_string()))?;
        if head.format != FORMAT || head.version > VERSION {
            return Err(ReelError::Head(format!("format '{}' version {}", head.format, head.version)));
        }
        let start = Keyframe { place: 0, due: 0, now: 0, show: Show::default() };
        let frames = vec![start.clone()];
        Ok(Projector { head, lines, frames, stride: FIRST_STRIDE, scout: start, place: 0, last: (0, 0) })
    }

    /// Looks further through the reel, at so many lines. Whether there are more.
    pub fn look_on(&mut self, lines: usize) -> Result<bool, ReelError> {
        for _ in 0..lines {
            let Some((Line(due, now, told), after)) = self.line(self.scout.place)? else { return Ok(false) };
            if due / self.stride != self.scout.due / self.stride {
                self.frames.push(self.scout.clone());
                if self.frames.len() > KEYFRAMES_MAX {
                    self.stride *= 2;
                    keep_every_second(&mut self.frames);
                }
            }
            self.scout.show.hear(told);
            (self.scout.place, self.scout.due, self.scout.now) = (after, due, now);
        }
        Ok(true)
    }

    /// What is due up to a place and was not before.
    pub fn due(&mut self, to: Micros) -> Result<Due, ReelError> {
        let mut told = Vec::new();
        while let Some((line, after)) = self.line(self.place)? {
            if line.0 > to {
                break;
            }
            self.place = after;
            self.last = (line.0, line.1);
            told.push(line.2);
        }
        Ok(Due { now: self.now(to), told })
    }

    /// The reel as it stands at a place; what is played next is what follows.
    pub fn seek(&mut self, to: Micros) -> Result<(Micros, Show), ReelError> {
        let after = self.frames.partition_point(|frame| frame.due <= to);
        let Keyframe { place, due, now, mut show } = self.frames[after.saturating_sub(1)].clone();
        (self.place, self.last) = (place, (due, now));
        let Due { now, told } = self.due(to)?;
        told.into_iter().for_each(|told| show.hear(told));
        Ok((now, show))
    }

    /// Nothing more is due, ever.
    pub fn ended(&self) -> bool {
        self.place >= self.lines.len()
    }

    fn now(&self, at: Micros) -> Micros {
        let (due, now) = self.last;
        now.saturating_add(at.saturating_sub(due))
    }

    fn line(&self, place: usize) -> Result<Option<(Line, usize)>, ReelError> {
        let rest = &self.lines[place..];
        if rest.is_empty() {
            return Ok(None);
        }
        let end = rest.find('\n').unwrap_or(rest.len());
        let after = place + (end + 1).min(rest.len());
        let line = serde_json::from_str(&rest[..end]).map_err(|error| {
            let line = self.lines[..place].matches('\n').count() + 1;
            ReelError::Line { line, detail: error.to_string() }
        })?;
        Ok(Some((line, after)))
    }
}
