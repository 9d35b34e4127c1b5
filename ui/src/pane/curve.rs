//! From the samples of a series to the strokes that a chart draws.

use super::range::Extent;
use greenroom_show::{Micros, Series, Span, ghost::Part, unit::Unit};

/// Only metrics that changed are sent: a value without a successor for this long stands until just before the next.
const HELD: Micros = 400_000;
const STEP: Micros = 50_000;
/// A latency without a successor for this long stands no more: nothing was answered.
const LATENCY_HELD: Micros = 1_000_000;

/// A line without gaps: time in microseconds, value.
pub type Stroke = Vec<(f64, f64)>;

/// The strokes of a series between `from` and `now`.
pub fn strokes(series: &Series, span: Span, unit: Unit, from: f64, now: Micros) -> Vec<Stroke> {
    let points: Vec<(Micros, f64)> = match span {
        Span::LastMinute => series.recent().map(|point| (point.at, point.value)).collect(),
        Span::WholeRun => series.whole().map(|point| (point.at, point.value)).collect(),
    };
    let points = points.into_iter().filter(|(at, _)| *at <= now).collect();
    of_points(points, unit, from, now)
}

/// The strokes of a series that is laid under another run, part by part, up to `now` of that run.
pub fn ghost(series: &Series, parts: &[Part], unit: Unit, from: f64, now: Micros) -> Vec<Stroke> {
    let points = every(series);
    let of = |part: &Part| {
        let ends = part.ends().min(now);
        let begins = points.partition_point(|(at, _)| *at < part.from);
        // What stood when the step began stands at its start.
        let stands = begins.checked_sub(1).map(|before| (part.at, points[before].1)).filter(|_| !is_latency(unit));
        let within = points[begins..].iter().take_while(|(at, _)| *at < part.to);
        let fallen = within.map(|(at, value)| (part.falls(*at), *value)).filter(|(at, _)| *at <= ends);
        let last = points.last().map_or(part.at, |(at, _)| part.falls((*at).max(part.from)));
        of_points(stands.into_iter().chain(fallen).collect(), unit, from, ends.min(last))
    };
    parts.iter().filter(|part| part.at <= now).flat_map(of).collect()
}

/// All that a series knows: its last minute as it came, and what was before that in buckets.
fn every(series: &Series) -> Vec<(Micros, f64)> {
    let recent: Vec<_> = series.recent().map(|point| (point.at, point.value)).collect();
    let first = recent.first().map_or(Micros::MAX, |(at, _)| *at);
    let before = series.whole().map(|point| (point.at, point.value)).take_while(|(at, _)| *at < first);
    before.chain(recent).collect()
}

fn of_points(points: Vec<(Micros, f64)>, unit: Unit, from: f64, now: Micros) -> Vec<Stroke> {
    let strokes = if is_latency(unit) { answered(points) } else { vec![held(points, now)] };
    strokes.into_iter().map(|stroke| cut(stroke, from)).filter(|stroke| !stroke.is_empty()).collect()
}

/// The latest value, where it still stands.
pub fn standing(series: &Series, unit: Unit, now: Micros) -> Option<f64> {
    let last = series.last()?;
    (!is_latency(unit) || last.at + LATENCY_HELD >= now).then_some(last.value)
}

fn held(points: Vec<(Micros, f64)>, now: Micros) -> Stroke {
    let last = points.last().map(|(at, value)| (now.max(*at), *value));
    let mut stroke = Stroke::new();
    let mut before: Option<(Micros, f64)> = None;
    for (at, value) in points.into_iter().chain(last) {
        if let Some((earlier, held)) = before
            && at.saturating_sub(earlier) > HELD
        {
            stroke.push(((at - STEP) as f64, held));
        }
        stroke.push((at as f64, value));
        before = Some((at, value));
    }
    stroke
}

fn answered(points: Vec<(Micros, f64)>) -> Vec<Stroke> {
    let mut strokes: Vec<Stroke> = Vec::new();
    let mut before = 0;
    for (at, value) in points {
        match strokes.last_mut() {
            Some(stroke) if at.saturating_sub(before) <= LATENCY_HELD => stroke.push((at as f64, value)),
            _ => strokes.push(vec![(at as f64, value)]),
        }
        before = at;
    }
    strokes
}

fn is_latency(unit: Unit) -> bool {
    unit == Unit::Milliseconds
}

/// What the strokes of a chart span.
pub fn extent<'a>(strokes: impl Iterator<Item = &'a Stroke>) -> Extent {
    let mut extent = Extent { largest: 0.0, smallest: 0.0 };
    for (_, value) in strokes.flatten() {
        extent.largest = extent.largest.max(*value);
        if *value > 0.0 && (extent.smallest == 0.0 || *value < extent.smallest) {
            extent.smallest = *value;
        }
    }
    extent
}

/// Drops what lies left of the window but for one point, so that the line enters at its edge.
fn cut(mut stroke: Stroke, from: f64) -> Stroke {
    let first = stroke.partition_point(|(at, _)| *at < from);
    stroke.drain(..first.saturating_sub(1));
    stroke
}

/// Of points that go from left to right, the lowest and the highest in each column that is so wide, in their order; the first and the last
/// stay. More are not seen, and each costs.
pub fn thinned(points: impl Iterator<Item = (f64, f64)>, column: f64) -> Vec<(f64, f64)> {
    struct Column {
        number: i64,
        low: (f64, f64),
        high: (f64, f64),
    }
    impl Column {
        fn close(self) -> [(f64, f64); 2] {
            if self.low.0 <= self.high.0 { [self.low, self.high] } else { [self.high, self.low] }
        }
    }
    let mut points = points.peekable();
    let mut kept: Vec<_> = points.peek().copied().into_iter().collect();
    let mut open: Option<Column> = None;
    let mut last = None;
    for point in points {
        let number = (point.0 / column).floor() as i64;
        match &mut open {
            Some(column) if column.number == number => {
                if point.1 < column.low.1 {
                    column.low = point;
                }
                if point.1 > column.high.1 {
                    column.high = point;
                }
            }
            _ => kept
                .extend(open.replace(Column { number, low: point, high: point }).into_iter().flat_map(Column::close)),
        }
        last = Some(point);
    }
    kept.extend(open.into_iter().flat_map(Column::close));
    kept.extend(last);
    kept.dedup();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn thinned_points_keep_their_ends_and_their_extremes(points in proptest::collection::vec((0.0_f64..40.0, -9.0_f64..9.0), 1..200)) {
            let mut points = points;
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            let thin = thinned(points.iter().copied(), 2.0);
            prop_assert!(thin.iter().all(|point| points.contains(point)), "nothing is made up");
            prop_assert!(thin.windows(2).all(|pair| pair[0].0 <= pair[1].0), "it goes from left to right");
            prop_assert_eq!((thin.first(), thin.last()), (points.first(), points.last()));
            prop_assert!(thin.len() <= 2 * 21 + 2);
            for column in 0..20 {
                let of = |points: &[(f64, f64)]| {
                    let values = points.iter().filter(|(x, _)| (x / 2.0).floor() as i64 == column).map(|(_, y)| *y);
                    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(y), high.max(y)))
                };
                prop_assert_eq!(of(&thin), of(&points), "column {}", column);
            }
        }
    }

    fn series(points: &[(Micros, f64)]) -> Series {
        let mut series = Series::default();
        points.iter().for_each(|(at, value)| series.push(*at, *value));
        series
    }

    #[test]
    fn a_value_that_is_not_sent_again_stands() {
        let series = series(&[(0, 5.0), (2_000_000, 7.0)]);
        let strokes = strokes(&series, Span::LastMinute, Unit::BytesPerSecond, 0.0, 3_000_000);
        let line = [(0.0, 5.0), (1_950_000.0, 5.0), (2_000_000.0, 7.0), (2_950_000.0, 7.0), (3_000_000.0, 7.0)];
        assert_eq!(strokes, [line]);
    }

    #[test]
    fn a_latency_without_answers_is_a_gap() {
        let series = series(&[(0, 5.0), (50_000, 4.0), (2_000_000, 6.0)]);
        let strokes = strokes(&series, Span::LastMinute, Unit::Milliseconds, 0.0, 9_000_000);
        assert_eq!(strokes, [vec![(0.0, 5.0), (50_000.0, 4.0)], vec![(2_000_000.0, 6.0)]]);
        assert_eq!(extent(strokes.iter()), Extent { largest: 6.0, smallest: 4.0 });
        assert_eq!(standing(&series, Unit::Milliseconds, 2_500_000), Some(6.0));
        assert_eq!(standing(&series, Unit::Milliseconds, 9_000_000), None);
        assert_eq!(standing(&series, Unit::OpsPerSecond, 9_000_000), Some(6.0));
    }

    #[test]
    fn a_ghost_falls_where_its_steps_begin_and_goes_no_further_than_the_run() {
        let series = series(&[(0, 1.0), (1_000_000, 2.0), (1_200_000, 3.0), (2_000_000, 9.0)]);
        let part = Part { from: 1_000_000, to: 2_000_000, at: 11_000_000 };
        let laid = |now| ghost(&series, &[part], Unit::Count, 0.0, now);
        let line = [(11_000_000.0, 1.0), (11_000_000.0, 2.0), (11_200_000.0, 3.0)];
        assert_eq!(laid(11_200_000)[0], [line.as_slice(), &[(11_200_000.0, 3.0)]].concat());
        assert_eq!(laid(11_100_000)[0].last(), Some(&(11_100_000.0, 2.0)), "not ahead of the run");
        assert_eq!(laid(60_000_000)[0].last(), Some(&(12_000_000.0, 3.0)), "not beyond its step");
        assert!(laid(10_000_000).is_empty(), "its step has not begun");
        assert!(ghost(&series, &[], Unit::Count, 0.0, 60_000_000).is_empty());
    }

    #[test]
    fn a_line_enters_at_the_left_edge() {
        let points: Vec<_> = (0..10).map(|second| (second * 100_000, 1.0)).collect();
        let strokes = strokes(&series(&points), Span::LastMinute, Unit::Count, 450_000.0, 900_000);
        assert_eq!(strokes[0][0].0, 400_000.0);
    }
}
