//! The real AzCopy. A test that needs it fails where it is not installed: it must not pass without having run.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

/// Of one run; generous, and only there so that a hang fails instead of hanging.
const RUN_MAX: Duration = Duration::from_secs(180);
/// On top, for each file of a large job.
const FILE_MAX: Duration = Duration::from_millis(20);

pub struct AzCopy {
    program: PathBuf,
    run_max: Duration,
    /// Job plans and logs.
    home: TempDir,
}

impl AzCopy {
    pub fn find() -> AzCopy {
        let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/azcopy/azcopy");
        let program = std::env::var_os("GREENROOM_AZCOPY").map_or(installed, PathBuf::from);
        assert!(program.is_file(), "AzCopy is not at {}: run `cargo xtask setup`", program.display());
        AzCopy { program, run_max: RUN_MAX, home: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Runs may take as long as so many files do.
    pub fn expect_files(&mut self, files: u32) {
        self.run_max = RUN_MAX + FILE_MAX * files;
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg("--skip-version-check");
        self.at_home(command)
    }

    fn at_home(&self, mut command: Command) -> Command {
        command.stdin(Stdio::null()).kill_on_drop(true);
        command.env_clear().env("HOME", self.home.path()).env("PATH", "/usr/bin:/bin");
        command.env("AZCOPY_LOG_LOCATION", self.home.path()).env("AZCOPY_JOB_PLAN_LOCATION", self.home.path());
        command.env("AZCOPY_CONCURRENCY_VALUE", "8").env("AZCOPY_DISABLE_SYSLOG", "true");
        command
    }

    /// Runs a line as it is, by a shell in a folder, as a user does who pastes it; what it printed.
    pub async fn paste(&self, folder: &Path, line: &str) -> String {
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(folder);
        let mut shell = self.at_home(shell);
        shell.env("PATH", format!("{}:/usr/bin:/bin", self.program.parent().expect("a folder").display()));
        let output = tokio::time::timeout(self.run_max, shell.output()).await;
        let output = output.expect("AzCopy ends in time").expect("a shell runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// Runs to the end, which must be a good one; what it printed.
    pub async fn run(&self, arguments: &[&str]) -> String {
        let (good, said) = self.attempt(arguments).await;
        assert!(good, "azcopy {} failed:\n{said}\n{}", arguments[0], self.complaints());
        said
    }

    /// What the logs of the runs so far hold of failures.
    fn complaints(&self) -> String {
        let logs = std::fs::read_dir(self.home.path()).expect("the logs").map(|entry| entry.expect("a log").path());
        let texts = logs.filter(|path| path.extension().is_some_and(|end| end == "log"));
        let texts = texts.map(|path| std::fs::read_to_string(path).expect("a log"));
        let found = texts
            .flat_map(|text| text.lines().filter(|line| line.contains("ERR")).map(String::from).collect::<Vec<_>>());
        found.collect::<Vec<_>>().join("\n")
    }

    pub async fn attempt(&self, arguments: &[&str]) -> (bool, String) {
        let output = tokio::time::timeout(self.run_max, self.command(arguments).output()).await;
        let output = output.expect("AzCopy ends in time").expect("AzCopy runs");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// As `attempt`, with variables of its own, and answers to what AzCopy asks.
    pub async fn attempt_with(&self, arguments: &[&str], variables: &[(&str, &str)], says: &str) -> (bool, String) {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("AzCopy runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        // AzCopy may end without having asked.
        let _ = stdin.write_all(says.as_bytes()).await;
        drop(stdin);
        let output = tokio::time::timeout(self.run_max, child.wait_with_output()).await;
        let output = output.expect("AzCopy ends in time").expect("AzCopy runs");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// As `run`, with an answer to each question, given once it has been asked.
    pub async fn run_asked(&self, arguments: &[&str], answers: &[&str]) -> String {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("AzCopy runs");
        let (mut stdin, mut stdout) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        let (mut said, mut buffer) = (Vec::new(), [0; 4096]);
        let mut answers = answers.iter();
        let running = async {
            let mut asked = 0;
            loop {
                let read = stdout.read(&mut buffer).await.expect("what it says");
                if read == 0 {
                    return;
                }
                said.extend_from_slice(&buffer[..read]);
                let questions = String::from_utf8_lossy(&said).matches("Please confirm with").count();
                while asked < questions {
                    asked += 1;
                    let answer = answers.next().expect("it asks no more than is answered");
                    stdin.write_all(format!("{answer}\n").as_bytes()).await.expect("it listens");
                }
            }
        };
        tokio::time::timeout(RUN_MAX, running).await.expect("AzCopy ends in time");
        let status = child.wait().await.expect("a status");
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(status.success() && answers.next().is_none(), "{said}");
        said
    }

    /// All that it has logged.
    pub fn log(&self) -> String {
        let files = std::fs::read_dir(self.home.path()).expect("its home").map(|file| file.expect("an entry").path());
        let logs = files.filter(|path| path.extension().is_some_and(|ending| ending == "log"));
        logs.map(|path| String::from_utf8_lossy(&std::fs::read(path).expect("a log")).into_owned()).collect()
    }

    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::null()).spawn().expect("AzCopy runs")
    }
}
