//! Secrets are sealed by the server's own key: no file of its folder holds one in clear, and no server starts without the key.

use crate::support::clear::{files_with, forms};
use crate::support::hook::put_sink;
use crate::support::signing::{account_sas, signed};
use crate::support::{ACCOUNT, CONTAINER, Stack, fails_to_start, stack_command};
use greenroom_model::feed::Shape;
use greenroom_model::mirror::{Attach, Mirror};
use greenroom_model::tenancy::KeyPair;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

const SHOWN: &str = "shown";
const MIRROR: &str = "/v1/accounts/shown/mirrors/lake";
const HOOK_CODE: &str = "a-word-that-only-the-hook-knows";
const ANY_PORTS: (&str, &str) = ("127.0.0.1:0", "127.0.0.1:0");

#[tokio::test(flavor = "multi_thread")]
async fn no_file_holds_a_secret_and_without_the_key_nothing_starts() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut stack = Stack::start_in(dir.path().to_owned(), &[]).await;
    let own = stack.ready.blob.trim_start_matches("http://").to_owned();
    stack.kill().await;
    let allowed = ["--copy-source-allow", own.as_str()];
    stack.restart_with(&allowed).await;
    stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    stack.make_account("silver", SHOWN, &[]).await;
    let rotated = stack.control(Method::POST, &format!("/v1/accounts/{ACCOUNT}/keys/2/rotate")).send().await;
    assert_eq!(rotated.expect("an answer").status(), StatusCode::OK);
    stack.put_blob("a", "content").await;
    let (gold, silver) = (keys(&stack, ACCOUNT).await, keys(&stack, SHOWN).await);
    let sas = account_sas(ACCOUNT, &gold[0], "rl");
    let mirror = Mirror::of(format!("{}/{ACCOUNT}/{CONTAINER}", stack.ready.blob));
    let mirror = Mirror { container: Some("lake".parse().expect("a good name")), ..mirror };
    let attached = stack.put(MIRROR, &Attach { mirror, secret: Some(sas.clone()) }).await;
    assert_eq!(attached.status(), StatusCode::OK, "{}", attached.text().await.expect("a text"));
    put_sink(&stack, "hook", &format!("http://{own}/hook?code={HOOK_CODE}"), Shape::CloudEvents).await;

    let mut marks: Vec<Vec<u8>> = [&gold[..], &silver[..]].concat().iter().flat_map(|key| forms(key)).collect();
    let signature = sas.split_once("sig=").expect("a signature").1;
    marks.extend([signature.as_bytes().to_vec(), HOOK_CODE.as_bytes().to_vec()]);
    stack.kill().await;
    assert_eq!(files_with(dir.path(), &marks), Vec::<String>::new());
    stack.restart_with(&allowed).await;
    for key in &gold {
        assert_eq!(read(&stack, key).await, StatusCode::OK);
    }
    until_shown(&stack, &silver[1]).await;
    assert!(stack.stop().await.success());
    assert_eq!(files_with(dir.path(), &marks), Vec::<String>::new());
    let (is_whole, said) = stack_command(&["verify", "--data", dir.path().to_str().expect("UTF-8")], &[]).await;
    assert!(is_whole, "{said}");
    refuses_to_start(dir.path()).await;
    stack.restart_with(&allowed).await;
    for key in &gold {
        assert_eq!(read(&stack, key).await, StatusCode::OK);
    }
    let sealed = stack.put("/v1/tenants/silver/encryption", &json!({ "key": "node" })).await;
    assert!(sealed.status().is_success(), "{}", sealed.text().await.expect("a text"));
    assert!(stack.stop().await.success());
    goes_on_without(dir.path()).await;
    stack.restart_with(&allowed).await;
    let renewed = keys(&stack, ACCOUNT).await;
    for (key, status) in
        [(&gold[0], StatusCode::FORBIDDEN), (&gold[1], StatusCode::FORBIDDEN), (&renewed[0], StatusCode::OK)]
    {
        assert_eq!(read(&stack, key).await, status);
    }
    assert!(stack.stop().await.success());
    let marks: Vec<Vec<u8>> = renewed.iter().flat_map(|key| forms(key)).collect();
    assert_eq!(files_with(dir.path(), &marks), Vec::<String>::new());
}

/// Its key is lost, and there is no backup.
async fn goes_on_without(dir: &Path) {
    let data = dir.to_str().expect("UTF-8");
    let lost_key = async |more: &[&str]| stack_command(&[&["lost-key", "--data", data], more].concat(), &[]).await;
    let (is_well, said) = lost_key(&[]).await;
    assert!(is_well && said.contains("nothing is lost"), "{said}");
    std::fs::remove_file(dir.join("node.key")).expect("it is there");
    let (is_well, said) = lost_key(&[]).await;
    assert!(!is_well && said.contains("nothing was changed"), "{said}");
    for lost in
        ["key 1 of account", "key 2 of account", "the secret of mirror", "the URL of sink", "content of tenant silver"]
    {
        assert!(said.contains(lost), "{lost}: {said}");
    }
    assert!(!dir.join("node.key").exists(), "no other is made");
    let (is_well, said) = lost_key(&["--apply"]).await;
    assert!(is_well && said.contains("new keys"), "{said}");
    let (is_well, said) = lost_key(&[]).await;
    assert!(is_well && said.contains("nothing is lost"), "{said}");
}

/// With its key lost, or another one in its place, which stays as it is.
async fn refuses_to_start(dir: &Path) {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let (file, kept) = (dir.join("node.key"), elsewhere.path().join("kept"));
    std::fs::rename(&file, &kept).expect("moved");
    let (status, why) = fails_to_start(dir, ANY_PORTS, &[]).await;
    assert!(!status.success() && why.contains("missing") && why.contains("your backup"), "{why}");
    assert!(!file.exists(), "no other is made");

    let other = elsewhere.path().join("other");
    greenroom_store::private::replace(&other, format!("{}\n", "5a".repeat(32)).as_bytes()).expect("written");
    let given = format!("--node-key-file={}", other.display());
    let (status, why) = fails_to_start(dir, ANY_PORTS, &[&given]).await;
    assert!(!status.success() && why.contains("of account") && why.contains("your backup"), "{why}");
    std::fs::rename(&kept, &file).expect("moved back");
}

async fn keys(stack: &Stack, account: &str) -> [String; 2] {
    let answer = stack.control(Method::GET, &format!("/v1/accounts/{account}/keys")).send().await.expect("an answer");
    let pair: KeyPair = answer.json().await.expect("two keys");
    [pair.key1, pair.key2.expect("a second one")]
}

/// The mirror has got in by its secret.
async fn until_shown(stack: &Stack, key: &str) {
    const TRIES_MAX: usize = 300;
    for _ in 0..TRIES_MAX {
        let shown = stack.http.get(signed(stack, SHOWN, "lake/a", key)).send().await.expect("an answer");
        if shown.status() == StatusCode::OK {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let told = stack.control(Method::GET, MIRROR).send().await.expect("an answer").text().await;
    panic!("the mirror shows nothing: {}", told.expect("a text"));
}

/// By a request that one of the account's keys has signed.
async fn read(stack: &Stack, key: &str) -> StatusCode {
    let url = signed(stack, ACCOUNT, &format!("{CONTAINER}/a"), key);
    stack.http.get(url).send().await.expect("an answer").status()
}
