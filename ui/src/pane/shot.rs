//! What a directed demo has on stage: one hero, and quiet tiles below it.

use super::{Frame, TerminalView, chart::ChartView, compare::CompareView, plot::Form, topology::TopologyView};
use crate::{
    slide::Draw,
    store::{Part, Store},
};
use greenroom_show::{
    deck::{Cue, Pane},
    demo::{Hero, Shot},
    story,
};
use leptos::prelude::*;

/// What a topology has on the stage, with tiles and without.
const ROOM_OVER_TILES: (f64, f64) = (1200.0, 470.0);
const ROOM: (f64, f64) = (1200.0, 700.0);

/// Whether the demo says what is on stage, and the slide has a pane for all of it.
pub fn is_directed(store: Store, cue: &Cue) -> bool {
    let has_pane = |shot: &Shot| {
        let heroes = || std::iter::once(shot.hero).chain(shot.then);
        heroes().all(|hero| in_its_place(hero, shot, &cue.panes).is_some())
    };
    store.peek(|show| {
        let groups = show.demo(&cue.demo).into_iter().flat_map(|demo| &demo.groups);
        let mut shots = groups.filter(|group| cue.runs(&group.name)).filter_map(|group| group.shot.as_ref()).peekable();
        shots.peek().is_some() && shots.all(has_pane)
    })
}

/// The hero; or a chart, where the slide has no pane for that hero.
fn in_its_place(hero: Hero, shot: &Shot, panes: &[Pane]) -> Option<Hero> {
    let chart = || panes.contains(&Pane::Charts).then(|| Hero::Chart(shot.tiles.first().copied().unwrap_or(0)));
    if panes.contains(&pane(hero)) { Some(hero) } else { chart() }
}

/// The pane that a slide names for it.
fn pane(hero: Hero) -> Pane {
    match hero {
        Hero::Chart(_) | Hero::Compare(_) => Pane::Charts,
        Hero::Topology => Pane::Topology,
        Hero::Terminal => Pane::Terminal,
    }
}

/// What is to be seen of a shot.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    name: String,
    hero: Hero,
    tiles: Vec<usize>,
}

#[component]
pub fn OnStage(cue: Cue, draw: Draw) -> impl IntoView {
    let store = expect_context::<Store>();
    let (slug, groups, panes) = (cue.demo.clone(), cue.groups, cue.panes);
    let seen = Memo::new(move |_| {
        store.read(&[Part::Steps, Part::Replay, Part::Deck], |show| {
            let demo = show.demo(&slug)?;
            let on = story::on_stage(demo, show.run(&slug), &groups)?;
            let hero = in_its_place(on.hero, on.shot, &panes)?;
            let mut tiles = on.shot.tiles.clone();
            tiles.retain(|tile| hero != Hero::Chart(*tile) && panes.contains(&Pane::Charts));
            Some(Seen { name: on.shot.name.clone(), hero, tiles })
        })
    });
    let name = move || seen.read().as_ref().map(|seen| seen.name.clone()).unwrap_or_default();
    let hero = Memo::new(move |_| seen.read().as_ref().map(|seen| (seen.hero, seen.tiles.is_empty())));
    let tiles = Memo::new(move |_| seen.read().as_ref().map(|seen| seen.tiles.clone()).unwrap_or_default());
    let kind = move || hero.get().map_or("charts", |(hero, _)| pane(hero).as_str());
    let slug = StoredValue::new(cue.demo.clone());
    let hero = move || {
        let (hero, is_alone) = hero.get()?;
        let demo = slug.get_value();
        Some(match hero {
            Hero::Chart(index) => view! { <ChartView demo index form=Form::Hero draw /> }.into_any(),
            Hero::Compare(index) => view! { <CompareView demo index /> }.into_any(),
            Hero::Topology => {
                let room = if is_alone { ROOM } else { ROOM_OVER_TILES };
                view! { <TopologyView demo room draw /> }.into_any()
            }
            Hero::Terminal => (draw == Draw::Whole).then(|| view! { <TerminalView demo /> }).into_any(),
        })
    };
    let tiles = move || {
        let tiles = tiles.get().into_iter().map(|index| {
            view! { <ChartView demo=slug.get_value() index form=Form::Tile draw /> }
        });
        let tiles: Vec<_> = tiles.collect();
        (!tiles.is_empty()).then(|| view! { <div class="tiles">{tiles}</div> })
    };
    view! {
        <Frame kind=Signal::derive(kind) demo=cue.demo heading=Signal::derive(name)>
            <div class="shot">
                <div class="of-hero">{hero}</div>
                {tiles}
            </div>
        </Frame>
    }
}
