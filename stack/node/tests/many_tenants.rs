//! A thousand tenants with ten accounts each cost the one who writes nothing. Takes minutes, so only when asked:
//! `cargo test -p greenroom-node --test many_tenants -- --ignored --nocapture`

mod support;

use greenroom_model::control::SasRequest;
use reqwest::{Method, StatusCode};
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use support::{CONTAINER, Stack};

const TENANTS: usize = 1_000;
const ACCOUNTS_A_TENANT: usize = 10;
/// Tenants whose accounts are written to, each as often.
const WRITTEN: usize = 50;
const PUTS_EACH: usize = 10;
const ROUNDS: usize = 5;
const BLOB_BYTES: usize = 4 << 10;
/// What differs between two measurements of the same on a machine that does other things too.
const RATIO_MAX: f64 = 1.5;

/// One account of each tenant has a container.
fn declared(tenants: usize) -> String {
    let mut file = "version: 1\ntenants:\n".to_owned();
    for tenant in 0..tenants {
        writeln!(file, "- name: t{tenant:04}\n  quota: {{ bytes: 1 GiB }}\n  projects:\n  - name: work\n    accounts:")
            .expect("memory");
        writeln!(file, "    - {{ name: a{tenant:04}x0, containers: [{{ name: {CONTAINER} }}] }}").expect("memory");
        for account in 1..ACCOUNTS_A_TENANT {
            writeln!(file, "    - {{ name: a{tenant:04}x{account} }}").expect("memory");
        }
    }
    file
}

async fn apply(stack: &Stack, tenants: usize) {
    let sent = stack.control(Method::PUT, "/v1/tenants").body(declared(tenants)).send().await.expect("an answer");
    assert_eq!(sent.status(), StatusCode::OK, "{}", sent.text().await.expect("a text"));
}

/// A blob in each of the first accounts, and what may be done with it.
async fn urls(stack: &Stack) -> Vec<String> {
    let mut urls = Vec::new();
    for tenant in 0..WRITTEN {
        let account = format!("a{tenant:04}x0");
        let sas = SasRequest::new(account.parse().expect("a good name"), "rwdlac", 3600);
        urls.push(format!("{}/{account}/{CONTAINER}/blob?{}", stack.ready.blob, stack.mint(&sas).await));
    }
    urls
}

async fn put(stack: &Stack, url: &str) -> Duration {
    let put = stack.http.put(url).header("x-ms-blob-type", "BlockBlob").body(vec![7; BLOB_BYTES]);
    let begun = Instant::now();
    assert_eq!(put.send().await.expect("an answer").status(), StatusCode::CREATED);
    begun.elapsed()
}

/// The p50 of small PUTs one after another, to either server in turn: whatever else the machine does falls on both.
async fn p50s(stacks: [&Stack; 2], urls: &[Vec<String>; 2]) -> [Duration; 2] {
    let mut took = [Vec::new(), Vec::new()];
    for _ in 0..PUTS_EACH {
        for (with_few, with_many) in urls[0].iter().zip(&urls[1]) {
            took[0].push(put(stacks[0], with_few).await);
            took[1].push(put(stacks[1], with_many).await);
        }
    }
    took.map(|mut took| {
        took.sort();
        took[took.len() / 2]
    })
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn a_thousand_tenants_slow_nobody_down() {
    let few = Stack::start().await;
    apply(&few, WRITTEN).await;
    let many = Stack::start().await;
    let begun = Instant::now();
    apply(&many, TENANTS).await;
    println!("{TENANTS} tenants, {} accounts applied in {:.1?}", TENANTS * ACCOUNTS_A_TENANT, begun.elapsed());
    let (stacks, urls) = ([&few, &many], [urls(&few).await, urls(&many).await]);
    p50s(stacks, &urls).await;
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let [with_few, with_many] = p50s(stacks, &urls).await;
        println!("p50 of a PUT of 4 KiB: {with_few:.2?} with {WRITTEN} tenants, {with_many:.2?} with {TENANTS}");
        ratios.push(with_many.as_secs_f64() / with_few.as_secs_f64());
    }
    ratios.sort_by(f64::total_cmp);
    println!("ratio {:.3} (lowest {:.3}, highest {:.3})", ratios[2], ratios[0], ratios[4]);
    assert!(ratios[2] < RATIO_MAX, "{ratios:?}");
    let stopping = Instant::now();
    let mut many = many;
    assert!(many.stop().await.success());
    many.restart().await;
    println!("stopped and started again in {:.1?}", stopping.elapsed());
}
