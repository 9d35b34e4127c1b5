//! Figures as they are drawn and recorded: of the stack that the demo runs on, of the accounts that a tool was led to, and none made up.

#[path = "support/director.rs"]
mod director;
#[expect(dead_code, reason = "what the other tests share, not all of which is needed here")]
mod support;

use director::{call, of_talk, open};
use greenroom_director::Director;
use greenroom_show::call::RunGroup;
use greenroom_show::{Event, StackState, Stamped, StepState};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;
use support::{Tools, project, until};

/// A stack of its own, on which one tenant is loaded while a tool moves data for another.
const BESIDE_A_LOAD: &str = "---
title: Small
profile: fresh
flash: 512MiB
tools: [azcopy]
charts:
  - { title: Rate, unit: ops-per-second, series: [{ metric: gold.ops_per_s, label: gold }] }
  - { title: Flash, unit: bytes, series: [{ metric: flash.capacity_bytes, label: capacity }] }
---
```steps prepare
tenant create gold
tenant create silver --container box
data make photos --files 20 --size 64KiB --seed 3
load back --tenant gold --put 1 --size 64KiB --rate 60/s --for 10m --in-background
wait back.done > 60 within 60s
```

```steps upload
run azcopy copy {data:photos} {blob:silver/box} --recursive
expect upload.bytes == silver.bytes_in
expect upload.bytes > 1000000
expect gold.bytes_in > 0
expect gold.ops_per_s > 0
tenant create bronze
wait back.done > 120 within 60s
stop back
expect back.errors == 0
expect back.unanswered == 0
```
";

async fn run_group(director: &Director, group: &str) {
    call(director, RunGroup { demo: "small".into(), group: group.into() }).await.expect("it starts");
    let state = until("the group ends", || {
        let show = director.show();
        let state = show.runs.get("small")?.group_state(&show.demos["small"], group);
        (!matches!(state, StepState::Running | StepState::Pending)).then_some(state)
    })
    .await;
    let show = director.show();
    let run = &show.runs["small"];
    assert_eq!(state, StepState::Passed, "{group}: {:?}\n{}", run.steps, run.terminal.text());
}

/// The events of the one take that there is.
fn recorded(root: &Path) -> Vec<Stamped> {
    let mut takes = std::fs::read_dir(root.join("takes")).expect("takes").flatten().map(|entry| entry.path());
    let take = takes.find(|path| path.to_string_lossy().ends_with(".take.ndjson")).expect("a take");
    let text = std::fs::read_to_string(take).expect("a take");
    text.lines().skip(1).filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_of_the_demos_own_stack_and_of_a_tools_own_accounts() {
    let root = project(BESIDE_A_LOAD, Tools::Absent);
    let director = open(of_talk(root.path())).await;
    run_group(&director, "prepare").await;
    run_group(&director, "upload").await;
    director.close().await;
    let events = recorded(root.path());
    let (mut steps, mut seen) = (0, 0);
    for event in events.iter().map(|stamped| &stamped.event) {
        if let Event::StepEnded { .. } = event {
            steps += 1;
        }
        let Event::Sample(values) = event else { continue };
        // The stack that all demos share has the whole disk, and is another one.
        let capacity = values.get("flash.capacity_bytes");
        assert!(capacity.is_none_or(|bytes| *bytes == f64::from(512 << 20)), "{capacity:?} after {steps} steps");
        // From the load at work until it is stopped, whatever steps begin and end meanwhile.
        if let Some(rate) = values.get("gold.ops_per_s").filter(|_| (5..12).contains(&steps)) {
            assert!(*rate > 0.0, "no curve falls to zero at a step's start: after {steps} steps");
            seen += 1;
        }
    }
    assert!(seen > 0 && steps == 15, "{seen} samples, {steps} steps");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_cloud_is_noticed() {
    let demo = "---\ntitle: Small\nprofile: offload\nflash: 256MiB\n---\n```steps prepare\ntenant create gold\n```\n";
    let root = project(demo, Tools::Absent);
    let director = open(of_talk(root.path())).await;
    run_group(&director, "prepare").await;
    let cloud = process_of(&format!("{}/.greenroom", root.path().display()), "own-small/cloud").expect("a cloud runs");
    kill(cloud, Signal::SIGKILL).expect("it runs");
    let reason = until("it is said", || match director.show().stack {
        StackState::Down { reason } => Some(reason),
        StackState::Starting | StackState::Ready { .. } => None,
    })
    .await;
    assert!(reason.contains("its cloud ended by itself"), "{reason}");
    director.close().await;
}

/// The process whose command line names both.
fn process_of(one: &str, other: &str) -> Option<Pid> {
    let mut ids =
        std::fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let found = ids.find(|id: &i32| {
        let line = std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        line.contains(one) && line.contains(other)
    });
    found.map(Pid::from_raw)
}
