//! The go/no-go board in a terminal, or as JSON.

use anyhow::Context;
use greenroom_director::preflight::{Facts, judge};
use greenroom_show::preflight::{Check, Verdict, worst};
use greenroom_show::version::Version;
use std::path::Path;
use std::process::ExitCode;

/// Prints the board. Fails where a line says stop.
pub fn preflight(root: &Path, deck: &str, version: Version, json: bool) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("start the runtime")?;
    let facts = runtime.block_on(Facts::gather(root, deck, version))?;
    if let Some(cut) = version.cut.filter(|cut| !facts.talk.deck.cuts.contains(cut)) {
        anyhow::bail!("there is no version of {cut} minutes (in the deck's 'cuts': {:?})", facts.talk.deck.cuts);
    }
    let board = judge(&facts);
    let worst = worst(&board);
    if json {
        for check in &board {
            println!("{}", serde_json::to_string(check)?);
        }
    } else {
        for check in &board {
            print(check);
        }
        println!("\n{}", worst.sentence());
    }
    Ok(if worst == Verdict::Stop { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print(check: &Check) {
    let mark = match check.verdict {
        Verdict::Go => "  go ",
        Verdict::Look => "look ",
        Verdict::Stop => "STOP ",
    };
    println!("{mark} {:<10} {}", check.id, check.found);
    if !check.todo.is_empty() {
        println!("{:17}-> {}", "", check.todo);
    }
}
