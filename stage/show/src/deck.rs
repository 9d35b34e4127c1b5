//! A deck as its windows see it: parsed, typed, and without a byte of raw HTML.

use crate::code::Code;
use crate::demo::{Comparison, Side};
use crate::diagram::Diagram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A speaker's pace in front of people.
pub const WORDS_PER_MINUTE: f64 = 130.0;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deck {
    /// Name of its folder under `slides/`.
    pub slug: String,
    pub title: String,
    pub theme: Theme,
    pub audience: Level,
    /// Minutes that the talk is planned for, questions not counted.
    pub minutes: f64,
    /// Minutes of its shorter versions, longest first.
    #[serde(default)]
    pub cuts: Vec<f64>,
    /// What stands in for a step of a demo that is late or fails.
    #[serde(default)]
    pub fallback: Fallback,
    /// Never empty; in order; together they cover all slides.
    pub sections: Vec<Section>,
    /// Never empty.
    pub slides: Vec<Slide>,
    /// Of the files it was parsed from, hexadecimal.
    pub hash: String,
}

/// When a recording takes the place of a live run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fallback {
    /// When the speaker presses V.
    #[default]
    Ask,
    /// By itself.
    Auto,
}

/// What the steps of a demo are played by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Plays {
    /// They run; a recording takes their place when the speaker presses V.
    Live,
    /// The recording, from the first step on. Nothing runs.
    Recorded,
    /// They run until one is late or fails: from there on the recording goes on by itself.
    Auto,
}

impl Plays {
    pub const ALL: [Plays; 3] = [Plays::Live, Plays::Recorded, Plays::Auto];

    /// As written in a deck.
    pub fn as_str(self) -> &'static str {
        match self {
            Plays::Live => "live",
            Plays::Recorded => "recorded",
            Plays::Auto => "auto",
        }
    }

    /// The next of them, and after the last one the first.
    pub fn next(self) -> Plays {
        match self {
            Plays::Live => Plays::Recorded,
            Plays::Recorded => Plays::Auto,
            Plays::Auto => Plays::Live,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Theme {
    #[default]
    Dark,
    Light,
}

/// Who may see a slide or hear a sentence. Levels nest: `internal` sees all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    #[default]
    Public,
    Partner,
    Internal,
}

impl Level {
    pub const ALL: [Level; 3] = [Level::Public, Level::Partner, Level::Internal];

    /// As written in a deck.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Public => "public",
            Level::Partner => "partner",
            Level::Internal => "internal",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Section {
    pub title: String,
    pub minutes: f64,
    /// Index of its first slide.
    pub first: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slide {
    pub layout: Layout,
    /// Plain text of its first heading; empty where it has none.
    pub title: String,
    pub section: usize,
    pub minutes: Option<f64>,
    /// From 1, in every version, to `PRIORITY_LAST`, the first to be cut.
    #[serde(default = "usual_priority")]
    pub priority: u8,
    pub level: Level,
    /// Name by which other slides and the speaker reach it (`routeAlias`).
    pub alias: Option<String>,
    /// Extra style classes (`class`).
    pub class: String,
    /// What is drawn behind its words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub motif: Option<Motif>,
    pub body: Vec<Block>,
    pub cue: Option<Cue>,
    /// What the speaker says: one beat before the first click and one after each. Never empty; empty text in an audience's copy.
    pub beats: Vec<Beat>,
    /// Line of the deck file where it starts, from 1.
    pub line: usize,
}

pub const PRIORITY_USUAL: u8 = 2;
pub const PRIORITY_LAST: u8 = 3;

fn usual_priority() -> u8 {
    PRIORITY_USUAL
}

impl Slide {
    /// One with nothing on it.
    pub fn blank() -> Slide {
        Slide {
            layout: Layout::default(),
            title: String::new(),
            section: 0,
            minutes: None,
            priority: PRIORITY_USUAL,
            level: Level::Public,
            alias: None,
            class: String::new(),
            motif: None,
            body: vec![],
            cue: None,
            beats: vec![Beat::default()],
            line: 0,
        }
    }

    /// Of its narrative.
    pub fn words(&self) -> usize {
        let spoken = self.beats.iter().flat_map(|beat| &beat.paragraphs);
        spoken.map(|spoken| spoken.text.split_whitespace().count()).sum()
    }

    /// Names of the figures that it binds: those of its text in order, then those that it compares.
    pub fn figures(&self) -> Vec<String> {
        let mut names = Vec::new();
        each_inline(&self.body, &mut |inline| names.extend(inline.figure().map(str::to_string)));
        names.extend(compared(&self.body).map(|side| side.figure.clone()));
        names
    }

    /// Clicks that this slide takes before the next one shows, its demo's groups not counted.
    pub fn clicks(&self) -> usize {
        self.beats.len().saturating_sub(1)
    }

    /// Whether the list item `index` of `count` shows once `reveal` clicks have fallen. The clicks belong to the last items, so
    /// that a list with fewer clicks than items starts with some of them on screen.
    pub fn shows_item(&self, index: usize, count: usize, reveal: usize) -> bool {
        index < self.shown(count, reveal)
    }

    /// How many of `count` things that clicks bring have come once `reveal` clicks have fallen.
    pub fn shown(&self, count: usize, reveal: usize) -> usize {
        (count.saturating_sub(self.clicks()) + reveal).min(count)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    Cover,
    Section,
    Statement,
    #[default]
    Bullets,
    TwoColumns,
    Table,
    Quote,
    /// One user story: who, what they want, and what answers it.
    Story,
    /// A list whose items are cards.
    Cards,
    /// A heading over one large drawing.
    Figure,
    /// A file or a piece of one, large, with lines brought forward click by click.
    Code,
    /// One figure, as large as the slide, and a sentence.
    BigNumber,
    /// A picture from edge to edge, its heading on it.
    Picture,
    Demo,
    /// One pane over the whole slide.
    Pane,
    /// The capacity planner, as the presenter has set it.
    Planner,
}

impl Layout {
    /// As written in a deck, and as the style class `layout-…`.
    pub fn as_str(self) -> &'static str {
        match self {
            Layout::Cover => "cover",
            Layout::Section => "section",
            Layout::Statement => "statement",
            Layout::Bullets => "bullets",
            Layout::TwoColumns => "two-columns",
            Layout::Table => "table",
            Layout::Quote => "quote",
            Layout::Story => "story",
            Layout::Cards => "cards",
            Layout::Figure => "figure",
            Layout::Code => "code",
            Layout::BigNumber => "big-number",
            Layout::Picture => "picture",
            Layout::Demo => "demo",
            Layout::Pane => "pane",
            Layout::Planner => "planner",
        }
    }

    /// Whether it draws panes, which need a demo's run.
    pub fn needs_demo(self) -> bool {
        match self {
            Layout::Demo | Layout::Pane => true,
            Layout::Cover
            | Layout::Section
            | Layout::Statement
            | Layout::Bullets
            | Layout::TwoColumns
            | Layout::Table
            | Layout::Quote
            | Layout::Story
            | Layout::Cards
            | Layout::Figure
            | Layout::Code
            | Layout::BigNumber
            | Layout::Picture
            | Layout::Planner => false,
        }
    }
}

/// A drawing of a few strokes, in the light of the slide's section: what a section is about, seen before a word is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Motif {
    /// Many around one.
    Rings,
    /// A box, seen from a corner.
    Box,
    /// Lanes of unlike width, side by side.
    Lanes,
    /// Gates, one within the other.
    Gate,
    /// What happens here, heard there.
    Echo,
    /// Layers that grow thin.
    Layers,
    /// What is put right again and again.
    Loop,
    /// Steps that lead up.
    Steps,
}

/// A slide's tie to a demo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cue {
    pub demo: String,
    /// Names of the demo's step groups that this slide runs, one a click.
    pub groups: Vec<String>,
    pub panes: Vec<Pane>,
    /// What its steps are played by, where the slide says so itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plays: Option<Plays>,
}

impl Cue {
    /// Whether a group is the slide's: one that names none has all.
    pub fn runs(&self, group: &str) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|name| name == group)
    }
}

/// From above to below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pane {
    Charts,
    Topology,
    Terminal,
    Checks,
}

impl Pane {
    /// Of a slide that names none.
    pub const USUAL: [Pane; 3] = [Pane::Charts, Pane::Terminal, Pane::Checks];

    pub fn as_str(self) -> &'static str {
        match self {
            Pane::Charts => "charts",
            Pane::Topology => "topology",
            Pane::Terminal => "terminal",
            Pane::Checks => "checks",
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    pub paragraphs: Vec<Spoken>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spoken {
    pub level: Level,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Block {
    Heading {
        depth: u8,
        text: Vec<Inline>,
    },
    Paragraph(Vec<Inline>),
    List {
        ordered: bool,
        items: Vec<Vec<Block>>,
    },
    Table {
        head: Vec<Vec<Inline>>,
        rows: Vec<Vec<Vec<Inline>>>,
    },
    Code(Code),
    Quote(Vec<Block>),
    Diagram(Diagram),
    /// Figures beside each other, bound as those in text are.
    Compare(Comparison),
    /// Parts the left column from the right in `two-columns`: `::right::` on a line of its own.
    Column,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Inline {
    Text(String),
    Strong(Vec<Inline>),
    Emphasis(Vec<Inline>),
    Struck(Vec<Inline>),
    Code(String),
    Link {
        to: String,
        text: Vec<Inline>,
    },
    Break,
    /// A bound figure, `{{ name }}`: drawn with its value, unit and provenance.
    Figure(String),
    /// A file of the deck's folder, by its hash, which is what a window asks for.
    Picture {
        id: String,
        alt: String,
    },
}

impl Inline {
    /// The name of the figure that it binds.
    pub fn figure(&self) -> Option<&str> {
        match self {
            Inline::Figure(name) => Some(name),
            Inline::Text(_)
            | Inline::Strong(_)
            | Inline::Emphasis(_)
            | Inline::Struck(_)
            | Inline::Code(_)
            | Inline::Link { .. }
            | Inline::Break
            | Inline::Picture { .. } => None,
        }
    }
}

impl Deck {
    /// The same deck without what only the speaker may read.
    pub fn for_audience(mut self) -> Deck {
        for slide in &mut self.slides {
            for beat in &mut slide.beats {
                beat.paragraphs.clear();
            }
        }
        self
    }

    pub fn section_of(&self, slide: usize) -> Option<&Section> {
        self.slides.get(slide).and_then(|slide| self.sections.get(slide.section))
    }
}

/// The text of inlines without their marks.
pub fn plain(inlines: &[Inline]) -> String {
    let mut text = String::new();
    for inline in inlines {
        match inline {
            Inline::Text(part) | Inline::Code(part) | Inline::Picture { alt: part, .. } => text.push_str(part),
            Inline::Strong(parts)
            | Inline::Emphasis(parts)
            | Inline::Struck(parts)
            | Inline::Link { text: parts, .. } => {
                text.push_str(&plain(parts));
            }
            Inline::Break => text.push(' '),
            Inline::Figure(name) => text.push_str(name),
        }
    }
    text
}

/// Every inline of the blocks, those within others after what holds them.
pub fn each_inline<'a>(blocks: &'a [Block], visit: &mut dyn FnMut(&'a Inline)) {
    for block in blocks {
        match block {
            Block::Heading { text, .. } | Block::Paragraph(text) => within(text, visit),
            Block::List { items, .. } => items.iter().for_each(|item| each_inline(item, visit)),
            Block::Quote(blocks) => each_inline(blocks, visit),
            Block::Table { head, rows } => {
                head.iter().chain(rows.iter().flatten()).for_each(|cell| within(cell, visit));
            }
            Block::Code(_) | Block::Diagram(_) | Block::Compare(_) | Block::Column => {}
        }
    }
}

/// What is compared with what. A comparison stands in no list and no quotation.
fn compared(blocks: &[Block]) -> impl Iterator<Item = &Side> {
    let comparisons =
        blocks.iter().filter_map(|block| if let Block::Compare(found) = block { Some(found) } else { None });
    comparisons.flat_map(|comparison| &comparison.sides)
}

fn within<'a>(inlines: &'a [Inline], visit: &mut dyn FnMut(&'a Inline)) {
    for inline in inlines {
        visit(inline);
        match inline {
            Inline::Strong(text) | Inline::Emphasis(text) | Inline::Struck(text) | Inline::Link { text, .. } => {
                within(text, visit);
            }
            Inline::Text(_) | Inline::Code(_) | Inline::Break | Inline::Figure(_) | Inline::Picture { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slide(clicks: usize) -> Slide {
        Slide { beats: vec![Beat::default(); clicks + 1], ..Slide::blank() }
    }

    #[test]
    fn clicks_reveal_the_last_items_of_a_list() {
        let shown = |clicks, reveal| (0..3).filter(|item| slide(clicks).shows_item(*item, 3, reveal)).count();
        assert_eq!(shown(0, 0), 3, "no click, all on screen");
        assert_eq!((shown(3, 0), shown(3, 1), shown(3, 3)), (0, 1, 3));
        assert_eq!((shown(2, 0), shown(2, 1), shown(2, 2)), (1, 2, 3));
        assert_eq!((shown(5, 0), shown(5, 2), shown(5, 5)), (0, 2, 3), "more clicks than items");
    }

    #[test]
    fn levels_nest() {
        assert!(Level::Public < Level::Partner && Level::Partner < Level::Internal);
    }
}
