//! Tools that end, that resist, and that leave something behind: all by a shell.

use super::*;
use std::path::Path;

fn shell(script: &str) -> Invocation {
    Invocation {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        env: [("PATH".to_string(), "/usr/bin:/bin".to_string())].into(),
        folder: "/".into(),
        private: PathBuf::new(),
        secrets: Secrets::default(),
    }
}

/// What a tool came to, what it printed, and how long it took.
struct Ran {
    result: Result<(), ToolError>,
    seen: String,
    waited: bool,
    took: Duration,
    background: Background,
}

async fn run_until(script: &str, cancel: &CancellationToken) -> Ran {
    let (seen, waited) = (Mutex::new(String::new()), Mutex::new(false));
    let (background, began) = (Background::default(), Instant::now());
    let hear = |heard: Heard| match heard {
        Heard::Output(text) => seen.lock().expect("no panic").push_str(&text),
        Heard::Waits => *waited.lock().expect("no panic") = true,
    };
    let result = run(shell(script), hear, cancel, &background).await;
    let took = began.elapsed();
    let (seen, waited) = (seen.into_inner().expect("no panic"), waited.into_inner().expect("no panic"));
    Ran { result, seen, waited, took, background }
}

async fn run_shell(script: &str) -> Ran {
    run_until(script, &CancellationToken::new()).await
}

/// Stops a script once it has written its process ids, and waits until all of them are gone.
async fn stopped(script: &str) -> Ran {
    let folder = tempfile::tempdir().expect("a folder");
    let pids = folder.path().join("pids");
    let script = script.replace("PIDS", &pids.display().to_string());
    let cancel = CancellationToken::new();
    let asked = async {
        let pids = written(&pids).await;
        cancel.cancel();
        (pids, Instant::now())
    };
    let (ran, (pids, asked)) = tokio::join!(run_until(&script, &cancel), asked);
    assert!(asked.elapsed() < Duration::from_secs(2), "{script}: stopped after {:?}", asked.elapsed());
    assert!(matches!(ran.result, Err(ToolError::Stopped { .. })), "{script}: {:?}", ran.result);
    for pid in pids.split_whitespace() {
        assert!(!alive(pid), "{script}: {pid} lives");
    }
    ran
}

async fn written(pids: &Path) -> String {
    let wait = async {
        loop {
            match std::fs::read_to_string(pids) {
                Ok(text) if text.ends_with('\n') => return text,
                Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    timeout(Duration::from_secs(30), wait).await.expect("it starts")
}

/// Whether a process runs; one that waits to be collected does not.
fn alive(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn a_tool_has_a_terminal_and_its_output_is_shown() {
    let ran = run_shell("test -t 1 && echo tty; tput cols 2>/dev/null || stty size; echo 'sig=SECRET'").await;
    assert!(ran.result.is_ok(), "{:?}", ran.result);
    assert!(ran.seen.contains("tty") && ran.seen.contains("100"), "{}", ran.seen);
    assert!(ran.seen.contains("sig=•••") && !ran.seen.contains("SECRET"), "{}", ran.seen);
}

#[tokio::test]
async fn all_that_a_tool_prints_is_shown_up_to_its_last_byte() {
    let ran = run_shell("seq 1 20000; printf end").await;
    assert!(ran.seen.ends_with("20000\r\nend"), "{}", &ran.seen[ran.seen.len().saturating_sub(100)..]);
    assert_eq!(ran.seen.lines().count(), 20_001);
}

#[tokio::test]
async fn a_failure_carries_the_last_lines() {
    let said = run_shell("echo working; echo 'no such container' >&2; exit 3").await.result.expect_err("exit 3");
    let said = said.to_string();
    assert!(said.contains("exit code 3") && said.contains("no such container"), "{said}");
    let said = run_shell("kill -9 $$").await.result.expect_err("killed").to_string();
    assert!(said.contains("sh ended with signal SIGKILL"), "{said}");
}

#[tokio::test]
async fn a_missing_program_is_an_error_that_names_it() {
    let mut invocation = shell("");
    invocation.program = "/no/such/tool".into();
    let ran = run(invocation, |_| {}, &CancellationToken::new(), &Background::default()).await;
    let said = ran.expect_err("missing").to_string();
    assert!(said.contains("/no/such/tool"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_ends_with_its_tool_whatever_holds_its_terminal() {
    for script in [
        "setsid sleep 120 & sleep 0.3; echo up",
        "nohup sleep 120 & sleep 0.3; echo up",
        "sleep 120 & sleep 0.3; echo up",
        "(setsid sh -c 'yes; sleep 120' &) ; sleep 0.3; echo up",
        "trap '' HUP TERM; sleep 120 & sleep 0.3; echo up",
    ] {
        let ran = run_shell(script).await;
        assert!(ran.result.is_ok() && ran.seen.contains("up"), "{script}: {:?} {}", ran.result, ran.seen.len());
        assert!(ran.took < Duration::from_millis(1500), "{script}: {:?}", ran.took);
    }
}

#[tokio::test]
async fn a_tool_that_lets_its_terminal_go_is_not_hung_up() {
    for script in [
        "exec >/dev/null 2>&1 </dev/null; sleep 0.5",
        "exec >/dev/null 2>&1 </dev/null; sleep 0.3; echo back >/dev/tty",
    ] {
        let ran = run_shell(script).await;
        assert!(ran.result.is_ok(), "{script}: {:?}", ran.result);
        assert_eq!(ran.seen.contains("back"), script.contains("back"), "{script}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_ends_whatever_a_tool_started_and_however_it_resists() {
    for script in [
        "trap '' TERM HUP; sh -c \"trap '' TERM HUP; sleep 60\" & echo $$ $! > PIDS; wait",
        "trap '' TERM HUP INT; exec >/dev/null 2>&1 </dev/null; echo $$ > PIDS; while :; do sleep 1; done",
        "setsid sleep 60 & echo $$ $! > PIDS; wait",
        "nohup setsid sleep 60 & echo $$ $! > PIDS; wait",
        "setsid sh -c 'setsid sh -c \"echo \\$\\$ > PIDS; sleep 60\" &' & sleep 60",
        "env -i setsid sh -c 'sleep 60 & echo $$ $! > PIDS; wait' & sleep 60",
        "(env -i setsid sh -c 'echo $$ > PIDS; exec sleep 60' &); sleep 60",
        "sh -c 'kill -STOP $$' & echo $$ $! > PIDS; wait",
        "echo $$ > PIDS; while :; do setsid sleep 60 & sleep 0.01; done",
        "echo $$ > PIDS; exec yes",
    ] {
        stopped(script).await;
    }
}

#[tokio::test]
async fn what_is_put_in_the_background_on_purpose_stays_until_it_is_ended_and_nothing_else_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let (kept, ended) = (folder.path().join("kept"), folder.path().join("ended"));
    let script = format!(
        "setsid sleep 60 & echo $! > {kept}; nohup sleep 60 >/dev/null & echo $! >> {kept}; \
         (env -i setsid sleep 60 & echo $! >> {kept}); sleep 60 & echo $! > {ended}; \
         for pid in $(cat {kept}); do while [ \"$(cat /proc/$pid/comm)\" != sleep ]; do sleep 0.05; done; done",
        kept = kept.display(),
        ended = ended.display()
    );
    let ran = run_shell(&script).await;
    let read = |file: &Path| std::fs::read_to_string(file).expect("written");
    let (kept, ended) = (read(&kept), read(&ended));
    assert!(!alive(ended.trim()), "in the tool's own session");
    assert_eq!(kept.split_whitespace().filter(|pid| alive(pid)).count(), 3, "{kept}");
    let began = Instant::now();
    ran.background.end().await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(kept.split_whitespace().filter(|pid| alive(pid)).count(), 0, "{kept}");
    for pid in kept.split_whitespace() {
        assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{pid} is collected");
    }
}

#[tokio::test]
async fn who_forgets_a_tool_ends_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let pids = folder.path().join("pids");
    let script = format!("setsid sleep 60 & echo $$ $! > {}; wait", pids.display());
    let running = tokio::spawn(async move { run_shell(&script).await.took });
    let pids = written(&pids).await;
    running.abort();
    assert!(running.await.is_err());
    let gone = async {
        while pids.split_whitespace().any(alive) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(2), gone).await.expect("both are gone");
}

#[tokio::test]
async fn a_tool_that_waits_for_somebody_to_type_is_said_to() {
    for script in ["printf 'password: '; read x", "cat </dev/tty", "stty -icanon; sleep 60"] {
        let cancel = CancellationToken::new();
        let (ran, ()) = tokio::join!(run_until(script, &cancel), async {
            tokio::time::sleep(SILENT + Duration::from_secs(1)).await;
            cancel.cancel();
        });
        let said = ran.result.expect_err("stopped").to_string();
        assert!(ran.waited && said.contains("it seems to wait for somebody to type"), "{script}: {said}");
        assert!(!script.contains("password") || said.ends_with("it said last:\npassword:"), "{said}");
    }
    let ran = stopped("echo $$ > PIDS; echo busy; sleep 60").await;
    let said = ran.result.expect_err("stopped").to_string();
    assert_eq!(said, "sh was stopped; it said last:\nbusy");
}

#[tokio::test]
async fn pagers_do_not_wait() {
    let ran = run_shell("seq 1 500 | ${PAGER:-less}; seq 1 500 | ${MANPAGER:-less}").await;
    assert!(ran.result.is_ok() && ran.took < Duration::from_secs(2), "{:?}", ran.took);
}

#[test]
fn characters_survive_chunk_borders() {
    let mut decoder = Decoder::default();
    let bytes = "é✓x".as_bytes();
    let text: String = bytes.iter().map(|byte| decoder.push(&[*byte])).collect();
    assert_eq!(text, "é✓x");
    assert_eq!(Decoder::default().push(b"a\xffb"), "a\u{fffd}b");
}

/// Whatever a tool looks like while it begins and ends, its status is its own: other tools that end meanwhile look for what they left.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tools_that_run_side_by_side_are_not_taken_for_what_another_left() {
    let stream = async || {
        for _ in 0..40 {
            let ran = run_shell("echo here; (true &); exit 3").await;
            let Err(ToolError::Exit { status, .. }) = &ran.result else { panic!("{:?}", ran.result) };
            assert_eq!(status, "exit code 3");
        }
    };
    let streams = [(); 6].map(|()| tokio::spawn(stream()));
    for stream in streams {
        stream.await.expect("each with its own status");
    }
}
