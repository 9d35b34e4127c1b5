//! The plan as two plots, in SVG: the same drawing on the stage and in an export.

use super::{Plan, terabytes};
use crate::unit::grouped;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Of each plot, on the stage.
pub const SIZE: (u32, u32) = (820, 520);
const LABEL: f64 = 28.0;
const TITLE: f64 = 34.0;
const LINE: u32 = 5;
const TICKS: usize = 4;
const TOP: u32 = 84;
const BOTTOM: u32 = 48;
const LEFT: u32 = 132;
/// Room at the right for the names of the lines.
const RIGHT: u32 = 210;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ink {
    pub text: RGBColor,
    pub quiet: RGBColor,
    pub line: RGBColor,
    /// Behind it all; none where the page has its own.
    pub ground: Option<RGBColor>,
    pub flash: RGBColor,
    pub hdd: RGBColor,
    pub blob: RGBColor,
}

/// For paper.
pub const PAPER: Ink = Ink {
    text: RGBColor(22, 26, 34),
    quiet: RGBColor(86, 95, 112),
    line: RGBColor(221, 216, 204),
    ground: Some(RGBColor(255, 255, 255)),
    flash: RGBColor(184, 74, 0),
    hdd: RGBColor(0, 115, 79),
    blob: RGBColor(0, 114, 178),
};

struct Curve {
    name: &'static str,
    color: RGBColor,
    points: Vec<(f64, f64)>,
}

/// Capacity over time.
pub fn capacity(plan: &Plan, ink: &Ink) -> String {
    let line = |name, color, of: fn(&super::Month) -> f64| curve(plan, name, color, of);
    let curves = [
        line("all on flash", ink.quiet, |month| month.all_flash_tb),
        line("flash", ink.flash, |month| month.flash_tb),
        line("Blob", ink.blob, |month| month.cold_tb),
    ];
    draw("Capacity", &curves, ink, terabytes)
}

/// Cost since today, in the unit of the prices.
pub fn cost(plan: &Plan, ink: &Ink) -> String {
    let line = |name, color, of: fn(&super::Month) -> f64| curve(plan, name, color, of);
    let curves = [
        line("all on flash", ink.quiet, |month| month.all_flash_cost),
        line("with HDD", ink.hdd, |month| month.hdd_cost),
        line("with Blob", ink.blob, |month| month.blob_cost),
    ];
    draw("Cost since today", &curves, ink, money)
}

fn curve(plan: &Plan, name: &'static str, color: RGBColor, of: fn(&super::Month) -> f64) -> Curve {
    Curve { name, color, points: plan.months.iter().map(|month| (f64::from(month.month), of(month))).collect() }
}

fn draw(title: &str, curves: &[Curve], ink: &Ink, say: fn(f64) -> String) -> String {
    let mut picture = String::new();
    // Drawing into a string fails in no way that a caller could mend: what there is, is shown.
    let _ = plot(&mut picture, title, curves, ink, say);
    picture
}

type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

fn plot(picture: &mut String, title: &str, curves: &[Curve], ink: &Ink, say: fn(f64) -> String) -> Drawn {
    let root = SVGBackend::with_string(picture, SIZE).into_drawing_area();
    if let Some(ground) = ink.ground {
        root.fill(&ground)?;
    }
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let months = points().map(|(month, _)| *month).fold(1.0, f64::max);
    let (most, step) = scale(points().map(|(_, value)| *value).fold(0.0, f64::max));
    root.draw(&Text::new(title.to_string(), (0, 4), font(TITLE, ink.text)))?;
    let mut chart = ChartBuilder::on(&root)
        .margin_top(TOP)
        .margin_bottom(BOTTOM)
        .margin_left(LEFT)
        .margin_right(RIGHT)
        .build_cartesian_2d(0.0..months, 0.0..most)?;
    axes(&mut chart, (months, most, step), ink, say)?;
    for curve in curves {
        chart.draw_series(LineSeries::new(curve.points.iter().copied(), curve.color.stroke_width(LINE)))?;
    }
    names(&mut chart, curves, most)?;
    root.present()
}

fn axes(chart: &mut Chart, (months, most, step): (f64, f64, f64), ink: &Ink, say: fn(f64) -> String) -> Drawn {
    let (width, height) = chart.plotting_area().dim_in_pixel();
    let mut value = 0.0;
    while value <= most * 1.001 {
        chart.draw_series([PathElement::new([(0.0, value), (months, value)], ink.line.stroke_width(2))])?;
        let left = font(LABEL, ink.quiet).pos(Pos::new(HPos::Right, VPos::Center));
        let at = (-14.0 / f64::from(width) * months, value);
        chart.draw_series([Text::new(say(value), at, left)])?;
        value += step;
    }
    let below = -14.0 / f64::from(height) * most;
    for (month, align) in [(0.0, HPos::Left), (months, HPos::Right)] {
        let text = if month == 0.0 { "today".to_string() } else { format!("{month:.0} months") };
        let style = font(LABEL, ink.quiet).pos(Pos::new(align, VPos::Top));
        chart.draw_series([Text::new(text, (month, below), style)])?;
    }
    Ok(())
}

/// Each at the end of its line, kept apart.
fn names(chart: &mut Chart, curves: &[Curve], most: f64) -> Drawn {
    let (width, height) = chart.plotting_area().dim_in_pixel();
    let row = LABEL * 1.2 / f64::from(height) * most;
    let mut ends: Vec<_> = curves.iter().filter_map(|curve| Some((*curve.points.last()?, curve))).collect();
    ends.sort_by(|((_, one), _), ((_, other), _)| one.total_cmp(other));
    let mut lowest = row * 0.4;
    for ((month, value), curve) in ends {
        let at = value.max(lowest);
        lowest = at + row;
        let style = font(LABEL, curve.color).pos(Pos::new(HPos::Left, VPos::Center));
        chart.draw_series([Text::new(curve.name, (month * (1.0 + 14.0 / f64::from(width)), at), style)])?;
    }
    Ok(())
}

fn font(size: f64, color: RGBColor) -> TextStyle<'static> {
    ("Inter, sans-serif", size).into_font().color(&color)
}

/// A round end of the axis, and the step between its labels.
fn scale(most: f64) -> (f64, f64) {
    let raw = most.max(1e-9) / TICKS as f64;
    let power = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= raw);
    let step = step.unwrap_or(10.0 * power);
    ((most / step).ceil().max(1.0) * step, step)
}

fn money(value: f64) -> String {
    match value {
        value if value >= 9_950_000.0 => format!("{} M", grouped(value / 1e6)),
        value if value >= 995_000.0 => format!("{:.1} M", value / 1e6),
        value if value >= 9_950.0 => format!("{} K", grouped(value / 1e3)),
        value => grouped(value),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::*;

    #[test]
    fn axes_end_on_round_figures() {
        for (most, wanted) in
            [(100.0, (100.0, 25.0)), (101.0, (150.0, 50.0)), (2_052.0, (3_000.0, 1_000.0)), (0.3, (0.3, 0.1))]
        {
            let (end, step) = scale(most);
            assert!((end - wanted.0).abs() < 1e-6 && (step - wanted.1).abs() < 1e-6, "{most}: {end} by {step}");
        }
    }

    #[test]
    fn a_picture_names_its_lines() {
        let plan = Plan::of(Settings::default().inputs(None));
        for (picture, words) in [
            (capacity(&plan, &PAPER), ["Capacity", "all on flash", "Blob", "36 months", "today"]),
            (cost(&plan, &PAPER), ["Cost since today", "with HDD", "with Blob", "36 months", "today"]),
        ] {
            for word in words {
                assert!(picture.contains(word), "{word}");
            }
            assert!(picture.ends_with("</svg>\n") && !picture.contains("NaN"));
        }
    }
}
