//! Starts everything in order, waits for the word to stop, and stops everything in the other order.

use crate::args::Serve;
use crate::control::{self, Control};
use crate::deliver::{Courier, Deliveries};
use crate::dev_account;
use crate::fault::Fault;
use crate::feed::Publisher;
use crate::figures::Figures;
use crate::key_witness::Witnessed;
use crate::keys::Keys;
use crate::migrate;
use crate::mirror::Mirrors;
use crate::notary::Notary;
use crate::offload::background::Background;
use crate::offload::target::{Secret, Target};
use crate::offload::{Plan, Running};
use crate::resealing;
use crate::spans;
use crate::tenancy::ledger::Ledger;
use crate::tenancy::{Tenancy, apply, calibrate};
use crate::tls;
use crate::token::Token;
use crate::witness::Witness;
use crate::wrapping::Wrappers;
use greenroom_gateway::auth::Authority;
use greenroom_gateway::auth::refusals::Refusals;
use greenroom_gateway::source::Sources;
use greenroom_gateway::{Gateway, Wire};
use greenroom_model::control::Ready;
use greenroom_model::keys::WrappingKey;
use greenroom_model::tenancy::Calibrated;
use greenroom_store::{Clock, Config, DataKeyRecord, Store, StoreError, SystemClock, Upkeep};
use greenroom_tenancy::audit::{Audit, Keep};
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;

/// How much of counters a crash may lose. What is stored is never lost with it.
const BOOKKEEPING_EVERY: Duration = Duration::from_secs(5);
/// An unwrapped key that nobody uses is cleared so much after its time.
const FORGET_EVERY: Duration = Duration::from_secs(1);
/// The audit log, in the data folder.
pub const AUDIT_FILE: &str = "audit.ndjson";
/// Control calls still under way when the Blob endpoint has drained get this long.
const CONTROL_DRAIN_MAX: Duration = Duration::from_secs(5);
/// Connections that the system holds until they are accepted; it may allow fewer. One more is not answered, and its client tries again after
/// a second: with few of them, strangers who come in crowds keep everybody else at the door.
const BACKLOG: u32 = 4_096;

pub async fn run(args: Serve) -> Result<(), Fault> {
    // Ports first: a server that cannot be reached has no business with the data folder.
    let blob = listen("--blob", args.blob)?;
    let control = listen("--control", args.control)?;
    let (blob_address, control_address) = (local(&blob, args.blob), local(&control, args.control));

    keep_no_core();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let durability = args.durability.into();
    let capacity_bytes = args.capacity.map(|capacity| capacity.as_u64());
    let target = target(&args)?;
    let extent_bytes = target.as_ref().and(capacity_bytes).map_or(Config::default().extent_bytes, extent_bytes);
    let config = Config { durability, capacity_bytes, extent_bytes, ..Config::default() };
    let dir = args.data.clone();
    tokio::task::spawn_blocking(move || migrate::bring_up(&dir)).await.map_err(|_| StoreError::Closed)??;
    let store = Store::open(&args.data, config, clock.clone()).await?;
    let wrappers = Arc::new(Wrappers::open(&args.data, &args.vaults, is_node_key_used(&store)?)?);
    // Before anybody asks for an account.
    if let Some(key) = wrappers.secrets() {
        store.attach_secrets(key).await?;
    }
    let token = Token::of(&args.data)?;
    let issuer = Arc::new(crate::token::issuer(&args.data)?);
    dev_account::enable(&store, &args.dev_accounts, blob_address).await?;

    let tenancy = Arc::new(Tenancy::open(&args.data)?);
    store.set_quotas(apply::quotas(&tenancy.file()));
    let told = clock.clone();
    let now = Arc::new(move || greenroom_gateway::time::iso_seconds(told.now()));
    let audit = Arc::new(Audit::open(&args.data.join(AUDIT_FILE), Keep::default(), now)?);
    store.attach_wrapping(Arc::new(Witnessed::new(wrappers.clone(), audit.clone())), args.vaults.hold());
    let resealing = resealing::Running::start(store.clone(), Background::new(tenancy.admission()));
    let keys = Arc::new(Keys::new(store.clone(), wrappers, resealing.service.clone()));
    let notary = Arc::new(Notary::open(audit.clone(), store.clone())?);
    let offload = match target {
        Some(plan) => Some(Running::start(store.clone(), clock.clone(), &args.data, plan, &tenancy, &audit)?),
        None => None,
    };
    match calibrate::measure(&args.data) {
        Ok(capacity) => tenancy.set_capacity(capacity, Calibrated::Measured),
        Err(error) => tracing::warn!(%error, "cannot measure the disk: reservations are not weighed"),
    }
    let figures = Arc::new(Figures::new(tenancy.clone(), !args.unmetered));
    let ledger = Arc::new(Ledger::open(&args.data).map_err(|source| Fault::Ledger { dir: args.data.clone(), source })?);
    let witness = Arc::new(Witness::new(audit.clone(), clock.clone()));
    let refusals = Arc::new(Refusals::witnessed_by(witness.clone()));
    let authority = Authority { store: store.clone(), issuer: issuer.clone(), refusals };
    let trust = tls::trust(args.copy_source_ca.as_deref())?;
    let sources = Sources::new(blob_address, args.copy_sources_allowed.clone(), trust);
    let (limits, seed) = (args.limits(), request_seed()?);
    let judge = sources.clone();
    let gateway = Gateway::new(authority.clone(), limits, clock.clone(), figures.clone(), sources, seed, spans::adopt);
    let gateway = Arc::new(gateway);
    let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
    let wire = tls::wire(args.tls_cert.as_deref(), args.tls_key.as_deref())?;
    let scheme = if matches!(wire, Wire::Tls(_)) { "https" } else { "http" };
    let blob_url = format!("{scheme}://{blob_address}");
    let deliveries = Arc::new(Deliveries::new(judge.clone(), blob_url.clone()));
    let mirrors = Mirrors::start(store.clone(), clock.clone(), judge)?;
    let state = Control {
        store: store.clone(),
        clock: clock.clone(),
        figures: figures.clone(),
        gateway: gateway.clone(),
        offload: offload.as_ref().map(|running| running.service.clone()),
        tenancy: tenancy.clone(),
        audit: audit.clone(),
        notary: notary.clone(),
        ledger: ledger.clone(),
        deliveries: deliveries.clone(),
        mirrors: mirrors.clone(),
        keys,
        durability,
        token,
        address: control_address,
        blob: blob_url.clone(),
        issuer,
        refusals: authority.refusals,
        description: Arc::default(),
        accounts: Arc::default(),
        drain: drain.clone(),
        stop: stop.clone(),
    };
    let upkeep = Upkeep::start(store.clone());
    let publisher = Publisher::start(store.clone(), clock.clone());
    let courier = Courier::start(deliveries, store.clone(), clock.clone());
    let bookkeeping = tokio::spawn(bookkeeping(state.clone(), witness));
    let forgetting = tokio::spawn(forget_keys(store.clone()));
    let timer = tokio::spawn(tenancy.admission().clone().keep_time());
    let control = tokio::spawn(control::serve(control, state.clone()));
    let blob = tokio::spawn(greenroom_gateway::serve(gateway, blob, wire, drain.clone()));
    let stopping = stop_signal().map_err(Fault::Signal)?;
    say_ready(blob_url, control_address)?;
    tracing::info!(blob = %blob_address, control = %control_address, data = %args.data.display(), "serving");

    tokio::select! {
        signal = stopping => tracing::info!(signal, "stopping"),
        () = drain.cancelled() => tracing::info!("stopping: the control API asked for it"),
        () = stdin_end(), if args.until_stdin_closes => tracing::info!("stopping: standard input ended"),
    }
    drain.cancel();
    // The control API goes on while the Blob endpoint drains, so that its health can be watched.
    let _ = blob.await;
    stop.cancel();
    timer.abort();
    bookkeeping.abort();
    forgetting.abort();
    write_down(&state);
    if tokio::time::timeout(CONTROL_DRAIN_MAX, control).await.is_err() {
        tracing::warn!("control calls still under way are cut off");
    }
    if let Some(offload) = offload {
        offload.stop().await;
    }
    resealing.stop().await;
    mirrors.stop().await;
    courier.stop().await;
    publisher.stop().await;
    upkeep.stop().await;
    audit.close();
    notary.note().await;
    store.close().await?;
    tracing::info!("stopped");
    Ok(())
}

/// Whether the folder holds what cannot be had back without the server's own key.
fn is_node_key_used(store: &Store) -> Result<bool, StoreError> {
    let wraps = |key: &DataKeyRecord| key.wrapped.by == WrappingKey::NODE && !key.wrapped.bytes.is_empty();
    Ok(store.has_sealed_secrets()? || store.data_keys()?.iter().any(wraps))
}

/// Extents of which a small flash has many too: what is freed goes by whole files.
fn extent_bytes(capacity_bytes: u64) -> u64 {
    const PARTS: u64 = 64;
    (capacity_bytes / PARTS).clamp(1 << 20, Config::default().extent_bytes)
}

fn target(args: &Serve) -> Result<Option<Plan>, Fault> {
    let given = &args.offload;
    let Some(url) = &given.offload_to else { return Ok(None) };
    let secret = Secret::find(given.offload_secret_file.as_deref())?;
    let target = Target::open(url, secret.as_ref())?;
    let volume = given.offload_volume.clone();
    Ok(Some(Plan { target, volume, high_percent: given.high_water, low_percent: given.low_water }))
}

/// Counts usage in, and writes it down, until aborted.
async fn bookkeeping(state: Control, witness: Arc<Witness>) {
    loop {
        tokio::time::sleep(BOOKKEEPING_EVERY).await;
        witness.catch_up();
        state.notary.note().await;
        let state = state.clone();
        let written = tokio::task::spawn_blocking(move || {
            write_down(&state);
            state.offload.iter().for_each(|service| state.notary.compare(service));
        });
        if written.await.is_err() {
            tracing::error!("bookkeeping has panicked");
        }
    }
}

/// What is in memory is not written to a file when the process dies of a fault: keys are in it.
fn keep_no_core() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        if let Err(error) = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }) {
            tracing::warn!(%error, "a fault may leave a core file with keys in it");
        }
    }
}

/// Clears data keys whose time is over, until aborted.
async fn forget_keys(store: Store) {
    loop {
        tokio::time::sleep(FORGET_EVERY).await;
        store.forget_keys();
    }
}

fn write_down(state: &Control) {
    let counted = state.ledger.count(&control::usage::reading(state), state.clock.now());
    if let Err(error) = counted.and_then(|()| state.ledger.keep()) {
        tracing::error!(%error, "usage cannot be written down; it is kept in memory");
    }
}

fn listen(flag: &'static str, address: SocketAddr) -> Result<TcpListener, Fault> {
    let socket = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // As the library does where it binds: what is left of the last run is in nobody's way.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    socket().map_err(|source| Fault::listen(flag, address, source))
}

/// The address with the port that the system picked.
fn local(listener: &TcpListener, asked: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(asked)
}

fn request_seed() -> Result<u64, Fault> {
    Ok(getrandom::u64()?)
}

fn say_ready(blob: String, control: SocketAddr) -> Result<(), Fault> {
    let ready = Ready { ready: true, blob, control: format!("http://{control}") };
    let line = serde_json::to_string(&ready).expect("plain strings serialise");
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(Fault::Ready)
}

/// Waits until standard input ends. A thread of its own reads it: the runtime's would keep the server from ending.
async fn stdin_end() {
    let (ended, end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()).ok();
        ended.send(()).ok();
    });
    end.await.ok();
}

/// Listens from now on for what asks a program to end; the future names what came.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = &'static str>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}

#[cfg(windows)]
fn stop_signal() -> std::io::Result<impl Future<Output = &'static str>> {
    use tokio::signal::windows::{ctrl_break, ctrl_c};
    let (mut interrupt, mut terminate) = (ctrl_c()?, ctrl_break()?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => "Ctrl-C",
            _ = terminate.recv() => "Ctrl-Break",
        }
    })
}
