//! The verbs of step lines as data, for editors: derived from what lines are read with, so that there is no second list.

use super::script::{OPTIONS, command};
use clap::{Arg, ArgAction};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a step line may begin with, and what any line may carry.
#[derive(Debug, Serialize)]
pub struct Verbs {
    verbs: Vec<Verb>,
    /// Options that every line may carry.
    options: Vec<Word>,
}

#[derive(Debug, Serialize)]
struct Verb {
    /// Such as `tenant create`.
    verb: String,
    about: String,
    /// In order.
    arguments: Vec<Word>,
    options: Vec<Word>,
}

/// An argument, or an option with its dashes.
#[derive(Debug, Default, Serialize)]
struct Word {
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    about: String,
    required: bool,
    /// Whether there may be several.
    repeats: bool,
    /// Whether a value follows. An argument is one itself.
    takes_value: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<String>,
    /// The only ones that there are, where there are few.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
}

/// A snippet as Visual Studio Code reads it from a `.code-snippets` file.
#[derive(Debug, Serialize)]
pub struct Snippet {
    scope: &'static str,
    prefix: String,
    body: String,
    description: String,
}

pub fn verbs() -> Verbs {
    let mut verbs = Vec::new();
    command().get_subcommands().for_each(|verb| gather(verb, "", &mut verbs));
    let option = |(name, about): (&str, &str)| Word {
        name: name.into(),
        about: about.into(),
        takes_value: true,
        ..Word::default()
    };
    Verbs { verbs, options: OPTIONS.into_iter().map(option).collect() }
}

/// By verb: the verb with all that it cannot do without.
pub fn snippets() -> BTreeMap<String, Snippet> {
    verbs().verbs.into_iter().map(|verb| (verb.verb.clone(), snippet(verb))).collect()
}

/// A verb, or each that it has.
fn gather(verb: &clap::Command, prefix: &str, verbs: &mut Vec<Verb>) {
    let name = format!("{prefix}{}", verb.get_name());
    if verb.has_subcommands() {
        return verb.get_subcommands().for_each(|inner| gather(inner, &format!("{name} "), verbs));
    }
    let (options, arguments): (Vec<_>, Vec<_>) = verb.get_arguments().partition(|arg| arg.get_long().is_some());
    verbs.push(Verb {
        verb: name,
        about: verb.get_about().map(ToString::to_string).unwrap_or_default(),
        arguments: arguments.into_iter().map(word).collect(),
        options: options.into_iter().map(word).collect(),
    });
}

fn word(arg: &Arg) -> Word {
    let takes_value = arg.get_action().takes_values();
    let values = if takes_value { arg.get_possible_values() } else { Vec::new() };
    Word {
        name: arg.get_long().map_or_else(|| arg.get_id().to_string(), |long| format!("--{long}")),
        about: arg.get_help().map(ToString::to_string).unwrap_or_default(),
        required: arg.is_required_set(),
        repeats: matches!(arg.get_action(), ArgAction::Append),
        takes_value,
        default: arg.get_default_values().first().map(|value| value.to_string_lossy().into_owned()),
        values: values.iter().map(|value| value.get_name().to_string()).collect(),
    }
}

fn snippet(verb: Verb) -> Snippet {
    let mut body = verb.verb.clone();
    let words = verb.arguments.iter().chain(&verb.options).filter(|word| word.required);
    for (index, word) in words.enumerate() {
        let (number, name) = (index + 1, word.name.trim_start_matches('-'));
        let value = match &word.values[..] {
            [] => format!("${{{number}:{name}}}"),
            values => format!("${{{number}|{}|}}", values.join(",")),
        };
        body.push(' ');
        if word.name.starts_with('-') {
            body.push_str(&format!("{} ", word.name));
        }
        body.push_str(&value);
    }
    Snippet { scope: "markdown", prefix: verb.verb, body, description: verb.about }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::Library;
    use std::path::Path;

    /// A snippet with a good word in each place.
    fn filled(body: &str) -> String {
        let mut text = String::new();
        let mut rest = body;
        while let Some((before, place)) = rest.split_once("${") {
            let (place, after) = place.split_once('}').expect("a place ends");
            let word = match place.split_once(['|', ':']).expect("a place has a name").1 {
                "bytes" | "size" => "1MiB",
                "rate" => "1/s",
                "for" => "1s",
                "files" => "3",
                "key" => "2",
                "low" | "high" => "50",
                "condition" => "a.blobs == 1",
                "kind" => "offline",
                "origin" => "{blob:cloud/raw}",
                "text" => "a-text-that-is-found",
                choice if choice.ends_with('|') => choice.split([',', '|']).next().expect("a first one"),
                _ => "one",
            };
            text.push_str(before);
            text.push_str(word);
            rest = after;
        }
        text + rest
    }

    #[test]
    fn a_snippet_is_a_step_once_it_is_filled_in() {
        let snippets = snippets();
        assert!(snippets.len() > 25, "{snippets:?}");
        for (verb, snippet) in snippets {
            let line = filled(&snippet.body).replace("account one", "one1").replace(" one", " one1");
            assert!(line.starts_with(&verb), "{line}");
            super::super::script::read(&line).unwrap_or_else(|why| panic!("{line}: {why}"));
        }
    }

    #[test]
    fn what_steps_of_the_shipped_demos_say_is_among_what_is_offered() {
        let library = Library::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
        let known = verbs();
        let mut count = 0;
        for slug in library.demos().expect("demos") {
            for line in &library.demo(&slug).expect("a good demo").value.lines {
                let is_it = |verb: &&Verb| line.text == verb.verb || line.text.starts_with(&format!("{} ", verb.verb));
                let verb = known.verbs.iter().find(is_it).unwrap_or_else(|| panic!("{slug}: {}", line.text));
                if verb.verb == "run" || verb.verb == "expect" || verb.verb == "wait" {
                    continue;
                }
                for option in line.text.split(' ').filter(|word| word.starts_with("--")) {
                    assert!(verb.options.iter().any(|known| known.name == option), "{slug}: {option} of {}", verb.verb);
                    count += 1;
                }
            }
        }
        assert!(count > 20, "{count} options");
    }
}
