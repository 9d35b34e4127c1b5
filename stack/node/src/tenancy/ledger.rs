//! What each account uses, counted as it happens, and written down by the hour.

use greenroom_model::metrics::OpClass;
use greenroom_model::tenancy::UsageRow;
use greenroom_model::{AccountName, TenantName};
use greenroom_store::{TenantUsage, Timestamp, private};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const HOUR_US: i64 = 3_600_000_000;
/// Hours that have ended, one row a line.
const HOURS_FILE: &str = "usage.ndjson";
/// The hour that is under way.
const NOW_FILE: &str = "usage.now.json";

#[derive(Debug, Default)]
pub struct AccountFigures {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    waited_us: AtomicU64,
    throttled: AtomicU64,
    ops: [AtomicU64; OpClass::ALL.len()],
}

/// An account's counters at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub waited_us: u64,
    pub throttled: u64,
    pub ops: [u64; OpClass::ALL.len()],
}

impl AccountFigures {
    pub fn waited(&self, wait: Duration) {
        self.waited_us.fetch_add(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    pub fn throttled(&self) {
        self.throttled.fetch_add(1, Relaxed);
    }

    pub fn took(&self, bytes: u64) {
        self.bytes_in.fetch_add(bytes, Relaxed);
    }

    pub fn sent(&self, bytes: u64) {
        self.bytes_out.fetch_add(bytes, Relaxed);
    }

    pub fn ended(&self, class: OpClass) {
        self.ops[class as usize].fetch_add(1, Relaxed);
    }

    pub fn read(&self) -> Counters {
        Counters {
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            waited_us: self.waited_us.load(Relaxed),
            throttled: self.throttled.load(Relaxed),
            ops: std::array::from_fn(|class| self.ops[class].load(Relaxed)),
        }
    }
}

/// What is there to be written down at one moment.
#[derive(Debug, Clone)]
pub struct Reading {
    pub counters: Vec<(AccountName, Counters)>,
    pub stored: BTreeMap<AccountName, (TenantName, TenantUsage)>,
    /// How many bytes one byte in the cloud holds, over all accounts: a segment holds content of several.
    pub reduction: f64,
}

#[derive(Debug)]
pub struct Ledger {
    dir: PathBuf,
    book: Mutex<Book>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Book {
    /// Hours since the epoch.
    hour: i64,
    rows: BTreeMap<AccountName, UsageRow>,
    #[serde(skip)]
    counted: HashMap<AccountName, Counters>,
    #[serde(skip)]
    at: Option<Timestamp>,
}

impl Ledger {
    /// Goes on with the hour that was under way. What had not been written down when a crash came is lost: some seconds of counters, and
    /// nothing of what is stored, which is read anew.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let book = match fs::read(dir.join(NOW_FILE)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Book::default(),
            Err(error) => return Err(error),
        };
        Ok(Self { dir: dir.to_owned(), book: Mutex::new(book) })
    }

    /// Counts in what has happened since the last time.
    pub fn count(&self, reading: &Reading, now: Timestamp) -> io::Result<()> {
        let mut book = self.book();
        let hour = now.0.div_euclid(HOUR_US);
        if book.hour != hour {
            self.close_hour(&mut book)?;
            book.hour = hour;
        }
        book.count(reading, now);
        Ok(())
    }

    /// Writes the hour that is under way down.
    pub fn keep(&self) -> io::Result<()> {
        let json = serde_json::to_vec(&*self.book()).expect("plain values serialise");
        private::replace(&self.dir.join(NOW_FILE), &json)
    }

    /// All hours from one on, the one under way included.
    pub fn rows(&self, since: &str) -> io::Result<Vec<UsageRow>> {
        let book = self.book();
        let mut rows = match File::open(self.dir.join(HOURS_FILE)) {
            Ok(file) => BufReader::new(file)
                .lines()
                .map_while(Result::ok)
                .filter_map(|line| serde_json::from_str(&line).ok())
                .collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        rows.extend(book.rows.values().cloned());
        rows.retain(|row: &UsageRow| row.hour.as_str() >= since);
        Ok(rows)
    }

    fn close_hour(&self, book: &mut Book) -> io::Result<()> {
        if !book.rows.is_empty() {
            let mut lines = Vec::new();
            for row in book.rows.values() {
                serde_json::to_writer(&mut lines, row).expect("plain values serialise");
                lines.push(b'\n');
            }
            let mut file = private::options().create(true).append(true).open(self.dir.join(HOURS_FILE))?;
            file.write_all(&lines)?;
            file.sync_data()?;
        }
        book.rows.clear();
        Ok(())
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn count(&mut self, reading: &Reading, now: Timestamp) {
        let begin = Timestamp(self.hour * HOUR_US);
        // Time before the server started is nobody's to count: storage is counted from when it is seen.
        let since = self.at.unwrap_or(now).max(begin);
        let hours = now.0.saturating_sub(since.0).max(0) as f64 / HOUR_US as f64;
        self.at = Some(now);
        let hour = greenroom_gateway::time::iso_seconds(begin);
        for (account, (tenant, used)) in &reading.stored {
            let row = self.rows.entry(account.clone()).or_insert_with(|| empty(&hour, tenant, account));
            row.logical_bytes = used.bytes + used.staged_bytes;
            (row.flash_bytes, row.cloud_bytes, row.blobs) = (used.flash_bytes(), used.cloud_bytes, used.blobs);
            row.reduced_bytes = row.flash_bytes + (used.cloud_bytes as f64 / reading.reduction).round() as u64;
            row.byte_hours += row.logical_bytes as f64 * hours;
        }
        for (account, is) in &reading.counters {
            let was = self.counted.insert(account.clone(), *is).unwrap_or_default();
            let Some(row) = self.rows.get_mut(account) else { continue };
            let more = |class: OpClass| is.ops[class as usize] - was.ops[class as usize];
            row.writes += more(OpClass::Put);
            row.reads += more(OpClass::Get);
            row.lists += more(OpClass::List);
            row.deletes += more(OpClass::Delete);
            row.others += more(OpClass::Other);
            row.bytes_in += is.bytes_in - was.bytes_in;
            row.bytes_out += is.bytes_out - was.bytes_out;
            row.throttled += is.throttled - was.throttled;
            row.throttled_ms += is.waited_us / 1_000 - was.waited_us / 1_000;
        }
    }
}

fn empty(hour: &str, tenant: &TenantName, account: &AccountName) -> UsageRow {
    UsageRow {
        hour: hour.to_owned(),
        tenant: tenant.clone(),
        account: account.clone(),
        logical_bytes: 0,
        flash_bytes: 0,
        cloud_bytes: 0,
        reduced_bytes: 0,
        blobs: 0,
        byte_hours: 0.0,
        writes: 0,
        reads: 0,
        lists: 0,
        deletes: 0,
        others: 0,
        bytes_in: 0,
        bytes_out: 0,
        throttled_ms: 0,
        throttled: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(bytes: u64, puts: u64) -> Reading {
        let (account, tenant) = ("acct".parse::<AccountName>().expect("good"), "gold".parse().expect("good"));
        let counters = Counters { ops: [puts, 0, 0, 0, 0], bytes_in: puts * 10, ..Counters::default() };
        let used = TenantUsage { blobs: puts, bytes, ..TenantUsage::default() };
        Reading {
            counters: vec![(account.clone(), counters)],
            stored: [(account, (tenant, used))].into(),
            reduction: 1.0,
        }
    }

    #[test]
    fn hours_hold_what_happened_in_them() {
        let dir = tempfile::tempdir().expect("a folder");
        let ledger = Ledger::open(dir.path()).expect("a ledger");
        let minute = |minute: i64| Timestamp(60_000_000 * minute);
        for (at, bytes, puts) in [(0, 600, 2), (30, 600, 5), (59, 100, 6), (61, 100, 9)] {
            ledger.count(&reading(bytes, puts), minute(at)).expect("a disk");
        }
        let rows = ledger.rows("").expect("a disk");
        assert_eq!(
            rows.iter().map(|row| (row.hour.as_str(), row.writes, row.bytes_in)).collect::<Vec<_>>(),
            [("1970-01-01T00:00:00Z", 6, 60), ("1970-01-01T01:00:00Z", 3, 30)]
        );
        assert!((rows[0].byte_hours - (300.0 + 100.0 * 29.0 / 60.0)).abs() < 1e-6, "{}", rows[0].byte_hours);
        assert_eq!(ledger.rows("1970-01-01T01").expect("a disk").len(), 1);

        ledger.keep().expect("a disk");
        let again = Ledger::open(dir.path()).expect("a ledger");
        assert_eq!(again.rows("").expect("a disk"), rows, "what was written down is there after a restart");
        again.count(&reading(100, 4), minute(62)).expect("a disk");
        assert_eq!(again.rows("").expect("a disk")[1].writes, 7, "counters begin at zero, and the hour goes on");
    }
}
