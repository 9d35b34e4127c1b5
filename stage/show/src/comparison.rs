//! Figures beside each other, in one scale and one unit: each against the first.

use crate::demo::Comparison;
use crate::unit::three_digits;

/// Beyond this ratio of the largest to the smallest, bars are read by decades.
const DECADES_RATIO: f64 = 30.0;
/// A bar that is there is seen.
const PART_MIN: f64 = 0.02;

#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    pub label: String,
    /// Of the room that bars have, from 0 to 1.
    pub part: f64,
    /// Number and unit; absent until it was measured.
    pub value: Option<(String, &'static str)>,
    /// How often the first: number, and what of.
    pub against: Option<(String, String)>,
}

/// Which scale bars are drawn to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    Linear,
    /// Each part as wide again is ten times as much.
    Decades,
}

/// A bar for each side. `values` are in the order of the sides.
pub fn bars(comparison: &Comparison, values: &[Option<f64>]) -> (Scale, Vec<Bar>) {
    let known = || values.iter().flatten().copied().filter(|value| *value > 0.0);
    let (largest, smallest) = (known().fold(0.0, f64::max), known().fold(f64::INFINITY, f64::min));
    let scale = if largest / smallest > DECADES_RATIO { Scale::Decades } else { Scale::Linear };
    let part = |value: f64| match scale {
        _ if value <= 0.0 => 0.0,
        Scale::Linear => (value / largest).max(PART_MIN),
        Scale::Decades => {
            let floor = smallest.log10().floor();
            ((value.log10() - floor) / (largest.log10() - floor)).max(PART_MIN)
        }
    };
    let (divisor, unit) = comparison.unit.scale(largest);
    let first = values.first().copied().flatten().filter(|first| *first > 0.0);
    let bars = comparison.sides.iter().enumerate().map(|(index, side)| {
        let value = values.get(index).copied().flatten();
        let against = first.zip(value).filter(|_| index > 0);
        Bar {
            label: side.label.clone(),
            part: value.map_or(0.0, part),
            value: value.map(|value| (three_digits(value / divisor), unit)),
            against: against.map(|(first, value)| (times(value / first), comparison.sides[0].label.clone())),
        }
    });
    (scale, bars.collect())
}

/// As it is spoken: tenths below ten, whole numbers from there on.
fn times(ratio: f64) -> String {
    match ratio {
        _ if ratio >= 9.95 => format!("{ratio:.0} ×"),
        _ if ratio >= 0.095 => format!("{ratio:.1} ×"),
        _ => format!("{ratio:.2} ×"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{demo::Side, unit::Unit};

    fn comparison(labels: &[&str]) -> Comparison {
        let side = |label: &&str| Side { figure: format!("{label}.p99_ms"), label: label.to_string() };
        Comparison { title: "p99".into(), unit: Unit::Milliseconds, sides: labels.iter().map(side).collect() }
    }

    #[test]
    fn each_side_is_told_against_the_first_in_one_unit() {
        let (scale, bars) = bars(&comparison(&["alone", "off", "on"]), &[Some(100.0), Some(1400.0), Some(110.0)]);
        assert_eq!(scale, Scale::Linear);
        let said: Vec<_> = bars.iter().map(|bar| (bar.value.clone().expect("measured"), bar.against.clone())).collect();
        let of = |times: &str| Some((times.to_string(), "alone".to_string()));
        assert_eq!(
            said,
            [
                (("0.10".to_string(), "s"), None),
                (("1.40".to_string(), "s"), of("14 ×")),
                (("0.11".to_string(), "s"), of("1.1 ×")),
            ]
        );
        assert_eq!(bars[1].part, 1.0);
    }

    #[test]
    fn what_spans_decades_is_drawn_by_them_and_what_was_not_measured_waits() {
        let (scale, bars) = bars(&comparison(&["a", "b", "c"]), &[Some(2.0), None, Some(2000.0)]);
        assert_eq!(scale, Scale::Decades);
        assert_eq!((bars[1].part, &bars[1].value, &bars[1].against), (0.0, &None, &None));
        assert!(bars[0].part > 0.05 && bars[0].part < 0.15, "{}", bars[0].part);
        assert_eq!(bars[2].part, 1.0);
    }

    #[test]
    fn nothing_measured_and_nothing_at_all_are_no_fault() {
        for values in [vec![], vec![None, None], vec![Some(0.0), Some(0.0)], vec![Some(f64::NAN), Some(1.0)]] {
            let (_, bars) = bars(&comparison(&["a", "b"]), &values);
            assert!(bars.iter().all(|bar| (0.0..=1.0).contains(&bar.part)), "{values:?}: {bars:?}");
        }
    }
}
