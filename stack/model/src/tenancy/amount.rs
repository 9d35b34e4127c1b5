//! Bytes, as people write them.

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A number of bytes: a whole number, or text such as `20 GiB`, `1.5GB`, `512`. It serialises as the number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ByteCount(pub u64);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a number of bytes: write 1048576, 20 GiB or 1.5 GB")]
pub struct AmountError(String);

const UNITS: [(&str, u64); 11] = [
    ("", 1),
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("pib", 1 << 50),
];

impl FromStr for ByteCount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let bad = || AmountError(text.chars().take(40).collect());
        let trimmed = text.trim();
        let digits = trimmed.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(digits);
        let unit = unit.trim().to_ascii_lowercase();
        let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
        if let Ok(whole) = number.parse::<u64>() {
            return whole.checked_mul(factor).map(Self).ok_or_else(bad);
        }
        let bytes = number.parse::<f64>().map_err(|_| bad())? * factor as f64;
        if bytes.is_finite() && (0.0..9e18).contains(&bytes) { Ok(Self(bytes.round() as u64)) } else { Err(bad()) }
    }
}

impl fmt::Display for ByteCount {
    /// In the largest unit that says it exactly.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("PiB", 1 << 50), ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1_u64 << 10)];
        match units.into_iter().find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor)) {
            Some((unit, factor)) => write!(f, "{} {unit}", self.0 / factor),
            None => write!(f, "{} B", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for ByteCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Amount;
        impl Visitor<'_> for Amount {
            type Value = ByteCount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of bytes such as 1048576, \"20 GiB\" or \"1.5 GB\"")
            }

            fn visit_u64<E: serde::de::Error>(self, bytes: u64) -> Result<ByteCount, E> {
                Ok(ByteCount(bytes))
            }

            fn visit_i64<E: serde::de::Error>(self, bytes: i64) -> Result<ByteCount, E> {
                u64::try_from(bytes).map(ByteCount).map_err(|_| E::custom("bytes cannot be negative"))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ByteCount, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Amount).map_err(D::Error::custom)
    }
}

impl PartialSchema for ByteCount {
    fn schema() -> RefOr<Schema> {
        u64::schema()
    }
}

impl ToSchema for ByteCount {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("ByteCount")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("1 KiB", 1024),
            ("20GiB", 20 << 30),
            ("1.5 GB", 1_500_000_000),
            (" 3 mib ", 3 << 20),
            ("7TB", 7_000_000_000_000),
        ] {
            assert_eq!(text.parse(), Ok(ByteCount(bytes)), "{text}");
        }
        for bad in ["", "GiB", "-1", "1 parsec", "99999999999 PiB", "1.2.3", "1e9"] {
            assert!(bad.parse::<ByteCount>().is_err(), "{bad}");
        }
    }

    #[test]
    fn amounts_are_shown_exactly() {
        for (bytes, text) in [(0, "0 B"), (1000, "1000 B"), (1536 << 20, "1536 MiB"), (1 << 30, "1 GiB")] {
            assert_eq!(ByteCount(bytes).to_string(), text);
            assert_eq!(text.parse(), Ok(ByteCount(bytes)));
        }
    }

    #[test]
    fn json_takes_numbers_and_words() {
        assert_eq!(serde_json::from_str::<ByteCount>("5").ok(), Some(ByteCount(5)));
        assert_eq!(serde_json::from_str::<ByteCount>("\"5 KiB\"").ok(), Some(ByteCount(5120)));
        assert!(serde_json::from_str::<ByteCount>("-5").is_err());
        assert_eq!(serde_json::to_string(&ByteCount(5120)).ok().as_deref(), Some("5120"));
    }
}
