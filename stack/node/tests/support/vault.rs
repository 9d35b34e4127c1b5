//! An embedded vault: a process of its own, which is told by its command line what a tenant would tell Azure's.

use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

#[derive(Debug, Deserialize)]
struct Ready {
    vault: String,
    authority: String,
    ca: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Credentials {
    client_id: String,
    secret: String,
}

pub struct Vault {
    child: Child,
    ready: Ready,
    dir: TempDir,
    /// What makes a server its client.
    pub arguments: Vec<String>,
}

impl Vault {
    /// With a client that may wrap and unwrap, and a key `gold`.
    pub async fn start() -> Vault {
        let dir = tempfile::tempdir().expect("a folder");
        let (child, ready) = serve(&dir.path().join("vault"), "127.0.0.1:0").await;
        let mut vault = Vault { child, ready, dir, arguments: Vec::new() };
        vault.say(&["key", "create", "gold"]).await;
        let said = vault.say(&["client", "add", "stack", "--rights", "get,wrapKey,unwrapKey"]).await;
        let Credentials { client_id, secret } = serde_json::from_str(&said).expect("credentials");
        let file = vault.dir.path().join("secret");
        greenroom_store::private::replace(&file, secret.as_bytes()).expect("written");
        let Ready { authority, ca, .. } = &vault.ready;
        let given = ["--vault-client", &client_id, "--vault-authority", authority].map(str::to_owned);
        vault.arguments.extend(given);
        for (flag, file) in [("--vault-secret-file", &file), ("--vault-ca", ca)] {
            vault.arguments.extend([flag.to_owned(), file.display().to_string()]);
        }
        vault
    }

    pub fn key(&self, name: &str) -> String {
        format!("{}/keys/{name}", self.ready.vault)
    }

    /// Its command line, to a good end; what it said.
    pub async fn say(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(program());
        command.args(arguments).arg("--data").arg(self.dir.path().join("vault"));
        let output = command.stdin(Stdio::null()).output().await.expect("it runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub async fn kill(&mut self) {
        self.child.kill().await.expect("it runs");
    }

    /// Starts it again over its folder, and where it was.
    pub async fn restart(&mut self) {
        let address = self.ready.vault.rsplit(':').next().expect("a port");
        let (child, ready) = serve(&self.dir.path().join("vault"), &format!("127.0.0.1:{address}")).await;
        assert_eq!(ready.vault, self.ready.vault);
        self.child = child;
    }
}

async fn serve(data: &Path, listen: &str) -> (Child, Ready) {
    let mut command = Command::new(program());
    command.args(["serve", "--listen", listen, "--data"]).arg(data);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("it runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let line = lines.next_line().await.expect("a line").expect("it says where it is");
    (child, serde_json::from_str(&line).expect("where it is"))
}

/// Beside the server: the two are built together.
fn program() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_greenroom-stack")).with_file_name("greenroom-vault")
}
