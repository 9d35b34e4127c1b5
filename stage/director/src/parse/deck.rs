//! `slides/<slug>/deck.md` into a deck.

use super::{Faults, FindPicture, Parsed, Report, hint, markdown, source, yaml};
use greenroom_show::deck::{
    Beat, Block, Cue, Deck, Inline, Layout, Level, PRIORITY_LAST, PRIORITY_USUAL, Pane, Section, Slide, Spoken, Theme,
    plain,
};
use greenroom_show::demo::Demo;
use serde::Deserialize;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Slides that a talk of any length stays under.
const SLIDES_MAX: usize = 500;

const DECK_KEYS: &[&str] = &["title", "theme", "audience", "minutes", "cuts"];
const SLIDE_KEYS: &[&str] = &[
    "layout",
    "class",
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
];

#[derive(Debug, Default, Deserialize)]
struct DeckYaml {
    title: Option<String>,
    #[serde(default)]
    theme: Theme,
    #[serde(default)]
    audience: Level,
    #[serde(default)]
    cuts: Vec<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SlideYaml {
    layout: Option<Layout>,
    #[serde(default)]
    class: String,
    #[serde(default)]
    hide: bool,
    route_alias: Option<String>,
    /// Minutes of this slide alone.
    duration: Option<f64>,
    /// Opens a section of this title.
    section: Option<String>,
    /// Minutes of the section that this slide opens.
    minutes: Option<f64>,
    priority: Option<u8>,
    audience: Option<Level>,
    demo: Option<String>,
    steps: Option<Names>,
    panes: Option<Vec<Pane>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Many(Vec<String>),
}

/// Parses a deck against the demos that its slides may cue and the pictures that they may show. A fault costs the piece that it is
/// in, and the rest is shown; `Err` only where no slide is left.
pub fn parse_deck(
    file: &str,
    slug: &str,
    text: &str,
    demos: &BTreeMap<String, Demo>,
    pictures: FindPicture<'_>,
) -> Result<Parsed<Deck>, Faults> {
    let mut report = Report::new(file);
    // Another picture under the same name is another deck.
    let hash = RefCell::new(blake3::Hasher::new());
    hash.borrow_mut().update(text.as_bytes());
    let pictures = |name: &str| {
        let id = pictures(name)?;
        hash.borrow_mut().update(id.as_bytes());
        Ok(id)
    };
    let source = source::read(text);
    source.say_endless(&mut report);
    let parts = source.parts;
    let mut deck = head(&parts, slug, &mut report);
    for (index, part) in parts.iter().enumerate() {
        if deck.slides.len() == SLIDES_MAX {
            report.warn(part.body.line, format!("a deck shows {SLIDES_MAX} slides; the rest is left out"));
            break;
        }
        read_slide(part, index == 0, &mut deck, demos, &pictures, &mut report);
    }
    deck.hash = hash.borrow().finalize().to_hex().to_string();
    if deck.slides.is_empty() {
        report.fault(1, "the deck shows no slide: write one, or take a 'hide' away");
        return report.finish_strictly(None);
    }
    if deck.title.is_empty() {
        deck.title = deck.slides.first().map_or_else(|| slug.to_string(), |slide| slide.title.clone());
    }
    deck.minutes = deck.sections.iter().map(|section| section.minutes).sum();
    Ok(report.finish(deck))
}

fn head(parts: &[source::Part<'_>], slug: &str, report: &mut Report) -> Deck {
    let all: Vec<&str> = DECK_KEYS.iter().chain(SLIDE_KEYS).copied().collect();
    let yaml: DeckYaml =
        parts.first().and_then(|part| part.yaml).and_then(|piece| yaml::read(piece, &all, report)).unwrap_or_default();
    let is_cut = |minutes: &f64| minutes.is_finite() && *minutes > 0.0;
    if !yaml.cuts.iter().all(is_cut) || !yaml.cuts.is_sorted_by(|longer, shorter| longer > shorter) {
        let line = parts.first().and_then(|part| part.yaml).map_or(1, |piece| yaml::key_line(piece, "cuts"));
        report.fault(line, "'cuts' are minutes, the longest first: cuts: [25, 10]");
    }
    Deck {
        slug: slug.to_string(),
        title: yaml.title.unwrap_or_default(),
        theme: yaml.theme,
        audience: yaml.audience,
        minutes: 0.0,
        cuts: yaml.cuts.into_iter().filter(is_cut).collect(),
        sections: vec![],
        slides: vec![],
        hash: String::new(),
    }
}

fn read_slide(
    part: &source::Part<'_>,
    first: bool,
    deck: &mut Deck,
    demos: &BTreeMap<String, Demo>,
    pictures: FindPicture<'_>,
    report: &mut Report,
) {
    // The deck's own keys stand in the first slide's front matter, which `head` has already reported on.
    let yaml: SlideYaml = match part.yaml {
        Some(piece) if first => {
            let mut silent = Report::new("");
            let all: Vec<&str> = DECK_KEYS.iter().chain(SLIDE_KEYS).copied().collect();
            let read = yaml::read(piece, &all, &mut silent);
            if report.faults.is_empty() {
                report.faults.extend(silent.faults.into_iter().map(|mut fault| {
                    fault.file.clone_from(&report.file);
                    fault
                }));
            }
            read.unwrap_or_default()
        }
        Some(piece) => yaml::read(piece, SLIDE_KEYS, report).unwrap_or_default(),
        None => SlideYaml::default(),
    };
    if yaml.hide {
        return;
    }
    let line_of = |key: &str| part.yaml.map_or(part.body.line, |piece| yaml::key_line(piece, key));
    let markdown = markdown::read(part.body, markdown::Text::Slide(pictures), report);
    if first && markdown.blocks.is_empty() && part.yaml.is_some() && yaml.layout.is_none() {
        return;
    }
    open_section(&yaml, deck, &markdown.blocks);
    let beats = beats(
        markdown.comments.last().map(|(_, text)| text.as_str()).unwrap_or_default(),
        yaml.audience.unwrap_or(deck.audience),
    );
    let cue = cue(&yaml, demos, &line_of, report);
    let layout = yaml.layout.unwrap_or(if cue.is_some() { Layout::Demo } else { Layout::Bullets });
    if matches!(layout, Layout::Demo | Layout::Pane) && yaml.demo.is_none() {
        report.fault(line_of("layout"), format!("a slide of layout '{}' needs 'demo: <slug>'", layout.as_str()));
    }
    let priority = yaml.priority.unwrap_or(PRIORITY_USUAL);
    if !(1..=PRIORITY_LAST).contains(&priority) {
        report.fault(
            line_of("priority"),
            format!("'priority' is 1, in every version, to {PRIORITY_LAST}, the first to be cut"),
        );
    }
    let is_built = |cue: &&Cue| demos.contains_key(&cue.demo);
    if let Some(cue) = cue.as_ref().filter(is_built).filter(|cue| beats.len() > cue.groups.len() + 1) {
        let line = markdown.comments.last().map_or(part.body.line, |(line, _)| *line);
        let message = format!(
            "{} clicks but {} groups of steps: a demo's clicks are its groups",
            beats.len() - 1,
            cue.groups.len()
        );
        report.warn(line, message);
    }
    deck.slides.push(Slide {
        layout,
        title: title(&markdown.blocks),
        section: deck.sections.len() - 1,
        minutes: yaml.duration,
        priority: priority.clamp(1, PRIORITY_LAST),
        level: yaml.audience.unwrap_or(deck.audience),
        alias: yaml.route_alias,
        class: yaml.class,
        body: markdown.blocks,
        cue,
        beats,
        line: part.body.line,
    });
}

fn open_section(yaml: &SlideYaml, deck: &mut Deck, blocks: &[Block]) {
    if yaml.section.is_none() && !deck.sections.is_empty() {
        return;
    }
    let title = yaml.section.clone().unwrap_or_else(|| title(blocks));
    deck.sections.push(Section { title, minutes: yaml.minutes.unwrap_or(0.0), first: deck.slides.len() });
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
    let panes = yaml.panes.clone().unwrap_or_else(|| vec![Pane::Charts, Pane::Terminal, Pane::Checks]);
    Some(Cue { demo: slug.clone(), groups, panes })
}

/// The narrative, cut at its clicks.
fn beats(narrative: &str, level: Level) -> Vec<Beat> {
    narrative.split("[click]").map(|beat| Beat { paragraphs: paragraphs(beat, level) }).collect()
}

/// Paragraphs are parted by empty lines; one may open with its own level, `[internal]` or `[partner]`.
fn paragraphs(text: &str, level: Level) -> Vec<Spoken> {
    text.split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|paragraph| !paragraph.is_empty())
        .map(|paragraph| match (paragraph.strip_prefix("[internal]"), paragraph.strip_prefix("[partner]")) {
            (Some(rest), _) => Spoken { level: level.max(Level::Internal), text: rest.trim().to_string() },
            (None, Some(rest)) => Spoken { level: level.max(Level::Partner), text: rest.trim().to_string() },
            (None, None) => Spoken { level, text: paragraph },
        })
        .collect()
}

fn title(blocks: &[Block]) -> String {
    blocks
        .iter()
        .find_map(|block| match block {
            Block::Heading { text, .. } => Some(plain(text)),
            Block::Paragraph(_)
            | Block::List { .. }
            | Block::Table { .. }
            | Block::Code { .. }
            | Block::Quote(_)
            | Block::Diagram(_)
            | Block::Column => None,
        })
        .unwrap_or_default()
}

/// Names of the figures that a deck binds, with the line of the slide that shows each.
pub fn figures(deck: &Deck) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for slide in &deck.slides {
        for block in &slide.body {
            in_block(block, slide.line, &mut found);
        }
    }
    found
}

fn in_block(block: &Block, line: usize, found: &mut Vec<(usize, String)>) {
    match block {
        Block::Heading { text, .. } | Block::Paragraph(text) => in_inlines(text, line, found),
        Block::List { items, .. } => items.iter().flatten().for_each(|block| in_block(block, line, found)),
        Block::Quote(blocks) => blocks.iter().for_each(|block| in_block(block, line, found)),
        Block::Table { head, rows } => {
            head.iter().chain(rows.iter().flatten()).for_each(|cell| in_inlines(cell, line, found));
        }
        Block::Code { .. } | Block::Diagram(_) | Block::Column => {}
    }
}

fn in_inlines(inlines: &[Inline], line: usize, found: &mut Vec<(usize, String)>) {
    for inline in inlines {
        match inline {
            Inline::Figure(name) => found.push((line, name.clone())),
            Inline::Strong(text) | Inline::Emphasis(text) | Inline::Link { text, .. } => in_inlines(text, line, found),
            Inline::Text(_) | Inline::Code(_) | Inline::Break | Inline::Picture { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demos() -> BTreeMap<String, Demo> {
        let text = "---\ntitle: Copy\n---\nFirst.\n\n```steps make\nrun true\n```\n\n```steps copy\nrun true\n```\n";
        let demo = super::super::parse_demo("demos/copy/demo.md", "copy", text).expect("good").value.demo;
        [("copy".to_string(), demo)].into()
    }

    fn parse(text: &str) -> Result<Parsed<Deck>, Faults> {
        let pictures = |name: &str| match name {
            "plan.svg" => Ok("1d".to_string()),
            _ => Err(format!("there is no picture '{name}'")),
        };
        parse_deck("slides/a/deck.md", "a", text, &demos(), &pictures)
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
    fn a_deck_is_another_one_with_another_picture() {
        let hash = |id: &str| {
            let pictures = |_: &str| Ok(id.to_string());
            parse_deck("d", "a", "![x](y.png)", &demos(), &pictures).expect("good").value.hash
        };
        assert_eq!(hash("1"), hash("1"));
        assert_ne!(hash("1"), hash("2"));
    }

    #[test]
    fn bound_figures_are_listed_with_their_slide() {
        let deck = parse("# A\n\nIt took {{ copy.seconds }}.\n").expect("good").value;
        assert_eq!(figures(&deck), [(1, "copy.seconds".to_string())]);
    }
}
