//! What the handler needs: a database, a broker, and a topic for each kind of event.

use std::sync::Arc;

use shared::{ConfigError, Database, Env, Secret, Secrets, StartError, clients, tls};
use ticketbottle_outbox::EventType;

#[derive(Debug)]
pub struct Deps {
    pub database: Database,
    pub kafka: Kafka,
    pub topics: Topics,
}

/// Where the broker is and how to log in there.
#[derive(Debug, Clone)]
pub struct Kafka {
    /// `host:port`, at least one.
    pub brokers: Vec<String>,
    pub tls: bool,
    /// A private authority, as a PEM file or PEM text; else the public ones count.
    pub authority: Option<String>,
    pub login: Option<Login>,
}

#[derive(Debug, Clone)]
pub struct Login {
    pub username: String,
    pub password: Secret,
    pub mechanism: Mechanism,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mechanism {
    Plain,
    ScramSha256,
    /// What Amazon MSK speaks.
    #[default]
    ScramSha512,
}

impl std::str::FromStr for Mechanism {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "PLAIN" => Ok(Self::Plain),
            "SCRAM-SHA-256" => Ok(Self::ScramSha256),
            "SCRAM-SHA-512" => Ok(Self::ScramSha512),
            _ => Err(()),
        }
    }
}

/// The topic of each kind of event.
#[derive(Debug, Clone)]
pub struct Topics {
    pub payment_completed: String,
    pub payment_failed: String,
}

impl Topics {
    /// `None` for a kind that this build does not know.
    pub fn of(&self, event_type: &str) -> Option<&str> {
        match event_type {
            kind if kind == EventType::PaymentCompleted.as_str() => Some(&self.payment_completed),
            kind if kind == EventType::PaymentFailed.as_str() => Some(&self.payment_failed),
            _ => None,
        }
    }
}

const SECRETS: &[&str] = &["DATABASE_URL", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"];

impl Deps {
    pub async fn load() -> Result<Self, StartError> {
        let secrets = Arc::new(Secrets::new(&clients::sdk_config().await));
        let env = Env::load(&secrets, SECRETS).await;
        Ok(Self::from_env(env, secrets)?)
    }

    pub fn from_env(mut env: Env, secrets: Arc<Secrets>) -> Result<Self, ConfigError> {
        let listed = env.text("KAFKA_BROKERS");
        let brokers: Vec<_> =
            listed.split(',').map(str::trim).filter(|broker| !broker.is_empty()).map(str::to_owned).collect();
        if brokers.iter().any(|broker| {
            broker.rsplit_once(':').is_none_or(|(host, port)| host.is_empty() || port.parse::<u16>().is_err())
        }) {
            env.mistake("KAFKA_BROKERS must be host:port, separated by commas");
        }
        let mechanism =
            env.parsed_or("KAFKA_SASL_MECHANISM", "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", Mechanism::default());
        let login = match (env.optional_secret("KAFKA_SASL_USERNAME"), env.optional_secret("KAFKA_SASL_PASSWORD")) {
            (Some(username), Some(password)) => {
                Some(Login { username: username.expose().to_owned(), password, mechanism })
            }
            (None, None) => None,
            (Some(_), None) => {
                env.mistake("KAFKA_SASL_PASSWORD is needed with KAFKA_SASL_USERNAME");
                None
            }
            (None, Some(_)) => {
                env.mistake("KAFKA_SASL_USERNAME is needed with KAFKA_SASL_PASSWORD");
                None
            }
        };
        let authority = env.optional("KAFKA_SSL_CA");
        if let Err(error) = tls::roots(authority.as_deref()) {
            env.mistake(format!("KAFKA_SSL_CA: {error}"));
        }
        let deps = Self {
            database: Database::new(env.secret_source("DATABASE_URL"), secrets),
            kafka: Kafka { brokers, tls: env.parsed_or("KAFKA_SSL", "true or false", false), authority, login },
            topics: Topics {
                payment_completed: env.text("KAFKA_TOPIC_PAYMENT_COMPLETED"),
                payment_failed: env.text("KAFKA_TOPIC_PAYMENT_FAILED"),
            },
        };
        env.finish(deps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(pairs: &[(&str, &str)]) -> Result<Deps, ConfigError> {
        let secrets = Arc::new(Secrets::none());
        let env =
            Env::from_variables(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())), &secrets, SECRETS).await;
        Deps::from_env(env, secrets)
    }

    const RIGHT: [(&str, &str); 4] = [
        ("DATABASE_URL", "postgres://u@h/d"),
        ("KAFKA_BROKERS", "b-1:9096, b-2:9096"),
        ("KAFKA_TOPIC_PAYMENT_COMPLETED", "payment.completed"),
        ("KAFKA_TOPIC_PAYMENT_FAILED", "payment.failed"),
    ];

    #[tokio::test]
    async fn a_right_environment_gives_brokers_topics_and_login() {
        let deps = check(
            &[&RIGHT[..], &[("KAFKA_SSL", "true"), ("KAFKA_SASL_USERNAME", "u"), ("KAFKA_SASL_PASSWORD", "p")]]
                .concat(),
        )
        .await
        .expect("right");
        assert_eq!(deps.kafka.brokers, ["b-1:9096", "b-2:9096"]);
        assert_eq!(
            (deps.kafka.tls, deps.kafka.login.map(|login| login.mechanism)),
            (true, Some(Mechanism::ScramSha512))
        );
        assert_eq!(
            (deps.topics.of("payment.failed"), deps.topics.of("refund.completed")),
            (Some("payment.failed"), None)
        );
    }

    #[tokio::test]
    async fn all_mistakes_are_named_together() {
        let error = check(&[
            ("KAFKA_BROKERS", "b-1"),
            ("KAFKA_SSL", "yes"),
            ("KAFKA_SASL_USERNAME", "u"),
            ("KAFKA_SASL_MECHANISM", "GSSAPI"),
        ])
        .await
        .expect_err("six mistakes");
        let text = error.to_string();
        for expected in [
            "KAFKA_BROKERS must be",
            "KAFKA_SSL must be",
            "KAFKA_SASL_PASSWORD is needed",
            "KAFKA_SASL_MECHANISM must be",
            "DATABASE_URL is not set",
            "KAFKA_TOPIC_PAYMENT_COMPLETED is not set",
            "KAFKA_TOPIC_PAYMENT_FAILED is not set",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
    }
}
