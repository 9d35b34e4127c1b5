//! A ```` ```diagram ```` fence into boxes and arrows.
//!
//! ```text
//! column: AzCopy, rclone
//! column: Gateway
//! column: Flash [flash], Blob [cloud]
//! AzCopy -> Gateway: HTTPS
//! Flash <-> Blob
//! rclone -x Gateway
//! ```

use super::{Report, hint};
use greenroom_show::diagram::{Arrow, COLUMNS_MAX, Diagram, Kind, Line, Node, ROWS_MAX};

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
        if let Some(boxes) = line.strip_prefix("column:") {
            if columns == COLUMNS_MAX {
                report.fault(at, format!("a diagram has {COLUMNS_MAX} columns at most: this one is left out"));
                continue;
            }
            column(boxes, columns, at, &mut diagram, report);
            columns += 1;
        } else if let Some(arrow) = arrow(line, at, &diagram, report) {
            diagram.arrows.push(arrow);
        }
    }
    if diagram.nodes.is_empty() {
        report.fault(first, "a diagram needs a box: write 'column: Name, Name'");
    }
    diagram
}

fn column(boxes: &str, column: usize, line: usize, diagram: &mut Diagram, report: &mut Report) {
    for (row, text) in boxes.split(',').map(str::trim).filter(|text| !text.is_empty()).enumerate() {
        if row == ROWS_MAX {
            report.fault(line, format!("a column has {ROWS_MAX} boxes at most: the rest is left out"));
            return;
        }
        let (name, kind) = match text.strip_suffix(']').and_then(|text| text.rsplit_once('[')) {
            Some((name, kind)) => (name.trim(), kind_of(kind.trim(), line, report)),
            None => (text, Kind::Plain),
        };
        long(name, NAME_MAX, line, report);
        if diagram.nodes.iter().any(|node| node.name == name) {
            report.fault(line, format!("box '{name}' stands here twice: arrows would not know which is meant"));
            continue;
        }
        diagram.nodes.push(Node { name: name.to_string(), kind, column });
    }
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
        report.fault(line, format!("'{text}' is neither 'column: …' nor an arrow 'A -> B', 'A <-> B' or 'A -x B'"));
        return None;
    };
    let (to, label) = rest.split_once(':').unwrap_or((rest, ""));
    let label = label.trim();
    long(label, LABEL_MAX, line, report);
    let from = node(from.trim(), line, diagram, report);
    let to = node(to.trim(), line, diagram, report);
    let (from, to) = (from?, to?);
    if from == to {
        report.fault(line, "an arrow goes from one box to another");
        return None;
    }
    Some(Arrow { from, to, label: label.to_string(), line: kind })
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
            ("", "deck.md:10: a diagram needs a box"),
            ("column: A name that is far too long for a box", "more than 24 do not fit"),
        ];
        for (text, wanted) in cases {
            let (_, said) = parse(text);
            assert!(said.iter().any(|line| line.contains(wanted)), "{text:?}\nwanted {wanted}\nsaid   {said:?}");
        }
    }
}
