//! What a change feed costs the writes that it tells of: the same server with the feed off and on, in turns.

use super::gateway::median;
use super::report::{Report, table};
use super::sas;
use super::server::{Server, in_turns};
use super::wrk::{Load, Method, Shape, load};
use anyhow::{Context, Result, bail};
use std::time::{Duration, Instant};

const LOAD_S: u32 = 6;
const CONNECTIONS: u32 = 32;
const FEED: &str = r#"{ "segment_seconds": 1 }"#;
/// What waits at the end of a round is in the feed long before.
const PUBLISHED_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Feed {
    Off,
    On,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    feed: Feed,
    load: Load,
    cpu_s: f64,
    memory_peak_mib: f64,
}

pub fn measure(repeats: u8) -> Result<Report> {
    let samples = in_turns(repeats, "feed", [Feed::Off, Feed::On], |server, feed, repeat| {
        Ok(vec![round(server, feed, repeat)?])
    })?;
    Ok(Report {
        key: "bench feed",
        title: "Writes with a change feed",
        command: format!("cargo xtask bench feed --repeats {repeats}"),
        body: body(&samples, repeats),
    })
}

fn round(server: &Server, feed: Feed, repeat: u8) -> Result<Sample> {
    let path = format!("/v1/accounts/{}/change-feed", sas::ACCOUNT);
    match feed {
        Feed::On => server.call("PUT", &path, FEED)?,
        Feed::Off => server.call("DELETE", &path, "")?,
    };
    // Each round makes names of its own: an overwrite is other work.
    let folders =
        [["a", "b"], ["c", "d"], ["e", "f"], ["g", "h"], ["i", "j"], ["k", "l"], ["m", "n"], ["o", "p"], ["q", "r"]];
    let folder = folders[usize::from(repeat) % folders.len()][usize::from(feed == Feed::On)];
    let shape = Shape { name: "4 KiB", folder, bytes: 4 << 10, connections: CONNECTIONS, names: 1_000_000 };
    let (load, usage) = server.watch(|| load(server, &shape, Method::Put, LOAD_S))?;
    if feed == Feed::On {
        until_published(server, &path)?;
    }
    Ok(Sample { feed, load, cpu_s: usage.cpu_s, memory_peak_mib: usage.memory_peak_mib })
}

#[expect(clippy::disallowed_methods, reason = "the feed says how far it is where it is asked")]
fn until_published(server: &Server, path: &str) -> Result<()> {
    let start = Instant::now();
    loop {
        let status = server.call("GET", path, "")?;
        if status["waiting"].as_u64().context("read how many events wait")? == 0 {
            return Ok(());
        }
        if start.elapsed() > PUBLISHED_MAX {
            bail!("events wait after {PUBLISHED_MAX:?}: {status}");
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn body(samples: &[Sample], repeats: u8) -> String {
    let of = |feed: Feed, figure: fn(&Sample) -> f64| {
        median(samples.iter().filter(|sample| sample.feed == feed).map(figure).collect())
    };
    let row = |feed: Feed, name: &str| {
        vec![
            name.to_owned(),
            format!("{:.0}", of(feed, |sample| sample.load.per_s)),
            format!("{:.1}", of(feed, |sample| sample.load.p99_ms)),
            format!("{:.0}", of(feed, |sample| sample.cpu_s / sample.load.requests as f64 * 1e6)),
            format!("{:.0}", of(feed, |sample| sample.memory_peak_mib)),
        ]
    };
    let pairs = samples.chunks(2).map(|pair| {
        let rate = |feed| pair.iter().find(|sample| sample.feed == feed).map_or(f64::NAN, |sample| sample.load.per_s);
        rate(Feed::On) / rate(Feed::Off)
    });
    let ratio = median(pairs.collect());
    let head = ["feed", "PUT/s", "p99 ms", "server CPU µs a PUT", "server peak MiB"];
    format!(
        "{}\nPUTs of 4 KiB over {CONNECTIONS} connections by wrk, {LOAD_S} s a run, medians of {repeats} runs in turns on one server. With the \
         feed on there are **{ratio:.2}x** as many a second (the median of the pairs); its segments are of one second, and every event was in \
         it soon after a run.",
        table(&head, &[row(Feed::Off, "off"), row(Feed::On, "on")])
    )
}
