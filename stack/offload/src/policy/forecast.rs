//! When flash will be full, if things go on as they did.

use super::fact::Micros;

const DAY_US: f64 = 86_400e6;

/// Bytes on flash at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    pub at: Micros,
    pub bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Forecast {
    /// Too little is known: fewer than two moments.
    Unknown,
    /// Flash shrinks or stays as it is; bytes a day.
    Never {
        bytes_per_day: f64,
    },
    Full {
        days: f64,
        bytes_per_day: f64,
    },
}

/// By a line of least squares through the samples, from the last one on.
pub fn forecast(samples: &[Sample], capacity: u64) -> Forecast {
    let Some((first, last)) = samples.first().zip(samples.last()).filter(|(first, last)| first.at < last.at) else {
        return Forecast::Unknown;
    };
    let days = |sample: &Sample| (sample.at - first.at) as f64 / DAY_US;
    let count = samples.len() as f64;
    let mean_day = samples.iter().map(days).sum::<f64>() / count;
    let mean_bytes = samples.iter().map(|sample| sample.bytes as f64).sum::<f64>() / count;
    let (mut both, mut square) = (0.0, 0.0);
    for sample in samples {
        let day = days(sample) - mean_day;
        both += day * (sample.bytes as f64 - mean_bytes);
        square += day * day;
    }
    let bytes_per_day = both / square;
    let left = capacity.saturating_sub(last.bytes) as f64;
    match bytes_per_day > 0.0 {
        true => Forecast::Full { days: left / bytes_per_day, bytes_per_day },
        false => Forecast::Never { bytes_per_day },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daily(bytes: &[u64]) -> Vec<Sample> {
        let day = |n| n as i64 * DAY_US as i64;
        bytes.iter().enumerate().map(|(n, bytes)| Sample { at: day(n), bytes: *bytes }).collect()
    }

    #[test]
    fn growth_goes_on_as_it_did() {
        let cases = [
            ("nothing known", vec![], Forecast::Unknown),
            ("one moment", vec![5], Forecast::Unknown),
            ("steady", vec![10, 20, 30], Forecast::Full { days: 7.0, bytes_per_day: 10.0 }),
            ("uneven", vec![10, 30, 20, 40], Forecast::Full { days: 7.5, bytes_per_day: 8.0 }),
            ("shrinking", vec![30, 20, 10], Forecast::Never { bytes_per_day: -10.0 }),
            ("still", vec![30, 30], Forecast::Never { bytes_per_day: 0.0 }),
            ("full already", vec![90, 110], Forecast::Full { days: 0.0, bytes_per_day: 20.0 }),
        ];
        for (name, bytes, expected) in cases {
            assert_eq!(forecast(&daily(&bytes), 100), expected, "{name}");
        }
    }
}
