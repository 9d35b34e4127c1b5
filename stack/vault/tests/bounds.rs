//! What strangers and clients may not do to the vault, and what it keeps to itself.

mod support;

use serde_json::{Value, json};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;
use support::{ALL, Credentials, PATIENCE, Server, run, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const BODY_BYTES_MAX: usize = 64 * 1024;
/// More than there are places.
const CONNECTIONS: usize = 400;

async fn connect(server: &Server) -> TlsStream<TcpStream> {
    let stream =
        TcpStream::connect(("127.0.0.1", server.ready.vault.port().expect("a port"))).await.expect("a connection");
    let name = "localhost".try_into().expect("a name");
    TlsConnector::from(Arc::new(server.tls())).connect(name, stream).await.expect("TLS")
}

/// The status of the answer, and its body; 0 where the connection ends instead.
async fn send(server: &Server, request: &[u8]) -> (u16, String) {
    let mut stream = connect(server).await;
    // It may have answered, and ended the connection, before all of it is sent.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an answer in time");
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

async fn bed() -> (Server, Credentials, String) {
    let server = Server::with_key().await;
    let who = server.client("admin", ALL).await;
    let token = server.token(&who).await;
    (server, who, token)
}

fn request(line: &str, token: &str, more: &str) -> Vec<u8> {
    format!("{line} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\nconnection: close\r\n{more}\r\n")
        .into_bytes()
}

#[tokio::test]
async fn strangers_are_sent_to_sign_in_and_told_nothing_else() {
    let (server, _, token) = bed().await;
    let http = server.http();
    for path in
        ["keys/root?api-version=7.4", "keys/nowhere?api-version=7.4", "keys?api-version=7.4", "elsewhere", "keys/a_b"]
    {
        for header in ["", "Bearer ", "Bearer wrong", "Basic eDp5", &format!("Basic {token}")] {
            let url = server.ready.vault.join(path).expect("a URL");
            let answer = http.get(url).header("authorization", header).send().await.expect("an answer");
            assert_eq!(answer.status(), 401, "{path} {header}");
            let challenge = answer.headers()["www-authenticate"].to_str().expect("text").to_owned();
            let expected =
                format!(r#"Bearer authorization="{}", resource="https://vault.azure.net""#, server.ready.authority);
            assert_eq!(challenge, expected);
            let body: Value = answer.json().await.expect("JSON");
            assert_eq!(body["error"]["code"], "Unauthorized");
        }
    }
}

#[tokio::test]
async fn paths_lead_to_keys_or_nowhere() {
    let (server, _, token) = bed().await;
    let long = "a".repeat(128);
    let longest = format!("/keys/{}", "a".repeat(60_000));
    for (path, statuses) in [
        ("/keys/../x", &[400][..]),
        ("/keys/..", &[400]),
        ("/keys/.", &[400]),
        ("/keys/%2e%2e%2fclients", &[400]),
        ("/keys/..%2fclients", &[400]),
        ("/keys/root%00", &[400]),
        ("/keys/root\0", &[400]),
        ("/keys/ro\x01ot", &[400]),
        ("/keys/root\\x", &[400]),
        ("/keys/root/../root", &[400, 404]),
        ("/deletedkeys/../keys/root", &[400, 404]),
        ("//keys/root", &[404]),
        ("/keys/root//", &[404]),
        ("/audit.ndjson", &[404]),
        (&format!("/keys/{long}"), &[400]),
        (&longest, &[400, 414, 431]),
        ("/keys/root", &[200]),
        ("https://evil.example/keys/root", &[200]),
    ] {
        let line = format!("GET {path}?api-version=7.4");
        let (status, body) = send(&server, &request(&line, &token, "")).await;
        assert!(statuses.contains(&status), "{path:.80}: {status} {body}");
        assert!(!body.contains("evil.example") && !body.contains("pkcs8"), "{body}");
    }
    for made in ["%2e%2e", "..", "a%2fb"] {
        let line = format!("POST /keys/{made}/create?api-version=7.4");
        let (status, body) = send(&server, &request(&line, &token, "content-length: 0\r\n")).await;
        assert_eq!(status, 400, "{made}: {body}");
    }
    let mut found: Vec<_> = fs::read_dir(server.data().join("keys")).expect("a folder").flatten().collect();
    assert_eq!(found.pop().map(|entry| entry.file_name()), Some("root.json".into()));
    assert!(found.is_empty(), "{found:?}");
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_refused_in_azures_words() {
    let (server, _, token) = bed().await;
    let http = server.http();
    let (wrap, create) = ("keys/root//wrapkey?api-version=7.4", "keys/new/create?api-version=7.4");
    for (path, body, status, code) in [
        ("keys/root//wrapkey", json!({"alg": "RSA-OAEP-256", "value": "AAAA"}), 400, "BadParameter"),
        ("keys/root//wrapkey?api-version=6.0", json!({"alg": "RSA-OAEP-256", "value": "AAAA"}), 400, "BadParameter"),
        (wrap, json!({"alg": "RSA1_5", "value": "AAAA"}), 400, "BadParameter"),
        (wrap, json!({"alg": "RSA-OAEP-256", "value": "!"}), 400, "BadParameter"),
        (wrap, json!({"alg": "RSA-OAEP-256", "value": ""}), 400, "BadParameter"),
        (wrap, json!({"alg": "RSA-OAEP-256", "value": "A".repeat(400)}), 400, "BadParameter"),
        (wrap, json!([1, 2]), 400, "BadParameter"),
        ("keys/root//unwrapkey?api-version=7.4", json!({"alg": "RSA-OAEP-256", "value": "AAAA"}), 400, "BadParameter"),
        (create, json!({}), 400, "BadParameter"),
        (create, json!({"kty": "EC"}), 400, "BadParameter"),
        (create, json!({"kty": "RSA", "key_size": 1024}), 400, "BadParameter"),
        (create, json!({"kty": "RSA", "key_ops": ["fly"]}), 400, "BadParameter"),
        (create, json!({"kty": "RSA", "attributes": {"exportable": true}}), 400, "BadParameter"),
        (create, json!({"kty": "RSA", "attributes": {"nbf": 2, "exp": 1}}), 400, "BadParameter"),
        ("keys/none//wrapkey?api-version=7.4", json!({"alg": "RSA-OAEP-256", "value": "AAAA"}), 404, "KeyNotFound"),
        ("keys/root/sign?api-version=7.4", json!({}), 405, "MethodNotAllowed"),
    ] {
        let url = server.ready.vault.join(path).expect("a URL");
        let answer = http.post(url).bearer_auth(&token).body(body.to_string()).send().await.expect("an answer");
        let (found, body): (u16, Value) = (answer.status().as_u16(), answer.json().await.expect("JSON"));
        assert_eq!((found, &body["error"]["code"]), (status, &code.into()), "{path}: {body}");
        assert!(body["error"]["message"].is_string(), "{body}");
    }
}

#[tokio::test]
async fn bodies_are_bounded_for_clients_and_for_strangers() {
    let (server, _, token) = bed().await;
    let large = "x".repeat(BODY_BYTES_MAX + 1);
    for line in ["POST /keys/new/create?api-version=7.4", "POST /greenroom/oauth2/v2.0/token"] {
        // Said to be large: refused before it comes.
        let said = request(line, &token, "content-length: 1000000000000\r\n");
        assert_eq!(send(&server, &said).await.0, 413, "{line}");
        // Not said: refused when it is.
        let mut chunked = request(line, &token, "transfer-encoding: chunked\r\n");
        chunked.extend(format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len()).bytes());
        let status = send(&server, &chunked).await.0;
        assert!([0, 413].contains(&status), "{line}: {status}");
    }
    let headers = request("GET /keys?api-version=7.4", &token, &format!("x-large: {large}\r\n"));
    let status = send(&server, &headers).await.0;
    assert!([0, 400, 431].contains(&status), "{status}");
    assert!(!server.data().join("keys/new.json").exists());
    server.token(&server.client("other", "get").await).await;
}

#[tokio::test]
async fn idle_connections_keep_nobody_out() {
    let (server, who, _) = bed().await;
    let address = ("127.0.0.1", server.ready.vault.port().expect("a port"));
    let vault = server.open(&who);
    let mut held = Vec::new();
    for at in 0..CONNECTIONS {
        let stream = timeout(Duration::from_secs(10), TcpStream::connect(address)).await;
        let mut stream = stream.expect("it does not wait for the others to end").expect("a connection");
        if at % 2 == 0 {
            // The beginning of a handshake that goes nowhere.
            let _ = stream.write_all(&[0x16, 0x03, 0x01]).await;
        }
        held.push(stream);
    }
    for _ in 0..8 {
        let served = timeout(Duration::from_secs(10), connect(&server)).await;
        held.push(served.expect("it does not wait for the others to end").into_inner().0);
    }
    let found = timeout(Duration::from_secs(10), vault.get()).await.expect("nor does a client");
    assert!(found.expect("a key").enabled);
    // Those that came first had to give way.
    let mut ended = 0;
    for stream in &mut held {
        let read = timeout(Duration::from_millis(1), stream.read(&mut [0; 64])).await;
        ended += usize::from(matches!(read, Ok(Ok(0) | Err(_))));
    }
    assert!(ended >= CONNECTIONS - 256, "{ended} of {CONNECTIONS}");
}

#[tokio::test]
async fn keys_are_named_by_names_of_this_machine() {
    let (server, _, token) = bed().await;
    for (host, base) in [
        ("localhost:1234", "https://localhost:1234/keys/root/".to_owned()),
        ("127.0.0.1:1234", "https://127.0.0.1:1234/keys/root/".to_owned()),
        ("evil.example", format!("{}keys/root/", server.ready.vault)),
    ] {
        let request = format!(
            "GET /keys/root?api-version=7.4 HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        );
        let (status, body) = send(&server, request.as_bytes()).await;
        let body: Value = serde_json::from_str(&body).expect("JSON");
        let kid = body["key"]["kid"].as_str().expect("a kid");
        assert!(status == 200 && kid.starts_with(&base), "{host}: {kid}");
    }
}

#[tokio::test]
async fn a_folder_is_its_owners_and_one_servers() {
    let mut server = Server::with_key().await;
    let data = server.data();
    server.client("someone", "get").await;
    for entry in
        fs::read_dir(&data).expect("a folder").chain(fs::read_dir(data.join("keys")).expect("a folder")).flatten()
    {
        let mode = entry.metadata().expect("a file").permissions().mode() & 0o777;
        let expected = if entry.path().is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, expected, "{:?}", entry.path());
    }
    let second = run(&data, &["serve"]).await;
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && said.contains("another server has"), "{said}");
    assert!(server.stop().await);
    fs::set_permissions(&data, Permissions::from_mode(0o750)).expect("its mode");
    for args in [&["serve"][..], &["key", "list"], &["client", "add", "x", "--rights", "get"]] {
        let refused = run(&data, args).await;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains("chmod 700"), "{args:?}: {said}");
    }
    fs::set_permissions(&data, Permissions::from_mode(0o700)).expect("its mode");
    let outside = run(&data, &["serve", "--listen", "0.0.0.0:0"]).await;
    assert!(!outside.status.success() && String::from_utf8_lossy(&outside.stderr).contains("no loopback address"));
    let authority = fs::read(data.join("authority.pem")).expect("an authority");
    let (_child, ready) = serve(&data, &[]).await;
    assert_eq!(fs::read(ready.ca.expect("an authority")).expect("a file"), authority, "made once");
}

#[tokio::test]
async fn a_certificate_of_ones_own_is_served() {
    let (first, dir) = (Server::start().await, tempfile::tempdir().expect("a temporary folder"));
    let file = |name: &str| first.data().join(name).display().to_string();
    let (certificate, key) = (file("certificate.pem"), file("key.pem"));
    let args = ["--tls-cert", &certificate, "--tls-key", &key];
    let (_child, ready) = serve(&dir.path().join("vault"), &args).await;
    assert_eq!(ready.ca, None);
    let answer =
        first.http().get(ready.vault.join("keys").expect("a URL")).send().await.expect("it is trusted as the first's");
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn the_command_line_says_what_to_do() {
    let server = Server::with_key().await;
    server.client("app", "get").await;
    server.run(&["key", "create", "gone"]).await;
    server.run(&["key", "delete", "gone"]).await;
    for (args, advice) in [
        (&["key", "create", "root"][..], "`key rotate`"),
        (&["key", "create", "gone"], "`key recover`"),
        (&["key", "rotate", "none"], "`key list`"),
        (&["key", "purge", "root"], "`key delete`"),
        (&["key", "create", "a_b"], "letters, digits and hyphens"),
        (&["key", "create", "small", "--bits", "1024"], "2048"),
        (&["client", "add", "app", "--rights", "get"], "`client rights`"),
        (&["client", "remove", "none"], "`client list`"),
        (&["client", "add", "a b", "--rights", "get"], "1 to 64"),
        (&["client", "rights", "app", "--rights", "fly"], "wrapKey"),
        (&["fault"], "--throttle"),
    ] {
        let output = run(&server.data(), args).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(advice), "{args:?}: {said}");
    }
    let listed = server.run(&["key", "list"]).await;
    let listed: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let named: Vec<_> = listed.iter().map(|key| (key["name"].as_str(), key["deleted"].as_bool())).collect();
    assert_eq!(named, [(Some("root"), Some(false)), (Some("gone"), Some(true))]);
    let clients = server.run(&["client", "list"]).await;
    assert!(clients.contains(r#""rights":["get"]"#) && !clients.contains("hash"), "{clients}");
}

#[tokio::test]
async fn the_audit_keeps_one_older_file() {
    let (server, who, _) = bed().await;
    let (now, older) = (server.data().join("audit.ndjson"), server.data().join("audit.1.ndjson"));
    assert!(!older.exists());
    File::options().append(true).open(&now).and_then(|file| file.set_len(16 << 20)).expect("a large file");
    server.open(&who).get().await.expect("a key");
    assert_eq!(fs::metadata(&older).expect("the older file").len(), 16 << 20);
    let lines = server.audit();
    assert!(lines.iter().any(|line| line["who"] == "admin" && line["operation"] == "get"), "{lines:?}");
    assert_eq!(fs::metadata(&now).expect("a file").permissions().mode() & 0o777, 0o600);
}
