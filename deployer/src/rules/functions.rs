//! Rules for functions: what they are made of, their logs, their network.

use super::Rule;
use crate::diag::Diagnostics;
use crate::model::Stack;
use crate::model::access::Access;
use crate::model::function::Destination;
use crate::model::trigger::TriggerKind;
use crate::source::Span;

/// Days that CloudWatch Logs can keep logs for.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html> (read 2026-11).
const RETENTION_DAYS: [u64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

pub(super) fn log_retention(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    let own = stack.file.functions.values().filter_map(|function| function.logs.as_ref());
    for logs in stack.file.defaults.logs.iter().chain(own) {
        let days = logs.as_secs() / 86_400;
        let is_whole = logs.as_secs() % 86_400 == 0 && logs.subsec_nanos() == 0;
        if !is_whole || !RETENTION_DAYS.contains(&days) {
            let next = RETENTION_DAYS.into_iter().find(|known| *known >= days + u64::from(!is_whole)).unwrap_or(3653);
            let all: Vec<String> = RETENTION_DAYS.iter().map(u64::to_string).collect();
            diagnostics.push(
                rule.error()
                    .at(logs.span, format!("the next longer time is {next}d"))
                    .help(format!("one of these numbers of days: {}", all.join(", "))),
            );
        }
    }
}

/// An ARN of a policy, or the name of one, with its path where it has one.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html> (read 2026-11).
pub(super) fn boundaries(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    let own = stack.file.functions.values().filter_map(|function| function.permissions_boundary.as_ref());
    for boundary in stack.file.defaults.permissions_boundary.iter().chain(own) {
        let is_name = |name: &str| {
            let mut letters = name.chars();
            !name.is_empty() && letters.all(|letter| letter.is_ascii_alphanumeric() || "_+=,.@/-".contains(letter))
        };
        let is_right = match boundary.starts_with("arn:") {
            true => boundary.contains(":iam::") && boundary.contains(":policy/"),
            false => is_name(boundary) && !boundary.starts_with('/') && boundary.len() <= 640,
        };
        if !is_right {
            let text = "neither the ARN of an IAM policy nor the name of one";
            let help = "write `arn:aws:iam::123456789012:policy/NAME`, or NAME, such as the `deployer-boundary-…` of `deployer bootstrap`";
            diagnostics.push(rule.error().at(boundary.span, text).help(help));
        }
    }
}

/// One of the keys of a choice, and none beside it.
fn one_of(rule: &Rule, span: Span, keys: &[(&str, bool)], diagnostics: &mut Diagnostics) {
    let written: Vec<&str> = keys.iter().filter(|(_, is_written)| *is_written).map(|(key, _)| *key).collect();
    if written.len() == 1 {
        return;
    }
    let text = if written.is_empty() { "it has none".to_owned() } else { format!("it has {}", written.join(" and ")) };
    let keys: Vec<String> = keys.iter().map(|(key, _)| format!("`{key}`")).collect();
    diagnostics.push(rule.error().at(span, text).help(format!("write one of: {}", keys.join(", "))));
}

pub(super) fn exactly_one(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for (name, function) in &stack.file.functions {
        let place = stack.places.name("functions", name);
        let keys = [("crate", function.crate_name.is_some()), ("code", function.code.is_some())];
        one_of(rule, place, &keys, diagnostics);
        if let Some(code) = &function.code {
            let keys = [("dir", code.dir.is_some()), ("zip", code.zip.is_some()), ("image", code.image.is_some())];
            one_of(rule, code.span, &keys, diagnostics);
        }
        for access in &function.access {
            let Access::Grant(grant) = &access.value else { continue };
            let written: Vec<&str> = grant.subjects().iter().map(|subject| subject.word()).collect();
            let nouns = ["queue", "topic", "bucket", "table", "secret", "function", "email", "metrics"];
            one_of(rule, grant.span, &nouns.map(|noun| (noun, written.contains(&noun))), diagnostics);
        }
        let mut destination = |destination: &Destination, may: &[&str]| {
            let keys = [
                ("queue", destination.queue.is_some()),
                ("topic", destination.topic.is_some()),
                ("function", destination.function.is_some()),
            ];
            let keys: Vec<(&str, bool)> =
                keys.into_iter().filter(|(key, is_written)| *is_written || may.contains(key)).collect();
            one_of(rule, destination.span, &keys, diagnostics);
        };
        if let Some(asynchronous) = &function.asynchronous {
            // `on_failure: {}` is nowhere, on purpose.
            let on_failure = asynchronous.on_failure.as_ref().filter(|one| one.is_somewhere());
            for one in [on_failure, asynchronous.on_success.as_ref()].into_iter().flatten() {
                destination(one, &["queue", "topic", "function"]);
            }
        }
        for trigger in &function.triggers {
            match &trigger.kind {
                TriggerKind::Topic(topic) => topic.dead_letter.iter().for_each(|one| destination(one, &["queue"])),
                TriggerKind::Event(event) => event.dead_letter.iter().for_each(|one| destination(one, &["queue"])),
                _ => {}
            }
        }
        for trigger in &function.triggers {
            if let TriggerKind::Schedule(schedule) = &trigger.kind {
                let keys = [("rate", schedule.rate.is_some()), ("cron", schedule.cron.is_some())];
                one_of(rule, schedule.span, &keys, diagnostics);
            }
        }
    }
}

pub(super) fn runtime(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for code in stack.file.functions.values().filter_map(|function| function.code.as_ref()) {
        let is_zip = code.dir.is_some() || code.zip.is_some();
        let missing: Vec<&str> = [("runtime", code.runtime.is_none()), ("handler", code.handler.is_none())]
            .into_iter()
            .filter(|(_, is_missing)| is_zip && *is_missing)
            .map(|(key, _)| key)
            .collect();
        if !missing.is_empty() {
            diagnostics.push(
                rule.error()
                    .at(code.span, format!("`{}` is missing", missing.join("` and `")))
                    .help("a folder or a zip needs both, such as `runtime: python3.13` and `handler: main.handler`"),
            );
        }
        let superfluous = code.runtime.as_ref().or(code.handler.as_ref()).filter(|_| code.image.is_some() && !is_zip);
        if let Some(key) = superfluous {
            diagnostics.push(
                rule.error()
                    .at(key.span, "an image brings its own runtime and entry point")
                    .help("remove `runtime` and `handler`"),
            );
        }
    }
}

/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_FileSystemConfig.html> (read 2026-11).
pub(super) fn file_systems(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for function in stack.file.functions.values() {
        for file_system in &function.file_systems {
            if function.network.is_none() && stack.file.defaults.network.is_none() {
                diagnostics.push(
                    rule.error()
                        .at(file_system.span, "EFS is reached through a network only")
                        .help("add `network:` with a network that reaches the file system"),
                );
            }
            let path = &file_system.path;
            if path.strip_prefix("/mnt/").is_none_or(str::is_empty) {
                diagnostics
                    .push(rule.error().at(path.span, "not below `/mnt/`").help("mount it there, such as `/mnt/data`"));
            }
        }
    }
}

pub(super) fn networks(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    for (name, network) in &stack.file.networks {
        let missing: Vec<&str> =
            [("subnets", network.subnets.is_empty()), ("security_groups", network.security_groups.is_empty())]
                .into_iter()
                .filter(|(_, is_missing)| *is_missing)
                .map(|(key, _)| key)
                .collect();
        if !missing.is_empty() {
            diagnostics.push(
                rule.error()
                    .at(stack.places.name("networks", name), format!("nothing under `{}`", missing.join("` and `")))
                    .help("a function in a VPC needs at least one subnet and one security group"),
            );
        }
    }
}
