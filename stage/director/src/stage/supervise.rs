//! Keeps the processes running that the demo on stage needs, and their figures flowing.

use super::Stage;
use super::line::{Line, LineState};
use super::nodes::{CLOUD, Cloud, Home, Nodes, remove};
use super::turns::Turns;
use crate::clock::wall_unix_ms;
use crate::measures::{ORIGIN, ORIGIN_STATE};
use crate::parse::Program;
use crate::rates::{Rates, Values, lost};
use crate::stack::Client;
use futures::StreamExt;
use greenroom_model::TenantName;
use greenroom_model::metrics::Metrics;
use greenroom_show::{Event, StackState};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const HZ: u32 = 25;
/// A stack that does nothing is drawn this much more rarely than one that works.
const QUIET_EVERY: u32 = 12;
const STREAM_AGAIN: Duration = Duration::from_millis(500);
/// From a stack's start to its first figures, which take two samples. Without any, the demo goes on.
const FIRST_MAX: Duration = Duration::from_secs(1);

/// What steps and resets ask of the supervisor.
#[derive(Debug)]
pub enum Order {
    /// The processes of this home run, or did when they were last asked for: another home's end.
    Use(Home),
    /// This home's processes run, and hold nothing.
    Fresh(Home),
    /// The stack ends and its data goes; its cloud stays.
    Wipe,
    /// The stack runs again.
    Start,
}

#[derive(Debug)]
pub struct Asked {
    order: Order,
    done: oneshot::Sender<Result<(), String>>,
}

impl Stage {
    /// Has an order carried out.
    pub(super) async fn order(&self, order: Order) -> Result<(), String> {
        let (done, answer) = oneshot::channel();
        let closing = || "the show closes".to_string();
        self.backstage.orders.send(Asked { order, done }).await.map_err(|_| closing())?;
        answer.await.map_err(|_| closing())?
    }
}

/// Starts the stack, and does as it is asked until the show closes.
pub async fn run(stage: Arc<Stage>, mut orders: mpsc::Receiver<Asked>) {
    let mut keeper = Keeper { stage: stage.clone(), home: Home::default(), nodes: Nodes::default(), figures: None };
    keeper.start().await.ok();
    loop {
        tokio::select! {
            (node, why) = keeper.nodes.died() => {
                keeper.nodes.lose(node).await;
                keeper.down(why).await;
            }
            () = stage.backstage.restarts.notified() => {
                keeper.stop_stack().await;
                keeper.start().await.ok();
            }
            Some(Asked { order, done }) = orders.recv() => {
                done.send(keeper.obey(order).await).ok();
            }
            () = stage.closing.cancelled() => {
                keeper.stop().await;
                return;
            }
        }
    }
}

/// Gigabytes take the disk a while, and hold nobody who shares this thread.
async fn at_the_disk(work: impl FnOnce() -> std::io::Result<()> + Send + 'static) -> std::io::Result<()> {
    tokio::task::spawn_blocking(work).await?
}

struct Keeper {
    stage: Arc<Stage>,
    home: Home,
    nodes: Nodes,
    /// Of the stack that runs.
    figures: Option<Figures>,
}

impl Keeper {
    async fn obey(&mut self, order: Order) -> Result<(), String> {
        let workshop = self.stage.backstage.workshop.folder().to_path_buf();
        match order {
            Order::Use(home) if home == self.home => Ok(()),
            Order::Use(home) => {
                self.stop().await;
                self.home = home;
                self.start().await
            }
            Order::Fresh(home) => {
                self.stop().await;
                let cleared = home.clone();
                let cleared = at_the_disk(move || cleared.clear(&workshop)).await;
                cleared.map_err(|error| format!("cannot clear its data: {error}"))?;
                self.home = home;
                self.start().await
            }
            Order::Wipe => {
                let lost = lost(&self.stage.backstage.values.borrow());
                self.stop_stack().await;
                let folder = self.home.stack_folder(&workshop);
                let removed = at_the_disk(move || remove(&folder)).await;
                removed.map_err(|error| format!("cannot delete its data: {error}"))?;
                self.down("its disk was wiped".into()).await;
                self.stage.sample(&lost, |program| Home::of(program) == self.home);
                Ok(())
            }
            Order::Start => self.start().await,
        }
    }

    async fn start(&mut self) -> Result<(), String> {
        let stage = self.stage.clone();
        stage.emit(Event::Stack(StackState::Starting));
        let start = async {
            let workshop = stage.backstage.workshop.folder();
            self.nodes.start(&stage.backstage.stack_program, &self.home, workshop, &stage.secrets).await?;
            let client = self.nodes.stack.as_ref().map(|stack| stack.client.clone());
            let client = client.ok_or(crate::stack::StackError::Down)?;
            let health = client.health().await?;
            Ok((client, health.version))
        };
        let started: Result<_, crate::stack::StackError> = tokio::select! {
            started = start => started,
            () = stage.closing.cancelled() => return Err("the show closes".into()),
        };
        match started {
            Ok((client, version)) => {
                stage.backstage.stack.send_replace(Some(client.clone()));
                stage.backstage.cloud.send_replace(self.nodes.cloud());
                stage.backstage.vault.send_replace(self.nodes.vault());
                stage.backstage.homes.send_replace(self.home.clone());
                self.figures = Some(Figures::of(&stage, client.clone(), self.nodes.cloud(), self.home.clone()).await);
                stage.emit(Event::Stack(StackState::Ready { version, blob: client.blob }));
                Ok(())
            }
            Err(error) => {
                self.nodes.stop().await;
                self.down(error.to_string()).await;
                Err(error.to_string())
            }
        }
    }

    async fn stop_stack(&mut self) {
        self.gone().await;
        self.nodes.stop_stack().await;
    }

    async fn stop(&mut self) {
        self.gone().await;
        self.stage.backstage.cloud.send_replace(None);
        self.stage.backstage.vault.send_replace(None);
        self.nodes.stop().await;
    }

    async fn down(&mut self, reason: String) {
        self.gone().await;
        self.stage.backstage.cloud.send_replace(self.nodes.cloud());
        self.stage.backstage.vault.send_replace(self.nodes.vault());
        self.stage.emit(Event::Stack(StackState::Down { reason }));
    }

    /// Nobody reaches the stack any more, and what it counted holds no longer.
    async fn gone(&mut self) {
        self.stage.backstage.stack.send_replace(None);
        if let Some(figures) = self.figures.take() {
            figures.end().await;
        }
        self.stage.backstage.values.send_replace(Values::new());
        *self.stage.turns() = Turns::default();
        self.stage.backstage.origin_values.send_replace(Values::new());
    }
}

/// The figures of one stack and its cloud, from its start to its end: no step and no reset interrupts them.
struct Figures {
    ending: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Figures {
    /// Returns once there are some, so that a condition right after the start has what it asks for.
    async fn of(stage: &Arc<Stage>, client: Client, cloud: Option<Cloud>, home: Home) -> Figures {
        let ending = stage.closing.child_token();
        let flowing = |client: Client, of: Of| {
            let (own, stage, home) = (ending.clone(), stage.clone(), home.clone());
            stage.clone().tasks.spawn(async move {
                own.run_until_cancelled(flow(&stage, &client, of, &home)).await;
            })
        };
        let mut tasks = vec![flowing(client, Of::Stack)];
        tasks.extend(cloud.map(|cloud| flowing(cloud.client, Of::Origin(cloud.line))));
        let mut values = stage.backstage.values.subscribe();
        tokio::time::timeout(FIRST_MAX, values.wait_for(|values| !values.is_empty())).await.ok();
        Figures { ending, tasks }
    }

    async fn end(self) {
        self.ending.cancel();
        for task in self.tasks {
            task.await.ok();
        }
    }
}

/// Whose figures they are.
#[derive(Debug)]
enum Of {
    Stack,
    /// The second node's account, at the end of this line.
    Origin(Line),
}

/// What is told of the second node's account, under a name of its own; nothing of the node itself.
pub fn of_origin(metrics: Metrics) -> Metrics {
    let own = metrics.tenants.into_iter().find(|(name, _)| name.as_str() == CLOUD).map(|(_, own)| own);
    let named = TenantName::new(ORIGIN).ok().zip(own);
    Metrics { at_us: metrics.at_us, tenants: named.into_iter().collect(), ..Metrics::default() }
}

/// Of values, those of the second node's account, and whether the line to it is whole.
pub fn origins(values: Values, line: &Line) -> Values {
    let is_origins = |name: &str| name.strip_prefix(ORIGIN).is_some_and(|rest| rest.starts_with('.'));
    let state = (ORIGIN_STATE.to_string(), f64::from(u8::from(line.state() == LineState::Whole)));
    values.into_iter().filter(|(name, _)| is_origins(name)).chain([state]).collect()
}

/// Draws figures into the run of the demo that they are for.
async fn flow(stage: &Arc<Stage>, client: &Client, of: Of, home: &Home) {
    let mut rates = Rates::default();
    let mut quiet = 0;
    loop {
        if let Ok(stream) = client.metrics_stream(HZ).await {
            let mut stream = std::pin::pin!(stream);
            while let Some(metrics) = stream.next().await {
                let values = match &of {
                    Of::Stack => rates.push(metrics),
                    Of::Origin(line) => rates.push(of_origin(metrics)).map(|values| origins(values, line)),
                };
                let Some(values) = values else { continue };
                quiet = if busy(&values) { 0 } else { quiet + 1 };
                if quiet % QUIET_EVERY == 0 {
                    stage.sample(&values, |program| Home::of(program) == *home);
                }
                match &of {
                    Of::Stack => {
                        stage.turns().hear(&values, wall_unix_ms());
                        stage.backstage.values.send_replace(values)
                    }
                    Of::Origin(_) => stage.backstage.origin_values.send_replace(values),
                };
            }
        }
        tokio::time::sleep(STREAM_AGAIN).await;
    }
}

fn busy(values: &Values) -> bool {
    values.iter().any(|(name, value)| *value > 0.0 && (name.ends_with("_per_s") || name.ends_with(".in_flight")))
}

impl Stage {
    pub(super) fn turns(&self) -> MutexGuard<'_, Turns> {
        self.backstage.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Draws values into the run of the demo on stage, where they are of it: the metrics that it draws, and no others. Before its first step,
    /// what is not there yet rests.
    pub(super) fn sample(&self, values: &Values, is_of: impl FnOnce(&Program) -> bool) {
        let loaded = self.loaded();
        let mut now = self.lock();
        let Some(demo) = now.show.active.as_ref().and_then(|slug| now.show.demos.get(slug)) else { return };
        let has_begun = now.show.runs.get(&demo.slug).is_none_or(|run| !run.steps.is_empty());
        let mut sample = if has_begun { Values::new() } else { demo.at_rest() };
        if loaded.talk.programs.get(&demo.slug).is_some_and(|program| is_of(program)) {
            sample.extend(demo.metrics().filter_map(|metric| Some((metric.clone(), *values.get(metric)?))));
        }
        if !sample.is_empty() {
            self.emit_in(&mut now, Event::Sample(sample));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rates::counters;
    use greenroom_model::metrics::TenantMetrics;

    #[tokio::test]
    async fn of_the_second_node_its_one_account_is_told_and_whether_the_line_is_whole() {
        let named = |name: &str| TenantName::new(name).expect("a good name");
        let holds = |blobs| TenantMetrics { blobs, ..TenantMetrics::default() };
        let tenants = [(named(CLOUD), holds(7)), (named("depot"), holds(9))].into();
        let line = Line::to(([127, 0, 0, 1], 9).into()).await.expect("a port");
        line.set(LineState::Cut);
        let values = origins(counters(&of_origin(Metrics { tenants, ..Metrics::default() })), &line);
        assert_eq!((values["origin.blobs"], values[ORIGIN_STATE]), (7.0, 0.0));
        assert!(values.keys().all(|name| name.starts_with("origin.")), "{values:?}");
    }
}
