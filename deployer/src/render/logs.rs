//! Log lines for people: what a record says, without its braces. Pure.
//!
//! Reads JSON records (of Lambda's runtimes, of this repository's functions, of Lambda itself) and plain lines.

use super::style::{BAD, CHANGE, FAINT, STRONG, paint};
use serde_json::{Map, Value};

/// How grave a line is, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    /// As loggers write it: `WARN`, `warning`, `CRITICAL`.
    fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "trace" => Self::Trace,
            "debug" => Self::Debug,
            "info" | "information" => Self::Info,
            "warn" | "warning" => Self::Warn,
            "error" | "fatal" | "critical" => Self::Error,
            _ => return None,
        })
    }

    fn word(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    /// Milliseconds of the epoch.
    pub(crate) at: i64,
    /// Whose log it is.
    pub(crate) function: String,
    pub(crate) level: Level,
    pub(crate) message: String,
    /// What else the record holds.
    pub(crate) fields: Map<String, Value>,
    /// Whether Lambda wrote it, and not the function.
    pub(crate) is_platforms: bool,
}

/// Members that are said otherwise, or that say nothing to a reader.
const SAID: &[&str] = &[
    "timestamp",
    "time",
    "level",
    "message",
    "msg",
    "target",
    "logger",
    "type",
    "record",
    "requestId",
    "AWSRequestId",
    "xrayTraceId",
];

impl Line {
    /// What an event of CloudWatch Logs says; `None` for Lambda's own marks of where an invocation begins and ends.
    pub(crate) fn of(at: i64, function: &str, text: &str) -> Option<Self> {
        let text = text.trim_end();
        let line = |level, message: String, fields, is_platforms| Self {
            at,
            function: function.to_owned(),
            level,
            message,
            fields,
            is_platforms,
        };
        let Ok(Value::Object(record)) = serde_json::from_str::<Value>(text) else {
            let (level, message, is_platforms) = plain(text)?;
            return Some(line(level, message, Map::new(), is_platforms));
        };
        if let Some(kind) = record.get("type").and_then(Value::as_str).filter(|kind| kind.starts_with("platform.")) {
            let (level, message) = platform(kind, record.get("record")?)?;
            return Some(line(level, message, Map::new(), true));
        }
        if record.contains_key("_aws") {
            let fields: Map<_, _> = record.into_iter().filter(|(key, _)| key != "_aws").collect();
            return Some(line(Level::Debug, "metrics".to_owned(), fields, false));
        }
        let level = record.get("level").and_then(Value::as_str).and_then(Level::parse).unwrap_or(Level::Info);
        let message = ["message", "msg"].into_iter().find_map(|key| record.get(key)).map(shown).unwrap_or_default();
        let mut fields: Map<String, Value> = record
            .iter()
            .filter(|(key, value)| !SAID.contains(&key.as_str()) && !value.is_null())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        for key in ["requestId", "AWSRequestId"] {
            fields.extend(record.get(key).map(|id| ("request".to_owned(), id.clone())));
        }
        fields.extend(record.get("xrayTraceId").map(|id| ("trace".to_owned(), id.clone())));
        Some(line(level, message, fields, false))
    }

    /// One line, or several where the message has several; `width` is that of the longest function's name. The ids of request
    /// and trace are shortened unless `whole`.
    pub(crate) fn text(&self, width: usize, whole: bool) -> String {
        let time = jiff::Timestamp::from_millisecond(self.at).unwrap_or_default();
        let time = paint(FAINT, time.strftime("%Y-%m-%d %H:%M:%S%.3f"));
        let word = format!("{:<5}", self.level.word());
        let word = match self.level {
            Level::Error => paint(BAD, word),
            Level::Warn => paint(CHANGE, word),
            Level::Info => word,
            Level::Debug | Level::Trace => paint(FAINT, word),
        };
        let mut lines = self.message.lines();
        let first = lines.next().unwrap_or_default();
        let first = if self.is_platforms { paint(FAINT, first) } else { first.to_owned() };
        let mut text = format!("{time}  {}  {word}  {first}", paint(STRONG, format!("{:<width$}", self.function)));
        for (key, value) in &self.fields {
            let value = shown(value);
            let value = match key.as_str() {
                "request" | "trace" if !whole => short(key, &value),
                _ => value,
            };
            text += &format!("  {}", paint(FAINT, format!("{key}={value}")));
        }
        lines.for_each(|line| text += &format!("\n    {line}"));
        text + "\n"
    }

    /// One JSON object on a line.
    pub(crate) fn json(&self) -> String {
        let time = jiff::Timestamp::from_millisecond(self.at).unwrap_or_default();
        let line = serde_json::json!({
            "time": time.to_string(), "function": self.function, "level": self.level.word(), "message": self.message,
            "fields": self.fields,
        });
        format!("{line}\n")
    }
}

/// The first part of a request's id; the root of a trace without its time.
fn short(key: &str, id: &str) -> String {
    match key {
        "trace" => id.split(';').find_map(|part| part.strip_prefix("Root=")).unwrap_or(id).to_owned(),
        _ => id.split('-').next().unwrap_or(id).to_owned(),
    }
}

/// A value without quotes where it needs none.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Source: "Lambda Telemetry API Event schema reference",
/// <https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html> (read 2026-11).
fn platform(kind: &str, record: &Value) -> Option<(Level, String)> {
    let status = record.get("status").and_then(Value::as_str).unwrap_or("success");
    let metric = |name: &str| record.get("metrics")?.get(name)?.as_f64();
    match kind {
        "platform.report" => {
            let mut parts = vec![format!("took {} ms", metric("durationMs")?)];
            parts.extend(metric("initDurationMs").map(|init| format!("cold start {init} ms")));
            if let (Some(used), Some(of)) = (metric("maxMemoryUsedMB"), metric("memorySizeMB")) {
                parts.push(format!("{used} of {of} MB"));
            }
            match status {
                "success" => Some((Level::Debug, parts.join(", "))),
                status => Some((Level::Error, format!("{status}: {}", parts.join(", ")))),
            }
        }
        "platform.fault" => Some((Level::Error, format!("fault: {record}"))),
        "platform.initRuntimeDone" if status != "success" => Some((Level::Error, format!("start: {record}"))),
        _ => None,
    }
}

/// Level and words of a plain line.
fn plain(text: &str) -> Option<(Level, String, bool)> {
    if ["START RequestId", "END RequestId", "INIT_START"].iter().any(|mark| text.starts_with(mark)) {
        return None;
    }
    if let Some(rest) = text.strip_prefix("REPORT RequestId: ") {
        let parts = rest.split('\t').skip(1).map(str::trim).filter(|part| !part.is_empty());
        return Some((Level::Debug, parts.collect::<Vec<_>>().join(", "), true));
    }
    let is_grave = text.contains("Task timed out after") || text.contains("Runtime.ExitError");
    // `[ERROR] …` of Python; `2026-11-20T…Z\t<id>\tERROR\t…` of Node.js.
    let named = text.trim_start_matches('[').split([']', '\t', ' ']).take(3).find_map(Level::parse);
    let level = if is_grave { Level::Error } else { named.unwrap_or(Level::Info) };
    Some((level, text.replace('\t', "  "), false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<String> {
        let line = Line::of(1_795_190_000_123, "api", text)?;
        Some(anstream::adapter::strip_str(&line.text(6, false)).to_string())
    }

    #[test]
    fn records_of_many_writers_are_laid_out_alike() {
        let head = "2026-11-20 15:53:20.123  api     ";
        let table = [
            (
                r#"{"timestamp":"x","level":"WARN","message":"refused","target":"a::b","requestId":"8f2a-1","provider":"payos","n":2}"#,
                "WARN   refused  provider=payos  n=2  request=8f2a\n",
            ),
            (
                r#"{"level":"ERROR","message":"boom\n  at f","xrayTraceId":"Root=1-6740;Parent=1;Sampled=1"}"#,
                "ERROR  boom  trace=1-6740\n      at f\n",
            ),
            (
                r#"{"time":"x","type":"platform.report","record":{"requestId":"1","status":"success","metrics":{"durationMs":12.5,"initDurationMs":80.1,"maxMemoryUsedMB":45,"memorySizeMB":256}}}"#,
                "DEBUG  took 12.5 ms, cold start 80.1 ms, 45 of 256 MB\n",
            ),
            (
                r#"{"type":"platform.report","record":{"status":"timeout","metrics":{"durationMs":3000.0}}}"#,
                "ERROR  timeout: took 3000 ms\n",
            ),
            (
                r#"{"type":"platform.initRuntimeDone","record":{"status":"error"}}"#,
                "ERROR  start: {\"status\":\"error\"}\n",
            ),
            (r#"{"_aws":{"Timestamp":1},"Deleted":3}"#, "DEBUG  metrics  Deleted=3\n"),
            (
                "REPORT RequestId: 1\tDuration: 3 ms\tBilled Duration: 4 ms\t\n",
                "DEBUG  Duration: 3 ms, Billed Duration: 4 ms\n",
            ),
            ("[ERROR] KeyError: 'x'", "ERROR  [ERROR] KeyError: 'x'\n"),
            (
                "2026-11-20T00:00:00Z 1 Task timed out after 3.00 seconds",
                "ERROR  2026-11-20T00:00:00Z 1 Task timed out after 3.00 seconds\n",
            ),
            ("hello", "INFO   hello\n"),
            ("[1, 2]", "INFO   [1, 2]\n"),
        ];
        for (text, expected) in table {
            assert_eq!(told(text), Some(format!("{head}{expected}")), "{text}");
        }
        for mark in ["START RequestId: 1 Version: 2", "END RequestId: 1", r#"{"type":"platform.start","record":{}}"#] {
            assert_eq!(told(mark), None, "{mark}");
        }
    }

    #[test]
    fn json_keeps_all_of_it() {
        let line = Line::of(0, "api", r#"{"level":"INFO","message":"m","requestId":"8f2a-1"}"#).expect("a line");
        let value: Value = serde_json::from_str(&line.json()).expect("JSON");
        assert_eq!(value["fields"]["request"], "8f2a-1");
        assert_eq!(value["time"], "1970-01-01T00:00:00Z");
    }
}
