//! What the generated template must hold, family by family. Whole templates are in `tests/cases/synth`.

use super::{check, synth};
use crate::cfn::to_text;
use crate::decode::Decode as _;
use crate::diag::Diagnostics;
use crate::model::watched::Watched;
use crate::model::{Places, Stack, StackFile};
use crate::source::{Span, Spanned};
use crate::yaml::{Entry, Kind, Node};
use serde_json::{Value, json};

fn node(value: &Value) -> Node {
    let kind = match value {
        Value::Null => Kind::Null,
        Value::Bool(value) => Kind::Bool(*value),
        Value::Number(number) => number.as_i64().map_or_else(|| Kind::Float(number.as_f64().unwrap()), Kind::Int),
        Value::String(text) => Kind::String(text.clone()),
        Value::Array(items) => Kind::Seq(items.iter().map(node).collect()),
        Value::Object(map) => Kind::Map(
            map.iter()
                .map(|(key, value)| Entry { key: Spanned::new(key.clone(), Span::default()), value: node(value) })
                .collect(),
        ),
    };
    Node { span: Span::default(), kind }
}

/// The stack `shop` in stage `dev` with the sections of `sections`.
pub(crate) fn stack(sections: Value) -> Stack {
    let mut file = json!({ "stack": "shop", "stages": { "dev": {} } });
    file.as_object_mut().unwrap().extend(sections.as_object().unwrap().clone());
    let mut mistakes = Diagnostics::default();
    let file = StackFile::decode(&node(&file), &mut mistakes);
    assert_eq!(mistakes, Diagnostics::default());
    let file = file.unwrap();
    let settings = file.stages["dev"].clone();
    Stack {
        file,
        stage: "dev".to_owned(),
        settings,
        places: Places::default(),
        watched: Watched::default(),
        dashboards: Vec::new(),
    }
}

/// The template of a stack that must be sound, as JSON.
fn template(sections: Value) -> Value {
    let stack = stack(sections);
    assert_eq!(check(&stack), Diagnostics::default());
    serde_json::to_value(synth(&stack)).unwrap()
}

/// Properties of one resource.
fn properties<'a>(template: &'a Value, id: &str) -> &'a Value {
    let resource = &template["Resources"][id];
    assert!(resource.is_object(), "no {id} among {:?}", ids(template));
    &resource["Properties"]
}

fn ids(template: &Value) -> Vec<&String> {
    template["Resources"].as_object().unwrap().keys().collect()
}

/// The statements of a function's role, without those that every function has.
fn granted(template: &Value, role: &str) -> Vec<Value> {
    let all = properties(template, role)["Policies"][0]["PolicyDocument"]["Statement"].as_array().unwrap();
    all.iter().filter(|statement| statement.get("Sid").is_none()).cloned().collect()
}

fn codes(sections: Value) -> Vec<&'static str> {
    check(&stack(sections)).0.iter().map(|finding| finding.code).collect()
}

/// A function `f` with these keys.
fn function(keys: Value) -> Value {
    let mut function = json!({ "crate": "f" });
    function.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    json!({ "f": function })
}

fn started_by(triggers: Value) -> Value {
    function(json!({ "triggers": triggers }))
}

#[test]
fn code_and_traffic_are_parameters() {
    let template = template(json!({ "functions": function(json!({})) }));
    assert_eq!(
        properties(&template, "FFunction")["Code"],
        json!({ "S3Bucket": { "Ref": "ArtifactBucket" }, "S3Key": { "Ref": "FCode" } })
    );
    assert_eq!(properties(&template, "FLive")["FunctionVersion"], json!({ "Ref": "FVersion" }));
    assert_eq!(template["Parameters"]["FVersion"]["Default"], "$LATEST");
    assert_eq!(template["Parameters"]["FCode"].get("Default"), None);
}

#[test]
fn an_image_needs_no_artifact_bucket() {
    let image = json!({ "functions": { "f": { "code": { "image": "1.dkr.ecr/f:1" } } } });
    let template = template(image);
    let properties = properties(&template, "FFunction");
    assert_eq!(properties["Code"], json!({ "ImageUri": { "Ref": "FCode" } }));
    assert_eq!(properties["PackageType"], "Image");
    assert_eq!(properties.get("Runtime"), None);
    assert_eq!(template["Parameters"].get("ArtifactBucket"), None);
}

#[test]
fn a_function_says_everything_that_matters() {
    let template = template(json!({
        "defaults": { "memory": 512, "env": { "A": "1", "B": "2" } },
        "functions": function(json!({
            "env": { "B": "3" }, "timeout": "1m", "storage": "1GB", "architecture": "arm64", "tracing": false,
            "layers": "arn:aws:lambda:eu-west-1:1:layer:x:1", "concurrency": { "reserved": 2 },
        })),
    }));
    let function = properties(&template, "FFunction");
    assert_eq!(function["FunctionName"], "shop-dev-f");
    assert_eq!(function["Runtime"], "provided.al2023");
    assert_eq!(function["Handler"], "bootstrap");
    assert_eq!(function["Architectures"], json!(["arm64"]));
    assert_eq!(function["MemorySize"], 512);
    assert_eq!(function["Timeout"], 60);
    assert_eq!(function["EphemeralStorage"], json!({ "Size": 1024 }));
    assert_eq!(function["Environment"], json!({ "Variables": { "A": "1", "B": "3" } }));
    assert_eq!(function["Layers"], json!(["arn:aws:lambda:eu-west-1:1:layer:x:1"]));
    assert_eq!(function["ReservedConcurrentExecutions"], 2);
    assert_eq!(function["TracingConfig"], json!({ "Mode": "PassThrough" }));
    assert_eq!(function["LoggingConfig"], json!({ "LogFormat": "JSON", "LogGroup": { "Ref": "FLogGroup" } }));
    assert_eq!(properties(&template, "FLogGroup")["LogGroupName"], "/aws/lambda/shop-dev-f");
    assert_eq!(properties(&template, "FLogGroup")["RetentionInDays"], 30);
}

#[test]
fn a_role_may_only_log_and_trace_unless_more_is_asked_for() {
    let template =
        template(json!({ "functions": function(json!({ "permissions_boundary": "arn:aws:iam::1:policy/b" })) }));
    let role = properties(&template, "FRole");
    assert_eq!(role["PermissionsBoundary"], "arn:aws:iam::1:policy/b");
    insta::assert_snapshot!(to_text_of(&role["Policies"]), @r#"[{"PolicyName":"access","PolicyDocument":{"Version":"2012-10-17","Statement":[{"Sid":"Logs","Effect":"Allow","Action":["logs:CreateLogStream","logs:PutLogEvents"],"Resource":[{"Fn::Sub":"arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/shop-dev-f:*"}]},{"Sid":"Tracing","Effect":"Allow","Action":["xray:PutTelemetryRecords","xray:PutTraceSegments"],"Resource":["*"]}]}}]"#);
    insta::assert_snapshot!(to_text_of(&role["AssumeRolePolicyDocument"]), @r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#);
}

#[test]
fn every_role_that_the_stack_makes_has_the_boundary_of_the_defaults() {
    let local = json!({ "crate": "f", "triggers": [{ "schedule": { "rate": "1 hour", "timezone": "Asia/Tokyo" } }] });
    let own = json!({ "crate": "g", "permissions_boundary": "arn:aws:iam::1:policy/own" });
    let template = template(json!({
        "defaults": { "permissions_boundary": "limit" },
        "functions": { "f": local, "g": own },
    }));
    let named = json!({ "Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/limit" });
    let boundaries: Vec<(&str, &Value)> = template["Resources"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, resource)| resource["Type"] == "AWS::IAM::Role")
        .map(|(id, resource)| (id.as_str(), &resource["Properties"]["PermissionsBoundary"]))
        .collect();
    let written = json!("arn:aws:iam::1:policy/own");
    assert_eq!(boundaries, [("FRole", &named), ("FScheduleRole", &named), ("GRole", &written)]);
}

fn to_text_of(value: &Value) -> String {
    serde_json::to_string(value).unwrap()
}

#[test]
fn a_function_in_a_network_cannot_use_the_network_actions_itself() {
    let template = template(json!({
        "networks": { "n": { "subnets": ["subnet-1", { "ssm": "/net/b" }, "Own"], "security_groups": ["Group"] } },
        "functions": function(json!({ "network": "n" })),
        "resources": {
            "Own": { "Type": "AWS::EC2::Subnet" },
            "Group": { "Type": "AWS::EC2::SecurityGroup" },
        },
    }));
    assert_eq!(
        properties(&template, "FFunction")["VpcConfig"],
        json!({
            "SubnetIds": ["subnet-1", { "Ref": "SsmNetB" }, { "Ref": "Own" }],
            "SecurityGroupIds": [{ "Fn::GetAtt": ["Group", "GroupId"] }],
        })
    );
    assert_eq!(
        template["Parameters"]["SsmNetB"],
        json!({ "Type": "AWS::SSM::Parameter::Value<String>", "Default": "/net/b" })
    );
    let statements =
        properties(&template, "FRole")["Policies"][0]["PolicyDocument"]["Statement"].as_array().unwrap().clone();
    let deny = statements.iter().find(|statement| statement["Effect"] == "Deny").unwrap();
    assert!(deny["Action"].as_array().unwrap().contains(&json!("ec2:CreateNetworkInterface")));
    assert_eq!(
        deny["Condition"]["ArnEquals"]["lambda:SourceFunctionArn"]["Fn::Sub"],
        "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:shop-dev-f"
    );
}

#[test]
fn access_becomes_exact_actions_on_exact_arns() {
    let template = template(json!({
        "queues": { "q": { "key": { "arn": "arn:aws:kms:eu-west-1:1:key/k" } } },
        "topics": { "t": {} }, "buckets": { "b": {} }, "secrets": { "s": {}, "old": { "from": { "import": "x" } } },
        "functions": {
            "f": { "crate": "f", "access": [
                { "queue": "q", "can": "send" },
                { "topic": "t", "can": "publish" },
                { "bucket": "b", "can": ["put", "get"], "prefix": "in/" },
                { "bucket": "b", "can": "list" },
                { "secret": "s", "can": "read" },
                { "secret": "old", "can": "read" },
                { "function": "g", "can": "invoke" },
                { "email": { "from": "a@b.example" }, "can": "send" },
                { "metrics": "Shop", "can": "publish" },
                { "allow": "ce:GetCostAndUsage", "on": "*", "because": "no resource-level permission" },
                { "managed": "CloudWatchLambdaInsightsExecutionRolePolicy" },
                { "managed": "AWSLambdaKinesisExecutionRole" },
            ] },
            "g": { "crate": "g" },
        },
    }));
    let statements: Vec<String> = granted(&template, "FRole").iter().map(to_text_of).collect();
    insta::assert_snapshot!(statements.join("\n"), @r#"
        {"Effect":"Allow","Action":["sqs:SendMessage"],"Resource":[{"Fn::GetAtt":["QQueue","Arn"]}]}
        {"Effect":"Allow","Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":["arn:aws:kms:eu-west-1:1:key/k"],"Condition":{"StringEquals":{"kms:ViaService":{"Fn::Sub":"sqs.${AWS::Region}.amazonaws.com"}}}}
        {"Effect":"Allow","Action":["sns:Publish"],"Resource":[{"Ref":"TTopic"}]}
        {"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":[{"Fn::Sub":"arn:${AWS::Partition}:s3:::shop-dev-b-${AWS::AccountId}/in/*"}]}
        {"Effect":"Allow","Action":["s3:ListBucket"],"Resource":[{"Fn::Sub":"arn:${AWS::Partition}:s3:::shop-dev-b-${AWS::AccountId}"}]}
        {"Effect":"Allow","Action":["secretsmanager:GetSecretValue"],"Resource":[{"Fn::GetAtt":["SSecret","Id"]},{"Fn::ImportValue":"x"}]}
        {"Effect":"Allow","Action":["lambda:InvokeFunction"],"Resource":[{"Fn::Sub":"arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:shop-dev-g:live"}]}
        {"Effect":"Allow","Action":["ses:SendEmail"],"Resource":[{"Fn::Sub":"arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/b.example"},{"Fn::Sub":"arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/a@b.example"}],"Condition":{"StringEquals":{"ses:FromAddress":"a@b.example"}}}
        {"Effect":"Allow","Action":["cloudwatch:PutMetricData"],"Resource":["*"],"Condition":{"StringEquals":{"cloudwatch:namespace":"Shop"}}}
        {"Effect":"Allow","Action":["ce:GetCostAndUsage"],"Resource":["*"]}
        "#);
    let role = properties(&template, "FRole");
    assert_eq!(
        role["ManagedPolicyArns"],
        json!([
            { "Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/CloudWatchLambdaInsightsExecutionRolePolicy" },
            { "Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaKinesisExecutionRole" },
        ])
    );
    assert_eq!(
        template["Resources"]["FRole"]["Metadata"]["because"],
        json!([{ "allow": ["ce:GetCostAndUsage"], "because": "no resource-level permission" }])
    );
}

#[test]
fn a_role_of_the_users_replaces_the_generated_one() {
    let template = template(json!({ "functions": function(json!({ "role": { "arn": "arn:aws:iam::1:role/r" } })) }));
    assert_eq!(properties(&template, "FFunction")["Role"], "arn:aws:iam::1:role/r");
    assert!(!ids(&template).contains(&&"FRole".to_owned()));
}

#[test]
fn variables_name_things_as_code_calls_them() {
    let template = template(json!({
        "queues": { "q": {} }, "topics": { "t": {} }, "buckets": { "b": {} }, "secrets": { "s": {} },
        "functions": function(json!({ "env": {
            "QUEUE": { "queue": "q" }, "TOPIC": { "topic": "t" }, "BUCKET": { "bucket": "b" }, "SECRET": { "secret": "s" },
            "FUNCTION": { "function": "f" }, "IMPORT": { "import": "x" }, "RAW": { "Fn::GetAtt": ["QQueue", "QueueName"] },
        } })),
    }));
    assert_eq!(
        properties(&template, "FFunction")["Environment"]["Variables"],
        json!({
            "QUEUE": { "Ref": "QQueue" }, "TOPIC": { "Ref": "TTopic" },
            "BUCKET": { "Fn::Sub": "shop-dev-b-${AWS::AccountId}" }, "SECRET": { "Fn::GetAtt": ["SSecret", "Id"] },
            "FUNCTION": "shop-dev-f:live", "IMPORT": { "Fn::ImportValue": "x" },
            "RAW": { "Fn::GetAtt": ["QQueue", "QueueName"] },
        })
    );
}

#[test]
fn every_trigger_permission_and_mapping_points_at_the_alias() {
    let template = template(json!({
        "queues": { "q": {} }, "topics": { "t": {} }, "buckets": { "b": {} },
        "functions": started_by(json!([
            { "http": "GET /a" }, { "url": { "auth": "none" } }, { "schedule": "rate(1 hour)" },
            { "schedule": { "cron": "cron(0 2 * * ? *)", "timezone": "Asia/Ho_Chi_Minh" } },
            { "queue": "q" }, { "topic": "t" }, { "event": { "pattern": { "source": ["x"] } } }, { "bucket": "b" },
        ])),
    }));
    let alias = json!({ "Ref": "FLive" });
    let mut seen = 0;
    for (id, resource) in template["Resources"].as_object().unwrap() {
        let properties = &resource["Properties"];
        let target = match resource["Type"].as_str().unwrap() {
            "AWS::Lambda::Permission" | "AWS::Lambda::EventSourceMapping" => &properties["FunctionName"],
            "AWS::ApiGatewayV2::Integration" => &properties["IntegrationUri"],
            "AWS::SNS::Subscription" => &properties["Endpoint"],
            "AWS::Events::Rule" => &properties["Targets"][0]["Arn"],
            "AWS::Scheduler::Schedule" => &properties["Target"]["Arn"],
            "AWS::S3::Bucket" => &properties["NotificationConfiguration"]["LambdaConfigurations"][0]["Function"],
            "AWS::Lambda::Url" | "AWS::Lambda::EventInvokeConfig" => {
                assert_eq!(properties["Qualifier"], "live", "{id}");
                continue;
            }
            _ => continue,
        };
        assert_eq!(*target, alias, "{id}");
        seen += 1;
    }
    assert_eq!(seen, 14);
}

#[test]
fn every_permission_names_its_source() {
    let template = template(json!({
        "topics": { "t": {} }, "buckets": { "b": {} },
        "functions": started_by(json!([
            { "http": "GET /a" }, { "schedule": "rate(1 hour)" }, { "topic": "t" },
            { "event": { "pattern": { "source": ["x"] } } }, { "bucket": "b" },
        ])),
    }));
    let permissions = template["Resources"].as_object().unwrap().iter();
    let permissions: Vec<_> =
        permissions.filter(|(_, resource)| resource["Type"] == "AWS::Lambda::Permission").collect();
    assert_eq!(permissions.len(), 5);
    for (id, permission) in permissions {
        let properties = &permission["Properties"];
        assert!(properties.get("SourceArn").is_some(), "{id}");
        // Only S3 sends the account besides, and only its ARNs do not hold one.
        let is_bucket = properties["Principal"] == "s3.amazonaws.com";
        assert_eq!(properties.get("SourceAccount").is_some(), is_bucket, "{id}");
    }
}

#[test]
fn an_api_logs_throttles_and_authorizes() {
    let template = template(json!({
        "api": { "cors": true, "rate": 5, "burst": 7, "jwt": { "main": { "issuer": "https://i.example", "audience": "a" } } },
        "functions": started_by(json!([
            { "http": "POST /webhooks/{provider}" }, { "http": { "route": "GET /me", "auth": { "jwt": "main", "scopes": "r" } } },
            { "http": { "route": "ANY /admin/{proxy+}", "auth": "iam" } },
        ])),
    }));
    let stage = properties(&template, "ApiStage");
    assert_eq!(stage["DefaultRouteSettings"], json!({ "ThrottlingRateLimit": 5, "ThrottlingBurstLimit": 7 }));
    let line: Value = serde_json::from_str(stage["AccessLogSettings"]["Format"].as_str().unwrap()).unwrap();
    assert_eq!(line["status"], "$context.status");
    let me = properties(&template, "FRouteGetMe");
    assert_eq!(me["AuthorizerId"], json!({ "Ref": "MainAuthorizer" }));
    assert_eq!(me["AuthorizationScopes"], json!(["r"]));
    assert_eq!(properties(&template, "FRoutePostWebhooksWithProvider")["AuthorizationType"], "NONE");
    let source = &properties(&template, "FRoutePostWebhooksWithProviderPermission")["SourceArn"]["Fn::Sub"];
    assert!(source.as_str().unwrap().ends_with(":${Api}/*/POST/webhooks/*"), "{source}");
    assert_eq!(template["Outputs"]["ApiEndpoint"]["Value"], json!({ "Fn::GetAtt": ["Api", "ApiEndpoint"] }));
    // One for all three routes.
    assert_eq!(ids(&template).iter().filter(|id| id.ends_with("Integration")).count(), 1);
}

#[test]
fn a_url_is_closed_unless_it_is_said_to_be_open() {
    let closed = template(json!({ "functions": started_by(json!([{ "url": true }])) }));
    assert_eq!(properties(&closed, "FUrl")["AuthType"], "AWS_IAM");
    assert!(!ids(&closed).iter().any(|id| id.ends_with("Permission")));

    let open = template(json!({ "functions": started_by(json!([{ "url": { "auth": "none", "stream": true } }])) }));
    assert_eq!(properties(&open, "FUrl")["InvokeMode"], "RESPONSE_STREAM");
    assert_eq!(properties(&open, "FUrlPermission")["FunctionUrlAuthType"], "NONE");
    assert_eq!(properties(&open, "FUrlInvokePermission")["InvokedViaFunctionUrl"], true);
}

#[test]
fn a_time_zone_takes_the_scheduler_and_a_role_for_it() {
    let template = template(json!({ "functions": started_by(json!([
        { "schedule": { "cron": "cron(0 2 * * ? *)", "timezone": "Asia/Ho_Chi_Minh", "input": { "a": 1 }, "enabled": false } },
    ])) }));
    let schedule = properties(&template, "FSchedule");
    assert_eq!(schedule["ScheduleExpressionTimezone"], "Asia/Ho_Chi_Minh");
    assert_eq!(schedule["State"], "DISABLED");
    assert_eq!(schedule["Target"]["Input"], "{\"a\":1}");
    assert_eq!(schedule["Target"]["RoleArn"], json!({ "Fn::GetAtt": ["FScheduleRole", "Arn"] }));
}

#[test]
fn events_that_failed_are_kept_unless_a_place_is_named() {
    let made = template(json!({ "functions": started_by(json!([{ "schedule": "rate(1 hour)" }])) }));
    let arn = json!({ "Fn::GetAtt": ["FFailedQueue", "Arn"] });
    assert_eq!(properties(&made, "FAsynchronous")["DestinationConfig"], json!({ "OnFailure": { "Destination": arn } }));
    assert_eq!(
        granted(&made, "FRole"),
        [json!({ "Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": [arn] })]
    );

    let named = template(json!({
        "topics": { "t": {} },
        "functions": function(json!({
            "triggers": [{ "schedule": "rate(1 hour)" }],
            "async": { "retries": 0, "max_age": "1h", "on_failure": { "topic": "t" } },
        })),
    }));
    let settings = properties(&named, "FAsynchronous");
    assert_eq!(settings["MaximumRetryAttempts"], 0);
    assert_eq!(settings["MaximumEventAgeInSeconds"], 3600);
    assert_eq!(settings["DestinationConfig"]["OnFailure"], json!({ "Destination": { "Ref": "TTopic" } }));
    assert!(!ids(&named).contains(&&"FFailedQueue".to_owned()));

    let nowhere = template(json!({ "functions": function(json!({
        "triggers": [{ "schedule": "rate(1 hour)" }], "async": { "on_failure": {} },
    })) }));
    assert_eq!(properties(&nowhere, "FAsynchronous").get("DestinationConfig"), None);
}

#[test]
fn a_consumed_queue_gets_time_and_a_dead_letter_queue() {
    let template = template(json!({
        "queues": { "q": {}, "idle": {}, "own": { "dead_letter": { "after": 2, "queue": "idle" } } },
        "functions": function(json!({
            "timeout": "20s", "triggers": [{ "queue": { "name": "q", "batch": 50, "window": "10s", "concurrency": 4, "filter": [{ "a": [1] }] } }],
        })),
    }));
    let queue = properties(&template, "QQueue");
    assert_eq!(queue["VisibilityTimeout"], 130);
    assert_eq!(
        queue["RedrivePolicy"],
        json!({ "deadLetterTargetArn": { "Fn::GetAtt": ["QDeadQueue", "Arn"] }, "maxReceiveCount": 5 })
    );
    assert_eq!(queue["SqsManagedSseEnabled"], true);
    assert_eq!(properties(&template, "QDeadQueue")["QueueName"], "shop-dev-q-dead");
    assert_eq!(properties(&template, "QDeadQueue")["MessageRetentionPeriod"], 1_209_600);
    let mapping = properties(&template, "FFromQQueue");
    assert_eq!(mapping["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
    assert_eq!(mapping["ScalingConfig"], json!({ "MaximumConcurrency": 4 }));
    assert_eq!(mapping["FilterCriteria"], json!({ "Filters": [{ "Pattern": "{\"a\":[1]}" }] }));
    assert_eq!(properties(&template, "OwnQueue")["RedrivePolicy"]["maxReceiveCount"], 2);
    // What takes dead letters keeps them long; what nobody consumes and nobody configured has no dead letters.
    assert_eq!(properties(&template, "IdleQueue")["MessageRetentionPeriod"], 1_209_600);
    assert_eq!(properties(&template, "IdleQueue").get("RedrivePolicy"), None);
}

#[test]
fn a_first_in_first_out_queue_has_a_dead_letter_queue_of_its_kind() {
    let template =
        template(json!({ "queues": { "q": { "fifo": true } }, "functions": started_by(json!([{ "queue": "q" }])) }));
    assert_eq!(properties(&template, "QQueue")["QueueName"], "shop-dev-q.fifo");
    assert_eq!(properties(&template, "QDeadQueue")["QueueName"], "shop-dev-q-dead.fifo");
    assert_eq!(properties(&template, "QDeadQueue")["FifoQueue"], true);
}

#[test]
fn rules_and_topics_may_send_what_they_could_not_deliver() {
    let template = template(json!({
        "queues": { "dead": {} }, "topics": { "t": {} },
        "functions": started_by(json!([
            { "event": { "pattern": { "source": ["x"] }, "dead_letter": { "queue": "dead" } } },
            { "topic": { "name": "t", "filter": { "a": ["b"] }, "scope": "body", "dead_letter": { "queue": "dead" } } },
        ])),
    }));
    let statements =
        properties(&template, "DeadQueuePolicy")["PolicyDocument"]["Statement"].as_array().unwrap().clone();
    let services: Vec<&Value> = statements.iter().skip(1).map(|statement| &statement["Principal"]["Service"]).collect();
    assert_eq!(services, ["events.amazonaws.com", "sns.amazonaws.com"]);
    assert_eq!(statements[1]["Condition"]["ArnEquals"]["aws:SourceArn"], json!({ "Fn::GetAtt": ["FEvent", "Arn"] }));
    assert_eq!(properties(&template, "FFromTTopic")["FilterPolicyScope"], "MessageBody");
    assert_eq!(properties(&template, "DeadQueue")["MessageRetentionPeriod"], 1_209_600);
}

#[test]
fn bucket_notifications_make_no_circle() {
    // The function reads the bucket that starts it and is told its name: `template` finds no circle.
    let template = template(json!({
        "buckets": { "b": { "versioned": true, "expire": "30d", "events": true } },
        "functions": function(json!({
            "triggers": [{ "bucket": { "name": "b", "events": ["created:*", "removed:*"], "prefix": "in/", "suffix": ".csv" } }],
            "env": { "B": { "bucket": "b" } }, "access": [{ "bucket": "b", "can": "get" }],
        })),
    }));
    let resource = &template["Resources"]["BBucket"];
    assert_eq!(resource["DependsOn"], json!(["FFromBBucketPermission"]));
    assert_eq!(resource["DeletionPolicy"], "RetainExceptOnCreate");
    assert_eq!(resource["UpdateReplacePolicy"], "Retain");
    let notifications = &resource["Properties"]["NotificationConfiguration"]["LambdaConfigurations"];
    assert_eq!(notifications[1]["Event"], "s3:ObjectRemoved:*");
    assert_eq!(
        notifications[0]["Filter"],
        json!({ "S3Key": { "Rules": [{ "Name": "prefix", "Value": "in/" }, { "Name": "suffix", "Value": ".csv" }] } })
    );
    assert_eq!(properties(&template, "FFromBBucketPermission")["SourceAccount"], json!({ "Ref": "AWS::AccountId" }));
}

#[test]
fn functions_that_call_each_other_make_no_circle() {
    let call = |name: &str, other: &str| json!({ "crate": name, "env": { "O": { "function": other } }, "access": [{ "function": other, "can": "invoke" }] });
    template(json!({ "functions": { "a": call("a", "b"), "b": call("b", "a") } }));
}

#[test]
fn a_secret_is_made_without_a_value_of_the_users() {
    let template = template(json!({ "secrets": { "database": {}, "old": { "from": { "import": "x" } } } }));
    let secret = properties(&template, "DatabaseSecret");
    assert_eq!(secret["Name"], "shop/dev/database");
    assert_eq!(secret.get("SecretString"), None);
    assert_eq!(ids(&template), ["DatabaseSecret"]);
}

#[test]
fn a_pipe_reads_one_topic_as_one_group_and_sends_to_one_queue() {
    let template = template(json!({
        "queues": { "q": {} },
        "pipes": { "p": { "from": { "kafka": { "arn": "arn:aws:kafka:eu-west-1:1:cluster/c/u" }, "topic": "paid" }, "to": { "queue": "q" } } },
    }));
    let statements: Vec<String> = granted(&template, "PPipeRole").iter().map(to_text_of).collect();
    insta::assert_snapshot!(statements.join("\n"), @r#"
        {"Effect":"Allow","Action":["kafka-cluster:Connect","kafka-cluster:DescribeClusterDynamicConfiguration"],"Resource":["arn:aws:kafka:eu-west-1:1:cluster/c/u"]}
        {"Effect":"Allow","Action":["kafka-cluster:DescribeTopic","kafka-cluster:ReadData"],"Resource":["arn:aws:kafka:eu-west-1:1:topic/c/u/paid"]}
        {"Effect":"Allow","Action":["kafka-cluster:AlterGroup","kafka-cluster:DescribeGroup"],"Resource":["arn:aws:kafka:eu-west-1:1:group/c/u/shop-dev-p"]}
        {"Effect":"Allow","Action":["sqs:SendMessage"],"Resource":[{"Fn::GetAtt":["QQueue","Arn"]}]}
        "#);
    assert_eq!(
        properties(&template, "PPipe")["SourceParameters"]["ManagedStreamingKafkaParameters"],
        json!({ "TopicName": "paid", "ConsumerGroupID": "shop-dev-p", "StartingPosition": "TRIM_HORIZON", "BatchSize": 10 })
    );
}

#[test]
fn what_is_exported_can_be_imported_by_name() {
    let template = template(json!({ "queues": { "q": {} }, "exports": { "shop-dev-queue": { "queue": "q" } } }));
    assert_eq!(
        template["Outputs"]["ExportShopDevQueue"],
        json!({ "Value": { "Ref": "QQueue" }, "Export": { "Name": "shop-dev-queue" } })
    );
}

#[test]
fn raw_parts_come_through_verbatim() {
    let table = json!({
        "Type": "AWS::DynamoDB::Table", "Condition": "IsProd", "CreationPolicy": { "x": 1 },
        "Properties": { "A": null, "B": [{ "Ref": "Size" }] },
    });
    let template = template(json!({
        "parameters": { "Size": { "Type": "Number", "Default": 1 } },
        "conditions": { "IsProd": { "Fn::Equals": ["a", "b"] } },
        "mappings": { "M": { "a": { "b": "c" } } },
        "resources": { "Table": table },
        "outputs": { "Name": { "Value": { "Ref": "Table" } } },
    }));
    assert_eq!(template["Resources"]["Table"], table);
    assert_eq!(template["Mappings"]["M"]["a"]["b"], "c");
    assert_eq!(template["Conditions"]["IsProd"], json!({ "Fn::Equals": ["a", "b"] }));
    assert_eq!(template["Outputs"]["Name"], json!({ "Value": { "Ref": "Table" } }));
}

#[test]
fn a_patch_merges_deeply_and_null_removes() {
    let template = template(json!({
        "queues": { "q": { "delay": "5s" } },
        "patch": { "QQueue": { "Properties": { "DelaySeconds": null, "VisibilityTimeout": 7 } }, "QQueuePolicy": null },
    }));
    let queue = properties(&template, "QQueue");
    assert_eq!(queue.get("DelaySeconds"), None);
    assert_eq!(queue["VisibilityTimeout"], 7);
    assert_eq!(queue["QueueName"], "shop-dev-q");
    assert_eq!(ids(&template), ["QQueue"]);
}

#[test]
fn what_cannot_be_a_template_is_found() {
    let raw = |id: &str, resource: Value| json!({ "queues": { "q": {} }, "resources": { id: resource } });
    assert_eq!(codes(raw("QQueue", json!({ "Type": "AWS::SQS::Queue" }))), ["D0701"]);
    assert_eq!(codes(json!({ "queues": { "a-b": {}, "a_b": {} } })), ["D0701", "D0701"]);
    assert_eq!(codes(raw("X", json!({ "Properties": {} }))), ["D0702"]);
    assert_eq!(codes(json!({ "queues": { "q": {} }, "patch": { "QQueu": {} } })), ["D0703"]);
    assert_eq!(codes(json!({ "queues": { "q": {} }, "patch": { "QQueue": { "Type": null } } })), ["D0704"]);
    let dangling = json!({ "Type": "T", "DependsOn": "A", "Properties": {
        "x": { "Ref": "B" }, "y": { "Fn::Sub": "${C.Arn} ${AWS::Region} ${!Literal}" }, "z": { "Fn::GetAtt": "D.Arn" },
        "w": { "Fn::Sub": ["${E} ${given}", { "given": { "Ref": "AWS::StackName" } }] },
    } });
    assert_eq!(codes(raw("X", dangling)), ["D0705"; 5]);
    let circle = json!({ "resources": {
        "A": { "Type": "T", "DependsOn": ["B"] }, "B": { "Type": "T", "Properties": { "x": [{ "Ref": "A" }] } },
    } });
    assert_eq!(codes(circle), ["D0706"]);
    let many: serde_json::Map<String, Value> = (0..501).map(|n| (format!("R{n}"), json!({ "Type": "T" }))).collect();
    assert_eq!(codes(json!({ "resources": many })), ["D0707"]);
}

#[test]
fn the_same_stack_gives_the_same_bytes() {
    let sections =
        || json!({ "queues": { "q": {} }, "functions": started_by(json!([{ "queue": "q" }, { "http": "GET /" }])) });
    assert_eq!(to_text(&synth(&stack(sections()))), to_text(&synth(&stack(sections()))));
}
