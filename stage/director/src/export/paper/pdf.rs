//! PDF: the picture of each page, its words over it as vectors, links, an outline of sections and slides, and tags in the order in which it is read.

use super::fonts::{Fonts, Setting};
use super::{Block, Run, Sheet};
use crate::export::deck::{Notes, Pages};
use crate::export::{ExportError, Target};
use crate::scrub::scrub;
use krilla::action::{Action, LinkAction};
use krilla::annotation::{Annotation, LinkAnnotation, Target as To};
use krilla::color::rgb;
use krilla::destination::XyzDestination;
use krilla::geom::{Point, Rect, Size};
use krilla::image::Image;
use krilla::metadata::Metadata;
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, ListNumbering, Node, SpanTag, TableHeaderScope, Tag, TagGroup, TagTree,
};
use krilla::{Document, SerializeSettings};
use std::io::Write;
use std::num::NonZeroU16;

/// Points for a pixel of the stage.
const SCALE: f32 = 0.5;
const WIDTH: f32 = 1920.0 * SCALE;
const HEIGHT: f32 = 1080.0 * SCALE;
/// A page of notes is A4.
const NOTES_WIDTH: f32 = 595.0;
const NOTES_HEIGHT: f32 = 842.0;
const NOTES_MARGIN: f32 = 48.0;
const NOTES_SIZE: f32 = 11.0;
const NOTES_LINE: f32 = 16.0;

pub struct Pdf<'a> {
    pages: &'a Pages,
    document: Document,
    fonts: Fonts,
    tree: TagTree,
    /// Sections with their slides.
    outline: Vec<Chapter>,
    notes: Notes,
    count: usize,
}

/// A section of the outline: its title and page, and those of its slides.
struct Chapter {
    title: String,
    page: usize,
    slides: Vec<(String, usize)>,
}

impl<'a> Pdf<'a> {
    pub fn new(pages: &'a Pages, fonts: Fonts, notes: Notes) -> Pdf<'a> {
        let document = Document::new_with(SerializeSettings { enable_tagging: true, ..SerializeSettings::default() });
        let tree = TagTree::new().with_lang(Some("en".into()));
        Pdf { pages, document, fonts, tree, outline: vec![], notes, count: 0 }
    }

    pub fn add(&mut self, sheet: Sheet<'_>) -> Result<(), ExportError> {
        self.note_outline(&sheet);
        let picture = Image::from_png(sheet.picture.clone().into(), false).map_err(std::io::Error::other)?;
        let settings = PageSettings::from_wh(WIDTH, HEIGHT).ok_or_else(|| std::io::Error::other("no page"))?;
        let mut page = self.document.start_page_with(settings);
        let mut groups = Vec::new();
        let mut links = Vec::new();
        {
            let mut surface = page.surface();
            // What the pictures say stands for them; without words the picture is the ground alone.
            let alt = sheet.alts.join("; ");
            let figure = ContentTag::Span(SpanTag::empty().with_alt_text((!alt.is_empty()).then_some(alt.as_str())));
            let ground = background(0.0, 0.0, WIDTH);
            let id = surface.start_tagged(if alt.is_empty() { ground } else { figure });
            if let Some(size) = Size::from_wh(WIDTH, HEIGHT) {
                surface.draw_image(picture, size);
            }
            surface.end_tagged();
            for block in &sheet.blocks {
                let id = surface.start_tagged(ContentTag::Span(SpanTag::empty()));
                for run in &block.runs {
                    draw(&mut self.fonts, &mut surface, run, SCALE);
                    links.extend(run.to.clone().map(|to| (to, place(run))));
                }
                surface.end_tagged();
                groups.push((block.clone(), Node::from(id)));
            }
            surface.finish();
            if !alt.is_empty() {
                let mut figure = TagGroup::new(Tag::Figure(Some(alt.clone())));
                figure.push(id);
                groups.push((
                    Block { role: "figure".into(), place: [0.0; 4], ordered: false, row: None, runs: vec![] },
                    figure.into(),
                ));
            }
        }
        let mut section = TagGroup::new(Tag::Section);
        structure(groups).into_iter().for_each(|group| section.push(group));
        for (to, rect) in links {
            let Some(rect) = rect else { continue };
            let link = LinkAnnotation::new(rect, To::Action(Action::Link(LinkAction::new(to.clone()))));
            let id = page.add_tagged_annotation(Annotation::new_link(link, Some(to)));
            let mut group = TagGroup::new(Tag::Link);
            group.push(id);
            section.push(group);
        }
        page.finish();
        self.count += 1;
        self.tree.push(section);
        if self.notes == Notes::Yes {
            self.add_notes(&sheet)?;
        }
        Ok(())
    }

    pub fn finish(mut self, to: &mut Target) -> Result<(), ExportError> {
        let mut outline = Outline::new();
        let node = |title: &str, page: usize| {
            OutlineNode::new(title.to_string(), XyzDestination::new(page, Point::from_xy(0.0, 0.0)))
        };
        for Chapter { title, page, slides } in &self.outline {
            let mut chapter = node(title, *page);
            slides.iter().for_each(|(title, page)| chapter.push_child(node(title, *page)));
            outline.push_child(chapter);
        }
        self.document.set_outline(outline);
        self.document.set_tag_tree(self.tree);
        let metadata = Metadata::new()
            .title(scrub(&self.pages.deck.title))
            .description(self.pages.provenance.clone())
            .language("en".into())
            .creator(format!("Greenroom {}", env!("CARGO_PKG_VERSION")));
        self.document.set_metadata(metadata);
        let bytes = self.document.finish().map_err(|error| std::io::Error::other(format!("{error:?}")))?;
        to.write_all(&bytes)?;
        Ok(())
    }

    /// The first page of a slide stands for it.
    fn note_outline(&mut self, sheet: &Sheet<'_>) {
        let page = self.count;
        if let Some(section) = &sheet.page.begins {
            self.outline.push(Chapter { title: section.clone(), page, slides: vec![] });
        }
        if let Some(Chapter { slides, .. }) = self.outline.last_mut()
            && slides.last().is_none_or(|(title, _)| *title != sheet.page.title)
            && !sheet.page.title.is_empty()
        {
            slides.push((sheet.page.title.clone(), page));
        }
    }

    /// The slide small, and what is said there below, on as many pages as it takes.
    fn add_notes(&mut self, sheet: &Sheet<'_>) -> Result<(), ExportError> {
        let width = NOTES_WIDTH - 2.0 * NOTES_MARGIN;
        let height = width * HEIGHT / WIDTH;
        let mut lines = Vec::new();
        for paragraph in &sheet.page.said {
            lines.extend(wrapped(paragraph, |text| self.fonts.width(text, NOTES_SIZE) <= width));
            lines.push(String::new());
        }
        let mut lines = lines.into_iter().peekable();
        let mut is_first = true;
        while is_first || lines.peek().is_some() {
            let settings =
                PageSettings::from_wh(NOTES_WIDTH, NOTES_HEIGHT).ok_or_else(|| std::io::Error::other("no page"))?;
            let mut page = self.document.start_page_with(settings);
            let mut surface = page.surface();
            let mut y = NOTES_MARGIN;
            if is_first {
                let picture = Image::from_png(sheet.picture.clone().into(), false).map_err(std::io::Error::other)?;
                surface.start_tagged(background(NOTES_MARGIN, y, width));
                surface.push_transform(&krilla::geom::Transform::from_row(
                    width / WIDTH,
                    0.0,
                    0.0,
                    width / WIDTH,
                    NOTES_MARGIN,
                    y,
                ));
                if let Some(size) = Size::from_wh(WIDTH, HEIGHT) {
                    surface.draw_image(picture, size);
                }
                for run in sheet.blocks.iter().flat_map(|block| &block.runs) {
                    draw(&mut self.fonts, &mut surface, run, SCALE);
                }
                surface.pop();
                surface.end_tagged();
                y += height + 2.0 * NOTES_LINE;
                is_first = false;
            }
            let id = surface.start_tagged(ContentTag::Span(SpanTag::empty()));
            while y < NOTES_HEIGHT - NOTES_MARGIN
                && let Some(line) = lines.next()
            {
                let run = Run::plain(line, NOTES_MARGIN, y, NOTES_SIZE, |text| self.fonts.width(text, NOTES_SIZE));
                draw(&mut self.fonts, &mut surface, &run, 1.0);
                y += NOTES_LINE;
            }
            surface.end_tagged();
            surface.finish();
            page.finish();
            self.count += 1;
            let mut paragraph = TagGroup::new(Tag::P);
            paragraph.push(id);
            self.tree.push(paragraph);
        }
        Ok(())
    }
}

impl Run {
    /// A line of black text.
    fn plain(text: String, x: f32, y: f32, size: f32, width: impl Fn(&str) -> f32) -> Run {
        let starts = text.char_indices().map(|(at, _)| x + width(&text[..at])).collect();
        let end = x + width(&text);
        Run {
            text,
            x: starts,
            end,
            y,
            size,
            mono: false,
            weight: 400.0,
            italic: false,
            struck: false,
            colour: [20.0, 22.0, 28.0],
            opacity: 1.0,
            to: None,
            shortened: false,
            node: 0,
        }
    }
}

fn wrapped(text: &str, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if fits(&format!("{line} {word}")) => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

fn draw(fonts: &mut Fonts, surface: &mut Surface<'_>, run: &Run, scale: f32) {
    let [red, green, blue] = run.colour.map(|part| part.clamp(0.0, 255.0) as u8);
    let opacity = NormalizedF32::new(run.opacity.clamp(0.0, 1.0)).unwrap_or(NormalizedF32::ONE);
    surface.set_fill(Some(Fill { paint: rgb::Color::new(red, green, blue).into(), opacity, ..Fill::default() }));
    for Setting { font, glyphs, text, x } in fonts.set(run, scale) {
        surface.draw_glyphs(Point::from_xy(x, run.y * scale), &glyphs, font, &text, run.size * scale, false);
    }
}

/// A slide that is drawn, and not read.
fn background(left: f32, top: f32, width: f32) -> ContentTag<'static> {
    let place = Rect::from_xywh(left, top, width, width * HEIGHT / WIDTH);
    ContentTag::Artifact(Artifact::new(ArtifactType::Background, place))
}

fn place(run: &Run) -> Option<Rect> {
    let left = run.x.first()? * SCALE;
    Rect::from_ltrb(left, (run.y - run.size) * SCALE, run.end * SCALE, (run.y + run.size * 0.25) * SCALE)
}

/// Blocks as a reader hears them: items in lists, cells in rows of tables.
fn structure(blocks: Vec<(Block, Node)>) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    let mut blocks = blocks.into_iter().peekable();
    while let Some((block, node)) = blocks.next() {
        match block.role.as_str() {
            "figure" if block.runs.is_empty() => nodes.push(node),
            "li" => {
                let numbering = if block.ordered { ListNumbering::Decimal } else { ListNumbering::Disc };
                let mut list = TagGroup::new(Tag::L(numbering));
                list.push(item(node));
                while let Some((_, node)) =
                    blocks.next_if(|(next, _)| next.role == "li" && next.ordered == block.ordered)
                {
                    list.push(item(node));
                }
                nodes.push(list.into());
            }
            "td" | "th" => {
                let mut cells = vec![(block, node)];
                while let Some(cell) = blocks.next_if(|(next, _)| matches!(next.role.as_str(), "td" | "th")) {
                    cells.push(cell);
                }
                nodes.push(table(cells));
            }
            role => nodes.push(group(role, &block, node)),
        }
    }
    nodes
}

fn item(node: Node) -> TagGroup {
    let mut body = TagGroup::new(Tag::LBody);
    body.push(node);
    let mut item = TagGroup::new(Tag::LI);
    item.push(body);
    item
}

fn table(cells: Vec<(Block, Node)>) -> Node {
    let mut table = TagGroup::new(Tag::Table);
    let mut rows: Vec<(Option<usize>, TagGroup)> = Vec::new();
    for (block, node) in cells {
        let mut cell = match block.role.as_str() {
            "th" => TagGroup::new(Tag::TH(TableHeaderScope::Column)),
            _ => TagGroup::new(Tag::TD),
        };
        cell.push(node);
        match rows.last_mut().filter(|(row, _)| *row == block.row) {
            Some((_, row)) => row.push(cell),
            None => {
                let mut row = TagGroup::new(Tag::TR);
                row.push(cell);
                rows.push((block.row, row));
            }
        }
    }
    rows.into_iter().for_each(|(_, row)| table.push(row));
    table.into()
}

fn group(role: &str, block: &Block, node: Node) -> Node {
    let words = || block.runs.iter().map(|run| run.text.as_str()).collect::<Vec<_>>().join(" ");
    let heading = |level: u16| NonZeroU16::new(level).map(|level| TagGroup::new(Tag::Hn(level, Some(words()))));
    let made = match role {
        "h1" => heading(1),
        "h2" => heading(2),
        "h3" | "h4" | "h5" | "h6" => heading(3),
        "pre" => Some(TagGroup::new(Tag::Code)),
        _ => None,
    };
    let mut group = made.unwrap_or_else(|| TagGroup::new(Tag::P));
    group.push(node);
    group.into()
}
