//! Single requests against this gateway, Azurite and nginx, in turns; and a container of 100,000 blobs, listed.

use super::gateway::median;
use super::report::{Report, table};
use super::server::{Kind, Server};
use super::wrk::{Load, Method, Shape, load};
use crate::requirement::AZURITE_VERSION;
use crate::setup::{self, Scope};
use crate::shell;
use anyhow::{Result, ensure};
use std::time::Instant;

const SHAPES: [Shape; 2] = [
    Shape { name: "4 KiB, 32 connections", folder: "small", bytes: 4 << 10, connections: 32, names: 1_000_000 },
    // Few names: what is measured is how fast bytes move, not how much disk there is.
    Shape { name: "16 MiB, 4 connections", folder: "large", bytes: 16 << 20, connections: 4, names: 3 },
];
const LOAD_S: u32 = 6;
const LISTED: u64 = 100_000;
const LISTINGS: usize = 3;
/// A container is filled a folder at a time, until it holds enough.
const FOLDERS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
const FILL_S: u32 = 30;
const KINDS: [Kind; 3] = [Kind::Greenroom, Kind::Azurite, Kind::Nginx];

#[derive(Clone, Copy, Debug)]
struct Sample {
    server: Kind,
    shape: &'static str,
    method: Method,
    load: Load,
}

pub fn measure(repeats: u8) -> Result<Report> {
    setup::ensure(Scope::Bench)?;
    shell::step("Build the stack", || {
        shell::run(&mut shell::cargo("build --release -p greenroom-node --bin greenroom-stack"))
    })?;
    let mut samples = Vec::new();
    for repeat in 0..repeats {
        let mut order = KINDS;
        order.rotate_left(usize::from(repeat) % KINDS.len());
        for kind in order {
            let name = format!("Run {} of {repeats}: {kind:?}", repeat + 1);
            shell::step(&name, || round(kind, &mut samples))?;
        }
    }
    let ours = shell::step("List 100,000: Greenroom", || listing(Kind::Greenroom))?;
    let theirs = shell::step("List 100,000: Azurite", || listing(Kind::Azurite))?;
    Ok(Report {
        key: "bench requests",
        title: "Single requests, beside Azurite and nginx",
        command: format!("cargo xtask bench requests --repeats {repeats}"),
        body: body(&samples, repeats, ours, theirs),
    })
}

fn round(kind: Kind, samples: &mut Vec<Sample>) -> Result<()> {
    let server = Server::start(kind)?;
    for shape in &SHAPES {
        for method in [Method::Put, Method::Get] {
            let load = load(&server, shape, method, LOAD_S)?;
            eprintln!("    {:<22} {method:?} {:.0}/s, p99 {:.1} ms", shape.name, load.per_s, load.p99_ms);
            samples.push(Sample { server: kind, shape: shape.name, method, load });
        }
    }
    Ok(())
}

/// Fills a container, then pages through it. Seconds for the whole list, the median of some.
fn listing(kind: Kind) -> Result<f64> {
    let server = Server::start(kind)?;
    let mut made = 0;
    for folder in FOLDERS {
        if made < LISTED {
            let shape = Shape { folder, bytes: 16, ..SHAPES[0] };
            made += load(&server, &shape, Method::Put, FILL_S)?.requests;
        }
    }
    ensure!(made >= LISTED, "{kind:?} took only {made} blobs in the time there was");
    let mut times = Vec::new();
    for _ in 0..LISTINGS {
        let start = Instant::now();
        let (mut marker, mut seen) = (String::new(), 0);
        loop {
            let page = server.list(&marker)?;
            seen += page.matches("<Blob>").count() as u64;
            let next = page.split_once("<NextMarker>").and_then(|(_, rest)| Some(rest.split_once("</NextMarker>")?.0));
            match next {
                Some(next) if !next.is_empty() => marker = next.to_owned(),
                _ => break,
            }
        }
        ensure!(seen > 0, "{kind:?} lists nothing");
        times.push(start.elapsed().as_secs_f64() * LISTED as f64 / seen as f64);
    }
    Ok(median(times))
}

fn body(samples: &[Sample], repeats: u8, ours: f64, theirs: f64) -> String {
    let mut rows = Vec::new();
    for shape in &SHAPES {
        for method in [Method::Put, Method::Get] {
            let of = |server: Kind, figure: fn(&Load) -> f64| {
                let same = |s: &&Sample| (s.server, s.shape, s.method) == (server, shape.name, method);
                median(samples.iter().filter(same).map(|s| figure(&s.load)).collect())
            };
            let all = |figure: fn(&Load) -> f64| KINDS.map(|kind| of(kind, figure));
            let ([rate, azurite, nginx], p99) = (all(|load| load.per_s), all(|load| load.p99_ms));
            rows.push(vec![
                shape.name.to_owned(),
                format!("{method:?}").to_uppercase(),
                format!("{rate:.0} / {azurite:.0} / {nginx:.0}"),
                format!("**{:.1}x**", rate / azurite),
                format!("{:.2}x", rate / nginx),
                format!("{:.1} / {:.1} / {:.1}", p99[0], p99[1], p99[2]),
            ]);
        }
    }
    let head = ["what", "request", "requests/s", "of Azurite's", "of nginx's", "p99 ms"];
    format!(
        "{}\nEach triple is Greenroom / Azurite {AZURITE_VERSION} / nginx, the median of {repeats} runs in turns of {LOAD_S} s each. \
         wrk with 2 threads makes the load on the same machine and takes its share of the cores that the server runs on. Greenroom answers a write after the data is on disk; Azurite and \
         nginx (WebDAV, sendfile, no access log, no authentication) answer before that.\n\n\
         A container of 100,000 blobs, listed in pages of 5,000: {ours:.2} s against Azurite's {theirs:.2} s, **{:.1}x** as fast.",
        table(&head, &rows),
        theirs / ours
    )
}
