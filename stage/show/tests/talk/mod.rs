//! A talk with a word of the speaker's in every place where one can stand.

use greenroom_show::deck::{Beat, Block, Cue, Deck, Inline, Layout, Level, Motif, Pane, Section, Slide, Spoken, Theme};
use greenroom_show::demo::{Chart, Demo, Group, Line, Step};
use greenroom_show::diagram::{Arrow, Diagram, Flow, Kind, Node};
use greenroom_show::unit::Unit;
use greenroom_show::version::Version;
use greenroom_show::{Event, Opened, diagram};
use std::collections::{BTreeMap, BTreeSet};

/// In all that only the speaker may read.
pub const SPEAKER: &str = "SPEAKER";
/// In all that slides show: of the live talk, and of a recorded one.
pub const LIVE: &str = "LIVE";
pub const TAKEN: &str = "TAKEN";

pub const SLIDES: usize = 5;
pub const PLANNER: usize = 3;

/// A talk of five slides: words with figures, two demos, the capacity planner, and an end.
pub fn opened(mark: &str) -> Event {
    let cue = |demo: &str| Cue { demo: demo.into(), groups: vec!["first".into()], panes: PANES.to_vec(), plays: None };
    let section = |title: &str, first| Section { title: format!("{mark}-{title}"), minutes: 4.0, first };
    let slides = vec![
        slide(mark, 0, 0, Layout::Bullets, None),
        slide(mark, 1, 1, Layout::Demo, Some(cue("copying"))),
        slide(mark, 2, 1, Layout::Pane, Some(cue("moving"))),
        slide(mark, PLANNER, 1, Layout::Planner, None),
        slide(mark, 4, 2, Layout::Section, None),
    ];
    let deck = Deck {
        slug: format!("{SPEAKER}-talk"),
        title: "A talk".into(),
        theme: Theme::Light,
        audience: Level::Partner,
        minutes: 12.0,
        cuts: vec![7.0],
        fallback: greenroom_show::deck::Fallback::Ask,
        sections: vec![section("Opening", 0), section("Showing", 1), section("Closing", 4)],
        slides,
        hash: "0123".into(),
    };
    let demos: BTreeMap<_, _> = [demo("copying", "copy"), demo("moving", "move")].into();
    let held: BTreeSet<_> = [format!("{SPEAKER}-held")].into();
    Event::Opened(Box::new(Opened {
        deck,
        demos,
        version: Version { level: Some(Level::Internal), cut: None },
        held,
        faulty: true,
    }))
}

const PANES: [Pane; 4] = [Pane::Charts, Pane::Topology, Pane::Terminal, Pane::Checks];

fn slide(mark: &str, index: usize, section: usize, layout: Layout, cue: Option<Cue>) -> Slide {
    let name = format!("{mark}-slide-{index}.");
    let said = |level| Spoken { level, text: format!("{SPEAKER} says this") };
    let figures = vec![Inline::Figure("copy.seconds".into()), Inline::Figure("move.seconds".into())];
    let metric = vec![Inline::Strong(vec![Inline::Figure("flow.ops_per_s".into())])];
    Slide {
        layout,
        title: name.clone(),
        section,
        minutes: Some(2.0),
        priority: 1,
        level: Level::Partner,
        alias: Some(format!("{SPEAKER}-alias")),
        class: "wide".into(),
        motif: Some(Motif::Rings),
        body: vec![
            Block::Heading { depth: 1, text: vec![Inline::Text(name)] },
            Block::List {
                ordered: false,
                items: vec![vec![Block::Paragraph(figures)], vec![Block::Paragraph(metric)]],
            },
        ],
        cue,
        beats: vec![Beat { paragraphs: vec![said(Level::Public), said(Level::Internal)] }; 3],
        line: 7,
    }
}

fn demo(slug: &str, verb: &str) -> (String, Demo) {
    let step = |text: String, proves: &str| Step {
        text,
        proves: Some(proves.into()),
        timeout_ms: 5_000,
        if_fails: Some(format!("{SPEAKER} then does this")),
        line: 9,
    };
    let group =
        |name: &str, steps| Group { name: name.into(), about: format!("{SPEAKER} looks ahead"), steps, shot: None };
    let line = |metric: &str| Line { metric: metric.into(), label: "photos".into() };
    let charts = vec![Chart {
        title: "Throughput".into(),
        unit: Unit::BytesPerSecond,
        series: vec![line("copy.bytes_in_per_s"), line("flow.ops_per_s")],
        thresholds: vec![],
    }];
    let node = |name: &str, column| Node { name: name.into(), kind: Kind::Plain, column, level: None };
    let flow = Flow { rate: Some("flow.ops_per_s".into()), alive: None };
    let arrow = Arrow { from: 0, to: 1, label: String::new(), line: diagram::Line::To, flow };
    let demo = Demo {
        slug: slug.into(),
        title: format!("{SPEAKER} calls it so"),
        minutes: 3.0,
        tools: vec![format!("{SPEAKER}-tool")],
        charts,
        comparisons: vec![],
        topology: Some(Diagram {
            nodes: vec![node("Flash", 0), node("Cloud", 1)],
            arrows: vec![arrow],
            ..Diagram::default()
        }),
        groups: vec![group("first", 0..2), group(&format!("{SPEAKER}-rest"), 2..3)],
        steps: vec![
            step(format!("run azcopy {verb} {{data:{SPEAKER}}}"), "The copy is whole"),
            step("wait for rest".into(), "It rests"),
            step("list all".into(), &format!("{SPEAKER} keeps this for later")),
        ],
        hash: format!("{SPEAKER}-hash"),
    };
    (slug.into(), demo)
}
