//! A certificate authority that lives as long as a test, and one server certificate from it.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

/// All in PEM.
#[derive(Debug, Clone)]
pub struct Authority {
    /// What a client is told to trust.
    pub authority: String,
    pub certificate: String,
    pub key: String,
}

impl Authority {
    /// With a server certificate for `name`, a host name or an address.
    pub fn with_certificate_for(name: &str) -> Self {
        let mut of_authority = CertificateParams::default();
        of_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        of_authority.distinguished_name.push(DnType::CommonName, "testkit authority");
        let authority_key = KeyPair::generate().expect("a key can be made");
        let authority = of_authority.self_signed(&authority_key).expect("the parameters are right");
        let issuer = Issuer::from_params(&of_authority, &authority_key);
        let key = KeyPair::generate().expect("a key can be made");
        let certificate =
            CertificateParams::new(vec![name.to_owned()]).and_then(|of_server| of_server.signed_by(&key, &issuer));
        let certificate = certificate.expect("the name is a name");
        Self { authority: authority.pem(), certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// What a TLS server of a test shows.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("made above");
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("made above");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring serves TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key);
        Arc::new(config.expect("the key belongs to the certificate"))
    }
}
