//! Takes a text apart into what is read of it: characters without what encodes them, blanks, and what only steers a terminal.
//! A secret that a tool quotes, colours or wraps is the same row of characters as one that it prints plainly.

/// What is percent-encoded more often than this is nobody's URL any more.
const COATS_MAX: u8 = 4;
/// The longest control sequence that means something; what goes on is text.
const CONTROL_BYTES_MAX: usize = 64;
/// The longest word between `&` and `;`, which is that of a code point.
const ENTITY_BYTES_MAX: usize = 10;
/// A title or a link that a tool tells its terminal. What goes on without an end is text, and is looked through as text.
pub const MESSAGE_BYTES_MAX: usize = 4 << 10;
/// Stands for whatever no secret is made of.
const OTHER: u8 = 0xff;
const ESCAPE: u8 = 0x1b;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub from: usize,
    pub to: usize,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// One character in lower case, and how often it was percent-encoded.
    Char { is: u8, coats: u8 },
    /// White space, a line's end, or the frame of a table.
    Blank { coats: u8 },
    /// Colours and cursor moves.
    Steering,
    /// What a tool tells its terminal to keep, such as a title or a link: a text of its own.
    Message { from: usize, to: usize },
}

#[derive(Debug, Default)]
pub struct Pieces {
    pub all: Vec<Piece>,
    /// From here on, what is to come may make another piece of what is there.
    pub unsure: usize,
    /// Where a sequence or a message for the terminal begins whose end has not come.
    pub open: Option<usize>,
}

impl Pieces {
    /// Those that stay what they are, whatever is to come.
    pub fn sure(&self) -> &[Piece] {
        &self.all[..self.all.partition_point(|piece| piece.from < self.unsure)]
    }

    pub fn until(&self, to: usize) -> &[Piece] {
        &self.all[..self.all.partition_point(|piece| piece.to <= to)]
    }
}

enum Read {
    Is(Kind, usize),
    /// It depends on what is to come.
    Short,
    Plain,
}

/// Reads the whole text.
pub fn pieces(text: &str) -> Pieces {
    let bytes = text.as_bytes();
    let mut pieces = Pieces { unsure: text.len(), ..Pieces::default() };
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let read = match rest[0] {
            b'%' => percent(rest),
            b'\\' => backslash(rest),
            b'&' => entity(rest),
            ESCAPE => escape(rest),
            // How ESC reads where control characters are made visible.
            b'^' if rest.starts_with(b"^[[") => control(rest, 3),
            _ => Read::Plain,
        };
        let (kind, length) = match read {
            Read::Is(kind, length) => (kind, length),
            Read::Plain => plain(&text[at..]),
            Read::Short => {
                pieces.unsure = pieces.unsure.min(at);
                if rest[0] == ESCAPE {
                    pieces.open = pieces.open.or(Some(at));
                }
                plain(&text[at..])
            }
        };
        pieces.all.push(Piece { from: at, to: at + length, kind: moved(kind, at) });
        at += length;
    }
    pieces
}

/// Reads the text as if it stood on one line, since a line's end may part what encodes a character: `%2`, and `B` below it. Nothing where
/// that reads the same. Pieces stand where they do in the text, with all that parts them.
pub fn on_one_line(text: &str, read: &Pieces) -> Option<Pieces> {
    let of_line = |piece: &Piece| match piece.kind {
        Kind::Char { .. } => piece.to,
        Kind::Blank { .. } => piece.from + backslashes_kept(&text[piece.from..piece.to]),
        Kind::Steering | Kind::Message { .. } => piece.from,
    };
    let (mut line, mut places, mut is_open) = (String::new(), Vec::new(), false);
    for piece in read.sure() {
        let to = of_line(piece);
        is_open |=
            matches!(piece.kind, Kind::Char { is: b'%' | b'\\' | b'&', .. } | Kind::Blank { .. } if to > piece.from);
        line.push_str(&text[piece.from..to]);
        places.extend(piece.from..to);
    }
    if !is_open {
        return None;
    }
    let mut joined = pieces(&line);
    for piece in &mut joined.all {
        (piece.from, piece.to) = (places[piece.from], places[piece.to - 1] + 1);
    }
    joined.unsure = places.get(joined.unsure).copied().unwrap_or(read.unsure);
    Some(joined)
}

/// Of a line's end: a backslash before it goes on with the next line, or is the first part of an escape; where the end is an escape itself,
/// that one is doubled.
fn backslashes_kept(blank: &str) -> usize {
    let run = blank.bytes().take_while(|byte| *byte == b'\\').count();
    if blank.ends_with('\n') {
        run
    } else if run % 2 == 1 {
        run - 1
    } else {
        0
    }
}

/// A message knows where it stands in its own bytes, and now where it stands in the text.
fn moved(kind: Kind, by: usize) -> Kind {
    match kind {
        Kind::Message { from, to } => Kind::Message { from: from + by, to: to + by },
        kind @ (Kind::Char { .. } | Kind::Blank { .. } | Kind::Steering) => kind,
    }
}

fn plain(text: &str) -> (Kind, usize) {
    let c = text.chars().next().unwrap_or('\u{fffd}');
    (of_char(c, 0), c.len_utf8())
}

fn of_char(c: char, coats: u8) -> Kind {
    match c {
        // What stands between the columns of a table may stand within a word that was wrapped; so may what has no width.
        '\u{2500}'..='\u{257f}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{ad}' => Kind::Blank { coats },
        c if c.is_whitespace() => Kind::Blank { coats },
        c if c.is_control() => Kind::Steering,
        c if c.is_ascii() => Kind::Char { is: (c as u8).to_ascii_lowercase(), coats },
        _ => Kind::Char { is: OTHER, coats },
    }
}

fn of_code(code: u32, coats: u8) -> Kind {
    of_char(char::from_u32(code).unwrap_or('\u{fffd}'), coats)
}

/// `%2B`, `%252B` and so on: one character, however often it was encoded.
fn percent(bytes: &[u8]) -> Read {
    let (mut at, mut coats) = (1, 0);
    loop {
        let rest = &bytes[at..];
        match rest.get(..2).and_then(hex) {
            Some(0x25) if coats + 1 < COATS_MAX => {
                at += 2;
                coats += 1;
            }
            // A byte of a longer character: none that a secret has.
            Some(code) if code >= 0x80 => return Read::Is(Kind::Char { is: OTHER, coats: coats + 1 }, at + 2),
            Some(code) => return Read::Is(of_code(code, coats + 1), at + 2),
            None if rest.len() < 2 && rest.iter().all(u8::is_ascii_hexdigit) => return Read::Short,
            None if coats == 0 => return Read::Plain,
            None => return Read::Is(Kind::Char { is: b'%', coats }, at),
        }
    }
}

/// What JSON, Python, Rust and shells write for a character, and the same once more within another string.
fn backslash(bytes: &[u8]) -> Read {
    let at = bytes.iter().take_while(|byte| **byte == b'\\').count();
    let rest = &bytes[at..];
    let Some(first) = rest.first() else { return Read::Short };
    match first {
        b'/' | b'"' | b'\'' => Read::Is(Kind::Char { is: *first, coats: 0 }, at + 1),
        b'n' | b'r' | b't' | b'\n' => Read::Is(Kind::Blank { coats: 0 }, at + 1),
        b'u' if rest.get(1) == Some(&b'{') => match rest.iter().take(ENTITY_BYTES_MAX).position(|byte| *byte == b'}') {
            Some(end) => code(bytes, hex(&rest[2..end]), at + end + 1),
            None if rest.len() < ENTITY_BYTES_MAX => Read::Short,
            None => Read::Plain,
        },
        b'u' => fixed(bytes, at + 1, 4),
        b'x' => fixed(bytes, at + 1, 2),
        b'e' => code(bytes, Some(u32::from(ESCAPE)), at + 1),
        b'0' if rest.starts_with(b"033") => code(bytes, Some(u32::from(ESCAPE)), at + 3),
        b'0' if b"033".starts_with(rest) => Read::Short,
        _ => Read::Plain,
    }
}

fn fixed(bytes: &[u8], from: usize, digits: usize) -> Read {
    let rest = &bytes[from..];
    match rest.get(..digits) {
        Some(digits) => code(bytes, hex(digits), from + digits.len()),
        None if rest.iter().all(u8::is_ascii_hexdigit) => Read::Short,
        None => Read::Plain,
    }
}

/// A code point that was written as a number, which may be the one that begins a control sequence.
fn code(bytes: &[u8], code: Option<u32>, to: usize) -> Read {
    match code {
        None => Read::Plain,
        Some(code) if code == u32::from(ESCAPE) => match bytes.get(to) {
            None => Read::Short,
            Some(b'[') => control(bytes, to + 1),
            Some(_) => Read::Is(Kind::Steering, to),
        },
        Some(code) => Read::Is(of_code(code, 0), to),
    }
}

/// `&amp;`, `&#43;`, `&#x2B;`.
fn entity(bytes: &[u8]) -> Read {
    let within = &bytes[..bytes.len().min(ENTITY_BYTES_MAX)];
    let Some(end) = within.iter().position(|byte| *byte == b';') else {
        let open = within[1..].iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'#');
        return if open && bytes.len() < ENTITY_BYTES_MAX { Read::Short } else { Read::Plain };
    };
    let word = &within[1..end];
    let code = match word {
        b"amp" => Some(u32::from(b'&')),
        b"quot" => Some(u32::from(b'"')),
        b"apos" => Some(u32::from(b'\'')),
        b"lt" => Some(u32::from(b'<')),
        b"gt" => Some(u32::from(b'>')),
        [b'#', b'x' | b'X', digits @ ..] => hex(digits),
        [b'#', digits @ ..] => std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()),
        _ => None,
    };
    code.map_or(Read::Plain, |code| Read::Is(of_code(code, 0), end + 1))
}

/// What begins with ESC. Source: ECMA-48, 5.3 and 5.6.
fn escape(bytes: &[u8]) -> Read {
    match bytes.get(1) {
        None => Read::Short,
        Some(b'[') => control(bytes, 2),
        Some(byte) if opens_message(*byte) => message(bytes),
        Some(0x20..=0x2f) => {
            let between = bytes[1..].iter().take_while(|byte| matches!(byte, 0x20..=0x2f)).count();
            let to = 1 + between;
            if to == bytes.len() && to < CONTROL_BYTES_MAX {
                Read::Short
            } else {
                Read::Is(Kind::Steering, ascii(bytes, to))
            }
        }
        Some(0x30..=0x7e) => Read::Is(Kind::Steering, 2),
        Some(_) => Read::Is(Kind::Steering, 1),
    }
}

/// The end of a sequence whose last byte stands at `to`, where it is one that may end it.
fn ascii(bytes: &[u8], to: usize) -> usize {
    if bytes.get(to).is_some_and(|byte| matches!(byte, 0x30..=0x7e)) { to + 1 } else { to }
}

/// A control sequence whose parameters begin at `from`.
fn control(bytes: &[u8], from: usize) -> Read {
    let rest = &bytes[from..];
    let parameters = rest.iter().take(CONTROL_BYTES_MAX).take_while(|byte| matches!(byte, 0x20..=0x3f)).count();
    match rest.get(parameters) {
        Some(0x40..=0x7e) => Read::Is(Kind::Steering, from + parameters + 1),
        None if parameters < CONTROL_BYTES_MAX => Read::Short,
        // No sequence: a terminal lets it go too.
        Some(_) | None => Read::Is(Kind::Steering, from),
    }
}

fn opens_message(byte: u8) -> bool {
    matches!(byte, b']' | b'P' | b'X' | b'^' | b'_')
}

/// Ended by BEL or by ESC and a backslash; another ESC breaks it off.
fn message(bytes: &[u8]) -> Read {
    let within = &bytes[..bytes.len().min(MESSAGE_BYTES_MAX)];
    let end = within[2..].iter().position(|byte| matches!(*byte, 0x07 | ESCAPE)).map(|end| end + 2);
    let Some(end) = end else {
        return if bytes.len() < MESSAGE_BYTES_MAX { Read::Short } else { Read::Is(Kind::Steering, 2) };
    };
    let to = match (bytes[end], bytes.get(end + 1)) {
        (ESCAPE, None) => return Read::Short,
        (ESCAPE, Some(b'\\')) => end + 2,
        (ESCAPE, Some(_)) => end,
        _ => end + 1,
    };
    Read::Is(Kind::Message { from: 2, to: end }, to)
}

fn hex(digits: impl AsRef<[u8]>) -> Option<u32> {
    let digits = std::str::from_utf8(digits.as_ref()).ok()?;
    if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) { u32::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The characters, `_` for blanks.
    fn read(text: &str) -> String {
        let seen = pieces(text).all.into_iter().filter_map(|piece| match piece.kind {
            Kind::Char { is, .. } => Some(char::from(is)),
            Kind::Blank { .. } => Some('_'),
            Kind::Steering | Kind::Message { .. } => None,
        });
        seen.collect()
    }

    #[test]
    fn a_character_is_the_same_however_it_is_written() {
        for text in [
            "a+b",
            "a%2Bb",
            "a%2bb",
            "a%252Bb",
            "a%25252bb",
            r"a\u002bb",
            r"a\\u002bb",
            r"a\x2bb",
            r"a\u{2b}b",
            "a&#43;b",
            "a&#x2B;b",
            "a\x1b[01;31m\x1b[K+\x1b[m\x1b[Kb",
            "a\x1b]8;;http://h\x07+\x1b]8;;\x1b\\b",
            "a\x1b(B+b",
            r"a\u001b[32m+b",
            r"a\x1b[32m+b",
            r"a\033[0m+b",
            r"a\e[0m+b",
            "a^[[32m+b",
        ] {
            assert_eq!(read(text), "a+b", "{text:?}");
        }
        for text in ["a\r\nb", "a  b", "a │\n│ b", r"a\r\nb", r"a\nb", "a\\\nb", "a%0Ab", "a%20b"] {
            assert_eq!(read(text).replace("__", "_").replace("__", "_").replace("__", "_"), "a_b", "{text:?}");
        }
    }

    #[test]
    fn what_only_looks_like_an_encoding_is_text() {
        for text in ["100 %", "5%zz", "%", "\\", "&", "& b", "&now;", r"\q", r"\u12", "%2"] {
            assert_eq!(read(text), text.replace(' ', "_"), "{text:?}");
        }
        assert_eq!(pieces("ab%2").unsure, 2);
        assert_eq!(pieces("ab\x1b]0;title").open, Some(2));
    }

    #[test]
    fn pieces_cover_the_text_without_a_gap() {
        let text = "a%25\\\\\"é&amp;\x1b[3\x1b]0;x\x07\x1b]y\x1bP\u{9b}3m│%E2%94%82\\u{1F600}";
        for cut in (0..=text.len()).filter(|cut| text.is_char_boundary(*cut)) {
            let mut at = 0;
            for piece in pieces(&text[..cut]).all {
                assert!(piece.from == at && piece.to > at && text.is_char_boundary(piece.to), "{cut}: {piece:?}");
                at = piece.to;
            }
            assert_eq!(at, cut);
        }
    }
}
