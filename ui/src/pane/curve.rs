//! From the samples of a series to the strokes that a chart draws.

use super::range::Extent;
use greenroom_show::{Micros, Series, Span, unit::Unit};

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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_line_enters_at_the_left_edge() {
        let points: Vec<_> = (0..10).map(|second| (second * 100_000, 1.0)).collect();
        let strokes = strokes(&series(&points), Span::LastMinute, Unit::Count, 450_000.0, 900_000);
        assert_eq!(strokes[0][0].0, 400_000.0);
    }
}
