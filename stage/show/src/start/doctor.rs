//! What this machine has, lacks, and what to do about it: for a page, and for a report that one hands on.

use crate::preflight::Check;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Examination {
    pub chapters: Vec<Chapter>,
    /// What can be fetched.
    pub tools: Vec<Tool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chapter {
    pub title: String,
    pub lines: Vec<Check>,
}

/// A program that demos or exports run, and that is not ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    pub name: String,
    pub title: String,
    /// Where it is, where it is.
    pub path: Option<String>,
    pub version: Option<String>,
    /// What it is for, and what happens without it.
    pub why: String,
    /// What is fetched, from whom, under which licence.
    pub offer: Offer,
}

/// How one comes by a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Offer {
    /// By the app, once somebody says so.
    Fetch { from: String, about_bytes: u64, licence: String },
    /// By this system's packages: a line for a terminal.
    Package { line: String, about_bytes: u64 },
    /// It is not packed for this system.
    Nowhere { why: String },
}

impl Examination {
    /// As text that one can hand on: the user's own folder is `~`, and nothing of an account or a key is in it.
    pub fn report(&self) -> String {
        let mut text = String::from("# Greenroom on this machine\n");
        // Writing to a string cannot fail.
        for Chapter { title, lines } in &self.chapters {
            let _ = writeln!(text, "\n## {title}\n");
            for Check { id, verdict, found, todo, .. } in lines {
                let todo = if todo.is_empty() { String::new() } else { format!(" -> {todo}") };
                let _ = writeln!(text, "- {:<4} {id}: {found}{todo}", verdict.as_str());
            }
        }
        text.push_str("\n## Tools\n\n");
        for Tool { title, path, version, .. } in &self.tools {
            let version = version.as_deref().map(|version| format!(", {version}")).unwrap_or_default();
            let _ = match path {
                Some(path) => writeln!(text, "- go   {title}: {path}{version}"),
                None => writeln!(text, "- look {title}: not here"),
            };
        }
        text
    }
}
