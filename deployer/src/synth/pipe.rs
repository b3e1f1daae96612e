//! EventBridge Pipes from a Kafka topic to a queue, each with its own role.

use super::draft::{Draft, text};
use super::function::{LOG_GROUP_KEY, retention_days};
use super::logical_ids as ids;
use crate::cfn::{Resource, arn, get_att, reference, sub, without_nulls};
use crate::iam::grants::{self, Resource as Granted};
use crate::iam::policy::{Statement, document, merged, trust};
use crate::ids::LogicalId;
use crate::model::pipe::Pipe;
use crate::model::reference::Noun;
use serde_json::{Value, json};
use std::time::Duration;

/// Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-permissions.html> (read 2026-11).
const NETWORK_ACTIONS: [&str; 6] = [
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
];

/// Why they are granted on everything.
const INTERFACES: &str = "the network interface actions know no resource that the pipe's own would match";

/// How long a pipe's errors are kept.
const LOG_RETENTION: Duration = Duration::from_secs(30 * 86_400);

pub(crate) fn pipes(draft: &mut Draft<'_>) {
    let stack = draft.stack;
    for (name, pipe) in &stack.file.pipes {
        let id = ids::pipe(name);
        let cluster = draft.raw_arn(&pipe.from.kafka);
        let queue = draft.arn(Noun::Queue, &pipe.to.queue);
        let sasl = pipe.from.sasl.as_ref().map(|secret| draft.arn(Noun::Secret, secret));
        let group = pipe.from.group.as_ref().map_or_else(|| stack.pipe_name(name), |group| group.value.clone());
        role(draft, name, pipe, &cluster, &group, sasl.as_ref());
        let log_group = log_group(draft, name, &id);
        let resource = Resource::new(
            "AWS::Pipes::Pipe",
            json!({
                "Name": stack.pipe_name(name),
                "RoleArn": get_att(ids::role_of(&id), "Arn"),
                "Source": cluster,
                "SourceParameters": {
                    "ManagedStreamingKafkaParameters": without_nulls(json!({
                        "TopicName": pipe.from.topic.value,
                        "ConsumerGroupID": group,
                        // From the oldest record: one that was written before the pipe was there is not lost.
                        "StartingPosition": "TRIM_HORIZON",
                        "BatchSize": pipe.batch.value,
                        "Credentials": sasl.map(|secret| json!({ "SaslScram512Auth": secret })),
                    })),
                },
                "Target": queue,
                "LogConfiguration": {
                    "Level": "ERROR",
                    "CloudwatchLogsLogDestination": {
                        "LogGroupArn": sub(format!(
                            "arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:${{{log_group}}}"
                        )),
                    },
                },
                "Tags": stack.tags(),
            }),
        );
        draft.add(id, resource);
    }
}

fn log_group(draft: &mut Draft<'_>, name: &str, pipe: &LogicalId) -> LogicalId {
    let id = ids::log_group_of(pipe);
    let days = retention_days(LOG_RETENTION);
    let resource = Resource::new(
        "AWS::Logs::LogGroup",
        json!({
            "LogGroupName": draft.stack.pipe_log_group_name(name),
            "RetentionInDays": days,
            "Tags": super::draft::tag_list(&draft.stack.tags()),
        }),
    );
    draft.add(id.clone(), resource.kept(false).skip("CKV_AWS_158", LOG_GROUP_KEY));
    id
}

/// The role of one pipe: reads one topic as one consumer group, sends to one queue.
fn role(draft: &mut Draft<'_>, name: &str, pipe: &Pipe, cluster: &Value, group: &str, sasl: Option<&Value>) {
    let stack = draft.stack;
    let id = ids::pipe(name);
    let mut statements = vec![
        Statement::allow(["kafka:DescribeClusterV2"], vec![cluster.clone()]).called("Cluster"),
        // It knows no resource.
        Statement::allow(["kafka:GetBootstrapBrokers"], vec![json!("*")]).called("Brokers"),
        Statement::allow(NETWORK_ACTIONS, vec![json!("*")]).called("Network"),
    ];
    match sasl {
        Some(secret) => statements.push(Statement::allow(["secretsmanager:GetSecretValue"], vec![secret.clone()])),
        None => {
            let connect = ["kafka-cluster:Connect", "kafka-cluster:DescribeClusterDynamicConfiguration"];
            let read = ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"];
            let join = ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"];
            statements.push(Statement::allow(connect, vec![cluster.clone()]));
            statements.push(Statement::allow(read, vec![inside(cluster, "topic", &pipe.from.topic.value)]));
            statements.push(Statement::allow(join, vec![inside(cluster, "group", group)]));
        }
    }
    let queue = Granted {
        noun: Noun::Queue.word(),
        arn: draft.arn(Noun::Queue, &pipe.to.queue),
        key: super::queue::key(draft, &pipe.to.queue),
        part: None,
    };
    statements.extend(grants::statements(&queue, ["send"]));
    let condition = json!({
        "StringEquals": {
            "aws:SourceAccount": reference("AWS::AccountId"),
            "aws:SourceArn": arn("pipes", &format!("pipe/{}", stack.pipe_name(name))),
        },
    });
    let resource = Resource::new(
        "AWS::IAM::Role",
        json!({
            "Description": format!("What the pipe {} may do", stack.pipe_name(name)),
            "AssumeRolePolicyDocument": trust("pipes.amazonaws.com", Some(condition)),
            "Policies": [{ "PolicyName": "access", "PolicyDocument": document(&merged(statements)) }],
            "Tags": super::draft::tag_list(&stack.tags()),
        }),
    )
    .skip("CKV_AWS_111", INTERFACES)
    .excuse("parliament", "RESOURCE_STAR", INTERFACES);
    draft.add(ids::role_of(&id), resource);
}

/// A topic or a consumer group of a cluster: `…:cluster/name/uuid` → `…:topic/name/uuid/payments`.
///
/// Source: <https://docs.aws.amazon.com/msk/latest/developerguide/kafka-actions.html> (read 2026-11).
fn inside(cluster: &Value, kind: &str, name: &str) -> Value {
    if let Value::String(cluster) = cluster {
        return text(format!("{}/{name}", cluster.replacen(":cluster/", &format!(":{kind}/"), 1)));
    }
    let renamed = json!({ "Fn::Join": [format!(":{kind}/"), { "Fn::Split": [":cluster/", cluster] }] });
    json!({ "Fn::Join": ["/", [renamed, name]] })
}
