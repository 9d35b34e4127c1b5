//! Curves as SVG files, for the page that the figures are on. Both axes count in powers, since what grows grows by factors.

use crate::paths;
use anyhow::{Context, Result, anyhow};
use plotters::prelude::*;
use std::fs;
use std::ops::Range;

/// Wide enough for a README's column, and its text still legible there.
const SIZE: (u32, u32) = (760, 420);
const COLOURS: [RGBColor; 4] =
    [RGBColor(31, 98, 180), RGBColor(201, 82, 18), RGBColor(34, 130, 74), RGBColor(120, 70, 160)];
const INK: RGBColor = RGBColor(40, 44, 52);
const GRID: RGBColor = RGBColor(226, 229, 233);

#[derive(Debug)]
pub struct Curve {
    pub name: &'static str,
    pub points: Vec<(f64, f64)>,
}

#[derive(Debug)]
pub struct Plot {
    /// The file's name below docs/pictures.
    pub file: &'static str,
    pub title: &'static str,
    /// What an axis counts, with its unit.
    pub x: &'static str,
    pub y: &'static str,
    /// Writes a value of the x axis, which is marked at powers of `x_base`.
    pub say_x: fn(f64) -> String,
    pub x_base: f64,
    pub curves: Vec<Curve>,
}

impl Plot {
    pub fn write(&self) -> Result<()> {
        let folder = paths::root().join("docs/pictures");
        fs::create_dir_all(&folder).context("create the folder for pictures")?;
        let mut picture = String::new();
        // The library's errors borrow the picture.
        self.draw(&mut picture).map_err(|error| anyhow!("draw {}: {error}", self.file))?;
        fs::write(folder.join(self.file), picture).with_context(|| format!("write {}", self.file))
    }

    fn draw(&self, picture: &mut String) -> Result<()> {
        let root = SVGBackend::with_string(picture, SIZE).into_drawing_area();
        let failed = |error: &dyn std::fmt::Display| anyhow!("{error}");
        root.fill(&WHITE).map_err(|error| failed(&error))?;
        let text = |size: u32| ("sans-serif", size).into_font().color(&INK);
        let (x, y) = (self.range(|point| point.0), self.range(|point| point.1));
        // A flat curve looks flat, and above the highest one there is room for the names.
        let low = y.start.min(y.end / 10.0);
        let y = low..y.end * (y.end / low).powf(0.12 * self.curves.len() as f64);
        let mut chart = ChartBuilder::on(&root)
            .caption(self.title, text(20))
            .margin(14)
            .x_label_area_size(48)
            .y_label_area_size(72)
            .build_cartesian_2d(x.log_scale().base(self.x_base), y.log_scale())
            .map_err(|error| failed(&error))?;
        chart
            .configure_mesh()
            .x_desc(self.x)
            .y_desc(self.y)
            .x_label_formatter(&|value| (self.say_x)(*value))
            .y_label_formatter(&|value| short(*value))
            .axis_desc_style(text(15))
            .label_style(text(13))
            .bold_line_style(GRID)
            .light_line_style(WHITE)
            .axis_style(INK)
            .draw()
            .map_err(|error| failed(&error))?;
        for (curve, colour) in self.curves.iter().zip(COLOURS.iter().cycle()) {
            let line = LineSeries::new(curve.points.iter().copied(), colour.stroke_width(2));
            let drawn = chart.draw_series(line).map_err(|error| failed(&error))?;
            drawn.label(curve.name).legend(|(x, y)| PathElement::new([(x, y), (x + 22, y)], colour.stroke_width(3)));
            let dots = curve.points.iter().map(|point| Circle::new(*point, 3, colour.filled()));
            chart.draw_series(dots).map_err(|error| failed(&error))?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.85))
            .border_style(GRID)
            .label_font(text(14))
            .draw()
            .map_err(|error| failed(&error))?;
        root.present().map_err(|error| failed(&error))
    }

    /// From a little below the least to a little above the most.
    fn range(&self, of: fn(&(f64, f64)) -> f64) -> Range<f64> {
        let values = || self.curves.iter().flat_map(|curve| curve.points.iter().map(of));
        let (low, high) = (values().fold(f64::MAX, f64::min), values().fold(f64::MIN_POSITIVE, f64::max));
        low / 1.3..high * 1.3
    }
}

/// Two digits or so, with the letter of its thousands.
pub fn short(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{} M", trim(value / 1e6)),
        value if value >= 1e3 => format!("{} K", trim(value / 1e3)),
        value => trim(value),
    }
}

fn trim(value: f64) -> String {
    let text = if value >= 10.0 { format!("{value:.0}") } else { format!("{value:.2}") };
    match text.split_once('.') {
        Some(_) => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        None => text,
    }
}

/// Bytes in binary units, where they are whole ones.
pub fn binary(bytes: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let power = (bytes.max(1.0).log2() / 10.0 + 1e-9).floor().min(4.0);
    format!("{} {}", trim(bytes / 1024_f64.powf(power)), units[power as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let said = [0.05, 0.5, 1.0, 15.4, 1_000.0, 25_500.0, 1e6].map(short);
        assert_eq!(said, ["0.05", "0.5", "1", "15", "1 K", "26 K", "1 M"]);
        let said = [4096.0, 65_536.0, 1_048_576.0, 4.0 * 1_073_741_824.0].map(binary);
        assert_eq!(said, ["4 KiB", "64 KiB", "1 MiB", "4 GiB"]);
    }

    #[test]
    fn a_plot_names_its_axes_and_curves() {
        let plot = Plot {
            file: "none.svg",
            title: "Growth",
            x: "blobs",
            y: "milliseconds",
            say_x: short,
            x_base: 10.0,
            curves: vec![Curve { name: "a page", points: vec![(1e3, 1.0), (1e6, 2.0)] }],
        };
        let mut picture = String::new();
        plot.draw(&mut picture).expect("drawn");
        for words in ["Growth", "blobs", "milliseconds", "a page", "1 K", "1 M"] {
            assert!(picture.contains(words), "{words} is missing");
        }
    }
}
