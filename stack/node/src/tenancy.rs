//! What is declared of tenants, kept in the data folder, and what follows from it: admission, quotas, states.

pub mod apply;
pub mod calibrate;
pub mod door;
pub mod focus;
mod keep;
mod leaving;
pub mod ledger;
pub mod plan;

use crate::fault::Fault;
use door::Door;
use greenroom_model::TenantName;
use greenroom_model::tenancy::{
    AdmissionStatus, AdmissionSwitch, Calibrated, Rate, Receipt, Share, TenantState, TenantsFile,
};
use greenroom_offload::Hash;
use greenroom_tenancy::admission::{Admission, Gate};
pub use keep::FILE;
use keep::Kept;
use leaving::Left;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Pieces of work at once while several tenants want the machine, for each of its cores. Who waits for a disk, a client or the cloud
/// holds none: a piece is what a core does without a pause, and with more of them than cores who comes next would wait for all.
const SLOTS_A_CORE: u32 = 1;
/// Changes on their way to the disk at once while several tenants want it. They share its syncs, so fewer would cost all of them; more
/// would stand in the way of whose turn it is.
const WRITES: u32 = 64;
/// Requests to the cloud at a time, for what is read from there, of one tenant or of all. It is there to be shared fairly, whatever waits
/// elsewhere: switching admission off does not lift it.
const FETCHES: u32 = 32;

#[derive(Debug)]
pub struct Tenancy {
    path: PathBuf,
    /// To the cores.
    admission: Admission,
    /// To the disk, for changes, by weight alone: what a tenant may have at all is asked for before.
    disk: Admission,
    /// To the cloud, by weight alone.
    cloud: Admission,
    strangers: Gate,
    gates: RwLock<HashMap<TenantName, Arc<Door>>>,
    kept: Mutex<Kept>,
    /// What was applied last, for those who only look.
    file: RwLock<Arc<TenantsFile>>,
    capacity: Mutex<(Rate, Calibrated)>,
}

impl Tenancy {
    /// What the folder holds, or nothing declared.
    pub fn open(dir: &Path) -> Result<Self, Fault> {
        let path = dir.join(keep::FILE);
        let kept = Kept::read(&path)?;
        let cores = std::thread::available_parallelism().map_or(2, |cores| cores.get() as u32);
        let cloud = Admission::new(FETCHES);
        Ok(Self {
            strangers: cloud.add(&fetching(&Share::default())),
            cloud,
            file: RwLock::new(Arc::new(kept.file.clone())),
            path,
            admission: Admission::new(SLOTS_A_CORE * cores),
            disk: Admission::new(WRITES),
            gates: RwLock::default(),
            kept: Mutex::new(kept),
            capacity: Mutex::new((Rate::default(), Calibrated::NotYet)),
        })
    }

    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    /// Off, nobody waits for anybody.
    pub fn switch(&self, to: AdmissionSwitch) {
        for admission in [&self.admission, &self.disk] {
            match to {
                AdmissionSwitch::On => admission.switch_on(),
                AdmissionSwitch::Off => admission.switch_off(),
            }
        }
    }

    pub fn gate(&self, tenant: &TenantName) -> Arc<Door> {
        if let Some(gate) = self.gates.read().unwrap_or_else(PoisonError::into_inner).get(tenant) {
            return gate.clone();
        }
        let share = self.share(tenant);
        let mut gates = self.gates.write().unwrap_or_else(PoisonError::into_inner);
        let door = || Door {
            cores: self.admission.add(&share),
            disk: self.disk.add(&by_weight(&share)),
            cloud: self.cloud.add(&fetching(&share)),
        };
        gates.entry(tenant.clone()).or_insert_with(|| Arc::new(door())).clone()
    }

    pub fn strangers(&self) -> &Gate {
        &self.strangers
    }

    pub fn share(&self, tenant: &TenantName) -> Share {
        self.file().tenant(tenant).map(|tenant| tenant.share).unwrap_or_default()
    }

    /// At work, and waiting.
    pub fn in_flight(&self, tenant: &TenantName) -> (u64, u64) {
        let gates = self.gates.read().unwrap_or_else(PoisonError::into_inner);
        gates.get(tenant).map_or((0, 0), |door| sum(door.cores.in_flight(), door.disk.in_flight()))
    }

    pub fn file(&self) -> Arc<TenantsFile> {
        self.file.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn etag(&self) -> String {
        keep::etag(&self.file())
    }

    pub fn state(&self, tenant: &TenantName) -> TenantState {
        self.kept().states.get(tenant).copied().unwrap_or_default()
    }

    /// Written down before anybody is told of it.
    pub fn set_state(&self, tenant: &TenantName, state: TenantState) -> Result<(), Fault> {
        self.change(|kept| {
            kept.states.insert(tenant.clone(), state);
            if state == TenantState::OffBoarded {
                // Whoever comes back under that name is not let in by what the last one was given.
                kept.tokens.entry(tenant.clone()).and_modify(|made| *made += 1);
            }
        })
    }

    /// Keeps the receipt of a tenant that has left, until the cloud has let go, and after.
    pub fn left(&self, receipt: Receipt) -> Result<(), Fault> {
        self.change(|kept| {
            kept.left.insert(receipt.tenant.clone(), Left { receipt, segments: None });
        })
    }

    pub fn receipt(&self, tenant: &TenantName) -> Option<Receipt> {
        self.kept().left.get(tenant).map(|left| left.receipt.clone())
    }

    /// Of whom the cloud may hold something, and in which segments, where that was found out.
    pub fn leaving(&self) -> Vec<(TenantName, Option<BTreeSet<Hash>>)> {
        let kept = self.kept();
        let waiting = kept.left.iter().filter(|(_, left)| !left.is_gone());
        waiting.map(|(name, left)| (name.clone(), left.segments.clone())).collect()
    }

    pub fn still_holds(&self, tenant: &TenantName, segments: BTreeSet<Hash>) -> Result<(), Fault> {
        self.change(|kept| {
            if let Some(left) = kept.left.get_mut(tenant) {
                left.hold(segments);
            }
        })
    }

    pub fn is_gone(&self, tenant: &TenantName, at: String, audit_seq: u64) -> Result<(), Fault> {
        self.change(|kept| {
            if let Some(left) = kept.left.get_mut(tenant) {
                left.gone(at, audit_seq);
            }
        })
    }

    /// The number of the token that is good, where one was made.
    pub fn token_number(&self, tenant: &TenantName) -> Option<u64> {
        let kept = self.kept();
        let off = kept.states.get(tenant) == Some(&TenantState::OffBoarded);
        kept.tokens.get(tenant).copied().filter(|_| !off)
    }

    /// The number of a new token; the one before is good no more.
    pub fn next_token(&self, tenant: &TenantName) -> Result<u64, Fault> {
        self.change(|kept| {
            let made = kept.tokens.entry(tenant.clone()).or_default();
            *made += 1;
            *made
        })
    }

    /// The token that was made last is good no more; where none was made, nothing changes.
    pub fn end_token(&self, tenant: &TenantName) -> Result<(), Fault> {
        self.change(|kept| {
            kept.tokens.entry(tenant.clone()).and_modify(|made| *made += 1);
        })
    }

    /// Takes a file that was found good for what holds, unless another one came first.
    pub fn adopt(&self, file: TenantsFile, etag: Option<&str>) -> Result<bool, Fault> {
        let kept = self.kept();
        if etag.is_some_and(|etag| etag != keep::etag(&kept.file)) {
            return Ok(false);
        }
        let mut new = kept.clone();
        for tenant in &file.tenants {
            // Who was off-boarded and is named again starts anew.
            if new.states.get(&tenant.name) == Some(&TenantState::OffBoarded) {
                new.states.remove(&tenant.name);
            }
        }
        new.file = file;
        self.hold(kept, new)?;
        Ok(true)
    }

    /// Takes what holds with something changed in it, which names nobody anew.
    pub fn amend(&self, file: TenantsFile) -> Result<(), Fault> {
        let kept = self.kept();
        let new = Kept { file, ..kept.clone() };
        self.hold(kept, new)
    }

    /// Written down before it holds.
    fn change<T>(&self, change: impl FnOnce(&mut Kept) -> T) -> Result<T, Fault> {
        let mut kept = self.kept();
        let mut new = kept.clone();
        let made = change(&mut new);
        new.write(&self.path)?;
        *kept = new;
        Ok(made)
    }

    fn hold(&self, mut kept: MutexGuard<'_, Kept>, new: Kept) -> Result<(), Fault> {
        new.write(&self.path)?;
        *kept = new;
        *self.file.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(kept.file.clone());
        drop(kept);
        let gates = self.gates.read().unwrap_or_else(PoisonError::into_inner);
        for (tenant, door) in gates.iter() {
            let share = self.share(tenant);
            self.admission.change(&door.cores, &share);
            self.disk.change(&door.disk, &by_weight(&share));
            self.cloud.change(&door.cloud, &fetching(&share));
        }
        Ok(())
    }

    pub fn capacity(&self) -> (Rate, Calibrated) {
        *self.capacity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_capacity(&self, rate: Rate, how: Calibrated) {
        *self.capacity.lock().unwrap_or_else(PoisonError::into_inner) = (rate, how);
    }

    pub fn admission_status(&self, jain: f64) -> AdmissionStatus {
        let (capacity, calibrated) = self.capacity();
        let (in_flight, queued) = sum(self.admission.in_flight(), self.disk.in_flight());
        let state = if self.admission.is_on() { AdmissionSwitch::On } else { AdmissionSwitch::Off };
        AdmissionStatus { state, capacity, calibrated, reserved: plan::reserved(&self.file()), jain, in_flight, queued }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<Gate> for Door {
    fn as_ref(&self) -> &Gate {
        &self.cores
    }
}

fn by_weight(share: &Share) -> Share {
    Share { weight: share.weight, ..Share::default() }
}

fn fetching(share: &Share) -> Share {
    Share { in_flight: Some(FETCHES), ..by_weight(share) }
}

fn sum(cores: (u64, u64), disk: (u64, u64)) -> (u64, u64) {
    (cores.0 + disk.0, cores.1 + disk.1)
}
