//! The vault as the director meets it: a process to start and stop, and its command line, by which a tenant's keys are turned.

use crate::parse::VaultKey;
use crate::reveals::Reveals;
use crate::scrub::Secrets;
use crate::server::{Server, ServerError};
use crate::words::last_line;
use secrecy::SecretString;
use serde::Deserialize;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::Command;

/// How a stack learns what authorises it at its vault: never on a command line, which every user of a machine can read.
pub const SECRET: &str = "GREENROOM_VAULT_SECRET";
/// What the stack of a demo is called in its vault, and what it may do there.
const CLIENT: &str = "stack";
const RIGHTS: &str = "get,wrapKey,unwrapKey";
/// What a line to the vault may take: an RSA key is searched for.
const SAY_MAX: Duration = Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("{0}; reset the demo (Shift R) for a vault elsewhere")]
    Again(ServerError),
    #[error("{what}: {source}")]
    Io { what: &'static str, source: std::io::Error },
    /// In the vault's own words.
    #[error("the vault refused: {0}")]
    Refused(String),
    #[error("the vault's answer cannot be read: {0}")]
    Answer(String),
    #[error("the vault did not answer within {} s", SAY_MAX.as_secs())]
    Silent,
}

/// A running vault, and the end of it.
#[derive(Debug)]
pub struct Process {
    server: Server,
    pub vault: Vault,
}

/// Where a vault is, what is said to it, and what makes a stack its client.
#[derive(Debug, Clone)]
pub struct Vault {
    console: Console,
    /// Base URL.
    url: String,
    client: Arc<Client>,
}

/// What a stack is told of the vault: arguments, and what must not be among them.
#[derive(Debug)]
pub struct Client {
    pub args: Vec<String>,
    pub secret: SecretString,
}

#[derive(Debug, Clone)]
struct Console {
    program: PathBuf,
    data: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Ready {
    vault: String,
    authority: String,
    ca: PathBuf,
}

/// A client that was made.
#[derive(Deserialize)]
pub struct Added {
    client_id: String,
    pub secret: String,
}

/// A line of the list of keys.
#[derive(Debug, Deserialize)]
struct Listed {
    name: String,
}

/// The secret is told once, and to nobody who reads logs.
impl std::fmt::Debug for Added {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Added").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

impl Process {
    /// Starts a vault on loopback, and makes a client in it. In a folder that has held one before it is where that one was: keys are known by
    /// their URLs.
    pub async fn start(program: &Path, folder: &Path, secrets: &Secrets) -> Result<Process, VaultError> {
        let (data, place) = (folder.join("data"), folder.join("port"));
        let io = |what: &'static str| move |source| VaultError::Io { what, source };
        let port = match tokio::fs::read_to_string(&place).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok("0".to_string()),
            read => read,
        };
        let port = port.map_err(io("read where the vault was"))?;
        let mut command = Command::new(program);
        command.args(["serve", "--until-stdin-closes", "--listen", &format!("127.0.0.1:{port}"), "--data"]).arg(&data);
        let again = |error| if port == "0" { VaultError::Server(error) } else { VaultError::Again(error) };
        let (server, ready) = Server::start("vault", command, secrets).await.map_err(again)?;
        let Ready { vault: url, authority, ca } = ready;
        let port = url.rsplit(':').next().unwrap_or_default();
        tokio::fs::write(&place, port).await.map_err(io("note where the vault is"))?;
        let console = Console { program: program.to_path_buf(), data };
        // Of an earlier start, whose secret nobody has any more. At the first one there is none.
        console.say(&["client", "remove", CLIENT]).await.ok();
        let said = console.say(&["client", "add", CLIENT, "--rights", RIGHTS]).await?;
        let added: Added = serde_json::from_str(&said).map_err(|error| VaultError::Answer(error.to_string()))?;
        added.tell(secrets);
        let ca = ca.display().to_string();
        let args = ["--vault-client", &added.client_id, "--vault-authority", &authority, "--vault-ca", &ca];
        let client = Arc::new(Client { args: args.map(String::from).to_vec(), secret: added.secret.into() });
        Ok(Process { server, vault: Vault { console, url, client } })
    }

    /// Waits for an end that nobody asked for, and tells what the vault said last.
    pub async fn died(&mut self) -> String {
        self.server.died().await
    }

    pub async fn stop(self) {
        self.server.stop().await;
    }
}

impl Vault {
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What the key is called where tenants are declared.
    pub fn url(&self, key: &VaultKey) -> String {
        format!("{}/keys/{key}", self.url)
    }

    /// Makes a key where there is none of its name. Whether there was none.
    pub async fn create(&self, key: &VaultKey) -> Result<bool, VaultError> {
        let listed = self.console.say(&["key", "list"]).await?;
        let mut keys = listed.lines().filter_map(|line| serde_json::from_str::<Listed>(line).ok());
        if keys.any(|there| there.name == key.to_string()) {
            return Ok(false);
        }
        self.console.say(&["key", "create", &key.to_string()]).await.map(|_| true)
    }

    /// From now on the key neither wraps nor unwraps.
    pub async fn disable(&self, key: &VaultKey) -> Result<(), VaultError> {
        self.console.say(&["key", "disable", &key.to_string()]).await.map(|_| ())
    }

    /// Undoes it.
    pub async fn enable(&self, key: &VaultKey) -> Result<(), VaultError> {
        self.console.say(&["key", "enable", &key.to_string()]).await.map(|_| ())
    }
}

impl Console {
    /// A line to the vault, and what it says.
    async fn say(&self, line: &[&str]) -> Result<String, VaultError> {
        let mut command = Command::new(&self.program);
        command.args(line).arg("--data").arg(&self.data).stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(SAY_MAX, command.output()).await.map_err(|_| VaultError::Silent)?;
        let output = output.map_err(|source| VaultError::Io { what: "run the vault's program", source })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let last = last_line(&output.stderr);
        Err(VaultError::Refused(last.strip_prefix("greenroom-vault: ").unwrap_or(&last).to_string()))
    }
}

/// Whether a vault can be had here: one is started, makes a key, and is taken away. Why not, as a sentence.
pub async fn trial(program: &Path) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no folder for it: {error}"))?;
    let process =
        Process::start(program, folder.path(), &Secrets::default()).await.map_err(|error| error.to_string())?;
    let made = process.vault.create(&"trial".parse()?).await;
    process.stop().await;
    made.map(|_| ()).map_err(|error| error.to_string())
}

/// The vault's program: it stands beside the stack's.
pub fn program(stack: &Path) -> PathBuf {
    stack.with_file_name(format!("greenroom-vault{}", std::env::consts::EXE_SUFFIX))
}
