//! Signatures made elsewhere (azure-storage-blob 12.31 for Python, key = bytes 0 to 63) must pass; the same ones, bent, must not.

use super::*;
use crate::request::Transport;
use greenroom_model::{AccountName, TenantName};
use http::{HeaderMap, HeaderValue, Method};

const IN_2026: i64 = 1_767_323_045; // Fri, 02 Jan 2026 03:04:05 GMT
const CONTAINER_SAS: &str = "st=2026-01-01T00%3A00%3A00Z&se=2030-01-02T03%3A04%3A05Z&sp=racwdl&sip=10.0.0.1-10.0.0.9&spr=https%2Chttp&sv=2026-10-06&sr=c&sig=Pn8L%2Bqgs7PInYE5hQVATmnAYLDLGBtIG1rJAjnANEqk%3D";
const BLOB_SAS: &str = "se=2030-01-02T03%3A04%3A05Z&sp=r&sv=2026-10-06&sr=b&rscc=no-cache&rscd=attachment%3B%20filename%3D%22x%22&rsct=text/plain&sig=uwYri%2BsMMsc3euNLYlvIADlrQNHuA4Br9L4gIOqru2Y%3D";
const ACCOUNT_SAS: &str = "st=2026-01-01T00%3A00%3A00Z&se=2030-01-02T03%3A04%3A05Z&sp=rwdlac&sv=2026-10-06&ss=b&srt=sco&sig=/cL1qIUum/tTXF9mAXzR2lQcIRLYN/OK2SzrYsV5aQU%3D";

const READ: Permit = Permit { any_of: "r", resource_type: Some('o'), by_service_sas: ByServiceSas::Allowed };
const TAG: Permit = Permit { any_of: "t", resource_type: Some('o'), by_service_sas: ByServiceSas::Allowed };
const MAKE_CONTAINER: Permit = Permit { any_of: "cw", resource_type: Some('c'), by_service_sas: ByServiceSas::Never };

fn account() -> Arc<AccountRecord> {
    Arc::new(AccountRecord {
        name: AccountName::new("acct").expect("a good name"),
        tenant: TenantName::new("gold").expect("a good name"),
        key: AccountKey::new((0..64).collect::<Vec<u8>>()),
    })
}

/// A request to `acct` on an IP host, from 10.0.0.5.
fn head(method: &str, path_and_query: &str, headers: &[(&'static str, &'static str)]) -> Head {
    head_on("127.0.0.1:10000", method, path_and_query, headers)
}

fn head_on(host: &'static str, method: &str, path_and_query: &str, headers: &[(&'static str, &'static str)]) -> Head {
    let mut map = HeaderMap::new();
    map.insert("host", HeaderValue::from_static(host));
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_static(value));
    }
    let request = http::Request::builder().method(Method::from_bytes(method.as_bytes()).expect("a method"));
    let (mut parts, ()) = request.uri(path_and_query).body(()).expect("a good request").into_parts();
    parts.headers = map;
    Head::parse(parts, [10, 0, 0, 5].into(), Transport::Plain).expect("a good request")
}

fn judge_at(head: &Head, permit: &Permit, seconds: i64) -> Result<Identity, Code> {
    identify(head, permit, Some(account()), Timestamp::from_seconds(seconds)).map_err(|denied| denied.code)
}

fn judge(head: &Head, permit: &Permit) -> Result<(), Code> {
    judge_at(head, permit, IN_2026).map(|_| ())
}

fn blob_with(query: &str) -> Head {
    head("GET", &format!("/acct/photos/dir/%C3%BC%20a%2Bb%2525%23.txt?{query}"), &[])
}

#[test]
fn shared_keys_of_another_implementation_pass() {
    let date = ("x-ms-date", "Fri, 02 Jan 2026 03:04:05 GMT");
    let version = ("x-ms-version", "2026-10-06");
    let list = head(
        "GET",
        "/acct/photos?restype=container&comp=list&prefix=a%2Fb%20c&include=metadata",
        &[date, version, ("authorization", "SharedKey acct:v8IE4BAz5ZWnpA8zNqHLpoFVT77Upb2DfzXaHHKG6yE=")],
    );
    let put = head(
        "PUT",
        "/acct/photos/dir/%C3%BC%20a%2Bb%2525.txt",
        &[
            date,
            version,
            ("content-length", "5"),
            ("content-type", "text/plain"),
            ("x-ms-blob-type", "BlockBlob"),
            ("x-ms-meta-a", "1"),
            ("if-none-match", "*"),
            ("authorization", "SharedKey acct:r1/wl528Sz8dnFG1Bl5zNIsq7zv6WPHg20pTCpwoP6Y="),
        ],
    );
    let create = head_on(
        "acct.blob.localhost:10000",
        "PUT",
        "/photos?restype=container",
        &[
            date,
            version,
            ("content-length", "0"),
            ("authorization", "SharedKey acct:oOPDVSqhMZwBbsc5xQ6s64s4muWplhBbThYC7zffb3Y="),
        ],
    );
    for head in [&list, &put, &create] {
        assert_eq!(judge(head, &MAKE_CONTAINER), Ok(()), "{}", head.target.raw_path);
    }
    let late = judge_at(&list, &READ, IN_2026 + 16 * 60).map(|_| ());
    assert_eq!(late, Err(Code::AuthenticationFailed), "sixteen minutes late");
    assert_eq!(judge_at(&list, &READ, IN_2026 - 14 * 60).map(|_| ()), Ok(()), "fourteen minutes early");
}

#[test]
fn a_bent_shared_key_request_fails() {
    let signed = |path: &str, authorization: &'static str, meta: &'static str| {
        let date = ("x-ms-date", "Fri, 02 Jan 2026 03:04:05 GMT");
        let headers = [date, ("x-ms-version", "2026-10-06"), ("x-ms-meta-a", meta), ("authorization", authorization)];
        judge(&head("GET", path, &headers), &READ)
    };
    for (authorization, code) in [
        ("SharedKey acct:v8IE4BAz5ZWnpA8zNqHLpoFVT77Upb2DfzXaHHKG6yE=", Code::AuthenticationFailed),
        ("SharedKey other:v8IE4BAz5ZWnpA8zNqHLpoFVT77Upb2DfzXaHHKG6yE=", Code::AuthenticationFailed),
        ("SharedKey acct:", Code::AuthenticationFailed),
        ("SharedKeyLite acct:v8IE4BAz5ZWnpA8zNqHLpoFVT77Upb2DfzXaHHKG6yE=", Code::AuthenticationFailed),
        ("SharedKey acct", Code::InvalidAuthenticationInfo),
        ("Bearer token", Code::InvalidAuthenticationInfo),
        ("", Code::InvalidAuthenticationInfo),
    ] {
        let path = "/acct/photos?restype=container&comp=list&prefix=a%2Fb%20c&include=metadata";
        assert_eq!(signed(path, authorization, "added"), Err(code), "{authorization:?}");
    }
}

#[test]
fn the_lite_form_is_verified_too() {
    let date = ("x-ms-date", "Fri, 02 Jan 2026 03:04:05 GMT");
    let string = string_to_sign::shared_key_lite(
        "GET",
        &head("GET", "/acct/photos/a", &[date]).headers,
        "acct",
        "/acct/photos/a",
        &crate::query::Query::default(),
    );
    assert_eq!(string, "GET\n\n\n\nx-ms-date:Fri, 02 Jan 2026 03:04:05 GMT\n/acct/acct/photos/a");
    let authorization = format!("SharedKeyLite acct:{}", sign(&account().key, &string));
    let mut good = head("GET", "/acct/photos/a", &[date]);
    good.headers.insert("authorization", HeaderValue::try_from(&authorization).expect("plain text"));
    assert_eq!(judge(&good, &READ), Ok(()));
    let mut other = head("GET", "/acct/photos/b", &[date]);
    other.headers.insert("authorization", HeaderValue::try_from(&authorization).expect("plain text"));
    assert_eq!(judge(&other, &READ), Err(Code::AuthenticationFailed));
}

#[test]
fn sas_of_another_implementation_pass() {
    for sas in [CONTAINER_SAS, BLOB_SAS, ACCOUNT_SAS] {
        assert_eq!(judge(&blob_with(sas), &READ), Ok(()), "{sas}");
    }
    let overrides = judge_at(&blob_with(BLOB_SAS), &READ, IN_2026).expect("good").overrides().to_vec();
    let names: Vec<_> = overrides.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["cache-control", "content-disposition", "content-type"]);
}

#[test]
fn every_signed_field_is_under_the_signature() {
    for sas in [CONTAINER_SAS, BLOB_SAS, ACCOUNT_SAS] {
        for field in sas.split('&').map(|pair| pair.split('=').next().expect("a name")) {
            let dropped: Vec<_> = sas.split('&').filter(|pair| !pair.starts_with(&format!("{field}="))).collect();
            assert!(judge(&blob_with(&dropped.join("&")), &READ).is_err(), "{sas} without {field}");
        }
        for added in ["ses=x", "rsce=gzip", "si=policy", "sip=10.0.0.5", "sr=c", "skoid=x", "sp=r"] {
            // An account SAS signs neither what overrides headers nor a policy; nothing may come of them.
            let inert = sas == ACCOUNT_SAS && added == "rsce=gzip";
            let judged = judge_at(&blob_with(&format!("{sas}&{added}")), &READ, IN_2026);
            match judged {
                Ok(identity) => {
                    assert!(inert || (sas == ACCOUNT_SAS && added == "sr=c"), "{sas} with {added}: {identity:?}")
                }
                Err(_) => assert!(!inert),
            }
        }
    }
}

#[test]
fn times_addresses_and_protocols_are_enforced() {
    let before = judge_at(&blob_with(CONTAINER_SAS), &READ, 1_767_225_599).map(|_| ());
    assert_eq!(before, Err(Code::AuthenticationFailed), "a second before st");
    let after = judge_at(&blob_with(CONTAINER_SAS), &READ, 1_893_553_445).map(|_| ());
    assert_eq!(after, Err(Code::AuthenticationFailed), "at se");

    let mut from_elsewhere = blob_with(CONTAINER_SAS);
    for (peer, expected) in
        [("10.0.0.10", Err(Code::AuthorizationSourceIpMismatch)), ("10.0.0.9", Ok(())), ("::ffff:10.0.0.1", Ok(()))]
    {
        from_elsewhere.peer = peer.parse().expect("an address");
        assert_eq!(judge(&from_elsewhere, &READ), expected, "{peer}");
    }
    let fields = string_to_sign::SasFields {
        permissions: "r".into(),
        expiry: "2030-01-01".into(),
        protocol: "https".into(),
        version: "2020-12-06".into(),
        resource: "c".into(),
        ..Default::default()
    };
    let sig = sign(&account().key, &string_to_sign::service_sas("/blob/acct/photos", &fields)).replace('+', "%2B");
    let mut https_only = blob_with(&format!("sp=r&se=2030-01-01&spr=https&sv=2020-12-06&sr=c&sig={sig}"));
    assert_eq!(judge(&https_only, &READ), Err(Code::AuthorizationProtocolMismatch));
    https_only.transport = Transport::Tls;
    assert_eq!(judge(&https_only, &READ), Ok(()));
}

#[test]
fn a_sas_reaches_what_it_was_made_for() {
    let on = |path: &str, sas: &str, permit: &Permit| judge(&head("GET", &format!("{path}?{sas}"), &[]), permit);
    for (path, sas, permit, expected) in [
        ("/acct/photos/other", CONTAINER_SAS, READ, Ok(())),
        ("/acct/photos", CONTAINER_SAS, READ, Ok(())),
        ("/acct/photos2/other", CONTAINER_SAS, READ, Err(Code::AuthenticationFailed)),
        ("/acct/photos/other", BLOB_SAS, READ, Err(Code::AuthenticationFailed)),
        ("/acct", CONTAINER_SAS, READ, Err(Code::AuthorizationPermissionMismatch)),
        ("/acct/photos", BLOB_SAS, READ, Err(Code::AuthorizationPermissionMismatch)),
        ("/acct/photos/a", CONTAINER_SAS, TAG, Err(Code::AuthorizationPermissionMismatch)),
        ("/acct/photos", CONTAINER_SAS, MAKE_CONTAINER, Err(Code::AuthorizationPermissionMismatch)),
        ("/acct/photos", ACCOUNT_SAS, MAKE_CONTAINER, Ok(())),
        ("/acct/photos/a", ACCOUNT_SAS, TAG, Err(Code::AuthorizationPermissionMismatch)),
    ] {
        assert_eq!(on(path, sas, &permit), expected, "{path} {permit:?}");
    }
}

#[test]
fn an_account_sas_is_held_to_services_and_resource_types() {
    let with = |services: &str, resource_types: &str| {
        let fields = string_to_sign::SasFields {
            permissions: "rc".into(),
            expiry: "2030-01-01T00:00Z".into(),
            version: "2015-04-05".into(),
            services: services.into(),
            resource_types: resource_types.into(),
            ..Default::default()
        };
        let sig = sign(&account().key, &string_to_sign::account_sas("acct", &fields)).replace('+', "%2B");
        format!("sp=rc&se=2030-01-01T00:00Z&sv=2015-04-05&ss={services}&srt={resource_types}&sig={sig}")
    };
    assert_eq!(judge(&blob_with(&with("qb", "o")), &READ), Ok(()));
    assert_eq!(judge(&blob_with(&with("q", "o")), &READ), Err(Code::AuthorizationServiceMismatch));
    assert_eq!(judge(&blob_with(&with("b", "sc")), &READ), Err(Code::AuthorizationResourceTypeMismatch));
}

#[test]
fn without_a_credential_or_an_account_nothing_goes() {
    assert_eq!(judge(&blob_with(""), &READ), Err(Code::NoAuthenticationInformation));
    let nobody = identify(&blob_with(CONTAINER_SAS), &READ, None, Timestamp::from_seconds(IN_2026));
    assert_eq!(nobody.expect_err("no account").code, Code::AuthenticationFailed);
    let mut both = blob_with(CONTAINER_SAS);
    both.headers.insert("authorization", HeaderValue::from_static("SharedKey acct:x"));
    assert_eq!(judge(&both, &READ), Err(Code::InvalidAuthenticationInfo));
    assert_eq!(
        judge(&blob_with("sv=2014-02-14&sr=b&se=2030-01-01&sp=r&sig=x"), &READ),
        Err(Code::AuthenticationFailed)
    );
}

#[test]
fn a_log_holds_no_secret() {
    let string =
        "PUT\nx-ms-copy-source:http://h/c/b?sp=r&sig=SECRET%2B&se=x\nx-ms-encryption-key:SECRET\nx-ms-version:1";
    let detail = redacted(&format!("the server signed {string:?}"));
    assert!(!detail.contains("SECRET"), "{detail}");
    assert!(detail.contains("&se=x\\nx-ms-encryption-key:redacted\\nx-ms-version:1"), "{detail}");
}
