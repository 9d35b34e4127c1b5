//! From the catalog to a plan: one walk through it.

use super::{Failed, Service, record};
use greenroom_model::TenantName;
use greenroom_model::offload::{Rules, Treatment};
use greenroom_offload::format::footer::Key;
use greenroom_offload::pack::Leaving;
use greenroom_offload::policy::{self, Fact, Plan, Planner, Where, Why};
use greenroom_store::{BlobFact, BlobKind, Store, Tier, Timestamp, Told, Whereabouts};

/// Records that are told to the cloud anew in one pass.
const DESCRIBE_MAX: usize = 10_000;
const HOUR_US: i64 = 3_600_000_000;

/// What a pass is to do.
#[derive(Debug)]
pub struct Found {
    pub plan: Plan,
    /// In the cloud, with what is said of them there out of date.
    pub describe: Vec<(Leaving, u64)>,
    pub containers: Vec<Leaving>,
    pub live_bytes: u64,
}

impl Service {
    pub(super) async fn find(&self) -> Result<Found, Failed> {
        let now = self.clock.now();
        let usage = self.store.usage();
        let used = usage.flash_live_bytes;
        let mut found = find(&self.store, self.rules(), (usage.flash_capacity_bytes, used), now).await?;
        found.live_bytes = used;
        Ok(found)
    }
}

async fn find(store: &Store, rules: Rules, (capacity, used): (u64, u64), now: Timestamp) -> Result<Found, Failed> {
    let locked = Locked { store: store.clone(), last: None };
    let found = store.survey(move |survey| {
        let mut locked = locked;
        let mut planner = Planner::new(&rules, capacity, used, now.0);
        let (mut describe, mut containers) = (Vec::new(), Vec::new());
        survey.blobs(|tenant, blob| {
            let is_locked = locked.has(tenant);
            let key = record::key(tenant.as_str(), &blob.path, blob.snapshot);
            if let Some(leaving) = stale(&key, &blob).filter(|_| describe.len() < DESCRIBE_MAX && !is_locked) {
                describe.push((leaving, blob.bytes));
            }
            // Without the key nothing can move; what is in both places may go from flash.
            let moves = !is_locked || matches!(blob.at, Whereabouts::Both(_));
            if let Some(fact) = fact(key, blob).filter(|_| moves) {
                planner.fact(fact);
            }
        })?;
        survey.containers(|container| {
            let may_be_told = container.told == Told::NotAll && !locked.has(&container.tenant);
            if may_be_told && containers.len() < DESCRIBE_MAX {
                let key = record::container_key(container.tenant.as_str(), &container.path);
                containers.push(Leaving { key, etag: container.props.etag.to_string() });
            }
        })?;
        let mut plan = planner.finish();
        let hour = now.0.div_euclid(HOUR_US).rem_euclid(24) as u8;
        if rules.hours.is_some_and(|hours| !hours.hold(hour)) {
            keep_urgent(&mut plan);
        }
        Ok(Found { plan, describe, containers, live_bytes: used })
    });
    Ok(found.await?)
}

/// Whose content can be neither read nor sealed now.
struct Locked {
    store: Store,
    /// Blobs of a tenant follow each other.
    last: Option<(TenantName, bool)>,
}

impl Locked {
    fn has(&mut self, tenant: &TenantName) -> bool {
        match &self.last {
            Some((last, is_locked)) if last == tenant => *is_locked,
            Some(_) | None => {
                let is_locked = self.store.is_locked(tenant);
                self.last = Some((tenant.clone(), is_locked));
                is_locked
            }
        }
    }
}

/// What need not be done now is left for its hours.
fn keep_urgent(plan: &mut Plan) {
    plan.moves.retain(|step| matches!(step.why, Why::HighWater | Why::Tier(_)));
    let freed =
        plan.moves.iter().filter(|step| matches!(step.action, policy::Action::Offload | policy::Action::Free(_)));
    let freed = freed.map(|step| step.bytes).sum::<u64>();
    (plan.used_after, plan.bytes_freed) = ((plan.used_after + plan.bytes_freed).saturating_sub(freed), freed);
}

fn stale(key: &Key, blob: &BlobFact) -> Option<Leaving> {
    let in_cloud = matches!(blob.at, Whereabouts::Both(_) | Whereabouts::Cloud(_));
    (in_cloud && blob.told == Told::NotAll).then(|| Leaving { key: key.clone(), etag: blob.etag.to_string() })
}

/// `None` for what never moves: pages are written in place, and what is empty takes no room.
fn fact(key: Key, blob: BlobFact) -> Option<Fact> {
    if blob.kind != BlobKind::Block || (blob.bytes == 0 && blob.at != Whereabouts::Flash) {
        return None;
    }
    let tier = blob.tier.map(|tier| match tier {
        Tier::Hot => policy::Tier::Hot,
        Tier::Cool => policy::Tier::Cool,
        Tier::Cold => policy::Tier::Cold,
        Tier::Archive => policy::Tier::Archive,
    });
    let place = match blob.at {
        Whereabouts::Flash => Where::Flash,
        Whereabouts::Both(place) => Where::Both(record::place(place)),
        Whereabouts::Cloud(place) => Where::Cloud(record::place(place)),
        // It is in a cloud already, and not in ours.
        Whereabouts::Cached | Whereabouts::Origin => return None,
    };
    Some(Fact { key, etag: blob.etag.to_string(), bytes: blob.bytes, used: blob.used.0, tier, place })
}

/// In words, for the dry run.
pub fn words(why: Why, rules: &Rules) -> String {
    let by = |rule: Option<usize>| match rule {
        Some(number) => format!("rule {}", number + 1),
        None => "the default".to_owned(),
    };
    match why {
        Why::Tier(tier) => format!("a client has set the tier {tier:?}"),
        Why::Idle { days, rule } => format!("not used for {days} days, by {}", by(rule)),
        Why::HighWater => {
            format!("flash is above high water ({} %), and this was used longest ago", rules.water.high_percent)
        }
        Why::Rule(rule) => {
            let treat = rule.and_then(|number| rules.rules.get(number)).map_or(rules.otherwise, |rule| rule.treat);
            let what = match treat {
                Treatment::WhenFull => "leaves when flash is full",
                Treatment::Idle { .. } => "leaves when idle",
                Treatment::AtOnce => "leaves at once",
                Treatment::Copy => "goes to the cloud as well",
                Treatment::Pin => "belongs on flash",
            };
            format!("{what}, by {}", by(rule))
        }
    }
}
