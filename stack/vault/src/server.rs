//! The embedded vault: its keys, its clients, and how it answers.

mod answer;
mod audit;
mod bundle;
mod cipher;
mod clients;
mod clock;
mod connections;
mod folder;
mod keys;
mod login;
mod ops;
mod outage;
mod private;
mod random;
mod record;
mod refusal;
mod route;
mod run;
mod tls;
mod tokens;

pub use audit::{Audit, Entry, OPERATOR};
pub use clients::{Clients, Right};
pub use clock::now_s;
pub use folder::Folder;
pub use keys::{Keys, MakeKey};
pub use outage::Outage;
pub use record::{Change, Record};
pub use refusal::Refusal;
pub use run::serve;
