//! The plan as two plots, in SVG: the same drawing on the stage and in an export.

use super::{Plan, terabytes};
use crate::order;
use crate::unit::grouped;
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
const GAP: i32 = 14;

/// On paper. A page with colours of its own puts those of its theme in their place.
pub const TEXT: RGBColor = RGBColor(22, 26, 34);
pub const QUIET: RGBColor = RGBColor(86, 95, 112);
pub const LINES: RGBColor = RGBColor(221, 216, 204);
pub const FLASH: RGBColor = RGBColor(184, 74, 0);
pub const HDD: RGBColor = RGBColor(0, 115, 79);
pub const BLOB: RGBColor = RGBColor(0, 114, 178);

struct Curve {
    name: &'static str,
    color: RGBColor,
    points: Vec<(f64, f64)>,
}

/// Capacity over time.
pub fn capacity(plan: &Plan) -> String {
    let line = |name, color, of: fn(&super::Month) -> f64| curve(plan, name, color, of);
    let curves = [
        line("all on flash", QUIET, |month| month.all_flash_tb),
        line("flash", FLASH, |month| month.flash_tb),
        line("Blob", BLOB, |month| month.cold_tb),
    ];
    draw("Capacity", &curves, terabytes)
}

/// Cost since today, in the unit of the prices.
pub fn cost(plan: &Plan) -> String {
    let line = |name, color, of: fn(&super::Month) -> f64| curve(plan, name, color, of);
    let curves = [
        line("all on flash", QUIET, |month| month.all_flash_cost),
        line("with HDD", HDD, |month| month.hdd_cost),
        line("with Blob", BLOB, |month| month.blob_cost),
    ];
    draw("Cost since today", &curves, money)
}

fn curve(plan: &Plan, name: &'static str, color: RGBColor, of: fn(&super::Month) -> f64) -> Curve {
    Curve { name, color, points: plan.months.iter().map(|month| (f64::from(month.month), of(month))).collect() }
}

fn draw(title: &str, curves: &[Curve], say: fn(f64) -> String) -> String {
    let mut picture = String::new();
    // Drawing into a string fails in no way that a caller could mend: what there is, is shown.
    let _ = plot(&mut picture, title, curves, say);
    picture
}

type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

fn plot(picture: &mut String, title: &str, curves: &[Curve], say: fn(f64) -> String) -> Drawn {
    let root = SVGBackend::with_string(picture, SIZE).into_drawing_area();
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let months = points().map(|(month, _)| *month).fold(1.0, f64::max);
    let (most, step) = scale(points().map(|(_, value)| *value).fold(0.0, f64::max));
    root.draw(&Text::new(title.to_string(), (0, 4), font(TITLE, TEXT)))?;
    let mut chart = ChartBuilder::on(&root)
        .margin_top(TOP)
        .margin_bottom(BOTTOM)
        .margin_left(LEFT)
        .margin_right(RIGHT)
        .build_cartesian_2d(0.0..months, 0.0..most)?;
    let (width, _) = root.dim_in_pixel();
    let mut value = 0.0;
    while value <= most * 1.001 {
        chart.draw_series([PathElement::new([(0.0, value), (months, value)], LINES.stroke_width(2))])?;
        let (x, y) = chart.backend_coord(&(0.0, value));
        let style = font(LABEL, QUIET).pos(Pos::new(HPos::Right, VPos::Center));
        root.draw(&Text::new(say(value), (x - GAP, y), style))?;
        value += step;
    }
    for (month, align) in [(0.0, HPos::Left), (months, HPos::Right)] {
        let text = if month == 0.0 { "today".to_string() } else { format!("{month:.0} months") };
        let (x, y) = chart.backend_coord(&(month, 0.0));
        root.draw(&Text::new(text, (x, y + GAP), font(LABEL, QUIET).pos(Pos::new(align, VPos::Top))))?;
    }
    for curve in curves {
        chart.draw_series(LineSeries::new(curve.points.iter().copied(), curve.color.stroke_width(LINE)))?;
    }
    // Names stand at the ends of their lines, kept apart.
    let ends = curves.iter().filter_map(|curve| Some((chart.backend_coord(curve.points.last()?).1, curve)));
    let mut ends: Vec<_> = ends.collect();
    order::sort_by_key(&mut ends, |(y, _)| -y);
    let mut lowest = i32::MAX;
    for (y, curve) in ends {
        let y = y.min(lowest);
        lowest = y - (LABEL * 1.2) as i32;
        let style = font(LABEL, curve.color).pos(Pos::new(HPos::Left, VPos::Center));
        root.draw(&Text::new(curve.name, (width as i32 - RIGHT as i32 + GAP, y), style))?;
    }
    root.present()
}

/// As a picture has it.
pub fn hex(RGBColor(red, green, blue): RGBColor) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

pub(crate) fn font(size: f64, color: RGBColor) -> TextStyle<'static> {
    ("Inter, sans-serif", size).into_font().color(&color)
}

/// A round end of the axis, and the step between its labels.
pub(crate) fn scale(most: f64) -> (f64, f64) {
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
            (capacity(&plan), ["Capacity", "all on flash", "Blob", "36 months", "today"]),
            (cost(&plan), ["Cost since today", "with HDD", "with Blob", "36 months", "today"]),
        ] {
            for word in words {
                assert!(picture.contains(word), "{word}");
            }
            assert!(picture.ends_with("</svg>\n") && !picture.contains("NaN"));
        }
    }
}
