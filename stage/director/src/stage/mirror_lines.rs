//! The mirrors of the running stack, for the presenter's page about them.

use super::Stage;
use crate::parse::MirrorVerb;
use crate::rates::Values;
use crate::scrub::Secrets;
use crate::stack::{Client, StackError};
use futures::{StreamExt, TryStreamExt, stream};
use greenroom_model::control::Account;
use greenroom_model::mirror::{self, MirrorState as State, MirrorStatus};
use greenroom_model::{AccountName, TenantName};
use greenroom_show::call::{ActOnMirror, CallError};
use greenroom_show::mirrors::{
    Bucket, Canary, Complete, Counts, Lag, MirrorAct, MirrorLine, MirrorState, Mirrors, Objective,
};
use std::collections::BTreeMap;

/// The stack tells mirrors an account at a time, and the page asks twice a second: those that are known to have some come first.
const ACCOUNTS_MAX: usize = 32;
const ACCOUNTS_AT_ONCE: usize = 4;
/// More than anybody watches; the first ones by account and name.
const LINES_MAX: usize = 32;

pub async fn read(stage: &Stage) -> Result<Mirrors, CallError> {
    let client = stage.client().map_err(|detail| CallError::Failed { detail })?;
    let mut accounts = client.accounts().await.map_err(|error| failed(&error))?;
    order(&mut accounts, &stage.backstage.values.borrow());
    let unasked = accounts.len().saturating_sub(ACCOUNTS_MAX);
    accounts.truncate(ACCOUNTS_MAX);
    let told: BTreeMap<AccountName, BTreeMap<TenantName, MirrorStatus>> =
        stream::iter(accounts.into_iter().map(|account| of_account(&client, account.name)))
            .buffer_unordered(ACCOUNTS_AT_ONCE)
            .try_collect()
            .await
            .map_err(|error| failed(&error))?;
    let mut mirrors: Vec<_> = told
        .iter()
        .flat_map(|(account, named)| named.iter().map(move |(name, status)| (account, name, status)))
        .map(|(account, name, status)| line(account, name, status, client.secrets()))
        .collect();
    let more = mirrors.len().saturating_sub(LINES_MAX);
    mirrors.truncate(LINES_MAX);
    Ok(Mirrors { mirrors, more, unasked })
}

/// Does what a step of a demo does, and says what that would say.
pub async fn act(stage: &Stage, call: &ActOnMirror) -> Result<String, CallError> {
    let account = AccountName::new(call.account.as_str()).map_err(|error| unknown("account", error.to_string()))?;
    let name = TenantName::new(call.mirror.as_str()).map_err(|error| unknown("mirror", error.to_string()))?;
    let verb = match call.act {
        MirrorAct::Pause => MirrorVerb::Pause { account, name },
        MirrorAct::Resume => MirrorVerb::Resume { account, name },
        MirrorAct::Relist => MirrorVerb::Relist { account, name },
        MirrorAct::Remove => MirrorVerb::Detach { account, name, leave: false },
        MirrorAct::Leave => MirrorVerb::Detach { account, name, leave: true },
    };
    stage.mirror(&verb).await.map_err(|detail| CallError::Failed { detail })
}

/// One that has gone meanwhile has none.
async fn of_account(
    client: &Client,
    account: AccountName,
) -> Result<(AccountName, BTreeMap<TenantName, MirrorStatus>), StackError> {
    match client.mirrors(&account).await {
        Ok(mirrors) => Ok((account, mirrors)),
        Err(StackError::Refused(problem)) if problem.status == 404 => Ok((account, BTreeMap::new())),
        Err(error) => Err(error),
    }
}

/// Those of tenants that mirror something first, and by name. What cannot be taken up has no values: hence the others as well.
fn order(accounts: &mut [Account], values: &Values) {
    accounts.sort_by_key(|account| {
        let mirrors = values.contains_key(&format!("{}.mirror_behind_s", account.tenant));
        (!mirrors, account.name.clone())
    });
}

fn unknown(kind: &str, name: String) -> CallError {
    CallError::NotFound { kind: kind.into(), name, nearest: None }
}

fn failed(error: &StackError) -> CallError {
    CallError::Failed { detail: error.to_string() }
}

fn line(account: &AccountName, name: &TenantName, status: &MirrorStatus, secrets: &Secrets) -> MirrorLine {
    let settings = status.settings.as_ref();
    MirrorLine {
        account: account.to_string(),
        name: name.to_string(),
        // Neither has one by what the stack promises; a window is shown what is scrubbed all the same.
        origin: settings.map(|settings| secrets.scrub(&settings.origin)).unwrap_or_default(),
        why: status.why.as_ref().map(|why| secrets.scrub(why)),
        containers: status.containers.iter().map(ToString::to_string).collect(),
        state: match status.state {
            State::Listing => MirrorState::Listing,
            State::Following => MirrorState::Following,
            State::ByList => MirrorState::ByList,
            State::Paused => MirrorState::Paused,
            State::Away => MirrorState::Away,
        },
        complete: unix_ms(status.complete_until_us).map(|until_unix_ms| Complete {
            until_unix_ms,
            behind_ms: status.behind_ms,
            objective: if status.is_within_objective { Objective::Met } else { Objective::Missed },
        }),
        objective_ms: settings.map_or(0, |settings| u64::from(settings.objective_s) * 1_000),
        events_behind: status.events_behind,
        lag: lag(&status.lag),
        canary: settings
            .and_then(|settings| settings.canary_s)
            .map(|seconds| Canary { every_ms: u64::from(seconds) * 1_000, lag_ms: status.canary_lag_ms }),
        blobs: status.blobs,
        cached_bytes: status.cached_bytes,
        cache_bytes_max: settings.map_or(0, |settings| settings.cache.0),
        counts: Counts {
            put: status.counts.put,
            gone: status.counts.gone,
            lists: status.counts.lists,
            rounds: status.counts.rounds,
            feed_reads: status.counts.feed_reads,
            gaps: status.counts.gaps,
            reads: status.counts.reads,
            bytes_read: status.counts.bytes_read,
        },
        left_out: status.left_out.clone(),
        listed_unix_ms: unix_ms(status.listed_us),
    }
}

fn lag(lag: &mirror::Lag) -> Lag {
    let counts = lag.counts.iter().enumerate();
    Lag {
        events: lag.events,
        p50_ms: lag.p50_ms,
        p99_ms: lag.p99_ms,
        max_ms: lag.max_ms,
        buckets: counts
            .map(|(index, events)| Bucket { upto_ms: mirror::Lag::upto_ms(index), events: *events })
            .collect(),
    }
}

/// Of microseconds in which 0 stands for never.
fn unix_ms(us: i64) -> Option<u64> {
    u64::try_from(us / 1_000).ok().filter(|ms| *ms > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroom_model::mirror::Mirror;

    fn named(name: &str) -> TenantName {
        TenantName::new(name).expect("a good name")
    }

    fn told(status: &MirrorStatus) -> MirrorLine {
        let secrets = Secrets::default();
        secrets.know("opensesame0123456789");
        line(&AccountName::new("shown").expect("a good name"), &named("lake"), status, &secrets)
    }

    #[test]
    fn a_line_says_how_a_mirror_stands_and_no_secret() {
        let mut counts = mirror::Lag::default().counts;
        counts[3] = 7;
        let status = MirrorStatus {
            settings: Some(Mirror { objective_s: 10, ..Mirror::of("https://lake.example/raw") }),
            state: State::Away,
            why: Some("it answers 403 to opensesame0123456789".into()),
            complete_until_us: 1_700_000_000_000_000,
            behind_ms: 12_000,
            is_within_objective: false,
            lag: mirror::Lag { events: 7, counts, ..mirror::Lag::default() },
            ..MirrorStatus::default()
        };
        let line = told(&status);
        assert_eq!((line.id().as_str(), line.state), ("shown/lake", MirrorState::Away));
        assert_eq!(line.origin, "https://lake.example/raw");
        assert!(
            line.reason().starts_with("it answers 403") && !line.reason().contains("opensesame"),
            "{}",
            line.reason()
        );
        let complete = Complete { until_unix_ms: 1_700_000_000_000, behind_ms: 12_000, objective: Objective::Missed };
        assert_eq!((line.complete, line.objective_ms), (Some(complete), 10_000));
        assert_eq!(line.lag.buckets[3], Bucket { upto_ms: Some(1_000), events: 7 });
        assert_eq!(line.lag.buckets.last().expect("some").upto_ms, None);
        assert_eq!(line.listed_unix_ms, None, "never");
    }

    #[test]
    fn before_everything_was_listed_nothing_is_complete() {
        assert_eq!(told(&MirrorStatus { behind_ms: u64::MAX, ..MirrorStatus::default() }).complete, None);
    }

    #[test]
    fn accounts_that_mirror_something_are_asked_first() {
        let account = |tenant: &str, name: &str| Account {
            name: AccountName::new(name).expect("a good name"),
            tenant: named(tenant),
        };
        let mut accounts =
            vec![account("none", "bbb"), account("some", "ddd"), account("none", "aaa"), account("some", "ccc")];
        order(&mut accounts, &[("some.mirror_behind_s".to_owned(), 1.0)].into());
        let names: Vec<_> = accounts.iter().map(|account| account.name.as_str()).collect();
        assert_eq!(names, ["ccc", "ddd", "aaa", "bbb"]);
    }
}
