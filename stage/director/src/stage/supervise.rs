//! Keeps the stack running and its figures flowing.

use super::Stage;
use crate::rates::{Rates, Values};
use crate::stack::{Client, Process, StackError};
use futures::StreamExt;
use greenroom_show::{Event, StackState};
use std::sync::Arc;
use std::time::Duration;

const HZ: u32 = 25;
/// A stack that does nothing is drawn this much more rarely than one that works.
const QUIET_EVERY: u32 = 12;
const STREAM_AGAIN: Duration = Duration::from_millis(500);

/// Starts the stack, and starts it again when the speaker asks, until the show closes.
pub async fn run(stage: Arc<Stage>) {
    while !stage.closing.is_cancelled() {
        stage.emit(Event::Stack(StackState::Starting));
        let started = tokio::select! {
            started = start(&stage) => started,
            () = stage.closing.cancelled() => return,
        };
        match started {
            Ok((process, version)) => serve(&stage, process, version).await,
            Err(error) => stage.emit(Event::Stack(StackState::Down { reason: error.to_string() })),
        }
        tokio::select! {
            () = stage.restarts.notified() => {}
            () = stage.closing.cancelled() => return,
        }
    }
}

async fn start(stage: &Stage) -> Result<(Process, String), StackError> {
    let process = Process::start(&stage.stack_program, &stage.workshop.stack()).await?;
    let health = process.client.health().await?;
    Ok((process, health.version))
}

async fn serve(stage: &Arc<Stage>, mut process: Process, version: String) {
    let client = process.client.clone();
    stage.stack.send_replace(Some(client.clone()));
    stage.emit(Event::Stack(StackState::Ready { version, blob: client.blob.clone() }));
    tokio::select! {
        why = process.died() => {
            stage.stack.send_replace(None);
            stage.emit(Event::Stack(StackState::Down { reason: format!("it ended by itself ({why})") }));
        }
        () = figures(stage, &client) => {}
        () = stage.closing.cancelled() => {
            stage.stack.send_replace(None);
            process.stop().await;
        }
    }
}

/// Draws the stack's figures into the run, for as long as it lives.
async fn figures(stage: &Arc<Stage>, client: &Client) {
    loop {
        if let Ok(stream) = client.metrics_stream(HZ).await {
            let mut stream = std::pin::pin!(stream);
            let mut rates = Rates::default();
            let mut quiet = 0;
            while let Some(metrics) = stream.next().await {
                let values = rates.push(metrics);
                quiet = if busy(&values) { 0 } else { quiet + 1 };
                if quiet % QUIET_EVERY == 0 {
                    sample(stage, &values);
                }
                stage.values.send_replace(values);
            }
        }
        tokio::time::sleep(STREAM_AGAIN).await;
    }
}

fn busy(values: &Values) -> bool {
    values.iter().any(|(name, value)| *value > 0.0 && (name.ends_with("_per_s") || name.ends_with(".in_flight")))
}

/// The metrics that the demo on stage draws, and no others.
fn sample(stage: &Arc<Stage>, values: &Values) {
    let mut now = stage.lock();
    let Some(demo) = now.show.active.as_ref().and_then(|slug| now.show.demos.get(slug)) else { return };
    let sample: Values = demo.metrics().filter_map(|metric| Some((metric.clone(), *values.get(metric)?))).collect();
    if !sample.is_empty() {
        stage.emit_in(&mut now, Event::Sample(sample));
    }
}
