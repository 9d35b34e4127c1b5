//! What the audience's window may have, named field by field: whatever else a show, a slide, a demo or a run holds stays with the
//! speaker until it is named here. Nothing that lies behind a curtain or on another slide is in it.

mod drawn;
mod heard;

pub use heard::{Audience, Change, Ran, Told};

use crate::{
    Badge, Caption, Curtain, Given, Micros, Series, Show, Source, Span, Terminal,
    deck::{Block, Cue, Layout, Motif, Pane, Theme},
    demo::{Chart, Comparison, Shot},
    diagram::Diagram,
    ghost::Stretch,
    marks::{Pointer, Spot},
    planner::Settings,
    playback::Playhead,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// All that the audience's window has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    pub curtain: Curtain,
    /// Nothing behind a curtain, before a deck is open, and before a recorded talk has brought its own.
    pub scene: Option<Box<Scene>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    pub scenery: Scenery,
    pub look: Look,
    /// Of the demo whose panes are drawn.
    pub run: Option<Run>,
    /// What is laid under its charts.
    pub ghost: Option<Ghost>,
    pub pointer: Option<Pointer>,
    /// Strokes on this slide.
    pub ink: Vec<Vec<Spot>>,
}

/// What stays as it is until the stage becomes another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenery {
    pub theme: Theme,
    /// Of the deck's files: a slide of another edition is another slide.
    pub edition: String,
    pub talk: String,
    /// How many slides and sections the talk has, and the title of the section that it is in.
    pub slides: usize,
    pub sections: usize,
    pub section: String,
    pub slide: Slide,
    /// Where the slide draws panes of one.
    pub demo: Option<Demo>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slide {
    pub index: usize,
    pub section: usize,
    pub title: String,
    pub layout: Layout,
    pub class: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub motif: Option<Motif>,
    pub body: Vec<Block>,
    /// How many reveals it has.
    pub clicks: usize,
    pub cue: Option<Cue>,
}

/// As far as the slide's panes draw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Demo {
    pub slug: String,
    pub charts: Vec<Chart>,
    pub topology: Option<Diagram>,
    pub comparisons: Vec<Comparison>,
    /// Those that the slide runs.
    pub groups: Vec<Group>,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub name: String,
    pub steps: Range<usize>,
    pub shot: Option<Shot>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub name: String,
    /// Of the slide's own groups alone.
    pub proves: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub began: Micros,
    pub now: Micros,
    pub steps: BTreeMap<usize, StepRun>,
    pub terminal: Terminal,
    pub series: BTreeMap<String, Series>,
    pub tools: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ghost {
    pub badge: Badge,
    pub steps: BTreeMap<usize, Stretch>,
    /// Of the metrics that charts draw.
    pub series: BTreeMap<String, Series>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRun {
    pub started: Micros,
    pub ended: Option<Micros>,
    pub outcome: Option<Outcome>,
}

/// How a step ended. Why it failed is the speaker's to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Words of a check that is drawn; empty for others.
    Passed {
        seen: String,
    },
    Failed,
    TimedOut,
    Cancelled,
}

/// What changes while the stage stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Look {
    pub reveal: usize,
    pub frozen: Frozen,
    pub span: Span,
    pub zoomed: Option<Pane>,
    pub caption: Option<Caption>,
    /// By which a caption of a recorded talk goes on.
    pub clock: Option<TakeClock>,
    /// Of the capacity planner, where the slide is one.
    pub settings: Option<Settings>,
    /// What the slide binds.
    pub given: Given,
}

/// The clock of a recorded talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeClock {
    pub head: Playhead,
    pub began: Micros,
}

/// Whether the audience stays where it is while the speaker browses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Frozen {
    Yes,
    No,
}

impl Seen {
    pub fn of(show: &Show) -> Self {
        let scene = Scenery::of(show).zip(Look::of(show)).map(|(scenery, look)| {
            Box::new(Scene {
                run: Run::of(show, &scenery),
                ghost: Ghost::of(show, &scenery),
                pointer: show.marks.pointer,
                ink: show.marks.strokes(scenery.slide.index).to_vec(),
                scenery,
                look,
            })
        });
        Self { curtain: show.curtain, scene }
    }
}

/// The slide that the audience sees; none where there is nothing that it may see.
fn slide(show: &Show) -> Option<&crate::deck::Slide> {
    if show.curtain != Curtain::Open || show.talk.as_ref().is_some_and(|talk| !talk.drawn) {
        return None;
    }
    show.deck.as_ref()?.slides.get(show.audience_position().slide)
}

impl Scenery {
    fn of(show: &Show) -> Option<Self> {
        let slide = slide(show)?;
        let deck = show.deck.as_ref()?;
        let index = show.audience_position().slide;
        Some(Self {
            theme: deck.theme,
            edition: deck.hash.clone(),
            talk: deck.title.clone(),
            slides: deck.slides.len(),
            sections: deck.sections.len(),
            section: deck.section_of(index).map(|section| section.title.clone()).unwrap_or_default(),
            slide: Slide {
                index,
                section: slide.section,
                title: slide.title.clone(),
                layout: slide.layout,
                class: slide.class.clone(),
                motif: slide.motif,
                body: slide.body.clone(),
                clicks: slide.clicks(),
                cue: slide.cue.as_ref().map(|cue| Cue {
                    demo: cue.demo.clone(),
                    groups: cue.groups.clone(),
                    panes: cue.panes.clone(),
                    plays: None,
                }),
            },
            demo: slide.cue.as_ref().filter(|_| slide.layout.needs_demo()).and_then(|cue| Demo::of(show, cue)),
        })
    }

    /// Whether the slide draws such a pane.
    fn draws(&self, pane: Pane) -> bool {
        self.demo.is_some() && self.slide.cue.as_ref().is_some_and(|cue| cue.panes.contains(&pane))
    }

    /// The metrics that are drawn.
    fn metrics(&self) -> BTreeSet<&str> {
        let charts = self.demo.iter().flat_map(|demo| &demo.charts).flat_map(|chart| &chart.series);
        let topology = self.demo.iter().filter_map(|demo| demo.topology.as_ref()).flat_map(Diagram::metrics);
        charts.map(|line| line.metric.as_str()).chain(topology.map(String::as_str)).collect()
    }

    fn outcome(&self, step: usize, outcome: &crate::Outcome) -> Outcome {
        let is_check = || self.demo.as_ref()?.steps.get(step)?.proves.as_ref();
        match outcome {
            crate::Outcome::Passed { seen } => {
                Outcome::Passed { seen: is_check().map(|_| seen.clone()).unwrap_or_default() }
            }
            crate::Outcome::Failed { .. } => Outcome::Failed,
            crate::Outcome::TimedOut { .. } => Outcome::TimedOut,
            crate::Outcome::Cancelled => Outcome::Cancelled,
        }
    }
}

impl Demo {
    fn of(show: &Show, cue: &Cue) -> Option<Self> {
        let demo = show.demo(&cue.demo).filter(|_| show.demos.contains_key(&cue.demo))?;
        let draws = |pane| cue.panes.contains(&pane);
        let groups: Vec<_> = demo.groups.iter().filter(|group| cue.runs(&group.name)).collect();
        let is_check = |step: usize| draws(Pane::Checks) && groups.iter().any(|group| group.steps.contains(&step));
        let steps = demo.steps.iter().enumerate().map(|(index, step)| Step {
            name: if draws(Pane::Charts) { step.name() } else { String::new() },
            proves: step.proves.clone().filter(|_| is_check(index)),
        });
        Some(Self {
            slug: cue.demo.clone(),
            charts: if draws(Pane::Charts) { demo.charts.clone() } else { vec![] },
            topology: demo.topology.clone().filter(|_| draws(Pane::Topology)),
            steps: steps.collect(),
            comparisons: if draws(Pane::Charts) { demo.comparisons.clone() } else { vec![] },
            groups: groups.into_iter().map(Group::of).collect(),
        })
    }
}

impl Group {
    fn of(group: &crate::demo::Group) -> Group {
        Group { name: group.name.clone(), steps: group.steps.clone(), shot: group.shot.clone() }
    }
}

impl Run {
    fn of(show: &Show, scenery: &Scenery) -> Option<Self> {
        let demo = scenery.demo.as_ref()?;
        let idle = crate::Run::default();
        let is_recorded = matches!(show.source(&demo.slug), Source::Recorded(_));
        // A recording that has not begun is an empty run.
        let run = show.run(&demo.slug).or(is_recorded.then_some(&idle))?;
        let metrics = scenery.metrics();
        let series = run.series.iter().filter(|(metric, _)| metrics.contains(metric.as_str()));
        let is_terminal = scenery.draws(Pane::Terminal);
        let steps = run.steps.iter().map(|(index, step)| {
            let outcome = step.outcome.as_ref().map(|outcome| scenery.outcome(*index, outcome));
            (*index, StepRun { started: step.started, ended: step.ended, outcome })
        });
        Some(Self {
            began: run.began,
            now: run.now,
            steps: steps.collect(),
            terminal: if is_terminal { run.terminal.clone() } else { Terminal::default() },
            series: series.map(|(metric, series)| (metric.clone(), series.clone())).collect(),
            tools: if is_terminal { run.tools.clone() } else { BTreeMap::new() },
        })
    }
}

impl Ghost {
    fn of(show: &Show, scenery: &Scenery) -> Option<Self> {
        let demo = scenery.demo.as_ref().filter(|_| scenery.draws(Pane::Charts))?;
        let ghost = show.ghost(&demo.slug)?;
        let metrics: BTreeSet<&str> =
            demo.charts.iter().flat_map(|chart| &chart.series).map(|line| line.metric.as_str()).collect();
        let series = ghost.series.iter().filter(|(metric, _)| metrics.contains(metric.as_str()));
        Some(Self {
            badge: ghost.badge.clone(),
            steps: ghost.steps.clone(),
            series: series.map(|(metric, series)| (metric.clone(), series.clone())).collect(),
        })
    }
}

impl Look {
    fn of(show: &Show) -> Option<Self> {
        let slide = slide(show)?;
        let is_plan = slide.layout == Layout::Planner;
        let demo = slide.cue.as_ref().map(|cue| cue.demo.as_str());
        let drawn = demo.filter(|demo| slide.layout.needs_demo() && show.demos.contains_key(*demo));
        let on_panes = drawn.and_then(|demo| show.demo(demo)).into_iter().flat_map(crate::demo::Demo::figures).cloned();
        let figures = slide.figures().into_iter().chain(on_panes).filter_map(|name| {
            let bound = show.bound(&name, demo)?;
            Some((name, bound))
        });
        Some(Self {
            reveal: show.audience_position().reveal,
            frozen: if show.frozen.is_some() { Frozen::Yes } else { Frozen::No },
            span: show.span,
            // The pane of the slide that the speaker is on.
            zoomed: show.zoomed.filter(|_| show.frozen.is_none()),
            caption: show.caption.clone(),
            clock: show
                .talk
                .as_ref()
                .filter(|_| show.caption.is_some())
                .map(|talk| TakeClock { head: talk.head, began: talk.began }),
            settings: is_plan.then(|| show.settings.clone()),
            given: Given {
                sources: drawn.map(|demo| (demo.to_string(), show.source(demo))).into_iter().collect(),
                figures: figures.collect(),
                reduction: is_plan.then(|| show.measured_reduction()).flatten(),
            },
        })
    }
}
