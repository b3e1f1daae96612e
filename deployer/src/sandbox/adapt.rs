//! Templates for MiniStack's CloudFormation: what it cannot hold is taken out or replaced, and named.
//!
//! Pure. Knows MiniStack 1.5.33, by measurement and by its source; `resource_types.txt` is the list of the types that
//! its CloudFormation knows, printed from `services/cloudformation/provisioners.py`, and composite alarms, which
//! `cloudwatch.py` adds.
//!
//! | what | what happens |
//! | --- | --- |
//! | a type that is not in the list | the resource goes; what refers to it gets a placeholder ([`placeholder`]) |
//! | an alarm over metric math (`Metrics`) | likewise: MiniStack would fail the whole stack |
//! | a route through something that went | goes too: there is nothing to route to |
//! | a composite alarm over alarms that went | stands for what is left; goes where nothing is |
//! | `Ref` of a secret | becomes `GetAtt Id`: MiniStack gives the name where AWS gives the ARN |
//! | outputs | a hash of them goes into the metadata of a resource: a change of outputs alone is no change to MiniStack |
//! | a property that MiniStack never reads | goes, or is put in place by an API call ([`DROPPED`]) |
//! | a statement of a policy that it judges otherwise than AWS | see [`policies`] |
//!
//! `Ref` of a secret and outputs keep their meaning and are not told; the others are, in one line each.

use super::policies;
use crate::cfn::{self, Resource, Template};
use crate::ids::LogicalId;
use indexmap::IndexMap;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Types that MiniStack's CloudFormation knows, one per line.
const RESOURCE_TYPES: &str = include_str!("resource_types.txt");

/// Logical id of the resource that carries the hash of the outputs.
const OUTPUTS: &str = "SandboxOutputs";

/// Properties that MiniStack's CloudFormation accepts and forgets, of the types that functions need. Those marked `true`
/// its API keeps: whoever compares with what is live afterwards can put them in place by an API call.
const DROPPED: &[(&str, &[(&str, bool)])] = &[
    (
        "AWS::Lambda::Function",
        &[
            ("VpcConfig", true),
            ("DeadLetterConfig", true),
            ("FileSystemConfigs", true),
            ("KmsKeyArn", true),
            ("ReservedConcurrentExecutions", true),
            ("CodeSigningConfigArn", false),
            ("RecursiveLoop", false),
            ("RuntimeManagementConfig", false),
        ],
    ),
    (
        "AWS::Lambda::EventSourceMapping",
        &[
            // Kept as a property, but what is made is always switched on.
            ("Enabled", true),
            ("Topics", false),
            ("Queues", false),
            ("SourceAccessConfigurations", false),
            ("SelfManagedEventSource", false),
            ("AmazonManagedKafkaEventSourceConfig", false),
            ("ProvisionedPollerConfig", false),
            ("TumblingWindowInSeconds", false),
        ],
    ),
    ("AWS::IAM::Role", &[("PermissionsBoundary", true)]),
    ("AWS::ApiGatewayV2::Stage", &[("DefaultRouteSettings", true), ("RouteSettings", true)]),
    ("AWS::CloudWatch::Alarm", &[("EvaluateLowSampleCountPercentile", false)]),
    ("AWS::Events::EventBus", &[("DeadLetterConfig", false), ("KmsKeyIdentifier", false)]),
    (
        "AWS::Scheduler::Schedule",
        &[("ScheduleExpressionTimezone", true), ("StartDate", true), ("EndDate", true), ("KmsKeyArn", false)],
    ),
    (
        "AWS::S3::Bucket",
        &[
            ("BucketEncryption", true),
            ("LifecycleConfiguration", true),
            ("LoggingConfiguration", false),
            ("OwnershipControls", true),
            ("ReplicationConfiguration", false),
            ("ObjectLockConfiguration", false),
        ],
    ),
    (
        "AWS::SNS::Topic",
        &[
            ("ContentBasedDeduplication", false),
            ("FifoTopic", false),
            ("KmsMasterKeyId", true),
            ("SignatureVersion", true),
            ("TracingConfig", true),
        ],
    ),
    ("AWS::ApiGatewayV2::Api", &[("Body", false), ("CorsConfiguration", true)]),
    ("AWS::ApiGatewayV2::Integration", &[("CredentialsArn", false), ("IntegrationSubtype", false)]),
    ("AWS::Pipes::Pipe", &[("TargetParameters", false), ("Enrichment", false), ("LogConfiguration", false)]),
    (
        "AWS::DynamoDB::Table",
        &[("TimeToLiveSpecification", false), ("PointInTimeRecoverySpecification", false), ("SSESpecification", false)],
    ),
];

/// A template for the sandbox.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Adapted {
    pub(crate) template: Template,
    /// Properties that CloudFormation forgets here and that the service's own API keeps: they are set by that.
    pub(crate) by_api: IndexMap<LogicalId, Map<String, Value>>,
    /// What is lost, a line each.
    pub(crate) notes: Vec<String>,
}

/// Whether MiniStack's CloudFormation knows the type.
pub(crate) fn is_supported(kind: &str) -> bool {
    kind.starts_with("Custom::") || RESOURCE_TYPES.lines().any(|line| line == kind)
}

/// Takes out of a template what the sandbox cannot hold; each loss is named in one line, for the story.
///
/// `brokers` stands for the bootstrap string of a Kafka cluster, which the sandbox does not have.
pub(crate) fn adapt(template: &Template, brokers: &str) -> Adapted {
    let gone = gone(template);
    let mut notes = removal_notes(template, &gone);
    notes.extend(dropped_notes(template, &gone));

    let kinds: BTreeMap<&str, &str> =
        template.resources.iter().map(|(id, resource)| (id.as_str(), resource.kind.as_str())).collect();
    let rewrite = Rewrite { gone: &gone, kinds: &kinds, brokers };

    let mut adapted = template.clone();
    adapted.resources.retain(|id, _| !gone.contains(id.as_str()));
    for resource in adapted.resources.values_mut() {
        stand_for_less(&mut resource.properties, &gone);
        rewrite.map(&mut resource.properties);
        rewrite.map(&mut resource.metadata);
        resource.depends_on = resource.depends_on.take().and_then(|list| without(list, &gone));
        forget(resource);
    }
    notes.extend(policies::adapt(&mut adapted));
    rewrite.map(&mut adapted.outputs);
    if !adapted.outputs.is_empty() {
        let text = serde_json::to_string(&adapted.outputs).expect("a template holds only JSON values");
        let digest = hex::encode(Sha256::digest(text));
        let carrier = Resource {
            kind: "AWS::CloudFormation::WaitConditionHandle".to_owned(),
            metadata: Map::from_iter([("Outputs".to_owned(), Value::String(digest[..16].to_owned()))]),
            ..Resource::default()
        };
        adapted.resources.insert(LogicalId::new(OUTPUTS), carrier);
    }
    Adapted { by_api: by_api(&adapted), template: adapted, notes }
}

/// Per resource, the forgotten properties that an API call can put in place. A topic without a name to display is given
/// none, since MiniStack makes one up.
fn by_api(template: &Template) -> IndexMap<LogicalId, Map<String, Value>> {
    let own = |resource: &Resource| {
        let dropped = DROPPED.iter().find(|(kind, _)| *kind == resource.kind);
        let dropped = dropped.map_or(&[][..], |(_, properties)| properties);
        let kept = dropped.iter().filter(|(_, by_api)| *by_api);
        let mut own: Map<String, Value> =
            kept.filter_map(|(key, _)| Some(((*key).to_owned(), resource.properties.get(*key)?.clone()))).collect();
        if resource.kind == "AWS::SNS::Topic" && !resource.properties.contains_key("DisplayName") {
            own.insert("DisplayName".to_owned(), Value::from(""));
        }
        own
    };
    let all = template.resources.iter().map(|(id, resource)| (id.clone(), own(resource)));
    all.filter(|(_, own)| !own.is_empty()).collect()
}

/// Takes out of a resource what MiniStack can keep in no way, so that nobody compares it with what is live.
fn forget(resource: &mut Resource) {
    let lost = DROPPED.iter().filter(|(kind, _)| *kind == resource.kind).flat_map(|(_, properties)| *properties);
    for (property, _) in lost.filter(|(_, by_api)| !by_api) {
        resource.properties.shift_remove(*property);
    }
}

/// The resources that go.
fn gone(template: &Template) -> BTreeSet<&str> {
    let is_metric_math =
        |resource: &Resource| resource.kind == "AWS::CloudWatch::Alarm" && resource.properties.contains_key("Metrics");
    let mut gone: BTreeSet<&str> = template
        .resources
        .iter()
        .filter(|(_, resource)| !is_supported(&resource.kind) || is_metric_math(resource))
        .map(|(id, _)| id.as_str())
        .collect();
    let routes = template.resources.iter().filter(|(_, resource)| {
        let through = |key: &str| resource.properties.get(key).is_some_and(|value| refers(value, &gone));
        resource.kind == "AWS::EC2::Route"
            && ["NatGatewayId", "TransitGatewayId", "VpcPeeringConnectionId", "EgressOnlyInternetGatewayId"]
                .into_iter()
                .any(through)
    });
    let routes: Vec<&str> = routes.map(|(id, _)| id.as_str()).collect();
    gone.extend(routes);
    // Twice: what stands for alarms may be one that another stands for.
    for _ in 0..2 {
        let empty = template.resources.iter().filter(|(_, resource)| {
            let terms = terms(&resource.properties);
            terms.is_some_and(|terms| terms.iter().all(|term| names_one_of(term, &gone)))
        });
        let empty: Vec<&str> = empty.map(|(id, _)| id.as_str()).collect();
        gone.extend(empty);
    }
    gone
}

/// What a composite alarm is on for, where it is one or the other.
fn terms(properties: &Map<String, Value>) -> Option<Vec<&str>> {
    Some(properties.get("AlarmRule")?.get("Fn::Sub")?.as_str()?.split(" OR ").collect())
}

fn names_one_of(text: &str, ids: &BTreeSet<&str>) -> bool {
    text.split("${").skip(1).filter_map(|rest| rest.split_once('}')).any(|(id, _)| ids.contains(id))
}

/// Takes alarms that are not there out of one that stands for them and for others.
fn stand_for_less(properties: &mut Map<String, Value>, gone: &BTreeSet<&str>) {
    let Some(terms) = terms(properties) else { return };
    let left: Vec<&str> = terms.into_iter().filter(|term| !names_one_of(term, gone)).collect();
    let rule = cfn::sub(left.join(" OR "));
    properties.insert("AlarmRule".to_owned(), rule);
}

/// Whether a value refers to one of these resources.
fn refers(value: &Value, ids: &BTreeSet<&str>) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(key, inner)| match (key.as_str(), inner) {
            ("Ref", Value::String(id)) => ids.contains(id.as_str()),
            ("Fn::GetAtt", Value::Array(parts)) => {
                parts.first().and_then(Value::as_str).is_some_and(|id| ids.contains(id))
            }
            ("Fn::GetAtt", Value::String(path)) => path.split('.').next().is_some_and(|id| ids.contains(id)),
            _ => refers(inner, ids),
        }),
        Value::Array(list) => list.iter().any(|inner| refers(inner, ids)),
        _ => false,
    }
}

/// One line for each type that lost resources.
fn removal_notes(template: &Template, gone: &BTreeSet<&str>) -> Vec<String> {
    let mut by_reason: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (id, resource) in template.resources.iter().filter(|(id, _)| gone.contains(id.as_str())) {
        let reason = match resource.kind.as_str() {
            "AWS::CloudWatch::Alarm" => "its CloudFormation knows no metric math".to_owned(),
            "AWS::EC2::Route" => "it leads to what is not there".to_owned(),
            "AWS::CloudWatch::CompositeAlarm" => "nothing is left that it stands for".to_owned(),
            kind => format!("its CloudFormation knows no {kind}"),
        };
        by_reason.entry(reason).or_default().push(id.as_str());
    }
    by_reason.into_iter().map(|(reason, ids)| format!("left out: {} ({reason})", ids.join(", "))).collect()
}

/// One line for each property that is forgotten.
fn dropped_notes(template: &Template, gone: &BTreeSet<&str>) -> Vec<String> {
    let mut notes = Vec::new();
    for (kind, properties) in DROPPED {
        for (property, kept_by_api) in *properties {
            let ids: Vec<&str> = template
                .resources
                .iter()
                .filter(|(id, resource)| {
                    resource.kind == *kind && resource.properties.contains_key(*property) && !gone.contains(id.as_str())
                })
                .map(|(id, _)| id.as_str())
                .collect();
            if ids.is_empty() || *kept_by_api {
                continue;
            }
            notes.push(format!("without effect: {property} of {}", ids.join(", ")));
        }
    }
    notes
}

/// Takes ids out of a `DependsOn`; nothing is left of an empty one.
fn without(list: Value, gone: &BTreeSet<&str>) -> Option<Value> {
    match list {
        Value::String(id) => (!gone.contains(id.as_str())).then_some(Value::String(id)),
        Value::Array(mut ids) => {
            ids.retain(|id| id.as_str().is_none_or(|id| !gone.contains(id)));
            (!ids.is_empty()).then_some(Value::Array(ids))
        }
        other => Some(other),
    }
}

/// What references become.
struct Rewrite<'a> {
    gone: &'a BTreeSet<&'a str>,
    kinds: &'a BTreeMap<&'a str, &'a str>,
    brokers: &'a str,
}

impl Rewrite<'_> {
    fn map(&self, map: &mut Map<String, Value>) {
        for value in map.values_mut() {
            self.value(value);
        }
    }

    fn value(&self, value: &mut Value) {
        if let Some(replacement) = self.reference(value) {
            *value = replacement;
            return;
        }
        match value {
            Value::Object(map) => {
                if let Some(text) = map.get_mut("Fn::Sub") {
                    self.sub(text);
                }
                self.map(map);
            }
            Value::Array(list) => list.iter_mut().for_each(|inner| self.value(inner)),
            _ => {}
        }
    }

    /// The replacement of `{Ref}` or `{Fn::GetAtt}`, where there is one.
    fn reference(&self, value: &Value) -> Option<Value> {
        let map = value.as_object().filter(|map| map.len() == 1)?;
        let (id, attribute) = match map.iter().next()? {
            (key, Value::String(id)) if key == "Ref" => (id.as_str(), None),
            (key, Value::Array(parts)) if key == "Fn::GetAtt" => {
                (parts.first()?.as_str()?, Some(parts.get(1)?.as_str()?))
            }
            (key, Value::String(path)) if key == "Fn::GetAtt" => {
                path.split_once('.').map(|(id, attribute)| (id, Some(attribute)))?
            }
            _ => return None,
        };
        if self.is_secret(id) && attribute.is_none() {
            return Some(cfn::get_att(id, "Id"));
        }
        let text = self.text(id, attribute)?;
        Some(if text.contains("${") { cfn::sub(text) } else { Value::String(text) })
    }

    fn is_secret(&self, id: &str) -> bool {
        self.kinds.get(id) == Some(&"AWS::SecretsManager::Secret")
    }

    /// The placeholder for a reference to a resource that went.
    fn text(&self, id: &str, attribute: Option<&str>) -> Option<String> {
        self.gone
            .contains(id)
            .then(|| placeholder(self.kinds.get(id).copied().unwrap_or_default(), id, attribute, self.brokers))
    }

    /// Rewrites `${Id}` and `${Id.Attribute}` in the text of a `Fn::Sub`; names that its own map defines are left.
    fn sub(&self, sub: &mut Value) {
        let (text, own) = match sub {
            Value::String(text) => (text, None),
            Value::Array(parts) => match parts.split_first_mut() {
                Some((Value::String(text), rest)) => (text, rest.first().and_then(Value::as_object)),
                _ => return,
            },
            _ => return,
        };
        let mut fresh = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            fresh.push_str(before);
            let Some((name, tail)) = after.split_once('}') else {
                fresh.push_str("${");
                rest = after;
                break;
            };
            let (id, attribute) = name.split_once('.').map_or((name, None), |(id, attribute)| (id, Some(attribute)));
            let is_own = own.is_some_and(|own| own.contains_key(name));
            match self.text(id, attribute).filter(|_| !is_own) {
                Some(text) => fresh.push_str(&text),
                None if self.is_secret(id) && attribute.is_none() && !is_own => {
                    fresh.push_str(&format!("${{{id}.Id}}"));
                }
                None => fresh.push_str(&format!("${{{name}}}")),
            }
            rest = tail;
        }
        fresh.push_str(rest);
        *text = fresh;
    }
}

/// What a reference to a resource that went reads, as the text of a `Fn::Sub`: of the right shape, and never a real thing.
///
/// Brokers are `brokers`; an ARN is one of the right service that ends in the logical id; ids have their prefix and 17
/// hexadecimal digits from the logical id; the rest is `sandbox-<logical id>`.
fn placeholder(kind: &str, id: &str, attribute: Option<&str>, brokers: &str) -> String {
    let service = match kind.split("::").nth(1).unwrap_or_default() {
        "MSK" => "kafka".to_owned(),
        "CloudWatch" => "cloudwatch".to_owned(),
        other => other.to_lowercase(),
    };
    let noun = match kind {
        "AWS::MSK::Cluster" | "AWS::MSK::ServerlessCluster" => "cluster/",
        "AWS::CloudWatch::Alarm" | "AWS::CloudWatch::CompositeAlarm" => "alarm:",
        _ => "",
    };
    let arn = || format!("arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{noun}sandbox-{id}");
    let digits = || hex::encode(Sha256::digest(id))[..17].to_owned();
    match (kind, attribute) {
        (_, Some(attribute)) if attribute.starts_with("BootstrapBrokerString") => brokers.to_owned(),
        ("AWS::MSK::Cluster" | "AWS::MSK::ServerlessCluster", None) => arn(),
        ("AWS::EC2::NatGateway", None | Some("NatGatewayId")) => format!("nat-{}", digits()),
        // An address of the block that documentation may use: RFC 5737.
        ("AWS::EC2::EIP", None | Some("PublicIp")) => "203.0.113.1".to_owned(),
        ("AWS::EC2::EIP", Some("AllocationId")) => format!("eipalloc-{}", digits()),
        (_, Some(attribute)) if attribute.ends_with("Arn") => arn(),
        _ => format!("sandbox-{id}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Adapted, adapt, is_supported};
    use crate::cfn::Template;
    use serde_json::{Value, json};

    fn template(value: Value) -> Template {
        serde_json::from_value(value).expect("a template")
    }

    fn adapted(value: Value) -> (Value, Vec<String>) {
        let adapted = adapt(&template(value), "127.0.0.1:9092");
        (serde_json::to_value(adapted.template).expect("JSON"), adapted.notes)
    }

    #[test]
    fn what_functions_need_is_supported_and_what_is_not_there_is_not() {
        for kind in
            ["AWS::Lambda::Function", "AWS::Lambda::Alias", "AWS::SQS::Queue", "AWS::EC2::Subnet", "Custom::Thing"]
        {
            assert!(is_supported(kind), "{kind}");
        }
        for kind in ["AWS::MSK::Cluster", "AWS::EC2::NatGateway", "AWS::EC2"] {
            assert!(!is_supported(kind), "{kind}");
        }
    }

    #[test]
    fn a_template_without_gaps_stays_as_it_is() {
        let whole = json!({ "resources": {}, "Resources": {
            "Queue": { "Type": "AWS::SQS::Queue", "DependsOn": ["Topic"], "Properties": { "QueueName": "q" } },
            "Topic": { "Type": "AWS::SNS::Topic", "Properties": { "DisplayName": "t" } },
        }});
        let before = template(whole);
        assert_eq!(adapt(&before, ""), Adapted { template: before.clone(), ..Adapted::default() });
    }

    #[test]
    fn a_removed_resource_leaves_placeholders_and_no_dependencies() {
        let (after, notes) = adapted(json!({ "Resources": {
            "Cluster": { "Type": "AWS::MSK::ServerlessCluster" },
            "Queue": { "Type": "AWS::SQS::Queue", "DependsOn": ["Cluster", "Topic"], "Properties": { "Tags": [
                { "Key": "ref", "Value": { "Ref": "Cluster" } },
                { "Key": "att", "Value": { "Fn::GetAtt": ["Cluster", "BootstrapBrokerStringSaslIam"] } },
                { "Key": "path", "Value": { "Fn::GetAtt": "Cluster.Arn" } },
                { "Key": "sub", "Value": { "Fn::Sub": "a ${Cluster.BootstrapBrokerStringSaslIam} ${AWS::Region} ${!x}" } },
                { "Key": "own", "Value": { "Fn::Sub": ["${Cluster} ${Topic}", { "Cluster": "mine" }] } },
            ] } },
            "Topic": { "Type": "AWS::SNS::Topic", "DependsOn": "Cluster" },
        }}));
        assert_eq!(notes, ["left out: Cluster (its CloudFormation knows no AWS::MSK::ServerlessCluster)"]);
        let arn = "arn:${AWS::Partition}:kafka:${AWS::Region}:${AWS::AccountId}:cluster/sandbox-Cluster";
        assert_eq!(
            after["Resources"],
            json!({
                "Queue": { "Type": "AWS::SQS::Queue", "DependsOn": ["Topic"], "Properties": { "Tags": [
                    { "Key": "ref", "Value": { "Fn::Sub": arn } },
                    { "Key": "att", "Value": "127.0.0.1:9092" },
                    { "Key": "path", "Value": { "Fn::Sub": arn } },
                    { "Key": "sub", "Value": { "Fn::Sub": "a 127.0.0.1:9092 ${AWS::Region} ${!x}" } },
                    { "Key": "own", "Value": { "Fn::Sub": ["${Cluster} ${Topic}", { "Cluster": "mine" }] } },
                ] } },
                "Topic": { "Type": "AWS::SNS::Topic" },
            })
        );
    }

    #[test]
    fn a_route_through_a_nat_gateway_goes_with_it_and_another_stays() {
        let (after, notes) = adapted(json!({ "Resources": {
            "Address": { "Type": "AWS::EC2::EIP" },
            "Nat": { "Type": "AWS::EC2::NatGateway", "Properties": { "AllocationId": { "Fn::GetAtt": ["Address", "AllocationId"] } } },
            "Out": { "Type": "AWS::EC2::Route", "Properties": { "NatGatewayId": { "Ref": "Nat" } } },
            "Net": { "Type": "AWS::EC2::Route", "Properties": { "GatewayId": { "Ref": "Gateway" } } },
            "Gateway": { "Type": "AWS::EC2::InternetGateway" },
        }}));
        let left: Vec<&String> = after["Resources"].as_object().expect("a map").keys().collect();
        assert_eq!(left, ["Net", "Gateway"]);
        assert_eq!(
            notes,
            [
                "left out: Out (it leads to what is not there)",
                "left out: Address (its CloudFormation knows no AWS::EC2::EIP)",
                "left out: Nat (its CloudFormation knows no AWS::EC2::NatGateway)",
            ]
        );
    }

    #[test]
    fn a_metric_math_alarm_goes_and_a_plain_one_stays() {
        let (after, notes) = adapted(json!({ "Resources": {
            "Rate": { "Type": "AWS::CloudWatch::Alarm", "Properties": { "Metrics": [] } },
            "Errors": { "Type": "AWS::CloudWatch::Alarm", "Properties": { "MetricName": "Errors" } },
            "Board": { "Type": "AWS::CloudWatch::Dashboard", "Properties": { "DashboardBody": { "Fn::Sub": "${Rate.Arn}" } } },
        }}));
        assert_eq!(after["Resources"].as_object().expect("a map").len(), 2);
        assert_eq!(
            after["Resources"]["Board"]["Properties"]["DashboardBody"]["Fn::Sub"],
            "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:sandbox-Rate"
        );
        assert_eq!(notes, ["left out: Rate (its CloudFormation knows no metric math)"]);
    }

    #[test]
    fn a_reference_to_a_secret_asks_for_its_arn() {
        let (after, notes) = adapted(json!({ "Resources": {
            "Secret": { "Type": "AWS::SecretsManager::Secret" },
            "Queue": { "Type": "AWS::SQS::Queue", "Properties": {
                "A": { "Ref": "Secret" }, "B": { "Fn::Sub": "${Secret}-${Secret.Id}" },
            } },
        }}));
        assert!(notes.is_empty());
        let expected =
            json!({ "A": { "Fn::GetAtt": ["Secret", "Id"] }, "B": { "Fn::Sub": "${Secret.Id}-${Secret.Id}" } });
        assert_eq!(after["Resources"]["Queue"]["Properties"], expected);
    }

    #[test]
    fn a_change_of_outputs_alone_changes_a_resource() {
        let with = |value: &str| {
            adapted(
                json!({ "Resources": { "T": { "Type": "AWS::SNS::Topic" } }, "Outputs": { "O": { "Value": value } } }),
            )
            .0
        };
        let (one, two) = (with("1"), with("2"));
        assert_eq!(one, with("1"));
        assert_ne!(one["Resources"]["SandboxOutputs"], two["Resources"]["SandboxOutputs"]);
    }

    #[test]
    fn forgotten_properties_are_named_unless_the_api_keeps_them() {
        let (_, notes) = adapted(json!({ "Resources": {
            "F": { "Type": "AWS::Lambda::Function", "Properties": { "VpcConfig": {}, "RecursiveLoop": "Allow" } },
            "G": { "Type": "AWS::Lambda::Function", "Properties": { "RecursiveLoop": "Allow" } },
        }}));
        assert_eq!(notes, ["without effect: RecursiveLoop of F, G"]);
    }

    #[test]
    fn what_the_api_keeps_of_a_function_is_handed_on_with_references_already_replaced() {
        let function = json!({ "Type": "AWS::Lambda::Function", "Properties": {
            "MemorySize": 256, "VpcConfig": { "SubnetIds": [{ "Ref": "Nat" }] },
        } });
        let whole = json!({ "Resources": { "F": function, "Nat": { "Type": "AWS::EC2::NatGateway" } } });
        let by_api = adapt(&template(whole), "").by_api;
        let ids: Vec<&str> = by_api.keys().map(|id| id.as_str()).collect();
        assert_eq!(ids, ["F"]);
        let properties = by_api.values().next().expect("one function");
        assert_eq!(properties.keys().collect::<Vec<_>>(), ["VpcConfig"]);
        assert!(properties["VpcConfig"]["SubnetIds"][0].as_str().expect("a placeholder").starts_with("nat-"));
    }
}
