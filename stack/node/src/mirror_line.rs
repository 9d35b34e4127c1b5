//! `mirror`: what is asked of a running server's mirrors from the command line, and what it says of them, for people.

use crate::args::{self, Mirror};
use crate::declare::{Server, run as wait};
use crate::fault::Fault;
use crate::offload::target::Secret;
use greenroom_gateway::time;
use greenroom_model::TenantName;
use greenroom_model::mirror::{Attach, Mirror as Settings, MirrorState, MirrorStatus};
use greenroom_model::tenancy::ByteCount;
use greenroom_store::Timestamp;
use reqwest::Method;
use std::collections::BTreeMap;
use std::process::ExitCode;

/// What authorises at an origin, where no file is given. Never an argument, which every user of a machine can read.
const SECRET_VARIABLE: &str = "GREENROOM_MIRROR_SECRET";

type Statuses = BTreeMap<TenantName, MirrorStatus>;

pub fn run(what: &Mirror) -> Result<ExitCode, Fault> {
    match what {
        Mirror::List { account, server } => {
            let server = Server::of(server)?;
            let asked = server.request(Method::GET, &format!("/v1/accounts/{account}/mirrors"));
            wait(async {
                Ok(server.send::<Statuses>(asked, "").await?.map_or_else(
                    |code| code,
                    |known| {
                        known.iter().for_each(|(name, status)| println!("{}", line(name, status)));
                        ExitCode::SUCCESS
                    },
                ))
            })
        }
        Mirror::Attach(args) => attach(args),
        Mirror::Detach { at, leave } => {
            let what = if *leave { "leave" } else { "remove" };
            let server = Server::of(&at.server)?;
            let asked = server.request(Method::DELETE, &format!("{}?what={what}", path(at)));
            wait(async {
                let left = server.send::<Statuses>(asked, "").await?;
                Ok(left.map_or_else(
                    |code| code,
                    |left| said(&format!("{} is detached; {} are left", at.name, left.len())),
                ))
            })
        }
        Mirror::Pause(at) => act(at, "pause"),
        Mirror::Resume(at) => act(at, "resume"),
        Mirror::Relist(at) => act(at, "relist"),
        Mirror::Status { at, json } => {
            let server = Server::of(&at.server)?;
            wait(async {
                let status = match server.send::<MirrorStatus>(server.request(Method::GET, &path(at)), "").await? {
                    Ok(status) => status,
                    Err(code) => return Ok(code),
                };
                Ok(said(&if *json {
                    serde_json::to_string(&status).expect("plain values serialise")
                } else {
                    table(&status).join("\n")
                }))
            })
        }
    }
}

/// What is not given stays as it is; of a new one it is as usual.
fn attach(args: &args::Attach) -> Result<ExitCode, Fault> {
    let (server, at) = (Server::of(&args.at.server)?, &args.at);
    let secret = Secret::of(args.secret_file.as_deref(), SECRET_VARIABLE)?;
    wait(async {
        let all = format!("/v1/accounts/{}/mirrors", at.account);
        let mut known = match server.send::<Statuses>(server.request(Method::GET, &all), "").await? {
            Ok(known) => known,
            Err(code) => return Ok(code),
        };
        let mirror = settings(args, known.remove(&at.name).and_then(|status| status.settings))?;
        let attach = Attach { mirror, secret: secret.map(Secret::into_text) };
        let asked = server.request(Method::PUT, &path(at)).json(&attach);
        let status = server.send::<MirrorStatus>(asked, "").await?;
        Ok(status.map_or_else(|code| code, |status| said(&line(&at.name, &status))))
    })
}

fn settings(args: &args::Attach, is: Option<Settings>) -> Result<Settings, Fault> {
    let args::Attach {
        at: _,
        origin,
        secret_file: _,
        container,
        cache,
        pinned,
        relist_s,
        poll_ms,
        objective_s,
        canary_s,
        paused,
    } = args;
    let is = match (is, origin) {
        (Some(is), _) => is,
        (None, Some(origin)) => Settings::of(origin),
        (None, None) => return Err(Fault::Call("a new mirror needs its origin: --origin URL".to_owned())),
    };
    Ok(Settings {
        origin: origin.clone().unwrap_or(is.origin),
        container: container.clone().or(is.container),
        cache: cache.unwrap_or(is.cache),
        pinned: if pinned.is_empty() { is.pinned } else { pinned.clone() },
        relist_s: relist_s.unwrap_or(is.relist_s),
        poll_ms: poll_ms.unwrap_or(is.poll_ms),
        objective_s: objective_s.unwrap_or(is.objective_s),
        canary_s: canary_s.or(is.canary_s),
        paused: *paused || is.paused,
    })
}

fn act(at: &args::At, what: &str) -> Result<ExitCode, Fault> {
    let server = Server::of(&at.server)?;
    let asked = server.request(Method::POST, &format!("{}/{what}", path(at)));
    wait(async {
        let status = server.send::<MirrorStatus>(asked, "").await?;
        Ok(status.map_or_else(|code| code, |status| said(&line(&at.name, &status))))
    })
}

fn path(at: &args::At) -> String {
    format!("/v1/accounts/{}/mirrors/{}", at.account, at.name)
}

fn said(text: &str) -> ExitCode {
    println!("{text}");
    ExitCode::SUCCESS
}

fn line(name: &TenantName, status: &MirrorStatus) -> String {
    let origin = status.settings.as_ref().map_or("", |settings| settings.origin.as_str());
    format!("{name}  {origin}  {}  {} behind  {} blobs", state(status.state), seconds(status.behind_ms), status.blobs)
}

fn table(status: &MirrorStatus) -> Vec<String> {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| rows.push(format!("{name:<15}  {value}"));
    if let Some(settings) = &status.settings {
        row("origin", settings.origin.clone());
    }
    row("state", state(status.state).to_owned());
    if let Some(why) = &status.why {
        row("why", why.clone());
    }
    row("complete up to", moment(status.complete_until_us));
    let objective = status.settings.as_ref().map(|settings| settings.objective_s);
    let meant = objective.map(|objective| {
        format!(" ({} the objective of {objective} s)", if status.is_within_objective { "within" } else { "beyond" })
    });
    row("behind", format!("{}{}", seconds(status.behind_ms), meant.unwrap_or_default()));
    row("events to go", status.events_behind.to_string());
    let lag = &status.lag;
    row("lag", format!("p50 {} ms, p99 {} ms, of {} events", lag.p50_ms, lag.p99_ms, lag.events));
    if let Some(canary) = status.canary_lag_ms {
        row("canary's lag", format!("{canary} ms"));
    }
    let containers: Vec<_> = status.containers.iter().map(ToString::to_string).collect();
    row("containers", containers.join(", "));
    row("blobs", status.blobs.to_string());
    let size = status.settings.as_ref().map(|settings| format!(" of {}", settings.cache));
    row("cached", format!("{}{}", ByteCount(status.cached_bytes), size.unwrap_or_default()));
    row("last list began", moment(status.listed_us));
    let left: Vec<_> = status.left_out.iter().map(|(why, blobs)| format!("{blobs} ({why})")).collect();
    row("left out", if left.is_empty() { "nothing".to_owned() } else { left.join(", ") });
    rows
}

fn state(state: MirrorState) -> &'static str {
    match state {
        MirrorState::Listing => "listing",
        MirrorState::Following => "following",
        MirrorState::ByList => "by list",
        MirrorState::Paused => "paused",
        MirrorState::Away => "away",
    }
}

/// Of what is not known yet there is no moment.
fn moment(at_us: i64) -> String {
    if at_us == 0 { "nothing yet".to_owned() } else { time::iso_seconds(Timestamp(at_us)) }
}

fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Args, Command};
    use clap::Parser as _;

    fn given(arguments: &[&str]) -> args::Attach {
        let all = ["greenroom-stack", "mirror", "attach", "gold", "lake", "--data", "d"].iter().chain(arguments);
        match Args::try_parse_from(all).expect("good arguments").command {
            Command::Mirror(Mirror::Attach(attach)) => *attach,
            _ => panic!("it is `mirror attach` that was asked for"),
        }
    }

    #[test]
    fn what_is_not_given_stays_as_it_is() {
        let new = settings(&given(&["--origin", "s3://raw", "--cache", "2GiB"]), None).expect("an origin");
        assert_eq!(new, Settings { cache: ByteCount(2 << 30), ..Settings::of("s3://raw") });
        let is = Settings { paused: true, pinned: vec!["hot/".to_owned()], ..new };
        let next = settings(&given(&["--poll-ms", "250"]), Some(is.clone())).expect("it has its origin");
        assert_eq!(next, Settings { poll_ms: 250, ..is });
        assert!(settings(&given(&[]), None).is_err(), "a new one has no origin yet");
        let named = ["greenroom-stack", "mirror", "attach", "gold", "lake", "--data", "d", "--secret", "abc"];
        assert!(Args::try_parse_from(named).is_err(), "a secret is no argument");
    }

    #[test]
    fn a_status_is_a_table() {
        let status = MirrorStatus {
            settings: Some(Settings::of("s3://raw")),
            state: MirrorState::Away,
            why: Some("the origin does not answer".to_owned()),
            complete_until_us: 1_800_000_000_000_000,
            behind_ms: 12_345,
            is_within_objective: true,
            blobs: 7,
            cached_bytes: 3 << 20,
            left_out: [("page blob".to_owned(), 2)].into(),
            ..MirrorStatus::default()
        };
        let table = table(&status).join("\n");
        for said in [
            "state            away",
            "why              the origin does not answer",
            "complete up to   2027-01-15T08:00:00Z",
            "behind           12.3 s (within the objective of 600 s)",
            "blobs            7",
            "cached           3 MiB of 1 GiB",
            "last list began  nothing yet",
            "left out         2 (page blob)",
        ] {
            assert!(table.lines().any(|line| line == said), "{said}\n{table}");
        }
    }
}
