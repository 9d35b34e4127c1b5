//! Vaults and authorities that lie, or say what makes no sense: nothing is sent where it does not belong, and nothing is believed.

mod support;

use greenroom_vault::{Settings, Vault, VaultError};
use secrecy::SecretString;
use std::time::Duration;
use support::fake::{Fake, answer};

const VERSION: &str = "0123456789abcdef0123456789abcdef";
const SECRET: &str = "the-clients-secret";
const TOKEN: &str = "the-clients-token";

fn settings(fake: &Fake) -> Settings {
    Settings {
        key: fake.url.join("keys/root").expect("a URL"),
        authority: Some(fake.url.join("tenant").expect("a URL")),
        client_id: "client".to_owned(),
        secret: SecretString::from(SECRET),
        ca: Some(fake.ca.clone()),
        timeout: Duration::from_secs(20),
    }
}

fn open(fake: &Fake) -> Vault {
    Vault::open(settings(fake)).expect("settings")
}

fn challenge(authorization: &str, resource: &str) -> String {
    let header = format!(r#"www-authenticate: Bearer authorization="{authorization}", resource="{resource}""#);
    answer("401 Unauthorized", &header, "{}")
}

fn good_challenge() -> String {
    // The fake's URL has as many characters wherever it stands in a header.
    challenge("{url}/tenant", "https://vault.azure.net")
}

fn token() -> String {
    answer("200 OK", "", &format!(r#"{{"token_type":"Bearer","expires_in":3600,"access_token":"{TOKEN}"}}"#))
}

/// Answers whose bodies name the fake cannot count their bytes before it has a port: they end with the connection.
fn open_ended(status: &str, header: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{header}\r\nconnection: close\r\n\r\n{body}")
}

fn shows_nothing(outcome: &impl std::fmt::Debug) {
    let text = format!("{outcome:?}");
    assert!(!text.contains(SECRET) && !text.contains(TOKEN), "{text}");
}

#[tokio::test]
async fn a_challenge_that_leads_elsewhere_gets_no_secret() {
    let elsewhere = Fake::start(vec![token()]).await;
    for (authorization, resource) in [
        (format!("{}tenant", elsewhere.url), "https://vault.azure.net"),
        ("http://localhost:1/tenant".to_owned(), "https://vault.azure.net"),
        ("{url}/another".to_owned(), "https://vault.azure.net"),
        ("{url}/tenant".to_owned(), "https://management.azure.com"),
        ("{url}/tenant".to_owned(), "https://evil.example"),
    ] {
        let fake = Fake::start(vec![challenge(&authorization, resource)]).await;
        let refused = open(&fake).get().await;
        assert!(matches!(refused, Err(VaultError::Bad(_))), "{authorization} {resource}: {refused:?}");
        assert_eq!(fake.asked().len(), 1, "{authorization}: {:?}", fake.asked());
    }
    assert!(elsewhere.asked().is_empty());
    // Without an authority of the operator's, a vault of one's own sends nobody anywhere.
    let fake = Fake::start(vec![good_challenge(), token()]).await;
    let unset = Settings { authority: None, ..settings(&fake) };
    assert!(matches!(Vault::open(unset).expect("settings").get().await, Err(VaultError::Bad(_))));
    assert_eq!(fake.asked().len(), 1);
}

#[tokio::test]
async fn nothing_is_sent_before_it_is_known_to_whom() {
    let fake = Fake::start(vec![good_challenge(), token(), answer("404 Not Found", "", "{}")]).await;
    let vault = open(&fake);
    let kid = format!("{}/{VERSION}", vault.key()).parse().expect("a key");
    assert!(matches!(vault.wrap(&kid, b"do not show").await, Err(VaultError::Missing { .. })));
    let asked = fake.asked();
    assert_eq!(asked.len(), 3, "{asked:?}");
    let (first, second, third) = (asked[0].to_lowercase(), asked[1].to_lowercase(), asked[2].to_lowercase());
    assert!(first.starts_with("post /keys/root/") && first.contains("content-length: 0"), "{first}");
    assert!(!first.contains("authorization"), "{first}");
    assert!(second.starts_with("post /tenant/oauth2/v2.0/token "), "{second}");
    assert!(third.contains(&format!("/{VERSION}/wrapkey?api-version=2025-07-01")), "{third}");
    assert!(third.contains(&format!("authorization: bearer {TOKEN}")), "{third}");
}

#[tokio::test]
async fn a_token_that_is_refused_twice_is_denied() {
    let fake = Fake::start(vec![good_challenge(), token(), good_challenge(), token(), good_challenge()]).await;
    let outcome = open(&fake).get().await;
    assert!(matches!(outcome, Err(VaultError::Denied { .. })), "{outcome:?}");
    assert_eq!(fake.asked().len(), 5, "once more and no more: {:?}", fake.asked());
}

#[tokio::test]
async fn what_a_vault_answers_is_told_apart_by_what_there_is_to_do() {
    let inner = r#"{"error":{"code":"Forbidden","message":"no","innererror":{"code":"ForbiddenByFirewall"}}}"#;
    let echo = format!(r#"{{"error":{{"code":"Forbidden","message":"you said {TOKEN}\nand\u0007 more"}}}}"#);
    let kid = |kid: &str| open_ended("200 OK", "x-a: b", &format!(r#"{{"key":{{"kid":"{kid}","kty":"RSA"}}}}"#));
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(70_000));
    for (said, what) in [
        (answer("403 Forbidden", "", inner), "Denied"),
        (answer("403 Forbidden", "", &echo), "Denied"),
        (answer("403 Forbidden", "", "not JSON"), "Denied"),
        (answer("404 Not Found", "", "{}"), "Missing"),
        (answer("409 Conflict", "", "{}"), "Missing"),
        (answer("429 Too Many Requests", "retry-after: 3", "{}"), "Throttled"),
        (answer("400 Bad Request", "", "{}"), "Bad"),
        (answer("500 Internal Server Error", "", "{}"), "Away"),
        (answer("503 Service Unavailable", "", ""), "Away"),
        (answer("302 Found", "location: https://evil.example/", ""), "Away"),
        (answer("200 OK", "", "not JSON"), "Away"),
        (answer("200 OK", "", "{}"), "Away"),
        (answer("200 OK", "", &large), "Away"),
        (kid(&format!("https://evil.example/keys/root/{VERSION}")), "Away"),
        (kid(&format!("{{url}}/keys/other/{VERSION}")), "Away"),
        (kid(&format!("{{url}}/keys/../keys/root/{VERSION}")), "Away"),
        (kid("{url}/keys/root"), "Away"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_owned(), "Away"),
        (String::new(), "Away"),
    ] {
        let fake = Fake::start(vec![good_challenge(), token(), said.clone()]).await;
        let outcome = open(&fake).get().await;
        let name = format!("{:?}", outcome.as_ref().expect_err("refused"));
        assert!(name.starts_with(what), "{:.120}: {name}", said);
        assert!(!name.contains('\u{7}'), "{name}");
        shows_nothing(&outcome);
    }
    let fake = Fake::start(vec![good_challenge(), token(), kid(&format!("{{url}}/keys/root/{VERSION}"))]).await;
    open(&fake).get().await.expect("the one that makes sense");
}

#[tokio::test]
async fn what_another_key_answers_is_no_answer() {
    let other = "fedcba9876543210fedcba9876543210";
    let said = open_ended("200 OK", "x-a: b", &format!(r#"{{"kid":"{{url}}/keys/root/{other}","value":"AAAA"}}"#));
    let fake = Fake::start(vec![good_challenge(), token(), said]).await;
    let vault = open(&fake);
    let kid = format!("{}/{VERSION}", vault.key()).parse().expect("a key");
    let outcome = vault.wrap(&kid, b"do not show").await;
    assert!(matches!(outcome, Err(VaultError::Away(_))), "{outcome:?}");
}

#[tokio::test]
async fn what_an_authority_answers_is_told_apart_too() {
    let refused = |error: &str| format!(r#"{{"error":"{error}","error_description":"with {SECRET}"}}"#);
    for (said, what) in [
        (answer("401 Unauthorized", "", &refused("invalid_client")), "Denied"),
        (answer("400 Bad Request", "", &refused("unauthorized_client")), "Denied"),
        (answer("400 Bad Request", "", &refused("invalid_scope")), "Bad"),
        (answer("429 Too Many Requests", "", ""), "Throttled"),
        (answer("503 Service Unavailable", "", ""), "Away"),
        (answer("302 Found", "location: https://evil.example/", ""), "Away"),
        (answer("200 OK", "", r#"{"token_type":"Basic","expires_in":60,"access_token":"a"}"#), "Away"),
        (answer("200 OK", "", r#"{"token_type":"Bearer","expires_in":60,"access_token":""}"#), "Away"),
        (answer("200 OK", "", r#"{"token_type":"Bearer","expires_in":60,"access_token":"a\r\nb: c"}"#), "Away"),
        (answer("200 OK", "", r#"{"token_type":"Bearer","expires_in":-1,"access_token":"a"}"#), "Away"),
    ] {
        let fake = Fake::start(vec![good_challenge(), said.clone()]).await;
        let outcome = open(&fake).get().await;
        let name = format!("{:?}", outcome.as_ref().expect_err("refused"));
        assert!(name.starts_with(what), "{said}: {name}");
        assert_eq!(fake.asked().len(), 2, "{said}");
        shows_nothing(&outcome);
    }
}

#[tokio::test]
async fn a_vault_that_says_nothing_is_away_in_time() {
    let fake = Fake::start(vec![String::new()]).await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let key = format!("https://localhost:{port}/keys/root").parse().expect("a URL");
    let settings = Settings { key, timeout: Duration::from_millis(200), ..settings(&fake) };
    let outcome = Vault::open(settings).expect("settings").get().await;
    assert!(matches!(outcome, Err(VaultError::Away(_))), "{outcome:?}");
}
