//! The publisher: turns what waits in the outbox into segments of change feeds, and lets go of those that are past their retention.
//! See `docs/design/every-change-is-told.md`.

use greenroom_feed::{
    FeedError, FeedMeta, META_PATH, Segment, Status, chunk_number, segment_time, shard_of, write_chunk,
};
use greenroom_model::feed::{BlobEvent, ChangeFeed, SHARDS_MAX};
use greenroom_model::{AccountName, BlobName};
use greenroom_store::{
    Body, Clock, Entry, Feed, ListQuery, Part, Precondition, Published, Snapshots, Store, StoreError, Timestamp,
    feed_of,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

/// Between looks: a quarter of the shortest segment.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// After a failure, which is mostly a full or failing disk.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
/// What memory and a transaction hold of a segment at a time: some 2 MB.
const PART_EVENTS: usize = 4_000;
/// Between looks for what is past its retention, which is days old.
const FORGET_EVERY: Duration = Duration::from_secs(60);
/// Files that one look removes.
const FORGOTTEN_AT_ONCE: usize = 1_000;
const DAY_US: i64 = 24 * 3_600 * 1_000_000;

/// Stopping it waits for the part under way; what was not published waits in the outbox.
#[derive(Debug)]
pub struct Publisher {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Publisher {
    /// Must be called within a runtime.
    pub fn start(store: Store, clock: Arc<dyn Clock>) -> Self {
        let (stop, stopped) = oneshot::channel();
        Self { stop, task: tokio::spawn(run(store, clock, stopped)) }
    }

    pub async fn stop(self) {
        drop(self.stop);
        if self.task.await.is_err() {
            tracing::error!("the publisher of change feeds has panicked");
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum PublishError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Feed(#[from] FeedError),
}

async fn run(store: Store, clock: Arc<dyn Clock>, mut stopped: oneshot::Receiver<()>) {
    let mut every = tokio::time::interval(LOOK_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut forget_at = Instant::now();
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            _ = every.tick() => {}
        }
        let forgets = Instant::now() >= forget_at;
        if forgets {
            forget_at = Instant::now() + FORGET_EVERY;
        }
        if let Err(error) = look(&store, clock.now(), forgets.then_some(FORGOTTEN_AT_ONCE)).await {
            tracing::warn!(%error, "a change feed cannot be published; its events wait");
            every.reset_after(AGAIN_AFTER);
        }
    }
}

/// Goes through all feeds. One that fails keeps no other one waiting.
async fn look(store: &Store, now: Timestamp, forget_max: Option<usize>) -> Result<(), PublishError> {
    let mut failed = None;
    for subscribed in store.told()? {
        let (account, Some(feed)) = (subscribed.account, subscribed.feed) else { continue };
        if let Err(error) = publish(store, &account, feed, now).await {
            failed = failed.or(Some(error));
            continue;
        }
        if let (Some(max), Some(days)) = (forget_max, feed.settings.retention_days) {
            let before = Timestamp(now.0.saturating_sub(i64::from(days) * DAY_US));
            if let Err(error) = forget(store, &account, before, max).await {
                failed = failed.or(Some(error.into()));
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Publishes what is due of one feed, part by part.
async fn publish(store: &Store, account: &AccountName, mut feed: Feed, now: Timestamp) -> Result<(), PublishError> {
    loop {
        let events = store.events(account, feed.published, PART_EVENTS).await?;
        let Some(due) = due(&feed, &events, now) else { return Ok(()) };
        let part = prepare(store, account, &feed.settings, &due, now).await?;
        let (last, ends) = (part.last, part.ends);
        match store.publish(account, part).await? {
            // The writer was faster than the look.
            Published::MoreCame => {}
            Published::Yes => {
                feed.published = last.unwrap_or(feed.published);
                feed.until = ends.unwrap_or(feed.until);
            }
        }
    }
}

/// What is to be published next.
struct Due<'e> {
    segment: Segment,
    events: &'e [Arc<BlobEvent>],
    closes: Closes,
}

/// What a part is the end of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closes {
    Nothing,
    Segment,
    /// Nothing happened until the beginning of the segment under way.
    Silence {
        until_us: i64,
    },
}

/// Pure: `None` where nothing is due yet.
fn due<'e>(feed: &Feed, events: &'e [Arc<BlobEvent>], now: Timestamp) -> Option<Due<'e>> {
    let seconds = feed.settings.segment_seconds;
    let Some(first) = events.first() else {
        let until_us = Segment::at(now.0, seconds).begin_s.saturating_mul(1_000_000);
        let is_due = until_us > feed.until.0;
        let segment = Segment::at(until_us.saturating_sub(1), seconds);
        return is_due.then_some(Due { segment, events: &[], closes: Closes::Silence { until_us } });
    };
    let segment = Segment::at(first.at_us, seconds);
    let within = events.partition_point(|event| event.at_us < segment.end_us());
    let closes = match within < PART_EVENTS {
        false => Closes::Nothing,
        true if segment.end_us() <= now.0 => Closes::Segment,
        true => return None,
    };
    Some(Due { segment, events: &events[..within], closes })
}

async fn prepare(
    store: &Store,
    account: &AccountName,
    settings: &ChangeFeed,
    due: &Due<'_>,
    now: Timestamp,
) -> Result<Part, PublishError> {
    let mut segment = due.segment.clone();
    let mut by_shard: BTreeMap<u16, Vec<BlobEvent>> = BTreeMap::new();
    for event in due.events {
        // The feed's own events are in the first.
        let shard = event.blob.as_ref().map_or(0, |blob| shard_of(&event.container, blob, settings.shards));
        by_shard.entry(shard).or_default().push((**event).clone());
    }
    let mut files = Vec::new();
    let mut shards: BTreeSet<u16> = by_shard.keys().copied().collect();
    for (shard, events) in by_shard {
        let number = next_number(store, account, &segment.log_folder(shard)).await?;
        let chunk = write_chunk(&events)?;
        files.push(file(store, segment.chunk_path(shard, number)?, "avro/binary", chunk).await?);
    }
    let ends = match due.closes {
        Closes::Nothing => None,
        Closes::Segment => {
            // Also those of parts before, when the feed may have had more of them.
            for shard in 0..SHARDS_MAX {
                if !shards.contains(&shard) && next_number(store, account, &segment.log_folder(shard)).await? > 0 {
                    shards.insert(shard);
                }
            }
            segment.shards = shards.into_iter().collect();
            let index = segment.to_json(Status::Finalized, settings.shards, now.0);
            files.push(file(store, segment.path(), "application/json", index).await?);
            Some(segment.end_us())
        }
        Closes::Silence { until_us } => Some(until_us),
    };
    if ends.is_some() {
        let meta = FeedMeta { last_consumable_s: segment.begin_s }.to_json(now.0);
        files.push(file(store, META_PATH.to_owned(), "application/json", meta).await?);
    }
    Ok(Part { last: due.events.last().map(|event| event.sequence), ends: ends.map(Timestamp), files })
}

/// Of the next chunk in a folder of logs.
async fn next_number(store: &Store, account: &AccountName, folder: &str) -> Result<u32, StoreError> {
    let mut query = ListQuery { prefix: folder.to_owned(), ..ListQuery::default() };
    let mut next = 0;
    loop {
        let page = store.list_blobs(&feed_of(account), &query).await?;
        let numbers = page.entries.iter().filter_map(|entry| chunk_number(entry.name()));
        next = numbers.map(|number| number + 1).max().unwrap_or(0).max(next);
        match page.next {
            Some(after) => query.after = Some(after),
            None => return Ok(next),
        }
    }
}

async fn file(
    store: &Store,
    path: String,
    content_type: &'static str,
    content: Vec<u8>,
) -> Result<(BlobName, &'static str, Body), StoreError> {
    // Names, which the catalog holds as they are too: they are told while the tenant's key is away.
    let mut writer = store.begin_body(Some(content.len() as u64))?;
    writer.write(content.into()).await?;
    let name = BlobName::new(path).expect("paths of a feed are names");
    Ok((name, content_type, writer.finish().await?))
}

/// Removes what is of segments before a time, indexes first: a reader finds a segment whole or not at all. Returns how many files went.
async fn forget(store: &Store, account: &AccountName, before: Timestamp, max: usize) -> Result<usize, StoreError> {
    let folders = ["idx/segments/".to_owned()].into_iter();
    let folders = folders.chain((0..SHARDS_MAX).map(|shard| format!("log/{shard:02}/")));
    let (container, mut gone) = (feed_of(account), 0);
    for prefix in folders {
        let query = ListQuery { prefix, max: max - gone, ..ListQuery::default() };
        let page = store.list_blobs(&container, &query).await?;
        let is_old = |entry: &Entry| segment_time(entry.name()).is_some_and(|begin_s| begin_s < before.seconds());
        for entry in page.entries.into_iter().take_while(is_old) {
            let Entry::Blob(name, _) = entry else { continue };
            let path = container.clone().blob(name);
            store.delete_blob(&path, Snapshots::Delete, &Precondition::default()).await?;
            gone += 1;
        }
        if gone >= max {
            break;
        }
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::TryStreamExt as _;
    use greenroom_feed::read_chunk;
    use greenroom_model::TenantName;
    use greenroom_model::feed::EventKind;
    use greenroom_store::{AccountKey, AccountRecord, BlobDraft, Config, Metadata};
    use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

    /// Some minute.
    const BEGIN_US: i64 = 1_800_000_000_000_000;

    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Relaxed))
        }
    }

    struct Bed {
        _dir: tempfile::TempDir,
        clock: Arc<Hand>,
        store: Store,
        account: AccountName,
    }

    impl Bed {
        async fn new(settings: ChangeFeed) -> Self {
            let dir = tempfile::tempdir().expect("a folder");
            let clock = Arc::new(Hand(AtomicI64::new(BEGIN_US)));
            let store = Store::open(dir.path(), Config::default(), clock.clone()).await.expect("it opens");
            let account = AccountName::new("goldacct").expect("a good name");
            let tenant = TenantName::new("gold").expect("a good name");
            store.put_tenant(tenant.clone()).await.expect("made");
            let record = AccountRecord::new(account.clone(), tenant, AccountKey::new([1; 64]));
            store.put_account(record).await.expect("made");
            let bed = Self { _dir: dir, clock, store, account };
            bed.store.create_container(&bed.path("a").container, Metadata::new()).await.expect("made");
            bed.store.set_feed(&bed.account, Some(settings)).await.expect("set");
            bed
        }

        fn path(&self, name: &str) -> greenroom_model::BlobPath {
            let container = greenroom_model::ContainerName::new("photos").expect("a good name");
            let container = greenroom_model::ContainerPath { account: self.account.clone(), container };
            container.blob(BlobName::new(name).expect("a good name"))
        }

        async fn put(&self, name: &str) {
            let body = self.store.begin_body(Some(0)).expect("room").finish().await.expect("nothing");
            let (draft, none) = (BlobDraft::default(), Precondition::default());
            self.store.put_blob(&self.path(name), draft, body, &none).await.expect("put");
        }

        fn pass(&self, seconds: i64) {
            self.clock.0.fetch_add(seconds * 1_000_000, Relaxed);
        }

        async fn look(&self) {
            look(&self.store, self.clock.now(), Some(FORGOTTEN_AT_ONCE)).await.expect("published");
        }

        async fn files(&self) -> Vec<String> {
            let page = self.store.list_blobs(&feed_of(&self.account), &ListQuery::default()).await.expect("listed");
            page.entries.iter().map(|entry| entry.name().to_owned()).collect()
        }

        async fn read(&self, name: &str) -> Vec<u8> {
            let path = feed_of(&self.account).blob(BlobName::new(name).expect("a good name"));
            let blob = self.store.blob(&path).await.expect("there");
            let chunks: Vec<bytes::Bytes> = blob.read(0..u64::MAX).expect("all").try_collect().await.expect("read");
            chunks.concat()
        }

        /// Kind and name of every event in the feed's logs, in the order of their files.
        async fn told(&self) -> Vec<(Option<EventKind>, String)> {
            let mut told = Vec::new();
            for file in self.files().await.into_iter().filter(|file| file.starts_with("log/")) {
                let chunk = self.read(&file).await;
                let events = read_chunk(&chunk[..]).expect("a chunk");
                told.extend(events.map(|event| event.expect("an event")).map(|event| (event.kind, event.blob)));
            }
            told
        }

        async fn last_consumable_s(&self) -> i64 {
            FeedMeta::parse(&self.read(META_PATH).await).expect("good").last_consumable_s
        }
    }

    #[tokio::test]
    async fn a_segment_is_published_once_it_has_ended_and_silence_moves_on() {
        let bed = Bed::new(ChangeFeed { segment_seconds: 5, ..ChangeFeed::default() }).await;
        bed.put("a").await;
        bed.look().await;
        assert_eq!(bed.files().await, [""; 0], "it goes on");
        bed.pass(4);
        bed.put("b").await;
        bed.pass(2);
        bed.put("c").await;
        bed.look().await;
        let files = ["idx/segments/2027/01/15/080000/meta.json", "log/00/2027/01/15/080000/00000.avro", META_PATH];
        assert_eq!(bed.files().await, files);
        let told = |names: &[&str]| -> Vec<_> {
            let created = names.iter().map(|name| (Some(EventKind::Created), (*name).to_owned()));
            [(Some(EventKind::Control), String::new())].into_iter().chain(created).collect()
        };
        assert_eq!(bed.told().await, told(&["a", "b"]));
        let (segment, status) = Segment::parse(files[0], &bed.read(files[0]).await).expect("an index");
        assert_eq!((segment.shards, status), (vec![0], Status::Finalized));
        assert_eq!(bed.last_consumable_s().await, BEGIN_US / 1_000_000);
        bed.pass(60);
        bed.look().await;
        assert_eq!(bed.told().await, told(&["a", "b", "c"]));
        assert_eq!(bed.last_consumable_s().await, BEGIN_US / 1_000_000 + 60, "of the segment before this one");
        let (feed, files) = (bed.store.told().expect("read"), bed.files().await);
        bed.look().await;
        assert_eq!((bed.store.told().expect("read"), bed.files().await), (feed, files), "nothing is due");
    }

    #[tokio::test]
    async fn logs_are_parted_by_blob_and_no_file_is_written_over() {
        let bed = Bed::new(ChangeFeed { segment_seconds: 60, shards: 4, ..ChangeFeed::default() }).await;
        for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
            bed.put(name).await;
        }
        bed.pass(60);
        bed.look().await;
        // Longer and shorter again within an hour: the same segment is named once more.
        let settings = ChangeFeed { segment_seconds: 3_600, shards: 1, ..ChangeFeed::default() };
        bed.store.set_feed(&bed.account, Some(settings)).await.expect("set");
        bed.put("a").await;
        bed.pass(3_600);
        bed.look().await;
        let mut told: Vec<_> = bed.told().await.into_iter().map(|(_, name)| name).collect();
        told.sort();
        assert_eq!(told, ["", "a", "a", "b", "c", "d", "e", "f", "g", "h"]);
        let index = "idx/segments/2027/01/15/0800/meta.json";
        let (segment, _) = Segment::parse(index, &bed.read(index).await).expect("an index");
        assert!(segment.shards.len() > 1, "{segment:?}");
        let logs = bed.files().await.into_iter().filter(|file| file.starts_with("log/"));
        let folders: BTreeSet<u16> = logs.filter_map(|file| file.get(4..6)?.parse().ok()).collect();
        assert_eq!(segment.shards, folders.into_iter().collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn more_than_a_part_goes_in_parts_before_the_segment_has_ended() {
        let bed = Bed::new(ChangeFeed { segment_seconds: 3_600, ..ChangeFeed::default() }).await;
        futures::future::join_all((0..PART_EVENTS + 10).map(|n| async move { n }).map(|n| async {
            bed.put(&format!("{:05}", n.await)).await;
        }))
        .await;
        bed.look().await;
        assert_eq!(bed.files().await, ["log/00/2027/01/15/0800/00000.avro"]);
        assert_eq!(bed.told().await.len(), PART_EVENTS);
        bed.pass(3_600);
        bed.look().await;
        let told: BTreeSet<_> = bed.told().await.into_iter().collect();
        assert_eq!(told.len(), PART_EVENTS + 11, "each once");
    }

    #[tokio::test]
    async fn what_is_past_its_retention_goes_and_nothing_else() {
        let bed = Bed::new(ChangeFeed { segment_seconds: 60, retention_days: Some(2), shards: 1 }).await;
        for _ in 0..4 {
            bed.put("a").await;
            bed.pass(24 * 3_600);
            bed.look().await;
        }
        let days: Vec<_> = bed.files().await.iter().filter_map(|file| segment_time(file)).collect();
        let day = |number: i64| BEGIN_US / 1_000_000 + number * 24 * 3_600;
        assert_eq!(days, [day(2), day(3), day(2), day(3)]);
    }
}
