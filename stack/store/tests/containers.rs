//! Tenants, accounts, containers, and what they add up to.

use crate::support::*;
use greenroom_model::tenancy::{ByteCount, Quota};
use greenroom_store::*;

#[tokio::test]
async fn tenants_and_accounts_stay() {
    let bed = bed().await;
    bed.store.put_tenant(tenant("bronze")).await.expect("put tenant");
    bed.store.put_tenant(tenant("bronze")).await.expect("idempotent");
    bed.store.put_account(account("other", "bronze")).await.expect("put account");
    let bed = bed.reopen().await;
    assert_eq!(bed.store.tenants(), [tenant("bronze"), tenant("gold")]);
    let names: Vec<_> = bed.store.accounts().iter().map(|account| account.name.to_string()).collect();
    assert_eq!(names, ["goldaccount", "other"]);
    let found = bed.store.account(&account_name("other")).expect("it was put");
    assert_eq!(*found, account("other", "bronze"));
    assert!(bed.store.account(&account_name("none")).is_none());
}

#[tokio::test]
async fn an_account_belongs_to_one_tenant() {
    let bed = bed().await;
    bed.store.put_tenant(tenant("bronze")).await.expect("put tenant");
    let taken = bed.store.put_account(account("goldaccount", "bronze")).await;
    assert!(matches!(taken, Err(StoreError::AccountTaken { .. })));
    let of_nobody = bed.store.put_account(account("other", "nobody")).await;
    assert!(matches!(of_nobody, Err(StoreError::TenantMissing(_))));
    let renewed = AccountRecord { key: AccountKey::new([8; 64]), ..account("goldaccount", "gold") };
    bed.store.put_account(renewed.clone()).await.expect("a new key");
    assert_eq!(*bed.store.account(&account_name("goldaccount")).expect("it is there"), renewed);
}

#[tokio::test]
async fn a_key_is_never_printed() {
    let printed = format!("{:?}", account("goldaccount", "gold"));
    assert!(printed.contains("redacted") && !printed.contains('7'), "{printed}");
}

#[tokio::test]
async fn a_container_is_made_once_and_keeps_its_metadata() {
    let bed = bed().await;
    let again = bed.store.create_container(&photos(), Metadata::new()).await;
    assert!(matches!(again, Err(StoreError::ContainerExists)));
    let mut elsewhere = photos();
    elsewhere.account = account_name("unknown");
    let of_nobody = bed.store.create_container(&elsewhere, Metadata::new()).await;
    assert!(matches!(of_nobody, Err(StoreError::AccountMissing(_))));

    let made = bed.store.container(&photos()).await.expect("it was made");
    bed.clock.advance_seconds(5);
    let metadata = Metadata::from([("a".to_owned(), "b".to_owned())]);
    let stale = Precondition::if_match(ETag(1));
    let refused = bed.store.set_container_metadata(&photos(), metadata.clone(), &stale).await;
    assert!(matches!(refused, Err(StoreError::ConditionNotMet)));
    let fitting = Precondition::if_match(made.etag);
    let set = bed.store.set_container_metadata(&photos(), metadata.clone(), &fitting).await.expect("set");
    assert!(set.etag != made.etag && set.modified > made.modified && set.created == made.created);
    let bed = bed.reopen().await;
    assert_eq!(bed.store.container(&photos()).await.expect("still there"), set);
}

#[tokio::test]
async fn containers_are_listed_by_account_prefix_and_page() {
    let bed = bed().await;
    bed.store.put_account(account("goldaccount2", "gold")).await.expect("put account");
    for name in ["phone", "photos-2", "zebra"] {
        bed.store.create_container(&container(name), Metadata::new()).await.expect("create");
    }
    let mut other = container("photos-other");
    other.account = account_name("goldaccount2");
    bed.store.create_container(&other, Metadata::new()).await.expect("create");
    let list = async |prefix: &str, after: Option<&str>, max| {
        let query = ListQuery { prefix: prefix.into(), after: after.map(str::to_owned), max, ..ListQuery::default() };
        let page = bed.store.list_containers(&account_name("goldaccount"), &query).await.expect("list");
        let names: Vec<_> = page.entries.iter().map(|(name, _)| name.to_string()).collect();
        (names, page.next)
    };
    assert_eq!(list("", None, 10).await.0, ["phone", "photos", "photos-2", "zebra"]);
    assert_eq!(list("pho", None, 2).await, (vec!["phone".into(), "photos".into()], Some("photos".into())));
    assert_eq!(list("pho", Some("photos"), 2).await, (vec!["photos-2".into()], None));
    assert_eq!(list("x", None, 2).await, (vec![], None));
    let unknown = bed.store.list_containers(&account_name("unknown"), &ListQuery::default()).await;
    assert!(matches!(unknown, Err(StoreError::AccountMissing(_))));
}

#[tokio::test]
async fn a_deleted_container_is_gone_at_once_and_its_name_is_free() {
    let mut bed = bed_with(Config { durability: Durability::Os, extent_bytes: 50_000, ..Config::default() }).await;
    for number in 0..1_500 {
        bed.put(&format!("small-{number}"), b"small").await;
    }
    for number in 0..20 {
        bed.put(&format!("large-{number}"), &content(number, 40 * KIB)).await;
        bed.stage(&format!("staged-{number}"), "a", &content(number, 40 * KIB)).await.expect("stage");
    }
    let none = Precondition::default();
    let refused = bed.store.delete_container(&photos(), &Precondition::if_match(ETag(1))).await;
    assert!(matches!(refused, Err(StoreError::ConditionNotMet)));
    bed.store.delete_container(&photos(), &none).await.expect("delete");
    assert!(matches!(bed.store.delete_container(&photos(), &none).await, Err(StoreError::ContainerMissing)));
    assert!(matches!(bed.store.blob(&blob("small-1")).await, Err(StoreError::ContainerMissing)));

    bed.store.create_container(&photos(), Metadata::new()).await.expect("the name is free");
    assert!(bed.list(ListQuery::default()).await.entries.is_empty());
    bed.put("small-1", b"").await;
    // The sweep goes on where it was when the store was closed, and takes nothing of the new container.
    bed = bed.reopen_until_swept().await;
    let gold = bed.store.usage().tenants[&tenant("gold")];
    assert_eq!(gold, TenantUsage { blobs: 1, record_bytes: gold.record_bytes, ..TenantUsage::default() });
    assert_eq!(bed.get("small-1").await, b"");
}

#[tokio::test]
async fn usage_adds_up() {
    let mut bed = bed().await;
    // Of content; what is kept besides has a test of its own.
    let gold = |bed: &Bed| TenantUsage { record_bytes: 0, ..bed.store.usage().tenants[&tenant("gold")] };
    bed.put("a", &content(1, 1_000)).await;
    bed.put("b", &content(2, 100_000)).await;
    assert_eq!(gold(&bed), TenantUsage { blobs: 2, bytes: 101_000, ..TenantUsage::default() });
    bed.put("b", &content(3, 500)).await;
    assert_eq!(gold(&bed), TenantUsage { blobs: 2, bytes: 1_500, ..TenantUsage::default() });
    for (seed, id) in [(4, "x"), (5, "y"), (6, "y")] {
        bed.stage("c", id, &content(seed, 10_000)).await.expect("stage");
    }
    assert_eq!(
        gold(&bed),
        TenantUsage { blobs: 2, bytes: 1_500, staged_blocks: 2, staged_bytes: 20_000, ..TenantUsage::default() }
    );
    bed.commit("c", &[("x", BlockSource::Latest), ("x", BlockSource::Latest)]).await.expect("commit");
    assert_eq!(gold(&bed), TenantUsage { blobs: 3, bytes: 21_500, ..TenantUsage::default() });
    bed.delete("a").await.expect("delete");
    bed = bed.reopen().await;
    assert_eq!(gold(&bed), TenantUsage { blobs: 2, bytes: 20_500, ..TenantUsage::default() });
    let usage = bed.store.usage();
    assert!(usage.flash_used_bytes >= 10_000 && usage.flash_used_bytes < usage.flash_capacity_bytes);
}

#[tokio::test]
async fn who_may_do_what_stays_with_the_container() {
    let bed = bed().await;
    let path = container("public");
    let made =
        bed.store.create_clients_container(&path, Metadata::new(), PublicAccess::Blob, None).await.expect("created");
    assert_eq!(made.acl.public, PublicAccess::Blob);
    let policy = AccessPolicy { id: "week".into(), permissions: Some("rl".into()), ..AccessPolicy::default() };
    let acl = ContainerAcl { public: PublicAccess::Private, policies: vec![policy] };
    let stale = Precondition { if_match: Some(ETags::parse("\"0xOTHER\"")), ..Precondition::default() };
    let refused = bed.store.set_container_acl(&path, acl.clone(), &stale).await;
    assert!(matches!(refused, Err(StoreError::ConditionNotMet)));
    let set = bed.store.set_container_acl(&path, acl.clone(), &Precondition::default()).await.expect("set");
    assert_ne!(set.etag, made.etag);
    let bed = bed.reopen().await;
    assert_eq!(bed.store.container(&path).await.expect("it is there").acl, acl);
    bed.store.set_container_metadata(&path, Metadata::new(), &Precondition::default()).await.expect("set");
    assert_eq!(bed.store.container(&path).await.expect("it is there").acl, acl, "metadata leaves it alone");
    bed.store.delete_container(&path, &Precondition::default()).await.expect("deleted");
    let again = bed.store.create_container(&path, Metadata::new()).await.expect("created");
    assert_eq!(again.acl, ContainerAcl::default(), "a new container of the name is private");
}

/// A client's request may have been let in before; what was swept stays so.
#[tokio::test]
async fn a_disabled_account_gets_no_container_by_a_clients_word() {
    let bed = bed().await;
    let disabled = AccountRecord { state: AccountState::Disabled, ..account("goldaccount", "gold") };
    bed.store.put_account(disabled).await.expect("disabled");
    let by_client =
        bed.store.create_clients_container(&container("late"), Metadata::new(), PublicAccess::Private, None).await;
    assert!(matches!(by_client, Err(StoreError::AccountDisabled)), "{by_client:?}");
    bed.store.create_container(&container("late"), Metadata::new()).await.expect("an operator may");
}

/// Names, metadata, tags and block lists take room in the catalog: they count, and a quota bounds them.
#[tokio::test]
async fn what_is_kept_besides_content_counts() {
    let bed = bed().await;
    let records = |bed: &Bed| bed.store.usage().tenants[&tenant("gold")].record_bytes;
    let said = |bytes: usize| Metadata::from([("about".to_owned(), "x".repeat(bytes))]);
    let none = Precondition::default();
    let container = records(&bed);
    bed.put("name", b"").await;
    assert_eq!(records(&bed), container + 124 + 8, "as Azure's billing size has it");
    bed.store.update_blob(&blob("name"), BlobChange::Metadata(said(1_000)), &none).await.expect("said");
    assert_eq!(records(&bed), container + 124 + 8 + 1_008);
    bed.store.snapshot_blob(&blob("name"), Some(said(10)), &none).await.expect("taken");
    assert_eq!(records(&bed), container + 2 * (124 + 8) + 1_008 + 18);
    bed.stage("list", "aa", b"x").await.expect("stage");
    bed.commit("list", &[("aa", BlockSource::Latest); 100]).await.expect("commit");
    assert_eq!(records(&bed), container + 3 * (124 + 8) + 1_008 + 18 + 100 * 112);
    bed.store.set_container_metadata(&photos(), said(20), &none).await.expect("said");
    assert_eq!(records(&bed), container + 28 + 3 * (124 + 8) + 1_008 + 18 + 100 * 112);

    let used = bed.store.usage().tenants[&tenant("gold")].counted_bytes();
    let quota = Quota { bytes: Some(ByteCount(used + 200)), ..Default::default() };
    bed.store.set_quotas(Quotas { tenants: [(tenant("gold"), quota)].into(), ..Quotas::default() });
    let refused = |refused: Result<BlobProps>| matches!(refused, Err(StoreError::QuotaReached { .. }));
    let big = BlobDraft { metadata: said(8_000), ..BlobDraft::default() };
    let body = body(&bed.store, b"").await;
    assert!(refused(bed.store.put_blob(&blob("other"), big, body, &none).await));
    assert!(refused(bed.store.update_blob(&blob("list"), BlobChange::Tags(said(250)), &none).await));
    bed.stage("list", "aa", b"x").await.expect("within it");
    assert!(refused(bed.commit("list", &[("aa", BlockSource::Latest); 110]).await));
    let more = bed.store.set_container_metadata(&photos(), said(300), &none).await;
    assert!(matches!(more, Err(StoreError::QuotaReached { .. })));
    bed.store.update_blob(&blob("name"), BlobChange::Metadata(Metadata::new()), &none).await.expect("less is well");

    bed.store.set_quotas(Quotas::default());
    bed.store.delete_container(&photos(), &none).await.expect("deleted");
    let bed = bed.reopen_until_swept().await;
    assert_eq!(records(&bed), 0, "all of it goes");
}
