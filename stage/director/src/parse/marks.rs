//! One pass of the Markdown parser over a text: where code stands, and where a ruler may.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag};
use std::ops::Range;

/// What cuts a file and what draws it must read alike.
pub const OPTIONS: Options = Options::ENABLE_TABLES.union(Options::ENABLE_STRIKETHROUGH);

#[derive(Debug, Default)]
pub struct Marks {
    /// Fenced code, in order, its fences included.
    pub fences: Vec<Range<usize>>,
    indented: Vec<Range<usize>>,
    /// Code within a line.
    spans: Vec<Range<usize>>,
    html: Vec<Range<usize>>,
    /// Rulers of dashes outside lists and quotations.
    rules: Vec<usize>,
}

/// How a comment was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    InText,
    /// A parser would show it.
    InIndentedCode,
}

impl Marks {
    pub fn read(text: &str) -> Marks {
        let mut marks = Marks::default();
        let mut depth = 0_usize;
        for (event, range) in Parser::new_ext(text, OPTIONS).into_offset_iter() {
            match event {
                Event::Start(tag) => {
                    depth += 1;
                    match tag {
                        Tag::CodeBlock(CodeBlockKind::Fenced(_)) => marks.fences.push(range),
                        Tag::CodeBlock(CodeBlockKind::Indented) => marks.indented.push(range),
                        _ => {}
                    }
                }
                Event::End(_) => depth = depth.saturating_sub(1),
                Event::Code(_) => marks.spans.push(range),
                Event::Html(_) | Event::InlineHtml(_) => marks.html.push(range),
                Event::Rule if depth == 0 && text[range.clone()].starts_with('-') => marks.rules.push(range.start),
                _ => {}
            }
        }
        marks
    }

    /// The first comment that begins at `from` or later, outside code and not escaped.
    pub fn comment(&self, text: &str, from: usize) -> Option<(usize, Stands)> {
        let holds = |ranges: &[Range<usize>], at: usize| holder(ranges, at).is_some();
        let escaped = |at: usize| {
            let slashes = text[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
            slashes % 2 == 1 && !holds(&self.html, at)
        };
        let found = text[from..].match_indices("<!--").map(|(at, _)| from + at);
        found
            .filter(|at| !holds(&self.fences, *at) && !holds(&self.spans, *at))
            .map(|at| (at, if holds(&self.indented, at) { Stands::InIndentedCode } else { Stands::InText }))
            .find(|(at, stands)| *stands == Stands::InIndentedCode || !escaped(*at))
    }

    /// The lines from `from` on that are rulers: where the parser sees one, and wherever `---` stands by itself outside fenced code,
    /// whatever a parser makes of the line above it. The latter may be text of a fence: `fence` then is its index.
    pub fn rulers<'m>(&'m self, text: &'m str, from: usize) -> impl Iterator<Item = RulerLine> + 'm {
        let mut at = from;
        text[from..].split_inclusive('\n').filter_map(move |raw| {
            let range = at..at + raw.len();
            at = range.end;
            let rule = self.rules.partition_point(|rule| *rule < range.start);
            let is_one = is_ruler(raw) || self.rules.get(rule).is_some_and(|rule| range.contains(rule));
            let fence = holder(&self.fences, range.start);
            is_one.then_some(RulerLine { range, fence })
        })
    }
}

/// Which of the ranges, in order and apart from each other, holds an offset.
fn holder(ranges: &[Range<usize>], at: usize) -> Option<usize> {
    let index = ranges.partition_point(|range| range.end <= at);
    ranges.get(index).filter(|range| range.contains(&at)).map(|_| index)
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulerLine {
    pub range: Range<usize>,
    /// Whose text it is, among `Marks::fences`.
    pub fence: Option<usize>,
}

/// Whether a line parts slides, whatever stands above it.
pub fn is_ruler(line: &str) -> bool {
    line.trim_end() == "---"
}

/// Whether fenced code has the fence that ends it. `text` is the code with its fences.
pub fn is_closed(text: &str) -> bool {
    // Of code within a quotation, each line bears its mark.
    let bare = |line: &str| line.trim_start_matches([' ', '\t', '>']).trim_end().to_string();
    let mut lines = text.lines().map(bare).filter(|line| !line.is_empty());
    let (Some(first), Some(last)) = (lines.next(), lines.next_back()) else { return false };
    let Some(mark) = first.chars().next() else { return false };
    let length = first.chars().take_while(|c| *c == mark).count();
    last.chars().all(|c| c == mark) && last.chars().count() >= length
}

/// Whether a line of fenced code opens code itself, as no code does that ends where it should.
pub fn opens_another(line: &str, fence: &str) -> bool {
    let Some(mark) = fence.trim_start().chars().next() else { return false };
    let length = |text: &str| text.trim_start().chars().take_while(|c| *c == mark).count();
    let info = line.trim().trim_start_matches(mark);
    length(line) >= length(fence) && !info.is_empty() && !info.contains(mark)
}
