//! Who may do what, through the wire: access policies, public containers, roles, and what the operator learns of refusals.

use crate::support::{ACCOUNT, CONTAINER, Stack, all_between, verdict};
use greenroom_model::control::{
    Identity, IdentityRequest, IdentityToken, NewAccount, PublicContainersRule, RefusedRequest, Role, SasProtocol,
    SasRequest,
};
use greenroom_model::{AccountName, TenantName};
use reqwest::{Method, Response};

fn account() -> AccountName {
    AccountName::new(ACCOUNT).expect("a good name")
}

/// A request with nothing but what the URL says.
async fn bare(stack: &Stack, method: &str, path_and_query: &str) -> Response {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let url = format!("{}/{ACCOUNT}/{path_and_query}", stack.ready.blob);
    stack.http.request(method, url).header("content-length", "0").send().await.expect("an answer")
}

async fn identity(stack: &Stack, role: Role) -> Identity {
    let request = IdentityRequest { account: account(), role };
    let made = stack.control(Method::POST, "/v1/identities").json(&request).send().await.expect("an answer");
    assert_eq!(made.status(), 200);
    made.json().await.expect("an identity")
}

async fn token(stack: &Stack, role: Role) -> String {
    let identity = identity(stack, role).await;
    let got = stack.http.get(&identity.endpoint).send().await.expect("an answer");
    assert_eq!(got.status(), 200);
    got.json::<IdentityToken>().await.expect("a token").access_token
}

async fn with_token(stack: &Stack, token: &str, method: &str, path_and_query: &str, body: &str) -> Response {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let url = format!("{}/{ACCOUNT}/{path_and_query}", stack.ready.blob);
    let request = stack.http.request(method, url).bearer_auth(token).header("x-ms-version", "2025-07-05");
    let request = request.header("x-ms-blob-type", "BlockBlob").header("content-length", body.len());
    request.body(body.to_owned()).send().await.expect("an answer")
}

fn policy(id: &str, permissions: &str) -> String {
    format!(
        "<SignedIdentifiers><SignedIdentifier><Id>{id}</Id><AccessPolicy><Expiry>2999-01-01T00:00:00.0000000Z</Expiry>\
         <Permission>{permissions}</Permission></AccessPolicy></SignedIdentifier></SignedIdentifiers>"
    )
}

async fn refusals(stack: &Stack) -> Vec<RefusedRequest> {
    let got = stack.control(Method::GET, "/v1/refusals").send().await.expect("an answer");
    got.json().await.expect("refusals")
}

async fn allow_public(stack: &Stack) {
    let tenant = TenantName::new("gold").expect("a good name");
    let new = NewAccount { tenant, containers: vec![], public_containers: Some(PublicContainersRule::Allowed) };
    assert_eq!(stack.put(&format!("/v1/accounts/{ACCOUNT}"), &new).await.status(), 200);
}

#[tokio::test]
async fn a_policy_gives_and_takes_away_at_once() {
    let mut stack = Stack::with_container().await;
    stack.put_blob("a", "hello").await;
    let owner = token(&stack, Role::Owner).await;
    let acl = format!("{CONTAINER}?restype=container&comp=acl");
    let set = async |stack: &Stack, document: &str| {
        assert_eq!(with_token(stack, &owner, "PUT", &acl, document).await.status(), 200);
    };
    set(&stack, &policy("week", "r")).await;
    let container = Some(CONTAINER.parse().expect("a good name"));
    let of_policy = SasRequest { container, policy: Some("week".into()), ..SasRequest::new(account(), "", 0) };
    let sas = stack.mint(&of_policy).await;
    let get = async |stack: &Stack| bare(stack, "GET", &format!("{CONTAINER}/a?{sas}")).await;
    assert_eq!(get(&stack).await.text().await.expect("a text"), "hello");
    assert!(stack.stop().await.success());
    stack.restart().await;
    assert_eq!(get(&stack).await.status(), 200, "policies and the issuer outlive a restart");
    let read = with_token(&stack, &owner, "GET", &acl, "").await;
    assert_eq!(all_between(&read.text().await.expect("a text"), "<Id>", "</Id>"), ["week"]);
    set(&stack, &policy("week", "l")).await;
    assert_eq!(verdict(&get(&stack).await), (403, "AuthorizationPermissionMismatch".into()));
    set(&stack, "<SignedIdentifiers />").await;
    assert_eq!(verdict(&get(&stack).await), (403, "AuthenticationFailed".into()));
    let both = stack.mint(&SasRequest { permissions: "r".into(), ..of_policy }).await;
    set(&stack, &policy("week", "r")).await;
    let answer = bare(&stack, "GET", &format!("{CONTAINER}/a?{both}")).await;
    assert_eq!(verdict(&answer), (400, "InvalidQueryParameterValue".into()));
    assert_eq!(get(&stack).await.status(), 200);
}

#[tokio::test]
async fn containers_are_public_only_where_set_and_allowed() {
    let stack = Stack::with_container().await;
    stack.put_blob("a", "hello").await;
    let keyed = token(&stack, Role::Owner).await;
    let open = async |stack: &Stack, level: &str| {
        let url = format!("{}/{ACCOUNT}/{CONTAINER}?restype=container&comp=acl", stack.ready.blob);
        let put = stack.http.put(url).bearer_auth(&keyed).header("x-ms-blob-public-access", level);
        verdict(&put.header("content-length", "0").send().await.expect("an answer"))
    };
    let list = format!("{CONTAINER}?restype=container&comp=list");
    let seen = async |stack: &Stack| {
        let mut verdicts = Vec::new();
        for (method, path) in
            [("GET", format!("{CONTAINER}/a").as_str()), ("GET", &list), ("DELETE", &format!("{CONTAINER}/a"))]
        {
            verdicts.push(verdict(&bare(stack, method, path).await));
        }
        verdicts
    };
    let said = |status: u16, code: &str| (status, code.to_owned());
    let never = said(401, "NoAuthenticationInformation");
    let forbidden = said(409, "PublicAccessNotPermitted");
    let hidden = said(404, "ResourceNotFound");
    assert_eq!(open(&stack, "blob").await, forbidden);
    assert_eq!(seen(&stack).await, [forbidden.clone(), forbidden, never.clone()]);
    allow_public(&stack).await;
    assert_eq!(seen(&stack).await, [hidden.clone(), hidden.clone(), never.clone()]);
    assert_eq!(open(&stack, "blob").await.0, 200);
    assert_eq!(seen(&stack).await, [said(200, ""), hidden.clone(), never.clone()]);
    assert_eq!(verdict(&bare(&stack, "GET", "absent/a").await), hidden);
    assert_eq!(open(&stack, "container").await.0, 200);
    assert_eq!(seen(&stack).await, [said(200, ""), said(200, ""), never]);
    let properties = bare(&stack, "GET", &format!("{CONTAINER}?restype=container")).await;
    assert_eq!(properties.headers()["x-ms-blob-public-access"], "container");
    assert_eq!(open(&stack, "everything").await, said(400, "InvalidHeaderValue"));
}

#[tokio::test]
async fn a_role_does_what_it_is_for_and_signs_no_more_than_that() {
    let stack = Stack::with_container().await;
    let (reader, contributor) = (token(&stack, Role::Reader).await, token(&stack, Role::Contributor).await);
    let blob = format!("{CONTAINER}/a");
    assert_eq!(with_token(&stack, &contributor, "PUT", &blob, "hello").await.status(), 201);
    assert_eq!(with_token(&stack, &reader, "GET", &blob, "").await.text().await.expect("a text"), "hello");
    let refused = with_token(&stack, &reader, "PUT", &blob, "other").await;
    assert_eq!(verdict(&refused), (403, "AuthorizationPermissionMismatch".into()));
    let bent = with_token(&stack, &format!("{reader}x"), "GET", &blob, "").await;
    assert_eq!(verdict(&bent), (401, "InvalidAuthenticationInfo".into()));
    assert!(bent.headers()["www-authenticate"].to_str().expect("text").starts_with("Bearer authorization_uri="));
    // The identity's endpoint is its secret: another one is nobody's.
    let endpoint = identity(&stack, Role::Reader).await.endpoint;
    let other = endpoint.replace("/token", "0/token");
    assert_eq!(stack.http.get(other).send().await.expect("an answer").status(), 401);
    let posted = stack.http.post(endpoint).body("resource=x").send().await.expect("an answer");
    assert_eq!(posted.status(), 200, "as Cloud Shell's clients ask");

    let key_info = |days: u8| format!("<KeyInfo><Start></Start><Expiry>2026-01-0{days}T00:00:00Z</Expiry></KeyInfo>");
    let delegation = "?restype=service&comp=userdelegationkey";
    let past = with_token(&stack, &reader, "POST", delegation, &key_info(1)).await;
    assert_eq!(verdict(&past), (400, "InvalidXmlDocument".into()));
    let by_sas = stack.blob("POST", delegation).await.body(key_info(1)).send().await.expect("an answer");
    assert_eq!(by_sas.status(), 403, "no SAS makes a key");
}

#[tokio::test]
async fn fields_that_the_wire_decides_are_enforced() {
    let stack = Stack::with_container().await;
    stack.put_blob("a", "hello").await;
    stack.put_blob("b", "hello").await;
    let container = Some(CONTAINER.parse().expect("a good name"));
    let base = SasRequest { container, ..SasRequest::new(account(), "r", 3600) };
    let https = SasRequest { protocol: Some(SasProtocol::Https), ..base.clone() };
    let elsewhere = SasRequest { ip: Some("10.0.0.1-10.0.0.9".into()), ..base.clone() };
    let here = SasRequest { ip: Some("127.0.0.1".into()), ..base.clone() };
    let one = SasRequest { blob: Some("a".parse().expect("a good name")), ..base };
    for (request, blob, expected) in [
        (&https, "a", (403, "AuthorizationProtocolMismatch")),
        (&elsewhere, "a", (403, "AuthorizationSourceIPMismatch")),
        (&here, "a", (200, "")),
        (&one, "a", (200, "")),
        (&one, "b", (403, "AuthenticationFailed")),
    ] {
        let sas = stack.mint(request).await;
        let answer = bare(&stack, "GET", &format!("{CONTAINER}/{blob}?{sas}")).await;
        assert_eq!(verdict(&answer), (expected.0, expected.1.to_owned()), "{request:?} {blob}");
    }
    let future = stack.http.get(stack.url(&format!("{CONTAINER}/a")).await).header("x-ms-version", "2999-12-31");
    assert_eq!(future.send().await.expect("an answer").status(), 200, "a version that nobody knows yet");
}

#[tokio::test]
async fn the_operator_learns_what_differs_and_the_caller_does_not() {
    let stack = Stack::with_container().await;
    let sas = stack.sas(Some(CONTAINER), "r").await.replace("sp=r", "sp=rw");
    let answer = bare(&stack, "GET", &format!("{CONTAINER}/a%20b?{sas}")).await;
    let request_id = answer.headers()["x-ms-request-id"].to_str().expect("text").to_owned();
    assert_eq!(verdict(&answer), (403, "AuthenticationFailed".into()));
    let said = answer.text().await.expect("a text");
    assert!(!said.contains("/blob/") && !said.contains("sp="), "{said}");
    let refused = refusals(&stack).await;
    let refused = &refused[0];
    assert_eq!(refused.request_id, request_id);
    assert_eq!((refused.status, refused.code.as_str(), refused.method.as_str()), (403, "AuthenticationFailed", "GET"));
    assert_eq!(refused.path, format!("/{ACCOUNT}/{CONTAINER}/a%20b"));
    assert!(refused.signed.iter().any(|part| part.name == "sp" && part.value == "rw"), "{refused:?}");
    let signature = sas.split("sig=").nth(1).expect("a signature");
    assert!(!format!("{refused:?}").contains(signature), "{refused:?}");
    for _ in 0..250 {
        bare(&stack, "DELETE", &format!("{CONTAINER}/a")).await;
    }
    assert_eq!(refusals(&stack).await.len(), 200, "the list is bounded");
}
