//! Data folders of every format that there ever was open, and all that is in them is what it was.

use crate::support::clear::{files_with, forms};
use crate::support::golden::{Expected, Pair, facts, make};
use crate::support::tiering::status;
use crate::support::{Stack, fails_to_start, stack_command};
use greenroom_model::control::Health;
use greenroom_model::tenancy::KeyPair;
use reqwest::Method;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a folder of today's format is put, packed, before the format changes: `stack/store/tests/golden/format-N.tar.gz`.
const KEEP: &str = "GREENROOM_GOLDEN_FOLDER";
const EXPECTED: &str = "expected.json";

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_todays_format_opens_with_all_that_is_in_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let expected = make(dir.path()).await;
    let json = serde_json::to_vec_pretty(&expected).expect("plain values serialise");
    std::fs::write(dir.path().join(EXPECTED), json).expect("a file");
    if let Some(file) = std::env::var_os(KEEP) {
        tar(&["-czf".as_ref(), file.as_ref(), "-C".as_ref(), dir.path().as_os_str(), ".".as_ref()]);
    }
    opens(dir.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_of_older_formats_open_with_all_that_is_in_them() {
    for packed in golden() {
        let dir = tempfile::tempdir().expect("a folder");
        tar(&["-xzf".as_ref(), packed.as_os_str(), "-C".as_ref(), dir.path().as_os_str()]);
        opens(dir.path()).await;
    }
}

/// Starts both servers over what is there, compares, goes on with them, and looks at each byte once they have ended.
async fn opens(dir: &Path) {
    let json = std::fs::read(dir.join(EXPECTED)).expect("what was written down");
    let expected: Expected = serde_json::from_slice(&json).expect("what was written down");
    let (mut pair, _) = Pair::start(dir, Some(&expected.cloud_key)).await;
    let found = facts(&pair.node).await;
    for (named, told) in &expected.facts {
        assert_eq!(found.get(named), Some(told), "{named}");
    }
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.facts.keys().collect::<Vec<_>>());
    assert!(status(&pair.node).await.requests.gets > 0, "some of it came from the cloud");
    let mut secrets = Vec::new();
    for (stack, account) in [(&pair.node, "goldacct"), (&pair.node, "silveracct"), (&pair.cloud, "cloud")] {
        let sent = stack.control(Method::GET, &format!("/v1/accounts/{account}/keys")).send().await;
        let KeyPair { key1, key2, .. } = sent.expect("an answer").json().await.expect("keys");
        secrets.extend(std::iter::once(key1).chain(key2).flat_map(|key| forms(&key)));
    }
    assert!(pair.node.stop().await.success() && pair.cloud.stop().await.success());
    for folder in ["node", "cloud"] {
        let folder = dir.join(folder);
        // The way back holds the old catalog as it was.
        let (is_good, said) =
            stack_command(&["migrate", "--confirm", "--data", folder.to_str().expect("UTF-8")], &[]).await;
        assert!(is_good, "{said}");
        assert_eq!(files_with(&folder, &secrets), Vec::<String>::new(), "a key lies in clear");
        let (is_whole, said) = stack_command(&["verify", "--data", folder.to_str().expect("UTF-8")], &[]).await;
        assert!(is_whole, "{said}");
    }
}

/// An operator's way: brought up, looked at, gone back, brought up by a server, confirmed.
#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_is_told_gone_and_confirmed() {
    let dir = tempfile::tempdir().expect("a folder");
    tar(&["-xzf".as_ref(), golden()[0].as_os_str(), "-C".as_ref(), dir.path().as_os_str()]);
    let node = dir.path().join("node");
    let data = node.to_str().expect("UTF-8");
    let migrate = async |more: &[&str]| stack_command(&[&["migrate", "--data", data], more].concat(), &[]).await;
    let refused = async |command: &[&str], word: &str| {
        let (is_good, said) = stack_command(command, &[]).await;
        assert!(!is_good && said.contains(word), "{command:?}: {said}");
    };
    refused(&["verify", "--data", data], "is of format 5").await;
    refused(&["migrate", "--data", data, "--back"], "no way back").await;
    let (is_good, said) = migrate(&[]).await;
    assert!(is_good && said.contains("brought from format 5 to 12"), "{said}");
    assert!(migrate(&[]).await.1.contains("of this version's format already"));

    let mut stack = Stack::start_in(node.clone(), &[]).await;
    refused(&["migrate", "--data", data, "--confirm"], "is in use by process").await;
    let put = stack.url_in("silveracct", "hot/new").await;
    let put = stack.http.put(put).header("x-ms-blob-type", "BlockBlob").body("since then").send().await;
    assert_eq!(put.expect("an answer").status(), 201);
    assert!(stack.stop().await.success());
    let (is_good, said) = migrate(&["--back"]).await;
    assert!(is_good && said.contains("1 blob (10 B)") && said.contains("nothing was changed"), "{said}");
    let (is_good, said) = migrate(&["--back", "--apply"]).await;
    assert!(is_good && said.contains("is of format 5 again"), "{said}");
    refused(&["verify", "--data", data], "is of format 5").await;

    let mut stack = Stack::start_in(node.clone(), &[]).await;
    let health = async |stack: &Stack| {
        let sent = stack.control(reqwest::Method::GET, "/health").send().await.expect("an answer");
        sent.json::<Health>().await.expect("a health")
    };
    let held = health(&stack).await.way_back.expect("there is one");
    assert!(held.to_format == 5 && held.bytes > 0, "{held:?}");
    let gone = stack.http.get(stack.url_in("silveracct", "hot/new").await).send().await.expect("an answer");
    assert_eq!(gone.status(), 404, "what was written since then is not there");
    assert!(stack.stop().await.success());
    let (is_good, said) = migrate(&["--confirm"]).await;
    assert!(is_good && said.contains("the way back to 5 is gone"), "{said}");
    let stack = Stack::start_in(node, &[]).await;
    assert_eq!(health(&stack).await.way_back, None);
}

/// What a format-5 server made, anybody on the machine could read.
#[cfg(unix)]
#[tokio::test]
async fn what_others_may_read_is_refused_and_an_older_folder_is_closed_to_them() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().expect("a folder");
    tar(&["-xzf".as_ref(), golden()[0].as_os_str(), "-C".as_ref(), dir.path().as_os_str()]);
    let node = dir.path().join("node");
    let set = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("they can be set");
    };
    set(&node, 0o755);
    let mut stack = Stack::start_in(node.clone(), &[]).await;
    stack.url_in("silveracct", "hot/of silver").await;
    assert!(stack.stop().await.success());
    let mut folders = vec![node.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a list") {
            let path = entry.expect("an entry").path();
            let mode = path.metadata().expect("it is there").permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}", path.display());
            folders.extend(path.is_dir().then_some(path));
        }
    }
    for mode in [0o750, 0o704, 0o701] {
        set(&node, mode);
        let (status, said) = fails_to_start(&node, ("127.0.0.1:0", "127.0.0.1:0"), &[]).await;
        assert!(!status.success() && said.contains("can be read by others") && said.contains("chmod -R go="), "{said}");
    }
    set(&node, 0o700);
    Stack::start_in(node, &[]).await;
}

fn golden() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../store/tests/golden");
    let files = std::fs::read_dir(folder).expect("the folders of older formats");
    let mut files: Vec<PathBuf> = files.map(|entry| entry.expect("an entry").path()).collect();
    // By number: 10 comes after 9.
    files.sort_by_key(|file| (file.as_os_str().len(), file.clone()));
    files
}

fn tar(arguments: &[&std::ffi::OsStr]) {
    let status = Command::new("tar").args(arguments).status().expect("tar runs");
    assert!(status.success());
}
