//! The mirrors of the running stack, as the presenter watches and changes them.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Mirrors {
    pub mirrors: Vec<MirrorLine>,
    /// Mirrors that are not told, past the first ones.
    pub more: usize,
    /// Accounts that were not asked for theirs, past the first ones.
    pub unasked: usize,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MirrorLine {
    pub account: String,
    pub name: String,
    /// A URL, without what authorises there; empty where it is not known.
    pub origin: String,
    /// The containers that show it.
    pub containers: Vec<String>,
    pub state: MirrorState,
    /// What the stack says of that.
    pub why: Option<String>,
    /// Absent before everything was listed once.
    pub complete: Option<Complete>,
    /// How far behind it may be.
    pub objective_ms: u64,
    /// Told by the feed, and not looked at yet.
    pub events_behind: u64,
    pub lag: Lag,
    /// Absent where nothing is ever written there to measure the true lag.
    pub canary: Option<Canary>,
    pub blobs: u64,
    pub cached_bytes: u64,
    /// How much may be cached.
    pub cache_bytes_max: u64,
    pub counts: Counts,
    /// Blobs that are there and not shown here, by why.
    pub left_out: BTreeMap<String, u64>,
    /// When the last complete list began.
    pub listed_unix_ms: Option<u64>,
}

/// A blob that is written there, and waited for here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    pub every_ms: u64,
    /// What the last one has measured.
    pub lag_ms: Option<u64>,
}

/// All that happened there before a moment is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complete {
    pub until_unix_ms: u64,
    /// How far that is behind now.
    pub behind_ms: u64,
    pub objective: Objective,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    Met,
    Missed,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MirrorState {
    #[default]
    Listing,
    Following,
    ByList,
    Paused,
    Away,
}

/// From a change there to its row here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Lag {
    pub events: u64,
    pub p50_ms: u64,
    pub p99_ms: u64,
    pub max_ms: u64,
    /// Each twice as wide as the one before.
    pub buckets: Vec<Bucket>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// The longest lag that it counts; absent in the last one.
    pub upto_ms: Option<u64>,
    pub events: u64,
}

/// What it has done since it was taken up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows written and removed.
    pub put: u64,
    pub gone: u64,
    /// Pages of lists, and lists that came to their end.
    pub lists: u64,
    pub rounds: u64,
    pub feed_reads: u64,
    /// Times that the feed had lost what was to be read next.
    pub gaps: u64,
    /// Of content.
    pub reads: u64,
    pub bytes_read: u64,
}

/// What the presenter does to a mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MirrorAct {
    Pause,
    Resume,
    /// Lists the origin again now.
    Relist,
    /// Ends it, and its containers go with it.
    Remove,
    /// Ends it; its containers stay, and can be written.
    Leave,
}

impl MirrorState {
    pub fn words(self) -> &'static str {
        match self {
            MirrorState::Listing => "Listing",
            MirrorState::Following => "Following",
            MirrorState::ByList => "By list",
            MirrorState::Paused => "Paused",
            MirrorState::Away => "Away",
        }
    }

    /// Why, where the stack does not say.
    fn reason(self) -> &'static str {
        match self {
            MirrorState::Listing => "all that is there is listed once; until then nothing is known to be complete",
            MirrorState::Following => "the origin's change feed tells what to look at",
            MirrorState::ByList => "the origin has no change feed: it is listed again now and then",
            MirrorState::Paused => "nothing is followed for now; what it shows is shown",
            MirrorState::Away => "the origin does not answer; it is tried again",
        }
    }
}

impl MirrorLine {
    /// What tells it from all others.
    pub fn id(&self) -> String {
        format!("{}/{}", self.account, self.name)
    }

    /// Why its state is as it is.
    pub fn reason(&self) -> &str {
        self.why.as_deref().unwrap_or_else(|| self.state.reason())
    }

    /// How much of what it may be behind it is: 1 is all of it, and no more is drawn.
    pub fn used(&self) -> f64 {
        let behind = self.complete.map_or(0, |complete| complete.behind_ms);
        (behind as f64 / self.objective_ms.max(1) as f64).min(1.0)
    }
}

impl Mirrors {
    /// How they stand, all in all.
    pub fn in_words(&self) -> String {
        let all = self.mirrors.len() + self.more;
        let count = |is_it: fn(&MirrorLine) -> bool| self.mirrors.iter().filter(|line| is_it(line)).count();
        let missed = count(|line| line.complete.is_some_and(|complete| complete.objective == Objective::Missed));
        let unknown = count(|line| line.complete.is_none());
        let mirrors = if all == 1 { "1 mirror".to_owned() } else { format!("{all} mirrors") };
        let its = if missed == 1 { "its" } else { "their" };
        let stands = match (missed, unknown) {
            (0, 0) if all == 1 => "within its objective".to_owned(),
            (0, 0) => "all within their objective".to_owned(),
            (0, _) if all == 1 => "not listed once yet".to_owned(),
            (_, 0) if all == 1 => "beyond its objective".to_owned(),
            (0, unknown) => format!("{unknown} not listed once yet"),
            (missed, 0) => format!("{missed} beyond {its} objective"),
            (missed, unknown) => format!("{missed} beyond {its} objective, {unknown} not listed once yet"),
        };
        format!("{mirrors}: {stands}")
    }
}

impl Lag {
    /// Where a lag stands on the axis of the buckets, each of which is as wide as the others: 0 to 1.
    pub fn place(&self, lag_ms: u64) -> f64 {
        let fits = |bucket: &Bucket| bucket.upto_ms.is_none_or(|upto_ms| lag_ms <= upto_ms);
        let Some(index) = self.buckets.iter().position(fits) else { return 1.0 };
        let within = match self.buckets[index].upto_ms {
            // A bucket begins at half of where it ends.
            Some(upto_ms) => 1.0 + (lag_ms.max(1) as f64 / upto_ms as f64).log2(),
            None => 0.5,
        };
        (index as f64 + within.clamp(0.0, 1.0)) / self.buckets.len() as f64
    }

    /// How high each bucket is drawn, of the fullest: 0 to 1.
    pub fn heights(&self) -> Vec<f64> {
        let most = self.buckets.iter().map(|bucket| bucket.events).max().unwrap_or(0).max(1);
        self.buckets.iter().map(|bucket| bucket.events as f64 / most as f64).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lag(events: &[u64]) -> Lag {
        let last = events.len() - 1;
        let bucket =
            |(index, events): (usize, &u64)| Bucket { upto_ms: (index < last).then(|| 125 << index), events: *events };
        Lag { buckets: events.iter().enumerate().map(bucket).collect(), ..Lag::default() }
    }

    #[test]
    fn a_lag_stands_in_its_bucket_as_far_as_it_has_doubled() {
        let lag = lag(&[0, 0, 0, 0]);
        for (lag_ms, place) in
            [(0, 0.0), (1, 0.0), (125, 0.25), (177, 0.3755), (250, 0.5), (500, 0.75), (501, 0.875), (9_000_000, 0.875)]
        {
            assert!((lag.place(lag_ms) - place).abs() < 0.001, "{lag_ms}: {}", lag.place(lag_ms));
        }
        assert_eq!(Lag::default().place(10), 1.0, "nothing to stand on");
    }

    #[test]
    fn the_fullest_bucket_is_the_highest() {
        assert_eq!(lag(&[1, 4, 0]).heights(), [0.25, 1.0, 0.0]);
        assert_eq!(lag(&[0, 0]).heights(), [0.0, 0.0]);
    }

    #[test]
    fn how_mirrors_stand_is_one_sentence() {
        let line = |complete: Option<Objective>| MirrorLine {
            complete: complete.map(|objective| Complete { until_unix_ms: 1, behind_ms: 15_000, objective }),
            objective_ms: 10_000,
            ..MirrorLine::default()
        };
        let (met, missed, unknown) = (Some(Objective::Met), Some(Objective::Missed), None);
        for (lines, words) in [
            (vec![met], "1 mirror: within its objective"),
            (vec![missed], "1 mirror: beyond its objective"),
            (vec![unknown], "1 mirror: not listed once yet"),
            (vec![met, met], "2 mirrors: all within their objective"),
            (vec![met, unknown], "2 mirrors: 1 not listed once yet"),
            (vec![missed, met, met], "3 mirrors: 1 beyond its objective"),
            (vec![missed, missed], "2 mirrors: 2 beyond their objective"),
            (vec![missed, unknown], "2 mirrors: 1 beyond its objective, 1 not listed once yet"),
        ] {
            let mirrors = lines.iter().copied().map(line).collect();
            assert_eq!(Mirrors { mirrors, ..Mirrors::default() }.in_words(), words);
        }
        assert_eq!((line(missed).used(), line(unknown).used()), (1.0, 0.0));
    }

    #[test]
    fn every_state_says_why_and_the_stack_knows_best() {
        let line =
            |state, why: Option<&str>| MirrorLine { state, why: why.map(str::to_owned), ..MirrorLine::default() };
        let states =
            [MirrorState::Listing, MirrorState::Following, MirrorState::ByList, MirrorState::Paused, MirrorState::Away];
        for state in states {
            assert!(line(state, None).reason().len() > 20, "{state:?}");
        }
        assert_eq!(line(MirrorState::Away, Some("the key is wrong")).reason(), "the key is wrong");
    }
}
