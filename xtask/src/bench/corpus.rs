//! Content of several kinds, the same on every run: what an AI cloud stores, as far as it can be made up.

use super::data::{Noise, ground};
use crate::paths;
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

const MIB: usize = 1 << 20;
/// English by frequency is not needed: what counts is that words repeat, some often, most seldom.
const WORDS: usize = 8_000;
/// Of a dataset that is kept in versions: each is the one before with some pieces changed, and some inserted.
const VERSIONS: u32 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Logs,
    /// Weights of 32 bits, around zero: two checkpoints, the second with one layer in four trained on.
    Floats,
    /// As a JPEG is: nothing left to compress.
    Noise,
    Versions,
    /// Text, in very many files.
    Small,
}

impl Kind {
    pub const ALL: [Kind; 6] = [Kind::Text, Kind::Logs, Kind::Floats, Kind::Noise, Kind::Versions, Kind::Small];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Logs => "logs",
            Kind::Floats => "checkpoints, floats",
            Kind::Noise => "noise, as JPEG",
            Kind::Versions => "eight versions of a dataset",
            Kind::Small => "100,000 files of 4 KiB",
        }
    }

    pub fn folder(self) -> PathBuf {
        ground().join("corpus").join(format!("{self:?}").to_lowercase())
    }

    /// Writes the files, unless a run before did.
    pub fn prepare(self) -> Result<()> {
        let (folder, done) = (self.folder(), self.folder().with_extension("done"));
        if done.exists() {
            return Ok(());
        }
        paths::remove_folder(&folder)?;
        fs::create_dir_all(&folder).context("create the benchmark's data")?;
        self.write(&folder)?;
        fs::write(done, "").context("note that the data is whole")
    }

    fn write(self, folder: &Path) -> Result<()> {
        let mut noise = Noise::new(self as u64);
        match self {
            Kind::Text => files(folder, 64, |_, file| text(&mut noise, 4 * MIB, file)),
            Kind::Logs => files(folder, 32, |number, file| logs(&mut noise, number, 8 * MIB, file)),
            Kind::Floats => checkpoints(folder, &mut noise),
            Kind::Noise => files(folder, 128, |_, file| {
                let mut bytes = vec![0; 2 * MIB];
                noise.fill(&mut bytes);
                file.write_all(&bytes)
            }),
            Kind::Versions => versions(folder, &mut noise),
            Kind::Small => {
                for group in 0..100 {
                    let folder = folder.join(format!("{group:02}"));
                    fs::create_dir_all(&folder)?;
                    files(&folder, 1_000, |_, file| text(&mut noise, 4 << 10, file))?;
                }
                Ok(())
            }
        }
    }
}

fn files(folder: &Path, count: u32, mut write: impl FnMut(u32, &mut dyn Write) -> std::io::Result<()>) -> Result<()> {
    for number in 0..count {
        let mut file = BufWriter::new(File::create(folder.join(format!("{number:05}")))?);
        write(number, &mut file).and_then(|()| file.flush()).context("write the benchmark's data")?;
    }
    Ok(())
}

/// Words of two to nine letters, by a distribution with a long tail.
fn text(noise: &mut Noise, bytes: usize, file: &mut dyn Write) -> std::io::Result<()> {
    let mut line = Vec::with_capacity(bytes + 16);
    while line.len() < bytes {
        // A product of two is small far more often than large.
        let (first, second) = (noise.next() % WORDS as u64, noise.next() % WORDS as u64);
        word((first * second / WORDS as u64) as usize, &mut line);
        line.push(if noise.next().is_multiple_of(14) { b'\n' } else { b' ' });
    }
    line.truncate(bytes);
    file.write_all(&line)
}

/// The letters of a word follow from its number.
fn word(number: usize, line: &mut Vec<u8>) {
    let mut own = Noise::new(number as u64 + 1);
    let length = 2 + own.next() % 8;
    for at in 0..length {
        let letters: &[u8] = if at % 2 == 0 { b"bcdfghklmnprstvw" } else { b"aeiou" };
        line.push(letters[own.next() as usize % letters.len()]);
    }
}

fn logs(noise: &mut Noise, number: u32, bytes: usize, file: &mut dyn Write) -> std::io::Result<()> {
    let (mut written, mut at) = (0, u64::from(number) * 3_600_000);
    while written < bytes {
        at += noise.next() % 40;
        let random = noise.next();
        let (seconds, millis) = (at / 1000 % 86_400, at % 1000);
        let line = format!(
            "2026-11-20T{:02}:{:02}:{:02}.{millis:03}Z INFO gateway request id={random:016x} method={} path=/train/shard-{:05}.tar status={} bytes={} ms={}\n",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60,
            ["GET", "GET", "GET", "PUT", "HEAD"][random as usize % 5],
            random % 4096,
            if random.is_multiple_of(97) { 503 } else { 200 },
            random % 8_388_608,
            random % 90
        );
        written += line.len();
        file.write_all(line.as_bytes())?;
    }
    Ok(())
}

/// Two checkpoints of 128 MiB, in layers.
fn checkpoints(folder: &Path, noise: &mut Noise) -> Result<()> {
    let layers: Vec<u64> = (0..32).map(|_| noise.next()).collect();
    for step in 0..2 {
        let seeds = layers.iter().enumerate().map(|(layer, seed)| if layer % 4 == 0 { seed + step } else { *seed });
        let mut file = BufWriter::new(File::create(folder.join(format!("step-{step}.safetensors")))?);
        for seed in seeds {
            let mut own = Noise::new(seed);
            for _ in 0..MIB {
                // A sum of four is close enough to a normal distribution.
                let sum: u32 = own.next().to_le_bytes().chunks(2).map(|part| u32::from(part[0])).sum();
                let weight = (f64::from(sum) - 510.0 + f64::from(own.next() as u32) / f64::from(u32::MAX)) / 1e4;
                file.write_all(&(weight as f32).to_le_bytes())?;
            }
        }
        file.flush().context("write the benchmark's data")?;
    }
    Ok(())
}

/// 32 MiB of noise in which each version changes some pieces and grows by some.
fn versions(folder: &Path, noise: &mut Noise) -> Result<()> {
    let mut content = vec![0; 32 * MIB];
    noise.fill(&mut content);
    for version in 0..VERSIONS {
        fs::create_dir_all(folder.join(format!("v{version}")))?;
        for (number, part) in content.chunks(4 * MIB).enumerate() {
            fs::write(folder.join(format!("v{version}/part-{number}")), part).context("write the benchmark's data")?;
        }
        for _ in 0..2 {
            let at = noise.next() as usize % (content.len() - MIB);
            noise.fill(&mut content[at..at + 64 * 1024]);
            let inserted = noise.next() as usize % (content.len() - MIB);
            content.splice(inserted..inserted, std::iter::repeat_n(version as u8, 100));
        }
    }
    Ok(())
}
