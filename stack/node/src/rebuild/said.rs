//! What a rebuild says: everything that is not as it should be, by name where there is one, for people or as JSON.

use crate::args::Verifying;
use bytesize::ByteSize;
use greenroom_offload::log::Fault;
use greenroom_offload::rebuild::{Loss, Report};
use serde::Serialize;

/// Of each kind, in words for people; JSON has all that are known.
const LINES_MAX: usize = 100;

#[derive(Debug, Serialize)]
pub struct Said {
    /// All that the volume was to hold is back, and nothing is in doubt.
    pub clean: bool,
    pub containers: u64,
    pub blobs: u64,
    pub snapshots: u64,
    pub bytes: u64,
    pub seconds: f64,
    /// Each byte was read and checked; else their content stays in the cloud and nobody has looked at it.
    pub content_checked: bool,
    /// The manifest as of which it is.
    pub manifest: u64,
    /// The folder belongs to the volume now.
    pub bound: bool,
    pub lost: Vec<String>,
    /// Objects of the volume that are missing or damaged.
    pub faults: Vec<Fault>,
    pub uncertain: Uncertain,
    /// What nobody could open.
    pub sealed: Vec<Sealed>,
    /// Segments that no manifest counts.
    pub unfinished: Vec<Unfinished>,
    /// Blobs that were on flash only, and are back as of a snapshot.
    pub older: Vec<String>,
    pub new_keys: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct Uncertain {
    pub blobs: u64,
    pub because: Option<String>,
    /// The first of them.
    pub names: Vec<String>,
}

/// Of a tenant whose key cannot be used: it stays in the volume.
#[derive(Debug, Serialize)]
pub struct Sealed {
    pub tenant: String,
    /// Blobs, snapshots and containers.
    pub objects: u64,
    pub bytes: u64,
    pub because: String,
}

#[derive(Debug, Serialize)]
pub struct Unfinished {
    pub segment: String,
    pub blobs: u64,
}

/// What came of it in the folder.
#[derive(Debug)]
pub struct Restored {
    pub containers: u64,
    pub blobs: u64,
    pub snapshots: u64,
    pub lost: Vec<String>,
    pub older: Vec<String>,
    pub new_keys: Vec<String>,
}

impl Said {
    /// `bound` is the manifest as of which the folder belongs to the volume, if it does.
    pub fn of(report: &Report, restored: Restored, verify: Verifying, bound: Option<u64>) -> Self {
        let Restored { containers, blobs, snapshots, lost, older, new_keys } = restored;
        let losses = report.losses.iter().map(|loss| match loss {
            Loss::Blob { key, error, .. } => format!("{key}: {error}"),
            Loss::Segment { segment, recipes: Some(blobs), error } => format!(
                "the records of {blobs} blobs in segment {segment}: {error}; which they are nobody can tell, and where an older record of \
                 one counts, that is back"
            ),
            Loss::Segment { segment, recipes: None, error } => {
                format!("the records of an unknown number of blobs in segment {segment}: {error}")
            }
        });
        let lost: Vec<String> = losses.chain(lost).collect();
        let names = report.uncertain.keys.iter().map(ToString::to_string).collect();
        let because = report.gap.as_ref().map(|gap| {
            format!(
                "they may have been deleted since, or be older than what was acknowledged: manifest {} is lost",
                gap.last
            )
        });
        let unfinished = report.unfinished.iter();
        Self {
            clean: report.is_clean() && lost.is_empty() && older.is_empty(),
            containers,
            blobs,
            snapshots,
            bytes: report.bytes,
            seconds: report.elapsed.as_secs_f64(),
            content_checked: verify == Verifying::Content,
            manifest: bound.unwrap_or(report.number),
            bound: bound.is_some(),
            lost,
            faults: report.faults.clone(),
            uncertain: Uncertain { blobs: report.uncertain.objects, because, names },
            sealed: report
                .sealed
                .iter()
                .map(|(tenant, still)| {
                    let (objects, bytes, because) = (still.objects, still.bytes, still.error.to_string());
                    Sealed { tenant: tenant.clone(), objects, bytes, because }
                })
                .collect(),
            unfinished: unfinished
                .map(|found| Unfinished { segment: found.segment.to_string(), blobs: found.blobs })
                .collect(),
            older,
            new_keys,
        }
    }

    pub fn print(&self) {
        lines("lost", self.lost.iter());
        lines("in the target", self.faults.iter());
        lines("uncertain", self.uncertain.names.iter());
        lines("older", self.older.iter());
        for Sealed { tenant, objects, bytes, because } in &self.sealed {
            println!(
                "not brought back: {objects} objects of {tenant} ({}): {because}. They stay in the volume; once their key is to be had, serve this \
                 folder and say `greenroom-stack take-over --data DIR`",
                ByteSize(*bytes)
            );
        }
        for Unfinished { segment, blobs } in &self.unfinished {
            println!(
                "not brought back: {blobs} blobs in segment {segment}, which no manifest counts: either its upload was never finished, or the \
                 manifest is lost"
            );
        }
        let checked = match self.content_checked {
            true => "every byte was read and checked",
            false => "their content stays in the cloud and was not read, which --verify does",
        };
        println!(
            "{} containers, {} blobs, {} snapshots, {}, in {:.1} s; {checked}: {} losses",
            self.containers,
            self.blobs,
            self.snapshots,
            ByteSize(self.bytes),
            self.seconds,
            self.lost.len()
        );
        if !self.faults.is_empty() {
            println!("{} objects of the volume are missing or damaged", self.faults.len());
        }
        if let Some(because) = &self.uncertain.because {
            println!("{} blobs are uncertain: {because}", self.uncertain.blobs);
        }
        if !self.older.is_empty() {
            println!("{} blobs were on flash only, and are back as of a snapshot", self.older.len());
        }
        if !self.bound {
            println!(
                "this folder does not belong to the volume yet, whose log has gaps: run this again with --mend to write down in the target \
                 what was brought back, and go on with it"
            );
        }
        if !self.new_keys.is_empty() {
            println!("new keys for {}: keys are not kept in the cloud", self.new_keys.join(", "));
        }
    }
}

fn lines<T: std::fmt::Display>(what: &str, all: impl ExactSizeIterator<Item = T>) {
    let more = all.len().saturating_sub(LINES_MAX);
    all.take(LINES_MAX).for_each(|line| println!("{what}: {line}"));
    if more > 0 {
        println!("{what}: {more} more, which --json names");
    }
}
