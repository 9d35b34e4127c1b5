//! What HTTP clients are built from: all TLS of the process is by one library, which has to be told once.

use tokio_rustls::rustls::crypto::ring;

pub fn client() -> reqwest::ClientBuilder {
    one_library();
    reqwest::Client::builder()
}

/// For a library that builds its clients itself.
pub fn one_library() {
    // An error means that it has been told.
    let _ = ring::default_provider().install_default();
}
