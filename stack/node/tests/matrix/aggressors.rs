//! Who attacks, and how: a row each. What an attack needs to find there is made before.

use crate::attack::{Attack, Manner};
use crate::bed::Bed;
use crate::wire::Request;
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use std::fmt::Write as _;
use std::time::Duration;

pub struct Aggressor {
    pub name: &'static str,
    /// How long the cloud takes meanwhile.
    pub cloud_takes_ms: Option<u64>,
    pub attack: for<'a> fn(&'a Bed) -> BoxFuture<'a, Attack>,
}

#[rustfmt::skip]
pub static AGGRESSORS: &[Aggressor] = &[
    at("4 KiB PUTs by 64 connections", |bed| small_puts(bed).boxed()),
    at("4 KiB GETs by 64 connections", |bed| small_gets(bed).boxed()),
    at("32 MiB PUTs by 16 connections", |bed| large_puts(bed).boxed()),
    at("64 MiB GETs by 16 connections", |bed| large_gets(bed).boxed()),
    at("ranges of 4 MiB with an MD5", |bed| summed(bed).boxed()),
    at("empty blobs with 8 KiB of metadata", |bed| metadata(bed).boxed()),
    at("batches of 96 deletions or changes of tier", |bed| batches(bed).boxed()),

    cold("cold ranges with MD5 and CRC-64", 2_000, |bed| cold_ranges(bed).boxed()),
    cold("snapshots and copies of cold blobs", 2_000, |bed| cold_copies(bed).boxed()),
    cold("200 cold reads at once", 500, |bed| cold_reads(bed).boxed()),
    cold("cold reads that are not waited for", 500, |bed| cold_and_gone(bed).boxed()),

    at("block lists of 50,000 times one block", |bed| block_lists(bed).boxed()),
    at("block lists of 50,000 times a block of 50,000 pieces", |bed| pieces_of_pieces(bed).boxed()),
    at("copies of a blob of 50,000 pieces", |bed| copies(bed).boxed()),
    at("snapshots of a page blob of 50,000 runs", |bed| page_snapshots(bed).boxed()),
    at("pages written by 64 connections", |bed| pages(bed).boxed()),
    at("Get Block List of 50,000, Get Page Ranges of 10,000", |bed| long_answers(bed).boxed()),

    at("200 MiB PUTs against a quota of 1 MiB, trickled", |bed| over_quota(bed).boxed()),
    at("500 bodies, promised and trickled", |bed| promised(bed).boxed()),

    at("48 lists of 8 KiB of metadata, unread", |bed| unread_lists(bed).boxed()),
    at("the same, read", |bed| lists(bed).boxed()),
    at("lists of 1,000 containers", |bed| container_lists(bed).boxed()),
    at("Find Blobs by Tags over 2,000 blobs", |bed| tags(bed).boxed()),

    at("3,000 silent sockets", |bed| silence(bed).boxed()),
    at("3,000 half-sent heads", |bed| half_heads(bed).boxed()),
    at("3,000 slow bodies without a credential", |bed| strangers_bodies(bed).boxed()),
    at("connections that come and go", |bed| comers(bed).boxed()),
    at("refused requests without a credential", |bed| anonymous(bed).boxed()),
    at("bad signatures over 60 KB of headers, and over 240 KB", |bed| bad_signatures(bed).boxed()),
];

const fn at(name: &'static str, attack: for<'a> fn(&'a Bed) -> BoxFuture<'a, Attack>) -> Aggressor {
    Aggressor { name, cloud_takes_ms: None, attack }
}

const fn cold(
    name: &'static str,
    cloud_takes_ms: u64,
    attack: for<'a> fn(&'a Bed) -> BoxFuture<'a, Attack>,
) -> Aggressor {
    Aggressor { name, cloud_takes_ms: Some(cloud_takes_ms), attack }
}

const SMALL_BYTES: usize = 4 << 10;
const PAGE: u64 = 512;

async fn small_puts(bed: &Bed) -> Attack {
    let (loud, content) = (bed.loud.clone(), Bytes::from(vec![7; SMALL_BYTES]));
    Attack::flood(64, move |number| loud.put_blob(&format!("box/small/{}", number % 4_096), "", content.clone()))
}

async fn small_gets(bed: &Bed) -> Attack {
    let loud = bed.loud.clone();
    bed.once(1, |_| loud.put_blob("box/read", "", vec![7; SMALL_BYTES])).await;
    let loud = bed.loud.clone();
    Attack::flood(64, move |_| loud.ask("GET", "box/read", ""))
}

async fn large_puts(bed: &Bed) -> Attack {
    let (loud, content) = (bed.loud.clone(), Bytes::from(vec![7; 32 << 20]));
    Attack::flood(16, move |number| loud.put_blob(&format!("box/large/{}", number % 16), "", content.clone()))
}

async fn large_gets(bed: &Bed) -> Attack {
    let loud = bed.loud.clone();
    bed.once(1, |_| loud.put_blob("box/large", "", vec![7; 64 << 20])).await;
    let loud = bed.loud.clone();
    Attack::flood(16, move |_| loud.ask("GET", "box/large", ""))
}

async fn summed(bed: &Bed) -> Attack {
    let loud = bed.loud.clone();
    bed.once(1, |_| loud.put_blob("box/summed", "", vec![7; 4 << 20])).await;
    let loud = bed.loud.clone();
    let headers = "x-ms-range: bytes=0-4194303\r\nx-ms-range-get-content-md5: true\r\n";
    Attack::flood(16, move |_| loud.ask("GET", "box/summed", headers))
}

/// Each quote takes six bytes as XML.
fn quotes() -> String {
    format!("x-ms-meta-quotes: {}\r\n", "\"".repeat(8_000))
}

async fn metadata(bed: &Bed) -> Attack {
    let (loud, headers) = (bed.loud.clone(), quotes());
    Attack::flood(64, move |number| loud.put_blob(&format!("box/empty/{number}"), &headers, ""))
}

async fn batches(bed: &Bed) -> Attack {
    const PARTS: usize = 96;
    let loud = bed.loud.clone();
    bed.once(PARTS as u64, |number| loud.put_blob(&format!("box/tier/{number}"), "", "some")).await;
    let loud = bed.loud.clone();
    let document = |part: &dyn Fn(usize) -> (String, &'static str)| {
        let mut document = String::new();
        for number in 0..PARTS {
            let (line, headers) = part(number);
            let head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n";
            write!(
                document,
                "--b\r\n{head}Content-ID: {number}\r\n\r\n{line} HTTP/1.1\r\n{headers}Content-Length: 0\r\n\r\n"
            )
            .expect("memory");
        }
        Bytes::from(document + "--b--\r\n")
    };
    let tiers = ["Hot", "Cool"].map(|tier| {
        let headers = if tier == "Hot" { "x-ms-access-tier: Hot\r\n" } else { "x-ms-access-tier: Cool\r\n" };
        document(&|number| (format!("PUT {}", loud.target(&format!("box/tier/{number}?comp=tier"))), headers))
    });
    let deletions = document(&|number| (format!("DELETE {}", loud.target(&format!("box/none/{number}"))), ""));
    let [hot, cool] = tiers;
    let documents = [hot, deletions, cool];
    Attack::flood(16, move |number| {
        let document = documents[number as usize % documents.len()].clone();
        loud.send("POST", "?comp=batch", "Content-Type: multipart/mixed; boundary=b\r\n", document)
    })
}

async fn cold_ranges(bed: &Bed) -> Attack {
    let loud = bed.loud.clone();
    Attack::flood(64, move |number| {
        let sum = if number % 2 == 0 { "md5" } else { "crc64" };
        let headers = format!("x-ms-range: bytes=0-262143\r\nx-ms-range-get-content-{sum}: true\r\n");
        loud.ask("GET", &Bed::cold(number), &headers)
    })
}

async fn cold_copies(bed: &Bed) -> Attack {
    let (loud, server) = (bed.loud.clone(), bed.server);
    Attack::flood(140, move |number| {
        let from = Bed::cold(number);
        if number % 2 == 0 {
            return loud.send("PUT", &format!("{from}?comp=snapshot"), "", "");
        }
        let source = format!("x-ms-copy-source: http://{server}{}\r\n", loud.target(&from));
        loud.send("PUT", &format!("box/copy/{}", number % 64), &source, "")
    })
}

async fn cold_reads(bed: &Bed) -> Attack {
    let loud = bed.loud.clone();
    Attack::flood(200, move |number| loud.ask("GET", &Bed::cold(number), ""))
}

async fn cold_and_gone(bed: &Bed) -> Attack {
    let attack = cold_reads(bed).await;
    Attack { connections: 100, manner: Manner::Leave { after: Duration::from_millis(20) }, ..attack }
}

fn list(word: &str, id: &str, times: usize) -> Bytes {
    let blocks = format!("<{word}>{id}</{word}>").repeat(times);
    format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>{blocks}</BlockList>").into()
}

/// Blobs of one block, which is named so often in each.
async fn of_one_block(bed: &Bed, folder: &str, blobs: u64, times: usize) {
    let loud = bed.loud.clone();
    bed.once(blobs, |number| loud.send("PUT", &format!("box/{folder}/{number}?comp=block&blockid=QUFB"), "", "x"))
        .await;
    let document = list("Latest", "QUFB", times);
    bed.once(blobs, |number| loud.send("PUT", &format!("box/{folder}/{number}?comp=blocklist"), "", document.clone()))
        .await;
}

async fn block_lists(bed: &Bed) -> Attack {
    const BLOBS: u64 = 8;
    of_one_block(bed, "lists", BLOBS, 50_000).await;
    let (loud, document) = (bed.loud.clone(), list("Committed", "QUFB", 50_000));
    Attack::flood(BLOBS as usize, move |number| {
        loud.send("PUT", &format!("box/lists/{}?comp=blocklist", number % BLOBS), "", document.clone())
    })
}

/// A block that is a blob of many pieces, named many times: were it taken, the catalog would have to hold 2,500 million pieces.
async fn pieces_of_pieces(bed: &Bed) -> Attack {
    of_one_block(bed, "pieces", 1, 50_000).await;
    let loud = bed.loud.clone();
    let source = format!("x-ms-copy-source: http://{}{}\r\n", bed.server, loud.target("box/pieces/0"));
    bed.once(1, |_| loud.send("PUT", "box/pieces/all?comp=block&blockid=QUFB", &source, "")).await;
    let document = list("Latest", "QUFB", 50_000);
    Attack::flood(8, move |_| loud.send("PUT", "box/pieces/all?comp=blocklist", "", document.clone()))
}

async fn copies(bed: &Bed) -> Attack {
    of_one_block(bed, "copied", 1, 50_000).await;
    let loud = bed.loud.clone();
    let source = format!("x-ms-copy-source: http://{}{}\r\n", bed.server, loud.target("box/copied/0"));
    Attack::flood(100, move |number| loud.send("PUT", &format!("box/copies/{}", number % 100), &source, ""))
}

/// A page blob of which every other page is written. Half of it is the other half, by reference, up to what one request may write.
async fn in_many_runs(bed: &Bed, runs: u64) {
    const WRITE_BYTES_MAX: u64 = 4 << 20;
    let loud = bed.loud.clone();
    let length = runs * 2 * PAGE;
    let create = format!("x-ms-blob-type: PageBlob\r\nx-ms-blob-content-length: {length}\r\n");
    bed.once(1, |_| loud.send("PUT", "box/disk", &create, "")).await;
    let write =
        |from: u64, bytes: u64| format!("x-ms-page-write: update\r\nx-ms-range: bytes={from}-{}\r\n", from + bytes - 1);
    bed.once(1, |_| loud.send("PUT", "box/disk?comp=page", &write(0, PAGE), vec![7; PAGE as usize])).await;
    let source = format!("x-ms-copy-source: http://{}{}\r\n", bed.server, loud.target("box/disk"));
    let mut written = 2 * PAGE;
    while written < length {
        let bytes = written.min(WRITE_BYTES_MAX).min(length - written);
        let headers = format!("{}x-ms-source-range: bytes=0-{}\r\n{source}", write(written, bytes), bytes - 1);
        bed.once(1, |_| loud.send("PUT", "box/disk?comp=page", &headers, "")).await;
        written += bytes;
    }
}

async fn page_snapshots(bed: &Bed) -> Attack {
    in_many_runs(bed, 50_000).await;
    let loud = bed.loud.clone();
    Attack::flood(2, move |_| loud.send("PUT", "box/disk?comp=snapshot", "", ""))
}

async fn long_answers(bed: &Bed) -> Attack {
    of_one_block(bed, "told", 1, 50_000).await;
    in_many_runs(bed, 10_000).await;
    let loud = bed.loud.clone();
    Attack::flood(16, move |number| {
        loud.ask("GET", ["box/told/0?comp=blocklist", "box/disk?comp=pagelist"][number as usize % 2], "")
    })
}

async fn pages(bed: &Bed) -> Attack {
    const PAGES: u64 = 100_000;
    let loud = bed.loud.clone();
    let create = format!("x-ms-blob-type: PageBlob\r\nx-ms-blob-content-length: {}\r\n", PAGES * PAGE);
    bed.once(1, |_| loud.send("PUT", "box/pages", &create, "")).await;
    let content = Bytes::from(vec![7; PAGE as usize]);
    Attack::flood(64, move |number| {
        // One here, one there.
        let at = number * 7_919 % PAGES * PAGE;
        let headers = format!("x-ms-page-write: update\r\nx-ms-range: bytes={at}-{}\r\n", at + PAGE - 1);
        loud.send("PUT", "box/pages?comp=page", &headers, content.clone())
    })
}

fn promise(bytes: u64) -> String {
    format!("x-ms-blob-type: BlockBlob\r\nContent-Length: {bytes}\r\n")
}

async fn over_quota(bed: &Bed) -> Attack {
    let (small, headers) = (bed.small.clone(), promise(200 << 20));
    Attack::hold(200, &[7; 1 << 10], move |number| small.ask("PUT", &format!("box/{number}"), &headers))
}

/// Large ones that are promised all there is, and smaller ones for what is left.
async fn promised(bed: &Bed) -> Attack {
    let (loud, headers) = (bed.loud.clone(), [promise(32 << 20), promise(64 << 10)]);
    Attack::hold(500, b"x", move |number| {
        loud.ask("PUT", &format!("box/promised/{number}"), &headers[usize::from(number >= 300)])
    })
}

const LISTED: u64 = 400;
const LIST: &str = "listed?restype=container&comp=list&include=metadata";

async fn listed(bed: &Bed) {
    let (loud, headers) = (bed.loud.clone(), quotes());
    bed.once(LISTED, |number| loud.put_blob(&format!("listed/{number}"), &headers, "")).await;
}

async fn unread_lists(bed: &Bed) -> Attack {
    listed(bed).await;
    let loud = bed.loud.clone();
    let attack = Attack::flood(48, move |_| loud.ask("GET", LIST, ""));
    Attack { manner: Manner::Leave { after: Duration::MAX }, ..attack }
}

async fn lists(bed: &Bed) -> Attack {
    listed(bed).await;
    let loud = bed.loud.clone();
    Attack::flood(16, move |_| loud.ask("GET", LIST, ""))
}

async fn container_lists(bed: &Bed) -> Attack {
    let (loud, metadata) = (bed.loud.clone(), format!("x-ms-meta-quotes: {}\r\n", "\"".repeat(400)));
    bed.once(1_000, |number| loud.send("PUT", &format!("many{number}?restype=container"), &metadata, "")).await;
    let loud = bed.loud.clone();
    Attack::flood(16, move |_| loud.ask("GET", "?comp=list&include=metadata", ""))
}

async fn tags(bed: &Bed) -> Attack {
    let loud = bed.loud.clone();
    bed.once(2_000, |number| loud.put_blob(&format!("tagged/{number}"), "x-ms-tags: team=gold&year=2026\r\n", ""))
        .await;
    let loud = bed.loud.clone();
    Attack::flood(16, move |_| loud.ask("GET", "tagged?restype=container&comp=blobs&where=team%20%3D%20%27tin%27", ""))
}

async fn silence(_: &Bed) -> Attack {
    Attack::hold(3_000, b"", |_| Request::raw(""))
}

async fn half_heads(_: &Bed) -> Attack {
    Attack::hold(3_000, b"", |_| Request::raw("GET / HTTP/1.1\r\nHost: "))
}

async fn strangers_bodies(bed: &Bed) -> Attack {
    let put = format!("PUT /{}/box/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n", bed.loud.name);
    Attack::hold(3_000, b"x", move |_| Request::raw(put.clone()))
}

async fn comers(_: &Bed) -> Attack {
    let attack = Attack::flood(64, |_| Request::raw("GET / HTTP/1.1\r\n"));
    Attack { manner: Manner::Leave { after: Duration::ZERO }, ..attack }
}

async fn anonymous(bed: &Bed) -> Attack {
    let get = format!("GET /{}/box/{} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", bed.loud.name, "a".repeat(500));
    Attack::flood(64, move |_| Request::raw(get.clone()))
}

async fn bad_signatures(bed: &Bed) -> Attack {
    let signed = |headers: usize, bytes: usize| {
        let mut head = format!("GET /{}/box/a HTTP/1.1\r\nHost: 127.0.0.1\r\n", bed.loud.name);
        head += "x-ms-date: Mon, 01 Jan 2035 00:00:00 GMT\r\nx-ms-version: 2022-11-02\r\n";
        for number in 0..headers {
            write!(head, "x-ms-meta-{number}: {}\r\n", "y".repeat(bytes)).expect("memory");
        }
        head + &format!("Authorization: SharedKey {}:{}=\r\n\r\n", bed.loud.name, "A".repeat(43))
    };
    let requests = [signed(80, 700), signed(80, 3_000)];
    Attack::flood(64, move |number| Request::raw(requests[number as usize % 2].clone()))
}
