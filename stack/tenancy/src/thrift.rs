//! Which refusals are written down one by one, and which only counted: whoever is refused decides how often that happens, and must not decide
//! how long a log grows. Pure.

use std::collections::BTreeMap;

/// Of one peer, in a minute.
const EACH_MAX: u64 = 10;
/// Of all of them.
const ALL_MAX: u64 = 120;
/// Peers that are told apart within a minute.
const PEERS_MAX: usize = 64;
/// Who stands for the others.
pub const OTHERS: &str = "others";

#[derive(Debug, Default)]
pub struct Thrift {
    /// Since the epoch.
    minute: i64,
    written: u64,
    peers: BTreeMap<String, Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    written: u64,
    more: u64,
}

/// Refusals of one peer, within a minute, that were not written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    pub peer: String,
    pub minute: i64,
    pub more: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    Write,
    Count,
}

impl Thrift {
    /// One more refusal.
    pub fn note(&mut self, minute: i64, peer: &str) -> (Note, Vec<Sum>) {
        let sums = self.end(minute);
        let known = self.peers.contains_key(peer) || self.peers.len() < PEERS_MAX;
        let counts = self.peers.entry(if known { peer } else { OTHERS }.to_owned()).or_default();
        if counts.written == EACH_MAX || self.written == ALL_MAX {
            counts.more += 1;
            return (Note::Count, sums);
        }
        (counts.written, self.written) = (counts.written + 1, self.written + 1);
        (Note::Write, sums)
    }

    /// What a minute that has ended left to be told.
    pub fn end(&mut self, minute: i64) -> Vec<Sum> {
        if minute == self.minute {
            return Vec::new();
        }
        let (ended, peers) = (std::mem::replace(&mut self.minute, minute), std::mem::take(&mut self.peers));
        self.written = 0;
        let sums = peers.into_iter().map(|(peer, Counts { more, .. })| Sum { peer, minute: ended, more });
        sums.filter(|sum| sum.more > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_fills_no_log_and_nothing_is_forgotten() {
        let mut thrift = Thrift::default();
        let written = (0..2_640).filter(|_| thrift.note(5, "10.0.0.1").0 == Note::Write).count() as u64;
        assert_eq!(written, EACH_MAX);
        assert_eq!(thrift.note(5, "10.0.0.2"), (Note::Write, Vec::new()), "others are written down all the same");
        let sum = Sum { peer: "10.0.0.1".to_owned(), minute: 5, more: 2_640 - EACH_MAX };
        assert_eq!(thrift.note(6, "10.0.0.1"), (Note::Write, vec![sum]), "and it begins anew");
        assert_eq!(thrift.end(7), Vec::new(), "nothing was left out");
    }

    #[test]
    fn many_peers_fill_no_log_either() {
        let mut thrift = Thrift::default();
        let mut written = 0;
        for round in 0..20 {
            for peer in 0..1_000 {
                written += u64::from(thrift.note(1, &format!("peer {peer}")).0 == Note::Write);
                assert!(thrift.peers.len() <= PEERS_MAX + 1, "round {round}");
            }
        }
        assert_eq!(written, ALL_MAX);
        let sums = thrift.end(2);
        assert_eq!(sums.len(), PEERS_MAX + 1);
        assert_eq!(sums.iter().map(|sum| sum.more).sum::<u64>() + written, 20_000);
    }
}
