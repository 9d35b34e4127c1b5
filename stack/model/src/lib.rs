//! The nouns of the stack and the types of its control API. Knows nothing of HTTP, disks or time; compiles for wasm.

pub mod control;
pub mod feed;
pub mod keys;
pub mod metrics;
pub mod mirror;
mod name;
pub mod offload;
pub mod tenancy;

pub use name::{AccountName, BlobName, BlobPath, ContainerName, ContainerPath, NameError, TenantName};
