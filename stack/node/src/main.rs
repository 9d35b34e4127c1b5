//! `greenroom-stack`: puts the store, the gateway, the figures and the control API together and runs them as one server; checks and mends a
//! data folder when no server uses it.
//! Decides nothing about blobs; everything that does is in a crate of its own.

mod again;
mod args;
mod ca;
mod check;
mod control;
mod declare;
mod deliver;
mod dev_account;
mod fault;
mod feed;
mod figures;
mod key_line;
mod key_witness;
mod keys;
mod lost_key;
mod migrate;
mod mirror;
mod mirror_line;
mod notary;
mod offload;
mod place;
mod reach;
mod rebuild;
mod resealing;
mod sas;
mod segment;
mod server;
mod spans;
mod tail;
mod tenancy;
mod tls;
mod token;
mod witness;
mod wrapping;

use args::{Args, Command, Log, Serve};
use clap::{CommandFactory as _, Parser as _};
use fault::Fault;
use spans::Export;
use std::alloc::System;
use std::io::{self, IsTerminal as _};
use std::num::NonZero;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Barrier};
use tokio::runtime::Runtime;
use tracing::Subscriber;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};
use zeroizing_alloc::ZeroAlloc;

/// Tasks that a thread of the server takes up before it looks for what has come. A task's turn with 256 KiB takes about a quarter of a
/// millisecond, so the runtime's own 61 would be a wait of 15 ms for a request that nothing else is in the way of.
const EVENT_INTERVAL: u32 = 8;

/// What was in memory and is freed is cleared: content, as requests brought it, and keys. See `docs/design/keys-of-a-tenant.md`.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    let Args { command } = Args::parse();
    match command {
        Command::Serve(args) => serve(*args),
        Command::Ca { what } => done(ca::run(&what)),
        Command::Apply(args) => declare::apply(&args).unwrap_or_else(|fault| fail(&fault.to_string())),
        Command::HandOver(args) => declare::hand_over(&args).unwrap_or_else(|fault| fail(&fault.to_string())),
        Command::TakeOver(args) => declare::take_over(&args).unwrap_or_else(|fault| fail(&fault.to_string())),
        Command::Events(args::Events::Tail(args)) => tail::tail(&args).unwrap_or_else(|fault| fail(&fault.to_string())),
        Command::Encryption(args) => key_line::run(&args).unwrap_or_else(|fault| fail(&fault.to_string())),
        Command::Mirror(args) => mirror_line::run(&args).unwrap_or_else(|fault| fail(&fault.to_string())),
        Command::Verify(args) => check(|| check::verify(&args)),
        Command::Audit(args::Audit::Verify(args)) => check(|| check::audit(&args)),
        Command::Repair(args) => check(|| check::repair(&args)),
        Command::Migrate(args) => check(|| migrate::run(&args)),
        Command::Words { share } => done(greenroom_words::write(&Args::command(), &share).map_err(Fault::Words)),
        Command::LostKey(args) => check(|| wait(lost_key::run(&args))),
        Command::Rebuild(args) => check(|| wait(rebuild::run(&args))),
        Command::Segment(what) => check(|| wait(segment::run(&what))),
    }
}

fn done(outcome: Result<(), Fault>) -> ExitCode {
    outcome.map_or_else(|fault| fail(&fault.to_string()), |()| ExitCode::SUCCESS)
}

fn check(run: impl FnOnce() -> Result<ExitCode, Fault>) -> ExitCode {
    subscriber(Log::Text, None).init();
    run().unwrap_or_else(|fault| fail(&fault.to_string()))
}

/// Runs what has to wait for a target.
fn wait(work: impl Future<Output = Result<ExitCode, Fault>>) -> Result<ExitCode, Fault> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Fault::Runtime)?;
    runtime.block_on(work)
}

fn serve(serve: Serve) -> ExitCode {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start the runtime: {error}")),
    };
    let export = serve.otlp.as_ref().map(|collector| Export::start(collector, runtime.handle().clone()));
    let export = match export.transpose() {
        Ok(export) => export,
        Err(fault) => return fail(&fault.to_string()),
    };
    subscriber(serve.log, export.as_ref()).init();
    #[cfg(target_os = "linux")]
    open_many_files();
    let served = runtime.block_on(server::run(serve));
    export.into_iter().for_each(Export::end);
    done(served)
}

/// Connections and extents are files to the system, which lets a program open some 1,024 unless that asks for more: fewer than there are places
/// for connections, so that strangers could take them all.
#[cfg(target_os = "linux")]
fn open_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, files = limit.current, "cannot ask for more open files");
    }
}

/// Of its threads, a few answer, and any number do what blocks, in the store and in the libraries below it: those stand behind.
fn runtime() -> io::Result<Runtime> {
    let workers = std::thread::available_parallelism().map_or(2, NonZero::get);
    // The first to start are those that answer; nothing else is asked for before all of them have.
    let begun = Arc::new(Barrier::new(workers + 1));
    let (started, at) = (AtomicUsize::new(0), begun.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .event_interval(EVENT_INTERVAL)
        .on_thread_start(move || {
            if started.fetch_add(1, Relaxed) < workers {
                at.wait();
            } else {
                greenroom_store::stand_behind();
            }
        })
        .enable_all()
        .build()?;
    begun.wait();
    Ok(runtime)
}

/// One line, for a person; the log has the rest.
fn fail(message: &str) -> ExitCode {
    eprintln!("greenroom-stack: {message}");
    ExitCode::FAILURE
}

/// Who hears what the program says. Stdout belongs to the one line that says the server is ready.
fn subscriber(log: Log, export: Option<&Export>) -> impl Subscriber + Send + Sync + use<> {
    // What the Kafka client says at each try, the courier says once.
    let filter = EnvFilter::try_from_env("GREENROOM_LOG").unwrap_or_else(|_| EnvFilter::new("info,rskafka=off"));
    let stderr = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let stderr = match log {
        Log::Text => stderr.with_ansi(std::io::stderr().is_terminal()).boxed(),
        Log::Json => stderr.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(export.map(Export::layer)).with(stderr.with_filter(filter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::level_filters::LevelFilter;

    /// What is said at a level below is not even looked at then.
    #[test]
    fn while_nobody_listens_spans_are_off() {
        tracing::subscriber::with_default(subscriber(Log::Text, None), || {
            assert_eq!(LevelFilter::current(), LevelFilter::INFO);
            assert!(tracing::debug_span!("request").is_disabled());
        });
    }
}
