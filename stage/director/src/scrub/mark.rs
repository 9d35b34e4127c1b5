//! The second net: knows by the words before it that what follows is a secret, whoever made it.

use super::piece::Kind;

/// Longer than any name or scheme that is looked for.
const WORD_BYTES_MAX: usize = 32;

/// What names a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    /// A SAS' signature, as a parameter of a query.
    Signature,
    /// In a connection string, or as a setting's name.
    Key,
    /// A whole SAS in a connection string.
    Sas,
    /// The header; the secret follows its scheme.
    Authorization,
}

/// By how the word before a `=` ends.
const NAMES: [(&str, Name); 8] = [
    ("sig", Name::Signature),
    ("accountkey", Name::Key),
    ("account_key", Name::Key),
    ("account-key", Name::Key),
    ("sharedaccesskey", Name::Key),
    ("sharedaccesssignature", Name::Sas),
    ("shared_access_signature", Name::Sas),
    ("authorization", Name::Authorization),
];
const SCHEMES: [&str; 4] = ["bearer", "sharedkey", "sharedkeylite", "basic"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks(State);

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Text {
        word: String,
    },
    /// A name in quotes has ended: a printed dictionary, or JSON.
    Quoted(Name),
    /// Between the name and its value.
    Assigned {
        name: Name,
        coats: u8,
        quoting: Quoting,
    },
    /// The word after `Authorization:`.
    Scheme {
        word: String,
        coats: u8,
    },
    /// A scheme was named; its secret begins after the blank.
    Schemed {
        coats: u8,
    },
    Value {
        name: Name,
        coats: u8,
    },
}

/// Whether blanks and quotes may stand before the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quoting {
    Loose,
    None,
}

impl Default for Marks {
    fn default() -> Self {
        Marks(State::Text { word: String::new() })
    }
}

impl Marks {
    pub fn is_within_secret(&self) -> bool {
        matches!(self.0, State::Value { .. })
    }

    /// Takes the next piece in; whether it belongs to a secret.
    pub fn push(&mut self, kind: &Kind) -> bool {
        let (c, coats) = match kind {
            Kind::Char { is, coats } => (*is, *coats),
            Kind::Blank { coats } => (b' ', *coats),
            Kind::Steering | Kind::Message { .. } => return false,
        };
        let before = std::mem::take(self);
        let after = match before.0 {
            State::Text { word } => text(word, c, coats),
            State::Quoted(name) => match c {
                b' ' => State::Quoted(name),
                b':' | b'=' | b',' => State::Assigned { name, coats, quoting: Quoting::Loose },
                _ => text(String::new(), c, coats),
            },
            State::Assigned { name, coats: own, quoting } => assigned(name, own, quoting, c, coats),
            State::Scheme { word, coats } => scheme(word, coats, c),
            State::Schemed { coats: own } => match c {
                b' ' => State::Schemed { coats: own },
                _ => begun(Name::Authorization, own, c, coats),
            },
            State::Value { name, coats: own } => match ends(name, c) && coats <= own {
                true => text(String::new(), c, coats),
                false => State::Value { name, coats: own },
            },
        };
        self.0 = after;
        self.is_within_secret()
    }
}

fn text(mut word: String, c: u8, coats: u8) -> State {
    if c.is_ascii_alphanumeric() || c == b'_' || c == b'-' {
        if word.len() == WORD_BYTES_MAX {
            word.remove(0);
        }
        word.push(char::from(c));
        return State::Text { word };
    }
    let name = NAMES.iter().find(|(ending, _)| word.ends_with(ending)).map(|(_, name)| *name);
    match (name, c) {
        // A value of a query begins at once: 'sig= ' has none.
        (Some(name @ Name::Signature), b'=') => State::Assigned { name, coats, quoting: Quoting::None },
        (Some(name), b'=') => State::Assigned { name, coats, quoting: Quoting::Loose },
        (Some(name @ (Name::Key | Name::Sas | Name::Authorization)), b':') => {
            State::Assigned { name, coats, quoting: Quoting::Loose }
        }
        (Some(name), b'"' | b'\'') => State::Quoted(name),
        _ => State::Text { word: String::new() },
    }
}

fn assigned(name: Name, own: u8, quoting: Quoting, c: u8, coats: u8) -> State {
    match (quoting, c) {
        (Quoting::Loose, b' ' | b'"' | b'\'' | b'[' | b'(') => State::Assigned { name, coats: own, quoting },
        (Quoting::None, b'"' | b'\'') => State::Assigned { name, coats: own, quoting },
        _ if name == Name::Authorization => scheme(String::new(), own, c),
        _ => begun(name, own, c, coats),
    }
}

fn scheme(mut word: String, coats: u8, c: u8) -> State {
    match c {
        b' ' | b'+' if SCHEMES.contains(&word.as_str()) => State::Schemed { coats },
        c if c.is_ascii_alphabetic() && word.len() < WORD_BYTES_MAX => {
            word.push(char::from(c));
            State::Scheme { word, coats }
        }
        c => text(String::new(), c, coats),
    }
}

fn begun(name: Name, own: u8, c: u8, coats: u8) -> State {
    if ends(name, c) && coats <= own { text(String::new(), c, coats) } else { State::Value { name, coats: own } }
}

/// Whether a value ends before this. What is encoded more often than its name belongs to it, and is asked about no more.
fn ends(name: Name, c: u8) -> bool {
    match c {
        b' ' | b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\' | b';' | b',' | b')' | b']' | b'}' | b'|' => true,
        b'&' => match name {
            Name::Signature | Name::Key | Name::Authorization => true,
            Name::Sas => false,
        },
        _ => false,
    }
}
