//! XML as the Blob protocol writes and reads it. Names that XML cannot carry leave percent-encoded, marked `Encoded="true"`.

use crate::error::{Code, Error};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use quick_xml::events::Event;
use std::borrow::Cow;

/// Elements deeper than any document of the protocol has are refused, so that nesting cannot be used against the server.
const DEPTH_MAX: usize = 8;

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

    /// Puts in a fragment that was written before.
    pub fn put(&mut self, fragment: &str) {
        self.text.push_str(fragment);
    }

    pub fn open(&mut self, tag: &str) {
        self.text.extend(["<", tag, ">"]);
    }

    /// Opens an element with attributes, whose values are escaped.
    pub fn open_with(&mut self, tag: &str, attributes: &[(&str, &str)]) {
        self.text.extend(["<", tag]);
        for (name, value) in attributes {
            self.text.extend([" ", name, "=\"", &escape(value), "\""]);
        }
        self.text.push('>');
    }

    pub fn close(&mut self, tag: &str) {
        self.text.extend(["</", tag, ">"]);
    }

    /// `<tag>value</tag>`, escaped; `<tag />` where the value is empty, as Azure writes it.
    pub fn text(&mut self, tag: &str, value: &str) {
        if value.is_empty() {
            return self.text.extend(["<", tag, " />"]);
        }
        self.open(tag);
        self.text.push_str(&escape(value));
        self.close(tag);
    }

    pub fn text_if(&mut self, tag: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(tag, value);
        }
    }

    /// A name of a blob or of a prefix: `<tag Encoded="true">` and percent-encoded where XML 1.0 has no way to write it.
    pub fn name(&mut self, tag: &str, name: &str) {
        if name.chars().all(is_xml) {
            return self.text(tag, name);
        }
        self.open_with(tag, &[("Encoded", "true")]);
        self.text.push_str(&utf8_percent_encode(name, KEPT_IN_NAMES).to_string());
        self.close(tag);
    }

    pub fn finish(self) -> String {
        self.text
    }
}

/// What an encoded name keeps: RFC 3986's unreserved characters and the slash.
const KEPT_IN_NAMES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// Escapes markup, and the line ends that a reader would otherwise normalise away.
fn escape(value: &str) -> Cow<'_, str> {
    if !value.contains(['<', '>', '&', '"', '\'', '\r']) {
        return Cow::Borrowed(value);
    }
    let mut escaped = String::with_capacity(value.len() + 16);
    for c in value.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\r' => escaped.push_str("&#xD;"),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

/// XML 1.0, production 2 (`Char`).
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

/// A leaf element of a document that a client sent: where it stood, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Element names from the root down, joined by `/`.
    pub path: String,
    pub text: String,
}

/// Reads a small document into its leaves, in order. The protocol's documents carry no attributes, entities of their own or
/// mixed content, so this is all of them that matters. `leaves_max` bounds what a client can make the server hold.
pub fn leaves(document: &[u8], leaves_max: usize) -> Result<Vec<Leaf>, Error> {
    let mut reader = quick_xml::Reader::from_reader(document);
    let mut found = Vec::new();
    let mut stack: Vec<String> = Vec::new();
    let mut text = String::new();
    let mut has_children = vec![false];
    loop {
        match reader.read_event().map_err(|_| Code::InvalidXmlDocument)? {
            Event::Start(start) => {
                if stack.len() >= DEPTH_MAX {
                    return Err(Error::new(Code::InvalidXmlDocument, "It is nested too deep."));
                }
                if let Some(parent) = has_children.last_mut() {
                    *parent = true;
                }
                stack.push(start.name().as_ref().to_owned());
                has_children.push(false);
                text.clear();
            }
            Event::Empty(empty) => {
                if let Some(parent) = has_children.last_mut() {
                    *parent = true;
                }
                let mut path = stack.join("/");
                path.extend([if stack.is_empty() { "" } else { "/" }, empty.name().as_ref()]);
                push(&mut found, leaves_max, Leaf { path, text: String::new() })?;
            }
            Event::Text(part) => text.push_str(&part.xml10_content()),
            Event::CData(part) => text.push_str(&part.xml10_content()),
            Event::GeneralRef(entity) => text.push(resolve(&entity)?),
            Event::End(_) => {
                let leaf = has_children.pop() == Some(false);
                if leaf {
                    push(&mut found, leaves_max, Leaf { path: stack.join("/"), text: std::mem::take(&mut text) })?;
                }
                stack.pop();
                text.clear();
            }
            Event::DocType(_) => return Err(Error::new(Code::InvalidXmlDocument, "It may not hold a DOCTYPE.")),
            Event::Eof if stack.is_empty() && !found.is_empty() => return Ok(found),
            Event::Eof => return Err(Code::InvalidXmlDocument.into()),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
}

fn push(found: &mut Vec<Leaf>, leaves_max: usize, leaf: Leaf) -> Result<(), Error> {
    if found.len() == leaves_max {
        return Err(Error::new(Code::InvalidXmlDocument, format!("It has more than {leaves_max} elements.")));
    }
    found.push(leaf);
    Ok(())
}

/// The five entities of XML and character references; nothing else exists without a DOCTYPE.
fn resolve(entity: &quick_xml::events::BytesRef<'_>) -> Result<char, Error> {
    if let Some(c) = entity.resolve_char_ref().map_err(|_| Code::InvalidXmlDocument)? {
        return Ok(c);
    }
    match &**entity {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(Code::InvalidXmlDocument.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn an_empty_value_is_an_empty_element() {
        let mut doc = Document::new();
        doc.text("Marker", "");
        assert!(doc.finish().ends_with("<Marker />"));
    }

    #[test]
    fn leaves_come_in_order_with_entities_resolved() {
        let document = b"\xef\xbb\xbf<?xml version=\"1.0\"?><BlockList>\n <Latest>QQ==</Latest><Committed>a&amp;&#98;</Committed><Empty/></BlockList>";
        let read = leaves(document, 10).expect("a good document");
        let read: Vec<_> = read.iter().map(|leaf| (leaf.path.as_str(), leaf.text.as_str())).collect();
        assert_eq!(read, [("BlockList/Latest", "QQ=="), ("BlockList/Committed", "a&b"), ("BlockList/Empty", "")]);
    }

    #[test]
    fn bad_documents_are_refused() {
        for bad in [
            "<a><b></a>",
            "<a>",
            "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
            "<a>&unknown;</a>",
            "<a><b><c><d><e><f><g><h><i>deep</i></h></g></f></e></d></c></b></a>",
            "<a><b/><b/><b/><b/></a>",
        ] {
            assert!(leaves(bad.as_bytes(), 3).is_err(), "{bad}");
        }
    }
}
