//! Build times from cold into a folder of their own, and the size of what ships.

use super::data::ground;
use super::report::{Report, table};
use crate::build::NATIVE;
use crate::family::{Kept, Limit};
use crate::setup::{self, Scope};
use crate::{paths, shell, ui};
use anyhow::{Context, Result};
use std::fs;
use std::process::Command;
use std::time::Instant;

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
        let start = Instant::now();
        shell::step(name, || shell::run(cargo.arg("--target-dir").arg(&cold)))?;
        rows.push(vec![name.to_owned(), format!("{:.0} s", start.elapsed().as_secs_f64())]);
    }
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
             it adds to the rows above it.\n\n{sizes}",
            table(&["part", "time"], &rows)
        ),
    })
}
