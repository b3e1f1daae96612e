//! One JSON object per log line, with the request it belongs to; metrics as log lines.
//!
//! Lambda's runtime client opens a span with `requestId` and `xrayTraceId` around each invocation. The
//! layer here writes the members of all enclosing spans into every line, flat, so that one query in
//! CloudWatch Logs Insights finds everything about a request. Metrics use the embedded metric format:
//! no API call, no permission, nothing lost when the function is frozen.

use std::{fmt, io::Write};

use serde_json::{Map, Value, json};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    layer::{Context, SubscriberExt as _},
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

/// Starts logging. The level comes from `RUST_LOG` (also per target: `info,hyper=warn`), or from
/// Lambda's own `AWS_LAMBDA_LOG_LEVEL`, or is `info` (`warn` for the Kafka client, which tells of each connection). Calling it again changes nothing.
pub fn init() {
    let wanted = ["RUST_LOG", "AWS_LAMBDA_LOG_LEVEL"].into_iter().find_map(|name| std::env::var(name).ok());
    let filter = wanted.and_then(|text| text.to_lowercase().parse::<Targets>().ok());
    let filter = filter.unwrap_or_else(|| {
        Targets::new().with_default(tracing::Level::INFO).with_target("rskafka", tracing::Level::WARN)
    });
    // An error means that a subscriber is set already, in a test for instance.
    let _ = tracing_subscriber::registry().with(JsonLines.with_filter(filter)).try_init();
}

/// Writes one line to stdout as it stands: for metrics, which must not be wrapped in a log record.
pub fn emit(line: &Value) {
    // A function that cannot write its log has nowhere to say so.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// A metrics record in embedded metric format: CloudWatch makes metrics of it on arrival.
///
/// `values` are (name, unit, value). At most 100 metrics fit in one record.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html> (read 2026-11).
pub fn metrics(namespace: &str, dimensions: &[(&str, &str)], values: &[(&str, &str, f64)], at_millis: i64) -> Value {
    let names: Vec<_> = dimensions.iter().map(|(name, _)| *name).collect();
    let metrics: Vec<_> = values.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
    let mut record = Map::new();
    record.insert(
        "_aws".into(),
        json!({"Timestamp": at_millis, "CloudWatchMetrics": [{"Namespace": namespace, "Dimensions": [names], "Metrics": metrics}]}),
    );
    record.extend(dimensions.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    record.extend(values.iter().map(|(name, _, value)| ((*name).to_owned(), json!(value))));
    Value::Object(record)
}

/// The trace header to hand on to what is not an AWS call (those carry it already: the SDK reads the
/// variable that the runtime client sets for each invocation).
pub fn trace_header(context: &lambda_runtime::Context) -> Option<String> {
    context.xray_trace_id.clone().filter(|header| !header.is_empty())
}

struct JsonLines;

/// Members that a span has collected.
struct Members(Map<String, Value>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for JsonLines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut members = Members(Map::new());
        attributes.record(&mut members);
        span.extensions_mut().insert(members);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(members) = span.extensions_mut().get_mut::<Members>() {
            values.record(members);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let now = jiff::Timestamp::now();
        emit(&line(event, &context, &format!("{now:.3}")));
    }
}

fn line<S: Subscriber + for<'a> LookupSpan<'a>>(event: &Event<'_>, context: &Context<'_, S>, now: &str) -> Value {
    let mut members = Members(Map::new());
    members.0.insert("timestamp".into(), json!(now));
    members.0.insert("level".into(), json!(event.metadata().level().as_str()));
    // Placed before the rest, so that a reader finds it; the event fills it in.
    members.0.insert("message".into(), Value::Null);
    members.0.insert("target".into(), json!(event.metadata().target()));
    for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
        if let Some(Members(of_span)) = span.extensions().get() {
            members.0.extend(of_span.clone());
        }
    }
    event.record(&mut members);
    Value::Object(members.0)
}

impl Visit for Members {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().into(), json!(format!("{value:?}")));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), json!(value));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().into(), json!(value));
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().into(), json!(value));
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().into(), json!(value));
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().into(), json!(value));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    struct Collect(Arc<Mutex<Vec<Value>>>);

    impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Collect {
        fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
            self.0.lock().expect("no test panics here").push(line(event, &context, "2026-11-20T02:00:00Z"));
        }
    }

    #[test]
    fn a_line_carries_the_members_of_its_spans() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let subscriber = tracing_subscriber::registry().with(JsonLines).with(Collect(lines.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("invoke", requestId = "r-1", event = tracing::field::Empty);
            span.record("event", "e-9");
            let _entered = span.enter();
            tracing::info!(rows = 3, duplicate = true, "written");
        });
        let lines = lines.lock().expect("no test panics here");
        assert_eq!(
            lines[0].to_string(),
            r#"{"timestamp":"2026-11-20T02:00:00Z","level":"INFO","message":"written","target":"shared::telemetry::tests","requestId":"r-1","event":"e-9","rows":3,"duplicate":true}"#
        );
    }

    #[test]
    fn a_metrics_record_has_the_documented_shape() {
        let record = metrics(
            "TicketBottle/Lambda",
            &[("Function", "outbox-cleanup")],
            &[("Stuck", "Count", 2.0)],
            1_700_000_000_000,
        );
        assert_eq!(
            record,
            json!({
                "_aws": {"Timestamp": 1_700_000_000_000_i64, "CloudWatchMetrics": [{
                    "Namespace": "TicketBottle/Lambda", "Dimensions": [["Function"]], "Metrics": [{"Name": "Stuck", "Unit": "Count"}]}]},
                "Function": "outbox-cleanup", "Stuck": 2.0
            })
        );
    }
}
