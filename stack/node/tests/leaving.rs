//! Who leaves is out: what was given out for an account ends with its generation, also where the name is given out again.

use crate::support::signing::{query, signed, soon};
use crate::support::{ACCOUNT, Stack};
use greenroom_gateway::auth::sas_fields::{KeyFields, SasFields};
use greenroom_gateway::auth::{sign, string_to_sign};
use greenroom_model::control::{Identity, IdentityToken, Role};
use greenroom_model::tenancy::{HandOver, KeyPair, TenantToken};
use greenroom_store::AccountKey;
use reqwest::Method;
use roxmltree::Document;
use serde::de::DeserializeOwned;

const FILE: &str = "
version: 1
tenants:
  - name: gold
    projects: [{ name: all, accounts: [{ name: acct, containers: [{ name: photos }] }] }]
  - name: silver
    projects: [{ name: all, accounts: [{ name: other, containers: [{ name: photos }] }] }]
";

/// One of each kind of credential there is.
#[derive(Debug)]
struct Given {
    identity: Identity,
    bearer: String,
    delegated: String,
    minted: String,
    handed_over: String,
    by_key: String,
    tenant_token: String,
}

/// Which of them are let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Good {
    /// All that is derived for the account.
    derived: [bool; 5],
    by_key: bool,
    tenant_token: bool,
}

const ALL: Good = Good { derived: [true; 5], by_key: true, tenant_token: true };

#[tokio::test]
async fn what_was_given_out_ends_at_once_and_what_is_given_out_next_is_good() {
    let mut stack = Stack::start().await;
    for (acts, by_key, tenant_token) in [
        (&["/v1/accounts/acct/keys/1/rotate"][..], false, true),
        (&["/v1/accounts/acct/keys/2/rotate"], true, true),
        (&["/v1/accounts/acct/revoke"], true, true),
        (&["/v1/tenants/gold/revoke"], true, false),
        (&["/v1/tenants/gold/off-board"], false, false),
        (&["/v1/tenants/gold/suspend", "/v1/tenants/gold/off-board"], false, false),
    ] {
        apply(&stack).await;
        put(&stack).await;
        let before = given(&stack).await;
        assert_eq!(good(&stack, &before).await, ALL, "{acts:?}");
        let stranger = stack.url_in("other", "photos/a").await;
        for act in acts {
            let _: serde_json::Value = post(&stack, act).await;
        }
        let out = Good { derived: [false; 5], by_key, tenant_token };
        assert_eq!(good(&stack, &before).await, out, "{acts:?}");
        // The name is given out again: to whoever holds the file, and not to who had it.
        apply(&stack).await;
        put(&stack).await;
        assert_eq!(good(&stack, &before).await, out, "{acts:?}, and the name is given out again");
        stack.kill().await;
        stack.restart().await;
        assert_eq!(good(&stack, &before).await, out, "{acts:?}, after a crash");
        assert_eq!(good(&stack, &given(&stack).await).await, ALL, "{acts:?}: what is new is good");
        assert_eq!(status(&stack, &stranger).await, 404, "{acts:?}: another tenant's is let in, and finds nothing");
    }
}

#[tokio::test]
async fn a_suspended_tenants_identities_get_no_tokens() {
    let stack = Stack::start().await;
    apply(&stack).await;
    let identity = stack.identity(ACCOUNT, Role::Owner).await;
    let _: serde_json::Value = post(&stack, "/v1/tenants/gold/suspend").await;
    assert_eq!(status(&stack, &identity.endpoint).await, 401);
    let _: serde_json::Value = post(&stack, "/v1/tenants/gold/resume").await;
    assert_eq!(status(&stack, &identity.endpoint).await, 200, "nothing of it is lost");
}

#[tokio::test]
async fn a_tenant_revokes_what_is_its_own_and_nothing_else() {
    let stack = Stack::start().await;
    apply(&stack).await;
    let TenantToken { token, .. } = post(&stack, "/v1/tenants/gold/token").await;
    let ask = async |path: &str| {
        let url = format!("{}{path}", stack.ready.control);
        stack.http.post(url).bearer_auth(&token).send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(ask("/v1/accounts/other/revoke").await, 404);
    assert_eq!(ask("/v1/tenants/silver/revoke").await, 404);
    assert_eq!(ask("/v1/accounts/acct/revoke").await, 200);
    assert_eq!(ask("/v1/tenants/gold/revoke").await, 200);
    assert_eq!(ask("/v1/tenants/gold/revoke").await, 401, "the token went with it");
}

async fn given(stack: &Stack) -> Given {
    let identity = stack.identity(ACCOUNT, Role::Owner).await;
    let got = stack.http.get(&identity.endpoint).send().await.expect("an answer");
    let bearer = got.json::<IdentityToken>().await.expect("a token").access_token;
    let keys: KeyPair = get(stack, "/v1/accounts/acct/keys").await;
    let handed: HandOver = post(stack, "/v1/tenants/gold/hand-over").await;
    let token: TenantToken = post(stack, "/v1/tenants/gold/token").await;
    Given {
        delegated: delegated(stack, &bearer).await,
        minted: stack.url("photos/a").await,
        handed_over: format!("{}/a?{}", handed.url, handed.token),
        by_key: signed(stack, ACCOUNT, "photos/a", &keys.key1),
        tenant_token: token.token,
        identity,
        bearer,
    }
}

async fn good(stack: &Stack, given: &Given) -> Good {
    let Given { identity, bearer, delegated, minted, handed_over, by_key, tenant_token } = given;
    let blob = format!("{}/{ACCOUNT}/photos/a", stack.ready.blob);
    let by_bearer = stack.http.get(blob).bearer_auth(bearer).header("x-ms-version", "2025-07-05").send();
    let derived = [
        status(stack, &identity.endpoint).await == 200,
        by_bearer.await.expect("an answer").status() == 200,
        status(stack, delegated).await == 200,
        status(stack, minted).await == 200,
        status(stack, handed_over).await == 200,
    ];
    let of_tenant = stack.http.get(format!("{}/v1/tenants", stack.ready.control)).bearer_auth(tenant_token).send();
    Good {
        derived,
        by_key: status(stack, by_key).await == 200,
        tenant_token: of_tenant.await.expect("an answer").status() == 200,
    }
}

/// The URL of the blob with a SAS that a user-delegation key has signed.
async fn delegated(stack: &Stack, bearer: &str) -> String {
    let url = format!("{}/{ACCOUNT}/?restype=service&comp=userdelegationkey", stack.ready.blob);
    let document = format!("<KeyInfo><Start></Start><Expiry>{}</Expiry></KeyInfo>", soon());
    let asked = stack.http.post(url).bearer_auth(bearer).header("x-ms-version", "2022-11-02").body(document).send();
    let text = asked.await.expect("an answer").text().await.expect("a text");
    let parsed = Document::parse(text.trim_start_matches('\u{feff}')).expect("XML");
    let told = |name: &str| {
        let found = parsed.descendants().find(|node| node.has_tag_name(name)).and_then(|node| node.text());
        found.unwrap_or_else(|| panic!("{name} in {text}")).to_owned()
    };
    let key = KeyFields {
        object_id: told("SignedOid"),
        tenant_id: told("SignedTid"),
        start: told("SignedStart"),
        expiry: told("SignedExpiry"),
        service: told("SignedService"),
        version: told("SignedVersion"),
    };
    let fields = SasFields {
        permissions: "r".to_owned(),
        expiry: soon(),
        version: "2022-11-02".to_owned(),
        resource: "c".to_owned(),
        key,
        ..SasFields::default()
    };
    let value =
        AccountKey::new(base64::Engine::decode(&base64::prelude::BASE64_STANDARD, told("Value")).expect("Base64"));
    let string = string_to_sign::delegation_sas(&format!("/blob/{ACCOUNT}/photos"), &fields).to_string();
    let KeyFields { object_id, tenant_id, start, expiry, service, version } = &fields.key;
    let query = query(&[
        ("sv", &fields.version),
        ("sr", &fields.resource),
        ("sp", &fields.permissions),
        ("se", &fields.expiry),
        ("skoid", object_id),
        ("sktid", tenant_id),
        ("skt", start),
        ("ske", expiry),
        ("sks", service),
        ("skv", version),
        ("sig", &sign(&value, &string)),
    ]);
    format!("{}/{ACCOUNT}/photos/a?{query}", stack.ready.blob)
}

async fn apply(stack: &Stack) {
    let sent = stack.control(Method::PUT, "/v1/tenants").body(FILE).send().await.expect("an answer");
    assert!(sent.status().is_success(), "{}", sent.text().await.expect("a text"));
}

async fn put(stack: &Stack) {
    let put = stack.blob("PUT", "photos/a").await.header("x-ms-blob-type", "BlockBlob").body("x");
    assert_eq!(put.send().await.expect("an answer").status(), 201);
}

async fn status(stack: &Stack, url: &str) -> u16 {
    stack.http.get(url).send().await.expect("an answer").status().as_u16()
}

async fn get<T: DeserializeOwned>(stack: &Stack, path: &str) -> T {
    let sent = stack.control(Method::GET, path).send().await.expect("an answer");
    assert_eq!(sent.status(), 200, "{path}");
    sent.json().await.expect("the shape that is documented")
}

async fn post<T: DeserializeOwned>(stack: &Stack, path: &str) -> T {
    let sent = stack.control(Method::POST, path).send().await.expect("an answer");
    assert_eq!(sent.status(), 200, "{path}");
    sent.json().await.expect("the shape that is documented")
}
