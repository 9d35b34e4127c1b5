//! Signatures made elsewhere (azure-storage-blob 12.31 for Python, key = bytes 0 to 63) must pass; the same ones, bent, must not.

use super::sas_fields::{KeyFields, SasFields};
use super::string_to_sign::StringToSign;
use super::*;
use greenroom_model::control::Role;
use greenroom_model::{AccountName, TenantName};
use greenroom_store::{AccessPolicy, AccountKey, PublicAccess, PublicContainers};
use http::{HeaderMap, HeaderValue, Method};

const IN_2026: i64 = 1_767_323_045; // Fri, 02 Jan 2026 03:04:05 GMT
const CONTAINER_SAS: &str = "st=2026-01-01T00%3A00%3A00Z&se=2030-01-02T03%3A04%3A05Z&sp=racwdl&sip=10.0.0.1-10.0.0.9&spr=https%2Chttp&sv=2026-10-06&sr=c&sig=Pn8L%2Bqgs7PInYE5hQVATmnAYLDLGBtIG1rJAjnANEqk%3D";
const BLOB_SAS: &str = "se=2030-01-02T03%3A04%3A05Z&sp=r&sv=2026-10-06&sr=b&rscc=no-cache&rscd=attachment%3B%20filename%3D%22x%22&rsct=text/plain&sig=uwYri%2BsMMsc3euNLYlvIADlrQNHuA4Br9L4gIOqru2Y%3D";
const ACCOUNT_SAS: &str = "st=2026-01-01T00%3A00%3A00Z&se=2030-01-02T03%3A04%3A05Z&sp=rwdlac&sv=2026-10-06&ss=b&srt=sco&sig=/cL1qIUum/tTXF9mAXzR2lQcIRLYN/OK2SzrYsV5aQU%3D";

const READ: Permit = Permit { any_of: "r", resource_type: Some('o'), reach: Reach::AnySas };
const TAG: Permit = Permit { any_of: "t", resource_type: Some('o'), reach: Reach::AnySas };
const MAKE_CONTAINER: Permit = Permit { any_of: "cw", resource_type: Some('c'), reach: Reach::AccountSas };

fn account() -> Arc<AccountRecord> {
    let (name, tenant) =
        (AccountName::new("acct").expect("a good name"), TenantName::new("gold").expect("a good name"));
    Arc::new(AccountRecord::new(name, tenant, AccountKey::new((0..64).collect::<Vec<u8>>())))
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
    Head::parse(parts, [10, 0, 0, 5].into(), Transport::Plain, "id-1").expect("a good request")
}

fn judge_at(head: &Head, permit: &Permit, seconds: i64) -> Result<Identity, Code> {
    judge_with(head, permit, None, seconds).map_err(|denied| denied.code)
}

fn judge_with(head: &Head, permit: &Permit, acl: Option<&ContainerAcl>, seconds: i64) -> Result<Identity, Denied> {
    let (account, issuer) = (account(), issuer());
    let facts = Facts { account: Some(&account), acl, issuer: &issuer, now: Timestamp::from_seconds(seconds) };
    identify(head, permit, facts)
}

/// Whether a request that nobody has signed is turned away, whatever it asks for and whoever might hear of it.
pub fn passes_nobody(head: &Head) -> bool {
    [READ, TAG, MAKE_CONTAINER].iter().all(|permit| judge(head, permit).is_err())
}

fn issuer() -> Issuer {
    Issuer::new([9; 32])
}

fn judge(head: &Head, permit: &Permit) -> Result<(), Code> {
    judge_at(head, permit, IN_2026).map(|_| ())
}

/// A signature by the account's key, as a query carries it.
fn signature(string: &StringToSign) -> String {
    sign(&account().key, &string.to_string()).replace('+', "%2B")
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
        ("Bearer token", Code::AuthenticationFailed),
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
    assert_eq!(string.to_string(), "GET\n\n\n\nx-ms-date:Fri, 02 Jan 2026 03:04:05 GMT\n/acct/acct/photos/a");
    let authorization = format!("SharedKeyLite acct:{}", sign(&account().key, &string.to_string()));
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
    let fields = SasFields {
        permissions: "r".into(),
        expiry: "2030-01-01".into(),
        protocol: "https".into(),
        version: "2020-12-06".into(),
        resource: "c".into(),
        ..Default::default()
    };
    let sig = signature(&string_to_sign::service_sas("/blob/acct/photos", &fields));
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
        let fields = SasFields {
            permissions: "rc".into(),
            expiry: "2030-01-01T00:00Z".into(),
            version: "2015-04-05".into(),
            services: services.into(),
            resource_types: resource_types.into(),
            ..Default::default()
        };
        let sig = signature(&string_to_sign::account_sas("acct", &fields));
        format!("sp=rc&se=2030-01-01T00:00Z&sv=2015-04-05&ss={services}&srt={resource_types}&sig={sig}")
    };
    assert_eq!(judge(&blob_with(&with("qb", "o")), &READ), Ok(()));
    assert_eq!(judge(&blob_with(&with("q", "o")), &READ), Err(Code::AuthorizationServiceMismatch));
    assert_eq!(judge(&blob_with(&with("b", "sc")), &READ), Err(Code::AuthorizationResourceTypeMismatch));
}

#[test]
fn without_a_credential_or_an_account_nothing_goes() {
    assert_eq!(judge(&blob_with(""), &TAG), Err(Code::NoAuthenticationInformation));
    let issuer = issuer();
    let facts = Facts { account: None, acl: None, issuer: &issuer, now: Timestamp::from_seconds(IN_2026) };
    let nobody = identify(&blob_with(CONTAINER_SAS), &READ, facts);
    assert_eq!(nobody.expect_err("no account").code, Code::AuthenticationFailed);
    // Whatever is wrong, it is answered as for an account that is there.
    for (authorization, query) in [
        ("x", ""),
        ("Bearer x.y.z", ""),
        ("SharedKey acct:x", ""),
        ("SharedKey other:x", ""),
        ("", "comp=list&sv=2022-11-02&sr=b&sig=x&sp=r&se=2030-01-01"),
        ("", "sv=2022-11-02&sr=c&sig=x&sp=r&se=2030-01-01"),
        ("", "sv=2022-11-02&sr=c&si=none&sig=x"),
        ("", "sv=2022-11-02&ss=b&srt=sco&sig=x&sp=r&se=2030-01-01"),
        (
            "",
            "sv=2020-12-06&sr=c&sp=r&se=2030-01-01&skoid=a&sktid=b&skt=2026-01-01&ske=2030-01-01&sks=b&skv=2020-12-06&sig=x",
        ),
    ] {
        let mut head = blob_with(query);
        if !authorization.is_empty() {
            head.headers.insert("authorization", HeaderValue::from_static(authorization));
        }
        let there = judge(&head, &READ);
        let absent = identify(&head, &READ, facts).map(drop).map_err(|denied| denied.code);
        assert!(there.is_err() && there == absent, "{authorization} {query}: {there:?} {absent:?}");
    }
    let mut both = blob_with(CONTAINER_SAS);
    both.headers.insert("authorization", HeaderValue::from_static("SharedKey acct:x"));
    assert_eq!(judge(&both, &READ), Err(Code::InvalidAuthenticationInfo));
    assert_eq!(
        judge(&blob_with("sv=2014-02-14&sr=b&se=2030-01-01&sp=r&sig=x"), &READ),
        Err(Code::AuthenticationFailed)
    );
}

#[test]
fn public_containers_open_what_their_level_says_and_only_where_allowed() {
    let list = Permit { any_of: "l", resource_type: Some('c'), reach: Reach::AnySas };
    let open = Arc::new(AccountRecord { public_containers: PublicContainers::Allowed, ..(*account()).clone() });
    let issuer = issuer();
    let (blob, container) = (head("GET", "/acct/photos/a", &[]), head("GET", "/acct/photos", &[]));
    let level = |public| ContainerAcl { public, policies: Vec::new() };
    let not_found = Err(Code::ResourceNotFound);
    for (public, read, listed) in [
        (PublicAccess::Private, not_found, not_found),
        (PublicAccess::Blob, Ok(()), not_found),
        (PublicAccess::Container, Ok(()), Ok(())),
    ] {
        let acl = level(public);
        let facts = Facts { account: Some(&open), acl: Some(&acl), issuer: &issuer, now: Timestamp(0) };
        let judged =
            |head, permit: &Permit, facts| identify(head, permit, facts).map(drop).map_err(|denied| denied.code);
        assert_eq!(judged(&blob, &READ, facts), read, "{public:?}");
        assert_eq!(judged(&container, &list, facts), listed, "{public:?}");
        let never = Err(Code::NoAuthenticationInformation);
        assert_eq!(judged(&blob, &TAG, facts), never, "{public:?}");
        assert_eq!(judged(&container, &MAKE_CONTAINER, facts), never, "{public:?}");
        assert_eq!(judged(&blob, &READ, Facts { acl: None, ..facts }), not_found, "no such container");
        let closed = account();
        let closed = Facts { account: Some(&closed), ..facts };
        assert_eq!(judged(&blob, &READ, closed), Err(Code::PublicAccessNotPermitted));
        assert_eq!(judged(&blob, &READ, Facts { account: None, ..facts }), Err(Code::PublicAccessNotPermitted));
    }
}

/// A container SAS of these fields, signed with the account's key.
fn service_query(fields: &SasFields) -> String {
    let sig = signature(&string_to_sign::service_sas("/blob/acct/photos", fields));
    format!(
        "sv={}&sr=c&sp={}&st={}&se={}&si={}&sig={sig}",
        fields.version, fields.permissions, fields.start, fields.expiry, fields.identifier
    )
}

#[test]
fn a_stored_policy_gives_what_the_sas_leaves_away_and_never_what_it_says() {
    let fields = |permissions: &str, expiry: &str| SasFields {
        permissions: permissions.into(),
        expiry: expiry.into(),
        identifier: "week".into(),
        version: "2020-12-06".into(),
        resource: "c".into(),
        ..SasFields::default()
    };
    let policy = |permissions: Option<&str>, expiry: Option<i64>| ContainerAcl {
        public: PublicAccess::Private,
        policies: vec![AccessPolicy {
            id: "week".into(),
            start: None,
            expiry: expiry.map(Timestamp::from_seconds),
            permissions: permissions.map(str::to_owned),
        }],
    };
    let later = Some(IN_2026 + 60);
    let (ok, failed) = (Ok(()), Err(Code::AuthenticationFailed));
    let twice = Err(Code::InvalidQueryParameterValue);
    for (sas, acl, expected) in [
        (fields("", ""), policy(Some("r"), later), ok),
        (fields("r", ""), policy(None, later), ok),
        (fields("", "2030-01-01"), policy(Some("r"), None), ok),
        (fields("r", "2030-01-01"), policy(None, None), ok),
        (fields("r", ""), policy(Some("r"), later), twice),
        (fields("", "2030-01-01"), policy(Some("r"), later), twice),
        (fields("", ""), policy(Some("r"), Some(IN_2026)), failed),
        (fields("", ""), policy(None, later), failed),
        (fields("", ""), policy(Some("r"), None), failed),
        (fields("", ""), policy(Some("w"), later), Err(Code::AuthorizationPermissionMismatch)),
        (fields("r", "2030-01-01"), ContainerAcl::default(), failed),
    ] {
        let head = blob_with(&service_query(&sas));
        let judged = judge_with(&head, &READ, Some(&acl), IN_2026).map(drop).map_err(|denied| denied.code);
        assert_eq!(judged, expected, "{sas:?} {acl:?}");
    }
    let revoked = judge_with(&blob_with(&service_query(&fields("r", "2030-01-01"))), &READ, None, IN_2026);
    assert!(revoked.expect_err("no container, no policy").detail.contains("names no policy"));
}

/// A user-delegation SAS for the container, by a principal's key.
fn delegated(role: Role, bend: impl FnOnce(&mut SasFields)) -> String {
    let issuer = issuer();
    let principal = Principal { account: account().name.clone(), generation: 0, role };
    let mut fields = SasFields {
        permissions: "rwt".into(),
        expiry: "2026-01-02T04:00:00Z".into(),
        version: "2020-12-06".into(),
        resource: "c".into(),
        key: KeyFields {
            object_id: issuer.object_id(&principal),
            tenant_id: issuer.tenant_id(),
            start: "2026-01-02T03:00:00Z".into(),
            expiry: "2026-01-02T05:00:00Z".into(),
            service: "b".into(),
            version: "2020-12-06".into(),
        },
        ..SasFields::default()
    };
    bend(&mut fields);
    let key = issuer.delegation_key(&account(), &fields.key);
    let sig = sign(&key, &string_to_sign::delegation_sas("/blob/acct/photos", &fields).to_string()).replace('+', "%2B");
    let KeyFields { object_id, tenant_id, start, expiry, service, version } = fields.key;
    format!(
        "sv={}&sr=c&sp={}&se={}&skoid={object_id}&sktid={tenant_id}&skt={start}&ske={expiry}&sks={service}&skv={version}\
         &saoid={}&sduoid={}&sig={sig}",
        fields.version, fields.permissions, fields.expiry, fields.authorized_agent, fields.bound_object_id
    )
}

#[test]
fn a_user_delegation_sas_gives_what_both_it_and_the_role_give() {
    let write = Permit { any_of: "cw", resource_type: Some('o'), reach: Reach::AnySas };
    let mismatch = Err(Code::AuthorizationPermissionMismatch);
    for (role, read, written, tagged) in [
        (Role::Reader, Ok(()), mismatch, mismatch),
        (Role::Contributor, Ok(()), Ok(()), mismatch),
        (Role::Owner, Ok(()), Ok(()), Ok(())),
    ] {
        let head = blob_with(&delegated(role, |_| {}));
        assert_eq!(judge(&head, &READ), read, "{role:?}");
        assert_eq!(judge(&head, &write), written, "{role:?}");
        assert_eq!(judge(&head, &TAG), tagged, "{role:?}");
        assert_eq!(judge(&head, &MAKE_CONTAINER), mismatch, "{role:?}");
    }
}

#[test]
fn every_field_of_a_delegation_key_is_enforced() {
    type Bend = fn(&mut SasFields);
    let bends: [(&str, Bend); 8] = [
        ("another service", |fields| fields.key.service = "q".into()),
        ("a key of the past", |fields| fields.key.expiry = "2026-01-02T03:04:05Z".into()),
        ("a key of the future", |fields| fields.key.start = "2026-01-02T03:04:06Z".into()),
        ("a key without an end", |fields| fields.key.expiry = "never".into()),
        ("nobody", |fields| fields.key.object_id = "00000000-0000-4000-8000-000000000000".into()),
        ("another directory", |fields| fields.key.tenant_id = "00000000-0000-4000-8000-000000000000".into()),
        ("an agent", |fields| fields.authorized_agent = "x".into()),
        ("an old version", |fields| fields.version = "2017-11-09".into()),
    ];
    for (what, bend) in bends {
        let head = blob_with(&delegated(Role::Owner, bend));
        assert_eq!(judge(&head, &READ), Err(Code::AuthenticationFailed), "{what}");
    }
    let bound = |fields: &mut SasFields| {
        fields.version = "2025-07-05".into();
        fields.bound_object_id = "someone".into();
    };
    assert_eq!(judge(&blob_with(&delegated(Role::Owner, bound)), &READ), Err(Code::AuthenticationFailed));
    // Signed for one holder, sent with the id of another.
    let swapped = delegated(Role::Reader, |_| {}).replace(
        &issuer().object_id(&Principal { account: account().name.clone(), generation: 0, role: Role::Reader }),
        &issuer().object_id(&Principal { account: account().name.clone(), generation: 0, role: Role::Owner }),
    );
    assert_eq!(judge(&blob_with(&swapped), &READ), Err(Code::AuthenticationFailed));
}

#[test]
fn a_bearer_token_gives_its_role_on_its_account_over_a_safe_wire() {
    let issuer = issuer();
    let token = |account: &str, role| {
        let principal = Principal { account: AccountName::new(account).expect("a good name"), generation: 0, role };
        format!("Bearer {}", issuer.token(&principal, Timestamp::from_seconds(IN_2026), 60))
    };
    let with = |token: &str, permit: &Permit, peer: &str, transport| {
        let mut head = blob_with("");
        head.headers.insert("authorization", HeaderValue::try_from(token).expect("plain text"));
        (head.peer, head.transport) = (peer.parse().expect("an address"), transport);
        judge(&head, permit)
    };
    let (here, there) = ("127.0.0.1", "10.0.0.5");
    let access_control = Permit { any_of: "p", resource_type: None, reach: Reach::KeyOrRole };
    let delegation = Permit { any_of: "", resource_type: None, reach: Reach::RoleOnly };
    let mismatch = Err(Code::AuthorizationPermissionMismatch);
    let reader = token("acct", Role::Reader);
    assert_eq!(with(&reader, &READ, here, Transport::Plain), Ok(()));
    assert_eq!(with(&reader, &READ, there, Transport::Tls), Ok(()));
    assert_eq!(with(&reader, &READ, there, Transport::Plain), Err(Code::AuthenticationFailed));
    assert_eq!(with(&reader, &MAKE_CONTAINER, here, Transport::Plain), mismatch);
    assert_eq!(with(&reader, &delegation, here, Transport::Plain), Ok(()));
    assert_eq!(with(&token("acct", Role::Contributor), &MAKE_CONTAINER, here, Transport::Plain), Ok(()));
    assert_eq!(with(&token("acct", Role::Contributor), &access_control, here, Transport::Plain), mismatch);
    assert_eq!(with(&token("acct", Role::Owner), &access_control, here, Transport::Plain), Ok(()));
    assert_eq!(with(&token("other", Role::Owner), &READ, here, Transport::Plain), mismatch);
    assert_eq!(with("Bearer x.y.z", &READ, here, Transport::Plain), Err(Code::InvalidAuthenticationInfo));
    assert_eq!(with("bearer", &READ, here, Transport::Plain), Err(Code::InvalidAuthenticationInfo));
}

#[test]
fn the_key_alone_signs_in_nobodys_name_and_no_sas_changes_access_control() {
    let delegation = Permit { any_of: "", resource_type: None, reach: Reach::RoleOnly };
    let access_control = Permit { any_of: "p", resource_type: None, reach: Reach::KeyOrRole };
    let list = head(
        "GET",
        "/acct/photos?restype=container&comp=list&prefix=a%2Fb%20c&include=metadata",
        &[
            ("x-ms-date", "Fri, 02 Jan 2026 03:04:05 GMT"),
            ("x-ms-version", "2026-10-06"),
            ("authorization", "SharedKey acct:v8IE4BAz5ZWnpA8zNqHLpoFVT77Upb2DfzXaHHKG6yE="),
        ],
    );
    assert_eq!(judge(&list, &access_control), Ok(()));
    assert_eq!(judge(&list, &delegation), Err(Code::AuthenticationFailed));
    for sas in [ACCOUNT_SAS, CONTAINER_SAS] {
        for permit in [&access_control, &delegation] {
            assert_eq!(judge(&blob_with(sas), permit), Err(Code::AuthorizationPermissionMismatch));
        }
    }
}

#[test]
fn resources_that_are_not_offered_are_refused_with_a_reason() {
    for (resource, reason) in [("d", "hierarchical namespace"), ("bv", "versions"), ("x", "neither"), ("", "neither")] {
        let head = blob_with(&format!("sv=2020-12-06&sr={resource}&sp=r&se=2030-01-01&sdd=1&sig=x"));
        let denied = judge_with(&head, &READ, None, IN_2026).expect_err("not offered");
        assert_eq!(denied.code, Code::AuthenticationFailed);
        assert!(denied.detail.contains(reason), "{denied:?}");
    }
}

#[test]
fn a_snapshots_sas_reaches_that_snapshot() {
    let fields = SasFields {
        permissions: "r".into(),
        expiry: "2030-01-01".into(),
        version: "2020-12-06".into(),
        resource: "bs".into(),
        snapshot: "2026-01-01T00:00:00.0000000Z".into(),
        ..SasFields::default()
    };
    let sig = signature(&string_to_sign::service_sas("/blob/acct/photos/a", &fields));
    let sas = format!("sv=2020-12-06&sr=bs&sp=r&se=2030-01-01&sig={sig}");
    let on = |snapshot: &str| judge(&head("GET", &format!("/acct/photos/a?{snapshot}{sas}"), &[]), &READ);
    assert_eq!(on("snapshot=2026-01-01T00:00:00.0000000Z&"), Ok(()));
    assert_eq!(on("snapshot=2026-01-01T00:00:00.0000001Z&"), Err(Code::AuthenticationFailed));
    assert_eq!(on(""), Err(Code::AuthorizationPermissionMismatch), "not the base blob");
}

#[test]
fn letters_that_nobody_knows_are_refused() {
    let sas = |permissions: &str| {
        let fields = SasFields {
            permissions: permissions.into(),
            expiry: "2030-01-01".into(),
            version: "2020-12-06".into(),
            resource: "c".into(),
            ..SasFields::default()
        };
        judge(&blob_with(&service_query(&fields)), &READ)
    };
    assert_eq!(sas("racwdxyltfmeopi"), Ok(()));
    assert_eq!(sas("rZ"), Err(Code::AuthenticationFailed));
    assert_eq!(sas(""), Err(Code::AuthenticationFailed));
}

#[test]
fn the_operator_is_told_which_part_differs() {
    let bent = CONTAINER_SAS.replace("sip=10.0.0.1-10.0.0.9&", "");
    let denied = judge_with(&blob_with(&bent), &READ, None, IN_2026).expect_err("sip was signed");
    assert_eq!(denied.code, Code::AuthenticationFailed);
    let unmatched = denied.unmatched.expect("a signature");
    let signed = diagnosis::shown(&unmatched.string);
    assert!(signed.iter().any(|part| part.name == "sip" && part.value.is_empty()), "{signed:?}");
    let fields = SasFields {
        permissions: "r".into(),
        expiry: "2030-01-01".into(),
        version: "2020-12-06".into(),
        resource: "c".into(),
        ..SasFields::default()
    };
    let sig = signature(&string_to_sign::service_sas("/acct/photos", &fields));
    let head = blob_with(&format!("sv=2020-12-06&sr=c&sp=r&se=2030-01-01&sig={sig}"));
    let denied = judge_with(&head, &READ, None, IN_2026).expect_err("signed without the service");
    let differs = denied.unmatched.expect("a signature").differs();
    assert_eq!(differs.as_deref(), Some("canonicalized resource was signed without its service"));
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever is sent, the judge answers, and never with a yes to someone who has signed nothing.
        #[test]
        fn nothing_unsigned_passes(path in "/acct/photos(/[ -~]{0,20})?", raw in "[ -~]{0,80}", header in "[ -~]{0,60}") {
            let mut request = http::Request::builder().method("GET").header("host", "127.0.0.1");
            let header = HeaderValue::try_from(header.as_str());
            if let Ok(header) = header {
                request = request.header("authorization", header);
            }
            let path = path.replace(['?', ' ', '"', '<', '>', '\\', '^', '`', '{', '|', '}', '#'], "_");
            let raw = raw.replace([' ', '"', '<', '>', '#'], "_");
            if let Ok(request) = request.uri(format!("{path}?{raw}&sig=x")).body(()) {
                let (parts, ()) = request.into_parts();
                if let Ok(head) = Head::parse(parts, [127, 0, 0, 1].into(), Transport::Plain, "") {
                    prop_assert!(judge(&head, &READ).is_err());
                }
            }
        }

        /// A SAS signed over any fields is found good exactly where each field is; its signature alone never decides.
        #[test]
        fn a_signed_sas_is_held_to_its_fields(letters in "[racwdl]{1,6}", days in -2i64..3, version in "(2018-11-09|2020-12-06|2099-01-01)") {
            let expiry = time::iso_seconds(Timestamp::from_seconds(IN_2026 + days * 86_400));
            let (resource, permissions) = ("c".to_owned(), letters.clone());
            let fields = SasFields { permissions, expiry, version, resource, ..SasFields::default() };
            let judged = judge(&blob_with(&service_query(&fields)), &READ);
            let expected = match (days > 0, letters.contains('r')) {
                (false, _) => Err(Code::AuthenticationFailed),
                (true, false) => Err(Code::AuthorizationPermissionMismatch),
                (true, true) => Ok(()),
            };
            prop_assert_eq!(judged, expected);
        }

        /// Any one character of a good signature changed, and it is no longer one.
        #[test]
        fn a_changed_signature_never_fits(at in 0usize..44, to in "[A-Za-z0-9]") {
            let fields = SasFields {
                permissions: "r".into(), expiry: "2030-01-01".into(), version: "2020-12-06".into(), resource: "c".into(),
                ..SasFields::default()
            };
            let sig = sign(&account().key, &string_to_sign::service_sas("/blob/acct/photos", &fields).to_string());
            let mut bent = sig.clone();
            bent.replace_range(at..=at, &to);
            prop_assume!(bent != sig);
            let query = format!("sv=2020-12-06&sr=c&sp=r&se=2030-01-01&sig={}", bent.replace('+', "%2B"));
            prop_assert_eq!(judge(&blob_with(&query), &READ), Err(Code::AuthenticationFailed));
        }
    }
}
