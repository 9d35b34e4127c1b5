//! Paragraphs, lists, tables, code. List items show as the clicks fall.

use super::{diagram::DiagramView, inline::inlines};
use greenroom_show::deck::{Block, Inline, Layout, Slide};
use leptos::prelude::*;
use std::{cell::Cell, sync::Arc};

/// Rows of a table that have the room of a slide; more are set closer.
const DENSE: usize = 7;

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
                let cells = |row: &[Vec<_>]| {
                    row.iter().map(|cell| view! { <td>{inlines(cell, demo)}</td> }).collect::<Vec<_>>()
                };
                let head: Vec<_> =
                    head.iter().map(|cell| view! { <th scope="col">{inlines(cell, demo)}</th> }).collect();
                let dense = rows.len() > DENSE;
                let rows: Vec<_> = rows.iter().map(|row| view! { <tr>{cells(row)}</tr> }).collect();
                view! { <table class:dense=dense><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table> }
                    .into_any()
            }
            Block::Code { language, text } => {
                view! { <pre class="code" data-language=language.clone()><code>{text.clone()}</code></pre> }.into_any()
            }
            Block::Diagram(diagram) => {
                let (width, height) = self.room();
                view! { <DiagramView diagram=diagram.clone() width height /> }.into_any()
            }
            Block::Quote(blocks) => view! { <blockquote>{self.blocks(blocks)}</blockquote> }.into_any(),
            Block::Column => ().into_any(),
        }
    }

    /// What a drawing has on the stage.
    fn room(&self) -> (f64, f64) {
        match self.slide.layout {
            Layout::TwoColumns => (816.0, 620.0),
            Layout::Demo | Layout::Pane => (480.0, 420.0),
            Layout::Cover
            | Layout::Section
            | Layout::Statement
            | Layout::Bullets
            | Layout::Table
            | Layout::Quote
            | Layout::Story
            | Layout::Cards
            | Layout::Figure
            | Layout::Planner => (1728.0, 680.0),
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
