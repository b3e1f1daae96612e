//! A Kafka cluster for tests, and a look at what stands in its topics.
//!
//! The brokers are librdkafka's: they speak the protocol over loopback sockets, keep the last five
//! megabytes of each partition, can go down and come back with their data, and answer with errors on
//! request. They know neither TLS nor SASL. Reading back goes through librdkafka's consumer, which shares no code
//! with what the functions use. It all ends with the process.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    message::Headers as _,
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaErrorCode, RDKafkaRespErr},
};
use serde_json::{Value, json};

/// How long reading a topic may take.
const READ: Duration = Duration::from_secs(30);

/// A running cluster of three brokers. Stays on the thread that started it.
pub struct Kafka {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl std::fmt::Debug for Kafka {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Kafka").field("brokers", &self.brokers()).finish()
    }
}

/// What a consumer sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaRecord {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    pub key: String,
    pub value: Vec<u8>,
    pub headers: BTreeMap<String, String>,
}

impl KafkaRecord {
    /// The body of the queue message that an EventBridge Pipe makes of this record.
    pub fn pipe_message(&self) -> Value {
        json!({
            "eventSource": "aws:kafka",
            "eventSourceArn": "arn:aws:kafka:us-east-1:000000000000:cluster/testkit/0",
            "eventSourceKey": format!("{}-{}", self.topic, self.partition),
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "timestamp": self.timestamp,
            "timestampType": "CREATE_TIME",
            "key": STANDARD.encode(&self.key),
            "value": STANDARD.encode(&self.value),
            "headers": self.headers.iter().map(|(name, value)| json!({name: value.as_bytes()})).collect::<Vec<_>>(),
        })
    }
}

impl Kafka {
    /// A cluster with these topics, each with so many partitions.
    pub fn start(topics: &[(&str, i32)]) -> Self {
        let kafka = Self { cluster: MockCluster::new(3).expect("loopback has free ports") };
        for (name, partitions) in topics {
            kafka.cluster.create_topic(name, *partitions, 3).expect("a new topic of three brokers");
        }
        kafka
    }

    /// `host:port`, separated by commas.
    pub fn brokers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    /// All brokers stop accepting connections and drop those they have.
    pub fn pause(&self) {
        self.cluster.broker_down(-1).expect("brokers can go down");
    }

    /// They are back, with what they had.
    pub fn resume(&self) {
        self.cluster.broker_up(-1).expect("brokers can come back");
    }

    /// The next produce requests are refused as too large, so many of them.
    pub fn refuse_as_too_large(&self, requests: usize) {
        let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
        self.cluster.request_errors(RDKafkaApiKey::Produce, &vec![error; requests]);
    }

    /// The next produce request is answered by closing the connection.
    pub fn hang_up_on_produce(&self) {
        self.cluster.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT]);
    }

    /// Every answer takes this long.
    pub fn slow_down(&self, delay: Duration) {
        self.cluster.broker_round_trip_time(-1, delay).expect("a delay can be set");
    }

    /// Everything in `topic`, by partition and offset.
    pub fn records(&self, topic: &str) -> Vec<KafkaRecord> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.brokers()).set("group.id", "testkit").set("enable.partition.eof", "true");
        config.set("enable.auto.commit", "false").set_log_level(RDKafkaLogLevel::Critical);
        let consumer: BaseConsumer = config.create().expect("the configuration is right");
        let metadata = consumer.fetch_metadata(Some(topic), READ).expect("the cluster answers");
        let known = metadata.topics().iter().find(|known| known.name() == topic).expect("the topic was created");
        let mut open = known.partitions().len();
        let mut assignment = TopicPartitionList::new();
        for partition in known.partitions() {
            assignment.add_partition_offset(topic, partition.id(), Offset::Beginning).expect("a partition of it");
        }
        consumer.assign(&assignment).expect("no group is needed");

        let (mut records, since) = (Vec::new(), Instant::now());
        while open > 0 {
            assert!(since.elapsed() < READ, "topic {topic} was not read within {READ:?}");
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => records.push(KafkaRecord {
                    topic: topic.to_owned(),
                    partition: message.partition(),
                    offset: message.offset(),
                    timestamp: message.timestamp().to_millis().unwrap_or_default(),
                    key: text(message.key()),
                    value: message.payload().unwrap_or_default().to_vec(),
                    headers: message
                        .headers()
                        .map(|all| all.iter().map(|header| (header.key.to_owned(), text(header.value))).collect())
                        .unwrap_or_default(),
                }),
                Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
                // Passing: the consumer tries again by itself.
                Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::BrokerTransportFailure))) | None => {}
                Some(Err(error)) => panic!("topic {topic}: {error}"),
            }
        }
        records.sort_by_key(|record| (record.partition, record.offset));
        records
    }
}

fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}
