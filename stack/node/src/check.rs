//! `verify` and `repair`: a look at a data folder that no server uses.

use crate::args;
use crate::fault::Fault;
use bytesize::ByteSize;
use greenroom_store::check::{self, Apply, Counts, Damage, Repair, Report, TenantCount};
use greenroom_store::{Clock as _, Disk, FileSystem, StoreError, SystemClock, TenantUsage, private};
use greenroom_tenancy::audit::{self, Head, Scope};
use serde::Serialize;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The folder was read, and not all of it is good. 1 means that it could not be read at all.
const DAMAGED: u8 = 3;

const SAY_EVERY: Duration = Duration::from_secs(1);

pub fn verify(args: &args::Verify) -> Result<ExitCode, Fault> {
    let disk: Arc<dyn Disk> = Arc::new(FileSystem);
    let report = check::verify(&disk, &args.data, &mut progress())?;
    if args.json {
        say_json(&report);
    } else {
        say_report(&report);
    }
    Ok(if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::from(DAMAGED) })
}

pub fn repair(args: &args::Repair) -> Result<ExitCode, Fault> {
    let disk: Arc<dyn Disk> = Arc::new(FileSystem);
    let apply = if args.apply { Apply::Yes } else { Apply::No };
    let record = args.data.join(format!("repair-{}.json", SystemClock.now().0));
    // Written before anything is dropped: what went must be known whatever happens next.
    let mut announce = |repair: &Repair| {
        if args.apply && !(repair.dropped.is_empty() && repair.report.miscounts.is_empty()) {
            let json = serde_json::to_vec_pretty(repair).expect("plain values serialise");
            let io = |error| StoreError::Io { action: "write", file: record.clone(), source: Arc::new(error) };
            private::replace(&record, &json).map_err(io)?;
        }
        Ok(())
    };
    let repair = check::repair(&disk, &args.data, apply, &mut progress(), &mut announce)?;
    if args.json {
        say_json(&repair);
    } else {
        say_repair(&repair, args.apply);
        if record.exists() {
            println!("written down in {}", record.display());
        }
    }
    let left = !repair.kept.is_empty() || (!args.apply && !repair.report.is_whole());
    Ok(if left { ExitCode::from(DAMAGED) } else { ExitCode::SUCCESS })
}

/// Follows the audit log's chain, as far as the catalog says that it goes; a server may be writing to it meanwhile.
pub fn audit(args: &args::Verify) -> Result<ExitCode, Fault> {
    let disk: Arc<dyn Disk> = Arc::new(FileSystem);
    let noted = match check::noted_audit(&disk, &args.data) {
        Ok(noted) => noted,
        Err(StoreError::Locked { .. }) => {
            eprintln!(
                "a server uses the folder: whether the log's end was cut off is for `GET /v1/audit/verify` to say"
            );
            None
        }
        Err(error) => return Err(error.into()),
    };
    let heads: Vec<Head> = noted.iter().map(|(seq, hash)| Head { seq: *seq, hash: hash.clone() }).collect();
    let verdict = audit::verify(&args.data.join(crate::server::AUDIT_FILE), &heads, Scope::Whole)?;
    if args.json {
        say_json(&verdict);
    } else {
        match verdict.broken_at {
            None => {
                println!("{} entries, each follows from the one before; the last is {}", verdict.entries, verdict.head)
            }
            Some(entry) if noted.as_ref().is_some_and(|(seq, _)| *seq >= entry && verdict.entries + 1 == entry) => {
                println!(
                    "entry {entry} is missing, changed, or not what the catalog has noted, after the {} before it",
                    verdict.entries
                )
            }
            Some(entry) => println!("entry {entry} does not follow from the {} before it", verdict.entries),
        }
    }
    Ok(if verdict.whole { ExitCode::SUCCESS } else { ExitCode::from(DAMAGED) })
}

/// A line a second for whoever waits.
fn progress() -> impl FnMut(Counts) {
    let mut said = Instant::now();
    let watched = std::io::stderr().is_terminal();
    move |counts| {
        if watched && said.elapsed() >= SAY_EVERY {
            said = Instant::now();
            eprintln!("{} blobs, {} read", counts.blobs + counts.snapshots, ByteSize(counts.bytes));
        }
    }
}

fn say_json(value: &impl Serialize) {
    println!("{}", serde_json::to_string_pretty(value).expect("plain values serialise"));
}

fn say_report(report: &Report) {
    let Counts {
        containers,
        blobs,
        snapshots,
        staged_blocks,
        in_cloud,
        bytes,
        sealed_bytes,
        extents,
        extent_bytes,
        live_bytes,
    } = report.counts;
    println!("{containers} containers, {blobs} blobs, {snapshots} snapshots, {staged_blocks} uncommitted blocks");
    if in_cloud > 0 {
        println!("{in_cloud} of them are in the cloud only, and are not read here");
    }
    println!(
        "{} read and checked; {extents} extents of {}, of which {} live",
        ByteSize(bytes),
        ByteSize(extent_bytes),
        ByteSize(live_bytes)
    );
    if sealed_bytes > 0 {
        println!(
            "{} of that are encrypted: they lie there as they were written; what they say only their keys can tell",
            ByteSize(sealed_bytes)
        );
    }
    for TenantCount { tenant, counted, found } in &report.tenants {
        let TenantUsage {
            blobs, bytes, staged_blocks, staged_bytes, cloud_bytes, cloud_only_bytes, record_bytes, ..
        } = found;
        let verdict = if counted == found { "as counted" } else { "which is not what was counted" };
        println!(
            "tenant {tenant}: {blobs} blobs of {bytes} bytes, {staged_blocks} uncommitted blocks of {staged_bytes} bytes; {cloud_bytes} \
             bytes in the cloud, {cloud_only_bytes} of them nowhere else; {record_bytes} bytes besides content; {verdict}"
        );
    }
    for damage in &report.damaged {
        println!("damaged: {}", line(damage));
    }
    for miscount in &report.miscounts {
        println!("miscounted: {} are {}, counted as {}", miscount.what, miscount.found, miscount.counted);
    }
    match (report.damaged.len(), report.miscounts.len()) {
        (0, 0) => println!("all is well"),
        (damaged, miscounts) => println!("{damaged} damaged, {miscounts} miscounted"),
    }
}

fn say_repair(repair: &Repair, applied: bool) {
    let verb = if applied { "dropped" } else { "to drop" };
    for damage in &repair.dropped {
        println!("{verb}: {}", line(damage));
    }
    for kept in &repair.kept {
        println!("kept: {}; {}", line(&kept.damage), kept.because);
    }
    for miscount in &repair.report.miscounts {
        let verb = if applied { "set" } else { "to set" };
        println!("{verb}: {} from {} to {}", miscount.what, miscount.counted, miscount.found);
    }
    match (repair.report.is_whole(), applied) {
        (true, _) => println!("all is well: there is nothing to repair"),
        (false, false) => println!("nothing was changed; --apply does it"),
        (false, true) => {}
    }
}

fn line(damage: &Damage) -> String {
    let length = damage.length.map(|length| format!(" ({})", ByteSize(length))).unwrap_or_default();
    let ranges: Vec<String> = damage.ranges.iter().map(|range| format!("{} to {}", range.start, range.end)).collect();
    let ranges = if ranges.is_empty() { String::new() } else { format!("; bytes {} are bad", ranges.join(", ")) };
    format!("{}{length}: {}{ranges}", damage.what, damage.why)
}
