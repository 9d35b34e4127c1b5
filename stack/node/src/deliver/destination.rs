//! A place that events are brought to: one of each kind of sink that does not come for them itself.

use super::batch::batch;
use super::endpoint::{self, Endpoint};
use super::failure::Failure;
use super::kafka::{self, Cluster};
use greenroom_gateway::source::Sources;
use greenroom_model::AccountName;
use greenroom_model::feed::{BlobEvent, Shape, Sink};
use greenroom_store::Clock;
use std::sync::Arc;

#[derive(Debug)]
pub enum Destination {
    Webhook(Endpoint),
    Kafka(Cluster),
}

/// What is wrong with a sink, as a sentence, as far as it can be said without asking anybody.
pub fn check(sink: &Sink, sources: &Sources) -> Result<(), String> {
    match sink {
        Sink::Pull => Ok(()),
        Sink::Webhook { url, .. } => {
            endpoint::check(url, sources).map(drop).map_err(|wrong| format!("url cannot be used: {wrong}"))
        }
        Sink::Kafka { brokers, topic } => kafka::check(brokers, topic, sources),
    }
}

/// Whether its events are brought to it.
pub fn is_one(sink: &Sink) -> bool {
    match sink {
        Sink::Pull => false,
        Sink::Webhook { .. } | Sink::Kafka { .. } => true,
    }
}

impl Destination {
    /// Goes there for the first time: an endpoint is asked for its consent, a cluster for its topic. `None` of a sink that nothing is brought to.
    pub async fn open(
        sink: &Sink,
        account: &AccountName,
        sources: &Sources,
        clock: &dyn Clock,
    ) -> Result<Option<Self>, Failure> {
        // Checked again: an address is not looked up in it, and an operator may have allowed more when the sink was made.
        match sink {
            Sink::Pull => Ok(None),
            Sink::Webhook { url, shape } => {
                let endpoint = Endpoint::new(url, *shape, sources)?;
                endpoint.greet(account, &code()?, clock.now()).await?;
                Ok(Some(Self::Webhook(endpoint)))
            }
            Sink::Kafka { brokers, topic } => {
                kafka::check(brokers, topic, sources).map_err(Failure::Brokers)?;
                let mut cluster = Cluster::new(brokers.clone(), topic.clone(), sources.clone());
                cluster.open(clock.now()).await?;
                Ok(Some(Self::Kafka(cluster)))
            }
        }
    }

    /// Brings as many of the events, from the first on, as go at once. Returns the last that it has then; `None` where there are none.
    pub async fn bring(
        &mut self,
        events: &[Arc<BlobEvent>],
        blobs: &str,
        clock: &dyn Clock,
    ) -> Result<Option<u64>, Failure> {
        let (shape, bytes_max) = match self {
            Self::Webhook(endpoint) => (endpoint.shape(), endpoint::BODY_BYTES_MAX),
            Self::Kafka(_) => (Shape::CloudEvents, kafka::RECORDS_BYTES_MAX),
        };
        let Some(batch) = batch(events, shape, blobs, bytes_max) else { return Ok(None) };
        if !batch.told.is_empty() {
            match self {
                Self::Webhook(endpoint) => endpoint.post(batch.told).await?,
                Self::Kafka(cluster) => cluster.produce(batch.told, clock.now()).await?,
            }
        }
        Ok(Some(batch.last))
    }
}

/// In the form of a UUID, as Azure's are.
fn code() -> Result<String, Failure> {
    let random = || getrandom::u64().map_err(|error| Failure::Random(error.to_string()));
    let digits = format!("{:016x}{:016x}", random()?, random()?);
    Ok(format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_another_each_time() {
        let (one, other) = (code().expect("randomness"), code().expect("randomness"));
        assert_eq!(one.len(), 36);
        assert_ne!(one, other);
    }
}
