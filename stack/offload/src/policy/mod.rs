//! Decides which blobs leave flash, which come back, and when flash will be full. Pure: facts, rules and a moment in, a plan out.

mod fact;
mod forecast;
mod plan;
mod rules;

pub use fact::{Fact, Micros, Tier, Where};
pub use forecast::{Forecast, Sample, forecast};
pub use greenroom_model::offload::{Rule, Rules, Scope, Treatment, Water};
pub use plan::{Action, Held, Move, Plan, Planner, Why};
pub use rules::treatment;
