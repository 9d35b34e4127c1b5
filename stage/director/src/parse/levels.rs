//! Breaks the front matter of every slide that is shipped, one line at a time: nothing may be shown to more people than before.

use super::{Files, Parsed, parse_deck, source};
use greenroom_show::deck::{Deck, Level, Slide};
use greenroom_show::version::{Version, version};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

/// Texts that are shorter may stand on several slides.
const TELLING: usize = 16;

fn shipped() -> BTreeMap<String, String> {
    let slides = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../slides");
    let decks = std::fs::read_dir(slides).expect("decks").flatten();
    let read = |path: &Path| std::fs::read_to_string(path.join("deck.md")).expect("a deck");
    decks.map(|entry| (entry.file_name().to_string_lossy().into_owned(), read(&entry.path()))).collect()
}

fn parse(text: &str) -> Option<Parsed<Deck>> {
    let files = Files { picture: &|name| Ok(name.to_string()), text: &|name| Ok((name.to_string(), "a\n".repeat(99))) };
    parse_deck("deck.md", "deck", text, &BTreeMap::new(), files).ok()
}

/// What of a slide tells that it is shown.
fn words(slide: &Slide) -> Vec<String> {
    let spoken = slide.beats.iter().flat_map(|beat| &beat.paragraphs).map(|spoken| spoken.text.clone());
    spoken.chain([slide.title.clone()]).filter(|text| text.len() >= TELLING).collect()
}

/// What is too high for a level, and stands nowhere else.
fn secrets(deck: &Deck, level: Level) -> BTreeSet<String> {
    let of =
        |is_secret: bool| deck.slides.iter().filter(move |slide| (slide.level > level) == is_secret).flat_map(words);
    let open: BTreeSet<String> = of(false).collect();
    of(true).filter(|text| !open.contains(text)).collect()
}

/// What is shown at a level that is asked for, or at the deck's own.
fn shown(deck: &Deck, level: Option<Level>) -> BTreeSet<String> {
    let shown = version(deck, Version { level, cut: None });
    shown.map(|(deck, _)| deck.slides.iter().flat_map(words).collect()).unwrap_or_default()
}

/// Pieces of a deck, small enough to be read thousands of times: its opening, two slides to be broken, and the one behind them. With
/// each, the lines to break.
fn pieces(text: &str) -> Vec<(String, Range<usize>)> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let source = source::read(text, &["title", "layout", "section", "demo", "priority", "audience", "minutes"]);
    let starts = source.parts.iter().map(|part| part.yaml.map_or(part.body.line, |yaml| yaml.line) - 2);
    let starts: Vec<usize> = starts.chain([lines.len()]).collect();
    let parts: Vec<&[&str]> = starts.windows(2).map(|part| &lines[part[0]..part[1]]).collect();
    let piece = |index: usize| {
        let first = index.max(1);
        let opening = if index == 0 { 0 } else { parts[0].len() };
        let of = |to: usize| [&parts[..1], &parts[first..parts.len().min(to)]].concat().concat();
        (of(index + 3).concat(), opening..of(index + 2).len())
    };
    (0..parts.len()).step_by(2).map(piece).collect()
}

/// A line of front matter, broken in each way.
fn broken(line: &str) -> Vec<String> {
    let Some((key, value)) = line.split_once(':').map(|(key, value)| (key, value.trim())) else {
        // A ruler.
        let rulers = ["", "--", "----", " ---", "***", "\u{feff}---", "---\t", "-- -", "—"];
        return rulers.map(String::from).to_vec();
    };
    let mut swapped: Vec<char> = key.chars().collect();
    swapped.swap(1, 2);
    let swapped: String = swapped.into_iter().collect();
    let (first, rest) = key.split_at(1);
    vec![
        format!("{key}: nonsense"),
        format!("{key}: [nonsense]"),
        format!("{key}: ["),
        format!("{key}: 'open"),
        format!("{key}: {value}x"),
        format!("{key}: {}", value.to_uppercase()),
        format!("{key}: &a *b"),
        format!("{key}:{value}"),
        format!("{key}={value}"),
        format!("{key} {value}"),
        format!("{key} : {value}"),
        format!("{key}:\t{value}"),
        format!("{swapped}: {value}"),
        format!("{rest}: {value}"),
        format!("{}{rest}: {value}", first.to_uppercase()),
        format!("strange: {value}"),
        format!("\"{key}\": {value}"),
        format!("\t{key}: {value}"),
        format!("  {key}: {value}"),
        format!("\n{key}: {value}"),
        format!("# a comment\n{key}: {value}"),
        format!("\u{feff}{key}: {value}"),
        format!("{key}: {value}\n{key}: {value}"),
        format!("{key}: {value}\n# A heading\n\nand prose"),
        format!("- {key}: {value}"),
        format!("unknown: 1\n{key}: {value}"),
    ]
}

/// Lines of a text that are front matter, or rulers around it.
fn lines_of_heads(text: &str) -> Vec<usize> {
    let mut is_inside = false;
    let mut found = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let next_is_key = lines.get(index + 1).is_some_and(|next| next.contains(": ") && !next.contains(". "));
        match (*line == "---", is_inside) {
            (true, true) => is_inside = false,
            (true, false) if next_is_key => is_inside = true,
            (false, true) => {}
            (true | false, false) => continue,
        }
        found.push(index);
    }
    found
}

fn try_all(name: &str, text: &str) -> usize {
    let mut tried = 0;
    for (text, to_break) in pieces(text) {
        let good = parse(&text).expect("a deck").value;
        let lines: Vec<&str> = text.lines().collect();
        for at in lines_of_heads(&text).into_iter().filter(|at| to_break.contains(at)) {
            for line in broken(lines[at]) {
                let edited = [&lines[..at], &[line.as_str()], &lines[at + 1..]].concat().join("\n");
                let Some(parsed) = parse(&edited) else { continue };
                tried += 1;
                for level in [None, Some(Level::Public), Some(Level::Partner)] {
                    let secrets = secrets(&good, level.unwrap_or(good.audience));
                    let shown = shown(&parsed.value, level);
                    let told: Vec<_> = secrets.intersection(&shown).collect();
                    assert!(
                        told.is_empty(),
                        "{name}: {line:?} for {:?} shows {told:?} at {level:?}\n{edited}",
                        lines[at]
                    );
                }
            }
        }
    }
    tried
}

#[test]
fn whatever_breaks_in_front_matter_shows_nothing_to_more_people() {
    let decks = shipped();
    std::thread::scope(|scope| {
        let tried: Vec<_> = decks.iter().map(|(name, text)| scope.spawn(|| try_all(name, text))).collect();
        for (tried, name) in tried.into_iter().zip(decks.keys()) {
            let tried = tried.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            assert!(tried > 500, "{name}: {tried}");
        }
    });
}

#[test]
fn what_is_shipped_is_read_whole() {
    for (name, text) in shipped() {
        let parsed = parse(&text).expect("a deck");
        assert_eq!(parsed.faults, [], "{name}");
        let titles: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# ")).collect();
        let found: Vec<&str> = parsed.value.slides.iter().map(|slide| slide.title.as_str()).collect();
        assert_eq!(found, titles, "{name}");
        assert!(parsed.value.slides.iter().all(|slide| slide.words() > 0), "{name}: a slide without words");
    }
}

/// Each beside what its slides are for afterwards.
#[test]
fn what_cannot_be_read_is_internal_and_says_so() {
    const SECRET: &str =
        "---\ntitle: A\naudience: partner\n---\n# Open\n\n---\nlayout: quote\naudience: internal\n---\n# Secret\n";
    for (from, to, levels) in [
        ("layout: quote", "layout: qoute", vec![Level::Partner, Level::Internal]),
        ("audience: internal", "audence: internal", vec![Level::Partner, Level::Internal]),
        ("audience: internal", "audience: internl", vec![Level::Partner, Level::Internal]),
        ("audience: internal", "level: internal", vec![Level::Partner, Level::Internal]),
        ("audience: internal", "audience internal", vec![Level::Partner, Level::Internal]),
        ("layout: quote", "cuts: [1]", vec![Level::Partner, Level::Internal]),
        ("layout: quote", "priority: 9", vec![Level::Partner, Level::Internal]),
        ("audience: internal", "audience: public\nlayuot: quote", vec![Level::Partner, Level::Internal]),
        ("title: A", "title: A\ncuts: 10", vec![Level::Internal, Level::Internal]),
        ("title: A", "titel: A", vec![Level::Internal, Level::Internal]),
        ("title: A", "title: A\nsteps: {", vec![Level::Internal, Level::Internal]),
        ("---\ntitle", "title", vec![Level::Internal; 3]),
    ] {
        let parsed = parse(&SECRET.replacen(from, to, 1)).expect("slides");
        let found: Vec<Level> = parsed.value.slides.iter().map(|slide| slide.level).collect();
        assert_eq!(found, levels, "{to}");
        let said: Vec<_> = parsed.faults.iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|said| said.contains("internal audiences only until")), "{to}: {said:?}");
    }
    let whole = parse(SECRET).expect("slides");
    assert_eq!((whole.faults.len(), whole.warnings.len()), (0, 0));
}

#[test]
fn what_is_hidden_stays_hidden_and_its_section_stays() {
    let deck = |hide: &str| {
        format!(
            "---\ntitle: A\nsection: One\nminutes: 1\n---\n# A\n\n---\nsection: Two\nminutes: 5\n{hide}\n---\n# Hidden\n\n---\n# B\n"
        )
    };
    for hide in ["hide: true", "hide: yes please", "hdie: true", "hide: [", "hide:true", "\"hide\": true"] {
        let deck = parse(&deck(hide)).expect("slides").value;
        assert!(deck.slides.iter().all(|slide| slide.title != "Hidden"), "{hide}");
    }
    let deck = parse(&deck("hide: true")).expect("slides").value;
    let sections: Vec<_> =
        deck.sections.iter().map(|section| (section.title.as_str(), section.minutes, section.first)).collect();
    assert_eq!(sections, [("One", 1.0, 0), ("Two", 5.0, 1)]);
    assert_eq!((deck.minutes, deck.slides[1].section), (6.0, 1));
    let alone = parse("# A\n\n---\nsection: Two\nhide: true\n---\n# Hidden\n\n---\nsection: Three\n---\n# C\n")
        .expect("slides");
    let titles: Vec<_> = alone.value.sections.iter().map(|section| section.title.as_str()).collect();
    assert_eq!((titles, alone.value.slides[1].section), (vec!["A", "Three"], 1));
}

#[test]
fn an_open_fence_or_comment_shows_nothing_of_a_secret_slide() {
    for slip in ["```\ncode\n", "<!-- said\n", "~~~\n"] {
        let deck = format!(
            "---\naudience: public\ntitle: A\n---\n# Open\n\n---\naudience: internal\n---\n# Secret\n\n{slip}\n---\n\nSecret words that go on\n\n---\nlayout: quote\n---\n# After\n"
        );
        let deck = parse(&deck).expect("slides").value;
        let open: Vec<_> = deck.slides.iter().filter(|slide| slide.level < Level::Internal).collect();
        assert!(!format!("{open:?}").contains("Secret"), "{slip:?} {open:?}");
        assert_eq!(open.len(), 2, "one slip costs no more than what is around it: {slip:?}");
    }
}

#[test]
fn what_follows_a_slip_is_for_no_more_people_than_before() {
    let levels = |text: &str| -> Vec<Level> {
        parse(text).expect("slides").value.slides.iter().map(|slide| slide.level).collect()
    };
    use Level::{Internal, Partner, Public};
    let deck = |first: &str, second: &str| {
        format!("---\n{first}\n---\n# A\n\n```\nopen\n\n---\n{second}\n---\n# B\n\n---\n# C\n")
    };
    assert_eq!(levels(&deck("title: A", "layout: quote")), [Internal, Public, Public]);
    assert_eq!(levels(&deck("title: A\naudience: partner", "audience: public")), [Internal, Partner, Partner]);
}

#[test]
fn a_level_on_a_slide_itself_is_a_fault_and_holds() {
    let parsed = parse("# A\n\n- one\n- **[Internal]** two\n\n---\n# B\n\n`[internal]` is a level.\n").expect("slides");
    assert_eq!(parsed.value.slides[0].level, Level::Internal);
    assert_eq!(parsed.value.slides[1].level, Level::Public);
    assert!(parsed.faults[0].message.contains("write 'audience: internal'"), "{:?}", parsed.faults);
}
