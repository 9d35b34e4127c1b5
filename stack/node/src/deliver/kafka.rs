//! A Kafka cluster: whether it may be reached, whether it has the topic, and records for it.
//! Sources: "Kafka Protocol Binding for CloudEvents 1.0", structured content mode; Apache Kafka's protocol and producer configuration.

mod door;
mod partitioner;

use super::batch::Told;
use super::failure::{Failure, clipped, root};
use crate::reach;
use door::Door;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use greenroom_gateway::source::Sources;
use greenroom_store::Timestamp;
use partitioner::partition_of;
use rskafka::chrono::DateTime;
use rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder, error::Error};
use rskafka::record::Record;
use rskafka::{BackoffConfig, BackoffError, ConnectionError};
use std::collections::BTreeMap;
use std::time::Duration;
use url::Host;

/// Of one delivery: half of what a broker takes for one partition where nobody has told it otherwise (`message.max.bytes`).
pub const RECORDS_BYTES_MAX: usize = 512 * 1024;
/// To ask for a cluster's topics.
const OPEN_MAX: Duration = Duration::from_secs(10);
/// The client grants a cluster 30 seconds until all replicas have a record. A little longer, so that its word is heard.
const ANSWER_MAX: Duration = Duration::from_secs(35);
/// A cluster is asked anew for its brokers and partitions, as Kafka's own producers do (`metadata.max.age.ms`), which is also sooner than brokers
/// close a connection on which nothing happens.
const METADATA_AGE_US_MAX: i64 = 5 * 60 * 1_000_000;
/// Longest answer of a broker. What it has of a cluster takes some ten times its room in memory while it is read, for some 80,000 partitions.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// Partitions that are connected to at the same time: each is a connection of its own.
pub const LEADERS_MAX: usize = 16;
const BROKERS_MAX: usize = 16;
const BROKER_BYTES_MAX: usize = 255;
/// Source: Apache Kafka, `org.apache.kafka.common.internals.Topic`.
const TOPIC_BYTES_MAX: usize = 249;
const MEDIA_TYPE: &str = "application/cloudevents+json; charset=UTF-8";

/// What is wrong with where a cluster is said to be, as a sentence. A host that is a name is judged when it is connected to.
pub fn check(brokers: &[String], topic: &str, sources: &Sources) -> Result<(), String> {
    if !(1..=BROKERS_MAX).contains(&brokers.len()) {
        return Err(format!("brokers has {} entries: give 1 to {BROKERS_MAX}", brokers.len()));
    }
    for broker in brokers {
        check_broker(broker, sources)
            .map_err(|wrong| format!("broker {} cannot be used: {wrong}", clipped(broker.clone())))?;
    }
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !(1..=TOPIC_BYTES_MAX).contains(&topic.len()) || !topic.bytes().all(good) || matches!(topic, "." | "..") {
        return Err(format!(
            "topic is none: give 1 to {TOPIC_BYTES_MAX} letters, digits, dots, dashes and underscores"
        ));
    }
    Ok(())
}

fn check_broker(broker: &str, sources: &Sources) -> Result<(), String> {
    let bad = || "give HOST:PORT, such as kafka.example.com:9092, where HOST is a name or an IPv4 address".to_owned();
    let (host, port) = broker.split_once(':').ok_or_else(bad)?;
    let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(bad)?;
    if host.is_empty() || broker.len() > BROKER_BYTES_MAX {
        return Err(bad());
    }
    let host = Host::parse(host).map_err(|_| bad())?;
    let host = match &host {
        Host::Domain(name) => Host::Domain(name.as_str()),
        Host::Ipv4(address) => Host::Ipv4(*address),
        Host::Ipv6(_) => return Err(bad()),
    };
    reach::host(sources, Some(host), port)
}

/// Where one sink's events go.
#[derive(Debug)]
pub struct Cluster {
    brokers: Vec<String>,
    topic: String,
    sources: Sources,
    /// `None` until it is connected to, and after each failure: what is known of it may be why.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    since: Timestamp,
    client: Client,
    partitions: u32,
    leaders: BTreeMap<u32, PartitionClient>,
    /// Last: what goes through it is dropped before.
    door: Door,
}

impl Cluster {
    pub fn new(brokers: Vec<String>, topic: String, sources: Sources) -> Self {
        Self { brokers, topic, sources, open: None }
    }

    /// Connects to it and looks for the topic.
    pub async fn open(&mut self, now: Timestamp) -> Result<(), Failure> {
        let door = Door::open(self.sources.clone()).await.map_err(|error| Failure::Door(error.to_string()))?;
        let looked = tokio::time::timeout(OPEN_MAX, look(&self.brokers, &self.topic, &door)).await;
        let (client, partitions) = match looked {
            Ok(Ok((client, Some(partitions)))) => (client, partitions),
            Ok(Ok((_, None))) => return Err(Failure::NoTopic(self.topic.clone())),
            Ok(Err(error)) => return Err(failure(error, &door)),
            Err(_) => return Err(silent(&door, OPEN_MAX)),
        };
        door.forget();
        self.open = Some(Open { since: now, client, partitions, leaders: BTreeMap::new(), door });
        Ok(())
    }

    /// Ok: all replicas that count have them all.
    pub async fn produce(&mut self, told: Vec<Told<'_>>, now: Timestamp) -> Result<(), Failure> {
        // One that a clock says is of the future was opened before the clock was set back.
        let young = |open: &Open| (0..METADATA_AGE_US_MAX).contains(&(now.0 - open.since.0));
        if !self.open.as_ref().is_some_and(young) {
            self.open = None;
            self.open(now).await?;
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let produced = tokio::time::timeout(ANSWER_MAX, open.produce(&self.topic, told)).await;
        let failed = match produced {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => failure(error, &open.door),
            Err(_) => silent(&open.door, ANSWER_MAX),
        };
        self.open = None;
        Err(failed)
    }
}

impl Open {
    async fn produce(&mut self, topic: &str, told: Vec<Told<'_>>) -> Result<(), Error> {
        let mut records = BTreeMap::<u32, Vec<Record>>::new();
        for told in told {
            let record = record(told);
            let partition = partition_of(record.key.as_deref().unwrap_or_default(), self.partitions);
            records.entry(partition).or_default().push(record);
        }
        let mut records: Vec<_> = records.into_iter().collect();
        while !records.is_empty() {
            let part = records.split_off(records.len().saturating_sub(LEADERS_MAX));
            self.connect(topic, part.iter().map(|(partition, _)| *partition)).await?;
            let leaders = &self.leaders;
            let produced = part.into_iter().map(async |(partition, records)| match leaders.get(&partition) {
                Some(leader) => leader.produce(records, Compression::NoCompression).await.map(drop),
                None => Ok(()),
            });
            stream::iter(produced).buffer_unordered(LEADERS_MAX).try_collect::<()>().await?;
        }
        Ok(())
    }

    /// Connects to those that lead these partitions, of which there are `LEADERS_MAX` at most.
    async fn connect(&mut self, topic: &str, partitions: impl Iterator<Item = u32>) -> Result<(), Error> {
        let (known, new): (Vec<_>, Vec<_>) = partitions.partition(|partition| self.leaders.contains_key(partition));
        if self.leaders.len() + new.len() > LEADERS_MAX {
            self.leaders.retain(|partition, _| known.contains(partition));
        }
        for partition in new {
            let number =
                i32::try_from(partition).map_err(|_| Error::InvalidResponse("too many partitions".to_owned()))?;
            let leader = self.client.partition_client(topic, number, UnknownTopicHandling::Error).await?;
            self.leaders.insert(partition, leader);
        }
        Ok(())
    }
}

/// The number of a topic's partitions; `None` where there is no such topic.
async fn look(brokers: &[String], topic: &str, door: &Door) -> Result<(Client, Option<u32>), Error> {
    // It is the courier who tries again.
    let once = BackoffConfig { deadline: Some(Duration::ZERO), ..BackoffConfig::default() };
    let builder = ClientBuilder::new(brokers.to_vec()).client_id("greenroom").socks5_proxy(door.address());
    let client = builder.max_message_size(ANSWER_BYTES_MAX).backoff_config(once).build().await?;
    // Among all that there are: a broker that is asked for one by its name may make it.
    let found = client.list_topics().await?.into_iter().find(|found| found.name == topic);
    let partitions = found.map(|found| u32::try_from(found.partitions.len()).unwrap_or(u32::MAX));
    Ok((client, partitions.filter(|partitions| *partitions > 0)))
}

fn record(told: Told<'_>) -> Record {
    Record {
        key: Some(format!("{}/{}", told.event.container, told.blob).into_bytes()),
        value: Some(told.json),
        headers: BTreeMap::from([("content-type".to_owned(), MEDIA_TYPE.as_bytes().to_vec())]),
        // Kafka's are of milliseconds.
        timestamp: DateTime::from_timestamp_millis(told.event.at_us.div_euclid(1_000)).unwrap_or_default(),
    }
}

/// Without the library's words where ours say more: they name brokers in the order in which it happened to ask them.
fn failure(error: Error, door: &Door) -> Failure {
    let unreached = door.unreached();
    match error {
        Error::ServerError { protocol_error, .. } => Failure::Broker(format!("{protocol_error:?}")),
        Error::RetryFailed(BackoffError::DeadlineExceded { source, .. }) => match source.downcast::<Error>() {
            Ok(error) => failure(*error, door),
            Err(error) => Failure::Broke(root(error.as_ref())),
        },
        Error::Connection(_) if !unreached.is_empty() => Failure::Unreached(unreached),
        Error::Connection(ConnectionError::RetryFailed(BackoffError::DeadlineExceded { source, .. })) => {
            Failure::Broke(root(source.as_ref()))
        }
        error => Failure::Broke(root(&error)),
    }
}

fn silent(door: &Door, within: Duration) -> Failure {
    let unreached = door.unreached();
    if unreached.is_empty() { Failure::Silent(within.as_secs()) } else { Failure::Unreached(unreached) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reach::tests::sources;

    #[test]
    fn brokers_and_topic_are_checked_and_what_is_wrong_is_said() {
        let sources = sources(&["127.0.0.1:9092", "localhost:9093"]);
        let judged = |brokers: &[&str], topic: &str| {
            check(&brokers.iter().map(|broker| (*broker).to_owned()).collect::<Vec<_>>(), topic, &sources)
        };
        for broker in ["kafka.example.com:9092", "8.8.8.8:1", "127.0.0.1:9092", "localhost:9093", "LOCALHOST:9093"] {
            assert_eq!(judged(&[broker], "Changes_1.a-b"), Ok(()), "{broker}");
        }
        for (broker, says) in [
            ("", "HOST:PORT"),
            ("kafka.example.com", "HOST:PORT"),
            ("kafka.example.com:0", "HOST:PORT"),
            ("kafka.example.com:70000", "HOST:PORT"),
            ("kafka://example.com:9092", "HOST:PORT"),
            (":9092", "HOST:PORT"),
            ("a b:9092", "HOST:PORT"),
            ("user@example.com:9092", "HOST:PORT"),
            ("[::1]:9092", "HOST:PORT"),
            ("127.0.0.1:9093", "--copy-source-allow 127.0.0.1:9093"),
            ("127.1:9093", "--copy-source-allow 127.0.0.1:9093"),
            ("localhost:9092", "--copy-source-allow localhost:9092"),
            ("169.254.169.254:80", "not public"),
            (&format!("{}:9092", "x".repeat(BROKER_BYTES_MAX)), "HOST:PORT"),
        ] {
            let said = judged(&["8.8.8.8:9092", broker], "t").expect_err(broker);
            assert!(said.contains(says), "{broker}: {said}");
        }
        assert!(judged(&[], "t").is_err_and(|said| said.contains("brokers has 0")));
        assert!(judged(&["8.8.8.8:1"; 17], "t").is_err_and(|said| said.contains("brokers has 17")));
        for topic in ["", ".", "..", "a b", "é", "a/b", &"x".repeat(250)] {
            assert!(judged(&["8.8.8.8:1"], topic).is_err_and(|said| said.contains("topic")), "{topic}");
        }
    }
}
