//! The program itself, in a folder of its own.
#![allow(dead_code, reason = "each test file uses a part of this")]

pub mod fake;

use greenroom_vault::{Settings, Vault};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use secrecy::SecretString;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use url::Url;

pub const ALL: &str = "get,list,create,update,delete,recover,purge,wrapKey,unwrapKey,encrypt,decrypt,rotate";
/// What has not happened by then does not happen.
pub const PATIENCE: Duration = Duration::from_secs(30);
const PROGRAM: &str = env!("CARGO_BIN_EXE_greenroom-vault");

#[derive(Debug, Deserialize)]
pub struct Ready {
    pub vault: Url,
    pub authority: Url,
    pub ca: Option<PathBuf>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Credentials {
    pub client_id: String,
    pub secret: String,
}

pub struct Server {
    pub ready: Ready,
    pub child: Child,
    pub dir: TempDir,
}

impl Server {
    pub async fn start() -> Server {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (child, ready) = serve(&dir.path().join("vault"), &[]).await;
        Server { ready, child, dir }
    }

    /// The vault's folder, which it made itself.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("vault")
    }

    /// A server that has the key `root`.
    pub async fn with_key() -> Server {
        let server = Server::start().await;
        server.run(&["key", "create", "root"]).await;
        server
    }

    /// Ends it as a power cut does.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("the server is killed");
    }

    /// Once more, in the same folder and at the same address.
    pub async fn again(&mut self) {
        let listen = format!("127.0.0.1:{}", self.ready.vault.port().expect("a port"));
        (self.child, self.ready) = serve(&self.data(), &["--listen", &listen]).await;
    }

    pub async fn stop(&mut self) -> bool {
        let pid = Pid::from_raw(i32::try_from(self.child.id().expect("it runs")).expect("a process's number"));
        kill(pid, Signal::SIGTERM).expect("SIGTERM is sent");
        timeout(PATIENCE, self.child.wait()).await.expect("it ends in time").expect("it ends").success()
    }

    /// The command line, which has to succeed; what it says.
    pub async fn run(&self, args: &[&str]) -> String {
        let output = run(&self.data(), args).await;
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    pub async fn client(&self, name: &str, rights: &str) -> Credentials {
        let said = self.run(&["client", "add", name, "--rights", rights]).await;
        serde_json::from_str(&said).expect("an identifier and a secret")
    }

    pub fn settings(&self, who: &Credentials) -> Settings {
        Settings {
            key: self.ready.vault.join("keys/root").expect("a URL"),
            authority: Some(self.ready.authority.clone()),
            client_id: who.client_id.clone(),
            secret: SecretString::from(who.secret.as_str()),
            ca: self.ready.ca.clone(),
            timeout: PATIENCE,
        }
    }

    pub fn open(&self, who: &Credentials) -> Vault {
        Vault::open(self.settings(who)).expect("settings")
    }

    /// A plain HTTP client that trusts the vault.
    pub fn http(&self) -> reqwest::Client {
        reqwest::Client::builder().tls_backend_preconfigured(self.tls()).no_proxy().build().expect("a client")
    }

    pub fn tls(&self) -> tokio_rustls::rustls::ClientConfig {
        fake::trusting(self.ready.ca.as_deref().expect("an authority"))
    }

    /// A token, as a client of another make gets it.
    pub async fn token(&self, who: &Credentials) -> String {
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope=https%3A%2F%2Fvault.azure.net%2F.default",
            who.client_id, who.secret
        );
        let url = format!("{}/oauth2/v2.0/token", self.ready.authority);
        let answer = self.http().post(url).body(form).send().await.expect("an answer");
        let answer: serde_json::Value = answer.json().await.expect("JSON");
        answer["access_token"].as_str().expect("a token").to_owned()
    }

    /// What was written down, by key and operation.
    pub fn audit(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.data().join("audit.ndjson")).expect("an audit");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

pub async fn run(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(args).arg("--data").arg(dir).stdin(Stdio::null()).kill_on_drop(true);
    timeout(PATIENCE, command.output()).await.expect("it ends in time").expect("it runs")
}

pub async fn serve(dir: &Path, args: &[&str]) -> (Child, Ready) {
    let mut command = Command::new(PROGRAM);
    command.arg("serve").args(["--until-stdin-closes", "--data"]).arg(dir).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().expect("it runs");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("standard output");
    let read = BufReader::new(stdout).read_line(&mut line).await;
    read.expect("a line");
    let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
    (child, ready)
}
