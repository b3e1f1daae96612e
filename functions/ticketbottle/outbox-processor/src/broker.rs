//! The connection to Kafka.
//!
//! Opened for one run: a minute later, after Lambda froze the process, a kept one would most likely be
//! dead. Every request asks for the acknowledgement of all in-sync replicas (the library knows no other
//! setting) and is repeated while the broker names a passing reason. Knows rows only as what to send.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rskafka::{
    BackoffConfig,
    chrono::DateTime,
    client::{
        Client, ClientBuilder, Credentials, SaslConfig,
        error::{Error, ProtocolError},
        partition::{Compression, UnknownTopicHandling},
    },
    record::Record,
};
use shared::tls;
use ticketbottle_outbox::claim::Row;
use tokio::time::timeout;

use crate::deps::{Kafka, Mechanism};

/// Sum of the pauses between attempts: a change of leader takes about that long.
const PAUSES: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    #[error(transparent)]
    Authority(#[from] tls::AuthorityError),
    #[error("Kafka gave no answer within {0:?}")]
    Timeout(Duration),
    /// The broker will not take this one, however often it is sent.
    #[error("Kafka refused the record: {0}")]
    Refused(Error),
    #[error("Kafka: {0}")]
    Kafka(Error),
}

/// An open connection, and what the cluster has.
#[derive(Debug)]
pub struct Broker {
    client: Client,
    /// The partitions of each topic, in their order.
    pub partitions: BTreeMap<String, Vec<i32>>,
}

impl Broker {
    /// Connects and asks for the topics.
    ///
    /// # Errors
    /// When no broker answers within `limit`, or the login is refused.
    pub async fn connect(kafka: &Kafka, limit: Duration) -> Result<Self, BrokerError> {
        let retry = BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_millis(500),
            base: 2.0,
            // Counts the pauses alone. Well before our own limit, so that the error names the cause (a refused
            // login, say) and not a mere silence; the next run comes in a minute.
            deadline: Some(PAUSES.min(limit / 4)),
        };
        let mut builder =
            ClientBuilder::new(kafka.brokers.clone()).client_id("ticketbottle-outbox-processor").backoff_config(retry);
        if kafka.tls {
            builder = builder.tls_config(Arc::new(tls::client_config(kafka.authority.as_deref())?));
        }
        if let Some(login) = &kafka.login {
            let credentials = Credentials::new(login.username.clone(), login.password.expose().to_owned());
            builder = builder.sasl_config(match login.mechanism {
                Mechanism::Plain => SaslConfig::Plain(credentials),
                Mechanism::ScramSha256 => SaslConfig::ScramSha256(credentials),
                Mechanism::ScramSha512 => SaslConfig::ScramSha512(credentials),
            });
        }
        let opened = async {
            let client = builder.build().await?;
            let topics = client.list_topics().await?;
            Ok((client, topics))
        };
        let (client, topics) =
            timeout(limit, opened).await.map_err(|_| BrokerError::Timeout(limit))?.map_err(BrokerError::Kafka)?;
        let partitions = topics.into_iter().map(|topic| (topic.name, topic.partitions.into_iter().collect())).collect();
        Ok(Self { client, partitions })
    }

    /// Sends `rows` as one batch and waits for its acknowledgement.
    ///
    /// # Errors
    /// [`BrokerError::Refused`] when it is the batch's content; anything else may be different next time. After
    /// a timeout the batch may or may not stand in the topic.
    pub async fn send(&self, topic: &str, partition: i32, rows: &[&Row], limit: Duration) -> Result<(), BrokerError> {
        let sent = async {
            let lane = self.client.partition_client(topic, partition, UnknownTopicHandling::Error).await?;
            lane.produce(rows.iter().map(|row| record(row)).collect(), Compression::NoCompression).await
        };
        match timeout(limit, sent).await {
            Err(_) => Err(BrokerError::Timeout(limit)),
            Ok(Ok(_offsets)) => Ok(()),
            Ok(Err(error)) if is_content(&error) => Err(BrokerError::Refused(error)),
            Ok(Err(error)) => Err(BrokerError::Kafka(error)),
        }
    }
}

/// Whether the broker objects to what was sent rather than being unable to take it.
fn is_content(error: &Error) -> bool {
    let Error::ServerError { protocol_error, .. } = error else { return false };
    matches!(
        protocol_error,
        ProtocolError::MessageTooLarge
            | ProtocolError::RecordListTooLarge
            | ProtocolError::CorruptMessage
            | ProtocolError::InvalidRecord
            | ProtocolError::InvalidTimestamp
    )
}

/// The event's identity stands in the headers too, so a consumer can skip a duplicate without parsing.
fn record(row: &Row) -> Record {
    let mut headers = BTreeMap::from([
        ("event_id".to_owned(), row.id.to_string().into_bytes()),
        ("event_type".to_owned(), row.event_type.clone().into_bytes()),
    ]);
    if let Some(trace) = &row.trace_header {
        headers.insert("X-Amzn-Trace-Id".to_owned(), trace.clone().into_bytes());
    }
    Record {
        key: Some(row.aggregate_id.clone().into_bytes()),
        value: Some(row.payload.clone().into_bytes()),
        headers,
        timestamp: DateTime::from_timestamp_millis(row.created_at.as_millisecond()).unwrap_or_default(),
    }
}
