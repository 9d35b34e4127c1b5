//! AzCopy with a person at its side: a question that is answered, a job that is stopped and goes on, a role instead of a SAS.

use crate::support::authority::Authority;
use crate::support::azcopy::AzCopy;
use crate::support::bed::Bed;
use crate::support::tree::{self, Hashes};
use crate::support::{ACCOUNT, CONTAINER, Stack};
use greenroom_model::AccountName;
use greenroom_model::control::{Identity, IdentityRequest, Role};
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn who_is_asked_decides_what_is_overwritten() {
    let bed = Bed::new().await;
    for name in ["a", "b", "c"] {
        tree::write(bed.local.path(), &format!("src/{name}"), 10);
    }
    bed.up("src/*", "", &[]).await;
    // Each changes in length, so that what was overwritten can be told.
    for name in ["a", "b", "c"] {
        tree::write(bed.local.path(), &format!("src/{name}"), 20);
    }
    let (from, to) = (bed.path("src/*"), bed.url(""));
    let up = ["copy", &from, &to, "--from-to=LocalBlob", "--overwrite=prompt"];
    let down = ["copy", &bed.url("*"), &bed.path("src"), "--from-to=BlobLocal", "--overwrite=prompt"];
    let lengths = async || {
        let mut lengths = Vec::new();
        for name in ["a", "b", "c"] {
            lengths.push(bed.content(name).await.len());
        }
        lengths.sort_unstable();
        lengths
    };
    let said = bed.azcopy.run_asked(&up, &["l"]).await;
    assert!(said.contains("Number of File Transfers Skipped: 3"), "{said}");
    assert_eq!(lengths().await, [10, 10, 10]);
    let said = bed.azcopy.run_asked(&up, &["y", "l"]).await;
    assert!(said.contains("Number of File Transfers Completed: 1"), "{said}");
    assert_eq!(lengths().await, [10, 10, 20]);
    let said = bed.azcopy.run_asked(&up, &["a"]).await;
    assert!(said.contains("Number of File Transfers Completed: 3"), "{said}");
    assert_eq!(lengths().await, [20, 20, 20]);
    let said = bed.azcopy.run_asked(&down, &["l"]).await;
    assert!(said.contains("Number of File Transfers Skipped: 3"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_stopped_by_hand_goes_on_where_it_stopped() {
    let bed = Bed::new().await;
    let root = bed.local.path().join("src");
    let mut expected: Hashes = (0..400).map(|n| tree::write(&root, &format!("{}/{n:04}", n % 5), 2_048)).collect();
    expected.extend((0..3).map(|n| tree::write(&root, &format!("large/{n}"), 8 * 1024 * 1024)));
    let (from, to) = (bed.path("src/*"), bed.url(""));
    let flags = ["--recursive", "--from-to=LocalBlob", "--block-size-mb=1", "--put-blob-size-mb=1", "--cap-mbps=60"];
    let mut running = bed.azcopy.spawn(&[&["copy", &from, &to], &flags[..]].concat());
    while bed.below("").await.len() < 40 {
        assert!(running.try_wait().expect("a status").is_none(), "AzCopy ended before it was stopped");
    }
    let pid = running.id().expect("AzCopy runs").to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().await.expect("kill runs").success());
    running.wait().await.expect("AzCopy ends");
    assert!(bed.below("").await.len() < expected.len(), "it was stopped too late to prove anything");

    let jobs = bed.azcopy.run(&["jobs", "list"]).await;
    let job = jobs.lines().find_map(|line| line.trim().strip_prefix("JobId: ")).unwrap_or_else(|| panic!("{jobs}"));
    let shown = bed.azcopy.run(&["jobs", "show", job.trim()]).await;
    assert!(shown.contains("Final Job Status: Cancelled"), "{shown}");
    let sas = bed.stack.sas(None, "rwdlact").await;
    bed.azcopy.run(&["jobs", "resume", job.trim(), &format!("--destination-sas={sas}")]).await;
    bed.down("*", "back", &["--recursive"]).await;
    assert_eq!(tree::hashes(&bed.local.path().join("back")), expected);
}

/// AzCopy takes a token from the local issuer as it would from a machine's managed identity. It sends tokens over HTTPS only.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_enough() {
    let authority = Authority::make();
    let arguments = authority.arguments();
    let stack = Stack::start_with(&arguments.each_ref().map(String::as_str)).await;
    stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    let (azcopy, local) = (AzCopy::find(), tempfile::tempdir().expect("a folder"));
    let expected: Hashes =
        ["a", "sub/b"].iter().map(|name| tree::write(local.path(), &format!("src/{name}"), 700)).collect();
    let (host, certificate) = (stack.ready.blob.trim_start_matches("https://"), authority.certificate());
    let trusted = format!("--trusted-microsoft-suffixes={host}");
    let url = format!("{}/{ACCOUNT}/{CONTAINER}", stack.ready.blob);
    let act = async |role: Role, arguments: &[&str]| {
        let request = IdentityRequest { account: AccountName::new(ACCOUNT).expect("a good name"), role };
        let made = stack.control(reqwest::Method::POST, "/v1/identities").json(&request).send().await;
        let identity: Identity = made.expect("an answer").json().await.expect("an identity");
        let variables = [
            ("AZCOPY_AUTO_LOGIN_TYPE", "MSI"),
            ("IDENTITY_ENDPOINT", &identity.endpoint),
            ("IDENTITY_HEADER", &identity.header),
            ("SSL_CERT_FILE", &certificate),
            ("NO_PROXY", "127.0.0.1"),
        ];
        azcopy.attempt_with(&[arguments, &[trusted.as_str()]].concat(), &variables, "").await
    };
    let (from, back) = (local.path().join("src/*"), local.path().join("back"));
    let (from, back) = (from.to_str().expect("UTF-8"), back.to_str().expect("UTF-8"));
    let up = ["copy", from, &url, "--recursive", "--from-to=LocalBlob"];
    let (good, said) = act(Role::Reader, &up).await;
    assert!(!good && said.contains("Number of File Transfers Completed: 0"), "a reader may not write: {said}");
    let (good, said) = act(Role::Contributor, &up).await;
    assert!(good, "{said}");
    let all = format!("{url}/*");
    let (good, said) = act(Role::Reader, &["copy", &all, back, "--recursive", "--from-to=BlobLocal"]).await;
    assert!(good, "{said}");
    let found = tree::hashes(&local.path().join("back"));
    let expected: Hashes =
        expected.into_iter().map(|(name, hash)| (name.trim_start_matches("src/").to_owned(), hash)).collect();
    assert_eq!(found, expected);
}
