//! Measures, and writes what it measured into docs/BENCHMARKS.md with the command and the machine.

mod app;
mod azcopy;
mod build;
mod capture;
mod corpus;
mod data;
mod feed;
mod gateway;
mod growth;
mod keys;
mod machine;
mod mirror;
mod offload;
mod plot;
mod report;
mod requests;
mod sas;
mod server;
mod stream;
mod tenancy;
mod wrk;

use anyhow::Result;
use clap::Subcommand;
use report::Report;

#[derive(Debug, Subcommand)]
pub enum Bench {
    /// AzCopy upload and download: this gateway and Azurite side by side
    Gateway {
        /// Runs of each; the table shows medians
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
        repeats: u8,
    },
    /// Single requests and lists: this gateway, Azurite and nginx side by side
    Requests {
        /// Runs of each; the table shows medians
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
        repeats: u8,
    },
    /// Small writes with the account's change feed off and on
    Feed {
        /// Runs of each; the table shows medians
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=9))]
        repeats: u8,
    },
    /// Writes and reads with encryption off and on
    Keys {
        /// Runs of each; the table shows medians
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=9))]
        repeats: u8,
    },
    /// A mirror: how fast it fills, to a million blobs, and how far behind it is while the origin is written to
    Mirror,
    /// How cost grows with blobs, connections and sizes: tables, and plots under docs/pictures
    Growth,
    /// Offload and recall beside plain copies to the same target and beside restic; what it stores, and its requests
    Offload {
        /// Runs of each; the table shows medians
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
        repeats: u8,
    },
    /// A quiet tenant's latency beside a loud one, admission off and on
    Tenancy {
        /// Runs of each; the table shows means with confidence intervals
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(2..=9))]
        repeats: u8,
    },
    /// The app: time to its window, memory at rest, frame rate of its charts
    App {
        /// Runs; the table shows medians
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
        repeats: u8,
    },
    /// Recording: what it costs, its size beside other recordings, seeking in an hour, speed and size of each form
    Capture {
        /// Runs of each; the table shows medians
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
        repeats: u8,
    },
    /// Build times from cold, and the size of the UI
    Build,
}

/// What becomes of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Print,
    Write,
}

pub fn run(bench: &Bench, keep: Keep) -> Result<()> {
    let report: Report = match bench {
        Bench::Gateway { repeats } => gateway::measure(*repeats)?,
        Bench::Requests { repeats } => requests::measure(*repeats)?,
        Bench::Feed { repeats } => feed::measure(*repeats)?,
        Bench::Keys { repeats } => keys::measure(*repeats)?,
        Bench::Mirror => mirror::measure()?,
        Bench::Growth => growth::measure()?,
        Bench::Offload { repeats } => offload::measure(*repeats)?,
        Bench::Tenancy { repeats } => tenancy::measure(*repeats)?,
        Bench::App { repeats } => app::measure(*repeats)?,
        Bench::Capture { repeats } => capture::measure(*repeats)?,
        Bench::Build => build::measure()?,
    };
    println!("\n{}", report.text());
    match keep {
        Keep::Print => Ok(()),
        Keep::Write => report.write(),
    }
}
