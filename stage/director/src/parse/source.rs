//! Cuts a Markdown file into its YAML and its text, keeping line numbers.

use super::Report;

/// Slips that are mended in one file; what follows the last is one slide.
const ENDLESS_MAX: usize = 20;

/// A piece of a file and the line, from 1, where it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    pub line: usize,
    pub text: &'a str,
}

/// One slide, or the one part of a demo file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    pub yaml: Option<Piece<'a>>,
    pub body: Piece<'a>,
}

/// A file in its parts, and what in it never ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source<'a> {
    /// Empty where the first part's front matter never ends.
    pub parts: Vec<Part<'a>>,
    endless: Vec<Endless>,
}

/// A fence, comment or front matter without an end: where it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Endless {
    line: usize,
    what: &'static str,
    /// The line of `---` that it would have swallowed first, and where it is taken to end.
    swallows: Option<usize>,
}

impl Source<'_> {
    pub fn say_endless(&self, report: &mut Report) {
        for Endless { line, what, .. } in &self.endless {
            report.fault(*line, format!("this {what} never ends"));
        }
    }
}

/// Parts a file at lines of `---` outside fences and comments. A part starts with YAML where its first line is a key.
pub fn read(text: &str) -> Source<'_> {
    let (cuts, mut endless) = rulers(text);
    let mut cuts = cuts.into_iter().peekable();
    let mut parts = Vec::new();
    // A file that opens with a ruler opens with YAML; else its first part has none.
    let mut start = Cut { line: 1, from: 0, to: 0 };
    if let Some(first) = cuts.next_if(|cut| cut.from == 0) {
        start = first;
    }
    loop {
        let head = (start.line, start.to);
        let mut yaml = None;
        let mut body_from = head.1;
        let mut body_line = if start.to == 0 { 1 } else { start.line + 1 };
        if start.to > 0 && begins_with_key(&text[start.to..]) {
            let Some(end) = cuts.next() else {
                endless.push(Endless { line: start.line, what: "front matter", swallows: None });
                return Source { parts, endless };
            };
            yaml = Some(Piece { line: start.line + 1, text: &text[start.to..end.from] });
            body_from = end.to;
            body_line = end.line + 1;
        }
        let next = cuts.next();
        let body_to = next.map_or(text.len(), |cut| cut.from);
        parts.push(Part { yaml, body: Piece { line: body_line, text: &text[body_from..body_to] } });
        match next {
            Some(cut) => start = cut,
            None => return Source { parts, endless },
        }
    }
}

/// A ruler: its line, and the bytes that it covers.
#[derive(Debug, Clone, Copy)]
struct Cut {
    line: usize,
    from: usize,
    to: usize,
}

/// The rulers of a text. What never ends is taken to end at the first ruler that it swallows, so that one slip costs one slide.
fn rulers(text: &str) -> (Vec<Cut>, Vec<Endless>) {
    let mut ended: Vec<Endless> = Vec::new();
    loop {
        let (cuts, endless) = scan(text, &ended);
        match endless {
            None => return (cuts, ended),
            Some(endless) => ended.push(endless),
        }
        if endless.is_some_and(|endless| endless.swallows.is_none()) || ended.len() > ENDLESS_MAX {
            return (cuts, ended);
        }
    }
}

/// What opened and has not ended yet.
#[derive(Debug, Clone, Copy)]
struct Open<'a> {
    from: Endless,
    /// What closes a fence; empty for a comment.
    mark: &'a str,
}

impl Open<'_> {
    fn ends_with(&self, line: &str) -> bool {
        match self.mark {
            "" => line.contains("-->"),
            mark => line.trim_start().starts_with(mark) && line.trim().chars().all(|c| mark.starts_with(c)),
        }
    }
}

/// One pass: the rulers, and what never ended. The culprit is the first that swallowed a ruler, since a fence that was left open
/// takes the opening of the next one for its end.
fn scan(text: &str, ended: &[Endless]) -> (Vec<Cut>, Option<Endless>) {
    let mut cuts = Vec::new();
    let mut open: Option<Open<'_>> = None;
    let mut swallower: Option<Endless> = None;
    let mut from = 0;
    for (index, raw) in text.split_inclusive('\n').enumerate() {
        let (number, line, to) = (index + 1, raw.trim_end(), from + raw.len());
        if ended.iter().any(|endless| endless.swallows == Some(number)) {
            open = None;
        }
        if let Some(inside) = &mut open {
            if line == "---" {
                inside.from.swallows = inside.from.swallows.or(Some(number));
            }
            if inside.ends_with(line) {
                swallower = swallower.or(inside.from.swallows.map(|_| inside.from));
                open = None;
            }
        } else if let Some(mark) = fence_mark(line) {
            open = Some(Open { from: Endless { line: number, what: "fence", swallows: None }, mark });
        } else if line.contains("<!--") {
            let from = Endless { line: number, what: "comment", swallows: None };
            open = (!line.contains("-->")).then_some(Open { from, mark: "" });
        } else if line == "---" {
            cuts.push(Cut { line: number, from, to });
        }
        from = to;
    }
    (cuts, open.map(|open| swallower.unwrap_or(open.from)))
}

fn fence_mark(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let length = line.chars().take_while(|c| *c == '`').count().max(line.chars().take_while(|c| *c == '~').count());
    (length >= 3).then(|| &line[..length])
}

/// Whether the text's first line reads like `key: …` and not like prose.
fn begins_with_key(text: &str) -> bool {
    let line = text.lines().next().unwrap_or_default();
    let Some((key, rest)) = line.split_once(':') else { return false };
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    is_key && (rest.is_empty() || rest.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(Option<&str>, usize, &str)> {
        let Source { parts, endless } = read(text);
        assert_eq!(endless, []);
        parts
            .into_iter()
            .map(|part| (part.yaml.map(|yaml| yaml.text.trim()), part.body.line, part.body.text.trim()))
            .collect()
    }

    #[test]
    fn rulers_part_slides_and_yaml_follows_them() {
        let text = "---\ntitle: A\n---\n# One\n\n---\n\n# Two\n\n---\nlayout: quote\n---\n# Three\n";
        assert_eq!(
            cut(text),
            vec![(Some("title: A"), 4, "# One"), (None, 7, "# Two"), (Some("layout: quote"), 13, "# Three")]
        );
    }

    #[test]
    fn rulers_inside_fences_and_comments_are_text() {
        let text = "# One\n```yaml\n---\n```\n<!-- said\n---\n-->\n---\n# Two";
        assert_eq!(cut(text).len(), 2);
        assert_eq!(cut(text)[1], (None, 9, "# Two"));
    }

    #[test]
    fn what_never_ends_is_named_with_its_line_and_costs_one_slide() {
        let cases = [
            ("a\n```\nb", 1, vec![(2, "fence")]),
            ("a\n\n<!-- b", 1, vec![(3, "comment")]),
            ("---\ntitle: A\n", 0, vec![(1, "front matter")]),
            ("a\n---\nlayout: quote\n", 1, vec![(2, "front matter")]),
            ("a\n```\nopen\n---\nb\n---\nc", 3, vec![(2, "fence")]),
            // The next fence's opening would end the one that was left open.
            ("a\n```\nopen\n---\nb\n```\ncode\n```\n---\nc", 3, vec![(2, "fence")]),
            ("a\n<!-- open\n---\nb\n```\nopen\n---\nc", 3, vec![(2, "comment"), (5, "fence")]),
        ];
        for (text, count, endless) in cases {
            let source = read(text);
            let found: Vec<_> = source.endless.iter().map(|endless| (endless.line, endless.what)).collect();
            assert_eq!((source.parts.len(), found), (count, endless), "{text:?}");
        }
    }

    #[test]
    fn a_thousand_slips_are_no_trouble() {
        let text = "```\n\n---\n<!--\n---\n".repeat(1000);
        let source = read(&text);
        assert!(source.endless.len() <= ENDLESS_MAX + 1);
    }

    #[test]
    fn a_file_without_front_matter_is_one_part() {
        assert_eq!(cut("# One"), vec![(None, 1, "# One")]);
        assert_eq!(cut(""), vec![(None, 1, "")]);
    }
}
