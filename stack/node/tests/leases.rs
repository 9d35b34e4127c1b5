//! Leases as a client sees them: who may still write, and what the others are told.

use crate::support::{Headers, Stack, all_between, header, send, verdict};

const A: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const B: &str = "bbbbbbbb-0000-4000-8000-000000000002";
const BLOCK_BLOB: (&str, &str) = ("x-ms-blob-type", "BlockBlob");
const ACQUIRE: (&str, &str) = ("x-ms-lease-action", "acquire");
const FOR_EVER: (&str, &str) = ("x-ms-lease-duration", "-1");
const MINUTE: (&str, &str) = ("x-ms-lease-duration", "60");

fn action(name: &str) -> (&str, &str) {
    ("x-ms-lease-action", name)
}

const fn lease(id: &str) -> (&str, &str) {
    ("x-ms-lease-id", id)
}

const fn propose(id: &str) -> (&str, &str) {
    ("x-ms-proposed-lease-id", id)
}

/// Every write of a leased blob: without the lease, with another one, and with it.
#[tokio::test]
async fn a_leased_blob_is_written_by_its_holder_only() {
    let stack = Stack::with_container().await;
    stack.put_blob("a", "content").await;
    let acquired = send(&stack, "PUT", "photos/a?comp=lease", &[ACQUIRE, FOR_EVER, propose(A)], "").await;
    assert_eq!((acquired.status().as_u16(), header(&acquired, "x-ms-lease-id")), (201, A.to_owned()));
    let head = send(&stack, "HEAD", "photos/a", &[], "").await;
    let words = ["status", "state", "duration"].map(|word| header(&head, &format!("x-ms-lease-{word}")));
    assert_eq!(words, ["locked", "leased", "infinite"]);

    let block_list = "<BlockList><Latest>QUFB</Latest></BlockList>";
    let tags = "<Tags><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tags>";
    let writes: &[(&str, &str, Headers<'_>, &str, u16)] = &[
        ("PUT", "photos/a", &[BLOCK_BLOB], "new", 201),
        ("PUT", "photos/a?comp=block&blockid=QUFB", &[], "block", 201),
        ("PUT", "photos/a?comp=blocklist", &[], block_list, 201),
        ("PUT", "photos/a?comp=metadata", &[("x-ms-meta-a", "1")], "", 200),
        ("PUT", "photos/a?comp=properties", &[], "", 200),
        ("PUT", "photos/a?comp=tier", &[("x-ms-access-tier", "Cool")], "", 200),
        ("PUT", "photos/a?comp=tags", &[], tags, 204),
        ("DELETE", "photos/a", &[], "", 202),
    ];
    for (method, path, headers, body, good) in writes {
        let with = |id| [*headers, &[lease(id)][..]].concat();
        let without = send(&stack, method, path, headers, body).await;
        assert_eq!(verdict(&without), (412, "LeaseIdMissing".into()), "{method} {path}");
        let wrong = send(&stack, method, path, &with(B), body).await;
        assert_eq!(verdict(&wrong), (412, "LeaseIdMismatchWithBlobOperation".into()), "{method} {path}");
        let right = send(&stack, method, path, &with(A), body).await;
        assert_eq!(right.status().as_u16(), *good, "{method} {path}");
    }
}

#[tokio::test]
async fn a_lease_goes_its_way_and_is_seen_in_lists() {
    let stack = Stack::with_container().await;
    stack.put_blob("a", "content").await;
    let break_for = |seconds| [action("break"), ("x-ms-lease-break-period", seconds)];
    let steps: &[(Headers<'_>, u16, &str, &str)] = &[
        (&[action("renew"), lease(A)], 409, "LeaseIdMismatchWithLeaseOperation", "available"),
        (&[action("break")], 409, "LeaseNotPresentWithLeaseOperation", "available"),
        (&[ACQUIRE], 400, "MissingRequiredHeader", "available"),
        (&[ACQUIRE, ("x-ms-lease-duration", "14")], 400, "InvalidHeaderValue", "available"),
        (&[ACQUIRE, MINUTE, propose("no guid")], 400, "InvalidHeaderValue", "available"),
        (&[ACQUIRE, MINUTE, propose(A), ("if-match", "\"0x1\"")], 412, "ConditionNotMet", "available"),
        (&[ACQUIRE, MINUTE, propose(A)], 201, "", "leased"),
        (&[ACQUIRE, MINUTE], 409, "LeaseAlreadyPresent", "leased"),
        (&[action("renew"), lease(A)], 200, "", "leased"),
        (&[action("change"), lease(A), propose(B)], 200, "", "leased"),
        (&[action("release"), lease(A)], 409, "LeaseIdMismatchWithLeaseOperation", "leased"),
        (&break_for("61"), 400, "InvalidHeaderValue", "leased"),
        (&break_for("30"), 202, "", "breaking"),
        (&[action("renew"), lease(B)], 409, "LeaseIsBrokenAndCannotBeRenewed", "breaking"),
        (&[ACQUIRE, MINUTE, propose(B)], 409, "LeaseIsBreakingAndCannotBeAcquired", "breaking"),
        (&[action("change"), lease(B), propose(A)], 409, "LeaseIsBreakingAndCannotBeChanged", "breaking"),
        (&break_for("0"), 202, "", "broken"),
        (&[ACQUIRE, MINUTE, propose(A)], 201, "", "leased"),
        (&[action("release"), lease(A)], 200, "", "available"),
    ];
    for (headers, status, code, state) in steps {
        let answer = send(&stack, "PUT", "photos/a?comp=lease", headers, "").await;
        assert_eq!(verdict(&answer), (*status, (*code).to_owned()), "{headers:?}");
        let listed = send(&stack, "GET", "photos?restype=container&comp=list", &[], "").await;
        let document = listed.text().await.expect("a text");
        assert_eq!(all_between(&document, "<LeaseState>", "</LeaseState>"), [*state], "{headers:?}");
    }
    let unknown = send(&stack, "GET", "photos/a", &[lease(A)], "").await;
    assert_eq!(verdict(&unknown), (412, "LeaseNotPresentWithBlobOperation".into()));
    let own = send(&stack, "PUT", "photos/a?comp=lease", &[ACQUIRE, FOR_EVER], "").await;
    assert_eq!(header(&own, "x-ms-lease-id").len(), 36, "an id is made for who brings none");
}

#[tokio::test]
async fn a_lease_outlives_a_crash_and_a_leased_container_is_not_deleted() {
    let mut stack = Stack::with_container().await;
    stack.put_blob("a", "content").await;
    for path in ["photos/a?comp=lease", "photos?restype=container&comp=lease"] {
        let acquired = send(&stack, "PUT", path, &[ACQUIRE, FOR_EVER, propose(A)], "").await;
        assert_eq!(acquired.status(), 201, "{path}");
    }
    stack.kill().await;
    stack.restart().await;
    assert_eq!(verdict(&send(&stack, "DELETE", "photos/a", &[], "").await), (412, "LeaseIdMissing".into()));
    let container = "photos?restype=container";
    assert_eq!(verdict(&send(&stack, "DELETE", container, &[], "").await), (412, "LeaseIdMissing".into()));
    let wrong = send(&stack, "DELETE", container, &[lease(B)], "").await;
    assert_eq!(verdict(&wrong), (412, "LeaseIdMismatchWithContainerOperation".into()));
    let metadata = "photos?restype=container&comp=metadata";
    assert_eq!(send(&stack, "PUT", metadata, &[("x-ms-meta-a", "1")], "").await.status(), 200);
    assert_eq!(verdict(&send(&stack, "PUT", metadata, &[lease(B)], "").await).0, 412);
    let head = send(&stack, "HEAD", container, &[lease(A)], "").await;
    assert_eq!((header(&head, "x-ms-lease-state"), head.status().as_u16()), ("leased".into(), 200));
    assert_eq!(send(&stack, "DELETE", container, &[lease(A)], "").await.status(), 202);
}

#[tokio::test]
async fn a_break_is_over_when_it_was_said_to_be() {
    let stack = Stack::with_container().await;
    stack.put_blob("a", "content").await;
    for path in ["photos/a?comp=lease", "photos?restype=container&comp=lease"] {
        for (term, period, most) in [(FOR_EVER, "5", 5), (MINUTE, "5", 5), (FOR_EVER, "0", 0), (MINUTE, "60", 60)] {
            let acquired = send(&stack, "PUT", path, &[ACQUIRE, term, propose(A)], "").await;
            assert_eq!(acquired.status(), 201, "{path}");
            let headers = [action("break"), ("x-ms-lease-break-period", period)];
            let broken = send(&stack, "PUT", path, &headers, "").await;
            let seconds: u64 = header(&broken, "x-ms-lease-time").parse().expect("a number");
            assert!(seconds <= most && (seconds > 0) == (most > 0), "{path}: {seconds} of {period}");
            send(&stack, "PUT", path, &[action("release"), lease(A)], "").await;
        }
    }
}
