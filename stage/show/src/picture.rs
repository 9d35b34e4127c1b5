//! A chart of a run as an SVG picture on paper: what is handed on draws the same curves as the stage.

use crate::demo::{Chart, Line};
use crate::planner::picture::{LINES, QUIET, TEXT, font, scale};
use crate::{Micros, Run};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

pub const SIZE: (u32, u32) = (820, 340);
const TITLE: f64 = 22.0;
const LABEL: f64 = 16.0;
const WIDTH: u32 = 2;
const TOP: u32 = 52;
const BOTTOM: u32 = 36;
const LEFT: u32 = 110;
/// Room at the right for the names of the lines.
const RIGHT: u32 = 190;
const GAP: i32 = 8;
/// Told apart by those who see few colours too (Okabe and Ito).
const COLORS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

struct Curve {
    label: String,
    color: RGBColor,
    /// Seconds since the run began, and what was measured.
    points: Vec<(f64, f64)>,
}

/// Draws a chart from where the run began; `None` where nothing of it was measured.
pub fn chart(chart: &Chart, run: &Run) -> Option<String> {
    let seconds = |at: Micros| at.saturating_sub(run.began) as f64 / 1e6;
    let curve = |(line, color): (&Line, &RGBColor)| {
        let points = run.series.get(&line.metric)?.whole();
        let points: Vec<_> = points.map(|point| (seconds(point.at), point.value)).collect();
        (!points.is_empty()).then(|| Curve { label: line.label.clone(), color: *color, points })
    };
    let curves: Vec<Curve> = chart.series.iter().zip(COLORS.iter().cycle()).filter_map(curve).collect();
    if curves.is_empty() {
        return None;
    }
    let steps: Vec<f64> = run.steps.values().map(|step| seconds(step.started)).collect();
    let mut picture = String::new();
    // Drawing into a string fails in no way that a caller could mend: what there is, is shown.
    let _ = plot(&mut picture, chart, &curves, &steps);
    Some(picture)
}

type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

fn plot(picture: &mut String, drawn: &Chart, curves: &[Curve], steps: &[f64]) -> Drawn {
    let root = SVGBackend::with_string(picture, SIZE).into_drawing_area();
    // A page may be dark.
    root.fill(&WHITE)?;
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let lasts = points().map(|(second, _)| *second).fold(1.0, f64::max);
    let largest = points().map(|(_, value)| *value).fold(0.0, f64::max);
    let (divisor, unit) = drawn.unit.scale(largest);
    let (most, step) = scale(largest / divisor);
    let title = if unit.is_empty() { drawn.title.clone() } else { format!("{}, {unit}", drawn.title) };
    root.draw(&Text::new(title, (GAP, GAP), font(TITLE, TEXT)))?;
    let mut plot = ChartBuilder::on(&root)
        .margin_top(TOP)
        .margin_bottom(BOTTOM)
        .margin_left(LEFT)
        .margin_right(RIGHT)
        .build_cartesian_2d(0.0..lasts, 0.0..most)?;
    let mut value = 0.0;
    while value <= most * 1.001 {
        plot.draw_series([PathElement::new([(0.0, value), (lasts, value)], LINES.stroke_width(1))])?;
        let (x, y) = plot.backend_coord(&(0.0, value));
        let style = font(LABEL, QUIET).pos(Pos::new(HPos::Right, VPos::Center));
        root.draw(&Text::new(said(value, step), (x - GAP, y), style))?;
        value += step;
    }
    for second in steps {
        plot.draw_series([PathElement::new([(*second, 0.0), (*second, most)], LINES.stroke_width(1))])?;
    }
    for (second, align) in [(0.0, HPos::Left), (lasts, HPos::Right)] {
        let (x, y) = plot.backend_coord(&(second, 0.0));
        let style = font(LABEL, QUIET).pos(Pos::new(align, VPos::Top));
        root.draw(&Text::new(format!("{second:.0} s"), (x, y + GAP), style))?;
    }
    let (width, _) = root.dim_in_pixel();
    for (place, curve) in curves.iter().enumerate() {
        let scaled = curve.points.iter().map(|(second, value)| (*second, value / divisor));
        plot.draw_series(LineSeries::new(scaled, curve.color.stroke_width(WIDTH)))?;
        let y = TOP as i32 + (place as f64 * LABEL * 1.4) as i32;
        root.draw(&Text::new(curve.label.clone(), (width as i32 - RIGHT as i32 + GAP, y), font(LABEL, curve.color)))?;
    }
    root.present()
}

/// As many decimals as tell one label from the next.
fn said(value: f64, step: f64) -> String {
    let decimals = if step >= 1.0 { usize::from(step.fract() != 0.0) } else { (-step.log10()).ceil() as usize + 1 };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, unit::Unit};

    #[test]
    fn a_picture_names_its_lines_and_holds_nothing_that_is_not_drawn() {
        let line = |metric: &str, label: &str| Line { metric: metric.into(), label: label.into() };
        let series = vec![line("a.bytes_in_per_s", "in <1>"), line("a.bytes_out_per_s", "never")];
        let drawn = Chart { title: "In & out".into(), unit: Unit::BytesPerSecond, series, thresholds: vec![] };
        let mut run = Run::new("copy", 0);
        for second in 0..30 {
            let values = [("a.bytes_in_per_s".to_string(), 1e6 * second as f64)].into();
            run.apply(second * 1_000_000, &Event::Sample(values));
        }
        let picture = chart(&drawn, &run).expect("measured");
        for word in ["In &amp; out, MB/s", "in &lt;1&gt;", "29 s"] {
            assert!(picture.contains(word), "{word}: {picture}");
        }
        assert!(picture.ends_with("</svg>\n") && !picture.contains("NaN") && !picture.contains("never"));
        assert_eq!(chart(&drawn, &Run::new("copy", 0)), None);
    }
}
