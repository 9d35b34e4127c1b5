//! A diagram in the stage's colours: boxes, and arrows between them.

use greenroom_show::diagram::{Arrow, Diagram, Line, Node, Place, Route};
use leptos::prelude::*;

/// Type of boxes and of labels on the stage, and what an average letter of each takes.
const NAME: f64 = 34.0;
const LABEL: f64 = 28.0;
const LETTER: f64 = 0.56;
const HEAD: f64 = 18.0;
/// Room for the label of an arrow that goes straight up or down.
const BESIDE: f64 = 240.0;
/// From the middle of a cut to its label.
const CROSS: f64 = 26.0;
/// Between a box's edge and its name.
const INSET: f64 = 16.0;

#[component]
pub fn DiagramView(diagram: Diagram, width: f64, height: f64) -> impl IntoView {
    let places = diagram.places(width, height);
    let routes = diagram.routes(&places);
    let boxes: Vec<_> = diagram.nodes.iter().zip(&places).map(|(node, place)| box_view(node, *place)).collect();
    let arrows: Vec<_> = diagram.arrows.iter().zip(&routes).map(|(arrow, route)| arrow_view(arrow, route)).collect();
    view! {
        <svg class="diagram" viewBox=format!("0 0 {width} {height}") role="img" aria-label=in_words(&diagram)>
            {arrows}
            {boxes}
        </svg>
    }
}

fn box_view(node: &Node, place: Place) -> impl IntoView + use<> {
    let letters = ((place.width - 2.0 * INSET) / (NAME * LETTER)) as usize;
    let middle = (place.x + place.width / 2.0, place.y + place.height / 2.0);
    view! {
        <g class=format!("box kind-{}", node.kind.as_str())>
            <rect x=place.x y=place.y width=place.width height=place.height rx="18" />
            {lines(&node.name, letters, NAME, middle)}
        </g>
    }
}

fn arrow_view(arrow: &Arrow, route: &Route) -> impl IntoView + use<> {
    let Route { from, bend, toward, to, label } = *route;
    let path = format!("M {} {} C {} {}, {} {}, {} {}", from.0, from.1, bend.0, bend.1, toward.0, toward.1, to.0, to.1);
    let class = match arrow.line {
        Line::To | Line::Both => "arrow",
        Line::Cut => "arrow cut",
    };
    let heads = match arrow.line {
        Line::To => vec![head(toward, to)],
        Line::Both => vec![head(toward, to), head(bend, from)],
        Line::Cut => vec![],
    };
    let heads: Vec<_> = heads.into_iter().map(|points| view! { <polygon points=points /> }).collect();
    let across = (to.0 - from.0).abs();
    let room = if across > 1.0 && (to.1 - from.1).abs() < across * 3.0 { across - 2.0 * HEAD } else { BESIDE };
    let letters = (room / (LABEL * LETTER)) as usize;
    // Above a line that lies, and in a gap of one that rises.
    let is_level = (to.1 - from.1).abs() < across * 0.12;
    let rows = wrapped(&arrow.label, letters).len() as f64;
    let rise = match (arrow.line, is_level) {
        (Line::Cut, _) => -(rows * LABEL * 1.15 / 2.0 + CROSS),
        (Line::To | Line::Both, true) => -(rows * LABEL * 1.15 / 2.0 + 10.0),
        (Line::To | Line::Both, false) => 0.0,
    };
    let cross = (arrow.line == Line::Cut).then(|| {
        let (x, y) = label;
        view! { <path class="cross" d=format!("M {} {} l 28 28 m 0 -28 l -28 28", x - 14.0, y - 14.0) /> }
    });
    view! {
        <g class=class>
            <path d=path />
            {heads}
            {cross}
            {lines(&arrow.label, letters, LABEL, (label.0, label.1 + rise))}
        </g>
    }
}

/// The head of an arrow that comes from `from` and ends at `tip`.
fn head(from: (f64, f64), tip: (f64, f64)) -> String {
    let (dx, dy) = (tip.0 - from.0, tip.1 - from.1);
    let length = dx.hypot(dy).max(1.0);
    let (dx, dy) = (dx / length * HEAD, dy / length * HEAD);
    let (back, side) = ((tip.0 - dx, tip.1 - dy), (-dy * 0.55, dx * 0.55));
    format!("{},{} {},{} {},{}", tip.0, tip.1, back.0 + side.0, back.1 + side.1, back.0 - side.0, back.1 - side.1)
}

/// Text around a middle, in as many lines as it takes.
fn lines(text: &str, letters: usize, size: f64, middle: (f64, f64)) -> impl IntoView + use<> {
    let rows = wrapped(text, letters);
    let top = middle.1 - (rows.len() as f64 - 1.0) * size * 1.15 / 2.0 + size * 0.35;
    let rows: Vec<_> = rows
        .into_iter()
        .enumerate()
        .map(|(row, text)| view! { <tspan x=middle.0 y=top + row as f64 * size * 1.15>{text}</tspan> })
        .collect();
    view! { <text font-size=size text-anchor="middle">{rows}</text> }
}

/// Words in rows of at most so many letters; a longer word has a row to itself.
fn wrapped(text: &str, letters: usize) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match rows.last_mut() {
            Some(row) if row.chars().count() + 1 + word.chars().count() <= letters => {
                row.push(' ');
                row.push_str(word);
            }
            _ => rows.push(word.to_string()),
        }
    }
    rows
}

/// The diagram for whoever hears the slide.
fn in_words(diagram: &Diagram) -> String {
    let name = |index: usize| diagram.nodes.get(index).map_or("", |node| node.name.as_str());
    let arrows = diagram.arrows.iter().map(|arrow| {
        let way = match arrow.line {
            Line::To => "to",
            Line::Both => "to and from",
            Line::Cut => "cut off from",
        };
        let label = if arrow.label.is_empty() { String::new() } else { format!(": {}", arrow.label) };
        format!("{} {way} {}{label}", name(arrow.from), name(arrow.to))
    });
    let boxes = diagram.nodes.iter().map(|node| node.name.clone()).collect::<Vec<_>>().join(", ");
    format!("Diagram of {boxes}. {}", arrows.collect::<Vec<_>>().join("; "))
}
