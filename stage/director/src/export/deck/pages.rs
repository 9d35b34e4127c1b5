//! Which pages a deck has: a reel that a reader turns, and what is said beside each.

use super::Reveals;
use crate::export::ExportError;
use crate::export::clean::Cleaner;
use crate::export::reel::{Reel, Roll};
use crate::library::Talk;
use crate::pictures::Picture;
use crate::scrub::scrub;
use crate::takes::library::{Takes, labels, standing_in};
use greenroom_show::audience::{Change, Seen, Told};
use greenroom_show::deck::{Deck, Level};
use greenroom_show::reel::{FORMAT, Head, Kind, Line, PAGE, VERSION};
use greenroom_show::take::TakeInfo;
use greenroom_show::timeline::{Band, Timeline};
use greenroom_show::version::{Version, version};
use greenroom_show::{Event, Micros, Opened, Position, Replay, Show, StepState};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug)]
pub struct Pages {
    pub deck: Deck,
    pub level: Level,
    /// Of which takes its panes show what they came to.
    pub provenance: String,
    pub pages: Vec<Page>,
    show: Show,
    pictures: BTreeMap<String, Picture>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub at: Position,
    pub title: String,
    /// Of its section; only on the first page of one.
    pub begins: Option<String>,
    /// What the speaker says here, a paragraph each.
    pub said: Vec<String>,
}

impl Pages {
    pub fn of(talk: &Talk, of: Version, reveals: Reveals, takes: &Takes) -> Result<Pages, ExportError> {
        let level = of.level.unwrap_or(talk.deck.audience);
        let Some((deck, _)) = version(&talk.deck, of) else { return Err(ExportError::EmptyDeck { level }) };
        let demos = talk.programs.iter().map(|(slug, program)| (slug.clone(), program.demo.clone())).collect();
        let opened =
            Opened { deck: deck.clone(), demos, version: of, held: BTreeSet::new(), faulty: !talk.faults.is_empty() };
        let mut show = Show::default();
        show.apply(0, &Event::Opened(Box::new(opened)));
        let infos = takes.index.list(&talk.deck.slug, &talk.deck.hash, &show.demos);
        let labels = labels(takes.folder());
        let mut shown = Vec::new();
        for slug in deck.slides.iter().filter_map(|slide| Some(&slide.cue.as_ref()?.demo)).collect::<BTreeSet<_>>() {
            // The one that V would show.
            if let Some(take) = standing_in(&infos, &labels, slug).into_iter().next() {
                shown.push(take.id.clone());
                lay(&mut show, takes, take)?;
            }
        }
        let provenance = provenance(&shown);
        let pages = pages(&deck, reveals);
        Ok(Pages { pages, provenance, deck, level, show, pictures: talk.pictures.clone() })
    }

    pub fn reel(&self) -> Result<Reel, ExportError> {
        let mut show = self.show.clone();
        let mut roll = Roll::new()?;
        for (index, page) in self.pages.iter().enumerate() {
            show.apply(0, &Event::Moved(page.at));
            let told = Told { at: 0, change: Change::Stage(Seen::of(&show)) };
            roll.expose(&Line(index as Micros * PAGE, 0, told))?;
        }
        let head = Head {
            format: FORMAT.into(),
            version: VERSION,
            title: self.deck.title.clone(),
            provenance: self.provenance.clone(),
            level: self.level,
            kind: Kind::Pages,
            timeline: self.timeline(),
        };
        roll.develop(head, self.pictures.clone())
    }

    fn timeline(&self) -> Timeline {
        let band = |(index, page): (usize, &Page)| {
            let from = index as Micros * PAGE;
            Band { step: None, name: page.title.clone(), from, to: from + PAGE, state: StepState::Passed }
        };
        let length = self.pages.len() as Micros * PAGE;
        Timeline { length, slides: self.pages.iter().enumerate().map(band).collect(), ..Timeline::default() }
    }
}

/// What a take has come to stands for its demo.
fn lay(show: &mut Show, takes: &Takes, take: TakeInfo) -> Result<(), ExportError> {
    let ends = takes.about(&take.id).0.ends.unwrap_or(Micros::MAX);
    let reader = takes.reader(&take.id)?;
    show.apply(0, &Event::Replay(Replay::Opened(take)));
    let (mut cleaner, mut last) = (Cleaner::default(), 0);
    for stamped in reader.take_while(|stamped| stamped.at <= ends) {
        last = stamped.at;
        show.apply(0, &Event::Replay(Replay::Events(cleaner.clean(stamped))));
    }
    show.apply(0, &Event::Replay(Replay::Events(cleaner.finish(last).into_iter().collect())));
    show.apply(0, &Event::Replay(Replay::Left));
    Ok(())
}

fn provenance(shown: &[String]) -> String {
    let greenroom = env!("CARGO_PKG_VERSION");
    if shown.is_empty() {
        return format!("Greenroom {greenroom}");
    }
    format!("Greenroom {greenroom}; its panes show what these takes came to: {}", scrub(&shown.join(", ")))
}

fn pages(deck: &Deck, reveals: Reveals) -> Vec<Page> {
    let mut pages: Vec<Page> = Vec::new();
    let mut section = None;
    for (index, slide) in deck.slides.iter().enumerate() {
        let clicks = slide.clicks();
        let shown = match reveals {
            Reveals::Done => clicks..=clicks,
            Reveals::Each => 0..=clicks,
        };
        for reveal in shown {
            let beats = match reveals {
                Reveals::Done => &slide.beats[..],
                Reveals::Each => slide.beats.get(reveal).map(std::slice::from_ref).unwrap_or_default(),
            };
            let said = beats.iter().flat_map(|beat| &beat.paragraphs).map(|spoken| spoken.text.clone());
            let begins = (section != Some(slide.section)).then(|| deck.section_of(index)).flatten();
            section = Some(slide.section);
            pages.push(Page {
                at: Position { slide: index, reveal },
                title: slide.title.clone(),
                begins: begins.map(|section| section.title.clone()),
                said: said.collect(),
            });
        }
    }
    pages
}
