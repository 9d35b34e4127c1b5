//! What is wrong in a talk, once or for as long as somebody edits it.

use anyhow::Context;
use greenroom_director::check::watch;
use greenroom_director::{Library, LibraryError, figures};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub struct Asked {
    deck: String,
    /// Checks again after each change of a file below slides/ or demos/, and prints what is found where that is something else. Ctrl-C ends it, with
    /// the exit code of what was found last.
    #[arg(long)]
    watch: bool,
}

pub fn check_deck(root: &Path, asked: &Asked) -> anyhow::Result<ExitCode> {
    let library = Library::new(root);
    if asked.watch { until_interrupted(&library, &asked.deck) } else { once(&library, &asked.deck) }
}

fn until_interrupted(library: &Library, slug: &str) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(async {
        let interrupt = tokio::spawn(tokio::signal::ctrl_c());
        // It is listened for before anything is said.
        tokio::task::yield_now().await;
        let end = async {
            if !matches!(interrupt.await, Ok(Ok(()))) {
                eprintln!("warning: Ctrl-C cannot be listened for: end this program otherwise");
                std::future::pending::<()>().await;
            }
        };
        let mut say = |text: &str| {
            let mut out = std::io::stdout().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        };
        let found = watch(library, slug, end, &mut say).await?;
        Ok(if found.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

fn once(library: &Library, slug: &str) -> anyhow::Result<ExitCode> {
    let talk = match library.talk(slug) {
        Ok(talk) => talk,
        Err(error @ LibraryError::Faults(_)) => {
            eprintln!("{error}");
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(error.into()),
    };
    for fault in &talk.faults {
        eprintln!("{fault}");
    }
    for warning in &talk.warnings {
        eprintln!("warning: {warning}");
    }
    let deck = &talk.deck;
    println!(
        "{} ({slug}): {} slides, {} sections, {} min",
        deck.title,
        deck.slides.len(),
        deck.sections.len(),
        deck.minutes
    );
    for section in &deck.sections {
        println!("  {:>4} min  {}", section.minutes, section.title);
    }
    for (slug, program) in &talk.programs {
        println!("  demo {slug}: {} groups, {} steps", program.demo.groups.len(), program.demo.steps.len());
    }
    println!("  {} bound figures, {} warnings", figures(deck).len(), talk.warnings.len());
    Ok(if talk.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
