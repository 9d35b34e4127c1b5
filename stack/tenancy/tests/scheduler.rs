//! The order of service in a simulated machine: it does one piece after the other in each of its places, and time is a number.

use greenroom_tenancy::admission::{COST_BASE, Kind, Limits, Next, Pace, Piece, Scheduler, TenantId, Terms, Verdict};
use proptest::prelude::*;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;
const SLOTS: u32 = 8;

/// A tenant's clients: so many, each asking again as soon as it is served.
#[derive(Debug, Clone, Copy)]
struct Load {
    terms: Terms,
    clients: u32,
    bytes: u64,
}

impl Load {
    fn new(clients: u32, bytes: u64) -> Self {
        Self { terms: Terms::default(), clients, bytes }
    }

    fn weighing(self, weight: u32) -> Self {
        Self { terms: Terms { weight, ..self.terms }, ..self }
    }
}

/// What a tenant got.
#[derive(Debug, Clone, Default)]
struct Got {
    served: u64,
    bytes: u64,
    waits: Vec<u64>,
}

impl Got {
    fn cost(&self) -> u64 {
        self.served * COST_BASE + self.bytes
    }

    fn p99_wait(&self) -> u64 {
        let mut waits = self.waits.clone();
        waits.sort_unstable();
        waits.get(waits.len() * 99 / 100).copied().unwrap_or(0)
    }
}

/// The machine does this much cost a second, over all of its places.
const COST_PER_S: u64 = 400 << 20;

fn run(loads: &[Load], until: u64) -> Vec<Got> {
    let mut scheduler = Scheduler::new(Limits { slots: SLOTS, queue_max: 10_000 });
    let ids: Vec<TenantId> = loads.iter().map(|load| scheduler.add(load.terms)).collect();
    let mut got = vec![Got::default(); loads.len()];
    let (mut ticket, mut asked, mut now) = (0, std::collections::HashMap::new(), 0);
    // When a piece is done, by whom.
    let mut working: BinaryHeap<Reverse<(u64, TenantId)>> = BinaryHeap::new();
    let mut machine_free = 0;
    let mut arrivals: Vec<TenantId> = ids.iter().flat_map(|id| vec![*id; loads[*id].clients as usize]).collect();
    loop {
        let mut started = Vec::new();
        for id in arrivals.drain(..) {
            ticket += 1;
            asked.insert(ticket, now);
            match scheduler.ask(id, Piece { ticket, bytes: loads[id].bytes, kind: Kind::Operation }, now) {
                Verdict::Granted => started.push((id, ticket)),
                Verdict::Queued => {}
                Verdict::Refused(over) => panic!("{over:?}"),
            }
        }
        let wake = loop {
            match scheduler.next(now) {
                Next::Grant(id, ticket) => started.push((id, ticket)),
                Next::At(at) => break Some(at),
                Next::Nobody => break None,
            }
        };
        for (id, ticket) in started {
            got[id].waits.push(now - asked.remove(&ticket).expect("it asked"));
            // The machine is one: what is at work shares it.
            let took = (COST_BASE + loads[id].bytes) * S / COST_PER_S;
            machine_free = now.max(machine_free) + took;
            working.push(Reverse((machine_free, id)));
        }
        let done = working.peek().map(|Reverse((at, _))| *at);
        let Some(next) = done.into_iter().chain(wake).min() else { panic!("nobody works and nobody will") };
        now = next.max(now);
        if now >= until {
            return got;
        }
        while working.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Some(Reverse((_, id))) = working.pop() else { break };
            scheduler.release(id);
            (got[id].served, got[id].bytes) = (got[id].served + 1, got[id].bytes + loads[id].bytes);
            arrivals.push(id);
        }
    }
}

fn near(is: f64, should: f64, part: f64) -> bool {
    (is - should).abs() <= should * part
}

#[test]
fn alone_a_tenant_has_all_of_the_machine() {
    for load in [Load::new(64, 0), Load::new(4, 8 << 20), Load::new(1, 4 << 10)] {
        let got = run(&[load.weighing(1)], 5 * S);
        assert!(near(got[0].cost() as f64, (5 * COST_PER_S) as f64, 0.05), "{load:?}: {}", got[0].cost());
    }
}

#[test]
fn weights_part_what_all_want() {
    for (weights, bytes) in
        [([100, 100], [0, 0]), ([300, 100], [0, 0]), ([100, 100], [0, 1 << 20]), ([100, 400], [256 << 10, 4 << 10])]
    {
        let loads = [0, 1].map(|at| Load::new(32, bytes[at]).weighing(weights[at]));
        let got = run(&loads, 10 * S);
        let is = got[0].cost() as f64 / got[1].cost() as f64;
        let should = f64::from(weights[0]) / f64::from(weights[1]);
        assert!(near(is, should, 0.15), "{weights:?} {bytes:?}: {is} and not {should}");
        let all: u64 = got.iter().map(Got::cost).sum();
        assert!(near(all as f64, (10 * COST_PER_S) as f64, 0.05), "the machine stood still: {all}");
    }
}

#[test]
fn who_needs_little_hardly_waits_whatever_the_other_does() {
    for bytes in [0, 64 << 10, 1 << 20] {
        let got = run(&[Load::new(2, 4 << 10), Load::new(200, bytes)], 5 * S);
        assert!(got[0].p99_wait() < MS, "beside {bytes} bytes: {} us", got[0].p99_wait() / 1000);
    }
}

#[test]
fn a_ceiling_bounds_an_idle_machine_too() {
    let ceiling = |terms| Load { terms, ..Load::new(16, 64 << 10) };
    let by_ops = run(&[ceiling(Terms { ceiling_ops: Some(Pace::new(100, 0.5)), ..Terms::default() })], 10 * S);
    assert!((950..=1_060).contains(&by_ops[0].served), "{}", by_ops[0].served);
    let by_bytes = run(&[ceiling(Terms { ceiling_bytes: Some(Pace::new(1 << 20, 0.5)), ..Terms::default() })], 10 * S);
    assert!(near(by_bytes[0].bytes as f64, 10.5 * f64::from(1 << 20), 0.1), "{}", by_bytes[0].bytes);
}

#[test]
fn a_reservation_comes_before_weight() {
    let reserved = Terms { weight: 1, reserve_ops: Some(Pace::new(2_000, 0.1)), ..Terms::default() };
    let got = run(&[Load { terms: reserved, ..Load::new(16, 0) }, Load::new(64, 0).weighing(10_000)], 10 * S);
    assert!(got[0].served >= 19_000, "{} of 20,000 were reserved", got[0].served);
    let all: u64 = got.iter().map(Got::cost).sum();
    assert!(near(all as f64, (10 * COST_PER_S) as f64, 0.05));
}

#[test]
fn it_is_shared_from_the_second_tenant_on_until_that_one_has_been_away() {
    let mut scheduler = Scheduler::new(Limits { slots: SLOTS, queue_max: 10 });
    let [one, other] = [(); 2].map(|()| scheduler.add(Terms::default()));
    let mut shared_after = |id, ticket, now| {
        scheduler.ask(id, Piece { ticket, bytes: 0, kind: Kind::Operation }, now);
        scheduler.release(id);
        scheduler.is_shared()
    };
    let seen = [(one, 0), (one, MS), (other, 2 * MS), (one, 500 * MS), (one, 2 * S)];
    assert_eq!(seen.map(|(id, now)| shared_after(id, now, now)), [false, false, true, true, false]);
}

#[test]
fn in_flight_is_capped() {
    let mut scheduler = Scheduler::new(Limits { slots: SLOTS, queue_max: 10 });
    let id = scheduler.add(Terms { in_flight_max: 2, ..Terms::default() });
    let mut ask = |ticket, now| scheduler.ask(id, Piece { ticket, bytes: 0, kind: Kind::Operation }, now);
    assert_eq!([ask(1, 0), ask(2, 0), ask(3, 0)], [Verdict::Granted, Verdict::Granted, Verdict::Queued]);
    assert_eq!(scheduler.next(0), Next::Nobody);
    scheduler.release(id);
    assert_eq!(scheduler.next(0), Next::Grant(id, 3));
}

#[test]
fn a_queue_has_an_end_and_what_has_begun_goes_first() {
    let mut scheduler = Scheduler::new(Limits { slots: SLOTS, queue_max: 2 });
    let id = scheduler.add(Terms { in_flight_max: 1, ..Terms::default() });
    let piece = |ticket, kind| Piece { ticket, bytes: 0, kind };
    assert_eq!(scheduler.ask(id, piece(1, Kind::Operation), 0), Verdict::Granted);
    assert_eq!(scheduler.ask(id, piece(2, Kind::Operation), 0), Verdict::Queued);
    assert_eq!(scheduler.ask(id, piece(3, Kind::Operation), 0), Verdict::Queued);
    assert!(matches!(scheduler.ask(id, piece(4, Kind::Operation), 0), Verdict::Refused(_)));
    assert_eq!(scheduler.ask(id, piece(5, Kind::More), 0), Verdict::Queued);
    scheduler.cancel(id, 2);
    scheduler.release(id);
    assert_eq!(scheduler.next(0), Next::Grant(id, 5));
    scheduler.release(id);
    assert_eq!(scheduler.next(0), Next::Grant(id, 3));
    scheduler.release(id);
    assert_eq!((scheduler.all_in_use(), scheduler.all_queued()), (0, 0));
}

#[test]
fn more_tenants_than_places_come_and_go_and_one_that_waits_is_served() {
    let mut scheduler = Scheduler::new(Limits { slots: 2, queue_max: 100 });
    let ids: Vec<TenantId> = (0..5).map(|_| scheduler.add(Terms::default())).collect();
    let (patient, busy) = (ids[0], &ids[1..]);
    let mut ticket = 0;
    let mut ask = |scheduler: &mut Scheduler, id: TenantId, now: u64| {
        ticket += 1;
        scheduler.ask(id, Piece { ticket, bytes: 0, kind: Kind::Operation }, now)
    };
    // Each of the others has something to do now and then, and never two things at once.
    for id in busy {
        assert_eq!(ask(&mut scheduler, *id, 0), Verdict::Granted);
        scheduler.release(*id);
    }
    let (rounds, mut now) = (50, 0);
    let mut left = rounds;
    let mut at_work = (0..rounds).filter(|_| ask(&mut scheduler, patient, 0) == Verdict::Granted).count();
    for round in 0..rounds {
        let id = busy[round % busy.len()];
        assert_eq!(ask(&mut scheduler, id, now), Verdict::Granted, "who needs little does not wait");
        now += MS;
        scheduler.release(id);
        for _ in 0..std::mem::take(&mut at_work) {
            scheduler.release(patient);
            left -= 1;
        }
        while let Next::Grant(id, _) = scheduler.next(now) {
            assert_eq!(id, patient);
            at_work += 1;
        }
        assert!(at_work > 0 || left == 0, "{left} wait and nobody works");
    }
    assert_eq!(left, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whoever wants more than the machine gets at least nine tenths of what its weight says, and no part of the machine is left idle.
    #[test]
    fn nobody_starves_and_nothing_idles(
        loads in proptest::collection::vec((1_u32..=8, 12_u32..80, 0_u64..(1 << 20)), 2..6),
    ) {
        let loads: Vec<Load> = loads.into_iter().map(|(weight, clients, bytes)| Load::new(clients, bytes).weighing(weight * 50)).collect();
        let got = run(&loads, 8 * S);
        let all: u64 = got.iter().map(Got::cost).sum();
        prop_assert!(near(all as f64, (8 * COST_PER_S) as f64, 0.06), "of {} only {all}", 8 * COST_PER_S);
        let weights: u64 = loads.iter().map(|load| u64::from(load.terms.weight)).sum();
        for (load, got) in loads.iter().zip(&got) {
            let fair = all as f64 * f64::from(load.terms.weight) / weights as f64;
            prop_assert!(got.cost() as f64 >= 0.9 * fair, "{load:?}: {} of {fair}", got.cost());
        }
    }

    /// Every piece that asks is started once, refused or still waits; nothing is counted twice, and nobody waits for places that nobody
    /// uses.
    #[test]
    fn books_balance(slots in 2_u32..5, steps in proptest::collection::vec((0_u8..4, 0_usize..4, 0_u64..(1 << 20)), 1..400)) {
        let mut scheduler = Scheduler::new(Limits { slots, queue_max: 5 });
        let terms = [Terms::default(), Terms { weight: 1, ..Terms::default() },
            Terms { in_flight_max: 1, ..Terms::default() }, Terms { ceiling_ops: Some(Pace::new(10, 0.1)), ..Terms::default() }];
        let ids: Vec<_> = terms.into_iter().map(|terms| scheduler.add(terms)).collect();
        let (mut now, mut working, mut waiting) = (0, [0_u32; 4], vec![Vec::new(); 4]);
        for (ticket, (step, id, bytes)) in (0_u64..).zip(steps) {
            now += bytes;
            match step {
                0 | 1 => match scheduler.ask(ids[id], Piece { ticket, bytes, kind: if step == 0 { Kind::Operation } else { Kind::More } }, now) {
                    Verdict::Granted => working[id] += 1,
                    Verdict::Queued => waiting[id].push(ticket),
                    Verdict::Refused(_) => prop_assert!(waiting[id].len() >= 5),
                },
                2 if working[id] > 0 => {
                    working[id] -= 1;
                    scheduler.release(ids[id]);
                }
                2 => {}
                _ => if let Some(ticket) = waiting[id].pop() { scheduler.cancel(ids[id], ticket) },
            }
            while let Next::Grant(id, ticket) = scheduler.next(now) {
                prop_assert!(waiting[id].contains(&ticket));
                waiting[id].retain(|waiting| *waiting != ticket);
                working[id] += 1;
            }
            for id in 0..4 {
                prop_assert_eq!(scheduler.in_use(ids[id]), working[id]);
                prop_assert_eq!(scheduler.queued(ids[id]), waiting[id].len());
            }
            prop_assert!(scheduler.in_use(ids[2]) <= 1);
            // The last one may wait for its rate.
            prop_assert!(scheduler.all_in_use() > 0 || waiting[..3].iter().all(Vec::is_empty), "{waiting:?}");
        }
    }
}
