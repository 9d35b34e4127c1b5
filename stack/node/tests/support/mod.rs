//! A real server, spawned on free ports over a folder of its own, and what tests say to it.
#![allow(dead_code, reason = "each test file uses its own part")]

pub mod authority;
pub mod azcopy;
pub mod bed;
pub mod clear;
pub mod cloud;
pub mod collector;
pub mod golden;
pub mod hook;
pub mod javascript;
pub mod kafka;
pub mod liar;
pub mod memory;
pub mod python;
pub mod rclone;
pub mod signing;
pub mod sinks;
pub mod tiering;
pub mod tree;
pub mod vault;

use greenroom_model::control::{
    AccountKeys, Identity, IdentityRequest, NewAccount, NewTenant, Ready, Role, Sas, SasRequest, TOKEN_FILE,
};
use greenroom_model::metrics::Metrics;
use greenroom_model::{AccountName, ContainerName, TenantName};
use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

pub const ACCOUNT: &str = "acct";
pub const CONTAINER: &str = "photos";

/// Generous, and only there so that a hang fails instead of hanging.
const START_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(60);

pub struct Stack {
    pub ready: Ready,
    pub token: String,
    pub http: reqwest::Client,
    child: Child,
    data: PathBuf,
    /// Goes with the server, where the server has it for itself.
    dir: Option<TempDir>,
}

impl Stack {
    /// A server over an empty folder.
    pub async fn start() -> Stack {
        Stack::start_with(&[]).await
    }

    pub async fn start_with(arguments: &[&str]) -> Stack {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut stack = Stack::start_in(dir.path().to_owned(), arguments).await;
        stack.dir = Some(dir);
        stack
    }

    /// A server over an empty folder, with variables in its environment.
    pub async fn start_with_variables(arguments: &[&str], variables: &[(&str, &str)]) -> Stack {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut stack = Stack::start_with_env(dir.path().to_owned(), arguments, variables).await;
        stack.dir = Some(dir);
        stack
    }

    /// A server over a folder that the test keeps.
    pub async fn start_in(data: PathBuf, arguments: &[&str]) -> Stack {
        Stack::start_with_env(data, arguments, &[]).await
    }

    pub async fn start_with_env(data: PathBuf, arguments: &[&str], variables: &[(&str, &str)]) -> Stack {
        let (child, ready) = launch(&data, ("127.0.0.1:0", "127.0.0.1:0"), arguments, variables).await;
        Stack { token: token(&data), ready, http: client(), child, data, dir: None }
    }

    /// A server that says all that it can say, into a file.
    pub async fn start_talkative(data: PathBuf, arguments: &[&str], log: &Path) -> Stack {
        let mut command = command(&data, ("127.0.0.1:0", "127.0.0.1:0"), arguments);
        let log = std::fs::File::create(log).expect("a file");
        let (child, ready) = ready(command.env("GREENROOM_LOG", "trace").stderr(log)).await;
        Stack { token: token(&data), ready, http: client(), child, data, dir: None }
    }

    /// A server with an account and a container to work in.
    pub async fn with_container() -> Stack {
        let stack = Stack::start().await;
        stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
        stack
    }

    /// Starts the program again over the same folder and on the same ports, after `kill` or `stop`.
    pub async fn restart(&mut self) {
        self.restart_with(&[]).await;
    }

    pub async fn restart_with(&mut self, arguments: &[&str]) {
        let (blob, control) = (port(&self.ready.blob), port(&self.ready.control));
        let (child, ready) = launch(&self.data, (&blob, &control), arguments, &[]).await;
        assert_eq!(ready, self.ready);
        (self.child, self.token) = (child, token(&self.data));
    }

    /// The plug is pulled.
    pub async fn kill(&mut self) {
        self.child.start_kill().expect("the server runs");
        let status = self.child.wait().await.expect("a status");
        assert!(!status.success());
    }

    /// Asks politely, by SIGTERM.
    pub async fn stop(&mut self) -> ExitStatus {
        let pid = self.child.id().expect("the server runs").to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill runs");
        assert!(sent.success());
        self.ended().await
    }

    pub async fn ended(&mut self) -> ExitStatus {
        tokio::time::timeout(STOP_MAX, self.child.wait()).await.expect("the server ends").expect("a status")
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("the server runs")
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    pub fn control(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.ready.control)).bearer_auth(&self.token)
    }

    pub async fn put<T: Serialize>(&self, path: &str, body: &T) -> Response {
        let sent = self.control(Method::PUT, path).json(body).send().await;
        sent.expect("the control API answers")
    }

    pub async fn make_account(&self, tenant: &str, account: &str, containers: &[&str]) -> AccountKeys {
        let made = self.put(&format!("/v1/tenants/{tenant}"), &NewTenant {}).await;
        assert!(made.status().is_success(), "{}", made.text().await.expect("a text"));
        let containers = containers.iter().map(|name| ContainerName::new(*name).expect("a good name")).collect();
        let tenant = TenantName::new(tenant).expect("a good name");
        let new = NewAccount { tenant, containers, public_containers: None };
        let made = self.put(&format!("/v1/accounts/{account}"), &new).await;
        assert!(made.status().is_success(), "{}", made.text().await.expect("a text"));
        made.json().await.expect("account keys")
    }

    /// A SAS of `ACCOUNT`, or of one container of it.
    pub async fn sas(&self, container: Option<&str>, permissions: &str) -> String {
        let account = AccountName::new(ACCOUNT).expect("a good name");
        let container = container.map(|name| ContainerName::new(name).expect("a good name"));
        self.mint(&SasRequest { container, ..SasRequest::new(account, permissions, 3600) }).await
    }

    pub async fn mint(&self, request: &SasRequest) -> String {
        let sent = self.control(Method::POST, "/v1/sas").json(request).send().await.expect("the control API answers");
        assert!(sent.status().is_success(), "{}", sent.text().await.expect("a text"));
        sent.json::<Sas>().await.expect("a SAS").token
    }

    /// The URL of something in `ACCOUNT`, path-style, with a SAS that may do anything with it.
    pub async fn url(&self, path_and_query: &str) -> String {
        let sas = self.sas(None, "rwdlact").await;
        let joint = if path_and_query.contains('?') { '&' } else { '?' };
        format!("{}/{ACCOUNT}/{path_and_query}{joint}{sas}", self.ready.blob)
    }

    /// Someone with a role on an account, and where their tokens come from.
    pub async fn identity(&self, account: &str, role: Role) -> Identity {
        let request = IdentityRequest { account: AccountName::new(account).expect("a good name"), role };
        let sent = self.control(Method::POST, "/v1/identities").json(&request).send().await;
        sent.expect("the control API answers").json().await.expect("an identity")
    }

    /// A request to the Blob endpoint with a SAS that may do anything.
    pub async fn blob(&self, method: &str, path_and_query: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        self.http.request(method, self.url(path_and_query).await)
    }

    pub async fn put_blob(&self, name: &str, content: impl Into<reqwest::Body>) -> Response {
        let put = self.blob("PUT", &format!("{CONTAINER}/{name}")).await;
        let content = content.into();
        let put = if content.as_bytes() == Some(b"") { put.header("content-length", "0") } else { put };
        let sent = put.header("x-ms-blob-type", "BlockBlob").body(content).send().await.expect("an answer");
        assert_eq!(sent.status(), 201, "{name}");
        sent
    }

    /// The URL of something in an account, with a SAS that may do anything in the account.
    pub async fn url_in(&self, account: &str, path: &str) -> String {
        let name = AccountName::new(account).expect("a good name");
        let sas = self.mint(&SasRequest::new(name, "rwdlact", 3600)).await;
        format!("{}/{account}/{path}?{sas}", self.ready.blob)
    }

    /// The names below a prefix of a container, in order and without the prefix.
    pub async fn names_below(&self, account: &str, container: &str, prefix: &str) -> Vec<String> {
        let list = self.url_in(account, container).await;
        let list = format!("{list}&restype=container&comp=list&prefix={prefix}");
        let text = self.http.get(list).send().await.expect("an answer").text().await.expect("a text");
        let names = all_between(&text, "<Blob><Name>", "</Name>");
        names.iter().map(|name| name.trim_start_matches(prefix).to_owned()).collect()
    }

    /// Bytes that the stack takes on flash.
    pub async fn used_bytes(&self) -> u64 {
        let sent = self.control(Method::GET, "/v1/metrics").send().await.expect("the control API answers");
        sent.json::<Metrics>().await.expect("metrics").flash.used_bytes
    }

    /// The names in `CONTAINER`, in order.
    pub async fn names(&self) -> Vec<String> {
        let list = self.blob("GET", &format!("{CONTAINER}?restype=container&comp=list")).await;
        let text = list.send().await.expect("an answer").text().await.expect("a text");
        all_between(&text, "<Blob><Name>", "</Name>")
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // Ends the process that this test started; errors mean that it has ended.
        let _ = self.child.start_kill();
    }
}

/// Before any other client is built, since the one library for TLS has to be told once.
pub fn http() -> reqwest::ClientBuilder {
    let _ = greenroom_gateway::rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy()
}

pub fn client() -> reqwest::Client {
    http().build().expect("a client")
}

/// `greenroom-stack serve` over a folder.
pub fn command(dir: &Path, (blob, control): (&str, &str), arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom-stack"));
    command.arg("serve").arg("--data").arg(dir).args(["--blob", blob, "--control", control]).args(arguments);
    command.env("GREENROOM_LOG", "warn").stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn launch(dir: &Path, addresses: (&str, &str), arguments: &[&str], variables: &[(&str, &str)]) -> (Child, Ready) {
    ready(command(dir, addresses, arguments).envs(variables.iter().copied())).await
}

async fn ready(command: &mut Command) -> (Child, Ready) {
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the server starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let line = tokio::time::timeout(START_MAX, lines.next_line()).await.expect("the server is ready in time");
    let line = line.expect("a line").expect("the server says that it is ready");
    (child, serde_json::from_str(&line).expect("the ready line is JSON"))
}

/// Runs another of the program's commands; whether it ended well, and all that it said.
pub async fn stack_command(arguments: &[&str], variables: &[(&str, &str)]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom-stack"));
    command.args(arguments).envs(variables.iter().copied()).env("GREENROOM_LOG", "warn").stdin(Stdio::null());
    let output = command.kill_on_drop(true).output().await.expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// A line of a process's `/proc/PID/status`, in bytes: `VmRSS` is what it holds in memory, `VmHWM` the most that it ever did.
pub fn memory_bytes(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("a line of it");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// Runs a server that must not start; its exit status and what it said on stderr.
pub async fn fails_to_start(dir: &Path, addresses: (&str, &str), arguments: &[&str]) -> (ExitStatus, String) {
    let child = command(dir, addresses, arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("the server starts");
    let mut said = String::new();
    let mut stderr = child.stderr.take().expect("a pipe");
    let ended = tokio::time::timeout(START_MAX, async {
        stderr.read_to_string(&mut said).await.expect("text");
        child.wait().await.expect("a status")
    });
    (ended.await.expect("the server gives up in time"), said)
}

fn token(dir: &Path) -> String {
    std::fs::read_to_string(dir.join(TOKEN_FILE)).expect("the token file").trim().to_owned()
}

fn port(base: &str) -> String {
    base.trim_start_matches("http://").to_owned()
}

/// Everything that stands between two marks.
pub fn all_between(text: &str, open: &str, close: &str) -> Vec<String> {
    text.split(open).skip(1).filter_map(|rest| rest.split(close).next()).map(str::to_owned).collect()
}

pub type Headers<'a> = &'a [(&'a str, &'a str)];

/// A request with a SAS that allows everything.
pub async fn send(stack: &Stack, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
    let mut request = stack.blob(method, path).await.body(body.to_owned());
    // The protocol asks for it, and the client leaves it away where there is nothing to send.
    if body.is_empty() && ["PUT", "POST"].contains(&method) {
        request = request.header("content-length", "0");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("an answer")
}

/// A header of an answer; empty where it is absent.
pub fn header(answer: &Response, name: &str) -> String {
    answer.headers().get(name).map(|value| value.to_str().expect("text").to_owned()).unwrap_or_default()
}

/// `(status, x-ms-error-code)` of an answer.
pub fn verdict(answer: &Response) -> (u16, String) {
    let code = answer.headers().get("x-ms-error-code").and_then(|code| code.to_str().ok()).unwrap_or("");
    (answer.status().as_u16(), code.to_owned())
}
