//! A diagram in the stage's colours: boxes, and arrows between them; as it stands, or with what a run moves through it.

use greenroom_show::diagram::{Arrow, Diagram, Line, Node, Place, Route};
use leptos::prelude::*;

/// Type of boxes, by their width, and by their height, which holds two lines of it.
const NAME: (f64, f64) = (34.0, 44.0);
const NAME_OF_WIDTH: f64 = 0.112;
const NAME_OF_HEIGHT: f64 = 0.39;
/// Of labels, on a slide of its own, and beside other panes.
const LABEL: (f64, f64) = (32.0, 28.0);
const OWN_WIDTH: f64 = 1500.0;
/// What an average letter takes, in ems.
const LETTER: f64 = 0.56;
const HEAD: f64 = 18.0;
/// Room for the label of an arrow that goes straight up or down.
const BESIDE: f64 = 240.0;
/// From the middle of a cut to its label.
const CROSS: f64 = 26.0;
/// Between a box's edge and its name.
const INSET: f64 = 16.0;

/// What a run moves through a diagram now: by the numbers of arrows and boxes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Moving {
    pub arrows: Vec<Link>,
    /// How full each box is, from 0 to 1.
    pub levels: Vec<Option<f64>>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Link {
    pub is_cut: bool,
    /// 0 where nothing moves, to 4.
    pub pace: u8,
    /// The rate in words.
    pub rate: Option<String>,
}

#[component]
pub fn DiagramView(
    diagram: Diagram,
    width: f64,
    height: f64,
    #[prop(optional, into)] moving: Signal<Moving>,
    /// How many of the clicks that build it up have fallen.
    #[prop(default = Signal::stored(usize::MAX), into)]
    shown: Signal<usize>,
) -> impl IntoView {
    let label = if width > OWN_WIDTH { LABEL.0 } else { LABEL.1 };
    let places = diagram.places(width, height);
    let routes = diagram.routes(&places);
    let nodes = diagram.nodes.iter().zip(&places).enumerate();
    let boxes: Vec<_> = nodes
        .map(|(index, (node, place))| {
            let level = Memo::new(move |_| moving.read().levels.get(index).copied().flatten());
            let click = diagram.click_of_node(index);
            box_view(node, *place, level, Memo::new(move |_| shown.get() < click))
        })
        .collect();
    let arrows = diagram.arrows.iter().zip(&routes).enumerate();
    let arrows: Vec<_> = arrows
        .map(|(index, (arrow, route))| {
            let link = Memo::new(move |_| moving.read().arrows.get(index).cloned().unwrap_or_default());
            let click = diagram.click_of_arrow(index);
            arrow_view(arrow, route, label, link, Memo::new(move |_| shown.get() < click))
        })
        .collect();
    view! {
        <svg class="diagram" viewBox=format!("0 0 {width} {height}") role="img" aria-label=in_words(&diagram)>
            {arrows}
            {boxes}
        </svg>
    }
}

fn box_view(node: &Node, place: Place, level: Memo<Option<f64>>, waits: Memo<bool>) -> impl IntoView + use<> {
    // What fills a box rises from its foot.
    let fill = move || {
        let level = level.get()?.clamp(0.0, 1.0);
        let height = place.height * level;
        let rect = view! { <rect class="level" x=place.x y=place.y + place.height - height width=place.width height=height rx="18" /> };
        Some(rect)
    };
    let size = (place.width * NAME_OF_WIDTH).min(place.height * NAME_OF_HEIGHT).clamp(NAME.0, NAME.1);
    let letters = ((place.width - 2.0 * INSET) / (size * LETTER)) as usize;
    let middle = (place.x + place.width / 2.0, place.y + place.height / 2.0);
    view! {
        <g class=format!("box kind-{}", node.kind.as_str()) class:waits=waits>
            <rect x=place.x y=place.y width=place.width height=place.height rx="18" />
            {fill}
            {lines(&node.name, letters, size, middle)}
        </g>
    }
}

fn arrow_view(arrow: &Arrow, route: &Route, size: f64, link: Memo<Link>, waits: Memo<bool>) -> impl IntoView + use<> {
    let arrow = arrow.clone();
    let route = *route;
    let Route { from, bend, toward, to, .. } = route;
    let path = format!("M {} {} C {} {}, {} {}, {} {}", from.0, from.1, bend.0, bend.1, toward.0, toward.1, to.0, to.1);
    let is_cut = {
        let line = arrow.line;
        Memo::new(move |_| line == Line::Cut || link.read().is_cut)
    };
    let pace = Memo::new(move |_| link.read().pace);
    let dashes = {
        let path = path.clone();
        move || (pace.get() > 0).then(|| view! { <path class=format!("dashes pace-{}", pace.get()) d=path.clone() /> })
    };
    let ends = move || {
        if is_cut.get() {
            let (x, y) = route.label;
            let cross = format!("M {} {} l 28 28 m 0 -28 l -28 28", x - 14.0, y - 14.0);
            return view! { <path class="cross" d=cross /> }.into_any();
        }
        let heads = match arrow.line {
            Line::To | Line::Cut => vec![head(toward, to)],
            Line::Both => vec![head(toward, to), head(bend, from)],
        };
        heads.into_iter().map(|points| view! { <polygon points=points /> }).collect::<Vec<_>>().into_any()
    };
    let words = move || {
        let rate = link.read().rate.clone();
        let label = [Some(arrow.label.clone()), rate].into_iter().flatten().filter(|part| !part.is_empty());
        label_view(&label.collect::<Vec<_>>().join(" "), size, &route, is_cut.get())
    };
    view! {
        <g class="arrow" class:cut=is_cut class:waits=waits>
            <path d=path />
            {dashes}
            {ends}
            {words}
        </g>
    }
}

/// Above a line that lies, in a gap of one that rises, and above the cross of one that is cut.
fn label_view(label: &str, size: f64, route: &Route, is_cut: bool) -> impl IntoView + use<> {
    let Route { from, to, label: middle, .. } = *route;
    let across = (to.0 - from.0).abs();
    let room = if across > 1.0 && (to.1 - from.1).abs() < across * 3.0 { across - 2.0 * HEAD } else { BESIDE };
    let letters = (room / (size * LETTER)) as usize;
    let is_level = (to.1 - from.1).abs() < across * 0.12;
    let rows = wrapped(label, letters).len() as f64;
    let rise = match (is_cut, is_level) {
        (true, _) => -(rows * size * 1.15 / 2.0 + CROSS),
        (false, true) => -(rows * size * 1.15 / 2.0 + 10.0),
        (false, false) => 0.0,
    };
    lines(label, letters, size, (middle.0, middle.1 + rise))
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
