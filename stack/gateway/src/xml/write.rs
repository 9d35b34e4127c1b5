//! XML as it is written: well-formed whatever a client once said: tags are the program's
//! own, text is escaped, and what XML 1.0 has no way to hold leaves percent-encoded where it is a name, marked `Encoded="true"`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// An XML document being written.
#[derive(Debug)]
pub struct Document {
    text: String,
}

impl Default for Document {
    fn default() -> Self {
        Self::new()
    }
}

impl Document {
    pub fn new() -> Self {
        Self { text: String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>") }
    }

    /// A part of a document, without a declaration.
    pub fn fragment() -> Self {
        Self { text: String::new() }
    }

    /// Puts in a fragment that was written before, perhaps by a program that knew less of what XML can hold.
    pub fn put(&mut self, fragment: &str) {
        fragment.chars().for_each(|c| self.text.push(if is_xml(c) { c } else { STAND_IN }));
    }

    pub fn open(&mut self, tag: &'static str) {
        self.text.extend(["<", tag, ">"]);
    }

    /// Opens an element with attributes.
    pub fn open_with(&mut self, tag: &'static str, attributes: &[(&'static str, &str)]) {
        self.text.extend(["<", tag]);
        for (name, value) in attributes {
            self.text.extend([" ", name, "=\""]);
            escape(&mut self.text, value);
            self.text.push('"');
        }
        self.text.push('>');
    }

    pub fn close(&mut self, tag: &'static str) {
        self.text.extend(["</", tag, ">"]);
    }

    /// `<tag>value</tag>`; `<tag />` where the value is empty, as Azure writes it. A character that XML cannot hold becomes U+FFFD:
    /// none is taken from a client, but a folder may be older than that rule.
    pub fn text(&mut self, tag: &'static str, value: &str) {
        self.element(tag, value);
    }

    pub fn text_if(&mut self, tag: &'static str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(tag, value);
        }
    }

    /// As `text`, with a tag that a client chose. One that is no identifier is left out.
    pub fn entry(&mut self, tag: &str, value: &str) {
        if is_identifier(tag) {
            self.element(tag, value);
        }
    }

    /// A name of a blob, or what stands for names, such as a prefix: percent-encoded where XML has no way to write it, which clients
    /// undo. Source: "List Blobs", since version 2021-02-12; older ones get the same, for they could not read the list otherwise.
    pub fn name(&mut self, tag: &'static str, name: &str) {
        if holds(name) {
            return self.text(tag, name);
        }
        self.open_with(tag, &[("Encoded", "true")]);
        self.text.extend(utf8_percent_encode(name, KEPT_IN_NAMES));
        self.close(tag);
    }

    pub fn name_if(&mut self, tag: &'static str, name: Option<&str>) {
        if let Some(name) = name {
            self.name(tag, name);
        }
    }

    /// What was written since it was asked last: to be sent while the rest is still to come.
    pub fn part(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// So much has been written.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    pub fn finish(self) -> String {
        self.text
    }

    fn element(&mut self, tag: &str, value: &str) {
        if value.is_empty() {
            return self.text.extend(["<", tag, " />"]);
        }
        self.text.extend(["<", tag, ">"]);
        escape(&mut self.text, value);
        self.text.extend(["</", tag, ">"]);
    }
}

/// What an encoded name keeps: RFC 3986's unreserved characters and the slash.
const KEPT_IN_NAMES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');
/// In the place of a character that XML cannot hold.
const STAND_IN: char = char::REPLACEMENT_CHARACTER;

/// What a byte of UTF-8 means to whoever writes it into XML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Byte {
    Plain,
    /// Markup, or what a reader would normalise away: written as a reference.
    Marked,
    /// A control character, which XML cannot hold.
    Never,
    /// Begins a character that is either plain or one of U+FFFE and U+FFFF, which XML cannot hold.
    Perhaps,
}

/// A list is mostly text: one look at each byte is all that most of it costs.
static BYTES: [Byte; 256] = {
    let mut bytes = [Byte::Plain; 256];
    let mut at = 0;
    while at < 0x20 {
        bytes[at] = Byte::Never;
        at += 1;
    }
    bytes[b'\t' as usize] = Byte::Plain;
    bytes[b'\n' as usize] = Byte::Plain;
    bytes[b'\r' as usize] = Byte::Marked;
    bytes[b'<' as usize] = Byte::Marked;
    bytes[b'>' as usize] = Byte::Marked;
    bytes[b'&' as usize] = Byte::Marked;
    bytes[b'"' as usize] = Byte::Marked;
    bytes[b'\'' as usize] = Byte::Marked;
    bytes[0xEF] = Byte::Perhaps;
    bytes
};

/// Where in a text the next byte is that is not plain.
fn next_odd(bytes: &[u8], from: usize) -> Option<usize> {
    Some(from + bytes.get(from..)?.iter().position(|byte| BYTES[usize::from(*byte)] != Byte::Plain)?)
}

fn is_noncharacter(bytes: &[u8]) -> bool {
    matches!(bytes, [0xEF, 0xBF, 0xBE | 0xBF, ..])
}

/// Whether XML 1.0 can hold all of a text.
pub fn holds(text: &str) -> bool {
    let (bytes, mut from) = (text.as_bytes(), 0);
    while let Some(at) = next_odd(bytes, from) {
        match BYTES[usize::from(bytes[at])] {
            Byte::Never => return false,
            Byte::Perhaps if is_noncharacter(&bytes[at..]) => return false,
            Byte::Plain | Byte::Marked | Byte::Perhaps => from = at + 1,
        }
    }
    true
}

/// Writes a text so that a reader gets it back as it was, but for what XML cannot hold.
fn escape(to: &mut String, text: &str) {
    let (bytes, mut from, mut written) = (text.as_bytes(), 0, 0);
    while let Some(at) = next_odd(bytes, from) {
        let (length, instead) = match bytes[at] {
            b'<' => (1, "&lt;"),
            b'>' => (1, "&gt;"),
            b'&' => (1, "&amp;"),
            b'"' => (1, "&quot;"),
            b'\'' => (1, "&apos;"),
            b'\r' => (1, "&#xD;"),
            0xEF if is_noncharacter(&bytes[at..]) => (3, "\u{FFFD}"),
            0xEF => {
                from = at + 1;
                continue;
            }
            _ => (1, "\u{FFFD}"),
        };
        to.push_str(&text[written..at]);
        to.push_str(instead);
        (from, written) = (at + length, at + length);
    }
    to.push_str(&text[written..]);
}

/// XML 1.0, production 2 (`Char`).
pub fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

/// A name of C#'s, of ASCII letters: what a name of metadata is, and an XML tag can be.
pub fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(name: &str) -> String {
        let mut doc = Document::new();
        doc.name("Name", name);
        doc.finish().split_once("?>").expect("the declaration").1.to_owned()
    }

    #[test]
    fn names_are_escaped_once_and_encoded_only_where_xml_cannot_carry_them() {
        for (name, written) in [
            ("plain.txt", "<Name>plain.txt</Name>"),
            ("a&b<c>\"d'", "<Name>a&amp;b&lt;c&gt;&quot;d&apos;</Name>"),
            ("50%25 +#?", "<Name>50%25 +#?</Name>"),
            ("日本語/ü", "<Name>日本語/ü</Name>"),
            ("cr\rlf", "<Name>cr&#xD;lf</Name>"),
            ("bell\u{7}/x y", "<Name Encoded=\"true\">bell%07/x%20y</Name>"),
            ("\u{FFFE}", "<Name Encoded=\"true\">%EF%BF%BE</Name>"),
        ] {
            assert_eq!(named(name), written, "{name:?}");
        }
    }

    #[test]
    fn what_xml_cannot_hold_never_gets_into_a_document() {
        for (value, written) in [
            ("a\u{1}b", "a\u{FFFD}b"),
            ("\u{0}", "\u{FFFD}"),
            ("x\u{FFFE}\u{FFFF}", "x\u{FFFD}\u{FFFD}"),
            ("\u{FFFD}\u{F8FF}\u{FF21}", "\u{FFFD}\u{F8FF}\u{FF21}"),
            ("tab\tline\n\u{7f}\u{85}\u{10FFFF}", "tab\tline\n\u{7f}\u{85}\u{10FFFF}"),
            ("]]>", "]]&gt;"),
        ] {
            let mut doc = Document::fragment();
            doc.text("T", value);
            doc.open_with("A", &[("a", value)]);
            assert_eq!(doc.finish(), format!("<T>{written}</T><A a=\"{written}\">"), "{value:?}");
            assert_eq!(holds(value), value.chars().all(is_xml), "{value:?}");
        }
        let mut doc = Document::fragment();
        doc.put("<a>\u{1}&amp;</a>");
        doc.entry("fine_1", "<");
        doc.entry("no tag", "x");
        doc.entry("", "x");
        assert_eq!(doc.finish(), "<a>\u{FFFD}&amp;</a><fine_1>&lt;</fine_1>");
    }

    #[test]
    fn an_empty_value_is_an_empty_element() {
        let mut doc = Document::new();
        doc.text("Marker", "");
        assert!(doc.finish().ends_with("<Marker />"));
    }

    /// Text as clients send it: any characters at all, with a liking for those that mean something.
    fn any_text() -> impl Strategy<Value = String> {
        let odd = [
            "\u{0}",
            "\u{1}",
            "\u{1f}",
            "\u{7f}",
            "\u{85}",
            "\u{FEFF}",
            "\u{FFFD}",
            "\u{FFFE}",
            "\u{FFFF}",
            "\u{1FFFE}",
        ];
        let marks =
            ["<", ">", "&", "\"", "'", "\r", "\n", "\t", "]]>", "<!--", "&amp;", "%", "%01", "\u{F000}", "\u{FF21}"];
        let piece = prop_oneof![
            proptest::sample::select([&odd[..], &marks].concat()).prop_map(str::to_owned),
            any::<char>().prop_map(String::from),
            "[a-z/]{1,4}".prop_map(String::from),
        ];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    fn held(text: &str) -> String {
        text.chars().map(|c| if is_xml(c) { c } else { STAND_IN }).collect()
    }

    proptest! {
        /// Read by a parser that is not ours, and a strict one.
        #[test]
        fn what_is_written_is_read_as_it_was_by_others(
            name in any_text(), text in any_text(), attribute in any_text(), fragment in any_text(), tag in any_text(),
        ) {
            let mut inner = Document::fragment();
            inner.text("Inner", &fragment);
            let mut doc = Document::new();
            doc.open_with("Root", &[("attribute", &attribute)]);
            doc.name("Name", &name);
            doc.text("Text", &text);
            doc.put(&inner.finish());
            doc.entry(&tag, &text);
            doc.close("Root");
            let written = doc.finish();
            let read = roxmltree::Document::parse(&written).map_err(|error| TestCaseError::fail(format!("{error}: {written}")))?;
            let of = |tag: &str| read.descendants().find(|node| node.has_tag_name(tag)).expect("it is there");
            prop_assert_eq!(of("Text").text().unwrap_or_default(), held(&text));
            prop_assert_eq!(of("Inner").text().unwrap_or_default(), held(&fragment));
            // White space in an attribute is a space to every reader.
            let spaced = held(&attribute).replace(['\n', '\t'], " ");
            prop_assert_eq!(read.root_element().attribute("attribute").unwrap_or_default(), spaced);
            let told = of("Name").text().unwrap_or_default().to_owned();
            let told = match of("Name").attribute("Encoded") {
                Some(_) => percent_encoding::percent_decode_str(&told).decode_utf8().expect("UTF-8").into_owned(),
                None => told,
            };
            prop_assert_eq!(told, name);
            // And by us.
            prop_assert!(crate::xml::leaves(written.as_bytes(), 9).is_ok());
        }
    }
}
