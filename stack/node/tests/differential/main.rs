//! One trace of requests, replayed against the gateway and against Azurite: statuses, error codes, headers and bodies. Each
//! difference is a row of the table in docs/GATEWAY.md with its reason; one that is not listed fails, and so does a row
//! whose difference is gone.

mod answer;
mod credentials;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod trace;

use answer::Answer;
use credentials::Credentials;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use support::Stack;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use trace::Request;

/// The account that both know, with its well-known key: one credential is good for both.
const ACCOUNT: &str = "devstoreaccount1";
const START_MAX: Duration = Duration::from_secs(60);
/// What AzCopy sends.
const VERSION: &str = "2025-07-05";

/// Sends the whole trace to one server, whose URL ends with the account.
async fn replay(http: &reqwest::Client, base: &str, trace: &[Request]) -> BTreeMap<String, Answer> {
    let credentials = Credentials::now();
    let mut kept = BTreeMap::from([("base".to_owned(), base.to_owned()), ("sas".to_owned(), credentials.all())]);
    let mut answers = BTreeMap::new();
    for request in trace {
        let request = request.filled(&kept);
        let mut sending = http.request(request.method.clone(), format!("{base}{}", request.path));
        sending = sending.header("x-ms-version", VERSION);
        for (name, value) in &request.headers {
            sending = sending.header(name, value);
        }
        if ["PUT", "POST"].contains(&request.method.as_str()) {
            if request.body.is_empty() && !request.headers.iter().any(|(name, _)| name == "content-length") {
                sending = sending.header("content-length", "0");
            }
            sending = sending.body(request.body.clone());
        }
        let mut sending = sending.build().unwrap_or_else(|error| panic!("{}: {error}", request.name));
        credentials.add(&request.credential, &mut sending);
        let answer = http.execute(sending).await.unwrap_or_else(|error| panic!("{}: {error}", request.name));
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.unwrap_or_else(|error| panic!("{}: {error}", request.name));
        for (what, name) in request.captures {
            kept.insert(name, answer::part(&what, &headers, &body));
        }
        assert!(!answers.contains_key(&request.name), "{} is there twice", request.name);
        answers.insert(request.name, Answer::of(status, &headers, &body, base));
    }
    answers
}

/// Azurite over an empty folder, on a port that was free a moment ago.
async fn azurite(http: &reqwest::Client) -> (Child, String, TempDir) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/azurite/node_modules/.bin/azurite-blob");
    assert!(program.is_file(), "Azurite is not at {}: run `cargo xtask setup`", program.display());
    let dir = tempfile::tempdir().expect("a temporary folder");
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let mut command = Command::new(program);
    command.args(["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--blobHost", "127.0.0.1"]);
    command.args(["--blobPort", &port.to_string()]).arg("--location").arg(dir.path());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let child = command.spawn().expect("Azurite starts");
    let base = format!("http://127.0.0.1:{port}/{ACCOUNT}");
    let up = async {
        while http.get(&base).send().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(START_MAX, up).await.expect("Azurite is up in time");
    (child, base, dir)
}

#[tokio::test]
async fn every_difference_from_azurite_is_listed_with_its_reason() {
    let began = Instant::now();
    let trace = trace::read();
    let stack = Stack::start_with(&["--dev-account"]).await;
    let (_child, theirs, _dir) = azurite(&stack.http).await;
    let ours = replay(&stack.http, &format!("{}/{ACCOUNT}", stack.ready.blob), &trace).await;
    let theirs = replay(&stack.http, &theirs, &trace).await;
    let found = table::differences(&ours, &theirs);
    let listed = table::listed();
    let complaints = table::complaints(&found, &listed);
    println!("{} requests, {} differences, {} rows, {:?}", trace.len(), found.len(), listed.len(), began.elapsed());
    assert!(complaints.is_empty(), "{complaints}");
}
