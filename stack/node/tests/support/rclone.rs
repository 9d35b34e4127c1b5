//! rclone's azureblob backend, by the URLs of SASs.

use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::process::Command;

const RUN_MAX: Duration = Duration::from_secs(120);

/// Runs rclone to its end, which must be a good one; what it printed. A remote is what it is called, and its URL.
pub async fn run(remotes: &[(&str, &str)], arguments: &[&str]) -> String {
    let output = ended(remotes, arguments).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "rclone {arguments:?}:\n{said}\n{complaints}");
    said
}

/// Runs rclone to its end, whichever.
pub async fn ended(remotes: &[(&str, &str)], arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new("rclone");
    command.env_clear().env("HOME", home.path()).env("PATH", "/usr/local/bin:/usr/bin:/bin");
    for (name, sas_url) in remotes {
        let name = name.to_uppercase();
        command.env(format!("RCLONE_CONFIG_{name}_TYPE"), "azureblob");
        command.env(format!("RCLONE_CONFIG_{name}_SAS_URL"), sas_url);
    }
    command.args(arguments).args(["--low-level-retries", "1", "--retries", "1"]);
    let output = tokio::time::timeout(RUN_MAX, command.stdin(Stdio::null()).kill_on_drop(true).output()).await;
    output.expect("rclone ends in time").expect("rclone is installed: run `cargo xtask setup`")
}
