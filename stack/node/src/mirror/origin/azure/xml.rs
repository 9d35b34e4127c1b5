//! XML as a server sends it whom nobody vouches for: read element by element, and given up at the first that is not as it should be.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

/// Elements deeper than any list has are refused, so that nesting cannot be used against us.
const DEPTH_MAX: usize = 8;
/// Of a text. The longest are metadata, of 8 KiB, and names, of 1 KiB, perhaps percent-encoded.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// What is wrong with a document.
pub type Bad = &'static str;

/// A document under way. Whoever opens an element reads it to its end: by `text`, by `skip`, or by `child` until that finds none.
#[derive(Debug)]
pub struct Document<'x> {
    reader: Reader<&'x [u8]>,
    depth: usize,
}

#[derive(Debug)]
pub struct Element {
    pub name: String,
    /// Its text is percent-encoded, since XML cannot hold it otherwise.
    pub is_encoded: bool,
}

impl<'x> Document<'x> {
    /// Begins with the root element, which has this name.
    pub fn open(bytes: &'x [u8], root: &str) -> Result<Self, Bad> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
        let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
        reader.config_mut().expand_empty_elements = true;
        let mut document = Self { reader, depth: 0 };
        match document.child()? {
            Some(element) if element.name == root => Ok(document),
            Some(_) | None => Err("its root is another one"),
        }
    }

    /// The next element within the one that is open; `None` where that ends.
    pub fn child(&mut self) -> Result<Option<Element>, Bad> {
        loop {
            match self.event()? {
                Event::Start(start) => return element(&start).map(Some),
                Event::End(_) => return Ok(None),
                Event::Text(text) if text.trim_ascii().is_empty() => {}
                Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => return Err("text and elements are mixed"),
                Event::Eof => return Err("it is not all there"),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::DocType(_) | Event::Empty(_) => {}
            }
        }
    }

    /// The text of an element that holds nothing else.
    pub fn text(&mut self, element: &Element) -> Result<String, Bad> {
        let mut text = String::new();
        loop {
            match self.event()? {
                Event::Text(part) => text.push_str(&part.xml10_content()),
                Event::CData(part) => text.push_str(&part.xml10_content()),
                Event::GeneralRef(reference) => text.push(resolve(&reference)?),
                Event::End(_) => break,
                Event::Start(_) => return Err("text and elements are mixed"),
                Event::Eof => return Err("it is not all there"),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::DocType(_) | Event::Empty(_) => {}
            }
            if text.len() > TEXT_BYTES_MAX {
                return Err("it holds a text that is too long");
            }
        }
        if !element.is_encoded {
            return Ok(text);
        }
        let decoded = percent_encoding::percent_decode_str(&text).decode_utf8();
        decoded.map(std::borrow::Cow::into_owned).map_err(|_| "it holds a text that is encoded badly")
    }

    pub fn skip(&mut self) -> Result<(), Bad> {
        let outside = self.depth - 1;
        while self.depth > outside {
            if let Event::Eof = self.event()? {
                return Err("it is not all there");
            }
        }
        Ok(())
    }

    /// After the root has ended.
    pub fn end(mut self) -> Result<(), Bad> {
        loop {
            match self.event()? {
                Event::Eof => return Ok(()),
                Event::Text(text) if text.trim_ascii().is_empty() => {}
                Event::PI(_) | Event::Comment(_) => {}
                Event::Start(_)
                | Event::End(_)
                | Event::Empty(_)
                | Event::Text(_)
                | Event::CData(_)
                | Event::GeneralRef(_)
                | Event::Decl(_)
                | Event::DocType(_) => return Err("something comes after its end"),
            }
        }
    }

    fn event(&mut self) -> Result<Event<'x>, Bad> {
        let event = self.reader.read_event().map_err(|_| "it is not well formed")?;
        match &event {
            Event::Start(_) if self.depth == DEPTH_MAX => return Err("it is nested too deep"),
            Event::Start(_) => self.depth += 1,
            Event::End(_) => self.depth = self.depth.checked_sub(1).ok_or("it is not well formed")?,
            Event::DocType(_) => return Err("it has a DOCTYPE"),
            Event::Empty(_)
            | Event::Text(_)
            | Event::CData(_)
            | Event::GeneralRef(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::Eof => {}
        }
        Ok(event)
    }
}

fn element(start: &BytesStart<'_>) -> Result<Element, Bad> {
    let mut is_encoded = false;
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| "it is not well formed")?;
        is_encoded |= attribute.key.as_ref() == "Encoded" && attribute.value.eq_ignore_ascii_case("true");
    }
    Ok(Element { name: start.name().as_ref().to_owned(), is_encoded })
}

/// The five entities of XML and character references; nothing else exists without a DOCTYPE.
fn resolve(reference: &BytesRef<'_>) -> Result<char, Bad> {
    let bad = "it has an entity of its own";
    if let Some(found) = reference.resolve_char_ref().map_err(|_| bad)? {
        return Ok(found);
    }
    match &**reference {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(bad),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The leaves, as they come.
    fn leaves(text: &str) -> Result<Vec<(String, String)>, Bad> {
        let mut document = Document::open(text.as_bytes(), "a")?;
        let mut found = Vec::new();
        while let Some(element) = document.child()? {
            if element.name == "skipped" {
                document.skip()?;
            } else {
                let text = document.text(&element)?;
                found.push((element.name, text));
            }
        }
        document.end()?;
        Ok(found)
    }

    #[test]
    fn elements_come_in_order_with_entities_resolved() {
        let text = "\u{feff}<?xml version=\"1.0\"?>\n<a x='y'>\n <b>1&amp;&#98;&lt;</b><skipped>x<y><z/></y></skipped><c/>\
                    <b Encoded=\"true\">a%01%25</b><d><![CDATA[<&>]]></d><!-- no --> </a>\n";
        let found = leaves(text).expect("a good document");
        let found: Vec<_> = found.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(found, [("b", "1&b<"), ("c", ""), ("b", "a\u{1}%"), ("d", "<&>")]);
    }

    #[test]
    fn bad_documents_are_given_up() {
        let long = format!("<a><b>{}</b></a>", "x".repeat(TEXT_BYTES_MAX + 1));
        let deep = format!("<a><skipped>{}{}</skipped></a>", "<b>".repeat(DEPTH_MAX), "</b>".repeat(DEPTH_MAX));
        for bad in [
            "",
            "text",
            "<b/>",
            "<html><a/></html>",
            "<a>",
            "<a><b></a>",
            "<a><b>",
            "<a><skipped>",
            "<a/><a/>",
            "<a/>text",
            "text<a/>",
            "<a>text<b/></a>",
            "<a><b><c/></b></a>",
            "<a>&#x41;</a>",
            "<a></a></a>",
            "<!DOCTYPE a [<!ENTITY x \"y\">]><a><b>&x;</b></a>",
            "<a><b>&unknown;</b></a>",
            "<a><b>&#xD800;</b></a>",
            "<a><b Encoded='true'>%FF</b></a>",
            "<a><b Encoded='true' Encoded='true'>x</b></a>",
            &long,
            &deep,
        ] {
            assert!(leaves(bad).is_err(), "{bad}");
        }
    }
}
