//! A section of docs/BENCHMARKS.md, between two marks, so that each benchmark rewrites its own.

use super::machine;
use crate::paths;
use anyhow::{Context, Result};
use std::fs;

#[derive(Debug)]
pub struct Report {
    /// Names the marks; stays the same from run to run.
    pub key: &'static str,
    pub title: &'static str,
    pub command: String,
    /// Markdown: tables, and what a reader must know to read them.
    pub body: String,
}

impl Report {
    pub fn text(&self) -> String {
        format!("## {}\n\n`{}` on {}.\n\n{}\n", self.title, self.command, machine::line(), self.body.trim())
    }

    pub fn write(&self) -> Result<()> {
        let file = paths::root().join("docs/BENCHMARKS.md");
        let old = fs::read_to_string(&file).unwrap_or_else(|_| "# Benchmarks\n".to_owned());
        fs::write(&file, self.placed_in(&old)).context("write docs/BENCHMARKS.md")
    }

    fn placed_in(&self, page: &str) -> String {
        let (start, end) = (format!("<!-- {} -->\n", self.key), format!("<!-- end of {} -->\n", self.key));
        let section = format!("{start}{}{end}", self.text());
        let old = page.split_once(&start).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
        match old {
            Some((before, after)) => format!("{before}{section}{after}"),
            None => format!("{}\n\n{section}", page.trim_end()),
        }
    }
}

/// A Markdown table.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &mut dyn Iterator<Item = &str>| format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
    let mut text = line(&mut head.iter().copied());
    text += &line(&mut head.iter().map(|_| "---"));
    for row in rows {
        text += &line(&mut row.iter().map(String::as_str));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(body: &str) -> Report {
        Report { key: "k", title: "T", command: "c".into(), body: body.into() }
    }

    #[test]
    fn a_section_is_rewritten_in_place_and_the_rest_stays() {
        let page = report("one").placed_in("# Benchmarks\n\nIntro.\n");
        let page = format!("{page}\nAfter.\n");
        let page = report("two").placed_in(&page);
        assert!(page.starts_with("# Benchmarks\n\nIntro.\n\n<!-- k -->\n"), "{page}");
        assert!(page.ends_with("two\n<!-- end of k -->\n\nAfter.\n"), "{page}");
        assert!(!page.contains("one"), "{page}");
    }
}
