//! Steps that say something to the running stack as its operator does: tenants, keys, quotas, admission, offload, faults, the disk.

use super::Stage;
use super::line::LineState;
use super::runner::{Made, Seen};
use super::supervise::Order;
use crate::library::read_tenants;
use crate::parse::{FaultVerb, FileName, KeysVerb, OffloadVerb, OriginFault, StackVerb, Switch, TenantVerb, Treat};
use greenroom_model::control::NewAccount;
use greenroom_model::offload::{CloudFault, MoveAction, OffloadPlan, Treatment, Water};
use greenroom_model::tenancy::{
    AdmissionRequest, AdmissionSwitch, ByteCount, Change, ChangeAction, HandOver, HandOverRequest, Quota, QuotaChange,
    Receipt, TenantSpec, TenantsFile, TenantsPlan,
};
use greenroom_model::{AccountName, ContainerName, TenantName};
use greenroom_show::Event;
use greenroom_show::unit::{Unit, grouped};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use tokio_util::sync::CancellationToken;

/// Lines of a plan that a terminal shows.
const LINES_MAX: usize = 16;

impl Stage {
    pub(super) async fn tenant(self: &Arc<Self>, demo: &str, what: &TenantVerb) -> Seen {
        let client = self.client()?;
        match what {
            TenantVerb::Create { name, containers } => self.tenant_create(demo, name, containers).await,
            TenantVerb::Plan { file } => {
                let file = self.tenants_file(demo, file)?;
                let plan = client.plan_tenants(&file).await.map_err(|error| error.to_string())?;
                self.say_plan(&plan);
                Ok(format!("{} changes to make; nothing has changed", changes(&plan)))
            }
            TenantVerb::Apply { file } => {
                let file = self.tenants_file(demo, file)?;
                let plan = client.plan_tenants(&file).await.map_err(|error| error.to_string())?;
                self.say_plan(&plan);
                let done = client.apply_tenants(&file, &plan.etag).await.map_err(|error| error.to_string())?;
                self.remember(demo, &file.tenants);
                Ok(match changes(&done) {
                    0 => "nothing to change: all is as the file says".into(),
                    count => format!("{count} changes made"),
                })
            }
            TenantVerb::Suspend { name } => self.tenant_act(name, "suspend").await,
            TenantVerb::Resume { name } => self.tenant_act(name, "resume").await,
            TenantVerb::HandOver { name, container, valid_for } => {
                let request = HandOverRequest {
                    account: None,
                    container: container.clone(),
                    expires_in_s: Some(valid_for.as_secs()),
                };
                let (made, pasted) = self.hand_over(name, &request).await?;
                self.say_hand_over(&made);
                let until = time_of_day(&made.expires_at);
                Ok(match pasted {
                    Pasted::OnClipboard => format!("good until {until} UTC; the line is on the clipboard"),
                    Pasted::NoDesktop => format!("good until {until} UTC"),
                    // The talk goes on: the step has shown what there is to see.
                    Pasted::Refused(why) => format!("good until {until} UTC; nothing is on the clipboard: {why}"),
                })
            }
            TenantVerb::OffBoard { name } => {
                let receipt = client.off_board(name).await.map_err(|error| error.to_string())?;
                self.say_receipt(&receipt);
                Ok("its data is gone and its keys are revoked; ledger and audit log stay".into())
            }
        }
    }

    pub(super) async fn quota(&self, tenant: &TenantName, bytes: ByteCount) -> Seen {
        let quota = Quota { bytes: Some(bytes), blobs: None };
        let change = QuotaChange { quota, project: None, container: None };
        let status = self.client()?.set_quota(tenant, &change).await.map_err(|error| error.to_string())?;
        let (stored, size) = (Unit::Bytes.say(status.stored.bytes as f64), Unit::Bytes.say(bytes.0 as f64));
        Ok(format!("{tenant} may store {size}, and stores {stored}"))
    }

    pub(super) async fn admission(&self, state: Switch) -> Seen {
        let state = match state {
            Switch::On => AdmissionSwitch::On,
            Switch::Off => AdmissionSwitch::Off,
        };
        let request = AdmissionRequest { state, capacity: None };
        let status = self.client()?.set_admission(&request).await.map_err(|error| error.to_string())?;
        Ok(match status.state {
            AdmissionSwitch::On => "tenants are kept apart".into(),
            AdmissionSwitch::Off => "whoever shouts loudest is served first".into(),
        })
    }

    pub(super) async fn keys(self: &Arc<Self>, what: &KeysVerb) -> Seen {
        match what {
            KeysVerb::Rotate { account, key } => {
                self.client()?.rotate_key(account, *key).await.map_err(|error| error.to_string())?;
                Ok(format!("key {key} of {account} is a new one; what the old one signed is refused"))
            }
            KeysVerb::Use { load, key } => self.move_load(load, *key).await,
            KeysVerb::Leak { account, key } => {
                let sas = self.signed(account, *key).await?;
                self.backstage.leaked.lock().unwrap_or_else(PoisonError::into_inner).insert(account.clone(), sas);
                Ok(format!("somebody has key {key} of {account}"))
            }
        }
    }

    pub(super) async fn fault(&self, what: &FaultVerb) -> Seen {
        let (kind, percent, delay) = match what {
            FaultVerb::Cloud { kind, percent, delay } => (kind, percent, delay),
            FaultVerb::Origin { state } => return self.origin_fault(*state),
        };
        let fault = kind.0.map(|kind| CloudFault {
            kind,
            percent: *percent,
            delay_ms: delay.map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)),
        });
        self.client()?.set_fault(fault.as_ref()).await.map_err(|error| error.to_string())?;
        Ok(match fault {
            Some(fault) => format!("the way to the cloud: {}", fault.kind.name()),
            None => "the way to the cloud is whole".into(),
        })
    }

    fn origin_fault(&self, state: OriginFault) -> Seen {
        let line = self.backstage.cloud.borrow().as_ref().map(|cloud| cloud.line.clone());
        let line = line.ok_or("there is no second node")?;
        Ok(match state {
            OriginFault::Offline => {
                line.set(LineState::Cut);
                "the line to the origin is cut".into()
            }
            OriginFault::None => {
                line.set(LineState::Whole);
                "the line to the origin is whole".into()
            }
        })
    }

    pub(super) async fn offload(self: &Arc<Self>, what: &OffloadVerb) -> Seen {
        let client = self.client()?;
        match what {
            OffloadVerb::Plan => {
                let plan = client.offload_plan().await.map_err(|error| error.to_string())?;
                self.say_moves(&plan);
                let size = Unit::Bytes.say(plan.total.bytes as f64);
                Ok(format!("{} blobs, {size}, would leave", grouped(plan.total.blobs as f64)))
            }
            OffloadVerb::Run => {
                let report = client.offload_run().await.map_err(|error| error.to_string())?;
                Ok(match report {
                    None => "the pass goes on in the background".into(),
                    Some(report) => format!(
                        "{} blobs, {}, left in {} objects; {} of flash are free again",
                        grouped(report.offloaded.blobs as f64),
                        Unit::Bytes.say(report.offloaded.bytes as f64),
                        grouped(report.segments as f64),
                        Unit::Bytes.say(report.freed_bytes as f64)
                    ),
                })
            }
            OffloadVerb::Policy { high, low, treat } => {
                let mut rules = client.offload_policy().await.map_err(|error| error.to_string())?;
                rules.water = Water { high_percent: u64::from(*high), low_percent: u64::from(*low) };
                rules.otherwise = match treat {
                    Treat::WhenFull => Treatment::WhenFull,
                    Treat::AtOnce => Treatment::AtOnce,
                    Treat::Copy => Treatment::Copy,
                    Treat::Pin => Treatment::Pin,
                };
                client.set_offload_policy(&rules).await.map_err(|error| error.to_string())?;
                Ok(format!("blobs leave above {high} % of flash, until {low} %"))
            }
        }
    }

    pub(super) async fn stack_verb(self: &Arc<Self>, what: &StackVerb, cancel: &CancellationToken) -> Seen {
        match what {
            StackVerb::Wipe => {
                self.end_loads().await;
                self.order(Order::Wipe).await?;
                Ok("its disk is gone; what is left is in the cloud".into())
            }
            StackVerb::Rebuild { left } => self.rebuild(left, cancel).await,
        }
    }

    pub(super) fn leaked(&self) -> BTreeMap<AccountName, String> {
        self.backstage.leaked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn forget_leaked(&self) {
        self.backstage.leaked.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    async fn tenant_create(self: &Arc<Self>, demo: &str, name: &TenantName, containers: &[ContainerName]) -> Seen {
        let account = account_of(name)?;
        let client = self.client_of(&account)?;
        client.put_tenant(name).await.map_err(|error| error.to_string())?;
        let request = NewAccount { tenant: name.clone(), containers: containers.to_vec(), public_containers: None };
        client.put_account(&account, &request).await.map_err(|error| error.to_string())?;
        let mut now = self.lock();
        for container in containers {
            now.made.push(Made { demo: demo.into(), account: account.clone(), container: container.clone() });
        }
        let named: Vec<_> = containers.iter().map(ToString::to_string).collect();
        Ok(format!("tenant {name}: account {account}, container {}", named.join(", ")))
    }

    async fn tenant_act(&self, name: &TenantName, act: &str) -> Seen {
        let status = self.client()?.tenant_act(name, act).await.map_err(|error| error.to_string())?;
        Ok(format!(
            "{name} is {}",
            serde_json::to_value(status.state)
                .ok()
                .and_then(|state| Some(state.as_str()?.to_string()))
                .unwrap_or_default()
        ))
    }

    /// A line for a user of the tenant, on the clipboard where there is one: it goes through no window, and into no log or take.
    pub(super) async fn hand_over(
        &self,
        name: &TenantName,
        request: &HandOverRequest,
    ) -> Result<(HandOver, Pasted), String> {
        let made = self.client()?.hand_over(name, request).await.map_err(|error| error.to_string())?;
        let Some(clipboard) = self.backstage.clipboard.clone() else { return Ok((made, Pasted::NoDesktop)) };
        let line = made.command.clone();
        let put = tokio::task::spawn_blocking(move || clipboard.put(&line)).await;
        let put = put.map_err(|error| error.to_string()).flatten();
        Ok((made, put.map_or_else(Pasted::Refused, |()| Pasted::OnClipboard)))
    }

    fn say_hand_over(self: &Arc<Self>, made: &HandOver) {
        let line = made.command.replace(&made.token, "sig=•••");
        self.say_lines(vec![
            format!("  account    {}", made.account),
            format!("  container  {}", made.container),
            format!("  may        {}", permissions(&made.permissions)),
            format!("  until      {} UTC", time_of_day(&made.expires_at)),
            format!("\x1b[32m$\x1b[0m {line}"),
        ]);
    }

    fn say_receipt(self: &Arc<Self>, receipt: &Receipt) {
        let (count, size) = (|number: u64| grouped(number as f64), Unit::Bytes.say(receipt.bytes as f64));
        self.say_lines(vec![
            format!("  removed    {} blobs, {size}, in {} containers", count(receipt.blobs), count(receipt.containers)),
            format!("  cloud      {}", cloud(receipt)),
            format!("  revoked    {} keys", count(receipt.keys_revoked)),
            format!("  data keys  {} erased", count(receipt.data_keys_erased)),
            format!("  audit log  entry {}, {:.16}…", count(receipt.audit_seq), receipt.audit_hash),
        ]);
    }

    fn tenants_file(&self, demo: &str, file: &FileName) -> Result<TenantsFile, String> {
        let mut file = read_tenants(self.places.project(), demo, &file.0).map_err(|fault| fault.to_string())?;
        self.fill_keys(&mut file)?;
        Ok(file)
    }

    /// For the reset of a demo on the shared stack: tenants stay, their containers go.
    fn remember(&self, demo: &str, tenants: &[TenantSpec]) {
        let accounts = tenants.iter().flat_map(|tenant| &tenant.projects).flat_map(|project| &project.accounts);
        let mut now = self.lock();
        for (account, container) in accounts.flat_map(|account| account.containers.iter().map(move |it| (account, it)))
        {
            let (account, container) = (account.name.clone(), container.name.clone());
            now.made.push(Made { demo: demo.into(), account, container });
        }
    }

    fn say_plan(self: &Arc<Self>, plan: &TenantsPlan) {
        self.say_lines(plan.changes.iter().map(change).collect());
    }

    fn say_moves(self: &Arc<Self>, plan: &OffloadPlan) {
        let say = |action| match action {
            MoveAction::Offload => "leaves",
            MoveAction::Copy => "is copied",
            MoveAction::Free => "is freed",
            MoveAction::Promote => "comes back",
            MoveAction::Describe => "is described",
        };
        let line = |planned: &greenroom_model::offload::PlannedMove| {
            let size = Unit::Bytes.say(planned.bytes as f64);
            format!("  {} {} ({size}): {}", planned.path, say(planned.action), planned.why)
        };
        self.say_lines(plan.moves.iter().map(line).collect());
    }

    pub(super) fn say_lines(self: &Arc<Self>, lines: Vec<String>) {
        let more = lines.len().saturating_sub(LINES_MAX);
        for line in lines.into_iter().take(LINES_MAX) {
            self.emit(Event::Output(format!("{line}\r\n")));
        }
        if more > 0 {
            self.emit(Event::Output(format!("  and {} more\r\n", grouped(more as f64))));
        }
    }
}

/// Where a line went that is to be pasted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pasted {
    OnClipboard,
    /// As in a terminal's run.
    NoDesktop,
    /// By the desktop, and why.
    Refused(String),
}

/// Of `2026-01-31T09:30:00Z`, what a speaker says.
pub fn time_of_day(at: &str) -> &str {
    at.get(11..16).unwrap_or(at)
}

/// What an off-boarded tenant has left in the cloud.
fn cloud(receipt: &Receipt) -> String {
    match (&receipt.gone_at, receipt.segments_left_in_cloud, receipt.bytes_left_in_cloud) {
        (Some(_), ..) => "nothing left".to_owned(),
        (None, Some(segments), _) => format!("{} objects still hold something of it", grouped(segments as f64)),
        (None, None, bytes) => format!("{} to go at the next collections", Unit::Bytes.say(bytes as f64)),
    }
}

fn permissions(letters: &str) -> String {
    let known = [('r', "read"), ('a', "append"), ('c', "create"), ('w', "write"), ('d', "delete"), ('l', "list")];
    let named: Vec<_> = known.iter().filter(|(letter, _)| letters.contains(*letter)).map(|(_, name)| *name).collect();
    named.join(", ")
}

/// A tenant's account has its name, as far as accounts may.
pub fn account_of(tenant: &TenantName) -> Result<AccountName, String> {
    AccountName::new(tenant.as_str().replace('-', "")).map_err(|error| error.to_string())
}

fn changes(plan: &TenantsPlan) -> usize {
    plan.changes.iter().filter(|change| change.action != ChangeAction::Keep).count()
}

fn change(change: &Change) -> String {
    let sign = match change.action {
        ChangeAction::Create => "\x1b[32m+",
        ChangeAction::Update => "\x1b[33m~",
        ChangeAction::Keep => "\x1b[2m=",
    };
    let what = match (change.field.as_str(), change.from.as_str(), change.to.as_str()) {
        ("", _, to) => to.to_string(),
        (field, "", to) => format!("{field} {to}"),
        (field, from, to) => format!("{field} {from} → {to}"),
    };
    format!("  {sign} {}\x1b[0m {what}", change.subject)
}
