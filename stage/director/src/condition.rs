//! Whether a condition holds, and how that reads. Pure.

use crate::parse::{Comparison, Condition, Operand, nearest};
use crate::rates::Values;
use greenroom_show::unit::{Unit, grouped};

#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    Holds {
        seen: String,
    },
    Fails {
        seen: String,
    },
    /// A metric that nothing has reported yet.
    Unknown {
        why: String,
    },
}

pub fn judge(condition: &Condition, values: &Values) -> Verdict {
    let unknown = |name: &str| {
        let near = nearest(name, values.keys().map(String::as_str));
        let near = near.map(|near| format!("; did you mean '{near}'?")).unwrap_or_default();
        Verdict::Unknown { why: format!("there is no metric '{name}' yet{near}") }
    };
    let value = |operand: &Operand| match operand {
        Operand::Number(number) => Ok(*number),
        Operand::Metric { name, times } => values.get(name).map(|value| value * times).ok_or_else(|| unknown(name)),
    };
    let (left, right) = match (value(&condition.left), value(&condition.right)) {
        (Ok(left), Ok(right)) => (left, right),
        (Err(unknown), _) | (_, Err(unknown)) => return unknown,
    };
    let unit = [&condition.left, &condition.right].into_iter().find_map(unit_of).unwrap_or(Unit::Count);
    let say = |value: f64| if unit == Unit::Count { count(value) } else { unit.say(value) };
    if condition.comparison.holds(left, right) {
        Verdict::Holds { seen: say(left) }
    } else {
        Verdict::Fails { seen: format!("{}, {} {}", say(left), wanted(condition.comparison), say(right)) }
    }
}

/// The unit that a metric's name ends with.
fn unit_of(operand: &Operand) -> Option<Unit> {
    let Operand::Metric { name, .. } = operand else { return None };
    Some(Unit::of_metric(name))
}

fn wanted(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "wanted",
        Comparison::NotEqual => "wanted other than",
        Comparison::Less => "wanted less than",
        Comparison::AtMost => "wanted at most",
        Comparison::Greater => "wanted more than",
        Comparison::AtLeast => "wanted at least",
    }
}

fn count(value: f64) -> String {
    if value.fract() == 0.0 { grouped(value) } else { format!("{value:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge_text(text: &str) -> Verdict {
        let words: Vec<String> = text.split(' ').map(String::from).collect();
        let values = [("a.blobs", 2004.0), ("a.get.p99_ms", 3.5), ("solo.p99_ms", 3.0)];
        let values = values.map(|(name, value)| (name.to_string(), value)).into();
        judge(&Condition::read(&words).expect("good"), &values)
    }

    #[test]
    fn verdicts_say_what_was_seen_and_what_was_wanted() {
        let cases = [
            ("a.blobs == 2004", Verdict::Holds { seen: "2,004".into() }),
            ("a.blobs == 2005", Verdict::Fails { seen: "2,004, wanted 2,005".into() }),
            ("a.get.p99_ms <= 1.2 * solo.p99_ms", Verdict::Holds { seen: "3.50 ms".into() }),
            ("a.get.p99_ms < solo.p99_ms", Verdict::Fails { seen: "3.50 ms, wanted less than 3.00 ms".into() }),
            (
                "a.blob == 1",
                Verdict::Unknown { why: "there is no metric 'a.blob' yet; did you mean 'a.blobs'?".into() },
            ),
        ];
        for (text, verdict) in cases {
            assert_eq!(judge_text(text), verdict, "{text}");
        }
    }
}
