//! One chart: the current values large, the curves below, and what it says to those who cannot see it.

use super::{
    curve::{self, Stroke},
    demo_of,
    plot::{self, Curve, Form, Frame, Ink, Threshold},
    range::{Axes, MayBeLog, Stretch, View, story_window, time_window},
    sheet::Band,
};
use crate::{
    slide::Draw,
    stage::Scale,
    store::{Part, Store},
    time,
};
use greenroom_show::order;
use greenroom_show::{
    Ghost, Run, Series, Show, Span,
    demo::{Chart, Demo},
    ghost,
    story::Story,
    unit::Unit,
};
use leptos::{html, prelude::*};
use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};
use web_sys::HtmlCanvasElement;

/// Colours of the theme for lines: the same label has the same colour in every chart of a demo.
const SERIES_COLORS: usize = 6;
/// A canvas has at least this many pixels for one of the stage, so that lines stay smooth in a small window.
const SCALE_MIN: f64 = 0.5;

/// What a chart draws, fixed while its deck stays.
struct Plan {
    demo: Demo,
    chart: Chart,
    lines: Vec<Line>,
    form: Form,
}

/// What is drawn as one: the metrics of one label, such as the loads of one tenant that come after each other.
struct Line {
    label: String,
    color: usize,
    metrics: Vec<String>,
}

/// Which time a chart shows, from where to where it is drawn, and what is left of it is over.
struct Time {
    window: (f64, f64),
    bands: Vec<Band>,
    past: f64,
    story: Option<Story>,
    /// Of the story.
    cuts: Vec<ghost::Part>,
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
    run: Option<(bool, u64)>,
    drawn: u64,
    due: bool,
}

#[component]
pub fn ChartView(demo: String, index: usize, form: Form, draw: Draw) -> impl IntoView {
    let store = expect_context::<Store>();
    let plan = demo_of(store, &demo).and_then(|demo| Plan::of(demo, index, form)).map(Arc::new);
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
        move || plan.figures(readings.get())
    };
    let form = plan.form;
    let peak = move || {
        let readings = readings.read();
        let is_peak = readings.iter().flatten().any(|reading| matches!(reading, Reading::Peak(_)));
        (is_peak && form == Form::Usual).then_some(" peak")
    };
    let slug = plan.demo.slug.clone();
    let waits = Memo::new(move |_| store.read(&[Part::Steps, Part::Replay], |show| show.run(&slug).is_none()));
    let canvases = (draw == Draw::Whole).then(|| view! { <Canvases plan=plan.clone() /> });
    let title = plan.chart.title.clone();
    let caption = title.clone();
    let table = {
        let plan = plan.clone();
        move || plan.table(readings.get())
    };
    view! {
        <table class="for-readers">{table}</table>
        <figure class=format!("plot {}", form.as_str()) data-testid="chart" data-chart=title data-samples=samples role="img" aria-label=summary>
            <figcaption>{caption} <small>{peak}</small></figcaption>
            <div class="values">{figures}</div>
            <div class="canvases">
                {canvases}
                <Show when=move || waits.get()>
                    <p class="waits">"Waits for a step to run"</p>
                </Show>
            </div>
        </figure>
    }
}

#[component]
fn Canvases(plan: Arc<Plan>) -> impl IntoView {
    let store = expect_context::<Store>();
    let scale = expect_context::<Scale>().0;
    let curves = NodeRef::<html::Canvas>::new();
    let canvas = StoredValue::new(Canvas::default());
    let draw = move || {
        if let Some(curves) = curves.get_untracked() {
            let again = canvas.try_update_value(|canvas| {
                canvas.due = false;
                canvas.draw(&plan, store, scale.get_untracked(), &curves)
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
        curves.track();
        schedule.clone().at_next_frame();
    });
    view! {
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
    fn draw(&mut self, plan: &Plan, store: Store, stage_scale: f64, curves: &HtmlCanvasElement) -> Drawing {
        let now_ms = time::page_ms();
        let density = window().device_pixel_ratio() * stage_scale;
        let frame = store.peek(|show| {
            let run = show.run(&plan.demo.slug)?;
            let identity = (show.recording(&plan.demo.slug).is_some(), run.began);
            if self.run.replace(identity) != Some(identity) {
                self.axes = Axes::default();
            }
            Some(self.frame(plan, show, run, now_ms))
        });
        let Some(mut frame) = frame else {
            clear(curves);
            return Drawing::Rests;
        };
        frame.scale = density.max(SCALE_MIN);
        let ink = |name| color(curves, name);
        frame.ink = Ink { line: ink("--line"), quiet: ink("--quiet"), text: ink("--text") };
        let lines = frame.curves.iter_mut().zip(&plan.lines).chain(frame.ghosts.iter_mut().zip(&plan.lines));
        for (curve, line) in lines {
            curve.color = color(curves, &format!("--series-{}", line.color + 1));
        }
        plot::draw(curves, &frame);
        self.drawn += 1;
        // For tests and for the frame rate that a bench reads.
        let _ = curves.set_attribute("data-drawn", &self.drawn.to_string());
        if self.axes.is_settled(now_ms) { Drawing::Rests } else { Drawing::Moves }
    }

    fn frame(&mut self, plan: &Plan, show: &Show, run: &Run, now_ms: f64) -> Frame {
        let unit = plan.chart.unit;
        let time = plan.time(show, run);
        let strokes = plan.strokes(run, show.span, &time);
        let under = show.ghost(&plan.demo.slug).map(|ghost| plan.under(ghost, run, &time)).unwrap_or_default();
        let thresholds = plan.thresholds(show, run, &time);
        let may_be_log = if unit == Unit::Milliseconds { MayBeLog::Yes } else { MayBeLog::No };
        self.axes.aim_time(time.window, now_ms);
        let mut extent = curve::extent(strokes.iter().chain(&under).flatten());
        let highest = thresholds.iter().map(|threshold| threshold.value).fold(least_top(unit), f64::max);
        extent.largest = extent.largest.max(highest);
        self.axes.aim_values(extent, may_be_log, now_ms);
        let curves = |strokes: Vec<Vec<Stroke>>| {
            let lines = plan.lines.iter().zip(strokes);
            lines.map(|(line, strokes)| Curve { label: line.label.clone(), color: String::new(), strokes }).collect()
        };
        let view = self.axes.view(now_ms);
        let times = match &time.story {
            Some(story) => plan.lengths(story, &view),
            None => plot::times(show.span, &view, time.window.0),
        };
        Frame {
            form: plan.form,
            view,
            ticks: self.axes.ticks(),
            unit,
            curves: curves(strokes),
            ghosts: curves(under),
            bands: time.bands,
            thresholds,
            times,
            past: time.past,
            ink: Ink::default(),
            scale: 1.0,
        }
    }
}

impl Plan {
    fn of(demo: Demo, index: usize, form: Form) -> Option<Self> {
        let chart = demo.charts.get(index)?.clone();
        let mut labels: Vec<&str> = Vec::new();
        for line in demo.charts.iter().flat_map(|chart| &chart.series) {
            if !labels.contains(&line.label.as_str()) {
                labels.push(&line.label);
            }
        }
        let color = |label: &str| labels.iter().position(|other| *other == label).unwrap_or(0) % SERIES_COLORS;
        let mut lines: Vec<Line> = Vec::new();
        for series in &chart.series {
            match lines.iter_mut().find(|line| line.label == series.label) {
                Some(line) => line.metrics.push(series.metric.clone()),
                None => lines.push(Line {
                    label: series.label.clone(),
                    color: color(&series.label),
                    metrics: vec![series.metric.clone()],
                }),
            }
        }
        Some(Self { lines, chart, form, demo })
    }

    /// A directed chart tells the story of its groups; any other shows its steps, or the whole run.
    fn time(&self, show: &Show, run: &Run) -> Time {
        let story =
            (self.form != Form::Usual).then(|| Story::of(run, &self.demo)).filter(|story| !story.parts.is_empty());
        let Some(story) = story else {
            let stretch = Stretch::of(run, show.span);
            let window = time_window(show.span, stretch.began, stretch.now);
            return Time { window, bands: self.steps(run), past: 0.0, story: None, cuts: vec![] };
        };
        let runs = run.running().is_some();
        let bands: Vec<Band> = story
            .parts
            .iter()
            .map(|part| {
                let names = self.names(show, part.group);
                Band { from: part.at as f64, to: (part.at + (part.to - part.from)) as f64, names }
            })
            .collect();
        let past = bands.last().map_or(0.0, |band| band.from);
        let cuts = story.cuts();
        Time { window: story_window(story.length(), runs), bands, past, story: Some(story), cuts }
    }

    /// What a group is called, the longest first; with what it came to, where that is known.
    fn names(&self, show: &Show, group: usize) -> Vec<String> {
        let Some(group) = self.demo.groups.get(group) else { return vec![] };
        let Some(shot) = &group.shot else { return vec![] };
        let result = shot.result.as_ref().and_then(|name| show.bound(name, Some(&self.demo.slug)));
        let result = result.map(|bound| bound.figure.unit.say(bound.figure.value));
        let names = || std::iter::once(&shot.name).chain(&shot.short);
        let with =
            names().zip(std::iter::repeat(result)).filter_map(|(name, result)| Some(format!("{name}  {}", result?)));
        with.chain(names().cloned()).collect()
    }

    /// How long each group took, below its band.
    fn lengths(&self, story: &Story, view: &View) -> Vec<(f64, String)> {
        let parts = story.parts.iter().map(|part| {
            let middle = part.at as f64 + (part.to - part.from) as f64 * 0.5;
            (view.x(middle), plot::duration(part.took as f64 / 1e6))
        });
        parts.filter(|(x, said)| (0.0..=1.0).contains(x) && said != "0").collect()
    }

    /// A multiple of what the chart draws is there once that stands: while it moves, it is no line.
    fn thresholds(&self, show: &Show, run: &Run, time: &Time) -> Vec<Threshold> {
        let part = |series: &Series| Some(time.story.as_ref()?.place(series.last()?.at)?.0);
        let moves = |name: &String| {
            let is_drawn = self.chart.series.iter().any(|line| line.metric == *name);
            let is_last = run.series.get(name).and_then(part).is_some_and(|part| part + 1 == time.bands.len());
            is_drawn && is_last && run.running().is_some()
        };
        let of = |threshold: &greenroom_show::demo::Threshold| {
            let value = match &threshold.figure {
                Some(name) if moves(name) => return None,
                Some(name) => show.bound(name, Some(&self.demo.slug))?.figure.value * threshold.at,
                None => threshold.at,
            };
            Some(Threshold { value, label: threshold.label.clone() })
        };
        self.chart.thresholds.iter().filter_map(of).collect()
    }

    /// What each line reads; `None` before the first sample.
    fn readings(&self, show: &Show) -> Option<Vec<Reading>> {
        let run = show.run(&self.demo.slug)?;
        if self.lines.iter().all(|line| line.series(&run.series).next().is_none()) {
            return None;
        }
        if run.running().is_none() && !run.steps.is_empty() && self.chart.unit.has_peaks() {
            let time = self.time(show, run);
            let peak = |strokes: &Vec<Stroke>| {
                // Of the group that ran last: what came before it has its name and result.
                let mut values = strokes.iter().flatten().filter(|(at, _)| *at >= time.past).map(|(_, value)| *value);
                let peak = values.clone().max_by(f64::total_cmp);
                match (peak, values.next_back()) {
                    (None, _) => Reading::Nothing,
                    // What stands where it was highest, as a clock that has stopped, has no peak.
                    (Some(peak), Some(last)) if last >= peak => Reading::Now(last),
                    (Some(peak), _) => Reading::Peak(peak),
                }
            };
            return Some(self.strokes(run, show.span, &time).iter().map(peak).collect());
        }
        let now = |line: &Line| {
            let latest = line.series(&run.series).max_by_key(|series| series.last().map(|point| point.at))?;
            curve::standing(latest, self.chart.unit, run.now)
        };
        Some(self.lines.iter().map(|line| now(line).map_or(Reading::Nothing, Reading::Now)).collect())
    }

    /// The strokes of each line.
    fn strokes(&self, run: &Run, span: Span, time: &Time) -> Vec<Vec<Stroke>> {
        let of = |series: &Series| match &time.story {
            Some(story) => curve::ghost(series, &time.cuts, self.chart.unit, time.window.0, story.length()),
            None => curve::strokes(series, span, self.chart.unit, time.window.0, Stretch::of(run, span).now),
        };
        self.lines.iter().map(|line| in_order(line.series(&run.series).flat_map(of).collect())).collect()
    }

    /// The strokes of each line, as another run has them.
    fn under(&self, ghost: &Ghost, run: &Run, time: &Time) -> Vec<Vec<Stroke>> {
        let mut parts = ghost.parts(run);
        let now = match &time.story {
            Some(story) => {
                parts = parts
                    .into_iter()
                    .filter_map(|part| Some(ghost::Part { at: story.place(part.at)?.1, ..part }))
                    .collect();
                story.length()
            }
            None => run.now,
        };
        let of = |series: &Series| curve::ghost(series, &parts, self.chart.unit, time.window.0, now);
        self.lines.iter().map(|line| in_order(line.series(&ghost.series).flat_map(of).collect())).collect()
    }

    fn samples(&self, show: &Show) -> usize {
        let Some(run) = show.run(&self.demo.slug) else { return 0 };
        let series = self.lines.iter().flat_map(|line| line.series(&run.series));
        series.map(|series| series.recent().count()).sum()
    }

    fn summary(&self, readings: Option<Vec<Reading>>) -> String {
        let title = &self.chart.title;
        let Some(readings) = readings else { return format!("{title}: no data yet") };
        let lines = self.lines.iter().zip(readings);
        let said = lines.map(|(line, reading)| match reading {
            Reading::Now(value) => format!("{} {}", line.label, self.chart.unit.say(value)),
            Reading::Peak(value) => format!("{} peak {}", line.label, self.chart.unit.say(value)),
            Reading::Nothing => format!("{} nothing", line.label),
        });
        format!("{title}: {}", said.collect::<Vec<_>>().join(", "))
    }

    /// For those who cannot see the curves: a row each.
    fn table(&self, readings: Option<Vec<Reading>>) -> Vec<AnyView> {
        let readings = readings.unwrap_or_else(|| vec![Reading::Nothing; self.lines.len()]);
        let rows = self.lines.iter().zip(readings).map(|(line, reading)| {
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

    fn figures(&self, readings: Option<Vec<Reading>>) -> Vec<AnyView> {
        let readings = readings.unwrap_or_else(|| vec![Reading::Nothing; self.lines.len()]);
        let lines = self.lines.iter().zip(readings);
        lines
            .map(|(line, reading)| {
                let (value, unit) = match reading {
                    Reading::Now(value) | Reading::Peak(value) => self.chart.unit.format(value),
                    Reading::Nothing => ("–".to_string(), ""),
                };
                let several = (self.lines.len() > 1).then(|| line.label.clone());
                let peak = matches!(reading, Reading::Peak(_)).then(|| "peak".to_string());
                let name: Vec<String> = several.into_iter().chain(peak).collect();
                let name = (self.form != Form::Usual && !name.is_empty()).then(|| view! { <em>{name.join(", ")}</em> });
                view! {
                    <span class=format!("value series-{}", line.color + 1) data-metric=line.metrics.first().cloned()>
                        {name}
                        <b>{value}</b>
                        <small>{unit}</small>
                    </span>
                }
                .into_any()
            })
            .collect()
    }

    fn steps(&self, run: &Run) -> Vec<Band> {
        let band = |(index, step): (&usize, &greenroom_show::StepRun)| {
            let name = self.demo.steps.get(*index)?.name();
            Some(Band { from: step.started as f64, to: step.ended.unwrap_or(run.now) as f64, names: vec![name] })
        };
        run.steps.iter().filter_map(band).collect()
    }
}

impl Line {
    fn series<'a>(&'a self, of: &'a BTreeMap<String, Series>) -> impl Iterator<Item = &'a Series> {
        self.metrics.iter().filter_map(|metric| of.get(metric))
    }
}

/// The strokes of one line, one after the other.
fn in_order(mut strokes: Vec<Stroke>) -> Vec<Stroke> {
    order::sort_by(&mut strokes, |a, b| {
        a.first().map(|first| first.0).partial_cmp(&b.first().map(|first| first.0)).unwrap_or(Ordering::Equal)
    });
    strokes
}

/// An idle chart spans this much at least: noise is not a curve.
fn least_top(unit: Unit) -> f64 {
    match unit {
        Unit::BytesPerSecond | Unit::Bytes => 1e6,
        Unit::OpsPerSecond | Unit::PerSecond => 10.0,
        Unit::Milliseconds | Unit::Seconds | Unit::Count | Unit::Percent | Unit::Ratio | Unit::Share => 0.9,
    }
}

fn clear(canvas: &HtmlCanvasElement) {
    // Setting a size clears.
    canvas.set_width(canvas.width());
}

/// A colour of the theme.
fn color(element: &HtmlCanvasElement, name: &str) -> String {
    let style = window().get_computed_style(element).ok().flatten();
    style
        .and_then(|style| style.get_property_value(name).ok())
        .map(|value| value.trim().to_string())
        .unwrap_or_default()
}
