//! The stack as a graph: what starts which function, and what it works with. Data for `render/html.rs`.
//!
//! Takes templates alone. What only serves another resource (roles, permissions, log groups, aliases, policies of
//! queues) is part of that one. Knows no layout, no colours and nothing of changes.

use crate::cfn::{Resource, Template};
use crate::ids::LogicalId;
use crate::resolve;
use crate::synth::logical_ids;
use indexmap::{IndexMap, IndexSet};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Nodes in template order, edges in the direction of events and data: rule → function → queue.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Picture {
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<[LogicalId; 2]>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Node {
    pub(crate) id: LogicalId,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// What people call it.
    pub(crate) name: String,
    /// Logical ids of what belongs to it: its role, its log group, its alias.
    pub(crate) parts: Vec<LogicalId>,
}

/// The picture of a template.
pub(crate) fn of(template: &Template) -> Picture {
    let names = physical_names(template);
    let references: IndexMap<&LogicalId, Vec<Found<'_>>> = template
        .resources
        .iter()
        .map(|(id, resource)| {
            let mut found = Vec::new();
            for (key, value) in resource.properties.iter().filter(|(key, _)| *key != "Tags") {
                collect(value, key, template, &names, &mut found);
            }
            found.retain(|one| one.id != id);
            (id, found)
        })
        .collect();
    let owners = owners(template, &references);
    let owner = |id: &LogicalId| owners.get(id).unwrap_or(id).clone();
    let mut picture = Picture::default();
    for (id, resource) in &template.resources {
        if owners.contains_key(id) || is_hidden(&resource.kind) {
            continue;
        }
        let parts = owners.iter().filter(|(_, owner)| *owner == id).map(|(part, _)| part.clone()).collect();
        picture.nodes.push(Node { id: id.clone(), kind: resource.kind.clone(), name: name(id, resource), parts });
    }
    // What is said outright comes first, so that a right to read the queue does not turn its arrow round.
    let (mut said, mut implied) = (IndexSet::new(), IndexSet::new());
    for (id, found) in &references {
        let kind = template.resources[*id].kind.as_str();
        for one in found {
            let (from, to, into) = match direction(kind, one.property) {
                Direction::Of => (owner(id), owner(one.id), &mut implied),
                Direction::Out => (owner(id), owner(one.id), &mut said),
                Direction::In => (owner(one.id), owner(id), &mut said),
                Direction::None => continue,
            };
            into.insert([from, to]);
        }
    }
    // A mapping or a subscription has two ends and is neither of them.
    for (id, resource) in &template.resources {
        said.extend(bridge(resource, &references[id]).map(|(from, to)| [owner(from), owner(to)]));
    }
    let is_node = |id: &LogicalId| picture.nodes.iter().any(|node| node.id == *id);
    let turned = |[from, to]: &[LogicalId; 2]| said.contains(&[to.clone(), from.clone()]);
    let new = implied.iter().filter(|edge| !said.contains(*edge) && !turned(edge));
    let edges = said.iter().chain(new).filter(|[from, to]| from != to && is_node(from) && is_node(to));
    picture.edges = edges.cloned().collect();
    picture
}

/// The picture of what is wanted, with what goes away beside it.
pub(crate) fn with(wanted: &Template, deployed: Option<&Template>) -> Picture {
    let mut picture = of(wanted);
    let Some(before) = deployed.map(of) else { return picture };
    for node in before.nodes {
        if !picture.nodes.iter().any(|known| known.id == node.id || known.parts.contains(&node.id)) {
            picture.nodes.push(node);
            continue;
        }
        // A part that goes away still belongs to its node.
        for known in picture.nodes.iter_mut().filter(|known| known.id == node.id) {
            let gone = node.parts.iter().filter(|part| !wanted.resources.contains_key(*part));
            known.parts.extend(gone.cloned());
        }
    }
    let gone = |id: &LogicalId| !wanted.resources.contains_key(id);
    let edges = before.edges.into_iter().filter(|[from, to]| gone(from) || gone(to));
    for edge in edges {
        let is_node = |id: &LogicalId| picture.nodes.iter().any(|node| node.id == *id);
        if edge.iter().all(is_node) && !picture.edges.contains(&edge) {
            picture.edges.push(edge);
        }
    }
    picture
}

/// A reference to another resource, by the top-level property that it stands in.
struct Found<'a> {
    id: &'a LogicalId,
    property: &'a str,
}

/// `{Ref: X}`, `{Fn::GetAtt: [X, …]}`, `${X}` and `${X.…}` in `Fn::Sub`, and ARNs that end in a declared name.
fn collect<'a>(
    value: &'a Value,
    property: &'a str,
    template: &'a Template,
    names: &IndexMap<&'a str, &'a LogicalId>,
    found: &mut Vec<Found<'a>>,
) {
    let mut push = |name: &str| {
        if let Some((id, _)) = template.resources.get_key_value(&LogicalId::new(name)) {
            found.push(Found { id, property });
        }
    };
    match value {
        Value::String(text) => by_name(text, property, names, found),
        Value::Array(items) => items.iter().for_each(|item| collect(item, property, template, names, found)),
        Value::Object(object) => match resolve::intrinsic(object) {
            Some(("Ref", Value::String(name))) => push(name),
            Some(("Fn::GetAtt", Value::String(name))) => push(name.split('.').next().unwrap_or(name)),
            Some(("Fn::GetAtt", Value::Array(items))) => push(items.first().and_then(Value::as_str).unwrap_or("")),
            Some(("Fn::Sub", argument)) => {
                let (text, own) = match argument {
                    Value::Array(items) => (items.first().and_then(Value::as_str), items.get(1)),
                    other => (other.as_str(), None),
                };
                let text = text.unwrap_or_default();
                for part in text.split("${").skip(1) {
                    let name = part.split(['}', '.']).next().unwrap_or_default().trim();
                    push(name);
                }
                by_name(text, property, names, found);
                own.into_iter().for_each(|own| collect(own, property, template, names, found));
            }
            _ => object.values().for_each(|value| collect(value, property, template, names, found)),
        },
        _ => {}
    }
}

/// Names that AWS gives are declared as text in some places, to keep clear of cycles.
fn by_name<'a>(text: &str, property: &'a str, names: &IndexMap<&'a str, &'a LogicalId>, found: &mut Vec<Found<'a>>) {
    let is_arn = text.starts_with("arn:");
    let ends = |part: &str| part.is_empty() || part.starts_with(['/', ':', '*']);
    for (name, id) in names {
        let in_arn = || {
            text.match_indices(name).any(|(at, _)| text[..at].ends_with([':', '/']) && ends(&text[at + name.len()..]))
        };
        if text == *name || (is_arn && in_arn()) {
            found.push(Found { id, property });
        }
    }
}

/// Declared names, by name. Log groups are named after functions, aliases are all called the same: neither says which.
fn physical_names(template: &Template) -> IndexMap<&str, &LogicalId> {
    let kinds = ["Queue", "Topic", "Bucket", "Function", "Table", "Stream", "Pipe"];
    let named = template.resources.iter().filter_map(|(id, resource)| {
        let own = resource.kind.rsplit("::").next()?;
        let name = resource.properties.get(&format!("{own}Name")).filter(|_| kinds.contains(&own))?;
        let text = name.as_str().or_else(|| name.get("Fn::Sub")?.as_str())?;
        text.contains('-').then_some((text, id))
    });
    named.collect()
}

/// Types that are part of what they refer to: with the property that says what that is.
const PARTS: [(&str, &str); 19] = [
    ("AWS::ApiGateway::Deployment", "RestApiId"),
    ("AWS::ApiGateway::Stage", "RestApiId"),
    ("AWS::ApiGatewayV2::Authorizer", "ApiId"),
    ("AWS::ApiGatewayV2::Deployment", "ApiId"),
    ("AWS::ApiGatewayV2::Integration", "IntegrationUri"),
    ("AWS::ApiGatewayV2::Stage", "ApiId"),
    ("AWS::CloudWatch::Alarm", "Dimensions"),
    ("AWS::IAM::InstanceProfile", "Roles"),
    ("AWS::Lambda::Alias", "FunctionName"),
    ("AWS::Lambda::EventInvokeConfig", "FunctionName"),
    ("AWS::Lambda::EventSourceMapping", "FunctionName"),
    ("AWS::Lambda::Permission", "FunctionName"),
    ("AWS::Lambda::Version", "FunctionName"),
    ("AWS::Logs::MetricFilter", "LogGroupName"),
    ("AWS::Logs::SubscriptionFilter", "DestinationArn"),
    ("AWS::S3::BucketPolicy", "Bucket"),
    ("AWS::SNS::Subscription", "Endpoint"),
    ("AWS::SNS::TopicPolicy", "Topics"),
    ("AWS::SQS::QueuePolicy", "Queues"),
];

/// What each part belongs to in the end: an integration to its alias, and that to its function.
fn owners(template: &Template, references: &IndexMap<&LogicalId, Vec<Found<'_>>>) -> IndexMap<LogicalId, LogicalId> {
    let mut direct: IndexMap<&LogicalId, &LogicalId> = IndexMap::new();
    for (id, resource) in &template.resources {
        if let Some((_, property)) = PARTS.iter().find(|(kind, _)| *kind == resource.kind) {
            let found = references[id].iter().find(|found| found.property == *property);
            // A mapping of a source outside is a trigger of its own: there is nothing else to show.
            let has_source = resource.kind != "AWS::Lambda::EventSourceMapping"
                || references[id].iter().any(|found| found.property == "EventSourceArn");
            direct.extend(found.filter(|_| has_source).map(|found| (id, found.id)));
        }
        // An alarm over a metric from a log names no function in its dimensions.
        if let Some(function) = resource.metadata.get("deployer").and_then(|about| about["function"].as_str()) {
            let function = template.resources.get_key_value(&logical_ids::function(function));
            direct.extend(function.map(|(function, _)| (id, function)));
        }
        if ["AWS::IAM::Role", "AWS::Logs::LogGroup"].contains(&resource.kind.as_str()) {
            let served = references.iter().filter(|(_, found)| found.iter().any(|found| found.id == id));
            let mut served = served.map(|(user, _)| *user).filter(|user| {
                let kind = template.resources[*user].kind.as_str();
                !kind.starts_with("AWS::IAM::") && !kind.starts_with("AWS::Logs::")
            });
            // Several users share it: then it is a thing of its own.
            if let (Some(first), None) = (served.next(), served.next()) {
                direct.insert(id, first);
            }
        }
    }
    for (id, resource) in &template.resources {
        if ["AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"].contains(&resource.kind.as_str()) {
            let role = references[id].iter().find(|found| ["Roles", "RoleName"].contains(&found.property));
            direct.extend(role.map(|role| (id, role.id)));
        }
    }
    let last = |id: &LogicalId| {
        let mut at = id;
        // No longer than there are resources, also when they refer to each other in a ring.
        for _ in 0..direct.len() {
            match direct.get(at) {
                Some(next) if *next != id => at = next,
                _ => break,
            }
        }
        at.clone()
    };
    direct.keys().map(|id| ((*id).clone(), last(id))).filter(|(id, owner)| id != owner).collect()
}

enum Direction {
    /// It uses what it refers to.
    Of,
    /// It sends to what it refers to.
    Out,
    /// What it refers to comes first.
    In,
    None,
}

/// Which way the arrow of a reference points.
fn direction(kind: &str, property: &str) -> Direction {
    match (kind, property) {
        ("AWS::ApiGatewayV2::Route", "ApiId") | ("AWS::Events::Rule", "EventBusName") => Direction::In,
        ("AWS::Pipes::Pipe", "Source" | "SourceParameters") => Direction::In,
        ("AWS::ApiGatewayV2::Route", "Target") | ("AWS::Events::Rule", "Targets") => Direction::Out,
        ("AWS::Pipes::Pipe", "Target") | ("AWS::Scheduler::Schedule", "Target") => Direction::Out,
        ("AWS::S3::Bucket", "NotificationConfiguration") => Direction::Out,
        ("AWS::Lambda::Url", "TargetFunctionArn") => Direction::Out,
        ("AWS::Lambda::EventSourceMapping", "EventSourceArn") => Direction::In,
        ("AWS::Lambda::Permission", _) | ("AWS::CloudWatch::Dashboard", _) => Direction::None,
        ("AWS::CloudWatch::CompositeAlarm", "AlarmRule") => Direction::None,
        ("AWS::SQS::QueuePolicy" | "AWS::SNS::TopicPolicy" | "AWS::S3::BucketPolicy", _) => Direction::None,
        // Belongs to its function; the route stands between that and the API.
        ("AWS::ApiGatewayV2::Integration", _) => Direction::None,
        // A dead-letter queue names the queues that may send to it.
        ("AWS::SQS::Queue", "RedriveAllowPolicy") => Direction::None,
        ("AWS::SNS::Subscription", "TopicArn") => Direction::None,
        _ => Direction::Of,
    }
}

/// From where to where a connecting resource leads.
fn bridge<'a>(resource: &Resource, found: &[Found<'a>]) -> Option<(&'a LogicalId, &'a LogicalId)> {
    let (from, to) = match resource.kind.as_str() {
        "AWS::Lambda::EventSourceMapping" => ("EventSourceArn", "FunctionName"),
        "AWS::SNS::Subscription" => ("TopicArn", "Endpoint"),
        _ => return None,
    };
    let end = |property: &str| found.iter().find(|one| one.property == property).map(|one| one.id);
    Some((end(from)?, end(to)?))
}

/// What says nothing about how things work together.
fn is_hidden(kind: &str) -> bool {
    ["AWS::CDK::Metadata", "AWS::CloudFormation::WaitConditionHandle"].contains(&kind)
}

/// A schedule goes by when it starts something: that is what people know it by.
fn name(id: &LogicalId, resource: &Resource) -> String {
    let text = |key: &str| resource.properties.get(key).and_then(Value::as_str).map(str::to_owned);
    match resource.kind.as_str() {
        "AWS::Events::Rule" | "AWS::Scheduler::Schedule" => {
            text("ScheduleExpression").or_else(|| text("Name")).unwrap_or_else(|| id.to_string())
        }
        // What is added to the name so that nobody else has it, tells nothing.
        "AWS::S3::Bucket" => {
            let name = resource.properties.get("BucketName").and_then(|name| name.get("Fn::Sub")?.as_str());
            match name.map(|name| name.replace("-${AWS::AccountId}", "").replace("-${AWS::Region}", "")) {
                Some(name) if !name.contains("${") => name,
                _ => crate::diff::name(id, resource),
            }
        }
        _ => crate::diff::name(id, resource),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(case: &str) -> Template {
        let text = match case {
            "pipes" => include_str!("../../tests/cases/synth/pipes/template.json"),
            "http-api" => include_str!("../../tests/cases/synth/http-api/template.json"),
            "alarms" => include_str!("../../tests/cases/synth/alarms/template.json"),
            "schedules" => include_str!("../../tests/cases/synth/schedules/template.json"),
            "topics" => include_str!("../../tests/cases/synth/topics-and-events/template.json"),
            _ => include_str!("../../tests/cases/synth/buckets/template.json"),
        };
        serde_json::from_str(text).expect("a template")
    }

    /// `id: kind (parts)` and `from → to`.
    fn text(picture: &Picture) -> String {
        let nodes = picture.nodes.iter().map(|node| {
            let parts: Vec<&str> = node.parts.iter().map(LogicalId::as_str).collect();
            format!("{} “{}” ({})\n", node.id, node.name, parts.join(" "))
        });
        let edges = picture.edges.iter().map(|[from, to]| format!("{from} → {to}\n"));
        nodes.chain(edges).collect()
    }

    #[test]
    fn a_pipe_stands_between_its_ends_and_roles_belong_to_their_users() {
        insta::assert_snapshot!(text(&of(&template("pipes"))));
    }

    #[test]
    fn routes_stand_between_the_api_and_the_functions() {
        insta::assert_snapshot!(text(&of(&template("http-api"))));
    }

    #[test]
    fn schedules_go_by_their_times() {
        insta::assert_snapshot!(text(&of(&template("schedules"))));
    }

    #[test]
    fn topics_reach_what_is_subscribed() {
        insta::assert_snapshot!(text(&of(&template("topics"))));
    }

    #[test]
    fn buckets_start_functions() {
        insta::assert_snapshot!(text(&of(&template("buckets"))));
    }

    #[test]
    fn alarms_and_their_filters_are_part_of_what_they_watch() {
        let picture = of(&template("alarms"));
        let alone: Vec<&str> =
            picture.nodes.iter().filter(|node| node.kind.contains("Alarm")).map(|node| node.id.as_str()).collect();
        assert_eq!(alone, ["WarningAccountConcurrencyAlarm", "CriticalAlarms", "WarningAlarms"]);
        let worker = picture.nodes.iter().find(|node| node.id.as_str() == "WorkerFunction").expect("the function");
        for part in ["WorkerCriticalErrorsAlarm", "WorkerCriticalMemoryAlarm", "WorkerMemoryUsedMetric"] {
            assert!(worker.parts.iter().any(|known| known.as_str() == part), "{part} in {:?}", worker.parts);
        }
        assert!(picture.edges.iter().all(|[from, _]| from.as_str() != "CriticalAlarms"), "{:?}", picture.edges);
    }

    #[test]
    fn what_goes_away_stays_in_the_picture() {
        let before = template("pipes");
        let mut after = before.clone();
        after.resources.shift_remove(&LogicalId::new("PaidDeadQueue"));
        after.resources.shift_remove(&LogicalId::new("PaidDeadQueuePolicy"));
        let both = with(&after, Some(&before));
        assert!(both.nodes.iter().any(|node| node.id.as_str() == "PaidDeadQueue"));
        let edge = [LogicalId::new("PaidQueue"), LogicalId::new("PaidDeadQueue")];
        assert!(both.edges.contains(&edge));
        assert_eq!(with(&before, Some(&before)), of(&before));
    }
}
