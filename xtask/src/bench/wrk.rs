//! wrk: load over HTTP from a C program that costs less than the servers it measures. Its script makes the requests.

use super::data::ground;
use super::server::Server;
use crate::shell;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::process::Command;

/// Blobs that reads of one thread go over, which its writes have made before.
const READ_NAMES: u32 = 100;
/// What the script prints before its figures.
const MARK: &str = "FIGURES ";

/// Names begin with the thread's number, so that no two threads write one blob.
const SCRIPT: &str = r#"
local threads = 0
function setup(thread)
  thread:set("id", threads)
  threads = threads + 1
end
function init(args)
  method, path, query, names = args[1], args[2], args[3], tonumber(args[5])
  headers = { ["x-ms-version"] = "2021-12-02" }
  if method == "PUT" then
    headers["x-ms-blob-type"] = "BlockBlob"
    body = string.rep("greenroom bench ", tonumber(args[4]) / 16)
  end
  count, first = 0, tonumber(args[6])
end
function request()
  count = count + 1
  return wrk.format(method, path .. id .. "-" .. (first + count % names) .. query, headers, body)
end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("FIGURES %d %f %f %d\n", summary.requests, summary.requests / summary.duration * 1e6,
    latency:percentile(99) / 1000, e.connect + e.read + e.write + e.status + e.timeout))
end
"#;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Put,
    Get,
}

/// Blobs of one size, moved over some connections at a time.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub name: &'static str,
    pub folder: &'static str,
    pub bytes: u64,
    pub connections: u32,
    /// How many blobs one thread writes before it begins again with the first: 3 at least.
    pub names: u32,
}

#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub requests: u64,
    pub per_s: f64,
    pub p99_ms: f64,
}

/// Loads a server for some seconds. Any answer that is no success fails the benchmark.
pub fn load(server: &Server, shape: &Shape, method: Method, seconds: u32) -> Result<Load> {
    let script = ground().join("wrk.lua");
    fs::write(&script, SCRIPT).context("write wrk's script")?;
    let url = server.url(shape.folder);
    let (address, query) = url.split_once('?').unwrap_or((&url, ""));
    let path = address.splitn(4, '/').last().context("take the address apart")?;
    // wrk asks the first thread for one request that it never sends, so the name 1 of that thread may be missing.
    let (method, first, names) = match method {
        Method::Put => ("PUT", 0, shape.names),
        Method::Get => ("GET", 2, READ_NAMES.min(shape.names - 2)),
    };
    let mut wrk = Command::new("wrk");
    // A thread has at least one connection.
    let threads = shape.connections.min(2);
    wrk.args(["--threads", &threads.to_string(), "--timeout", "60s"]);
    wrk.args(["--connections", &shape.connections.to_string()]);
    wrk.args(["--duration", &format!("{seconds}s"), "--script"]).arg(script).arg(address).arg("--");
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    wrk.args([method, &format!("/{path}/"), &query, &shape.bytes.to_string(), &names.to_string(), &first.to_string()]);
    let said = shell::capture(&mut wrk).context("load the server with wrk")?;
    let line = said.lines().find_map(|line| line.strip_prefix(MARK)).context("find the figures in what wrk said")?;
    let figures: Vec<f64> = line.split(' ').filter_map(|figure| figure.parse().ok()).collect();
    let [requests, per_s, p99_ms, errors] = figures[..] else { anyhow::bail!("wrk said '{line}'") };
    ensure!(errors == 0.0, "{errors} of {requests} requests failed ({method} {})", shape.name);
    Ok(Load { requests: requests as u64, per_s, p99_ms })
}
