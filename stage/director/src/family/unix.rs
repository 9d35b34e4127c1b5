//! By marks, sessions and descent, and by signals.

use super::Left;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// In the environment of all that a tool starts, unless it takes it away.
const MARK: &str = "GREENROOM_STEP";

/// The tools of all families, and when they started. None is an orphan that another family may take for its own, whatever it looks like
/// while it begins or ends: held while one begins, until it is known here.
static TOOLS: RwLock<BTreeMap<i32, u64>> = RwLock::new(BTreeMap::new());

/// How long processes may take to end by themselves once they are asked to. With `KILL_MAX` well below the two seconds in which a stop
/// is promised.
const GRACE: Duration = Duration::from_millis(800);
/// The same for what a tool left in its session when it ended: nobody waits for a clean end of it.
const LEFT_GRACE: Duration = Duration::from_millis(200);
/// Processes that are killed are gone at once, but for those that start others meanwhile.
const KILL_MAX: Duration = Duration::from_millis(500);
const LOOK_EVERY: Duration = Duration::from_millis(15);

#[derive(Debug)]
pub struct Family {
    mark: String,
    leader: Leader,
    /// Members that have been seen, and when they started: what they become is known by it, also once they have ended.
    seen: Mutex<BTreeMap<i32, u64>>,
}

/// The tool itself: the first of its session.
#[derive(Debug, Clone, Copy)]
struct Leader {
    pid: i32,
    started: u64,
}

impl Family {
    /// Starts a tool with a mark that no other family has. It is to be in a session of its own.
    pub fn start(command: &mut Command) -> io::Result<(Child, Family)> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mark = format!("{}{}", own_marks(), NEXT.fetch_add(1, Ordering::Relaxed));
        adopt_orphans();
        let mut tools = TOOLS.write().unwrap_or_else(PoisonError::into_inner);
        let child = command.env(MARK, &mark).spawn()?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        let pid = pid.ok_or_else(|| io::Error::other("it has no process id"))?;
        let leader = Leader { pid, started: system::started(pid) };
        tools.insert(leader.pid, leader.started);
        Ok((child, Family { mark, leader, seen: Mutex::default() }))
    }

    /// Asks all to end, and ends those that do not.
    pub async fn end(&self) {
        self.signal(&self.alive(), &[Signal::SIGTERM, Signal::SIGCONT]);
        if !self.gone_within(GRACE, |_| true).await {
            self.kill(|_| true).await;
        }
    }

    /// Once the tool has ended: ends what is left of its session as a closed terminal would, and leaves what was put in the background
    /// on purpose.
    pub async fn hang_up(&self) -> Left {
        let attached = |member: &Member| !member.stays;
        let left: Vec<_> = self.alive().into_iter().filter(attached).collect();
        if !left.is_empty() {
            self.signal(&left, &[Signal::SIGHUP, Signal::SIGTERM, Signal::SIGCONT]);
            if !self.gone_within(LEFT_GRACE, attached).await {
                self.kill(attached).await;
            }
        }
        if self.alive().is_empty() { Left::Nothing } else { Left::Background }
    }

    pub fn is_gone(&self) -> bool {
        self.alive().is_empty()
    }

    /// Whether one of them sleeps in a read of the terminal.
    pub fn reads(&self, terminal: &std::path::Path) -> bool {
        self.alive().iter().any(|member| system::reads(member.pid, terminal))
    }

    async fn kill(&self, which: impl Fn(&Member) -> bool) {
        let until = Instant::now() + KILL_MAX;
        while Instant::now() < until {
            let left: Vec<_> = self.alive().into_iter().filter(&which).collect();
            self.signal(&left, &[Signal::SIGKILL]);
            if self.gone_within(LOOK_EVERY, &which).await {
                return;
            }
        }
    }

    async fn gone_within(&self, limit: Duration, which: impl Fn(&Member) -> bool) -> bool {
        let until = Instant::now() + limit;
        loop {
            if !self.alive().iter().any(&which) {
                return true;
            }
            if Instant::now() >= until {
                return false;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    fn signal(&self, members: &[Member], signals: &[Signal]) {
        for member in members {
            for signal in signals {
                kill(Pid::from_raw(member.pid), *signal).ok();
            }
        }
    }

    /// Those that run. What has ended and is this process's to reap is reaped; the tool itself is reaped by whoever started it.
    fn alive(&self) -> Vec<Member> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let tools = TOOLS.read().unwrap_or_else(PoisonError::into_inner);
        let members = system::members(&self.mark, self.leader, &seen, &tools);
        drop(tools);
        for member in members.iter().filter(|member| member.pid != self.leader.pid && member.to_reap) {
            nix::sys::wait::waitpid(Pid::from_raw(member.pid), Some(nix::sys::wait::WaitPidFlag::WNOHANG)).ok();
        }
        *seen = members.iter().map(|member| (member.pid, member.started)).collect();
        members.into_iter().filter(|member| !member.has_ended).collect()
    }
}

/// Kills what any step of this process has started, at once: for a process that is about to exit without waiting for its families.
pub fn kill_all() {
    for pid in system::marked_with(&own_marks()) {
        kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
    }
}

/// What ended a program that did not end itself.
pub fn signal_of(status: ExitStatus) -> Option<String> {
    let number = status.signal()?;
    Some(Signal::try_from(number).map_or_else(|_| number.to_string(), |signal| signal.to_string()))
}

/// Whoever forgets a family ends it: nothing outlives the show.
impl Drop for Family {
    fn drop(&mut self) {
        self.signal(&self.alive(), &[Signal::SIGKILL]);
        let mut tools = TOOLS.write().unwrap_or_else(PoisonError::into_inner);
        if tools.get(&self.leader.pid) == Some(&self.leader.started) {
            tools.remove(&self.leader.pid);
        }
    }
}

/// Makes orphans come to this process, so that none is lost.
fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_child_subreaper(true) {
        tracing::warn!(%error, "what a tool leaves in the background may outlive the show");
    }
}

#[derive(Debug, Clone)]
struct Member {
    pid: i32,
    started: u64,
    /// A zombie.
    has_ended: bool,
    to_reap: bool,
    stays: bool,
}

fn own_marks() -> String {
    format!("{}-", std::process::id())
}

/// By `/proc`: Linux tells who descends from whom.
#[cfg(target_os = "linux")]
mod system {
    use super::{Leader, MARK, Member, own_marks};
    use nix::libc;
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::{Path, PathBuf};

    #[derive(Debug, Clone)]
    struct Process {
        pid: i32,
        started: u64,
        parent: i32,
        session: i32,
        has_ended: bool,
    }

    /// In ticks since the machine's start; 0 of a process that is not there.
    pub fn started(pid: i32) -> u64 {
        read(pid).map_or(0, |process| process.started)
    }

    fn processes() -> Vec<Process> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter_map(read).collect()
    }

    /// `PID (NAME) STATE PARENT GROUP SESSION …`, with the start as 22nd field; a name may hold blanks and brackets.
    fn read(pid: i32) -> Option<Process> {
        let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        let text = String::from_utf8_lossy(&text);
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<i32>().ok();
        Some(Process {
            pid,
            has_ended: matches!(*fields.first()?, "Z" | "X"),
            parent: number(1)?,
            session: number(3)?,
            started: fields.get(19)?.parse().ok()?,
        })
    }

    /// All below this process that carry the mark, or are of the tool's session, or were seen before, or came to this process as orphans
    /// without either; and all that descends from one of them.
    pub fn members(mark: &str, leader: Leader, seen: &BTreeMap<i32, u64>, tools: &BTreeMap<i32, u64>) -> Vec<Member> {
        let is_tool = |process: &Process| tools.get(&process.pid) == Some(&process.started);
        let own = i32::try_from(std::process::id()).unwrap_or_default();
        let all: BTreeMap<i32, Process> = processes().into_iter().map(|process| (process.pid, process)).collect();
        let Some(this) = all.get(&own) else { return Vec::new() };
        let mut children: BTreeMap<i32, Vec<&Process>> = BTreeMap::new();
        for process in all.values() {
            children.entry(process.parent).or_default().push(process);
        }
        let belongs = |process: &Process| {
            if process.session == leader.pid {
                return true;
            }
            if is_tool(process) || tools.contains_key(&process.session) {
                return false;
            }
            if seen.get(&process.pid) == Some(&process.started) {
                return true;
            }
            match marked(process.pid) {
                Some(found) if found == mark => return true,
                // Another step's.
                Some(found) if found.starts_with(&own_marks()) => return false,
                Some(_) | None => {}
            }
            process.parent == own
                && process.session != this.session
                && process.started >= leader.started
                && leader.started > 0
                && !process.has_ended
        };
        let mut found = Vec::new();
        let mut known = BTreeSet::from([own]);
        let mut open: Vec<(&Process, bool)> =
            children.get(&own).into_iter().flatten().map(|child| (*child, false)).collect();
        while let Some((process, is_of_member)) = open.pop() {
            if !known.insert(process.pid) {
                continue;
            }
            let is_member = is_of_member || belongs(process);
            open.extend(children.get(&process.pid).into_iter().flatten().map(|child| (*child, is_member)));
            if is_member {
                found.push(Member {
                    pid: process.pid,
                    started: process.started,
                    has_ended: process.has_ended,
                    to_reap: process.has_ended && process.parent == own,
                    stays: process.session != leader.pid || is_deaf_to_hang_up(process.pid),
                });
            }
        }
        found
    }

    /// All whose mark begins so.
    pub fn marked_with(prefix: &str) -> impl Iterator<Item = i32> {
        let pids = processes().into_iter().map(|process| process.pid);
        pids.filter(move |pid| marked(*pid).is_some_and(|mark| mark.starts_with(prefix)))
    }

    fn marked(pid: i32) -> Option<String> {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
        let prefix = format!("{MARK}=");
        let mut variables = environment.split(|byte| *byte == 0);
        let value = variables.find_map(|variable| variable.strip_prefix(prefix.as_bytes()))?;
        Some(String::from_utf8_lossy(value).into_owned())
    }

    /// As `nohup` makes its program.
    fn is_deaf_to_hang_up(pid: i32) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
        ignored & (1 << (libc::SIGHUP - 1)) != 0
    }

    /// One of its threads, by the system call that it sleeps in; where that may not be known, by the place in the kernel.
    pub fn reads(pid: i32, terminal: &Path) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        threads.map(|thread| thread.path()).any(|thread| {
            let text = |name: &str| std::fs::read_to_string(thread.join(name)).unwrap_or_default();
            let call = text("syscall");
            let mut words = call.split_whitespace();
            match (words.next(), words.next()) {
                (Some(number), Some(file)) if number == libc::SYS_read.to_string() => {
                    let file = u32::from_str_radix(file.trim_start_matches("0x"), 16).unwrap_or_default();
                    let file = std::fs::read_link(format!("/proc/{pid}/fd/{file}")).unwrap_or_default();
                    [terminal, Path::new("/dev/tty")].contains(&PathBuf::as_path(&file))
                }
                (Some(_), _) => false,
                (None, _) => text("wchan") == "n_tty_read",
            }
        })
    }
}

/// Where there is no `/proc`, the tool's own group is all that is known.
#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Leader, Member};
    use nix::sys::signal::killpg;
    use nix::unistd::Pid;
    use std::collections::BTreeMap;
    use std::path::Path;

    pub fn started(_pid: i32) -> u64 {
        0
    }

    /// The group as one: a signal to a negative number is for all of it.
    pub fn members(
        _mark: &str,
        leader: Leader,
        _seen: &BTreeMap<i32, u64>,
        _tools: &BTreeMap<i32, u64>,
    ) -> Vec<Member> {
        let is_there = killpg(Pid::from_raw(leader.pid), None).is_ok();
        let group = Member { pid: -leader.pid, started: 0, has_ended: false, to_reap: false, stays: false };
        is_there.then_some(group).into_iter().collect()
    }

    /// A mark is in the environment, which nobody here may read.
    pub fn marked_with(_prefix: &str) -> impl Iterator<Item = i32> {
        std::iter::empty()
    }

    pub fn reads(_pid: i32, _terminal: &Path) -> bool {
        false
    }
}
