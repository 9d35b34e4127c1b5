//! The properties of an account's Blob service: read, checked, and written again section by section. Pure.
//! Source: "Set Blob Service Properties". They are kept and told, and change nothing here; what would have to do something that this
//! endpoint does not offer cannot be switched on.

use crate::error::{Code, Error};
use crate::xml::{self, Leaf};
use greenroom_store::ServiceSettings;

const ROOT: &str = "StorageServiceProperties";
/// Azure's limit on CORS rules.
const CORS_RULES_MAX: usize = 5;
const DAYS_MAX: u32 = 365;
/// Five rules with all they can hold, and everything else.
const LEAVES_MAX: usize = 64;

/// What an element may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Version,
    Bool,
    /// `false`: what it would switch on is not offered.
    Off,
    Days,
    Number,
    Text,
    /// A version of the service: a date.
    Date,
}

struct Section {
    name: &'static str,
    /// As it stands before anybody has said anything; `None` where it is then left away.
    default: Option<&'static str>,
    leaves: &'static [(&'static str, Kind)],
}

use Kind::{Bool, Date, Days, Number, Off, Text, Version};

const RETENTION_OFF: &str = "<RetentionPolicy><Enabled>false</Enabled></RetentionPolicy>";
const METRICS: &[(&str, Kind)] = &[
    ("Version", Version),
    ("Enabled", Bool),
    ("IncludeAPIs", Bool),
    ("RetentionPolicy/Enabled", Bool),
    ("RetentionPolicy/Days", Days),
];
const METRICS_OFF: &str =
    "<Version>1.0</Version><Enabled>false</Enabled><RetentionPolicy><Enabled>false</Enabled></RetentionPolicy>";
const CORS_RULE: [&str; 5] = [
    "CorsRule/AllowedOrigins",
    "CorsRule/AllowedMethods",
    "CorsRule/MaxAgeInSeconds",
    "CorsRule/ExposedHeaders",
    "CorsRule/AllowedHeaders",
];

static SECTIONS: &[Section] = &[
    Section {
        name: "Logging",
        default: Some(
            "<Version>1.0</Version><Read>false</Read><Write>false</Write><Delete>false</Delete>\
             <RetentionPolicy><Enabled>false</Enabled></RetentionPolicy>",
        ),
        leaves: &[
            ("Version", Version),
            ("Delete", Bool),
            ("Read", Bool),
            ("Write", Bool),
            ("RetentionPolicy/Enabled", Bool),
            ("RetentionPolicy/Days", Days),
        ],
    },
    Section { name: "HourMetrics", default: Some(METRICS_OFF), leaves: METRICS },
    Section { name: "MinuteMetrics", default: Some(METRICS_OFF), leaves: METRICS },
    Section {
        name: "Cors",
        default: Some(""),
        leaves: &[
            (CORS_RULE[0], Text),
            (CORS_RULE[1], Text),
            (CORS_RULE[2], Number),
            (CORS_RULE[3], Text),
            (CORS_RULE[4], Text),
        ],
    },
    Section { name: "DefaultServiceVersion", default: None, leaves: &[("", Date)] },
    Section {
        name: "DeleteRetentionPolicy",
        default: Some("<Enabled>false</Enabled>"),
        leaves: &[("Enabled", Off), ("Days", Days), ("AllowPermanentDelete", Bool)],
    },
    Section {
        name: "StaticWebsite",
        default: Some("<Enabled>false</Enabled>"),
        leaves: &[
            ("Enabled", Off),
            ("IndexDocument", Text),
            ("ErrorDocument404Path", Text),
            ("DefaultIndexDocumentPath", Text),
        ],
    },
];

/// Reads what is to be set: the sections that the document holds.
pub fn parse(document: &[u8]) -> Result<ServiceSettings, Error> {
    let leaves = xml::leaves(document, LEAVES_MAX)?;
    let mut settings = ServiceSettings::new();
    for section in SECTIONS {
        let path = format!("{ROOT}/{}", section.name);
        let within =
            |leaf: &&Leaf| leaf.path == path || leaf.path.strip_prefix(&path).is_some_and(|rest| rest.starts_with('/'));
        let own: Vec<&Leaf> = leaves.iter().filter(within).collect();
        if !own.is_empty() {
            settings.insert(section.name.to_owned(), read(section, &path, &own)?);
        }
    }
    let known = |leaf: &Leaf| {
        let mut names = leaf.path.split('/');
        names.next() == Some(ROOT) && names.next().is_none_or(|name| settings.contains_key(name))
    };
    match leaves.iter().find(|leaf| !known(leaf)) {
        Some(leaf) => Err(unexpected(&leaf.path)),
        None => Ok(settings),
    }
}

/// The document that tells them, with defaults for what was never set.
pub fn document(settings: &ServiceSettings) -> String {
    let mut doc = xml::Document::new();
    doc.open(ROOT);
    for section in SECTIONS {
        let Some(says) = settings.get(section.name).map(String::as_str).or(section.default) else { continue };
        doc.open(section.name);
        doc.put(says);
        doc.close(section.name);
    }
    doc.close(ROOT);
    doc.finish()
}

/// One section, checked, as it will be told again.
fn read(section: &Section, path: &str, leaves: &[&Leaf]) -> Result<String, Error> {
    let mut says: Vec<(&'static str, &str)> = Vec::new();
    for leaf in leaves {
        let name = leaf.path[path.len()..].trim_start_matches('/');
        let known = section.leaves.iter().find(|(known, _)| *known == name);
        match known {
            Some((known, kind)) => says.push((known, check(*kind, &leaf.path, leaf.text.trim())?)),
            // A section that is empty as a whole.
            None if name.is_empty() && leaf.text.trim().is_empty() => {}
            None => return Err(unexpected(&leaf.path)),
        }
    }
    match section.name {
        "Cors" => cors(&says),
        _ => plain(section.name, &says),
    }
}

fn check<'t>(kind: Kind, path: &str, text: &'t str) -> Result<&'t str, Error> {
    let fits = match kind {
        Off if text == "true" => {
            let message = format!("({path}: this endpoint does not offer what that would switch on)");
            return Err(Error::new(Code::OperationNotSupported, message));
        }
        Bool | Off => matches!(text, "true" | "false"),
        Version => text == "1.0",
        Days => text.parse().is_ok_and(|days: u32| (1..=DAYS_MAX).contains(&days)),
        Number => text.parse::<u32>().is_ok(),
        Text => true,
        Date => text.len() == "YYYY-MM-DD".len() && text.parse::<jiff::civil::Date>().is_ok(),
    };
    if fits { Ok(text) } else { Err(Error::new(Code::InvalidXmlNodeValue, path)) }
}

/// A section in which each element occurs once.
fn plain(section: &str, says: &[(&'static str, &str)]) -> Result<String, Error> {
    let find = |name: &str| says.iter().find(|(said, _)| *said == name).map(|(_, text)| *text);
    for (number, (name, _)) in says.iter().enumerate() {
        if says[..number].iter().any(|(before, _)| before == name) {
            return Err(unexpected(name));
        }
    }
    let mut doc = xml::Document::fragment();
    let mut retention = xml::Document::fragment();
    for (name, text) in says {
        match name.split_once('/') {
            Some((_, inner)) => retention.text(inner, text),
            // A version, which is a date.
            None if name.is_empty() => doc.put(text),
            None => doc.text(name, text),
        }
    }
    match (find("RetentionPolicy/Enabled"), find("RetentionPolicy/Days")) {
        (Some("true"), None) => {
            return Err(Error::new(Code::InvalidXmlDocument, format!("{section} keeps for how many days?")));
        }
        (None, None) => doc.put(if says.iter().any(|(name, _)| *name == "Version") { RETENTION_OFF } else { "" }),
        (_, _) => {
            doc.open("RetentionPolicy");
            doc.put(&retention.finish());
            doc.close("RetentionPolicy");
        }
    }
    Ok(doc.finish())
}

/// Rules one after the other, each with all of its elements.
fn cors(says: &[(&str, &str)]) -> Result<String, Error> {
    let incomplete = || Error::new(Code::InvalidXmlDocument, "A CorsRule has five elements, each once.");
    let rules = says.chunks(CORS_RULE.len());
    if rules.len() > CORS_RULES_MAX {
        return Err(Error::new(Code::InvalidXmlDocument, format!("There are at most {CORS_RULES_MAX} rules.")));
    }
    let mut doc = xml::Document::fragment();
    for rule in rules {
        doc.open("CorsRule");
        for name in CORS_RULE {
            let (_, text) = rule.iter().find(|(said, _)| *said == name).ok_or_else(incomplete)?;
            doc.text(name.trim_start_matches("CorsRule/"), text);
        }
        doc.close("CorsRule");
    }
    Ok(doc.finish())
}

fn unexpected(path: &str) -> Error {
    Error::new(Code::InvalidXmlDocument, format!("Element {path:?} is not expected."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(inner: &str) -> String {
        format!("<?xml version=\"1.0\"?><{ROOT}>{inner}</{ROOT}>")
    }

    #[test]
    fn what_was_set_is_told_again_and_the_rest_has_defaults() {
        let rule = "<CorsRule><AllowedOrigins>http://a</AllowedOrigins><AllowedMethods>GET,PUT</AllowedMethods>\
                    <MaxAgeInSeconds>60</MaxAgeInSeconds><ExposedHeaders /><AllowedHeaders>*</AllowedHeaders></CorsRule>";
        let set = format!("<Cors>{rule}{rule}</Cors><DefaultServiceVersion>2025-07-05</DefaultServiceVersion>");
        let settings = parse(root(&set).as_bytes()).expect("good settings");
        assert_eq!(settings.len(), 2);
        let told = document(&settings);
        assert!(told.contains(&set), "{told}");
        assert!(told.contains("<StaticWebsite><Enabled>false</Enabled></StaticWebsite>"), "{told}");
        assert_eq!(parse(told.as_bytes()).expect("what is told can be set").len(), SECTIONS.len());
        assert!(parse(root("").as_bytes()).expect("nothing").is_empty());
        assert_eq!(parse(root("<Cors />").as_bytes()).expect("no rules")["Cors"], "");
    }

    #[test]
    fn what_makes_no_sense_or_would_do_nothing_is_refused() {
        let metrics = |inner: &str| format!("<HourMetrics><Version>1.0</Version>{inner}</HourMetrics>");
        for (inner, code) in [
            ("<Other>1</Other>".to_owned(), Code::InvalidXmlDocument),
            (
                "<Cors><CorsRule><AllowedOrigins>*</AllowedOrigins></CorsRule></Cors>".to_owned(),
                Code::InvalidXmlDocument,
            ),
            (metrics("<Enabled>maybe</Enabled>"), Code::InvalidXmlNodeValue),
            (metrics("<Enabled>true</Enabled><Enabled>true</Enabled>"), Code::InvalidXmlDocument),
            (metrics("<RetentionPolicy><Enabled>true</Enabled></RetentionPolicy>"), Code::InvalidXmlDocument),
            (
                metrics("<RetentionPolicy><Enabled>true</Enabled><Days>0</Days></RetentionPolicy>"),
                Code::InvalidXmlNodeValue,
            ),
            (
                "<DeleteRetentionPolicy><Enabled>true</Enabled><Days>3</Days></DeleteRetentionPolicy>".to_owned(),
                Code::OperationNotSupported,
            ),
            ("<StaticWebsite><Enabled>true</Enabled></StaticWebsite>".to_owned(), Code::OperationNotSupported),
        ] {
            let refused = parse(root(&inner).as_bytes()).map_err(|error| error.code);
            assert_eq!(refused, Err(code), "{inner}");
        }
        assert!(parse(b"<Wrong><Cors /></Wrong>").is_err());
    }
}
