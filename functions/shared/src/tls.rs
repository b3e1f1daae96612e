//! Whom a TLS connection trusts, for everything that is not an AWS client: PostgreSQL and Kafka.
//!
//! The public authorities are compiled in, which covers AWS's own services (Amazon Trust Services); a
//! private authority is given as PEM, by file or as text.

use std::sync::Arc;

use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// An authority that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("certificate authority {name}: {reason}")]
pub struct AuthorityError {
    /// The file, or a word for the text.
    pub name: String,
    pub reason: String,
}

/// A configuration that trusts the public authorities, or `authority` alone where one is given.
///
/// # Errors
/// When `authority` is neither a PEM file nor PEM text with a certificate in it.
pub fn client_config(authority: Option<&str>) -> Result<ClientConfig, AuthorityError> {
    Ok(builder().with_root_certificates(roots(authority)?).with_no_client_auth())
}

/// The trusted authorities alone.
///
/// # Errors
/// As [`client_config`].
pub fn roots(authority: Option<&str>) -> Result<RootCertStore, AuthorityError> {
    let Some(given) = authority else {
        return Ok(RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()));
    };
    let is_text = given.trim_start().starts_with("-----BEGIN");
    let name = if is_text { "(given as text)" } else { given };
    let failed = |reason: String| AuthorityError { name: name.to_owned(), reason };
    let certificates: Result<Vec<_>, _> = if is_text {
        CertificateDer::pem_slice_iter(given.as_bytes()).collect()
    } else {
        CertificateDer::pem_file_iter(given).and_then(Iterator::collect)
    };
    let mut store = RootCertStore::empty();
    for certificate in certificates.map_err(|error| failed(error.to_string()))? {
        store.add(certificate).map_err(|error| failed(error.to_string()))?;
    }
    if store.is_empty() { Err(failed("holds no certificate".into())) } else { Ok(store) }
}

/// TLS 1.2 and 1.3 over ring, whatever else is linked into the binary.
pub(crate) fn builder() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring serves TLS 1.2 and 1.3")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_authority_the_public_ones_count() {
        assert!(roots(None).expect("compiled in").len() > 50);
    }

    #[test]
    fn what_is_no_certificate_is_refused_by_name() {
        for (given, said) in [
            ("/nowhere/ca.pem", "/nowhere/ca.pem"),
            ("-----BEGIN CERTIFICATE-----\n!", "given as text"),
            ("/dev/null", "holds no certificate"),
        ] {
            let error = client_config(Some(given)).expect_err(given).to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
