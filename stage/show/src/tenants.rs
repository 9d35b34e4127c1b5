//! The tenants of the running stack, as the presenter watches and changes them.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tenants {
    pub admission: Admission,
    pub tenants: Vec<TenantLine>,
}

/// Whether tenants are kept apart, and how it goes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Admission {
    pub switch: Switch,
    /// Jain's index of what those get who want more: 1 is fair.
    pub fairness: f64,
    pub in_flight: u64,
    pub queued: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Switch {
    #[default]
    On,
    Off,
}

impl Switch {
    pub fn other(self) -> Self {
        match self {
            Switch::On => Switch::Off,
            Switch::Off => Switch::On,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TenantLine {
    pub name: String,
    pub state: TenantState,
    pub bytes: u64,
    /// What it may store; absent where nothing bounds it.
    pub bytes_max: Option<u64>,
    pub blobs: u64,
    pub blobs_max: Option<u64>,
    pub weight: u32,
    /// Bodies in and out together.
    pub bytes_per_s: f64,
    pub ops_per_s: f64,
    /// Of what everybody moved in the last second: 0 to 1.
    pub share: f64,
    /// What 99 of 100 of its requests waited to be admitted at most.
    pub queue_ms: f64,
    /// Latency of all requests over the last second; absent where nothing was answered.
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub queued: u64,
    /// Sent away as too many, since the stack started.
    pub throttled: u64,
    /// What its content is encrypted by; absent where nothing of it ever was.
    #[serde(default)]
    pub key: Option<TenantKey>,
}

/// The key that wraps what a tenant's content is encrypted by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantKey {
    pub state: KeyState,
    /// `node`, or the key's URL; absent where there is none any more.
    pub wrapped_by: Option<String>,
    /// How long it is so already, as far as anybody has looked.
    pub for_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    #[default]
    Usable,
    /// What is written is not encrypted any more; what was, can be read.
    Stopped,
    /// Whoever holds it says no.
    Refused,
    /// Its vault does not answer.
    Away,
    /// Nothing that was encrypted is ever read again.
    Erased,
}

impl TenantKey {
    /// The key's name, without where it is and which version.
    pub fn name(&self) -> &str {
        match self.wrapped_by.as_deref() {
            None => "",
            Some("node") => "the server's",
            Some(url) => url.split_once("/keys/").map_or(url, |(_, rest)| rest.split('/').next().unwrap_or(rest)),
        }
    }
}

impl KeyState {
    /// For a row of a table, behind the key's name.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyState::Usable => "usable",
            KeyState::Stopped => "off",
            KeyState::Refused => "refused",
            KeyState::Away => "vault away",
            KeyState::Erased => "erased",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TenantState {
    #[default]
    Active,
    Suspended,
    OffBoarded,
}

/// What the presenter does to a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    Suspend,
    Resume,
    /// It may store so much, from now on.
    Quota {
        bytes: u64,
    },
    /// Its part of the machine among those who want some, from now on.
    Weight {
        weight: u32,
    },
    /// A line for a user of it, on the clipboard.
    HandOver,
}

impl TenantLine {
    /// How full its quota is: 0 to 1, and above where it was lowered since.
    pub fn filled(&self) -> Option<f64> {
        self.bytes_max.map(|max| self.bytes as f64 / max.max(1) as f64)
    }

    /// The quota that a press on plus or minus makes of this one: by half of what there is, and never below what is stored.
    pub fn next_quota(&self, step: Step) -> u64 {
        let now = self.bytes_max.unwrap_or(self.bytes).max(QUOTA_MIN);
        match step {
            Step::More => now + now / 2,
            Step::Less => (now - now / 3).max(self.bytes).max(QUOTA_MIN),
        }
    }

    /// The weight that a press on plus or minus makes of this one: twice, or half.
    pub fn next_weight(&self, step: Step) -> u32 {
        match step {
            Step::More => self.weight.saturating_mul(2).min(WEIGHT_MAX),
            Step::Less => (self.weight / 2).max(1),
        }
    }
}

const QUOTA_MIN: u64 = 1 << 20;
/// The stack takes no more.
const WEIGHT_MAX: u32 = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    More,
    Less,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_grow_by_half_and_shrink_to_what_is_stored() {
        let line = |bytes, max| TenantLine { bytes, bytes_max: max, ..TenantLine::default() };
        for (bytes, max, more, less) in [
            (0, Some(4 << 20), 6 << 20, 2_796_203),
            (3 << 20, Some(4 << 20), 6 << 20, 3 << 20),
            (8 << 20, None, 12 << 20, 8 << 20),
            (0, None, 3 << 19, 1 << 20),
        ] {
            let line = line(bytes, max);
            assert_eq!((line.next_quota(Step::More), line.next_quota(Step::Less)), (more, less), "{bytes} of {max:?}");
        }
        assert_eq!(line(3, Some(4)).filled(), Some(0.75));
    }

    #[test]
    fn a_key_is_known_by_its_name() {
        let name = |by: Option<&str>| {
            TenantKey { wrapped_by: by.map(String::from), ..TenantKey::default() }.name().to_string()
        };
        for (by, said) in [
            (None, ""),
            (Some("node"), "the server's"),
            (Some("https://localhost:4711/keys/gold/0123abcd"), "gold"),
            (Some("https://contoso.vault.azure.net/keys/gold"), "gold"),
        ] {
            assert_eq!(name(by), said);
        }
    }

    #[test]
    fn weights_double_and_halve_within_what_the_stack_takes() {
        for (weight, more, less) in [(100, 200, 50), (1, 2, 1), (9_000, 10_000, 4_500)] {
            let line = TenantLine { weight, ..TenantLine::default() };
            assert_eq!((line.next_weight(Step::More), line.next_weight(Step::Less)), (more, less), "{weight}");
        }
    }
}
