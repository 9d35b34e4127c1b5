//! XML as clients send it: small documents of the protocol, each read whole or refused.

use super::write::{holds, is_xml};
use crate::error::{Code, Error};
use quick_xml::events::Event;

/// Elements deeper than any document of the protocol has are refused, so that nesting cannot be used against the server.
const DEPTH_MAX: usize = 8;

/// A leaf element of a document that a client sent: where it stood, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Element names from the root down, joined by `/`.
    pub path: String,
    pub text: String,
}

/// Reads a small document into its leaves, in order. The protocol's documents carry no attributes, entities of their own or
/// mixed content, so this is all of them that matters. `leaves_max` bounds what a client can make the server hold.
/// Err: `InvalidXmlDocument`, also for what XML 1.0 cannot hold, raw or as a reference: it could not be told again.
pub fn leaves(document: &[u8], leaves_max: usize) -> Result<Vec<Leaf>, Error> {
    if !std::str::from_utf8(document).is_ok_and(holds) {
        return Err(Error::new(Code::InvalidXmlDocument, "It is not UTF-8, or holds characters that XML cannot."));
    }
    let mut reader = quick_xml::Reader::from_reader(document);
    let mut reading = Reading { leaves_max, found: Vec::new(), open: Vec::new(), text: String::new() };
    loop {
        match reader.read_event().map_err(|_| Code::InvalidXmlDocument)? {
            Event::Start(start) => reading.begin(start.name().as_ref())?,
            Event::Empty(empty) => {
                reading.begin(empty.name().as_ref())?;
                reading.end()?;
            }
            Event::Text(part) => reading.text.push_str(&part.xml10_content()),
            Event::CData(part) => reading.text.push_str(&part.xml10_content()),
            Event::GeneralRef(entity) => reading.text.push(resolve(&entity)?),
            Event::End(_) => reading.end()?,
            Event::DocType(_) => return Err(Error::new(Code::InvalidXmlDocument, "It may not hold a DOCTYPE.")),
            Event::Eof => return reading.finish(),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
}

/// A document, as far as it has been read.
struct Reading {
    leaves_max: usize,
    found: Vec<Leaf>,
    open: Vec<Element>,
    /// Since the last tag.
    text: String,
}

struct Element {
    name: String,
    inner: Inner,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inner {
    Text,
    Elements,
}

impl Reading {
    fn begin(&mut self, name: &str) -> Result<(), Error> {
        self.no_text("Text and elements are mixed.")?;
        match self.open.last_mut() {
            Some(parent) => parent.inner = Inner::Elements,
            None if !self.found.is_empty() => {
                return Err(Error::new(Code::InvalidXmlDocument, "It has more than one root."));
            }
            None => {}
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(Error::new(Code::InvalidXmlDocument, "It is nested too deep."));
        }
        self.open.push(Element { name: name.to_owned(), inner: Inner::Text });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        match self.open.last().map(|element| element.inner) {
            Some(Inner::Text) => {
                if self.found.len() == self.leaves_max {
                    let many = format!("It has more than {} elements.", self.leaves_max);
                    return Err(Error::new(Code::InvalidXmlDocument, many));
                }
                let names: Vec<&str> = self.open.iter().map(|element| element.name.as_str()).collect();
                self.found.push(Leaf { path: names.join("/"), text: std::mem::take(&mut self.text) });
            }
            Some(Inner::Elements) => self.no_text("Text and elements are mixed.")?,
            None => return Err(Code::InvalidXmlDocument.into()),
        }
        self.open.pop();
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Leaf>, Error> {
        self.no_text("There is text outside of its root.")?;
        if self.open.is_empty() && !self.found.is_empty() {
            Ok(self.found)
        } else {
            Err(Code::InvalidXmlDocument.into())
        }
    }

    /// White space between tags means nothing.
    fn no_text(&mut self, otherwise: &str) -> Result<(), Error> {
        // The mark at the beginning of a file is no text.
        if !self.text.trim_start_matches('\u{FEFF}').trim().is_empty() {
            return Err(Error::new(Code::InvalidXmlDocument, otherwise));
        }
        self.text.clear();
        Ok(())
    }
}

/// The five entities of XML and character references; nothing else exists without a DOCTYPE.
fn resolve(entity: &quick_xml::events::BytesRef<'_>) -> Result<char, Error> {
    if let Some(c) = entity.resolve_char_ref().map_err(|_| Code::InvalidXmlDocument)? {
        return if is_xml(c) { Ok(c) } else { Err(Code::InvalidXmlDocument.into()) };
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
            "<a>bell\u{7}</a>",
            "<a>\u{FFFF}</a>",
            "<a>&#1;</a>",
            "<a>&#xFFFE;</a>",
            "<a>&#xD800;</a>",
            "<a/><a/>",
            "<a/>text",
            "text<a/>",
            "<a>text<b/></a>",
            "<a><b/>text</a>",
        ] {
            assert!(leaves(bad.as_bytes(), 3).is_err(), "{bad}");
        }
    }
}
