//! What encryption costs: the same server with it off and on, in turns.

use super::gateway::median;
use super::report::{Report, table};
use super::sas;
use super::server::{Server, in_turns};
use super::wrk::{Load, Method, Shape, load};
use anyhow::Result;

const LOAD_S: u32 = 5;
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encrypted {
    No,
    Yes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Small,
    Large,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    encrypted: Encrypted,
    size: Size,
    method: Method,
    load: Load,
    cpu_s: f64,
}

pub fn measure(repeats: u8) -> Result<Report> {
    let samples = in_turns(repeats, "encrypted", [Encrypted::No, Encrypted::Yes], |server, encrypted, _| {
        round(server, encrypted)
    })?;
    Ok(Report {
        key: "bench keys",
        title: "Encryption",
        command: format!("cargo xtask bench keys --repeats {repeats}"),
        body: body(&samples, repeats),
    })
}

/// Writes first: what is read is as it was written in this round.
fn round(server: &Server, encrypted: Encrypted) -> Result<Vec<Sample>> {
    let key = if encrypted == Encrypted::Yes { "node" } else { "none" };
    // The development account's tenant has its name.
    let path = format!("/v1/tenants/{}/encryption", sas::ACCOUNT);
    server.call("PUT", &path, &format!(r#"{{ "key": "{key}" }}"#))?;
    let small = Shape { name: "4 KiB", folder: "small", bytes: 4 << 10, connections: 32, names: 5_000 };
    let large = Shape { name: "16 MiB", folder: "large", bytes: 16 << 20, connections: 4, names: 6 };
    let mut samples = Vec::new();
    for (size, shape) in [(Size::Small, small), (Size::Large, large)] {
        for method in [Method::Put, Method::Get] {
            let (load, usage) = server.watch(|| load(server, &shape, method, LOAD_S))?;
            samples.push(Sample { encrypted, size, method, load, cpu_s: usage.cpu_s });
        }
    }
    Ok(samples)
}

fn body(samples: &[Sample], repeats: u8) -> String {
    let mut rows = Vec::new();
    for (size, method, name) in [
        (Size::Small, Method::Put, "PUT 4 KiB"),
        (Size::Small, Method::Get, "GET 4 KiB"),
        (Size::Large, Method::Put, "PUT 16 MiB"),
        (Size::Large, Method::Get, "GET 16 MiB"),
    ] {
        let of = |encrypted: Encrypted, figure: fn(&Sample) -> f64| -> Vec<f64> {
            let is_it = |sample: &&Sample| (sample.encrypted, sample.size, sample.method) == (encrypted, size, method);
            samples.iter().filter(is_it).map(figure).collect()
        };
        let rate = |encrypted| of(encrypted, |sample| sample.load.per_s);
        let cpu = |encrypted| median(of(encrypted, |sample| sample.cpu_s / sample.load.requests as f64 * 1e6));
        let pairs = rate(Encrypted::No).into_iter().zip(rate(Encrypted::Yes)).map(|(off, on)| on / off).collect();
        let p99 = |encrypted| median(of(encrypted, |sample| sample.load.p99_ms));
        rows.push(vec![
            name.to_owned(),
            format!("{:.0}", median(rate(Encrypted::No))),
            format!("{:.0}", median(rate(Encrypted::Yes))),
            format!("{:.2}x", median(pairs)),
            format!("{:.1} / {:.1}", p99(Encrypted::No), p99(Encrypted::Yes)),
            format!("{:.0} / {:.0}", cpu(Encrypted::No), cpu(Encrypted::Yes)),
        ]);
    }
    let head = ["", "a second, plain", "encrypted", "ratio", "p99 ms", "server CPU µs"];
    format!(
        "{}\nBy wrk, over 32 connections (4 KiB) and 4 (16 MiB), {LOAD_S} s a run, medians of {repeats} runs in turns on one server; the ratio is \
         the median of the pairs. The server's own key wraps the data key.",
        table(&head, &rows)
    )
}
