//! A ```` ```diagram ```` fence of a deck, or a ```` ```topology ```` fence of a demo, into boxes and arrows.
//!
//! ```text
//! column: AzCopy, rclone
//! column: Gateway
//! column: Flash [flash], Blob [cloud]
//! AzCopy -> Gateway: HTTPS
//! Flash <-> Blob
//! [click]
//! column 1: SDKs
//! rclone -x Gateway
//! ```
//!
//! What stands below a `[click]` comes with that click, at the place that it has from the beginning; `column 1:` puts boxes below those
//! that the column has.
//!
//! In a topology, a box is as full as one metric of another, an arrow bears the rate that moves along it, and is cut where a metric is 0:
//!
//! ```text
//! column: Gateway
//! column: Flash [flash] {flash.used_bytes of flash.capacity_bytes}, Blob [cloud]
//! Gateway -> Blob: {cloud.bytes_out_per_s} while {cloud.state}
//! ```

use super::{Report, hint};
use greenroom_show::diagram::{Arrow, COLUMNS_MAX, Click, Diagram, Flow, Kind, Level, Line, Node, ROWS_MAX};

/// Letters that a box or an arrow has room for.
const NAME_MAX: usize = 24;
const LABEL_MAX: usize = 20;
/// Longest first: each is looked for in a line as it stands.
const SIGNS: [(&str, Line); 3] = [(" <-> ", Line::Both), (" -> ", Line::To), (" -x ", Line::Cut)];

/// Reads what stands in a fence; `first` is the line of the file that its text begins on. What is wrong is left out and named.
pub fn read(text: &str, first: usize, report: &mut Report) -> Diagram {
    let mut diagram = Diagram::default();
    let mut columns = 0;
    for (index, line) in text.lines().enumerate() {
        let (at, line) = (first + index, line.trim());
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line == "[click]" {
            diagram.clicks.push(Click { nodes: diagram.nodes.len(), arrows: diagram.arrows.len() });
        } else if let Some(boxes) = line.strip_prefix("column:") {
            if columns == COLUMNS_MAX {
                report.fault(at, format!("a diagram has {COLUMNS_MAX} columns at most: this one is left out"));
                continue;
            }
            column(boxes, columns, at, &mut diagram, report);
            columns += 1;
        } else if let Some((number, boxes)) = below(line) {
            match number.checked_sub(1).filter(|column| *column < columns) {
                Some(into) => column(boxes, into, at, &mut diagram, report),
                None => report.fault(at, format!("there is no column {number} above: there are {columns}")),
            }
        } else if let Some(arrow) = arrow(line, at, &diagram, report) {
            diagram.arrows.push(arrow);
        }
    }
    if diagram.nodes.is_empty() {
        report.fault(first, "a diagram needs a box: write 'column: Name, Name'");
    }
    diagram
}

/// `column 2: Name`: boxes below those that a column has, for those that come with a later click.
fn below(line: &str) -> Option<(usize, &str)> {
    let (number, boxes) = line.strip_prefix("column ")?.split_once(':')?;
    Some((number.trim().parse().ok()?, boxes))
}

fn column(boxes: &str, column: usize, line: usize, diagram: &mut Diagram, report: &mut Report) {
    for text in boxes.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        if diagram.nodes.iter().filter(|node| node.column == column).count() == ROWS_MAX {
            report.fault(line, format!("a column has {ROWS_MAX} boxes at most: the rest is left out"));
            return;
        }
        let (text, level) = match text.strip_suffix('}').and_then(|text| text.rsplit_once('{')) {
            Some((text, level)) => (text.trim(), level_of(level, line, report)),
            None => (text, None),
        };
        let (name, kind) = match text.strip_suffix(']').and_then(|text| text.rsplit_once('[')) {
            Some((name, kind)) => (name.trim(), kind_of(kind.trim(), line, report)),
            None => (text, Kind::Plain),
        };
        long(name, NAME_MAX, line, report);
        if diagram.nodes.iter().any(|node| node.name == name) {
            report.fault(line, format!("box '{name}' stands here twice: arrows would not know which is meant"));
            continue;
        }
        diagram.nodes.push(Node { name: name.to_string(), kind, column, level });
    }
}

fn level_of(text: &str, line: usize, report: &mut Report) -> Option<Level> {
    let found = text.split_once(" of ").map(|(part, whole)| (part.trim(), whole.trim()));
    match found {
        Some((part, whole)) if is_metric(part) && is_metric(whole) => {
            Some(Level { part: part.to_string(), whole: whole.to_string() })
        }
        _ => {
            report.fault(line, format!("'{{{text}}}' is not '{{metric of metric}}', which says how full a box is"));
            None
        }
    }
}

/// A label's text, and what is bound in it: `packed {cloud.bytes_out_per_s} while {cloud.state}`.
fn flow_of(label: &str, line: usize, report: &mut Report) -> (String, Flow) {
    let mut flow = Flow::default();
    let mut text = label.trim();
    let mut ends_with = |text: &mut &str, what: &str| {
        let (before, metric) = text.strip_suffix('}')?.rsplit_once('{')?;
        let before = before.trim().strip_suffix(what)?;
        if !is_metric(metric) {
            report.fault(line, format!("'{{{metric}}}' is not a metric, such as '{{cloud.bytes_out_per_s}}'"));
        }
        *text = before.trim();
        Some(metric.to_string())
    };
    flow.alive = ends_with(&mut text, "while");
    flow.rate = ends_with(&mut text, "");
    (text.to_string(), flow)
}

fn is_metric(text: &str) -> bool {
    let letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    !text.is_empty() && text.chars().all(letter)
}

fn kind_of(name: &str, line: usize, report: &mut Report) -> Kind {
    let found = Kind::ALL.into_iter().find(|kind| kind.as_str() == name);
    found.unwrap_or_else(|| {
        let near = hint(name, Kind::ALL.iter().map(|kind| kind.as_str()));
        report.fault(line, format!("unknown kind of box '{name}'{near}"));
        Kind::Plain
    })
}

fn arrow(text: &str, line: usize, diagram: &Diagram, report: &mut Report) -> Option<Arrow> {
    let found = SIGNS.iter().find_map(|(sign, kind)| text.split_once(sign).map(|(from, rest)| (from, rest, *kind)));
    let Some((from, rest, kind)) = found else {
        report.fault(
            line,
            format!("'{text}' is neither 'column: …' nor '[click]' nor an arrow 'A -> B', 'A <-> B' or 'A -x B'"),
        );
        return None;
    };
    let (to, label) = rest.split_once(':').unwrap_or((rest, ""));
    let (label, flow) = flow_of(label, line, report);
    long(&label, LABEL_MAX, line, report);
    let from = node(from.trim(), line, diagram, report);
    let to = node(to.trim(), line, diagram, report);
    let (from, to) = (from?, to?);
    if from == to {
        report.fault(line, "an arrow goes from one box to another");
        return None;
    }
    Some(Arrow { from, to, label, line: kind, flow })
}

fn node(name: &str, line: usize, diagram: &Diagram, report: &mut Report) -> Option<usize> {
    let found = diagram.nodes.iter().position(|node| node.name == name);
    if found.is_none() {
        let near = hint(name, diagram.nodes.iter().map(|node| node.name.as_str()));
        report.fault(line, format!("there is no box '{name}' above this arrow{near}"));
    }
    found
}

fn long(text: &str, max: usize, line: usize, report: &mut Report) {
    let letters = text.chars().count();
    if letters > max {
        report.warn(line, format!("'{text}' has {letters} letters: more than {max} do not fit"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Diagram, Vec<String>) {
        let mut report = Report::new("deck.md");
        let diagram = read(text, 10, &mut report);
        (diagram, report.faults.iter().chain(&report.warnings).map(ToString::to_string).collect())
    }

    #[test]
    fn boxes_and_arrows_are_read() {
        let (diagram, said) = parse(
            "column: AzCopy\n# a note\n\ncolumn: Flash [flash], Blob [cloud]\nAzCopy -> Flash: put: now\nFlash <-> Blob\nAzCopy -x Blob",
        );
        assert_eq!(said, Vec::<String>::new());
        let nodes: Vec<_> =
            diagram.nodes.iter().map(|node| (node.name.as_str(), node.kind.as_str(), node.column)).collect();
        assert_eq!(nodes, [("AzCopy", "plain", 0), ("Flash", "flash", 1), ("Blob", "cloud", 1)]);
        let arrows: Vec<_> =
            diagram.arrows.iter().map(|arrow| (arrow.from, arrow.to, arrow.label.as_str(), arrow.line)).collect();
        assert_eq!(arrows, [(0, 1, "put: now", Line::To), (1, 2, "", Line::Both), (0, 2, "", Line::Cut)]);
    }

    #[test]
    fn clicks_part_what_is_there_from_what_comes() {
        let (diagram, said) = parse("column: A\n[click]\ncolumn: B\nA -> B\n[click]\ncolumn 1: C\nB -> A");
        assert_eq!(said, Vec::<String>::new());
        assert_eq!([0, 1, 2].map(|node| diagram.click_of_node(node)), [0, 1, 2]);
        assert_eq!(diagram.nodes[2].column, 0);
        assert_eq!([0, 1].map(|arrow| diagram.click_of_arrow(arrow)), [1, 2]);
    }

    #[test]
    fn a_topology_is_bound_to_metrics() {
        let (diagram, said) = parse(
            "column: AzCopy\ncolumn: Flash [flash] {flash.used_bytes of flash.capacity_bytes}, Blob [cloud]\nAzCopy -> Flash: {in.bytes_in_per_s}\nFlash -> Blob: packed {cloud.bytes_out_per_s} while {cloud.state}\nBlob -> Flash: while {cloud.state}",
        );
        assert_eq!(said, Vec::<String>::new());
        let level = |index: usize| diagram.nodes[index].level.as_ref().map(|level| level.part.as_str());
        assert_eq!([level(0), level(1), level(2)], [None, Some("flash.used_bytes"), None]);
        let arrows: Vec<_> = diagram
            .arrows
            .iter()
            .map(|arrow| (arrow.label.as_str(), arrow.flow.rate.as_deref(), arrow.flow.alive.as_deref()))
            .collect();
        let (rate, alive) = (Some("cloud.bytes_out_per_s"), Some("cloud.state"));
        assert_eq!(arrows, [("", Some("in.bytes_in_per_s"), None), ("packed", rate, alive), ("", None, alive)]);
        assert_eq!(diagram.metrics().count(), 6);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_the_rest_is_drawn() {
        let cases = [
            ("column: A, B\nA -> C", "deck.md:11: there is no box 'C' above this arrow"),
            (
                "column: Gateway, B\nGatway -> B",
                "deck.md:11: there is no box 'Gatway' above this arrow; did you mean 'Gateway'?",
            ),
            ("column: A [flsh]", "deck.md:10: unknown kind of box 'flsh'; did you mean 'flash'?"),
            ("column: A, A", "deck.md:10: box 'A' stands here twice"),
            ("column: A\nA to B", "deck.md:11: 'A to B' is neither"),
            ("column: A\nA -> A", "deck.md:11: an arrow goes from one box to another"),
            ("column: A,B,C,D,E,F", "deck.md:10: a column has 5 boxes at most"),
            ("column: A\ncolumn 2: B", "deck.md:11: there is no column 2 above: there are 1"),
            ("column: A [flash] {used}", "deck.md:10: '{used}' is not '{metric of metric}'"),
            ("column: A, B\nA -> B: {a b}", "deck.md:11: '{a b}' is not a metric"),
            ("", "deck.md:10: a diagram needs a box"),
            ("column: A name that is far too long for a box", "more than 24 do not fit"),
        ];
        for (text, wanted) in cases {
            let (_, said) = parse(text);
            assert!(said.iter().any(|line| line.contains(wanted)), "{text:?}\nwanted {wanted}\nsaid   {said:?}");
        }
    }
}
