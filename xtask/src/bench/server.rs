//! The servers that are compared, each a child process with a fresh data folder and the same account.

use super::{data, machine, sas};
use crate::build::Profile;
use crate::family::{Family, ended};
use crate::setup::{self, Scope};
use crate::{paths, requirement, shell, system};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::fmt::Debug;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Azurite needs a second or two on a busy machine; a server that takes this long has failed.
const START_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);
pub const CONTAINER: &str = "bench";
/// In the stack's data folder.
const TOKEN_FILE: &str = "control.token";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Greenroom,
    Azurite,
    /// Files by WebDAV: no Blob protocol, and nothing between the socket and the disk.
    Nginx,
}

#[derive(Debug)]
pub struct Server {
    process: Family,
    address: SocketAddr,
    /// Greenroom's control API.
    control: SocketAddr,
    kind: Kind,
    folder: Folder,
}

/// A server's data, removed after the server's end.
#[derive(Debug)]
struct Folder(PathBuf);

/// What a server used while something ran.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    pub cpu_s: f64,
    pub memory_peak_mib: f64,
}

/// Builds the stack, starts one, and has rounds run on it with something off and on, in turns: each comes first as often as last.
pub fn in_turns<S: Copy + Debug, T>(
    repeats: u8,
    what: &str,
    [off, on]: [S; 2],
    round: impl Fn(&Server, S, u8) -> Result<Vec<T>>,
) -> Result<Vec<T>> {
    setup::ensure(Scope::Bench)?;
    shell::step("Build the stack", || {
        shell::run(&mut shell::cargo("build --release -p greenroom-node --bin greenroom-stack"))
    })?;
    let server = Server::start(Kind::Greenroom)?;
    let mut samples = Vec::new();
    for repeat in 0..repeats {
        for switch in if repeat % 2 == 0 { [off, on] } else { [on, off] } {
            let name = format!("Run {} of {repeats}: {what} {switch:?}", repeat + 1);
            samples.extend(shell::step(&name, || round(&server, switch, repeat))?);
        }
    }
    Ok(samples)
}

impl Server {
    pub fn start(kind: Kind) -> Result<Self> {
        Self::start_with(kind, &[])
    }

    /// With options of its own.
    pub fn start_with(kind: Kind, options: &[&str]) -> Result<Self> {
        Self::start_named(kind, &format!("{kind:?}").to_lowercase(), options)
    }

    /// In a folder of its own too, beside others of its kind.
    pub fn start_named(kind: Kind, name: &str, options: &[&str]) -> Result<Self> {
        let folder = data::ground().join(name);
        paths::remove_folder(&folder)?;
        fs::create_dir_all(&folder).context("create the server's data folder")?;
        let (address, control) = (free_address()?, free_address()?);
        let mut command = match kind {
            Kind::Greenroom => {
                let mut stack = Command::new(Profile::Release.program("greenroom-stack"));
                stack.args(["serve", "--dev-account", "--blob"]).arg(address.to_string());
                stack.arg("--control").arg(control.to_string()).arg("--data").arg(&folder);
                stack
            }
            Kind::Azurite => {
                let mut azurite = Command::new(requirement::node_program("azurite", "azurite-blob"));
                azurite.args(["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--blobHost", "127.0.0.1"]);
                azurite.args(["--blobPort", &address.port().to_string()]).arg("--location").arg(&folder);
                azurite
            }
            Kind::Nginx => {
                let config = folder.join("nginx.conf");
                fs::write(&config, nginx_config(&folder, address)).context("write nginx's configuration")?;
                let mut nginx = Command::new(paths::program("nginx").context("find nginx")?);
                nginx.arg("-p").arg(&folder).arg("-e").arg(folder.join("errors")).arg("-c").arg(config);
                nginx
            }
        };
        let process = Family::start(command.args(options).stdout(Stdio::null()).stderr(Stdio::null()));
        let process = process.with_context(|| format!("start {kind:?}"))?;
        let mut server = Self { process, address, control, kind, folder: Folder(folder) };
        server.wait_until_ready()?;
        match kind {
            Kind::Greenroom | Kind::Azurite => server.make_container()?,
            Kind::Nginx => {
                fs::create_dir_all(server.folder.0.join("files").join(CONTAINER)).context("create nginx's folder")?
            }
        }
        Ok(server)
    }

    /// The address of a folder in the container, with the right to use it.
    pub fn url(&self, path: &str) -> String {
        match self.kind {
            Kind::Greenroom | Kind::Azurite => {
                format!("http://{}/{}/{CONTAINER}/{path}?{}", self.address, sas::ACCOUNT, sas::token())
            }
            Kind::Nginx => format!("http://{}/{CONTAINER}/{path}", self.address),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A call of Greenroom's control API, by hand. HTTP/1.0, so that the answer comes whole and ends with the connection.
    pub fn call(&self, method: &str, path: &str, body: &str) -> Result<Value> {
        let token = fs::read_to_string(self.folder.0.join(TOKEN_FILE)).context("read the control API's token")?;
        let mut stream = TcpStream::connect(self.control).context("connect to the control API")?;
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.control,
            token.trim(),
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).context("read the control API's answer")?;
        let (head, body) = answer.split_once("\r\n\r\n").context("read the control API's answer")?;
        ensure!(head.split(' ').nth(1).is_some_and(|status| status.starts_with('2')), "{method} {path}: {answer}");
        if body.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_str(body)?) }
    }

    pub fn admission(&self, state: &str) -> Result<()> {
        self.call("PUT", "/v1/admission", &json!({ "state": state }).to_string()).map(drop)
    }

    /// What a request line names: `url` without the server.
    pub fn target(&self, path: &str) -> String {
        let url = self.url(path);
        let host = format!("http://{}", self.address);
        url.strip_prefix(&host).unwrap_or(&url).to_owned()
    }

    /// Runs `work` and says what the server used for it.
    pub fn watch<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(T, Usage)> {
        // "5" resets the peak of the resident set, see proc_pid_clear_refs(5).
        fs::write(self.proc("clear_refs"), "5").context("reset the server's peak memory")?;
        let before = self.cpu_s()?;
        let result = work()?;
        let usage = Usage { cpu_s: self.cpu_s()? - before, memory_peak_mib: self.memory_peak_mib()? };
        Ok((result, usage))
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.process.id())
    }

    /// User and system time of all threads: fields 14 and 15 of proc_pid_stat(5), in ticks of 10 ms.
    fn cpu_s(&self) -> Result<f64> {
        let stat = fs::read_to_string(self.proc("stat")).context("read the server's CPU time")?;
        let (_, fields) = stat.rsplit_once(") ").context("read the server's CPU time")?;
        let ticks: f64 = fields.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
        Ok(ticks / 100.0)
    }

    fn memory_peak_mib(&self) -> Result<f64> {
        let peak = machine::value(&self.proc("status"), "VmHWM").context("read the server's peak memory")?;
        let kib: f64 = peak.trim_end_matches(" kB").parse().context("read the server's peak memory")?;
        Ok(kib / 1024.0)
    }

    #[expect(clippy::disallowed_methods, reason = "Azurite gives no other sign of being ready than its port")]
    fn wait_until_ready(&mut self) -> Result<()> {
        let start = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.process.child().try_wait()? {
                bail!("{:?} ended at start ({})", self.kind, ended(status));
            }
            if start.elapsed() > START_MAX {
                bail!("{:?} does not listen after {START_MAX:?}", self.kind);
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// A page of the container's list, as XML.
    pub fn list(&self, marker: &str) -> Result<String> {
        let query = format!("restype=container&comp=list&maxresults=5000&marker={}", percent_encoded(marker));
        let answer = self.ask("GET", &query)?;
        if !answer.contains(" 200 OK\r\n") {
            bail!("{:?} does not list: {}", self.kind, answer.lines().next().unwrap_or_default());
        }
        Ok(answer)
    }

    /// AzCopy makes no container on path-style addresses.
    fn make_container(&self) -> Result<()> {
        let answer = self.ask("PUT", "restype=container")?;
        if !answer.contains(" 201 Created\r\n") {
            bail!("{:?} made no container: {answer}", self.kind);
        }
        Ok(())
    }

    /// One request about the container, by hand. HTTP/1.0, so that the answer comes whole and ends with the connection.
    fn ask(&self, method: &str, query: &str) -> Result<String> {
        let mut stream = TcpStream::connect(self.address).context("connect to the server")?;
        let (account, token) = (sas::ACCOUNT, sas::token());
        write!(
            stream,
            "{method} /{account}/{CONTAINER}?{query}&{token} HTTP/1.0\r\nHost: {}\r\nx-ms-version: 2021-12-02\r\n\
             Content-Length: 0\r\n\r\n",
            self.address
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).context("read the server's answer")?;
        Ok(answer)
    }
}

/// Everything on disk in one folder, GET by sendfile, PUT by WebDAV.
fn nginx_config(folder: &Path, address: SocketAddr) -> String {
    let place = |name: &str| folder.join(name).display().to_string();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("  {name}_temp_path {};\n", place(&format!("temporary-{name}"))))
        .concat();
    // Started by root, its workers would be somebody who may not write here.
    let user = if system::root() { "user root;\n" } else { "" };
    format!(
        "{user}daemon off;\nworker_processes auto;\npid {};\nevents {{ worker_connections 512; }}\nhttp {{\n{temporary}  \
         access_log off;\n  sendfile on;\n  keepalive_requests 10000000;\n  client_max_body_size 0;\n  server {{\n    \
         listen {address};\n    root {};\n    location / {{ dav_methods PUT; create_full_put_path on; }}\n  }}\n}}\n",
        place("pid"),
        place("files"),
    )
}

fn percent_encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing to be done about a folder that is gone already.
        let _ = paths::remove_folder(&self.0);
    }
}

/// Free a moment ago, which is as good as it gets for a server that cannot pick a port and say which.
fn free_address() -> Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).context("find a free port")
}
