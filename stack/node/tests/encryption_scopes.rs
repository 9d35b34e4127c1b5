//! Encryption scopes of an account: keys of their own, declared in the tenants' file, and what real clients do with them.

use crate::support::authority::{Authority, front};
use crate::support::azcopy::AzCopy;
use crate::support::vault::Vault;
use crate::support::{Stack, header, python, tree, verdict};
use greenroom_model::keys::{DataKeyUse, EncryptionStatus, KeyState, ScopeStatus};
use greenroom_model::tenancy::KeyPair;
use reqwest::{Method, Response, StatusCode};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const ACCOUNT: &str = "goldacct";
const MARK: &str = "nobody may find this on the disk, whatever else they look at";
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LOOKS_MAX: usize = 600;
/// Asked for again after a second, and held for three.
const QUICK: [&str; 4] = ["--key-fresh-s", "1", "--key-hold-s", "3"];

fn marked(bytes: usize) -> Vec<u8> {
    MARK.bytes().cycle().take(bytes).collect()
}

/// A tenants' file whose account has these scopes.
fn declared(scopes: &str) -> String {
    format!(
        "{{version: 1, tenants: [{{name: gold, projects: [{{name: all, accounts: [{{name: {ACCOUNT}, \
         encryption_scopes: {scopes}, containers: [{{name: photos}}]}}]}}]}}]}}"
    )
}

async fn apply(stack: &Stack, scopes: &str) -> Response {
    stack.control(Method::PUT, "/v1/tenants").body(declared(scopes)).send().await.expect("an answer")
}

async fn applied(stack: &Stack, scopes: &str) {
    let answer = apply(stack, scopes).await;
    assert!(answer.status().is_success(), "{}", answer.text().await.expect("a text"));
}

async fn scopes(stack: &Stack) -> Vec<ScopeStatus> {
    let asked = stack.control(Method::GET, "/v1/tenants/gold/encryption").send().await.expect("an answer");
    asked.json::<EncryptionStatus>().await.expect("a status").scopes
}

async fn send(stack: &Stack, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let url = format!("{}&{query}", stack.url_in(ACCOUNT, path).await);
    let url = if query.is_empty() { url.trim_end_matches('&').to_owned() } else { url };
    let mut request = stack.http.request(method.parse().expect("a method"), url).body(body.to_vec());
    if body.is_empty() && method == "PUT" {
        request = request.header("content-length", "0");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("an answer")
}

const BLOCK_BLOB: (&str, &str) = ("x-ms-blob-type", "BlockBlob");

fn in_scope(name: &str) -> (&'static str, &str) {
    ("x-ms-encryption-scope", name)
}

fn refused(answer: &Response, status: u16, code: &str, what: &str) {
    assert_eq!(verdict(answer), (status, code.to_owned()), "{what}");
}

/// Files of a folder, and of those in it, that hold some of the marked content.
fn clear_files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(clear_files(&path));
        } else if std::fs::read(&path).expect("a file").windows(16).any(|part| part == &MARK.as_bytes()[..16]) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// Waits until a blob is answered so.
async fn until(stack: &Stack, path: &str, status: StatusCode) -> Response {
    for _ in 0..LOOKS_MAX {
        let answer = send(stack, "GET", path, &[], b"").await;
        if answer.status() == status {
            return answer;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    panic!("never {status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_is_named_told_and_closed() {
    let mut stack = Stack::start().await;
    let bad = apply(&stack, "{Finance: {}, fin: {key: nonsense}}").await;
    let (status, why) = (bad.status(), bad.text().await.expect("a text"));
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{why}");
    assert!(why.contains("encryption_scopes.Finance") && why.contains("encryption_scopes.fin.key"), "{why}");
    applied(&stack, "{finance: {}, law: {key: node}}").await;
    let said: Vec<_> = scopes(&stack).await.into_iter().map(|scope| (scope.name, scope.enabled, scope.state)).collect();
    assert_eq!(said, [("finance".to_owned(), true, KeyState::On), ("law".to_owned(), true, KeyState::On)]);

    let put = send(&stack, "PUT", "photos/a", &[BLOCK_BLOB, in_scope("finance")], &marked(300_000)).await;
    refused(&put, 201, "", "put");
    let told =
        |answer: &Response| (header(answer, "x-ms-encryption-scope"), header(answer, "x-ms-request-server-encrypted"));
    assert_eq!(told(&put), ("finance".to_owned(), "true".to_owned()));
    refused(&send(&stack, "PUT", "photos/plain", &[BLOCK_BLOB], b"plain").await, 201, "", "put");
    assert_eq!(clear_files(stack.data()), Vec::<String>::new());
    for method in ["GET", "HEAD"] {
        let got = send(&stack, method, "photos/a", &[], b"").await;
        assert_eq!(header(&got, "x-ms-encryption-scope"), "finance", "{method}");
        assert_eq!(header(&got, "x-ms-server-encrypted"), "true", "{method}");
    }
    let got = send(&stack, "GET", "photos/a", &[], b"").await;
    assert_eq!(got.bytes().await.expect("content"), marked(300_000));
    let list = send(&stack, "GET", "photos?restype=container&comp=list", &[], b"").await.text().await.expect("a text");
    assert_eq!(list.matches("<EncryptionScope>finance</EncryptionScope>").count(), 1, "{list}");
    let unknown = send(&stack, "PUT", "photos/b", &[BLOCK_BLOB, in_scope("nobody")], b"x").await;
    refused(&unknown, 400, "InvalidHeaderValue", "unknown");

    // What is changed is changed in its scope, named or not, and in no other.
    let metadata = "photos/a?comp=metadata";
    refused(&send(&stack, "PUT", metadata, &[("x-ms-meta-a", "b")], b"").await, 200, "", "unnamed");
    refused(&send(&stack, "PUT", metadata, &[in_scope("finance")], b"").await, 200, "", "its own");
    let other = send(&stack, "PUT", metadata, &[in_scope("law")], b"").await;
    refused(&other, 409, "BlobCustomerSpecifiedEncryptionMismatch", "another");
    let none = send(&stack, "PUT", "photos/plain?comp=metadata", &[in_scope("law")], b"").await;
    refused(&none, 409, "BlobDoesNotUseCustomerSpecifiedEncryption", "none");
    let page = [("x-ms-blob-type", "PageBlob"), ("x-ms-blob-content-length", "1024"), in_scope("law")];
    refused(&send(&stack, "PUT", "photos/p", &page, b"").await, 201, "", "page blob");
    let update = [("x-ms-page-write", "update"), ("x-ms-range", "bytes=0-511")];
    let written = send(&stack, "PUT", "photos/p?comp=page", &update, &marked(512)).await;
    refused(&written, 201, "", "pages are written in their blob's scope");
    assert_eq!(header(&written, "x-ms-encryption-scope"), "law");
    for (id, scope) in [("QUFB", Some("finance")), ("QkJC", Some("law"))] {
        let headers: Vec<_> = scope.map(in_scope).into_iter().collect();
        let path = format!("photos/blocks?comp=block&blockid={id}");
        refused(&send(&stack, "PUT", &path, &headers, &marked(1_000)).await, 201, "", id);
    }
    let both = b"<BlockList><Latest>QUFB</Latest><Latest>QkJC</Latest></BlockList>";
    let mixed = send(&stack, "PUT", "photos/blocks?comp=blocklist", &[in_scope("law")], both).await;
    refused(&mixed, 409, "BlobCustomerSpecifiedEncryptionMismatch", "mixed");
    let one = b"<BlockList><Latest>QkJC</Latest></BlockList>";
    refused(&send(&stack, "PUT", "photos/blocks?comp=blocklist", &[in_scope("law")], one).await, 201, "", "one");

    let late = b"<BlockList><Latest>QUFB</Latest></BlockList>";
    let staged = send(&stack, "PUT", "photos/late?comp=block&blockid=QUFB", &[in_scope("finance")], b"late").await;
    refused(&staged, 201, "", "staged");
    let page_in = |scope| [("x-ms-blob-type", "PageBlob"), ("x-ms-blob-content-length", "512"), in_scope(scope)];
    let nowhere = send(&stack, "PUT", "photos/b", &page_in("nobody"), b"").await;
    refused(&nowhere, 400, "InvalidHeaderValue", "unknown");

    // Closed: what is in it is neither read nor written, and nothing else is.
    applied(&stack, "{finance: {enabled: false}, law: {}}").await;
    for (method, path, headers, body) in [
        ("GET", "photos/a", &[][..], &[][..]),
        ("HEAD", "photos/a", &[], b""),
        ("GET", "photos/a?comp=metadata", &[], b""),
        ("GET", "photos/a?comp=tags", &[], b""),
        ("PUT", "photos/a?comp=snapshot", &[], b""),
        ("PUT", "photos/b", &[BLOCK_BLOB, in_scope("finance")], b"x"),
        ("PUT", "photos/late?comp=blocklist", &[in_scope("finance")], late),
        ("PUT", "photos/b", &page_in("finance"), b""),
    ] {
        let answer = send(&stack, method, path, headers, body).await;
        let code = if method == "HEAD" { header(&answer, "x-ms-error-code") } else { verdict(&answer).1 };
        assert_eq!((answer.status().as_u16(), code.as_str()), (403, "EncryptionScopeDisabled"), "{method} {path}");
    }
    let source = stack.url_in(ACCOUNT, "photos/a").await;
    let copied = send(&stack, "PUT", "photos/copy", &[BLOCK_BLOB, ("x-ms-copy-source", &source)], b"").await;
    refused(&copied, 403, "EncryptionScopeDisabled", "a copy of it");
    refused(&send(&stack, "GET", "photos/plain", &[], b"").await, 200, "", "plain");
    refused(&send(&stack, "GET", "photos/blocks", &[], b"").await, 200, "", "another scope");
    stack.kill().await;
    stack.restart().await;
    let closed = send(&stack, "GET", "photos/a", &[], b"").await;
    refused(&closed, 403, "EncryptionScopeDisabled", "after a restart");
    let line = Command::new(env!("CARGO_BIN_EXE_greenroom-stack"))
        .args(["encryption", "status", "gold", "--control", &stack.ready.control, "--data"])
        .arg(stack.data())
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&line.stdout).into_owned();
    assert!(said.contains(&format!("scope finance of {ACCOUNT}: disabled")), "{said}");
    applied(&stack, "{finance: {}}").await;
    let open = send(&stack, "GET", "photos/a", &[], b"").await;
    assert_eq!(open.bytes().await.expect("content"), marked(300_000));
    // It takes another's place, and its own, in whatever scope.
    refused(&send(&stack, "PUT", "photos/a", &[BLOCK_BLOB], b"plain").await, 201, "", "replaced");
    assert_eq!(header(&send(&stack, "HEAD", "photos/a", &[], b"").await, "x-ms-encryption-scope"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_and_a_sas_have_scopes_too() {
    let stack = Stack::start().await;
    applied(&stack, "{finance: {}, law: {}}").await;
    let default = |name: &'static str, deny: &'static str| {
        [("x-ms-default-encryption-scope", name), ("x-ms-deny-encryption-scope-override", deny)]
    };
    for (name, headers, status, code) in [
        ("open", &default("finance", "false")[..], 201, ""),
        ("shut", &default("finance", "true"), 201, ""),
        ("half", &default("finance", "true")[..1], 400, "MissingRequiredHeader"),
        ("none", &default("nobody", "true"), 400, "InvalidHeaderValue"),
    ] {
        let made = send(&stack, "PUT", &format!("{name}?restype=container"), headers, b"").await;
        refused(&made, status, code, name);
    }
    for (name, scope, deny) in
        [("open", "finance", "false"), ("shut", "finance", "true"), ("photos", "$account-encryption-key", "false")]
    {
        let found = send(&stack, "GET", &format!("{name}?restype=container"), &[], b"").await;
        assert_eq!(header(&found, "x-ms-default-encryption-scope"), scope, "{name}");
        assert_eq!(header(&found, "x-ms-deny-encryption-scope-override"), deny, "{name}");
    }
    let url = format!("{}&comp=list", stack.url_in(ACCOUNT, "").await);
    let list = stack.http.get(url).send().await.expect("an answer").text().await.expect("a text");
    assert_eq!(list.matches("<DefaultEncryptionScope>finance</DefaultEncryptionScope>").count(), 2, "{list}");
    assert_eq!(list.matches("<DenyEncryptionScopeOverride>true</DenyEncryptionScopeOverride>").count(), 1, "{list}");
    let forbidden = "RequestForbiddenByContainerEncryptionPolicy";
    for (path, scope, status, code) in [
        ("open/a", None, 201, ""),
        ("open/b", Some("law"), 201, ""),
        ("open/c", Some("$account-encryption-key"), 201, ""),
        ("shut/a", None, 201, ""),
        ("shut/b", Some("finance"), 201, ""),
        ("shut/c", Some("law"), 403, forbidden),
        ("shut/d", Some("$account-encryption-key"), 403, forbidden),
    ] {
        let headers: Vec<_> = std::iter::once(BLOCK_BLOB).chain(scope.map(in_scope)).collect();
        refused(&send(&stack, "PUT", path, &headers, &marked(1_000)).await, status, code, path);
        if status == 201 {
            let expected = match scope {
                None => "finance",
                Some(scope) => scope.trim_start_matches("$account-encryption-key"),
            };
            let found = send(&stack, "HEAD", path, &[], b"").await;
            assert_eq!(header(&found, "x-ms-encryption-scope"), expected, "{path}");
        }
    }
    // A copy goes into its own container's scope.
    let source = stack.url_in(ACCOUNT, "open/b").await;
    refused(&send(&stack, "PUT", "shut/copy", &[("x-ms-copy-source", &source)], b"").await, 202, "", "copy");
    let found = send(&stack, "GET", "shut/copy", &[], b"").await;
    assert_eq!(header(&found, "x-ms-encryption-scope"), "finance");
    assert_eq!(found.bytes().await.expect("content"), marked(1_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_whose_key_is_taken_away_takes_its_own_and_nothing_else() {
    let vault = Vault::start().await;
    let arguments: Vec<&str> = vault.arguments.iter().map(String::as_str).chain(QUICK).collect();
    let stack = Stack::start_with(&arguments).await;
    let key = vault.key("gold");
    applied(&stack, &format!("{{finance: {{key: \"{key}\"}}, law: {{}}}}")).await;
    for (name, scope) in [("a", Some("finance")), ("b", Some("law")), ("c", None)] {
        let headers: Vec<_> = std::iter::once(BLOCK_BLOB).chain(scope.map(in_scope)).collect();
        let put = send(&stack, "PUT", &format!("photos/{name}"), &headers, &marked(9_000)).await;
        refused(&put, 201, "", name);
    }
    vault.say(&["key", "disable", "gold"]).await;
    let gone = until(&stack, "photos/a", StatusCode::FORBIDDEN).await;
    refused(&gone, 403, "KeyVaultEncryptionKeyNotFound", "read");
    for (method, path, headers, body) in [
        ("HEAD", "photos/a", &[][..], &[][..]),
        ("PUT", "photos/a?comp=metadata", &[], b""),
        ("PUT", "photos/d", &[BLOCK_BLOB, in_scope("finance")], b"x"),
    ] {
        assert_eq!(send(&stack, method, path, headers, body).await.status(), 403, "{method} {path}");
    }
    for path in ["photos/b", "photos/c"] {
        refused(&send(&stack, "GET", path, &[], b"").await, 200, "", path);
    }
    let told = scopes(&stack).await;
    assert_eq!(told.iter().map(|scope| scope.state).collect::<Vec<_>>(), [KeyState::Denied, KeyState::On]);
    assert!(told[0].why.as_ref().is_some_and(|why| why.contains("disabled")), "{told:?}");
    vault.say(&["key", "enable", "gold"]).await;
    until(&stack, "photos/a", StatusCode::OK).await;
    // A new data key for what is written from now on, in each scope.
    let rotated = stack.control(Method::POST, "/v1/tenants/gold/encryption/rotate?what=data-key").send().await;
    assert_eq!(rotated.expect("an answer").status(), 200);
    let told = scopes(&stack).await;
    let uses = told[0].data_keys.iter().map(|key| key.state).collect::<Vec<_>>();
    assert_eq!(uses, [DataKeyUse::Old, DataKeyUse::Active]);
    refused(&send(&stack, "GET", "photos/a", &[], b"").await, 200, "", "what was written");
    // By the server's own key from now on: the vault may go.
    applied(&stack, "{finance: {key: node}}").await;
    vault.say(&["key", "disable", "gold"]).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    refused(&send(&stack, "GET", "photos/a", &[], b"").await, 200, "", "wrapped anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn azcopy_goes_up_and_down_by_name() {
    let authority = Authority::make();
    let arguments = authority.arguments();
    let stack = Stack::start_with(&arguments.each_ref().map(String::as_str)).await;
    applied(&stack, "{finance: {}}").await;
    let (azcopy, local) = (AzCopy::find(), tempfile::tempdir().expect("a folder"));
    let (proxy, certificate) = (front(&stack.ready.blob).await, authority.certificate());
    let variables = [("HTTPS_PROXY", proxy.as_str()), ("SSL_CERT_FILE", &certificate)];
    let sas = stack.url_in(ACCOUNT, "x").await;
    let sas = sas.split_once('?').expect("a SAS").1;
    let url = |path: &str| format!("https://{ACCOUNT}.blob.core.windows.net/{path}?{sas}");
    let attempt = async |arguments: &[&str]| azcopy.attempt_with(arguments, &variables, "").await;
    let run = async |arguments: &[&str]| {
        let (good, said) = attempt(arguments).await;
        assert!(good, "{arguments:?}:\n{said}");
    };
    let text = |path: &str| local.path().join(path).to_str().expect("UTF-8").to_owned();
    std::fs::create_dir_all(local.path().join("src/sub")).expect("a folder");
    for (name, bytes) in [("src/a.txt", 100), ("src/sub/b.bin", 3_000_000)] {
        std::fs::write(local.path().join(name), marked(bytes)).expect("a file");
    }
    let parts = ["--recursive", "--block-size-mb=1", "--put-blob-size-mb=1"];
    run(&[&["copy", &text("src/*"), &url("photos"), "--cpk-by-name=finance"][..], &parts].concat()).await;
    assert_eq!(clear_files(stack.data()), Vec::<String>::new());
    run(&["copy", &url("photos/*"), &text("back"), "--recursive"]).await;
    assert_eq!(tree::hashes(&local.path().join("back")), tree::hashes(&local.path().join("src")));
    run(&["make", &url("second")]).await;
    run(&[&["copy", &url("photos/*"), &url("second"), "--cpk-by-name=finance"][..], &parts].concat()).await;
    run(&["copy", &url("second/*"), &text("again"), "--recursive"]).await;
    assert_eq!(tree::hashes(&local.path().join("again")), tree::hashes(&local.path().join("src")));
    let (good, said) = attempt(&["copy", &text("src/a.txt"), &url("photos/x"), "--cpk-by-name=nobody"]).await;
    assert!(!good, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_for_python_works_in_scopes() {
    let stack = Stack::start().await;
    applied(&stack, "{finance: {}, law: {}}").await;
    let keys = stack.control(Method::GET, &format!("/v1/accounts/{ACCOUNT}/keys")).send().await.expect("an answer");
    let keys: KeyPair = keys.json().await.expect("keys");
    let url = format!("{}/{ACCOUNT}", stack.ready.blob);
    python::run_checks("encryption_scope.py", &[("BLOB_URL", &url), ("ACCOUNT_KEY", &keys.key1)]).await;
    assert_eq!(clear_files(stack.data()), Vec::<String>::new());
}
