//! Azure's SDK for JavaScript: `tests/clients/sdk.cjs`, one line a check.

use crate::support::{ACCOUNT, Stack, javascript};

#[tokio::test]
#[ignore = "takes the SDK, which set-up fetches: `cargo xtask test` does, and runs it"]
async fn the_sdk_for_javascript_works_as_its_users_call_it() {
    let stack = Stack::start().await;
    let keys = stack.make_account("gold", ACCOUNT, &[]).await;
    let url = format!("{}/{ACCOUNT}", stack.ready.blob);
    javascript::run_checks("sdk.cjs", &[("BLOB_URL", url.as_str()), ("ACCOUNT_KEY", &keys.key)]).await;
}
