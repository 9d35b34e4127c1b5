//! Puts one chart on its two canvases: the grid below, the curves above, each drawn only when it changed.

use super::{curve::Stroke, range::View};
use greenroom_show::{
    Span,
    unit::{self, Unit},
};
use plotters::{
    coord::{Shift, types::RangedCoordf64},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};
use plotters_canvas::CanvasBackend;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

/// Measures on the stage, in its pixels.
const LABEL: f64 = 26.0;
const LABEL_ROOM: f64 = 34.0;
const LINE: f64 = 3.0;
const END_DOT: f64 = 6.0;
/// What lies under the curves: thinner and dimmer than they, and dashed.
const GHOST_LINE: f64 = 2.0;
const GHOST_DIM: f64 = 0.62;
const GHOST_DASH: f64 = 9.0;
const GHOST_GAP: f64 = 7.0;
/// Width of an average letter of a label.
const LETTER: f64 = LABEL * 0.58;
/// Of a figure: all have the same.
const FIGURE: f64 = LABEL * 0.68;
/// The same among figures and capitals, which are wider, as a unit is written.
const UNIT_LETTER: f64 = LABEL * 0.76;
/// A line that ends left of this part of the plot has its name behind it.
const ROOM_BEHIND: f64 = 0.7;
/// Between the axis' labels and the plot.
const LABEL_GAP: f64 = 10.0;
/// Between the unit and the name of a step.
const NAME_GAP: f64 = 20.0;
/// A step that takes less than this part of the plot goes without a name.
const NAMED_PART_MIN: f64 = 0.08;
/// Names that are shorter than this say nothing.
const NAME_LETTERS_MIN: usize = 6;

/// All that one drawing of a chart needs.
pub struct Frame {
    pub view: View,
    pub ticks: Vec<f64>,
    pub unit: Unit,
    pub span: Span,
    pub began: f64,
    pub curves: Vec<Curve>,
    /// Of a run that is laid under this one, in the order of the curves.
    pub ghosts: Vec<Curve>,
    pub bands: Vec<Band>,
    pub ink: Ink,
    /// Pixels of the canvas for one of the stage.
    pub scale: f64,
}

pub struct Curve {
    pub label: String,
    pub color: RGBColor,
    pub strokes: Vec<Stroke>,
}

/// A step, from its start to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    pub from: f64,
    pub to: f64,
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ink {
    pub line: RGBColor,
    pub quiet: RGBColor,
    pub ground: RGBColor,
}

/// What the grid was drawn from: while it stays the same, so does the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Ground {
    view: View,
    size: (u32, u32),
    ink: Ink,
    bands: Vec<Band>,
}

type Area = DrawingArea<CanvasBackend, Shift>;
type Plot<'a> = ChartContext<'a, CanvasBackend, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Drawn = Result<(), DrawingAreaErrorKind<<CanvasBackend as DrawingBackend>::ErrorType>>;

/// Gives a canvas the pixels that its place on the page has. Setting a size clears it, so only where it differs.
pub fn fit(canvas: &HtmlCanvasElement, scale: f64) -> (u32, u32) {
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

/// Draws the grid unless `drawn` says that it is on the canvas already.
pub fn draw_ground(canvas: &HtmlCanvasElement, frame: &Frame, drawn: &mut Option<Ground>) {
    let size = fit(canvas, frame.scale);
    let ground = Ground { view: frame.view, size, ink: frame.ink, bands: frame.bands.clone() };
    if drawn.as_ref() != Some(&ground) && on(canvas, frame, |plot, area| grid(plot, area, frame)).is_some() {
        *drawn = Some(ground);
    }
}

pub fn draw_curves(canvas: &HtmlCanvasElement, frame: &Frame) {
    fit(canvas, frame.scale);
    on(canvas, frame, |plot, _| {
        frame.ghosts.iter().try_for_each(|curve| dashed(plot, frame, curve))?;
        frame.curves.iter().try_for_each(|curve| stroke(plot, frame, curve))?;
        if frame.curves.len() > 1 { end_labels(plot, frame) } else { Ok(()) }
    });
}

/// Clears the canvas and draws on it, in coordinates from 0 to 1. `None` where the page has no canvas to draw on.
fn on(canvas: &HtmlCanvasElement, frame: &Frame, draw: impl FnOnce(&mut Plot, &Area) -> Drawn) -> Option<()> {
    let context: CanvasRenderingContext2d = canvas.get_context("2d").ok()??.dyn_into().ok()?;
    context.clear_rect(0.0, 0.0, canvas.width().into(), canvas.height().into());
    context.set_line_join("round");
    context.set_line_cap("round");
    let area = CanvasBackend::with_canvas_object(canvas.clone())?.into_drawing_area();
    let mut plot = ChartBuilder::on(&area)
        .margin_top(pixels(LABEL_ROOM, frame))
        .margin_bottom(pixels(LABEL_ROOM, frame))
        .margin_left(pixels(frame.gutter(), frame))
        .margin_right(pixels(END_DOT * 2.0, frame))
        .build_cartesian_2d(0.0..1.0, 0.0..1.0)
        .ok()?;
    draw(&mut plot, &area).ok()
}

fn grid(plot: &mut Plot, area: &Area, frame: &Frame) -> Drawn {
    steps(plot, frame)?;
    let height = f64::from(plot.plotting_area().dim_in_pixel().1);
    let (left, top) = (pixels(frame.gutter(), frame), pixels(LABEL_ROOM, frame));
    for (tick, label) in frame.labels() {
        let y = frame.view.y(tick);
        if !(0.0..=1.02).contains(&y) {
            continue;
        }
        plot.draw_series([PathElement::new([(0.0, y), (1.0, y)], frame.ink.line.stroke_width(pixels(1.0, frame)))])?;
        // The highest one bears the unit and stands above the plot; the others stand beside it, clear of the curves. In pixels: what lies
        // outside of the plot has no coordinates in it.
        let (x, pos) = if frame.is_highest(tick) {
            (0, Pos::new(HPos::Left, VPos::Bottom))
        } else {
            (left.saturating_sub(pixels(LABEL_GAP, frame)), Pos::new(HPos::Right, VPos::Center))
        };
        let place = (x as i32, top as i32 + ((1.0 - y) * height).round() as i32);
        area.draw(&Text::new(label, place, style(frame, frame.ink.quiet, pos)))?;
    }
    times(area, frame)
}

impl Frame {
    /// Ticks above zero, each as it is written.
    fn labels(&self) -> impl Iterator<Item = (f64, String)> {
        let highest = self.ticks.last().copied().unwrap_or(1.0);
        // Decades are read in one unit, from the smallest on.
        let (divisor, name) = self.unit.scale(if self.view.log > 0.5 { 1.0 } else { highest });
        self.ticks.iter().filter(|tick| **tick > 0.0).map(move |tick| {
            let value = trimmed(tick / divisor);
            (*tick, if self.is_highest(*tick) { format!("{value} {name}") } else { value })
        })
    }

    fn is_highest(&self, tick: f64) -> bool {
        self.ticks.last() == Some(&tick)
    }

    /// Room for the labels beside the plot, on the stage.
    fn gutter(&self) -> f64 {
        let beside = self.labels().filter(|(tick, _)| !self.is_highest(*tick));
        let letters = beside.map(|(_, label)| label.chars().count()).max();
        letters.map_or(0.0, |letters| letters as f64 * FIGURE + LABEL_GAP)
    }

    /// Room for the highest label, which bears the unit, from the left edge.
    fn unit_room(&self) -> f64 {
        let highest = self.labels().find(|(tick, _)| self.is_highest(*tick));
        highest.map_or(0.0, |(_, label)| label.chars().count() as f64 * UNIT_LETTER + LABEL_GAP)
    }
}

/// A faint band for each step; those that are wide enough to be seen have their names, above the plot.
fn steps(plot: &mut Plot, frame: &Frame) -> Drawn {
    let (width, _) = plot.plotting_area().dim_in_pixel();
    let part = |stage: f64| stage * frame.scale / f64::from(width);
    let mut bands: Vec<_> = frame
        .bands
        .iter()
        .map(|band| (frame.view.x(band.from), frame.view.x(band.to), band))
        .filter(|(from, to, _)| *to > 0.0 && *from < 1.0)
        .collect();
    for (from, to, _) in &bands {
        let (left, right) = (from.max(0.0), to.min(1.0));
        plot.draw_series([Rectangle::new([(left, 0.0), (right, 1.0)], frame.ink.quiet.mix(0.06).filled())])?;
        if *from >= 0.0 {
            let edge = frame.ink.quiet.mix(0.35).stroke_width(pixels(1.0, frame));
            plot.draw_series([PathElement::new([(*from, 0.0), (*from, 1.0)], edge)])?;
        }
    }
    bands.retain(|(from, to, _)| to.min(1.0) - from.max(0.0) > NAMED_PART_MIN);
    bands.sort_by(|one, other| one.0.total_cmp(&other.0));
    for (index, (from, _, band)) in bands.iter().enumerate() {
        // Right of the unit that is written there, and as far as the next name.
        let start = from.max(part(frame.unit_room() - frame.gutter()));
        let end = bands.get(index + 1).map_or(1.0, |(next, ..)| *next);
        let letters = ((end - start) / part(LETTER)).max(0.0) as usize;
        let name = shortened(&band.name, letters.saturating_sub(2));
        text(plot, frame, &name, (start + part(NAME_GAP), 1.0), frame.ink.quiet, Pos::new(HPos::Left, VPos::Bottom))?;
    }
    Ok(())
}

fn stroke(plot: &mut Plot, frame: &Frame, curve: &Curve) -> Drawn {
    for stroke in &curve.strokes {
        let points: Vec<_> = stroke.iter().map(|(at, value)| (frame.view.x(*at), frame.view.y(*value))).collect();
        let inside: Vec<_> = enter(&points);
        plot.draw_series(AreaSeries::new(inside.iter().copied(), 0.0, curve.color.mix(0.14)))?;
        plot.draw_series(LineSeries::new(inside, curve.color.stroke_width(pixels(LINE, frame))))?;
    }
    if let Some((at, value)) = curve.strokes.last().and_then(|stroke| stroke.last()) {
        let end = (frame.view.x(*at), frame.view.y(*value));
        plot.draw_series([Circle::new(end, pixels(END_DOT, frame), curve.color.filled())])?;
    }
    Ok(())
}

fn dashed(plot: &mut Plot, frame: &Frame, curve: &Curve) -> Drawn {
    for stroke in &curve.strokes {
        let points: Vec<_> = stroke.iter().map(|(at, value)| (frame.view.x(*at), frame.view.y(*value))).collect();
        let ink = curve.color.mix(GHOST_DIM).stroke_width(pixels(GHOST_LINE, frame));
        let (dash, gap) = (pixels(GHOST_DASH, frame), pixels(GHOST_GAP, frame));
        plot.draw_series(DashedLineSeries::new(enter(&points), dash, gap, ink))?;
    }
    Ok(())
}

/// Names at the ends of the lines, kept apart from each other.
fn end_labels(plot: &mut Plot, frame: &Frame) -> Drawn {
    let (width, height) = plot.plotting_area().dim_in_pixel();
    let row = f64::from(pixels(LABEL_ROOM, frame)) / f64::from(height);
    let mut ends: Vec<_> = frame
        .curves
        .iter()
        .filter_map(|curve| {
            let (at, value) = curve.strokes.last()?.last()?;
            Some((frame.view.x(*at), frame.view.y(*value), curve))
        })
        .collect();
    ends.sort_by(|one, other| one.1.total_cmp(&other.1));
    let mut floor: f64 = 0.02;
    for (x, y, curve) in ends {
        // Behind the end where the line ended early, else above it.
        let (place, at, side) = if x < ROOM_BEHIND {
            let behind = x + f64::from(pixels(END_DOT * 2.5, frame)) / f64::from(width);
            ((y - row * 0.5).max(floor), behind, HPos::Left)
        } else {
            ((y + row * 0.3).max(floor).min(1.0), x.min(1.0), HPos::Right)
        };
        floor = place + row;
        text(plot, frame, &curve.label, (at, place), curve.color, Pos::new(side, VPos::Bottom))?;
    }
    Ok(())
}

/// Start, middle and end of the window, below the plot.
fn times(area: &Area, frame: &Frame) -> Drawn {
    let (width, height) = area.dim_in_pixel();
    let scrolls = frame.span == Span::LastMinute && frame.view.from > frame.began + 1e5;
    let places = [(0.0, HPos::Left), (0.5, HPos::Center), (1.0, HPos::Right)];
    for (part, anchor) in places {
        let at = frame.view.from + (frame.view.to - frame.view.from) * part;
        let label = match scrolls {
            true if part == 1.0 => "now".to_string(),
            true => format!("−{}", duration((frame.view.to - at) / 1e6)),
            false => duration((at - frame.began) / 1e6),
        };
        let (left, right) = (frame.gutter() * frame.scale, f64::from(width) - END_DOT * 2.0 * frame.scale);
        let x = left + (right - left) * part;
        let style = style(frame, frame.ink.quiet, Pos::new(anchor, VPos::Bottom));
        area.draw(&Text::new(label, (x as i32, height as i32), style))?;
    }
    Ok(())
}

fn text(plot: &mut Plot, frame: &Frame, text: &str, place: (f64, f64), color: RGBColor, pos: Pos) -> Drawn {
    if text.is_empty() {
        return Ok(());
    }
    plot.draw_series([Text::new(text.to_string(), place, style(frame, color, pos))])?;
    Ok(())
}

fn style<'a>(frame: &Frame, color: RGBColor, pos: Pos) -> TextStyle<'a> {
    ("Inter", LABEL * frame.scale).into_font().color(&color).pos(pos)
}

fn pixels(stage: f64, frame: &Frame) -> u32 {
    (stage * frame.scale).round().max(1.0) as u32
}

/// Cuts a line at the left edge, where it enters.
fn enter(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    match points {
        [(x0, y0), (x1, y1), rest @ ..] if *x0 < 0.0 && x1 > x0 => {
            let part = -x0 / (x1 - x0);
            [(0.0, y0 + (y1 - y0) * part), (*x1, *y1)].into_iter().chain(rest.iter().copied()).collect()
        }
        _ => points.to_vec(),
    }
}

/// A round number without zeros at its end.
fn trimmed(value: f64) -> String {
    if value >= 1000.0 {
        return unit::grouped(value);
    }
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn shortened(name: &str, letters: usize) -> String {
    if name.chars().count() <= letters {
        return name.to_string();
    }
    if letters < NAME_LETTERS_MIN {
        return String::new();
    }
    name.chars().take(letters - 1).chain(['…']).collect()
}

fn duration(seconds: f64) -> String {
    match seconds.round() as u64 {
        0 => "0".into(),
        whole if whole < 120 => format!("{whole} s"),
        whole if whole % 60 == 0 => format!("{} min", whole / 60),
        whole => format!("{}:{:02} min", whole / 60, whole % 60),
    }
}
