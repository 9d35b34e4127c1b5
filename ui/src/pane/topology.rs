//! The topology of a demo: what talks to what, and what moves between them now. Dashes move at the pace of the rate beside them; a
//! link that is cut is visibly cut; a box fills as its store does.

use super::{Frame, demo_of};
use crate::{
    slide::{DiagramView, Draw, Link, Moving},
    store::{Part, Store},
};
use greenroom_show::{
    Run,
    diagram::{Arrow, Diagram, Node},
    unit::Unit,
};
use leptos::prelude::*;

/// What the drawing has on the stage: beside other panes, and alone.
pub const ROOM_SHARED: (f64, f64) = (1100.0, 330.0);
pub const ROOM_ALONE: (f64, f64) = (1640.0, 640.0);

/// Rates from which dashes move faster, by unit.
const PACES_BYTES: [f64; 4] = [1.0, 2e6, 50e6, 400e6];
const PACES_OTHER: [f64; 4] = [0.05, 10.0, 200.0, 2_000.0];

#[component]
pub fn TopologyPane(demo: String, room: (f64, f64), draw: Draw) -> impl IntoView {
    view! {
        <Frame kind="topology" demo=demo.clone() heading="What moves now">
            <TopologyView demo room draw />
        </Frame>
    }
}

/// The drawing by itself.
#[component]
pub fn TopologyView(demo: String, room: (f64, f64), draw: Draw) -> impl IntoView {
    let store = expect_context::<Store>();
    let diagram = demo_of(store, &demo).and_then(|demo| demo.topology).unwrap_or_default();
    let drawn = diagram.clone();
    let slug = demo;
    let moving = Memo::new(move |_| {
        if draw == Draw::Preview {
            return Moving::default();
        }
        // Rates change more often than an eye reads.
        store.ticking();
        store.read(&[Part::Steps, Part::Replay], |show| {
            show.run(&slug).map(|run| moving(&drawn, run)).unwrap_or_default()
        })
    });
    let (width, height) = room;
    view! { <DiagramView diagram width height moving /> }
}

fn moving(diagram: &Diagram, run: &Run) -> Moving {
    Moving {
        arrows: diagram.arrows.iter().map(|arrow| link(arrow, run)).collect(),
        levels: diagram.nodes.iter().map(|node| level(node, run)).collect(),
    }
}

fn link(arrow: &Arrow, run: &Run) -> Link {
    let last = |metric: &String| run.series.get(metric).and_then(|series| series.last()).map(|point| point.value);
    let is_cut = arrow.flow.alive.as_ref().and_then(last) == Some(0.0);
    // What the last sample of a run that rests says is no longer so.
    let rate = arrow.flow.rate.as_ref().filter(|_| run.running().is_some() && !is_cut);
    let rate = rate.and_then(|metric| Some((Unit::of_metric(metric), last(metric)?)));
    let pace = rate.map_or(0, |(unit, rate)| pace(unit, rate));
    Link { is_cut, pace, rate: rate.filter(|_| pace > 0).map(|(unit, rate)| unit.say(rate)) }
}

fn pace(unit: Unit, rate: f64) -> u8 {
    let paces = if unit == Unit::BytesPerSecond { PACES_BYTES } else { PACES_OTHER };
    paces.iter().filter(|least| rate >= **least).count() as u8
}

fn level(node: &Node, run: &Run) -> Option<f64> {
    let level = node.level.as_ref()?;
    let last = |metric: &String| run.series.get(metric)?.last().map(|point| point.value);
    let (part, whole) = (last(&level.part)?, last(&level.whole)?);
    (whole > 0.0).then(|| part / whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroom_show::{Event, diagram::Flow};

    fn run(samples: &[(&str, f64)]) -> Run {
        let mut run = Run::new("demo", 0);
        run.apply(0, &Event::StepStarted { step: 0, timeout_ms: 1_000 });
        let samples = samples.iter().map(|(metric, value)| (metric.to_string(), *value)).collect();
        run.apply(1, &Event::Sample(samples));
        run
    }

    fn arrow() -> Arrow {
        let flow = Flow { rate: Some("cloud.bytes_out_per_s".into()), alive: Some("cloud.state".into()) };
        Arrow { from: 0, to: 1, label: String::new(), line: greenroom_show::diagram::Line::To, flow }
    }

    #[test]
    fn a_link_moves_at_its_rate_and_is_cut_where_its_state_is_nought() {
        let cases = [
            (&[][..], Link::default()),
            (&[("cloud.bytes_out_per_s", 0.0), ("cloud.state", 1.0)], Link::default()),
            (
                &[("cloud.bytes_out_per_s", 120e6), ("cloud.state", 1.0)],
                Link { is_cut: false, pace: 3, rate: Some("120 MB/s".into()) },
            ),
            (&[("cloud.bytes_out_per_s", 120e6), ("cloud.state", 0.0)], Link { is_cut: true, pace: 0, rate: None }),
        ];
        for (samples, wanted) in cases {
            assert_eq!(link(&arrow(), &run(samples)), wanted, "{samples:?}");
        }
    }

    #[test]
    fn a_box_is_as_full_as_its_metrics_say() {
        let level_of = greenroom_show::diagram::Level { part: "used".into(), whole: "all".into() };
        let node = Node { name: "Flash".into(), kind: Default::default(), column: 0, level: Some(level_of) };
        assert_eq!(level(&node, &run(&[("used", 30.0), ("all", 40.0)])), Some(0.75));
        assert_eq!(level(&node, &run(&[("used", 30.0)])), None);
        assert_eq!(level(&node, &run(&[("used", 30.0), ("all", 0.0)])), None);
    }
}
