//! A vault on stage: made for its demo, told of by nobody, gone with it; and a key that is pulled.

#[path = "support/director.rs"]
mod director;
#[path = "support/process.rs"]
mod process;
#[expect(dead_code, reason = "what the other tests share, not all of which is needed here")]
mod support;

use director::{call, of_talk, open};
use greenroom_director::{Director, Options, What};
use greenroom_show::call::{ReadTenants, Reset, RestartStack, RunGroup};
use greenroom_show::tenants::{KeyState, TenantKey};
use greenroom_show::{Outcome, StackState};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use process::is_alive;
use std::path::Path;
use std::time::Duration;
use support::{Tools, project, until, write};

const TENANTS: &str = "version: 1
tenants:
  - name: gold
    encryption: { key: '{vault:gold}' }
    projects: [{ name: main, accounts: [{ name: gold, containers: [{ name: inbox }] }] }]
  - name: bronze
    projects: [{ name: main, accounts: [{ name: bronze, containers: [{ name: inbox }] }] }]
";

/// A project whose demo has a vault, and these groups of steps.
fn with_vault(groups: &[(&str, &str)]) -> tempfile::TempDir {
    let groups = groups.iter().map(|(name, steps)| format!("```steps {name}\n{steps}\n```\n\n"));
    let head = "---\ntitle: Small\ntools: [sh, azcopy]\nprofile: fresh\nvault: { fresh: 1s }\n---\n";
    let root = project(&format!("{head}{}", groups.collect::<String>()), Tools::AzCopy);
    write(&root.path().join("demos/small/tenants.yaml"), TENANTS);
    root
}

async fn open_demo(root: &Path) -> Director {
    open(Options { what: What::Demo("small".into()), ..of_talk(root) }).await
}

/// Runs a group to its end; what its last step came to.
async fn run(director: &Director, name: &str) -> Outcome {
    call(director, RunGroup { demo: "small".into(), group: name.into() }).await.expect("it starts");
    until(name, || {
        let show = director.show();
        let steps = show.demos["small"].group(name)?.steps.clone();
        let ran = &show.runs.get("small")?.steps;
        let outcomes: Vec<_> = steps.map(|step| ran.get(&step).and_then(|step| step.outcome.clone())).collect();
        let bad = outcomes.iter().flatten().find(|outcome| !matches!(outcome, Outcome::Passed { .. }));
        bad.cloned().or_else(|| outcomes.into_iter().collect::<Option<Vec<_>>>()?.pop())
    })
    .await
}

fn passed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Passed { .. })
}

/// Ids of the processes of a program that works in a project.
fn of(program: &str, root: &Path) -> Vec<String> {
    let root = root.display().to_string();
    let ids =
        std::fs::read_dir("/proc").expect("a /proc").flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let is_it = |id: &String| {
        let line = std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        line.contains(program) && line.contains("serve") && line.contains(&root) && is_alive(id)
    };
    ids.filter(|id| id.parse::<u32>().is_ok()).filter(is_it).collect()
}

async fn key_of(director: &Director, tenant: &str) -> Option<TenantKey> {
    let tenants = call(director, ReadTenants {}).await.expect("a stack");
    tenants.tenants.into_iter().find(|line| line.name == tenant).expect("the tenant").key
}

const LOOKS_MAX: usize = 200;
const MAKE: &str = "vault key create gold
tenant apply tenants.yaml
data make memos --files 8 --size 64KiB --seed 5 --mark 'gold: for our eyes only'
data make flyers --files 8 --size 64KiB --seed 6 --mark 'bronze: for everybody'
run azcopy copy {data:memos} {blob:gold/inbox} --recursive --from-to LocalBlob
run azcopy copy {data:flyers} {blob:bronze/inbox} --recursive --from-to LocalBlob
load work --tenant gold --container inbox --get 1 --size 4KiB --rate 50/s --for 5m --in-background
wait work.done > 20 within 20s";
const READ: &str = "run azcopy copy {blob:gold/inbox/memos} {data:back} --recursive --from-to BlobLocal
data compare {data:memos} {data:back/memos}";

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_pulled_given_back_and_erased() {
    let pull = "vault key disable gold\nwait work.errors > 0 within 20s";
    let refused = "run azcopy copy {blob:gold/inbox/memos} {data:never} --recursive --from-to BlobLocal --fails-with KeyVaultEncryptionKeyNotFound";
    let erase = "search 'bronze: for everybody' --found\nsearch 'gold: for our eyes only'\nencryption erase gold";
    let gone = format!("vault key enable gold\n{refused}");
    let root = with_vault(&[
        ("make", MAKE),
        ("pull", pull),
        ("refused", refused),
        ("give", "vault key enable gold\nwait work.ops_per_s > 10 within 20s"),
        ("read", READ),
        ("erase", erase),
        ("gone", &gone),
        ("clear", "search 'bronze: for everybody'"),
    ]);
    let director = open_demo(root.path()).await;
    let outcome = run(&director, "make").await;
    assert!(passed(&outcome), "{outcome:?}");
    assert_eq!(key_of(&director, "bronze").await, None, "nothing of it is encrypted");
    let key = key_of(&director, "gold").await.expect("a key");
    assert_eq!((key.state, key.name()), (KeyState::Usable, "gold"));

    assert!(passed(&run(&director, "pull").await));
    let clock = director.show().runs["small"].figures["pull.waited_seconds"].value;
    assert!(clock > 0.0 && clock < 3.0, "asked again after one second: {clock}");
    assert!(passed(&run(&director, "refused").await));
    assert_eq!(key_of(&director, "gold").await.expect("a key").state, KeyState::Refused);
    assert!(passed(&run(&director, "give").await));
    // What was answered in the last second may be from before.
    for _ in 0..LOOKS_MAX {
        if key_of(&director, "gold").await.expect("a key").state == KeyState::Usable {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let outcome = run(&director, "read").await;
    assert!(passed(&outcome), "{outcome:?}");
    let outcome = run(&director, "erase").await;
    assert!(passed(&outcome), "{outcome:?}");
    assert_eq!(key_of(&director, "gold").await.expect("a key").state, KeyState::Erased);
    let said = director.show().runs["small"].terminal.text();
    assert!(said.contains("erased     data key 1, at ") && said.contains("in none"), "{said}");
    let outcome = run(&director, "gone").await;
    assert!(passed(&outcome), "{outcome:?}");
    let Outcome::Failed { why } = run(&director, "clear").await else { panic!("bronze's text is on the disk") };
    assert!(why.starts_with("it can be read in flash: "), "{why}");
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_dies_is_had_back_with_its_keys() {
    let root = with_vault(&[("make", MAKE), ("read", READ), ("key", "vault key disable gold")]);
    let director = open_demo(root.path()).await;
    assert!(passed(&run(&director, "make").await));
    let [vault] = &of("greenroom-vault", root.path())[..] else { panic!("one vault") };
    kill(Pid::from_raw(vault.parse().expect("a process id")), Signal::SIGKILL).expect("it runs");
    until("the show says so", || match director.show().stack {
        StackState::Down { reason } => reason.starts_with("its vault ended by itself").then_some(()),
        StackState::Starting | StackState::Ready { .. } => None,
    })
    .await;
    let Outcome::Failed { why } = run(&director, "key").await else { panic!("there is no vault") };
    assert!(why.contains("press Restart beside 'Stack down'"), "{why}");
    call(&director, RestartStack {}).await.expect("asked");
    until("it is ready", || matches!(director.show().stack, StackState::Ready { .. }).then_some(())).await;
    let outcome = run(&director, "read").await;
    assert!(passed(&outcome), "what its key wrapped is read again: {outcome:?}");
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_and_the_end_leave_no_vault_and_no_key_behind() {
    let root = with_vault(&[("make", "vault key create gold"), ("use", "tenant apply tenants.yaml")]);
    let director = open_demo(root.path()).await;
    assert!(of("greenroom-vault", root.path()).is_empty(), "none before a step needs it");
    assert!(passed(&run(&director, "make").await));
    let first = of("greenroom-vault", root.path());
    assert_eq!(first.len(), 1);
    call(&director, Reset { demo: "small".into() }).await.expect("clean");
    let second = of("greenroom-vault", root.path());
    assert!(second.len() == 1 && second != first, "{first:?} {second:?}");
    let Outcome::Failed { why } = run(&director, "use").await else { panic!("the key went with its vault") };
    assert!(why.contains("gold") && why.contains("'make' comes before this"), "{why}");
    director.close().await;
    assert!(of("greenroom-vault", root.path()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_vault_knows_the_stack_by_is_told_to_nobody() {
    let tells =
        "for p in /proc/[0-9]*; do tr '\\0' '\\n' < $p/environ | grep GREENROOM_VAULT_SECRET; done 2>/dev/null; true";
    let root = with_vault(&[("tell", &format!("vault key create gold\nrun sh -c \"{tells}\""))]);
    let director = open_demo(root.path()).await;
    let outcome = run(&director, "tell").await;
    let stack = of("greenroom-stack", root.path());
    let environment = std::fs::read_to_string(format!("/proc/{}/environ", stack[0])).expect("it runs");
    let secret =
        environment.split('\0').find_map(|set| set.strip_prefix("GREENROOM_VAULT_SECRET=")).expect("it is told");
    let said = director.show().runs["small"].terminal.text();
    assert!(passed(&outcome) && said.contains("GREENROOM_VAULT_SECRET=•••"), "{outcome:?} {said}");
    assert!(secret.len() > 20 && !said.contains(secret), "the secret is shown");
    director.close().await;
    for take in
        std::fs::read_dir(root.path().join("takes")).expect("takes").flatten().filter(|take| take.path().is_file())
    {
        assert!(!std::fs::read_to_string(take.path()).expect("a take").contains(secret));
    }
}
