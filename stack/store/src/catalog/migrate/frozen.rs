//! The bytes of every row, with every variant in it: a row that is written otherwise takes a format of its own.

use crate::acl::{AccessPolicy, ContainerAcl, PublicAccess, PublicContainers};
use crate::block::BlockId;
use crate::clock::Timestamp;
use crate::cloud::{At, CloudPlace, Placed};
use crate::encryption::Encryption;
use crate::etag::ETag;
use crate::lease::{Lease, LeaseId, LeaseTerm};
use crate::piece::Piece;
use crate::props::{
    BlobKind, BlobProps, ContainerProps, CopyState, DefaultScope, HttpHeaders, Metadata, Overriding, Tier,
};
use crate::rows::*;
use crate::usage::{Owner, TenantUsage};
use greenroom_model::feed::{BlobEvent, BlobType, Cause, ChangeFeed, EventKind, Shape};
use greenroom_model::{AccountName, BlobName, ContainerName, TenantName};
use zeroize::Zeroizing;

const FROZEN: &str = include_str!("rows.txt");

#[test]
fn rows_are_written_as_their_format_says() {
    let found: String = rows().iter().map(|(name, bytes)| format!("{name} {}\n", hex(bytes))).collect();
    assert!(
        found == FROZEN,
        "a row is written otherwise than in format {}: add a step that leads to the next one, and write down these:\n{found}",
        super::FORMAT
    );
}

fn rows() -> Vec<(&'static str, Vec<u8>)> {
    let mut rows = vec![
        ("head", encode(&HeadRow { format: 300, volume: 1 << 40, etag: 2, id: 3, cloud: Some(cloud()) })),
        ("log", encode(&LogRow { number: 4, last: Some([5; 32]), meant: vec![[6; 32]], adopted: Some((7, at(8))) })),
        ("audit", encode(&AuditRow { seq: 52, hash: "ab".to_owned() })),
        ("tenant", encode(&())),
        ("service", encode(&ServiceSettings::from([("cors".to_owned(), "<Cors/>".to_owned())]))),
        ("extent", encode(&ExtentRow { live: 9, end: 10 })),
        ("usage", encode(&usage())),
        ("held", encode(&(owner(), usage()))),
        ("staging", encode(&staging())),
        ("staged", encode(&StagedRow { length: 11, crc64: 12, pieces: List::Rows(13), encryption: None })),
        ("pieces", encode(&vec![piece(), piece()].as_slice())),
        ("blocks", encode(&vec![block(), block()].as_slice())),
        ("feeds", encode(&feed())),
        ("mirrors", encode(&mirror(plain(b"secret")))),
        ("mirrors", encode(&mirror(sealed()))),
        ("mirrored", encode(&mirrored())),
    ];
    let accounts = [AccountState::Enabled, AccountState::Disabled].into_iter();
    rows.extend(accounts.map(|state| ("account", encode(&account(state)))));
    let publics = [PublicAccess::Private, PublicAccess::Blob, PublicAccess::Container].into_iter();
    rows.extend(publics.map(|public| ("container", encode(&container(public)))));
    rows.extend(blobs().map(|blob| ("blob", encode(&blob))));
    rows.extend(blobs().take(2).zip([At::Flash, At::Origin("0x8D".to_owned())]).map(|(blob, at)| {
        let row = BlobRow { at, ..blob };
        ("blob", encode(&row))
    }));
    let states = [DataKeyState::Active, DataKeyState::Old, DataKeyState::Erased].into_iter();
    rows.extend(states.map(|state| ("key", encode(&data_key(state)))));
    rows.extend(events().map(|event| ("feed", encode(&event))));
    rows.extend(garbage().map(|garbage| ("garbage", encode(&garbage))));
    rows
}

fn plain(secret: &[u8]) -> KeptSecret {
    KeptSecret::Plain(Zeroizing::new(secret.to_vec()))
}

fn sealed() -> KeptSecret {
    KeptSecret::Sealed(vec![81, 82])
}

fn account(state: AccountState) -> AccountRow {
    let (name, tenant) = (AccountName::new("goldacct"), TenantName::new("gold"));
    let public_containers = match state {
        AccountState::Enabled => PublicContainers::Allowed,
        AccountState::Disabled => PublicContainers::Forbidden,
    };
    AccountRow {
        name: name.expect("a good name"),
        tenant: tenant.expect("a good name"),
        key: plain(&[1, 2, 3]),
        second_key: Some(sealed()),
        state,
        public_containers,
        generation: 500,
    }
}

fn data_key(state: DataKeyState) -> DataKeyRow {
    let wrapped = Wrapped { by: "node".to_owned(), algorithm: "A256GCM".to_owned(), bytes: vec![76, 77] };
    DataKeyRow {
        tenant: TenantName::new("gold").expect("a good name"),
        generation: 78,
        state,
        wrapped,
        created: at(79),
        id: DataKeyId([80; 16]),
        purpose: match state {
            DataKeyState::Active => KeyPurpose::Tenant,
            DataKeyState::Old => KeyPurpose::Scope(scope_key(ScopeState::Enabled)),
            DataKeyState::Erased => KeyPurpose::Scope(scope_key(ScopeState::Disabled)),
        },
    }
}

fn scope_key(state: ScopeState) -> ScopeKey {
    ScopeKey { account: AccountName::new("goldacct").expect("a good name"), name: "finance".to_owned(), state }
}

fn container(public: PublicAccess) -> ContainerRow {
    let (start, expiry, permissions) = (Some(at(1)), Some(at(2)), Some("rl".to_owned()));
    let policies = vec![AccessPolicy { id: "readers".to_owned(), start, expiry, permissions }];
    let props = ContainerProps {
        etag: ETag(3),
        created: at(4),
        modified: at(5),
        metadata: said(),
        lease: Lease::Free,
        acl: ContainerAcl { public, policies },
        scope: match public {
            PublicAccess::Private => None,
            PublicAccess::Blob => Some(scope(Overriding::Allowed)),
            PublicAccess::Container => Some(scope(Overriding::Denied)),
        },
    };
    ContainerRow { id: 6, tenant: owner(), props, placed: None, revision: 7 }
}

fn scope(overriding: Overriding) -> DefaultScope {
    DefaultScope { name: "finance".to_owned(), overriding }
}

/// A lease, a tier and a kind each; with and without an encryption; lists in the row and beside it.
fn blobs() -> impl Iterator<Item = BlobRow> {
    let (id, since) = (LeaseId(9), at(10));
    let leases = [
        Lease::Held { id, term: LeaseTerm::Infinite, since },
        Lease::Held { id, term: LeaseTerm::Seconds(15), since },
        Lease::Breaking { id, until: since },
        Lease::Broken { id },
        Lease::Free,
    ];
    let tiers = [Some(Tier::Hot), Some(Tier::Cool), Some(Tier::Cold), Some(Tier::Archive), None];
    let kinds = [BlobKind::Block, BlobKind::Page { sequence: 11, runs: 12 }].into_iter().cycle();
    let encryptions = [None, Some(Encryption::Scope("finance".to_owned())), Some(Encryption::Customer([80; 32]))];
    let encryptions = encryptions.into_iter().cycle();
    leases.into_iter().zip(tiers).zip(kinds).zip(encryptions).map(|(((lease, tier), kind), encryption)| {
        let is_short = matches!(kind, BlobKind::Block);
        let pieces = if is_short { List::Here(vec![piece()]) } else { List::Rows(13) };
        let blocks = if is_short { List::Here(vec![block()]) } else { List::Rows(14) };
        let copy = CopyState { id: "copy".to_owned(), source: "https://a/b".to_owned(), completed: at(15) };
        let props = BlobProps {
            length: 16,
            etag: ETag(17),
            created: at(18),
            modified: at(-19),
            headers: headers(),
            metadata: said(),
            tags: said(),
            tier,
            tier_changed: Some(at(20)),
            crc64: u64::MAX,
            lease,
            copy: Some(Box::new(copy)),
            kind,
            encryption,
        };
        let at_cloud = At::Cloud(Placed { place: CloudPlace { segment: [21; 32], recipe: 22 }, told: Some(23) });
        BlobRow { props, pieces, blocks, snapshots: Some(24), at: at_cloud, revision: 25, used: at(26), beside: 54 }
    })
}

fn mirror(secret: KeptSecret) -> MirrorRow {
    let place = MirrorPlace { cursor: vec![72, 73], complete_us: 74, listed_us: -75 };
    MirrorRow { settings: "{}".to_owned(), secret: Some(secret), place }
}

fn mirrored() -> MirroredRow {
    let text = str::to_owned;
    MirroredRow { account: text("goldacct"), container: text("hot"), mirror: text("lake"), there: text("raw") }
}

fn feed() -> FeedRow {
    let webhook = |url, shape| KeptSink::Webhook { url, shape };
    let (told, quiet) = (webhook(plain(b"https://a/b"), Shape::CloudEvents), webhook(sealed(), Shape::EventGrid));
    let kafka = KeptSink::Kafka { brokers: vec!["a:1".to_owned()], topic: "t".to_owned() };
    let sinks = [told, quiet, KeptSink::Pull, kafka].into_iter();
    let sinks = sinks
        .zip(["a", "b", "c", "d"])
        .map(|(sink, name)| (name.to_owned(), SinkRow { sink, delivered: 60, dropped: 61 }));
    let settings = ChangeFeed { segment_seconds: 62, retention_days: Some(63), shards: 64 };
    FeedRow { feed: Some(settings), since_us: 65, until_us: 66, published: 67, sinks: sinks.collect() }
}

/// Each kind, of a block and of a page blob; a feed's own event has none.
fn events() -> impl Iterator<Item = BlobEvent> {
    let kinds = [
        EventKind::Created,
        EventKind::Deleted,
        EventKind::PropertiesUpdated,
        EventKind::SnapshotCreated,
        EventKind::TierChanged,
        EventKind::Control,
    ];
    let types = [BlobType::Block, BlobType::Page].into_iter().cycle();
    kinds.into_iter().zip(types).map(|(kind, blob_type)| {
        let Owner { account, container, .. } = owner();
        let cause = Cause { api: "PutBlob".to_owned(), request_id: "r".to_owned(), client_request_id: "c".to_owned() };
        let blob = BlobName::new("a/b").expect("a good name");
        let blob = (kind != EventKind::Control).then_some(blob);
        let content_type = "text/plain".to_owned();
        let (sequence, at_us, etag, content_length) = (68, -69, 70, 71);
        BlobEvent {
            sequence,
            at_us,
            kind,
            account,
            container,
            blob,
            cause,
            etag,
            content_type,
            content_length,
            blob_type,
        }
    })
}

fn garbage() -> impl Iterator<Item = GarbageRow> {
    let rows = [
        GarbageRow::Container { id: 1, tenant: owner() },
        GarbageRow::Snapshots { set: 2, tenant: owner() },
        GarbageRow::Staging(3),
        GarbageRow::Pieces(4),
        GarbageRow::BlockList(5),
        GarbageRow::Draft(6),
    ];
    rows.into_iter()
}

fn headers() -> HttpHeaders {
    let text = |text: &str| Some(text.to_owned());
    HttpHeaders {
        content_type: text("a"),
        content_encoding: text("b"),
        content_language: text("c"),
        content_disposition: text("d"),
        cache_control: text("e"),
        content_md5: Some([27; 16]),
    }
}

fn staging() -> StagingRow {
    StagingRow { id: 28, tenant: owner(), blocks: 29, bytes: 30, block_id_bytes: 31, touched: at(32) }
}

fn usage() -> TenantUsage {
    TenantUsage {
        blobs: 33,
        bytes: 34,
        staged_blocks: 35,
        staged_bytes: 36,
        cloud_blobs: 37,
        cloud_bytes: 38,
        cloud_only_bytes: 39,
        record_bytes: 53,
        mirrored_blobs: 76,
        mirrored_bytes: 77,
    }
}

fn owner() -> Owner {
    let (tenant, account, container) =
        (TenantName::new("gold"), AccountName::new("goldacct"), ContainerName::new("hot"));
    Owner {
        tenant: tenant.expect("a good name"),
        account: account.expect("a good name"),
        container: container.expect("a good name"),
        id: 40,
    }
}

fn piece() -> Piece {
    Piece { extent: 41, offset: 42, length: 43, skip: 44, spare: 45 }
}

fn block() -> CommittedBlock {
    CommittedBlock { id: BlockId::new([46, 47]).expect("a good id"), length: 48, crc64: 49 }
}

fn cloud() -> CloudRow {
    CloudRow { volume: [50; 16], applied: 51 }
}

fn said() -> Metadata {
    Metadata::from([("why".to_owned(), "held".to_owned())])
}

fn at(micros: i64) -> Timestamp {
    Timestamp(micros)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
