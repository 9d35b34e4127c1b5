//! The client and the embedded vault, each the other's measure.

mod support;

use greenroom_vault::{Kid, VaultError, Wrapped};
use std::time::Duration;
use support::{Credentials, Server};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const USER: &str = "get,wrapKey,unwrapKey";

async fn bed() -> (Server, Credentials) {
    let server = Server::with_key().await;
    let who = server.client("node", USER).await;
    (server, who)
}

fn denied<T: std::fmt::Debug>(outcome: Result<T, VaultError>, code: &str) {
    assert!(matches!(&outcome, Err(VaultError::Denied { code: found, .. }) if found == code), "{code}: {outcome:?}");
}

fn missing<T: std::fmt::Debug>(outcome: Result<T, VaultError>) {
    assert!(matches!(outcome, Err(VaultError::Missing { .. })), "{outcome:?}");
}

fn away<T: std::fmt::Debug>(outcome: Result<T, VaultError>) {
    assert!(matches!(outcome, Err(VaultError::Away(_))), "{outcome:?}");
}

#[tokio::test]
async fn what_is_wrapped_is_unwrapped_and_nothing_else_is() {
    let (server, who) = bed().await;
    let vault = server.open(&who);
    let key = vault.get().await.expect("a key");
    assert!(key.enabled && key.key_type == "RSA" && key.kid.version().is_some(), "{key:?}");
    assert!(key.operations.iter().any(|operation| operation == "wrapKey"));
    let wrapped = vault.wrap(vault.key(), SECRET).await.expect("wrapped");
    assert_eq!((&wrapped.kid, wrapped.algorithm.to_string().as_str()), (&key.kid, "RSA-OAEP-256"));
    assert_eq!(**vault.unwrap(&wrapped).await.expect("unwrapped"), *SECRET);
    let mut bent = wrapped.clone();
    bent.bytes[7] ^= 1;
    assert!(matches!(vault.unwrap(&bent).await, Err(VaultError::Bad(_))));
    let other: Kid = format!("{}keys/other", server.ready.vault).parse().expect("a name");
    assert!(matches!(vault.wrap(&other, SECRET).await, Err(VaultError::Bad(_))));
    for plain in [&[][..], &[7; 191], &[7; 447]] {
        assert!(matches!(vault.wrap(vault.key(), plain).await, Err(VaultError::Bad(_))), "{} bytes", plain.len());
    }
    vault.wrap(vault.key(), &[7; 190]).await.expect("as much as the key takes");
}

#[tokio::test]
async fn a_rotated_key_unwraps_what_it_wrapped_before() {
    let (server, who) = bed().await;
    let vault = server.open(&who);
    let before = vault.wrap(vault.key(), SECRET).await.expect("wrapped");
    server.run(&["key", "rotate", "root"]).await;
    let after = vault.wrap(vault.key(), SECRET).await.expect("wrapped");
    assert_ne!(before.kid, after.kid);
    assert_eq!(**vault.unwrap(&before).await.expect("unwrapped"), *SECRET);
    assert_eq!(**vault.unwrap(&after).await.expect("unwrapped"), *SECRET);
    let pinned = vault.wrap(&before.kid, SECRET).await.expect("wrapped");
    assert_eq!(pinned.kid, before.kid);
    let crossed = Wrapped { kid: after.kid.clone(), ..before.clone() };
    assert!(matches!(vault.unwrap(&crossed).await, Err(VaultError::Bad(_))), "another version's");
    let mut settings = server.settings(&who);
    settings.key = before.kid.to_string().parse().expect("a URL");
    let old = greenroom_vault::Vault::open(settings).expect("a vault");
    assert_eq!(old.get().await.expect("the version that was set").kid, before.kid);
}

#[tokio::test]
async fn a_disabled_key_does_nothing_until_it_is_enabled() {
    let (server, who) = bed().await;
    let vault = server.open(&who);
    let wrapped = vault.wrap(vault.key(), SECRET).await.expect("wrapped");
    server.run(&["key", "disable", "root"]).await;
    denied(vault.unwrap(&wrapped).await, "KeyDisabled");
    denied(vault.wrap(vault.key(), SECRET).await, "KeyDisabled");
    assert!(!vault.get().await.expect("it is still there").enabled);
    server.run(&["key", "enable", "root"]).await;
    vault.unwrap(&wrapped).await.expect("unwrapped");
}

#[tokio::test]
async fn a_deleted_key_is_missing_until_it_is_recovered() {
    let (server, who) = bed().await;
    let vault = server.open(&who);
    let wrapped = vault.wrap(vault.key(), SECRET).await.expect("wrapped");
    server.run(&["key", "delete", "root"]).await;
    missing(vault.unwrap(&wrapped).await);
    missing(vault.get().await);
    server.run(&["key", "recover", "root"]).await;
    vault.unwrap(&wrapped).await.expect("unwrapped");
    server.run(&["key", "delete", "root"]).await;
    server.run(&["key", "purge", "root"]).await;
    server.run(&["key", "create", "root"]).await;
    missing(vault.unwrap(&wrapped).await);
}

#[tokio::test]
async fn a_client_does_what_it_may() {
    let (server, who) = bed().await;
    let vault = server.open(&who);
    let wrapped = vault.wrap(vault.key(), SECRET).await.expect("wrapped");
    server.run(&["client", "rights", "node", "--rights", "get"]).await;
    denied(vault.unwrap(&wrapped).await, "ForbiddenByPolicy");
    vault.get().await.expect("what it may");
    server.run(&["client", "rights", "node", "--rights", ""]).await;
    denied(vault.get().await, "ForbiddenByPolicy");
    server.run(&["client", "rights", "node", "--rights", USER]).await;
    vault.unwrap(&wrapped).await.expect("unwrapped");
    server.run(&["client", "remove", "node"]).await;
    denied(vault.unwrap(&wrapped).await, "invalid_client");
}

#[tokio::test]
async fn a_wrong_secret_is_denied_and_shown_to_nobody() {
    let (server, who) = bed().await;
    let wrong = Credentials { secret: "not-the-secret".to_owned(), ..who.clone() };
    let refused = server.open(&wrong).get().await;
    assert!(!format!("{refused:?}").contains("not-the-secret"), "{refused:?}");
    denied(refused, "invalid_client");
    let unknown = Credentials { client_id: "nobody".to_owned(), ..who };
    denied(server.open(&unknown).get().await, "invalid_client");
}

#[tokio::test]
async fn keys_outlive_the_server_and_tokens_do_not_matter() {
    let (mut server, who) = bed().await;
    let vault = server.open(&who);
    let wrapped = vault.wrap(vault.key(), SECRET).await.expect("wrapped");
    server.kill().await;
    away(vault.unwrap(&wrapped).await);
    server.again().await;
    // The token that it has is of the server that was killed: another is fetched.
    assert_eq!(**vault.unwrap(&wrapped).await.expect("unwrapped"), *SECRET);
    assert!(server.stop().await, "it ends well when it is asked to");
}

#[tokio::test]
async fn what_goes_wrong_on_purpose_is_told_apart() {
    let (server, who) = bed().await;
    let vault = server.open(&who);
    vault.get().await.expect("a key");
    server.run(&["fault", "--throttle", "7"]).await;
    let throttled = VaultError::Throttled { retry_after: Some(Duration::from_secs(7)) };
    assert_eq!(vault.get().await, Err(throttled.clone()));
    assert_eq!(server.open(&who).get().await, Err(throttled), "without a token too");
    server.run(&["fault", "--away"]).await;
    away(vault.get().await);
    server.run(&["fault", "--cut"]).await;
    away(vault.get().await);
    server.run(&["fault", "--none"]).await;
    vault.get().await.expect("a key");
}

#[tokio::test]
async fn another_authority_is_not_trusted() {
    let ((server, who), other) = (bed().await, Server::start().await);
    let mut settings = server.settings(&who);
    settings.ca = other.ready.ca.clone();
    away(greenroom_vault::Vault::open(settings).expect("a vault").get().await);
    let mut settings = server.settings(&who);
    settings.ca = None;
    away(greenroom_vault::Vault::open(settings).expect("a vault").get().await);
}

#[tokio::test]
async fn calls_at_once_share_a_token() {
    let (server, who) = bed().await;
    let vault = server.open(&who);
    let (a, b, c, d) = tokio::join!(vault.get(), vault.get(), vault.wrap(vault.key(), SECRET), vault.get());
    assert!(a.is_ok() && b.is_ok() && c.is_ok() && d.is_ok());
    let signed = server.audit().iter().filter(|line| line["operation"] == "signIn").count();
    assert_eq!(signed, 1);
}

#[tokio::test]
async fn everything_is_written_down() {
    let (server, who) = bed().await;
    let vault = server.open(&who);
    let wrapped = vault.wrap(vault.key(), SECRET).await.expect("wrapped");
    server.run(&["key", "disable", "root"]).await;
    denied(vault.unwrap(&wrapped).await, "KeyDisabled");
    let version = wrapped.kid.version().expect("a version").as_str().to_owned();
    for (who, operation, outcome) in [
        ("operator", "create", "ok"),
        ("node", "wrapKey", "ok"),
        ("operator", "disable", "ok"),
        ("node", "unwrapKey", "KeyDisabled"),
    ] {
        let lines = server.audit();
        let line = lines.iter().find(|line| line["who"] == who && line["operation"] == operation);
        let line = line.unwrap_or_else(|| panic!("{operation}: {lines:?}"));
        assert_eq!((&line["outcome"], &line["key"]), (&outcome.into(), &"root".into()));
        assert!(who == "operator" || line["version"] == version.as_str(), "{line}");
    }
    let folder = std::fs::read_dir(server.data()).expect("a folder");
    for file in folder.filter_map(|entry| std::fs::read(entry.expect("a file").path()).ok()) {
        let text = String::from_utf8_lossy(&file);
        assert!(!text.contains(&who.secret), "a client's secret lies in the folder");
    }
}
