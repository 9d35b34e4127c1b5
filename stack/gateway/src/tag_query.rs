//! The language of tag conditions: `"name" = 'value' AND …`, as Find Blobs by Tags and `x-ms-if-tags` take it. Pure.
//! Source: "Find Blobs by Tags" and "Specifying conditional headers for Blob service operations".

use crate::error::{Code, Error};
use crate::tags;
use greenroom_model::ContainerName;
use greenroom_store::{Relation, TagFilter};

/// Longer ones say nothing that ten tags could mean.
const TERMS_MAX: usize = 50;
/// As many as a blob has tags.
const CONDITIONS_MAX: usize = tags::MAX;

/// What Find Blobs by Tags asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct Search {
    /// `@container = '…'`.
    pub container: Option<ContainerName>,
    pub filter: TagFilter,
}

/// Reads a search: terms joined by AND, equality and order, and the container.
pub fn search(text: &str) -> Result<Search, Error> {
    let bad = |what: String| Error::new(Code::InvalidQueryParameterValue, format!("where: {what}"));
    let (mut container, mut filters) = (None, Vec::new());
    for (joint, term) in terms(text).map_err(bad)? {
        if joint == Joint::Or {
            return Err(bad("OR is not offered here; ask twice".to_owned()));
        }
        match (term.name.as_str(), term.relation) {
            ("@container", Relation::Equal) if container.is_none() => {
                container = Some(ContainerName::new(term.value).map_err(|error| bad(error.to_string()))?);
            }
            ("@container", _) => return Err(bad("@container is compared by = and once".to_owned())),
            (name, _) if name.starts_with('@') => {
                return Err(bad(format!("{name} has no meaning here, but @container has")));
            }
            (_, Relation::Differs) => return Err(bad("<> is not offered here".to_owned())),
            _ => filters.push(term.filter()),
        }
        if filters.len() > CONDITIONS_MAX {
            return Err(bad(format!("it has more than {CONDITIONS_MAX} conditions on tags")));
        }
    }
    if filters.is_empty() {
        return Err(bad("a condition on a tag is needed".to_owned()));
    }
    Ok(Search { container, filter: TagFilter::All(filters) })
}

/// Reads `x-ms-if-tags`: terms joined by AND and OR, of which AND binds closer.
pub fn condition(text: &str) -> Result<TagFilter, Error> {
    let bad = |what: String| Error::new(Code::InvalidHeaderValue, format!("x-ms-if-tags: {what}"));
    let mut alternatives = vec![Vec::new()];
    for (joint, term) in terms(text).map_err(bad)? {
        if term.name.starts_with('@') {
            return Err(bad(format!("{} has no meaning here", term.name)));
        }
        match (joint, alternatives.last_mut()) {
            (Joint::And, Some(last)) => last.push(term.filter()),
            (Joint::Or, _) | (Joint::And, None) => alternatives.push(vec![term.filter()]),
        }
    }
    Ok(TagFilter::Any(alternatives.into_iter().map(TagFilter::All).collect()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Joint {
    And,
    Or,
}

struct Term {
    name: String,
    relation: Relation,
    value: String,
}

impl Term {
    fn filter(self) -> TagFilter {
        let Term { name, relation, value } = self;
        TagFilter::Tag { name, relation, value }
    }
}

/// The terms, each with what joins it to the one before; the first counts as joined by AND.
fn terms(text: &str) -> Result<Vec<(Joint, Term)>, String> {
    let (mut found, mut rest) = (Vec::new(), text.trim_start());
    let mut joint = Joint::And;
    loop {
        if found.len() == TERMS_MAX {
            return Err(format!("it has more than {TERMS_MAX} terms"));
        }
        let (name, after) = name(rest)?;
        let (relation, after) = relation(after.trim_start())?;
        let (value, after) = value(after.trim_start())?;
        check(&name, &value)?;
        found.push((joint, Term { name, relation, value }));
        rest = after.trim_start();
        if rest.is_empty() {
            return Ok(found);
        }
        (joint, rest) = joined(rest)?;
    }
}

/// No blob has tags of another form, so that such a term is a mistake. A name that begins with `@` is no tag's.
fn check(name: &str, value: &str) -> Result<(), String> {
    if name.starts_with('@') || tags::fits(name, value) {
        return Ok(());
    }
    let shown: String = name.chars().take(20).collect();
    Err(format!("no tag is {shown:?} with that value: {}", tags::RULE))
}

fn shown(rest: &str) -> String {
    if rest.is_empty() { "its end".to_owned() } else { format!("{:?}", rest.chars().take(20).collect::<String>()) }
}

/// A tag's name: bare, or in double quotes.
fn name(rest: &str) -> Result<(String, &str), String> {
    if let Some(quoted) = rest.strip_prefix('"') {
        let (name, after) = quoted.split_once('"').ok_or("a name's quotation mark is missing")?;
        return Ok((name.to_owned(), after));
    }
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '@' | '.' | ':' | '-' | '/' | '+');
    let end = rest.find(|c: char| !bare(c)).unwrap_or(rest.len());
    if end == 0 {
        return Err(format!("a tag's name is expected at {}", shown(rest)));
    }
    Ok((rest[..end].to_owned(), &rest[end..]))
}

fn relation(rest: &str) -> Result<(Relation, &str), String> {
    // Longer ones first: each of them begins with a shorter one.
    let relations = [
        ("<=", Relation::LessOrEqual),
        (">=", Relation::GreaterOrEqual),
        ("<>", Relation::Differs),
        ("=", Relation::Equal),
        ("<", Relation::Less),
        (">", Relation::Greater),
    ];
    let found = relations.iter().find_map(|(sign, relation)| Some((*relation, rest.strip_prefix(sign)?)));
    found.ok_or_else(|| format!("=, <, <=, > or >= is expected at {}", shown(rest)))
}

/// In single quotes; two of them within stand for one.
fn value(rest: &str) -> Result<(String, &str), String> {
    let mut rest =
        rest.strip_prefix('\'').ok_or_else(|| format!("a value in single quotes is expected at {}", shown(rest)))?;
    let mut value = String::new();
    loop {
        let (part, after) = rest.split_once('\'').ok_or("a value's quotation mark is missing")?;
        value.push_str(part);
        match after.strip_prefix('\'') {
            Some(more) => {
                value.push('\'');
                rest = more;
            }
            None => return Ok((value, after)),
        }
    }
}

fn joined(rest: &str) -> Result<(Joint, &str), String> {
    let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    match word.to_ascii_uppercase().as_str() {
        "AND" => Ok((Joint::And, after.trim_start())),
        "OR" => Ok((Joint::Or, after.trim_start())),
        _ => Err(format!("AND is expected at {}", shown(rest))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroom_store::Tags;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn searches_choose_as_azure_says() {
        let blob = tags(&[("team", "gold"), ("date", "2026-11-22"), ("a b", "1.5/2")]);
        for (text, chosen) in [
            ("team = 'gold'", true),
            ("\"team\"='gold'", true),
            ("team = 'silver'", false),
            ("missing = 'gold'", false),
            ("date > '2026-01-01' AND date < '2027'", true),
            ("date >= '2026-11-22' and date<='2026-11-22' And team='gold'", true),
            ("date > '2026-11-22'", false),
            ("\"a b\" = '1.5/2'", true),
        ] {
            assert_eq!(search(text).expect(text).filter.matches(&blob), chosen, "{text}");
        }
        let within = search("@container = 'photos' AND team = 'gold'").expect("a good search");
        assert_eq!(within.container.map(String::from).as_deref(), Some("photos"));
    }

    #[test]
    fn conditions_know_or_and_difference() {
        let blob = tags(&[("team", "gold")]);
        for (text, met) in [
            ("team <> 'gold'", false),
            ("other <> 'gold'", true),
            ("team = 'silver' OR team = 'gold'", true),
            ("team = 'gold' AND other = 'x' OR team = 'silver'", false),
            ("team = 'silver' OR team = 'gold' AND other <> 'x'", true),
        ] {
            assert_eq!(condition(text).expect(text).matches(&blob), met, "{text}");
        }
    }

    fn terms_of(count: usize) -> String {
        (0..count).map(|n| format!("tag{n} = 'a'")).collect::<Vec<_>>().join(" AND ")
    }

    #[test]
    fn as_many_conditions_as_a_blob_has_tags_may_be() {
        let longest = format!("{} = '{}'", "x".repeat(128), "y".repeat(256));
        for text in [&terms_of(10), &format!("@container = 'photos' AND {}", terms_of(10)), &longest] {
            assert!(search(text).is_ok(), "{text}");
        }
        assert!(condition(&longest).is_ok() && condition(&longest.replace('y', "yy")).is_err());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, said) in [
            ("", "a tag's name is expected at its end"),
            ("team", "is expected at its end"),
            ("team = gold", "a value in single quotes is expected at \"gold\""),
            ("team = 'gold", "a value's quotation mark is missing"),
            ("\"team = 'gold'", "a name's quotation mark is missing"),
            ("team = 'a' team = 'b'", "AND is expected at \"team = 'b'\""),
            ("team = 'a' OR team = 'b'", "OR is not offered"),
            ("team <> 'a'", "<> is not offered"),
            ("@container > 'a' AND a = 'b'", "@container is compared"),
            ("@container = 'photos'", "a condition on a tag is needed"),
            ("team ~ 'a'", "is expected at \"~ 'a'\""),
            ("@Container = 'photos' AND team = 'a'", "@Container has no meaning here"),
            ("@contaner = 'photos' AND team = 'a'", "@contaner has no meaning here"),
            ("@container = 'Photos!' AND team = 'a'", "container name 'Photos!'"),
            ("@ = 'photos' AND team = 'a'", "@ has no meaning here"),
            ("\"\" = 'a'", "no tag is \"\""),
            ("\"a!b\" = 'a'", "no tag is \"a!b\""),
            ("team = 'a!'", "no tag is \"team\""),
            ("team = '\u{1}'", "no tag is \"team\""),
            (&format!("{} = 'a'", "x".repeat(129)), "no tag is \"xxxxxxxxxxxxxxxxxxxx\""),
            (&format!("team = '{}'", "x".repeat(257)), "no tag is \"team\""),
            (&terms_of(11), "more than 10 conditions"),
        ] {
            let detail = search(text).expect_err(text).detail.unwrap_or_default();
            assert!(detail.contains(said), "{text}: {detail}");
        }
    }
}
