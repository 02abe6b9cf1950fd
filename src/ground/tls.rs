//! One TLS stack: rustls with the ring provider.

/// Names ring as the process's provider. Every client that is built without naming one needs this before; a second call
/// changes nothing.
pub fn begin() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
