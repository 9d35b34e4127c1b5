//! What stands in a tool's words for what only the show knows. All else in braces reaches the tool as it is.

use greenroom_model::{AccountName, ContainerName, ContainerPath};
use std::path::{Component, Path};

/// For the reference of the grammar.
pub const REFERENCE: &str = "
In the words of `run`:
{data:NAME}
    A folder of the demo's data.
{blob:ACCOUNT/CONTAINER/PATH}
    An endpoint with a short-lived signature; the path may be left out. With `profile: offload` the account `cloud` is the second node's.
{leaked:ACCOUNT/CONTAINER/PATH}
    The same, signed with the key that `keys leak` gave away.
{{data:
    The letters `{data:` themselves; `{{blob:` and `{{leaked:` likewise. Other braces need nothing of the kind.
";

const NAMES: [&str; 3] = ["data", "blob", "leaked"];

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Text(String),
    /// A folder within that of the data.
    Data(String),
    Blob(Endpoint),
    Leaked(Endpoint),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub container: ContainerPath,
    /// With its leading slash; empty where the container itself is meant.
    pub path: String,
}

/// A word in its parts. The error is a sentence without a place.
pub fn read(word: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = word;
    while let Some(at) = rest.find('{') {
        text.push_str(&rest[..at]);
        let inside = &rest[at + 1..];
        // Whatever a shell would fill in is the shell's.
        let Some((name, after)) = named(inside.trim_start_matches('{')).filter(|_| !text.ends_with('$')) else {
            text.push('{');
            rest = inside;
            continue;
        };
        let doubled = inside.len() - inside.trim_start_matches('{').len();
        if doubled > 0 {
            text.push_str(&"{".repeat(doubled));
            text.push_str(&format!("{name}:"));
            rest = after;
            continue;
        }
        let part = part(name, after)?;
        if !text.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut text)));
        }
        parts.push(part);
        rest = after.split_once('}').map_or("", |(_, behind)| behind);
    }
    text.push_str(rest);
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok(parts)
}

/// Whether a name of data stays within the folder of data.
pub fn is_inside(name: &str) -> bool {
    !name.is_empty() && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

/// What stands before a colon, where it is the name of a placeholder or a letter away from one; and what stands behind.
fn named(inside: &str) -> Option<(&str, &str)> {
    let (name, after) = inside.split_once(':')?;
    let word = name.trim().to_lowercase();
    let is_near = |known: &str| strsim::damerau_levenshtein(&word, known) <= 1;
    NAMES.into_iter().any(is_near).then_some((name, after))
}

fn part(name: &str, after: &str) -> Result<Part, String> {
    let literal = format!("for these letters themselves write '{{{{{name}:'");
    let Some((content, _)) = after.split_once('}') else {
        return Err(format!("'{{{name}:{after}' lacks its '}}'; {literal}"));
    };
    let bad = |why: String| format!("'{{{name}:{content}}}': {why}");
    match name {
        "data" if is_inside(content) && content.trim() == content => Ok(Part::Data(content.to_string())),
        "data" => Err(format!("{}; {literal}", bad("name a folder in that of the data".into()))),
        "blob" => endpoint(content).map(Part::Blob).map_err(bad),
        "leaked" => endpoint(content).map(Part::Leaked).map_err(bad),
        _ => {
            let near = super::nearest(&name.trim().to_lowercase(), NAMES).unwrap_or_default();
            let near = format!("did you mean '{{{near}:{content}}}'?");
            Err(format!("'{{{name}:{content}}}' is no placeholder; {near} Else, {literal}"))
        }
    }
}

/// `account/container[/path]`.
fn endpoint(text: &str) -> Result<Endpoint, String> {
    let mut parts = text.splitn(3, '/');
    let account = AccountName::new(parts.next().unwrap_or_default()).map_err(|error| error.to_string())?;
    let container = ContainerName::new(parts.next().unwrap_or_default()).map_err(|error| error.to_string())?;
    let path = parts.next().map(|path| format!("/{path}")).unwrap_or_default();
    Ok(Endpoint { container: ContainerPath { account, container }, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(words: &str) -> Part {
        Part::Text(words.into())
    }

    #[test]
    fn placeholders_are_read_where_they_stand() {
        let data = Part::Data("a b/c".into());
        assert_eq!(read("--from={data:a b/c}/x"), Ok(vec![text("--from="), data, text("/x")]));
        let parts = read("{blob:a1c/inn/x/y}{leaked:a1c/inn}").expect("good");
        let paths = parts.iter().map(|part| match part {
            Part::Blob(endpoint) => endpoint.path.as_str(),
            Part::Leaked(_) => "leaked",
            Part::Text(_) | Part::Data(_) => "other",
        });
        assert_eq!(paths.collect::<Vec<_>>(), ["/x/y", "leaked"]);
    }

    #[test]
    fn all_else_in_braces_is_text() {
        for word in [
            "BEGIN {print 42}",
            "{\"data\":\"x\",\"blob\":{\"a\":1}}",
            "${x}",
            "${data:0:5}",
            "{{.Names}}",
            "{}",
            "{",
            "}{",
            "{a,b}",
            "{data}",
            "{print $1}: {x:y}",
            "{http://x}",
            "%{http_code}",
        ] {
            assert_eq!(read(word), Ok(vec![text(word)]), "{word}");
        }
        assert_eq!(read("{{data:x}"), Ok(vec![text("{data:x}")]));
        assert_eq!(read("{{{data:x}}}"), Ok(vec![text("{{data:x}}}")]));
        assert_eq!(read("{{date:x} {data:y}"), Ok(vec![text("{date:x} "), Part::Data("y".into())]));
    }

    #[test]
    fn what_is_a_letter_away_is_named() {
        for (word, wanted) in [
            ("{dta:photos}", "'{dta:photos}' is no placeholder; did you mean '{data:photos}'? Else, for these"),
            ("{Data:photos}", "did you mean '{data:photos}'?"),
            ("{ data:photos}", "did you mean '{data:photos}'?"),
            ("{bolb:a/b}", "did you mean '{blob:a/b}'?"),
            ("{leakd:a/b}", "did you mean '{leaked:a/b}'?"),
            ("{data:photos", "'{data:photos' lacks its '}'"),
            ("{data:../x}", "name a folder in that of the data; for these letters themselves write '{{data:'"),
            ("{data:}", "name a folder"),
            ("{blob:photos}", "'{blob:photos}': "),
        ] {
            let said = read(word).expect_err(word);
            assert!(said.contains(wanted), "wanted {wanted}\nsaid   {said}");
        }
    }
}
