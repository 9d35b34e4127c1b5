//! While the cloud takes its time over one tenant's requests, nobody else waits: not for a core, not for the disk, not for the cloud.

mod support;

use futures::future::join_all;
use greenroom_model::AccountName;
use greenroom_model::control::SasRequest;
use greenroom_model::offload::{CloudFault, CloudFaultKind, Rule, Rules, Scope, Treatment};
use reqwest::{Method, StatusCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use support::cloud::Cloud;
use support::tiering::{set_rules, status, wait};
use support::{Stack, tree};

/// Long beside anything that is done here, on any machine.
const CLOUD_TAKES_MS: u64 = 2_000;
/// Not so small that several would be fetched as one.
const BLOB_BYTES: usize = 300 << 10;
const LOUD: &str = "loudacct";
const QUIET: &str = "quietacct";

/// Two tenants, with cold blobs of the one and of the other.
async fn bed(cloud: &Cloud, loud_blobs: usize) -> Stack {
    let stack = cloud.stack(&["--flash-size=512MiB"]).await;
    stack.make_account("loud", LOUD, &["box"]).await;
    stack.make_account("quiet", QUIET, &["box", "hot"]).await;
    let cold =
        Rule { scope: Scope { container: Some("box".to_owned()), ..Scope::default() }, treat: Treatment::AtOnce };
    // What is read does not come back, so that nothing but the test asks the cloud.
    set_rules(&stack, &Rules { rules: vec![cold], otherwise: Treatment::Pin, ..Rules::default() }).await;
    let puts = (0..loud_blobs).map(|number| (LOUD, format!("c{number}"), BLOB_BYTES));
    let puts: Vec<_> = puts.chain([(QUIET, "cold".to_owned(), BLOB_BYTES)]).collect();
    for part in puts.chunks(16) {
        join_all(part.iter().map(async |(account, name, bytes)| {
            let url = stack.url_in(account, &format!("box/{name}")).await;
            let put = stack.http.put(url).header("x-ms-blob-type", "BlockBlob").body(tree::content(name, *bytes));
            assert_eq!(put.send().await.expect("an answer").status(), 201);
        }))
        .await;
    }
    let all = loud_blobs as u64 + 1;
    wait(&stack, "all in the cloud", |status| status.offloaded.blobs == all && status.pending.blobs == 0).await;
    settled(&stack).await;
    let url = stack.url_in(QUIET, "hot/a").await;
    let put = stack.http.put(url).header("x-ms-blob-type", "BlockBlob").body("at hand");
    assert_eq!(put.send().await.expect("an answer").status(), 201);
    stack
}

/// Offload reads back what it has written: until it is done with that.
async fn settled(stack: &Stack) {
    let mut before = None;
    loop {
        let requests = status(stack).await.requests;
        if before == Some(requests) {
            return;
        }
        before = Some(requests);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn slow_down(stack: &Stack, delay_ms: u64) {
    let slow = CloudFault { kind: CloudFaultKind::Slow, percent: None, delay_ms: Some(delay_ms) };
    assert_eq!(stack.put("/v1/offload/fault", &slow).await.status(), 204);
}

/// One tenant's requests, all at once, and how many of them have been answered.
struct Loud {
    answered: Arc<AtomicUsize>,
    requests: Vec<tokio::task::JoinHandle<StatusCode>>,
}

impl Loud {
    async fn begin(
        stack: &Stack,
        requests: usize,
        request: impl Fn(usize) -> (Method, String, Vec<(&'static str, &'static str)>),
    ) -> Loud {
        let account = AccountName::new(LOUD).expect("a good name");
        let sas = stack.mint(&SasRequest::new(account, "rwdlact", 3600)).await;
        let answered = Arc::new(AtomicUsize::new(0));
        let begun = status(stack).await.requests.gets;
        let counter = answered.clone();
        let requests = (0..requests).map(move |number| {
            let (method, path, headers) = request(number);
            let joint = if path.contains('?') { '&' } else { '?' };
            let mut request = stack.http.request(method, format!("{}/{LOUD}/box/{path}{joint}{sas}", stack.ready.blob));
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let answered = counter.clone();
            tokio::spawn(async move {
                let answer = request.send().await.expect("an answer");
                let status = answer.status();
                answer.bytes().await.expect("its content");
                answered.fetch_add(1, SeqCst);
                status
            })
        });
        let loud = Loud { answered, requests: requests.collect() };
        // Until the server has them: what comes now comes after them.
        wait(stack, "the first of them is at the cloud", |status| status.requests.gets > begun).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        loud
    }

    fn answered(&self) -> usize {
        self.answered.load(SeqCst)
    }

    async fn end(self) -> Vec<StatusCode> {
        join_all(self.requests).await.into_iter().map(|status| status.expect("no panic")).collect()
    }
}

async fn quiet_is_served(stack: &Stack, what: &str) {
    for round in 0..10 {
        let got = stack.http.get(stack.url_in(QUIET, "hot/a").await).send().await.expect("an answer");
        assert_eq!(got.status(), 200, "{what}");
        assert_eq!(got.text().await.expect("a text"), "at hand");
        let url = stack.url_in(QUIET, &format!("hot/new-{round}")).await;
        let put = stack.http.put(url).header("x-ms-blob-type", "BlockBlob").body("new").send().await;
        assert_eq!(put.expect("an answer").status(), 201, "{what}");
    }
}

/// Each of these once held a place at a core, or at the disk, for as long as the cloud took.
#[tokio::test(flavor = "multi_thread")]
async fn reads_and_writes_go_on_while_anothers_wait_for_the_cloud() {
    let cloud = Cloud::start().await;
    let stack = bed(&cloud, 160).await;
    let part = ("x-ms-range", "bytes=0-9999");
    type Headers = Vec<(&'static str, &'static str)>;
    let kinds: [(&str, usize, Method, &str, Headers); 5] = [
        ("ranges with an MD5", 0, Method::GET, "", vec![part, ("x-ms-range-get-content-md5", "true")]),
        ("ranges with a CRC-64", 32, Method::GET, "", vec![part, ("x-ms-range-get-content-crc64", "true")]),
        ("structured messages", 64, Method::GET, "", vec![("x-ms-structured-body", "XSM/1.0; properties=crc64")]),
        ("whole blobs", 96, Method::GET, "", vec![]),
        ("snapshots", 128, Method::PUT, "?comp=snapshot", vec![("content-length", "0")]),
    ];
    for (what, first, method, query, headers) in kinds {
        slow_down(&stack, CLOUD_TAKES_MS).await;
        let loud =
            Loud::begin(&stack, 32, |number| (method.clone(), format!("c{}{query}", first + number), headers.clone()))
                .await;
        quiet_is_served(&stack, what).await;
        assert_eq!(loud.answered(), 0, "{what}: all of it was done before the cloud had answered once");
        slow_down(&stack, 1).await;
        let statuses = loud.end().await;
        assert!(statuses.iter().all(StatusCode::is_success), "{what}: {statuses:?}");
    }
}

/// More changes than the disk has places, and more reads than go to the cloud at a time.
#[tokio::test(flavor = "multi_thread")]
async fn a_cold_read_does_not_queue_behind_all_of_anothers() {
    const READS: usize = 120;
    let cloud = Cloud::start().await;
    let stack = bed(&cloud, READS).await;
    slow_down(&stack, 500).await;
    let loud = Loud::begin(&stack, READS, |number| (Method::GET, format!("c{number}"), vec![])).await;
    let got = stack.http.get(stack.url_in(QUIET, "box/cold").await).send().await.expect("an answer");
    assert_eq!(got.status(), 200);
    assert_eq!(got.bytes().await.expect("content"), tree::content("cold", BLOB_BYTES));
    let before = loud.answered();
    assert!(before < READS * 2 / 3, "{before} of {READS} were answered first: it had its turn, and not the last one");
    slow_down(&stack, 1).await;
    assert!(loud.end().await.iter().all(StatusCode::is_success));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_waits_for_any_more_is_not_fetched() {
    const READS: usize = 120;
    let cloud = Cloud::start().await;
    let stack = bed(&cloud, READS).await;
    slow_down(&stack, 1_000).await;
    let before = status(&stack).await.requests.gets;
    let loud = Loud::begin(&stack, READS, |number| (Method::GET, format!("c{number}"), vec![])).await;
    loud.requests.iter().for_each(tokio::task::JoinHandle::abort);
    drop(loud);
    let got = stack.http.get(stack.url_in(QUIET, "box/cold").await).send().await.expect("an answer");
    assert_eq!(got.status(), 200);
    // Those that were on their way, and the one that was waited for.
    let gets = status(&stack).await.requests.gets - before;
    assert!(gets < READS as u64 * 2 / 3, "{gets} of {READS} were fetched for nobody");
}
