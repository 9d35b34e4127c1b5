//! Takes away what a demo has made and started, so that it begins anew.

use super::Stage;
use super::busy::Reset;
use super::nodes::Home;
use super::runner::Made;
use super::supervise::Order;
use crate::parse::{Profile, Program};
use greenroom_show::call::CallError;
use std::sync::Arc;

impl Stage {
    /// Takes away what a demo has made, and begins it anew. Two at once are one.
    pub async fn reset(self: &Arc<Self>, demo: &str) -> Result<(), CallError> {
        let program = self.program(demo)?;
        let reset = self.lock().busy.begin_reset(&self.kernel, demo)?;
        let (guard, steps) = match reset {
            Reset::Joins(under_way) => return under_way.result().await,
            Reset::Begins(guard, steps) => (guard, steps),
        };
        // A task of its own: who asked for it may go away, and half a reset is none.
        let stage = self.clone();
        let reset = self.tasks.spawn(async move {
            stage.notice(format!("The demo '{}' is being reset", program.demo.slug));
            if let Some(steps) = steps {
                steps.over().await;
            }
            let failed = |error: String| CallError::Failed { detail: format!("the reset is not complete: {error}") };
            let result = stage.take_away(&program).await.map_err(failed);
            if result.is_ok() {
                stage.begin(&mut stage.lock(), &program.demo.slug);
                stage.notice(format!("The demo '{}' is reset", program.demo.slug));
            }
            guard.end(&result);
            result
        });
        reset.await.unwrap_or_else(|error| Err(CallError::Failed { detail: format!("the reset broke off: {error}") }))
    }

    /// What a demo has made and started.
    async fn take_away(self: &Arc<Self>, program: &Program) -> Result<(), String> {
        self.end_loads().await;
        self.end_consumers().await;
        self.backstage.background.end().await;
        self.forget_leaked();
        let demo = &program.demo.slug;
        match program.profile {
            Profile::Fresh | Profile::Offload => {
                self.order(Order::Fresh(Home::of(program))).await?;
                self.lock().made.retain(|made| made.demo != *demo);
            }
            Profile::Shared => {
                self.order(Order::Use(Home::of(program))).await?;
                let client = self.client()?;
                // Each is forgotten once it is gone: what is left after a failure is taken away by the next reset.
                while let Some(made) = self.made_by(demo) {
                    let removed = client.delete_container(&made.account, made.container.as_str()).await;
                    removed.map_err(|error| error.to_string())?;
                    self.lock().made.retain(|other| *other != made);
                }
            }
        }
        let stage = self.clone();
        let cleared = tokio::task::spawn_blocking(move || stage.backstage.workshop.clear_data()).await;
        cleared.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    fn made_by(&self, demo: &str) -> Option<Made> {
        self.lock().made.iter().find(|made| made.demo == demo).cloned()
    }
}
