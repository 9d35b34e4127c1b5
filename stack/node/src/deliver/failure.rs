//! Why a sink does not have its events.

use super::endpoint::SENDER;
use crate::reach;
use greenroom_store::StoreError;
use std::error::Error;

/// Longest text of another program's that is told, in bytes.
const TOLD_BYTES_MAX: usize = 400;

/// The same failure has the same words, so that a change of them is one of the reason.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("its URL cannot be used: {0}")]
    Url(String),
    #[error("its brokers cannot be used: {0}")]
    Brokers(String),
    /// In seconds.
    #[error("it gave no answer within {0} s")]
    Silent(u64),
    #[error("it cannot be reached: {0}")]
    Unreached(String),
    #[error("the connection broke: {0}")]
    Broke(String),
    #[error("it answers {0}: redirects are not followed, so give the sink the URL that it leads to")]
    Redirects(u16),
    #[error("it answers {0}, where 2xx says that it has the events")]
    Refuses(u16),
    #[error(
        "it does not agree to get events: OPTIONS with `WebHook-Request-Origin: {SENDER}` must be answered with the header \
         `WebHook-Allowed-Origin: {SENDER}` or `*`; it answers {0} without"
    )]
    NoConsent(u16),
    #[error(
        "it does not agree to get events: a Microsoft.EventGrid.SubscriptionValidationEvent must be answered with 200 and \
         {{\"validationResponse\": \"…\"}}, the event's data.validationCode"
    )]
    NoValidation,
    #[error(
        "it has no topic '{0}': make it there, since a topic that a client makes has whatever partitions the broker thinks of"
    )]
    NoTopic(String),
    #[error("a broker answers {0}, where an offset says that it has the events")]
    Broker(String),
    #[error("no door for the Kafka client can be opened on the loopback address: {0}")]
    Door(String),
    #[error("no random number can be had: {0}")]
    Random(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What lies at the bottom: a library's own words may hold the URL, and that may hold a secret.
pub fn root(error: &dyn Error) -> String {
    clipped(reach::root(error))
}

/// As much of another program's words as is told.
pub fn clipped(mut words: String) -> String {
    words.truncate(words.floor_char_boundary(TOLD_BYTES_MAX));
    words
}
