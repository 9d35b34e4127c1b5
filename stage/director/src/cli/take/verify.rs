//! What is wrong with takes.

use super::time;
use anyhow::Context;
use greenroom_director::takes::library::Takes;
use greenroom_director::takes::verify::{Verified, verify};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Serialize)]
struct Told<'a> {
    take: &'a str,
    #[serde(flatten)]
    verified: &'a Verified,
}

pub fn run(takes: &Takes, asked: &[String], json: bool) -> anyhow::Result<ExitCode> {
    let paths: Result<Vec<_>, _> = asked.iter().map(|asked| path(takes, asked)).collect();
    let mut code = ExitCode::SUCCESS;
    for (take, path) in paths? {
        let verified = verify(&path).with_context(|| format!("read {}", path.display()))?;
        if !verified.whole {
            code = ExitCode::FAILURE;
        }
        if json {
            println!("{}", serde_json::to_string(&Told { take: &take, verified: &verified })?);
        } else {
            print(&take, &verified);
        }
    }
    Ok(code)
}

/// A take of this project, or a file that somebody sent.
fn path(takes: &Takes, asked: &str) -> anyhow::Result<(String, PathBuf)> {
    if asked.contains('/') {
        return Ok((asked.to_string(), PathBuf::from(asked)));
    }
    let id = takes.find(asked)?;
    Ok((id.clone(), takes.path(&id)))
}

fn print(take: &str, found: &Verified) {
    let kept = format!("{} events are kept, up to {}", found.kept_events, time::say(found.kept_us));
    println!("{take}: {}; {kept}", if found.whole { "whole" } else { "NOT whole" });
    for fault in &found.faults {
        println!("  line {}: {}: {}", fault.line, fault.what.as_str(), fault.detail);
    }
    if found.more_faults > 0 {
        println!("  and {} more faults", found.more_faults);
    }
    for (channel, lines) in &found.unknown {
        println!("  {lines} lines of '{channel}', which is another version's, are passed over");
    }
}
