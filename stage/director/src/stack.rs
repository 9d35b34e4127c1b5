//! The stack as the director meets it: a process to start and stop, and its control API.

use crate::reveals::Reveals;
use crate::scrub::Secrets;
use crate::server::{Server, ServerError};
use crate::vault::VaultError;
use futures::{Stream, StreamExt, stream};
use greenroom_model::control::{
    Account, AccountKeys, Health, NewAccount, NewTenant, Problem, Ready, Sas, SasRequest, TOKEN_FILE, Tenant,
};
use greenroom_model::feed::{ChangeFeed, FeedStatus, Sink};
use greenroom_model::keys::{EncryptionStatus, Erased};
use greenroom_model::metrics::Metrics;
use greenroom_model::mirror::{Attach, Detach, MirrorStatus};
use greenroom_model::offload::{CloudFault, OffloadPlan, PassReport, Rules, RunRequest};
use greenroom_model::tenancy::{
    AdmissionRequest, AdmissionStatus, HandOver, HandOverRequest, KeyPair, QuotaChange, Receipt, Share, TenantStatus,
    TenantsFile, TenantsPlan,
};
use greenroom_model::{AccountName, TenantName};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

const CALL_MAX: Duration = Duration::from_secs(10);
/// One event of the metrics stream; a thousand tenants fit.
const EVENT_BYTES_MAX: usize = 4 << 20;

#[derive(Debug, thiserror::Error)]
pub enum StackError {
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("the stack did not start: {0}")]
    Start(String),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error("the stack is down")]
    Down,
    /// Without the URL, which may be signed.
    #[error("the stack does not answer: {0}")]
    Unreachable(reqwest::Error),
    #[error("the stack's answer cannot be read: {0}")]
    Answer(String),
    #[error("the stack refused: {0}")]
    Refused(Problem),
}

impl From<reqwest::Error> for StackError {
    fn from(error: reqwest::Error) -> Self {
        StackError::Unreachable(error.without_url())
    }
}

/// A running server, and the end of it.
#[derive(Debug)]
pub struct Process {
    server: Server,
    pub client: Client,
}

/// What a server gets besides its folder.
#[derive(Default)]
pub struct Start {
    pub args: Vec<String>,
    pub env: BTreeMap<String, SecretString>,
    /// Hears of all that the server makes and nobody may read.
    pub secrets: Secrets,
}

/// A control API and the Blob endpoint beside it.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    control: String,
    token: SecretString,
    secrets: Secrets,
    /// Base URL, without a trailing slash.
    pub blob: String,
    /// The server's data folder, which holds its token.
    pub data: PathBuf,
}

impl Process {
    /// Starts a server on free ports, and waits until both endpoints answer.
    pub async fn start(program: &Path, data: &Path, with: Start) -> Result<Process, StackError> {
        let mut command = Command::new(program);
        command.args(["serve", "--blob", "127.0.0.1:0", "--control", "127.0.0.1:0", "--until-stdin-closes", "--data"]);
        command.arg(data).args(with.args);
        command.envs(with.env.iter().map(|(name, value)| (name, value.expose_secret())));
        let (server, ready): (Server, Ready) = Server::start("stack", command, &with.secrets).await?;
        let token = tokio::fs::read_to_string(data.join(TOKEN_FILE))
            .await
            .map_err(|error| StackError::Start(format!("cannot read its token: {error}")))?;
        let client = Client::new(ready.control, ready.blob, token.trim(), with.secrets, data)?;
        Ok(Process { server, client })
    }

    /// Waits for an end that nobody asked for, and tells what the server said last.
    pub async fn died(&mut self) -> String {
        self.server.died().await
    }

    /// Lets the server drain, and ends it where it does not end by itself.
    pub async fn stop(self) {
        self.client.shutdown().await.ok();
        self.server.stop().await;
    }
}

impl Client {
    fn new(control: String, blob: String, token: &str, secrets: Secrets, data: &Path) -> Result<Client, StackError> {
        secrets.know(token);
        // Endpoints are on loopback: a proxy of the environment must not see them.
        let http = crate::http::client().no_proxy().connect_timeout(CALL_MAX).build()?;
        Ok(Client { http, control, token: token.into(), secrets, blob, data: data.to_path_buf() })
    }

    /// What this stack, and those that share its handle, have made and nobody may read.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Base URL of its control API.
    pub fn control(&self) -> &str {
        &self.control
    }

    pub async fn health(&self) -> Result<Health, StackError> {
        self.reply(self.http.get(self.url("/health"))).await
    }

    pub async fn metrics(&self) -> Result<Metrics, StackError> {
        self.reply(self.http.get(self.url("/v1/metrics"))).await
    }

    pub async fn put_tenant(&self, name: &TenantName) -> Result<Tenant, StackError> {
        self.put(&format!("/v1/tenants/{name}"), &NewTenant {}).await
    }

    pub async fn put_account(&self, name: &AccountName, account: &NewAccount) -> Result<AccountKeys, StackError> {
        self.put(&format!("/v1/accounts/{name}"), account).await
    }

    pub async fn accounts(&self) -> Result<Vec<Account>, StackError> {
        self.reply(self.http.get(self.url("/v1/accounts"))).await
    }

    pub async fn sas(&self, request: &SasRequest) -> Result<Sas, StackError> {
        self.reply(self.http.post(self.url("/v1/sas")).json(request)).await
    }

    pub async fn plan_tenants(&self, file: &TenantsFile) -> Result<TenantsPlan, StackError> {
        self.reply(self.http.post(self.url("/v1/tenants/plan")).json(file)).await
    }

    /// Applies a file to what its plan was made for, and to nothing else.
    pub async fn apply_tenants(&self, file: &TenantsFile, etag: &str) -> Result<TenantsPlan, StackError> {
        self.reply(self.http.put(self.url("/v1/tenants")).header("if-match", etag).json(file)).await
    }

    pub async fn tenant_act(&self, name: &TenantName, act: &str) -> Result<TenantStatus, StackError> {
        self.reply(self.http.post(self.url(&format!("/v1/tenants/{name}/{act}")))).await
    }

    pub async fn set_quota(&self, name: &TenantName, quota: &QuotaChange) -> Result<TenantStatus, StackError> {
        self.put(&format!("/v1/tenants/{name}/quota"), quota).await
    }

    pub async fn set_share(&self, name: &TenantName, share: &Share) -> Result<TenantStatus, StackError> {
        self.put(&format!("/v1/tenants/{name}/share"), share).await
    }

    pub async fn hand_over(&self, name: &TenantName, request: &HandOverRequest) -> Result<HandOver, StackError> {
        self.reply(self.http.post(self.url(&format!("/v1/tenants/{name}/hand-over"))).json(request)).await
    }

    pub async fn off_board(&self, name: &TenantName) -> Result<Receipt, StackError> {
        self.reply(self.http.post(self.url(&format!("/v1/tenants/{name}/off-board")))).await
    }

    pub async fn tenant(&self, name: &TenantName) -> Result<TenantStatus, StackError> {
        self.reply(self.http.get(self.url(&format!("/v1/tenants/{name}")))).await
    }

    pub async fn tenants(&self) -> Result<Vec<TenantStatus>, StackError> {
        self.reply(self.http.get(self.url("/v1/tenants"))).await
    }

    pub async fn encryption(&self, name: &TenantName) -> Result<EncryptionStatus, StackError> {
        self.reply(self.http.get(self.url(&format!("/v1/tenants/{name}/encryption")))).await
    }

    /// Erases the data keys of a tenant: what they encrypted is never read again.
    pub async fn erase(&self, name: &TenantName) -> Result<Erased, StackError> {
        self.reply(self.http.post(self.url(&format!("/v1/tenants/{name}/encryption/erase")))).await
    }

    pub async fn admission(&self) -> Result<AdmissionStatus, StackError> {
        self.reply(self.http.get(self.url("/v1/admission"))).await
    }

    pub async fn set_admission(&self, request: &AdmissionRequest) -> Result<AdmissionStatus, StackError> {
        self.put("/v1/admission", request).await
    }

    pub async fn keys(&self, account: &AccountName) -> Result<KeyPair, StackError> {
        self.reply(self.http.get(self.url(&format!("/v1/accounts/{account}/keys")))).await
    }

    pub async fn rotate_key(&self, account: &AccountName, key: u8) -> Result<KeyPair, StackError> {
        self.reply(self.http.post(self.url(&format!("/v1/accounts/{account}/keys/{key}/rotate")))).await
    }

    /// Switches an account's change feed on, or off where there are no settings.
    pub async fn set_feed(
        &self,
        account: &AccountName,
        settings: Option<&ChangeFeed>,
    ) -> Result<FeedStatus, StackError> {
        let path = format!("/v1/accounts/{account}/change-feed");
        match settings {
            Some(settings) => self.put(&path, settings).await,
            None => self.reply(self.http.delete(self.url(&path))).await,
        }
    }

    pub async fn put_sink(
        &self,
        account: &AccountName,
        name: &TenantName,
        sink: &Sink,
    ) -> Result<FeedStatus, StackError> {
        self.put(&format!("/v1/accounts/{account}/sinks/{name}"), sink).await
    }

    pub async fn mirrors(&self, account: &AccountName) -> Result<BTreeMap<TenantName, MirrorStatus>, StackError> {
        self.reply(self.http.get(self.url(&format!("/v1/accounts/{account}/mirrors")))).await
    }

    pub async fn attach(
        &self,
        account: &AccountName,
        name: &TenantName,
        attach: &Attach,
    ) -> Result<MirrorStatus, StackError> {
        attach.secret.iter().for_each(|secret| self.secrets.know(secret));
        self.put(&format!("/v1/accounts/{account}/mirrors/{name}"), attach).await
    }

    pub async fn detach(&self, account: &AccountName, name: &TenantName, how: Detach) -> Result<(), StackError> {
        let what = match how {
            Detach::Remove => "remove",
            Detach::Leave => "leave",
        };
        let url = self.url(&format!("/v1/accounts/{account}/mirrors/{name}?what={what}"));
        self.text(self.http.delete(url)).await.map(|_| ())
    }

    pub async fn mirror_act(
        &self,
        account: &AccountName,
        name: &TenantName,
        act: &str,
    ) -> Result<MirrorStatus, StackError> {
        self.reply(self.http.post(self.url(&format!("/v1/accounts/{account}/mirrors/{name}/{act}")))).await
    }

    pub async fn offload_plan(&self) -> Result<OffloadPlan, StackError> {
        self.reply(self.http.get(self.url("/v1/offload/plan"))).await
    }

    pub async fn offload_policy(&self) -> Result<Rules, StackError> {
        self.reply(self.http.get(self.url("/v1/offload/policy"))).await
    }

    pub async fn set_offload_policy(&self, rules: &Rules) -> Result<Rules, StackError> {
        self.put("/v1/offload/policy", rules).await
    }

    /// Asks for a pass; nothing where it takes longer than the answer may.
    pub async fn offload_run(&self) -> Result<Option<PassReport>, StackError> {
        let request = RunRequest { wait_s: Some(CALL_MAX.as_secs() / 2), ..RunRequest::default() };
        let text = self.text(self.http.post(self.url("/v1/offload/run")).json(&request)).await?;
        Ok(serde_json::from_str(&text).ok())
    }

    /// Sets what happens on the way to the cloud; nothing mends it.
    pub async fn set_fault(&self, fault: Option<&CloudFault>) -> Result<(), StackError> {
        let url = self.url("/v1/offload/fault");
        let request = match fault {
            Some(fault) => self.http.put(url).json(fault),
            None => self.http.delete(url),
        };
        self.text(request).await.map(|_| ())
    }

    /// Deletes a container over the Blob API; one that is gone already is no error.
    pub async fn delete_container(&self, account: &AccountName, container: &str) -> Result<(), StackError> {
        let request = SasRequest::new(account.clone(), "d", 60);
        let sas = self.sas(&request).await?;
        let url = format!("{}/{account}/{container}?restype=container&{}", self.blob, sas.token);
        let reply = self.http.delete(url).header("x-ms-version", "2025-07-05").timeout(CALL_MAX).send().await?;
        match reply.status().as_u16() {
            202 | 404 => Ok(()),
            status => Err(StackError::Refused(Problem {
                title: format!("container {account}/{container} was not removed"),
                status,
                detail: self.secrets.scrub(&reply.text().await.unwrap_or_default()),
            })),
        }
    }

    /// Metrics as they come, `hz` a second, until the stack goes away.
    pub async fn metrics_stream(&self, hz: u32) -> Result<impl Stream<Item = Metrics> + use<>, StackError> {
        let url = self.url(&format!("/v1/metrics/stream?hz={hz}"));
        let reply = self.http.get(url).bearer_auth(self.token.expose_secret()).send().await?.error_for_status()?;
        let bytes = reply.bytes_stream();
        Ok(stream::unfold((Box::pin(bytes), Vec::new()), |(mut bytes, mut held)| async move {
            loop {
                while let Some(event) = take_event(&mut held) {
                    if let Ok(metrics) = serde_json::from_slice(&event) {
                        return Some((metrics, (bytes, held)));
                    }
                }
                let chunk = bytes.next().await?.ok()?;
                held.extend_from_slice(&chunk);
                if held.len() > EVENT_BYTES_MAX {
                    return None;
                }
            }
        }))
    }

    async fn shutdown(&self) -> Result<(), StackError> {
        let request =
            self.http.post(self.url("/v1/shutdown")).bearer_auth(self.token.expose_secret()).timeout(CALL_MAX);
        request.send().await?.error_for_status()?;
        Ok(())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.control)
    }

    async fn put<T: DeserializeOwned + Reveals>(&self, path: &str, body: &impl Serialize) -> Result<T, StackError> {
        self.reply(self.http.put(self.url(path)).json(body)).await
    }

    /// The one place where secrets come from the stack, and are known from then on.
    async fn reply<T: DeserializeOwned + Reveals>(&self, request: reqwest::RequestBuilder) -> Result<T, StackError> {
        let text = self.text(request).await?;
        let answer: T = serde_json::from_str(&text).map_err(|error| StackError::Answer(error.to_string()))?;
        answer.tell(&self.secrets);
        Ok(answer)
    }

    async fn text(&self, request: reqwest::RequestBuilder) -> Result<String, StackError> {
        let reply = request.bearer_auth(self.token.expose_secret()).timeout(CALL_MAX).send().await?;
        let status = reply.status();
        let text = reply.text().await?;
        if status.is_success() {
            return Ok(text);
        }
        let text = self.secrets.scrub(&text);
        let problem = serde_json::from_str(&text).unwrap_or(Problem {
            title: status.to_string(),
            status: status.as_u16(),
            detail: text,
        });
        Err(StackError::Refused(problem))
    }
}

/// Takes the data of the first whole server-sent event out of what has come.
fn take_event(held: &mut Vec<u8>) -> Option<Vec<u8>> {
    let end = held.windows(2).position(|pair| pair == b"\n\n")?;
    let event: Vec<u8> = held.drain(..end + 2).collect();
    let data = event.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"data:"));
    Some(data.flatten().copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_cut_where_they_end_however_they_arrive() {
        let mut held = Vec::new();
        let mut events = Vec::new();
        for byte in b": hello\n\ndata: {\"a\":1}\n\nevent: x\ndata:2\n\ndata: 3" {
            held.push(*byte);
            events.extend(take_event(&mut held));
        }
        let events: Vec<_> = events.iter().map(|event| String::from_utf8_lossy(event).trim().to_string()).collect();
        assert_eq!(events, ["", "{\"a\":1}", "2"]);
        assert_eq!(held, b"data: 3");
    }
}
