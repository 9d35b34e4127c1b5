//! What format 11 held otherwise, and the step from it: secrets lie in clear, and say so from now on by a byte before theirs.

use crate::catalog::tables::{ACCOUNTS, FEEDS, MIRRORS};
use crate::error::Result;
use crate::rows::{MirrorPlace, decode, encode};
use greenroom_model::feed::{ChangeFeed, Shape};
use redb::{ReadableTable as _, WriteTransaction};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// A secret as it was, and as format 12 writes it: as the first of variants.
type Was = Zeroizing<Vec<u8>>;
type InClear = (u8, Was);

/// `S` is a secret.
#[derive(Serialize, Deserialize)]
struct Account<S> {
    name: String,
    tenant: String,
    key: S,
    second_key: Option<S>,
    /// The numbers of variants.
    state: u8,
    public_containers: u8,
    generation: u64,
}

#[derive(Serialize, Deserialize)]
struct Mirror<S> {
    settings: String,
    secret: Option<S>,
    place: MirrorPlace,
}

#[derive(Serialize, Deserialize)]
struct Feed<S> {
    feed: Option<ChangeFeed>,
    since_us: i64,
    until_us: i64,
    published: u64,
    sinks: BTreeMap<String, SinkRow<S>>,
}

#[derive(Serialize, Deserialize)]
struct SinkRow<S> {
    sink: Sink<S>,
    delivered: u64,
    dropped: u64,
}

#[derive(Serialize, Deserialize)]
enum Sink<S> {
    Webhook { url: S, shape: Shape },
    Pull,
    Kafka { brokers: Vec<String>, topic: String },
}

pub fn to_12(txn: &WriteTransaction) -> Result<()> {
    accounts(txn)?;
    mirrors(txn)?;
    feeds(txn)
}

fn accounts(txn: &WriteTransaction) -> Result<()> {
    let mut table = txn.open_table(ACCOUNTS)?;
    let names: Result<Vec<String>> = table.iter()?.map(|item| Ok(item?.0.value().to_owned())).collect();
    for name in names? {
        let Some(row) = table.get(name.as_str())?.map(|row| rewritten(row.value(), Account::in_clear)) else {
            continue;
        };
        table.insert(name.as_str(), row?.as_slice())?;
    }
    Ok(())
}

fn mirrors(txn: &WriteTransaction) -> Result<()> {
    let mut table = txn.open_table(MIRRORS)?;
    let own = |(account, name): (&str, &str)| (account.to_owned(), name.to_owned());
    let names: Result<Vec<(String, String)>> = table.iter()?.map(|item| Ok(own(item?.0.value()))).collect();
    for (account, name) in names? {
        let key = (account.as_str(), name.as_str());
        let Some(row) = table.get(key)?.map(|row| rewritten(row.value(), Mirror::in_clear)) else { continue };
        table.insert(key, row?.as_slice())?;
    }
    Ok(())
}

fn feeds(txn: &WriteTransaction) -> Result<()> {
    let mut table = txn.open_table(FEEDS)?;
    let names: Result<Vec<String>> = table.iter()?.map(|item| Ok(item?.0.value().to_owned())).collect();
    for name in names? {
        let Some(row) = table.get(name.as_str())?.map(|row| rewritten(row.value(), Feed::in_clear)) else { continue };
        table.insert(name.as_str(), row?.as_slice())?;
    }
    Ok(())
}

fn rewritten<T: DeserializeOwned, N: Serialize>(row: &[u8], next: impl FnOnce(T) -> N) -> Result<Vec<u8>> {
    Ok(encode(&next(decode(row)?)))
}

fn in_clear(secret: Was) -> InClear {
    (0, secret)
}

impl Account<Was> {
    fn in_clear(self) -> Account<InClear> {
        let Self { name, tenant, key, second_key, state, public_containers, generation } = self;
        let (key, second_key) = (in_clear(key), second_key.map(in_clear));
        Account { name, tenant, key, second_key, state, public_containers, generation }
    }
}

impl Mirror<Was> {
    fn in_clear(self) -> Mirror<InClear> {
        let Self { settings, secret, place } = self;
        Mirror { settings, secret: secret.map(in_clear), place }
    }
}

impl Feed<Was> {
    fn in_clear(self) -> Feed<InClear> {
        let Self { feed, since_us, until_us, published, sinks } = self;
        let sinks = sinks.into_iter().map(|(name, row)| (name, row.in_clear())).collect();
        Feed { feed, since_us, until_us, published, sinks }
    }
}

impl SinkRow<Was> {
    fn in_clear(self) -> SinkRow<InClear> {
        let Self { sink, delivered, dropped } = self;
        let sink = match sink {
            Sink::Webhook { url, shape } => Sink::Webhook { url: in_clear(url), shape },
            Sink::Pull => Sink::Pull,
            Sink::Kafka { brokers, topic } => Sink::Kafka { brokers, topic },
        };
        SinkRow { sink, delivered, dropped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{AccountRow, FeedRow, KeptSecret, KeptSink, MirrorRow};

    /// Rows as format 11 froze them.
    const ACCOUNT: &str = "0108676f6c646163637404676f6c64030102030101040001f403a06d5755644e4da1";
    const MIRROR: &str = "01027b7d01067365637265740248499401950178340210958aa3ac";
    const FEED: &str = "01013e013f408201840143040161000b68747470733a2f2f612f62003c3d0162000b68747470733a2f2f612f62013c3d0163013c3d0164020103613a3101743c3d9e606b1fe89bee7e";

    #[test]
    fn secrets_say_that_they_lie_in_clear() {
        let plain = |secret: &[u8]| KeptSecret::Plain(Zeroizing::new(secret.to_vec()));
        let account: AccountRow = read(rewritten(&bytes(ACCOUNT), Account::in_clear));
        assert_eq!((account.key, account.second_key), (plain(&[1, 2, 3]), Some(plain(&[4]))));
        assert_eq!((account.tenant.as_str(), account.generation), ("gold", 500));
        let mirror: MirrorRow = read(rewritten(&bytes(MIRROR), Mirror::in_clear));
        assert_eq!((mirror.secret, mirror.place.listed_us), (Some(plain(b"secret")), -75));
        let feed: FeedRow = read(rewritten(&bytes(FEED), Feed::in_clear));
        let (url, kafka) = (plain(b"https://a/b"), (vec!["a:1".to_owned()], "t".to_owned()));
        let sinks = [
            KeptSink::Webhook { url: url.clone(), shape: Shape::CloudEvents },
            KeptSink::Webhook { url, shape: Shape::EventGrid },
            KeptSink::Pull,
            KeptSink::Kafka { brokers: kafka.0, topic: kafka.1 },
        ];
        assert_eq!((feed.published, feed.feed.map(|feed| feed.shards)), (67, Some(64)));
        assert_eq!(
            feed.sinks.into_values().map(|row| (row.sink, row.dropped)).collect::<Vec<_>>(),
            sinks.map(|sink| (sink, 61))
        );
    }

    fn read<T: DeserializeOwned>(row: Result<Vec<u8>>) -> T {
        decode(&row.expect("it was one")).expect("it is one")
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let pairs = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16));
        pairs.collect::<Result<_, _>>().expect("hexadecimal")
    }
}
