//! The capacity planner: how much flash a namespace needs when its cold part lies on disk or in Blob, and what that costs over time.
//! Prices are the presenter's: what stands here is an example and says so.

pub mod picture;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// An input of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Key {
    Data,
    Growth,
    Hot,
    Offload,
    Reduction,
    Flash,
    Hdd,
    Blob,
    Months,
}

/// What an input is, and what it may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    pub key: Key,
    pub name: &'static str,
    pub unit: &'static str,
    pub least: f64,
    pub most: f64,
    pub step: f64,
    pub example: f64,
}

const fn row(key: Key, name: &'static str, unit: &'static str, range: [f64; 3], example: f64) -> Row {
    let [least, most, step] = range;
    Row { key, name, unit, least, most, step, example }
}

pub const ROWS: [Row; 9] = [
    row(Key::Data, "Data today", "TB", [10.0, 5_000.0, 10.0], 500.0),
    row(Key::Growth, "Growth", "% a month", [0.0, 15.0, 0.5], 4.0),
    row(Key::Hot, "Hot share", "%", [5.0, 100.0, 5.0], 25.0),
    row(Key::Offload, "Of the cold, offloaded", "%", [0.0, 100.0, 5.0], 80.0),
    row(Key::Reduction, "Reduction", "×", [1.0, 5.0, 0.1], 2.0),
    row(Key::Flash, "Flash", "a TB", [10.0, 500.0, 5.0], 100.0),
    row(Key::Hdd, "HDD", "a TB", [1.0, 200.0, 1.0], 25.0),
    row(Key::Blob, "Blob", "a TB and month", [0.1, 20.0, 0.1], 2.0),
    row(Key::Months, "Horizon", "months", [6.0, 60.0, 6.0], 36.0),
];

/// Where the value of an input comes from: said beside it, always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    Example,
    /// By the stack, in this show or in the take on stage.
    Measured,
    /// By the presenter.
    Set,
}

impl Origin {
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Example => "example",
            Origin::Measured => "measured",
            Origin::Set => "set",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Input {
    pub row: Row,
    pub value: f64,
    pub origin: Origin,
}

/// What the presenter has set; the rest is measured or an example.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Settings(BTreeMap<Key, f64>);

impl Settings {
    /// Sets an input within its range, or leaves it to be measured or an example again.
    pub fn set(&mut self, key: Key, value: Option<f64>) {
        match value.filter(|value| value.is_finite()) {
            Some(value) => {
                let row = Row::of(key);
                self.0.insert(key, value.clamp(row.least, row.most));
            }
            None => {
                self.0.remove(&key);
            }
        }
    }

    pub fn inputs(&self, reduction: Option<f64>) -> [Input; ROWS.len()] {
        ROWS.map(|row| {
            let measured = reduction.filter(|value| row.key == Key::Reduction && *value >= row.least);
            let (value, origin) = match (self.0.get(&row.key), measured) {
                (Some(value), _) => (*value, Origin::Set),
                (None, Some(value)) => (value, Origin::Measured),
                (None, None) => (row.example, Origin::Example),
            };
            Input { row, value, origin }
        })
    }
}

impl Row {
    pub fn of(key: Key) -> Row {
        ROWS[key as usize]
    }
}

/// The end of a month, the first is today. Capacities in TB, costs since today in the unit of the prices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Month {
    pub month: u32,
    /// All data on flash.
    pub all_flash_tb: f64,
    /// Flash that is needed where the cold part is offloaded.
    pub flash_tb: f64,
    /// What the offloaded part takes, reduced.
    pub cold_tb: f64,
    pub all_flash_cost: f64,
    pub hdd_cost: f64,
    pub blob_cost: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub inputs: [Input; ROWS.len()],
    pub months: Vec<Month>,
    /// Flash that need not be bought by the end.
    pub deferred_tb: f64,
    /// The first month in which renting Blob has cost more than buying flash would have.
    pub break_even: Option<u32>,
}

impl Plan {
    pub fn of(inputs: [Input; ROWS.len()]) -> Plan {
        let value = |key: Key| inputs[key as usize].value;
        let (data, growth) = (value(Key::Data), 1.0 + value(Key::Growth) / 100.0);
        let moved = (1.0 - value(Key::Hot) / 100.0) * value(Key::Offload) / 100.0;
        let mut rent = 0.0;
        let months: Vec<_> = (0..=value(Key::Months) as u32)
            .map(|month| {
                let all_flash_tb = data * growth.powi(month as i32);
                let flash_tb = all_flash_tb * (1.0 - moved);
                let cold_tb = all_flash_tb * moved / value(Key::Reduction);
                let flash_cost = flash_tb * value(Key::Flash);
                // Today nothing is rented yet.
                rent += if month == 0 { 0.0 } else { cold_tb * value(Key::Blob) };
                Month {
                    month,
                    all_flash_tb,
                    flash_tb,
                    cold_tb,
                    all_flash_cost: all_flash_tb * value(Key::Flash),
                    hdd_cost: flash_cost + cold_tb * value(Key::Hdd),
                    blob_cost: flash_cost + rent,
                }
            })
            .collect();
        let deferred_tb = months.last().map_or(0.0, |month| month.all_flash_tb - month.flash_tb);
        let break_even = months.iter().find(|month| month.blob_cost > month.all_flash_cost).map(|month| month.month);
        Plan { inputs, months, deferred_tb, break_even }
    }

    /// The outcome in one sentence.
    pub fn in_words(&self) -> String {
        let months = self.months.len().saturating_sub(1);
        let deferred = terabytes(self.deferred_tb);
        match self.break_even {
            Some(month) => {
                format!("{deferred} of flash deferred; from month {month} on, renting has cost more than buying")
            }
            None => format!("{deferred} of flash deferred; renting stays cheaper than buying for all {months} months"),
        }
    }

    /// All months, below the inputs with where they come from.
    pub fn csv(&self) -> String {
        let mut text = String::from("input,value,unit,origin\n");
        for Input { row, value, origin } in &self.inputs {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "\"{}\",{value},{},{}", row.name, row.unit, origin.as_str());
        }
        text.push_str("\nmonth,all_flash_tb,flash_tb,cold_tb,all_flash_cost,flash_and_hdd_cost,flash_and_blob_cost\n");
        for month in &self.months {
            let values = [
                month.all_flash_tb,
                month.flash_tb,
                month.cold_tb,
                month.all_flash_cost,
                month.hdd_cost,
                month.blob_cost,
            ];
            let values = values.map(|value| format!("{value:.3}")).join(",");
            let _ = writeln!(text, "{},{values}", month.month);
        }
        text
    }
}

pub fn terabytes(value: f64) -> String {
    if value < 9_950.0 {
        format!("{} TB", crate::unit::grouped(value))
    } else {
        format!("{} PB", crate::unit::grouped(value / 1_000.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(set: &[(Key, f64)]) -> Plan {
        let mut settings = Settings::default();
        set.iter().for_each(|(key, value)| settings.set(*key, Some(*value)));
        Plan::of(settings.inputs(None))
    }

    #[test]
    fn rows_stand_in_the_order_of_their_keys() {
        for (index, row) in ROWS.iter().enumerate() {
            assert_eq!(row.key as usize, index, "{}", row.name);
            assert!((row.least..=row.most).contains(&row.example), "{}", row.name);
        }
    }

    #[test]
    fn capacity_and_cost_follow_from_the_inputs() {
        let plan = plan(&[
            (Key::Data, 100.0),
            (Key::Growth, 0.0),
            (Key::Hot, 50.0),
            (Key::Offload, 100.0),
            (Key::Reduction, 2.0),
            (Key::Flash, 100.0),
            (Key::Hdd, 20.0),
            (Key::Blob, 10.0),
            (Key::Months, 24.0),
        ]);
        assert_eq!(plan.months.len(), 25);
        let last = plan.months[24];
        assert_eq!((last.all_flash_tb, last.flash_tb, last.cold_tb), (100.0, 50.0, 25.0));
        assert_eq!((last.all_flash_cost, last.hdd_cost), (10_000.0, 5_500.0));
        assert_eq!(last.blob_cost, 5_000.0 + 24.0 * 250.0);
        assert_eq!(plan.deferred_tb, 50.0);
        // 5,000 saved on flash, 250 a month: it lasts 20 months.
        assert_eq!(plan.break_even, Some(21));
    }

    #[test]
    fn nothing_offloaded_is_all_on_flash() {
        for set in [(Key::Hot, 100.0), (Key::Offload, 0.0)] {
            let plan = plan(&[set]);
            assert_eq!((plan.deferred_tb, plan.break_even), (0.0, None), "{set:?}");
            assert!(plan.months.iter().all(|month| month.blob_cost == month.all_flash_cost), "{set:?}");
        }
    }

    #[test]
    fn every_input_says_where_it_comes_from() {
        let mut settings = Settings::default();
        let reduction = |settings: &Settings, measured| {
            let input = settings.inputs(measured)[Key::Reduction as usize];
            (input.value, input.origin)
        };
        assert_eq!(reduction(&settings, None), (2.0, Origin::Example));
        assert_eq!(reduction(&settings, Some(2.7)), (2.7, Origin::Measured));
        settings.set(Key::Reduction, Some(99.0));
        assert_eq!(reduction(&settings, Some(2.7)), (5.0, Origin::Set), "within its range");
        settings.set(Key::Reduction, Some(f64::NAN));
        assert_eq!(reduction(&settings, Some(2.7)), (2.7, Origin::Measured), "no number is no setting");
    }

    #[test]
    fn the_table_has_a_line_for_each_month_and_input() {
        let csv = plan(&[(Key::Months, 12.0)]).csv();
        assert_eq!(csv.lines().count(), 1 + ROWS.len() + 1 + 1 + 13);
        assert!(csv.contains("\"Horizon\",12,months,set\n"), "{csv}");
        assert!(csv.contains("\"Flash\",100,a TB,example\n"), "{csv}");
    }
}
