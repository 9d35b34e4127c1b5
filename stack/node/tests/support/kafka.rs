//! A real broker of Kafka's protocol, in a process of its own, that keeps its records in memory; and what a consumer finds there.

use super::{ACCOUNT, Stack};
use greenroom_model::feed::Sink;
use rskafka::client::partition::UnknownTopicHandling;
use rskafka::client::{Client, ClientBuilder};
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

/// Of a topic, where a test does not say otherwise.
pub const PARTITIONS: i32 = 4;
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Only there so that a hang fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(90);
const MAKE_MS_MAX: i32 = 10_000;

pub struct Broker {
    /// `HOST:PORT`, where it listens.
    pub authority: String,
    advertised: String,
    child: Child,
}

/// A record as a consumer sees it.
#[derive(Debug, Clone)]
pub struct Found {
    pub partition: i32,
    pub key: String,
    pub event: Value,
}

impl Broker {
    pub async fn start() -> Broker {
        let authority = free_authority().await;
        Broker::start_at(&authority, &authority).await
    }

    /// One that tells its clients another address than its own.
    pub async fn start_at(authority: &str, advertised: &str) -> Broker {
        let (authority, advertised) = (authority.to_owned(), advertised.to_owned());
        let child = launch(&authority, &advertised).await;
        Broker { authority, advertised, child }
    }

    /// The plug is pulled: what it had is gone.
    pub async fn kill(&mut self) {
        self.child.start_kill().expect("it runs");
        self.child.wait().await.expect("a status");
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    pub async fn restart(&mut self) {
        self.child = launch(&self.authority, &self.advertised).await;
    }

    pub async fn make_topic(&self, topic: &str) {
        self.make_topic_of(topic, PARTITIONS).await;
    }

    pub async fn make_topic_of(&self, topic: &str, partitions: i32) {
        let controller = self.client().await.controller_client().expect("a controller");
        controller.create_topic(topic, partitions, 1, MAKE_MS_MAX).await.expect("made");
    }

    pub async fn topics(&self) -> Vec<String> {
        let topics = self.client().await.list_topics().await.expect("topics");
        topics.into_iter().map(|topic| topic.name).collect()
    }

    /// All records of a topic, those of a partition in their order.
    pub async fn records(&self, topic: &str) -> Vec<Found> {
        let (client, mut found) = (self.client().await, Vec::new());
        let topics = client.list_topics().await.expect("topics");
        let partitions = topics.into_iter().find(|listed| listed.name == topic).expect("the topic is there").partitions;
        for partition in partitions {
            let consumer =
                client.partition_client(topic, partition, UnknownTopicHandling::Error).await.expect("a leader");
            let mut next = 0;
            loop {
                let (records, end) = consumer.fetch_records(next, 1..1 << 20, 100).await.expect("records");
                next = records.last().map_or(next, |last| last.offset + 1);
                found.extend(records.into_iter().map(|record| Found {
                    partition,
                    key: String::from_utf8(record.record.key.expect("a key")).expect("a text"),
                    event: serde_json::from_slice(&record.record.value.expect("a value")).expect("JSON"),
                }));
                if next >= end {
                    break;
                }
            }
        }
        found
    }

    pub async fn until(&self, topic: &str, is_enough: impl Fn(&[Found]) -> bool) -> Vec<Found> {
        let waiting = async {
            loop {
                let found = self.records(topic).await;
                if is_enough(&found) {
                    return found;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(found) => found,
            Err(_) => panic!("{topic} has {} records", self.records(topic).await.len()),
        }
    }

    async fn client(&self) -> Client {
        ClientBuilder::new(vec![self.authority.clone()]).build().await.expect("a client")
    }
}

/// Makes a sink of `ACCOUNT`, which must be taken.
pub async fn put_sink(stack: &Stack, name: &str, broker: &str, topic: &str) {
    let sink = Sink::Kafka { brokers: vec![broker.to_owned()], topic: topic.to_owned() };
    let made = stack.put(&format!("/v1/accounts/{ACCOUNT}/sinks/{name}"), &sink).await;
    assert!(made.status().is_success(), "{}", made.text().await.unwrap_or_default());
}

/// Where nobody listens, for now.
pub async fn free_authority() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("an address").to_string()
}

async fn launch(authority: &str, advertised: &str) -> Child {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/tansu/tansu");
    assert!(program.is_file(), "no broker at {}: run `cargo xtask setup`", program.display());
    let mut command = Command::new(program);
    command.args(["--listener-url", &format!("tcp://{authority}"), "--storage-engine", "memory://tansu/"]);
    command.args(["--advertised-listener-url", &format!("tcp://{advertised}")]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let child = command.spawn().expect("the broker starts");
    let up = async {
        while tokio::net::TcpStream::connect(authority).await.is_err() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(PATIENCE, up).await.expect("it listens in time");
    child
}
