//! Content that has changed on disk while the server runs: a client gets an error or a connection that breaks off, and never wrong bytes.

use crate::support::{CONTAINER, Stack, verdict};
use greenroom_model::metrics::Metrics;
use reqwest::Method;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Where in which extent a mark lies.
struct Place(File, u64);

impl Place {
    fn find(data: &Path, mark: &[u8]) -> Self {
        for entry in std::fs::read_dir(data.join("extents")).expect("extents") {
            let path = entry.expect("entry").path();
            let bytes = std::fs::read(&path).expect("read");
            if let Some(at) = bytes.windows(mark.len()).position(|part| part == mark) {
                let file = OpenOptions::new().read(true).write(true).open(path).expect("open");
                return Self(file, at as u64);
            }
        }
        panic!("no extent holds the mark");
    }

    /// One bit, there and back.
    fn flip(&self) {
        let mut byte = [0];
        self.0.read_exact_at(&mut byte, self.1).expect("read");
        self.0.write_all_at(&[byte[0] ^ 0x40], self.1).expect("write");
    }
}

async fn read_faults(stack: &Stack) -> u64 {
    let sent = stack.control(Method::GET, "/v1/metrics").send().await.expect("the control API answers");
    sent.json::<Metrics>().await.expect("metrics").flash.read_faults
}

/// Bytes that differ everywhere, with a mark at a place.
fn content(length: usize, mark: &str, at: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..length).map(|place| (place / 251 + place % 251) as u8).collect();
    bytes[at..at + mark.len()].copy_from_slice(mark.as_bytes());
    bytes
}

/// Status, error code, and what came of the body until it ended or broke off.
async fn get(stack: &Stack, name: &str, range: Option<&str>) -> (u16, String, Vec<u8>, bool) {
    let mut request = stack.blob("GET", &format!("{CONTAINER}/{name}")).await;
    if let Some(range) = range {
        request = request.header("x-ms-range", range);
    }
    let mut answer = request.send().await.expect("headers");
    let (status, code) = verdict(&answer);
    let mut bytes = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return (status, code, bytes, true),
            Err(_) => return (status, code, bytes, false),
        }
    }
}

#[tokio::test]
async fn a_flipped_bit_is_never_served() {
    let stack = Stack::with_container().await;
    let small = content(4_096, "mark of the small one", 2_000);
    let large = content(3_000_000, "mark of the large one", 2_000_000);
    stack.put_blob("small", small.clone()).await;
    stack.put_blob("large", large.clone()).await;

    let place = Place::find(stack.data(), b"mark of the small one");
    place.flip();
    for (range, faults) in [(None, 1), (Some("bytes=0-9"), 2)] {
        let (status, code, body, _) = get(&stack, "small", range).await;
        assert_eq!((status, code.as_str()), (500, "InternalError"), "a frame is good or bad as a whole");
        assert!(
            !body.windows(16).any(|part| small.windows(16).any(|good| good == part)),
            "content came with the error"
        );
        assert_eq!(read_faults(&stack).await, faults);
    }
    place.flip();
    assert_eq!(
        get(&stack, "small", None).await,
        (200, String::new(), small.clone(), true),
        "the medium has come right"
    );

    let place = Place::find(stack.data(), b"mark of the large one");
    place.flip();
    let (status, _, body, ended) = get(&stack, "large", None).await;
    assert_eq!((status, ended), (200, false), "the connection breaks off");
    assert!(body.len() < 2_000_000 && large.starts_with(&body), "what came before is right");
    let (status, code, _, _) = get(&stack, "large", Some("bytes=2000000-2000009")).await;
    assert_eq!((status, code.as_str()), (500, "InternalError"));
    let (status, _, body, ended) = get(&stack, "large", Some("bytes=2500000-2999999")).await;
    assert_eq!((status, ended), (206, true), "what is whole is served");
    assert_eq!(body, large[2_500_000..]);
    assert_eq!(read_faults(&stack).await, 4);
    assert_eq!(get(&stack, "small", None).await.2, small, "and so are others");
}
