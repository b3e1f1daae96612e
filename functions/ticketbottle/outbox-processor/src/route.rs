//! Which claimed events go where, and which go together.
//!
//! Takes the rows in their order and the topics' partitions; returns requests, each for one partition of
//! one topic and small enough for a broker. Within a partition the rows keep their order, and so does
//! each aggregate, since its key always selects the same partition. One exception would break that: an
//! aggregate with events for two topics has no order between them, in Kafka, either.

use std::collections::{BTreeMap, HashSet};

use ticketbottle_outbox::claim::Row;

use crate::{deps::Topics, partitioner};

/// Largest sum of keys and values in one request. Bytes. A broker's `message.max.bytes` is 1,048,588 unless
/// changed and counts the whole batch; the difference is for headers and framing.
pub const REQUEST_BYTES: usize = 900_000;

/// What each record costs beyond key and value. Bytes, generously.
const RECORD_OVERHEAD: usize = 400;

/// Rows for one partition, in order.
#[derive(Debug, PartialEq, Eq)]
pub struct Lane<'a> {
    pub topic: &'a str,
    pub partition: i32,
    /// Each is one request.
    pub requests: Vec<Vec<&'a Row>>,
}

/// The rows by partition, and those that cannot go anywhere with the reason.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Routes<'a> {
    pub lanes: Vec<Lane<'a>>,
    pub unroutable: Vec<(&'a Row, String)>,
}

/// Sorts `rows` into lanes. Rows behind an unroutable one of the same aggregate are left out: they wait.
pub fn routes<'a>(rows: &'a [Row], topics: &'a Topics, partitions: &BTreeMap<String, Vec<i32>>) -> Routes<'a> {
    let mut lanes: BTreeMap<(&str, i32), Vec<&Row>> = BTreeMap::new();
    let mut routes = Routes::default();
    let mut waiting: HashSet<&str> = HashSet::new();
    for row in rows {
        if waiting.contains(row.aggregate_id.as_str()) {
            continue;
        }
        let lane = topics
            .of(&row.event_type)
            .ok_or_else(|| format!("no topic is configured for events of type {}", row.event_type))
            .and_then(|topic| match partitions.get(topic).map(Vec::as_slice) {
                None | Some([]) => Err(format!("the broker has no topic {topic}")),
                Some(known) => Ok((topic, known[partitioner::partition(row.aggregate_id.as_bytes(), known.len())])),
            });
        match lane {
            Ok(lane) => lanes.entry(lane).or_default().push(row),
            Err(reason) => {
                waiting.insert(&row.aggregate_id);
                routes.unroutable.push((row, reason));
            }
        }
    }
    routes.lanes = lanes
        .into_iter()
        .map(|((topic, partition), rows)| Lane { topic, partition, requests: requests(rows) })
        .collect();
    routes
}

fn requests(rows: Vec<&Row>) -> Vec<Vec<&Row>> {
    let mut requests: Vec<Vec<&Row>> = Vec::new();
    let mut room = 0_usize;
    for row in rows {
        let size = row.payload.len() + row.aggregate_id.len() + RECORD_OVERHEAD;
        match requests.last_mut() {
            Some(request) if size <= room => {
                request.push(row);
                room -= size;
            }
            _ => {
                requests.push(vec![row]);
                room = REQUEST_BYTES.saturating_sub(size);
            }
        }
    }
    requests
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    fn row(id: u128, aggregate_id: &str, event_type: &str, size: usize) -> Row {
        Row {
            id: Uuid::from_u128(id),
            aggregate_id: aggregate_id.into(),
            event_type: event_type.into(),
            payload: "x".repeat(size),
            trace_header: None,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn topics() -> Topics {
        Topics { payment_completed: "completed".into(), payment_failed: "failed".into() }
    }

    fn check(rows: &[Row], completed: &[i32], expected: &str) {
        let partitions = BTreeMap::from([("completed".to_owned(), completed.to_vec()), ("failed".to_owned(), vec![0])]);
        let topics = topics();
        let routes = routes(rows, &topics, &partitions);
        let mut lines: Vec<String> = routes
            .lanes
            .iter()
            .map(|lane| {
                let requests: Vec<String> = lane
                    .requests
                    .iter()
                    .map(|rows| rows.iter().map(|row| row.id.as_u128().to_string()).collect::<Vec<_>>().join(","))
                    .collect();
                format!("{}/{}: {}", lane.topic, lane.partition, requests.join(" | "))
            })
            .collect();
        lines.extend(routes.unroutable.iter().map(|(row, reason)| format!("{}: {reason}", row.id.as_u128())));
        assert_eq!(lines.join("\n"), expected);
    }

    #[test]
    fn an_aggregate_stays_in_one_partition_and_in_order() {
        // By murmur2, "21" goes to the first of two partitions and "abc" to the second.
        let rows = [
            row(1, "21", "payment.completed", 1),
            row(2, "abc", "payment.completed", 1),
            row(3, "21", "payment.completed", 1),
            row(4, "21", "payment.failed", 1),
        ];
        check(&rows, &[0, 1], "completed/0: 1,3\ncompleted/1: 2\nfailed/0: 4");
    }

    #[test]
    fn a_request_stays_below_what_a_broker_takes() {
        let rows = [
            row(1, "a", "payment.completed", 500_000),
            row(2, "a", "payment.completed", 300_000),
            row(3, "a", "payment.completed", 200_000),
            row(4, "a", "payment.completed", 2_000_000),
        ];
        check(&rows, &[0], "completed/0: 1,2 | 3 | 4");
    }

    #[test]
    fn what_has_no_topic_is_named_and_its_aggregate_waits() {
        let rows = [
            row(1, "a", "refund.completed", 1),
            row(2, "a", "payment.completed", 1),
            row(3, "b", "payment.completed", 1),
        ];
        check(&rows, &[0], "completed/0: 3\n1: no topic is configured for events of type refund.completed");
        check(&rows[2..], &[], "3: the broker has no topic completed");
    }
}
