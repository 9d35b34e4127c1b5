//! What this machine has, and programs of others.

use super::progress;
use anyhow::Context;
use greenroom_director::{Home, Places, Versions, doctor, stack_program, toolbox};
use greenroom_show::preflight::Verdict;
use greenroom_show::start::doctor::{Offer, Tool};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

#[derive(Debug, clap::Subcommand)]
pub enum Tools {
    /// Fetches a tool from its maker and keeps it for you alone.
    Fetch { name: String },
    /// Puts a tool in place from a file that was fetched elsewhere: the program, or its maker's archive.
    Add { name: String, file: PathBuf },
}

/// Prints a report that can be handed on. Fails where a line says stop.
pub fn examine(places: &Places, home: &Home, json: bool) -> anyhow::Result<ExitCode> {
    let examined = runtime()?.block_on(doctor::examine(places, home, &Versions::default(), &stack_program()));
    if json {
        println!("{}", serde_json::to_string_pretty(&examined)?);
    } else {
        print!("{}", examined.report());
    }
    let stops = examined.chapters.iter().flat_map(|chapter| &chapter.lines).any(|line| line.verdict == Verdict::Stop);
    Ok(if stops { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

pub fn tools(places: &Places, home: &Home, asked: Option<&Tools>) -> anyhow::Result<ExitCode> {
    match asked {
        None => {
            for tool in runtime()?.block_on(toolbox::look(places, &Versions::default())) {
                print(&tool);
            }
        }
        Some(Tools::Fetch { name }) => {
            let (is_cancelled, mut said) = (progress::on_interrupt()?, 0);
            let mut shown = |share: Option<f64>| {
                progress::say(share.unwrap_or_default(), &mut said);
                if is_cancelled.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let place = runtime()?.block_on(toolbox::fetch(home, name, &mut shown))?;
            println!("{}", place.display());
        }
        Some(Tools::Add { name, file }) => {
            println!("{}", runtime()?.block_on(toolbox::add(home, name, file))?.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(tool: &Tool) {
    let Tool { name, path, version, why, offer, .. } = tool;
    match path {
        Some(path) => println!("{name:<8} {}, {path}", version.as_deref().unwrap_or_default()),
        None => println!("{name:<8} not here"),
    }
    println!("         {why}");
    if path.is_none() {
        let megabytes = |bytes: &u64| bytes.div_ceil(1_000_000);
        match offer {
            Offer::Fetch { from, about_bytes, licence } => println!(
                "         -> greenroom tools fetch {name}: about {} MB from {from}, licence {licence}",
                megabytes(about_bytes)
            ),
            Offer::Package { line, about_bytes } => println!("         -> {line}: about {} MB", megabytes(about_bytes)),
            Offer::Nowhere { why } => println!("         -> {why}"),
        }
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Runtime::new().context("start the runtime")
}
