//! Starts programs, and ends them with all that they started: on success, failure, panic and Ctrl-C. What a program prints goes to a
//! file, never a pipe: a pipe ends when the last one who holds it does, and that may be a grandchild which nobody waits for.

use crate::shell::shown;
use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// From the request to end to the end itself: a server writes down what it has.
const GRACE: Duration = Duration::from_secs(3);
/// From there on for the system to take away what was killed.
const GONE_MAX: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// By which the descendants of a program are known that left its group and its session.
const MARK: &str = "GREENROOM_XTASK_FAMILY";
const INTERRUPTED: i32 = 130;

/// Those that run: process groups, and the marks of what they start.
static ALIVE: Mutex<BTreeMap<u64, Pid>> = Mutex::new(BTreeMap::new());
static NUMBERS: AtomicU64 = AtomicU64::new(0);

/// A program that runs, and all that it starts. Dropping it ends them.
#[derive(Debug)]
pub struct Family {
    child: Child,
    number: u64,
    name: String,
}

/// A program whose output is kept.
#[derive(Debug)]
pub struct Kept {
    family: Family,
    output: File,
    errors: File,
}

/// What a program said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub status: ExitStatus,
    pub output: Vec<u8>,
    pub errors: String,
}

/// How long a program may take.
#[derive(Debug, Clone, Copy)]
pub enum Limit {
    /// As long as whoever called this waits.
    None,
    Within(Duration),
}

/// Has a signal that ends this program end all families first, and whoever loses its parent come to this program.
pub fn watch() -> Result<()> {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_child_subreaper(true).context("become the parent of what loses its own")?;
    ctrlc::set_handler(|| {
        end_all();
        std::process::exit(INTERRUPTED);
    })
    .context("hear signals")
}

/// Before another program takes this one's place, which collects nobody's children but its own.
pub fn unwatch() -> Result<()> {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_child_subreaper(false).context("leave those that lose their parent to the system")?;
    Ok(())
}

/// Ends whatever is left, families and strays.
pub fn end_all() {
    let groups: Vec<_> = alive().iter().map(|(number, group)| (*number, *group)).collect();
    end(|processes| {
        let mut all = BTreeSet::new();
        for (number, group) in &groups {
            all.extend(kin(processes, *number, *group));
        }
        all.extend(below(processes, Pid::this()));
        all
    });
}

impl Family {
    /// Starts a program in a group of its own. It has no standard input: whoever reads a terminal from there is stopped.
    pub fn start(command: &mut Command) -> Result<Family> {
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        command.process_group(0).env(MARK, mark(number)).stdin(Stdio::null());
        let name = shown(command);
        // Under the lock, so that a signal finds either none or one that is known.
        let mut alive = alive();
        let child = command.spawn().with_context(|| format!("start {name}"))?;
        alive.insert(number, pid_of(&child));
        Ok(Family { child, number, name })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for the program, and ends what it leaves behind.
    pub fn wait(mut self, limit: Limit) -> Result<ExitStatus> {
        let status = match limit {
            Limit::None => self.child.wait(),
            Limit::Within(most) => self.wait_within(most),
        };
        status.with_context(|| format!("wait for {}", self.name))
    }

    fn wait_within(&mut self, most: Duration) -> std::io::Result<ExitStatus> {
        let (done, waiting) = channel::<()>();
        let (number, group, name) = (self.number, pid_of(&self.child), self.name.clone());
        std::thread::scope(|scope| {
            scope.spawn(move || {
                if waiting.recv_timeout(most) == Err(RecvTimeoutError::Timeout) {
                    eprintln!("{name} takes more than {} s: it is ended", most.as_secs());
                    end(|processes| kin(processes, number, group));
                }
            });
            let status = self.child.wait();
            drop(done);
            status
        })
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        let (number, group) = (self.number, pid_of(&self.child));
        end(|processes| kin(processes, number, group));
        // Collected, where nobody has waited for it, and not waited for where even a kill did not end it.
        let _ = self.child.try_wait();
        alive().remove(&self.number);
    }
}

impl Kept {
    pub fn start(command: &mut Command) -> Result<Kept> {
        let file = || tempfile::tempfile().context("make a file for a program's output");
        let (output, errors) = (file()?, file()?);
        command.stdout(output.try_clone().context("share a file")?).stderr(errors.try_clone().context("share a file")?);
        let family = Family::start(command)?;
        Ok(Kept { family, output, errors })
    }

    /// Waits for the program, ends what it leaves behind, and reads what was said until then.
    pub fn finish(self, limit: Limit) -> Result<Said> {
        let Kept { family, output, errors } = self;
        let status = family.wait(limit)?;
        let read = |mut file: File| -> Result<Vec<u8>> {
            let mut text = Vec::new();
            file.rewind().and_then(|()| file.read_to_end(&mut text)).context("read what a program said")?;
            Ok(text)
        };
        let errors = String::from_utf8_lossy(&read(errors)?).into_owned();
        Ok(Said { status, output: read(output)?, errors })
    }
}

fn alive() -> MutexGuard<'static, BTreeMap<u64, Pid>> {
    ALIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("process ids are of that size"))
}

fn mark(number: u64) -> String {
    format!("{}-{number}", std::process::id())
}

/// A process, as far as it tells whose it is.
#[derive(Debug)]
struct Process {
    parent: Pid,
    group: Pid,
    marks: Option<String>,
}

/// All that run; those that have ended and were not collected do not.
fn processes() -> BTreeMap<Pid, Process> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter_map(|id: i32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // State, parent and group follow the name, which may hold anything: proc_pid_stat(5).
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        if matches!(fields.next()?, "Z" | "X") {
            return None;
        }
        let mut next = || fields.next()?.parse().ok().map(Pid::from_raw);
        let (parent, group) = (next()?, next()?);
        let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        let marks = environment
            .split(|byte| *byte == 0)
            .find_map(|line| Some(std::str::from_utf8(line).ok()?.strip_prefix(MARK)?.strip_prefix('=')?.to_owned()));
        Some((Pid::from_raw(id), Process { parent, group, marks }))
    })
    .collect()
}

/// A program, what is in its group, what bears its mark, and what those started.
fn kin(processes: &BTreeMap<Pid, Process>, number: u64, group: Pid) -> BTreeSet<Pid> {
    let mark = mark(number);
    let own = |process: &Process| process.group == group || process.marks.as_ref() == Some(&mark);
    let mut kin: BTreeSet<_> = processes.iter().filter(|(_, process)| own(process)).map(|(id, _)| *id).collect();
    for root in kin.clone() {
        kin.extend(below(processes, root));
    }
    kin
}

/// What a process started, and what that started.
fn below(processes: &BTreeMap<Pid, Process>, root: Pid) -> BTreeSet<Pid> {
    let (mut below, mut open) = (BTreeSet::new(), vec![root]);
    while let Some(parent) = open.pop() {
        let children = processes.iter().filter(|(_, process)| process.parent == parent).map(|(id, _)| *id);
        let fresh: Vec<_> = children.filter(|child| below.insert(*child)).collect();
        open.extend(fresh);
    }
    below
}

/// Asks those that are found to end, kills those that do not, and returns once they are gone. Found anew each time, since they may go
/// on to start others.
fn end(find: impl Fn(&BTreeMap<Pid, Process>) -> BTreeSet<Pid>) {
    let mut asked = BTreeSet::new();
    for (signal, most) in [(Signal::SIGTERM, GRACE), (Signal::SIGKILL, GONE_MAX)] {
        let start = Instant::now();
        loop {
            let left = find(&processes());
            // What came here when it lost its parent is collected here, and nobody else's child is.
            for gone in
                asked.iter().filter(|gone| !left.contains(*gone) && !alive().values().any(|child| child == *gone))
            {
                let _ = waitpid(*gone, Some(WaitPidFlag::WNOHANG));
            }
            if left.is_empty() {
                return;
            }
            if start.elapsed() > most {
                break;
            }
            for process in left {
                if signal == Signal::SIGKILL || !asked.contains(&process) {
                    // Gone since, which is what is wanted.
                    let _ = kill(process, signal);
                    // Who is stopped hears nothing else.
                    let _ = kill(process, Signal::SIGCONT);
                    asked.insert(process);
                }
            }
            std::thread::park_timeout(LOOK_EVERY);
        }
    }
}

/// How a program ended, in words.
pub fn ended(status: ExitStatus) -> String {
    match status.signal() {
        Some(signal) => {
            Signal::try_from(signal).map_or_else(|_| format!("signal {signal}"), |signal| signal.to_string())
        }
        None => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    /// Whether one of the processes runs whose ids stand in a file.
    fn run(ids: &std::path::Path) -> bool {
        let ids = std::fs::read_to_string(ids).unwrap_or_default();
        let all = processes();
        ids.split_whitespace().filter_map(|id| id.parse().ok()).any(|id| all.contains_key(&Pid::from_raw(id)))
    }

    fn until(what: &str, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < Duration::from_secs(10), "{what}");
            std::thread::park_timeout(LOOK_EVERY);
        }
    }

    /// Prints, leaves children that ignore being asked and hold the output, one of them in a session of its own, and ends.
    const LEAVES: &str = "echo said; echo wrong >&2
        sh -c 'trap \"\" TERM HUP INT; while :; do sleep 1; done' & echo $! >> ids
        setsid sh -c 'trap \"\" TERM HUP INT; echo $$ >> ids; while :; do sleep 1; done' &
        nohup sleep 300 & echo $! >> ids
        while [ $(wc -l < ids) -lt 3 ]; do sleep 0.01; done
        ";

    #[test]
    fn what_a_program_leaves_is_ended_and_its_output_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let ids = folder.path().join("ids");
        for (ending, code) in [("exit 0", Some(0)), ("exit 3", Some(3)), ("kill -9 $$", None)] {
            std::fs::write(&ids, "").expect("written");
            let start = Instant::now();
            let kept = Kept::start(shell(&format!("{LEAVES}{ending}")).current_dir(folder.path())).expect("it starts");
            let said = kept.finish(Limit::None).expect("it ends");
            assert_eq!(said.status.code(), code);
            assert_eq!(
                (said.output.as_slice(), said.errors.contains("wrong")),
                (b"said\n".as_slice(), true),
                "{said:?}"
            );
            assert!(start.elapsed() < GRACE + GONE_MAX + Duration::from_secs(5), "{:?}", start.elapsed());
            assert!(!run(&ids), "{ending}: nothing is left");
        }
    }

    #[test]
    fn a_program_that_goes_on_is_ended_with_its_guard_and_by_a_panic() {
        let folder = tempfile::tempdir().expect("a folder");
        let ids = folder.path().join("ids");
        for panics in [false, true] {
            std::fs::write(&ids, "").expect("written");
            let work = || {
                let _family =
                    Family::start(shell(&format!("{LEAVES}sleep 300")).current_dir(folder.path())).expect("it starts");
                until("they start", || std::fs::read_to_string(&ids).is_ok_and(|ids| ids.lines().count() == 3));
                assert!(!panics, "a test fails");
            };
            assert_eq!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err(), panics);
            assert!(!run(&ids), "nothing is left");
        }
    }

    #[test]
    fn a_program_that_takes_too_long_is_ended() {
        let start = Instant::now();
        let kept = Kept::start(&mut shell("trap '' TERM; echo begun; while :; do sleep 1; done")).expect("it starts");
        let said = kept.finish(Limit::Within(Duration::from_millis(300))).expect("it ends");
        assert!(!said.status.success() && said.output == b"begun\n", "{said:?}");
        assert!(start.elapsed() < GRACE + GONE_MAX + Duration::from_secs(5));
    }

    #[test]
    fn one_family_is_ended_and_its_neighbour_is_not() {
        let mut neighbour = Family::start(&mut shell("sleep 300")).expect("it starts");
        drop(Family::start(&mut shell("sleep 300 & sleep 300")).expect("it starts"));
        assert!(neighbour.child().try_wait().expect("a child").is_none(), "it still runs");
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let said = format!("{:#}", Family::start(&mut Command::new("/no/such/program")).expect_err("missing"));
        assert!(said.contains("start /no/such/program"), "{said}");
    }

    /// Where the program below notes what it starts.
    const IDS: &str = "GREENROOM_XTASK_TEST_IDS";

    #[test]
    #[ignore = "run by the test below, as the program that is interrupted"]
    fn a_program_that_is_interrupted() {
        let Some(folder) = std::env::var_os(IDS) else { return };
        watch().expect("signals are heard");
        // One of them is in a session of its own, and bears no mark.
        let lost = "setsid env -i /bin/sh -c 'trap \"\" TERM HUP INT; echo $$ >> ids; while :; do sleep 1; done' & ";
        let family = Family::start(shell(&format!("{lost}{LEAVES}sleep 300")).current_dir(folder)).expect("it starts");
        family.wait(Limit::None).ok();
    }

    #[test]
    fn a_signal_ends_all_that_was_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let ids = folder.path().join("ids");
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            std::fs::write(&ids, "").expect("written");
            let mut program = Command::new(std::env::current_exe().expect("this program"));
            program
                .args(["--exact", "family::tests::a_program_that_is_interrupted", "--ignored"])
                .env(IDS, folder.path());
            let mut family = Family::start(program.stdout(Stdio::null())).expect("it starts");
            until("all four start", || std::fs::read_to_string(&ids).is_ok_and(|ids| ids.lines().count() == 4));
            kill(pid_of(family.child()), signal).expect("it runs");
            until("it ends", || family.child().try_wait().is_ok_and(|status| status.is_some()));
            assert!(!run(&ids), "{signal}: nothing is left");
        }
    }
}
