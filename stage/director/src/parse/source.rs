//! Cuts a Markdown file into its YAML and its text where the parser's own ranges say that it may be cut, takes comments out of the
//! text wherever they stand, and keeps line numbers.

use super::Report;
use super::head::{self, Head};
use super::marks::{Marks, RulerLine, Stands, is_closed, is_ruler, opens_another};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Slips that are mended in one file; what follows the last is left out.
const ENDLESS_MAX: usize = 20;
/// More slides than any talk has: each costs the reading of its surroundings.
const PARTS_MAX: usize = 1000;
/// Comments of one slide: each costs one more reading of it.
const COMMENTS_MAX: usize = 100;
/// Of a text, what is read at a time to find where a part ends: more than most slides have.
const WINDOW_BYTES: usize = 4 << 10;
/// What stands in a text for a comment that was taken out of the middle of a word.
pub const STUB: &str = "<!---->";

/// A piece of a file and the line, from 1, where it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    pub line: usize,
    pub text: &'a str,
}

/// The text of a part without its comments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body {
    pub line: usize,
    pub text: String,
    /// With the lines that their words begin on, in order.
    pub comments: Vec<(usize, String)>,
    /// Where in `text` lines were taken out with comments, and how many.
    taken: Vec<(usize, usize)>,
}

impl Body {
    /// Line of the file, from 1, at an offset of the text.
    pub fn line_at(&self, at: usize) -> usize {
        let taken: usize = self.taken.iter().filter(|(from, _)| *from <= at).map(|(_, lines)| lines).sum();
        self.line + self.text[..at].matches('\n').count() + taken
    }
}

/// One slide, or the one part of a demo file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'a> {
    pub yaml: Option<Piece<'a>>,
    pub body: Body,
    pub footing: Footing,
}

/// How sure it is that a part is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Footing {
    Sound,
    /// Something above never ends, and is taken to end here: it may be that part's still.
    FollowsSlip,
    /// Something in it never ends, or its front matter stands outside its rulers.
    Slipped,
}

/// A file in its parts, and what in it is not where it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source<'a> {
    /// Empty where the first part's front matter never ends.
    pub parts: Vec<Part<'a>>,
    endless: Vec<Endless>,
    /// Lines of rulers above which front matter stands that none opens.
    unopened: Vec<usize>,
    /// Lines of comments in indented code.
    indented: Vec<usize>,
    /// Line from which on nothing was read.
    left_out: Option<usize>,
    /// The front matter of the first part is not where it should be.
    pub lost_head: bool,
}

/// A fence, comment or front matter without an end: where it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Endless {
    line: usize,
    what: &'static str,
}

impl Source<'_> {
    pub fn say_slips(&self, report: &mut Report) {
        for Endless { line, what } in &self.endless {
            report.fault(*line, format!("this {what} never ends"));
        }
        for line in &self.unopened {
            report.fault(*line, "what stands above this ruler reads like front matter, and no '---' opens it");
        }
        for line in &self.indented {
            report.warn(*line, "a comment in indented code is not shown: put the code between fences to show it");
        }
        if let Some(line) = self.left_out {
            report.fault(line, "too many slides, or too much that never ends: nothing is read from here on");
        }
    }
}

/// A text whose lines end in line feeds alone, without the mark that some editors begin a file with.
pub fn plain_lines(text: &str) -> Cow<'_, str> {
    let text = text.trim_start_matches('\u{feff}');
    match text.contains('\r') {
        true => Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")),
        false => Cow::Borrowed(text),
    }
}

/// Parts a file at its rulers. A part starts with YAML where what stands below its ruler reads like front matter of `known` keys.
/// What never ends is taken to end at the first ruler that it swallows, so that one slip costs one slide.
pub fn read<'a>(text: &'a str, known: &[&str]) -> Source<'a> {
    let mut cuts = BTreeSet::new();
    loop {
        match Cutter::new(text, known, &cuts).run() {
            Ok(source) => return source,
            // The culprit stands in a part that was done with: again, with what is known now.
            Err(Cut(at)) => cuts.insert(at),
        };
    }
}

/// Offset of a ruler in fenced code at which the code is to be cut off.
#[derive(Debug)]
struct Cut(usize);

struct Cutter<'a, 'k> {
    text: &'a str,
    known: &'k [&'k str],
    /// Offsets of rulers at which fenced code is cut off, since it never ends.
    cuts: &'k BTreeSet<usize>,
    /// Offset at which each line starts.
    lines: Vec<usize>,
    /// The first ruler in fenced code since the last code that had none: a fence that was left open takes the opening of the next
    /// one for its end, and so does each after it.
    swallowed: Option<usize>,
    source: Source<'a>,
}

/// A ruler: the bytes that it covers.
#[derive(Debug, Clone, Copy)]
struct Ruler {
    from: usize,
    to: usize,
}

/// A part's text, and how it ends.
struct Found {
    body: Body,
    /// Its last byte in the file is before this ruler; the file's last where there is none.
    next: Option<Ruler>,
    slip: Slip,
}

/// What never ends in a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slip {
    Nothing,
    /// Something that ends with the list or the quotation that it is in.
    Within,
    /// Something that would go on beyond the ruler.
    CutOff,
}

/// Where the text of a body stands in the file: an offset of the one and of the other after each comment that was taken out.
struct Anchors(Vec<(usize, usize)>);

impl Anchors {
    fn in_file(&self, offset: usize) -> usize {
        let index = self.0.partition_point(|(text, _)| *text <= offset).saturating_sub(1);
        let (text, file) = self.0[index];
        file + offset.saturating_sub(text)
    }

    /// What of the file has been read.
    fn at(&self) -> usize {
        self.0.last().map_or(0, |(_, file)| *file)
    }
}

impl<'a, 'k> Cutter<'a, 'k> {
    fn new(text: &'a str, known: &'k [&'k str], cuts: &'k BTreeSet<usize>) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let source = Source {
            parts: vec![],
            endless: vec![],
            unopened: vec![],
            indented: vec![],
            left_out: None,
            lost_head: false,
        };
        Self { text, known, cuts, lines, swallowed: None, source }
    }

    fn run(mut self) -> Result<Source<'a>, Cut> {
        let mut start: Option<Ruler> = None;
        let mut footing = Footing::Sound;
        loop {
            if self.source.parts.len() == PARTS_MAX || self.source.endless.len() > ENDLESS_MAX {
                self.source.left_out = start.map(|ruler| self.line(ruler.from));
                return Ok(self.source);
            }
            let (mut yaml, mut from) = (None, start.map_or(0, |ruler| ruler.to));
            if let Some(ruler) = start {
                match head::look(&self.text[from..], self.known) {
                    Head::None => {}
                    Head::Ends { at, to } => {
                        yaml = Some(Piece { line: self.line(from), text: &self.text[from..from + at] });
                        from += to;
                    }
                    Head::Endless { next } => {
                        self.source.endless.push(Endless { line: self.line(ruler.from), what: "front matter" });
                        self.source.lost_head |= self.source.parts.is_empty();
                        let Some(at) = next else { return Ok(self.source) };
                        start = Some(self.ruler_at(from + at));
                        continue;
                    }
                }
            }
            let Found { body, next, slip } = self.body(from)?;
            let is_sound = slip == Slip::Nothing;
            let is_opening = start.is_none() && body.text.trim().is_empty() && next.is_some() && is_sound;
            let is_unopened = next.is_some() && is_sound && head::stands_above_ruler(&body.text, self.known);
            let own = if is_sound { footing } else { Footing::Slipped };
            footing = match (slip, is_unopened) {
                (Slip::CutOff, _) => Footing::FollowsSlip,
                (Slip::Nothing | Slip::Within, true) => Footing::Slipped,
                (Slip::Nothing | Slip::Within, false) => Footing::Sound,
            };
            if let Some(ruler) = next.filter(|_| is_unopened) {
                self.source.unopened.push(self.line(ruler.from));
                self.source.lost_head |= self.source.parts.is_empty() && yaml.is_none();
            }
            // What stands above the first ruler is no slide where nothing does.
            if !is_opening {
                self.source.parts.push(Part { yaml, body, footing: own });
            }
            let Some(ruler) = next else { return Ok(self.source) };
            start = Some(ruler);
        }
    }

    /// The text from `from` up to the next ruler.
    fn body(&mut self, from: usize) -> Result<Found, Cut> {
        let mut body = Body { line: self.line(from), ..Body::default() };
        let mut anchors = Anchors(vec![(0, from)]);
        let mut window = WINDOW_BYTES;
        loop {
            let kept = body.text.len();
            let until = self.window_end(anchors.at() + window);
            body.text.push_str(&self.text[anchors.at()..until]);
            let marks = Marks::read(&body.text);
            let parts =
                |ruler: &RulerLine| ruler.fence.is_none() || self.cuts.contains(&anchors.in_file(ruler.range.start));
            let ruler = marks.rulers(&body.text, kept).find(parts);
            let before = ruler.as_ref().map_or(body.text.len(), |ruler| ruler.range.start);
            let comment = marks.comment(&body.text, kept).filter(|(comment, _)| *comment < before);
            let is_whole = until == self.text.len() || ruler.is_some();
            match comment {
                // Until its paragraph has been read whole, a comment may be part of code within the line.
                Some((comment, stands)) if is_whole || has_empty_line(&body.text[comment..]) => {
                    let at = anchors.in_file(comment);
                    if stands == Stands::InIndentedCode {
                        self.source.indented.push(self.line(at));
                    }
                    match self.take_out(&mut body, comment, at) {
                        Comment::Ends { at } => anchors.0.push((body.text.len(), at)),
                        Comment::Endless { next } => {
                            let next = next.map(|at| self.ruler_at(at));
                            return Ok(Found { body, next, slip: Slip::CutOff });
                        }
                    }
                }
                _ if !is_whole => {
                    body.text.truncate(kept);
                    window *= 2;
                }
                _ => return self.end(body, &marks, ruler, &anchors),
            }
        }
    }

    /// A body whose comments are out, at its ruler or at the end of the file.
    fn end(
        &mut self,
        mut body: Body,
        marks: &Marks,
        ruler: Option<RulerLine>,
        anchors: &Anchors,
    ) -> Result<Found, Cut> {
        let end = ruler.as_ref().map_or(body.text.len(), |ruler| ruler.range.start);
        let mut slip = Slip::Nothing;
        for (index, fence) in marks.fences.iter().enumerate().take_while(|(_, fence)| fence.start < end) {
            let code = &body.text[fence.start..fence.end.min(end)];
            let rulers =
                marks.rulers(&body.text, fence.start).take_while(|ruler| ruler.range.start < fence.end.min(end));
            let first = rulers.filter(|ruler| ruler.fence == Some(index)).map(|ruler| ruler.range.start).next();
            let swallows = first.map(|first| anchors.in_file(first));
            let may_cut = self.cuts.len() < ENDLESS_MAX;
            if fence.end > end || !is_closed(code) {
                let goes_on = fence.end >= body.text.trim_end().len();
                if let Some(cut) = self.swallowed.or(swallows).filter(|_| goes_on && fence.end <= end && may_cut) {
                    return Err(Cut(cut));
                }
                self.source.endless.push(Endless { line: body.line_at(fence.start), what: "fence" });
                slip = if goes_on || fence.end > end { Slip::CutOff } else { Slip::Within };
                continue;
            }
            let opening = code.lines().next().unwrap_or_default();
            match (first, swallows) {
                (Some(first), Some(cut)) => {
                    let mut lines = body.text[first..fence.end].lines();
                    if may_cut && lines.any(|line| opens_another(line, opening)) {
                        return Err(Cut(cut));
                    }
                    self.swallowed.get_or_insert(cut);
                }
                _ => self.swallowed = None,
            }
        }
        let next = ruler.map(|ruler| self.ruler_at(anchors.in_file(ruler.range.start)));
        body.text.truncate(end);
        Ok(Found { body, next, slip })
    }

    /// Takes the comment at `start` of the body's text, and at `at` of the file, out of the text with all that follows it there.
    fn take_out(&mut self, body: &mut Body, start: usize, at: usize) -> Comment {
        let inside = at + "<!--".len();
        let close = self.text[inside..].find("-->").map(|found| inside + found);
        let ruler = self.first_ruler(inside, close.unwrap_or(self.text.len()));
        // Comments do not nest: one that begins below the ruler tells that this one was left open.
        let nests = |close: usize| ruler.is_some_and(|ruler| self.text[ruler..close].contains("<!--"));
        let end = close.filter(|close| !nests(*close) && body.comments.len() < COMMENTS_MAX);
        let content = &self.text[inside..end.or(ruler).unwrap_or(self.text.len())];
        let blank = content.len() - content.trim_start().len();
        body.comments.push((self.line(inside + blank), content.trim().to_string()));
        body.text.truncate(start);
        let Some(end) = end else {
            self.source.endless.push(Endless { line: self.line(at), what: "comment" });
            return Comment::Endless { next: ruler };
        };
        let mut end = end + "-->".len();
        if body.text.is_empty() || body.text.ends_with(char::is_whitespace) {
            // What follows stands where the comment stood, and not further in, where it would be code.
            end += self.text[end..].bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        } else {
            body.text.push_str(STUB);
        }
        body.taken.push((body.text.len(), self.text[at..end].matches('\n').count()));
        Comment::Ends { at: end }
    }

    /// Offset of the first ruler that stands by itself between two offsets, on a line after the first.
    fn first_ruler(&self, from: usize, to: usize) -> Option<usize> {
        let mut at = from;
        for (index, line) in self.text[from..to].split_inclusive('\n').enumerate() {
            if index > 0 && is_ruler(line) {
                return Some(at);
            }
            at += line.len();
        }
        None
    }

    fn ruler_at(&self, from: usize) -> Ruler {
        let length = self.text[from..].find('\n').map_or(self.text.len() - from, |at| at + 1);
        Ruler { from, to: from + length }
    }

    /// The end of the line that `at` stands in.
    fn window_end(&self, at: usize) -> usize {
        let next = self.lines.partition_point(|start| *start < at);
        self.lines.get(next).copied().unwrap_or(self.text.len())
    }

    /// From 1.
    fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at).max(1)
    }
}

/// Where a comment ends, by offsets of the file.
enum Comment {
    Ends { at: usize },
    Endless { next: Option<usize> },
}

fn has_empty_line(text: &str) -> bool {
    text.lines().skip(1).any(|line| line.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["title", "layout", "audience"];

    fn cut(text: &str) -> Vec<(Option<&str>, usize, String)> {
        let Source { parts, endless, .. } = read(text, KNOWN);
        assert_eq!(endless, []);
        parts
            .into_iter()
            .map(|part| (part.yaml.map(|yaml| yaml.text.trim()), part.body.line, part.body.text.trim().to_string()))
            .collect()
    }

    fn texts(text: &str) -> Vec<String> {
        cut(text).into_iter().map(|(_, _, text)| text).collect()
    }

    #[test]
    fn rulers_part_slides_and_yaml_follows_them() {
        let text = "---\ntitle: A\n---\n# One\n\n---\n\n# Two\n\n---\nlayout: quote\n---\n# Three\n";
        assert_eq!(
            cut(text),
            vec![
                (Some("title: A"), 4, "# One".into()),
                (None, 7, "# Two".into()),
                (Some("layout: quote"), 13, "# Three".into())
            ]
        );
    }

    #[test]
    fn rulers_inside_fences_and_comments_are_text() {
        let text = "# One\n```yaml\n---\n```\n<!-- said\n---\n-->\n---\n# Two";
        assert_eq!(cut(text).len(), 2);
        assert_eq!(cut(text)[1], (None, 9, "# Two".into()));
    }

    #[test]
    fn what_only_looks_like_a_comment_or_a_fence_is_text() {
        for text in [
            "- A note begins with `<!--`\n\n---\n# Two",
            "A note begins with \\<!-- and so on\n\n---\n# Two",
            "```greenroom deck check``` says so\n\n---\n# Two",
            "``a `<!--` b``\n\n---\n# Two",
            "```html\n<!--\n```\n\n---\n# Two",
            "~~~\n```\n<!--\n~~~\n\n---\n# Two",
            "- in a list\n\n  ```\n  <!--\n  ```\n\n---\n# Two",
        ] {
            let found = texts(text);
            assert_eq!(found.len(), 2, "{text:?}");
            assert!(found[0].contains("<!--") || text.contains("check"), "{text:?} {found:?}");
        }
    }

    #[test]
    fn a_ruler_is_one_whatever_stands_above_it() {
        for above in [
            "text",
            "- item",
            "> quoted",
            "<br>",
            "<div>\nraw",
            "    code",
            "| a |\n|---|",
            "a\n-",
            "a<!-- b -->",
            "[a]: b",
        ] {
            assert_eq!(texts(&format!("{above}\n---\n# Two")).len(), 2, "{above:?}");
        }
        for ruler in ["---  ", " ---", "----", "- - -", "---\t"] {
            assert_eq!(texts(&format!("text\n\n{ruler}\n# Two")).len(), 2, "{ruler:?}");
        }
        for text in ["Title\n-----\n# Two", "a\n\n***\n# Two", "- a\n\n  ---\n  b"] {
            assert_eq!(texts(text).len(), 1, "{text:?}");
        }
    }

    #[test]
    fn comments_are_taken_out_wherever_they_stand() {
        let cases = [
            ("- List price: 10 <!-- Do not say it.\n\nSecond paragraph. -->", "- List price: 10"),
            ("<!-- prettier-ignore --> This sentence is shown.", "This sentence is shown."),
            ("<!-- a -->      This sentence is no code.", "This sentence is no code."),
            ("<br>\n<!-- notes -->\nafter", "<br>\n\nafter"),
            ("one <!-- a --> two <!-- b\n---\nc --> three", "one two three"),
            ("| a <!-- x | y --> | b |\n|---|---|", "| a | b |\n|---|---|"),
            ("> quoted <!-- a\n\nb --> more", "> quoted more"),
            ("un<!-- a -->done", "un<!---->done"),
            ("- a\n\n      <!-- deep -->\n- b", "- a\n\n      \n- b"),
            ("`code` <!-- a `b --> and `c`", "`code` and `c`"),
        ];
        for (text, shown) in cases {
            assert_eq!(texts(text), [shown], "{text:?}");
        }
    }

    #[test]
    fn lines_are_those_of_the_file() {
        let body = read("a <!-- b\nc\n\nd --> e\nf", KNOWN).parts.remove(0).body;
        assert_eq!(body.text, "a e\nf");
        assert_eq!([0, 2, 4].map(|at| body.line_at(at)), [1, 4, 5]);
        assert_eq!(body.comments, [(1, "b\nc\n\nd".to_string())]);
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
            // One that has an end, but not its own.
            ("a\n<!-- open\n---\nb\n\n<!-- said -->\n---\nc", 3, vec![(2, "comment")]),
            ("a\n```\nopen\n---\nb\n```sh\ncode\n```\n---\nc", 3, vec![(2, "fence")]),
            ("```yaml\n---\n```\n---\n```\ncode\n```\n---\n```\nopen\n---\nc", 4, vec![(9, "fence")]),
            ("---\nlayout: quote\n# A\n\n---\nlayout: cover\n---\n# B", 1, vec![(1, "front matter")]),
        ];
        for (text, count, endless) in cases {
            let source = read(text, KNOWN);
            let found: Vec<_> = source.endless.iter().map(|endless| (endless.line, endless.what)).collect();
            assert_eq!((source.parts.len(), found), (count, endless), "{text:?}");
        }
    }

    #[test]
    fn a_thousand_slips_are_no_trouble() {
        for text in
            ["```\n\n---\n<!--\n---\n", "```a\n---\n```b\n---\n", "<!-- a -->\n", "`<!--` ", "---\n", "---\ntitle: a\n"]
        {
            let text = text.repeat(20_000);
            let source = read(&text, KNOWN);
            assert!(source.endless.len() <= ENDLESS_MAX + 1);
            assert!(source.parts.len() <= PARTS_MAX);
        }
    }

    #[test]
    fn a_file_without_front_matter_is_one_part() {
        assert_eq!(cut("# One"), vec![(None, 1, "# One".into())]);
        assert_eq!(cut(""), vec![(None, 1, String::new())]);
    }

    #[test]
    fn what_editors_put_above_front_matter_is_nothing() {
        for text in [
            "\u{feff}---\ntitle: A\n---\n# A",
            "\n\n---\r\ntitle: A\r\n---\r\n# A",
            "<!-- by us -->\r---\rtitle: A\r---\r# A",
        ] {
            let text = plain_lines(text);
            let found = cut(&text);
            assert_eq!((found.len(), found[0].0, found[0].2.as_str()), (1, Some("title: A"), "# A"), "{text:?}");
        }
    }
}
