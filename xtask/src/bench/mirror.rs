//! How fast a mirror fills, how it grows with the number of blobs, and how far it is behind while an origin is written to.

use super::report::{Report, table};
use super::sas;
use super::server::{CONTAINER, Kind, Server, Usage};
use super::wrk::{Load, Method, Shape, load};
use crate::setup::{self, Scope};
use crate::shell;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Blobs of the origin.
const SIZES: [u64; 3] = [20_000, 200_000, 1_000_000];
/// Connections that write while the mirror follows.
const WRITERS: [(u32, &str); 3] = [(1, "one"), (4, "four"), (32, "many")];
const FOLDERS: [&str; 26] = [
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u", "v", "w",
    "x", "y", "z",
];
const FILL_CONNECTIONS: u32 = 32;
/// What a turn of filling takes; how many blobs that makes is the server's speed.
const FILL_S: u32 = 10;
const LOAD_S: u32 = 10;
const BYTES: u64 = 64;
const FEED: &str = r#"{ "segment_seconds": 1 }"#;
const MIRROR: &str = "/v1/accounts/devstoreaccount1/mirrors/lake";
const CAUGHT_UP_MAX: Duration = Duration::from_secs(600);
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[derive(Debug)]
struct Filled {
    blobs: u64,
    seconds: f64,
    requests: u64,
    usage: Usage,
}

#[derive(Debug)]
struct Followed {
    writers: u32,
    load: Load,
    events: u64,
    requests: u64,
    p50_ms: u64,
    p99_ms: u64,
    /// From the end of the writes until the mirror had all of them.
    caught_up_s: f64,
}

pub fn measure() -> Result<Report> {
    setup::ensure(Scope::Bench)?;
    shell::step("Build the stack", || {
        shell::run(&mut shell::cargo("build --release -p greenroom-node --bin greenroom-stack"))
    })?;
    let origin = Server::start_named(Kind::Greenroom, "origin", &[])?;
    let (mut filled, mut followed, mut folders) = (Vec::new(), Vec::new(), FOLDERS.into_iter());
    for size in SIZES {
        let there = shell::step(&format!("{size} blobs at the origin"), || fill(&origin, size, &mut folders))?;
        filled.push(shell::step(&format!("Mirror {size} of them"), || bootstrap(&origin, there))?);
        if followed.is_empty() {
            for (writers, folder) in WRITERS {
                let name = format!("Follow {writers} writers");
                followed.push(shell::step(&name, || follow(&origin, writers, folder))?);
            }
        }
    }
    Ok(Report {
        key: "bench mirror",
        title: "A mirror",
        command: "cargo xtask bench mirror".to_owned(),
        body: body(&filled, &followed),
    })
}

/// Writes until there are so many. Names of a turn are its own: an overwrite makes none.
fn fill(origin: &Server, size: u64, folders: &mut impl Iterator<Item = &'static str>) -> Result<u64> {
    loop {
        let there = count(origin)?;
        if there >= size {
            return Ok(there);
        }
        let folder = folders.next().context("the origin is too slow to be filled")?;
        let shape = Shape { name: "64 B", folder, bytes: BYTES, connections: FILL_CONNECTIONS, names: 10_000_000 };
        load(origin, &shape, Method::Put, if size - there < 60_000 { 2 } else { FILL_S })?;
    }
}

fn count(origin: &Server) -> Result<u64> {
    let usage = origin.call("GET", "/v1/metrics", "")?;
    let tenants = usage["tenants"].as_object().context("read how many blobs there are")?;
    tenants
        .values()
        .map(|tenant| tenant["blobs"].as_u64())
        .sum::<Option<u64>>()
        .context("read how many blobs there are")
}

fn mirror(origin: &Server) -> Result<Server> {
    let address = origin.address().to_string();
    let mirror = Server::start_named(Kind::Greenroom, "mirror", &["--copy-source-allow", &address])?;
    let attach = json!({
        "mirror": { "origin": format!("http://{address}/{}/{CONTAINER}", sas::ACCOUNT), "container": "lake", "poll_ms": 200 },
        "secret": sas::KEY,
    });
    mirror.call("PUT", MIRROR, &attach.to_string())?;
    Ok(mirror)
}

fn bootstrap(origin: &Server, there: u64) -> Result<Filled> {
    let begin = Instant::now();
    let mirror = mirror(origin)?;
    let ((seconds, status), usage) = mirror.watch(|| {
        let status = until(&mirror, |status| status["listed_us"].as_i64().is_some_and(|at_us| at_us > 0))?;
        Ok((begin.elapsed().as_secs_f64(), status))
    })?;
    let blobs = figure(&status, &["blobs"])?;
    ensure!(blobs == there, "{blobs} blobs are mirrored of {there}");
    Ok(Filled { blobs, seconds, requests: requests(&status)?, usage })
}

fn follow(origin: &Server, writers: u32, folder: &'static str) -> Result<Followed> {
    origin.call("PUT", &format!("/v1/accounts/{}/change-feed", sas::ACCOUNT), FEED)?;
    let mirror = mirror(origin)?;
    let before = until(&mirror, |status| status["state"] == "following")?;
    let shape = Shape { name: "64 B", folder, bytes: BYTES, connections: writers, names: 10_000_000 };
    let load = load(origin, &shape, Method::Put, LOAD_S)?;
    let end = Instant::now();
    let now_us = now_us()?;
    let after =
        until(&mirror, |status| status["complete_until_us"].as_i64().is_some_and(|until_us| until_us > now_us))?;
    Ok(Followed {
        writers,
        load,
        events: figure(&after, &["counts", "events"])?,
        requests: requests(&after)? - requests(&before)?,
        p50_ms: figure(&after, &["lag", "p50_ms"])?,
        p99_ms: figure(&after, &["lag", "p99_ms"])?,
        caught_up_s: end.elapsed().as_secs_f64(),
    })
}

#[expect(clippy::disallowed_methods, reason = "the mirror tells a time of the machine's clock")]
fn now_us() -> Result<i64> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(i64::try_from(now.as_micros())?)
}

fn requests(status: &Value) -> Result<u64> {
    Ok(figure(status, &["counts", "lists"])? + figure(status, &["counts", "feed_reads"])?)
}

fn figure(status: &Value, path: &[&str]) -> Result<u64> {
    let found = path.iter().fold(status, |value, name| &value[*name]);
    found.as_u64().with_context(|| format!("read {path:?} of the mirror"))
}

#[expect(clippy::disallowed_methods, reason = "the mirror says how far it is where it is asked")]
fn until(mirror: &Server, is_so: impl Fn(&Value) -> bool) -> Result<Value> {
    let start = Instant::now();
    loop {
        let status = mirror.call("GET", MIRROR, "")?;
        if is_so(&status) {
            return Ok(status);
        }
        if start.elapsed() > CAUGHT_UP_MAX {
            bail!("the mirror is not there after {CAUGHT_UP_MAX:?}: {status}");
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn body(filled: &[Filled], followed: &[Followed]) -> String {
    let rows: Vec<_> = filled
        .iter()
        .map(|run| {
            vec![
                run.blobs.to_string(),
                format!("{:.1}", run.seconds),
                format!("{:.0}", run.blobs as f64 / run.seconds),
                run.requests.to_string(),
                format!("{:.0}", run.usage.memory_peak_mib),
                format!("{:.0}", run.usage.cpu_s * 1e6 / run.blobs as f64),
            ]
        })
        .collect();
    let head = ["blobs", "seconds", "blobs/s", "requests", "mirror's peak MiB", "mirror's CPU µs a blob"];
    let filling = table(&head, &rows);
    let rows: Vec<_> = followed
        .iter()
        .map(|run| {
            vec![
                run.writers.to_string(),
                format!("{:.0}", run.load.per_s),
                run.events.to_string(),
                run.p50_ms.to_string(),
                run.p99_ms.to_string(),
                format!("{:.1}", run.caught_up_s),
                format!("{:.0}", run.requests as f64 * 1_000.0 / run.events.max(1) as f64),
            ]
        })
        .collect();
    let head =
        ["writers", "PUT/s", "events", "lag p50 ms", "lag p99 ms", "all there after s", "requests per 1,000 changes"];
    let following = table(&head, &rows);
    format!(
        "A server that mirrors the container of another one on the same machine, from nothing to all of it.\n\n{filling}\nWhile the origin is \
         written to for {LOAD_S} s, by wrk; its feed's segments are of one second, and the mirror looks five times a second. The lag is from the \
         change to its row in the mirror, which is at least what is left of the segment.\n\n{following}"
    )
}
