//! How cost grows with the number of blobs, of connections, and with the size of a blob. This gateway alone: what counts is the shape.

use super::data::ground;
use super::plot::{Curve, Plot, binary, short};
use super::report::{Report, table};
use super::server::{Kind, Server, Usage};
use super::stream::Connection;
use super::wrk::{Load, Method, Shape, load};
use crate::setup::{self, Scope};
use crate::{paths, shell};
use anyhow::{Context, Result, bail};
use std::process::Command;
use std::time::Instant;

const CONNECTIONS: [u32; 5] = [1, 4, 16, 64, 256];
const LOAD_S: u32 = 6;
const SIZES: [u64; 6] = [4 << 10, 64 << 10, 1 << 20, 16 << 20, 256 << 20, 4 << 30];
/// Small blobs are moved again until so much time has passed.
const MOVE_S: f64 = 2.0;

pub fn measure() -> Result<Report> {
    setup::ensure(Scope::Bench)?;
    shell::step("Build the stack", || {
        shell::run(&mut shell::cargo("build --release -p greenroom-node --bin greenroom-stack"))?;
        shell::run(&mut shell::cargo("build --release -p greenroom-store --example million"))
    })?;
    let blobs = shell::step("1 K to 1 M blobs", by_blobs)?;
    let connections = shell::step("1 to 256 connections", by_connections)?;
    let sizes = shell::step("4 KiB to 4 GiB", by_size)?;
    let body = [blobs.section()?, connections_section(&connections)?, sizes_section(&sizes)?].join("\n");
    Ok(Report { key: "bench growth", title: "How cost grows", command: "cargo xtask bench growth".to_owned(), body })
}

/// What the store's example said: a line of figures a size, and how it opened again.
#[derive(Debug)]
struct Blobs {
    lines: Vec<Vec<f64>>,
    open_ms: f64,
    open_mib: f64,
    first_page_ms: f64,
}

fn by_blobs() -> Result<Blobs> {
    let folder = ground().join("million");
    paths::remove_folder(&folder)?;
    let program = paths::target().join("release/examples/million");
    let run = |more: &[&str]| shell::capture(Command::new(&program).arg(&folder).args(more));
    let filled = run(&[])?;
    let lines: Vec<Vec<f64>> = filled
        .lines()
        .filter(|line| line.starts_with(|first: char| first.is_ascii_digit()))
        .map(|line| line.split(' ').filter_map(|figure| figure.parse().ok()).collect())
        .collect();
    if lines.is_empty() || lines.iter().any(|line| line.len() != 10) {
        bail!("cannot read what the example said:\n{filled}");
    }
    let opened = run(&["reopen"])?;
    paths::remove_folder(&folder)?;
    let figure = |name: &str| {
        let mut words = opened.split_whitespace().skip_while(|word| *word != name);
        words.nth(1).and_then(|figure| figure.parse().ok()).with_context(|| format!("find '{name}' in '{opened}'"))
    };
    Ok(Blobs {
        open_ms: figure("open_ms")?,
        open_mib: figure("memory_mib")?,
        first_page_ms: figure("first_page_ms")?,
        lines,
    })
}

impl Blobs {
    fn section(&self) -> Result<String> {
        let column = |index: usize| self.lines.iter().map(|line| (line[0], line[index])).collect::<Vec<_>>();
        let curve = |name, index| Curve { name, points: column(index) };
        Plot {
            file: "growth-blobs.svg",
            title: "Listing and reading as a container grows",
            x: "blobs in the container",
            y: "milliseconds",
            say_x: short,
            x_base: 10.0,
            curves: vec![
                curve("a page of 5,000", 3),
                curve("a page of 5,000 below a prefix", 5),
                curve("100 folders by delimiter", 6),
                Curve { name: "one small blob read", points: column(2).iter().map(|(x, y)| (*x, y / 1e3)).collect() },
            ],
        }
        .write()?;
        let rows: Vec<Vec<String>> = self
            .lines
            .iter()
            .map(|line| {
                let mut row = vec![short(line[0]), format!("{:.0}", line[1]), format!("{:.0}", line[2])];
                row.extend(line[3..8].iter().map(|ms| format!("{ms:.2}")));
                row.extend(line[8..].iter().map(|mib| format!("{mib:.0}")));
                row
            })
            .collect();
        let head = [
            "blobs",
            "puts/s",
            "get µs",
            "page ms",
            "page in the middle ms",
            "page of a prefix ms",
            "folders ms",
            "page of a prefix by delimiter ms",
            "catalog MiB",
            "memory MiB",
        ];
        Ok(format!(
            "### With the number of blobs\n\n![Milliseconds for a page, by blobs in the container](pictures/growth-blobs.svg)\n\n{}\n\
             The store without HTTP, each put durable, 256 at a time, of 64 bytes in 100 folders; medians of 15 pages and of 2,000 \
             reads one after the other. A page holds up to 5,000 names, so with few blobs it holds fewer. Killed and opened again \
             with the most blobs: open after **{:.0} ms** with {:.0} MiB of memory, first page after another {:.0} ms.\n",
            table(&head, &rows),
            self.open_ms,
            self.open_mib,
            self.first_page_ms
        ))
    }
}

fn by_connections() -> Result<Vec<(u32, Load, Load)>> {
    let server = Server::start(Kind::Greenroom)?;
    let mut rows = Vec::new();
    for connections in CONNECTIONS {
        let shape = Shape { name: "4 KiB", folder: "small", bytes: 4 << 10, connections, names: 1_000_000 };
        let put = load(&server, &shape, Method::Put, LOAD_S)?;
        let get = load(&server, &shape, Method::Get, LOAD_S)?;
        eprintln!("    {connections:>3} connections: put {:.0}/s, get {:.0}/s", put.per_s, get.per_s);
        rows.push((connections, put, get));
    }
    Ok(rows)
}

fn connections_section(rows: &[(u32, Load, Load)]) -> Result<String> {
    let curve = |name, of: fn(&(u32, Load, Load)) -> f64| Curve {
        name,
        points: rows.iter().map(|row| (f64::from(row.0), of(row))).collect(),
    };
    let plot = |file, title, y, curves| Plot { file, title, x: "connections", y, say_x: short, x_base: 4.0, curves };
    plot(
        "growth-connections.svg",
        "Requests of 4 KiB as connections grow",
        "requests/s",
        vec![curve("GET", |row| row.2.per_s), curve("PUT, durable", |row| row.1.per_s)],
    )
    .write()?;
    plot(
        "growth-latency.svg",
        "Time that 99 of 100 requests of 4 KiB stay below",
        "milliseconds",
        vec![curve("PUT, durable", |row| row.1.p99_ms), curve("GET", |row| row.2.p99_ms)],
    )
    .write()?;
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|(connections, put, get)| {
            let ms = |ms: f64| format!("{ms:.2}");
            let rate = |load: &Load| format!("{:.0}", load.per_s);
            vec![connections.to_string(), rate(put), ms(put.p99_ms), rate(get), ms(get.p99_ms)]
        })
        .collect();
    let head = ["connections", "PUT/s", "PUT p99 ms", "GET/s", "GET p99 ms"];
    Ok(format!(
        "### With the number of connections\n\n![Requests per second by connections](pictures/growth-connections.svg)\n\
         ![p99 by connections](pictures/growth-latency.svg)\n\n{}\n\
         4 KiB over HTTP, {LOAD_S} s each; wrk makes the load and takes its share of the same cores.\n",
        table(&head, &lines)
    ))
}

/// One size moved up and down.
#[derive(Debug)]
struct Move {
    bytes: u64,
    up_s: f64,
    down_s: f64,
    up: Usage,
    down: Usage,
}

fn by_size() -> Result<Vec<Move>> {
    SIZES.iter().map(|bytes| one_size(*bytes)).collect()
}

/// On a server of its own: what memory one size took would hide what the next takes.
fn one_size(bytes: u64) -> Result<Move> {
    let server = Server::start(Kind::Greenroom)?;
    let mut connection = Connection::open(&server)?;
    let target = server.target("blob");
    let mut repeat = |act: &mut dyn FnMut(&mut Connection) -> Result<()>| {
        server.watch(|| {
            let (start, mut times) = (Instant::now(), 0_u32);
            while times == 0 || start.elapsed().as_secs_f64() < MOVE_S {
                act(&mut connection)?;
                times += 1;
            }
            Ok(start.elapsed().as_secs_f64() / f64::from(times))
        })
    };
    let (up_s, up) = repeat(&mut |connection| connection.put(&target, bytes))?;
    let (down_s, down) = repeat(&mut |connection| connection.get(&target, bytes))?;
    let moved = Move { bytes, up_s, down_s, up, down };
    eprintln!("    {:>8}: {:.0} MB/s up, {:.0} MB/s down", binary(bytes as f64), moved.up_mb(), moved.down_mb());
    Ok(moved)
}

impl Move {
    fn up_mb(&self) -> f64 {
        self.bytes as f64 / self.up_s / 1e6
    }

    fn down_mb(&self) -> f64 {
        self.bytes as f64 / self.down_s / 1e6
    }
}

fn sizes_section(moves: &[Move]) -> Result<String> {
    let curve = |name, of: fn(&Move) -> f64| Curve {
        name,
        points: moves.iter().map(|moved| (moved.bytes as f64, of(moved))).collect(),
    };
    let plot =
        |file, title, y, curves| Plot { file, title, x: "size of the blob", y, say_x: binary, x_base: 16.0, curves };
    plot(
        "growth-sizes.svg",
        "One connection as blobs grow",
        "MB/s",
        vec![curve("down", Move::down_mb), curve("up, durable", Move::up_mb)],
    )
    .write()?;
    plot(
        "growth-memory.svg",
        "Memory of the server as blobs grow",
        "MiB, at most",
        vec![curve("up", |moved| moved.up.memory_peak_mib), curve("down", |moved| moved.down.memory_peak_mib)],
    )
    .write()?;
    let rows: Vec<Vec<String>> = moves
        .iter()
        .map(|moved| {
            let mib = |usage: &Usage| format!("{:.0}", usage.memory_peak_mib);
            let rate = |mb: f64| format!("{mb:.0}");
            vec![
                binary(moved.bytes as f64),
                rate(moved.up_mb()),
                rate(moved.down_mb()),
                mib(&moved.up),
                mib(&moved.down),
            ]
        })
        .collect();
    let head = ["size", "up MB/s", "down MB/s", "peak memory up MiB", "peak memory down MiB"];
    Ok(format!(
        "### With the size of a blob\n\n![MB/s by size](pictures/growth-sizes.svg)\n![Peak memory by size](pictures/growth-memory.svg)\n\n{}\n\
         One connection, one Put Blob or Get Blob after the other for at least {MOVE_S} s, by a client of a few lines on the same \
         machine; small sizes are a matter of round trips and syncs, large ones of MD5 (which Put Blob owes its clients), disk and copies.\n",
        table(&head, &rows)
    ))
}
