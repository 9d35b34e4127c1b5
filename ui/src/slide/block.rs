//! Paragraphs, lists, tables, code. List items show as the clicks fall.

use super::{
    code::CodeView,
    diagram::DiagramView,
    inline::inlines,
    measure::{self, Room},
};
use crate::pane::Bars;
use greenroom_show::deck::{Block, Inline, Layout, Slide, plain};
use leptos::prelude::*;
use std::{cell::Cell, sync::Arc};

/// A drawing that is higher would part what belongs together.
const DRAWING_HEIGHT_MAX: f64 = 720.0;

/// A slide's words on their way to the page.
pub struct Words {
    pub slide: Arc<Slide>,
    reveal: Signal<usize>,
    /// Items of the slide's outer lists: what clicks reveal.
    items: usize,
    item: Cell<usize>,
}

impl Words {
    pub fn new(slide: Slide, reveal: Signal<usize>) -> Self {
        let items = slide.body.iter().map(|block| if let Block::List { items, .. } = block { items.len() } else { 0 });
        Self { items: items.sum(), slide: Arc::new(slide), reveal, item: Cell::new(0) }
    }

    pub fn blocks(&self, blocks: &[Block]) -> Vec<AnyView> {
        blocks.iter().map(|block| self.block(block)).collect()
    }

    fn block(&self, block: &Block) -> AnyView {
        let demo = self.slide.cue.as_ref().map(|cue| cue.demo.as_str());
        match block {
            Block::Heading { depth: 1, text } => view! { <h1>{inlines(text, demo)}</h1> }.into_any(),
            Block::Heading { depth: 2, text } => view! { <h2>{inlines(text, demo)}</h2> }.into_any(),
            Block::Heading { text, .. } => view! { <h3>{inlines(text, demo)}</h3> }.into_any(),
            Block::Paragraph(text) if matches!(text[..], [Inline::Picture { .. }]) => {
                view! { <div class="picture">{inlines(text, demo)}</div> }.into_any()
            }
            Block::Paragraph(text) => view! { <p>{inlines(text, demo)}</p> }.into_any(),
            Block::List { ordered: true, items } => view! { <ol>{self.items(items)}</ol> }.into_any(),
            Block::List { ordered: false, items } => view! { <ul>{self.items(items)}</ul> }.into_any(),
            Block::Table { head, rows } => {
                let texts: Vec<Vec<_>> =
                    std::iter::once(head).chain(rows).map(|row| row.iter().map(|cell| plain(cell)).collect()).collect();
                let set = measure::table(&texts, self.room());
                let cells = |row: &[Vec<_>]| {
                    row.iter().map(|cell| view! { <td>{inlines(cell, demo)}</td> }).collect::<Vec<_>>()
                };
                let head: Vec<_> =
                    head.iter().map(|cell| view! { <th scope="col">{inlines(cell, demo)}</th> }).collect();
                let rows: Vec<_> = rows.iter().map(|row| view! { <tr>{cells(row)}</tr> }).collect();
                view! { <table style=set.style()><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table> }
                    .into_any()
            }
            Block::Code(code) => {
                let set = measure::code(code, self.room());
                let shown = self.shown(code.focus.len());
                view! { <CodeView code=code.clone() set shown /> }.into_any()
            }
            Block::Diagram(diagram) => {
                let Room { width, height } = self.room();
                let height = height.min(DRAWING_HEIGHT_MAX);
                let shown = self.shown(diagram.clicks.len());
                view! { <DiagramView diagram=diagram.clone() width height shown /> }.into_any()
            }
            Block::Compare(comparison) => {
                view! { <Bars comparison=comparison.clone() demo=demo.map(str::to_string) /> }.into_any()
            }
            Block::Quote(blocks) => view! { <blockquote>{self.blocks(blocks)}</blockquote> }.into_any(),
            Block::Column => ().into_any(),
        }
    }

    /// How many of `count` things that clicks bring have come.
    fn shown(&self, count: usize) -> Signal<usize> {
        let (slide, reveal) = (self.slide.clone(), self.reveal);
        Signal::derive(move || slide.shown(count, reveal.get()))
    }

    /// What a block has on the stage.
    fn room(&self) -> Room {
        let body = &self.slide.body;
        let title = match body.first() {
            Some(Block::Heading { text, .. }) => plain(text),
            _ => String::new(),
        };
        let others = body.len() - usize::from(!title.is_empty());
        match self.slide.layout {
            Layout::TwoColumns => Room::under(&title).column().shared(others / 2),
            Layout::Demo | Layout::Pane => Room { width: 480.0, height: 420.0 },
            Layout::Cover
            | Layout::Section
            | Layout::Statement
            | Layout::Bullets
            | Layout::Table
            | Layout::Quote
            | Layout::Story
            | Layout::Cards
            | Layout::Figure
            | Layout::Code
            | Layout::BigNumber
            | Layout::Picture
            | Layout::Planner => Room::under(&title).shared(others),
        }
    }

    fn items(&self, items: &[Vec<Block>]) -> Vec<AnyView> {
        items.iter().map(|blocks| self.list_item(blocks)).collect()
    }

    fn list_item(&self, blocks: &[Block]) -> AnyView {
        let index = self.item.replace(self.item.get() + 1);
        let (slide, reveal, count) = (self.slide.clone(), self.reveal, self.items);
        // Lists within an item come with it.
        let inner = self.item.replace(usize::MAX / 2);
        let content = self.blocks(blocks);
        self.item.set(inner);
        let waits = Memo::new(move |_| index < count && !slide.shows_item(index, count, reveal.get()));
        view! { <li dir="auto" class:waits=waits aria-hidden=move || waits.get().then_some("true")>{content}</li> }
            .into_any()
    }
}
