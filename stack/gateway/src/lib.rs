//! Speaks Azure's Blob protocol over the store: who asks, what for, and the answer in Azure's words.
//! Knows nothing of quotas, tiering or figures: node hands it a store, a clock, and a meter with its gates.

mod acl;
mod asks;
pub mod auth;
mod block;
mod body;
mod call;
mod checks;
mod content;
mod cors;
mod dispatch;
pub mod error;
#[cfg(test)]
mod fuzz;
pub mod gate;
mod gateway;
mod head;
mod headers;
mod intake;
mod lease;
pub mod limits;
mod listing;
pub mod meter;
mod mirrored;
mod ops;
mod pace;
mod page;
mod part;
mod properties;
mod query;
mod reply;
mod request;
mod roster;
mod route;
mod sealing;
mod serve;
mod service;
pub mod source;
mod spelling;
mod structured;
mod tag_query;
mod tags;
mod target;
pub mod time;
pub mod trace;
mod xml;

pub use gateway::Gateway;
pub use serve::{Wire, serve};
pub use tokio_rustls::rustls;
