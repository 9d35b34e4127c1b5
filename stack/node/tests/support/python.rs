//! Python's storage clients, in the environment that set-up makes. A test that needs it fails where it is not there: it must
//! not pass without having run.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

const RUN_MAX: Duration = Duration::from_secs(300);

/// Runs a script of `tests/clients`, which says one line a check; all must be well.
pub async fn run_checks(script: &str, environment: &[(&str, &str)]) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/python-clients/bin/python");
    assert!(program.is_file(), "no Python clients at {}: run `cargo xtask setup`", program.display());
    let scripts: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let home = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(program);
    command.arg("-B").arg(scripts.join(script)).stdin(Stdio::null()).kill_on_drop(true);
    command.env_clear().env("HOME", home.path()).env("PATH", "/usr/bin:/bin").envs(environment.iter().copied());
    let output = tokio::time::timeout(RUN_MAX, command.output()).await.expect("the script ends in time");
    let output = output.expect("Python runs");
    let (said, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    assert!(output.status.success() && said.contains(" passed, 0 failed"), "{script}:\n{said}\n{complaints}");
}
