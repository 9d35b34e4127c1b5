//! A request's query, decoded once. `+` is a space, as forms have it: that is what clients mean who write one there, and what
//! they sign; those that mean a plus write `%2B`.

use crate::error::{Code, Error};
use percent_encoding::percent_decode_str;

/// More than any operation has; a longer query is refused.
const PAIRS_MAX: usize = 100;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    pub fn parse(raw: &str) -> Result<Query, Error> {
        if raw.is_empty() {
            return Ok(Query::default());
        }
        let decode = |part: &str| match percent_decode_str(&part.replace('+', " ")).decode_utf8() {
            Ok(text) => Ok(text.into_owned()),
            Err(_) => Err(Error::new(Code::InvalidQueryParameterValue, "The query is not UTF-8.")),
        };
        let mut pairs = Vec::new();
        for pair in raw.split('&') {
            if pairs.len() == PAIRS_MAX {
                return Err(Code::OutOfRangeQueryParameterValue.into());
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            pairs.push((decode(name)?, decode(value)?));
        }
        Ok(Query { pairs })
    }

    /// In the order sent; an empty pair (`a=1&&b=2`) is `("", "")`.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The first value of a name, which is matched without regard to case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// As `get`, with an empty value taken for an absent one.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs().filter(move |(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_once() {
        let query = Query::parse("comp=list&prefix=a%2525%2B+b&&flag&Empty=").expect("a good query");
        let pairs: Vec<_> = query.pairs().collect();
        assert_eq!(pairs, [("comp", "list"), ("prefix", "a%25+ b"), ("", ""), ("flag", ""), ("Empty", "")]);
        assert_eq!(query.get("COMP"), Some("list"));
        assert_eq!(query.filled("empty"), None);
    }

    #[test]
    fn a_query_that_is_not_utf8_or_endless_is_refused() {
        assert!(Query::parse("a=%FF").is_err());
        assert!(Query::parse(&"a=1&".repeat(200)).is_err());
    }
}
