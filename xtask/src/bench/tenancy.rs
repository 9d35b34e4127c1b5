//! Isolation: a quiet tenant beside one that asks for everything, with admission off and on; two that ask for everything; and what
//! metering and admission cost who is alone.

use super::data::ground;
use super::gateway::median;
use super::machine;
use super::report::{Report, table};
use super::server::{Kind, Server};
use super::wrk::{self, Method};
use crate::build::Profile;
use crate::family::{Kept, Limit};
use crate::setup::{self, Scope};
use crate::{paths, shell, system};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::num::NonZero;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// What the loud tenant asks for.
#[derive(Clone, Copy)]
struct Loud {
    name: &'static str,
    /// As for `greenroom load`; what is written first, where that is something else.
    load: &'static str,
    before: Option<&'static str>,
}

const LOUD: [Loud; 5] = [
    Loud {
        name: "small PUTs",
        load: "--put 1 --size 4KiB --rate 12000/s --connections 96 --keys 100000",
        before: None,
    },
    Loud {
        name: "lists of 1,000",
        load: "--list 1 --rate 2000/s --connections 96",
        before: Some("--put 1 --size 1KiB --rate 2000/s --arrivals even --keys 1500 --for 2s"),
    },
    Loud { name: "PUTs of 16 MiB", load: "--put 1 --size 16MiB --rate 200/s --connections 32 --keys 12", before: None },
    Loud { name: "GETs of 16 MiB", load: "--get 1 --size 16MiB --rate 300/s --connections 32 --keys 12", before: None },
    Loud { name: RECALLS, load: "--get 1 --size 16MiB --rate 300/s --connections 32 --keys 12", before: None },
];
/// Of what lies in the cloud only, which is a folder here.
const RECALLS: &str = "recalls of 16 MiB";
/// Requests that are sent when they are due, answered or not.
const QUIET: &str = "--put 1 --get 3 --size 64KiB --rate 80/s --connections 64 --seed 7 --for 6s";
const GREEDY: &str = "--put 1 --size 4KiB --rate 12000/s --keys 100000 --for 6s";
const GREEDY_CONNECTIONS: [u32; 2] = [96, 192];
const ALONE: &str = "--for 3s";
/// A tenant's places are kept for a second after it was there last: what the loud one gets alone begins after that.
const GONE: Duration = Duration::from_millis(1_200);
const WARM: Duration = Duration::from_millis(2_500);
/// Alone, the loud one is measured in turns of admission off and on, so that what drifts falls on both.
const TURNS: u8 = 3;
const COST_S: u32 = 1;
const COST_TURNS: usize = 12;
/// What metering and admission compute for a request, without the request.
const MEASURES: &str = "test --release -p greenroom-node --bin greenroom-stack";
const MEASURE: &str = "-q -- --ignored --exact figures::tests::what_a_request_costs --nocapture";
/// Before the method and the nanoseconds.
const MEASURED: &str = "COST";
/// Reads first: what writes leave to tidy up is not theirs.
const COST: [(wrk::Shape, Method); 2] = [
    (wrk::Shape { name: "4 KiB", folder: "cost", bytes: 4 << 10, connections: 32, names: 1_000_000 }, Method::Get),
    (wrk::Shape { name: "4 KiB", folder: "cost", bytes: 4 << 10, connections: 32, names: 1_000_000 }, Method::Put),
];
const TENANTS: &str = "version: 1
tenants:
  - { name: gold, share: { weight: 400 }, projects: [{ name: main, accounts: [{ name: gold, containers: [{ name: load }] }] }] }
  - { name: bronze, share: { weight: 100 }, projects: [{ name: main, accounts: [{ name: bronze, containers: [{ name: load }] }] }] }
";
const WEIGHT_RATIO: f64 = 4.0;
const POLICY: &str =
    r#"{"water": {"high_percent": 90, "low_percent": 80}, "rules": [{"tenant": "bronze", "treat": "at_once"}]}"#;

/// Figures of one aggressor in one repeat.
#[derive(Debug)]
struct Isolation {
    loud: usize,
    quiet: [Seen; PLACES],
    /// Operations a second of the loud one alone: admission off, on.
    alone: [f64; 2],
}

/// Where the quiet tenant is: alone; alone on cores that compute something else, which is what the machine itself does to it; beside the
/// loud one with admission off, then on.
const PLACES: usize = 4;
const SOLO: usize = 0;
const BUSY: usize = 1;
const OFF: usize = 2;
const ON: usize = 3;

/// What the quiet tenant has seen.
#[derive(Debug, Clone, Copy)]
struct Seen {
    get_p99_ms: f64,
    put_p99_ms: f64,
    /// Of all that were due.
    answered: f64,
}

/// Operations a second of two that want everything.
#[derive(Debug, Clone, Copy)]
struct Duel {
    gold: f64,
    bronze: f64,
}

/// What is told of two servers with metering and admission off is what the measurement itself is worth.
#[derive(Debug, Clone, Copy)]
struct Cost {
    /// Requests of a second server with both off over those of a first; then of one with both on over the mean of these two.
    requests: [f64; 2],
    /// The same for what the server computes for a request.
    cpu: [f64; 2],
    /// What metering and admission compute for a request when nothing else is done, over all that the server computes for it.
    part: f64,
}

#[derive(Debug, Default)]
struct Samples {
    isolation: Vec<Isolation>,
    /// Admission off, on.
    duels: [Vec<Duel>; 2],
    cost: [Vec<Cost>; COST.len()],
}

pub fn measure(repeats: u8) -> Result<Report> {
    ensure!(
        system::root(),
        "run this as root: the quiet tenant's client has a real-time priority, as if on a machine of its own"
    );
    setup::ensure(Scope::Bench)?;
    shell::step("Build the stack and the command line", || {
        let bins = "build --release -p greenroom-node -p greenroom-director --bin greenroom-stack --bin greenroom";
        shell::run(&mut shell::cargo(bins))?;
        shell::run(&mut shell::cargo(&format!("{MEASURES} --no-run")))
    })?;
    let mut samples = Samples::default();
    for repeat in 1..=repeats {
        for (number, loud) in LOUD.iter().enumerate() {
            let name = format!("Run {repeat} of {repeats}: {}", loud.name);
            samples.isolation.push(shell::step(&name, || isolation(number))?);
        }
        shell::step(&format!("Run {repeat} of {repeats}: two that want everything"), || duel(&mut samples.duels))?;
        shell::step(&format!("Run {repeat} of {repeats}: cost"), || cost(&mut samples.cost))?;
    }
    Ok(Report {
        key: "bench tenancy",
        title: "A quiet tenant beside a loud one",
        command: format!("cargo xtask bench tenancy --repeats {repeats}"),
        body: body(&samples, repeats),
    })
}

/// A server with both tenants, and where it offloads to.
struct Bed {
    server: Server,
    urls: [String; 2],
}

/// In life each client is a machine of its own, and what is measured is the server: the quiet tenant's client never waits for a core that
/// others use, and the loud one's gives way to the server.
#[derive(Debug, Clone, Copy)]
enum Client {
    Equal,
    GoesFirst,
    GivesWay,
}

const GOLD: usize = 0;
const BRONZE: usize = 1;

impl Bed {
    fn start() -> Result<Self> {
        let cloud = ground().join("tenancy-cloud");
        paths::remove_folder(&cloud)?;
        std::fs::create_dir_all(&cloud).context("create the folder that is the cloud")?;
        // What an earlier server has left to write is not this one's.
        shell::run(&mut Command::new("sync"))?;
        let server = Server::start_with(Kind::Greenroom, &["--offload-to", &format!("file://{}", cloud.display())])?;
        server.call("PUT", "/v1/tenants", TENANTS)?;
        let url = |account: &str| -> Result<String> {
            let asked = json!({"account": account, "permissions": "rwdlac", "expires_in_s": 86_400}).to_string();
            let sas = server.call("POST", "/v1/sas", &asked)?;
            let token = sas["token"].as_str().context("find the SAS")?;
            Ok(format!("http://{}/{account}/load?{token}", server.address()))
        };
        let urls = [url("gold")?, url("bronze")?];
        Ok(Self { server, urls })
    }

    fn command(&self, tenant: usize, load: &str, client: Client) -> Command {
        let greenroom = Profile::Release.program("greenroom");
        let under = |program: &str, args: [&str; 2]| {
            let mut under = Command::new(program);
            under.args(args).arg(&greenroom);
            under
        };
        let mut command = match client {
            Client::Equal => Command::new(&greenroom),
            Client::GoesFirst => under("chrt", ["--fifo", "1"]),
            Client::GivesWay => under("nice", ["-n", "19"]),
        };
        command.args(["load", "--json", "--to", &self.urls[tenant]]).args(load.split(' '));
        command
    }

    fn load(&self, tenant: usize, load: &str) -> Result<Value> {
        report(self.begin(tenant, load)?)
    }

    fn begin(&self, tenant: usize, load: &str) -> Result<Kept> {
        let client = if tenant == GOLD { Client::GoesFirst } else { Client::GivesWay };
        Kept::start(&mut self.command(tenant, load, client)).context("start the load")
    }

    fn quiet(&self) -> Result<Seen> {
        let report = self.load(GOLD, QUIET)?;
        let figure = |value: &Value| value.as_f64().context("find a figure of the load");
        Ok(Seen {
            get_p99_ms: figure(&report["ops"]["get"]["p99_ms"])?,
            put_p99_ms: figure(&report["ops"]["put"]["p99_ms"])?,
            answered: figure(&report["done"])? / figure(&report["scheduled"])?,
        })
    }

    /// The quiet tenant while nobody else asks for anything, and each core has a loop to run.
    fn busy(&self) -> Result<Seen> {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(1, NonZero::get) {
                scope.spawn(|| {
                    while !over.load(Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            let seen = self.quiet();
            over.store(true, Relaxed);
            seen
        })
    }

    /// The quiet tenant while the loud one is at work.
    #[expect(clippy::disallowed_methods, reason = "a load shows no moment from which on it is at work")]
    fn beside(&self, load: &str) -> Result<Seen> {
        let loud = self.begin(BRONZE, &format!("{load} --for 60s"))?;
        std::thread::sleep(WARM);
        let seen = self.quiet();
        drop(loud);
        seen
    }

    /// Operations a second of the loud one while nobody else is there: admission off, on.
    #[expect(clippy::disallowed_methods, reason = "nothing tells that a tenant's places are given up")]
    fn alone(&self, load: &str) -> Result<[f64; 2]> {
        std::thread::sleep(GONE);
        let mut sums = [0.0; 2];
        for turn in 0..TURNS {
            let order = if turn % 2 == 0 { [0, 1] } else { [1, 0] };
            for which in order {
                self.server.admission(["off", "on"][which])?;
                let report = self.load(BRONZE, &format!("{load} {ALONE}"))?;
                sums[which] += report["ops_per_s"].as_f64().context("find the rate of the load")?;
            }
        }
        Ok(sums.map(|sum| sum / f64::from(TURNS)))
    }

    /// From now on what the loud tenant has leaves flash, and what it reads is recalled.
    fn offload(&self, load: &str) -> Result<()> {
        self.server.call("PUT", "/v1/offload/policy", POLICY)?;
        self.load(BRONZE, &format!("{load} --for 1s"))?;
        self.server.call("POST", "/v1/offload/run", "{}")?;
        let status = self.server.call("GET", "/v1/offload", "")?;
        ensure!(status["offloaded"]["blobs"].as_u64() > Some(0), "nothing has left: {status}");
        Ok(())
    }
}

fn report(load: Kept) -> Result<Value> {
    let said = load.finish(Limit::None)?;
    // A load that is not answered in time exits with 1, which is what is measured.
    let reports: Value = serde_json::from_slice(&said.output).context("read what the load measured")?;
    Ok(reports[0].clone())
}

/// Off and on each have a server of their own: what a loud one has overwritten is compacted while the next one is measured.
fn isolation(loud: usize) -> Result<Isolation> {
    let Loud { name, load, before } = LOUD[loud];
    let begin = |state: &str| -> Result<Bed> {
        let bed = Bed::start()?;
        before.map(|before| bed.load(BRONZE, before)).transpose()?;
        if name == RECALLS {
            bed.offload(load)?;
        }
        bed.server.admission(state)?;
        Ok(bed)
    };
    let off = begin("off")?.beside(load)?;
    let bed = begin("on")?;
    let (solo, busy, on) = (bed.quiet()?, bed.busy()?, bed.beside(load)?);
    let alone = bed.alone(load)?;
    let quiet = [solo, busy, off, on];
    let [solo, busy, off, on] = quiet.map(|seen| seen.get_p99_ms);
    eprintln!("    GET p99 {solo:.1} ms alone, {busy:.1} ms on busy cores, {off:.1} ms off, {on:.1} ms on");
    eprintln!("    alone {:.1}/s off, {:.1}/s on", alone[0], alone[1]);
    Ok(Isolation { loud, quiet, alone })
}

fn duel(duels: &mut [Vec<Duel>; 2]) -> Result<()> {
    let bed = Bed::start()?;
    for (state, duels) in ["off", "on"].into_iter().zip(duels) {
        bed.server.admission(state)?;
        let [gold, bronze] = [GOLD, BRONZE].map(|tenant| {
            let load = format!("{GREEDY} --connections {}", GREEDY_CONNECTIONS[tenant]);
            Kept::start(&mut bed.command(tenant, &load, Client::Equal)).context("start the load")
        });
        let rate = |load: Result<Kept>| report(load?)?["ops_per_s"].as_f64().context("find the rate of the load");
        let duel = Duel { gold: rate(gold)?, bronze: rate(bronze)? };
        eprintln!("    admission {state}: {:.0}/s and {:.0}/s", duel.gold, duel.bronze);
        duels.push(duel);
    }
    Ok(())
}

/// The server has a core for itself and so has the load, so that neither moves while it is measured; three servers in turns, forth and
/// back, of which the one with both on is in the middle: what drifts falls on both sides of it.
fn cost(samples: &mut [Vec<Cost>; COST.len()]) -> Result<()> {
    let said = shell::capture(&mut shell::cargo(&format!("{MEASURES} {MEASURE}")))?;
    let start = |name: &str, options: &[&str]| on_core(0, || Server::start_named(Kind::Greenroom, name, options));
    let servers = [start("bare", &["--unmetered"])?, start("whole", &[])?, start("again", &["--unmetered"])?];
    for bare in [0, 2] {
        servers[bare].admission("off")?;
    }
    for ((shape, method), samples) in COST.iter().zip(samples) {
        let load = |server, method| on_core(1, || wrk::load(server, shape, method, COST_S));
        for server in &servers {
            load(server, Method::Put)?;
            load(server, *method)?;
        }
        // Requests, and seconds that the server computed for them.
        let mut all = [(0.0, 0.0); 3];
        for turn in 0..COST_TURNS {
            let order = if turn % 2 == 0 { [0, 1, 2] } else { [2, 1, 0] };
            for which in order {
                let (load, usage) = servers[which].watch(|| load(&servers[which], *method))?;
                all[which].0 += load.requests as f64;
                all[which].1 += usage.cpu_s;
            }
        }
        let ratios = |figure: fn((f64, f64)) -> f64| {
            let [bare, whole, again] = all.map(figure);
            [again / bare, whole / f64::midpoint(bare, again)]
        };
        let [bare, _, again] = all;
        let cost = Cost {
            requests: ratios(|(requests, _)| requests),
            cpu: ratios(|(requests, cpu_s)| cpu_s / requests),
            part: measured(&said, *method)? / 1e9 / ((bare.1 + again.1) / (bare.0 + again.0)),
        };
        eprintln!("    {method:?}: {cost:.3?}");
        samples.push(cost);
    }
    Ok(())
}

/// Does this, and starts what it starts, on one of the cores that there are for this process.
fn on_core<T>(number: usize, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let there = machine::value("/proc/self/status", "Cpus_allowed_list").context("find the cores of this process")?;
    let range = |part: &str| -> Option<std::ops::RangeInclusive<u32>> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse().ok()?..=last.parse().ok()?)
    };
    let core = there.split(',').filter_map(range).flatten().nth(number).context("this takes two cores")?;
    let go = |cores: &str| {
        let me = std::process::id().to_string();
        shell::run_quietly(Command::new("taskset").args(["--pid", "--cpu-list", cores, &me]))
    };
    go(&core.to_string())?;
    let result = work();
    go(&there)?;
    result
}

/// Nanoseconds of a core, of the line for that method.
fn measured(said: &str, method: Method) -> Result<f64> {
    let method = format!("{method:?}").to_uppercase();
    let figure = said.lines().find_map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
        [MEASURED, named, figure] if named == method => figure.parse().ok(),
        _ => None,
    });
    figure.with_context(|| format!("find what a {method} costs in '{said}'"))
}

/// Mean, and half of its 95 % confidence interval, by Student's t.
fn mean(values: &[f64]) -> (f64, f64) {
    const T: [f64; 8] = [12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31];
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let Some(t) = values.len().checked_sub(2).and_then(|index| T.get(index)) else { return (mean, f64::NAN) };
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, t * (variance / count).sqrt())
}

fn said(values: &[f64]) -> String {
    let (mean, half) = mean(values);
    let digits = if mean < 10.0 { 1 } else { 0 };
    format!("{mean:.digits$} ± {half:.digits$}")
}

fn body(samples: &Samples, repeats: u8) -> String {
    format!(
        "{}\nA quiet tenant of weight 400 sends 20 PUTs and 60 GETs of 64 KiB a second, each when it is due; beside it one of weight 100 \
         asks for more than the machine has, from 32 or 96 connections. Means of {repeats} runs with their 95 % confidence intervals. \
         Cores busy: nobody else sends anything, but each core has a loop to run, at the priority of the server: what is slower then is the machine's \
         scheduler, which nothing that keeps all cores at work gets below. The last column is work conservation: what the loud one gets with \
         admission on while nobody else wants anything, of what it gets with it off, in turns; it begins once the places kept for the quiet \
         one are given up, a second after that one went. Limits: server, clients and disk share two cores and one page cache; as if on machines of \
         their own, the quiet tenant's client runs at a real-time priority and the loud one's at the lowest; the cloud of the recalls is a \
         folder. Small PUTs are short, and writers share the disk's syncs: the quiet one hardly notices them, admission on or \
         off.\n\n{}\nBoth \
         send PUTs of 4 KiB as fast as they are answered, the one of weight 400 over 96 connections and the one of weight 100 over 192, from \
         clients of one priority. Jain's index is of requests by weight: 1 is fair.\n\n{}\nThe gateway's own benchmark (wrk, 32 \
         connections) with metering and admission on, over the same with both off, in {COST_TURNS} turns of {COST_S} s a run, the server on \
         one core and wrk on another; off twice is the second server that has them off over the first, which is what the measurement is worth. And what \
         metering and admission compute for such a request by themselves, on one thread, of what the server computes for \
         it. The audit log is of refusals and of what operators do: none of these requests comes to it.",
        isolation_table(samples),
        duel_table(samples),
        cost_table(samples),
    )
}

fn isolation_table(samples: &Samples) -> String {
    let row = |(number, loud): (usize, &Loud)| {
        let runs: Vec<&Isolation> = samples.isolation.iter().filter(|run| run.loud == number).collect();
        let of = |place: usize, figure: fn(&Seen) -> f64| -> Vec<f64> {
            runs.iter().map(|run| figure(&run.quiet[place])).collect()
        };
        let get = |place| of(place, |seen| seen.get_p99_ms);
        let put = |place| of(place, |seen| seen.put_p99_ms);
        let answered = |place| mean(&of(place, |seen| seen.answered * 100.0)).0;
        let places = |figure: &dyn Fn(usize) -> Vec<f64>| {
            let all: Vec<String> = [SOLO, BUSY, OFF, ON].into_iter().map(|place| said(&figure(place))).collect();
            all.join(" / ")
        };
        let against = |base| {
            let ratio = |place| median(get(place)) / median(get(base));
            format!("{:.0}x / **{:.1}x**", ratio(OFF), ratio(ON))
        };
        let conserved: Vec<f64> = runs.iter().map(|run| run.alone[1] / run.alone[0] * 100.0).collect();
        vec![
            loud.name.to_owned(),
            places(&get),
            against(SOLO),
            against(BUSY),
            places(&put),
            format!("{:.0} / {:.0} / {:.0}", answered(SOLO), answered(OFF), answered(ON)),
            said(&conserved),
        ]
    };
    let head = [
        "the loud one sends",
        "GET p99 alone / cores busy / off / on, ms",
        "off / on of alone (medians)",
        "off / on of cores busy",
        "PUT p99 alone / cores busy / off / on, ms",
        "answered alone / off / on, %",
        "loud alone, on of off, %",
    ];
    table(&head, &LOUD.iter().enumerate().map(row).collect::<Vec<_>>())
}

fn duel_table(samples: &Samples) -> String {
    let row = |(state, duels): (&str, &Vec<Duel>)| {
        let jain = |duel: &Duel| {
            let (gold, bronze) = (duel.gold / WEIGHT_RATIO, duel.bronze);
            (gold + bronze).powi(2) / (2.0 * (gold.powi(2) + bronze.powi(2)))
        };
        let of = |figure: &dyn Fn(&Duel) -> f64| duels.iter().map(figure).collect::<Vec<_>>();
        vec![
            state.to_owned(),
            said(&of(&|duel| duel.gold)),
            said(&of(&|duel| duel.bronze)),
            format!("**{:.2}**", mean(&of(&jain)).0),
        ]
    };
    let head = ["admission", "weight 400, requests/s", "weight 100, requests/s", "Jain's index"];
    table(&head, &["off", "on"].into_iter().zip(&samples.duels).map(row).collect::<Vec<_>>())
}

fn cost_table(samples: &Samples) -> String {
    let row = |((shape, method), costs): (&(wrk::Shape, Method), &Vec<Cost>)| {
        let of = |figure: &dyn Fn(&Cost) -> f64| mean(&costs.iter().map(figure).collect::<Vec<_>>());
        let ratio = |(mean, half)| format!("{mean:.3} ± {half:.3}");
        let (part, half) = of(&|cost| cost.part * 100.0);
        vec![
            format!("{} {}", format!("{method:?}").to_uppercase(), shape.name),
            format!("{} / **{}**", ratio(of(&|cost| cost.requests[0])), ratio(of(&|cost| cost.requests[1]))),
            format!("{} / **{}**", ratio(of(&|cost| cost.cpu[0])), ratio(of(&|cost| cost.cpu[1]))),
            format!("{part:.1} % ± {half:.1}"),
        ]
    };
    let head = [
        "request",
        "requests, off twice / on of off",
        "computing for one, off twice / on of off",
        "of that, metering and admission",
    ];
    table(&head, &COST.iter().zip(&samples.cost).map(row).collect::<Vec<_>>())
}
