//! Who is served next: each tenant up to its ceiling, reservations first, then by weight in bytes; nobody waits for an idle machine.

mod gate;
mod pace;
mod scheduler;

pub use gate::{Admission, Busy, Gate};
pub use pace::Pace;
pub use scheduler::{COST_BASE, Kind, Limits, Next, Over, Piece, Scheduler, TenantId, Terms, Ticket, Verdict};
