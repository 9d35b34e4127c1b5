//! Secrets are of use to whoever has the key that sealed them, and to nobody else: in memory, in the catalog's file, after a crash.

use crate::support::sim::{Fate, SimDisk};
use crate::support::*;
use greenroom_model::feed::{Shape, Sink};
use greenroom_store::*;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

const DIR: &str = "/data";
const MARK: &[u8] = b"nobody may find this";
const MIRROR_SECRET: &str = "sv=mark&sig=of a mirror";
const URL: &str = "https://a/hook?code=mark of a sink";
/// More than one transaction seals.
const MANY: usize = 700;
/// Acts at which the power goes.
const POINTS: u64 = 40;

#[tokio::test]
async fn what_is_sealed_takes_its_key_and_lies_nowhere_in_clear() {
    let disk = SimDisk::new(Fate::Sound);
    let store = open(&disk).await;
    store.attach_secrets(key(1)).await.expect("attached");
    fill(&store, 3).await;
    assert_eq!(said(&store), told(3));
    store.close().await.expect("closed");
    drop(store);
    assert_eq!(in_clear(&disk), Vec::<String>::new());

    let store = open(&disk).await;
    assert!(store.has_sealed_secrets().expect("read"));
    assert_eq!((store.account(&name(0)), store.accounts()), (None, Vec::new()));
    for refused in [store.mirrors().map(drop), store.told().map(drop)] {
        assert!(matches!(refused, Err(StoreError::SecretSealed(_))), "{refused:?}");
    }
    // Whose it is, is no secret; that it is there is why nobody makes another in its place.
    assert!(store.list_containers(&name(0), &ListQuery { max: 1, ..ListQuery::default() }).await.is_ok());
    let replaced = store.put_account(record(0)).await;
    assert!(matches!(replaced, Err(StoreError::SecretSealed(_))), "{replaced:?}");
    store
        .put_account(AccountRecord::new(account_name("another"), tenant("gold"), AccountKey::new(MARK)))
        .await
        .expect("made");
    let refused = store.attach_secrets(key(2)).await;
    assert!(matches!(refused, Err(StoreError::SecretSealed(_))), "{refused:?}");
    assert!(store.account(&name(0)).is_none(), "nothing was opened");
    store.attach_secrets(key(1)).await.expect("attached");
    assert!(store.account(&account_name("another")).is_some());
    store.close().await.expect("closed");
    drop(store);
    assert_eq!(in_clear(&disk), Vec::<String>::new());
}

#[tokio::test]
async fn what_lay_in_clear_is_sealed_and_overwritten_once_there_is_a_key() {
    let disk = clear_folder().await;
    assert!(!in_clear(&disk).is_empty());
    let store = open(&disk).await;
    assert!(!store.has_sealed_secrets().expect("read"));
    assert_eq!(said(&store), told(MANY));
    store.attach_secrets(key(1)).await.expect("attached");
    assert_eq!(said(&store), told(MANY));
    store.put_account(record(0).next_generation()).await.expect("changed");
    store.close().await.expect("closed");
    drop(store);
    assert_eq!(in_clear(&disk), Vec::<String>::new());
    let store = open(&disk).await;
    assert!(store.accounts().is_empty());
    store.attach_secrets(key(1)).await.expect("attached");
    assert_eq!(store.account(&name(0)).expect("there").generation, 1);
    assert_eq!(store.accounts().len(), MANY);
}

#[tokio::test]
async fn wherever_the_power_goes_no_secret_is_lost_and_none_stays_in_clear() {
    let folder = clear_folder().await;
    let sound = folder.after_crash(0);
    let before = sound.acts();
    let store = open(&sound).await;
    store.attach_secrets(key(1)).await.expect("attached");
    store.close().await.expect("closed");
    drop(store);
    let acts = sound.acts() - before;
    for at in (1..acts).step_by((acts / POINTS).max(1) as usize) {
        let disk = folder.after_crash(0);
        disk.set_fate(Fate::CrashAt(disk.acts() + at));
        if let Ok(store) = try_open(&disk).await {
            drop(store.attach_secrets(key(1)).await);
            drop(store.close().await);
        }
        let next = disk.after_crash(at);
        let store = open(&next).await;
        store.attach_secrets(key(1)).await.unwrap_or_else(|error| panic!("act {at}: {error}"));
        assert_eq!(said(&store), told(MANY), "act {at}");
        store.close().await.expect("closed");
        drop(store);
        assert_eq!(in_clear(&next), Vec::<String>::new(), "act {at}");
    }
}

#[tokio::test]
async fn what_a_lost_key_sealed_is_given_up_and_all_else_stays() {
    let disk = SimDisk::new(Fate::Sound);
    let store = open(&disk).await;
    store.attach_secrets(key(1)).await.expect("attached");
    fill(&store, 2).await;
    store.set_sink(&name(0), "pulled".to_owned(), Some(Sink::Pull)).await.expect("written");
    store.close().await.expect("closed");
    drop(store);

    for (at_hand, stays) in [(Some(key(1)), 2), (None, 0), (Some(key(2)), 0)] {
        let store = open(&disk.after_crash(0)).await;
        let lost = store.lost_secrets(at_hand.clone()).expect("read");
        // Two keys an account, the mirror's, and the webhook's.
        assert_eq!(lost.len(), if stays == 0 { 6 } else { 0 });
        assert_eq!(store.give_up_secrets(at_hand.clone(), || AccountKey::new([7; 64])).await.expect("done"), lost);
        assert_eq!(store.lost_secrets(at_hand.clone()).expect("read"), []);
        store.attach_secrets(at_hand.unwrap_or_else(|| key(3))).await.expect("nothing is in the way");
        let records = store.accounts();
        assert_eq!(records.len(), 2);
        let is_new = |account: &AccountRecord| account.keys().all(|key| *key == AccountKey::new([7; 64]));
        assert!(records.iter().all(|account| is_new(account) == (stays == 0)));
        assert!(records.iter().all(|account| account.generation == u64::from(stays == 0)));
        assert_eq!(store.mirrors().expect("read").remove(0).secret.is_some(), stays > 0);
        let sinks = store.told().expect("read").remove(0).sinks;
        assert_eq!((sinks.contains_key("hook"), sinks.contains_key("pulled")), (stays > 0, true));
    }
}

/// A folder that was written while nobody sealed.
async fn clear_folder() -> SimDisk {
    let disk = SimDisk::new(Fate::Sound);
    let store = open(&disk).await;
    fill(&store, MANY).await;
    store.close().await.expect("closed");
    disk
}

async fn fill(store: &Store, accounts: usize) {
    let records = (0..accounts).map(record).collect();
    store.put_identities(vec![tenant("gold")], records).await.expect("made");
    store.put_mirror(&name(0), "lake", "{}".to_owned(), Some(MIRROR_SECRET.to_owned())).await.expect("written");
    let sink = Sink::Webhook { url: URL.to_owned(), shape: Shape::EventGrid };
    store.set_sink(&name(0), "hook".to_owned(), Some(sink)).await.expect("written");
}

type Said = (Vec<AccountRecord>, Option<String>, Option<Sink>);

/// All secrets, and what they are of.
fn said(store: &Store) -> Said {
    let accounts = store.accounts().iter().map(|record| (**record).clone()).collect();
    let mirror = store.mirrors().expect("read").remove(0).secret.map(|secret| secret.to_string());
    let sink = store.told().expect("read").remove(0).sinks.remove("hook").map(|delivered| delivered.sink);
    (accounts, mirror, sink)
}

fn told(accounts: usize) -> Said {
    let sink = Sink::Webhook { url: URL.to_owned(), shape: Shape::EventGrid };
    ((0..accounts).map(record).collect(), Some(MIRROR_SECRET.to_owned()), Some(sink))
}

fn record(number: usize) -> AccountRecord {
    let marked = |which: &str| AccountKey::new([MARK, which.as_bytes(), number.to_string().as_bytes()].concat());
    let record = AccountRecord::new(name(number), tenant("gold"), marked("first"));
    AccountRecord { second_key: Some(marked("second")), ..record }
}

fn name(number: usize) -> greenroom_model::AccountName {
    account_name(&format!("account{number:05}"))
}

fn key(byte: u8) -> Arc<DataKey> {
    Arc::new(DataKey::new(0, Box::new(Zeroizing::new([byte; DATA_KEY_BYTES]))))
}

/// What is found on a disk that may not be.
fn in_clear(disk: &SimDisk) -> Vec<String> {
    let mut found = Vec::new();
    disk.damage(|path, content| {
        for mark in [MARK, MIRROR_SECRET.as_bytes(), URL.as_bytes()] {
            if content.windows(mark.len()).any(|part| part == mark) {
                found.push(format!("{}: {}", path.display(), String::from_utf8_lossy(mark)));
            }
        }
    });
    found
}

async fn open(disk: &SimDisk) -> Store {
    try_open(disk).await.expect("it opens")
}

async fn try_open(disk: &SimDisk) -> Result<Store> {
    let config = Config { catalog_cache_bytes: 1 << 20, ..Config::default() };
    Store::open_on(Arc::new(disk.clone()), Path::new(DIR), config, manual_clock()).await
}
