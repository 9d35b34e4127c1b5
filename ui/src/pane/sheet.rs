//! Where all letters of a chart stand. Pure: who draws it measures them. It gives way by rule: a shorter form of a name, then none; nothing
//! is cut off, and nothing stands over anything else.

use greenroom_show::order;

/// A line of letters is so high, as a part of their size.
const LINE: f64 = 1.3;
/// Between letters and what they belong to, as parts of their size.
const GAP: f64 = 0.4;
/// Between two names beside each other.
const APART: f64 = 0.6;
/// The names of curves take at most this part of the width, and the axis' labels this.
const NAMES_PART: f64 = 0.3;
const LABELS_PART: f64 = 0.25;

/// How wide letters are at a size.
pub type Measure<'a> = &'a dyn Fn(&str, f64) -> f64;

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rect {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Rect {
    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    pub fn height(&self) -> f64 {
        self.bottom - self.top
    }

    fn meets(&self, other: &Rect) -> bool {
        // Rows that touch do not meet, whatever the last bit of a sum says.
        let apart = |from: f64, to: f64| from + 0.01 >= to;
        !(apart(self.left, other.right)
            || apart(other.left, self.right)
            || apart(self.top, other.bottom)
            || apart(other.top, self.bottom))
    }
}

/// What a chart wants to say, in parts of its plot: from 0 to 1, from the left and from the bottom.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Width and height, and the size of letters.
    pub room: (f64, f64),
    pub size: f64,
    /// Beside the grid's lines, from the bottom on. The last one bears the unit.
    pub ticks: Vec<(f64, String)>,
    /// Above, one after the other.
    pub bands: Vec<Band>,
    /// Below, each with its middle where it stands.
    pub times: Vec<(f64, String)>,
    /// Behind the ends of curves, and of lines across.
    pub ends: Vec<End>,
    /// Where the latest curve ends.
    pub ends_at: f64,
}

#[derive(Debug, Clone)]
pub struct Band {
    pub from: f64,
    pub to: f64,
    /// The longest first.
    pub names: Vec<String>,
}

#[derive(Debug)]
pub struct End {
    pub y: f64,
    pub name: String,
}

/// Whose letters they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Axis,
    Band(usize),
    End(usize),
}

impl Of {
    pub fn is_end(self) -> bool {
        matches!(self, Of::End(_))
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Letters {
    pub of: Of,
    pub text: String,
    pub place: Rect,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sheet {
    pub plot: Rect,
    pub letters: Vec<Letters>,
}

impl Sheet {
    pub fn of(wanted: &Wanted, measure: Measure<'_>) -> Sheet {
        let Wanted { room: (width, height), size, .. } = *wanted;
        let (row, gap) = (size * LINE, size * GAP);
        let wide = |text: &str| measure(text, size);
        let (unit, beside) = match wanted.ticks.split_last() {
            Some((unit, beside)) => (Some(unit), beside),
            None => (None, &[][..]),
        };
        let labels = beside.iter().map(|(_, label)| wide(label)).fold(0.0, f64::max);
        let has_labels = labels > 0.0 && labels + gap <= width * LABELS_PART;
        let names = wanted.ends.iter().map(|end| wide(&end.name)).fold(0.0, f64::max);
        let has_names = names > 0.0 && names + 2.0 * gap <= width * NAMES_PART;
        let above = if unit.is_some() || !wanted.bands.is_empty() { row } else { gap };
        let below = if wanted.times.is_empty() { gap } else { row };
        let plot = Rect {
            left: if has_labels { labels + gap } else { 0.0 },
            top: above,
            right: (width - if has_names { names + 2.0 * gap } else { gap }).max(1.0),
            bottom: (height - below).max(above + 1.0),
        };
        let mut letters = Page { room: Rect { left: 0.0, top: 0.0, right: width, bottom: height }, letters: vec![] };
        let x = |part: f64| plot.left + part.clamp(0.0, 1.0) * plot.width();
        let y = |part: f64| plot.bottom - part.clamp(0.0, 1.0) * plot.height();
        let at = |left: f64, middle: f64, text: &str| Rect {
            left,
            top: middle - row * 0.5,
            right: left + wide(text),
            bottom: middle + row * 0.5,
        };
        let mut names_from = 0.0;
        if let Some((_, label)) = unit
            && letters.put(Of::Axis, label, at(0.0, row * 0.5, label))
        {
            names_from = wide(label) + size * APART;
        }
        if has_labels {
            // The highest first: it matters most.
            for (part, label) in beside.iter().rev() {
                letters.put(Of::Axis, label, at(plot.left - gap - wide(label), y(*part), label));
            }
        }
        for (index, band) in wanted.bands.iter().enumerate() {
            // As far as its band goes, or as the next one begins.
            let left = (x(band.from)).max(names_from);
            let right = wanted.bands.get(index + 1).map_or(width, |next| x(next.from) - size * APART);
            let fits = band.names.iter().find(|name| !name.is_empty() && left + wide(name) <= right);
            if let Some(name) = fits {
                letters.put(Of::Band(index), name, at(left, row * 0.5, name));
            }
        }
        // The outer ones first: they say how long it is.
        let mut times: Vec<_> = wanted.times.iter().collect();
        order::sort_by(&mut times, |a, b| (b.0 - 0.5).abs().total_cmp(&(a.0 - 0.5).abs()));
        for (part, text) in times {
            let left = (x(*part) - wide(text) * 0.5).clamp(0.0, (width - wide(text)).max(0.0));
            letters.put(Of::Axis, text, at(left, height - row * 0.5, text));
        }
        if has_names {
            let left = (x(wanted.ends_at) + gap).min(width - names);
            for (index, middle) in spread(&wanted.ends, row, plot, y) {
                let name = &wanted.ends[index].name;
                letters.put(Of::End(index), name, at(left, middle, name));
            }
        }
        Sheet { plot, letters: letters.letters }
    }
}

/// What stands on it so far.
struct Page {
    room: Rect,
    letters: Vec<Letters>,
}

impl Page {
    /// Whether there is room.
    fn put(&mut self, of: Of, text: &str, place: Rect) -> bool {
        let Rect { left, top, right, bottom } = self.room;
        // Letters are measured to a hair.
        let is_inside = place.left >= left - 0.5
            && place.top >= top - 0.5
            && place.right <= right + 0.5
            && place.bottom <= bottom + 0.5;
        let is_free = !self.letters.iter().any(|letters| letters.place.meets(&place));
        if is_inside && is_free {
            self.letters.push(Letters { of, text: text.to_string(), place });
        }
        is_inside && is_free
    }
}

/// The middles of rows of names, each as near to its end as the others let it, from the top on. Of more than fit, the first ones.
fn spread(ends: &[End], row: f64, plot: Rect, y: impl Fn(f64) -> f64) -> Vec<(usize, f64)> {
    let (first, last) = (plot.top + row * 0.5, plot.bottom - row * 0.5);
    let fits = ((last - first) / row).max(0.0) as usize + 1;
    let mut rows: Vec<(usize, f64)> =
        ends.iter().enumerate().take(fits).map(|(index, end)| (index, y(end.y))).collect();
    order::sort_by(&mut rows, |a, b| a.1.total_cmp(&b.1));
    let mut free = first;
    for (_, middle) in &mut rows {
        *middle = middle.max(free);
        free = *middle + row;
    }
    let mut free = last.max(first);
    for (_, middle) in rows.iter_mut().rev() {
        *middle = middle.min(free);
        free = *middle - row;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn measure(text: &str, size: f64) -> f64 {
        text.chars().count() as f64 * size * 0.58
    }

    fn said(sheet: &Sheet, of: impl Fn(Of) -> bool) -> Vec<&str> {
        sheet.letters.iter().filter(|letters| of(letters.of)).map(|letters| letters.text.as_str()).collect()
    }

    fn wanted(width: f64) -> Wanted {
        let band = |from, to, names: &[&str]| Band { from, to, names: names.iter().map(ToString::to_string).collect() };
        let end = |y, name: &str| End { y, name: name.into() };
        Wanted {
            room: (width, 300.0),
            size: 28.0,
            ticks: vec![(0.5, "1".into()), (1.0, "2 MB/s".into())],
            bands: vec![band(0.0, 0.4, &["gold alone 2.1 ms", "gold alone", "alone"]), band(0.4, 1.0, &["no control"])],
            times: vec![(0.2, "8 s".into()), (0.7, "14 s".into())],
            ends: vec![end(0.5, "in"), end(0.52, "out")],
            ends_at: 1.0,
        }
    }

    #[test]
    fn a_name_that_has_no_room_gives_way_to_a_shorter_one() {
        let names = |width| {
            let sheet = Sheet::of(&wanted(width), &measure);
            said(&sheet, |of| matches!(of, Of::Band(_))).join(", ")
        };
        assert_eq!(names(1200.0), "gold alone 2.1 ms, no control");
        assert_eq!(names(900.0), "gold alone, no control");
        assert_eq!(names(640.0), "alone, no control");
        assert_eq!(names(200.0), "");
    }

    #[test]
    fn names_of_curves_that_end_together_stand_apart() {
        let sheet = Sheet::of(&wanted(900.0), &measure);
        assert_eq!(said(&sheet, |of| matches!(of, Of::End(_))), ["out", "in"], "from the top on");
        for height in 200..300 {
            let ends = vec![End { y: 0.0, name: "out".into() }, End { y: 0.0, name: "back".into() }];
            let sheet = Sheet::of(&Wanted { room: (900.0, f64::from(height)), ends, ..wanted(900.0) }, &measure);
            assert_eq!(said(&sheet, |of| matches!(of, Of::End(_))).len(), 2, "at {height}");
        }
    }

    fn name() -> impl Strategy<Value = String> {
        "[a-zA-Z0-9 ]{0,24}"
    }

    proptest! {
        #[test]
        fn letters_are_inside_and_none_stands_over_another(
            room in (60.0..1800.0, 40.0..900.0),
            size in 20.0..44.0,
            ticks in proptest::collection::vec((0.0..1.0, name()), 0..6),
            mut bands in proptest::collection::vec((0.0..1.0, 0.0..1.0, proptest::collection::vec(name(), 1..4)), 0..6),
            times in proptest::collection::vec((0.0..1.0, name()), 0..6),
            ends in proptest::collection::vec((-0.2..1.2, name()), 0..7),
            ends_at in 0.0..1.0,
        ) {
            bands.sort_by(|a: &(f64, f64, Vec<String>), b| a.0.total_cmp(&b.0));
            let wanted = Wanted {
                room, size, ticks, times, ends_at,
                bands: bands.into_iter().map(|(from, to, names)| Band { from, to, names }).collect(),
                ends: ends.into_iter().map(|(y, name)| End { y, name }).collect(),
            };
            let sheet = Sheet::of(&wanted, &measure);
            prop_assert!(sheet.plot.width() > 0.0 && sheet.plot.height() > 0.0);
            for (index, letters) in sheet.letters.iter().enumerate() {
                let place = letters.place;
                prop_assert!(place.left >= -0.5 && place.right <= room.0 + 0.5 && place.top >= -0.5 && place.bottom <= room.1 + 0.5);
                prop_assert!((place.width() - measure(&letters.text, size)).abs() < 1e-6, "whole, and never cut");
                prop_assert!(sheet.letters[index + 1..].iter().all(|other| !other.place.meets(&place)));
            }
        }
    }
}
