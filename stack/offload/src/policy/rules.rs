//! What an operator says about whose blobs leave when: the words are `greenroom_model::offload`'s, and here is what they mean.

use super::fact::Fact;
use greenroom_model::offload::{Rules, Scope, Treatment};

/// The treatment, and the number of the rule that says so.
pub fn treatment(rules: &Rules, fact: &Fact) -> (Treatment, Option<usize>) {
    match rules.rules.iter().position(|rule| holds(&rule.scope, fact)) {
        Some(number) => (rules.rules[number].treat, Some(number)),
        None => (rules.otherwise, None),
    }
}

fn holds(scope: &Scope, fact: &Fact) -> bool {
    scope.tenant.as_ref().is_none_or(|tenant| *tenant == fact.key.tenant)
        && scope.container.as_ref().is_none_or(|container| *container == fact.key.container)
        && fact.key.name.starts_with(&scope.prefix)
}
