//! Events on their way into a topic, from a real server to a real broker: all of them, each blob's in order, at least once, and to nobody else.

use crate::support::kafka::{Broker, Found, PARTITIONS, free_authority, put_sink};
use crate::support::sinks::{in_order, name_of, scribble, status, text, until_status};
use crate::support::{ACCOUNT, CONTAINER, Stack, python, send};
use greenroom_model::feed::Sink;
use rskafka::BackoffConfig;
use rskafka::client::ClientBuilder;
use rskafka::client::partition::UnknownTopicHandling;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

const TOPIC: &str = "changes";
const KILLS: u64 = 4;
const BLOBS: usize = 30;
const MANY_PARTITIONS: i32 = 40;
const MANY_BLOBS: usize = 120;
/// Of memory, while a broker says what is not so: it would have the server take thousands of times as much.
const GROWN_KIB_MAX: u64 = 256 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn every_change_arrives_as_another_client_reads_it() {
    let broker = broker_with_topic().await;
    broker.make_topic("twin").await;
    let stack = stack_for(&[&broker.authority]).await;
    put_sink(&stack, "kafka", &broker.authority, TOPIC).await;
    for blob in 0..BLOBS {
        stack.put_blob(&format!("a/{blob} é"), "1").await;
    }
    for blob in 0..BLOBS {
        stack.put_blob(&format!("a/{blob} é"), "22").await;
        let path = format!("{CONTAINER}/a/{blob} é");
        let tier = send(&stack, "PUT", &format!("{path}?comp=tier"), &[("x-ms-access-tier", "Cool")], "").await;
        assert!(tier.status().is_success());
        assert!(send(&stack, "DELETE", &path, &[], "").await.status().is_success());
    }
    let found = broker.until(TOPIC, |found| found.len() >= 4 * BLOBS).await;
    let mut blobs = BTreeMap::<String, Vec<String>>::new();
    for found in ordered(found) {
        blobs.entry(found.key).or_default().push(found.event["type"].as_str().expect("a text").to_owned());
    }
    assert_eq!(blobs.len(), BLOBS);
    for (key, kinds) in blobs {
        let told = ["Created", "Created", "TierChanged", "Deleted"].map(|kind| format!("Microsoft.Storage.Blob{kind}"));
        assert_eq!(kinds, told, "{key}");
    }
    let (partitions, count) = (PARTITIONS.to_string(), (4 * BLOBS).to_string());
    let environment = [
        ("BROKER", broker.authority.as_str()),
        ("TOPIC", TOPIC),
        ("TWIN", "twin"),
        ("PARTITIONS", &partitions),
        ("COUNT", &count),
    ];
    python::run_checks("kafka.py", &environment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_however_often_the_server_is_killed() {
    let broker = broker_with_topic().await;
    let mut stack = stack_for(&[&broker.authority]).await;
    put_sink(&stack, "kafka", &broker.authority, TOPIC).await;
    let mut written = Vec::new();
    for kill in 0..KILLS {
        let moment = Duration::from_millis(300 + kill * 337 % 900);
        let _ = tokio::time::timeout(moment, scribble(&stack, kill, &mut written)).await;
        // It has the records before it, and does not say so.
        signal(&broker, "STOP").await;
        let (name, under_way) = (format!("{kill}-under-way"), Duration::from_millis(600));
        stack.put_blob(&name, "1").await;
        written.push(name);
        tokio::time::sleep(under_way).await;
        stack.kill().await;
        signal(&broker, "CONT").await;
        stack.restart_with(&["--copy-source-allow", &broker.authority]).await;
    }
    stack.put_blob("last", "1").await;
    written.push("last".to_owned());
    let found = broker.until(TOPIC, |found| found.iter().any(|found| name_of(&found.event) == "last")).await;
    let (records, found) = (found.len(), ordered(found));
    assert!(records > found.len(), "what was taken and not noted came again");
    let came: BTreeSet<_> = found.iter().map(|found| name_of(&found.event)).collect();
    // A write that was cut off may have been made; none that was answered is missing.
    let missing: Vec<_> = written.iter().filter(|name| !came.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?} of {}", written.len());
    assert!(written.len() > 20, "{}", written.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_may_have_more_partitions_than_are_connected_to() {
    let broker = Broker::start().await;
    broker.make_topic_of(TOPIC, MANY_PARTITIONS).await;
    let stack = stack_for(&[&broker.authority]).await;
    for blob in 0..MANY_BLOBS {
        stack.put_blob(&blob.to_string(), "1").await;
        if blob == 0 {
            put_sink(&stack, "kafka", &broker.authority, TOPIC).await;
        }
    }
    let found = ordered(broker.until(TOPIC, |found| found.len() >= MANY_BLOBS - 1).await);
    let partitions: BTreeSet<_> = found.iter().map(|found| found.partition).collect();
    assert_eq!((found.len(), partitions.len() > 20), (MANY_BLOBS - 1, true), "{partitions:?}");
    assert_eq!(status(&stack, "kafka").await.last_error, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_dies_and_comes_back_gets_what_it_missed() {
    let mut broker = broker_with_topic().await;
    let stack = stack_for(&[&broker.authority]).await;
    put_sink(&stack, "kafka", &broker.authority, TOPIC).await;
    stack.put_blob("before", "1").await;
    let found = broker.until(TOPIC, |found| found.len() == 1).await;
    let delivered: u64 = text(&found[0].event["id"]).parse().expect("a number");
    until_status(&stack, "kafka", |status| status.delivered == delivered).await;
    broker.kill().await;
    for name in ["a", "b", "c"] {
        stack.put_blob(name, "1").await;
    }
    let refused =
        |why: &str| why == format!("it cannot be reached: {}: Connection refused (os error 111)", broker.authority);
    until_status(&stack, "kafka", |status| status.last_error.as_deref().is_some_and(refused)).await;
    broker.restart().await;
    // It kept its topics in memory.
    let lacks = |why: &str| why.contains("it has no topic 'changes'");
    let standing =
        until_status(&stack, "kafka", |status| status.failures >= 4 && status.last_error.as_deref().is_some_and(lacks));
    assert_eq!(standing.await.delivered, delivered);
    assert!(broker.topics().await.is_empty(), "none is made by asking for it");
    broker.make_topic(TOPIC).await;
    // Eight seconds are waited after the fourth failure, and more later: who says it again need not wait.
    let began = Instant::now();
    put_sink(&stack, "kafka", &broker.authority, TOPIC).await;
    let found = broker.until(TOPIC, |found| found.len() >= 3).await;
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    let came: BTreeSet<_> = ordered(found).iter().map(|found| name_of(&found.event)).collect();
    assert_eq!(came, BTreeSet::from(["a", "b", "c"].map(str::to_owned)));
    until_status(&stack, "kafka", |status| status.failures == 0 && status.last_error.is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_hangs_is_left_and_tried_again() {
    let broker = broker_with_topic().await;
    let stack = stack_for(&[&broker.authority]).await;
    signal(&broker, "STOP").await;
    put_sink(&stack, "kafka", &broker.authority, TOPIC).await;
    stack.put_blob("a", "1").await;
    let silent = |why: &str| why == "it gave no answer within 10 s";
    until_status(&stack, "kafka", |status| status.last_error.as_deref().is_some_and(silent)).await;
    signal(&broker, "CONT").await;
    broker.until(TOPIC, |found| !found.is_empty()).await;
    until_status(&stack, "kafka", |status| status.failures == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_allowed_is_refused_whoever_names_it() {
    let inner = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let elsewhere = inner.local_addr().expect("an address").to_string();
    let authority = free_authority().await;
    let broker = Broker::start_at(&authority, &elsewhere).await;
    let stack = stack_for(&[&authority]).await;
    for (brokers, topic, says) in [
        (vec![elsewhere.as_str()], TOPIC, format!("--copy-source-allow {elsewhere}")),
        (vec![&authority, "169.254.169.254:80"], TOPIC, "not public".to_owned()),
        (vec![&authority], "a topic", "topic".to_owned()),
        (vec![], TOPIC, "brokers has 0 entries".to_owned()),
    ] {
        let sink = Sink::Kafka { brokers: brokers.into_iter().map(str::to_owned).collect(), topic: topic.to_owned() };
        let answer = stack.put(&format!("/v1/accounts/{ACCOUNT}/sinks/bad"), &sink).await;
        assert_eq!(answer.status(), 400, "{sink:?}");
        let said = answer.text().await.expect("a text");
        assert!(said.contains(&says), "{said}");
    }
    // The broker that may be asked says that another one leads, which may not.
    make_topic_by_asking(&broker.authority).await;
    while tokio::time::timeout(Duration::from_millis(10), inner.accept()).await.is_ok() {}
    put_sink(&stack, "kafka", &authority, TOPIC).await;
    let made = status(&stack, "kafka").await;
    stack.put_blob("a", "1").await;
    let standing = until_status(&stack, "kafka", |status| status.failures >= 2).await;
    let why = standing.last_error.expect("a reason");
    assert!(why.contains(&format!("--copy-source-allow {elsewhere}")), "{why}");
    assert_eq!(standing.delivered, made.delivered);
    let came = tokio::time::timeout(Duration::from_millis(10), inner.accept()).await;
    assert!(came.is_err(), "nobody is connected to whom the policy does not allow");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_promises_too_much_has_the_server_keep_little() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let authority = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        // By turns: counts of two thousand million, and an answer of two thousand million bytes.
        for turn in 0.. {
            let (client, _) = listener.accept().await.expect("a client");
            tokio::spawn(promise(client, turn % 2 == 1));
        }
    });
    let stack = stack_for(&[&authority]).await;
    let before = peak_kib(&stack);
    put_sink(&stack, "kafka", &authority, TOPIC).await;
    let standing = until_status(&stack, "kafka", |status| status.failures >= 3).await;
    assert!(standing.last_error.is_some());
    let grown = peak_kib(&stack) - before;
    assert!(grown < GROWN_KIB_MAX, "{grown} KiB more than {before}");
    stack.put_blob("a", "1").await;
}

async fn broker_with_topic() -> Broker {
    let broker = Broker::start().await;
    broker.make_topic(TOPIC).await;
    broker
}

/// A server with an account, which may reach these.
async fn stack_for(allowed: &[&str]) -> Stack {
    let arguments: Vec<_> = allowed.iter().flat_map(|authority| ["--copy-source-allow", authority]).collect();
    let stack = Stack::start_with(&arguments).await;
    stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    stack
}

/// Each record where it first came, which must be in the order of events within its partition.
fn ordered(found: Vec<Found>) -> Vec<Found> {
    let partitions: BTreeSet<_> = found.iter().map(|found| found.partition).collect();
    for partition in partitions {
        let events: Vec<Value> =
            found.iter().filter(|found| found.partition == partition).map(|found| found.event.clone()).collect();
        in_order(&events);
    }
    let mut seen = BTreeSet::new();
    found.into_iter().filter(|found| seen.insert(found.event["id"].to_string())).collect()
}

/// A broker that leads its clients elsewhere makes a topic while it is asked who leads it.
async fn make_topic_by_asking(authority: &str) {
    let once = BackoffConfig { deadline: Some(Duration::ZERO), ..BackoffConfig::default() };
    let client = ClientBuilder::new(vec![authority.to_owned()]).backoff_config(once).build().await.expect("a client");
    let asked = client.partition_client(TOPIC, 0, UnknownTopicHandling::Error);
    let _ = tokio::time::timeout(Duration::from_secs(2), asked).await;
    let topics = client.list_topics().await.expect("topics");
    assert!(topics.iter().any(|topic| topic.name == TOPIC));
}

/// Answers every request with what would take all memory of who believes it.
async fn promise(mut client: TcpStream, is_long: bool) -> std::io::Result<()> {
    loop {
        let mut request = vec![0; usize::try_from(client.read_u32().await?).expect("a length")];
        client.read_exact(&mut request).await?;
        let correlation = &request[4..8];
        if is_long {
            client.write_u32(0x7fff_ffff).await?;
            client.write_all(correlation).await?;
            while client.write_all(&[0x7f; 64 * 1024]).await.is_ok() {}
        }
        client.write_u32(4 + 256).await?;
        client.write_all(correlation).await?;
        // No error, and then as many as can be.
        client.write_all(&[&[0, 0][..], &[0x7f; 254]].concat()).await?;
    }
}

async fn signal(broker: &Broker, signal: &str) {
    let sent = Command::new("kill").args([format!("-{signal}"), broker.pid().to_string()]).status().await;
    assert!(sent.expect("kill runs").success());
}

fn peak_kib(stack: &Stack) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", stack.pid())).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a figure");
    peak.trim().trim_end_matches(" kB").parse().expect("a number")
}
