//! `slides/<deck>/booth.yaml`: what a booth shows, in order. Without it, every slide, and at the first slide of a demo its recording.

use crate::parse::{Fault, document, nearest};
use crate::takes::library::standing_in;
use crate::words::duration;
use greenroom_show::booth::Item;
use greenroom_show::deck::{Deck, Slide};
use greenroom_show::take::{Label, TakeInfo};
use greenroom_show::{Micros, Show};
use schemars::{JsonSchema, Schema, schema_for};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

pub const FILE: &str = "booth.yaml";
/// Of a slide that says nothing else.
const USUAL: Micros = 15_000_000;
/// More than a visitor waits for.
const ITEMS_MAX: usize = 500;

/// What there is to show.
#[derive(Debug, Clone, Copy)]
pub struct Shelf<'a> {
    pub show: &'a Show,
    pub takes: &'a [TakeInfo],
    pub labels: &'a BTreeMap<String, Label>,
}

/// A slide, or a take.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Line {
    /// By its number, from 1, its `routeAlias`, or its title.
    slide: Option<Name>,
    /// How long the slide is shown: `20s`; 15 seconds where absent.
    #[serde(rename = "for")]
    lasts: Option<String>,
    /// By its id, its name, or its demo.
    take: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Name {
    Number(usize),
    Word(String),
}

/// What the file may say.
pub fn schema() -> Schema {
    let mut schema = schema_for!(Vec<Line>);
    schema.insert("title".into(), "What a booth shows".into());
    schema
}

/// Whether a text is such a file, whatever its names mean.
#[cfg(test)]
pub fn is_list(text: &str) -> Result<(), (usize, String)> {
    document::<Vec<Line>>(text).map(|_| ())
}

/// The items of a file, and what is wrong with the others. Where nothing of it is left, it is as if there were none.
pub fn list(file: &str, text: Option<&str>, shelf: Shelf<'_>) -> (Vec<Item>, Vec<Fault>) {
    let Some(text) = text else { return (usual(shelf), vec![]) };
    let fault = |line, message| Fault { file: file.to_string(), line, message };
    let lines: Vec<Line> = match document(text) {
        Ok(lines) => lines,
        Err((line, message)) => return (usual(shelf), vec![fault(line, message)]),
    };
    let (mut items, mut faults) = (Vec::new(), Vec::new());
    for (index, line) in lines.iter().take(ITEMS_MAX).enumerate() {
        match item(line, shelf) {
            Ok(item) => items.push(item),
            Err(message) => faults.push(fault(line_of(text, index), message)),
        }
    }
    if items.is_empty() {
        items = usual(shelf);
    }
    (items, faults)
}

/// Of an item, from 1.
fn line_of(text: &str, index: usize) -> usize {
    let begins = |line: &&str| line.trim_start().starts_with('-') && line.trim() != "---";
    text.lines().enumerate().filter(|(_, line)| begins(line)).nth(index).map_or(1, |(line, _)| line + 1)
}

fn item(line: &Line, shelf: Shelf<'_>) -> Result<Item, String> {
    match line {
        Line { slide: Some(name), lasts, take: None } => {
            let lasts = match lasts {
                None => USUAL,
                Some(text) => Micros::try_from(duration(text)?.as_micros()).unwrap_or(Micros::MAX),
            };
            Ok(Item::Slide { slide: slide(name, shelf.show)?, lasts })
        }
        Line { slide: None, lasts: None, take: Some(name) } => take(name, shelf),
        Line { slide: None, lasts: Some(_), take: Some(_) } => {
            Err("a take lasts as long as it does: 'for' is a slide's".into())
        }
        _ => Err("an item is 'slide: <name or number>', with 'for: 20s', or 'take: <id, name or demo>'".into()),
    }
}

/// By its number, from 1, its `routeAlias`, or its title.
fn slide(name: &Name, show: &Show) -> Result<usize, String> {
    let slides = show.deck.as_ref().map(|deck| deck.slides.as_slice()).unwrap_or_default();
    let word = match name {
        Name::Number(number) => {
            let index = number.checked_sub(1).filter(|index| *index < slides.len());
            return index.ok_or_else(|| format!("there is no slide {number}: the deck shows {}", slides.len()));
        }
        Name::Word(word) => word,
    };
    let is = |slide: &Slide| slide.alias.as_ref() == Some(word) || slide.title == *word;
    slides.iter().position(is).ok_or_else(|| {
        let names = slides.iter().flat_map(|slide| slide.alias.iter().chain([&slide.title])).map(String::as_str);
        format!("there is no slide '{word}'{}", hint(nearest(word, names)))
    })
}

fn take(name: &str, shelf: Shelf<'_>) -> Result<Item, String> {
    let Shelf { show, takes, labels } = shelf;
    if show.demos.contains_key(name) {
        let take = standing_in(takes, labels, name).into_iter().next();
        return take.map(|take| of_take(&take)).ok_or_else(|| format!("no take of '{name}' has passed yet"));
    }
    let is_named = |take: &&TakeInfo| labels.get(&take.id).and_then(|label| label.name.as_deref()) == Some(name);
    let found = takes.iter().find(|take| take.id == name).or_else(|| takes.iter().find(is_named));
    let found = found.ok_or_else(|| {
        let named = labels.values().filter_map(|label| label.name.as_deref());
        let known = takes.iter().map(|take| take.id.as_str()).chain(show.demos.keys().map(String::as_str));
        format!("there is no take '{name}' that can be read{}", hint(nearest(name, known.chain(named))))
    })?;
    if found.duration_ms == 0 {
        return Err(format!("the take '{name}' holds nothing that can be played"));
    }
    if !found.is_of_talk() && first_slide(show, &found.demo).is_none() {
        return Err(format!("no slide shows the demo '{}' of this take", found.demo));
    }
    Ok(of_take(found))
}

fn hint(near: Option<String>) -> String {
    near.map(|near| format!("; did you mean '{near}'?")).unwrap_or_default()
}

fn of_take(take: &TakeInfo) -> Item {
    Item::Take { id: take.id.clone(), lasts: take.duration_ms.saturating_mul(1000) }
}

fn first_slide(show: &Show, demo: &str) -> Option<usize> {
    let cues = |slide: &Slide| slide.cue.as_ref().is_some_and(|cue| cue.demo == demo);
    show.deck.as_ref()?.slides.iter().position(cues)
}

fn usual(shelf: Shelf<'_>) -> Vec<Item> {
    let Some(Deck { slides, .. }) = &shelf.show.deck else { return vec![] };
    let mut shown = BTreeSet::new();
    let of = |(index, slide): (usize, &Slide)| {
        let demo = slide.cue.as_ref().map(|cue| cue.demo.as_str()).filter(|demo| shown.insert(demo.to_string()));
        let take = demo.and_then(|demo| standing_in(shelf.takes, shelf.labels, demo).into_iter().next());
        take.map_or(Item::Slide { slide: index, lasts: USUAL }, |take| of_take(&take))
    };
    slides.iter().enumerate().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroom_show::take::{Edition, Machine, Verdict};
    use greenroom_show::{Event, Opened, version::Version};

    fn show() -> Show {
        let demo = "---\ntitle: Copy\n---\nFirst.\n\n```steps make\nrun true\n```\n";
        let demo = crate::parse::parse_demo("demos/copy/demo.md", "copy", demo).expect("good").value.demo;
        let demos: BTreeMap<_, _> = [("copy".to_string(), demo)].into();
        let deck =
            "---\ntitle: A\nrouteAlias: hello\n---\n# Welcome\n\n---\ndemo: copy\n---\n# Watch\n\n---\n# The end\n";
        let deck = crate::parse::parse_deck("slides/a/deck.md", "a", deck, &demos, crate::parse::Files::NONE)
            .expect("good")
            .value;
        let mut show = Show::default();
        let opened = Opened { deck, demos, version: Version::default(), held: BTreeSet::new(), faulty: false };
        show.apply(0, &Event::Opened(Box::new(opened)));
        show
    }

    fn take(id: &str, demo: &str) -> TakeInfo {
        TakeInfo {
            id: id.into(),
            demo: demo.into(),
            at_unix_ms: 1,
            duration_ms: 7_000,
            machine: Machine::default(),
            verdict: Verdict::Passed,
            edition: Edition::Todays,
        }
    }

    fn listed(text: Option<&str>, takes: &[TakeInfo]) -> (Vec<Item>, Vec<String>) {
        let labels = [("b".to_string(), Label { name: Some("The good one".into()), starred: false })].into();
        let shelf = Shelf { show: &show(), takes, labels: &labels };
        let (items, faults) = list("slides/a/booth.yaml", text, shelf);
        (items, faults.iter().map(ToString::to_string).collect())
    }

    fn of(id: &str) -> Item {
        Item::Take { id: id.into(), lasts: 7_000_000 }
    }

    #[test]
    fn without_a_file_it_is_every_slide_and_the_take_of_a_demo_at_its_first() {
        let slide = |slide| Item::Slide { slide, lasts: USUAL };
        assert_eq!(listed(None, &[]), (vec![slide(0), slide(1), slide(2)], vec![]));
        assert_eq!(listed(None, &[take("a", "copy")]), (vec![slide(0), of("a"), slide(2)], vec![]));
    }

    #[test]
    fn slides_go_by_number_name_or_title_and_takes_by_id_name_or_demo() {
        let text =
            "- slide: hello\n  for: 20s\n- slide: 3\n- slide: The end\n- take: a\n- take: The good one\n- take: copy\n";
        let (items, faults) = listed(Some(text), &[take("a", "copy"), take("b", "")]);
        assert_eq!(faults, [""; 0]);
        let slide = |slide, lasts| Item::Slide { slide, lasts };
        assert_eq!(items, [slide(0, 20_000_000), slide(2, USUAL), slide(2, USUAL), of("a"), of("b"), of("a")]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_the_rest_goes_round() {
        let text = "- slide: helo\n- slide: 9\n- slide: 1\n  for: soon\n- take: gone\n- take: copy\n- take: x\n  for: 3s\n- for: 3s\n- slide: 2\n";
        let (items, faults) = listed(Some(text), &[]);
        assert_eq!(items, [Item::Slide { slide: 1, lasts: USUAL }]);
        let said = [
            "slides/a/booth.yaml:1: there is no slide 'helo'; did you mean 'hello'?",
            "slides/a/booth.yaml:2: there is no slide 9: the deck shows 3",
            "slides/a/booth.yaml:3: 'soon' is no duration: write '500ms', '60s' or '2m'",
            "slides/a/booth.yaml:5: there is no take 'gone' that can be read",
            "slides/a/booth.yaml:6: no take of 'copy' has passed yet",
            "slides/a/booth.yaml:7: a take lasts as long as it does: 'for' is a slide's",
            "slides/a/booth.yaml:9: an item is 'slide: <name or number>', with 'for: 20s', or 'take: <id, name or demo>'",
        ];
        assert_eq!(faults, said);
        for broken in ["- slide: [", "slides: 3", "- sldie: 3"] {
            let (items, faults) = listed(Some(broken), &[]);
            assert_eq!(items.len(), 3, "{broken}: as if there were none");
            assert_eq!(faults.len(), 1, "{broken}: {faults:?}");
        }
        assert_eq!(listed(Some(""), &[]), listed(None, &[]), "an empty list");
    }
}
