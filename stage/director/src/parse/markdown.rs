//! CommonMark with tables into blocks. Raw HTML becomes text, and nothing is dropped in silence; comments have been taken out before.

use super::source::{Body, STUB};
use super::{Files, Report, code, diagram, marks, shots};
use greenroom_show::code::Code;
use greenroom_show::deck::{Block, Inline, plain};
use pulldown_cmark::{Event, Parser, Tag, TagEnd, TextMergeWithOffset};
use std::ops::Range;

/// What a slide can carry and be read; more is cut with a warning.
const TABLE_ROWS_MAX: usize = 12;
const TABLE_COLUMNS_MAX: usize = 8;
const LIST_ITEMS_MAX: usize = 12;

/// What is read: text for a slide, with what finds the files that it shows, or the prose of a demo, which nobody is shown.
#[derive(Clone, Copy)]
pub enum Text<'a> {
    Slide(Files<'a>),
    Demo,
}

pub struct Markdown {
    pub blocks: Vec<Block>,
    /// Fenced code with what stands after the fence and the line of the fence.
    pub fences: Vec<Fence>,
}

pub struct Fence {
    pub info: String,
    pub text: String,
    pub line: usize,
    /// Index of the block in `blocks`.
    pub block: usize,
}

pub fn read(body: &Body, of: Text<'_>, report: &mut Report) -> Markdown {
    let parser = Parser::new_ext(&body.text, marks::OPTIONS);
    let mut reader = Reader {
        events: TextMergeWithOffset::new(parser.into_offset_iter()),
        body,
        of,
        report,
        fences: vec![],
        depth: 0,
    };
    let blocks = reader.blocks(None);
    Markdown { blocks, fences: reader.fences }
}

struct Reader<'a, 'r, I: Iterator<Item = (Event<'a>, Range<usize>)>> {
    events: TextMergeWithOffset<'a, I>,
    body: &'a Body,
    of: Text<'r>,
    report: &'r mut Report,
    fences: Vec<Fence>,
    depth: usize,
}

/// Nested lists and quotes beyond this are flattened: nobody reads them on a slide, and a hostile deck must not overflow the stack.
const DEPTH_MAX: usize = 8;

impl<'a, I: Iterator<Item = (Event<'a>, Range<usize>)>> Reader<'a, '_, I> {
    fn line(&self, range: &Range<usize>) -> usize {
        self.body.line_at(range.start)
    }

    /// Blocks up to the end of the tag that holds them.
    fn blocks(&mut self, until: Option<TagEnd>) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut loose = Vec::new();
        while let Some((event, range)) = self.events.next() {
            match event {
                Event::End(end) if Some(end) == until => break,
                Event::End(_) => {}
                Event::Start(tag) if is_inline(&tag) => loose.push(self.inline(tag, &range)),
                Event::Start(tag) => {
                    flush(&mut loose, &mut blocks);
                    self.block(tag, &range, &mut blocks);
                }
                Event::Rule => flush(&mut loose, &mut blocks),
                event => self.leaf(event, &range, &mut loose),
            }
        }
        flush(&mut loose, &mut blocks);
        blocks
    }

    fn block(&mut self, tag: Tag<'a>, range: &Range<usize>, blocks: &mut Vec<Block>) {
        let end = tag.to_end();
        match tag {
            Tag::Heading { level, .. } => {
                let text = self.inlines(end);
                blocks.push(Block::Heading { depth: level as u8, text });
            }
            Tag::Paragraph => {
                let text = self.inlines(end);
                if plain(&text).trim() == "::right::" {
                    blocks.push(Block::Column);
                } else if !text.is_empty() {
                    blocks.push(Block::Paragraph(text));
                }
            }
            Tag::List(first) => {
                let mut items = self.items(end);
                let line = self.line(range);
                self.cut(&mut items, LIST_ITEMS_MAX, line, "a list", "items");
                blocks.push(Block::List { ordered: first.is_some(), items });
            }
            Tag::BlockQuote(_) => {
                let inner = self.nested(end);
                blocks.push(Block::Quote(inner));
            }
            Tag::CodeBlock(kind) => {
                let info = match kind {
                    pulldown_cmark::CodeBlockKind::Fenced(info) => info.trim().to_string(),
                    pulldown_cmark::CodeBlockKind::Indented => String::new(),
                };
                let text = self.raw(end);
                let language = info.split_whitespace().next().unwrap_or_default().to_string();
                if language == "diagram" {
                    let line = self.line(range) + 1;
                    let diagram = diagram::read(&text, line, self.report);
                    if diagram.metrics().next().is_some() {
                        self.report
                            .fault(line, "only the topology of a demo is bound to metrics, in a fence '```topology'");
                    }
                    blocks.push(Block::Diagram(diagram));
                    return;
                }
                let line = self.line(range);
                match self.of {
                    Text::Slide(_) if language == "compare" => {
                        if self.depth > 0 {
                            self.report.fault(line, "a comparison stands by itself, not within a list or a quotation");
                            return;
                        }
                        blocks.extend(shots::comparison(&text, line + 1, self.report).map(Block::Compare));
                    }
                    Text::Slide(files) if language == "code" => {
                        blocks.extend(code::piece(&text, line + 1, files, self.report).map(Block::Code));
                    }
                    Text::Slide(_) => blocks.push(Block::Code(code::fenced(&info, text, line, self.report))),
                    Text::Demo => {
                        self.fences.push(Fence { info, text: text.clone(), line, block: blocks.len() });
                        blocks.push(Block::Code(Code { language, text, file: String::new(), first: 1, focus: vec![] }));
                    }
                }
            }
            Tag::HtmlBlock => {
                let text = self.raw(end);
                self.html(&text, range, blocks);
            }
            Tag::Table(_) => {
                let line = self.line(range);
                let block = self.table(end, line);
                blocks.push(block);
            }
            _ => blocks.extend(self.nested(end)),
        }
    }

    fn nested(&mut self, end: TagEnd) -> Vec<Block> {
        self.depth += 1;
        let inner =
            if self.depth > DEPTH_MAX { vec![Block::Paragraph(self.inlines(end))] } else { self.blocks(Some(end)) };
        self.depth -= 1;
        inner
    }

    fn items(&mut self, end: TagEnd) -> Vec<Vec<Block>> {
        let mut items = Vec::new();
        while let Some((event, _)) = self.events.next() {
            match event {
                Event::Start(Tag::Item) => items.push(self.nested(TagEnd::Item)),
                Event::End(found) if found == end => break,
                _ => {}
            }
        }
        items
    }

    fn table(&mut self, end: TagEnd, line: usize) -> Block {
        let mut head = Vec::new();
        let mut rows: Vec<Vec<Vec<Inline>>> = Vec::new();
        let mut row = Vec::new();
        while let Some((event, _)) = self.events.next() {
            match event {
                Event::Start(Tag::TableCell) => row.push(self.inlines(TagEnd::TableCell)),
                Event::End(TagEnd::TableHead) => head = std::mem::take(&mut row),
                Event::End(TagEnd::TableRow) => rows.push(std::mem::take(&mut row)),
                Event::End(found) if found == end => break,
                _ => {}
            }
        }
        self.cut(&mut rows, TABLE_ROWS_MAX, line, "a table", "rows");
        self.cut(&mut head, TABLE_COLUMNS_MAX, line, "a table", "columns");
        rows.iter_mut().for_each(|row| row.truncate(TABLE_COLUMNS_MAX));
        Block::Table { head, rows }
    }

    /// Leaves of a slide's text what can be read, and says what it leaves out.
    fn cut<T>(&mut self, parts: &mut Vec<T>, max: usize, line: usize, whole: &str, of: &str) {
        let count = parts.len();
        if count <= max || matches!(self.of, Text::Demo) {
            return;
        }
        let message = format!("{whole} of {count} {of} cannot be read on a slide: the first {max} are shown");
        self.report.warn(line, message);
        parts.truncate(max);
    }

    fn inlines(&mut self, end: TagEnd) -> Vec<Inline> {
        let mut inlines = Vec::new();
        while let Some((event, range)) = self.events.next() {
            match event {
                Event::End(found) if found == end => break,
                Event::End(_) => {}
                Event::Start(tag) => inlines.push(self.inline(tag, &range)),
                event => self.leaf(event, &range, &mut inlines),
            }
        }
        inlines
    }

    fn inline(&mut self, tag: Tag<'a>, range: &Range<usize>) -> Inline {
        let end = tag.to_end();
        if self.depth > DEPTH_MAX {
            return Inline::Text(self.raw(end));
        }
        self.depth += 1;
        let text = self.inlines(end);
        self.depth -= 1;
        match tag {
            Tag::Strong => Inline::Strong(text),
            Tag::Emphasis => Inline::Emphasis(text),
            Tag::Link { dest_url, .. } => Inline::Link { to: dest_url.to_string(), text },
            Tag::Strikethrough => Inline::Struck(text),
            Tag::Image { dest_url, .. } => self.picture(&dest_url, text, range),
            _ => Inline::Strong(text),
        }
    }

    /// The picture of a file, or its words where it cannot be shown.
    fn picture(&mut self, name: &str, words: Vec<Inline>, range: &Range<usize>) -> Inline {
        let line = self.line(range);
        let found = match self.of {
            Text::Slide(files) => Some((files.picture)(name)),
            Text::Demo => None,
        };
        match found {
            Some(Ok(id)) => return Inline::Picture { id, alt: plain(&words) },
            Some(Err(why)) => self.report.fault(line, why),
            None => self.report.warn(line, format!("pictures are for slides: '{name}' shows its text only")),
        }
        Inline::Emphasis(words)
    }

    fn leaf(&mut self, event: Event<'a>, range: &Range<usize>, into: &mut Vec<Inline>) {
        match event {
            Event::Text(text) => with_figures(&text, into),
            Event::Code(text) => into.push(Inline::Code(text.to_string())),
            Event::SoftBreak => into.push(Inline::Text(" ".into())),
            Event::HardBreak => into.push(Inline::Break),
            Event::Html(text) | Event::InlineHtml(text) => {
                let text = text.replace(STUB, "");
                if !text.is_empty() {
                    self.raw_html(&text, range);
                    into.push(Inline::Text(text));
                }
            }
            _ => {}
        }
    }

    fn html(&mut self, text: &str, range: &Range<usize>, blocks: &mut Vec<Block>) {
        let text = text.replace(STUB, "");
        if !text.trim().is_empty() {
            self.raw_html(&text, range);
            blocks.push(Block::Paragraph(vec![Inline::Text(text.trim().to_string())]));
        }
    }

    fn raw_html(&mut self, text: &str, range: &Range<usize>) {
        let start: String = text.trim().chars().take(30).collect();
        let line = self.line(range);
        self.report.warn(line, format!("raw HTML is shown as text, not run: {start}"));
    }

    /// The text up to `end`, marks and all.
    fn raw(&mut self, end: TagEnd) -> String {
        let mut raw = String::new();
        for (event, _) in self.events.by_ref() {
            match event {
                Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) | Event::Code(text) => {
                    raw.push_str(&text);
                }
                Event::SoftBreak | Event::HardBreak => raw.push('\n'),
                Event::End(found) if found == end => break,
                _ => {}
            }
        }
        raw
    }
}

fn is_inline(tag: &Tag<'_>) -> bool {
    matches!(tag, Tag::Strong | Tag::Emphasis | Tag::Strikethrough | Tag::Link { .. } | Tag::Image { .. })
}

fn flush(loose: &mut Vec<Inline>, blocks: &mut Vec<Block>) {
    if !loose.is_empty() {
        blocks.push(Block::Paragraph(std::mem::take(loose)));
    }
}

/// Text with its `{{ name }}` taken out as bound figures.
fn with_figures(text: &str, into: &mut Vec<Inline>) {
    let mut rest = text;
    while let Some((before, name, after)) = figure(rest) {
        if !before.is_empty() {
            into.push(Inline::Text(before.to_string()));
        }
        into.push(Inline::Figure(name.to_string()));
        rest = after;
    }
    if !rest.is_empty() {
        into.push(Inline::Text(rest.to_string()));
    }
}

fn figure(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (name, after) = rest.split_once("}}")?;
    Some((before, name.trim(), after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::source;

    fn blocks(text: &str) -> (Vec<Block>, Vec<String>) {
        let mut report = Report::new("deck.md");
        let body = source::read(text, &[]).parts.remove(0).body;
        let markdown = read(&body, Text::Slide(Files::NONE), &mut report);
        (markdown.blocks, report.warnings.iter().map(ToString::to_string).collect())
    }

    fn text(words: &str) -> Vec<Inline> {
        vec![Inline::Text(words.into())]
    }

    #[test]
    fn blocks_come_typed() {
        let (found, warnings) =
            blocks("# Title\n\nSay **it**.\n\n- one\n- two\n  1. deep\n\n| a | b |\n|---|---|\n| 1 | 2 |\n");
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(found[0], Block::Heading { depth: 1, text: text("Title") });
        assert_eq!(
            found[1],
            Block::Paragraph(vec![Inline::Text("Say ".into()), Inline::Strong(text("it")), Inline::Text(".".into())])
        );
        let deep = Block::List { ordered: true, items: vec![vec![Block::Paragraph(text("deep"))]] };
        assert_eq!(
            found[2],
            Block::List {
                ordered: false,
                items: vec![vec![Block::Paragraph(text("one"))], vec![Block::Paragraph(text("two")), deep]]
            }
        );
        assert_eq!(found[3], Block::Table { head: vec![text("a"), text("b")], rows: vec![vec![text("1"), text("2")]] });
    }

    #[test]
    fn raw_html_is_text_and_is_named() {
        let (found, warnings) = blocks("ok\n\n<script>alert(1)</script>\n\nmore <b>bold</b>");
        assert_eq!(found[1], Block::Paragraph(text("<script>alert(1)</script>")));
        assert!(warnings[0].starts_with("deck.md:3: raw HTML"), "{warnings:?}");
        assert!(warnings[1].starts_with("deck.md:5: raw HTML"), "{warnings:?}");
    }

    #[test]
    fn a_comment_that_never_ends_is_not_shown() {
        let text = "# A\n\n<!-- Only\n\nfor the speaker.\n";
        let comments = source::read(text, &[]).parts.remove(0).body.comments;
        assert_eq!((blocks(text).0.len(), comments.len()), (1, 1));
        assert!(comments[0].1.contains("for the speaker."), "{comments:?}");
    }

    #[test]
    fn what_stands_in_a_comment_is_never_shown() {
        for text in [
            "- List price: 10 <!-- SECRET.\n\nSECRET paragraph. -->\n- more",
            "<br>\n<!-- SECRET -->\n\nafter",
            "<div><!-- SECRET --></div>",
            "para\n<!-- SECRET\n\n    SECRET -->\nmore",
            "> a <!-- SECRET\nSECRET --> b",
            "| a | b |\n|---|---|\n| 1 <!-- SECRET | SECRET --> | 2 |",
            "[a](b.html \"<!-- SECRET -->\")",
            "# Title <!-- SECRET -->\n\n*em <!-- SECRET * --> it*",
            "1. a\n   <!-- SECRET\n2. SECRET -->\n3. c",
            "a \\\\<!-- SECRET -->",
            "<!-- `SECRET` --> `x` <!-- SECRET `-->",
            "    <!-- SECRET -->",
            "<!--> SECRET -->",
            "<!---SECRET--->",
        ] {
            assert!(!format!("{:?}", blocks(text).0).contains("SECRET"), "{text:?} {:?}", blocks(text).0);
        }
        let (found, warnings) = blocks("un<!-- SECRET -->done and ~~struck~~");
        let struck = Inline::Struck(text("struck"));
        assert_eq!(found[0], Block::Paragraph([text("un"), text("done and "), vec![struck]].concat()));
        assert_eq!(warnings, Vec::<String>::new());
    }

    #[test]
    fn figures_are_bound_where_they_stand() {
        let (found, _) = blocks("It took {{ upload.seconds }} at {{upload.bytes_per_s}}, {{ no end");
        let Block::Paragraph(inlines) = &found[0] else { panic!("{found:?}") };
        assert_eq!(inlines[1], Inline::Figure("upload.seconds".into()));
        assert_eq!(inlines[3], Inline::Figure("upload.bytes_per_s".into()));
        assert_eq!(inlines[4], Inline::Text(", {{ no end".into()));
    }

    #[test]
    fn a_deck_of_a_thousand_nested_quotes_is_read_without_harm() {
        let (found, _) = blocks(&format!("{} deep", ">".repeat(1000)));
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn huge_tables_are_cut_aloud() {
        let rows = "| 1 | 2 |\n".repeat(500);
        let (found, warnings) = blocks(&format!("| a | b |\n|---|---|\n{rows}"));
        let Block::Table { rows, .. } = &found[0] else { panic!("{found:?}") };
        assert_eq!(rows.len(), TABLE_ROWS_MAX);
        assert!(warnings[0].contains("500 rows"));
    }

    #[test]
    fn what_no_slide_can_hold_is_cut_aloud() {
        let wide = format!("|{}\n|{}\n", " a |".repeat(30), "---|".repeat(30));
        for (text, wanted) in [
            (wide, "a table of 30 columns"),
            (format!("```\n{}```\n", "x\n".repeat(900)), "code of 900 lines"),
            ("- x\n".repeat(900), "a list of 900 items"),
        ] {
            let (found, warnings) = blocks(&text);
            assert!(warnings[0].starts_with(&format!("deck.md:1: {wanted}")), "{warnings:?}");
            assert!(format!("{found:?}").len() < 3000, "{wanted}");
        }
    }
}
