//! What `wait` and `expect` compare: `photos.blobs == 2004`, `gold.get.p99_ms <= 1.2 * solo.get.p99_ms`.

use crate::words::duration;
use std::time::Duration;

/// `left op right`, on metrics and figures of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    pub left: Operand,
    pub comparison: Comparison,
    pub right: Operand,
}

/// A number, a metric, or a metric times a number.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    Number(f64),
    Metric { name: String, times: f64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Comparison {
    const ALL: [(&'static str, Comparison); 6] = [
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        ("<=", Comparison::AtMost),
        (">=", Comparison::AtLeast),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];

    /// By its sign.
    pub fn of(sign: &str) -> Option<Comparison> {
        Comparison::ALL.iter().find(|(known, _)| *known == sign).map(|(_, comparison)| *comparison)
    }

    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Comparison::Equal => left == right,
            Comparison::NotEqual => left != right,
            Comparison::Less => left < right,
            Comparison::AtMost => left <= right,
            Comparison::Greater => left > right,
            Comparison::AtLeast => left >= right,
        }
    }
}

/// A condition's words without `within DURATION`, and that duration.
pub fn without_within(words: &[String]) -> Result<(Vec<String>, Option<Duration>), String> {
    match words.iter().position(|word| word == "within") {
        None => Ok((words.to_vec(), None)),
        Some(at) => match &words[at + 1..] {
            [within] => Ok((words[..at].to_vec(), Some(duration(within)?))),
            _ => Err("'within' needs one duration after it, such as 'within 60s'".into()),
        },
    }
}

impl Condition {
    pub fn read(words: &[String]) -> Result<Condition, String> {
        let split = words.iter().enumerate().find_map(|(at, word)| Some((at, Comparison::of(word)?)));
        let Some((at, comparison)) = split else {
            return Err(format!(
                "'{}' compares nothing: write 'photos.blobs == 2004', with spaces around the sign",
                words.join(" ")
            ));
        };
        Ok(Condition { left: Operand::read(&words[..at])?, comparison, right: Operand::read(&words[at + 1..])? })
    }

    /// Names of the metrics that it compares.
    pub fn metrics(&self) -> impl Iterator<Item = &str> {
        [&self.left, &self.right].into_iter().filter_map(|operand| match operand {
            Operand::Metric { name, .. } => Some(name.as_str()),
            Operand::Number(_) => None,
        })
    }
}

impl Operand {
    fn read(words: &[String]) -> Result<Operand, String> {
        match words {
            [one] => match number(one) {
                Some(value) => Ok(Operand::Number(value)),
                None => Ok(Operand::Metric { name: metric(one)?, times: 1.0 }),
            },
            [a, times, b] if times == "*" => match (number(a), number(b)) {
                (Some(times), None) => Ok(Operand::Metric { name: metric(b)?, times }),
                (None, Some(times)) => Ok(Operand::Metric { name: metric(a)?, times }),
                (Some(a), Some(b)) => Ok(Operand::Number(a * b)),
                (None, None) => Err(format!("'{a} * {b}' multiplies two metrics: one side must be a number")),
            },
            _ => Err(format!("'{}' is neither a number nor a metric", words.join(" "))),
        }
    }
}

fn number(text: &str) -> Option<f64> {
    let plain = text.replace('_', "");
    plain.parse::<f64>().ok().filter(|value| value.is_finite()).or_else(|| {
        let starts = plain.starts_with(|c: char| c.is_ascii_digit());
        starts.then(|| plain.parse::<bytesize::ByteSize>().ok().map(|size| size.as_u64() as f64)).flatten()
    })
}

fn metric(name: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let beginning = name.split('.').next().unwrap_or_default();
    let is_number = beginning.len() == name.len() || beginning.chars().all(|c| c.is_ascii_digit() || c == '_');
    if name.starts_with(|c: char| c.is_ascii_digit()) && is_number {
        return Err(format!(
            "'{name}' begins as a number does, and is none: write 2004, 2_004, 0.5, or bytes such as 64KiB and 2GB"
        ));
    }
    if name.contains('.') && name.chars().all(fits) {
        Ok(name.to_string())
    } else {
        Err(format!("'{name}' is neither a number nor a metric such as 'photos.blobs'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_compare_metrics_with_numbers_and_metrics() {
        let words = |text: &str| text.split(' ').map(String::from).collect::<Vec<_>>();
        let read = |text: &str| Condition::read(&words(text));
        assert_eq!(
            read("gold.get.p99_ms <= 1.2 * solo.get.p99_ms"),
            Ok(Condition {
                left: Operand::Metric { name: "gold.get.p99_ms".into(), times: 1.0 },
                comparison: Comparison::AtMost,
                right: Operand::Metric { name: "solo.get.p99_ms".into(), times: 1.2 },
            })
        );
        assert_eq!(read("a.b == 1KiB").expect("good").right, Operand::Number(1024.0));
        assert_eq!(read("a.b == 2_004").expect("good").right, Operand::Number(2004.0));
        for bad in ["a.b", "a.b == ", "a.b == c * d.e * 2", "a == 1", "a.b == a.b * c.d"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
