//! Keys that customers send along: what they encrypt is on the disk for nobody, and comes back to who has the key, by real clients.

use crate::support::authority::{Authority, front};
use crate::support::azcopy::AzCopy;
use crate::support::{ACCOUNT, CONTAINER, Stack, header, http, python, stack_command, tree, verdict};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use reqwest::{Client, Response};
use sha2::{Digest as _, Sha256};
use std::path::Path;

const MARK: &str = "nobody may find this on the disk, whatever else they look at";
/// Every byte of the customer's key, for who looks for it.
const KEY_BYTE: u8 = 0xA7;

fn marked(bytes: usize) -> Vec<u8> {
    MARK.bytes().cycle().take(bytes).collect()
}

/// A key and its digest, as they are sent.
struct Key {
    key: String,
    sha256: String,
}

impl Key {
    fn of(byte: u8) -> Key {
        let bytes = [byte; 32];
        Key { key: BASE64_STANDARD.encode(bytes), sha256: BASE64_STANDARD.encode(Sha256::digest(bytes)) }
    }

    fn headers(&self) -> [(&'static str, &str); 3] {
        [
            ("x-ms-encryption-key", &self.key),
            ("x-ms-encryption-key-sha256", &self.sha256),
            ("x-ms-encryption-algorithm", "AES256"),
        ]
    }

    fn source_headers(&self) -> [(&'static str, &str); 3] {
        [
            ("x-ms-source-encryption-key", &self.key),
            ("x-ms-source-encryption-key-sha256", &self.sha256),
            ("x-ms-source-encryption-algorithm", "AES256"),
        ]
    }
}

/// A server over HTTPS, and who trusts it.
struct Bed {
    stack: Stack,
    authority: Authority,
    https: Client,
    /// The account's.
    key: String,
    dir: tempfile::TempDir,
}

impl Bed {
    async fn start() -> Bed {
        let (authority, dir) = (Authority::make(), tempfile::tempdir().expect("a folder"));
        let (arguments, log) = (authority.arguments(), dir.path().join("log"));
        let arguments = arguments.each_ref().map(String::as_str);
        let stack = Stack::start_talkative(dir.path().join("data"), &arguments, &log).await;
        let key = stack.make_account("gold", ACCOUNT, &[CONTAINER]).await.key;
        let https = trusting(&authority);
        Bed { stack, authority, https, key, dir }
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let url = self.stack.url(&format!("{CONTAINER}/{path}")).await;
        let mut request = self.https.request(method.parse().expect("a method"), url).body(body.to_vec());
        if body.is_empty() && method == "PUT" {
            request = request.header("content-length", "0");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("an answer")
    }

    async fn put(&self, name: &str, key: &[(&str, &str)], body: &[u8]) -> Response {
        self.send("PUT", name, &[key, &[("x-ms-blob-type", "BlockBlob")]].concat(), body).await
    }

    async fn get(&self, name: &str, key: &[(&str, &str)]) -> Vec<u8> {
        let answer = self.send("GET", name, key, b"").await;
        assert_eq!(verdict(&answer), (200, String::new()), "{name}");
        answer.bytes().await.expect("content").to_vec()
    }

    fn telling_files(&self) -> Vec<String> {
        let mut found = telling_files(&self.dir.path().join("data"));
        found.extend(tells(&self.dir.path().join("log")).then(|| "log".to_owned()));
        found
    }
}

fn trusting(authority: &Authority) -> Client {
    let pem = std::fs::read(authority.certificate()).expect("a certificate");
    let trusting = http().tls_certs_only([reqwest::Certificate::from_pem(&pem).expect("a certificate")]);
    trusting.build().expect("a client")
}

/// Files of a folder, and of those in it, that hold some of the content or of the key.
fn telling_files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(telling_files(&path));
        } else if tells(&path) {
            found.push(path.display().to_string());
        }
    }
    found
}

fn tells(file: &Path) -> bool {
    let bytes = std::fs::read(file).expect("a file");
    let key = Key::of(KEY_BYTE).key;
    let parts = [&MARK.as_bytes()[..16], &[KEY_BYTE; 16], &key.as_bytes()[..16], &hex(&[KEY_BYTE; 8])];
    parts.iter().any(|part| bytes.windows(part.len()).any(|window| window == *part))
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}

fn refused(answer: &Response, status: u16, code: &str, what: &str) {
    assert_eq!(verdict(answer), (status, code.to_owned()), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_takes_its_key_wherever_it_is_read_or_described_and_no_other() {
    let bed = Bed::start().await;
    let (ours, theirs) = (Key::of(KEY_BYTE), Key::of(2));
    let put = bed.put("a", &ours.headers(), &marked(300_000)).await;
    refused(&put, 201, "", "put");
    assert_eq!(header(&put, "x-ms-request-server-encrypted"), "true");
    assert_eq!(header(&put, "x-ms-encryption-key-sha256"), ours.sha256);
    refused(&bed.put("plain", &[], b"plain").await, 201, "", "put");
    let mut page = ours.headers().to_vec();
    page.extend([("x-ms-blob-type", "PageBlob"), ("x-ms-blob-content-length", "1024")]);
    refused(&bed.send("PUT", "p", &page, b"").await, 201, "", "page blob");
    let update = [("x-ms-page-write", "update"), ("x-ms-range", "bytes=0-511")];
    let clear = [("x-ms-page-write", "clear"), ("x-ms-range", "bytes=512-1023")];
    let pages = marked(512);
    for (method, path, headers, body, good) in [
        ("GET", "a", &[][..], &[][..], 200),
        ("GET", "a", &[("x-ms-range", "bytes=131000-131200")], b"", 206),
        ("HEAD", "a", &[], b"", 200),
        ("GET", "a?comp=metadata", &[], b"", 200),
        ("PUT", "a?comp=metadata", &[("x-ms-meta-color", "blue")], b"", 200),
        ("PUT", "a?comp=snapshot", &[], b"", 201),
        ("PUT", "p?comp=page", &update, &pages, 201),
        ("PUT", "p?comp=page", &clear, b"", 201),
    ] {
        let what = format!("{method} {path} {headers:?}");
        let with = async |key: &[(&str, &str)]| bed.send(method, path, &[key, headers].concat(), body).await;
        let (none, other, right) = (with(&[]).await, with(&theirs.headers()).await, with(&ours.headers()).await);
        refused(&none, 409, "BlobUsesCustomerSpecifiedEncryption", &what);
        refused(&other, 409, "BlobCustomerSpecifiedEncryptionMismatch", &what);
        refused(&right, good, "", &what);
        let told = header(&right, "x-ms-encryption-key-sha256");
        assert!(
            path.contains("metadata") && method == "GET"
                || path.contains("p?") && headers == clear
                || told == ours.sha256,
            "{what}"
        );
    }
    for (method, path) in [("GET", "plain"), ("HEAD", "plain"), ("PUT", "plain?comp=snapshot")] {
        let answer = bed.send(method, path, &ours.headers(), b"").await;
        refused(&answer, 409, "BlobDoesNotUseCustomerSpecifiedEncryption", path);
    }
    // What says nothing of the content needs no key.
    for (method, path, headers, good) in [
        ("GET", "a?comp=blocklist", &[][..], 200),
        ("GET", "p?comp=pagelist", &[], 200),
        ("GET", "a?comp=tags", &[], 200),
        ("PUT", "a?comp=properties", &[("x-ms-blob-content-type", "text/plain")], 200),
        ("PUT", "a?comp=tier", &[("x-ms-access-tier", "Cool")], 200),
        ("PUT", "a?comp=lease", &[("x-ms-lease-action", "acquire"), ("x-ms-lease-duration", "15")], 201),
        ("PUT", "a?comp=lease", &[("x-ms-lease-action", "break"), ("x-ms-lease-break-period", "0")], 202),
    ] {
        refused(&bed.send(method, path, headers, b"").await, good, "", path);
    }
    let wrong = bed.send("PUT", "a?comp=properties", &theirs.headers(), b"").await;
    refused(&wrong, 409, "BlobCustomerSpecifiedEncryptionMismatch", "a key that comes is weighed");
    let head = bed.send("HEAD", "a", &ours.headers(), b"").await;
    assert_eq!(header(&head, "x-ms-server-encrypted"), "true");
    let list = format!("{}&restype=container&comp=list&include=metadata", bed.stack.url(CONTAINER).await);
    let list = bed.https.get(list).send().await.expect("an answer").text().await.expect("a text");
    assert!(
        list.contains(&format!("<CustomerProvidedKeySha256>{}</CustomerProvidedKeySha256>", ours.sha256)),
        "{list}"
    );
    assert!(list.contains("<Metadata Encrypted=\"true\">") && !list.contains("blue"), "{list}");
    // Turned over: another key takes the place of the first.
    refused(&bed.put("a", &theirs.headers(), b"again").await, 201, "", "put");
    assert_eq!(bed.get("a", &theirs.headers()).await, b"again");
    refused(&bed.send("DELETE", "p", &[], b"").await, 202, "", "delete");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_comes_wrongly_is_refused_and_told_to_nobody() {
    let mut bed = Bed::start().await;
    let (ours, theirs) = (Key::of(KEY_BYTE), Key::of(2));
    let [key, sha256, algorithm] = ours.headers();
    let other_digest = ("x-ms-encryption-key-sha256", theirs.sha256.as_str());
    for (headers, status, code) in [
        (vec![key, algorithm], 400, "MissingRequiredHeader"),
        (vec![sha256, algorithm], 400, "MissingRequiredHeader"),
        (vec![key, sha256], 400, "MissingRequiredHeader"),
        (vec![key, other_digest, algorithm], 400, "InvalidHeaderValue"),
        (vec![key, sha256, ("x-ms-encryption-algorithm", "AES128")], 400, "InvalidHeaderValue"),
        (vec![("x-ms-encryption-key", "c2hvcnQ="), sha256, algorithm], 400, "InvalidHeaderValue"),
        (vec![key, sha256, algorithm, ("x-ms-encryption-scope", "finance")], 400, "InvalidHeaderValue"),
        (vec![key, sha256, algorithm, key], 400, "InvalidHeaderValue"),
    ] {
        refused(&bed.put("a", &headers, b"x").await, status, code, &format!("{headers:?}"));
    }
    refused(&bed.send("DELETE", "a", &ours.headers(), b"").await, 400, "UnsupportedHeader", "delete");
    // A signature that does not match is explained to the operator: not by the key that was signed.
    let url = format!("{}/{ACCOUNT}/{CONTAINER}/a", bed.stack.ready.blob);
    let mut request = bed.https.put(url).header("authorization", format!("SharedKey {ACCOUNT}:c2lnbmF0dXJl"));
    for (name, value) in ours.headers() {
        request = request.header(name, value);
    }
    let answer =
        request.header("x-ms-date", "Mon, 01 Jan 2024 00:00:00 GMT").body("x").send().await.expect("an answer");
    assert_eq!(answer.status(), 403);
    assert!(!answer.text().await.expect("a text").contains(&ours.key));
    let refusals = bed.stack.control(reqwest::Method::GET, "/v1/refusals").send().await.expect("an answer");
    assert!(!refusals.text().await.expect("a text").contains(&ours.key[..16]));
    refused(&bed.put("a", &ours.headers(), &marked(300_000)).await, 201, "", "put");
    assert_eq!(bed.telling_files(), Vec::<String>::new());
    // Without a key it would be there: the test can fail.
    refused(&bed.put("plain", &[], &marked(300_000)).await, 201, "", "put");
    assert_eq!(bed.telling_files().len(), 1);
    assert!(bed.stack.stop().await.success());
    let data = bed.dir.path().join("data");
    let (is_whole, said) = stack_command(&["verify", "--data", data.to_str().expect("UTF-8")], &[]).await;
    assert!(is_whole && said.contains("are encrypted"), "{said}");

    let plain = Stack::with_container().await;
    let put = plain.blob("PUT", &format!("{CONTAINER}/a")).await.header("x-ms-blob-type", "BlockBlob").body("x");
    let put = ours.headers().into_iter().fold(put, |put, (name, value)| put.header(name, value));
    refused(&put.send().await.expect("an answer"), 400, "AccountRequiresHttps", "over HTTP");
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_and_copies_go_by_their_keys() {
    let bed = Bed::start().await;
    let (ours, theirs) = (Key::of(KEY_BYTE), Key::of(2));
    let blocks = [("QUFB", ours.headers().to_vec()), ("QkJC", theirs.headers().to_vec()), ("Q0ND", Vec::new())];
    for (id, key) in &blocks {
        let staged = bed.send("PUT", &format!("b?comp=block&blockid={id}"), key, &marked(200_000)).await;
        refused(&staged, 201, "", id);
    }
    let commit = async |ids: &[&str], key: &[(&str, &str)]| {
        let list: String = ids.iter().map(|id| format!("<Latest>{id}</Latest>")).collect();
        bed.send("PUT", "b?comp=blocklist", key, format!("<BlockList>{list}</BlockList>").as_bytes()).await
    };
    for (ids, key, code) in [
        (&["QUFB"][..], &[][..], "BlobUsesCustomerSpecifiedEncryption"),
        (&["QUFB", "QkJC"], &ours.headers(), "BlobCustomerSpecifiedEncryptionMismatch"),
        (&["QUFB", "Q0ND"], &ours.headers(), "BlobDoesNotUseCustomerSpecifiedEncryption"),
    ] {
        refused(&commit(ids, key).await, 409, code, &format!("{ids:?}"));
    }
    refused(&commit(&["QUFB", "QUFB"], &ours.headers()).await, 201, "", "commit");
    let whole = [marked(200_000), marked(200_000)].concat();
    assert_eq!(bed.get("b", &ours.headers()).await, whole);

    let source = bed.stack.url(&format!("{CONTAINER}/b")).await;
    let from = [("x-ms-copy-source", source.as_str())];
    let typed = [("x-ms-copy-source", source.as_str()), ("x-ms-blob-type", "BlockBlob")];
    for (path, headers) in [("c", &typed[..]), ("c?comp=block&blockid=QUFB", &from), ("c", &from)] {
        refused(&bed.send("PUT", path, headers, b"").await, 409, "CannotVerifyCopySource", path);
    }
    let wrong = [&typed[..], &theirs.source_headers()].concat();
    refused(&bed.send("PUT", "c", &wrong, b"").await, 409, "CannotVerifyCopySource", "another key");
    for (name, key) in [("same", ours.headers().to_vec()), ("other", theirs.headers().to_vec()), ("plain", Vec::new())]
    {
        let shown = [&ours.source_headers()[..], &key].concat();
        let put = [&typed[..], &shown].concat();
        refused(&bed.send("PUT", name, &put, b"").await, 201, "", name);
        assert_eq!(bed.get(name, &key).await, whole, "{name}");
        let range = [("x-ms-source-range", "bytes=5-250000")];
        let stage = [&from[..], &range, &shown].concat();
        refused(&bed.send("PUT", &format!("{name}?comp=block&blockid=QUFB"), &stage, b"").await, 201, "", name);
        let list = b"<BlockList><Latest>QUFB</Latest></BlockList>";
        refused(&bed.send("PUT", &format!("{name}?comp=blocklist"), &key, list).await, 201, "", name);
        assert_eq!(bed.get(name, &key).await, whole[5..=250_000], "{name}");
    }
    let page = [&ours.headers()[..], &[("x-ms-blob-type", "PageBlob"), ("x-ms-blob-content-length", "1024")]].concat();
    refused(&bed.send("PUT", "p", &page, b"").await, 201, "", "page blob");
    let range = [("x-ms-page-write", "update"), ("x-ms-range", "bytes=0-511"), ("x-ms-source-range", "bytes=512-1023")];
    let pages = [&from[..], &range, &ours.headers(), &ours.source_headers()].concat();
    refused(&bed.send("PUT", "p?comp=page", &pages, b"").await, 201, "", "pages");
    assert_eq!(bed.get("p", &ours.headers()).await[..512], whole[512..1024]);

    // From another server: the key goes along, over HTTPS.
    let address = bed.stack.ready.blob.trim_start_matches("https://").to_owned();
    let [cert, cert_file, tls_key, key_file] = bed.authority.arguments();
    let (allow, trust) =
        (format!("--copy-source-allow={address}"), format!("--copy-source-ca={}", bed.authority.certificate()));
    let there = Stack::start_with(&[&allow, &trust, &cert, &cert_file, &tls_key, &key_file]).await;
    there.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    let url = there.url(&format!("{CONTAINER}/b")).await;
    for (shown, expected) in
        [(vec![], 409), (theirs.source_headers().to_vec(), 409), (ours.source_headers().to_vec(), 201)]
    {
        let mut request = bed.https.put(&url).header("content-length", "0");
        for (name, value) in typed.iter().chain(&shown).chain(&theirs.headers()) {
            request = request.header(*name, *value);
        }
        assert_eq!(request.send().await.expect("an answer").status(), expected, "{}", shown.len());
    }
    let mut request = bed.https.get(&url);
    for (name, value) in theirs.headers() {
        request = request.header(name, value);
    }
    assert_eq!(request.send().await.expect("an answer").bytes().await.expect("content"), whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn azcopy_goes_up_down_and_across_by_value() {
    let bed = Bed::start().await;
    let (azcopy, local) = (AzCopy::find(), tempfile::tempdir().expect("a folder"));
    let (proxy, certificate) = (front(&bed.stack.ready.blob).await, bed.authority.certificate());
    let (ours, theirs) = (Key::of(KEY_BYTE), Key::of(2));
    let sas = bed.stack.sas(None, "rwdlact").await;
    let url = |path: &str| format!("https://{ACCOUNT}.blob.core.windows.net/{path}?{sas}");
    let attempt = async |key: &Key, arguments: &[&str]| {
        let variables = [
            ("HTTPS_PROXY", proxy.as_str()),
            ("SSL_CERT_FILE", &certificate),
            ("CPK_ENCRYPTION_KEY", &key.key),
            ("CPK_ENCRYPTION_KEY_SHA256", &key.sha256),
        ];
        azcopy.attempt_with(arguments, &variables, "").await
    };
    let run = async |key: &Key, arguments: &[&str]| {
        let (good, said) = attempt(key, arguments).await;
        assert!(good, "{arguments:?}:\n{said}");
    };
    let text = |path: &str| local.path().join(path).to_str().expect("UTF-8").to_owned();
    std::fs::create_dir_all(local.path().join("src/sub")).expect("a folder");
    for (name, bytes) in [("src/a.txt", 10), ("src/sub/b.bin", 3_000_000), ("src/empty", 0)] {
        std::fs::write(local.path().join(name), marked(bytes)).expect("a file");
    }
    let expected = tree::hashes(&local.path().join("src"));
    let parts = ["--recursive", "--block-size-mb=1", "--put-blob-size-mb=1"];
    let (up, down) = ([text("src/*"), url("inbox")], [url("inbox/*"), text("back")]);
    run(&ours, &["make", &url("inbox")]).await;
    run(&ours, &[&["copy", &up[0], &up[1], "--cpk-by-value"][..], &parts].concat()).await;
    assert_eq!(bed.telling_files(), Vec::<String>::new());
    run(&ours, &["copy", &down[0], &down[1], "--recursive", "--cpk-by-value"]).await;
    assert_eq!(tree::hashes(&local.path().join("back")), expected);
    // Without the key, and with another: nothing comes.
    for (key, flags) in [(&ours, &["--recursive"][..]), (&theirs, &["--recursive", "--cpk-by-value"])] {
        let to = text("none");
        let (good, _) = attempt(key, &[&["copy", &down[0], &to][..], flags].concat()).await;
        assert!(!good || tree::hashes(&local.path().join("none")).is_empty());
    }
    // Across: what is in clear is encrypted on its way, and comes back by the key alone.
    run(&ours, &["make", &url("plain")]).await;
    run(&ours, &[&["copy", &up[0], &url("plain")][..], &parts].concat()).await;
    run(&ours, &["make", &url("vault")]).await;
    run(&theirs, &[&["copy", &url("plain/*"), &url("vault"), "--cpk-by-value"][..], &parts].concat()).await;
    run(&theirs, &["copy", &url("vault/*"), &text("across"), "--recursive", "--cpk-by-value"]).await;
    assert_eq!(tree::hashes(&local.path().join("across")), expected);
    let head = bed.https.head(format!("{}/{ACCOUNT}/vault/sub/b.bin?{sas}", bed.stack.ready.blob)).send().await;
    assert_eq!(head.expect("an answer").status(), 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_for_python_encrypts_with_a_key() {
    let bed = Bed::start().await;
    let (url, certificate) = (format!("{}/{ACCOUNT}", bed.stack.ready.blob), bed.authority.certificate());
    let trust = [("REQUESTS_CA_BUNDLE", certificate.as_str()), ("SSL_CERT_FILE", &certificate)];
    let of = [("BLOB_URL", url.as_str()), ("ACCOUNT_KEY", &bed.key)];
    python::run_checks("customer_key.py", &[of.as_slice(), &trust].concat()).await;
    assert_eq!(bed.telling_files(), Vec::<String>::new());
}
