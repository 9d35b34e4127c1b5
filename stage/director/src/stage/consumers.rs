//! Consumers of a demo: each a program of its own, `greenroom-stack events tail`, that takes what changes in an account and shows every
//! change as it comes. One that is killed begins again where it had come to.

use super::Stage;
use super::runner::Seen;
use crate::measures::OF_CONSUMER;
use crate::parse::ConsumerVerb;
use crate::rates::Values;
use greenroom_model::feed::{BlobEvent, EventKind, Sink};
use greenroom_show::Event;
use greenroom_show::unit::grouped;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What has come is shown this often: more, nobody sees.
const SHOW_EVERY: Duration = Duration::from_millis(50);
/// Lines of one showing. What came beyond them scrolled by unseen.
const LINES_MAX: usize = 24;
/// A rate is taken over so many showings.
const RATE_SHOWINGS: usize = 20;

/// The consumers, running and killed.
#[derive(Debug, Default)]
pub struct Consumers(Mutex<BTreeMap<String, Consumer>>);

#[derive(Debug, Clone)]
struct Consumer {
    got: Arc<Mutex<Got>>,
    kill: CancellationToken,
    /// Whether the program is gone, and all that it had printed is counted.
    gone: watch::Receiver<bool>,
}

/// What a consumer has, over all its lives.
#[derive(Debug, Default)]
struct Got {
    last: u64,
    events: u64,
    /// Had before: what was not acknowledged when it was killed comes once more.
    again: u64,
    /// Numbers of events, as of the last showings.
    showings: VecDeque<u64>,
}

impl Got {
    /// Whether it is one that had not come.
    fn take(&mut self, sequence: u64) -> bool {
        let is_new = sequence > self.last;
        if is_new {
            (self.last, self.events) = (sequence, self.events + 1);
        } else {
            self.again += 1;
        }
        is_new
    }

    fn shown(&mut self) {
        self.showings.push_back(self.events);
        if self.showings.len() > RATE_SHOWINGS {
            self.showings.pop_front();
        }
    }

    fn per_s(&self) -> f64 {
        let came = self.events - self.showings.front().copied().unwrap_or(self.events);
        came as f64 / (SHOW_EVERY * RATE_SHOWINGS as u32).as_secs_f64()
    }

    fn values(&self, name: &str) -> Values {
        let values = [self.events as f64, self.again as f64, self.per_s()];
        OF_CONSUMER.into_iter().zip(values).map(|(figure, value)| (format!("{name}.{figure}"), value)).collect()
    }
}

impl Consumers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Consumer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stage {
    pub(super) async fn consumer(self: &Arc<Self>, demo: &str, what: &ConsumerVerb) -> Seen {
        match what {
            ConsumerVerb::Start { account, name } => {
                let before = self.backstage.consumers.lock().get(name.as_str()).cloned();
                if before.as_ref().is_some_and(|consumer| !*consumer.gone.borrow()) {
                    return Err(format!("consumer '{name}' runs already"));
                }
                let client = self.client_of(account)?;
                // Before its program asks for it: what changes from now on is kept for it.
                client.put_sink(account, name, &Sink::Pull).await.map_err(|error| error.to_string())?;
                let mut child = Command::new(&self.backstage.stack_program)
                    .args(["events", "tail", account.as_str(), "--name", name.as_str(), "--json"])
                    .arg("--data")
                    .arg(&client.data)
                    .args(["--control", client.control()])
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null())
                    .kill_on_drop(true)
                    .spawn()
                    .map_err(|error| format!("it does not start: {error}"))?;
                let Some(stdout) = child.stdout.take() else { return Err("it has no output".into()) };
                let got = before.map(|consumer| consumer.got).unwrap_or_default();
                let had = lock(&got).last;
                let (end, gone) = watch::channel(false);
                let consumer = Consumer { got, kill: self.closing.child_token(), gone };
                self.backstage.consumers.lock().insert(name.to_string(), consumer.clone());
                let (stage, demo, name) = (self.clone(), demo.to_string(), name.to_string());
                self.tasks.spawn(async move {
                    stage.follow_consumer(&demo, &name, &consumer, child, BufReader::new(stdout).lines()).await;
                    end.send_replace(true);
                });
                Ok(match had {
                    0 => format!("every change in {account} is taken from now on"),
                    had => format!("it goes on after change {}", grouped(had as f64)),
                })
            }
            ConsumerVerb::Kill { name } => {
                let consumer = self.backstage.consumers.lock().get(name.as_str()).cloned();
                let mut consumer = consumer.ok_or_else(|| format!("there is no consumer '{name}'"))?;
                consumer.kill.cancel();
                consumer.gone.wait_for(|gone| *gone).await.ok();
                let had = lock(&consumer.got).events;
                Ok(format!("it is gone; it had {} changes", grouped(had as f64)))
            }
        }
    }

    /// Kills all, and forgets what they had.
    pub(super) async fn end_consumers(&self) {
        let all: Vec<_> = std::mem::take(&mut *self.backstage.consumers.lock()).into_values().collect();
        all.iter().for_each(|consumer| consumer.kill.cancel());
        for mut consumer in all {
            consumer.gone.wait_for(|gone| *gone).await.ok();
        }
    }

    pub(super) fn consumer_values(&self) -> Values {
        let consumers = self.backstage.consumers.lock();
        consumers.iter().flat_map(|(name, consumer)| lock(&consumer.got).values(name)).collect()
    }

    /// Until the program ends, and all that it has printed is counted: what it printed may be acknowledged.
    async fn follow_consumer(
        self: &Arc<Self>,
        demo: &str,
        name: &str,
        consumer: &Consumer,
        mut child: Child,
        mut lines: Lines<BufReader<ChildStdout>>,
    ) {
        let mut shows = tokio::time::interval(SHOW_EVERY);
        let mut came = Vec::new();
        let mut is_killed = false;
        loop {
            tokio::select! {
                line = lines.next_line() => {
                    let Ok(Some(line)) = line else { break };
                    let Ok(event) = serde_json::from_str::<BlobEvent>(&line) else { continue };
                    if lock(&consumer.got).take(event.sequence) {
                        came.push(event);
                    }
                }
                _ = shows.tick() => self.show_consumer(demo, name, consumer, &mut came),
                () = consumer.kill.cancelled(), if !is_killed => {
                    is_killed = true;
                    child.start_kill().ok();
                }
            }
        }
        child.wait().await.ok();
        lock(&consumer.got).showings.clear();
        self.show_consumer(demo, name, consumer, &mut came);
    }

    fn show_consumer(self: &Arc<Self>, demo: &str, name: &str, consumer: &Consumer, came: &mut Vec<BlobEvent>) {
        let values = {
            let mut got = lock(&consumer.got);
            got.shown();
            got.values(name)
        };
        self.sample(&values, |program| program.demo.slug == demo);
        if came.is_empty() {
            return;
        }
        let mut text = String::new();
        for event in &came[came.len().saturating_sub(LINES_MAX)..] {
            // To a string, which does not fail.
            writeln!(text, "{}\r", line(event)).ok();
        }
        came.clear();
        self.emit(Event::Output(text));
    }
}

fn lock(got: &Mutex<Got>) -> MutexGuard<'_, Got> {
    got.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What `greenroom-stack events tail` prints of it, as far as a stage is wide.
fn line(event: &BlobEvent) -> String {
    let what = match event.kind {
        EventKind::Created => "\x1b[32mcreated\x1b[0m ",
        EventKind::Deleted => "\x1b[31mdeleted\x1b[0m ",
        EventKind::PropertiesUpdated => "\x1b[33mchanged\x1b[0m ",
        EventKind::SnapshotCreated => "\x1b[36msnapshot\x1b[0m",
        EventKind::TierChanged => "\x1b[36mtier\x1b[0m    ",
        EventKind::Control => "feed on ",
    };
    let blob = event.blob.as_ref().map(|blob| format!("/{blob}")).unwrap_or_default();
    format!("{:>7}  {what}  {}{blob}", grouped(event.sequence as f64), event.container)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_counts_once() {
        let mut got = Got::default();
        let new: Vec<_> = [4, 7, 9, 7, 9, 12].into_iter().filter(|sequence| got.take(*sequence)).collect();
        assert_eq!((new, got.events, got.again), (vec![4, 7, 9, 12], 4, 2));
    }

    #[test]
    fn a_rate_is_of_the_last_second_and_rests_where_nothing_comes() {
        let mut got = Got::default();
        for sequence in 1..=10 {
            got.shown();
            got.take(sequence);
        }
        assert_eq!(got.values("ledger")["ledger.events_per_s"], 10.0);
        (0..RATE_SHOWINGS).for_each(|_| got.shown());
        assert_eq!(got.values("ledger")["ledger.events_per_s"], 0.0);
    }
}
