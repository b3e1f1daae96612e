//! Buckets: what S3 sets for each new one, rules by their id, and notifications one event at a time.

use super::kinds::{drop_if, inner, list};
use crate::state::Properties;
use serde_json::{Map, Value, json};

/// The normal form of a bucket whose scalars are in theirs.
pub(super) fn bucket(normal: &mut Properties) {
    // A bucket that never had versions and one that no longer makes them keep nothing of what is overwritten.
    drop_if(normal, "VersioningConfiguration", &json!({ "Status": "Suspended" }));
    public_access(normal);
    encryption(normal);
    lifecycle(normal);
    notifications(normal);
    normal.entry("OwnershipControls").or_insert(json!({ "Rules": [{ "ObjectOwnership": "BucketOwnerEnforced" }] }));
    if let Some(cors) = inner(normal, "CorsConfiguration") {
        for rule in list(cors, "CorsRules") {
            rule.remove("Id");
            // CloudFormation stores 0 where a rule has no age.
            drop_if(rule, "MaxAge", &json!(0));
            drop_if(rule, "AllowedHeaders", &json!([]));
            drop_if(rule, "ExposedHeaders", &json!([]));
        }
    }
}

/// New buckets block all public access; a configuration that names some of the four leaves the others off.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html> (read 2026-11).
fn public_access(normal: &mut Properties) {
    const ALL: [&str; 4] = ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"];
    let given = inner(normal, "PublicAccessBlockConfiguration");
    let given = given.map(|given| ALL.map(|key| given.get(key).cloned().unwrap_or(json!(false))));
    let values = given.unwrap_or_else(|| ALL.map(|_| json!(true)));
    let whole: Map<String, Value> = ALL.into_iter().map(str::to_owned).zip(values).collect();
    normal.insert("PublicAccessBlockConfiguration".to_owned(), Value::Object(whole));
}

/// S3 encrypts with keys of its own where nothing is said.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html> (read 2026-11).
fn encryption(normal: &mut Properties) {
    let own = json!({ "ServerSideEncryptionConfiguration": [{ "ServerSideEncryptionByDefault": { "SSEAlgorithm": "AES256" } }] });
    let configuration = normal.entry("BucketEncryption").or_insert(own);
    let Some(configuration) = configuration.as_object_mut() else { return };
    for rule in list(configuration, "ServerSideEncryptionConfiguration") {
        rule.entry("BucketKeyEnabled").or_insert(json!(false));
    }
}

/// Rules by their id, those without by their place among the nameless. Both forms are taken.
fn lifecycle(normal: &mut Properties) {
    let Some(configuration) = inner(normal, "LifecycleConfiguration") else { return };
    if let Some(Value::Array(rules)) = configuration.get("Rules") {
        let mut map = Map::new();
        for (place, rule) in rules.iter().enumerate() {
            let Some(mut rule) = rule.as_object().cloned() else { return };
            let name = match rule.remove("Id") {
                Some(Value::String(id)) => id,
                _ => format!("(nameless {})", place + 1),
            };
            if map.insert(name, Value::Object(rule)).is_some() {
                return;
            }
        }
        map.sort_keys();
        configuration.insert("Rules".to_owned(), Value::Object(map));
    }
    let rules = inner(configuration, "Rules").into_iter().flatten();
    for rule in rules.filter_map(|(_, rule)| rule.as_object_mut()) {
        drop_if(rule, "Prefix", &json!(""));
        drop_if(rule, "ExpiredObjectDeleteMarker", &json!(false));
        // The older spellings of the same.
        if let Some(days) = rule.remove("NoncurrentVersionExpirationInDays") {
            rule.entry("NoncurrentVersionExpiration").or_insert(json!({ "NoncurrentDays": days }));
        }
        for (one, many) in
            [("Transition", "Transitions"), ("NoncurrentVersionTransition", "NoncurrentVersionTransitions")]
        {
            if let Some(transition) = rule.remove(one) {
                rule.entry(many).or_insert(json!([transition]));
            }
            drop_if(rule, many, &json!([]));
        }
    }
    drop_if(configuration, "TransitionDefaultMinimumObjectSize", &json!("all_storage_classes_128K"));
    drop_if(configuration, "Rules", &json!({}));
    drop_if(normal, "LifecycleConfiguration", &json!({}));
}

/// A configuration for several events is one for each; filters are maps; the order says nothing.
fn notifications(normal: &mut Properties) {
    let Some(configuration) = inner(normal, "NotificationConfiguration") else { return };
    for key in ["LambdaConfigurations", "QueueConfigurations", "TopicConfigurations"] {
        for entry in list(configuration, key) {
            entry.remove("Id");
            let rules = inner(entry, "Filter").and_then(|filter| inner(filter, "S3Key"));
            if let Some(filter) = rules
                && let Some(Value::Array(rules)) = filter.get("Rules")
            {
                let pair = |rule: &Value| {
                    Some((rule.get("Name")?.as_str()?.to_lowercase(), rule.get("Value").cloned().unwrap_or(json!(""))))
                };
                let mut pairs: Map<String, Value> = rules.iter().filter_map(pair).collect();
                pairs.sort_keys();
                filter.insert("Rules".to_owned(), Value::Object(pairs));
            }
            let is_bare = entry
                .get("Filter")
                .is_some_and(|filter| filter["S3Key"]["Rules"].as_object().is_none_or(Map::is_empty));
            if is_bare {
                entry.remove("Filter");
            }
        }
        if let Some(Value::Array(entries)) = configuration.get_mut(key) {
            entries.sort_by_key(Value::to_string);
            entries.dedup();
        }
        drop_if(configuration, key, &json!([]));
    }
    drop_if(configuration, "EventBridgeConfiguration", &json!({ "EventBridgeEnabled": false }));
    drop_if(normal, "NotificationConfiguration", &json!({}));
}
