//! Content that is not what the client sent is refused: MD5, CRC-64, and structured messages both ways.

use crate::support::{Headers, Stack, header, send, verdict};
use bytes::{BufMut as _, Bytes};
use greenroom_store::Crc64;
use reqwest::Response;

const BLOCK_BLOB: (&str, &str) = ("x-ms-blob-type", "BlockBlob");
const MD5_OF_HELLO: &str = "XUFAKrxLKna5cZ2REBfFkg==";
const MD5_OF_OTHER: &str = "rNjJBjuRqZ7kP4r8bmE4NA==";
const FRAMED: (&str, &str) = ("x-ms-structured-body", "XSM/1.0; properties=crc64");

#[tokio::test]
async fn a_put_blob_has_the_md5_that_it_says() {
    let stack = Stack::with_container().await;
    let cases = [
        (vec![("x-ms-blob-content-md5", MD5_OF_HELLO)], (201, "")),
        (vec![("x-ms-blob-content-md5", MD5_OF_HELLO), ("content-md5", MD5_OF_HELLO)], (201, "")),
        (vec![("x-ms-blob-content-md5", MD5_OF_OTHER)], (400, "Md5Mismatch")),
        (vec![("x-ms-blob-content-md5", MD5_OF_OTHER), ("content-md5", MD5_OF_HELLO)], (400, "Md5Mismatch")),
        (vec![("x-ms-blob-content-md5", "c2hvcnQ=")], (400, "InvalidMd5")),
        (
            vec![("content-md5", MD5_OF_HELLO), ("x-ms-content-crc64", "AAAAAAAAAAA=")],
            (400, "BothCrc64AndMd5HeaderPresent"),
        ),
    ];
    for (number, (sums, (status, code))) in cases.iter().enumerate() {
        let headers = [&[BLOCK_BLOB], sums.as_slice()].concat();
        let put = send(&stack, "PUT", &format!("photos/{number}"), &headers, "hello").await;
        assert_eq!(verdict(&put), (*status, (*code).to_owned()), "{sums:?}");
    }
    assert_eq!(stack.names().await, ["0", "1"]);
    let head = send(&stack, "HEAD", "photos/0", &[], "").await;
    assert_eq!(header(&head, "content-md5"), MD5_OF_HELLO);
}

#[tokio::test]
async fn the_md5_of_a_block_list_is_stored_as_it_is_said() {
    let stack = Stack::with_container().await;
    let staged = send(&stack, "PUT", "photos/a?comp=block&blockid=QUFB", &[], "hello").await;
    assert_eq!(staged.status(), 201);
    let list = "<BlockList><Latest>QUFB</Latest></BlockList>";
    // Azure does not read the blocks again either: whoever reads the blob compares.
    let said = [("x-ms-blob-content-md5", MD5_OF_OTHER)];
    assert_eq!(send(&stack, "PUT", "photos/a?comp=blocklist", &said, list).await.status(), 201);
    assert_eq!(header(&send(&stack, "HEAD", "photos/a", &[], "").await, "content-md5"), MD5_OF_OTHER);
}

#[tokio::test]
async fn every_document_has_the_checksum_that_came_with_it() {
    let stack = Stack::with_container().await;
    stack.put_blob("a", "hello").await;
    let tags = "<Tags><TagSet></TagSet></Tags>";
    let settings = "<StorageServiceProperties></StorageServiceProperties>";
    for (method, path, body) in [
        ("PUT", "photos/a?comp=tags", tags),
        ("PUT", "photos/b?comp=blocklist", "<BlockList></BlockList>"),
        ("PUT", "photos/a?comp=metadata", ""),
        ("PUT", "?restype=service&comp=properties", settings),
    ] {
        let wrong = send(&stack, method, path, &[("content-md5", MD5_OF_OTHER)], body).await;
        assert_eq!(verdict(&wrong), (400, "Md5Mismatch".into()), "{path}");
        let wrong = send(&stack, method, path, &[("x-ms-content-crc64", "AQIDBAUGBwg=")], body).await;
        assert_eq!(verdict(&wrong), (400, "Crc64Mismatch".into()), "{path}");
        let both = [("content-md5", MD5_OF_OTHER), ("x-ms-content-crc64", "AQIDBAUGBwg=")];
        let both = send(&stack, method, path, &both, body).await;
        assert_eq!(verdict(&both), (400, "BothCrc64AndMd5HeaderPresent".into()), "{path}");
    }
    let base64 = |bytes: &[u8]| base64::Engine::encode(&base64::prelude::BASE64_STANDARD, bytes);
    let right = base64(&crc64(tags.as_bytes()).to_le_bytes());
    let right = send(&stack, "PUT", "photos/a?comp=tags", &[("x-ms-content-crc64", &right)], tags).await;
    assert_eq!(right.status(), 204);
}

fn crc64(bytes: &[u8]) -> u64 {
    let mut crc64 = Crc64::default();
    crc64.update(bytes);
    crc64.finalize()
}

/// Content as a structured message with segments of some length, as the SDKs write it.
fn message(content: &[u8], segment_bytes: usize) -> Vec<u8> {
    let segments: Vec<&[u8]> = if content.is_empty() { vec![content] } else { content.chunks(segment_bytes).collect() };
    let mut message = vec![1];
    message.put_u64_le((13 + 18 * segments.len() + content.len() + 8) as u64);
    message.put_u16_le(1);
    message.put_u16_le(u16::try_from(segments.len()).expect("few segments"));
    for (number, segment) in segments.iter().enumerate() {
        message.put_u16_le(u16::try_from(number + 1).expect("few segments"));
        message.put_u64_le(segment.len() as u64);
        message.extend_from_slice(segment);
        message.put_u64_le(crc64(segment));
    }
    message.put_u64_le(crc64(content));
    message
}

/// The content of a message, every checksum of which is good.
fn content(mut message: &[u8]) -> Vec<u8> {
    fn take<'m, const N: usize>(message: &mut &'m [u8]) -> &'m [u8; N] {
        let (taken, rest) = message.split_first_chunk().expect("more of the message");
        *message = rest;
        taken
    }
    let whole = message.len() as u64;
    assert_eq!(take::<1>(&mut message), &[1]);
    assert_eq!(u64::from_le_bytes(*take(&mut message)), whole);
    assert_eq!(u16::from_le_bytes(*take(&mut message)), 1);
    let segments = u16::from_le_bytes(*take(&mut message));
    let mut content = Vec::new();
    for number in 1..=segments {
        assert_eq!(u16::from_le_bytes(*take(&mut message)), number);
        let length = u64::from_le_bytes(*take(&mut message));
        let (segment, rest) = message.split_at(usize::try_from(length).expect("a small segment"));
        message = rest;
        assert_eq!(u64::from_le_bytes(*take(&mut message)), crc64(segment));
        content.extend_from_slice(segment);
    }
    assert_eq!(u64::from_le_bytes(*take(&mut message)), crc64(&content));
    assert!(message.is_empty());
    content
}

async fn put_message(stack: &Stack, path: &str, headers: Headers<'_>, message: Vec<u8>, length: usize) -> Response {
    let mut put = stack.blob("PUT", path).await.header(FRAMED.0, FRAMED.1);
    put = put.header("x-ms-structured-content-length", length);
    for (name, value) in headers {
        put = put.header(*name, *value);
    }
    put.body(message).send().await.expect("an answer")
}

#[tokio::test]
async fn a_structured_message_becomes_its_content() {
    let stack = Stack::with_container().await;
    let sent: Vec<u8> = (0..3_000_000u32).map(|n| (n * 7 % 251) as u8).collect();
    for (name, length, segment_bytes) in [("empty", 0, 1), ("small", 10, 4), ("large", sent.len(), 1_000_000)] {
        let content = &sent[..length];
        let path = format!("photos/{name}");
        let put = put_message(&stack, &path, &[BLOCK_BLOB], message(content, segment_bytes), length).await;
        assert_eq!((verdict(&put), header(&put, FRAMED.0)), ((201, String::new()), FRAMED.1.to_owned()), "{name}");
        let got = send(&stack, "GET", &path, &[], "").await;
        assert_eq!(header(&got, "content-length"), length.to_string());
        assert!(got.bytes().await.expect("its content") == content, "{name}");
    }
    let block = "photos/blocks?comp=block&blockid=QUFB";
    assert_eq!(put_message(&stack, block, &[], message(&sent, 700_000), sent.len()).await.status(), 201);
    let list = "<BlockList><Latest>QUFB</Latest></BlockList>";
    assert_eq!(send(&stack, "PUT", "photos/blocks?comp=blocklist", &[], list).await.status(), 201);
    let got = send(&stack, "GET", "photos/blocks", &[], "").await.bytes().await.expect("its content");
    assert!(got == sent, "a block of a message");
    let pages = [("x-ms-blob-type", "PageBlob"), ("x-ms-blob-content-length", "1024")];
    assert_eq!(send(&stack, "PUT", "photos/pages", &pages, "").await.status(), 201);
    let update = [("x-ms-page-write", "update"), ("x-ms-range", "bytes=512-1023")];
    let written = put_message(&stack, "photos/pages?comp=page", &update, message(&sent[..512], 100), 512).await;
    assert_eq!(written.status(), 201);
    let got = send(&stack, "GET", "photos/pages", &[], "").await.bytes().await.expect("its content");
    assert!(got[512..] == sent[..512] && got[..512] == [0; 512], "pages of a message");
}

#[tokio::test]
async fn a_message_that_is_damaged_or_no_message_is_refused() {
    let stack = Stack::with_container().await;
    let good = message(b"0123456789", 4);
    for at in 0..good.len() {
        let mut bent = good.clone();
        bent[at] ^= 0x10;
        let put = put_message(&stack, "photos/bent", &[BLOCK_BLOB], bent, 10).await;
        let (status, code) = verdict(&put);
        assert!(
            status == 400 && ["Crc64Mismatch", "InvalidInput"].contains(&code.as_str()),
            "byte {at}: {status} {code}"
        );
    }
    let md5 = [BLOCK_BLOB, ("content-md5", MD5_OF_HELLO)];
    let other =
        [BLOCK_BLOB, ("x-ms-structured-body", "XSM/2.0; properties=none"), ("x-ms-structured-content-length", "5")];
    let alone = [BLOCK_BLOB, FRAMED];
    let length = [BLOCK_BLOB, ("x-ms-structured-content-length", "5")];
    for (headers, code) in
        [(&other[..], "InvalidHeaderValue"), (&alone, "MissingRequiredHeader"), (&length, "InvalidHeaderValue")]
    {
        let put = send(&stack, "PUT", "photos/bent", headers, "hello").await;
        assert_eq!(verdict(&put), (400, code.to_owned()), "{headers:?}");
    }
    for length in [9, 11, 100_000] {
        let put = put_message(&stack, "photos/bent", &[BLOCK_BLOB], good.clone(), length).await;
        assert_eq!(verdict(&put), (400, "InvalidHeaderValue".into()), "{length}");
    }
    assert_eq!(put_message(&stack, "photos/bent", &md5, message(b"hello", 4), 5).await.status(), 400);
    let said = [BLOCK_BLOB, ("x-ms-blob-content-md5", MD5_OF_OTHER)];
    let put = put_message(&stack, "photos/bent", &said, message(b"hello", 4), 5).await;
    assert_eq!(verdict(&put), (400, "Md5Mismatch".into()), "the MD5 is that of the content");
    assert!(stack.names().await.is_empty());
    let said = [BLOCK_BLOB, ("x-ms-blob-content-md5", MD5_OF_HELLO)];
    assert_eq!(put_message(&stack, "photos/good", &said, message(b"hello", 4), 5).await.status(), 201);
}

#[tokio::test]
async fn content_is_sent_as_a_message_where_one_is_asked_for() {
    let stack = Stack::with_container().await;
    let sent: Vec<u8> = (0..9_000_000u32).map(|n| (n * 13 % 251) as u8).collect();
    stack.put_blob("large", sent.clone()).await;
    stack.put_blob("empty", "").await;
    let get = async |path: &str, headers: Headers<'_>| {
        let got = send(&stack, "GET", path, &[&[FRAMED], headers].concat(), "").await;
        let (said, length) = (header(&got, FRAMED.0), header(&got, "x-ms-structured-content-length"));
        let (status, wire) = (got.status().as_u16(), header(&got, "content-length"));
        let bytes: Bytes = got.bytes().await.expect("its content");
        assert_eq!((said.as_str(), wire), (FRAMED.1, bytes.len().to_string()));
        let content = content(&bytes);
        assert_eq!(length, content.len().to_string());
        (status, content)
    };
    assert!(get("photos/large", &[]).await == (200, sent.clone()));
    assert!(get("photos/large", &[("x-ms-range", "bytes=5-4500000")]).await == (206, sent[5..=4_500_000].to_vec()));
    assert_eq!(get("photos/empty", &[]).await, (200, Vec::new()));
    let sum = [FRAMED, ("x-ms-range", "bytes=0-9"), ("x-ms-range-get-content-md5", "true")];
    assert_eq!(send(&stack, "GET", "photos/large", &sum, "").await.status(), 400);
    let other = [("x-ms-structured-body", "XSM/2.0; properties=none")];
    assert_eq!(verdict(&send(&stack, "GET", "photos/large", &other, "").await), (400, "InvalidHeaderValue".into()));
}
