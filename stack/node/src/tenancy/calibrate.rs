//! What this machine can do, by a short measurement of its disk.

use greenroom_model::tenancy::{ByteCount, Rate};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Instant;

const LARGE_BYTES: usize = 8 << 20;
const SYNCS: u32 = 8;
/// Small writes that share a sync under load.
const WRITES_A_SYNC: f64 = 16.0;

/// Writes and syncs beside the data, for some tens of milliseconds.
pub fn measure(dir: &Path) -> io::Result<Rate> {
    let path = dir.join("calibration.tmp");
    let measured = (|| {
        let mut file = File::create(&path)?;
        let block = vec![0x5a; LARGE_BYTES];
        let began = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        let bytes_per_s = LARGE_BYTES as f64 / began.elapsed().as_secs_f64();
        let began = Instant::now();
        for _ in 0..SYNCS {
            file.write_all(&block[..4096])?;
            file.sync_data()?;
        }
        let ops_per_s = f64::from(SYNCS) * WRITES_A_SYNC / began.elapsed().as_secs_f64();
        Ok(Rate { ops_per_s: Some(ops_per_s as u64), bytes_per_s: Some(ByteCount(bytes_per_s as u64)) })
    })();
    fs::remove_file(&path).ok();
    measured
}
