//! What each command prints.

mod check;
pub mod deck;
pub mod load;
pub mod machine;
pub mod make;
mod preflight;
mod progress;
pub mod rehearsal;
mod run;
pub mod take;
mod trust;

pub use check::{Asked as CheckAsked, check_deck};
pub use preflight::{Asked, preflight};
pub use run::{Asked as RunAsked, run_demo};
pub use trust::trust;

use anyhow::Context;
use greenroom_director::{Faults, Library, Schema, to_mend};
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

/// The stack's program makes certificates; its words and its exit code are handed through.
pub fn ca(words: &[OsString]) -> anyhow::Result<ExitCode> {
    let program = greenroom_director::stack_program();
    let status = Command::new(&program)
        .arg("ca")
        .args(words)
        .status()
        .with_context(|| format!("start {} ({})", program.display(), to_mend()))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// For a file, or for another program to read.
pub fn schema(of: Schema) -> anyhow::Result<ExitCode> {
    run::say(&format!("{}\n", of.text()))?;
    Ok(ExitCode::SUCCESS)
}

pub fn list_demos(root: &Path) -> anyhow::Result<ExitCode> {
    let library = Library::new(root);
    let mut code = ExitCode::SUCCESS;
    for slug in library.demos()? {
        match library.demo(&slug) {
            Ok(parsed) => {
                let demo = &parsed.value.demo;
                println!("{slug:<28} {} ({} steps, {} min)", demo.title, demo.steps.len(), demo.minutes);
            }
            Err(error) => {
                println!("{slug:<28} does not parse");
                eprintln!("{error}");
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

pub fn list_decks(root: &Path) -> anyhow::Result<ExitCode> {
    let library = Library::new(root);
    let mut code = ExitCode::SUCCESS;
    for slug in library.decks()? {
        match library.talk(&slug) {
            Ok(talk) => {
                let (title, slides) = (&talk.deck.title, talk.deck.slides.len());
                println!("{slug:<28} {title} ({slides} slides, {} min)", talk.deck.minutes);
                if !talk.faults.is_empty() {
                    eprintln!("{}", Faults(talk.faults));
                    code = ExitCode::FAILURE;
                }
            }
            Err(error) => {
                println!("{slug:<28} does not parse");
                eprintln!("{error}");
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}
