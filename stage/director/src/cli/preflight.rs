//! The go/no-go board in a terminal, or as JSON.

use anyhow::Context;
use greenroom_director::Places;
use greenroom_director::preflight::{Facts, judge, judge_offline, prove};
use greenroom_director::{Trust, Versions, stack_program};
use greenroom_show::preflight::{Check, Verdict, worst};
use greenroom_show::version::Version;
use std::process::ExitCode;

/// How the board is asked for.
#[derive(Debug, clap::Args)]
pub struct Asked {
    deck: String,
    /// As JSON, one object a line of the board.
    #[arg(long)]
    json: bool,
    /// Runs each demo of the talk with all but loopback denied, and names whatever tries to reach out. Takes as long as the demos.
    #[arg(long)]
    prove_offline: bool,
}

/// Prints the board. Fails where a line says stop.
pub fn preflight(places: &Places, asked: &Asked, version: Version) -> anyhow::Result<ExitCode> {
    let Asked { deck, json, prove_offline } = asked;
    let runtime = tokio::runtime::Runtime::new().context("start the runtime")?;
    let (trust, versions) = (Trust::of_user(places.project()), Versions::default());
    let facts = runtime.block_on(Facts::gather(places, deck, version, &trust, &versions, &stack_program()))?;
    if let Some(cut) = version.cut.filter(|cut| !facts.talk.deck.cuts.contains(cut)) {
        anyhow::bail!("there is no version of {cut} minutes (in the deck's 'cuts': {:?})", facts.talk.deck.cuts);
    }
    let mut board = judge(&facts);
    if *prove_offline {
        let cued = |demo: &&String| {
            !facts.held.contains(*demo)
                && facts.talk.deck.slides.iter().any(|slide| slide.cue.as_ref().is_some_and(|cue| cue.demo == **demo))
        };
        let proofs: Result<Vec<_>, _> =
            facts.talk.programs.keys().filter(cued).map(|demo| prove(places, demo)).collect();
        board.extend(judge_offline(&proofs.context("prove that the talk needs no network")?));
    }
    let worst = worst(&board);
    if *json {
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
