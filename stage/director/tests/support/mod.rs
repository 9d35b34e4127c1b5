//! A project folder of its own for each test, and the programs beside the tests.

use std::path::{Path, PathBuf};
use std::time::Duration;

pub const DECK: &str = "---
title: A talk
---
# One

<!-- Only the speaker hears this. -->

---
demo: small
---
# Two
";

/// Everything a director does, in seconds.
pub const DEMO: &str = "---
title: Small
tools: [azcopy]
charts:
  - { title: In, unit: bytes-per-second, series: [{ metric: photos.bytes_in_per_s, label: in }] }
---
```steps prepare
tenant create photos --container inbox
data make photos --files 40 --size 4KiB --large 2 --large-size 20MiB --seed 3
```

```steps upload
run azcopy copy {data:photos} {blob:photos/inbox} --recursive --from-to LocalBlob
expect photos.blobs == 42 --proves '42 blobs are stored'
```

```steps list
run azcopy list {blob:photos/inbox/photos} --location Blob --running-tally
wait photos.in_flight == 0 within 10s
```

```steps download
run azcopy copy {blob:photos/inbox/photos} {data:back} --recursive --from-to BlobLocal
data compare {data:photos} {data:back/photos}
```

```steps remove
run azcopy remove {blob:photos/inbox/photos} --recursive --from-to BlobTrash
expect photos.blobs == 0 --proves 'Nothing is left'
```
";

/// A project with one deck and one demo. AzCopy is there where `tools` says so.
pub fn project(demo: &str, tools: Tools) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    write(&root.path().join("slides/talk/deck.md"), DECK);
    write(&root.path().join("demos/small/demo.md"), demo);
    if tools == Tools::AzCopy {
        let azcopy = workspace().join(".tools/azcopy");
        assert!(azcopy.join("azcopy").is_file(), "AzCopy is missing: run 'cargo xtask setup'");
        std::fs::create_dir_all(root.path().join(".tools")).expect("a folder");
        std::os::unix::fs::symlink(azcopy, root.path().join(".tools/azcopy")).expect("a link");
    }
    root
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tools {
    AzCopy,
    Absent,
}

pub fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(path, text).expect("written");
}

pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace")
}

/// The stack that was built beside the command line, and beside it the vault that some demos have.
pub fn stack() -> PathBuf {
    let beside = |program: &str| Path::new(env!("CARGO_BIN_EXE_greenroom")).with_file_name(program);
    for (program, package) in [("greenroom-stack", "greenroom-node"), ("greenroom-vault", "greenroom-vault")] {
        assert!(beside(program).is_file(), "{program} is missing: run 'cargo build -p {package}'");
    }
    beside("greenroom-stack")
}

/// Polls until `found` gives something. A generous limit, so that a slow machine is no failure.
pub async fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let poll = async {
        loop {
            if let Some(value) = found() {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), poll).await.unwrap_or_else(|_| panic!("waited too long: {what}"))
}
