//! A deck as it is given today: for whom, and in how many minutes.

use crate::deck::{Deck, Level, PRIORITY_LAST, Section, Slide};
use serde::{Deserialize, Serialize};

/// Which version of a deck is on stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// Nothing above it is shown or said; the deck's own where absent.
    pub level: Option<Level>,
    /// Minutes of one of the deck's cuts; the whole talk where absent.
    pub cut: Option<f64>,
}

/// What a version leaves out: titles of slides, and how many paragraphs of narrative.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    pub above_level: Vec<String>,
    pub paragraphs: usize,
    pub cut: Vec<String>,
}

/// The deck that a version shows, its minutes planned anew, and what it leaves out. `None` where nothing of the deck may be shown.
pub fn version(deck: &Deck, version: Version) -> Option<(Deck, LeftOut)> {
    let level = version.level.unwrap_or(deck.audience);
    let minutes = slide_minutes(deck);
    let cut = version.cut.and_then(|minutes| Some((deck.cuts.iter().position(|cut| *cut == minutes)?, minutes)));
    let priority_max = cut.map_or(PRIORITY_LAST, |(cut, _)| priority_max(cut));
    let mut out = LeftOut::default();
    let mut kept: Vec<(Slide, f64)> = Vec::new();
    for (slide, minutes) in deck.slides.iter().zip(minutes) {
        if slide.level > level {
            out.above_level.push(slide.title.clone());
        } else if slide.priority > priority_max {
            out.cut.push(slide.title.clone());
        } else {
            kept.push((slide.clone(), minutes));
        }
    }
    if kept.is_empty() {
        return None;
    }
    for (slide, _) in &mut kept {
        out.paragraphs += quieten(slide, level);
    }
    let target = cut.map_or(deck.minutes, |(_, minutes)| minutes);
    let planned = replan(&kept, target);
    let mut shown = Deck { slides: vec![], sections: vec![], minutes: planned.iter().sum(), ..deck.clone() };
    for ((slide, _), minutes) in kept.into_iter().zip(planned) {
        push(&mut shown, deck, slide, minutes);
    }
    Some((shown, out))
}

/// Minutes planned for each slide: its own, or an even share of what its section has left.
pub fn slide_minutes(deck: &Deck) -> Vec<f64> {
    let share = |section: usize| {
        let of: Vec<_> = deck.slides.iter().filter(|slide| slide.section == section).collect();
        let own: f64 = of.iter().filter_map(|slide| slide.minutes).sum();
        let open = of.iter().filter(|slide| slide.minutes.is_none()).count().max(1);
        ((deck.sections.get(section).map_or(0.0, |section| section.minutes) - own) / open as f64).max(0.0)
    };
    let shares: Vec<f64> = (0..deck.sections.len()).map(share).collect();
    deck.slides
        .iter()
        .map(|slide| slide.minutes.unwrap_or_else(|| shares.get(slide.section).copied().unwrap_or(0.0)))
        .collect()
}

/// Each further cut leaves out one more priority; the first is always kept.
fn priority_max(cut: usize) -> u8 {
    let dropped = u8::try_from(cut).unwrap_or(u8::MAX).saturating_add(1);
    PRIORITY_LAST.saturating_sub(dropped).max(1)
}

/// The deck with nothing left of what is above a level: its slides keep their places, so that what was recorded of it still leads to them.
pub fn up_to(deck: &Deck, level: Level) -> Deck {
    let slides = deck.slides.iter().map(|slide| {
        if slide.level > level {
            return Slide { level: slide.level, section: slide.section, ..Slide::blank() };
        }
        let mut slide = slide.clone();
        quieten(&mut slide, level);
        slide
    });
    Deck { slides: slides.collect(), ..deck.clone() }
}

/// Takes what is above the level out of a slide's narrative; how much that was. Clicks stay: they are the slide's.
fn quieten(slide: &mut Slide, level: Level) -> usize {
    let mut taken = 0;
    for beat in &mut slide.beats {
        let before = beat.paragraphs.len();
        beat.paragraphs.retain(|spoken| spoken.level <= level);
        taken += before - beat.paragraphs.len();
    }
    taken
}

/// Minutes that add up to `target`: a slide's own stay where they fit, since a demo takes the time that it takes; the others share
/// what is left as they shared before.
fn replan(slides: &[(Slide, f64)], target: f64) -> Vec<f64> {
    let total: f64 = slides.iter().map(|(_, minutes)| minutes).sum();
    let own: f64 = slides.iter().filter_map(|(slide, _)| slide.minutes).sum();
    let rest = total - own;
    let (own_by, rest_by) = if total <= 0.0 || target <= 0.0 {
        (1.0, 1.0)
    } else if rest > 0.0 && own < target {
        (1.0, (target - own) / rest)
    } else {
        (target / total, target / total)
    };
    slides.iter().map(|(slide, minutes)| minutes * if slide.minutes.is_some() { own_by } else { rest_by }).collect()
}

/// Adds a slide to its section, which opens with the first slide that is left of it.
fn push(shown: &mut Deck, whole: &Deck, slide: Slide, minutes: f64) {
    let title = whole.sections.get(slide.section).map(|section| section.title.clone()).unwrap_or_default();
    let is_new = shown.sections.last().is_none_or(|last| last.title != title);
    if is_new {
        shown.sections.push(Section { title, minutes: 0.0, first: shown.slides.len() });
    }
    let section = shown.sections.len() - 1;
    shown.sections[section].minutes += minutes;
    let own = slide.minutes.map(|_| minutes);
    shown.slides.push(Slide { section, minutes: own, ..slide });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deck::{Beat, Layout, PRIORITY_USUAL, Spoken, Theme};

    fn slide(title: &str, section: usize, priority: u8, level: Level, minutes: Option<f64>) -> Slide {
        let spoken = |level, text: &str| Spoken { level, text: text.into() };
        Slide {
            layout: Layout::Bullets,
            title: title.into(),
            section,
            minutes,
            priority,
            level,
            alias: None,
            class: String::new(),
            motif: None,
            body: vec![],
            cue: None,
            beats: vec![Beat { paragraphs: vec![spoken(level, "Said."), spoken(Level::Internal, "Among us.")] }],
            line: 1,
        }
    }

    fn deck() -> Deck {
        let section = |title: &str, minutes, first| Section { title: title.into(), minutes, first };
        Deck {
            slug: "talk".into(),
            title: "Talk".into(),
            theme: Theme::Dark,
            audience: Level::Partner,
            minutes: 20.0,
            cuts: vec![10.0, 4.0],
            fallback: crate::deck::Fallback::Ask,
            sections: vec![section("Open", 8.0, 0), section("Show", 12.0, 3)],
            slides: vec![
                slide("hello", 0, 1, Level::Public, None),
                slide("why", 0, PRIORITY_USUAL, Level::Partner, None),
                slide("aside", 0, 3, Level::Internal, None),
                slide("demo", 1, 1, Level::Public, Some(6.0)),
                slide("more", 1, 3, Level::Public, None),
            ],
            hash: String::new(),
        }
    }

    fn titles(deck: &Deck) -> Vec<&str> {
        deck.slides.iter().map(|slide| slide.title.as_str()).collect()
    }

    #[test]
    fn nothing_above_the_level_is_left() {
        for (level, slides, paragraphs) in [
            (Some(Level::Public), vec!["hello", "demo", "more"], 3),
            (None, vec!["hello", "why", "demo", "more"], 4),
            (Some(Level::Internal), vec!["hello", "why", "aside", "demo", "more"], 0),
        ] {
            let (shown, out) = version(&deck(), Version { level, cut: None }).expect("slides");
            assert_eq!(titles(&shown), slides, "{level:?}");
            assert_eq!(out.paragraphs, paragraphs, "{level:?}");
            assert_eq!(out.above_level.len(), 5 - slides.len());
            let highest = shown.slides.iter().flat_map(|slide| &slide.beats).flat_map(|beat| &beat.paragraphs);
            assert!(highest.map(|spoken| spoken.level).max() <= Some(level.unwrap_or(Level::Partner)));
        }
    }

    #[test]
    fn cuts_leave_out_by_priority_and_plan_their_minutes() {
        for (cut, slides, minutes) in
            [(10.0, vec!["hello", "why", "demo"], 10.0), (4.0, vec!["hello", "demo"], 4.0), (7.0, vec![], 20.0)]
        {
            let (shown, _) = version(&deck(), Version { level: None, cut: Some(cut) }).expect("slides");
            if !slides.is_empty() {
                assert_eq!(titles(&shown), slides, "cut {cut}");
            }
            assert!((shown.minutes - minutes).abs() < 1e-9, "cut {cut}: {}", shown.minutes);
            let planned: f64 = slide_minutes(&shown).iter().sum();
            assert!((planned - minutes).abs() < 1e-9, "cut {cut}: {planned}");
        }
        let (shown, _) = version(&deck(), Version { level: None, cut: Some(10.0) }).expect("slides");
        assert_eq!(shown.slides[2].minutes, Some(6.0), "a demo takes the time that it takes");
    }

    #[test]
    fn sections_follow_their_slides() {
        let mut deck = deck();
        deck.slides.truncate(3);
        deck.slides[0].section = 1;
        let (shown, _) = version(&deck, Version::default()).expect("slides");
        let found: Vec<_> = shown.sections.iter().map(|section| (section.title.as_str(), section.first)).collect();
        assert_eq!(found, [("Show", 0), ("Open", 1)]);
    }

    #[test]
    fn a_deck_above_the_level_shows_nothing() {
        let mut deck = deck();
        deck.slides.retain(|slide| slide.level == Level::Internal);
        assert_eq!(version(&deck, Version { level: Some(Level::Public), cut: None }), None);
    }
}
