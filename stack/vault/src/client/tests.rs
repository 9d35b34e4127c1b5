//! What needs no server: challenges, by table.

use super::challenge::{Challenge, check_authority};
use super::{Settings, Vault, VaultError};
use secrecy::SecretString;
use std::time::Duration;
use url::Url;

const AZURE: &str = "https://photos.vault.azure.net/";
const OWN: &str = "https://localhost:8443/";

fn url(text: &str) -> Url {
    Url::parse(text).expect("a URL")
}

fn find(header: &str, vault: &str, authority: Option<&str>) -> Result<Challenge, VaultError> {
    Challenge::find([header], &url(vault), authority.map(url).as_ref())
}

#[test]
fn a_challenge_says_where_tokens_come_from() {
    let azure = "https://login.microsoftonline.com/72f988bf";
    for (header, vault, authority) in [
        (format!(r#"Bearer authorization="{azure}", resource="https://vault.azure.net""#), AZURE, None),
        (format!(r#"bearer   authorization="{azure}",resource="https://vault.azure.net/""#), AZURE, None),
        (format!(r#"Bearer resource=https://vault.azure.net, authorization={azure}"#), AZURE, None),
        (format!(r#"Bearer authorization_uri="{azure}", scope="https://vault.azure.net/.default""#), AZURE, None),
        (format!(r#"Bearer realm="a, b=c", authorization="{azure}", resource="https://vault.azure.net""#), AZURE, None),
        (format!(r#"Bearer authorization="{azure}", resource="https://vault.azure.net""#), AZURE, Some(azure)),
        (
            r#"Bearer authorization="https://localhost:8443/greenroom/", resource="https://vault.azure.net""#
                .to_owned(),
            OWN,
            Some("https://localhost:8443/greenroom"),
        ),
    ] {
        let challenge = find(&header, vault, authority).unwrap_or_else(|error| panic!("{header}: {error}"));
        assert_eq!(challenge.scope, "https://vault.azure.net/.default", "{header}");
    }
}

#[test]
fn a_challenge_that_leads_elsewhere_is_not_followed() {
    let azure = "https://login.microsoftonline.com/t";
    for (authorization, resource, vault, authority) in [
        ("https://evil.example/t", "https://vault.azure.net", AZURE, None),
        ("https://login.microsoftonline.com.evil.example/t", "https://vault.azure.net", AZURE, None),
        ("http://login.microsoftonline.com/t", "https://vault.azure.net", AZURE, None),
        ("https://login.microsoftonline.com@evil.example/t", "https://vault.azure.net", AZURE, None),
        ("https://login.microsoftonline.com/", "https://vault.azure.net", AZURE, None),
        ("https://login.microsoftonline.com/t/more", "https://vault.azure.net", AZURE, None),
        ("https://login.microsoftonline.com/t?to=x", "https://vault.azure.net", AZURE, None),
        ("https://evil.example/t", "https://vault.azure.net", AZURE, Some(azure)),
        ("https://login.microsoftonline.com/other", "https://vault.azure.net", AZURE, Some(azure)),
        ("http://localhost:8443/greenroom", "https://vault.azure.net", OWN, Some("https://localhost:8443/greenroom")),
        (azure, "https://management.azure.com", AZURE, None),
        (azure, "https://management.azure.com", AZURE, Some(azure)),
        (azure, "https://ault.azure.net", AZURE, None),
        (azure, "https://net", AZURE, None),
        (azure, "https://photos.vault.azure.net", AZURE, None),
        (azure, "http://vault.azure.net", AZURE, None),
        (azure, "https://vault.azure.net:444", AZURE, None),
        (azure, "vault.azure.net", AZURE, None),
        (azure, "https://vault.azure.net", "https://photos.evil.example/", None),
        (azure, "https://vault.azure.net", "https://vault.azure.net.evil.example/", None),
        (azure, "https://vault.azure.net", OWN, None),
    ] {
        let header = format!(r#"Bearer authorization="{authorization}", resource="{resource}""#);
        let found = find(&header, vault, authority);
        assert!(matches!(found, Err(VaultError::Bad(_))), "{header} of {vault}: {found:?}");
    }
}

#[test]
fn a_challenge_that_cannot_be_read_is_none() {
    let long = format!(r#"Bearer authorization="https://login.microsoftonline.com/{}""#, "t".repeat(5000));
    let many = format!("Bearer {}", "a=b,".repeat(40));
    for header in [
        "",
        "Bearer",
        "Bearer ",
        "Basic realm=\"x\"",
        "Bearer authorization=\"https://login.microsoftonline.com/t\"",
        "Bearer resource=\"https://vault.azure.net\"",
        "Bearer authorization=\"https://login.microsoftonline.com/t, resource=\"https://vault.azure.net\"",
        "Bearer authorization=\"https://login.microsoftonline.com/t\" resource=\"https://vault.azure.net\"",
        "Bearer authorization=\"https://login.microsoftonline.com/t\", authorization=\"https://login.microsoftonline.com/u\", resource=\"https://vault.azure.net\"",
        "Bearer authorization=\"login\", resource=\"https://vault.azure.net\"",
        "Bearer authorization=\"https://login.microsoftonline.com/t\", scope=\"https://vault.azure.net/.default https://graph.microsoft.com/.default\"",
        &long,
        &many,
    ] {
        let found = find(header, AZURE, None);
        assert!(matches!(found, Err(VaultError::Away(_))), "{header}: {found:?}");
    }
}

#[test]
fn an_authority_is_a_place_over_tls() {
    assert_eq!(check_authority(&url("https://localhost:8443/greenroom")), Ok(()));
    for text in [
        "http://localhost/t",
        "https://localhost/",
        "https://u:p@localhost/t",
        "https://localhost/t/v",
        "https://l/t#x",
    ] {
        assert!(check_authority(&url(text)).is_err(), "{text}");
    }
}

fn settings(key: &str) -> Settings {
    Settings {
        key: url(key),
        authority: None,
        client_id: "client".to_owned(),
        secret: SecretString::from("do-not-show"),
        ca: None,
        timeout: Duration::from_secs(1),
    }
}

#[test]
fn a_vault_without_tls_is_not_opened_and_no_secret_is_shown() {
    for key in ["http://photos.vault.azure.net/keys/root", "https://photos.vault.azure.net/secrets/root"] {
        assert!(matches!(Vault::open(settings(key)), Err(VaultError::Bad(_))), "{key}");
    }
    let mut asked = settings("https://photos.vault.azure.net/keys/root");
    let vault = Vault::open(asked.clone()).expect("a vault");
    assert!(!format!("{vault:?} {asked:?}").contains("do-not-show"));
    asked.ca = Some("/nowhere/authority.pem".into());
    assert!(matches!(Vault::open(asked), Err(VaultError::Bad(_))));
}
