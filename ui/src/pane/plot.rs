//! Puts one chart on its canvas by the canvas' own calls: the grid, then the curves, then their names.

use super::{
    curve::{self, Stroke},
    range::View,
    sheet::{self, Band, Of, Rect, Sheet, Wanted},
};
use greenroom_show::{
    Span,
    unit::{self, Unit},
};
use std::{cell::RefCell, collections::BTreeMap};
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

/// Measures on the stage, in its pixels, for letters of that size.
const GHOST_LINE: f64 = 2.0;
const GHOST_DIM: f64 = 0.62;
const GHOST_DASH: [f64; 2] = [9.0, 7.0];
const THRESHOLD_DASH: [f64; 2] = [14.0, 10.0];
/// How much of its ink an area under a curve has, and a curve of a group that is over.
const AREA: f64 = 0.14;
/// So wide are columns of which a curve draws the lowest and the highest point, and those of the area below it.
const COLUMN: f64 = 2.0;
const AREA_COLUMN: f64 = 6.0;
/// A curve of more points than this is a rough one.
const DENSE: usize = 200;
const PAST: f64 = 0.55;

/// How large a chart is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// It is what the stage is about.
    Hero,
    /// One of several beside each other.
    Usual,
    /// A curve under a figure: no axis, no name.
    Tile,
}

impl Form {
    /// For style.
    pub fn as_str(self) -> &'static str {
        match self {
            Form::Hero => "hero",
            Form::Usual => "usual",
            Form::Tile => "tile",
        }
    }

    fn letters(self) -> f64 {
        match self {
            Form::Hero => 32.0,
            Form::Usual | Form::Tile => 28.0,
        }
    }

    fn line(self) -> f64 {
        match self {
            Form::Hero => 5.0,
            Form::Usual | Form::Tile => 3.0,
        }
    }

    fn dot(self) -> f64 {
        self.line() * 2.0
    }
}

/// All that one drawing of a chart needs.
pub struct Frame {
    pub form: Form,
    pub view: View,
    pub ticks: Vec<f64>,
    pub unit: Unit,
    pub curves: Vec<Curve>,
    /// Of a run that is laid under this one, in the order of the curves.
    pub ghosts: Vec<Curve>,
    /// Steps or groups, each from its start to its end.
    pub bands: Vec<Band>,
    pub thresholds: Vec<Threshold>,
    /// Below the plot, in parts of it.
    pub times: Vec<(f64, String)>,
    /// What is left of it is over.
    pub past: f64,
    pub ink: Ink,
    /// Pixels of the canvas for one of the stage.
    pub scale: f64,
}

pub struct Curve {
    pub label: String,
    pub color: String,
    pub strokes: Vec<Stroke>,
}

#[derive(Debug)]
pub struct Threshold {
    pub value: f64,
    pub label: String,
}

/// Colours of the theme.
#[derive(Debug, Default)]
pub struct Ink {
    pub line: String,
    pub quiet: String,
    pub text: String,
}

thread_local! {
    /// Widths of letters at a size of 100: a canvas measures slowly, and a chart says the same words again and again.
    static WIDTHS: RefCell<BTreeMap<String, f64>> = const { RefCell::new(BTreeMap::new()) };
}

/// More than a demo ever says; figures of axes come and go.
const WIDTHS_MAX: usize = 2_000;
const MEASURED_AT: f64 = 100.0;

/// Gives a canvas the pixels that its place on the page has. Setting a size clears it, so only where it differs.
fn fit(canvas: &HtmlCanvasElement, scale: f64) -> (u32, u32) {
    let pixels = |stage: i32| (f64::from(stage) * scale).round().max(1.0) as u32;
    let size = (pixels(canvas.client_width()), pixels(canvas.client_height()));
    if canvas.width() != size.0 {
        canvas.set_width(size.0);
    }
    if canvas.height() != size.1 {
        canvas.set_height(size.1);
    }
    size
}

/// Draws the chart. `None` where the page has no canvas to draw on.
pub fn draw(canvas: &HtmlCanvasElement, frame: &Frame) -> Option<()> {
    let (width, height) = fit(canvas, frame.scale);
    let painter = Painter::on(canvas, frame)?;
    let room = (f64::from(width) / frame.scale, f64::from(height) / frame.scale);
    let sheet = Sheet::of(&frame.wanted(room), &|text, size| painter.width(text, size));
    painter.ground(&sheet);
    painter.curves(&sheet);
    Some(())
}

impl Frame {
    fn wanted(&self, room: (f64, f64)) -> Wanted {
        let size = self.form.letters();
        if self.form == Form::Tile {
            return Wanted { room, size, ..Wanted::default() };
        }
        let bands = self.bands.iter().map(|Band { from, to, names }| Band {
            from: self.view.x(*from),
            to: self.view.x(*to),
            names: names.clone(),
        });
        let last = |curve: &Curve| Some(*curve.strokes.last()?.last()?);
        let curves = self.curves.iter().filter(|_| self.curves.len() > 1);
        let ends = curves.filter_map(|curve| {
            let (_, value) = last(curve)?;
            Some(sheet::End { y: self.view.y(value), name: curve.label.clone() })
        });
        let across = self
            .thresholds
            .iter()
            .map(|threshold| sheet::End { y: self.view.y(threshold.value), name: threshold.label.clone() });
        let ends_at = self.curves.iter().filter_map(last).map(|(at, _)| self.view.x(at)).fold(0.0, f64::max);
        Wanted {
            room,
            size,
            ticks: self.labels().map(|(tick, label)| (self.view.y(tick), label)).filter(|(y, _)| *y <= 1.02).collect(),
            bands: bands.filter(|band| band.to > 0.0 && band.from < 1.0).collect(),
            times: self.times.clone(),
            ends: ends.chain(across).collect(),
            ends_at,
        }
    }

    /// Ticks above zero, each as it is written.
    fn labels(&self) -> impl Iterator<Item = (f64, String)> {
        let highest = self.ticks.last().copied().unwrap_or(1.0);
        // Decades are read in one unit, from the smallest on.
        let (divisor, name) = self.unit.scale(if self.view.log > 0.5 { 1.0 } else { highest });
        self.ticks.iter().filter(|tick| **tick > 0.0).map(move |tick| {
            let value = trimmed(tick / divisor);
            (*tick, if *tick == highest { format!("{value} {name}").trim_end().to_string() } else { value })
        })
    }

    /// The colour of a name: curves have their own, lines across are quiet.
    fn color_of_end(&self, index: usize) -> &str {
        let named = self
            .curves
            .iter()
            .filter(|curve| self.curves.len() > 1 && curve.strokes.last().is_some_and(|stroke| !stroke.is_empty()));
        named.map(|curve| curve.color.as_str()).nth(index).unwrap_or(&self.ink.quiet)
    }
}

struct Painter<'a> {
    context: CanvasRenderingContext2d,
    frame: &'a Frame,
}

impl<'a> Painter<'a> {
    /// On a canvas that is clear, in pixels of the stage.
    fn on(canvas: &HtmlCanvasElement, frame: &'a Frame) -> Option<Painter<'a>> {
        // Drawn by the processor: on a layer of its own, a canvas takes all that lies over it onto layers, too, and each frame of a
        // small chart is one of the whole window.
        let options = js_sys::Object::new();
        js_sys::Reflect::set(&options, &"willReadFrequently".into(), &true.into()).ok()?;
        let context = canvas.get_context_with_context_options("2d", &options).ok()??;
        let context: CanvasRenderingContext2d = context.dyn_into().ok()?;
        context.reset_transform().ok()?;
        context.clear_rect(0.0, 0.0, canvas.width().into(), canvas.height().into());
        context.scale(frame.scale, frame.scale).ok()?;
        context.set_line_join("round");
        context.set_line_cap("round");
        context.set_text_baseline("middle");
        Some(Painter { context, frame })
    }

    fn width(&self, text: &str, size: f64) -> f64 {
        WIDTHS.with_borrow_mut(|widths| {
            if let Some(width) = widths.get(text) {
                return width * size / MEASURED_AT;
            }
            if widths.len() >= WIDTHS_MAX {
                widths.clear();
            }
            self.font(MEASURED_AT);
            let width = self.context.measure_text(text).map_or(0.0, |measured| measured.width());
            widths.insert(text.to_string(), width);
            width * size / MEASURED_AT
        })
    }

    fn font(&self, size: f64) {
        self.context.set_font(&format!("500 {size}px Inter"));
    }

    fn ground(&self, sheet: &Sheet) {
        let Frame { ink, view, form, .. } = self.frame;
        let plot = sheet.plot;
        let x = |at: f64| plot.left + view.x(at) * plot.width();
        if *form == Form::Tile {
            return self.line(&ink.line, 1.0, [(plot.left, plot.bottom), (plot.right, plot.bottom)]);
        }
        for band in &self.frame.bands {
            let (left, right) = (x(band.from).max(plot.left), x(band.to).min(plot.right));
            if left < right {
                self.context.set_global_alpha(0.06);
                self.context.set_fill_style_str(&ink.quiet);
                self.context.fill_rect(left, plot.top, right - left, plot.height());
                self.context.set_global_alpha(0.35);
                self.line(&ink.quiet, 1.0, [(left, plot.top), (left, plot.bottom)]);
                self.context.set_global_alpha(1.0);
            }
        }
        for tick in &self.frame.ticks {
            let y = plot.bottom - view.y(*tick) * plot.height();
            if y >= plot.top - 2.0 {
                self.line(&ink.line, 1.0, [(plot.left, y), (plot.right, y)]);
            }
        }
        for threshold in &self.frame.thresholds {
            let y = plot.bottom - view.y(threshold.value) * plot.height();
            if (plot.top..=plot.bottom).contains(&y) {
                // As far as its name.
                let name = sheet.letters.iter().find(|letters| letters.text == threshold.label && letters.of.is_end());
                let right = name.map_or(plot.right, |name| name.place.left - form.letters() * 0.3);
                self.dash(&THRESHOLD_DASH);
                self.line(&ink.quiet, 2.0, [(plot.left, y), (right, y)]);
                self.dash(&[]);
            }
        }
        self.font(form.letters());
        for letters in &sheet.letters {
            let color = match letters.of {
                Of::Axis => &ink.quiet,
                // What is now is bright.
                Of::Band(index) if self.frame.bands.get(index).is_some_and(|band| band.to > self.frame.past) => {
                    &ink.text
                }
                Of::Band(_) => &ink.quiet,
                Of::End(_) => continue,
            };
            self.letters(&letters.text, letters.place, color);
        }
    }

    fn curves(&self, sheet: &Sheet) {
        let plot = sheet.plot;
        self.context.save();
        self.context.begin_path();
        // A dot at the edge is whole, and so is a line at rest.
        let spill = self.frame.form.dot();
        self.context.rect(plot.left, plot.top - spill, plot.width() + spill, plot.height() + 2.0 * spill);
        self.context.clip();
        for curve in &self.frame.ghosts {
            self.context.set_global_alpha(GHOST_DIM);
            self.dash(&GHOST_DASH);
            for stroke in &curve.strokes {
                self.line(&curve.color, GHOST_LINE, self.points(stroke, plot));
            }
            self.dash(&[]);
        }
        for curve in &self.frame.curves {
            for stroke in &curve.strokes {
                let is_past = stroke.last().is_some_and(|(at, _)| *at < self.frame.past);
                self.stroke(curve, stroke, plot, if is_past { PAST } else { 1.0 });
            }
            if let Some(end) = curve.strokes.last().and_then(|stroke| stroke.last()) {
                self.context.begin_path();
                if let Some((x, y)) = self.points(&[*end], plot).next() {
                    // A circle of a canvas has no way to fail here.
                    let _ = self.context.arc(x, y, self.frame.form.dot(), 0.0, std::f64::consts::TAU);
                    self.context.set_fill_style_str(&curve.color);
                    self.context.fill();
                }
            }
        }
        self.context.restore();
        self.font(self.frame.form.letters());
        for letters in &sheet.letters {
            if let Of::End(index) = letters.of {
                self.letters(&letters.text, letters.place, self.frame.color_of_end(index));
            }
        }
    }

    fn stroke(&self, curve: &Curve, stroke: &Stroke, plot: Rect, ink: f64) {
        let points = curve::thinned(self.points(stroke, plot), COLUMN);
        // Nobody sees what edge a shade has under its line.
        let area = curve::thinned(points.iter().copied(), AREA_COLUMN);
        let (Some(first), Some(last)) = (area.first(), area.last()) else { return };
        self.context.begin_path();
        self.context.move_to(first.0, plot.bottom);
        area.iter().for_each(|(x, y)| self.context.line_to(*x, *y));
        self.context.line_to(last.0, plot.bottom);
        self.context.set_global_alpha(AREA * ink);
        self.context.set_fill_style_str(&curve.color);
        self.context.fill();
        self.context.set_global_alpha(ink);
        // Where points stand this close, a corner is as wide as its line.
        self.context.set_line_join(if points.len() > DENSE { "bevel" } else { "round" });
        self.line(&curve.color, self.frame.form.line(), points);
        self.context.set_line_join("round");
        self.context.set_global_alpha(1.0);
    }

    fn points<'s>(&self, stroke: &'s [(f64, f64)], plot: Rect) -> impl Iterator<Item = (f64, f64)> + use<'s> {
        let view = self.frame.view;
        stroke.iter().map(move |(at, value)| {
            (plot.left + view.x(*at) * plot.width(), plot.bottom - view.y(*value) * plot.height())
        })
    }

    fn line(&self, color: &str, width: f64, points: impl IntoIterator<Item = (f64, f64)>) {
        self.context.begin_path();
        let mut points = points.into_iter();
        if let Some((x, y)) = points.next() {
            self.context.move_to(x, y);
        }
        points.for_each(|(x, y)| self.context.line_to(x, y));
        self.context.set_stroke_style_str(color);
        self.context.set_line_width(width);
        self.context.stroke();
    }

    fn dash(&self, parts: &[f64]) {
        let parts: js_sys::Array = parts.iter().map(|part| wasm_bindgen::JsValue::from_f64(*part)).collect();
        // Lengths that are numbers are taken.
        let _ = self.context.set_line_dash(&parts);
    }

    fn letters(&self, text: &str, place: Rect, color: &str) {
        self.context.set_fill_style_str(color);
        // Text on a canvas that is there is drawn.
        let _ = self.context.fill_text(text, place.left, (place.top + place.bottom) * 0.5);
    }
}

/// Start, middle and end of a window, as they stand below it.
pub fn times(span: Span, view: &View, began: f64) -> Vec<(f64, String)> {
    let scrolls = span == Span::LastMinute && view.from > began + 1e5;
    let said = |part: f64| {
        let at = view.from + (view.to - view.from) * part;
        let label = match scrolls {
            true if part == 1.0 => "now".to_string(),
            true => format!("−{}", duration((view.to - at) / 1e6)),
            false => duration((at - began) / 1e6),
        };
        (part, label)
    };
    [0.0, 0.5, 1.0].map(said).to_vec()
}

/// A round number without zeros at its end.
fn trimmed(value: f64) -> String {
    if value >= 1000.0 {
        return unit::grouped(value);
    }
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

pub fn duration(seconds: f64) -> String {
    match seconds.round() as u64 {
        0 => "0".into(),
        whole if whole < 120 => format!("{whole} s"),
        whole if whole % 60 == 0 => format!("{} min", whole / 60),
        whole => format!("{}:{:02} min", whole / 60, whole % 60),
    }
}
