//! Azure's SDK for JavaScript, where set-up puts it. A test that needs it fails where it is not there: it must not pass without
//! having run.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

const RUN_MAX: Duration = Duration::from_secs(300);

/// Runs a script of `tests/clients`, which says one line a check; all must be well.
pub async fn run_checks(script: &str, environment: &[(&str, &str)]) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packages = here.join("../../.tools/@azure/storage-blob/node_modules");
    assert!(packages.is_dir(), "no SDK at {}: run `cargo xtask setup`", packages.display());
    let home = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new("node");
    command.arg(here.join("tests/clients").join(script)).stdin(Stdio::null()).kill_on_drop(true);
    // A PATH of its own would miss a Node that is not the distribution's.
    command.env_clear().env("HOME", home.path()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("NODE_PATH", packages).envs(environment.iter().copied());
    let output = tokio::time::timeout(RUN_MAX, command.output()).await.expect("the script ends in time");
    let output = output.expect("Node runs");
    let (said, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    assert!(output.status.success() && said.contains(" passed, 0 failed"), "{script}:\n{said}\n{complaints}");
}
