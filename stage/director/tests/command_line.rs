//! The command line as a person uses it, with the real stack and the real AzCopy.

#[path = "support/process.rs"]
mod process;
mod support;

use greenroom_director::HOME;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use process::is_alive;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use support::{DEMO, Tools, project, stack, until, workspace};

fn run(mut command: Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().expect("it starts");
    (status.code(), format!("{}\n{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}

#[test]
fn a_demo_runs_to_its_end_with_the_real_azcopy() {
    let root = project(DEMO, Tools::AzCopy);
    let (code, said) = run(greenroom(root.path(), &["demo", "run", "small", "--headless"]));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Final Job Status: Completed"), "AzCopy speaks for itself:\n{said}");
    assert!(said.contains("the same by BLAKE3"), "{said}");
    assert!(!said.contains("built-in mover"), "{said}");
    let takes: Vec<_> = std::fs::read_dir(root.path().join("takes")).expect("takes").flatten().collect();
    assert_eq!(takes.len(), 1, "one run is one take");
    let take = std::fs::read_to_string(takes[0].path()).expect("a take");
    assert!(take.contains("\"sample\"") && take.contains("\"step-ended\""), "the curves and the steps are in it");
    let secret = take.split("sig=").skip(1).any(|rest| !rest.starts_with("•••") && !rest.starts_with("REDACTED"));
    assert!(!secret && !said.contains("sig=%"), "no signature is recorded");
    assert_eq!(left_in(root.path()), 0, "the show takes its folder away");
}

/// A project of the real demos.
fn with_demos() -> tempfile::TempDir {
    let root = project(DEMO, Tools::AzCopy);
    for demo in std::fs::read_dir(workspace().join("demos")).expect("demos").flatten() {
        let folder = root.path().join("demos").join(demo.file_name());
        std::fs::create_dir_all(&folder).expect("a folder");
        for file in std::fs::read_dir(demo.path()).expect("its files").flatten() {
            std::fs::copy(file.path(), folder.join(file.file_name())).expect("copied");
        }
    }
    root
}

/// Each step and each check passes, with the real AzCopy, and nothing is left behind.
fn passes(demo: &str) {
    let root = with_demos();
    let (code, said) = run(greenroom(root.path(), &["demo", "run", demo, "--headless"]));
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(left_in(root.path()), 0, "the show takes its folder away");
}

#[test]
fn cold_data_leaves_for_blob_and_comes_back_over_an_outage() {
    passes("offload-to-blob");
}

#[test]
fn a_machine_is_built_again_from_its_cloud() {
    passes("rebuild-from-blob");
}

#[test]
fn what_lies_in_a_cloud_is_followed_over_a_cable_that_is_pulled() {
    passes("namespace-sync");
}

#[test]
fn every_change_arrives_in_a_consumer_that_is_killed() {
    passes("events-out");
}

#[test]
fn a_tenant_comes_on_line_from_a_file() {
    passes("tenant-onboarding");
}

#[test]
fn keys_are_rotated_under_load_and_a_quota_is_reached_and_raised() {
    passes("keys-and-quotas");
}

#[test]
fn a_tenant_takes_its_key_away_and_its_data_with_it() {
    passes("pull-the-key");
}

/// What it compares is speed, which other tests beside it would decide.
#[test]
#[ignore = "compares latencies, for which it needs the machine to itself"]
fn a_noisy_neighbour_waits_for_its_turn() {
    passes("noisy-neighbour");
}

#[test]
fn the_decks_and_demos_of_this_project_parse() {
    let root = workspace();
    let mut decks = 0;
    for deck in std::fs::read_dir(root.join("slides")).expect("decks").flatten() {
        let (code, said) = run(greenroom(&root, &["deck", "check", &deck.file_name().to_string_lossy()]));
        assert_eq!(code, Some(0), "{said}");
        let odd = said.lines().filter(|line| line.starts_with("warning:"));
        // A demo that is still to be written is no fault of the deck.
        assert_eq!(odd.filter(|line| !line.contains("to run yet")).count(), 0, "{said}");
        decks += 1;
    }
    assert!(decks > 0);
    let (code, said) = run(greenroom(&root, &["demo", "list"]));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("azcopy-into-blob"), "{said}");
}

#[test]
fn an_authority_is_made_and_removed_where_no_project_is() {
    let place = tempfile::tempdir().expect("a folder");
    let dir = place.path().join("ca");
    let ca = |what: &str| {
        stack();
        let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
        command.args(["ca", what, "--dir"]).arg(&dir).current_dir(place.path());
        run(command)
    };
    let (code, said) = ca("make");
    assert_eq!(code, Some(0), "{said}");
    assert!(dir.join("authority.pem").exists(), "{said}");
    let (code, said) = ca("status");
    assert!(code == Some(0) && said.contains("localhost"), "{said}");
    let (code, said) = ca("remove");
    assert!(code == Some(0) && !dir.join("authority.pem").exists(), "{said}");
    let (code, _) = ca("mkae");
    assert_eq!(code, Some(2), "the stack's own exit code");
}

#[test]
fn without_azcopy_the_built_in_mover_does_it_and_says_so() {
    let root = project(DEMO, Tools::Absent);
    let (code, said) = run(greenroom(root.path(), &["demo", "run", "small", "--headless"]));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("AzCopy is not installed: the built-in mover does it"), "{said}");
    assert!(said.contains("the same by BLAKE3"), "{said}");
}

#[test]
fn steps_wait_for_a_yes_that_holds_until_they_change() {
    let root = project(&only("run true"), Tools::Absent);
    let demo = ["demo", "run", "small", "--headless"];
    let (code, said) = run(stranger(root.path(), &demo));
    assert!(code == Some(2) && said.contains("the steps of 'small' are not trusted yet"), "{said}");
    let (_, said) = run(stranger(root.path(), &["preflight", "talk"]));
    assert!(said.contains("STOP  trust") && said.contains("greenroom trust talk"), "{said}");
    let (code, said) = run(stranger(root.path(), &["trust", "talk"]));
    assert!(code == Some(0) && said.contains("demos/small/demo.md:6: run true"), "{said}");
    let (code, said) = run(stranger(root.path(), &demo));
    assert_eq!(code, Some(0), "{said}");
    support::write(&root.path().join("demos/small/demo.md"), &only("run true --more"));
    let (code, said) = run(stranger(root.path(), &demo));
    assert!(code == Some(2) && said.contains("not trusted yet"), "{said}");
}

#[test]
fn a_tool_of_the_project_is_not_even_asked_for_its_version_before() {
    let root = project(&only("run evil").replace("azcopy", "evil"), Tools::Absent);
    let evil = root.path().join(".tools/evil/evil");
    support::write(&evil, &format!("#!/bin/sh\ntouch {}\n", root.path().join("ran").display()));
    std::fs::set_permissions(&evil, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("executable");
    for args in [["demo", "run", "small", "--headless"].as_slice(), &["preflight", "talk"], &["trust", "talk"]] {
        run(stranger(root.path(), args));
        assert!(!root.path().join("ran").exists(), "{args:?}");
    }
    run(stranger(root.path(), &["demo", "run", "small", "--headless"]));
    assert!(root.path().join("ran").exists(), "after the yes it runs");
}

#[test]
fn without_a_display_it_says_so_and_runs_in_the_terminal() {
    let root = project(&only("run true"), Tools::Absent);
    let (code, said) = run(greenroom(root.path(), &["demo", "run", "small"]));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("There is no display"), "{said}");
}

#[test]
fn names_that_do_not_exist_get_the_nearest_one() {
    let root = project(DEMO, Tools::Absent);
    for (args, wanted) in [
        (["demo", "run", "smal", "--headless"].as_slice(), "there is no demo 'smal'"),
        (["deck", "check", "takl"].as_slice(), "did you mean 'talk'?"),
    ] {
        let (code, said) = run(greenroom(root.path(), args));
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(wanted), "{said}");
    }
}

#[test]
fn a_broken_demo_is_named_with_file_and_line() {
    let root = project(&DEMO.replace("data make", "data mkae"), Tools::Absent);
    let (code, said) = run(greenroom(root.path(), &["deck", "check", "talk"]));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("demos/small/demo.md:9: "), "{said}");
}

#[tokio::test]
async fn a_deck_is_checked_again_whenever_one_of_its_files_changes() {
    for (mends, code) in [(true, 0), (false, 1)] {
        let root = project(DEMO, Tools::Absent);
        let (demo, said) = (root.path().join("demos/small/demo.md"), root.path().join("said"));
        let mut child = greenroom(root.path(), &["deck", "check", "talk", "--watch"])
            .stdout(std::fs::File::create(&said).expect("a file"))
            .spawn()
            .expect("it starts");
        let count = |part: &str| std::fs::read_to_string(&said).expect("a text").matches(part).count();
        until("the first check", || (count("UTC  no faults") == 1).then_some(())).await;
        support::write(&demo, &DEMO.replace("data make", "data mkae"));
        until("the fault", || (count("\ndemos/small/demo.md:9: ") == 1).then_some(())).await;
        assert_eq!(count("UTC  1 fault"), 1, "{}", std::fs::read_to_string(&said).expect("a text"));
        if mends {
            support::write(&demo, DEMO);
            until("it is mended", || (count("UTC  no faults") == 2).then_some(())).await;
        }
        kill(pid(&child), Signal::SIGINT).expect("it runs");
        let status = until("it ends", || child.try_wait().expect("a child")).await;
        assert_eq!(status.code(), Some(code), "by what was found last");
    }
    let root = project(DEMO, Tools::Absent);
    let (code, said) = run(greenroom(root.path(), &["deck", "check", "takl", "--watch"]));
    assert!(code == Some(2) && said.contains("did you mean 'talk'?"), "{said}");
}

/// One slide for each thing that can be wrong with one.
const HOSTILE: &str = "---
title: Hostile
---
# One

---
layout: [broken
---
# Broken YAML

---
layout: nonsense
---
# Unknown layout

---
demo: smal
---
# Unknown demo

---
lyaout: cover
---
# Unknown key

---
# Raw HTML

<script>fetch('https://example.org')</script>

Text <img src=x onerror=alert(1)> within.

---
# Pictures

![outside](../../secret.svg) ![away](https://example.org/a.png) ![missing](plan.svg)

---
# שלום עולם and 世界 and مرحبا

- שלום 世界 world
- العربية ثم English ثم 日本語

---
# An open fence

```
never closed

---
# After the fence

<!-- never closed

---
# The last
";

#[test]
fn a_deck_with_everything_wrong_says_where_and_shows_the_rest() {
    let root = project(DEMO, Tools::Absent);
    let rows = "| 1 | 2 |\n".repeat(1000);
    let table = format!("\n---\n# A table\n\n| a | b |\n|---|---|\n{rows}");
    support::write(&root.path().join("slides/talk/deck.md"), &format!("{HOSTILE}{table}"));
    support::write(&root.path().join("secret.svg"), "<svg/>");
    let (code, said) = run(greenroom(root.path(), &["deck", "check", "talk"]));
    assert_eq!(code, Some(1), "{said}");
    for wanted in [
        ":7: front matter: ",
        ":12: front matter: ",
        ":17: there is no demo 'smal' to run yet; did you mean 'small'?",
        ":22: unknown key 'lyaout' is ignored; did you mean 'layout'?",
        ":29: raw HTML is shown as text",
        ":31: raw HTML is shown as text",
        ":36: '../../secret.svg' is not in the deck's folder",
        ":36: 'https://example.org/a.png' is not in the deck's folder",
        ":36: there is no picture 'plan.svg'",
        ":47: this fence never ends",
        ":53: this comment never ends",
        ":61: a table of 1000 rows cannot be read on a slide: the first 12 are shown",
    ] {
        assert!(said.contains(&format!("slides/talk/deck.md{wanted}")), "wanted {wanted}\nsaid {said}");
    }
    assert!(said.contains("Hostile (talk): 12 slides") && !said.contains("<!--"), "{said}");
}

#[test]
fn a_failed_step_ends_the_run_with_the_tools_last_lines_and_the_hint() {
    let bad = "run azcopy copy {data:none} {blob:photos/inbox} --from-to LocalBlob --if-fails 'Press V'\nrun true";
    let root = project(&only(&format!("tenant create photos --container inbox\n{bad}")), Tools::AzCopy);
    let (code, said) = run(greenroom(root.path(), &["demo", "run", "small", "--headless"]));
    assert_eq!(code, Some(1), "{said}");
    for part in ["✗ failed", "azcopy ended with", "→ Press V", "· not run"] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
}

#[test]
fn a_step_that_hangs_is_out_of_time() {
    let root = project(&only("wait photos.blobs == 5 within 1s"), Tools::Absent);
    let (code, said) = run(greenroom(root.path(), &["demo", "run", "small", "--headless"]));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("✗ timed out"), "{said}");
}

#[tokio::test]
async fn ctrl_c_stops_the_step_and_leaves_nothing_behind() {
    let root = project(&only("wait photos.blobs == 5 within 10m"), Tools::Absent);
    let mut child = greenroom(root.path(), &["demo", "run", "small", "--headless"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    until("a take begins", || (takes(root.path()) > 0).then_some(())).await;
    kill(pid(&child), Signal::SIGINT).expect("it runs");
    let status = until("it ends", || child.try_wait().expect("a child")).await;
    assert_eq!(status.code(), Some(130));
    assert_eq!(stacks_of(root.path()), Vec::<String>::new());
    assert_eq!(left_in(root.path()), 0);
}

#[tokio::test]
async fn a_killed_director_takes_its_stack_with_it_and_the_next_one_sweeps_up() {
    let root = project(&only("wait photos.blobs == 5 within 10m"), Tools::Absent);
    let mut child = greenroom(root.path(), &["demo", "run", "small", "--headless"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    until("a take begins", || (takes(root.path()) > 0).then_some(())).await;
    assert_eq!(stacks_of(root.path()).len(), 1);
    kill(pid(&child), Signal::SIGKILL).expect("it runs");
    child.wait().expect("a child");
    until("the stack ends", || stacks_of(root.path()).is_empty().then_some(())).await;
    assert_eq!(left_in(root.path()), 1, "what a crash leaves");
    support::write(&root.path().join("demos/small/demo.md"), &only("run true"));
    let (code, said) = run(greenroom(root.path(), &["demo", "run", "small", "--headless"]));
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(left_in(root.path()), 0, "the next show takes it away");
}

#[tokio::test]
async fn a_killed_director_takes_its_vault_with_it() {
    let demo = only("vault key create gold\ntenant create gold --container inbox\nwait gold.blobs == 5 within 10m");
    let root = project(&demo.replace("tools:", "profile: fresh\nvault: {}\ntools:"), Tools::Absent);
    let mut child = greenroom(root.path(), &["demo", "run", "small", "--headless"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    until("both run", || (servers_of(root.path(), "greenroom-vault").len() == 1).then_some(())).await;
    kill(pid(&child), Signal::SIGKILL).expect("it runs");
    child.wait().expect("a child");
    until("the vault ends", || servers_of(root.path(), "greenroom-vault").is_empty().then_some(())).await;
}

fn only(steps: &str) -> String {
    format!("---\ntitle: Only\ntools: [azcopy]\n---\n```steps\n{steps}\n```\n")
}

fn pid(child: &std::process::Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a process id"))
}

fn takes(root: &std::path::Path) -> usize {
    std::fs::read_dir(root.join("takes")).map_or(0, Iterator::count)
}

fn left_in(root: &std::path::Path) -> usize {
    std::fs::read_dir(root.join(".greenroom")).map_or(0, Iterator::count)
}

/// The command line on a project whose steps are trusted.
fn greenroom(root: &Path, args: &[&str]) -> std::process::Command {
    let mut command = stranger(root, args);
    if args.starts_with(&["demo", "run"]) {
        command.arg("--trust");
    }
    command
}

/// The command line on a project, without a tool of this machine's own, and by a user who trusts nobody yet.
fn stranger(root: &Path, args: &[&str]) -> std::process::Command {
    stack();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_greenroom"));
    command
        .args(args)
        .arg("--root")
        .arg(root)
        .env(HOME, root)
        .env("PATH", "/usr/bin:/bin")
        .env("XDG_STATE_HOME", root.join("state"))
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY");
    command
}

/// Ids of the stack processes that serve a project.
fn stacks_of(root: &Path) -> Vec<String> {
    servers_of(root, "greenroom-stack")
}

/// Ids of a program's processes that work in a project.
fn servers_of(root: &Path, program: &str) -> Vec<String> {
    let root = root.display().to_string();
    let processes = std::fs::read_dir("/proc").expect("a /proc").flatten();
    let ids =
        processes.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| name.parse::<u32>().is_ok());
    ids.filter(|id| {
        let line = std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        line.contains(program) && line.contains(&root) && is_alive(id)
    })
    .collect()
}

#[test]
fn a_talk_is_proved_to_need_no_network() {
    let root = project(DEMO, Tools::AzCopy);
    let (code, said) = run(greenroom(root.path(), &["trust", "talk"]));
    assert_eq!(code, Some(0), "{said}");
    let (_, said) = run(greenroom(root.path(), &["preflight", "talk", "--prove-offline"]));
    assert!(said.contains("'small' ran with all but loopback denied, and nothing reached out"), "{said}");
}
