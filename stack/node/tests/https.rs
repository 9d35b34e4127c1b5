//! Clients that insist on HTTPS, and on Azure's own host name: a throwaway authority, and a front that leads them here.

mod support;

use greenroom_model::AccountName;
use greenroom_model::control::{Identity, IdentityRequest, Role, SasProtocol, SasRequest};
use support::authority::{Authority, front};
use support::{ACCOUNT, CONTAINER, Stack, python, send, verdict};

async fn secure(authority: &Authority) -> Stack {
    let arguments = authority.arguments();
    Stack::start_with(&arguments.each_ref().map(String::as_str)).await
}

#[tokio::test]
async fn boostedblob_works_by_key_and_by_role() {
    let authority = Authority::make();
    let stack = secure(&authority).await;
    let keys = stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    let account = AccountName::new(ACCOUNT).expect("a good name");
    let request = IdentityRequest { account, role: Role::Contributor };
    let made = stack.control(reqwest::Method::POST, "/v1/identities").json(&request).send().await.expect("an answer");
    let identity: Identity = made.json().await.expect("an identity");
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
    let trusting = reqwest::Client::builder().no_proxy();
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
    let trusting = reqwest::Client::builder().no_proxy();
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
