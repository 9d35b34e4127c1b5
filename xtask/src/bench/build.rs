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
use std::process::Command;
use std::time::Instant;

/// What a laptop's programs are made of: the name of a part, why it stays, and the crates that it is, by how their names begin. The first part
/// that fits has a crate.
const PARTS: [(&str, &str, &str); 8] = [
    ("Greenroom's own crates", "what is built", "greenroom"),
    (
        "windows: Tauri, GTK, WebKit, Wayland, X11",
        "the app; a browser in place of it would see neither screens nor keys",
        "tauri tao wry gtk gdk gio glib gobject pango cairo atk soup3 webkit2gtk javascriptcore wayland wl-clipboard x11 muda rfd arboard",
    ),
    (
        "paper: PDF and its letters",
        "decks and reports on paper, with letters that are part of the file",
        "krilla write-fonts read-fonts font-types skrifa kurbo rustybuzz ttf-parser pdf-writer subsetter wuff tiny-skia",
    ),
    ("tables: Parquet", "one form of export, which notebooks read without guessing types", "parquet"),
    (
        "HTTP and TLS",
        "the gateway, its clients, and the vault; one TLS library",
        "hyper http h2 rustls ring reqwest axum tower tokio webpki rcgen x509",
    ),
    ("clouds: S3 and Blob", "offload to what a customer has", "object_store quick-xml"),
    (
        "the store: catalog, compression, checksums",
        "what lies on flash",
        "redb zstd blake3 crc-fast fastcdc md-5 sha1 sha2 fs4",
    ),
    ("the API's own description", "its OpenAPI page, made from the code that answers", "utoipa"),
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
    let page = cold.join("cargo-timings/cargo-timing.html");
    let page = fs::read_to_string(&page).with_context(|| format!("read {}", page.display()))?;
    let spent = spent(&page)?;
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
             it adds to the rows above it. The last row, by what it is of, in seconds that each crate took, as many at a time as there are cores:\n\n{}\n{sizes}",
            table(&["part", "time"], &rows),
            table(&["part", "crates", "time", "why it stays"], &spent)
        ),
    })
}

/// What a build spent, by part, from the page that cargo writes of it.
fn spent(page: &str) -> Result<Vec<Vec<String>>> {
    let units = page.split("const UNIT_DATA = ").nth(1).context("find what each crate took in cargo's page")?;
    let units = serde_json::Deserializer::from_str(units).into_iter::<Vec<Value>>().next();
    let units = units.context("find crates in cargo's page")?.context("read what each crate took")?;
    let part_of = |name: &str| {
        let fits = |begins: &str| begins.split(' ').any(|begin| name.starts_with(begin));
        PARTS.iter().position(|(_, _, begins)| fits(begins)).unwrap_or(PARTS.len())
    };
    let mut sums = [(0, 0.0); PARTS.len() + 1];
    for unit in &units {
        let name = unit["name"].as_str().context("read the name of a crate")?;
        let (crates, seconds) = &mut sums[part_of(name)];
        *seconds += unit["duration"].as_f64().context("read what a crate took")?;
        // What is built and run before it is of the same crate.
        let is_before = unit["target"].as_str().is_some_and(|target| target.contains("build-script"));
        *crates += usize::from(!is_before);
    }
    let named = PARTS.iter().map(|(name, why, _)| (*name, *why)).chain([("all else", "macros, texts, times, tools")]);
    let rows = named.zip(sums).map(|((name, why), (crates, seconds))| {
        vec![name.to_owned(), crates.to_string(), format!("{seconds:.0} s"), why.to_owned()]
    });
    Ok(rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_spent_is_summed_by_part() {
        let page = r#"<script>const UNIT_DATA = [
            {"name": "gtk", "target": " build-script (run)", "duration": 1.0}, {"name": "gtk", "target": "", "duration": 26.2},
            {"name": "libc", "target": "", "duration": 3.0}];
            const CONCURRENCY_DATA = [];</script>"#;
        let rows = spent(page).expect("cargo's page");
        assert_eq!(rows.len(), PARTS.len() + 1);
        assert_eq!(rows[1][1..3], ["1", "27 s"]);
        assert_eq!(rows[PARTS.len()][..3], ["all else", "1", "3 s"]);
        assert!(spent("<html>").is_err() && spent("const UNIT_DATA = ").is_err());
    }
}
