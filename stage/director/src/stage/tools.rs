//! Runs a demo's tools: what they get of this machine, what they say, and what the stack moved meanwhile.

use super::Stage;
use super::runner::Seen;
use crate::mover;
use crate::parse::quoted;
use crate::stack::Client;
use crate::system;
use crate::tool::{self, Heard, Invocation, StandIn};
use crate::workshop::Filled;
use greenroom_model::{AccountName, TenantName};
use greenroom_show::Event;
use greenroom_show::unit::Unit;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// Of a tool's output, what is looked through for the words of a failure.
const SAID_BYTES: usize = 64 << 10;

impl Stage {
    pub(super) async fn run_tool(
        self: &Arc<Self>,
        group: &str,
        tool: &str,
        args: &[String],
        fails_with: Option<&str>,
        cancel: &CancellationToken,
    ) -> Seen {
        let client = self.client()?;
        let leaked = self.leaked();
        let mut filled = Vec::new();
        for arg in args {
            let of = |account: &AccountName| self.client_of(account).unwrap_or_else(|_| client.clone());
            filled.push(self.backstage.workshop.fill(arg, of, &leaked).await.map_err(|error| error.to_string())?);
        }
        let shown: Vec<_> = filled.iter().map(|filled| quoted(&filled.shown)).collect();
        self.prompt(&format!("{tool} {}", shown.join(" ")));
        let own = self.own_tenants(&client, &filled).await;
        let before = self.moved(&client, &own).await;
        let began = self.watch.now();
        let said = Mutex::new(String::new());
        let show = |text: String| {
            keep_last(&mut said.lock().unwrap_or_else(PoisonError::into_inner), &text);
            self.emit(Event::Output(text));
        };
        let hear = |heard: Heard| {
            match heard {
            Heard::Output(text) => show(text),
            Heard::Waits => self.notice(format!(
                "{tool} seems to wait for somebody to type, and nobody can: K stops it; give it its answers in the step's line"
            )),
        }
        };
        let ran = match (self.loaded().tools.get(tool), StandIn::of(tool)) {
            (Some(Some(found)), _) => {
                let invocation = self.invocation(&found.program, tool, &filled);
                let background = &self.backstage.background;
                tool::run(invocation, hear, cancel, background).await.map_err(|error| error.to_string())
            }
            (_, Some(StandIn::Mover)) => {
                self.emit(Event::Output(
                    "\x1b[2mAzCopy is not installed: the built-in mover does it\x1b[0m\r\n".into(),
                ));
                let words: Vec<_> = filled.into_iter().map(|filled| filled.word).collect();
                mover::run(&words, show, cancel).await.map_err(|error| error.to_string())
            }
            (_, Some(StandIn::Nothing)) => Ok(()),
            (_, None) => return Err(format!("{tool} is not installed: install it, or press V for the recorded take")),
        };
        let seconds = (self.watch.now() - began) as f64 / 1e6;
        let after = self.moved(&client, &own).await;
        self.measured(group, seconds, before.zip(after).map(|(before, after)| after.saturating_sub(before)));
        let said = said.into_inner().unwrap_or_else(PoisonError::into_inner);
        match (ran, fails_with) {
            (ran, None) => ran.map(|()| String::new()),
            (Err(why), Some(_)) if cancel.is_cancelled() => Err(why),
            (Err(why), Some(wanted)) if said.contains(wanted) || why.contains(wanted) => {
                Ok(format!("refused, as it should be: {wanted}"))
            }
            (Err(why), Some(wanted)) => Err(format!("it failed without '{wanted}': {why}")),
            (Ok(()), Some(wanted)) => Err(format!("it went through, and should have failed with '{wanted}'")),
        }
    }

    /// The tenants whose accounts a tool was led to.
    async fn own_tenants(&self, client: &Client, filled: &[Filled]) -> BTreeSet<TenantName> {
        let own: BTreeSet<_> = filled.iter().flat_map(|filled| &filled.accounts).collect();
        if own.is_empty() {
            return BTreeSet::new();
        }
        let all = client.accounts().await.unwrap_or_default();
        all.into_iter().filter(|account| own.contains(&account.name)).map(|account| account.tenant).collect()
    }

    /// Bytes that tenants have moved until now, but for what Greenroom's own loads move for them. Nothing where there is none to ask for.
    async fn moved(&self, client: &Client, tenants: &BTreeSet<TenantName>) -> Option<u64> {
        if tenants.is_empty() {
            return None;
        }
        let metrics = client.metrics().await.ok()?;
        let own = metrics.tenants.iter().filter(|(name, _)| tenants.contains(name));
        let all: u64 = own.map(|(_, tenant)| tenant.bytes_in + tenant.bytes_out).sum();
        Some(all.saturating_sub(self.backstage.loads.bytes(tenants)))
    }

    /// Figures of a tool's run: how long it took, and what its own accounts moved meanwhile, where it has any.
    fn measured(&self, group: &str, seconds: f64, moved: Option<u64>) {
        let figure = |name: &str, value: f64, unit: Unit| {
            self.emit(Event::Figure { name: format!("{group}.{name}"), value, unit });
        };
        figure("seconds", seconds, Unit::Seconds);
        let Some(moved) = moved.map(|moved| moved as f64) else { return };
        figure("bytes", moved, Unit::Bytes);
        if seconds > 0.0 {
            figure("bytes_per_s", moved / seconds, Unit::BytesPerSecond);
        }
    }

    fn invocation(&self, program: &Path, tool: &str, filled: &[Filled]) -> Invocation {
        let home = self.backstage.workshop.home();
        let folder = |name: &str| home.join(name).display().to_string();
        let mut env: BTreeMap<String, String> = [
            ("HOME", home.display().to_string()),
            ("LANG", "C.UTF-8".into()),
            ("NO_PROXY", "127.0.0.1,localhost".into()),
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("TERM", "xterm-256color".into()),
        ]
        .map(|(name, value)| (name.to_string(), value))
        .into();
        let handed_on = system::HANDED_ON.map(|name| (name.to_string(), std::env::var(name).unwrap_or_default()));
        env.extend(handed_on);
        if tool == "azcopy" {
            env.insert("AZCOPY_LOG_LOCATION".into(), folder("azcopy-logs"));
            env.insert("AZCOPY_JOB_PLAN_LOCATION".into(), folder("azcopy-plans"));
            env.insert("AZCOPY_DISABLE_SYSLOG".into(), "true".into());
        }
        let args = filled.iter().map(|filled| filled.word.clone()).collect();
        let private = self.backstage.workshop.folder().to_path_buf();
        let (folder, secrets) = (self.backstage.workshop.data(), self.secrets.clone());
        Invocation { program: program.to_path_buf(), args, env, folder, private, secrets }
    }
}

/// Adds to what was said, and forgets what was said long ago.
fn keep_last(said: &mut String, text: &str) {
    said.push_str(text);
    if said.len() > 2 * SAID_BYTES {
        let from = (said.len() - SAID_BYTES..said.len()).find(|at| said.is_char_boundary(*at)).unwrap_or_default();
        said.drain(..from);
    }
}
