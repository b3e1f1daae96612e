//! Rules for triggers: schedules, routes, batches, bucket events.

use super::Rule;
use crate::diag::{Diagnostics, nearest};
use crate::model::Stack;
use crate::model::trigger::{Cors, Trigger, TriggerKind};
use crate::source::{Span, Spanned};
use std::collections::HashMap;
use std::ops::RangeInclusive;

fn triggers(stack: &Stack) -> impl Iterator<Item = &Trigger> {
    stack.file.functions.values().flat_map(|function| &function.triggers)
}

/// Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html> (read 2026-11).
pub(super) fn schedules(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for trigger in triggers(stack) {
        let TriggerKind::Schedule(schedule) = &trigger.kind else { continue };
        if let Some((rate, wrong)) = schedule.rate.as_ref().and_then(|rate| Some((rate, rate_mistake(rate)?))) {
            diagnostics.push(rule.error().at(rate.span, wrong).help("such as `rate(1 minute)` or `rate(5 minutes)`"));
        }
        if let Some((cron, wrong)) = schedule.cron.as_ref().and_then(|cron| Some((cron, cron_mistake(cron)?))) {
            diagnostics.push(
                rule.error()
                    .at(cron.span, wrong)
                    .help("minutes hours day-of-month month day-of-week year, such as `cron(0 2 * * ? *)`"),
            );
        }
        if let Some(zone) = schedule.timezone.as_ref().filter(|_| schedule.cron.is_none()) {
            diagnostics.push(
                rule.error().at(zone.span, "a rate is the same in every time zone").help("remove it, or use `cron`"),
            );
        }
    }
}

fn rate_mistake(text: &str) -> Option<String> {
    let Some(inside) = text.strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')')) else {
        return Some("not of the form rate(N unit)".to_owned());
    };
    let words: Vec<&str> = inside.split_whitespace().collect();
    let [number, unit] = words.as_slice() else { return Some("a number and a unit are needed".to_owned()) };
    let Ok(number @ 1..) = number.parse::<u32>() else {
        return Some(format!("`{number}` is not a whole number above 0"));
    };
    let one = unit.strip_suffix('s').unwrap_or(unit);
    if !["minute", "hour", "day"].contains(&one) {
        return Some(format!("`{unit}` is none of minutes, hours, days"));
    }
    match (number, unit.ends_with('s')) {
        (1, true) => Some(format!("1 goes with `{one}`")),
        (2.., false) => Some(format!("{number} goes with `{one}s`")),
        _ => None,
    }
}

struct Field {
    name: &'static str,
    range: RangeInclusive<u32>,
    words: &'static [&'static str],
    /// Beyond numbers, words, `*`, `,`, `-` and `/`.
    marks: &'static [char],
}

const FIELDS: [Field; 6] = [
    Field { name: "minutes", range: 0..=59, words: &[], marks: &[] },
    Field { name: "hours", range: 0..=23, words: &[], marks: &[] },
    Field { name: "day-of-month", range: 1..=31, words: &[], marks: &['L', 'W'] },
    Field {
        name: "month",
        range: 1..=12,
        words: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
        marks: &[],
    },
    Field {
        name: "day-of-week",
        range: 1..=7,
        words: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
        marks: &['L', '#'],
    },
    Field { name: "year", range: 1970..=2199, words: &[], marks: &[] },
];

fn cron_mistake(text: &str) -> Option<String> {
    let Some(inside) = text.strip_prefix("cron(").and_then(|rest| rest.strip_suffix(')')) else {
        return Some("not of the form cron(six fields)".to_owned());
    };
    let fields: Vec<&str> = inside.split_whitespace().collect();
    if fields.len() != 6 {
        let more = if fields.len() == 5 { "; EventBridge also wants a year" } else { "" };
        return Some(format!("{} fields instead of six{more}", fields.len()));
    }
    if (fields[2] == "?") == (fields[4] == "?") {
        return Some("exactly one of day-of-month and day-of-week is `?`".to_owned());
    }
    let is_wrong =
        |(field, text): (&Field, &str)| (!field.takes(text)).then(|| format!("`{text}` does not fit {}", field.name));
    FIELDS.iter().zip(fields).find_map(is_wrong)
}

impl Field {
    fn takes(&self, text: &str) -> bool {
        text == "?" && ["day-of-month", "day-of-week"].contains(&self.name)
            || text.split(',').all(|part| self.part(part))
    }

    fn part(&self, part: &str) -> bool {
        let (base, step) = part.split_once('/').map_or((part, None), |(base, step)| (base, Some(step)));
        if step.is_some_and(|step| !matches!(step.parse::<u32>(), Ok(1..))) {
            return false;
        }
        match base.split_once('-') {
            _ if base == "*" => true,
            Some((from, to)) => self.value(from).zip(self.value(to)).is_some(),
            None => self.value(base).is_some() || self.marked(base),
        }
    }

    fn value(&self, text: &str) -> Option<u32> {
        let word = self.words.iter().position(|word| word.eq_ignore_ascii_case(text));
        let value = word.and_then(|position| u32::try_from(position).ok()).map(|position| position + 1);
        value.or_else(|| text.parse().ok()).filter(|value| self.range.contains(value))
    }

    /// `L`, `LW`, `15W`, `5L`, `3#2`.
    fn marked(&self, text: &str) -> bool {
        if let Some((day, week)) = text.split_once('#') {
            return self.marks.contains(&'#') && self.value(day).is_some() && matches!(week.parse::<u32>(), Ok(1..=5));
        }
        let rest = text.trim_end_matches(self.marks);
        rest.len() < text.len() && text.len() - rest.len() <= 2 && (rest.is_empty() || self.value(rest).is_some())
    }
}

fn http_routes(stack: &Stack) -> impl Iterator<Item = &Spanned<String>> {
    triggers(stack).filter_map(|trigger| match &trigger.kind {
        TriggerKind::Http(http) => Some(&http.route),
        _ => None,
    })
}

/// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html> (read 2026-11).
pub(super) fn routes(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for route in http_routes(stack) {
        if let Some(wrong) = route_mistake(route) {
            diagnostics.push(
                rule.error()
                    .at(route.span, wrong)
                    .help("such as `GET /items/{id}`, `ANY /files/{path+}` or `$default`"),
            );
        }
    }
}

fn route_mistake(route: &str) -> Option<String> {
    const METHODS: [&str; 8] = ["ANY", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    if route == "$default" {
        return None;
    }
    let words: Vec<&str> = route.split(' ').collect();
    let [method, path] = words.as_slice() else { return Some("a method, one space and a path are needed".to_owned()) };
    if !METHODS.contains(method) {
        return Some(match nearest(method, METHODS) {
            Some(near) => format!("`{method}` is no method; did you mean {near}?"),
            None => format!("`{method}` is no method: {}", METHODS.join(", ")),
        });
    }
    let Some(rest) = path.strip_prefix('/') else { return Some("the path does not begin with `/`".to_owned()) };
    let segments: Vec<&str> = rest.split('/').collect();
    for (position, segment) in segments.iter().enumerate() {
        let is_last = position + 1 == segments.len();
        if segment.is_empty() && !(is_last && position == 0) {
            return Some("the path has an empty part".to_owned());
        }
        let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
            if segment.contains(['{', '}']) {
                return Some(format!("`{segment}` mixes text and braces"));
            }
            continue;
        };
        let (name, is_greedy) = name.strip_suffix('+').map_or((name, false), |name| (name, true));
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':')) {
            return Some(format!("`{segment}` is no parameter"));
        }
        if is_greedy && !is_last {
            return Some(format!("`{segment}` takes the rest of the path, so nothing can follow"));
        }
    }
    None
}

pub(super) fn same_route(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    let mut seen: HashMap<String, Span> = HashMap::new();
    for route in http_routes(stack) {
        // API Gateway does not tell routes apart by the names of their parameters.
        let shape: Vec<&str> = route
            .split('/')
            .map(|part| match (part.starts_with('{'), part.ends_with("+}")) {
                (true, true) => "{+}",
                (true, false) => "{}",
                _ => part,
            })
            .collect();
        if let Some(first) = seen.insert(shape.join("/"), route.span) {
            diagnostics.push(
                rule.error()
                    .at(route.span, "this route is taken")
                    .at(first, "by this one")
                    .help("all `http` triggers of a stack share one API: change the method or the path"),
            );
        }
    }
}

/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html> (read 2026-11).
pub(super) fn windows(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for trigger in triggers(stack) {
        let TriggerKind::Queue(queue) = &trigger.kind else { continue };
        if queue.batch.value > 10 && queue.window.as_ref().is_none_or(|window| window.as_secs() == 0) {
            diagnostics.push(
                rule.error()
                    .at(queue.batch.span.or(trigger.span), "Lambda polls 10 messages at a time")
                    .help("add `window: 5s`, so that a larger batch can gather; or set batch to 10"),
            );
        }
    }
}

/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html>
/// (read 2026-11).
const EVENTS: &[&str] = &[
    "created:*",
    "removed:*",
    "ObjectCreated:*",
    "ObjectCreated:Put",
    "ObjectCreated:Post",
    "ObjectCreated:Copy",
    "ObjectCreated:CompleteMultipartUpload",
    "ObjectRemoved:*",
    "ObjectRemoved:Delete",
    "ObjectRemoved:DeleteMarkerCreated",
    "ObjectRestore:*",
    "ObjectRestore:Post",
    "ObjectRestore:Completed",
    "ObjectRestore:Delete",
    "ReducedRedundancyLostObject",
    "Replication:*",
    "Replication:OperationFailedReplication",
    "Replication:OperationMissedThreshold",
    "Replication:OperationReplicatedAfterThreshold",
    "Replication:OperationNotTracked",
    "LifecycleExpiration:*",
    "LifecycleExpiration:Delete",
    "LifecycleExpiration:DeleteMarkerCreated",
    "LifecycleTransition",
    "IntelligentTiering",
    "ObjectTagging:*",
    "ObjectTagging:Put",
    "ObjectTagging:Delete",
    "ObjectAcl:Put",
];

pub(super) fn bucket_events(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for trigger in triggers(stack) {
        let TriggerKind::Bucket(bucket) = &trigger.kind else { continue };
        for event in bucket.events.iter().filter(|event| !EVENTS.contains(&event.as_str())) {
            let help = match nearest(event.strip_prefix("s3:").unwrap_or(event), EVENTS.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "such as `created:*`, `removed:*` or `ObjectCreated:Put`".to_owned(),
            };
            diagnostics.push(rule.error().at(event.span, "not an event type of S3").help(help));
        }
    }
}

pub(super) fn cors(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    let urls = triggers(stack).filter_map(|trigger| match &trigger.kind {
        TriggerKind::Url(url) => url.cors.as_ref(),
        _ => None,
    });
    let api = stack.file.api.as_ref().and_then(|api| api.cors.as_ref());
    for cors in api.into_iter().chain(urls) {
        let Cors { credentials, origins, span, .. } = cors;
        if *credentials && origins.iter().any(|origin| origin == "*") {
            diagnostics.push(
                rule.error()
                    .at(*span, "browsers refuse credentials together with origin `*`")
                    .help("name the origins, such as `origins: [https://example.com]`"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cron_expressions_of_the_documentation_are_taken() {
        for text in [
            "cron(0 10 * * ? *)",
            "cron(15 12 * * ? *)",
            "cron(0 18 ? * MON-FRI *)",
            "cron(0 8 1 * ? *)",
            "cron(0/15 * * * ? *)",
            "cron(0/10 * ? * MON-FRI *)",
            "cron(0/5 8-17 ? * MON-FRI *)",
            "cron(0/30 20-2 ? * MON-FRI *)",
            "cron(0 0 L * ? *)",
            "cron(0 0 ? * 3#2 *)",
            "cron(0 9 ? * 2L 2026)",
            "cron(0 9 15W 1,7 ? 2026-2030)",
        ] {
            assert_eq!(cron_mistake(text), None, "{text}");
        }
    }

    #[test]
    fn wrong_cron_expressions_are_refused() {
        for text in [
            "cron(0 10 * * ?)",
            "cron(0 10 * * * *)",
            "cron(0 10 ? * ? *)",
            "cron(60 10 * * ? *)",
            "cron(0 10 * * ? * *)",
            "cron(0 10 ? * 8 *)",
            "cron(0 10 ? FOO MON *)",
            "cron(0/0 10 * * ? *)",
            "0 10 * * ? *",
        ] {
            assert!(cron_mistake(text).is_some(), "{text}");
        }
    }

    #[test]
    fn a_rate_has_the_singular_for_one_only() {
        assert_eq!(rate_mistake("rate(1 minute)"), None);
        assert_eq!(rate_mistake("rate(5 minutes)"), None);
        assert!(rate_mistake("rate(1 minutes)").is_some_and(|text| text.contains("`minute`")));
        assert!(rate_mistake("rate(5 minute)").is_some_and(|text| text.contains("`minutes`")));
        assert!(rate_mistake("rate(0 minutes)").is_some() && rate_mistake("rate(1 week)").is_some());
    }

    #[test]
    fn routes_are_a_method_and_a_path() {
        for route in ["GET /", "$default", "ANY /a/{b}/c", "POST /files/{path+}"] {
            assert_eq!(route_mistake(route), None, "{route}");
        }
        for route in ["GET", "get /", "GET items", "GET /a//b", "GET /a{b}", "GET /{a+}/b", "GET  /a", "GET /{}"] {
            assert!(route_mistake(route).is_some(), "{route}");
        }
    }
}
