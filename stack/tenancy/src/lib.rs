//! Keeps tenants apart: who is served next, what each has used, and who did what. Knows nothing of HTTP or of how blobs are kept.

pub mod admission;
pub mod audit;
pub mod thrift;
