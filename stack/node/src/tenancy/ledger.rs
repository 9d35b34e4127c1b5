//! What each account uses, counted as it happens, and written down by the hour.

use greenroom_model::metrics::OpClass;
use greenroom_model::tenancy::UsageRow;
use greenroom_model::{AccountName, TenantName};
use greenroom_store::{TenantUsage, Timestamp, private};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const HOUR_US: i64 = 3_600_000_000;
/// Hours that have ended, one row a line.
const HOURS_FILE: &str = "usage.ndjson";
/// The hour that is under way.
const NOW_FILE: &str = "usage.now.json";
/// What is put aside because it cannot be read.
const BAD_FILE: &str = "usage.now.bad";
/// Longer than any row.
const LINE_BYTES_MAX: u64 = 64 << 10;

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
        let now = dir.join(NOW_FILE);
        let mut book = match fs::read(&now).map(|bytes| serde_json::from_slice(&bytes)) {
            Ok(Ok(book)) => book,
            Ok(Err(error)) => {
                // Some minutes of counters are no reason to serve nothing.
                let aside = dir.join(BAD_FILE);
                tracing::error!(%error, kept = %aside.display(), "the hour under way cannot be read, and begins anew");
                fs::rename(&now, &aside)?;
                Book::default()
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Book::default(),
            Err(error) => return Err(error),
        };
        cut_torn_line(&dir.join(HOURS_FILE))?;
        // A crash may have come after the hour was written down, or in the middle of that, and before it was forgotten here.
        let hour = book.begins();
        for row in hours(dir)?.filter(|row| row.hour == hour) {
            book.rows.remove(&row.account);
        }
        Ok(Self { dir: dir.to_owned(), book: Mutex::new(book) })
    }

    /// Counts in what has happened since the last time.
    pub fn count(&self, reading: &Reading, now: Timestamp) -> io::Result<()> {
        let mut book = self.book();
        let hour = now.0.div_euclid(HOUR_US);
        // A clock that is set back does not open an hour again that has been closed.
        if hour > book.hour {
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
        let closed = hours(&self.dir)?;
        Ok(closed.chain(book.rows.values().cloned()).filter(|row| row.hour.as_str() >= since).collect())
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

/// The rows of all hours that have ended. A line that is none is left out, and said.
fn hours(dir: &Path) -> io::Result<impl Iterator<Item = UsageRow>> {
    let file = match File::open(dir.join(HOURS_FILE)) {
        Ok(file) => Some(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let lines = file.into_iter().flat_map(|file| BufReader::new(file).split(b'\n'));
    Ok(lines.filter_map(|line| match serde_json::from_slice(&line.ok()?) {
        Ok(row) => Some(row),
        Err(error) => {
            tracing::warn!(%error, "a line of the ledger is not one");
            None
        }
    }))
}

/// What a crash cut short is billed from the hour under way.
fn cut_torn_line(path: &Path) -> io::Result<()> {
    let mut file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let length = file.seek(SeekFrom::End(0))?;
    let tail = length.saturating_sub(LINE_BYTES_MAX);
    file.seek(SeekFrom::Start(tail))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(tail, |at| tail + at as u64 + 1);
    if whole < length {
        file.set_len(whole)?;
        file.sync_all()?;
    }
    Ok(())
}

impl Book {
    /// As rows name the hour.
    fn begins(&self) -> String {
        greenroom_gateway::time::iso_seconds(Timestamp(self.hour * HOUR_US))
    }

    fn count(&mut self, reading: &Reading, now: Timestamp) {
        let begin = Timestamp(self.hour * HOUR_US);
        // Time before the server started is nobody's to count: storage is counted from when it is seen.
        let since = self.at.unwrap_or(now).max(begin);
        let hours = now.0.saturating_sub(since.0).max(0) as f64 / HOUR_US as f64;
        self.at = Some(now);
        let hour = self.begins();
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

    /// Killed between any two writes, as often as one likes: each hour of each account is billed once, and what was billed stays.
    #[test]
    fn an_hour_is_billed_once_wherever_a_crash_comes() {
        let dir = tempfile::tempdir().expect("a folder");
        let minute = |minute: i64| Timestamp(60_000_000 * minute);
        let two = |puts: u64| {
            let mut reading = reading(600, puts);
            let other: AccountName = "other".parse().expect("good");
            let (tenant, used) = reading.stored.values().next().expect("one").clone();
            reading.counters.push((other.clone(), reading.counters[0].1));
            reading.stored.insert(other, (tenant, used));
            reading
        };
        let ledger = Ledger::open(dir.path()).expect("a ledger");
        ledger.count(&two(5), minute(30)).expect("a disk");
        ledger.keep().expect("a disk");
        let now = fs::read(dir.path().join(NOW_FILE)).expect("kept");
        ledger.count(&two(7), minute(61)).expect("a disk");
        let hours = fs::read(dir.path().join(HOURS_FILE)).expect("closed");
        for length in 0..=hours.len() {
            // The hour's rows have come to the disk so far, and the hour under way is still what it was.
            fs::write(dir.path().join(HOURS_FILE), &hours[..length]).expect("written");
            fs::write(dir.path().join(NOW_FILE), &now).expect("written");
            for _ in 0..2 {
                let again = Ledger::open(dir.path()).expect("a ledger");
                again.count(&two(0), minute(62)).expect("a disk");
            }
            let rows = Ledger::open(dir.path()).expect("a ledger").rows("").expect("a disk");
            let first: Vec<_> = rows.iter().filter(|row| row.hour == "1970-01-01T00:00:00Z").collect();
            assert_eq!(
                first.iter().map(|row| row.account.as_str()).collect::<std::collections::BTreeSet<_>>().len(),
                2
            );
            assert_eq!(first.len(), 2, "{length}: {first:?}");
            assert!(first.iter().all(|row| row.writes >= 5), "{length}: {first:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_put_aside() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join(NOW_FILE), "").expect("written");
        fs::write(dir.path().join(HOURS_FILE), b"\xff\xfe not a row\n").expect("written");
        let ledger = Ledger::open(dir.path()).expect("it starts");
        assert_eq!(ledger.rows("").expect("a disk"), []);
        assert!(dir.path().join(BAD_FILE).is_file());
    }
}
