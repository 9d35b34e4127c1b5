//! Since when the keys of tenants are as they are, from the figures as they stream. Pure.

use crate::rates::Values;
use std::collections::BTreeMap;

/// What the figure is called, behind the tenant's name.
const USABLE: &str = ".key_usable";

/// By tenant: those that have a key, and those that had one.
#[derive(Debug, Default)]
pub struct Turns(BTreeMap<String, Turn>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Turn {
    /// `None` where there is no key any more.
    usable: Option<bool>,
    at_unix_ms: u64,
}

impl Turns {
    pub fn hear(&mut self, values: &Values, now_unix_ms: u64) {
        let told = values.iter().filter_map(|(name, value)| Some((name.strip_suffix(USABLE)?, *value > 0.0)));
        for (tenant, usable) in told {
            self.turn(tenant, Some(usable), now_unix_ms);
        }
        for (tenant, turn) in &mut self.0 {
            if turn.usable.is_some() && !values.contains_key(&format!("{tenant}{USABLE}")) {
                *turn = Turn { usable: None, at_unix_ms: now_unix_ms };
            }
        }
    }

    /// Those that are known, and for how long their keys are as they are.
    pub fn known(&self, now_unix_ms: u64) -> BTreeMap<String, u64> {
        self.0.iter().map(|(tenant, turn)| (tenant.clone(), now_unix_ms.saturating_sub(turn.at_unix_ms))).collect()
    }

    fn turn(&mut self, tenant: &str, usable: Option<bool>, at_unix_ms: u64) {
        match self.0.get_mut(tenant) {
            Some(turn) if turn.usable == usable => {}
            Some(turn) => *turn = Turn { usable, at_unix_ms },
            None => {
                self.0.insert(tenant.to_string(), Turn { usable, at_unix_ms });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_when_it_was_first_told() {
        let mut turns = Turns::default();
        let gold =
            |usable: Option<f64>| usable.map(|usable| ("gold.key_usable".to_string(), usable)).into_iter().collect();
        for (at, usable, lasts) in [
            (100, Some(1.0), 0),
            (200, Some(1.0), 100),
            (300, Some(0.0), 0),
            (350, Some(0.0), 50),
            (400, Some(1.0), 0),
            (500, None, 0),
            (900, None, 400),
        ] {
            turns.hear(&gold(usable), at);
            assert_eq!(turns.known(at), [("gold".to_string(), lasts)].into(), "at {at}");
        }
        turns.hear(&[("silver.blobs".to_string(), 1.0)].into(), 950);
        assert_eq!(turns.known(950).len(), 1, "whoever never had a key is not told of");
    }
}
