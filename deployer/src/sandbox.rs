//! The local AWS: installs, starts, stops and resets MiniStack, and adapts templates to what it lacks.
//!
//! No other file knows that it exists, except by [`Endpoint`] and [`adapt`].
//!
//! One server per user and port serves every clone: it lives in `<cache>/deployer/sandbox/<version>/<port>`. The
//! environment decides: `DEPLOYER_SANDBOX_HOME` (that folder), `DEPLOYER_SANDBOX_PORT` (4566), `DEPLOYER_SANDBOX_KAFKA`
//! (brokers that MSK's bootstrap string names, since MiniStack's MSK holds no data), and `DEPLOYER_SANDBOX_ENDPOINT` (a proxy on
//! loopback through which all requests go; the tests put their faults there), and `DEPLOYER_SANDBOX_CREDENTIALS` (`KEY-ID
//! SECRET TOKEN`: work as somebody who may not do everything, such as the deploy role that `bootstrap` makes). With `DEPLOYER_SANDBOX_PACE` requests keep to the
//! rates that AWS grants, which the sandbox does not need.
//!
//! How it treats identities with `AUTH=true`, measured on 1.5.33: an access key id of twelve digits is the root of the
//! account of that number, and its signature is not checked; that is what the deployer signs with. A function runs with
//! session credentials of its role, and what the role does not allow is denied as in AWS.

mod adapt;
mod http;
mod policies;
mod process;

pub(crate) use adapt::{Adapted, adapt};
pub(crate) use process::{Running, Status, brokers, ensure, reset, start, status, stop};

/// The version that is installed and whose gaps `adapt` knows.
pub(crate) const VERSION: &str = "1.5.33";

/// The account that everything in the sandbox belongs to.
const ACCOUNT: &str = "000000000000";

/// Where the sandbox listens and how to sign for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// `http://127.0.0.1:4566`
    pub(crate) url: String,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: Option<String>,
    /// Twelve digits.
    pub(crate) account: String,
}

impl Endpoint {
    fn on(port: u16) -> Self {
        Self {
            url: format!("http://127.0.0.1:{port}"),
            access_key_id: ACCOUNT.to_owned(),
            secret_access_key: "sandbox".to_owned(),
            session_token: None,
            account: ACCOUNT.to_owned(),
        }
    }
}

impl Endpoint {
    /// The same, called by whoever has these temporary credentials: `KEY-ID SECRET TOKEN`.
    fn signed_by(self, text: &str) -> Option<Self> {
        let [id, secret, token] = text.split_whitespace().collect::<Vec<_>>().try_into().ok()?;
        let (access_key_id, secret_access_key, session_token) =
            (id.to_owned(), secret.to_owned(), Some(token.to_owned()));
        Some(Self { access_key_id, secret_access_key, session_token, ..self })
    }
}

/// The address on loopback that reaches what `url` names in AWS: an HTTP API or a function URL.
///
/// MiniStack serves both under `/_aws/`, so that no name has to be resolved.
pub(crate) fn local_url(sandbox: &str, url: &str) -> String {
    let Some((_, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
    let mut labels = host.split('.');
    match (labels.next(), labels.next()) {
        (Some(id), Some(service @ ("execute-api" | "lambda-url"))) => format!("{sandbox}/_aws/{service}/{id}/{path}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_aws_become_addresses_on_loopback() {
        let check = |url: &str, expected: &str| assert_eq!(local_url("http://127.0.0.1:1", url), expected);
        check("https://a1.execute-api.eu-west-1.amazonaws.com", "http://127.0.0.1:1/_aws/execute-api/a1/");
        check("https://u1.lambda-url.eu-west-1.on.aws/x", "http://127.0.0.1:1/_aws/lambda-url/u1/x");
        check("https://example.com/x", "https://example.com/x");
    }
}
