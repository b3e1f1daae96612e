//! One HTTPS client for servers that are not AWS: connections are kept, waits are bounded, no redirect is followed.
//!
//! TLS is the same rustls over ring as everywhere; the public authorities are compiled in.

use std::time::Duration;

use reqwest::{Client, redirect::Policy};

use crate::{StartError, tls};

/// Longest wait for a TCP and TLS connection.
const CONNECT: Duration = Duration::from_secs(5);

/// A client whose whole answer may take `timeout`.
///
/// Redirects are not followed: what is sent carries credentials, which belong to the server that was meant.
///
/// # Errors
/// When TLS cannot be set up, which would be a mistake in this crate.
pub fn client(timeout: Duration) -> Result<Client, StartError> {
    let mut tls = tls::client_config(None)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let client = Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(CONNECT)
        .timeout(timeout)
        .redirect(Policy::none())
        .build()?;
    Ok(client)
}

/// What went wrong with a request, without its address: that may hold what belongs into no log.
pub fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
