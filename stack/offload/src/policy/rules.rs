//! What an operator says about whose blobs leave when.

use super::Fact;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    pub water: Water,
    /// The first one whose scope holds a blob decides; without any, `otherwise`.
    pub rules: Vec<Rule>,
    pub otherwise: Treatment,
}

/// In percent of capacity. Above high, what was used longest ago leaves until low is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Water {
    pub high_percent: u64,
    pub low_percent: u64,
}

impl Default for Water {
    fn default() -> Self {
        Self { high_percent: 80, low_percent: 70 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    #[serde(flatten)]
    pub scope: Scope,
    pub treat: Treatment,
}

/// What is not given holds everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scope {
    pub tenant: Option<String>,
    pub container: Option<String>,
    pub prefix: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Treatment {
    /// Leaves when room is needed.
    #[default]
    WhenFull,
    /// Leaves when it has not been used for so long, or when room is needed.
    Idle { days: u32 },
    /// Leaves as soon as it is noticed.
    AtOnce,
    /// Goes to the cloud as soon as it is noticed, and stays on flash too; flash is freed when room is needed.
    Copy,
    /// Never leaves, however full flash gets, and whatever tier a client sets.
    Pin,
}

impl Rules {
    /// The treatment, and the number of the rule that says so.
    pub fn treatment(&self, fact: &Fact) -> (Treatment, Option<usize>) {
        let holds = |rule: &Rule| rule.scope.holds(fact);
        match self.rules.iter().position(holds) {
            Some(number) => (self.rules[number].treat, Some(number)),
            None => (self.otherwise, None),
        }
    }
}

impl Scope {
    fn holds(&self, fact: &Fact) -> bool {
        self.tenant.as_ref().is_none_or(|tenant| *tenant == fact.key.tenant)
            && self.container.as_ref().is_none_or(|container| *container == fact.key.container)
            && fact.key.name.starts_with(&self.prefix)
    }
}
