//! What a film says beside its pictures: chapters and captions.

use crate::export::reel::Reel;
use crate::export::{ExportError, scratch};
use greenroom_show::audience::{Change, Look, Seen};
use greenroom_show::reel::Line;
use greenroom_show::timeline::Timeline;
use greenroom_show::{Caption, Micros};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use tempfile::TempPath;

/// How often what is being said is looked at: more often than anybody reads.
const CAPTION_STEP: Micros = 250_000;

/// In files, as ffmpeg wants them.
#[derive(Debug)]
pub struct Marks {
    pub chapters: TempPath,
    pub captions: Option<TempPath>,
}

impl Marks {
    pub fn of(reel: &Reel) -> Result<Marks, ExportError> {
        let head = &reel.head;
        let chapters = file(".txt", &metadata(&head.title, &head.provenance, &head.timeline))?;
        let captions = subtitles(&said(reel)?, head.timeline.length);
        let captions = if captions.is_empty() { None } else { Some(file(".srt", &captions)?) };
        Ok(Marks { chapters, captions })
    }
}

fn file(suffix: &str, text: &str) -> Result<TempPath, ExportError> {
    let mut file = scratch(suffix)?;
    file.write_all(text.as_bytes())?;
    Ok(file.into_temp_path())
}

/// In ffmpeg's own format.
fn metadata(title: &str, provenance: &str, timeline: &Timeline) -> String {
    let mut text = format!(";FFMETADATA1\ntitle={}\ncomment={}\n", escaped(title), escaped(provenance));
    let bands = if timeline.steps.is_empty() { &timeline.slides } else { &timeline.steps };
    let mut number = 0;
    for (index, band) in bands.iter().enumerate() {
        // A chapter goes on to the next one.
        let ends = bands.get(index + 1).map_or(timeline.length, |next| next.from);
        let (from, to) = (if index == 0 { 0 } else { band.from / 1_000 }, ends / 1_000);
        if from >= to {
            continue;
        }
        number += 1;
        let name = if band.name.is_empty() { format!("Part {number}") } else { escaped(&band.name) };
        // A string takes what is written to it.
        let _ = write!(text, "[CHAPTER]\nTIMEBASE=1/1000\nSTART={from}\nEND={to}\ntitle={name}\n");
    }
    text
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        if matches!(letter, '=' | ';' | '#' | '\\' | '\n') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

/// What was being said from when on, by the reel's clock.
fn said(reel: &Reel) -> Result<Vec<(Micros, Option<Caption>)>, ExportError> {
    let mut said: Vec<(Micros, Option<Caption>)> = Vec::new();
    // Read by another handle would be from the same place: it is put back to the start by whoever reads.
    let mut lines = &reel.lines;
    lines.seek(SeekFrom::Start(0))?;
    for line in BufReader::new(lines).lines() {
        let line = line?;
        // Most lines are samples.
        if !line.contains("\"caption\":") {
            continue;
        }
        let Line(due, now, told) = serde_json::from_str(&line).map_err(std::io::Error::from)?;
        let (look, clock): (&Look, _) = match &told.change {
            Change::Look(look) => (look, look.clock),
            Change::Stage(Seen { scene: Some(scene), .. }) => (&scene.look, scene.look.clock),
            _ => continue,
        };
        // Since when it is said, by the reel's clock.
        let began = clock.map_or(0, |clock| clock.began);
        let caption = look.caption.as_ref().map(|caption| {
            let since = (due + caption.since).saturating_sub(began + now);
            Caption { text: caption.text.clone(), since }
        });
        if said.last().is_none_or(|(_, last)| *last != caption) {
            said.push((due, caption));
        }
    }
    Ok(said)
}

/// In SubRip's format; empty where nothing is said.
fn subtitles(said: &[(Micros, Option<Caption>)], length: Micros) -> String {
    let mut parts: Vec<(Micros, Micros, String)> = Vec::new();
    for (index, (from, caption)) in said.iter().enumerate() {
        let until = said.get(index + 1).map_or(length, |next| next.0);
        let Some(caption) = caption else { continue };
        let mut at = *from;
        while at < until {
            let to = (at + CAPTION_STEP).min(until);
            let part = caption.now(at);
            match parts.last_mut().filter(|(_, ends, last)| *ends == at && *last == part) {
                Some((_, ends, _)) => *ends = to,
                None => parts.push((at, to, part)),
            }
            at = to;
        }
    }
    let mut text = String::new();
    for (number, (from, to, part)) in parts.iter().enumerate() {
        // A string takes what is written to it.
        let _ = write!(text, "{}\n{} --> {}\n{part}\n\n", number + 1, clock(*from), clock(*to));
    }
    text
}

fn clock(at: Micros) -> String {
    let ms = at / 1_000;
    format!("{:02}:{:02}:{:02},{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroom_show::StepState;
    use greenroom_show::timeline::Band;

    #[test]
    fn a_chapter_goes_on_to_the_next_and_its_name_is_no_syntax() {
        let band = |name: &str, from, to| Band { step: Some(0), name: name.into(), from, to, state: StepState::Passed };
        let steps = vec![
            band("a=b; #1", 1_500_000, 2_000_000),
            band("", 3_000_000, 4_000_000),
            band("x", 4_000_000, 4_000_000),
        ];
        let timeline = Timeline { length: 4_000_000, steps, ..Timeline::default() };
        let text = metadata("T", "P", &timeline);
        assert_eq!(text.matches("[CHAPTER]").count(), 2, "{text}");
        assert!(text.contains("START=0\nEND=3000\ntitle=a\\=b\\; \\#1\n"), "{text}");
        assert!(text.contains("START=3000\nEND=4000\ntitle=Part 2\n"), "{text}");
    }

    #[test]
    fn captions_come_when_they_are_said_and_go_with_them() {
        let caption = |text: &str, since| Some(Caption { text: text.into(), since });
        let said = [
            (0, None),
            (1_000_000, caption("one two", 1_000_000)),
            (3_000_000, None),
            (5_000_000, caption("three", 5_000_000)),
        ];
        let text = subtitles(&said, 6_000_000);
        assert!(
            text.starts_with("1\n00:00:01,000 --> 00:00:03,000\none two\n\n2\n00:00:05,000 --> 00:00:06,000\nthree\n"),
            "{text}"
        );
        assert_eq!(subtitles(&[(0, None)], 9), "");
    }
}
