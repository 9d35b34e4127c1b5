//! Counters: kept in memory by the one writer, and written by the transaction that changes them.

use super::drafts::Drafts;
use super::feed::{Outboxes, read_outboxes};
use super::tables::{AUDIT_KEY, EXTENTS, GARBAGE, HEAD, HEAD_KEY, HELD, LOG_KEY, USAGE};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::etag::ETag;
use crate::extent::Freed;
use crate::piece::Piece;
use crate::quota::SharedQuotas;
use crate::rows::{AuditRow, BlobRow, ExtentRow, HeadRow, LogRow, StagingRow, corrupt, decode, encode};
use crate::usage::{Held, Owner, TenantUsage};
use greenroom_model::{AccountName, TenantName};
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata, WriteTransaction};
use std::collections::{BTreeMap, BTreeSet};

/// 100 ns ticks from the year 1 to the Unix epoch: where Azure's ETags count from.
const TICKS_AT_EPOCH: u64 = 621_355_968_000_000_000;

#[derive(Debug)]
pub struct Books {
    pub head: HeadRow,
    /// `None` where nothing is known of a log, or no more than its number.
    pub log: Option<LogRow>,
    /// To be written down.
    pub audit: Option<AuditRow>,
    pub extents: BTreeMap<u32, ExtentRow>,
    pub held: Held,
    /// The sum of all of it.
    pub all: TenantUsage,
    pub quotas: SharedQuotas,
    pub outboxes: Outboxes,
    /// There is something to sweep.
    pub garbage: bool,
    pub drafts: Drafts,
    pub freed: Freed,
    /// Rows that differ from what is on disk; an extent that is touched and absent is to be removed.
    touched_extents: BTreeSet<u32>,
    touched_tenants: BTreeSet<TenantName>,
    touched_containers: BTreeSet<u64>,
    /// What was written and not shown to others yet.
    unshown: Unshown,
}

/// Whose figures have changed since others were last shown them.
#[derive(Debug)]
enum Unshown {
    All,
    Some(BTreeSet<TenantName>, BTreeSet<u64>, BTreeSet<AccountName>),
}

impl Unshown {
    fn add(&mut self, tenants: &BTreeSet<TenantName>, containers: &BTreeSet<u64>) {
        if let Unshown::Some(unshown_tenants, unshown_containers, _) = self {
            unshown_tenants.extend(tenants.iter().cloned());
            unshown_containers.extend(containers);
        }
    }
}

impl Books {
    pub fn load(txn: &ReadTransaction) -> Result<Self> {
        let head = read_head(txn)?;
        let mut books = Books {
            log: read_log(txn, &head)?,
            head,
            audit: None,
            extents: BTreeMap::new(),
            held: Held::default(),
            all: TenantUsage::default(),
            quotas: SharedQuotas::default(),
            outboxes: read_outboxes(txn)?,
            garbage: !txn.open_table(GARBAGE)?.is_empty()?,
            drafts: Drafts::default(),
            freed: Freed::Nothing,
            touched_extents: BTreeSet::new(),
            touched_tenants: BTreeSet::new(),
            touched_containers: BTreeSet::new(),
            unshown: Unshown::All,
        };
        for item in txn.open_table(EXTENTS)?.iter()? {
            let (id, value) = item?;
            books.extents.insert(id.value(), decode(value.value())?);
        }
        for item in txn.open_table(USAGE)?.iter()? {
            let (tenant, value) = item?;
            let tenant = TenantName::new(tenant.value()).map_err(|error| corrupt(&error.to_string()))?;
            books.held.tenants.insert(tenant, decode(value.value())?);
        }
        for item in txn.open_table(HELD)?.iter()? {
            let (id, value) = item?;
            let (owner, usage): (Owner, TenantUsage) = decode(value.value())?;
            if owner.is_clients() {
                let account = books.held.accounts.entry(owner.account.clone()).or_default();
                *account = account.plus(usage);
            }
            books.all = books.all.plus(usage);
            books.held.containers.insert(id.value(), (owner, usage));
        }
        Ok(books)
    }

    /// Brings what others are shown up to date. The cost is that of what has changed, however many tenants there are.
    pub fn show(&mut self, shown: &mut Held) {
        let nothing = Unshown::Some(BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        match std::mem::replace(&mut self.unshown, nothing) {
            Unshown::All => {
                let outboxes = self.outboxes.iter().map(|(account, outbox)| (account.clone(), outbox.usage));
                *shown = Held { outboxes: outboxes.collect(), ..self.held.clone() };
            }
            Unshown::Some(tenants, containers, outboxes) => {
                for account in outboxes {
                    match self.outboxes.get(&account).map(|outbox| outbox.usage) {
                        Some(usage) => drop(shown.outboxes.insert(account, usage)),
                        None => drop(shown.outboxes.remove(&account)),
                    }
                }
                for tenant in tenants {
                    let usage = self.held.tenant(&tenant);
                    shown.tenants.insert(tenant, usage);
                }
                for id in containers {
                    let now = self.held.containers.get(&id);
                    let was = match now {
                        Some(held) => shown.containers.insert(id, held.clone()),
                        None => shown.containers.remove(&id),
                    };
                    for (Owner { account, .. }, _) in now.into_iter().chain(&was) {
                        shown.accounts.insert(account.clone(), self.held.account(account));
                    }
                }
            }
        }
    }

    /// Others are to be shown an account's outbox anew.
    pub fn touch_outbox(&mut self, account: &AccountName) {
        if let Unshown::Some(_, _, outboxes) = &mut self.unshown {
            outboxes.insert(account.clone());
        }
    }

    /// Writes what has changed, as the last act of a transaction.
    pub fn write(&mut self, txn: &WriteTransaction) -> Result<()> {
        let mut head = txn.open_table(HEAD)?;
        head.insert(HEAD_KEY, encode(&self.head).as_slice())?;
        if let Some(log) = &self.log {
            head.insert(LOG_KEY, encode(log).as_slice())?;
        }
        if let Some(audit) = self.audit.take() {
            head.insert(AUDIT_KEY, encode(&audit).as_slice())?;
        }
        if !self.touched_extents.is_empty() {
            let mut table = txn.open_table(EXTENTS)?;
            for id in std::mem::take(&mut self.touched_extents) {
                match self.extents.get(&id) {
                    Some(extent) => drop(table.insert(id, encode(extent).as_slice())?),
                    None => drop(table.remove(id)?),
                }
            }
        }
        self.unshown.add(&self.touched_tenants, &self.touched_containers);
        if !self.touched_tenants.is_empty() {
            let mut table = txn.open_table(USAGE)?;
            for tenant in std::mem::take(&mut self.touched_tenants) {
                let usage = self.held.tenants.get(&tenant).copied().unwrap_or_default();
                table.insert(tenant.as_str(), encode(&usage).as_slice())?;
            }
        }
        if !self.touched_containers.is_empty() {
            let mut table = txn.open_table(HELD)?;
            for id in std::mem::take(&mut self.touched_containers) {
                let held = self.held.containers.get(&id);
                match held.filter(|(_, usage)| *usage != TenantUsage::default()) {
                    Some(held) => drop(table.insert(id, encode(held).as_slice())?),
                    None => {
                        table.remove(id)?;
                        self.held.containers.remove(&id);
                    }
                }
            }
        }
        Ok(())
    }

    /// Grows with every call, also over restarts and while the clock stands still or goes back.
    pub fn next_etag(&mut self, now: Timestamp) -> ETag {
        let ticks = TICKS_AT_EPOCH.saturating_add_signed(now.0.saturating_mul(10));
        self.head.etag = ticks.max(self.head.etag + 1);
        ETag(self.head.etag)
    }

    pub fn next_id(&mut self) -> u64 {
        self.head.id += 1;
        self.head.id
    }

    /// One more place in the catalog refers to this content.
    pub fn refer(&mut self, piece: &Piece) {
        let extent = self.extents.entry(piece.extent).or_default();
        extent.live += piece.disk_bytes();
        extent.end = extent.end.max(u64::from(piece.end()));
        self.touched_extents.insert(piece.extent);
    }

    /// One place fewer does.
    pub fn release(&mut self, piece: &Piece) {
        let extent = self.extents.entry(piece.extent).or_default();
        match extent.live.checked_sub(piece.disk_bytes()) {
            Some(live) => extent.live = live,
            // What is left stays, and so does the extent: a count that is wrong once may not free what others refer to.
            None => tracing::error!(extent = piece.extent, live = extent.live, "more is let go of than was counted"),
        }
        self.touched_extents.insert(piece.extent);
        self.freed = Freed::Some;
    }

    /// These extents are gone.
    pub fn forget(&mut self, ids: &[u32]) {
        for id in ids {
            self.extents.remove(id);
            self.touched_extents.insert(*id);
        }
    }

    /// Sets the counters to what was found. Where an extent's last acknowledged byte lies is remembered, should it be further out.
    pub fn replace(&mut self, extents: BTreeMap<u32, ExtentRow>, held: Option<Held>) {
        self.touched_extents.extend(self.extents.keys().chain(extents.keys()));
        let old = std::mem::replace(&mut self.extents, extents);
        for (id, row) in old {
            let new = self.extents.entry(id).or_default();
            new.end = new.end.max(row.end);
        }
        if let Some(held) = held {
            self.touched_tenants.extend(self.held.tenants.keys().chain(held.tenants.keys()).cloned());
            self.touched_containers.extend(self.held.containers.keys().chain(held.containers.keys()));
            self.held = held;
        }
    }

    pub fn count_blob(&mut self, owner: &Owner, row: &BlobRow) {
        self.recount(owner, TenantUsage::default(), row.usage());
    }

    pub fn discount_blob(&mut self, owner: &Owner, row: &BlobRow) {
        self.recount(owner, row.usage(), TenantUsage::default());
    }

    /// Counts what something was out, and what it is now in, for all that it belongs to.
    pub fn recount(&mut self, owner: &Owner, was: TenantUsage, is: TenantUsage) {
        let anew = |usage: TenantUsage| usage.plus(is).minus(was);
        if owner.is_clients() {
            self.touched_tenants.insert(owner.tenant.clone());
            let tenant = self.held.tenants.entry(owner.tenant.clone()).or_default();
            *tenant = anew(*tenant);
            let account = self.held.accounts.entry(owner.account.clone()).or_default();
            *account = anew(*account);
        }
        self.touched_containers.insert(owner.id);
        let (_, held) = self.held.containers.entry(owner.id).or_insert_with(|| (owner.clone(), TenantUsage::default()));
        *held = anew(*held);
        self.all = anew(self.all);
    }

    /// Bytes on disk that rows refer to; what is shared counts for each.
    pub fn live_bytes(&self) -> u64 {
        self.extents.values().map(|extent| extent.live).sum()
    }

    /// Counts a staging as it was out, and as it is now in.
    pub fn recount_staging(&mut self, owner: &Owner, was: Option<&StagingRow>, is: Option<&StagingRow>) {
        let usage = |staging: Option<&StagingRow>| staging.map_or_else(TenantUsage::default, StagingRow::usage);
        self.recount(owner, usage(was), usage(is));
    }
}

pub fn read_head(txn: &ReadTransaction) -> Result<HeadRow> {
    let head = txn.open_table(HEAD)?;
    let head = head.get(HEAD_KEY)?.ok_or_else(|| corrupt("there is no head"))?;
    decode(head.value())
}

/// `None` too where the row is not of the manifest that was applied last.
pub fn read_log(txn: &ReadTransaction, head: &HeadRow) -> Result<Option<LogRow>> {
    let Some(row) = txn.open_table(HEAD)?.get(LOG_KEY)? else { return Ok(None) };
    let log: LogRow = decode(row.value())?;
    Ok(head.cloud.is_some_and(|cloud| cloud.applied == log.number).then_some(log))
}
