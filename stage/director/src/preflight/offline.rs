//! Offline proof: a demo is run where nothing but loopback can be reached, and whatever tries to reach out is named.

use crate::places::Places;
use crate::tool;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::process::{Command, Stdio};

/// What is needed to deny the network, and to see who asks for it.
const NEEDED: [(&str, &str); 3] = [("unshare", "util-linux"), ("ip", "iproute2"), ("strace", "strace")];
/// Attempts that are named.
const NAMED_MAX: usize = 5;

/// What became of a demo without a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    pub demo: String,
    pub passed: bool,
    /// Who tried to reach what, each once.
    pub attempts: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    #[error("'{program}' is missing: install the package {package}")]
    Missing { program: &'static str, package: &'static str },
    #[error("the network cannot be denied here: {detail}")]
    Denied { detail: String },
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Runs a demo by `greenroom`, the program of this process, in a network that has loopback alone.
pub fn prove(places: &Places, demo: &str) -> Result<Proof, OfflineError> {
    for (program, package) in NEEDED {
        tool::find(places, program).ok_or(OfflineError::Missing { program, package })?;
    }
    let log = std::env::temp_dir().join(format!("greenroom-offline-{}-{demo}", std::process::id()));
    let run = "ip link set lo up && exec strace -f --seccomp-bpf -qq -Y -e trace=connect,sendto,sendmsg -e signal=none -o \"$0\" \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--", "sh", "-c", run]).arg(&log);
    command.arg(std::env::current_exe()?).args(places.arguments()).args(["demo", "run", demo, "--headless"]);
    let output = command.stdin(Stdio::null()).output()?;
    let text = std::fs::read_to_string(&log);
    // What was traced has been read, or there is nothing to remove.
    let _ = std::fs::remove_file(&log);
    let text = text.map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        OfflineError::Denied { detail: said.lines().last().unwrap_or("no reason given").to_string() }
    })?;
    Ok(Proof { demo: demo.to_string(), passed: output.status.success(), attempts: attempts(&text) })
}

/// Who tried to reach an address other than loopback's, by a trace of system calls.
fn attempts(trace: &str) -> Vec<String> {
    let seen: BTreeSet<String> = trace.lines().filter_map(attempt).collect();
    seen.into_iter().take(NAMED_MAX).collect()
}

/// A line such as `812<azcopy> connect(9, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("203.0.113.9")}, 16) = -1 …`.
fn attempt(line: &str) -> Option<String> {
    let who = line.split_once('<')?.1.split_once('>')?.0;
    let address = between(line, "inet_addr(\"", "\"").or_else(|| between(line, "inet_pton(AF_INET6, \"", "\""))?;
    let ip: IpAddr = address.parse().ok()?;
    if ip.is_loopback() || ip.is_unspecified() || ip.to_canonical().is_loopback() {
        return None;
    }
    let port = between(line, "htons(", ")")?;
    Some(match port {
        // A connection to no port sends nothing: it asks which address would be used.
        "0" => return None,
        "53" => format!("{who} asked {ip} to resolve a name"),
        port => format!("{who} tried {ip}, port {port}"),
    })
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    Some(text.split_once(from)?.1.split_once(to)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_reaches_out_is_named_once_and_loopback_is_nobodys_business() {
        let trace = r#"
812<azcopy> connect(9, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("203.0.113.9")}, 16) = -1 ENETUNREACH (Network is unreachable)
812<azcopy> connect(9, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("203.0.113.9")}, 16) = -1 ENETUNREACH (Network is unreachable)
812<azcopy> connect(9, {sa_family=AF_INET, sin_port=htons(41233), sin_addr=inet_addr("127.0.0.1")}, 16) = -1 EINPROGRESS (Operation now in progress)
815<rclone> connect(4, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=0}, 28) = -1 ENETUNREACH
815<rclone> connect(4, {sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::1", &sin6_addr), sin6_scope_id=0}, 28) = 0
816<tool> sendto(5, "...", 40, MSG_NOSIGNAL, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("192.0.2.53")}, 16) = -1 ENETUNREACH
817<getaddrinfo> connect(5, {sa_family=AF_INET, sin_port=htons(0), sin_addr=inet_addr("203.0.113.9")}, 16) = -1
818<stack> connect(3, {sa_family=AF_UNIX, sun_path="/run/x"}, 110) = 0
"#;
        assert_eq!(
            attempts(trace),
            [
                "azcopy tried 203.0.113.9, port 443",
                "rclone tried 2001:db8::1, port 443",
                "tool asked 192.0.2.53 to resolve a name"
            ]
        );
    }
}
