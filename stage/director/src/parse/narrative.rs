//! What the speaker says at a slide: beats, parted by clicks, of paragraphs, each for an audience.

use super::Report;
use greenroom_show::deck::{Beat, Level, Spoken};

const CLICK: &str = "[click]";
/// Words between brackets that may be a level with something beside it: `[for internal]`.
const MARK_WORDS_MAX: usize = 2;
/// Letters by which a level may be mistyped, so that it is missed.
const SLIPS_MAX: usize = 2;

/// Cuts a narrative that stands at `line` and is for `level` where nothing else is said. A paragraph opens with a level of its own,
/// `[internal]` or `[partner]`, which holds beyond a click within it. A level that stands elsewhere, or is mistyped, holds for all
/// that it may have been meant for.
pub fn read(narrative: &str, line: usize, level: Level, report: &mut Report) -> Vec<Beat> {
    let mut beats = vec![Beat::default()];
    let mut least = level;
    for (at, paragraph) in paragraphs(narrative) {
        let mark = Mark::find(&paragraph);
        let mut own = least;
        let mut text = paragraph.clone();
        if let Some(mark) = mark {
            own = own.max(mark.level);
            mark.say(line + at, report);
            if mark.place == Place::First {
                text.replace_range(mark.from..mark.to, "");
                if text.replace(CLICK, "").trim().is_empty() {
                    report.fault(
                        line + at,
                        format!(
                            "the level '{}' stands by itself and holds for all that follows: write it into the line that it is for",
                            &paragraph[mark.from..mark.to]
                        ),
                    );
                    least = own;
                }
            }
        }
        for (index, part) in text.split(CLICK).enumerate() {
            if index > 0 {
                beats.push(Beat::default());
            }
            let text = part.split_whitespace().collect::<Vec<_>>().join(" ");
            if let Some(beat) = beats.last_mut().filter(|_| !text.is_empty()) {
                beat.paragraphs.push(Spoken { level: own, text });
            }
        }
    }
    beats
}

/// Levels that stand in a slide's text, where they hold for nothing: the highest.
pub fn in_text(text: &str) -> Option<Level> {
    let mark = Mark::find(text).filter(|mark| mark.words == 1 && mark.is_spelt);
    mark.map(|mark| mark.level).filter(|level| *level > Level::Public)
}

/// Paragraphs are parted by lines on which nothing is seen; each with its first line, from 0.
fn paragraphs(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut is_open = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        match (line.is_empty(), found.last_mut().filter(|_| is_open)) {
            (false, Some((_, paragraph))) => {
                paragraph.push(' ');
                paragraph.push_str(line);
            }
            (false, None) => found.push((index, line.to_string())),
            (true, _) => {}
        }
        is_open = !line.is_empty();
    }
    found
}

/// A level between brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    level: Level,
    /// With the marks of bold text around it, and a colon behind it.
    from: usize,
    to: usize,
    place: Place,
    words: usize,
    is_spelt: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    First,
    Within,
}

impl Mark {
    /// The one with the highest level.
    fn find(paragraph: &str) -> Option<Mark> {
        let opens = paragraph.match_indices(['[', '［', '【']);
        let marks = opens.filter_map(|(at, bracket)| Mark::at(paragraph, at, at + bracket.len()));
        marks.reduce(|highest, mark| if mark.level > highest.level { mark } else { highest })
    }

    fn at(paragraph: &str, open: usize, inside: usize) -> Option<Mark> {
        let rest = &paragraph[inside..];
        let close = rest.find([']', '］', '】']);
        let words: Vec<&str> = match close {
            Some(close) => words(&rest[..close]).collect(),
            // Never closed: what stands at once behind it.
            None => words(rest).take(1).collect(),
        };
        let looked_at = if words.len() <= MARK_WORDS_MAX { &words[..] } else { &words[..1] };
        let (level, is_spelt) = looked_at.iter().filter_map(|word| level(word)).max_by_key(|(level, _)| *level)?;
        let decoration = |c: char| matches!(c, '*' | '_' | '`' | '\\' | ':') || c.is_whitespace();
        let before = paragraph[..open].trim_end_matches(decoration);
        let place =
            if before.replace(CLICK, "").trim_matches(decoration).is_empty() { Place::First } else { Place::Within };
        let end = close.map_or(inside, |close| inside + close + rest[close..].chars().next().map_or(0, char::len_utf8));
        let behind = &paragraph[end..];
        let to = paragraph.len() - behind.trim_start_matches(decoration).len();
        Some(Mark { level, from: before.len(), to, place, words: words.len(), is_spelt })
    }

    fn say(self, line: usize, report: &mut Report) {
        let level = self.level.as_str();
        if !self.is_spelt {
            report.fault(line, format!("a level is mistyped: the paragraph is taken for {level}; write '[{level}]'"));
        } else if self.place == Place::Within && self.level > Level::Public {
            report.warn(
                line,
                format!("'[{level}]' within a paragraph holds for all of it: put it first, or begin a new one"),
            );
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// The level that a word names, and whether it is spelt right.
fn level(word: &str) -> Option<(Level, bool)> {
    let word = word.to_lowercase();
    let exact = Level::ALL.into_iter().find(|level| level.as_str() == word);
    // What is near a level may be any: none of it is said to the wrong people.
    let is_near =
        |level: &str| word.chars().count() > 2 * SLIPS_MAX && strsim::damerau_levenshtein(&word, level) <= SLIPS_MAX;
    let mistyped = ["internal", "partner"].into_iter().any(is_near).then_some((Level::Internal, false));
    exact.map(|level| (level, true)).or(mistyped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> (Vec<(Level, String)>, Vec<String>) {
        let mut report = Report::new("deck.md");
        let beats = read(text, 1, Level::Public, &mut report);
        let spoken = beats.into_iter().flat_map(|beat| beat.paragraphs).map(|spoken| (spoken.level, spoken.text));
        (spoken.collect(), report.faults.iter().chain(&report.warnings).map(ToString::to_string).collect())
    }

    #[test]
    fn a_level_is_obeyed_however_it_is_written() {
        for text in [
            "For all.\n\n[internal] SECRET.",
            "For all.\n\n[Internal] SECRET.",
            "For all.\n\n[INTERNAL]: SECRET.",
            "For all.\n\n**[internal]** SECRET.",
            "For all.\n\n[ internal ] SECRET.",
            "For all.\n\n[**internal**] SECRET.",
            "For all.\n \t\n[internal] SECRET.",
            "For all.\n\nSECRET [internal] SECRET.",
            "For all.\n\nSECRET.\n[internal] SECRET.",
            "For all.\n\n[interal] SECRET.",
            "For all.\n\n[internl] SECRET.",
            "For all.\n\n[for internal] SECRET.",
            "For all.\n\n[internal SECRET.",
            "For all.\n\n[internal] SECRET. [click] SECRET.",
            "For all. [click]\n\n[click] [internal] SECRET.",
            "For all.\n\n[internal]\n\nSECRET.\n\nSECRET.",
            "For all.\n\n[partnr] SECRET.",
            "For all.\n\n\\[internal\\] SECRET.",
        ] {
            let (spoken, _) = said(text);
            assert_eq!(spoken[0], (Level::Public, "For all.".into()), "{text:?}");
            assert!(spoken[1..].iter().all(|(level, _)| *level == Level::Internal), "{text:?} {spoken:?}");
            assert!(spoken[1..].iter().any(|(_, text)| text.contains("SECRET")), "{text:?} {spoken:?}");
        }
        assert_eq!(said("[partner] Ours.").0, [(Level::Partner, "Ours.".into())]);
        assert_eq!(said("**[Internal]:** Ours. [click] More.").0[0], (Level::Internal, "Ours.".into()));
    }

    #[test]
    fn what_may_have_been_meant_otherwise_is_said() {
        for (text, wanted) in [
            ("One.\n\n[interal] Two.", "deck.md:3: a level is mistyped"),
            ("One.\n\nTwo [internal] three.", "deck.md:3: '[internal]' within a paragraph"),
            ("[internal]\n\nTwo.", "deck.md:1: the level '[internal]' stands by itself"),
        ] {
            assert!(said(text).1.iter().any(|said| said.starts_with(wanted)), "{:?}", said(text).1);
        }
        for text in ["[internal] One.", "[pause] One.", "See [our page](https://example.org).", "[click] One [1]."] {
            assert_eq!(said(text).1, Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_level_in_a_slides_text_is_found() {
        assert_eq!(in_text("a [Internal] b"), Some(Level::Internal));
        assert_eq!(in_text("see [the internal page] and [click]"), None);
    }
}
