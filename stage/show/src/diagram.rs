//! A diagram: boxes in columns, and arrows between them. Drawn in the theme of the stage, so it is placed here and has no colour.
//! The topology of a demo is one whose boxes and arrows are bound to metrics of the run.

use crate::order;
use serde::{Deserialize, Serialize};

/// Columns and boxes of a column that a slide can carry and be read from far away.
pub const COLUMNS_MAX: usize = 5;
pub const ROWS_MAX: usize = 5;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagram {
    /// Column by column from the left, each from the top.
    pub nodes: Vec<Node>,
    pub arrows: Vec<Arrow>,
    /// How much of it stands before each click of those that build it up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clicks: Vec<Click>,
}

/// So many of the boxes and arrows, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Click {
    pub nodes: usize,
    pub arrows: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    pub name: String,
    pub kind: Kind,
    pub column: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
}

/// How full a box is: a metric, of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    pub part: String,
    pub whole: String,
}

/// What a box stands for: its colour, the same as in charts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    #[default]
    Plain,
    Flash,
    Cloud,
    Tenant1,
    Tenant2,
    Tenant3,
    Tenant4,
    Fail,
}

impl Kind {
    pub const ALL: [Kind; 8] =
        [Kind::Plain, Kind::Flash, Kind::Cloud, Kind::Tenant1, Kind::Tenant2, Kind::Tenant3, Kind::Tenant4, Kind::Fail];

    /// As written in a deck, and as the style class `kind-…`.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Plain => "plain",
            Kind::Flash => "flash",
            Kind::Cloud => "cloud",
            Kind::Tenant1 => "tenant1",
            Kind::Tenant2 => "tenant2",
            Kind::Tenant3 => "tenant3",
            Kind::Tenant4 => "tenant4",
            Kind::Fail => "fail",
        }
    }
}

/// Indices into `Diagram::nodes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrow {
    pub from: usize,
    pub to: usize,
    pub label: String,
    pub line: Line,
    #[serde(default, skip_serializing_if = "Flow::is_none")]
    pub flow: Flow,
}

/// What moves along an arrow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// The metric that says how much, a rate.
    pub rate: Option<String>,
    /// The link is cut where this metric is 0.
    pub alive: Option<String>,
}

impl Flow {
    fn is_none(&self) -> bool {
        *self == Flow::default()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    To,
    Both,
    /// A link that is down.
    Cut,
}

/// A box as it lies on the canvas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// An arrow as a cubic curve, and the middle of its label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Route {
    pub from: (f64, f64),
    pub bend: (f64, f64),
    pub toward: (f64, f64),
    pub to: (f64, f64),
    pub label: (f64, f64),
}

/// Share of a column's width that its boxes take, the rest is for arrows.
const BOX_SHARE: f64 = 0.62;
/// Boxes are no wider and no higher than this, on the stage.
const BOX_WIDTH_MAX: f64 = 440.0;
const BOX_HEIGHT_MAX: f64 = 150.0;
const BOX_SHARE_HIGH: f64 = 0.62;

impl Diagram {
    /// The metrics that it is bound to.
    pub fn metrics(&self) -> impl Iterator<Item = &String> {
        let levels = self.nodes.iter().filter_map(|node| node.level.as_ref());
        let flows = self.arrows.iter().flat_map(|arrow| arrow.flow.rate.iter().chain(&arrow.flow.alive));
        levels.flat_map(|level| [&level.part, &level.whole]).chain(flows)
    }

    /// After how many clicks a box stands there.
    pub fn click_of_node(&self, index: usize) -> usize {
        self.clicks.iter().filter(|click| click.nodes <= index).count()
    }

    /// After how many clicks an arrow does.
    pub fn click_of_arrow(&self, index: usize) -> usize {
        self.clicks.iter().filter(|click| click.arrows <= index).count()
    }

    fn columns(&self) -> usize {
        self.nodes.iter().map(|node| node.column + 1).max().unwrap_or(1)
    }

    fn rows(&self, column: usize) -> usize {
        self.nodes.iter().filter(|node| node.column == column).count()
    }

    /// Every box on a canvas of this size: columns side by side to its edges, each centred from top to bottom.
    pub fn places(&self, width: f64, height: f64) -> Vec<Place> {
        let columns = self.columns();
        let highest = (0..columns).map(|column| self.rows(column)).max().unwrap_or(1).max(1);
        let box_width = (width / columns as f64 * BOX_SHARE).min(BOX_WIDTH_MAX);
        let box_height = (height / highest as f64 * BOX_SHARE_HIGH).min(BOX_HEIGHT_MAX);
        let pitch = if columns > 1 { (width - box_width) / (columns - 1) as f64 } else { 0.0 };
        let margin = if columns > 1 { 0.0 } else { (width - box_width) / 2.0 };
        let mut row_of = vec![0_usize; columns];
        let mut places = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let row = row_of[node.column];
            row_of[node.column] += 1;
            let slot = height / self.rows(node.column) as f64;
            places.push(Place {
                x: margin + pitch * node.column as f64,
                y: slot * (row as f64 + 0.5) - box_height / 2.0,
                width: box_width,
                height: box_height,
            });
        }
        places
    }

    /// Every arrow between these places. Arrows that share a side of a box leave it side by side, in the order of their other ends.
    pub fn routes(&self, places: &[Place]) -> Vec<Route> {
        (0..self.arrows.len()).filter_map(|index| self.route(index, places)).collect()
    }

    fn route(&self, index: usize, places: &[Place]) -> Option<Route> {
        let arrow = self.arrows.get(index)?;
        let (from, to) = (places.get(arrow.from)?, places.get(arrow.to)?);
        let (start, end) = (self.end(index, arrow.from, places)?, self.end(index, arrow.to, places)?);
        let (bend, toward) = if from.x == to.x {
            let reach = (end.1 - start.1) * 0.4;
            ((start.0, start.1 + reach), (end.0, end.1 - reach))
        } else {
            let reach = (end.0 - start.0) * 0.45;
            ((start.0 + reach, start.1), (end.0 - reach, end.1))
        };
        let middle = |a: f64, b: f64, c: f64, d: f64| (a + 3.0 * b + 3.0 * c + d) / 8.0;
        let label = (middle(start.0, bend.0, toward.0, end.0), middle(start.1, bend.1, toward.1, end.1));
        Some(Route { from: start, bend, toward, to: end, label })
    }

    /// Where an arrow touches a box: on the side that faces the other end.
    fn end(&self, index: usize, node: usize, places: &[Place]) -> Option<(f64, f64)> {
        let place = places.get(node)?;
        let side = self.side(index, node)?;
        let mut others: Vec<_> = (0..self.arrows.len())
            .filter(|other| self.side(*other, node) == Some(side))
            .filter_map(|other| places.get(self.other(other, node)?).map(|place| (other, place)))
            .collect();
        order::sort_by(&mut others, |(one, a), (other, b)| {
            let (a, b) = if side.is_level() { (a.y, b.y) } else { (a.x, b.x) };
            a.total_cmp(&b).then(one.cmp(other))
        });
        let at = others.iter().position(|(other, _)| *other == index)?;
        let part = (at as f64 + 1.0) / (others.len() as f64 + 1.0);
        Some(match side {
            Side::Left => (place.x, place.y + place.height * part),
            Side::Right => (place.x + place.width, place.y + place.height * part),
            Side::Top => (place.x + place.width * part, place.y),
            Side::Bottom => (place.x + place.width * part, place.y + place.height),
        })
    }

    fn other(&self, index: usize, node: usize) -> Option<usize> {
        let arrow = self.arrows.get(index)?;
        if arrow.from == node {
            Some(arrow.to)
        } else if arrow.to == node {
            Some(arrow.from)
        } else {
            None
        }
    }

    fn side(&self, index: usize, node: usize) -> Option<Side> {
        let other = self.other(index, node)?;
        let (here, there) = (self.nodes.get(node)?.column, self.nodes.get(other)?.column);
        Some(match there.cmp(&here) {
            std::cmp::Ordering::Greater => Side::Right,
            std::cmp::Ordering::Less => Side::Left,
            std::cmp::Ordering::Equal if other > node => Side::Bottom,
            std::cmp::Ordering::Equal => Side::Top,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    Top,
    Bottom,
}

impl Side {
    fn is_level(self) -> bool {
        matches!(self, Side::Left | Side::Right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagram(columns: &[usize], arrows: &[(usize, usize)]) -> Diagram {
        let nodes = columns
            .iter()
            .enumerate()
            .flat_map(|(column, rows)| (0..*rows).map(move |row| (column, row)))
            .map(|(column, row)| Node { name: format!("{column}/{row}"), kind: Kind::Plain, column, level: None })
            .collect();
        let arrows = arrows
            .iter()
            .map(|(from, to)| Arrow {
                from: *from,
                to: *to,
                label: String::new(),
                line: Line::To,
                flow: Flow::default(),
            })
            .collect();
        Diagram { nodes, arrows, ..Diagram::default() }
    }

    #[test]
    fn clicks_build_it_up_and_nothing_moves() {
        let whole = diagram(&[1, 2], &[(0, 1), (0, 2)]);
        let click = |nodes, arrows| Click { nodes, arrows };
        let built = Diagram { clicks: vec![click(1, 0), click(3, 1)], ..whole.clone() };
        assert_eq!([0, 1, 2].map(|node| built.click_of_node(node)), [0, 1, 1]);
        assert_eq!([0, 1].map(|arrow| built.click_of_arrow(arrow)), [1, 2]);
        assert_eq!([0, 2].map(|node| whole.click_of_node(node)), [0, 0], "without clicks, all at once");
        assert_eq!(built.places(900.0, 500.0), whole.places(900.0, 500.0));
    }

    #[test]
    fn boxes_stay_on_the_canvas_and_apart() {
        for columns in [&[1][..], &[5], &[1, 1], &[3, 1, 2], &[5, 5, 5, 5, 5]] {
            let places = diagram(columns, &[]).places(1728.0, 720.0);
            assert_eq!(places.len(), columns.iter().sum::<usize>());
            for (index, one) in places.iter().enumerate() {
                assert!(one.x >= 0.0 && one.x + one.width <= 1728.01, "{columns:?} {one:?}");
                assert!(one.y >= 0.0 && one.y + one.height <= 720.01, "{columns:?} {one:?}");
                for other in &places[index + 1..] {
                    let apart = one.x + one.width <= other.x || one.y + one.height <= other.y;
                    assert!(apart, "{columns:?} {one:?} {other:?}");
                }
            }
        }
    }

    #[test]
    fn arrows_touch_the_sides_that_face_each_other() {
        let diagram = diagram(&[1, 2], &[(0, 1), (0, 2), (1, 2), (2, 0)]);
        let places = diagram.places(1000.0, 500.0);
        let routes = diagram.routes(&places);
        assert_eq!(routes.len(), 4);
        assert_eq!(routes[0].from.0, places[0].x + places[0].width, "from the right side");
        assert_eq!(routes[0].to.0, places[1].x, "to the left side");
        assert_eq!((routes[2].from.1, routes[2].to.1), (places[1].y + places[1].height, places[2].y), "downward");
        assert_eq!(routes[3].from.0, places[2].x, "back from the left side");
        let mut ends = [routes[0].from.1, routes[1].from.1, routes[3].to.1];
        ends.sort_by(f64::total_cmp);
        assert!(ends[0] < ends[1] && ends[1] < ends[2], "side by side: {ends:?}");
    }
}
