//! Parsers and judges under bytes that nobody meant: seeds are bent at random, and each target says what must hold whatever
//! comes. A short run each time; longer by hand, with its figures printed:
//! `GREENROOM_FUZZ_SECONDS=60 cargo test --release -p greenroom-gateway fuzz -- --nocapture --test-threads=1`.

use crate::auth::sas_fields::SasFields;
use crate::head::{Head, Transport};
use crate::query::Query;
use crate::target::Target;
use crate::{acl, listing, time, xml};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::time::{Duration, Instant};

/// Of one target in the normal run. Together they take a few seconds.
const USUAL: Duration = Duration::from_millis(700);
const INPUT_BYTES_MAX: usize = 4096;

/// SplitMix64: small, and the same for the same seed.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).expect("it is below a usize")
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

/// Pieces that mean something to one parser or another.
const WORDS: &[&str] = &[
    "%",
    "%2",
    "%2525",
    "%00",
    "%FF",
    "/",
    "//",
    "..",
    "?",
    "&",
    "&&",
    "=",
    "+",
    "#",
    ":",
    "\r\n",
    "\0",
    "é",
    "\u{202e}",
    "<",
    ">",
    "</",
    "/>",
    "<!--",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE a [<!ENTITY b \"b\">]>",
    "&b;",
    "&#0;",
    "&#x110000;",
    "sig=",
    "sv=",
    "2020-12-06",
    "9999-99-99",
    "se=",
    "sr=",
    "si=",
    "skoid=",
    "srh=",
    "srq=",
    "SharedKey ",
    "Bearer ",
    "A:",
    "-9223372036854775808",
    "18446744073709551616",
    "bytes=",
    "-",
    ",",
];

/// Bends a seed a few times.
fn bent(seed: &[u8], others: &[&[u8]], dice: &mut Dice) -> Vec<u8> {
    let mut input = seed.to_vec();
    for _ in 0..1 + dice.below(6) {
        let at = dice.below(input.len() + 1);
        match dice.below(7) {
            0 if at < input.len() => input[at] ^= 1 << dice.below(8),
            1 if at < input.len() => input[at] = dice.next() as u8,
            2 => _ = input.splice(at..at, dice.pick(WORDS).bytes()),
            3 => {
                let until = (at + dice.below(16)).min(input.len());
                input.drain(at..until);
            }
            4 => {
                let until = (at + dice.below(64)).min(input.len());
                let again = input[at..until].to_vec();
                input.splice(at..at, again);
            }
            5 => {
                let other = dice.pick(others);
                let from = dice.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ => input.truncate(at),
        }
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

/// Feeds bent seeds to a target until the time is over. The seeds themselves go first.
fn run(name: &str, seeds: &[&str], target: impl Fn(&[u8])) {
    let seconds = std::env::var("GREENROOM_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let time = seconds.map_or(USUAL, Duration::from_secs);
    let seeds: Vec<&[u8]> = seeds.iter().map(|seed| seed.as_bytes()).collect();
    seeds.iter().for_each(|seed| target(seed));
    let seed = std::env::var("GREENROOM_FUZZ_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut dice = Dice(seed);
    let (began, mut runs) = (Instant::now(), 0u64);
    while began.elapsed() < time {
        // The clock is not asked for each input.
        for _ in 0..64 {
            let chosen = dice.pick(&seeds);
            let input = bent(chosen, &seeds, &mut dice);
            let good = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| target(&input)));
            assert!(good.is_ok(), "{name} with seed {seed} fails on {:?}", String::from_utf8_lossy(&input));
            runs += 1;
        }
    }
    println!("{name}: {runs} inputs in {time:?}, seed {seed}");
}

#[test]
fn urls() {
    let seeds = [
        "127.0.0.1:10000 /acct/photos/a%20b/%C3%BC?restype=container&comp=list",
        "acct.blob.core.windows.net /photos/dir/50%2525.txt",
        "[::1]:10000 /acct/$root/x",
        "localhost /acct",
    ];
    run("urls", &seeds, |input| {
        let text = String::from_utf8_lossy(input);
        let (host, path) = text.split_once(' ').unwrap_or((&text, ""));
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        if let Ok(target) = Target::parse(host, path) {
            assert_eq!(target.raw_path, path, "what is signed is what was sent");
            if let Some(blob) = target.blob() {
                assert_eq!(blob.container.account, target.account);
                assert!((1..=1024).contains(&blob.name.as_str().chars().count()));
            }
        }
        if let Ok(query) = Query::parse(query) {
            assert!(query.pairs().count() <= 100);
            if let Ok(listed) = listing::query(&query, listing::Listed::Blobs) {
                assert!((1..=5000).contains(&listed.max));
            }
            let _ = listing::Include::parse(&query, listing::Listed::Blobs);
        }
    });
}

#[test]
fn xml_documents() {
    let seeds = [
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList><Latest>YQ==</Latest><Committed>Yg==</Committed></BlockList>",
        "<Tags><TagSet><Tag><Key>a</Key><Value>1 &amp; 2</Value></Tag></TagSet></Tags>",
        "<SignedIdentifiers><SignedIdentifier><Id>x</Id><AccessPolicy><Start>2026-01-01</Start><Expiry /><Permission>r</Permission></AccessPolicy></SignedIdentifier></SignedIdentifiers>",
        "<KeyInfo><Start></Start><Expiry>2026-01-01T00:00:00Z</Expiry></KeyInfo>",
        "<a><b><c><d><e><f><g><h>x</h></g></f></e></d></c></b></a>",
    ];
    run("xml documents", &seeds, |input| {
        if let Ok(leaves) = xml::leaves(input, 50) {
            assert!(leaves.len() <= 50);
            assert!(leaves.iter().all(|leaf| leaf.path.split('/').count() <= 9));
            assert!(leaves.iter().map(|leaf| leaf.text.len()).sum::<usize>() <= 4 * input.len(), "nothing expands");
        }
        if let Ok(policies) = acl::parse(input) {
            assert!(policies.len() <= 5);
            assert_eq!(acl::parse(acl::document(&policies).as_bytes()), Ok(policies), "what is kept can be told");
        }
    });
}

#[test]
fn sas() {
    let seeds = [
        "sv=2020-12-06&sr=c&sp=racwdl&st=2026-01-01&se=2030-01-01T00:00:00Z&sip=10.0.0.1-10.0.0.9&spr=https&sig=AAAA",
        "sv=2022-11-02&ss=b&srt=sco&sp=rwdl&se=2030-01-01&sig=Pn8L%2Bqgs7PInYE5hQVATmnAYLDLGBtIG1rJAjnANEqk%3D",
        "sv=2026-10-06&sr=b&sp=r&se=2030-01-01&skoid=o&sktid=t&skt=2026-01-01&ske=2026-01-02&sks=b&skv=2026-10-06&srh=x-ms-meta-a&sig=x",
        "sv=2018-11-09&sr=bs&snapshot=2026-01-01T00:00:00Z&si=week&sig=x",
    ];
    run("sas", &seeds, |input| {
        let text = String::from_utf8_lossy(input);
        let Ok(query) = Query::parse(&text) else { return };
        if let Ok((fields, signature)) = SasFields::read(&query) {
            assert!(!signature.contains(' '));
            let _ = fields.kind();
            if let Some(at) = time::parse_iso(&fields.expiry) {
                let _ = (time::iso(at), time::iso_seconds(at), time::http(at));
            }
        }
    });
}

#[test]
fn credentials() {
    let seeds = [
        "GET /acct/photos/a?comp=list&prefix=b\nauthorization: SharedKey acct:AAAA\nx-ms-date: Fri, 02 Jan 2026 03:04:05 GMT",
        "PUT /acct/photos/a\nauthorization: SharedKeyLite acct:AAAA\ndate: Fri, 02 Jan 2026 03:04:05 GMT\ncontent-length: 5",
        "POST /acct/?restype=service&comp=userdelegationkey\nauthorization: Bearer eyJh.eyJh.x",
        "GET /acct/photos/a?sv=2020-12-06&sr=c&sp=r&se=2030-01-01&si=week&sig=AAAA",
        "GET /acct/photos/a?sv=2022-11-02&ss=b&srt=sco&sp=rwdl&se=2030-01-01&sig=AAAA",
    ];
    run("credentials", &seeds, |input| {
        let text = String::from_utf8_lossy(input);
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        let (method, uri) = first.split_once(' ').unwrap_or((first, "/"));
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("127.0.0.1"));
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::try_from(value)) {
                headers.append(name, value);
            }
        }
        let Ok(request) = http::Request::builder().method(method).uri(uri).body(()) else { return };
        let (mut parts, ()) = request.into_parts();
        parts.headers = headers;
        let Ok(head) = Head::parse(parts, [127, 0, 0, 1].into(), Transport::Plain, "fuzz") else { return };
        assert!(crate::auth::passes_nobody(&head), "nobody has signed this");
    });
}
