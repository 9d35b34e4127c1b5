//! Cuts a Markdown file into its YAML and its text, keeping line numbers.

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

/// Parts a file at lines of `---` outside fences and comments. A part starts with YAML where its first line is a key.
/// `Err` holds the line of a fence, comment or front matter that never ends, and its name.
pub fn parts(text: &str) -> Result<Vec<Part<'_>>, (usize, &'static str)> {
    let rulers = rulers(text)?;
    let mut cuts = rulers.iter().copied().peekable();
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
            let Some(end) = cuts.next() else { return Err((start.line, "front matter")) };
            yaml = Some(Piece { line: start.line + 1, text: &text[start.to..end.from] });
            body_from = end.to;
            body_line = end.line + 1;
        }
        let next = cuts.next();
        let body_to = next.map_or(text.len(), |cut| cut.from);
        parts.push(Part { yaml, body: Piece { line: body_line, text: &text[body_from..body_to] } });
        match next {
            Some(cut) => start = cut,
            None => return Ok(parts),
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

fn rulers(text: &str) -> Result<Vec<Cut>, (usize, &'static str)> {
    let mut cuts = Vec::new();
    let mut fence: Option<(usize, &str)> = None;
    let mut comment: Option<usize> = None;
    let mut from = 0;
    for (index, raw) in text.split_inclusive('\n').enumerate() {
        let line = raw.trim_end();
        let to = from + raw.len();
        if let Some((_, mark)) = fence {
            if line.trim_start().starts_with(mark) && line.trim().chars().all(|c| mark.starts_with(c)) {
                fence = None;
            }
        } else if comment.is_some() {
            if line.contains("-->") {
                comment = None;
            }
        } else if let Some(mark) = fence_mark(line) {
            fence = Some((index + 1, mark));
        } else if line.contains("<!--") {
            comment = (!line.contains("-->")).then_some(index + 1);
        } else if line == "---" {
            cuts.push(Cut { line: index + 1, from, to });
        }
        from = to;
    }
    match (fence, comment) {
        (Some((line, _)), _) => Err((line, "fence")),
        (None, Some(line)) => Err((line, "comment")),
        (None, None) => Ok(cuts),
    }
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
        let parts = parts(text).expect("well formed");
        parts
            .iter()
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
    fn what_never_ends_is_named_with_its_line() {
        assert_eq!(parts("a\n```\nb"), Err((2, "fence")));
        assert_eq!(parts("a\n\n<!-- b"), Err((3, "comment")));
        assert_eq!(parts("---\ntitle: A\n"), Err((1, "front matter")));
    }

    #[test]
    fn a_file_without_front_matter_is_one_part() {
        assert_eq!(cut("# One"), vec![(None, 1, "# One")]);
        assert_eq!(cut(""), vec![(None, 1, "")]);
    }
}
