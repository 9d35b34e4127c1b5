//! Loads of a demo: started by a step, drawn while they run, ended with the show, a reset or a failed step at the latest.

use super::Stage;
use super::runner::{Made, Seen};
use crate::account_sas;
use crate::load::{self, Meter, Report, Target};
use crate::parse::{LoadLine, Program};
use crate::rates::Values;
use crate::stack::Client;
use greenroom_model::control::{NewAccount, SasRequest};
use greenroom_model::{AccountName, TenantName};
use greenroom_show::Event;
use greenroom_show::unit::{Unit, grouped};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often a running load is drawn; its live figures are over the last second.
const LIVE_EVERY: Duration = Duration::from_millis(200);
/// Longer than any load on a stage.
const SAS_SECONDS: u64 = 3600;
const SAS_PERMISSIONS: &str = "rwdlac";
/// Requests under way with the key before may take so long.
const MOVE_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The loads that run.
#[derive(Debug, Default)]
pub struct Loads(Mutex<BTreeMap<String, Running>>);

#[derive(Debug, Clone)]
struct Running {
    account: AccountName,
    tenant: TenantName,
    meter: Arc<Meter>,
    target: Arc<Target>,
    live: Arc<Mutex<Values>>,
    cancel: CancellationToken,
    /// Its report, once it is over.
    ended: watch::Receiver<Option<Report>>,
}

impl Loads {
    pub fn cancel(&self) {
        self.lock().values().for_each(|running| running.cancel.cancel());
    }

    /// What the loads of these tenants have moved until now: bodies of requests that were answered.
    pub fn bytes(&self, of: &BTreeSet<TenantName>) -> u64 {
        self.lock().values().filter(|running| of.contains(&running.tenant)).map(|running| running.meter.bytes()).sum()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, name: &str) -> Result<Running, String> {
        let loads = self.lock();
        loads.get(name).cloned().ok_or_else(|| {
            let near = crate::parse::nearest(name, loads.keys().map(String::as_str));
            let near = near.map(|near| format!("; did you mean '{near}'?")).unwrap_or_default();
            format!("there is no load '{name}' in the background{near}")
        })
    }
}

impl Stage {
    pub(super) async fn load(self: &Arc<Self>, demo: &str, line: &LoadLine, cancel: &CancellationToken) -> Seen {
        if self.backstage.loads.lock().get(&line.name).is_some_and(|running| running.ended.borrow().is_none()) {
            return Err(format!("load '{}' runs already: stop it, or give this one another name", line.name));
        }
        let running = self.begin_load(demo, line, cancel).await?;
        if line.in_background {
            return Ok(format!("{} a second in the background", Unit::OpsPerSecond.say(line.shape.rate.0)));
        }
        self.joined(&line.name, running, cancel).await
    }

    pub(super) async fn stop_load(self: &Arc<Self>, name: &str) -> Seen {
        let running = self.backstage.loads.get(name)?;
        running.cancel.cancel();
        self.joined(name, running, &CancellationToken::new()).await
    }

    pub(super) async fn join_load(self: &Arc<Self>, name: &str, cancel: &CancellationToken) -> Seen {
        let running = self.backstage.loads.get(name)?;
        self.joined(name, running, cancel).await
    }

    /// Ends all loads, and waits until they are over.
    pub(super) async fn end_loads(&self) {
        self.backstage.loads.cancel();
        let all: Vec<_> = std::mem::take(&mut *self.backstage.loads.lock()).into_values().collect();
        for mut running in all {
            running.ended.wait_for(Option::is_some).await.ok();
        }
    }

    /// What the running loads measure: rates as they were last drawn, and what is counted as of now, so that a wait ends with the answer that it is for.
    pub(super) fn load_values(&self) -> Values {
        let loads = self.backstage.loads.lock();
        let mut values = Values::new();
        for (name, running) in loads.iter().filter(|(_, running)| running.ended.borrow().is_none()) {
            values.extend(running.live.lock().unwrap_or_else(PoisonError::into_inner).clone());
            values.extend(
                running.meter.counted().into_iter().map(|(counted, value)| (format!("{name}.{counted}"), value)),
            );
        }
        values
    }

    /// Lets a load sign with the other key from now on.
    pub(super) async fn move_load(&self, name: &str, key: u8) -> Seen {
        let running = self.backstage.loads.get(name)?;
        let sas = self.signed(&running.account, key).await?;
        let moved = running.target.authorise(&sas);
        let waiting = async {
            while !moved() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let waited = tokio::time::timeout(MOVE_MAX, waiting).await;
        waited.map_err(|_| "requests with the other key are still under way".to_string())?;
        Ok(format!("'{name}' signs with key {key}; nothing is under way with the other one"))
    }

    /// A SAS of the account, signed here with one of its keys, as a client does that holds the key.
    pub(super) async fn signed(&self, account: &AccountName, key: u8) -> Result<String, String> {
        let client = self.client_of(account)?;
        let keys = client.keys(account).await.map_err(|error| error.to_string())?;
        let key = match key {
            1 => Some(keys.key1),
            _ => keys.key2,
        };
        let key = key.ok_or_else(|| format!("{account} has no second key yet: 'keys rotate {account} 2' makes one"))?;
        account_sas::sign(account, &key, SAS_PERMISSIONS, Duration::from_secs(SAS_SECONDS), client.secrets())
    }

    async fn begin_load(
        self: &Arc<Self>,
        demo: &str,
        line: &LoadLine,
        cancel: &CancellationToken,
    ) -> Result<Running, String> {
        let account = match &line.account {
            Some(account) => account.clone(),
            None => super::operator::account_of(&line.tenant)?,
        };
        let client = self.client_of(&account)?;
        let containers = vec![line.container.clone()];
        let request = NewAccount { tenant: line.tenant.clone(), containers, public_containers: None };
        client.put_account(&account, &request).await.map_err(|error| error.to_string())?;
        let made = Made { demo: demo.into(), account: account.clone(), container: line.container.clone() };
        self.lock().made.push(made);
        let sas = match line.key {
            Some(key) => self.signed(&account, key).await?,
            None => minted(&client, &account).await?,
        };
        let url = format!("{}/{account}/{}?{sas}", client.blob, line.container);
        let target = Target::new(&url, line.shape.connections.get()).map_err(|error| error.to_string())?;
        let prepared = load::prepare(&line.shape, &target, cancel).await.map_err(|error| error.to_string())?;
        if prepared > 0 {
            self.emit(Event::Output(format!("{} blobs written to read from\r\n", grouped(f64::from(prepared)))));
        }
        // A load of the background outlives its step, and a load of the foreground ends with it.
        let own = if line.in_background { self.closing.child_token() } else { cancel.child_token() };
        let (end, ended) = watch::channel(None);
        let running = Running {
            account,
            tenant: line.tenant.clone(),
            meter: Arc::default(),
            target: Arc::new(target),
            live: Arc::default(),
            cancel: own,
            ended,
        };
        self.backstage.loads.lock().insert(line.name.clone(), running.clone());
        let (stage, demo, line, task) = (self.clone(), demo.to_string(), line.clone(), running.clone());
        self.tasks.spawn(async move {
            let report = stage.drive(&demo, &line, &task).await;
            end.send_replace(Some(report));
        });
        Ok(running)
    }

    /// Runs a load and draws it; its figures stand once it is over.
    async fn drive(self: &Arc<Self>, demo: &str, line: &LoadLine, running: &Running) -> Report {
        let meter = &running.meter;
        let mut work = std::pin::pin!(load::run(&line.shape, &running.target, meter, &running.cancel));
        let is_of = |program: &Program| program.demo.slug == demo;
        let named = |values: Vec<(String, f64)>| -> Values {
            values.into_iter().map(|(name, value)| (format!("{}.{name}", line.name), value)).collect()
        };
        loop {
            tokio::select! {
                () = &mut work => break,
                () = tokio::time::sleep(LIVE_EVERY) => {
                    let values = named(meter.live());
                    self.sample(&values, is_of);
                    *running.live.lock().unwrap_or_else(PoisonError::into_inner) = values;
                }
            }
        }
        let report = meter.report();
        // The curve comes down to zero, and the figures take over.
        self.sample(&named(vec![("ops_per_s".into(), 0.0), ("bytes_per_s".into(), 0.0)]), is_of);
        running.live.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let mut now = self.lock();
        // Another demo on stage has figures of its own.
        let is_on_stage = now.show.active.as_deref() == Some(demo);
        for (name, value, unit) in report.figures().into_iter().filter(|_| is_on_stage) {
            self.emit_in(&mut now, Event::Figure { name: format!("{}.{name}", line.name), value, unit });
        }
        report
    }

    async fn joined(self: &Arc<Self>, name: &str, mut running: Running, cancel: &CancellationToken) -> Seen {
        let (load, step) = (running.cancel.clone(), cancel.clone());
        // A step that is stopped stops the load that it waits for, and then waits for its end.
        let stopping = self.tasks.spawn(async move {
            step.cancelled().await;
            load.cancel();
        });
        running.ended.wait_for(Option::is_some).await.ok();
        stopping.abort();
        if cancel.is_cancelled() {
            return Err("stopped".into());
        }
        let report = running.ended.borrow().clone();
        self.backstage.loads.lock().remove(name);
        report.map(|report| said(&report)).ok_or_else(|| format!("load '{name}' ended without a report"))
    }
}

async fn minted(client: &Client, account: &AccountName) -> Result<String, String> {
    let request = SasRequest::new(account.clone(), SAS_PERMISSIONS, SAS_SECONDS);
    client.sas(&request).await.map(|sas| sas.token).map_err(|error| error.to_string())
}

/// The report in a line or two.
fn said(report: &Report) -> String {
    let mut text = format!(
        "{} of {} requests, {}, {}",
        grouped(report.done as f64),
        grouped(report.scheduled as f64),
        Unit::OpsPerSecond.say(report.ops_per_s),
        Unit::BytesPerSecond.say(report.bytes_per_s)
    );
    for (op, seen) in &report.ops {
        let say = |ms| Unit::Milliseconds.say(ms);
        text.push_str(&format!("; {} p50 {}, p99 {}", op.as_str(), say(seen.p50_ms), say(seen.p99_ms)));
    }
    for (code, count) in &report.errors {
        text.push_str(&format!("; {} × {code}", grouped(*count as f64)));
    }
    if report.unanswered > 0 {
        text.push_str(&format!("; {} never answered", grouped(report.unanswered as f64)));
    }
    if report.missed > 0 {
        text.push_str(&format!("; {} never begun", grouped(report.missed as f64)));
    }
    text
}
