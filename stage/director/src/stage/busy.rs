//! What the stage is busy with: it runs steps, or resets a demo, and never both.

use super::kernel::{Kernel, Now};
use greenroom_show::call::CallError;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

#[derive(Debug, Default)]
pub enum Busy {
    #[default]
    Nothing,
    Steps(Steps),
    Resetting(Resetting),
}

/// Steps that run, one after the other.
#[derive(Debug, Clone)]
pub struct Steps {
    /// Stops them.
    pub cancel: CancellationToken,
    /// Cancelled once they are over.
    over: CancellationToken,
}

/// A demo that is being reset, and what will have come of it.
#[derive(Debug, Clone)]
pub struct Resetting {
    pub demo: String,
    result: watch::Receiver<Option<Result<(), CallError>>>,
}

impl Busy {
    pub fn is_free(&self) -> bool {
        matches!(self, Busy::Nothing)
    }

    /// Refuses in words where something is under way.
    pub fn be_free(&self) -> Result<(), CallError> {
        match self {
            Busy::Nothing => Ok(()),
            Busy::Steps(_) => Err(CallError::Busy { what: "a step is running: wait for it or stop it first".into() }),
            Busy::Resetting(reset) => {
                Err(CallError::Busy { what: format!("the demo '{}' is being reset: wait until it is", reset.demo) })
            }
        }
    }

    pub fn cancel(&self) {
        match self {
            Busy::Steps(steps) => steps.cancel.cancel(),
            Busy::Nothing | Busy::Resetting(_) => {}
        }
    }

    /// Steps are over. What else has begun meanwhile goes on.
    pub fn end_steps(&mut self) {
        if matches!(self, Busy::Steps(_)) {
            *self = Busy::Nothing;
        }
    }

    /// Begins steps; the stage is free.
    pub fn begin_steps(&mut self, kernel: &Arc<Kernel>) -> StepsGuard {
        let steps = Steps { cancel: kernel.closing.child_token(), over: CancellationToken::new() };
        *self = Busy::Steps(steps.clone());
        StepsGuard { kernel: kernel.clone(), steps, have_ended: false }
    }

    /// Begins a reset at once, and gives the steps that it has to wait for. Joins one of the same demo that is under way.
    pub fn begin_reset(&mut self, kernel: &Arc<Kernel>, demo: &str) -> Result<Reset, CallError> {
        match self {
            Busy::Resetting(reset) if reset.demo == demo => return Ok(Reset::Joins(reset.clone())),
            Busy::Resetting(_) => self.be_free()?,
            Busy::Nothing | Busy::Steps(_) => {}
        }
        let (given, result) = watch::channel(None);
        let before = std::mem::replace(self, Busy::Resetting(Resetting { demo: demo.into(), result }));
        let steps = match before {
            Busy::Steps(steps) => {
                steps.cancel.cancel();
                Some(steps)
            }
            Busy::Nothing | Busy::Resetting(_) => None,
        };
        Ok(Reset::Begins(ResetGuard { kernel: kernel.clone(), told: given, result: Err(given_up()) }, steps))
    }
}

#[derive(Debug)]
pub enum Reset {
    Begins(ResetGuard, Option<Steps>),
    Joins(Resetting),
}

impl Steps {
    pub async fn over(&self) {
        self.over.cancelled().await;
    }
}

impl Resetting {
    /// What came of it.
    pub async fn result(mut self) -> Result<(), CallError> {
        let result = self.result.wait_for(Option::is_some).await;
        result.ok().and_then(|result| result.clone()).unwrap_or_else(|| Err(given_up()))
    }
}

fn given_up() -> CallError {
    CallError::Failed { detail: "the reset was given up: press Shift R again".into() }
}

/// Frees the stage when steps are over, however they end.
#[derive(Debug)]
pub struct StepsGuard {
    kernel: Arc<Kernel>,
    pub steps: Steps,
    have_ended: bool,
}

impl StepsGuard {
    /// At once, so that whoever sees the last step end may start the next one.
    pub fn end(&mut self, now: &mut Now) {
        now.busy.end_steps();
        self.have_ended = true;
    }
}

impl Drop for StepsGuard {
    fn drop(&mut self) {
        if !self.have_ended {
            self.kernel.lock().busy.end_steps();
        }
        self.steps.over.cancel();
    }
}

/// Frees the stage when a reset is over, however it ends, and tells those who joined it.
#[derive(Debug)]
pub struct ResetGuard {
    kernel: Arc<Kernel>,
    told: watch::Sender<Option<Result<(), CallError>>>,
    result: Result<(), CallError>,
}

impl ResetGuard {
    pub fn end(mut self, result: &Result<(), CallError>) {
        self.result = result.clone();
    }
}

impl Drop for ResetGuard {
    fn drop(&mut self) {
        self.kernel.lock().busy = Busy::Nothing;
        self.told.send_replace(Some(self.result.clone()));
    }
}
