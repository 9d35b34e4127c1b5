//! Sets up, builds, runs and tests Greenroom: `cargo xtask <what>`. Knows the checkout and its tools, nothing of storage.

mod build;
mod paths;
mod shell;
mod ui;

use build::Profile;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Set up, build, run and test Greenroom.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Build the UI, the stack, the director and the app
    Build {
        /// Optimised, as `cargo xtask run` builds it
        #[arg(long)]
        release: bool,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().what {
        What::Build { release } => build::all(if release { Profile::Release } else { Profile::Dev }),
    };
    let Err(error) = done else { return ExitCode::SUCCESS };
    // The chain of causes alone: anyhow's own report adds a backtrace that tells a builder nothing.
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}
