//! Load as a person asks for it: by `greenroom load` on a server, and by steps of a demo.

#[expect(dead_code, reason = "what the other tests share, not all of which is needed here")]
mod support;

use greenroom_director::HOME;
use greenroom_model::control::{NewAccount, NewTenant, Ready, Sas, SasRequest, TOKEN_FILE};
use greenroom_model::{AccountName, ContainerName, TenantName};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use support::{Tools, project, stack};

/// A server of the test's own, with a container `a/box` and what authorises requests to it.
struct Server {
    child: Child,
    _data: tempfile::TempDir,
    /// With its SAS.
    url: String,
}

impl Server {
    async fn start() -> Server {
        let data = tempfile::tempdir().expect("a folder");
        let mut child = Command::new(stack())
            .args(["serve", "--blob", "127.0.0.1:0", "--control", "127.0.0.1:0", "--until-stdin-closes", "--data"])
            .arg(data.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("its ready line");
        let ready: Ready = serde_json::from_str(&line).expect("a ready line");
        let token = std::fs::read_to_string(data.path().join(TOKEN_FILE)).expect("a token");
        let http = greenroom_director::http::client().no_proxy().build().expect("a client");
        let url = |path: &str| format!("{}{path}", ready.control);
        let send = async |request: reqwest::RequestBuilder| {
            let sent = request.bearer_auth(token.trim()).send().await.expect("an answer");
            sent.error_for_status().expect("a good answer").text().await.expect("a body")
        };
        send(http.put(url("/v1/tenants/loaded")).json(&NewTenant {})).await;
        let tenant = TenantName::new("loaded").expect("a name");
        let containers = vec![ContainerName::new("box").expect("a name")];
        let account = NewAccount { tenant, containers, public_containers: None };
        send(http.put(url("/v1/accounts/loaded")).json(&account)).await;
        let request = SasRequest::new(AccountName::new("loaded").expect("a name"), "rwdlac", 600);
        let sas: Sas = serde_json::from_str(&send(http.post(url("/v1/sas")).json(&request)).await).expect("a SAS");
        Server { child, _data: data, url: format!("{}/loaded/box?{}", ready.blob, sas.token) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn load(to: &str, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
    command.args(["load", "--to", to]).args(line.split_whitespace()).stdin(Stdio::null());
    command
}

#[tokio::test]
async fn a_server_is_loaded_and_measured_by_operation() {
    let server = Server::start().await;
    let line = "--put 2 --get 1 --list 1 --size 8KiB --rate 100/s --for 3s --keys 10 --json";
    let output = load(&server.url, line).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let reports: serde_json::Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("JSON: {output:?}"));
    let report = &reports[0];
    assert_eq!(output.status.code(), Some(0), "{said}");
    let count = |value: &serde_json::Value| value.as_u64().unwrap_or_else(|| panic!("a count in {said}"));
    assert!(count(&report["scheduled"]) > 200, "{said}");
    assert_eq!(count(&report["done"]), count(&report["scheduled"]), "{said}");
    for op in ["put", "get", "list"] {
        assert!(report["ops"][op]["p99_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{op} in {said}");
    }
    assert_eq!(count(&report["ops"]["get"]["bytes"]), 8192 * count(&report["ops"]["get"]["done"]), "{said}");
}

#[tokio::test]
async fn refusals_are_counted_by_the_code_of_the_endpoint_and_show_no_secret() {
    let server = Server::start().await;
    let forged = server.url.replace("sig=", "sig=AAAA");
    let output = load(&forged, "--put 1 --rate 50/s --for 1s").output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("AuthenticationFailed"), "{said}");
    let output = load(&forged, "--get 1 --rate 50/s --for 1s").output().expect("it starts");
    assert_eq!(output.status.code(), Some(2), "what is to be read cannot be written: {output:?}");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("sig=AAAA"), "{output:?}");
}

#[test]
fn a_server_that_never_answers_is_no_success() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/a/box?sig=x", silent.local_addr().expect("bound"));
    let output = load(&url, "--put 1 --rate 5/s --for 1s --arrivals even").output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("5  begun and never answered") && said.contains("0 of 5 due"), "{said}");
    drop(silent);
}

#[tokio::test]
async fn ctrl_c_prints_what_was_measured() {
    let server = Server::start().await;
    let child = load(&server.url, "--put 1 --rate 100/s --for 10m").stdout(Stdio::piped()).spawn().expect("it starts");
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    kill(pid, Signal::SIGINT).expect("it runs");
    let output = child.wait_with_output().expect("a child");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("p99.9 ms") && said.contains("put"), "{said}");
}

#[test]
fn steps_load_a_tenant_and_leave_figures() {
    let demo = "---\ntitle: Load\ncharts:\n  - { title: P99, unit: milliseconds, series: [{ metric: back.put.p99_ms, label: put }] }\n---\n\
```steps\n\
tenant create gold\n\
load back --tenant gold --put 1 --size 4KiB --rate 50/s --for 10m --in-background\n\
load front --tenant gold --put 1 --get 1 --size 4KiB --rate 50/s --for 2s --keys 8\n\
wait back.done > 20 within 30s\n\
stop back\n\
expect front.errors == 0\n\
expect front.get.p99_ms > 0\n\
expect front.rate > 10\n\
expect back.put.p50_ms <= back.put.p99_ms\n\
load last --tenant gold --put 1 --rate 50/s --for 10m --in-background\n\
stop lost\n\
```\n";
    let root = project(demo, Tools::Absent);
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
    stack();
    let command = command
        .args(["demo", "run", "small", "--headless", "--trust", "--root"])
        .arg(root.path())
        .env(HOME, root.path());
    let output = command.stdin(Stdio::null()).env_remove("DISPLAY").output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "the last step names a load that is not there:\n{said}");
    assert!(said.contains("there is no load 'lost' in the background; did you mean 'last'?"), "{said}");
    assert_eq!(said.matches("✗ failed").count(), 1, "{said}");
    assert!(said.contains("front.get.p99_ms"), "{said}");
    let take = std::fs::read_dir(root.path().join("takes")).expect("takes").flatten().next().expect("a take");
    let take = std::fs::read_to_string(take.path()).expect("a take");
    assert!(take.lines().any(|line| line.contains("\"sample\"") && line.contains("back.put.p99_ms")), "it is drawn");
}
