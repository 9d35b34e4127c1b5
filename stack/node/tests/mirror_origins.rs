//! Origins of mirrors as they really are: our own server, Azurite and a folder, all asked for the same.
#![allow(dead_code, reason = "of the modules of the program only a part is used here")]

mod support;

// The program is no library. Its origins are told of here as it has them.
#[path = "../src/fault.rs"]
mod fault;
#[path = "../src/mirror"]
mod mirror {
    pub mod origin;
}
#[path = "../src/offload"]
mod offload {
    pub mod answer;
    pub mod wire;
}
#[path = "../src/place.rs"]
mod place;
#[path = "../src/reach.rs"]
mod reach;
#[path = "../src/spans.rs"]
mod spans;
#[path = "../src/tls.rs"]
mod tls;

use futures::StreamExt as _;
use greenroom_gateway::source::Sources;
use greenroom_mirror::{Content, Listed, Origin, OriginError, TheirKind, There};
use greenroom_store::Tier;
use mirror::origin::{self, Opened, Scope};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Response;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use support::cloud::Cloud;
use support::liar::{Kind, Liar, Lie};
use support::signing::account_sas;
use support::{ACCOUNT, CONTAINER, Headers, Stack, header};

const BLOBS: usize = 60;
const PAGE: usize = 7;
const ODD: [&str; 14] = [
    "a folder/with spaces .txt",
    "ünï/日本/\u{1F3AC}",
    "100%/%41%2F",
    "double//slash",
    "dots../trailing...",
    "<&>'\"",
    "plus+and=eq?q#h",
    "~!@$^*()_-[]{}|;:,",
    "a/b",
    "a/b.c",
    "a/b/c",
    "a/bb",
    "tab\u{9}and\u{1}control",
    "Z",
];

/// An account over HTTP, and what of it a test writes to.
struct Far {
    /// With the account.
    base: String,
    container: String,
    key: String,
    sas: String,
    lives_in: (Option<Stack>, Option<Cloud>),
}

impl Far {
    async fn ours() -> Far {
        let stack = Stack::start().await;
        let key = stack.make_account("gold", ACCOUNT, &[CONTAINER, "another"]).await.key;
        let base = format!("{}/{ACCOUNT}", stack.ready.blob);
        let sas = account_sas(ACCOUNT, &key, "rwdlact");
        Far { base, container: CONTAINER.to_owned(), key, sas, lives_in: (Some(stack), None) }
    }

    async fn azurite() -> Far {
        let cloud = Cloud::azurite().await;
        let (base, container) = cloud.url.rsplit_once('/').expect("a URL of a container");
        let account = base.rsplit('/').next().expect("an account");
        let key = cloud.secret.clone().expect("a key");
        let sas = account_sas(account, &key, "rwdlact");
        let (base, container) = (base.to_owned(), container.to_owned());
        Far { base, container, key, sas, lives_in: (None, Some(cloud)) }
    }

    async fn put(&self, name: &str, headers: Headers<'_>, content: String) -> Response {
        let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
        let url = format!("{}/{}/{name}?{}", self.base, self.container, self.sas);
        let mut request =
            support::client().put(url).header("x-ms-version", "2023-11-03").header("content-length", content.len());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let put = request.body(content).send().await.expect("an answer");
        assert_eq!(put.status(), 201, "{name}: {:?}", put.headers());
        put
    }

    /// Odd names and plain ones, with all that a blob may have; what each is.
    async fn fill(&self) -> BTreeMap<String, Made> {
        let mut made = BTreeMap::new();
        // Azurite fails to list what XML cannot hold.
        let is_listed = |name: &&&str| self.lives_in.1.is_none() || !name.contains('\u{1}');
        let odd: Vec<&str> = ODD.iter().filter(is_listed).copied().collect();
        for number in 0..BLOBS {
            let name = odd.get(number).map_or_else(|| format!("many/{number:03}"), |name| (*name).to_owned());
            let tier = if number % 3 == 0 { Some(Tier::Cool) } else { None };
            let count = number.to_string();
            let mut headers = vec![
                ("x-ms-blob-type", "BlockBlob"),
                ("x-ms-meta-count", &count),
                ("content-type", "text/odd; x=\"<&>\""),
            ];
            headers.extend(tier.map(|_| ("x-ms-access-tier", "Cool")));
            let tags = format!("number={number}&a%20b=c%2Fd");
            headers.extend((number % 2 == 0).then_some(("x-ms-tags", tags.as_str())));
            let content = "x".repeat(number * 10);
            let put = self.put(&name, &headers, content).await;
            let etag = header(&put, "etag").trim_matches('"').to_owned();
            made.insert(name, Made { number, etag, tier });
        }
        made
    }

    fn open(&self, path: &str, secret: Option<&str>) -> Opened {
        origin::open(&format!("{}{path}", self.base), secret, &allowing(&self.base)).expect("it opens")
    }
}

struct Made {
    number: usize,
    etag: String,
    tier: Option<Tier>,
}

/// Whatever its address.
fn allowing(url: &str) -> Sources {
    let url = url::Url::parse(url).expect("a URL");
    let authority = format!("{}:{}", url.host_str().expect("a host"), url.port().expect("a port"));
    Sources::new(SocketAddr::from(([127, 0, 0, 1], 1)), vec![authority.parse().expect("HOST:PORT")], trust())
}

fn trust() -> Arc<greenroom_gateway::rustls::ClientConfig> {
    tls::trust(None).expect("a trust")
}

/// All that begins with a prefix, page by page.
async fn all(origin: &dyn Origin, container: &str, prefix: &str, rolled_up: bool, max: usize) -> Listed {
    let (mut found, mut after) = (Listed::default(), None);
    loop {
        let page = origin.list(container, prefix, rolled_up, after, max).await.expect("a page");
        assert!(page.blobs.len() + page.folders.len() <= max);
        found.blobs.extend(page.blobs);
        found.folders.extend(page.folders);
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

fn names(listed: &Listed) -> Vec<&str> {
    listed.blobs.iter().map(|blob| blob.name.as_str()).collect()
}

async fn gather(mut content: Content) -> Result<Vec<u8>, OriginError> {
    let mut gathered = Vec::new();
    while let Some(part) = content.next().await {
        gathered.extend_from_slice(&part?);
    }
    Ok(gathered)
}

async fn content(origin: &dyn Origin, at: (&str, &There), range: Range<u64>) -> Result<Vec<u8>, OriginError> {
    let (container, blob) = at;
    gather(origin.read(container, &blob.name, &blob.etag, range).await?).await
}

async fn is_all_that_an_origin_is(far: &Far) {
    let made = far.fill().await;
    let opened = far.open("", Some(&far.key));
    assert_eq!(opened.scope, Scope { container: None, prefix: String::new() });
    let (origin, container) = (opened.origin.as_ref(), far.container.as_str());
    let (containers, _) = origin.containers(None).await.expect("its containers");
    assert!(containers.iter().any(|name| name == container), "{containers:?}");

    let listed = all(origin, container, "", false, PAGE).await;
    assert_eq!(listed.blobs.len(), BLOBS);
    assert_eq!(names(&listed).into_iter().collect::<BTreeSet<_>>(), made.keys().map(String::as_str).collect());
    assert_eq!(listed, all(origin, container, "", false, 5_000).await);
    for blob in &listed.blobs {
        let Made { number, etag, tier } = &made[&blob.name];
        assert_eq!(
            (&blob.etag, blob.length, blob.kind),
            (etag, 10 * *number as u64, TheirKind::Block),
            "{}",
            blob.name
        );
        assert_eq!(blob.headers.content_type.as_deref(), Some("text/odd; x=\"<&>\""));
        assert_eq!(blob.metadata, [("count".to_owned(), number.to_string())].into());
        let tags = [("number".to_owned(), number.to_string()), ("a b".to_owned(), "c/d".to_owned())];
        assert_eq!(blob.tags, if number % 2 == 0 { tags.into() } else { BTreeMap::new() }, "{}", blob.name);
        assert_eq!(blob.tier, *tier, "{}", blob.name);
        assert!(blob.created <= blob.modified && blob.modified.0 > 0);
        assert!(blob.headers.content_md5.is_some());
    }
    for (prefix, expected) in
        [("a/b", &["a/b", "a/b.c", "a/b/c", "a/bb"][..]), ("a/b/", &["a/b/c"]), ("100%/", &[ODD[2]]), ("none", &[])]
    {
        let listed = all(origin, container, prefix, false, PAGE).await;
        assert_eq!(names(&listed).into_iter().collect::<BTreeSet<_>>(), expected.iter().copied().collect(), "{prefix}");
    }
    let top = all(origin, container, "", true, PAGE).await;
    let folders: BTreeSet<_> = top.folders.iter().map(String::as_str).collect();
    assert_eq!(folders, ["100%/", "a folder/", "a/", "dots../", "double/", "many/", "ünï/"].into());
    let a = all(origin, container, "a/", true, PAGE).await;
    assert_eq!((names(&a).len(), a.folders), (3, vec!["a/b/".to_owned()]));

    reads(origin, container, &listed, far).await;
}

async fn reads(origin: &dyn Origin, container: &str, listed: &Listed, far: &Far) {
    for blob in &listed.blobs {
        let length = blob.length;
        let read = content(origin, (container, blob), 0..length)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", blob.name));
        assert_eq!(read, vec![b'x'; read.len()]);
        assert_eq!(read.len() as u64, length, "{}", blob.name);
        let middle = length / 3..length / 2;
        assert_eq!(
            content(origin, (container, blob), middle.clone()).await.expect("a part").len() as u64,
            middle.end - middle.start
        );
    }
    let old = listed.blobs.iter().find(|blob| blob.name == "many/059").expect("the last one");
    assert_eq!(origin.whole(container, &old.name, old.length).await.expect("its content").len() as u64, old.length);
    let too_long = origin.whole(container, &old.name, old.length - 1).await;
    assert!(matches!(too_long, Err(OriginError::Away(_))), "{too_long:?}");
    far.put(&old.name, &[("x-ms-blob-type", "BlockBlob")], "y".repeat(600)).await;
    for range in [0..600, 5..6, 0..0] {
        assert_eq!(content(origin, (container, old), range).await, Err(OriginError::Changed));
    }
    for (container, name) in [(container, "nothing"), ("nowhere", "nothing"), ("nowhere", "a/b")] {
        let read = origin.read(container, name, "0x1", 0..1).await.map(drop);
        // To Azurite what is missing has another ETag. Whoever looks then sees that it is missing.
        let is_azurite = far.lives_in.1.is_some();
        assert!(
            read == Err(OriginError::Missing) || is_azurite && read == Err(OriginError::Changed),
            "{name}: {read:?}"
        );
        assert_eq!(origin.whole(container, name, 1).await.map(drop), Err(OriginError::Missing));
    }
    for container in ["nowhere", "$blobchangefeed"] {
        let listed = origin.list(container, "", false, None, PAGE).await;
        assert_eq!(listed, Err(OriginError::Missing), "{container}");
    }
    origin.put(container, "canary", "it lives".into()).await.expect("it is put");
    assert_eq!(origin.whole(container, "canary", 10).await.expect("it is there"), "it lives");
    for _ in 0..2 {
        origin.delete(container, "canary").await.expect("it is gone");
    }
    assert_eq!(origin.whole(container, "canary", 10).await, Err(OriginError::Missing));
}

async fn is_refused(far: &Far, secret: Option<&str>, says: &str) {
    let opened = far.open(&format!("/{}", far.container), secret);
    for refused in [
        opened.origin.list(&far.container, "", false, None, PAGE).await.map(drop),
        opened.origin.read(&far.container, "a/b", "0x1", 0..1).await.map(drop),
    ] {
        let Err(OriginError::Refused(why)) = refused else { panic!("{secret:?}: {refused:?}") };
        assert!(why.contains(says), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_server_is_an_origin() {
    let far = Far::ours().await;
    is_all_that_an_origin_is(&far).await;
    is_refused(&far, None, "not open to everyone").await;
    is_refused(&far, Some("c2VjcmV0"), "does not know the secret").await;
    let account = far.base.rsplit('/').next().expect("an account");
    is_refused(&far, Some(&account_sas(account, &far.key, "w")), "does not allow that").await;
    // A SAS reads what a key does.
    let with_tags = far.open(&format!("/{}/a/", far.container), Some(&format!("?{}", far.sas)));
    assert_eq!(with_tags.scope, Scope { container: Some(far.container.clone()), prefix: "a/".to_owned() });
    let tagged = |listed: &Listed| listed.blobs.iter().filter(|blob| !blob.tags.is_empty()).count();
    assert!(tagged(&all(with_tags.origin.as_ref(), &far.container, "a/", false, PAGE).await) > 0);
    let string = format!("AccountName={account};AccountKey={};BlobEndpoint=http://127.0.0.1:9/{account}", far.key);
    let by_string = far.open("", Some(&string));
    assert_eq!(all(by_string.origin.as_ref(), &far.container, "a/", false, PAGE).await.blobs.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn azurite_is_an_origin() {
    let far = Far::azurite().await;
    is_all_that_an_origin_is(&far).await;
    // It has one word for all that it refuses.
    is_refused(&far, Some("c2VjcmV0"), "does not allow that").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_an_origin() {
    let dir = tempfile::tempdir().expect("a folder");
    let odd = ODD.into_iter().filter(|name| !name.contains("//") && !name.starts_with("a/b/"));
    for name in odd.clone() {
        support::tree::write(dir.path(), name, 1_000_000);
    }
    let url = url::Url::from_directory_path(dir.path()).expect("a path");
    let Opened { origin, scope, .. } =
        origin::open(url.as_str(), None, &allowing("http://127.0.0.1:1")).expect("it opens");
    let container = scope.container.expect("a container");
    let mut expected: Vec<&str> = odd.collect();
    expected.sort_unstable();
    let listed = all(origin.as_ref(), &container, "", false, PAGE).await;
    assert_eq!(names(&listed), expected);
    assert_eq!(origin.containers(None).await, Ok((vec![container.clone()], None)));
    for blob in &listed.blobs {
        let on_disk = std::fs::read(dir.path().join(&blob.name)).expect("it is there");
        for range in [0..1_000_000, 300_000..700_001, 999_999..1_000_000, 5..5] {
            let expected = &on_disk[range.start as usize..range.end as usize];
            assert!(content(origin.as_ref(), (&container, blob), range).await.expect("its content") == expected);
        }
        let past = content(origin.as_ref(), (&container, blob), 0..1_000_001).await;
        assert!(matches!(past, Err(OriginError::Away(_))), "{past:?}");
    }
    let blob = &listed.blobs[0];
    // While it is read as well.
    let mut reading = origin.read(&container, &blob.name, &blob.etag, 0..1_000_000).await.expect("its content");
    assert!(reading.next().await.expect("a part").is_ok());
    support::tree::write(dir.path(), &blob.name, 1_000_001);
    assert_eq!(gather(reading).await, Err(OriginError::Changed));
    assert_eq!(content(origin.as_ref(), (&container, blob), 0..1).await, Err(OriginError::Changed));
    assert_eq!(origin.whole(&container, "nothing", 1).await, Err(OriginError::Missing));
    assert_eq!(origin.list("another", "", false, None, PAGE).await, Err(OriginError::Missing));
    assert!(matches!(origin.put(&container, "canary", "x".into()).await, Err(OriginError::Refused(_))));
}

/// What is between the origin and us is not taken for the origin.
#[tokio::test(flavor = "multi_thread")]
async fn a_liar_is_no_origin() {
    let far = Far::ours().await;
    for number in 0..20 {
        far.put(&format!("{number:02}"), &[("x-ms-blob-type", "BlockBlob")], "x".repeat(1000)).await;
    }
    let liar = Liar::before(&format!("{}/{}", far.base, far.container)).await;
    let opened = origin::open(&liar.url, Some(&far.key), &allowing(&liar.url)).expect("it opens");
    let (origin, container) = (opened.origin.as_ref(), CONTAINER);
    let honest = origin.list(container, "", false, None, 10).await.expect("a list");
    let blob = &honest.blobs[0];
    for lie in [Lie::Html, Lie::Redirect, Lie::Truncate, Lie::Hang] {
        liar.tell(lie, &Kind::ALL, 100);
        for answer in [
            origin.list(container, "", false, None, 10).await.map(drop),
            origin.containers(None).await.map(drop),
            content(origin, (container, blob), 0..1000).await.map(drop),
        ] {
            assert!(matches!(answer, Err(OriginError::Away(_))), "{lie:?}: {answer:?}");
        }
    }
    // Now and then: it is asked again.
    liar.tell(Lie::Drop, &Kind::ALL, 50);
    for _ in 0..10 {
        assert_eq!(origin.list(container, "", false, None, 10).await.as_ref(), Ok(&honest));
    }
    // An answer to another question.
    liar.tell(Lie::Stale, &Kind::ALL, 100);
    let stale = origin.list(container, "1", false, None, 10).await;
    assert!(matches!(stale, Err(OriginError::Away(_))), "{stale:?}");
    liar.be_honest();
    assert_eq!(content(origin, (container, blob), 0..1000).await.expect("its content").len(), 1000);
    drop(far);
    let away = origin.list(container, "", false, None, 10).await;
    assert!(matches!(away, Err(OriginError::Away(_))), "{away:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_was_not_allowed_is_not_asked() {
    let far = Far::ours().await;
    let none = Sources::new(SocketAddr::from(([127, 0, 0, 1], 1)), Vec::new(), trust());
    let localhost = far.base.replace("127.0.0.1", "localhost");
    for url in [&far.base, &localhost] {
        let refused = origin::open(url, Some(&far.key), &none).expect_err("it is not public");
        assert!(refused.contains("--copy-source-allow"), "{refused}");
    }
    let opened = origin::open(&localhost, Some(&far.key), &allowing(&localhost)).expect("it opens");
    opened.origin.list(CONTAINER, "", false, None, 1).await.expect("a list");
}
