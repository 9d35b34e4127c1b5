//! Units, and how a figure reads from the back row: three digits, decimal prefixes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    BytesPerSecond,
    OpsPerSecond,
    /// Of what is no request: events, changes.
    PerSecond,
    Milliseconds,
    Seconds,
    Bytes,
    Count,
    Percent,
    Ratio,
    /// A part of one whole, read in percent.
    Share,
}

impl Unit {
    /// By the end of a metric's name.
    pub fn of_metric(name: &str) -> Self {
        let last = name.rsplit('.').next().unwrap_or_default();
        match last {
            _ if last.ends_with("bytes_per_s") => Unit::BytesPerSecond,
            _ if last.starts_with("bytes_") && last.ends_with("_per_s") => Unit::BytesPerSecond,
            _ if last.ends_with("events_per_s") || last.ends_with("changes_per_s") => Unit::PerSecond,
            _ if last.ends_with("_per_s") => Unit::OpsPerSecond,
            _ if last.ends_with("_percent") => Unit::Percent,
            _ if last == "share" => Unit::Share,
            _ if last.ends_with("_ms") => Unit::Milliseconds,
            _ if last.ends_with("seconds") || last.ends_with("_s") => Unit::Seconds,
            _ if last.ends_with("bytes") || last.starts_with("bytes") => Unit::Bytes,
            _ => Unit::Count,
        }
    }

    /// Whether the highest of many values says something by itself. Of what is filled or counted, the last one does.
    pub fn has_peaks(self) -> bool {
        match self {
            Unit::BytesPerSecond
            | Unit::OpsPerSecond
            | Unit::PerSecond
            | Unit::Milliseconds
            | Unit::Seconds
            | Unit::Percent
            | Unit::Share => true,
            Unit::Bytes | Unit::Count | Unit::Ratio => false,
        }
    }

    /// Whether what is not there has none of it: no bytes, no operations. Nobody knows how long what nobody asked for would have taken.
    pub fn rests_at_zero(self) -> bool {
        match self {
            Unit::BytesPerSecond
            | Unit::OpsPerSecond
            | Unit::PerSecond
            | Unit::Bytes
            | Unit::Count
            | Unit::Percent
            | Unit::Share => true,
            Unit::Milliseconds | Unit::Seconds | Unit::Ratio => false,
        }
    }

    /// The scale that suits values up to `largest`: what to divide by, and what to write behind.
    pub fn scale(self, largest: f64) -> (f64, &'static str) {
        match self {
            Unit::BytesPerSecond => decimal(largest, ["B/s", "KB/s", "MB/s", "GB/s", "TB/s"]),
            Unit::OpsPerSecond => decimal(largest, ["ops/s", "K ops/s", "M ops/s", "G ops/s", "T ops/s"]),
            Unit::PerSecond => decimal(largest, ["/s", "K/s", "M/s", "G/s", "T/s"]),
            Unit::Bytes => decimal(largest, ["B", "KB", "MB", "GB", "TB"]),
            Unit::Count => (1.0, ""),
            Unit::Milliseconds if largest >= 1000.0 => (1000.0, "s"),
            Unit::Milliseconds => (1.0, "ms"),
            Unit::Seconds => (1.0, "s"),
            Unit::Percent => (1.0, "%"),
            Unit::Ratio => (1.0, "×"),
            Unit::Share => (0.01, "%"),
        }
    }

    /// A value and its unit, apart, since the unit is set smaller.
    pub fn format(self, value: f64) -> (String, &'static str) {
        let (divisor, unit) = self.scale(value.abs());
        if self == Unit::Count { (grouped(value), unit) } else { (three_digits(value / divisor), unit) }
    }

    /// A value and its unit in one run of text.
    pub fn say(self, value: f64) -> String {
        let (value, unit) = self.format(value);
        if unit.is_empty() { value } else { format!("{value} {unit}") }
    }
}

/// How long something takes or has taken, from parts of a second to days, and the unit apart.
pub fn lasting(ms: u64) -> (String, &'static str) {
    const UNITS: [(f64, f64, &str); 3] = [(100.0, 1.0, "s"), (6_000.0, 60.0, "min"), (360_000.0, 3_600.0, "h")];
    let seconds = ms as f64 / 1e3;
    let fits = UNITS.iter().find(|(below, ..)| seconds < below - 0.05);
    let (divisor, unit) = fits.map_or((86_400.0, "days"), |(_, divisor, unit)| (*divisor, unit));
    (format!("{:.1}", seconds / divisor), unit)
}

/// The same of what somebody has set, without a fraction that says nothing.
pub fn say_lasting(ms: u64) -> String {
    match ms {
        1..1_000 => format!("{ms} ms"),
        _ => {
            let (value, unit) = lasting(ms);
            format!("{} {unit}", value.strip_suffix(".0").unwrap_or(&value))
        }
    }
}

fn decimal(largest: f64, names: [&'static str; 5]) -> (f64, &'static str) {
    let mut divisor = 1.0;
    for name in &names[..4] {
        if largest < divisor * 999.5 {
            return (divisor, name);
        }
        divisor *= 1000.0;
    }
    (divisor, names[4])
}

pub fn three_digits(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if size == 0.0 => "0".into(),
        _ if size >= 99.95 => grouped(value),
        _ if size >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A whole number with commas between thousands.
pub fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value <= -0.5 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_metrics_name_tells_its_unit() {
        for (name, unit) in [
            ("a.bytes_in_per_s", Unit::BytesPerSecond),
            ("up.bytes_per_s", Unit::BytesPerSecond),
            ("a.put.ops_per_s", Unit::OpsPerSecond),
            ("cloud.requests_per_s", Unit::OpsPerSecond),
            ("a.p99_ms", Unit::Milliseconds),
            ("up.seconds", Unit::Seconds),
            ("a.mirror_behind_s", Unit::Seconds),
            ("a.mirror_changes_per_s", Unit::PerSecond),
            ("a.events_per_s", Unit::PerSecond),
            ("a.blob_bytes", Unit::Bytes),
            ("a.bytes_in", Unit::Bytes),
            ("a.share", Unit::Share),
            ("a.blobs", Unit::Count),
        ] {
            assert_eq!(Unit::of_metric(name), unit, "{name}");
        }
    }

    #[test]
    fn how_long_reads_in_the_unit_that_it_is_told_in() {
        for (ms, said, set) in [
            (0, "0.0 s", "0 s"),
            (840, "0.8 s", "840 ms"),
            (1_000, "1.0 s", "1 s"),
            (99_900, "99.9 s", "99.9 s"),
            (99_990, "1.7 min", "1.7 min"),
            (600_000, "10.0 min", "10 min"),
            (7_200_000, "2.0 h", "2 h"),
            (864_000_000, "10.0 days", "10 days"),
        ] {
            let (value, unit) = lasting(ms);
            assert_eq!((format!("{value} {unit}").as_str(), say_lasting(ms).as_str()), (said, set), "{ms}");
        }
    }

    #[test]
    fn figures_read_with_three_digits_and_a_fitting_prefix() {
        let cases = [
            (Unit::BytesPerSecond, 0.0, "0 B/s"),
            (Unit::BytesPerSecond, 999.4, "999 B/s"),
            (Unit::BytesPerSecond, 999.6, "1.00 KB/s"),
            (Unit::BytesPerSecond, 1.234e9, "1.23 GB/s"),
            (Unit::BytesPerSecond, 5e15, "5,000 TB/s"),
            (Unit::OpsPerSecond, 12_345.0, "12.3 K ops/s"),
            (Unit::PerSecond, 1_250.0, "1.25 K/s"),
            (Unit::Milliseconds, 0.21, "0.21 ms"),
            (Unit::Milliseconds, 1500.0, "1.50 s"),
            (Unit::Count, 2004.0, "2,004"),
            (Unit::Count, -1234567.0, "-1,234,567"),
            (Unit::Ratio, 1.2, "1.20 ×"),
            (Unit::Share, 0.666, "66.6 %"),
        ];
        for (unit, value, text) in cases {
            assert_eq!(unit.say(value), text);
        }
    }
}
