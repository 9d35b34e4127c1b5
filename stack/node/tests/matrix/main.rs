//! A tenant cannot hurt another: one that asks for little, first alone and then beside each aggressor, with the real server.
//!
//! Aggressors and the quiet one are clients in this process, and share two cores with the server, which they do not in life: so they cost as
//! little as they can, and the aggressor's thread stands behind the server's (`attack.rs`). What it costs to be attacked is the same.

mod aggressors;
mod attack;
mod bed;
mod quiet;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod wire;

use aggressors::{AGGRESSORS, Aggressor};
use bed::Bed;
use quiet::Quiet;
use std::time::{Duration, Instant};
use table::Line;

/// Part of an aggressor's name: only those attack.
const ONLY: &str = "GREENROOM_MATRIX";

/// How long it is measured, and how often.
struct Plan {
    rounds: usize,
    alone: Duration,
    beside: Duration,
}

/// The short form, which asserts no measure that other work on the machine could spoil.
#[tokio::test]
async fn who_asks_for_little_is_served_rightly_beside_every_aggressor() {
    let plan = Plan { rounds: 1, alone: Duration::from_millis(200), beside: Duration::from_millis(800) };
    let lines = measure(&plan).await;
    for line in &lines {
        assert!(line.failed().is_empty(), "{}: {:?}", line.name, line.failed());
        assert!(!line.is_stalled(), "{}: half of the requests take too long", line.name);
    }
}

#[tokio::test]
#[ignore = "takes minutes, and measures"]
async fn who_asks_for_little_waits_little_longer_beside_every_aggressor() {
    let plan = Plan { rounds: 3, alone: Duration::from_secs(1), beside: Duration::from_secs(3) };
    let lines = measure(&plan).await;
    let failed = lines.iter().filter(|line| !line.failed().is_empty());
    let failed: Vec<_> = failed.map(|line| (line.name, line.failed())).collect();
    assert!(failed.is_empty(), "{failed:?}");
    let hurt: Vec<_> = lines.iter().filter(|line| line.is_hurt()).map(|line| line.name).collect();
    assert!(hurt.is_empty(), "{hurt:?}");
}

async fn measure(plan: &Plan) -> Vec<Line> {
    #[cfg(target_os = "linux")]
    open_many_files();
    let only = std::env::var(ONLY).unwrap_or_default();
    let asked = AGGRESSORS.iter().filter(|aggressor| aggressor.name.contains(&only));
    let (cold, hot): (Vec<_>, Vec<_>) = asked.partition(|aggressor| aggressor.cloud_takes_ms.is_some());
    println!("{}", table::HEAD);
    let mut lines = Vec::new();
    for aggressor in hot {
        let mut line = Line::new(aggressor.name);
        for _ in 0..plan.rounds {
            // A server of its own: what the last attack has left there would slow down who is alone.
            measure_beside(&Bed::new().await, aggressor, plan, &mut line).await;
        }
        println!("{line}");
        lines.push(line);
    }
    if cold.is_empty() {
        return lines;
    }
    let bed = Bed::with_cold_blobs().await;
    for aggressor in cold {
        let mut line = Line::new(aggressor.name);
        for _ in 0..plan.rounds {
            measure_beside(&bed, aggressor, plan, &mut line).await;
        }
        println!("{line}");
        lines.push(line);
    }
    lines
}

/// Alone, and then at once beside: whatever else the machine does falls on both.
async fn measure_beside(bed: &Bed, aggressor: &Aggressor, plan: &Plan, line: &mut Line) {
    let attack = (aggressor.attack)(bed).await;
    let mut quiet = Quiet::new(bed.server, bed.quiet.clone());
    quiet.work(Duration::ZERO).await;
    line.alone.push(quiet.work(plan.alone).await);
    if let Some(takes_ms) = aggressor.cloud_takes_ms {
        bed.cloud_takes(takes_ms).await;
    }
    let (attacking, began) = (attack.begin(bed.server), Instant::now());
    line.beside.push(quiet.work(plan.beside).await);
    line.took += began.elapsed();
    line.tally.add(&attacking.end());
    if aggressor.cloud_takes_ms.is_some() {
        bed.cloud_takes(0).await;
        bed.settled().await;
    }
}

/// Aggressors have thousands of sockets.
#[cfg(target_os = "linux")]
fn open_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("the system allows it");
}
