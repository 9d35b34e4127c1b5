//! Code, large, in a few inks; each click brings some of its lines forward.

use super::measure::Set;
use greenroom_show::code::{Code, Stands};
use leptos::prelude::*;

/// `shown`: how much of what clicks bring forward has been.
#[component]
pub fn CodeView(code: Code, set: Set, #[prop(into)] shown: Signal<usize>) -> impl IntoView {
    let rows: Vec<_> = code.text.lines().map(|line| inked(line).into_iter().map(piece).collect::<Vec<_>>()).collect();
    let name = (!code.file.is_empty()).then(|| view! { <p class="file">{code.file.clone()}</p> });
    let language = code.language.clone();
    let rows: Vec<_> = rows
        .into_iter()
        .enumerate()
        .map(|(index, row)| {
            let code = code.clone();
            let stands = Memo::new(move |_| code.stands(index, shown.get()));
            let is = move |wanted: Stands| move || stands.get() == wanted;
            view! { <span class="row" class:forward=is(Stands::Forward) class:back=is(Stands::Back)>{row}</span> }
        })
        .collect();
    view! {
        <div class="source-text" style=set.style()>
            {name}
            <pre class="code" data-language=language><code>{rows}</code></pre>
        </div>
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ink {
    Plain,
    Comment,
    Key,
    Text,
    Number,
}

fn piece((ink, text): (Ink, &str)) -> AnyView {
    let class = match ink {
        Ink::Plain => return text.to_string().into_any(),
        Ink::Comment => "comment",
        Ink::Key => "key",
        Ink::Text => "text",
        Ink::Number => "number",
    };
    view! { <span class=class>{text.to_string()}</span> }.into_any()
}

/// A line in its inks. Knows what most languages have in common, and no language.
fn inked(line: &str) -> Vec<(Ink, &str)> {
    let mut pieces = Vec::new();
    let (mut at, mut plain) = (0, 0);
    while at < line.len() {
        let (before, rest) = line.split_at(at);
        let (ink, length) = ink_of(before, rest);
        if ink != Ink::Plain {
            pieces.extend((plain < at).then(|| (Ink::Plain, &line[plain..at])));
            pieces.push((ink, &rest[..length]));
            plain = at + length;
        }
        at += length;
    }
    pieces.extend((plain < line.len()).then(|| (Ink::Plain, &line[plain..])));
    pieces
}

/// What `rest` begins with, and how many bytes of it.
fn ink_of(before: &str, rest: &str) -> (Ink, usize) {
    let stands_apart = before.chars().next_back().is_none_or(|letter| !letter.is_alphanumeric());
    let after_space = before.chars().next_back().is_none_or(char::is_whitespace);
    let begins_value = after_space || before.ends_with(['[', '(', '{', ',', '=']);
    let names = |after: &str| after.strip_prefix(':').is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    if after_space && (rest.starts_with('#') || rest.starts_with("//")) {
        return (Ink::Comment, rest.len());
    }
    if let Some(quote) = rest.chars().next().filter(|letter| stands_apart && matches!(letter, '"' | '\'')) {
        let length = rest[1..].find(quote).map_or(rest.len(), |end| end + 2);
        return (if names(&rest[length..]) { Ink::Key } else { Ink::Text }, length);
    }
    let is_word = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let length = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
    let word = &rest[..length];
    if length == 0 {
        return (Ink::Plain, rest.chars().next().map_or(1, char::len_utf8));
    }
    let begins = |is: fn(char) -> bool| word.chars().next().is_some_and(is);
    let ink = match word {
        _ if names(&rest[length..]) && begins(char::is_alphanumeric) => Ink::Key,
        _ if after_space && word.starts_with('-') && word.len() > 1 => Ink::Key,
        _ if begins_value && begins(|letter| letter.is_ascii_digit()) && !word.contains('-') => Ink::Number,
        _ => Ink::Plain,
    };
    (ink, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inks_are_those_that_most_languages_share() {
        use Ink::{Comment, Key, Number, Plain, Text};
        let cases: [(&str, &[(Ink, &str)]); 8] = [
            (
                "    share: { weight: 400 } # of all",
                &[
                    (Plain, "    "),
                    (Key, "share"),
                    (Plain, ": { "),
                    (Key, "weight"),
                    (Plain, ": "),
                    (Number, "400"),
                    (Plain, " } "),
                    (Comment, "# of all"),
                ],
            ),
            ("  - name: gold", &[(Plain, "  - "), (Key, "name"), (Plain, ": gold")]),
            (
                "{\"bytes\": \"2 GiB\"}",
                &[(Plain, "{"), (Key, "\"bytes\""), (Plain, ": "), (Text, "\"2 GiB\""), (Plain, "}")],
            ),
            ("azcopy copy a --recursive", &[(Plain, "azcopy copy a "), (Key, "--recursive")]),
            ("https://x.example don't // no", &[(Plain, "https://x.example don't "), (Comment, "// no")]),
            ("  ?se=2026-11-30T10:00Z&n=3", &[(Plain, "  ?se=2026-11-30T10:00Z&n="), (Number, "3")]),
            ("409 BlobTypeNotSupported", &[(Number, "409"), (Plain, " BlobTypeNotSupported")]),
            ("ü \"never ends", &[(Plain, "ü "), (Text, "\"never ends")]),
        ];
        for (line, wanted) in cases {
            assert_eq!(inked(line), wanted, "{line}");
        }
        for line in ["", "'", "-", "ßü: 日本", "\"ü\":", "# 日"] {
            let whole: String = inked(line).into_iter().map(|(_, text)| text).collect();
            assert_eq!(whole, line, "nothing is lost");
        }
    }
}
