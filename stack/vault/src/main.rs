//! `greenroom-vault`: an embedded vault that speaks as Azure Key Vault does, for places that Azure cannot be reached from. On
//! loopback only; for shows and tests, not for keys that anyone depends on.

mod args;
mod fault;
mod line;
mod server;

use args::Args;
use clap::Parser as _;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let Args { command } = Args::parse();
    let filter = EnvFilter::try_from_env("GREENROOM_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // Stdout belongs to the one line that says the server is ready.
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    log.with_ansi(std::io::stderr().is_terminal()).init();
    match line::run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("greenroom-vault: {fault}");
            ExitCode::FAILURE
        }
    }
}
