//! Azure's SDK for Python: `tests/clients/sdk.py`, one line a check.

use crate::support::{ACCOUNT, Stack, python};
use greenroom_model::control::{IdentityToken, Role};

#[tokio::test]
async fn the_sdk_for_python_works_as_its_users_call_it() {
    let stack = Stack::start().await;
    let keys = stack.make_account("gold", ACCOUNT, &[]).await;
    let identity = stack.identity(ACCOUNT, Role::Reader).await;
    let token = stack.http.get(identity.endpoint).send().await.expect("an answer");
    let token: IdentityToken = token.json().await.expect("a token");
    let url = format!("{}/{ACCOUNT}", stack.ready.blob);
    let environment = [("BLOB_URL", url.as_str()), ("ACCOUNT_KEY", &keys.key), ("READER_TOKEN", &token.access_token)];
    python::run_checks("sdk.py", &environment).await;
}
