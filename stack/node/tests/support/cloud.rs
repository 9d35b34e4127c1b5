//! What a stack offloads to: by default another stack, spoken to over HTTP.

use super::Stack;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::{Child, Command};

pub const CLOUD_CONTAINER: &str = "cold";
const CLOUD_ACCOUNT: &str = "cloud";
const SECRET_VARIABLE: &str = "GREENROOM_OFFLOAD_SECRET";
/// Azurite's account, and its key, which is no secret.
const DEV_ACCOUNT: &str = "devstoreaccount1";
const DEV_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const START_MAX: Duration = Duration::from_secs(60);

pub struct Cloud {
    pub url: String,
    pub secret: Option<String>,
    /// What it lives in, as long as it is used.
    _stack: Option<Stack>,
    _azurite: Option<(Child, TempDir)>,
}

impl Cloud {
    /// A second stack with an account for it.
    pub async fn start() -> Cloud {
        let stack = Stack::start().await;
        let keys = stack.make_account("cloud", CLOUD_ACCOUNT, &[CLOUD_CONTAINER]).await;
        let url = format!("{}/{CLOUD_ACCOUNT}/{CLOUD_CONTAINER}", stack.ready.blob);
        Cloud { url, secret: Some(keys.key), _stack: Some(stack), _azurite: None }
    }

    pub fn at(url: String, secret: Option<String>) -> Cloud {
        Cloud { url, secret, _stack: None, _azurite: None }
    }

    /// Azurite over an empty folder, on a port that was free a moment ago.
    pub async fn azurite() -> Cloud {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/azurite/node_modules/.bin/azurite-blob");
        assert!(program.is_file(), "Azurite is not at {}: run `cargo xtask setup`", program.display());
        let dir = tempfile::tempdir().expect("a temporary folder");
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let port = free.expect("a free port").port();
        let mut command = Command::new(program);
        command.args(["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--blobHost", "127.0.0.1"]);
        command.args(["--blobPort", &port.to_string()]).arg("--location").arg(dir.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let child = command.spawn().expect("Azurite starts");
        let endpoint = format!("http://127.0.0.1:{port}/{DEV_ACCOUNT}");
        make_container(&endpoint).await;
        let url = format!("{endpoint}/{CLOUD_CONTAINER}");
        Cloud { url, secret: Some(DEV_KEY.to_owned()), _stack: None, _azurite: Some((child, dir)) }
    }

    /// A server that offloads to it.
    pub async fn stack(&self, more: &[&str]) -> Stack {
        let arguments = self.arguments(more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Stack::start_with_variables(&arguments, &self.variables()).await
    }

    pub fn arguments(&self, more: &[&str]) -> Vec<String> {
        let target = ["--offload-to".to_owned(), self.url.clone()];
        target.into_iter().chain(more.iter().map(|&argument| argument.to_owned())).collect()
    }

    pub fn variables(&self) -> Vec<(&str, &str)> {
        self.secret.iter().map(|secret| (SECRET_VARIABLE, secret.as_str())).collect()
    }
}

/// Once it answers.
async fn make_container(endpoint: &str) {
    let made = async {
        while !make(endpoint).await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(START_MAX, made).await.expect("Azurite is up in time");
}

/// Create Container, signed by the account's key.
async fn make(endpoint: &str) -> bool {
    let headers = [("x-ms-date", http_date()), ("x-ms-version", "2025-07-05".to_owned())];
    let canonical: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let resource = format!("/{DEV_ACCOUNT}/{DEV_ACCOUNT}/{CLOUD_CONTAINER}\nrestype:container");
    let to_sign = format!("PUT\n\n\n\n\n\n\n\n\n\n\n\n{canonical}{resource}");
    let authorization = format!("SharedKey {DEV_ACCOUNT}:{}", sign(&to_sign));
    let mut request = super::client().put(format!("{endpoint}/{CLOUD_CONTAINER}?restype=container"));
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let sent = request.header("authorization", authorization).header("content-length", "0").send().await;
    sent.is_ok_and(|answer| answer.status().is_success() || answer.status() == 409)
}

fn sign(text: &str) -> String {
    let key = BASE64_STANDARD.decode(DEV_KEY).expect("Base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key of any length");
    mac.update(text.as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

fn http_date() -> String {
    greenroom_gateway::time::http(greenroom_store::Clock::now(&greenroom_store::SystemClock))
}
