//! One chart: the current values large, the curves below, and what it says to those who cannot see it.

use super::{
    curve::{self, Stroke},
    demo_of,
    plot::{self, Band, Curve, Frame, Ground, Ink},
    range::{Axes, MayBeLog, Stretch, time_window},
};
use crate::{
    slide::Draw,
    stage::Scale,
    store::{Part, Store},
    time,
};
use greenroom_show::{
    Ghost, Run, Series, Show, Span,
    demo::{Chart, Demo, Line, Step},
    unit::Unit,
};
use leptos::{html, prelude::*};
use plotters::style::RGBColor;
use std::sync::Arc;
use web_sys::HtmlCanvasElement;

/// Colours of the theme for lines: the same label has the same colour in every chart of a demo.
const SERIES_COLORS: usize = 6;
/// A canvas has at least this many pixels for one of the stage, so that lines stay smooth in a small window.
const SCALE_MIN: f64 = 1.0;

/// What a chart draws, fixed while its deck stays.
struct Plan {
    slug: String,
    chart: Chart,
    colors: Vec<usize>,
    step_names: Vec<String>,
}

/// The large figure of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Reading {
    Now(f64),
    /// While no step runs, the highest value shown is worth more than a zero.
    Peak(f64),
    Nothing,
}

/// What a chart remembers between two drawings.
#[derive(Default)]
struct Canvas {
    axes: Axes,
    ground: Option<Ground>,
    run: Option<(bool, u64)>,
    drawn: u64,
    due: bool,
}

#[component]
pub fn ChartView(demo: String, index: usize, draw: Draw) -> impl IntoView {
    let store = expect_context::<Store>();
    let plan = demo_of(store, &demo).and_then(|demo| Plan::of(&demo, index)).map(Arc::new);
    plan.map(|plan| view! { <Planned plan draw /> })
}

#[component]
fn Planned(plan: Arc<Plan>, draw: Draw) -> impl IntoView {
    let store = expect_context::<Store>();
    let readings = {
        let plan = plan.clone();
        Memo::new(move |_| {
            // Four times a second: a figure that changes at each sample cannot be read.
            store.ticking();
            store.read(&[Part::Replay], |show| plan.readings(show))
        })
    };
    let summary = {
        let plan = plan.clone();
        move || plan.summary(readings.get())
    };
    let samples = {
        let plan = plan.clone();
        Memo::new(move |_| {
            store.ticking();
            store.read(&[Part::Replay], |show| plan.samples(show))
        })
    };
    let figures = {
        let plan = plan.clone();
        move || readings.get().map(|readings| plan.figures(readings))
    };
    let peak = move || {
        let readings = readings.read();
        let is_peak = readings.iter().flatten().any(|reading| matches!(reading, Reading::Peak(_)));
        is_peak.then_some(" peak")
    };
    let slug = plan.slug.clone();
    let waits_for = Memo::new(move |_| {
        let ran =
            store.read(&[Part::Steps, Part::Replay], |show| show.run(&slug).is_some_and(|run| !run.steps.is_empty()));
        if ran { "No data yet" } else { "Waits for a step to run" }
    });
    let canvases = (draw == Draw::Whole).then(|| view! { <Canvases plan=plan.clone() /> });
    let title = plan.chart.title.clone();
    let caption = title.clone();
    let table = {
        let plan = plan.clone();
        move || plan.table(readings.get())
    };
    view! {
        <table class="for-readers">{table}</table>
        <figure class="plot" data-testid="chart" data-chart=title data-samples=samples role="img" aria-label=summary>
            <figcaption>{caption} <small>{peak}</small></figcaption>
            <div class="values">{figures}</div>
            <div class="canvases">
                {canvases}
                <Show when=move || readings.read().is_none()>
                    <p class="waits">{waits_for}</p>
                </Show>
            </div>
        </figure>
    }
}

#[component]
fn Canvases(plan: Arc<Plan>) -> impl IntoView {
    let store = expect_context::<Store>();
    let scale = expect_context::<Scale>().0;
    let (ground, curves) = (NodeRef::<html::Canvas>::new(), NodeRef::<html::Canvas>::new());
    let canvas = StoredValue::new(Canvas::default());
    let draw = move || {
        if let (Some(ground), Some(curves)) = (ground.get_untracked(), curves.get_untracked()) {
            let again = canvas.try_update_value(|canvas| {
                canvas.due = false;
                canvas.draw(&plan, store, scale.get_untracked(), &ground, &curves)
            });
            again == Some(Drawing::Moves)
        } else {
            false
        }
    };
    let schedule = Schedule { draw: Arc::new(draw), canvas };
    Effect::new(move || {
        store.read(&[Part::Curves, Part::Replay], |_| ());
        scale.track();
        ground.track();
        curves.track();
        schedule.clone().at_next_frame();
    });
    view! {
        <canvas class="ground" node_ref=ground></canvas>
        <canvas class="curves" node_ref=curves></canvas>
    }
}

/// Draws at most once for each frame of the page, and again while an axis moves.
#[derive(Clone)]
struct Schedule<F> {
    draw: Arc<F>,
    canvas: StoredValue<Canvas>,
}

impl<F: Fn() -> bool + 'static> Schedule<F> {
    fn at_next_frame(self) {
        let was_due = self.canvas.try_update_value(|canvas| std::mem::replace(&mut canvas.due, true));
        if was_due == Some(false) {
            time::at_next_frame(move || {
                if (self.draw)() {
                    Schedule { draw: self.draw, canvas: self.canvas }.at_next_frame();
                }
            });
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drawing {
    Rests,
    Moves,
}

impl Canvas {
    fn draw(
        &mut self,
        plan: &Plan,
        store: Store,
        stage_scale: f64,
        ground: &HtmlCanvasElement,
        curves: &HtmlCanvasElement,
    ) -> Drawing {
        let now_ms = time::page_ms();
        let density = window().device_pixel_ratio() * stage_scale;
        let frame = store.peek(|show| {
            let run = show.run(&plan.slug)?;
            let identity = (show.recording(&plan.slug).is_some(), run.began);
            if self.run.replace(identity) != Some(identity) {
                self.axes = Axes::default();
            }
            Some(self.frame(plan, run, show.ghost(&plan.slug), show.span, now_ms))
        });
        let Some(mut frame) = frame.filter(|frame| frame.curves.iter().any(|curve| !curve.strokes.is_empty())) else {
            self.ground = None;
            clear(ground);
            clear(curves);
            return Drawing::Rests;
        };
        frame.scale = density.max(SCALE_MIN);
        frame.ink =
            Ink { line: color(ground, "--line"), quiet: color(ground, "--quiet"), ground: color(ground, "--raised") };
        let lines = frame.curves.iter_mut().zip(&plan.colors).chain(frame.ghosts.iter_mut().zip(&plan.colors));
        for (curve, index) in lines {
            curve.color = color(ground, &format!("--series-{}", index + 1));
        }
        plot::draw_ground(ground, &frame, &mut self.ground);
        plot::draw_curves(curves, &frame);
        self.drawn += 1;
        // For tests and for the frame rate that a bench reads.
        let _ = curves.set_attribute("data-drawn", &self.drawn.to_string());
        if self.axes.is_settled(now_ms) { Drawing::Rests } else { Drawing::Moves }
    }

    fn frame(&mut self, plan: &Plan, run: &Run, ghost: Option<&Ghost>, span: Span, now_ms: f64) -> Frame {
        let unit = plan.chart.unit;
        let stretch = Stretch::of(run, span);
        let (from, to) = time_window(span, stretch.began, stretch.now);
        let strokes = plan.strokes(run, span);
        let under = ghost.map(|ghost| plan.under(ghost, run, span)).unwrap_or_default();
        let may_be_log = if unit == Unit::Milliseconds { MayBeLog::Yes } else { MayBeLog::No };
        self.axes.aim_time((from, to), now_ms);
        let mut extent = curve::extent(strokes.iter().chain(&under).flatten());
        extent.largest = extent.largest.max(least_top(unit));
        self.axes.aim_values(extent, may_be_log, now_ms);
        let black = RGBColor(0, 0, 0);
        let curves = |strokes: Vec<Vec<Stroke>>| {
            let lines = plan.chart.series.iter().zip(strokes);
            lines.map(|(line, strokes)| Curve { label: line.label.clone(), color: black, strokes }).collect()
        };
        Frame {
            view: self.axes.view(now_ms),
            ticks: self.axes.ticks(),
            unit,
            span,
            began: stretch.began as f64,
            curves: curves(strokes),
            ghosts: curves(under),
            bands: plan.bands(run),
            ink: Ink { line: black, quiet: black, ground: black },
            scale: 1.0,
        }
    }
}

impl Plan {
    fn of(demo: &Demo, index: usize) -> Option<Self> {
        let chart = demo.charts.get(index)?.clone();
        let mut labels: Vec<&str> = Vec::new();
        for line in demo.charts.iter().flat_map(|chart| &chart.series) {
            if !labels.contains(&line.label.as_str()) {
                labels.push(&line.label);
            }
        }
        let color = |label: &str| labels.iter().position(|other| *other == label).unwrap_or(0) % SERIES_COLORS;
        Some(Self {
            slug: demo.slug.clone(),
            colors: chart.series.iter().map(|line| color(&line.label)).collect(),
            step_names: demo.steps.iter().map(Step::name).collect(),
            chart,
        })
    }

    /// What each line reads; `None` before the first sample.
    fn readings(&self, show: &Show) -> Option<Vec<Reading>> {
        let run = show.run(&self.slug)?;
        let series: Vec<_> = self.chart.series.iter().map(|line| run.series.get(&line.metric)).collect();
        if series.iter().all(Option::is_none) {
            return None;
        }
        if run.running().is_none() && !run.steps.is_empty() {
            let peak = |strokes: &Vec<Stroke>| {
                let values = strokes.iter().flatten().map(|(_, value)| *value);
                values.max_by(f64::total_cmp).map_or(Reading::Nothing, Reading::Peak)
            };
            return Some(self.strokes(run, show.span).iter().map(peak).collect());
        }
        let now = |series: &Series| curve::standing(series, self.chart.unit, run.now);
        Some(series.iter().map(|series| series.and_then(now).map_or(Reading::Nothing, Reading::Now)).collect())
    }

    /// The strokes of each line.
    fn strokes(&self, run: &Run, span: Span) -> Vec<Vec<Stroke>> {
        let stretch = Stretch::of(run, span);
        let (from, _) = time_window(span, stretch.began, stretch.now);
        let strokes = |line: &Line| {
            let series = run.series.get(&line.metric)?;
            Some(curve::strokes(series, span, self.chart.unit, from, stretch.now))
        };
        self.chart.series.iter().map(|line| strokes(line).unwrap_or_default()).collect()
    }

    /// The strokes of each line, as another run has them.
    fn under(&self, ghost: &Ghost, run: &Run, span: Span) -> Vec<Vec<Stroke>> {
        let stretch = Stretch::of(run, span);
        let (from, _) = time_window(span, stretch.began, stretch.now);
        let parts = ghost.parts(run);
        let strokes = |line: &Line| {
            let series = ghost.series.get(&line.metric)?;
            Some(curve::ghost(series, &parts, self.chart.unit, from, stretch.now))
        };
        self.chart.series.iter().map(|line| strokes(line).unwrap_or_default()).collect()
    }

    fn samples(&self, show: &Show) -> usize {
        let Some(run) = show.run(&self.slug) else { return 0 };
        let series = self.chart.series.iter().filter_map(|line| run.series.get(&line.metric));
        series.map(|series| series.recent().count()).sum()
    }

    fn summary(&self, readings: Option<Vec<Reading>>) -> String {
        let title = &self.chart.title;
        let Some(readings) = readings else { return format!("{title}: no data yet") };
        let lines = self.chart.series.iter().zip(readings);
        let said = lines.map(|(line, reading)| match reading {
            Reading::Now(value) => format!("{} {}", line.label, self.chart.unit.say(value)),
            Reading::Peak(value) => format!("{} peak {}", line.label, self.chart.unit.say(value)),
            Reading::Nothing => format!("{} nothing", line.label),
        });
        format!("{title}: {}", said.collect::<Vec<_>>().join(", "))
    }

    /// For those who cannot see the curves: a row each.
    fn table(&self, readings: Option<Vec<Reading>>) -> Vec<AnyView> {
        let readings = readings.unwrap_or_else(|| vec![Reading::Nothing; self.chart.series.len()]);
        let rows = self.chart.series.iter().zip(readings).map(|(line, reading)| {
            let (when, value) = match reading {
                Reading::Now(value) => ("now", self.chart.unit.say(value)),
                Reading::Peak(value) => ("peak", self.chart.unit.say(value)),
                Reading::Nothing => ("", "no data".to_string()),
            };
            view! { <tr><th scope="row">{line.label.clone()}</th><td>{when}</td><td>{value}</td></tr> }.into_any()
        });
        let caption = view! { <caption>{self.chart.title.clone()}</caption> }.into_any();
        std::iter::once(caption).chain(rows).collect()
    }

    fn figures(&self, readings: Vec<Reading>) -> Vec<AnyView> {
        let lines = self.chart.series.iter().zip(readings).zip(&self.colors);
        lines
            .map(|((line, reading), color)| {
                let (value, unit) = match reading {
                    Reading::Now(value) | Reading::Peak(value) => self.chart.unit.format(value),
                    Reading::Nothing => ("–".to_string(), ""),
                };
                view! {
                    <span class=format!("value series-{}", color + 1) data-metric=line.metric.clone()>
                        <b>{value}</b>
                        <small>{unit}</small>
                    </span>
                }
                .into_any()
            })
            .collect()
    }

    fn bands(&self, run: &Run) -> Vec<Band> {
        run.steps
            .iter()
            .filter_map(|(index, step)| {
                Some(Band {
                    from: step.started as f64,
                    to: step.ended.unwrap_or(run.now) as f64,
                    name: self.step_names.get(*index)?.clone(),
                })
            })
            .collect()
    }
}

/// An idle chart spans this much at least: noise is not a curve.
fn least_top(unit: Unit) -> f64 {
    match unit {
        Unit::BytesPerSecond | Unit::Bytes => 1e6,
        Unit::OpsPerSecond => 10.0,
        Unit::Milliseconds | Unit::Seconds | Unit::Count | Unit::Percent | Unit::Ratio => 0.9,
    }
}

fn clear(canvas: &HtmlCanvasElement) {
    // Setting a size clears.
    canvas.set_width(canvas.width());
}

/// A colour of the theme; black where it has none by that name.
fn color(element: &HtmlCanvasElement, name: &str) -> RGBColor {
    let value =
        window().get_computed_style(element).ok().flatten().and_then(|style| style.get_property_value(name).ok());
    let value = value.unwrap_or_default();
    let digits = value.trim().trim_start_matches('#');
    let part = |at: usize| digits.get(at..at + 2).and_then(|part| u8::from_str_radix(part, 16).ok()).unwrap_or(0);
    RGBColor(part(0), part(2), part(4))
}
