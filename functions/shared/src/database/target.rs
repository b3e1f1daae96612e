//! Where the database is and how much the connection to it is trusted.
//!
//! Takes a URL or the JSON of a secret that RDS manages, and connects once. `sslmode` means what it means
//! to libpq: `disable`, `prefer` (the default), `require` (encrypted, certificate not checked), `verify-ca`,
//! `verify-full`. The authorities are those of `sslrootcert=FILE`, else the public ones, which is what RDS
//! Proxy and Aurora's own certificates from AWS Certificate Manager need; a certificate of the RDS
//! authority needs the bundle that AWS publishes, given as `sslrootcert`.
//!
//! Source: <https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION> (read 2026-11).

use std::{str::FromStr as _, sync::Arc, time::Duration};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use serde::Deserialize;
use tokio_postgres::{Client, Config, NoTls, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::tls::{self, AuthorityError};

/// Why a connection string is of no use. Never repeats any part of it but the name of a setting.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    #[error(
        "the database URL must be postgres://USER:PASSWORD@HOST/DATABASE or the JSON of a secret that RDS manages: {0}"
    )]
    Url(String),
    #[error("sslmode must be disable, prefer, require, verify-ca or verify-full")]
    SslMode,
    #[error(transparent)]
    RootCert(#[from] AuthorityError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    Off,
    Encrypted,
    Authority,
    Full,
}

/// A parsed connection string.
pub(super) struct Target {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

/// What Secrets Manager keeps for a database whose password RDS manages.
///
/// Source: <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html> (read 2026-11).
#[derive(Deserialize)]
struct Managed {
    username: String,
    password: String,
    host: String,
    port: Option<u16>,
    dbname: Option<String>,
    sslmode: Option<String>,
}

impl Target {
    pub(super) fn parse(text: &str, connect: Duration) -> Result<Self, TargetError> {
        let (mut config, mode, root_cert) =
            if text.trim_start().starts_with('{') { managed(text)? } else { url(text)? };
        let trust = match mode.as_deref() {
            Some("disable") => Trust::Off,
            None | Some("prefer" | "require") => Trust::Encrypted,
            Some("verify-ca") => Trust::Authority,
            Some("verify-full") => Trust::Full,
            Some(_) => return Err(TargetError::SslMode),
        };
        config.ssl_mode(match mode.as_deref() {
            Some("disable") => SslMode::Disable,
            None | Some("prefer") => SslMode::Prefer,
            _ => SslMode::Require,
        });
        // A server that falls silent is given up after this: Lambda's own limit would otherwise be the first to notice.
        config
            .connect_timeout(connect)
            .tcp_user_timeout(Duration::from_secs(10))
            .keepalives_idle(Duration::from_secs(30));
        if config.get_application_name().is_none() {
            config
                .application_name(std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|_| "ticketbottle".into()));
        }
        let tls = if trust == Trust::Off {
            None
        } else {
            Some(MakeRustlsConnect::new(tls_config(trust, root_cert.as_deref())?))
        };
        Ok(Self { config, tls })
    }

    /// Connects, and keeps the connection going in a task of its own.
    pub(super) async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        match &self.tls {
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                drive(connection);
                Ok(client)
            }
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                drive(connection);
                Ok(client)
            }
        }
    }
}

fn drive<S, T>(connection: tokio_postgres::Connection<S, T>)
where
    tokio_postgres::Connection<S, T>: Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
{
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::info!(%error, "the connection to PostgreSQL ended");
        }
    });
}

type Parts = (Config, Option<String>, Option<String>);

/// tokio-postgres reads every setting but the two that decide about trust; those are taken out first.
fn url(text: &str) -> Result<Parts, TargetError> {
    let text = text.trim();
    if !(text.starts_with("postgres://") || text.starts_with("postgresql://")) {
        return Err(TargetError::Url("another beginning".into()));
    }
    let (base, query) = text.split_once('?').unwrap_or((text, ""));
    let (mut mode, mut root_cert, mut rest) = (None, None, Vec::new());
    for setting in query.split('&').filter(|setting| !setting.is_empty()) {
        match setting.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value.to_owned()),
            Some(("sslrootcert", value)) => root_cert = Some(value.replace("%2F", "/").replace("%2f", "/")),
            _ => rest.push(setting),
        }
    }
    let plain = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    let config = Config::from_str(&plain).map_err(|error| TargetError::Url(error.to_string()))?;
    Ok((config, mode, root_cert))
}

fn managed(text: &str) -> Result<Parts, TargetError> {
    // serde's own message may quote the text.
    let managed: Managed = serde_json::from_str(text)
        .map_err(|_| TargetError::Url("not the members username, password and host".into()))?;
    let mut config = Config::new();
    config.user(managed.username).password(managed.password).host(managed.host).port(managed.port.unwrap_or(5432));
    config.dbname(managed.dbname.unwrap_or_else(|| "postgres".into()));
    // RDS offers TLS everywhere; a secret that says nothing gets it.
    Ok((config, Some(managed.sslmode.unwrap_or_else(|| "require".into())), None))
}

fn tls_config(trust: Trust, root_cert: Option<&str>) -> Result<ClientConfig, TargetError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let relaxed = |chain| {
        let verifier = Arc::new(Relaxed { chain, provider: provider.clone() });
        tls::builder().dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
    };
    Ok(match trust {
        Trust::Off | Trust::Encrypted => relaxed(None),
        Trust::Authority => {
            let roots = Arc::new(tls::roots(root_cert)?);
            let chain = WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build();
            relaxed(Some(chain.expect("tls::roots gives at least one authority")))
        }
        Trust::Full => tls::client_config(root_cert)?,
    })
}

/// libpq's weaker modes: no check at all (`require`), or the chain without the host's name (`verify-ca`).
#[derive(Debug)]
struct Relaxed {
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Relaxed {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        rustls::crypto::verify_tls12_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        rustls::crypto::verify_tls13_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::Host;

    use super::*;

    fn parse(text: &str) -> Result<Target, TargetError> {
        Target::parse(text, Duration::from_secs(1))
    }

    #[test]
    fn a_url_says_where_and_how() {
        let target = parse("postgres://tickets:p%40ss@db.internal:6432/shop?sslmode=verify-full&application_name=x")
            .expect("right");
        assert_eq!(target.config.get_hosts(), [Host::Tcp("db.internal".into())]);
        assert_eq!(
            (target.config.get_ports(), target.config.get_password()),
            ([6432].as_slice(), Some(b"p@ss".as_slice()))
        );
        assert_eq!((target.config.get_ssl_mode(), target.config.get_application_name()), (SslMode::Require, Some("x")));
        assert!(parse("postgres://u@h/d?sslmode=disable").expect("right").tls.is_none());
        assert_eq!(parse("postgres://u@h/d").expect("right").config.get_ssl_mode(), SslMode::Prefer);
    }

    #[test]
    fn the_json_of_a_managed_secret_says_the_same() {
        let target =
            parse(r#"{"engine":"postgres","username":"u","password":"p","host":"h","port":5433,"dbname":"shop"}"#)
                .expect("right");
        assert_eq!((target.config.get_user(), target.config.get_dbname()), (Some("u"), Some("shop")));
        assert_eq!((target.config.get_ports(), target.config.get_ssl_mode()), ([5433].as_slice(), SslMode::Require));
    }

    #[test]
    fn a_wrong_string_is_refused_without_repeating_it() {
        for text in [
            "mysql://u:hunter2@h/d",
            "{\"password\":\"hunter2\"}",
            "postgres://u:hunter2@h:port/d",
            "postgres://u:hunter2@h/d?sslmode=maybe",
            "postgres://u:hunter2@h/d?hunter2=1",
        ] {
            let error = parse(text).map(|_| ()).expect_err(text);
            assert!(text.contains("?hunter2") || !error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_root_certificate_that_cannot_be_read_is_named() {
        let error =
            parse("postgres://u@h/d?sslmode=verify-ca&sslrootcert=/nowhere/ca.pem").map(|_| ()).expect_err("no file");
        assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
    }
}
