//! Index tags: what they may be, as a header and as a document. Pure.

use crate::error::{Code, Error};
use crate::head::Head;
use crate::xml;
use greenroom_store::Tags;
use percent_encoding::percent_decode_str;

/// Azure's limits on index tags.
pub const MAX: usize = 10;
const NAME_CHARS_MAX: usize = 128;
const VALUE_CHARS_MAX: usize = 256;

/// `x-ms-tags`: `a=1&b=2`, percent-encoded, where `+` is a space.
pub fn of(head: &Head) -> Result<Tags, Error> {
    let mut tags = Vec::new();
    for pair in head.filled("x-ms-tags").unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or(Code::InvalidTags)?;
        let decode = |text: &str| {
            let spaced = text.replace('+', " ");
            let decoded = percent_decode_str(&spaced).decode_utf8();
            decoded.map(String::from).map_err(|_| Error::from(Code::InvalidTags))
        };
        tags.push((decode(name)?, decode(value)?));
    }
    checked(tags)
}

/// Azure's rule on index tags, in words.
pub const RULE: &str = "a name has 1 to 128 and a value up to 256 letters, digits, space and + - . / : = _";

/// Whether a tag can be.
pub fn fits(name: &str, value: &str) -> bool {
    let permitted = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" +-./:=_".contains(&byte));
    let name_fits = (1..=NAME_CHARS_MAX).contains(&name.len());
    name_fits && value.len() <= VALUE_CHARS_MAX && permitted(name) && permitted(value)
}

/// Azure's rules on index tags, wherever they come from.
pub fn checked(pairs: Vec<(String, String)>) -> Result<Tags, Error> {
    let mut tags = Tags::default();
    for (name, value) in pairs {
        if !fits(&name, &value) {
            return Err(Error::new(Code::InvalidTags, format!("{name:?}")));
        }
        if tags.insert(name, value).is_some() || tags.len() > MAX {
            return Err(Code::InvalidTags.into());
        }
    }
    Ok(tags)
}

/// Reads the document of Set Blob Tags, which Get Blob Tags answers too.
pub fn parse(document: &[u8]) -> Result<Tags, Error> {
    let leaves = xml::leaves(document, 2 * MAX + 2)?;
    let mut pairs = Vec::new();
    let mut key = None;
    for leaf in leaves {
        match (leaf.path.as_str(), key.take()) {
            ("Tags/TagSet/Tag/Key", None) => key = Some(leaf.text),
            ("Tags/TagSet/Tag/Value", Some(key)) => pairs.push((key, leaf.text)),
            ("Tags/TagSet" | "Tags", None) => {}
            _ => return Err(Code::InvalidXmlDocument.into()),
        }
    }
    match key {
        None => checked(pairs),
        Some(_) => Err(Code::InvalidXmlDocument.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_as_azure_writes_them() {
        let document =
            "<Tags><TagSet><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value /></Tag></TagSet></Tags>";
        let tags = parse(document.as_bytes()).expect("good tags");
        let expected = [("a", "1"), ("b", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(tags, Tags::from(expected));
        assert_eq!(parse(b"<Tags><TagSet></TagSet></Tags>"), Ok(Tags::default()));
        assert!(parse(b"<Tags><TagSet><Tag><Key>a</Key></Tag></TagSet></Tags>").is_err());
    }

    #[test]
    fn tags_are_few_and_plain() {
        let pair = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        assert!(checked(pair("a b", "1:2/3")).is_ok());
        assert!(checked(pair("", "1")).is_err());
        assert!(checked(pair("a", "ü")).is_err());
        assert!(checked(pair("a", &"x".repeat(257))).is_err());
        assert!(checked((0..11).map(|n| (format!("tag{n}"), String::new())).collect()).is_err());
        assert!(checked([pair("a", "1"), pair("a", "2")].concat()).is_err());
    }
}
