//! A container's access control as the protocol says it: the header of its public level, and the XML of its policies.
//! Source: "Set Container ACL", "Define a stored access policy".

use crate::call::Call;
use crate::error::{Code, Error};
use crate::{time, xml};
use greenroom_store::{AccessPolicy, PublicAccess, PublicContainers};

/// Azure's limits.
const POLICIES_MAX: usize = 5;
const POLICY_ID_CHARS_MAX: usize = 64;
/// Longer than all of Azure's letters.
const PERMISSION_LETTERS_MAX: usize = 32;
/// Id, start, expiry and permission of each, and the elements that hold them when empty.
const LEAVES_MAX: usize = 5 * POLICIES_MAX + 1;

/// The level that a request asks for, if its account allows one.
pub fn public_access(call: &Call) -> Result<PublicAccess, Error> {
    let public = match call.head.filled("x-ms-blob-public-access") {
        None => PublicAccess::Private,
        Some(text) if text.eq_ignore_ascii_case("blob") => PublicAccess::Blob,
        Some(text) if text.eq_ignore_ascii_case("container") => PublicAccess::Container,
        Some(_) => return Err(Error::new(Code::InvalidHeaderValue, "x-ms-blob-public-access")),
    };
    match (public, call.identity().account.public_containers) {
        (PublicAccess::Blob | PublicAccess::Container, PublicContainers::Forbidden) => {
            Err(Code::PublicAccessNotPermitted.into())
        }
        (public, _) => Ok(public),
    }
}

/// As `x-ms-blob-public-access` says it; nothing where the container is private.
pub fn level_name(public: PublicAccess) -> Option<&'static str> {
    match public {
        PublicAccess::Private => None,
        PublicAccess::Blob => Some("blob"),
        PublicAccess::Container => Some("container"),
    }
}

pub fn document(policies: &[AccessPolicy]) -> String {
    let mut doc = xml::Document::new();
    doc.open("SignedIdentifiers");
    for AccessPolicy { id, start, expiry, permissions } in policies {
        doc.open("SignedIdentifier");
        doc.text("Id", id);
        doc.open("AccessPolicy");
        doc.text_if("Start", start.map(time::iso).as_deref());
        doc.text_if("Expiry", expiry.map(time::iso).as_deref());
        doc.text_if("Permission", permissions.as_deref());
        doc.close("AccessPolicy");
        doc.close("SignedIdentifier");
    }
    doc.close("SignedIdentifiers");
    doc.finish()
}

/// Reads the policies of a request's body; an empty one takes all away.
pub fn parse(document: &[u8]) -> Result<Vec<AccessPolicy>, Error> {
    if document.is_empty() {
        return Ok(Vec::new());
    }
    let bad = |what: &str| Error::new(Code::InvalidXmlDocument, what);
    let mut policies: Vec<AccessPolicy> = Vec::new();
    for leaf in xml::leaves(document, LEAVES_MAX)? {
        let field = match leaf.path.as_str() {
            "SignedIdentifiers" => continue,
            path => path.strip_prefix("SignedIdentifiers/SignedIdentifier/").ok_or_else(|| bad("SignedIdentifiers"))?,
        };
        if field == "Id" {
            let length = leaf.text.chars().count();
            if !(1..=POLICY_ID_CHARS_MAX).contains(&length) || policies.iter().any(|policy| policy.id == leaf.text) {
                return Err(bad("A policy's Id has 1 to 64 characters and is its own."));
            }
            policies.push(AccessPolicy { id: leaf.text, ..AccessPolicy::default() });
            continue;
        }
        let policy = policies.last_mut().ok_or_else(|| bad("The Id comes before its AccessPolicy."))?;
        let instant = || match leaf.text.trim() {
            "" => Ok(None),
            text => time::parse_iso(text).map(Some).ok_or_else(|| bad("Start and Expiry are times in UTC.")),
        };
        match field {
            "AccessPolicy" => {}
            "AccessPolicy/Start" => policy.start = instant()?,
            "AccessPolicy/Expiry" => policy.expiry = instant()?,
            "AccessPolicy/Permission" => {
                let letters = leaf.text.trim();
                if letters.len() > PERMISSION_LETTERS_MAX || !letters.bytes().all(|letter| letter.is_ascii_lowercase())
                {
                    return Err(bad("Permission holds Azure's letters."));
                }
                policy.permissions = Some(letters.to_owned()).filter(|letters| !letters.is_empty());
            }
            _ => return Err(bad("An AccessPolicy holds Start, Expiry and Permission.")),
        }
    }
    if policies.len() > POLICIES_MAX {
        return Err(bad("A container has at most 5 policies."));
    }
    Ok(policies)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(inner: &str) -> String {
        format!("<SignedIdentifier>{inner}</SignedIdentifier>")
    }

    fn read(policies: &str) -> Result<Vec<AccessPolicy>, Code> {
        parse(format!("<SignedIdentifiers>{policies}</SignedIdentifiers>").as_bytes()).map_err(|error| error.code)
    }

    #[test]
    fn policies_come_back_as_they_were_set() {
        let full = policy(
            "<Id>a &amp; b</Id><AccessPolicy><Start>2026-01-01</Start><Expiry>2026-02-01T00:00:00.0000000Z</Expiry><Permission>rl</Permission></AccessPolicy>",
        );
        let bare = policy("<Id>bare</Id>")
            + &policy("<Id>empty</Id><AccessPolicy><Start /><Permission></Permission></AccessPolicy>");
        let policies = read(&(full + &bare)).expect("good policies");
        assert_eq!(policies.len(), 3);
        assert_eq!((policies[0].id.as_str(), policies[0].permissions.as_deref()), ("a & b", Some("rl")));
        assert_eq!(policies[1], AccessPolicy { id: "bare".into(), ..AccessPolicy::default() });
        assert_eq!(policies[2], AccessPolicy { id: "empty".into(), ..AccessPolicy::default() });
        assert_eq!(parse(document(&policies).as_bytes()), Ok(policies));
        assert_eq!(parse(b""), Ok(Vec::new()));
        assert_eq!(parse(b"<SignedIdentifiers />"), Ok(Vec::new()));
    }

    #[test]
    fn bad_policies_are_refused() {
        let six: String = (0..6).map(|n| policy(&format!("<Id>{n}</Id>"))).collect();
        for bad in [
            &six,
            &policy("<Id></Id>"),
            &policy("<Id>a&#1;</Id>"),
            &policy("<Id>a\u{FFFE}</Id>"),
            &policy(&format!("<Id>{}</Id>", "x".repeat(65))),
            &policy("<AccessPolicy><Start>2026-01-01</Start></AccessPolicy><Id>late</Id>"),
            &policy("<Id>a</Id><AccessPolicy><Start>soon</Start></AccessPolicy>"),
            &policy("<Id>a</Id><AccessPolicy><Permission>R!</Permission></AccessPolicy>"),
            &policy("<Id>a</Id><Other>1</Other>"),
            &(policy("<Id>a</Id>") + &policy("<Id>a</Id>")),
        ] {
            assert_eq!(read(bad), Err(Code::InvalidXmlDocument), "{bad}");
        }
    }
}
