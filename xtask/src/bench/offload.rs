//! Offload beside plain copies of the same files to the same target, and beside restic: how fast, how much is stored, in how many requests.

use super::corpus::Kind;
use super::data::ground;
use super::gateway::median;
use super::report::{Report, table};
use super::server::{self, Server};
use crate::setup::{self, Scope};
use crate::{paths, shell};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Offloaded one after the other, to see what memory does.
const GROW_GIB: [u64; 3] = [1, 2, 4];
const MIB: f64 = (1 << 20) as f64;

/// A line of the example's.
#[derive(Clone, Debug)]
struct Phase {
    name: String,
    seconds: f64,
    bytes: f64,
    requests: f64,
    stored: f64,
    memory_mib: f64,
}

#[derive(Clone, Debug)]
struct Restic {
    backup_s: f64,
    restore_s: f64,
    stored: f64,
}

#[derive(Debug)]
struct Sample {
    kind: Kind,
    phases: Vec<Phase>,
    restic: Restic,
}

pub fn measure(repeats: u8) -> Result<Report> {
    setup::ensure(Scope::Bench)?;
    shell::step("Build the stack and the example", || {
        shell::run(&mut shell::cargo("build --release -p greenroom-node --bin greenroom-stack"))?;
        shell::run(&mut shell::cargo("build --release -p greenroom-offload --example rate"))
    })?;
    shell::step("Write the data", || Kind::ALL.into_iter().try_for_each(Kind::prepare))?;
    let mut samples = Vec::new();
    for repeat in 1..=repeats {
        for kind in Kind::ALL {
            shell::step(&format!("Run {repeat} of {repeats}: {}", kind.name()), || {
                samples.push(Sample { kind, phases: beside(kind)?, restic: restic(kind)? });
                Ok(())
            })?;
        }
    }
    let grown = shell::step("1 to 4 GiB", grow)?;
    Ok(Report {
        key: "bench offload",
        title: "Offload beside plain copies and restic",
        command: format!("cargo xtask bench offload --repeats {repeats}"),
        body: body(&samples, &grown, repeats),
    })
}

/// Against a server that starts empty.
fn beside(kind: Kind) -> Result<Vec<Phase>> {
    let server = Server::start(server::Kind::Greenroom)?;
    // The container itself.
    let url = server.url("").replacen("/?", "?", 1);
    let said = shell::capture(Command::new(example()).arg(kind.folder()).arg(url))?;
    let phases = said.lines().map(phase).collect::<Result<Vec<_>>>()?;
    for phase in &phases {
        eprintln!("    {:<8} {:>7.2} s, {:.0} requests", phase.name, phase.seconds, phase.requests);
    }
    Ok(phases)
}

fn grow() -> Result<Vec<Phase>> {
    let one = |gib: u64| -> Result<Phase> {
        let server = Server::start(server::Kind::Greenroom)?;
        let url = server.url("").replacen("/?", "?", 1);
        let said = shell::capture(Command::new(example()).args(["grow", &gib.to_string(), &url]))?;
        said.lines().next().context("read the example's line").and_then(phase)
    };
    GROW_GIB.into_iter().map(one).collect()
}

fn example() -> PathBuf {
    paths::target().join("release/examples/rate")
}

fn phase(line: &str) -> Result<Phase> {
    let mut words = line.split(' ');
    let name = words.next().unwrap_or_default().to_owned();
    let figures: Vec<f64> = words.filter_map(|word| word.parse().ok()).collect();
    let [seconds, bytes, requests, stored, _objects, memory_mib] = figures[..] else {
        bail!("cannot read what the example said: {line}");
    };
    Ok(Phase { name, seconds, bytes, requests, stored, memory_mib })
}

/// To a folder: restic has no client for an Azure account on another address than Azure's.
fn restic(kind: Kind) -> Result<Restic> {
    let (repository, back) = (ground().join("restic"), ground().join("restic-back"));
    paths::remove_folder(&repository)?;
    run_restic(&repository, &["init"])?;
    let source = kind.folder().display().to_string();
    let begun = Instant::now();
    run_restic(&repository, &["backup", &source])?;
    let backup_s = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    run_restic(&repository, &["restore", "latest", "--target", &back.display().to_string()])?;
    let restore_s = begun.elapsed().as_secs_f64();
    let stored = folder_bytes(&repository)?;
    paths::remove_folder(&back)?;
    paths::remove_folder(&repository)?;
    Ok(Restic { backup_s, restore_s, stored })
}

fn run_restic(repository: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("restic");
    command.arg("--no-cache").arg("--quiet").arg("--repo").arg(repository).args(arguments);
    shell::capture(command.env("RESTIC_PASSWORD", "bench")).map(|_| ())
}

fn folder_bytes(folder: &Path) -> Result<f64> {
    let mut bytes = 0.0;
    for entry in fs::read_dir(folder).context("look at what is stored")? {
        let entry = entry?;
        let is_folder = entry.file_type()?.is_dir();
        bytes += if is_folder { folder_bytes(&entry.path())? } else { entry.metadata()?.len() as f64 };
    }
    Ok(bytes)
}

fn body(samples: &[Sample], grown: &[Phase], repeats: u8) -> String {
    let (mut speed, mut cost) = (Vec::new(), Vec::new());
    for kind in Kind::ALL {
        let own: Vec<_> = samples.iter().filter(|sample| sample.kind == kind).collect();
        let of = |name: &str, figure: fn(&Phase) -> f64| {
            let same = own.iter().flat_map(|sample| &sample.phases).filter(|phase| phase.name == name);
            median(same.map(figure).collect())
        };
        let restic = |figure: fn(&Restic) -> f64| median(own.iter().map(|sample| figure(&sample.restic)).collect());
        let (seconds, bytes): (fn(&Phase) -> f64, f64) = (|phase| phase.seconds, of("put", |phase| phase.bytes));
        let rate = |seconds: f64| format!("{:.0}", bytes / MIB / seconds);
        let there = (of("offload", seconds), of("put", seconds), restic(|restic| restic.backup_s));
        let back = (of("recall", seconds), of("get", seconds), restic(|restic| restic.restore_s));
        speed.push(vec![
            kind.name().to_owned(),
            format!("{} / {} / {}", rate(there.0), rate(there.1), rate(there.2)),
            format!("**{:.2}x**", there.1 / there.0),
            format!("{:.2}x", there.2 / there.0),
            format!("{} / {} / {}", rate(back.0), rate(back.1), rate(back.2)),
            format!("**{:.2}x**", back.1 / back.0),
            format!("{:.2}x", back.2 / back.0),
            format!("{:.0} / {:.0}", of("offload", |phase| phase.memory_mib), of("recall", |phase| phase.memory_mib)),
        ]);
        let stored = of("offload", |phase| phase.stored);
        let (puts, plain) = (of("offload", |phase| phase.requests), of("put", |phase| phase.requests));
        let gigabytes = bytes / 1e9;
        cost.push(vec![
            kind.name().to_owned(),
            format!("{:.0}", bytes / MIB),
            format!("**{:.2}x** / {:.2}x", bytes / stored, bytes / restic(|restic| restic.stored)),
            format!("{puts:.0} / {plain:.0}"),
            format!("**{:.0}x**", plain / puts),
            format!("{:.0} / {:.0}", puts / gigabytes, plain / gigabytes),
        ]);
    }
    let grown: Vec<Vec<String>> = grown
        .iter()
        .map(|phase| {
            vec![
                format!("{:.0}", phase.bytes / MIB / 1024.0),
                format!("{:.0}", phase.bytes / MIB / phase.seconds),
                format!("{:.2}x", phase.bytes / phase.stored),
                format!("{:.0}", phase.requests),
                format!("{:.0}", phase.memory_mib),
            ]
        })
        .collect();
    let head_speed = [
        "what",
        "there, MiB/s",
        "as fast as a copy",
        "as restic",
        "back, MiB/s",
        "as fast as a copy",
        "as restic",
        "peak MiB, there / back",
    ];
    let head_cost = ["what", "MiB", "reduction / restic's", "PUTs / a copy's", "fewer", "PUTs per GB / a copy's"];
    let head_grown = ["GiB", "MiB/s", "reduction", "PUTs", "peak MiB"];
    format!(
        "Triples are offload / a plain copy / restic, medians of {repeats} runs. Offload and the copy go over HTTP to one server on the same \
         machine, an empty Greenroom, by the same client; the copy takes a file each in blocks of 8 MiB, 16 at a time. restic works \
         on a local folder, which needs no HTTP: it has no client for an Azure account at another address. All three share two cores with \
         whatever stores the bytes; offload cuts, hashes and compresses on them too. What came back was compared by hash.\n\n{}\n{}\n\
         Offloading content of which half compresses, made up on the way, a GiB at a time:\n\n{}",
        table(&head_speed, &speed),
        table(&head_cost, &cost),
        table(&head_grown, &grown)
    )
}
