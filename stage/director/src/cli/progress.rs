//! Work that takes a while: a word of progress where somebody watches, and Ctrl-C, which breaks it off.

use anyhow::Context;
use greenroom_director::export::ExportError;
use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// As a shell reports a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Does work that writes `path`, and says where that is.
pub fn shown(
    work: impl FnOnce(&mut dyn FnMut(f64) -> ControlFlow<()>) -> Result<(), ExportError>,
    path: &Path,
) -> anyhow::Result<ExitCode> {
    let is_cancelled = on_interrupt()?;
    let mut said = 0;
    let mut progress = |share: f64| {
        say(share, &mut said);
        if is_cancelled.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    match work(&mut progress) {
        Ok(()) => {
            println!("{}", path.display());
            Ok(ExitCode::SUCCESS)
        }
        Err(error @ ExportError::Cancelled) => {
            eprintln!("greenroom: {error}");
            Ok(ExitCode::from(INTERRUPTED))
        }
        Err(error) => Err(error.into()),
    }
}

/// Set by Ctrl-C from now on.
pub fn on_interrupt() -> anyhow::Result<Arc<AtomicBool>> {
    let is_cancelled = Arc::new(AtomicBool::new(false));
    let cancel = is_cancelled.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    std::thread::spawn(move || {
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            cancel.store(true, Ordering::Relaxed);
        }
    });
    Ok(is_cancelled)
}

/// A word of progress at each tenth, where somebody watches.
pub fn say(share: f64, said: &mut u32) {
    let tenths = (share * 10.0) as u32;
    if tenths > *said && tenths < 10 && std::io::stderr().is_terminal() {
        *said = tenths;
        write!(std::io::stderr(), "\r{} %", tenths * 10).ok();
    }
    if share >= 1.0 && *said > 0 && std::io::stderr().is_terminal() {
        write!(std::io::stderr(), "\r     \r").ok();
    }
}
