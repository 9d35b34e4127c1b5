//! Keeps the machine from falling asleep in the middle of a talk, by what its desktop has for that.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// Programs that hold sleep and the screen saver off as long as what they run goes on.
const KEEPERS: [(&str, &[&str]); 3] = [
    ("gnome-session-inhibit", &["--inhibit", "idle:suspend", "--reason", "a talk is on"]),
    ("systemd-inhibit", &["--what=idle:sleep", "--who=Greenroom", "--why=a talk is on", "--mode=block"]),
    ("caffeinate", &["-d", "-i", "-m", "-s"]),
];

/// Those that this machine has.
pub fn keepers() -> Vec<&'static str> {
    KEEPERS.iter().filter(|(name, _)| program(name).is_some()).map(|(name, _)| *name).collect()
}

/// Sleep is off until this is dropped, or this process ends in any way.
#[derive(Debug)]
pub struct Awake {
    keepers: Vec<Child>,
}

impl Awake {
    /// Where a machine has nothing for it, nothing happens: preflight says so.
    pub fn keep() -> Awake {
        let own = std::process::id().to_string();
        let start = |(name, args): &(&str, &[&str])| {
            // What a keeper runs ends with this process, even where that is killed.
            let waits: [&str; 4] = ["tail", "-f", "--pid", &own];
            let mut command = Command::new(program(name)?);
            command.args(*args);
            match *name {
                "caffeinate" => command.args(["-w", &own]),
                _ => command.args(waits).arg("/dev/null"),
            };
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
        };
        Awake { keepers: KEEPERS.iter().filter_map(start).collect() }
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        for keeper in &mut self.keepers {
            // One that has ended by itself is no trouble.
            let _ = keeper.kill();
            let _ = keeper.wait();
        }
    }
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}
