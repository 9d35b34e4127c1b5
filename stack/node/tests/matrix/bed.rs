//! What an aggressor and the quiet one share: a server with three tenants, and where it is about the cloud, cold blobs of the loud one.

use crate::support::cloud::Cloud;
use crate::support::tiering::{PATIENCE, set_rules, wait};
use crate::support::{Stack, tree};
use crate::wire::{Account, Connection, Request};
use futures::future::join_all;
use greenroom_model::AccountName;
use greenroom_model::control::SasRequest;
use greenroom_model::metrics::Metrics;
use greenroom_model::offload::{CloudFault, CloudFaultKind, Rule, Rules, Scope, Treatment};
use reqwest::Method;
use std::net::SocketAddr;
use std::time::Duration;

const FILE: &str = "
version: 1
tenants:
- { name: quiet, projects: [{ name: p, accounts: [{ name: quietacct, containers: [{ name: box }] }] }] }
- { name: loud, projects: [{ name: p, accounts: [{ name: loudacct, containers: [
    { name: box }, { name: cold }, { name: listed }, { name: tagged }] }] }] }
- { name: small, quota: { bytes: 1 MiB }, projects: [{ name: p, accounts: [{ name: smallacct, containers: [{ name: box }] }] }] }
";
const FLASH: &str = "--flash-size=4GiB";
const COLD: u64 = 200;
/// Not so small that several would be fetched as one.
const COLD_BYTES: usize = 300 << 10;
const AT_ONCE: u64 = 32;
const LOOK_EVERY: Duration = Duration::from_millis(10);

pub struct Bed {
    pub stack: Stack,
    pub server: SocketAddr,
    pub quiet: Account,
    pub loud: Account,
    pub small: Account,
    /// What it offloads to.
    _cloud: Option<Cloud>,
}

impl Bed {
    pub async fn new() -> Self {
        Self::on(Stack::start_with(&[FLASH]).await, None).await
    }

    pub async fn with_cold_blobs() -> Self {
        let cloud = Cloud::start().await;
        let bed = Self::on(cloud.stack(&[FLASH]).await, Some(cloud)).await;
        bed.fill_the_cloud().await;
        bed
    }

    async fn on(stack: Stack, cloud: Option<Cloud>) -> Self {
        let applied = stack.control(Method::PUT, "/v1/tenants").body(FILE).send().await.expect("an answer");
        assert!(applied.status().is_success(), "{}", applied.text().await.expect("a text"));
        let server = stack.ready.blob.trim_start_matches("http://").parse().expect("an address");
        let [quiet, loud, small] = ["quietacct", "loudacct", "smallacct"].map(|name| account(&stack, name));
        let (quiet, loud, small) = (quiet.await, loud.await, small.await);
        Self { stack, server, quiet, loud, small, _cloud: cloud }
    }

    async fn fill_the_cloud(&self) {
        let scope = Scope { container: Some("cold".to_owned()), ..Scope::default() };
        let cold = Rule { scope, treat: Treatment::AtOnce };
        // What is read does not come back by itself.
        let rules = Rules { rules: vec![cold], otherwise: Treatment::Pin, ..Rules::default() };
        set_rules(&self.stack, &rules).await;
        self.once(COLD, |number| {
            self.loud.put_blob(&Self::cold(number), "", tree::content(&number.to_string(), COLD_BYTES))
        })
        .await;
        wait(&self.stack, "all in the cloud", |status| status.offloaded.blobs == COLD && status.pending.blobs == 0)
            .await;
    }

    /// One of the cold blobs.
    pub fn cold(number: u64) -> String {
        format!("cold/{}", number % COLD)
    }

    /// So many requests, each of which has to succeed.
    pub async fn once(&self, count: u64, request: impl Fn(u64) -> Request) {
        let request = &request;
        join_all((0..AT_ONCE.min(count)).map(async |first| {
            let mut connection = Connection::open(self.server).await.expect("a connection");
            for number in (first..count).step_by(AT_ONCE as usize) {
                let request = request(number);
                connection.send(&request).await.expect("it is sent");
                let answer = connection.answer(1_000).await.expect("an answer");
                let said = String::from_utf8_lossy(&answer.body);
                assert!((200..300).contains(&answer.status), "{}: {} {said}", request.head, answer.status);
            }
        }))
        .await;
    }

    /// A cloud that takes so long over each request.
    pub async fn cloud_takes(&self, delay_ms: u64) {
        let slow = CloudFault { kind: CloudFaultKind::Slow, percent: None, delay_ms: Some(delay_ms) };
        assert_eq!(self.stack.put("/v1/offload/fault", &slow).await.status(), 204);
    }

    /// Until nothing of an attack is under way any more.
    pub async fn settled(&self) {
        let waiting = async {
            loop {
                let metrics = self.stack.control(Method::GET, "/v1/metrics").send().await.expect("an answer");
                let metrics: Metrics = metrics.json().await.expect("metrics");
                if metrics.tenants.values().all(|tenant| tenant.in_flight == 0) {
                    return;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("an attack ends");
    }
}

async fn account(stack: &Stack, name: &'static str) -> Account {
    let request = SasRequest::new(AccountName::new(name).expect("a good name"), "rwdlacuptf", 3_600);
    Account { name, sas: stack.mint(&request).await }
}
