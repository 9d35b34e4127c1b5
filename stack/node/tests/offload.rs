//! Offload, end to end: a real server whose flash is small, a second one as its cloud, and the real AzCopy between them and a folder.
//! What left flash comes back byte for byte, whatever happens on the way.

use crate::support;
use crate::support::azcopy::AzCopy;
use crate::support::cloud::Cloud;
use crate::support::tiering::{
    PATIENCE, at_once, content, fault, run, send_all_away, set_rules, stack_at, status, wait,
};
use crate::support::{ACCOUNT, CONTAINER, Stack, header, send, tree, verdict};
use greenroom_model::offload::{
    CloudFaultKind, OffloadPlan, OffloadState, OffloadStatus, Rule, Rules, RunRequest, Scope, Treatment, Water,
};
use greenroom_model::tenancy::{TenantStatus, UsageRow};
use reqwest::{Method, StatusCode};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const MIB: usize = 1 << 20;
fn grow(root: &Path, folders: usize, large_bytes: usize) {
    for folder in 0..folders {
        for file in 0..25 {
            tree::write(root, &format!("{folder:02}/small-{file:03}.bin"), 1_000 + 977 * file);
        }
        tree::write(root, &format!("{folder:02}/large.bin"), large_bytes);
    }
    std::fs::write(root.join("empty"), b"").expect("a file");
}

/// AzCopy uploads more than flash can hold: it waits for room where it must, and none of it fails. All of it comes back the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_tree_larger_than_flash_goes_up_leaves_and_comes_down_again() {
    let cloud = Cloud::start().await;
    let stack = stack_at(&cloud, &["--flash-size=64MiB", "--high-water=60", "--low-water=40"]).await;
    let (azcopy, local) = (AzCopy::find(), tempfile::tempdir().expect("a folder"));
    let root = local.path().join("in");
    // What is uploaded block by block can only leave once it is whole: one such file, and many that go in one piece.
    grow(&root, 24, 7 * MIB);
    tree::write(&root, "huge.bin", 20 * MIB);
    let sas = stack.sas(None, "rwdlact").await;
    let url = format!("{}/{ACCOUNT}/{CONTAINER}/?{sas}", stack.ready.blob);
    let from = format!("{}/*", root.display());
    azcopy.run(&["copy", &from, &url, "--from-to=LocalBlob", "--recursive"]).await;
    let after = wait(&stack, "low water", |status| {
        status.pending.blobs == 0 && status.flash.live_bytes <= status.flash.high_bytes
    })
    .await;
    assert!(after.offloaded.bytes > 100 * MIB as u64, "{after:?}");
    assert!(after.flash.used_bytes <= after.flash.capacity_bytes, "{after:?}");
    assert_eq!(after.state, OffloadState::Ready);
    send_all_away(&stack, 24 * 26 + 2).await;
    let gone = status(&stack).await;
    assert!(gone.flash.live_bytes < 8 * MIB as u64, "only names are left: {gone:?}");
    assert!(gone.objects < 120, "packing makes few objects of many files: {gone:?}");
    assert!(gone.requests.puts < 200, "{gone:?}");

    let out = local.path().join("out");
    let to = out.to_str().expect("UTF-8");
    azcopy.run(&["copy", &url, to, "--from-to=BlobLocal", "--recursive"]).await;
    assert_eq!(tree::hashes(&out.join(CONTAINER)), tree::hashes(&root));
    assert!(status(&stack).await.recall.reads > 0);
}

/// Ranges, copies, snapshots, overwrites, deletions and block lists over what is in the cloud.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_cloud_is_used_like_any_other_blob() {
    let cloud = Cloud::start().await;
    let stack = stack_at(&cloud, &["--flash-size=256MiB"]).await;
    let big = tree::content("big", 9 * MIB);
    stack.put_blob("big", big.clone()).await;
    stack.put_blob("small", "hello").await;
    for (id, part) in [("QUFB", "first "), ("QUFC", "second ")] {
        let staged = send(&stack, "PUT", &format!("{CONTAINER}/list?comp=block&blockid={id}"), &[], part).await;
        assert_eq!(staged.status(), 201);
    }
    let list = "<BlockList><Latest>QUFB</Latest><Latest>QUFC</Latest></BlockList>";
    assert_eq!(send(&stack, "PUT", &format!("{CONTAINER}/list?comp=blocklist"), &[], list).await.status(), 201);
    send_all_away(&stack, 3).await;
    set_rules(&stack, &Rules::default()).await;

    for (range, expected) in [(0..10, &big[..10]), (4_000_000..9_000_000, &big[4_000_000..9_000_000])] {
        let range = format!("bytes={}-{}", range.start, range.end - 1);
        let got = send(&stack, "GET", &format!("{CONTAINER}/big"), &[("x-ms-range", &range)], "").await;
        assert_eq!(got.status(), 206);
        assert!(got.bytes().await.expect("bytes") == expected, "{range}");
    }
    let past = send(&stack, "GET", &format!("{CONTAINER}/big"), &[("x-ms-range", "bytes=99999999-")], "").await;
    assert_eq!(past.status(), 416);

    let source = stack.url(&format!("{CONTAINER}/big")).await;
    let copied = send(&stack, "PUT", &format!("{CONTAINER}/copy"), &[("x-ms-copy-source", &source)], "").await;
    assert_eq!(copied.status(), 202, "{}", copied.text().await.expect("a text"));
    let block = [("x-ms-copy-source", source.as_str()), ("x-ms-source-range", "bytes=1000000-2999999")];
    let staged = send(&stack, "PUT", &format!("{CONTAINER}/cut?comp=block&blockid=QUFB"), &block, "").await;
    assert_eq!(staged.status(), 201, "{}", staged.text().await.expect("a text"));
    let list = "<BlockList><Latest>QUFB</Latest></BlockList>";
    assert_eq!(send(&stack, "PUT", &format!("{CONTAINER}/cut?comp=blocklist"), &[], list).await.status(), 201);
    assert!(content(&stack, "copy").await == big);
    assert!(content(&stack, "cut").await == big[1_000_000..3_000_000]);

    let snapshot = send(&stack, "PUT", &format!("{CONTAINER}/small?comp=snapshot"), &[], "").await;
    assert_eq!(snapshot.status(), 201);
    let moment = header(&snapshot, "x-ms-snapshot");
    stack.put_blob("small", "new").await;
    let old = send(&stack, "GET", &format!("{CONTAINER}/small?snapshot={moment}"), &[], "").await;
    assert_eq!(old.text().await.expect("a text"), "hello");

    let staged = send(&stack, "PUT", &format!("{CONTAINER}/list?comp=block&blockid=QUFD"), &[], "third").await;
    assert_eq!(staged.status(), 201);
    let list = "<BlockList><Committed>QUFB</Committed><Committed>QUFC</Committed><Latest>QUFD</Latest></BlockList>";
    assert_eq!(send(&stack, "PUT", &format!("{CONTAINER}/list?comp=blocklist"), &[], list).await.status(), 201);
    assert_eq!(content(&stack, "list").await, b"first second third");

    // Again all away, the snapshot too; then what was deleted and overwritten is removed there.
    set_rules(&stack, &at_once()).await;
    run(&stack, &RunRequest::default()).await.expect("a pass");
    let gone = send(&stack, "DELETE", &format!("{CONTAINER}/big"), &[], "").await;
    assert_eq!(gone.status(), 202);
    for _ in 0..3 {
        run(&stack, &RunRequest { collect_grace_s: Some(0), ..RunRequest::default() }).await.expect("a pass");
    }
    assert_eq!(send(&stack, "GET", &format!("{CONTAINER}/big"), &[], "").await.status(), 404);
    assert!(content(&stack, "copy").await == big, "it shares chunks with what was deleted");
    let old = send(&stack, "GET", &format!("{CONTAINER}/small?snapshot={moment}"), &[], "").await;
    assert_eq!(old.text().await.expect("a text"), "hello");
    assert_eq!(content(&stack, "list").await, b"first second third");
}

/// Tiers that a client sets are honoured, and the dry run says what for.
#[tokio::test(flavor = "multi_thread")]
async fn tiers_and_rules_decide_and_the_plan_says_why() {
    let cloud = Cloud::start().await;
    let stack = stack_at(&cloud, &["--flash-size=256MiB"]).await;
    let hold = Rules { hours: Some(greenroom_model::offload::Hours { from: 0, to: 0 }), ..Rules::default() };
    let idle = Rule { scope: Scope { prefix: "log/".into(), ..Scope::default() }, treat: Treatment::AtOnce };
    set_rules(&stack, &Rules { rules: vec![idle.clone()], ..hold }).await;
    stack.put_blob("log/a", "x".repeat(1_000)).await;
    stack.put_blob("hot", "hot").await;
    let archived = tree::content("archived", MIB);
    stack.put_blob("old", archived.clone()).await;
    let plan = stack.control(Method::GET, "/v1/offload/plan").send().await.expect("an answer");
    let plan: OffloadPlan = plan.json().await.expect("a plan");
    assert!(plan.moves.is_empty(), "these are not its hours: {plan:?}");
    set_rules(&stack, &Rules { rules: vec![idle], ..Rules::default() }).await;
    wait(&stack, "the log away", |status| status.offloaded.blobs == 1).await;

    let tier = |name: &'static str| [("x-ms-access-tier", name)];
    let set = send(&stack, "PUT", &format!("{CONTAINER}/old?comp=tier"), &tier("Archive"), "").await;
    assert_eq!(set.status(), 200);
    let refused = send(&stack, "GET", &format!("{CONTAINER}/old"), &[], "").await;
    assert_eq!(verdict(&refused), (409, "BlobArchived".to_owned()));
    wait(&stack, "the archived blob away", |status| status.offloaded.blobs == 2).await;
    let set = send(&stack, "PUT", &format!("{CONTAINER}/old?comp=tier"), &tier("Hot"), "").await;
    assert_eq!(set.status(), 202, "it is rehydrated");
    assert!(content(&stack, "old").await == archived);
    wait(&stack, "it back on flash", |status| status.flash.live_bytes > MIB as u64).await;
    fault(&stack, Some(CloudFaultKind::Offline)).await;
    assert!(content(&stack, "old").await == archived, "it is on flash");
    let away = send(&stack, "GET", &format!("{CONTAINER}/log/a"), &[], "").await;
    assert_eq!(verdict(&away), (503, "ServerBusy".to_owned()));
    assert!(!header(&away, "retry-after").is_empty());
    let plan = stack.control(Method::GET, "/v1/offload/plan").send().await.expect("an answer");
    assert!(plan.status().is_success(), "a plan needs no target");
}

/// The cable is out: hot blobs go on, cold ones answer 503, the backlog waits and drains by itself.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_ends_by_itself() {
    let cloud = Cloud::start().await;
    let stack = stack_at(&cloud, &["--flash-size=256MiB"]).await;
    let cold = tree::content("cold", 3 * MIB);
    stack.put_blob("cold", cold.clone()).await;
    send_all_away(&stack, 1).await;
    fault(&stack, Some(CloudFaultKind::Offline)).await;
    wait(&stack, "the outage to show", |status| status.state == OffloadState::Away).await;
    let hot = tree::content("hot", 3 * MIB);
    stack.put_blob("hot", hot.clone()).await;
    assert!(content(&stack, "hot").await == hot);
    let waiting = wait(&stack, "a backlog", |status| status.pending.bytes == 3 * MIB as u64).await;
    assert_eq!((waiting.offloaded.blobs, waiting.state), (1, OffloadState::Away));
    assert!(waiting.reason.is_some_and(|why| why.contains("cable")));
    let busy = send(&stack, "GET", &format!("{CONTAINER}/cold"), &[], "").await;
    assert_eq!(verdict(&busy), (503, "ServerBusy".to_owned()));
    // A tool that reads meanwhile waits it out.
    let (azcopy, local) = (AzCopy::find(), tempfile::tempdir().expect("a folder"));
    let to = local.path().join("cold");
    let url = stack.url(&format!("{CONTAINER}/cold")).await;
    let mut download = azcopy.spawn(&["copy", &url, to.to_str().expect("UTF-8"), "--from-to=BlobLocal"]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    fault(&stack, None).await;
    wait(&stack, "the backlog drained", |status| {
        status.state == OffloadState::Ready && status.pending.blobs == 0 && status.offloaded.blobs == 2
    })
    .await;
    let ended = tokio::time::timeout(PATIENCE, download.wait()).await.expect("AzCopy ends").expect("a status");
    assert!(ended.success(), "AzCopy survives the outage");
    assert!(std::fs::read(&to).expect("the file") == cold);
    assert!(content(&stack, "hot").await == hot);
}

/// Each fault on the way: what leaves leaves, what is read is right, or is refused for now.
#[tokio::test(flavor = "multi_thread")]
async fn no_fault_on_the_way_loses_or_bends_a_byte() {
    let cloud = Cloud::start().await;
    let stack = stack_at(&cloud, &["--flash-size=256MiB"]).await;
    set_rules(&stack, &at_once()).await;
    let mut kept = BTreeMap::new();
    for kind in CloudFaultKind::ALL.into_iter().filter(|kind| *kind != CloudFaultKind::Offline) {
        fault(&stack, Some(kind)).await;
        for number in 0..6 {
            let name = format!("{}-{number}", kind.name());
            let content = tree::content(&name, 200_000 * (number + 1));
            stack.put_blob(&name, content.clone()).await;
            kept.insert(name, content);
        }
        let all = kept.len() as u64;
        wait(&stack, kind.name(), |status| status.offloaded.blobs == all).await;
        for (name, expected) in kept.iter().filter(|(name, _)| name.starts_with(kind.name())) {
            let mut got = None;
            for _ in 0..40 {
                let answer = send(&stack, "GET", &format!("{CONTAINER}/{name}"), &[], "").await;
                if answer.status() == 200 {
                    got = answer.bytes().await.ok();
                    if got.is_some() {
                        break;
                    }
                } else {
                    assert_eq!(verdict(&answer), (503, "ServerBusy".to_owned()), "{name}");
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            assert!(got.expect("it gets through") == *expected, "{name}");
        }
    }
    fault(&stack, None).await;
    for (name, expected) in &kept {
        assert!(content(&stack, name).await == *expected, "{name}");
    }
}

/// The plug is pulled again and again while blobs leave and come back: every one that was acknowledged is there and the same.
#[tokio::test(flavor = "multi_thread")]
async fn the_plug_is_pulled_while_blobs_leave() {
    let cloud = Cloud::start().await;
    let dir = tempfile::tempdir().expect("a folder");
    let arguments = cloud.arguments(&["--flash-size=256MiB"]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut kept = BTreeMap::new();
    for round in 0..6_u64 {
        let mut stack = Stack::start_with_env(dir.path().to_owned(), &arguments, &cloud.variables()).await;
        if round == 0 {
            stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
            set_rules(&stack, &at_once()).await;
        }
        for number in 0..12 {
            let name = format!("{round}-{number}");
            let content = tree::content(&name, 10_000 + number * 300_000);
            stack.put_blob(&name, content.clone()).await;
            kept.insert(name, content);
        }
        for (name, expected) in kept.iter().step_by(7) {
            assert!(content_patiently(&stack, name).await == *expected, "{name} in round {round}");
        }
        tokio::time::sleep(Duration::from_millis(150 * round)).await;
        stack.kill().await;
    }
    let stack = Stack::start_with_env(dir.path().to_owned(), &arguments, &cloud.variables()).await;
    let all = kept.len() as u64;
    let settled = |status: &OffloadStatus| {
        status.state == OffloadState::Ready && status.offloaded.blobs == all && status.pending.blobs == 0
    };
    wait(&stack, "all away", settled).await;
    for (name, expected) in &kept {
        assert!(content(&stack, name).await == *expected, "{name}");
    }
}

/// A server that has only just started may not have its volume open yet.
async fn content_patiently(stack: &Stack, name: &str) -> Vec<u8> {
    let reading = async {
        loop {
            let got = send(stack, "GET", &format!("{CONTAINER}/{name}"), &[], "").await;
            if got.status() == 200 {
                return got.bytes().await.expect("content").to_vec();
            }
            assert_eq!(verdict(&got), (503, "ServerBusy".to_owned()), "{name}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("it can be read")
}

/// The cloud's container is a folder on disk too, and there is a server for Azure's protocol that is not ours.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_and_azurite_are_targets_as_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("file://{}", folder.path().display());
    for cloud in [Cloud::at(url, None), Cloud::azurite().await] {
        let stack = stack_at(&cloud, &["--flash-size=256MiB"]).await;
        let big = tree::content("big", 5 * MIB);
        stack.put_blob("big", big.clone()).await;
        stack.put_blob("small", "hello").await;
        send_all_away(&stack, 2).await;
        assert!(content(&stack, "big").await == big);
        assert_eq!(content(&stack, "small").await, b"hello");
        let shown = serde_json::to_string(&status(&stack).await).expect("text");
        assert!(cloud.secret.as_ref().is_none_or(|secret| !shown.contains(secret.as_str())), "{shown}");
    }
}

/// Bits that flip in the cloud are found, and nothing wrong is ever served.
#[tokio::test(flavor = "multi_thread")]
async fn flipped_bits_in_the_cloud_are_never_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let cloud = Cloud::at(format!("file://{}", folder.path().display()), None);
    let stack = stack_at(&cloud, &["--flash-size=256MiB"]).await;
    let big = tree::content("big", 3 * MIB);
    stack.put_blob("big", big.clone()).await;
    send_all_away(&stack, 1).await;
    let segments = folder.path().join("v1/main/seg");
    let file = tree::hashes(&segments).into_keys().next().expect("a segment");
    let file = segments.join(file);
    let (good, url) = (std::fs::read(&file).expect("a segment"), format!("file://{}", file.display()));
    for place in [200, good.len() / 3, good.len() / 2] {
        let mut bad = good.clone();
        bad[place] ^= 16;
        std::fs::write(&file, &bad).expect("written");
        let served = stack.blob("GET", &format!("{CONTAINER}/big")).await.send().await.expect("an answer");
        let whole = served.status() == 200 && served.bytes().await.is_ok_and(|bytes| bytes == big);
        assert!(!whole || place == 200, "bit flipped at {place}: it was read from somewhere else");
        let verified = support::stack_command(&["segment", "verify", &url], &[]).await;
        assert!(!verified.0, "bit flipped at {place}: {}", verified.1);
    }
    std::fs::write(&file, &good).expect("written");
    let verified = support::stack_command(&["segment", "verify", &url], &[]).await;
    assert!(verified.0, "{}", verified.1);
    assert!(content(&stack, "big").await == big);
}

/// The machine is gone: the namespace comes back from the cloud alone, to another folder.
#[tokio::test(flavor = "multi_thread")]
async fn the_machine_is_wiped_and_everything_comes_back() {
    let cloud = Cloud::start().await;
    let mut stack = stack_at(&cloud, &["--flash-size=256MiB"]).await;
    set_rules(&stack, &Rules { otherwise: Treatment::Copy, water: Water::default(), ..Rules::default() }).await;
    let mut kept = BTreeMap::new();
    for number in 0..40_usize {
        let (name, size) = (format!("dir {}/ä-{number}", number % 3), 1 + number * 40_000);
        let content = tree::content(&name, size);
        let put = stack.blob("PUT", &format!("{CONTAINER}/{name}")).await.header("x-ms-blob-type", "BlockBlob");
        let put = put.header("x-ms-meta-number", number).header("x-ms-tags", format!("n={number}"));
        let put = put.header("x-ms-blob-content-type", "image/png").body(content.clone());
        assert_eq!(put.send().await.expect("an answer").status(), 201);
        kept.insert(name, content);
    }
    wait(&stack, "all copied", |status| status.offloaded.blobs == 40 && status.pending.blobs == 0).await;
    // What is said later reaches the cloud too.
    let said =
        send(&stack, "PUT", &format!("{CONTAINER}/dir 0/ä-0?comp=metadata"), &[("x-ms-meta-late", "yes")], "").await;
    assert_eq!(said.status(), 200);
    let tagged = "<Tags><TagSet><Tag><Key>late</Key><Value>too</Value></Tag></TagSet></Tags>";
    let said = send(&stack, "PUT", &format!("{CONTAINER}/dir 1/ä-1?comp=tags"), &[], tagged).await;
    assert_eq!(said.status(), 204);
    let public = [("x-ms-meta-box", "yes")];
    let said = send(&stack, "PUT", &format!("{CONTAINER}?restype=container&comp=metadata"), &public, "").await;
    assert_eq!(said.status(), 200);
    run(&stack, &RunRequest::default()).await.expect("a pass");
    run(&stack, &RunRequest::default()).await.expect("a pass");
    let heads = heads(&stack, &kept).await;
    let listed = stack.names().await;
    assert!(stack.stop().await.success());

    let other = tempfile::tempdir().expect("a folder");
    let data = other.path().join("data");
    let arguments = ["rebuild", "--from", &cloud.url, "--data", data.to_str().expect("UTF-8"), "--verify"];
    let (good, said) = support::stack_command(&arguments, &cloud.variables()).await;
    assert!(good, "{said}");
    assert!(said.contains("40 blobs") && said.contains("0 losses"), "{said}");
    let arguments = cloud.arguments(&["--flash-size=256MiB"]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let stack = Stack::start_with_env(data, &arguments, &cloud.variables()).await;
    wait(&stack, "the volume open", |status| status.state == OffloadState::Ready).await;
    assert_eq!(stack.names().await, listed);
    assert_eq!(self::heads(&stack, &kept).await, heads);
    for (name, expected) in &kept {
        assert!(content(&stack, name).await == *expected, "{name}");
    }
    let container = send(&stack, "HEAD", &format!("{CONTAINER}?restype=container"), &[], "").await;
    assert_eq!(header(&container, "x-ms-meta-box"), "yes");
}

/// What a blob says of itself.
/// What each account has stored, told by where it lies, and what counts for quotas; checked against the folder at the end.
#[tokio::test(flavor = "multi_thread")]
async fn usage_tells_flash_from_cloud_and_quotas_do_not() {
    let cloud = Cloud::start().await;
    let mut stack = stack_at(&cloud, &["--flash-size=256MiB"]).await;
    for name in ["a", "b", "c"] {
        stack.put_blob(name, tree::content(name, 4 * MIB)).await;
    }
    let all = 12 * MIB as u64;
    let row = usage(&stack).await;
    assert_eq!((row.logical_bytes, row.flash_bytes, row.cloud_bytes, row.reduced_bytes), (all, all, 0, all));
    send_all_away(&stack, 3).await;
    let row = usage(&stack).await;
    assert_eq!((row.logical_bytes, row.flash_bytes, row.cloud_bytes), (all, 0, all));
    assert!(row.reduced_bytes > 0 && row.reduced_bytes < 2 * all, "{row:?}");

    // A snapshot needs its content on flash.
    set_rules(&stack, &Rules::default()).await;
    let snapped = send(&stack, "PUT", &format!("{CONTAINER}/a?comp=snapshot"), &[], "").await;
    assert_eq!(snapped.status(), StatusCode::CREATED);
    let (row, one) = (usage(&stack).await, 4 * MIB as u64);
    assert_eq!((row.logical_bytes, row.flash_bytes, row.cloud_bytes), (all + one, 2 * one, all));
    let deleted = send(&stack, "DELETE", &format!("{CONTAINER}/b"), &[], "").await;
    assert_eq!(deleted.status(), StatusCode::ACCEPTED);
    let row = usage(&stack).await;
    assert_eq!((row.logical_bytes, row.flash_bytes, row.cloud_bytes), (all, 2 * one, 2 * one));

    let gold = stack.control(Method::GET, "/v1/tenants/gold").send().await.expect("an answer");
    let gold: TenantStatus = gold.json().await.expect("a status");
    let of_d = 124 + 2;
    let file = format!(
        "version: 1\ntenants: [{{ name: gold, quota: {{ bytes: {} }}, projects: [{{ name: work, accounts: [{{ name: {ACCOUNT}, \
         containers: [{{ name: {CONTAINER} }}] }}] }}] }}]",
        gold.stored.bytes + of_d + 100
    );
    let sent = stack.control(Method::PUT, "/v1/tenants").body(file).send().await.expect("an answer");
    assert_eq!(sent.status(), StatusCode::OK, "{}", sent.text().await.expect("a text"));
    let (blob, kind, body) = (format!("{CONTAINER}/d"), [("x-ms-blob-type", "BlockBlob")], "d".repeat(101));
    let over = send(&stack, "PUT", &blob, &kind, &body).await;
    assert_eq!(over.status(), StatusCode::CONFLICT, "cold content counts as well");
    assert_eq!(send(&stack, "PUT", &blob, &kind, &body[1..]).await.status(), StatusCode::CREATED);
    assert!(stack.stop().await.success());
    let data = stack.data().to_str().expect("UTF-8").to_owned();
    let (good, said) = support::stack_command(&["verify", "--data", &data], &[]).await;
    let line = format!("{} bytes in the cloud, {one} of them nowhere else; ", 2 * one);
    assert!(good && said.contains(&line), "{said}");
}

async fn usage(stack: &Stack) -> UsageRow {
    let rows = stack.control(Method::GET, "/v1/usage").send().await.expect("an answer");
    let rows: Vec<UsageRow> = rows.json().await.expect("rows");
    rows.into_iter().rfind(|row| row.account.as_str() == ACCOUNT).expect("a row of the account")
}

async fn heads(stack: &Stack, kept: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<String>> {
    let names = ["etag", "last-modified", "x-ms-creation-time", "content-type", "content-length", "content-md5"];
    let more = ["x-ms-meta-number", "x-ms-meta-late", "x-ms-tag-count", "x-ms-access-tier"];
    let mut heads = BTreeMap::new();
    for name in kept.keys() {
        let head = send(stack, "HEAD", &format!("{CONTAINER}/{name}"), &[], "").await;
        assert_eq!(head.status(), 200, "{name}");
        let mut said: Vec<String> = names.iter().chain(&more).map(|name| header(&head, name)).collect();
        let tags = send(stack, "GET", &format!("{CONTAINER}/{name}?comp=tags"), &[], "").await;
        said.push(tags.text().await.expect("a text"));
        heads.insert(name.clone(), said);
    }
    heads
}

/// A folder that has lost its catalog must not take the volume for its own: all of it would be collected as needless.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_folder_does_not_take_over_a_volume_that_holds_blobs() {
    let cloud = Cloud::start().await;
    let mut stack = stack_at(&cloud, &["--flash-size=256MiB"]).await;
    stack.put_blob("a", "hello").await;
    send_all_away(&stack, 1).await;
    assert!(stack.stop().await.success());
    let other = stack_at(&cloud, &["--flash-size=256MiB"]).await;
    let refused = wait(&other, "a refusal", |status| status.last_error.is_some()).await;
    assert_eq!(refused.state, OffloadState::Away);
    assert!(refused.last_error.expect("why").contains("rebuild"), "it says what to do");
}

/// A whole gigabyte would do no more to the server's memory than this does.
#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_bounded_while_cold_blobs_are_read() {
    let cloud = Cloud::start().await;
    let stack = stack_at(&cloud, &["--flash-size=512MiB"]).await;
    let big = tree::content("big", 160 * MIB);
    for name in ["a", "b"] {
        stack.put_blob(name, big.clone()).await;
    }
    send_all_away(&stack, 2).await;
    let before = support::memory_bytes(stack.pid(), "VmRSS");
    let readers = (0..6).map(|number| {
        let (stack, big) = (&stack, &big);
        async move {
            let got = content(stack, if number % 2 == 0 { "a" } else { "b" }).await;
            assert!(got == *big);
        }
    });
    futures::future::join_all(readers).await;
    let peak = support::memory_bytes(stack.pid(), "VmHWM");
    assert!(peak < before + 400 * MIB as u64, "{before} before, {peak} at most");
}
