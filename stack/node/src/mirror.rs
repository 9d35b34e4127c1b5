//! Mirrors, wired: what lies elsewhere, shown here. See `docs/design/a-mirror.md`.

#[allow(dead_code, reason = "what asks them is not wired yet")]
pub mod origin;
