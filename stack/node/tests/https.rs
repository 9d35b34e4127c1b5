//! Clients that insist on HTTPS, and on Azure's own host name: what `greenroom-stack ca` makes, and a front that leads them here.

use crate::support::authority::{Authority, front};
use crate::support::azcopy::AzCopy;
use crate::support::{ACCOUNT, CONTAINER, Stack, http, python, send, tree, verdict};
use greenroom_model::AccountName;
use greenroom_model::control::{IdentityToken, Role, SasProtocol, SasRequest};

async fn secure(authority: &Authority) -> Stack {
    let arguments = authority.arguments();
    Stack::start_with(&arguments.each_ref().map(String::as_str)).await
}

#[tokio::test]
async fn boostedblob_works_by_key_and_by_role() {
    let authority = Authority::make();
    let stack = secure(&authority).await;
    let keys = stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    let identity = stack.identity(ACCOUNT, Role::Contributor).await;
    let (proxy, certificate) = (front(&stack.ready.blob).await, authority.certificate());
    let common = [
        ("ACCOUNT", ACCOUNT),
        ("CONTAINER", CONTAINER),
        ("HTTPS_PROXY", &proxy),
        ("SSL_CERT_FILE", &certificate),
        ("NO_PROXY", "127.0.0.1"),
    ];
    let by_key = [("AZURE_STORAGE_ACCOUNT", ACCOUNT), ("AZURE_STORAGE_KEY", &keys.key)];
    python::run_checks("boosted.py", &[common.as_slice(), &by_key].concat()).await;
    let by_role = [("MSI_ENDPOINT", identity.endpoint.as_str())];
    python::run_checks("boosted.py", &[common.as_slice(), &by_role].concat()).await;
}

#[tokio::test]
async fn a_sas_for_https_only_is_good_over_https_and_the_wrong_authority_is_not_trusted() {
    let authority = Authority::make();
    let stack = secure(&authority).await;
    stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    assert!(stack.ready.blob.starts_with("https://"));
    let container = Some(CONTAINER.parse().expect("a good name"));
    let account = AccountName::new(ACCOUNT).expect("a good name");
    let base = SasRequest { container, ..SasRequest::new(account, "l", 60) };
    let sas = stack.mint(&SasRequest { protocol: Some(SasProtocol::Https), ..base }).await;
    let url = format!("{}/{ACCOUNT}/{CONTAINER}?restype=container&comp=list&{sas}", stack.ready.blob);
    let pem = std::fs::read(authority.certificate()).expect("a certificate");
    let trusting = http();
    let trusting = trusting.tls_certs_only([reqwest::Certificate::from_pem(&pem).expect("a certificate")]);
    let answer = trusting.build().expect("a client").get(&url).send().await.expect("an answer");
    assert_eq!(verdict(&answer), (200, String::new()));
    assert!(stack.http.get(&url).send().await.is_err(), "nobody else trusts it");
}

#[tokio::test]
async fn an_https_source_is_fetched_where_its_authority_is_trusted() {
    let authority = Authority::make();
    let from = secure(&authority).await;
    from.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    let pem = std::fs::read(authority.certificate()).expect("a certificate");
    let trusting = http();
    let trusting = trusting.tls_certs_only([reqwest::Certificate::from_pem(&pem).expect("a certificate")]);
    let trusting = trusting.build().expect("a client");
    let source = from.url(&format!("{CONTAINER}/a")).await;
    let put = trusting.put(&source).header("x-ms-blob-type", "BlockBlob").body("over TLS").send().await;
    assert_eq!(put.expect("an answer").status(), 201);

    let address = from.ready.blob.trim_start_matches("https://").to_owned();
    let (allow, certificate) = (format!("--copy-source-allow={address}"), authority.certificate());
    let to = Stack::start_with(&[&allow, &format!("--copy-source-ca={certificate}")]).await;
    to.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    let source = [("x-ms-copy-source", source.as_str()), ("x-ms-blob-type", "BlockBlob")];
    let copied = send(&to, "PUT", &format!("{CONTAINER}/b"), &source, "").await;
    assert_eq!(verdict(&copied), (201, String::new()));
    let got = send(&to, "GET", &format!("{CONTAINER}/b"), &[], "").await;
    assert_eq!(got.text().await.expect("a text"), "over TLS");

    let wary = Stack::start_with(&[&allow]).await;
    wary.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    let refused = send(&wary, "PUT", &format!("{CONTAINER}/b"), &source, "").await;
    assert_eq!(verdict(&refused), (400, "CannotVerifyCopySource".to_owned()));
    // Nor is plain text spoken to a port that wants TLS.
    let plain = source[0].1.replace("https://", "http://");
    let refused = send(&to, "PUT", &format!("{CONTAINER}/c"), &[("x-ms-copy-source", &plain), source[1]], "").await;
    assert_eq!(verdict(&refused), (400, "CannotVerifyCopySource".to_owned()));
    assert!(wary.names().await.is_empty());
}

#[tokio::test]
async fn the_sdk_for_python_works_over_https() {
    let authority = Authority::make();
    let stack = secure(&authority).await;
    let keys = stack.make_account("gold", ACCOUNT, &[]).await;
    let url = format!("{}/{ACCOUNT}", stack.ready.blob);
    let certificate = authority.certificate();
    let reader = stack.identity(ACCOUNT, Role::Reader).await;
    let token = stack.http.get(reader.endpoint).send().await.expect("an answer");
    let token: IdentityToken = token.json().await.expect("a token");
    let common = [("BLOB_URL", url.as_str()), ("ACCOUNT_KEY", &keys.key), ("READER_TOKEN", &token.access_token)];
    // The SDK goes by the first, Python's own library by the second.
    let trust = [("REQUESTS_CA_BUNDLE", certificate.as_str()), ("SSL_CERT_FILE", &certificate)];
    python::run_checks("sdk.py", &[common.as_slice(), &trust].concat()).await;
}

/// As AzCopy is used with Azure: by `https://account.blob.core.windows.net`, and no flag that says what that is.
#[tokio::test(flavor = "multi_thread")]
async fn azcopy_takes_it_for_azure() {
    let authority = Authority::make();
    let stack = secure(&authority).await;
    stack.make_account("gold", ACCOUNT, &[]).await;
    let (azcopy, local) = (AzCopy::find(), tempfile::tempdir().expect("a folder"));
    let (proxy, certificate) = (front(&stack.ready.blob).await, authority.certificate());
    let variables = [("HTTPS_PROXY", proxy.as_str()), ("SSL_CERT_FILE", &certificate)];
    let sas = stack.sas(None, "rwdlact").await;
    let url = |path: &str| format!("https://{ACCOUNT}.blob.core.windows.net/{path}?{sas}");
    let run = async |arguments: &[&str]| {
        let (good, said) = azcopy.attempt_with(arguments, &variables, "").await;
        assert!(good, "{arguments:?}:\n{said}");
        said
    };
    let sizes = [("a.txt", 10), ("sub/b.bin", 3_000_000), ("sub/empty", 0)];
    let expected: tree::Hashes =
        sizes.iter().map(|(name, bytes)| tree::write(&local.path().join("src"), name, *bytes)).collect();
    let text = |path: &str| local.path().join(path).to_str().expect("UTF-8").to_owned();
    run(&["make", &url("inbox")]).await;
    run(&["copy", &text("src/*"), &url("inbox"), "--recursive", "--block-size-mb=1", "--put-blob-size-mb=1"]).await;
    let listed = run(&["list", &url("inbox"), "--machine-readable"]).await;
    assert!(listed.contains("sub/b.bin; Content Length: 3000000"), "{listed}");
    run(&["copy", &url("inbox/*"), &url("second"), "--recursive"]).await;
    run(&["copy", &url("second/*"), &text("back"), "--recursive"]).await;
    assert_eq!(tree::hashes(&local.path().join("back")), expected);
    run(&["remove", &url("inbox"), "--recursive"]).await;
    assert_eq!(run(&["list", &url("inbox")]).await.matches("Content Length").count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rclone_works_over_https() {
    let authority = Authority::make();
    let stack = secure(&authority).await;
    stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    let local = tempfile::tempdir().expect("a folder");
    tree::write(&local.path().join("src"), "a/b.bin", 100_000);
    let (url, certificate) = (stack.url(CONTAINER).await, authority.certificate());
    let text = |path: &str| local.path().join(path).to_str().expect("UTF-8").to_owned();
    let remote = format!("stack:{CONTAINER}");
    for (arguments, trust, good) in [
        ([text("src"), remote.clone()], certificate.as_str(), true),
        ([remote.clone(), text("back")], &certificate, true),
        ([remote.clone(), text("other")], "/nowhere", false),
    ] {
        let mut command = tokio::process::Command::new("rclone");
        command.env_clear().env("HOME", local.path()).env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.env("RCLONE_CONFIG_STACK_TYPE", "azureblob").env("RCLONE_CONFIG_STACK_SAS_URL", &url);
        command.env("SSL_CERT_FILE", trust).arg("sync").args(&arguments).args(["--retries=1", "--low-level-retries=1"]);
        let output = command.kill_on_drop(true).output().await.expect("rclone is installed: run `cargo xtask setup`");
        assert_eq!(output.status.success(), good, "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(tree::hashes(&local.path().join("back")), tree::hashes(&local.path().join("src")));
}
