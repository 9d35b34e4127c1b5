//! What a data folder knows of the log, and so whether it may go on with it. Pure; docs/design/who-may-write-a-volume.md says why.

use super::state::State;
use crate::hash::Hash;

/// Manifests that a folder remembers having been about to write. One that comes later than so many others is taken for another's, which
/// loses nothing.
pub const MEANT_MAX: usize = 16;

/// As the folder has it on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The last manifest that it has applied, 0 for none.
    pub number: u64,
    /// Hash of that one; `None` for none, and where the folder was last written by a version that kept the number only.
    pub last: Option<Hash>,
    /// Of what it was about to write as the next one: any of them may have arrived.
    pub meant: Vec<Hash>,
    /// Up to which manifest others have written, whose clocks may have been wrong, and when this folder adopted that.
    pub adopted: Option<Since>,
}

/// By the folder's own clock, in microseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    pub number: u64,
    pub at: i64,
}

/// What the log is to the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It ends where the folder knows it.
    Current,
    /// It holds one entry more, which this folder has written.
    Ours,
    /// It holds what this folder has not written: nobody may conclude from this folder what is needed.
    Behind,
    /// It lacks what this folder has applied.
    Short,
}

impl Known {
    pub fn standing(&self, state: &State) -> Standing {
        let ours = || state.last.is_some_and(|last| self.meant.contains(&last));
        match state.number.checked_sub(self.number) {
            None => Standing::Short,
            // The log of another history may be as long.
            Some(0) if self.last.is_none() || self.last == state.last => Standing::Current,
            // Each hash covers the one before it: an entry that this folder has meant continues what it has applied.
            Some(1) if ours() => Standing::Ours,
            Some(_) => Standing::Behind,
        }
    }

    /// Since when something has been in the log by this folder's clock, of a manifest and what that says.
    pub fn since(&self, number: u64, at: i64) -> i64 {
        let adopted = self.adopted.filter(|adopted| number <= adopted.number);
        adopted.map_or(at, |adopted| adopted.at.max(at))
    }

    /// Has applied the next manifest.
    pub fn apply(&mut self, number: u64, hash: Hash) {
        (self.number, self.last) = (number, Some(hash));
        self.meant.clear();
    }

    /// Has adopted all that others have written.
    pub fn adopt(&mut self, state: &State, at: i64) {
        let adopted = Some(Since { number: state.number, at });
        *self = Known { number: state.number, last: state.last, meant: Vec::new(), adopted };
    }

    /// Notes one more manifest that may be written next.
    pub fn mean(&mut self, hash: Hash) {
        self.meant.push(hash);
        let surplus = self.meant.len().saturating_sub(MEANT_MAX);
        self.meant.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Hash = Hash([1; 32]);
    const B: Hash = Hash([2; 32]);
    const C: Hash = Hash([3; 32]);

    #[test]
    fn a_folder_goes_on_only_where_it_knows_the_log_to_its_end() {
        use Standing::{Behind, Current, Ours, Short};
        let known = Known { number: 5, last: Some(A), meant: vec![B], adopted: None };
        let number_only = Known { number: 5, ..Known::default() };
        let new = Known { meant: vec![B], ..Known::default() };
        let cases = [
            ("it ends where it is known", &known, 5, A, Current),
            ("another history of the same length", &known, 5, C, Behind),
            ("what was meant has arrived", &known, 6, B, Ours),
            ("another was faster", &known, 6, C, Behind),
            ("more than one's own", &known, 7, C, Behind),
            ("what was meant, and one that ends alike", &known, 7, B, Behind),
            ("cut off", &known, 4, A, Short),
            ("an earlier version's folder", &number_only, 5, C, Current),
            ("an earlier version's folder, and more", &number_only, 6, C, Behind),
            ("the first entry, one's own", &new, 1, B, Ours),
            ("the first entry, another's", &new, 1, C, Behind),
        ];
        for (name, known, number, last, expected) in cases {
            let state = State { number, last: Some(last), ..State::default() };
            assert_eq!(known.standing(&state), expected, "{name}");
        }
        assert_eq!(Known::default().standing(&State::default()), Current);
    }

    #[test]
    fn what_others_wrote_counts_from_when_it_was_adopted() {
        let known = Known { adopted: Some(Since { number: 7, at: 100 }), ..Known::default() };
        assert_eq!([known.since(7, 3), known.since(7, 500), known.since(8, 3)], [100, 500, 3]);
        assert_eq!(Known::default().since(7, 3), 3);
    }

    #[test]
    fn what_is_meant_is_bounded_and_the_newest_stays() {
        let mut known = Known::default();
        (0..=MEANT_MAX as u8).for_each(|number| known.mean(Hash([number; 32])));
        assert_eq!(known.meant.len(), MEANT_MAX);
        assert_eq!(known.meant.first(), Some(&Hash([1; 32])));
        assert_eq!(known.meant.last(), Some(&Hash([MEANT_MAX as u8; 32])));
    }
}
