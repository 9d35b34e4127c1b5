//! The show: one state, drawn by both windows, changed by events alone.

use crate::{
    ClockAct, Event, Ghost, Given, Micros, Notice, Opened, Recorded, Replay, Run, Span, StackState, StepState, Talk,
    deck::{Deck, Pane, Plays, Slide, WORDS_PER_MINUTE},
    demo::Demo,
    marks::Marks,
    pace::{Pace, pace},
    planner::{Plan, Settings},
    take::Machine,
    version::Version,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

#[cfg(test)]
pub(crate) mod tests;

/// Notices that the speaker can still read.
const NOTICES_MAX: usize = 5;
/// Of a caption: two lines on the stage.
const CAPTION_CHARS: usize = 150;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Show {
    pub deck: Option<Deck>,
    pub version: Version,
    pub demos: BTreeMap<String, Demo>,
    /// Those whose steps do not run before the speaker has said yes to them.
    #[serde(default)]
    pub held: BTreeSet<String>,
    /// What the speaker has chosen for demos; for the others the deck says it.
    #[serde(default)]
    pub chosen: BTreeMap<String, Plays>,
    /// What the show runs on.
    #[serde(default)]
    pub host: Option<Machine>,
    pub position: Position,
    /// Where the audience stays while the speaker browses.
    pub frozen: Option<Position>,
    pub curtain: Curtain,
    pub clock: Clock,
    pub span: Span,
    pub stack: StackState,
    /// The latest live run of each demo.
    pub runs: BTreeMap<String, Run>,
    /// The demo that live run events belong to.
    pub active: Option<String>,
    /// The take of a demo that is on stage.
    pub recorded: Option<Recorded>,
    /// What stayed behind on its slide when the speaker went on: it stands for its demo until V, or a new run.
    #[serde(default)]
    pub shown: BTreeMap<String, Recorded>,
    /// What is laid under the charts of its demo.
    #[serde(default)]
    pub ghost: Option<Box<Ghost>>,
    /// The take of a talk that is drawn in place of the live one.
    #[serde(default)]
    pub talk: Option<Talk>,
    pub notices: VecDeque<Notice>,
    /// What is wrong in the files of the talk.
    pub faults: Vec<String>,
    /// Whether the deck on stage was read from files with faults: it is what they leave of it.
    #[serde(default)]
    pub faulty: bool,
    #[serde(default)]
    pub marks: Marks,
    /// Of the capacity planner.
    #[serde(default)]
    pub settings: Settings,
    /// The section that is given again and again.
    #[serde(default)]
    pub looped: Option<usize>,
    /// The item of a booth's list that is shown, while there is one.
    #[serde(default)]
    pub booth: Option<usize>,
    /// What is being said, and since when; while captions are on.
    #[serde(default)]
    pub caption: Option<Caption>,
    /// The pane that fills the stage.
    #[serde(default)]
    pub zoomed: Option<Pane>,
    /// In the audience's window, what was measured in runs that it does not have.
    #[serde(skip)]
    pub given: Option<Given>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub slide: usize,
    pub reveal: usize,
}

/// What covers the audience's window, and only theirs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Curtain {
    #[default]
    Open,
    Black,
    White,
}

/// What is being said: as much of it at a time as can be read in two lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caption {
    pub text: String,
    pub since: Micros,
}

/// The talk's clock: what it has counted, and since when it counts on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    counted: Micros,
    since: Option<Micros>,
}

/// What the next key does: the director acts on it, and the presenter's window says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextAction {
    Reveal(Position),
    RunGroup {
        demo: String,
        group: String,
    },
    /// The slide's demo may not run yet: the speaker says yes to it, or goes to another slide by name.
    Trust {
        demo: String,
    },
    /// A step runs: wait for it, stop it, or go to another slide by name.
    Wait {
        step: usize,
    },
    Slide(Position),
    /// A recorded talk is on stage, and goes on by itself.
    BackToLive,
    End,
}

impl Default for Show {
    fn default() -> Self {
        Self {
            deck: None,
            version: Version::default(),
            demos: BTreeMap::new(),
            held: BTreeSet::new(),
            chosen: BTreeMap::new(),
            host: None,
            position: Position::default(),
            frozen: None,
            curtain: Curtain::Open,
            clock: Clock::default(),
            span: Span::default(),
            stack: StackState::Starting,
            runs: BTreeMap::new(),
            active: None,
            recorded: None,
            shown: BTreeMap::new(),
            ghost: None,
            talk: None,
            notices: VecDeque::new(),
            faults: vec![],
            faulty: false,
            marks: Marks::default(),
            settings: Settings::default(),
            looped: None,
            booth: None,
            caption: None,
            zoomed: None,
            given: None,
        }
    }
}

impl Show {
    /// The one fold.
    pub fn apply(&mut self, at: Micros, event: &Event) {
        match event {
            Event::Replay(Replay::Opened(take)) if take.is_of_talk() => self.open_talk(at, take),
            Event::Replay(replay) if self.talk.is_some() => self.play_talk(at, replay),
            _ => match &mut self.talk {
                Some(talk) => talk.live.fold(at, event),
                None => self.fold(at, event),
            },
        }
    }

    pub(crate) fn fold(&mut self, at: Micros, event: &Event) {
        match event {
            Event::Opened(opened) => self.open(opened),
            Event::Moved(position) => {
                let position = self.within(*position);
                if position.slide != self.position.slide {
                    self.zoomed = None;
                }
                self.position = position;
            }
            Event::Curtain(curtain) => self.curtain = *curtain,
            Event::Frozen(frozen) => self.frozen = frozen.map(|frozen| self.within(frozen)),
            Event::Clock(act) => self.clock.apply(at, *act),
            Event::Span(span) => self.span = *span,
            Event::Stack(state) => self.stack = state.clone(),
            Event::Notice(notice) => {
                self.notices.push_back(notice.clone());
                if self.notices.len() > NOTICES_MAX {
                    self.notices.pop_front();
                }
            }
            Event::Faults(faults) => self.faults = faults.clone(),
            Event::Pointed(pointer) => self.marks.pointer = *pointer,
            Event::Inked(ink) => {
                let slide = self.audience_position().slide;
                self.marks.apply(at, slide, ink);
            }
            Event::Planned(settings) => self.settings = settings.clone(),
            Event::Looped(section) => self.looped = *section,
            Event::Zoomed(pane) => self.zoomed = *pane,
            Event::Captioned(text) => self.caption = text.clone().map(|text| Caption { text, since: at }),
            Event::Ghosted(ghost) => self.ghost = ghost.clone(),
            Event::Chosen { demo, plays } => {
                self.chosen.insert(demo.clone(), *plays);
            }
            Event::Unattended(item) => {
                self.booth = *item;
                // What it has shown stands for no demo of the speaker's.
                if item.is_none() {
                    self.shown.clear();
                }
            }
            Event::Hosted(machine) => self.host = Some(machine.clone()),
            Event::Begun { demo } => {
                self.active = Some(demo.clone());
                self.shown.remove(demo);
                self.runs.insert(demo.clone(), Run::new(demo.clone(), at));
            }
            Event::StepStarted { .. }
            | Event::StepEnded { .. }
            | Event::Output(_)
            | Event::Sample(_)
            | Event::Figure { .. }
            | Event::Tool { .. } => {
                if let Some(run) = self.active.as_ref().and_then(|demo| self.runs.get_mut(demo)) {
                    run.apply(at, event);
                }
            }
            Event::Late { step } => {
                let run = self.active.as_ref().and_then(|demo| self.runs.get_mut(demo));
                if let Some(run) = run.and_then(|run| run.steps.get_mut(step)).filter(|run| run.outcome.is_none()) {
                    run.late = true;
                }
            }
            Event::Replay(replay) => self.replay(at, replay),
            // How the take of a talk opens: see `Show::play_event`.
            Event::Showed { .. } => {}
        }
    }

    /// Whether what is wrong in the files is not on stage: the last version that was whole still is.
    pub fn keeps_last_good(&self) -> bool {
        !self.faults.is_empty() && !self.faulty
    }

    pub fn slide(&self) -> Option<&Slide> {
        self.deck.as_ref()?.slides.get(self.position.slide)
    }

    /// Where the audience is.
    pub fn audience_position(&self) -> Position {
        self.frozen.unwrap_or(self.position)
    }

    /// The run that the panes of `demo` draw: the recorded one while it is on stage, else the live one.
    pub fn run(&self, demo: &str) -> Option<&Run> {
        self.recording(demo).map(|recorded| &recorded.run).or_else(|| self.runs.get(demo))
    }

    /// What is laid under the charts of `demo`.
    pub fn ghost(&self, demo: &str) -> Option<&Ghost> {
        self.ghost.as_deref().filter(|ghost| ghost.demo == demo)
    }

    /// The capacity plan: with the reduction that a run has measured, where one has.
    pub fn plan(&self) -> Plan {
        Plan::of(self.settings.inputs(self.measured_reduction()))
    }

    /// Clicks that a slide takes: its narrative's, or one for each group of its demo where that is more.
    pub fn clicks(&self, slide: &Slide) -> usize {
        slide.cue.as_ref().map_or(0, |cue| cue.groups.len()).max(slide.clicks())
    }

    /// The beat of the narrative that goes with a position on a slide.
    pub fn beat(slide: &Slide, reveal: usize) -> usize {
        reveal.min(slide.clicks())
    }

    pub fn next_action(&self) -> NextAction {
        if self.replays_talk() {
            return NextAction::BackToLive;
        }
        let Some(deck) = &self.deck else { return NextAction::End };
        let Some(slide) = deck.slides.get(self.position.slide) else { return NextAction::End };
        if let Some(action) = self.next_group(slide) {
            return action;
        }
        // A demo's clicks are its groups; other slides reveal.
        if !self.runs_demo(slide) && self.position.reveal < slide.clicks() {
            return NextAction::Reveal(Position { reveal: self.position.reveal + 1, ..self.position });
        }
        if let Some(first) = self.loop_start() {
            return NextAction::Slide(Position { slide: first, reveal: 0 });
        }
        if self.position.slide + 1 < deck.slides.len() {
            return NextAction::Slide(Position { slide: self.position.slide + 1, reveal: 0 });
        }
        NextAction::End
    }

    /// The first slide of the section that is looped, where the show is on its last one.
    fn loop_start(&self) -> Option<usize> {
        let section = self.looped?;
        let deck = self.deck.as_ref()?;
        let of = |index: usize| deck.slides.get(index).map(|slide| slide.section);
        let is_last = of(self.position.slide) == Some(section) && of(self.position.slide + 1) != Some(section);
        is_last.then(|| deck.sections.get(section).map(|section| section.first)).flatten()
    }

    /// What the key that enlarges panes does next: one after the other, then all of them again.
    pub fn next_zoom(&self) -> Option<Pane> {
        let slide = self.slide().filter(|slide| self.runs_demo(slide))?;
        let panes = slide.cue.iter().flat_map(|cue| &cue.panes).filter(|pane| **pane != Pane::Checks);
        let mut rest = panes.skip_while(|pane| self.zoomed.is_some_and(|zoomed| zoomed != **pane));
        if self.zoomed.is_some() {
            rest.next();
        }
        rest.next().copied()
    }

    /// What the speaker says where the audience is: the beat of its slide.
    pub fn said(&self) -> Option<String> {
        let Position { slide, reveal } = self.audience_position();
        let slide = self.deck.as_ref()?.slides.get(slide)?;
        let beat = slide.beats.get(Self::beat(slide, reveal))?;
        let text = beat.paragraphs.iter().map(|spoken| spoken.text.as_str()).collect::<Vec<_>>().join(" ");
        (!text.trim().is_empty()).then_some(text)
    }

    /// Where "previous" leads: a reveal back, or the end of the slide before.
    pub fn previous(&self) -> Position {
        let Position { slide, reveal } = self.position;
        let Some(deck) = &self.deck else { return self.position };
        let slide = slide.min(deck.slides.len());
        let is_demo = deck.slides.get(slide).is_some_and(|slide| self.runs_demo(slide));
        if reveal > 0 && !is_demo {
            return Position { slide, reveal: reveal - 1 };
        }
        let Some(before) = slide.checked_sub(1) else { return self.position };
        self.arrive(before, deck.slides.get(before).map_or(0, Slide::clicks))
    }

    /// The position on a slide that one arrives at: a demo slide shows as many beats as its groups have run.
    pub fn arrive(&self, slide: usize, reveal: usize) -> Position {
        let cue = self.deck.as_ref().and_then(|deck| deck.slides.get(slide)).and_then(|slide| slide.cue.as_ref());
        let reveal = match cue.and_then(|cue| Some((cue, self.demos.get(&cue.demo)?))) {
            None => reveal,
            Some((cue, demo)) => self.stepped(&cue.demo).map_or(0, |run| {
                cue.groups.iter().filter(|group| run.group_state(demo, group) != StepState::Pending).count()
            }),
        };
        Position { slide, reveal }
    }

    /// The groups before a step's own that have not passed in the live run.
    pub fn missed(&self, demo: &str, step: usize) -> Vec<&str> {
        let Some(demo) = self.demos.get(demo) else { return Vec::new() };
        let idle = Run::default();
        let run = self.runs.get(&demo.slug).unwrap_or(&idle);
        let before = demo.groups.iter().filter(|group| group.steps.end <= step);
        let missed = before.filter(|group| run.group_state(demo, &group.name) != StepState::Passed);
        missed.map(|group| group.name.as_str()).collect()
    }

    /// How the talk stands against its plan.
    pub fn pace(&self, now: Micros) -> Option<Pace> {
        pace(self.deck.as_ref()?, self.position.slide, self.clock.elapsed(now) as f64 / 1e6)
    }

    /// The next slide of those that the pace keeps; the very next one where there is no hurry.
    pub fn next_kept(&self, now: Micros) -> Option<usize> {
        let slides = self.deck.as_ref()?.slides.len();
        let skip = self.pace(now).map(|pace| pace.skip).unwrap_or_default();
        (self.position.slide.saturating_add(1)..slides).find(|index| !skip.contains(index))
    }

    /// Whether a slide cues a demo that there is.
    pub fn runs_demo(&self, slide: &Slide) -> bool {
        slide.cue.as_ref().is_some_and(|cue| self.demos.contains_key(&cue.demo))
    }

    fn next_group(&self, slide: &Slide) -> Option<NextAction> {
        let cue = slide.cue.as_ref()?;
        let plays = self.plays(&cue.demo);
        let recording = self.recording(&cue.demo);
        if recording.is_some() && plays != Plays::Recorded {
            return None;
        }
        self.demos.get(&cue.demo)?;
        let demo = self.demo(&cue.demo)?;
        let idle = Run::default();
        let run = self.stepped(&cue.demo).unwrap_or(&idle);
        if let Some(step) = run.running() {
            // What the speaker has paused is left behind.
            let waits = recording.is_none_or(|recorded| recorded.head.plays());
            return waits.then_some(NextAction::Wait { step });
        }
        // A recording of another edition may lack some.
        let mut groups = cue.groups.iter().filter(|group| demo.group(group).is_some());
        let open = groups.find(|group| run.group_state(demo, group) != StepState::Passed)?;
        if self.held.contains(&cue.demo) && plays != Plays::Recorded {
            return Some(NextAction::Trust { demo: cue.demo.clone() });
        }
        // A failed group is the speaker's to run again or to leave behind; the clicker leaves it behind.
        (run.group_state(demo, open) == StepState::Pending)
            .then(|| NextAction::RunGroup { demo: demo.slug.clone(), group: open.clone() })
    }

    /// A position on the deck, where there is one. Those of takes and notes may be of a deck with more slides, or of one whose slides have more clicks.
    fn within(&self, position: Position) -> Position {
        let Some(Deck { slides, .. }) = &self.deck else { return position };
        match slides.get(position.slide) {
            Some(slide) => Position { reveal: position.reveal.min(self.clicks(slide)), ..position },
            None => Position { slide: slides.len().saturating_sub(1), reveal: 0 },
        }
    }

    /// Brings back what points beyond the deck.
    pub(crate) fn stay_within(&mut self) {
        self.position = self.within(self.position);
        self.frozen = self.frozen.map(|frozen| self.within(frozen));
    }

    fn open(&mut self, opened: &Opened) {
        // An edited deck keeps slide, clock and runs; another deck starts at its beginning.
        match self.deck.as_ref().filter(|deck| deck.slug == opened.deck.slug) {
            Some(deck) => {
                let (before, frozen) = (self.position, self.frozen);
                self.position = moved(deck, &opened.deck, before);
                self.frozen = frozen.map(|frozen| moved(deck, &opened.deck, frozen));
            }
            None => {
                self.position = Position::default();
                self.clock = Clock::default();
                self.frozen = None;
                self.curtain = Curtain::Open;
                self.chosen.clear();
            }
        }
        self.looped = None;
        self.zoomed = None;
        self.deck = Some(opened.deck.clone());
        self.version = opened.version;
        self.faulty = opened.faulty;
        // A run belongs to the steps that it ran.
        self.runs.retain(|slug, _| {
            let same = |demo: &&Demo| self.demos.get(slug).is_some_and(|before| before.hash == demo.hash);
            opened.demos.get(slug).filter(same).is_some()
        });
        // As do the steps of a ghost.
        let same = |ghost: &Ghost| {
            let hash = |demos: &BTreeMap<String, Demo>| demos.get(&ghost.demo).map(|demo| demo.hash.clone());
            hash(&opened.demos).is_some() && hash(&opened.demos) == hash(&self.demos)
        };
        self.ghost = self.ghost.take().filter(|ghost| same(ghost));
        self.active = self.active.take().filter(|active| self.runs.contains_key(active));
        self.demos = opened.demos.clone();
        self.chosen.retain(|demo, _| opened.demos.contains_key(demo));
        self.stay_within();
        self.held = opened.held.clone();
    }
}

impl Caption {
    /// The part that is being said now, by a speaker of the usual pace.
    pub fn now(&self, now: Micros) -> String {
        let said = now.saturating_sub(self.since) as f64 / 60e6 * WORDS_PER_MINUTE;
        let mut parts: Vec<(String, f64)> = Vec::new();
        for word in self.text.split_whitespace() {
            match parts.last_mut().filter(|(part, _)| part.chars().count() + word.chars().count() < CAPTION_CHARS) {
                Some((part, words)) => {
                    part.push(' ');
                    part.push_str(word);
                    *words += 1.0;
                }
                None => parts.push((word.to_string(), 1.0)),
            }
        }
        let mut until = 0.0;
        let ends = parts.iter().map(|(_, words)| {
            until += words;
            until
        });
        let part = ends.take_while(|end| *end <= said).count().min(parts.len().saturating_sub(1));
        parts.into_iter().nth(part).map(|(part, _)| part).unwrap_or_default()
    }
}

impl Clock {
    pub fn elapsed(&self, now: Micros) -> Micros {
        self.counted.saturating_add(self.since.map_or(0, |since| now.saturating_sub(since)))
    }

    pub fn runs(&self) -> bool {
        self.since.is_some()
    }

    fn apply(&mut self, at: Micros, act: ClockAct) {
        match act {
            ClockAct::Start => self.since = self.since.or(Some(at)),
            ClockAct::Pause => *self = Clock { counted: self.elapsed(at), since: None },
            ClockAct::Reset => *self = Clock::default(),
            ClockAct::Set(counted) => *self = Clock { counted, since: self.since.map(|_| at) },
        }
    }
}

/// Where a position of one deck is in another version or edition of it: on the slide of the same title, or the last one before it
/// that is still there, or else at the same place.
fn moved(from: &Deck, to: &Deck, position: Position) -> Position {
    let last = to.slides.len().saturating_sub(1);
    let found = |index: usize| {
        let slide = from.slides.get(index)?;
        // Slides of one title are told apart by which of them it is.
        let nth = from.slides.iter().take(index).filter(|other| other.title == slide.title).count();
        to.slides.iter().enumerate().filter(|(_, other)| other.title == slide.title).nth(nth).map(|(index, _)| index)
    };
    if let Some(slide) = found(position.slide) {
        let clicks = to.slides.get(slide).map_or(0, Slide::clicks);
        let is_demo = to.slides.get(slide).is_some_and(|slide| slide.cue.is_some());
        let reveal = if is_demo { position.reveal } else { position.reveal.min(clicks) };
        return Position { slide, reveal };
    }
    let is_edited = from.slides.len() == to.slides.len();
    let slide = if is_edited { position.slide } else { (0..position.slide).rev().find_map(found).unwrap_or(0) };
    Position { slide: slide.min(last), reveal: 0 }
}
