//! What a load is made of, as it is written in a step and on the command line.

use bytesize::ByteSize;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

/// Larger bodies would not fit a laptop's memory beside what it shows.
const SIZE_MAX: u64 = 256 << 20;
/// What one machine can schedule without becoming what is measured.
const RATE_MAX: f64 = 100_000.0;

#[derive(Debug, Clone, PartialEq, clap::Args)]
pub struct Shape {
    /// Weight of uploads among the operations; without any weight, uploads alone
    #[arg(long, default_value_t = 0, value_name = "WEIGHT")]
    put: u32,
    /// Weight of downloads; what they read is written before
    #[arg(long, default_value_t = 0, value_name = "WEIGHT")]
    get: u32,
    /// Weight of listings
    #[arg(long, default_value_t = 0, value_name = "WEIGHT")]
    list: u32,
    /// Weight of removals
    #[arg(long, default_value_t = 0, value_name = "WEIGHT")]
    delete: u32,
    /// Bytes of each blob
    #[arg(long, default_value = "64KiB", value_parser = size)]
    pub size: ByteSize,
    /// Blobs that the operations choose among
    #[arg(long, default_value = "64", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub keys: u32,
    /// Operations a second, such as 400/s or 90/m
    #[arg(long)]
    pub rate: Rate,
    /// How long, such as 20s
    #[arg(long = "for", value_parser = crate::words::duration, value_name = "DURATION")]
    pub lasts: Duration,
    /// Requests under way at once, at most; what finds none free waits, and its wait counts
    #[arg(long, default_value = "64")]
    pub connections: NonZeroU32,
    /// The same seed gives the same operations at the same times
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Whether operations come as from many independent clients, or evenly
    #[arg(long, value_enum, default_value = "poisson")]
    pub arrivals: Arrivals,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Arrivals {
    Poisson,
    Even,
}

/// Weights of the operations; at least one is not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    pub put: u32,
    pub get: u32,
    pub list: u32,
    pub delete: u32,
}

/// Operations a second.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(pub f64);

impl Shape {
    pub fn mix(&self) -> Mix {
        let mix = Mix { put: self.put, get: self.get, list: self.list, delete: self.delete };
        if mix.total() == 0 { Mix { put: 1, ..mix } } else { mix }
    }
}

impl Mix {
    pub fn total(self) -> u64 {
        [self.put, self.get, self.list, self.delete].into_iter().map(u64::from).sum()
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Rate, String> {
        let bad = || format!("'{text}' is no rate: write '400/s' or '90/m'");
        let (number, unit) = text.split_once('/').ok_or_else(bad)?;
        let number: f64 = number.replace('_', "").parse().map_err(|_| bad())?;
        let per_s = match unit {
            "s" => number,
            "m" | "min" => number / 60.0,
            _ => return Err(bad()),
        };
        match per_s {
            _ if !per_s.is_finite() || per_s <= 0.0 => Err(bad()),
            _ if per_s > RATE_MAX => {
                Err(format!("'{text}' is more than one machine can schedule: {RATE_MAX}/s at most"))
            }
            _ => Ok(Rate(per_s)),
        }
    }
}

fn size(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    match size.as_u64() <= SIZE_MAX {
        true => Ok(size),
        false => Err(format!("blobs of a load have at most {}", ByteSize::b(SIZE_MAX))),
    }
}
