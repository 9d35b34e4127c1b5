use super::*;
use proptest::prelude::*;

/// As Azure sends it, with a byte order mark, and everything that an entry may have.
const PAGE: &[u8] = include_bytes!("azure.xml");
const ASKED: Asked<'_> = Asked { prefix: "a", after: None, max: 4 };

/// A page with these entries, and with a marker.
fn with(entries: &str, marker: &str) -> String {
    format!("<EnumerationResults><Blobs>{entries}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>")
}

/// A blob of this name, and with more properties.
fn entry(name: &str, more: &str) -> String {
    format!(
        "<Blob><Name>{name}</Name><Properties><Last-Modified>Fri, 20 Nov 2026 10:11:12 GMT</Last-Modified><Etag>0x1</Etag>\
         <Content-Length>1</Content-Length>{more}</Properties></Blob>"
    )
}

fn read(page: &str) -> Result<Listed, Bad> {
    blobs(page.as_bytes(), ASKED)
}

#[test]
fn a_page_of_azure_is_read_whole() {
    let listed = blobs(PAGE, ASKED).expect("a good page");
    let day = |day: i64| Timestamp::from_seconds(1_795_169_472 + (day - 20) * 86_400);
    let own = |text: &str| Some(text.to_owned());
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let first = There {
        name: "a & b/ü.txt".into(),
        etag: "0x8DE2F9C1A2B3C4D".into(),
        length: 11,
        kind: TheirKind::Block,
        created: day(20),
        modified: day(21),
        headers: HttpHeaders {
            content_type: own("text/plain"),
            content_encoding: own("gzip"),
            content_language: own("de"),
            content_disposition: own("inline"),
            cache_control: own("no-store"),
            content_md5: Some(*b"\x5e\xb6\x3b\xbb\xe0\x1e\xee\xd0\x93\xcb\x22\xbb\x8f\x5a\xcd\xc3"),
        },
        metadata: pairs(&[("Team", "gold"), ("empty", "")]),
        tags: pairs(&[("season", "winter"), ("x/y", "")]),
        tier: Some(Tier::Cool),
        tier_changed: Some(day(22)),
    };
    assert_eq!(listed.blobs[0], first);
    let [_, second, third] = &listed.blobs[..] else { panic!("{listed:?}") };
    assert_eq!((second.name.as_str(), second.etag.as_str(), second.tier), ("a\u{1}\u{FFFE}%", "0x1", None));
    let octets = HttpHeaders { content_type: own("application/octet-stream"), ..HttpHeaders::default() };
    assert_eq!(second.headers, octets);
    assert_eq!((third.kind, third.created, third.tier), (TheirKind::Other, day(20), None));
    assert_eq!(listed.folders, ["a/"]);
    assert_eq!(listed.next.as_deref(), Some("2!76!MDAwMDA4IWEvYi50eHQh"));
}

#[test]
fn what_was_not_asked_for_is_no_list() {
    let two = entry("a", "") + &entry("a", "");
    let five: String = (0..5).map(|number| entry(&format!("a{number}"), "")).collect();
    for (page, says) in [
        (with(&entry("b", ""), ""), "not asked for"),
        (with(&two, ""), "twice"),
        (with(&(entry("a/", "") + "<BlobPrefix><Name>a/</Name></BlobPrefix>"), ""), "twice"),
        (with(&five, ""), "more entries"),
        (with("<BlobPrefix><Name>a</Name></BlobPrefix>", ""), "something else"),
        (with("<BlobPrefix/>", ""), "without a name"),
        (with("<Blob><Name>a</Name></Blob>", ""), "without properties"),
        (with(&entry("a", "<Etag>0x2</Etag>"), ""), "something twice"),
        (with(&entry("a", "").replace("0x1", ""), ""), "good ETag"),
        (with(&entry("a", "").replace("0x1", "x&#10;y"), ""), "good ETag"),
        (with(&entry("a", "").replace(">1<", ">-1<"), ""), "Content-Length"),
        (with(&entry("a", "").replace("Fri, 20 Nov 2026 10:11:12 GMT", "now"), ""), "a moment"),
        (with(&entry("a", "").replace("Last-Modified", "Modified"), ""), "Last-Modified"),
        (with(&entry("a", "").replace("</Name>", "</Name><Snapshot>2026</Snapshot>"), ""), "snapshots"),
        (with(&entry("a", "").replace("</Name>", "</Name><Deleted>true</Deleted>"), ""), "snapshots"),
        (with(&entry("a", "").replace("</Blob>", "<Metadata><x/><x/></Metadata></Blob>"), ""), "metadata twice"),
        (with(&entry("a", ""), "").replace("</Blobs>", "</Blobs><Blobs/>"), "two lists"),
        ("<EnumerationResults><Containers/></EnumerationResults>".to_owned(), "no list"),
        ("<EnumerationResult><Blobs/></EnumerationResult>".to_owned(), "root"),
        ("<html><body>Sign in</body></html>".to_owned(), "root"),
        (format!("<!DOCTYPE x [<!ENTITY y \"z\">]>{}", with("", "")), "DOCTYPE"),
        (String::new(), "not all there"),
    ] {
        let why = read(&page).expect_err(&page);
        assert!(why.contains(says), "{page}: {why}");
    }
    let itself = Asked { after: Some("m"), ..ASKED };
    assert_eq!(blobs(with("", "m").as_bytes(), itself), Err("its next page is itself"));
    assert_eq!(blobs(with("", "n").as_bytes(), itself).expect("a page").next.as_deref(), Some("n"));
}

#[test]
fn what_may_be_left_out_may_be_left_out() {
    assert_eq!(read("<EnumerationResults><Blobs/></EnumerationResults>"), Ok(Listed::default()));
    assert_eq!(read(&with("", "")), Ok(Listed::default()));
    let bare = read(&with(&entry("a", "<Content-MD5>short</Content-MD5>"), "")).expect("a good page").blobs.remove(0);
    assert_eq!((bare.created, bare.tier_changed, bare.headers), (bare.modified, None, HttpHeaders::default()));
    let false_ones = "</Name><Snapshot/><Deleted>false</Deleted>";
    assert!(read(&with(&entry("a", "").replace("</Name>", false_ones), "")).is_ok());
}

#[test]
fn containers_are_read_by_name() {
    let page = "<?xml version=\"1.0\"?><EnumerationResults><Containers><Container><Name>a</Name><Properties><Etag>x</Etag></Properties></Container>\
                <Container><Name>b</Name></Container></Containers><NextMarker>/lake/c</NextMarker></EnumerationResults>";
    let asked = Asked { prefix: "", after: None, max: 2 };
    let (names, next) = containers(page.as_bytes(), asked).expect("a good page");
    assert_eq!((names, next.as_deref()), (vec!["a".to_owned(), "b".to_owned()], Some("/lake/c")));
    assert!(containers(page.as_bytes(), Asked { max: 1, ..asked }).is_err());
    assert!(containers(PAGE, asked).is_err());
}

#[test]
fn a_page_that_was_cut_is_none() {
    for end in 0..PAGE.len() {
        assert!(blobs(&PAGE[..end], ASKED).is_err(), "{end}");
    }
}

/// What is read takes no more room than what it was read from, but for what each entry has.
fn is_bounded(listed: &Listed, page: &[u8]) -> bool {
    let entries = listed.blobs.len() + listed.folders.len();
    let texts = |blob: &There| {
        let pairs = blob.metadata.iter().chain(&blob.tags).map(|(name, value)| name.len() + value.len());
        blob.name.len() + blob.etag.len() + pairs.sum::<usize>()
    };
    entries <= ASKED.max && listed.blobs.iter().map(texts).sum::<usize>() <= page.len()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn any_bytes_are_read_or_refused(page in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        if let Ok(listed) = blobs(&page, ASKED) {
            prop_assert!(is_bounded(&listed, &page));
        }
        let _ = containers(&page, ASKED);
    }

    /// Bytes of a real page changed, left out, doubled, or put elsewhere.
    #[test]
    fn a_page_that_was_bent_is_read_or_refused(
        bends in proptest::collection::vec((0..PAGE.len(), 0..PAGE.len(), 0..80_usize, 0..4_u8, any::<u8>()), 1..12),
    ) {
        let mut page = PAGE.to_vec();
        for (at, from, length, how, byte) in bends {
            let (at, from) = (at % page.len(), from % page.len());
            let part = page[from..(from + length).min(page.len())].to_vec();
            match how {
                0 => page[at] = byte,
                1 => drop(page.drain(at..(at + length).min(page.len() - 1).max(at))),
                2 => drop(page.splice(at..at, part)),
                _ => page.iter_mut().skip(at).zip(part).for_each(|(old, new)| *old = new),
            }
        }
        if let Ok(listed) = blobs(&page, ASKED) {
            prop_assert!(is_bounded(&listed, &page));
            prop_assert!(listed.blobs.iter().all(|blob| blob.name.starts_with('a')));
        }
    }
}
