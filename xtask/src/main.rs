//! Sets up, builds, runs and tests Greenroom: `cargo xtask <what>`. Knows the checkout and its tools, nothing of storage.

mod bench;
mod build;
mod bundle;
mod display;
mod doctor;
mod download;
mod family;
mod paths;
mod platforms;
mod requirement;
mod run;
mod setup;
mod shell;
mod system;
mod test;
mod ui;

use bench::{Bench, Keep};
use build::Profile;
use clap::{Parser, Subcommand};
use setup::Scope;
use std::path::PathBuf;
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
    /// Install what is missing on this machine, saying what and why
    Setup {
        /// What the benchmarks compare with, too
        #[arg(long)]
        bench: bool,
    },
    /// Build the UI, the stack, the director and the app
    Build {
        /// Optimised, as `cargo xtask run` builds it
        #[arg(long)]
        release: bool,
    },
    /// Set up, build and open the app; without a display, run its demo in the terminal
    Run {
        /// Handed to the app
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Set up and run every check and test
    Test,
    /// Build what a laptop without this checkout installs: a package of Debian's, and an archive that runs from anywhere
    Bundle {
        /// Try both on bare machines of two Debian releases; needs root and the network
        #[arg(long)]
        check: bool,
        /// A package of an older version, which the one that was made is to take over from
        #[arg(long, value_name = "DEB", requires = "check")]
        from: Option<PathBuf>,
    },
    /// Say what compiles for systems that nothing is run on here
    Platforms,
    /// Say what this machine has, lacks, and why it matters
    Doctor,
    /// Measure, beside a peer where there is one
    Bench {
        #[command(subcommand)]
        what: Bench,
        /// Put the figures into docs/BENCHMARKS.md
        #[arg(long, global = true)]
        write: bool,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = family::watch().and_then(|()| work(cli.what));
    family::end_all();
    let Err(error) = done else { return ExitCode::SUCCESS };
    // The chain of causes alone: anyhow's own report adds a backtrace that tells a builder nothing.
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

fn work(what: What) -> anyhow::Result<()> {
    match what {
        What::Setup { bench: false } => setup::ensure(Scope::Test),
        What::Setup { bench: true } => setup::ensure(Scope::Test).and_then(|()| setup::ensure(Scope::Bench)),
        What::Build { release } => build::all(if release { Profile::Release } else { Profile::Dev }),
        What::Run { arguments } => run::open(&arguments),
        What::Test => test::all(),
        What::Bundle { check, from } => bundle::make(check, from.as_deref()),
        What::Platforms => platforms::check(),
        What::Doctor => doctor::report(),
        What::Bench { what, write } => bench::run(&what, if write { Keep::Write } else { Keep::Print }),
    }
}
