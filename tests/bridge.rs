//! What EventBridge Pipes do between Kafka and the queues. The sandbox keeps a pipe and runs none that reads from Kafka,
//! so the tests carry the records themselves.
//!
//! Like a pipe: it reads a topic from the oldest record on and remembers where it stopped; each record becomes one message
//! of its own, whose body is the record as JSON, key and value in base64 ([`KafkaRecord::pipe_message`]); at most as many
//! messages at once as the pipe says, never more than ten. Topic, batch size and queue are those of the deployed pipes.
//! Unlike one it comes when it is called, one pipe at a time, and signs as the account's root: whether the pipe's role
//! suffices is not shown here.
//!
//! Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-kafka.html> (read 2026-11).

use crate::aws::{ACCOUNT, Server};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use testkit::{Kafka, KafkaRecord};

/// The most that `SendMessageBatch` takes, and so a pipe's batch to a queue.
const MOST: usize = 10;

/// The pipes of a deployed stack.
#[derive(Debug)]
pub(crate) struct Bridge {
    server: &'static Server,
    region: &'static str,
    pipes: Vec<Pipe>,
}

#[derive(Debug)]
struct Pipe {
    name: String,
    topic: String,
    batch: usize,
    queue_url: String,
    /// Where it goes on, by partition.
    positions: BTreeMap<i32, i64>,
}

impl Bridge {
    /// The pipes that `template`, as it was deployed, declares: what the sandbox does not keep of a pipe is read there.
    pub(crate) fn of(server: &'static Server, region: &'static str, template: &Value) -> Self {
        let resources = template["Resources"].as_object().expect("a template has resources");
        let pipes = resources.values().filter(|resource| resource["Type"] == "AWS::Pipes::Pipe");
        let pipes = pipes.map(|resource| pipe(server, region, &resource["Properties"])).collect();
        Self { server, region, pipes }
    }

    /// Carries what is new in the topics of the pipes whose names end in `name`; returns how many messages that made.
    pub(crate) fn carry(&mut self, kafka: &Kafka, name: &str) -> usize {
        let mut sent = 0;
        for pipe in self.pipes.iter_mut().filter(|pipe| pipe.name.ends_with(name)) {
            let is_new = |record: &KafkaRecord| record.offset >= *pipe.positions.get(&record.partition).unwrap_or(&0);
            let records: Vec<KafkaRecord> = kafka.records(&pipe.topic).into_iter().filter(is_new).collect();
            for batch in records.chunks(pipe.batch) {
                let entry = |(number, record): (usize, &KafkaRecord)| json!({ "Id": number.to_string(), "MessageBody": record.pipe_message().to_string() });
                let entries: Vec<Value> = batch.iter().enumerate().map(entry).collect();
                let body = json!({ "QueueUrl": pipe.queue_url, "Entries": entries });
                let answer = self.server.json(self.region, "sqs", "AmazonSQS.SendMessageBatch", &body);
                assert_eq!(answer["Successful"].as_array().map(Vec::len), Some(batch.len()), "{answer}");
                sent += batch.len();
                pipe.positions.extend(batch.iter().map(|record| (record.partition, record.offset + 1)));
            }
        }
        sent
    }

    /// Every pipe forgets where it stopped, as after a failure: all is carried again.
    pub(crate) fn rewind(&mut self) {
        self.pipes.iter_mut().for_each(|pipe| pipe.positions.clear());
    }
}

fn pipe(server: &Server, region: &str, declared: &Value) -> Pipe {
    let name = declared["Name"].as_str().expect("a pipe has a name").to_owned();
    let kafka = &declared["SourceParameters"]["ManagedStreamingKafkaParameters"];
    let batch = usize::try_from(kafka["BatchSize"].as_u64().expect("a pipe has a batch size")).expect("a small number");
    assert!((1..=MOST).contains(&batch), "{name} carries {batch} at once");
    assert_eq!(kafka["StartingPosition"], "TRIM_HORIZON", "{name} would miss what was there before it");
    let live = server.request(region, "pipes", &format!("GET /v1/pipes/{name}"), &[], "");
    let live: Value = serde_json::from_str(&live.body).unwrap_or_else(|_| panic!("{name}: {live:?}"));
    assert_eq!(live["CurrentState"], "RUNNING", "{live}");
    let queue = live["Target"].as_str().and_then(|arn| arn.rsplit(':').next()).expect("an ARN");
    let url = json!({ "QueueName": queue, "QueueOwnerAWSAccountId": ACCOUNT });
    let url = server.json(region, "sqs", "AmazonSQS.GetQueueUrl", &url);
    Pipe {
        name,
        topic: kafka["TopicName"].as_str().expect("a pipe reads a topic").to_owned(),
        batch,
        queue_url: url["QueueUrl"].as_str().expect("a queue has a URL").to_owned(),
        positions: BTreeMap::new(),
    }
}
