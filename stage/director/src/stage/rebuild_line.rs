//! `stack rebuild`: the stack's program makes its disk anew from the cloud, and tells what came of it.

use super::Stage;
use super::nodes::SECRET;
use super::runner::Seen;
use super::supervise::Order;
use crate::vault;
use crate::words::last_line;
use greenroom_model::TenantName;
use greenroom_show::Event;
use greenroom_show::unit::{Unit, grouped};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use std::process::Stdio;
use std::sync::Arc;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

/// Of each kind, on the terminal.
const LINES_MAX: usize = 4;

/// What `greenroom-stack rebuild --json` says.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(Clone))]
struct Report {
    blobs: u64,
    bytes: u64,
    lost: Vec<String>,
    faults: Vec<serde_json::Value>,
    uncertain: Uncertain,
    sealed: Vec<Sealed>,
    unfinished: Vec<serde_json::Value>,
    older: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Uncertain {
    blobs: u64,
}

/// What of a tenant nobody could open.
#[derive(Debug, Clone, Deserialize)]
struct Sealed {
    tenant: String,
    objects: u64,
    bytes: u64,
    because: String,
}

impl Stage {
    /// `left`: tenants of which nothing can be opened, and nothing may be.
    pub(super) async fn rebuild(self: &Arc<Self>, left: &[TenantName], cancel: &CancellationToken) -> Seen {
        if self.backstage.stack.borrow().is_some() {
            return Err("the stack runs: 'stack wipe' comes before".into());
        }
        let began = self.watch.now();
        let output = tokio::select! {
            output = self.rebuild_command()?.output() => output.map_err(|error| error.to_string())?,
            // It ends with what it was about to say.
            () = cancel.cancelled() => return Err("it was stopped, and the disk is rebuilt by half: 'stack wipe', and again".into()),
        };
        let report = serde_json::from_slice::<Report>(&output.stdout).map_err(|_| last_line(&output.stderr))?;
        let seconds = (self.watch.now() - began) as f64 / 1e6;
        self.say_lines(report.lines());
        report.judge(left)?;
        self.emit(Event::Figure { name: "rebuild.seconds".into(), value: seconds, unit: Unit::Seconds });
        self.order(Order::Start).await?;
        let took = Unit::Seconds.say(seconds);
        Ok(match left {
            [] => format!("rebuilt from the cloud alone in {took}"),
            left => format!("rebuilt in {took}, and nothing of {} could be read", named(left)),
        })
    }

    fn rebuild_command(&self) -> Result<Command, String> {
        let cloud = self.backstage.cloud.borrow().clone().ok_or("there is no cloud to rebuild from")?;
        let folder = self.backstage.homes.borrow().stack_folder(self.backstage.workshop.folder());
        let mut command = Command::new(&self.backstage.stack_program);
        command.args(["rebuild", "--verify", "--json", "--from", &cloud.url, "--data"]).arg(folder);
        command.env(SECRET, cloud.key.expose_secret()).stdin(Stdio::null()).kill_on_drop(true);
        if let Some(vault) = self.backstage.vault.borrow().as_ref() {
            let vault::Client { args, secret } = vault.client();
            command.args(args).env(vault::SECRET, secret.expose_secret());
        }
        Ok(command)
    }
}

impl Report {
    /// Ok where all is back but for what was to be left, and that is.
    fn judge(&self, left: &[TenantName]) -> Result<(), String> {
        let faults = [
            (self.lost.len(), "lost"),
            (self.faults.len(), "damaged in the cloud"),
            (self.older.len(), "older than they were"),
            (self.uncertain.blobs as usize, "uncertain"),
            (self.unfinished.len(), "in segments that no manifest counts"),
        ];
        if let Some((count, how)) = faults.into_iter().find(|(count, _)| *count > 0) {
            return Err(format!("{} objects are {how}", grouped(count as f64)));
        }
        if let Some(Sealed { tenant, because, .. }) =
            self.sealed.iter().find(|sealed| left.iter().all(|name| name.as_str() != sealed.tenant))
        {
            return Err(format!("what {tenant} had could not be opened: {because}"));
        }
        match left.iter().find(|name| self.sealed.iter().all(|sealed| sealed.tenant != name.as_str())) {
            Some(name) => Err(format!("the cloud holds nothing of {name} that could not be opened")),
            None => Ok(()),
        }
    }

    fn lines(&self) -> Vec<String> {
        let blobs =
            format!("  back       {} blobs, {}", grouped(self.blobs as f64), Unit::Bytes.say(self.bytes as f64));
        let left = self.sealed.iter().take(LINES_MAX).map(|Sealed { tenant, objects, bytes, because }| {
            let size = Unit::Bytes.say(*bytes as f64);
            format!("  sealed     {} objects of {tenant}, {size}: {because}", grouped(*objects as f64))
        });
        let lost = self.lost.iter().take(LINES_MAX).map(|lost| format!("  lost       {lost}"));
        std::iter::once(blobs).chain(left).chain(lost).collect()
    }
}

fn named(tenants: &[TenantName]) -> String {
    tenants.iter().map(TenantName::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_back_but_what_was_to_be_left_and_that_is_left() {
        let gold: TenantName = "gold".parse().expect("a good name");
        let (none, gold) = (&[][..], &[gold][..]);
        let clean = Report { blobs: 3, bytes: 4, ..Report::default() };
        let sealed = |tenant: &str| Sealed { tenant: tenant.into(), objects: 1, bytes: 2, because: "erased".into() };
        let of = |tenants: &[&str]| Report { sealed: tenants.iter().copied().map(sealed).collect(), ..clean.clone() };
        let lost = Report { lost: vec!["a: gone".into()], ..of(&["gold"]) };
        let uncertain = Report { uncertain: Uncertain { blobs: 1 }, ..clean.clone() };
        for (report, left, why) in [
            (clean.clone(), none, None),
            (clean.clone(), gold, Some("nothing of gold")),
            (of(&["gold"]), gold, None),
            (of(&["gold"]), none, Some("what gold had")),
            (of(&["gold", "bronze"]), gold, Some("what bronze had")),
            (lost, gold, Some("1 objects are lost")),
            (uncertain, none, Some("uncertain")),
        ] {
            let judged = report.judge(left);
            assert_eq!(judged.is_ok(), why.is_none(), "{report:?}: {judged:?}");
            assert!(why.is_none_or(|why| judged.unwrap_err().contains(why)), "{report:?}");
        }
    }
}
