//! Azure's SDK for Python: `tests/clients/keys.py`, one line a check.

mod support;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use support::{ALL, Credentials, Server};
use tokio::process::Command;

const RUN_MAX: Duration = Duration::from_secs(300);

#[tokio::test]
async fn the_sdk_for_python_takes_the_vault_for_azures() {
    let server = Server::start().await;
    let pair = |who: Credentials| format!("{}:{}", who.client_id, who.secret);
    let admin = pair(server.client("admin", ALL).await);
    let blind = pair(server.client("blind", "wrapKey,unwrapKey,encrypt,decrypt").await);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = here.join("../../.tools/python-clients/bin/python");
    assert!(program.is_file(), "no Python clients at {}: run `cargo xtask setup`", program.display());
    let mut command = Command::new(program);
    command.arg("-B").arg(here.join("tests/clients/keys.py")).stdin(Stdio::null()).kill_on_drop(true);
    command.env_clear().env("HOME", server.dir.path()).env("PATH", "/usr/bin:/bin");
    // The checks are run as those of the node are.
    command.env("PYTHONPATH", here.join("../node/tests/clients"));
    command.env("VAULT_URL", server.ready.vault.as_str().trim_end_matches('/'));
    command.env("AUTHORITY", server.ready.authority.as_str());
    command.env("REQUESTS_CA_BUNDLE", server.ready.ca.as_deref().expect("an authority"));
    command.envs([("ADMIN", admin), ("BLIND", blind)]);
    let output = tokio::time::timeout(RUN_MAX, command.output()).await.expect("the script ends in time");
    let output = output.expect("Python runs");
    let (said, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    assert!(output.status.success() && said.contains(" passed, 0 failed"), "{said}\n{complaints}");
}
