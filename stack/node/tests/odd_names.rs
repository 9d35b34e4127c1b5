//! Names and words that XML 1.0 cannot hold: what was stored under such a name can be listed, fetched and removed, and what would be
//! told in XML is refused. Every document is read by a parser that is not the gateway's own.

use crate::support;
use crate::support::azcopy::AzCopy;
use crate::support::tree::{self, Hashes};
use crate::support::{CONTAINER, Stack, send, verdict};
use roxmltree::Document;

const BLOCK_BLOB: (&str, &str) = ("x-ms-blob-type", "BlockBlob");

fn args<'a>(verb: &'a str, from: &'a str, to: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[verb, from, to], more].concat()
}

async fn document(stack: &Stack, path: &str, headers: support::Headers<'_>) -> String {
    send(stack, "GET", path, headers, "").await.text().await.expect("a text")
}

/// The texts of all elements of a name, percent-decoded where they are marked so.
fn named(document: &str, tag: &str) -> Vec<String> {
    let parsed = Document::parse(document).unwrap_or_else(|error| panic!("{error}: {document}"));
    let found = parsed.descendants().filter(|node| node.has_tag_name(tag)).map(|node| {
        let text = node.text().unwrap_or_default();
        match node.attribute("Encoded") {
            Some("true") => percent_encoding::percent_decode_str(text).decode_utf8().expect("UTF-8").into_owned(),
            Some(other) => panic!("Encoded={other}"),
            None => text.to_owned(),
        }
    });
    found.collect()
}

async fn all_names(stack: &Stack) -> Vec<String> {
    named(&document(stack, &format!("{CONTAINER}?restype=container&comp=list"), &[]).await, "Name")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_with_a_control_character_comes_and_goes_with_its_neighbours() {
    let (azcopy, stack) = (AzCopy::find(), Stack::with_container().await);
    let (source, back) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let names = ["a\u{1}b/in.txt", "a\u{1}b/deep\u{1f}/er.txt", "a\u{1}b/ü\u{2} 50%.txt", "aa/plain.txt", "top.txt"];
    let expected: Hashes = names.iter().map(|name| tree::write(source.path(), name, name.len() * 100)).collect();
    let sas = stack.sas(Some(CONTAINER), "racwdl").await;
    let at = |path: &str| format!("{}/acct/{CONTAINER}/{path}?{sas}", stack.ready.blob);
    let (container, from) = (at("in"), format!("{}/*", source.path().display()));
    let to = back.path().to_str().expect("UTF-8");

    azcopy.run(&args("copy", &from, &container, &["--recursive", "--from-to=LocalBlob"])).await;
    let listed = document(&stack, &format!("{CONTAINER}?restype=container&comp=list&prefix=in/"), &[]).await;
    let mut sorted: Vec<String> = names.iter().map(|name| format!("in/{name}")).collect();
    sorted.sort();
    assert_eq!(named(&listed, "Name"), sorted);

    let said = azcopy.run(&["list", &at("in"), "--location=Blob", "--machine-readable"]).await;
    assert!(said.contains("aa/plain.txt") && said.contains("er.txt"), "{said}");
    azcopy.run(&args("copy", &at("in/*"), to, &["--recursive", "--from-to=BlobLocal"])).await;
    assert_eq!(tree::hashes(back.path()), expected);
    // The folder alone, and what lies beside it stays.
    azcopy.run(&["remove", &at("in/a%01b"), "--recursive", "--from-to=BlobTrash"]).await;
    assert_eq!(all_names(&stack).await, ["in/aa/plain.txt", "in/top.txt"]);
    azcopy.run(&args("copy", &from, &container, &["--recursive", "--from-to=LocalBlob"])).await;
    azcopy.run(&["remove", &container, "--recursive", "--from-to=BlobTrash"]).await;
    assert_eq!(all_names(&stack).await, Vec::<String>::new());
}

#[tokio::test]
async fn whatever_a_client_says_a_list_is_well_formed_in_every_version() {
    let stack = Stack::with_container().await;
    let names = ["a%01b/c%1F", "a%01b/%EF%BF%BE", "a%01b/x%0Dy", "a%01b/%3Cd%26%22'"];
    for name in names {
        assert_eq!(send(&stack, "PUT", &format!("{CONTAINER}/{name}"), &[BLOCK_BLOB], "x").await.status(), 201);
    }
    let decoded = ["a\u{1}b/<d&\"'", "a\u{1}b/c\u{1f}", "a\u{1}b/x\ry", "a\u{1}b/\u{FFFE}"].map(str::to_owned);
    for version in ["2018-03-28", "2020-12-06", "2021-02-12", "2025-07-05"] {
        let version = [("x-ms-version", version)];
        let list = format!("{CONTAINER}?restype=container&comp=list");
        let all =
            document(&stack, &format!("{list}&prefix=a%01&delimiter=%02&startfrom=a%01&endbefore=z%03"), &version)
                .await;
        assert_eq!(named(&all, "Name"), decoded);
        assert_eq!((named(&all, "Prefix"), named(&all, "Delimiter")), (vec!["a\u{1}".into()], vec!["\u{2}".into()]));
        let folders = document(&stack, &format!("{list}&delimiter=/"), &version).await;
        assert_eq!(named(&folders, "Name"), ["a\u{1}b/"]);
        let odd = document(&stack, &format!("{list}&prefix=%EF%BF%BF%3C%26"), &version).await;
        assert_eq!(named(&odd, "Prefix"), ["\u{FFFF}<&"]);
        let none = document(&stack, "?comp=list&prefix=%01%22", &version).await;
        assert_eq!(named(&none, "Prefix"), ["\u{1}\""]);
        // Page by page: a marker is a name too.
        let page = document(&stack, &format!("{list}&maxresults=2"), &version).await;
        let marker = named(&page, "NextMarker").concat();
        let rest = document(&stack, &format!("{list}&marker={marker}"), &version).await;
        assert_eq!([named(&page, "Name"), named(&rest, "Name")].concat(), decoded);
    }
    // Errors repeat what was sent.
    for (method, path, headers) in [
        ("GET", "?comp=a%01b%EF%BF%BE", &[][..]),
        ("GET", "photos?restype=container&comp=list&include=%02", &[]),
        ("PUT", "photos/a?comp=tier", &[("x-ms-access-tier", "\u{FFFE}<")]),
        ("PUT", "photos/a?comp=metadata", &[("x-ms-meta-a&b", "1")]),
        ("GET", "?comp=blobs&where=%01", &[]),
        ("GET", "?comp=blobs&where=a%3D'%01'", &[]),
        ("GET", "ph%01/a", &[]),
    ] {
        let answer = send(&stack, method, path, headers, "").await;
        assert!(answer.status().is_client_error(), "{path}");
        assert_eq!(named(&answer.text().await.expect("a text"), "Code").len(), 1, "{path}");
    }
}

#[tokio::test]
async fn what_could_not_be_told_is_not_taken() {
    let stack = Stack::with_container().await;
    stack.put_blob("a", "content").await;
    let id = "photos/a?comp=tags";
    let service = "?restype=service&comp=properties";
    for odd in ["\u{1}", "\u{FFFE}", "&#1;", "&#xFFFF;", "&#xD800;"] {
        let tags = format!("<Tags><TagSet><Tag><Key>a</Key><Value>{odd}</Value></Tag></TagSet></Tags>");
        let rule = format!(
            "<StorageServiceProperties><Cors><CorsRule><AllowedOrigins>{odd}</AllowedOrigins><AllowedMethods>GET</AllowedMethods>\
             <MaxAgeInSeconds>1</MaxAgeInSeconds><ExposedHeaders /><AllowedHeaders /></CorsRule></Cors></StorageServiceProperties>"
        );
        let blocks = format!("<BlockList><Latest>{odd}</Latest></BlockList>");
        for (path, body) in [(id, tags), (service, rule), ("photos/a?comp=blocklist", blocks)] {
            let refused = send(&stack, "PUT", path, &[], &body).await;
            assert_eq!(verdict(&refused), (400, "InvalidXmlDocument".into()), "{path} {odd:?}");
        }
    }
    let version = "<DefaultServiceVersion>&lt;a&gt;</DefaultServiceVersion>";
    let version = format!("<StorageServiceProperties>{version}</StorageServiceProperties>");
    assert_eq!(verdict(&send(&stack, "PUT", service, &[], &version).await), (400, "InvalidXmlNodeValue".into()));
    for (header, code) in [
        ("x-ms-meta-a", "InvalidMetadata"),
        ("x-ms-blob-content-type", "InvalidHeaderValue"),
        ("x-ms-blob-content-encoding", "InvalidHeaderValue"),
        ("x-ms-blob-content-language", "InvalidHeaderValue"),
        ("x-ms-blob-content-disposition", "InvalidHeaderValue"),
        ("x-ms-blob-cache-control", "InvalidHeaderValue"),
    ] {
        let refused = send(&stack, "PUT", "photos/b", &[BLOCK_BLOB, (header, "x\u{FFFF}")], "content").await;
        assert_eq!(verdict(&refused), (400, code.into()), "{header}");
        // What XML can hold is kept, letter by letter.
        let kept = send(&stack, "PUT", "photos/c", &[BLOCK_BLOB, (header, "ü<&>\u{85}日本")], "content").await;
        assert_eq!(kept.status(), 201, "{header}");
        let list = document(&stack, "photos?restype=container&comp=list&include=metadata&prefix=c", &[]).await;
        let parsed = Document::parse(&list).unwrap_or_else(|error| panic!("{error}: {list}"));
        assert!(parsed.descendants().any(|node| node.text() == Some("ü<&>\u{85}日本")), "{header}: {list}");
    }
}
