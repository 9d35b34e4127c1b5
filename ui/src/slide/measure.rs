//! How large the words of a slide are set: as large as its room allows, in steps that are the same on every slide. Pure; where they
//! stand is the style's.

use greenroom_show::{
    code::Code,
    deck::{Block, Inline, Layout, plain},
};

/// Of the stage between its margins, above the foot; in pixels, as all sizes here are.
pub const WIDTH: f64 = 1728.0;
const HEIGHT: f64 = 896.0;
/// A title, and what stays free below it.
const TITLE: f64 = 72.0;
const TITLE_LINE: f64 = 80.0;
const BELOW_TITLE: f64 = 48.0;
/// Between two columns.
pub const GUTTER: f64 = 96.0;

/// Steps of size. The last of each is for what would not fit otherwise: small is better than cut off.
const TEXT: [u32; 7] = [72, 64, 56, 48, 44, 40, 34];
const TABLE: [u32; 7] = [48, 44, 40, 36, 34, 32, 30];
const CODE: [u32; 10] = [72, 60, 52, 48, 44, 40, 36, 32, 30, 28];
const CARD: [u32; 7] = [64, 56, 48, 44, 40, 36, 34];
const STATEMENT: [u32; 6] = [160, 144, 128, 112, 96, 80];
const STORY: [u32; 4] = [104, 96, 88, 76];
const COVER: [u32; 4] = [176, 160, 144, 128];
/// From here on text may break its lines rather than become smaller.
const BREAKS_FROM: u32 = 56;
const TABLE_BREAKS_FROM: u32 = 40;

/// A size, and the space between two lines of a list or above and below those of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Set {
    pub size: u32,
    pub gap: u32,
}

impl Set {
    /// For the style of an element.
    pub fn style(self) -> String {
        format!("--size: {}px; --gap: {}px", self.size, self.gap)
    }

    fn new(size: u32, gap: f64) -> Set {
        Set { size, gap: (f64::from(size) * gap).round() as u32 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Room {
    pub width: f64,
    pub height: f64,
}

impl Room {
    /// What a title leaves of a slide.
    pub fn under(title: &str) -> Room {
        let taken = if title.is_empty() { 0.0 } else { rows(title, WIDTH / TITLE) as f64 * TITLE_LINE + BELOW_TITLE };
        Room { width: WIDTH, height: HEIGHT - taken }
    }

    pub fn column(self) -> Room {
        Room { width: (self.width - GUTTER) / 2.0, ..self }
    }

    /// Where other blocks share the slide.
    pub fn shared(self, blocks: usize) -> Room {
        let part = if blocks > 1 { 0.6 } else { 1.0 };
        Room { height: self.height * part, ..self }
    }
}

/// Of the text below a title: its paragraphs and the items of its lists, each in a line where that is possible.
pub fn text(lines: &[String], room: Room) -> Set {
    let gaps: &[f64] = match lines.len() {
        0..=3 => &[0.8, 0.5],
        4 | 5 => &[0.6, 0.4],
        _ => &[0.4, 0.25, 0.12],
    };
    // The dash before an item, and where the text may end.
    let inside = |size: u32| (room.width - 120.0) / f64::from(size);
    let broken = |size: u32| lines.iter().any(|line| rows(line, inside(size)) > 1);
    let fits = |size: u32, gap: f64| {
        let all: usize = lines.iter().map(|line| rows(line, inside(size))).sum();
        let gaps = lines.len().saturating_sub(1) as f64 * gap;
        (all as f64 * 1.25 + gaps) * f64::from(size) <= room.height
    };
    let whole = TEXT.iter().find(|size| **size >= BREAKS_FROM && !broken(**size) && fits(**size, gaps[0]));
    let close = || {
        let sizes = TEXT.iter().filter(|size| **size <= BREAKS_FROM);
        sizes.flat_map(|size| gaps.iter().map(|gap| (*size, *gap))).find(|(size, gap)| fits(*size, *gap))
    };
    let found = whole.map(|size| (*size, gaps[0])).or_else(close);
    let (size, gap) = found.unwrap_or((TEXT[TEXT.len() - 1], 0.12));
    Set::new(size, gap)
}

/// Of a table by its cells, the head first.
pub fn table(rows_of: &[Vec<String>], room: Room) -> Set {
    const PADS: [f64; 3] = [0.46, 0.3, 0.12];
    let columns = rows_of.iter().map(Vec::len).max().unwrap_or(0);
    let widest =
        |column: usize| rows_of.iter().filter_map(|row| row.get(column)).map(|cell| ems(cell)).fold(2.0, f64::max);
    let wide: Vec<f64> = (0..columns).map(widest).collect();
    let whole: f64 = wide.iter().map(|width| width + 0.9).sum();
    let lines = |row: &Vec<String>, size: u32| {
        let scale = (room.width / f64::from(size) / whole).min(1.0);
        let cells = row.iter().zip(&wide).map(|(cell, wide)| rows(cell, (wide + 0.1) * scale));
        cells.max().unwrap_or(1)
    };
    let fits = |size: u32, pad: f64| {
        let heights = rows_of.iter().map(|row| lines(row, size) as f64 * 1.25 + 2.0 * pad);
        heights.sum::<f64>() * f64::from(size) <= room.height
    };
    let is_whole = |size: u32| whole * f64::from(size) <= room.width;
    let candidates = || TABLE.iter().flat_map(|size| PADS.iter().map(|pad| (*size, *pad)));
    let found = candidates()
        .find(|(size, pad)| *size >= TABLE_BREAKS_FROM && *pad > PADS[2] && is_whole(*size) && fits(*size, *pad))
        .or_else(|| candidates().filter(|(size, _)| *size <= TABLE_BREAKS_FROM).find(|(size, pad)| fits(*size, *pad)));
    let (size, pad) = found.unwrap_or((TABLE[TABLE.len() - 1], PADS[2]));
    Set::new(size, pad)
}

/// Of code by its lines and the longest of them.
pub fn code(code: &Code, room: Room) -> Set {
    const LETTER: f64 = 0.6;
    const LINE: f64 = 1.4;
    // What surrounds the lines, and the name of the file above them.
    let around = if code.file.is_empty() { 72.0 } else { 128.0 };
    let longest = code.text.lines().map(|line| line.chars().count()).max().unwrap_or(0) as f64;
    let count = code.text.lines().count() as f64;
    let fits = |size: &u32| {
        let size = f64::from(*size);
        longest * LETTER * size <= room.width - 120.0 && count * LINE * size <= room.height - around
    };
    Set::new(CODE.into_iter().find(fits).unwrap_or(CODE[CODE.len() - 1]), 0.0)
}

/// Of cards, which stand in rows of up to four.
pub fn cards(cards: &[String], room: Room) -> Set {
    let columns = match cards.len() {
        0..=3 => cards.len().max(1),
        6 => 3,
        _ => 4,
    };
    let high = (room.height - 28.0) / cards.len().div_ceil(columns) as f64 - 100.0;
    let wide = (room.width + 28.0) / columns as f64 - 100.0;
    let fits = |size: &u32| {
        let size = f64::from(*size);
        cards.iter().all(|card| rows(card, wide / size) as f64 * 1.3 * size + 40.0 <= high)
    };
    Set::new(CARD.into_iter().find(fits).unwrap_or(CARD[CARD.len() - 1]), 0.0)
}

/// Of what a slide says in one sentence: by how many lines that takes.
pub fn sentence(layout: Layout, text: &str) -> Option<Set> {
    let (steps, width, lines): (&[u32], f64, usize) = match layout {
        Layout::Cover => (&COVER, 1560.0, 2),
        Layout::Statement | Layout::Section => (&STATEMENT, 1640.0, 3),
        Layout::Story => (&STORY, 1400.0, 4),
        Layout::Bullets
        | Layout::TwoColumns
        | Layout::Table
        | Layout::Quote
        | Layout::Cards
        | Layout::Figure
        | Layout::Code
        | Layout::BigNumber
        | Layout::Picture
        | Layout::Demo
        | Layout::Pane
        | Layout::Planner => return None,
    };
    let fits = |size: &&u32| rows(text, width / f64::from(**size)) <= lines;
    Some(Set::new(*steps.iter().find(fits).unwrap_or(&steps[steps.len() - 1]), 0.0))
}

/// The lines that blocks of text come to: a paragraph, an item.
pub fn lines_of(blocks: &[Block]) -> Vec<String> {
    let mut lines = Vec::new();
    for block in blocks {
        match block {
            Block::Heading { text, .. } | Block::Paragraph(text) => lines.push(plain(text)),
            Block::List { items, .. } => items.iter().for_each(|item| lines.extend(lines_of(item))),
            Block::Quote(blocks) => lines.extend(lines_of(blocks)),
            Block::Table { .. } | Block::Code(_) | Block::Diagram(_) | Block::Compare(_) | Block::Column => {}
        }
    }
    lines
}

/// Whether blocks are words and nothing else.
pub fn is_text(blocks: &[Block]) -> bool {
    blocks.iter().all(|block| match block {
        Block::Heading { .. } | Block::List { .. } | Block::Quote(_) | Block::Column => true,
        Block::Paragraph(text) => !matches!(text[..], [Inline::Picture { .. }]),
        Block::Table { .. } | Block::Code(_) | Block::Diagram(_) | Block::Compare(_) => false,
    })
}

/// How many rows a text takes in a width of so many ems, word by word.
fn rows(text: &str, width: f64) -> usize {
    let (mut count, mut taken) = (1, 0.0);
    for word in text.split_whitespace() {
        let word = ems(word);
        let needs = if taken > 0.0 { taken + letter(' ') + word } else { word };
        if needs <= width {
            taken = needs;
        } else {
            // A word that is longer than a row breaks.
            count += usize::from(taken > 0.0) + (word / width) as usize;
            taken = word % width.max(1.0);
        }
    }
    count
}

fn ems(text: &str) -> f64 {
    text.chars().map(letter).sum()
}

/// What a letter of the stage's sans takes, in ems, a little generously.
fn letter(letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '!' | '|' | ' ' => 0.29,
        'f' | 'r' | 't' | '(' | ')' | '-' | '/' => 0.38,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '–' => 0.88,
        'A'..='Z' | '0'..='9' => 0.67,
        letter if letter.is_ascii() => 0.57,
        // Scripts whose letters are as wide as high.
        '\u{1100}'..='\u{11ff}' | '\u{2e80}'..='\u{d7ff}' | '\u{ff00}'..='\u{ffef}' => 1.0,
        _ => 0.62,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| line.to_string()).collect()
    }

    #[test]
    fn the_fewer_and_shorter_the_lines_the_larger_they_are() {
        let room = Room::under("A title of one line");
        let long = "A line of fifty letters that is as long as it gets";
        let sentence = "A sentence that no slide should have, since it goes on and on until it has to break somewhere";
        for (of, size) in [
            (lines(&["First the hours", "Then a place for the data", "For some, a whole portfolio"]), 72),
            (lines(&["Short", "Short", "Short", "Short"]), 72),
            (lines(&["Short"; 5]), 72),
            (lines(&["Short"; 6]), 72),
            (lines(&["Short"; 7]), 64),
            (lines(&[long, "Short"]), 72),
            (lines(&[sentence]), 56),
            (lines(&[sentence; 6]), 48),
            (lines(&["Short"; 12]), 44),
        ] {
            assert_eq!(text(&of, room).size, size, "{of:?}");
        }
        let two = Room::under("A title that is far too long for one line of a slide, and that goes on in a second one");
        assert!(text(&lines(&["Short"; 12]), two).size >= 40, "{two:?}");
    }

    #[test]
    fn a_table_is_set_by_its_rows_and_columns() {
        let room = Room::under("A title");
        let table_of = |rows: usize, cell: &str, columns: usize| vec![vec![cell.to_string(); columns]; rows + 1];
        for (of, size) in [
            (table_of(3, "Two words", 3), 48),
            (table_of(5, "Two words", 3), 48),
            (table_of(8, "Two words", 3), 44),
            (table_of(12, "1", 2), 36),
            (table_of(3, "First-party teams", 5), 40),
            (table_of(3, "A cell that says a whole sentence, and that has to break in it", 3), 40),
        ] {
            assert_eq!(table(&of, room).size, size, "{} rows of {:?}", of.len() - 1, of[0]);
        }
        assert!(table(&table_of(12, "A cell with a lot to say for itself", 8), room).size >= 30);
    }

    #[test]
    fn a_sentence_is_as_large_as_three_lines_allow() {
        let size = |text: &str| sentence(Layout::Statement, text).map(|set| set.size);
        assert_eq!(size("Shown, not told"), Some(160));
        assert_eq!(size("One audit trail, or you are guessing"), Some(160));
        assert_eq!(size("Selling hours is where an AI cloud starts, and not where it ends"), Some(144));
        assert!(size(&"word ".repeat(60)).is_some_and(|size| size >= 80));
        assert_eq!(sentence(Layout::Table, "x"), None);
    }

    #[test]
    fn code_is_as_large_as_its_longest_line_allows() {
        let of = |text: String| {
            let code = Code { language: String::new(), text, file: "a".into(), first: 1, focus: vec![] };
            super::code(&code, Room::under("A title")).size
        };
        assert_eq!(of("409 BlobTypeNotSupported\n".into()), 72);
        assert_eq!(of("x\n".repeat(11)), 40);
        assert_eq!(of("x".repeat(65)), 40);
        assert_eq!(of("x\n".repeat(15)), 30);
        assert_eq!(of("x".repeat(300)), 28, "the last step, and still read from the back row");
    }

    #[test]
    fn text_breaks_where_its_words_do() {
        for (text, width, wanted) in [
            ("", 10.0, 1),
            ("one two", 10.0, 1),
            ("one two", 2.5, 2),
            ("a_word_that_is_long", 5.0, 3),
            ("世界世界", 2.0, 3),
        ] {
            assert_eq!(rows(text, width), wanted, "{text:?} in {width}");
        }
    }
}
