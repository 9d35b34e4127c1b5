//! What a request says of what its content is sealed by: a key that comes along with it, or an encryption scope; and how a reply says the same.
//! Source: "Provide an encryption key on a request to Blob storage", "Encryption scopes for Blob storage".

use crate::error::{Code, Error};
use crate::head::{Head, Transport};
use crate::reply::Reply;
use crate::{headers, xml};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use greenroom_store::{CustomerKey, DATA_KEY_BYTES, DefaultScope, Encryption, Overriding, Seal};
use http::Method;
use zeroize::Zeroizing;

pub const SCOPE: &str = "x-ms-encryption-scope";
pub const DEFAULT_SCOPE: &str = "x-ms-default-encryption-scope";
pub const DENY_OVERRIDE: &str = "x-ms-deny-encryption-scope-override";
/// Azure's name for what is encrypted in no scope.
const ACCOUNT_SCOPE: &str = "$account-encryption-key";
const KEY_SHA256: &str = "x-ms-encryption-key-sha256";
const ALGORITHM: &str = "AES256";
/// What an SDK writes for no algorithm.
const NO_ALGORITHM: &str = "None";

/// The headers of one key.
#[derive(Debug, Clone, Copy)]
pub struct Names {
    pub key: &'static str,
    pub sha256: &'static str,
    pub algorithm: &'static str,
}

pub const OWN: Names = Names { key: "x-ms-encryption-key", sha256: KEY_SHA256, algorithm: "x-ms-encryption-algorithm" };
/// Of the blob that content comes from.
pub const SOURCE: Names = Names {
    key: "x-ms-source-encryption-key",
    sha256: "x-ms-source-encryption-key-sha256",
    algorithm: "x-ms-source-encryption-algorithm",
};

/// What the request says itself, or the SAS that it comes with; `None` where neither does.
pub fn asked(head: &Head, of_sas: Option<&str>) -> Result<Option<Seal>, Error> {
    let twice = |one: &str, other: &str| {
        Error::new(Code::InvalidHeaderValue, format!("{one} and {other}: content takes one of them."))
    };
    let scope = match (head.filled(SCOPE), of_sas) {
        (Some(own), Some(of_sas)) if own != of_sas => return Err(twice(SCOPE, "ses")),
        (own, of_sas) => own.or(of_sas),
    };
    match (customer_key(head, OWN)?, scope) {
        (Some(_), Some(_)) => Err(twice(OWN.key, SCOPE)),
        (Some(key), None) => Ok(Some(Seal::Customer(key))),
        (None, scope) => Ok(scope.map(seal_of_scope)),
    }
}

/// What a new blob is sealed by, of whose container so much is said. Err: `RequestForbiddenByContainerEncryptionPolicy`.
pub fn of_new(own: Option<&Seal>, container: Option<&DefaultScope>) -> Result<Seal, Error> {
    let default = container.map_or(Seal::Tenants, |scope| Seal::Scope(scope.name.clone()));
    let forced = container.is_some_and(|scope| scope.overriding == Overriding::Denied);
    match own {
        None => Ok(default),
        Some(own) if forced && *own != default => Err(Code::RequestForbiddenByContainerEncryptionPolicy.into()),
        Some(own) => Ok(own.clone()),
    }
}

fn seal_of_scope(name: &str) -> Seal {
    if name == ACCOUNT_SCOPE { Seal::Tenants } else { Seal::Scope(name.to_owned()) }
}

/// The scope that a new container is to have. Azure asks for both headers, or neither.
pub fn default_scope(head: &Head) -> Result<Option<DefaultScope>, Error> {
    let name = head.filled(DEFAULT_SCOPE);
    let overriding = match head.filled(DENY_OVERRIDE).map(str::to_ascii_lowercase).as_deref() {
        None => None,
        Some("true") => Some(Overriding::Denied),
        Some("false") => Some(Overriding::Allowed),
        Some(_) => return Err(Error::new(Code::InvalidHeaderValue, DENY_OVERRIDE)),
    };
    match (name, overriding) {
        (None, None | Some(Overriding::Allowed)) => Ok(None),
        (None, Some(Overriding::Denied)) => Err(Error::new(Code::MissingRequiredHeader, DEFAULT_SCOPE)),
        (Some(_), None) => Err(Error::new(Code::MissingRequiredHeader, DENY_OVERRIDE)),
        (Some(ACCOUNT_SCOPE), Some(Overriding::Allowed)) => Ok(None),
        (Some(ACCOUNT_SCOPE), Some(Overriding::Denied)) => {
            Err(Error::new(Code::InvalidHeaderValue, format!("{DENY_OVERRIDE} takes a scope of the account.")))
        }
        (Some(name), Some(overriding)) => Ok(Some(DefaultScope { name: name.to_owned(), overriding })),
    }
}

/// How a container's scope is told.
pub fn default_scope_words(scope: Option<&DefaultScope>) -> (&str, &'static str) {
    match scope {
        None => (ACCOUNT_SCOPE, "false"),
        Some(DefaultScope { name, overriding: Overriding::Allowed }) => (name, "false"),
        Some(DefaultScope { name, overriding: Overriding::Denied }) => (name, "true"),
    }
}

/// A key that comes along. What is wrong with it is said without a word of it.
pub fn customer_key(head: &Head, names: Names) -> Result<Option<CustomerKey>, Error> {
    let Names { key: key_name, sha256: sha256_name, algorithm: algorithm_name } = names;
    let (key, sha256, algorithm) = (head.filled(key_name), head.filled(sha256_name), head.filled(algorithm_name));
    let bad = |why: String| Error::new(Code::InvalidHeaderValue, why);
    // SDKs have sent the algorithm with whatever they asked; alone it asks for nothing.
    if algorithm.is_some_and(|algorithm| algorithm != ALGORITHM && algorithm != NO_ALGORITHM) {
        return Err(bad(format!("{algorithm_name}: {ALGORITHM} alone is offered.")));
    }
    let (key, sha256) = match (key, sha256) {
        (None, None) => return Ok(None),
        // Before anything is said of it: it should not have come so.
        (Some(_), _) if head.transport == Transport::Plain => {
            return Err(Error::new(Code::AccountRequiresHttps, format!("{key_name} is taken over https alone.")));
        }
        (Some(key), Some(sha256)) => (key, sha256),
        (Some(_), None) => return Err(Error::new(Code::MissingRequiredHeader, sha256_name)),
        (None, Some(_)) => return Err(Error::new(Code::MissingRequiredHeader, key_name)),
    };
    let reads = head.method == Method::GET || head.method == Method::HEAD || names.key == SOURCE.key;
    if algorithm != Some(ALGORITHM) && !reads {
        return Err(Error::new(Code::MissingRequiredHeader, algorithm_name));
    }
    let key = key_of(key).ok_or_else(|| bad(format!("{key_name} is no key of 256 bits in Base64.")))?;
    let key = CustomerKey::new(&key);
    match BASE64_STANDARD.decode(sha256) {
        Ok(sha256) if sha256 == key.sha256() => Ok(Some(key)),
        Ok(_) | Err(_) => Err(bad(format!("{sha256_name} is not the SHA-256 of {key_name}."))),
    }
}

fn key_of(text: &str) -> Option<Zeroizing<[u8; DATA_KEY_BYTES]>> {
    // As much as the text could hold at most.
    let mut decoded = Zeroizing::new([0; DATA_KEY_BYTES + 1]);
    let length = BASE64_STANDARD.decode_slice(text, &mut decoded[..]).ok()?;
    let mut key = Zeroizing::new([0; DATA_KEY_BYTES]);
    (length == DATA_KEY_BYTES).then(|| {
        key.copy_from_slice(&decoded[..DATA_KEY_BYTES]);
        key
    })
}

/// What the reply to a write says of what was written.
pub fn written(reply: Reply, encryption: Option<&Encryption>) -> Reply {
    let sealed = if encryption.is_some() { "true" } else { "false" };
    named(reply.header("x-ms-request-server-encrypted", sealed), encryption)
}

/// What the reply to a read says of what is there.
pub fn kept(reply: Reply, encryption: Option<&Encryption>) -> Reply {
    let sealed = if encryption.is_some() { "true" } else { "false" };
    named(reply.header("x-ms-server-encrypted", sealed), encryption)
}

/// As `kept`, in a list.
pub fn kept_xml(doc: &mut xml::Document, encryption: Option<&Encryption>) {
    doc.text("ServerEncrypted", if encryption.is_some() { "true" } else { "false" });
    match encryption {
        None => {}
        Some(Encryption::Scope(name)) => doc.text("EncryptionScope", name),
        Some(Encryption::Customer(sha256)) => doc.text("CustomerProvidedKeySha256", &headers::base64(sha256)),
    }
}

/// Which scope, or which key by its digest.
pub fn named(reply: Reply, encryption: Option<&Encryption>) -> Reply {
    match encryption {
        None => reply,
        Some(Encryption::Scope(name)) => reply.header(SCOPE, name),
        Some(Encryption::Customer(sha256)) => reply.header(KEY_SHA256, &headers::base64(sha256)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code::*;
    use std::net::IpAddr;

    /// 32 zeros, and their digest.
    const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const SHA256: &str = "Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU=";

    fn head(method: Method, transport: Transport, sent: &[(&str, &str)]) -> Head {
        let mut request = http::Request::builder().method(method).uri("http://127.0.0.1/acct/photos/a");
        for (name, value) in sent {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        Head::parse(parts, IpAddr::from([127, 0, 0, 1]), transport, "id").expect("a good head")
    }

    #[test]
    fn a_key_comes_whole_and_over_https_or_is_refused() {
        let (put, get) = (Method::PUT, Method::GET);
        let (plain, tls) = (Transport::Plain, Transport::Tls);
        let (key, sha256, algorithm) = (OWN.key, OWN.sha256, OWN.algorithm);
        let all = [(key, KEY), (sha256, SHA256), (algorithm, "AES256")];
        let swapped = [(key, SHA256), (sha256, KEY), (algorithm, "AES256")];
        for (method, transport, sent, expected) in [
            (&put, tls, &all[..], Ok(true)),
            (&put, plain, &all[..], Err(AccountRequiresHttps)),
            (&put, plain, &all[2..], Ok(false)),
            (&put, plain, &[], Ok(false)),
            (&put, tls, &[(algorithm, "AES128")], Err(InvalidHeaderValue)),
            (&put, tls, &[(algorithm, "None")], Ok(false)),
            (&put, tls, &all[..2], Err(MissingRequiredHeader)),
            (&get, tls, &all[..2], Ok(true)),
            (&put, tls, &all[1..], Err(MissingRequiredHeader)),
            (&put, tls, &[all[0], all[2]], Err(MissingRequiredHeader)),
            (&put, plain, &[all[0]], Err(AccountRequiresHttps)),
            (&put, tls, &swapped, Err(InvalidHeaderValue)),
            (&put, tls, &[(key, KEY), (sha256, "no Base64"), all[2]], Err(InvalidHeaderValue)),
            (&put, tls, &[(key, "AAAA"), all[1], all[2]], Err(InvalidHeaderValue)),
            (&put, tls, &[(key, "no Base64"), all[1], all[2]], Err(InvalidHeaderValue)),
            (
                &put,
                tls,
                &[(key, &format!("{}AAA=", &KEY[..43].replace('=', "A"))), all[1], all[2]],
                Err(InvalidHeaderValue),
            ),
            (&put, tls, &[all[0], all[1], all[2], (SCOPE, "finance")], Err(InvalidHeaderValue)),
        ] {
            let found = asked(&head(method.clone(), transport, sent), None);
            let said = format!("{found:?}");
            assert!(!said.contains(KEY) && !said.contains("AAAA"), "{said}");
            let found = found.map(|seal| matches!(seal, Some(Seal::Customer(_)))).map_err(|error| error.code);
            assert_eq!(found, expected, "{method} {transport:?} {sent:?}");
        }
    }

    #[test]
    fn a_scope_is_named_by_the_request_its_sas_or_its_container() {
        let scope = |name: &str| Seal::Scope(name.to_owned());
        let code = |found: Result<Option<Seal>, Error>| found.map_err(|error| error.code);
        for (own, of_sas, expected) in [
            (None, None, Ok(None)),
            (Some("a"), None, Ok(Some(scope("a")))),
            (None, Some("a"), Ok(Some(scope("a")))),
            (Some("a"), Some("a"), Ok(Some(scope("a")))),
            (Some("a"), Some("b"), Err(InvalidHeaderValue)),
            (Some(ACCOUNT_SCOPE), None, Ok(Some(Seal::Tenants))),
        ] {
            let sent: Vec<_> = own.map(|own| (SCOPE, own)).into_iter().collect();
            let head = head(Method::PUT, Transport::Plain, &sent);
            assert_eq!(code(asked(&head, of_sas)), expected, "{own:?} {of_sas:?}");
        }
        let of = |name: &str, overriding| DefaultScope { name: name.to_owned(), overriding };
        let (open, shut) = (of("a", Overriding::Allowed), of("a", Overriding::Denied));
        for (own, container, expected) in [
            (None, None, Ok(Seal::Tenants)),
            (Some(scope("b")), None, Ok(scope("b"))),
            (None, Some(&open), Ok(scope("a"))),
            (Some(scope("b")), Some(&open), Ok(scope("b"))),
            (Some(Seal::Tenants), Some(&open), Ok(Seal::Tenants)),
            (None, Some(&shut), Ok(scope("a"))),
            (Some(scope("a")), Some(&shut), Ok(scope("a"))),
            (Some(scope("b")), Some(&shut), Err(RequestForbiddenByContainerEncryptionPolicy)),
            (Some(Seal::Tenants), Some(&shut), Err(RequestForbiddenByContainerEncryptionPolicy)),
        ] {
            let found = of_new(own.as_ref(), container).map_err(|error| error.code);
            assert_eq!(found, expected, "{own:?} {container:?}");
        }
    }

    #[test]
    fn a_containers_scope_takes_both_headers() {
        for (name, deny, expected) in [
            (None, None, Ok(None)),
            (None, Some("false"), Ok(None)),
            (None, Some("true"), Err(MissingRequiredHeader)),
            (Some("a"), None, Err(MissingRequiredHeader)),
            (Some("a"), Some("maybe"), Err(InvalidHeaderValue)),
            (Some("a"), Some("False"), Ok(Some(("a", "false")))),
            (Some("a"), Some("true"), Ok(Some(("a", "true")))),
            (Some(ACCOUNT_SCOPE), Some("false"), Ok(None)),
            (Some(ACCOUNT_SCOPE), Some("true"), Err(InvalidHeaderValue)),
        ] {
            let sent = [(DEFAULT_SCOPE, name), (DENY_OVERRIDE, deny)];
            let sent: Vec<_> = sent.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            let found = default_scope(&head(Method::PUT, Transport::Plain, &sent)).map_err(|error| error.code);
            let words = found.as_ref().map(|scope| scope.as_ref().map(|scope| default_scope_words(Some(scope))));
            assert_eq!(words.map_err(|code| *code), expected, "{name:?} {deny:?}");
        }
        assert_eq!(default_scope_words(None), (ACCOUNT_SCOPE, "false"));
    }

    #[test]
    fn a_sources_key_is_read_from_headers_of_its_own() {
        let sent = [(SOURCE.key, KEY), (SOURCE.sha256, SHA256)];
        let head = head(Method::PUT, Transport::Tls, &sent);
        assert_eq!(asked(&head, None), Ok(None));
        let found = customer_key(&head, SOURCE).expect("a good key").expect("a key");
        assert_eq!(headers::base64(found.sha256()), SHA256);
    }

    #[test]
    fn headers_that_hold_a_key_are_not_printed() {
        let sent = [(OWN.key, KEY), (SOURCE.key, KEY), (OWN.sha256, SHA256)];
        let said = format!("{:?}", head(Method::PUT, Transport::Tls, &sent));
        assert!(!said.contains("AAAA") && said.contains("x-ms-encryption-key"), "{said}");
    }

    #[test]
    fn a_reply_names_the_scope_or_the_digest_and_never_a_key() {
        let say = |encryption: Option<Encryption>| {
            let reply = written(Reply::new(http::StatusCode::OK), encryption.as_ref());
            let text = |name: &str| reply.headers.get(name).map(|value| value.to_str().expect("text").to_owned());
            ["x-ms-request-server-encrypted", KEY_SHA256, SCOPE].map(text)
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(say(None), [text("false"), None, None]);
        assert_eq!(say(Some(Encryption::Scope("finance".to_owned()))), [text("true"), None, text("finance")]);
        assert_eq!(say(Some(Encryption::Customer([0; 32]))), [text("true"), text(KEY), None]);
    }
}
