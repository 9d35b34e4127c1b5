//! What is copied: files of given sizes whose bytes do not compress and are the same on every run.

use crate::paths;
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug)]
pub struct Workload {
    pub name: &'static str,
    folder: &'static str,
    files: u32,
    file_bytes: u64,
}

pub const WORKLOADS: [Workload; 3] = [
    Workload { name: "1 x 1 GiB", folder: "large", files: 1, file_bytes: 1 << 30 },
    Workload { name: "16 x 64 MiB", folder: "medium", files: 16, file_bytes: 64 << 20 },
    Workload { name: "5,000 x 4 KiB", folder: "small", files: 5_000, file_bytes: 4 << 10 },
];

/// Where benchmarks work: on the disk that builds are on, since `/tmp` may be memory.
pub fn ground() -> PathBuf {
    paths::target().join("bench")
}

impl Workload {
    /// The folder's name, on disk and in the container.
    pub fn folder(&self) -> &'static str {
        self.folder
    }

    pub fn source(&self) -> PathBuf {
        ground().join("data").join(self.folder)
    }

    /// Writes the files, unless a run before did.
    pub fn prepare(&self) -> Result<()> {
        let (folder, done) = (self.source(), ground().join(format!("data/{}.done", self.folder)));
        if done.exists() {
            return Ok(());
        }
        paths::remove_folder(&folder)?;
        fs::create_dir_all(&folder).context("create the benchmark's data")?;
        let mut noise = Noise::new(0);
        for number in 0..self.files {
            let mut file = BufWriter::new(File::create(folder.join(format!("{number:05}")))?);
            let mut chunk = vec![0; usize::try_from(self.file_bytes.min(1 << 20))?];
            for _ in 0..self.file_bytes / chunk.len() as u64 {
                noise.fill(&mut chunk);
                file.write_all(&chunk).context("write the benchmark's data")?;
            }
            file.flush().context("write the benchmark's data")?;
        }
        fs::write(done, "").context("note that the data is whole")
    }

    /// Fails unless `copy` holds the same files with the same bytes.
    pub fn verify(&self, copy: &Path) -> Result<()> {
        for number in 0..self.files {
            let name = format!("{number:05}");
            if !same(&self.source().join(&name), &copy.join(&name))? {
                bail!("{}/{name} came back changed", self.folder);
            }
        }
        Ok(())
    }
}

fn same(one: &Path, other: &Path) -> Result<bool> {
    let open = |path: &Path| File::open(path).with_context(|| format!("open {}", path.display()));
    let (mut one, mut other) = (open(one)?, open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut left, mut right) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let read = one.read(&mut left)?;
        other.read_exact(&mut right[..read])?;
        if left[..read] != right[..read] {
            return Ok(false);
        }
        if read == 0 {
            return Ok(true);
        }
    }
}

/// xorshift64: fast, and no compressor finds anything in it.
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        let mut noise = Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        // Seeds that are close give streams that are not.
        for _ in 0..4 {
            noise.next();
        }
        noise
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn fill(&mut self, bytes: &mut [u8]) {
        for word in bytes.chunks_exact_mut(8) {
            word.copy_from_slice(&self.next().to_le_bytes());
        }
    }
}
