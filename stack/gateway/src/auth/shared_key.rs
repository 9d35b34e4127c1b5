//! `Authorization: SharedKey account:signature`, and its Lite form.

use super::denied::Denied;
use super::signature::{matches, sign};
use super::string_to_sign::{self, StringToSign};
use crate::error::Code;
use crate::head::Head;
use greenroom_store::{AccountRecord, Timestamp};
use http::header;

/// How far a request's date may be from the server's: Azure's fifteen minutes.
const DATE_SKEW_US_MAX: u64 = 15 * 60 * 1_000_000;

/// The parts of an `Authorization` header.
#[derive(Debug, PartialEq, Eq)]
pub struct Claim<'a> {
    scheme: Scheme,
    account: &'a str,
    signature: &'a str,
}

#[derive(Debug, PartialEq, Eq)]
enum Scheme {
    Full,
    Lite,
}

impl<'a> Claim<'a> {
    pub fn parse(authorization: &'a str) -> Result<Self, Denied> {
        let bad = || {
            Denied::new(Code::InvalidAuthenticationInfo, "the Authorization header is not SharedKey account:signature")
        };
        let (scheme, rest) = authorization.split_once(' ').ok_or_else(bad)?;
        let scheme = match scheme {
            "SharedKey" => Scheme::Full,
            "SharedKeyLite" => Scheme::Lite,
            _ => return Err(bad()),
        };
        let (account, signature) = rest.trim().split_once(':').ok_or_else(bad)?;
        Ok(Self { scheme, account, signature })
    }

    /// Whether one of the account's keys signed this request, lately, for the account that it addresses.
    pub fn verify(&self, head: &Head, account: &AccountRecord, now: Timestamp) -> Result<(), Denied> {
        let addressed = head.target.account.as_str();
        if self.account != addressed {
            return Err(Denied::failed(format!("signed for account {:?} but sent to {addressed:?}", self.account)));
        }
        verify_date(head, now)?;
        let strings = self.strings_to_sign(head);
        let fits = |candidate: &str| account.keys().any(|key| matches(&sign(key, candidate), self.signature));
        if strings.iter().any(|string| fits(&string.to_string())) {
            return Ok(());
        }
        let string = strings.into_iter().next().unwrap_or_default();
        Err(Denied::unmatched("the signature does not match", string, account.keys(), self.signature))
    }

    fn strings_to_sign(&self, head: &Head) -> Vec<StringToSign> {
        let account = head.target.account.as_str();
        let (method, path) = (head.method.as_str(), head.target.raw_path.as_str());
        match self.scheme {
            Scheme::Lite => vec![string_to_sign::shared_key_lite(method, &head.headers, account, path, &head.query)],
            Scheme::Full => {
                let length = head.text(header::CONTENT_LENGTH.as_str()).unwrap_or("");
                // Since 2015-02-21 an empty body signs an empty string, before that "0"; some clients still do.
                let lengths: &[&str] = if matches!(length, "" | "0") { &["", "0"] } else { &[length] };
                let full = |length: &&str| {
                    string_to_sign::shared_key(method, &head.headers, account, path, &head.query, length)
                };
                lengths.iter().map(full).collect()
            }
        }
    }
}

fn verify_date(head: &Head, now: Timestamp) -> Result<(), Denied> {
    let date = head.text("x-ms-date").or_else(|| head.text(header::DATE.as_str()));
    let date = date.ok_or_else(|| Denied::failed("neither x-ms-date nor Date is sent"))?;
    let at = crate::time::parse_http(date).ok_or_else(|| Denied::failed(format!("the date {date:?} is not one")))?;
    if now.0.abs_diff(at.0) > DATE_SKEW_US_MAX {
        return Err(Denied::failed(format!("the date {date:?} is more than 15 minutes from the server's clock")));
    }
    Ok(())
}
