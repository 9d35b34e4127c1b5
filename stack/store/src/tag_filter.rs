//! Conditions on index tags, decided by one pure function. How they are written down is no business of the store's.

use crate::props::Tags;
use std::cmp::Ordering;

/// A condition on a blob's tags. Values compare as text, byte by byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagFilter {
    Tag { name: String, relation: Relation, value: String },
    All(Vec<TagFilter>),
    Any(Vec<TagFilter>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    Equal,
    Differs,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl TagFilter {
    /// A tag that is not there meets no condition but that it differs.
    pub fn matches(&self, tags: &Tags) -> bool {
        match self {
            TagFilter::Tag { name, relation, value } => match tags.get(name) {
                Some(found) => relation.holds(found.as_str().cmp(value)),
                None => *relation == Relation::Differs,
            },
            TagFilter::All(filters) => filters.iter().all(|filter| filter.matches(tags)),
            TagFilter::Any(filters) => filters.iter().any(|filter| filter.matches(tags)),
        }
    }

    /// Whether the condition looks at this tag.
    pub fn names(&self, tag: &str) -> bool {
        match self {
            TagFilter::Tag { name, .. } => name == tag,
            TagFilter::All(filters) | TagFilter::Any(filters) => filters.iter().any(|filter| filter.names(tag)),
        }
    }
}

impl Relation {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Relation::Equal => order.is_eq(),
            Relation::Differs => order.is_ne(),
            Relation::Less => order.is_lt(),
            Relation::LessOrEqual => order.is_le(),
            Relation::Greater => order.is_gt(),
            Relation::GreaterOrEqual => order.is_ge(),
        }
    }
}
