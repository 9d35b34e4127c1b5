//! Build times from cold into a folder of their own, and the size of what ships.

use super::data::ground;
use super::report::{Report, table};
use crate::build::NATIVE;
use crate::family::{Kept, Limit};
use crate::setup::{self, Scope};
use crate::{paths, shell, ui};
use anyhow::{Context, Result};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// What a laptop's programs are made of: the name of a part, why it stays, and the crates that it is, by how their names begin. The first part
/// that fits has a crate.
const PARTS: [(&str, &str, &[&str]); 8] = [
    ("Greenroom's own crates", "what is built", &["greenroom"]),
    (
        "windows: Tauri, GTK, WebKit, Wayland, X11",
        "the app; a browser in place of it would see neither screens nor keys",
        &[
            "tauri",
            "tao",
            "wry",
            "gtk",
            "gdk",
            "gio",
            "glib",
            "gobject",
            "pango",
            "cairo",
            "atk",
            "soup",
            "webkit",
            "javascriptcore",
            "wayland",
            "wl-",
            "x11",
            "muda",
            "rfd",
            "arboard",
            "winit",
            "softbuffer",
            "os_pipe",
            "dpi",
            "field-offset",
            "system-deps",
        ],
    ),
    (
        "paper: PDF and its letters",
        "decks and reports on paper, with letters that are part of the file",
        &[
            "krilla",
            "write-fonts",
            "read-fonts",
            "font-types",
            "skrifa",
            "kurbo",
            "rustybuzz",
            "ttf-parser",
            "pdf-writer",
            "subsetter",
            "wuff",
            "png",
            "flate2",
            "tiny-skia",
            "fontdb",
            "unicode-",
        ],
    ),
    (
        "tables: Parquet",
        "one form of export, which notebooks read without guessing types",
        &["parquet", "arrow", "thrift", "brotli", "snap"],
    ),
    (
        "HTTP and TLS",
        "the gateway, its clients, and the vault; one TLS library",
        &[
            "hyper", "http", "h2", "rustls", "ring", "reqwest", "axum", "tower", "tokio", "webpki", "rcgen", "x509",
            "quinn", "futures", "mio",
        ],
    ),
    ("clouds: S3 and Blob", "offload to what a customer has", &["object_store", "quick-xml"]),
    (
        "the store: catalog, compression, checksums",
        "what lies on flash",
        &["redb", "zstd", "blake3", "crc", "fastcdc", "md-5", "sha", "fs4", "rustix"],
    ),
    ("the API's own description", "its OpenAPI page, made from the code that answers", &["utoipa"]),
];

pub fn measure() -> Result<Report> {
    setup::ensure(Scope::Run)?;
    // The shell embeds `ui/dist`, so a page must be there before it can be timed.
    ui::build(crate::build::Profile::Release)?;
    shell::run(&mut shell::cargo("fetch --locked"))?;
    let cold = ground().join("cold");
    let parts: [(&str, &str); 4] = [
        ("xtask", "build -p xtask"),
        ("UI, wasm-release", "build -p greenroom-ui --target wasm32-unknown-unknown --profile wasm-release"),
        ("its binder, greenroom-bindgen", "build -p greenroom-bindgen"),
        ("stack, director and app, release", &format!("build --release --bins {NATIVE}")),
    ];
    let mut rows = Vec::new();
    paths::remove_folder(&cold)?;
    for (name, arguments) in parts {
        let mut cargo = shell::cargo(arguments);
        cargo.arg("--timings");
        let start = Instant::now();
        shell::step(name, || shell::run(cargo.arg("--target-dir").arg(&cold)))?;
        rows.push(vec![name.to_owned(), format!("{:.0} s", start.elapsed().as_secs_f64())]);
    }
    let spent = spent(&cold.join("cargo-timings/cargo-timing.html"))?;
    paths::remove_folder(&cold)?;

    let mut sizes = Vec::new();
    for program in ui::PROGRAMS {
        let wasm = ui::dist().join(format!("{program}_bg.wasm"));
        let raw = fs::metadata(&wasm).with_context(|| format!("look at {}", wasm.display()))?.len();
        let packed = Kept::start(Command::new("gzip").args(["-9", "-c"]).arg(&wasm))?.finish(Limit::None);
        let packed = packed.with_context(|| format!("pack {}", wasm.display()))?.output.len();
        sizes.push(format!("{program} {} KiB, {} KiB gzipped", raw / 1024, packed / 1024));
    }
    let sizes = format!("The UI's wasm: {}.", sizes.join("; "));
    Ok(Report {
        key: "bench build",
        title: "Build times",
        command: "cargo xtask bench build".to_owned(),
        body: format!(
            "{}\nFrom cold, one after the other into one empty target folder, crates already downloaded: a row's time is what \
             it adds to the rows above it. The last row, by what it is of, in seconds of a core:\n\n{}\n{sizes}",
            table(&["part", "time"], &rows),
            table(&["part", "crates", "time", "why it stays"], &spent)
        ),
    })
}

/// What the last build spent, by part, from the page that cargo writes of it.
fn spent(page: &Path) -> Result<Vec<Vec<String>>> {
    let page = fs::read_to_string(page).with_context(|| format!("read {}", page.display()))?;
    let units = page.split("const UNIT_DATA = ").nth(1).context("find what each crate took in cargo's page")?;
    let units = serde_json::Deserializer::from_str(units).into_iter::<Vec<Value>>().next();
    let units = units.context("find crates in cargo's page")?.context("read what each crate took")?;
    let part_of =
        |name: &str| PARTS.iter().position(|(_, _, begins)| begins.iter().any(|begin| name.starts_with(begin)));
    let mut sums = [(0, 0.0); PARTS.len() + 1];
    for unit in &units {
        let name = unit["name"].as_str().context("read the name of a crate")?;
        let (crates, seconds) = &mut sums[part_of(name).unwrap_or(PARTS.len())];
        *seconds += unit["duration"].as_f64().context("read what a crate took")?;
        // What is built and run before it is of the same crate.
        let is_before = unit["target"].as_str().is_some_and(|target| target.contains("build"));
        *crates += usize::from(!is_before);
    }
    let named = PARTS.iter().map(|(name, why, _)| (*name, *why)).chain([("all else", "macros, texts, times, tools")]);
    let rows = named.zip(sums).map(|((name, why), (crates, seconds))| {
        vec![name.to_owned(), crates.to_string(), format!("{seconds:.0} s"), why.to_owned()]
    });
    Ok(rows.collect())
}
