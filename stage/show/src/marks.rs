//! What the speaker shows on top of a slide: a pointer or a spotlight, and ink. In pixels of the stage.

use crate::Micros;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Strokes of a slide, and points of a stroke: more than a hand draws while it speaks.
const STROKES_MAX: usize = 100;
const POINTS_MAX: usize = 2_000;
/// Slides that keep their ink; the one that was drawn on first goes first.
const SLIDES_MAX: usize = 100;

pub type Spot = (f32, f32);

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pointer {
    pub kind: PointerKind,
    pub at: Spot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PointerKind {
    Laser,
    /// All but a circle goes dim.
    Spotlight,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ink {
    /// A stroke begins.
    Down(Spot),
    /// It goes on through these.
    Along(Vec<Spot>),
    /// The last stroke of the slide goes.
    Undo,
    /// All strokes of the slide go.
    Clear,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Marks {
    pub pointer: Option<Pointer>,
    ink: BTreeMap<usize, Page>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Page {
    since: Micros,
    strokes: Vec<Vec<Spot>>,
}

impl Marks {
    /// Those of one slide.
    pub(crate) fn of(pointer: Option<Pointer>, slide: usize, strokes: Vec<Vec<Spot>>) -> Self {
        // Not made from a list: that would bring a sort along.
        let mut ink = BTreeMap::new();
        ink.insert(slide, Page { since: 0, strokes });
        Self { pointer, ink }
    }

    pub fn strokes(&self, slide: usize) -> &[Vec<Spot>] {
        self.ink.get(&slide).map_or(&[], |page| &page.strokes)
    }

    pub(crate) fn apply(&mut self, at: Micros, slide: usize, ink: &Ink) {
        match ink {
            Ink::Down(spot) => {
                if self.ink.len() == SLIDES_MAX && !self.ink.contains_key(&slide) {
                    let oldest = self.ink.iter().min_by_key(|(_, page)| page.since).map(|(slide, _)| *slide);
                    oldest.map(|oldest| self.ink.remove(&oldest));
                }
                let page = self.ink.entry(slide).or_insert_with(|| Page { since: at, strokes: vec![] });
                if page.strokes.len() == STROKES_MAX {
                    page.strokes.remove(0);
                }
                page.strokes.push(vec![*spot]);
            }
            Ink::Along(spots) => {
                if let Some(stroke) = self.ink.get_mut(&slide).and_then(|page| page.strokes.last_mut()) {
                    let room = POINTS_MAX.saturating_sub(stroke.len());
                    stroke.extend(spots.iter().take(room));
                }
            }
            Ink::Undo => {
                self.ink.get_mut(&slide).map(|page| page.strokes.pop());
            }
            Ink::Clear => {
                self.ink.remove(&slide);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ink_stays_with_its_slide_and_goes_stroke_by_stroke() {
        let mut marks = Marks::default();
        for (slide, ink) in [
            (3, Ink::Down((1.0, 1.0))),
            (3, Ink::Along(vec![(2.0, 2.0)])),
            (4, Ink::Down((9.0, 9.0))),
            (3, Ink::Down((5.0, 5.0))),
        ] {
            marks.apply(0, slide, &ink);
        }
        assert_eq!(marks.strokes(3), [vec![(1.0, 1.0), (2.0, 2.0)], vec![(5.0, 5.0)]]);
        marks.apply(0, 3, &Ink::Undo);
        assert_eq!(marks.strokes(3).len(), 1);
        marks.apply(0, 3, &Ink::Clear);
        assert_eq!((marks.strokes(3).len(), marks.strokes(4).len()), (0, 1));
        marks.apply(0, 3, &Ink::Along(vec![(1.0, 1.0)]));
        assert_eq!(marks.strokes(3).len(), 0, "no stroke has begun");
    }

    #[test]
    fn ink_is_bounded() {
        let mut marks = Marks::default();
        for slide in 0..2 * SLIDES_MAX {
            marks.apply(slide as Micros, slide, &Ink::Down((0.0, 0.0)));
        }
        assert_eq!((marks.ink.len(), marks.strokes(0).len()), (SLIDES_MAX, 0));
        for _ in 0..2 * STROKES_MAX {
            marks.apply(0, 150, &Ink::Down((0.0, 0.0)));
        }
        marks.apply(0, 150, &Ink::Along(vec![(1.0, 1.0); 2 * POINTS_MAX]));
        assert_eq!((marks.strokes(150).len(), marks.strokes(150)[STROKES_MAX - 1].len()), (STROKES_MAX, POINTS_MAX));
    }
}
