//! Get User Delegation Key: a key that signs SAS in the name of whoever holds the bearer token.

use crate::auth::Credential;
use crate::auth::issuer::base64_key;
use crate::auth::sas_fields::KeyFields;
use crate::call::Call;
use crate::error::{Code, Error};
use crate::reply::Reply;
use crate::{time, xml};
use greenroom_store::Timestamp;

const DOCUMENT_BYTES_MAX: usize = 4 * 1024;
/// Azure's limit on a key's life.
const LIFE_US_MAX: i64 = 7 * 24 * 3600 * 1_000_000;
/// Named where the client names no version.
const VERSION: &str = "2022-11-02";

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    // The route lets no other credential through.
    let Credential::Role(principal) = call.identity().credential.clone() else {
        return Err(Code::AuthenticationFailed.into());
    };
    call.body.length()?;
    let document = call.body.document(DOCUMENT_BYTES_MAX).await?;
    let (start, expiry) = parse(&document, call.now)?;
    let issuer = &call.authority.issuer;
    let key = KeyFields {
        object_id: issuer.object_id(&principal),
        tenant_id: issuer.tenant_id(),
        start: time::iso_seconds(start),
        expiry: time::iso_seconds(expiry),
        service: "b".to_owned(),
        version: call.head.filled("x-ms-version").unwrap_or(VERSION).to_owned(),
    };
    call.authority
        .refusals
        .gave_out(call.account(), &format!("user-delegation key, {}, until {}", principal.role.name(), key.expiry));
    let value = issuer.delegation_key(&call.identity().account, &key);
    let mut doc = xml::Document::new();
    doc.open("UserDelegationKey");
    doc.text("SignedOid", &key.object_id);
    doc.text("SignedTid", &key.tenant_id);
    doc.text("SignedStart", &key.start);
    doc.text("SignedExpiry", &key.expiry);
    doc.text("SignedService", &key.service);
    doc.text("SignedVersion", &key.version);
    doc.text("Value", &base64_key(&value));
    doc.close("UserDelegationKey");
    Ok(Reply::xml(doc.finish()))
}

/// `KeyInfo`: from when, which is now where absent, until when.
fn parse(document: &[u8], now: Timestamp) -> Result<(Timestamp, Timestamp), Error> {
    let (mut start, mut expiry) = (now, None);
    for leaf in xml::leaves(document, 4)? {
        let instant = time::parse_iso(leaf.text.trim());
        let instant =
            || instant.ok_or_else(|| Error::new(Code::InvalidXmlDocument, "Start and Expiry are times in UTC."));
        match leaf.path.as_str() {
            "KeyInfo/Start" if leaf.text.trim().is_empty() => {}
            "KeyInfo/Start" => start = instant()?,
            "KeyInfo/Expiry" => expiry = Some(instant()?),
            // A key bound to a user of another directory: there is one directory here.
            "KeyInfo/DelegatedUserTid" => return Err(Error::new(Code::OperationNotSupported, "(DelegatedUserTid)")),
            _ => return Err(Code::InvalidXmlDocument.into()),
        }
    }
    let expiry = expiry.ok_or_else(|| Error::new(Code::InvalidXmlDocument, "Expiry is missing."))?;
    if expiry <= start || expiry <= now || expiry.0 - now.0 > LIFE_US_MAX {
        return Err(Error::new(Code::InvalidXmlDocument, "A key lives until after its start, and at most seven days."));
    }
    Ok((start, expiry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_bounded_life() {
        let now = Timestamp(1_767_323_045_000_000); // 2026-01-02T03:04:05Z
        let life =
            |inner: &str| parse(format!("<KeyInfo>{inner}</KeyInfo>").as_bytes(), now).map_err(|error| error.code);
        let (start, _) = life("<Expiry>2026-01-03T00:00:00Z</Expiry>").expect("good");
        assert_eq!(start, now);
        assert!(life("<Start>2026-01-01T00:00:00Z</Start><Expiry>2026-01-09T03:04:05Z</Expiry>").is_ok());
        for bad in [
            "",
            "<Start>2026-01-01T00:00:00Z</Start>",
            "<Expiry>2026-01-01T00:00:00Z</Expiry>",
            "<Expiry>2026-01-09T03:04:06Z</Expiry>",
            "<Start>2026-01-05T00:00:00Z</Start><Expiry>2026-01-04T00:00:00Z</Expiry>",
            "<Expiry>soon</Expiry>",
            "<Expiry>2026-01-03T00:00:00Z</Expiry><Other>1</Other>",
        ] {
            assert_eq!(life(bad), Err(Code::InvalidXmlDocument), "{bad}");
        }
    }
}
