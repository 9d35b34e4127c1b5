//! AzCopy against this gateway and against Azurite, in turns, so that a machine that slows down slows both.

use super::data::{WORKLOADS, Workload, ground};
use super::report::{Report, table};
use super::server::{Kind, Server};
use super::{azcopy, server};
use crate::requirement::{AZCOPY, AZURITE_VERSION};
use crate::setup::{self, Scope};
use crate::{paths, shell};
use anyhow::{Context, Result};
use std::fs;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// One copy by AzCopy.
#[derive(Clone, Copy, Debug)]
struct Sample {
    server: Kind,
    workload: &'static str,
    direction: Direction,
    wall_s: f64,
    usage: server::Usage,
}

pub fn measure(repeats: u8) -> Result<Report> {
    setup::ensure(Scope::Bench)?;
    shell::step("Build the stack", || {
        shell::run(&mut shell::cargo("build --release -p greenroom-node --bin greenroom-stack"))
    })?;
    shell::step("Write the data", || WORKLOADS.iter().try_for_each(Workload::prepare))?;
    let mut samples = Vec::new();
    for repeat in 1..=repeats {
        // The order alternates: what the first leaves in the disk's queue falls on each of them in turn.
        let order = if repeat % 2 == 1 { [Kind::Greenroom, Kind::Azurite] } else { [Kind::Azurite, Kind::Greenroom] };
        for kind in order {
            shell::step(&format!("Run {repeat} of {repeats}: {kind:?}"), || round(kind, &mut samples))?;
        }
    }
    paths::remove_folder(&ground().join("azcopy"))?;
    Ok(Report {
        key: "bench gateway",
        title: "The gateway beside Azurite",
        command: format!("cargo xtask bench gateway --repeats {repeats}"),
        body: body(&samples, repeats),
    })
}

/// Every workload up and down, against one server that starts empty.
fn round(kind: Kind, samples: &mut Vec<Sample>) -> Result<()> {
    let server = Server::start(kind)?;
    for workload in &WORKLOADS {
        let mut note = |direction, (time, usage): (std::time::Duration, server::Usage)| {
            let wall_s = time.as_secs_f64();
            eprintln!("    {:<14} {direction:?} {wall_s:.1} s", workload.name);
            samples.push(Sample { server: kind, workload: workload.name, direction, wall_s, usage });
        };
        let up = server.watch(|| azcopy::copy(workload.source(), server.url(""), "LocalBlob"))?;
        note(Direction::Up, up);

        let copy = ground().join("copy");
        paths::remove_folder(&copy)?;
        fs::create_dir_all(&copy).context("create the folder for the copy")?;
        let down = server.watch(|| azcopy::copy(server.url(workload.folder()), &copy, "BlobLocal"))?;
        note(Direction::Down, down);
        workload.verify(&copy.join(workload.folder()))?;
        paths::remove_folder(&copy)?;
    }
    Ok(())
}

fn body(samples: &[Sample], repeats: u8) -> String {
    let mut rows = Vec::new();
    for workload in &WORKLOADS {
        for direction in [Direction::Up, Direction::Down] {
            let of = |server: Kind, figure: fn(&Sample) -> f64| {
                let same = |s: &&Sample| (s.server, s.workload, s.direction) == (server, workload.name, direction);
                median(samples.iter().filter(same).map(figure).collect())
            };
            let pair = |figure: fn(&Sample) -> f64| (of(Kind::Greenroom, figure), of(Kind::Azurite, figure));
            let (wall, cpu) = (pair(|s| s.wall_s), pair(|s| s.usage.cpu_s));
            let memory = pair(|s| s.usage.memory_peak_mib);
            rows.push(vec![
                workload.name.to_owned(),
                format!("{direction:?}").to_lowercase(),
                format!("{:.1} / {:.1}", wall.0, wall.1),
                format!("**{:.1}x**", wall.1 / wall.0),
                format!("{:.1} / {:.1}", cpu.0, cpu.1),
                format!("{:.0} / {:.0}", memory.0, memory.1),
            ]);
        }
    }
    let head = ["what", "direction", "wall s", "as fast", "server CPU s", "server peak MiB"];
    format!(
        "{}\nEach pair is Greenroom / Azurite, the median of {repeats} runs in turns; \"as fast\" is Azurite's wall time over ours. \
         The clients are one AzCopy {} at a time on the same machine, with its defaults, so both sides share the cores with it; \
         its start and its end (about two seconds) are in every wall time, which pulls ratios towards 1. \
         Greenroom answers after the data is on disk, Azurite {} earlier. Every download was compared byte for byte.",
        table(&head, &rows),
        AZCOPY.version,
        AZURITE_VERSION
    )
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}
