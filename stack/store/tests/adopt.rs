//! Taking in what another store has written to the volume: what clients have had go stays gone, and nothing else goes.

use crate::support::*;
use greenroom_store::adopt::{Adopted, Found, Kept, Origin};
use greenroom_store::*;
use std::sync::Arc;

const VOLUME: [u8; 16] = [7; 16];
const SEGMENT: [u8; 32] = [1; 32];

fn at(recipe: u32) -> CloudPlace {
    CloudPlace { segment: SEGMENT, recipe }
}

struct Folder {
    bed: Bed,
    number: u64,
}

impl Folder {
    async fn new() -> Folder {
        let bed = bed().await;
        bed.store.bind_cloud(VOLUME, 0, None).await.expect("bound");
        Folder { bed, number: 0 }
    }

    async fn placed(&mut self, name: &str, place: CloudPlace) -> BlobProps {
        let props = self.bed.put(name, name.as_bytes()).await;
        self.number += 1;
        let of = Some(Described::Blob(blob(name), None));
        let placement = Placement { of, etag: Some(props.etag), place, was: None, told: Some(0) };
        let (number, hash) = (self.number, [self.number as u8; 32]);
        let applied = Applied { number, hash, placements: vec![placement], released: Vec::new() };
        self.bed.store.apply(applied).await.expect("applied");
        props
    }

    async fn adopt(&self, found: Vec<Found>) -> Adopted {
        self.bed.store.adopt(found).await.expect("adopted")
    }

    /// What the volume counts is given.
    async fn end(&self, counted: &[CloudPlace]) -> Adopted {
        let counted = counted.to_vec();
        let counts = Arc::new(move |place| counted.contains(&place));
        self.bed.store.end_adoption(9, Some([9; 32]), counts).await.expect("ended")
    }

    async fn etag(&self, name: &str) -> Option<ETag> {
        self.bed.store.blob(&blob(name)).await.ok().map(|found| found.props.etag)
    }

    async fn releases(&self) -> Vec<CloudPlace> {
        self.bed.store.releases(100).await.expect("releases")
    }
}

/// As another store has written it.
fn version(name: &str, etag: u64, like: &BlobProps, place: CloudPlace, was: Option<CloudPlace>) -> Found {
    let props = Box::new(BlobProps { etag: ETag(etag), ..like.clone() });
    Found { kept: Kept::Blob { path: blob(name), snapshot: None, props }, place, was }
}

const THEIRS: u64 = 0x8DF_FFFF_FFFF_FFFF;

#[tokio::test]
async fn each_row_becomes_what_its_clients_and_the_others_have_made_of_it() {
    let mut folder = Folder::new().await;
    let kept = folder.placed("kept", at(0)).await;
    let moved = folder.placed("moved", at(1)).await;
    folder.placed("overwritten there", at(2)).await;
    folder.placed("deleted there", at(3)).await;
    folder.placed("deleted here", at(4)).await;
    folder.placed("overwritten here", at(5)).await;
    folder.bed.delete("deleted here").await.expect("deleted");
    let newer = folder.bed.put("overwritten here", b"newer").await;
    let flash_only = folder.bed.put("flash only", b"never offloaded").await;
    let both = folder.bed.put("written in both", b"mine").await;

    let found = vec![
        version("kept", kept.etag.0, &kept, at(0), None),
        version("moved", moved.etag.0, &moved, at(11), Some(at(1))),
        version("overwritten there", THEIRS, &kept, at(12), None),
        version("deleted here", THEIRS + 1, &kept, at(4), None),
        version("overwritten here", THEIRS + 2, &kept, at(15), Some(at(5))),
        version("written in both", THEIRS + 3, &kept, at(16), None),
        version("new there", THEIRS + 4, &kept, at(17), None),
    ];
    let adopted = folder.adopt(found.clone()).await;
    assert_eq!(adopted, Adopted { added: 1, replaced: 1, kept: 1, dropped: 0, left: 0 });
    assert_eq!(folder.adopt(found).await, Adopted::default(), "twice changes nothing more");
    let counted = [0, 11, 12, 4, 15, 16, 17].map(at);
    let ended = folder.end(&counted).await;
    assert_eq!(ended, Adopted { dropped: 1, ..Adopted::default() });

    let expected = [
        ("kept", Some(kept.etag)),
        ("moved", Some(moved.etag)),
        ("overwritten there", Some(ETag(THEIRS))),
        ("deleted there", None),
        ("deleted here", None),
        ("overwritten here", Some(newer.etag)),
        ("flash only", Some(flash_only.etag)),
        ("written in both", Some(ETag(THEIRS + 3))),
        ("new there", Some(ETag(THEIRS + 4))),
    ];
    for (name, etag) in expected {
        assert_eq!(folder.etag(name).await, etag, "{name}");
    }
    let snapshot = folder.bed.store.blob_snapshot(&blob("written in both"), both.modified).await.expect("it is kept");
    assert_eq!(snapshot.props.etag, both.etag);
    // What clients here have had go is still to be told; what does not count any more is not.
    assert_eq!(folder.releases().await, [at(4), at(15)]);
    let log = folder.bed.store.cloud_log().expect("a log");
    assert_eq!((log.number, log.last, log.meant), (9, Some([9; 32]), Vec::new()));
    assert!(log.adopted.is_some_and(|(number, _)| number == 9));
}

#[tokio::test]
async fn what_is_still_being_swept_is_waited_for() {
    let mut folder = Folder::new().await;
    let props = folder.placed("a", at(0)).await;
    for number in 1..40 {
        folder.placed(&format!("b{number}"), at(number)).await;
    }
    folder.bed.store.delete_container(&photos(), &Precondition::default()).await.expect("deleted");
    folder.bed.store.make_container(&photos()).await.expect("made");
    // The places of what was in the container are queued by the sweep: only then is it known that a client had it go.
    folder.adopt(vec![version("a", props.etag.0, &props, at(0), None)]).await;
    assert_eq!(folder.etag("a").await, None);
}

#[tokio::test]
async fn who_only_reads_learns_where_things_are_and_nothing_else() {
    let mut folder = Folder::new().await;
    let moved = folder.placed("moved", at(0)).await;
    let other = folder.placed("other", at(1)).await;
    let found = vec![
        version("moved", moved.etag.0, &moved, at(10), None),
        version("other", THEIRS, &other, at(11), None),
        version("new there", THEIRS + 1, &other, at(12), None),
    ];
    folder.bed.store.follow(found).await.expect("followed");
    let place = |name: &'static str| {
        let found = folder.bed.store.survey(move |survey| {
            let mut found = None;
            survey.blobs(|_, fact| {
                if fact.path == blob(name) {
                    found = Some(fact.at);
                }
            })?;
            Ok(found)
        });
        async move { found.await.expect("a survey") }
    };
    assert_eq!(place("moved").await, Some(Whereabouts::Both(at(10))));
    assert_eq!(place("other").await, Some(Whereabouts::Both(at(1))));
    assert_eq!(place("new there").await, None);
    assert_eq!(folder.releases().await, []);
    let log = folder.bed.store.cloud_log().expect("a log");
    assert_eq!((log.number, log.adopted.map(|(number, _)| number)), (2, Some(0)));
}

#[tokio::test]
async fn a_container_is_as_open_as_both_have_made_it() {
    let folder = Folder::new().await;
    let mut props = folder.bed.store.container(&photos()).await.expect("it is there");
    props.etag = ETag(THEIRS);
    props.acl.public = PublicAccess::Blob;
    let found = |origin| Found {
        kept: Kept::Container { path: photos(), props: props.clone(), origin },
        place: at(0),
        was: None,
    };
    folder.adopt(vec![found(Origin::Here)]).await;
    let is = folder.bed.store.container(&photos()).await.expect("it is there");
    assert_eq!((is.etag, is.acl.public), (ETag(THEIRS), PublicAccess::Private));
}

#[tokio::test]
async fn what_was_meant_is_known_after_a_restart_and_until_the_next_entry() {
    let mut folder = Folder::new().await;
    folder.bed.store.mean(vec![[4; 32], [5; 32]]).await.expect("noted");
    folder.bed = folder.bed.reopen().await;
    let log = folder.bed.store.cloud_log().expect("a log");
    assert_eq!((log.number, log.last, log.meant), (0, None, vec![[4; 32], [5; 32]]));
    folder.placed("a", at(0)).await;
    let log = folder.bed.store.cloud_log().expect("a log");
    assert_eq!((log.number, log.last, log.meant), (1, Some([1; 32]), Vec::new()));
}
