//! The order of service, decided: pure, with the time passed in as nanoseconds since any one moment.
//!
//! Work comes in pieces: the beginning of a request, then each run of bytes that it moves. A piece costs its bytes and a constant. While
//! one tenant is alone it has all of the machine. When several want it there are `slots` places for pieces at work: a tenant with a
//! reservation that it has not used up comes first, then deficit round robin by weight. Of the places, each tenant that was at work
//! lately keeps as many free as it used at the same time, up to its fair part: who needs little finds the door open.

use super::pace::Pace;
use std::collections::VecDeque;

/// What a piece costs beside its bytes: about what a small write costs the machine, in bytes of a large one.
pub const COST_BASE: u64 = 64 << 10;
/// Bytes that a tenant of weight 100 may move each time that the round comes to it.
const QUANTUM: i64 = 256 << 10;
/// How many quanta a tenant may be let in ahead of its turn while others wait.
const LEAD_QUANTA: i64 = 8;
/// A tenant that did nothing for this long leaves its places to others.
const ACTIVE_NS: u64 = 1_000_000_000;
/// How often fair parts are worked out anew.
const TICK_NS: u64 = 50_000_000;

pub type TenantId = usize;
pub type Ticket = u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Pieces at work at once while several tenants want the machine.
    pub slots: u32,
    /// Pieces of one tenant that may wait.
    pub queue_max: usize,
}

/// What a tenant gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    pub weight: u32,
    pub reserve_ops: Option<Pace>,
    pub reserve_bytes: Option<Pace>,
    pub ceiling_ops: Option<Pace>,
    pub ceiling_bytes: Option<Pace>,
    pub in_flight_max: u32,
}

impl Default for Terms {
    fn default() -> Self {
        let (reserve_ops, reserve_bytes, ceiling_ops, ceiling_bytes) = (None, None, None, None);
        Self { weight: 100, reserve_ops, reserve_bytes, ceiling_ops, ceiling_bytes, in_flight_max: u32::MAX }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Granted,
    /// `next` will name the ticket.
    Queued,
    /// As many wait as may: what the tenant is over.
    Refused(Over),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    Operations,
    Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Grant(TenantId, Ticket),
    /// Nobody until then, unless something is released.
    At(u64),
    /// Nobody until something is released or comes.
    Nobody,
}

/// One piece of work that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    pub ticket: Ticket,
    pub bytes: u64,
    pub kind: Kind,
}

/// The beginning of a request is counted by the rates of operations; its later pieces are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Operation,
    More,
    /// Later pieces that go in the order in which they come: what waits holds nothing that others need.
    InOrder,
}

#[derive(Debug, Clone)]
struct Tenant {
    terms: Terms,
    queue: VecDeque<Piece>,
    /// Below zero where it was let in ahead of its turn.
    deficit: i64,
    in_use: u32,
    /// The most pieces at work and waiting within the last ticks; halves with each tick.
    peak: u32,
    /// Places that are its own.
    claim: u32,
    seen: u64,
    active: bool,
}

#[derive(Debug)]
pub struct Scheduler {
    limits: Limits,
    tenants: Vec<Tenant>,
    active: Vec<TenantId>,
    /// Those who wait, in the order of the round.
    round: VecDeque<TenantId>,
    in_use: u32,
    /// Places that are kept free for those who own them.
    kept: u32,
    ticked: u64,
}

impl Scheduler {
    pub fn new(limits: Limits) -> Self {
        Self { limits, tenants: Vec::new(), active: Vec::new(), round: VecDeque::new(), in_use: 0, kept: 0, ticked: 0 }
    }

    pub fn add(&mut self, terms: Terms) -> TenantId {
        let (queue, deficit, in_use, peak, claim) = (VecDeque::new(), 0, 0, 0, 0);
        self.tenants.push(Tenant { terms, queue, deficit, in_use, peak, claim, seen: 0, active: false });
        self.tenants.len() - 1
    }

    /// Other terms from now on; what is owed by the old ones stays owed.
    pub fn change(&mut self, id: TenantId, terms: Terms, now: u64) {
        let old = self.tenants[id].terms;
        let carry = |old: Option<Pace>, new: Option<Pace>| match (old, new) {
            (Some(mut old), Some(new)) => {
                old.change(new, now);
                Some(old)
            }
            (_, new) => new,
        };
        self.tenants[id].terms = Terms {
            reserve_ops: carry(old.reserve_ops, terms.reserve_ops),
            reserve_bytes: carry(old.reserve_bytes, terms.reserve_bytes),
            ceiling_ops: carry(old.ceiling_ops, terms.ceiling_ops),
            ceiling_bytes: carry(old.ceiling_bytes, terms.ceiling_bytes),
            ..terms
        };
        self.share_out();
    }

    /// Asks for a piece of work.
    pub fn ask(&mut self, id: TenantId, piece: Piece, now: u64) -> Verdict {
        self.see(id, now);
        let waits_before = !self.tenants[id].queue.is_empty();
        if !waits_before
            && self.ready_at(id, piece.kind, now) <= now
            && self.has_place(id, now)
            && !self.others_first(id, now)
        {
            if !self.round.is_empty() {
                self.tenants[id].deficit -= cost(&piece);
            }
            self.start(id, piece, now);
            return Verdict::Granted;
        }
        let tenant = &self.tenants[id];
        if piece.kind == Kind::Operation && tenant.queue.len() >= self.limits.queue_max {
            let bytes = tenant.terms.ceiling_bytes.is_some_and(|pace| !pace.is_ready(now));
            return Verdict::Refused(if bytes { Over::Bytes } else { Over::Operations });
        }
        self.edit(id, |tenant| {
            // What has begun goes on before what has not: its connection, buffers and content are held.
            match piece.kind {
                Kind::More => tenant.queue.push_front(piece),
                Kind::Operation | Kind::InOrder => tenant.queue.push_back(piece),
            }
            tenant.peak = tenant.peak.max(tenant.in_use + tenant.queue.len() as u32);
        });
        if !waits_before {
            self.round.push_back(id);
        }
        Verdict::Queued
    }

    /// Starts a piece whatever else there is: for when order is switched off.
    pub fn force(&mut self, id: TenantId, piece: Piece, now: u64) {
        self.see(id, now);
        self.start(id, piece, now);
    }

    /// A piece has been done.
    pub fn release(&mut self, id: TenantId) {
        self.edit(id, |tenant| tenant.in_use = tenant.in_use.saturating_sub(1));
        self.in_use = self.in_use.saturating_sub(1);
    }

    /// Bytes that were moved beyond what was asked for.
    pub fn charge(&mut self, id: TenantId, bytes: u64, now: u64) {
        let terms = &mut self.tenants[id].terms;
        for pace in [&mut terms.ceiling_bytes, &mut terms.reserve_bytes].into_iter().flatten() {
            pace.charge(bytes, now);
        }
    }

    /// Who asked no longer waits.
    pub fn cancel(&mut self, id: TenantId, ticket: Ticket) {
        self.edit(id, |tenant| tenant.queue.retain(|piece| piece.ticket != ticket));
        if self.tenants[id].queue.is_empty() {
            self.tenants[id].rest();
            self.round.retain(|waiting| *waiting != id);
        }
    }

    /// The next one to start, if any may; it has started then.
    pub fn next(&mut self, now: u64) -> Next {
        self.tick(now);
        let (mut wake, mut rounds_needed) = (None::<u64>, None::<i64>);
        let mut reserved = None;
        for (place, id) in self.round.iter().copied().enumerate() {
            let head = self.tenants[id].queue.front().expect("who waits has a piece");
            let ready = self.ready_at(id, head.kind, now);
            if ready > now {
                wake = Some(wake.map_or(ready, |wake| wake.min(ready)));
                continue;
            }
            if !self.has_place(id, now) {
                continue;
            }
            if self.is_below_reserve(id, now) {
                reserved = Some(place);
                break;
            }
            let missing = (cost(head) - self.tenants[id].deficit).max(0);
            let rounds = (missing + self.quantum(id) - 1) / self.quantum(id);
            rounds_needed = Some(rounds_needed.map_or(rounds, |least| least.min(rounds)));
            if rounds == 0 {
                break;
            }
        }
        if let Some(place) = reserved {
            return self.grant(place, now);
        }
        let Some(rounds) = rounds_needed else { return wake.map_or(Next::Nobody, Next::At) };
        // All the rounds that nobody would be served in, at once.
        self.turn(rounds, now);
        self.serve(now)
    }

    pub fn in_use(&self, id: TenantId) -> u32 {
        self.tenants[id].in_use
    }

    pub fn queued(&self, id: TenantId) -> usize {
        self.tenants[id].queue.len()
    }

    /// Whether more than one tenant wants something these days.
    pub fn is_shared(&self) -> bool {
        self.active.len() > 1
    }

    pub fn all_in_use(&self) -> u32 {
        self.in_use
    }

    pub fn all_queued(&self) -> usize {
        self.round.iter().map(|id| self.tenants[*id].queue.len()).sum()
    }

    /// Everybody who waits, taken out of the queue: for when order is switched off.
    pub fn let_all_by(&mut self, now: u64) -> Vec<(TenantId, Ticket)> {
        let mut all = Vec::new();
        for id in std::mem::take(&mut self.round) {
            let mut waiting = VecDeque::new();
            self.edit(id, |tenant| waiting = std::mem::take(&mut tenant.queue));
            self.tenants[id].rest();
            for piece in waiting {
                self.start(id, piece, now);
                all.push((id, piece.ticket));
            }
        }
        all
    }

    fn serve(&mut self, now: u64) -> Next {
        for place in 0..self.round.len() {
            let id = self.round[place];
            let head = self.tenants[id].queue.front().expect("who waits has a piece");
            let may = self.ready_at(id, head.kind, now) <= now && self.has_place(id, now);
            if may && self.tenants[id].deficit >= cost(head) {
                return self.grant(place, now);
            }
        }
        Next::Nobody
    }

    /// So many rounds go by.
    fn turn(&mut self, rounds: i64, now: u64) {
        if rounds == 0 {
            return;
        }
        for at in 0..self.active.len() {
            let id = self.active[at];
            let quanta = rounds.saturating_mul(self.quantum(id));
            let waits = self.tenants[id].queue.front().copied();
            // Who may not be served now saves nothing up: a ceiling is not a loan.
            let may = waits.is_some_and(|head| self.ready_at(id, head.kind, now) <= now && self.has_place(id, now));
            let tenant = &mut self.tenants[id];
            tenant.deficit = tenant.deficit.saturating_add(quanta);
            if !may {
                tenant.rest();
            }
        }
    }

    fn grant(&mut self, place: usize, now: u64) -> Next {
        let id = self.round.remove(place).expect("a place of the round");
        let mut piece = None;
        self.edit(id, |tenant| piece = tenant.queue.pop_front());
        let piece = piece.expect("who waits has a piece");
        let tenant = &mut self.tenants[id];
        tenant.deficit -= cost(&piece);
        match tenant.queue.front().map(cost) {
            None => tenant.rest(),
            // Its turn lasts as long as its deficit does.
            Some(cost) if tenant.deficit >= cost => self.round.push_front(id),
            Some(_) => self.round.push_back(id),
        }
        self.start(id, piece, now);
        Next::Grant(id, piece.ticket)
    }

    fn start(&mut self, id: TenantId, piece: Piece, now: u64) {
        self.edit(id, |tenant| {
            tenant.in_use += 1;
            tenant.peak = tenant.peak.max(tenant.in_use);
        });
        self.in_use += 1;
        let terms = &mut self.tenants[id].terms;
        if piece.kind == Kind::Operation {
            [&mut terms.ceiling_ops, &mut terms.reserve_ops].into_iter().flatten().for_each(|pace| pace.charge(1, now));
        }
        if piece.bytes > 0 {
            self.charge(id, piece.bytes, now);
        }
    }

    fn ready_at(&self, id: TenantId, kind: Kind, now: u64) -> u64 {
        let terms = &self.tenants[id].terms;
        let operations = terms.ceiling_ops.filter(|_| kind == Kind::Operation);
        let at = |pace: Option<Pace>| pace.map_or(now, |pace| pace.ready_at(now).max(now));
        at(operations).max(at(terms.ceiling_bytes))
    }

    /// While both rates are below what is reserved, where both are: a tenant of large blobs uses up its bytes and not its operations.
    fn is_below_reserve(&self, id: TenantId, now: u64) -> bool {
        let Terms { reserve_ops, reserve_bytes, .. } = self.tenants[id].terms;
        match (reserve_ops, reserve_bytes) {
            (None, None) => false,
            (operations, bytes) => [operations, bytes].into_iter().flatten().all(|pace| pace.is_ready(now)),
        }
    }

    fn has_place(&self, id: TenantId, now: u64) -> bool {
        let tenant = &self.tenants[id];
        if tenant.in_use >= tenant.terms.in_flight_max {
            return false;
        }
        if !self.is_shared() {
            return true;
        }
        if self.in_use >= self.limits.slots {
            // A tenant's own places may be in use by who came while it was away: it does not wait for them all to leave.
            let owed = (tenant.in_use == 0 && tenant.queue.is_empty()) || self.is_below_reserve(id, now);
            return owed && self.in_use < 2 * self.limits.slots;
        }
        if tenant.in_use < tenant.claim && tenant.queue.is_empty() {
            return true;
        }
        self.in_use + self.kept < self.limits.slots
    }

    /// Whether somebody waits who would be served before a piece that comes now: who has a place may be served.
    fn others_first(&self, id: TenantId, now: u64) -> bool {
        let tenant = &self.tenants[id];
        let lead = -LEAD_QUANTA * self.quantum(id);
        let at_home = tenant.in_use < tenant.claim.max(1) && tenant.deficit > lead;
        if self.round.is_empty() || at_home || self.is_below_reserve(id, now) {
            return false;
        }
        self.round.iter().any(|other| {
            let head = self.tenants[*other].queue.front().expect("who waits has a piece");
            self.ready_at(*other, head.kind, now) <= now
                && self.tenants[*other].in_use < self.tenants[*other].terms.in_flight_max
        })
    }

    fn quantum(&self, id: TenantId) -> i64 {
        (QUANTUM * i64::from(self.tenants[id].terms.weight) / 100).max(1)
    }

    /// Changes a tenant, and counts the places that are kept for it anew.
    fn edit(&mut self, id: TenantId, change: impl FnOnce(&mut Tenant)) {
        let tenant = &mut self.tenants[id];
        let kept = tenant.kept();
        change(tenant);
        self.kept = self.kept - kept + tenant.kept();
    }

    fn see(&mut self, id: TenantId, now: u64) {
        let tenant = &mut self.tenants[id];
        tenant.seen = now;
        if !tenant.active {
            tenant.active = true;
            tenant.peak = 1;
            self.active.push(id);
            self.share_out();
        }
        self.tick(now);
    }

    fn tick(&mut self, now: u64) {
        if now.saturating_sub(self.ticked) < TICK_NS {
            return;
        }
        self.ticked = now;
        let tenants = &mut self.tenants;
        self.active.retain(|id| {
            let tenant = &mut tenants[*id];
            let busy = tenant.in_use > 0 || !tenant.queue.is_empty();
            tenant.active = busy || now.saturating_sub(tenant.seen) < ACTIVE_NS;
            // Slowly: a tenant that asks for its places now and then finds them.
            let now_at_work = tenant.in_use + tenant.queue.len() as u32;
            tenant.peak = now_at_work.max(tenant.peak - tenant.peak.div_ceil(16).min(tenant.peak.saturating_sub(1)));
            tenant.active
        });
        self.share_out();
    }

    /// Works out whose how many places are. Fair parts are rounded down: together they leave a place to anybody who waits, however many
    /// there are.
    fn share_out(&mut self) {
        let weights: u64 = self.active.iter().map(|id| u64::from(self.tenants[*id].terms.weight)).sum();
        for id in &self.active {
            let tenant = &mut self.tenants[*id];
            let fair = u64::from(self.limits.slots) * u64::from(tenant.terms.weight) / weights.max(1);
            tenant.claim = tenant.peak.min(fair as u32).min(tenant.terms.in_flight_max);
        }
        self.kept = self.active.iter().map(|id| self.tenants[*id].kept()).sum();
    }
}

impl Tenant {
    /// Of its own places those that it leaves free now. Who waits already is served by the round, and needs none.
    fn kept(&self) -> u32 {
        if self.active && self.queue.is_empty() { self.claim.saturating_sub(self.in_use) } else { 0 }
    }

    /// Nothing is saved up; what was had ahead of the turn stays owed.
    fn rest(&mut self) {
        self.deficit = self.deficit.min(0);
    }
}

fn cost(piece: &Piece) -> i64 {
    i64::try_from(COST_BASE + piece.bytes).unwrap_or(i64::MAX / 2)
}
