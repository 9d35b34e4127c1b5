//! `slides/<slug>/deck.md` into a deck.

use super::source::{Footing, Part};
use super::{Faults, Files, Parsed, Report, hint, markdown, narrative, nearest, source, yaml};
use greenroom_show::deck::{
    Block, Cue, Deck, Fallback, Inline, Layout, Level, Motif, PRIORITY_LAST, PRIORITY_USUAL, Pane, Plays, Section,
    Slide, Theme, each_inline, plain,
};
use greenroom_show::demo::Demo;
use schemars::{JsonSchema, Schema, schema_for};
use serde::Deserialize;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Slides that a talk of any length stays under.
const SLIDES_MAX: usize = 500;

pub(super) const DECK_KEYS: &[&str] = &["title", "theme", "audience", "minutes", "cuts", "fallback"];
pub(super) const SLIDE_KEYS: &[&str] = &[
    "layout",
    "class",
    "motif",
    "hide",
    "routeAlias",
    "duration",
    "section",
    "minutes",
    "priority",
    "audience",
    "demo",
    "steps",
    "panes",
    "plays",
];

/// What a fault in front matter costs.
const WITHHELD: &str = "is shown to internal audiences only until its front matter is mended";

/// The head of a deck, and of its first slide.
// What its `audience` says is read with the first slide's.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(title = "Head of a deck", deny_unknown_fields)]
struct DeckYaml {
    /// Of the talk; its first heading where absent.
    title: Option<String>,
    #[serde(default)]
    theme: Theme,
    /// Minutes of its shorter versions, the longest first: `[25, 10]`.
    #[serde(default)]
    cuts: Vec<f64>,
    #[serde(default)]
    fallback: Fallback,
}

/// The head of a slide.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Head of a slide", deny_unknown_fields)]
struct SlideYaml {
    /// `demo` where a demo is named, else `bullets`.
    layout: Option<Layout>,
    /// Extra style classes.
    #[serde(default)]
    class: String,
    /// What is drawn behind its words.
    motif: Option<Motif>,
    /// Leaves the slide out of the talk.
    #[serde(default)]
    hide: bool,
    /// A name for it, by which `booth.yaml` calls it.
    route_alias: Option<String>,
    /// Minutes of this slide alone.
    duration: Option<f64>,
    /// Opens a section of this title.
    section: Option<String>,
    /// Minutes of the section that this slide opens.
    minutes: Option<f64>,
    /// 1 stays in every version; 3 is the first to be cut.
    #[schemars(range(min = 1, max = PRIORITY_LAST))]
    priority: Option<u8>,
    /// Whom it is for; in a deck's first head, whom the deck is for.
    audience: Option<Level>,
    /// The demo that it shows: a folder below `demos/`.
    demo: Option<String>,
    /// Which of the demo's groups its clicks run, in order; all of them where absent.
    steps: Option<Names>,
    /// What of the demo is beside its words; charts, terminal and checks where absent.
    panes: Option<Vec<Pane>>,
    /// What the demo's steps are played by.
    plays: Option<Plays>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Names {
    One(String),
    Many(Vec<String>),
}

/// What the head of a slide may say.
pub fn slide_head() -> Schema {
    schema_for!(SlideYaml)
}

/// What the first head of a deck may say, which is that of its first slide too.
pub fn deck_head() -> Schema {
    let (mut head, slide) = (schema_for!(DeckYaml), slide_head());
    for part in ["properties", "$defs"] {
        let more = slide.get(part).and_then(|part| part.as_object()).cloned().unwrap_or_default();
        let known = head.ensure_object().entry(part).or_insert_with(|| serde_json::json!({}));
        known.as_object_mut().expect("properties and definitions are objects").extend(more);
    }
    head
}

/// Parses a deck against the demos that its slides may cue and the files that they may show. A fault costs the piece that it is
/// in, and the rest is shown; `Err` only where no slide is left.
///
/// Front matter that cannot be read, or that sets what means nothing, may have named a level: what it heads is internal.
pub fn parse_deck(
    file: &str,
    slug: &str,
    text: &str,
    demos: &BTreeMap<String, Demo>,
    files: Files<'_>,
) -> Result<Parsed<Deck>, Faults> {
    let mut report = Report::new(file);
    // Another file under the same name is another deck.
    let hash = RefCell::new(blake3::Hasher::new());
    hash.borrow_mut().update(text.as_bytes());
    let picture = |name: &str| {
        let id = (files.picture)(name)?;
        hash.borrow_mut().update(id.as_bytes());
        Ok(id)
    };
    let read = |name: &str| {
        let (place, text) = (files.text)(name)?;
        hash.borrow_mut().update(text.as_bytes());
        Ok((place, text))
    };
    let files = Files { picture: &picture, text: &read };
    let text = source::plain_lines(text);
    let source = source::read(&text, &all_keys());
    source.say_slips(&mut report);
    let mut reader = Reader::new(slug, &source, &mut report);
    for part in &source.parts {
        if reader.deck.slides.len() == SLIDES_MAX {
            report.warn(part.body.line, format!("a deck shows {SLIDES_MAX} slides; the rest is left out"));
            break;
        }
        reader.slide(part, demos, files, &mut report);
    }
    let mut deck = reader.deck;
    keep_sections_with_slides(&mut deck);
    deck.hash = hash.borrow().finalize().to_hex().to_string();
    if deck.slides.is_empty() {
        report.fault(1, "the deck shows no slide: write one, or take a 'hide' away");
        return report.finish_strictly(None);
    }
    if deck.title.is_empty() {
        let first = deck.slides.iter().find(|slide| slide.level <= deck.audience);
        deck.title = first.map_or_else(|| slug.to_string(), |slide| slide.title.clone());
    }
    deck.minutes = deck.sections.iter().map(|section| section.minutes).sum();
    Ok(report.finish(deck))
}

fn all_keys() -> Vec<&'static str> {
    DECK_KEYS.iter().chain(SLIDE_KEYS).copied().collect()
}

/// A deck on its way through its parts.
struct Reader {
    deck: Deck,
    /// Of slides that name no level.
    level: Level,
    /// Whom the slide before was for, by its own words.
    level_before: Level,
    /// The first part's front matter, which is the deck's as well, until that part is read.
    opening: Option<Head>,
}

/// A slide's front matter.
#[derive(Default)]
struct Head {
    yaml: SlideYaml,
    is_sound: bool,
    hides: bool,
}

impl Reader {
    /// Reads the deck's own front matter.
    fn new(slug: &str, source: &source::Source<'_>, report: &mut Report) -> Reader {
        let piece = source.parts.first().and_then(|part| part.yaml).filter(|_| !source.lost_head);
        let line_of = |key: &str| piece.map_or(1, |piece| yaml::key_line(piece, key));
        let before = report.faults.len();
        let mut read = yaml::Read::<DeckYaml> { is_read: true, ..yaml::Read::default() };
        let mut opening = None;
        if let Some(piece) = piece {
            read = yaml::read(piece, &all_keys(), report);
            // Its keys are the deck's too, and have been reported on; what they say of the slide has not.
            let mut own = Report::new(&report.file);
            let slide = Head::read(piece, &all_keys(), &mut own);
            own.faults.retain(|fault| !report.faults.contains(fault));
            report.faults.append(&mut own.faults);
            opening = Some(slide);
        }
        let is_cut = |minutes: &f64| minutes.is_finite() && *minutes > 0.0;
        let cuts = &read.value.cuts;
        if !cuts.iter().all(is_cut) || !cuts.is_sorted_by(|longer, shorter| longer > shorter) {
            report.fault(line_of("cuts"), "'cuts' are minutes, the longest first: cuts: [25, 10]");
        }
        let is_sound = !source.lost_head && report.faults.len() == before && read.is_sound();
        if !is_sound {
            withhold(report, before, line_of(""), "each slide that names no level itself");
        }
        // What the deck's head says of the first slide is no surer than the head.
        opening = opening.map(|head| Head { is_sound: head.is_sound && is_sound, ..head });
        // Whom the deck is said to be for, where that alone can be read: a fault elsewhere shows it to nobody else.
        let said = read.keys.get("audience").and_then(|value| serde_json::from_value(value.clone()).ok());
        let audience: Level = said.unwrap_or_default();
        let level = if is_sound { audience } else { Level::Internal };
        let deck = Deck {
            slug: slug.to_string(),
            title: read.value.title.unwrap_or_default(),
            theme: read.value.theme,
            audience,
            minutes: 0.0,
            cuts: read.value.cuts.into_iter().filter(is_cut).collect(),
            fallback: read.value.fallback,
            sections: vec![],
            slides: vec![],
            hash: String::new(),
        };
        Reader { deck, level, level_before: level, opening }
    }

    fn slide(&mut self, part: &Part<'_>, demos: &BTreeMap<String, Demo>, files: Files<'_>, report: &mut Report) {
        let before = report.faults.len();
        let opening = self.opening.take();
        let is_opening = opening.is_some();
        let head = match (opening, part.yaml) {
            (Some(head), _) => head,
            (None, Some(piece)) => Head::read(piece, SLIDE_KEYS, report),
            (None, None) => Head { is_sound: true, ..Head::default() },
        };
        let yaml = &head.yaml;
        let line_of = |key: &str| part.yaml.map_or(part.body.line, |piece| yaml::key_line(piece, key));
        let (cue, layout) = cue_and_layout(yaml, demos, &line_of, report);
        let priority = yaml.priority.unwrap_or(PRIORITY_USUAL);
        if !(1..=PRIORITY_LAST).contains(&priority) {
            report.fault(
                line_of("priority"),
                format!("'priority' is 1, in every version, to {PRIORITY_LAST}, the first to be cut"),
            );
        }
        let is_sound = head.is_sound && report.faults.len() == before;
        if !is_sound && is_opening {
            self.level = Level::Internal;
        } else if !is_sound {
            withhold(report, before, line_of(""), "this slide");
        }
        if head.hides {
            let text = markdown::read(&part.body, markdown::Text::Demo, &mut Report::new(&report.file));
            return self.open_section(yaml, &text.blocks, self.level);
        }
        let markdown = markdown::read(&part.body, markdown::Text::Slide(files), report);
        if is_opening && is_sound && markdown.blocks.is_empty() && yaml.layout.is_none() {
            return;
        }
        let level = self.level_of(part, yaml, is_sound, &markdown.blocks, report);
        self.open_section(yaml, &markdown.blocks, level);
        let narrative = part.body.comments.last();
        let (line, text) = narrative.map_or((part.body.line, ""), |(line, text)| (*line, text.as_str()));
        let beats = narrative::read(text, line, level, report);
        let is_built = |cue: &&Cue| demos.contains_key(&cue.demo);
        if let Some(cue) = cue.as_ref().filter(is_built).filter(|cue| beats.len() > cue.groups.len() + 1) {
            let (clicks, groups) = (beats.len() - 1, cue.groups.len());
            report.warn(line, format!("{clicks} clicks but {groups} groups of steps: a demo's clicks are its groups"));
        }
        self.deck.slides.push(Slide {
            layout,
            title: title(&markdown.blocks),
            section: self.deck.sections.len() - 1,
            minutes: yaml.duration,
            priority: priority.clamp(1, PRIORITY_LAST),
            level,
            alias: head.yaml.route_alias,
            class: head.yaml.class,
            motif: head.yaml.motif,
            body: markdown.blocks,
            cue,
            beats,
            line: part.body.line,
        });
    }

    /// Whom a slide is for. What is not sure is internal.
    fn level_of(
        &mut self,
        part: &Part<'_>,
        yaml: &SlideYaml,
        is_sound: bool,
        blocks: &[Block],
        report: &mut Report,
    ) -> Level {
        let before = self.level_before;
        let said = if is_sound { yaml.audience.unwrap_or(self.level) } else { Level::Internal };
        let level = match part.footing {
            Footing::Sound => said,
            Footing::FollowsSlip if part.yaml.is_some() => said.max(before),
            Footing::FollowsSlip | Footing::Slipped => Level::Internal,
        };
        if level > said {
            let message =
                "what is wrong around this slide may be about its level: it is shown to internal audiences only";
            report.fault(part.body.line, message);
        }
        self.level_before = match part.footing {
            Footing::Sound => said,
            // What it may be part of is for no more people than before.
            Footing::FollowsSlip | Footing::Slipped => said.max(before),
        };
        let mut text = String::new();
        each_inline(blocks, &mut |inline| match inline {
            Inline::Text(words) => text.push_str(words),
            Inline::Break | Inline::Code(_) | Inline::Figure(_) | Inline::Picture { .. } => text.push(' '),
            Inline::Strong(_) | Inline::Emphasis(_) | Inline::Struck(_) | Inline::Link { .. } => {}
        });
        match narrative::in_text(&text).filter(|found| *found > level) {
            None => level,
            Some(found) => {
                let name = found.as_str();
                let message =
                    format!("'[{name}]' is for what you say: write 'audience: {name}' under the slide's ruler");
                report.fault(part.body.line, message);
                found
            }
        }
    }

    fn open_section(&mut self, yaml: &SlideYaml, blocks: &[Block], level: Level) {
        if yaml.section.is_none() && !self.deck.sections.is_empty() {
            return;
        }
        // All of a section's slides bear its title: one that not all of them may see is not taken from a slide.
        let implied = || if level > self.deck.audience { self.deck.title.clone() } else { title(blocks) };
        let title = yaml.section.clone().unwrap_or_else(implied);
        let section = Section { title, minutes: yaml.minutes.unwrap_or(0.0), first: self.deck.slides.len() };
        self.deck.sections.push(section);
    }
}

impl Head {
    fn read(piece: source::Piece<'_>, known: &[&str], report: &mut Report) -> Head {
        let read: yaml::Read<SlideYaml> = yaml::read(piece, known, report);
        let is_hide = |key: &str| nearest(key, known.iter().copied()).is_some_and(|key| key == "hide");
        let by_line = |line: &str| {
            let line = line.trim().to_lowercase();
            line.starts_with("hide") && !line.ends_with("false")
        };
        // What is wrong with `hide`, or beside it, shows nothing that was hidden.
        let hides = match (read.is_read, read.keys.is_empty()) {
            (true, _) => read.value.hide || read.unknown.iter().any(|key| is_hide(key) && read.keys[key] != false),
            (false, true) => piece.text.lines().any(by_line),
            (false, false) => read.keys.iter().any(|(key, value)| is_hide(key) && *value != false),
        };
        Head { is_sound: read.is_sound(), hides, yaml: read.value }
    }
}

/// Says what a fault in front matter costs: at the first since there were `before`, or by itself.
fn withhold(report: &mut Report, before: usize, line: usize, what: &str) {
    match report.faults.get_mut(before) {
        Some(fault) => fault.message.push_str(&format!("; {what} {WITHHELD}")),
        None => report.fault(line, format!("front matter is not understood: {what} {WITHHELD}")),
    }
}

/// A section whose slides are all hidden is not one.
fn keep_sections_with_slides(deck: &mut Deck) {
    let used: BTreeSet<usize> = deck.slides.iter().map(|slide| slide.section).collect();
    let mut index = 0;
    deck.sections.retain(|_| {
        index += 1;
        used.contains(&(index - 1))
    });
    for slide in &mut deck.slides {
        slide.section = used.range(..slide.section).count();
    }
}

fn cue_and_layout(
    yaml: &SlideYaml,
    demos: &BTreeMap<String, Demo>,
    line_of: &dyn Fn(&str) -> usize,
    report: &mut Report,
) -> (Option<Cue>, Layout) {
    let cue = cue(yaml, demos, line_of, report);
    let layout = yaml.layout.unwrap_or(if cue.is_some() { Layout::Demo } else { Layout::Bullets });
    if yaml.plays.is_some() && cue.is_none() {
        report.fault(line_of("plays"), "'plays' says what a demo is played by: name it with 'demo: <slug>'");
    }
    if layout.needs_demo() && cue.is_none() {
        report.fault(line_of("layout"), format!("a slide of layout '{}' needs 'demo: <slug>'", layout.as_str()));
    }
    (cue, layout)
}

fn cue(
    yaml: &SlideYaml,
    demos: &BTreeMap<String, Demo>,
    line_of: &dyn Fn(&str) -> usize,
    report: &mut Report,
) -> Option<Cue> {
    let slug = yaml.demo.as_ref()?;
    let demo = demos.get(slug);
    if demo.is_none() {
        let near = hint(slug, demos.keys().map(String::as_str));
        report.warn(line_of("demo"), format!("there is no demo '{slug}' to run yet{near}"));
    }
    let named = match &yaml.steps {
        None => demo.map(|demo| demo.groups.iter().map(|group| group.name.clone()).collect()).unwrap_or_default(),
        Some(Names::One(name)) => vec![name.clone()],
        Some(Names::Many(names)) => names.clone(),
    };
    let (groups, strange): (Vec<_>, Vec<_>) =
        named.into_iter().partition(|name| demo.is_none_or(|demo| demo.group(name).is_some()));
    for name in strange {
        let near = hint(&name, demo.iter().flat_map(|demo| &demo.groups).map(|group| group.name.as_str()));
        report.fault(line_of("steps"), format!("demo '{slug}' has no steps '{name}'{near}"));
    }
    let panes = yaml.panes.clone().unwrap_or_else(|| Pane::USUAL.to_vec());
    Some(Cue { demo: slug.clone(), groups, panes, plays: yaml.plays })
}

fn title(blocks: &[Block]) -> String {
    blocks
        .iter()
        .find_map(|block| match block {
            Block::Heading { text, .. } => Some(plain(text)),
            Block::Paragraph(_)
            | Block::List { .. }
            | Block::Table { .. }
            | Block::Code(_)
            | Block::Quote(_)
            | Block::Diagram(_)
            | Block::Compare(_)
            | Block::Column => None,
        })
        .unwrap_or_default()
}

/// Names of the figures that a deck binds, with the line of the slide that shows each.
pub fn figures(deck: &Deck) -> Vec<(usize, String)> {
    let of = |slide: &Slide| -> Vec<_> { slide.figures().into_iter().map(|name| (slide.line, name)).collect() };
    deck.slides.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroom_show::deck::Spoken;

    fn demos() -> BTreeMap<String, Demo> {
        let text = "---\ntitle: Copy\n---\nFirst.\n\n```steps make\nrun true\n```\n\n```steps copy\nrun true\n```\n";
        let demo = super::super::parse_demo("demos/copy/demo.md", "copy", text).expect("good").value.demo;
        [("copy".to_string(), demo)].into()
    }

    fn parse(text: &str) -> Result<Parsed<Deck>, Faults> {
        let picture = |name: &str| match name {
            "plan.svg" => Ok("1d".to_string()),
            _ => Err(format!("there is no picture '{name}'")),
        };
        parse_deck("slides/a/deck.md", "a", text, &demos(), Files { picture: &picture, ..Files::NONE })
    }

    const GOOD: &str = "---
title: A talk
audience: partner
section: Open
minutes: 2
layout: cover
---
# Hello

<!-- Good morning. -->

---
section: Show
minutes: 4
demo: copy
---
# Watch

<!-- Now. [click] It is made. [click] It is copied.

[internal] Only for us. -->
";

    #[test]
    fn a_good_deck_is_read_whole() {
        let deck = parse(GOOD).expect("good").value;
        assert_eq!((deck.title.as_str(), deck.minutes, deck.audience), ("A talk", 6.0, Level::Partner));
        assert_eq!(deck.sections.iter().map(|section| section.first).collect::<Vec<_>>(), [0, 1]);
        assert_eq!((deck.slides[0].layout, deck.slides[0].title.as_str()), (Layout::Cover, "Hello"));
        let show = &deck.slides[1];
        assert_eq!(show.layout, Layout::Demo, "a cue makes a demo slide");
        assert_eq!(show.cue.as_ref().expect("cue").groups, ["make", "copy"]);
        assert_eq!(show.beats.len(), 3);
        assert_eq!(show.beats[2].paragraphs[1], Spoken { level: Level::Internal, text: "Only for us.".into() });
    }

    #[test]
    fn faults_name_file_line_and_the_nearest_name_and_the_rest_is_shown() {
        let cases = [
            ("---\ntitle: [\n---\n# A\n", "slides/a/deck.md:2: front matter", 1),
            ("---\ntitle: A\n---\n# A\n\n---\nlayout: covr\n---\n# B\n", "slides/a/deck.md:7: front matter", 2),
            ("---\ntitle: A\n---\n# A\n\n---\nlayout: demo\n---\n# B\n", "slides/a/deck.md:7: a slide of layout", 2),
            (
                "---\ntitle: A\ndemo: copy\nsteps: mkae\n---\n# A\n",
                "slides/a/deck.md:4: demo 'copy' has no steps 'mkae'; did you mean 'make'?",
                1,
            ),
            ("# A\n```\nnever\n\n---\n# B\n", "slides/a/deck.md:2: this fence never ends", 2),
            ("---\ntitle: A\ncuts: [5, 10]\n---\n# A\n", "slides/a/deck.md:3: 'cuts' are minutes", 1),
            (
                "---\ntitle: A\ndemo: copy\nplays: recorde\n---\n# A\n",
                "slides/a/deck.md:4: front matter: unknown variant `recorde`, expected one of live, recorded, auto; did you mean 'recorded'?",
                1,
            ),
            ("---\ntitle: A\nplays: auto\n---\n# A\n", "slides/a/deck.md:3: 'plays' says what a demo is played by", 1),
            ("---\ntitle: A\npriority: 7\n---\n# A\n", "slides/a/deck.md:3: 'priority' is 1", 1),
        ];
        for (text, wanted, slides) in cases {
            let parsed = parse(text).expect("something to show");
            let said = Faults(parsed.faults).to_string();
            assert!(said.contains(wanted), "wanted {wanted}\nsaid   {said}");
            assert_eq!(parsed.value.slides.len(), slides, "{text}");
        }
    }

    #[test]
    fn a_slide_says_what_its_demo_is_played_by() {
        let plays = |said: &str| {
            let deck = parse(&format!("# A\n\n---\ndemo: copy\n{said}---\n# B\n")).expect("good").value;
            deck.slides[1].cue.clone().expect("a cue").plays
        };
        assert_eq!(plays(""), None);
        for wanted in Plays::ALL {
            assert_eq!(plays(&format!("plays: {}\n", wanted.as_str())), Some(wanted));
        }
    }

    #[test]
    fn a_deck_without_a_slide_is_none() {
        let said = parse("---\ntitle: A\nhide: true\n---\n# A\n").expect_err("nothing to show").to_string();
        assert!(said.contains("slides/a/deck.md:1: the deck shows no slide"), "{said}");
    }

    #[test]
    fn a_demo_that_is_not_there_yet_keeps_its_slide() {
        let parsed = parse("---\ntitle: A\n---\n# A\n\n---\ndemo: cpoy\nsteps: make\n---\n# B\n").expect("good");
        let said = parsed.warnings[0].to_string();
        assert_eq!(said, "slides/a/deck.md:7: there is no demo 'cpoy' to run yet; did you mean 'copy'?");
        assert_eq!(parsed.value.slides[1].cue.as_ref().expect("a cue").groups, ["make"]);
    }

    #[test]
    fn a_slide_compares_figures_by_their_names_and_bad_ones_say_where() {
        let with = |fence: &str| format!("---\ntitle: A\n---\n# A\n\n```compare\n{fence}\n```\n");
        let sides = "title: Moved\nunit: bytes-per-second\nsides:\n  - { figure: up.x, label: in }";
        let good = parse(&with(&format!("{sides}\n  - {{ figure: down.x, label: out }}"))).expect("good").value;
        assert_eq!(good.slides[0].figures(), ["up.x", "down.x"]);
        let said = |text: &str| {
            parse(text)
                .map(|parsed| parsed.faults)
                .map_or_else(|faults| faults.to_string(), |faults| format!("{faults:?}"))
        };
        assert!(said(&with(sides)).contains("has 1 sides, and 2 to 5 can be read"), "{}", said(&with(sides)));
        let strange = said(&with("title: Moved\nunits: bytes"));
        assert!(strange.contains("a comparison has 'title', 'unit' and 'sides'"), "{strange}");
        let nested = said("---\ntitle: A\n---\n# A\n\n> ```compare\n> title: T\n> ```\n");
        assert!(nested.contains("stands by itself"), "{nested}");
    }

    #[test]
    fn unknown_keys_warn_with_their_line() {
        let parsed = parse("---\ntitle: A\n---\n# A\n\n---\nlayuot: cover\n---\n# B\n").expect("good");
        let said = parsed.warnings[0].to_string();
        assert!(
            said.starts_with("slides/a/deck.md:7: unknown key 'layuot' is ignored; did you mean 'layout'?"),
            "{said}"
        );
    }

    #[test]
    fn all_faults_come_at_once() {
        let text = "---\ntitle: A\n---\n# A\n\n---\nlayout: x\n---\n# B\n\n---\nlayout: y\n---\n# C\n";
        assert_eq!(parse(text).expect("shown").faults.len(), 2);
    }

    #[test]
    fn five_hundred_slides_and_other_scripts_are_no_trouble() {
        let text = "# שלום 世界\n\n---\n\n".repeat(600);
        let deck = parse(&text).expect("good");
        assert_eq!(deck.value.slides.len(), SLIDES_MAX);
        assert!(deck.warnings[0].message.contains("500 slides"));
    }

    #[test]
    fn a_picture_is_shown_and_one_that_cannot_be_costs_itself_alone() {
        let parsed =
            parse("# A\n\n![The plan](plan.svg)\n\n---\n# B\n\nSee ![a rack](rack.png) here.\n").expect("good");
        let plan = Inline::Picture { id: "1d".into(), alt: "The plan".into() };
        assert_eq!(parsed.value.slides[0].body[1], Block::Paragraph(vec![plan]));
        assert_eq!(parsed.faults[0].to_string(), "slides/a/deck.md:8: there is no picture 'rack.png'");
        let Block::Paragraph(text) = &parsed.value.slides[1].body[1] else { panic!("{:?}", parsed.value.slides[1]) };
        assert_eq!(plain(text), "See a rack here.");
    }

    #[test]
    fn a_deck_is_another_one_with_another_file() {
        let hash = |id: &str| {
            let picture = |_: &str| Ok(id.to_string());
            let text = |_: &str| Ok((String::new(), id.to_string()));
            let files = Files { picture: &picture, text: &text };
            let hash = |deck: &str| parse_deck("d", "a", deck, &demos(), files).expect("good").value.hash;
            [hash("![x](y.png)"), hash("A\n\n```code\nfile: y.yaml\n```\n")]
        };
        assert_eq!(hash("1"), hash("1"));
        assert!(hash("1").iter().zip(hash("2")).all(|(one, other)| *one != other));
    }

    #[test]
    fn a_slide_has_a_motif_and_one_that_is_none_is_named() {
        let deck = parse("# A\n\n---\nlayout: section\nmotif: lanes\n---\n# B\n").expect("good").value;
        assert_eq!((deck.slides[1].motif, deck.slides[1].layout), (Some(Motif::Lanes), Layout::Section));
        let said = parse("# A\n\n---\nmotif: lames\n---\n# B\n").expect("shown").faults[0].to_string();
        assert!(said.contains("deck.md:4:") && said.contains("did you mean 'lanes'?"), "{said}");
    }

    #[test]
    fn bound_figures_are_listed_with_their_slide() {
        let deck = parse("# A\n\nIt took {{ copy.seconds }}.\n").expect("good").value;
        assert_eq!(figures(&deck), [(1, "copy.seconds".to_string())]);
    }
}
