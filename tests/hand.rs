//! A table of changes that somebody makes by hand to what a stack deployed: each is found, named as drift, put right by the
//! next deployment, and gone after it.

use crate::aws::{ACCOUNT, PYTHON, Shop};
use serde_json::{Value, json};

/// Every kind that a stack is made of, with something to change about each.
fn stack() -> String {
    let alarm = |name: &str| {
        format!(
            "    Type: AWS::CloudWatch::Alarm\n    Properties:\n      AlarmName: hands-dev-{name}\n      Namespace: AWS/Lambda\n      \
             MetricName: Errors\n      Dimensions: [{{ Name: FunctionName, Value: hands-dev-api }}]\n      Statistic: Sum\n      \
             Period: 60\n      EvaluationPeriods: 1\n      Threshold: 5\n      ComparisonOperator: GreaterThanThreshold\n"
        )
    };
    let board = |name: &str| {
        format!(
            "    Type: AWS::CloudWatch::Dashboard\n    Properties:\n      DashboardName: hands-dev-{name}\n      DashboardBody: \
             '{{\"widgets\": [{{\"type\": \"text\", \"width\": 6, \"height\": 2, \"properties\": {{\"markdown\": \"hi\"}}}}]}}'\n"
        )
    };
    format!(
        "functions:\n  api:\n    code: {PYTHON}\n    memory: 256\n    env: {{ GREETING: hi }}\n    \
         triggers: [{{ http: GET /api }}, {{ url: {{ auth: iam }} }}]\n    access: [{{ queue: jobs, can: send }}]\n  \
         worker:\n    code: {PYTHON}\n    async: {{ retries: 1 }}\n    triggers:\n      - queue: {{ name: jobs, batch: 5 }}\n      \
         - schedule: {{ cron: \"cron(0 3 * * ? *)\", timezone: Europe/Berlin }}\n      - topic: orders\n      - event: {{ pattern: {{ source: [shop] }} }}\n\
         queues: {{ jobs: {{ visibility: 3m }}, others: {{}} }}\ntopics: {{ orders: {{}} }}\n\
         buckets: {{ files: {{ versioned: true }} }}\nsecrets: {{ token: {{ description: a token }} }}\nresources:\n  \
         TooManyErrors:\n{}  Silent:\n{}  Board:\n{}  Screen:\n{}",
        alarm("errors"),
        alarm("silent"),
        board("board"),
        board("screen"),
    )
}

/// A change by hand: what somebody does, and the lines of the plan that tell it.
struct ByHand {
    what: &'static str,
    does: fn(&Shop),
    says: &'static [&'static str],
}

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["lambda.amazonaws.com","ec2.amazonaws.com"]},"Action":"sts:AssumeRole"}]}"#;
const ANYTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}"#;

const CHANGES: &[ByHand] = &[
    ByHand {
        what: "memory of a function",
        does: |shop| configure(shop, "api", json!({ "MemorySize": 1024 })),
        says: &["MemorySize: 1024 → 256 MB"],
    },
    ByHand {
        what: "timeout of another",
        does: |shop| configure(shop, "worker", json!({ "Timeout": 8 })),
        says: &["Timeout: 8 s → 30 s"],
    },
    ByHand {
        what: "a variable changed, another added",
        does: |shop| {
            let variables = json!({ "GREETING": "hey", "DEBUG": "1" });
            configure(shop, "api", json!({ "Environment": { "Variables": variables } }));
        },
        says: &["Environment.Variables.GREETING: ", "Environment.Variables.DEBUG: removed"],
    },
    ByHand {
        what: "the alias moved to $LATEST",
        does: |shop| drop(shop.lambda("PUT", "worker", "aliases/live", &json!({ "FunctionVersion": "$LATEST" }))),
        says: &["Traffic: $LATEST → a new version"],
    },
    ByHand {
        what: "asynchronous retries",
        does: |shop| {
            let head = "PUT /2019-09-25/functions/hands-dev-worker/event-invoke-config?Qualifier=live";
            shop.call("lambda", head, &json!({ "MaximumRetryAttempts": 0 }));
        },
        says: &["MaximumRetryAttempts: 0 → 1"],
    },
    ByHand {
        what: "a policy broadened",
        does: |shop| role(shop, "ApiRole", "PutRolePolicy", &[("PolicyName", "access"), ("PolicyDocument", ANYTHING)]),
        says: &["update IAM Role ApiRole [drift]", "Policies.access: "],
    },
    ByHand {
        what: "a policy added",
        does: |shop| {
            role(shop, "WorkerRole", "PutRolePolicy", &[("PolicyName", "extra"), ("PolicyDocument", ANYTHING)])
        },
        says: &["update IAM Role WorkerRole [drift]", "Policies.extra: "],
    },
    ByHand {
        what: "a managed policy attached",
        does: |shop| {
            role(shop, "ApiRole", "AttachRolePolicy", &[("PolicyArn", "arn:aws:iam::aws:policy/ReadOnlyAccess")])
        },
        says: &["ManagedPolicyArns"],
    },
    ByHand {
        what: "a role that another service may assume",
        does: |shop| role(shop, "WorkerRole", "UpdateAssumeRolePolicy", &[("PolicyDocument", TRUST)]),
        says: &["AssumeRolePolicyDocument"],
    },
    ByHand {
        what: "retention of logs",
        does: |shop| {
            let body = json!({ "logGroupName": "/aws/lambda/hands-dev-api", "retentionInDays": 1 });
            shop.json("logs", "Logs_20140328.PutRetentionPolicy", &body);
        },
        says: &["RetentionInDays: 1 → 30 days"],
    },
    ByHand {
        what: "a log group deleted",
        does: |shop| {
            let body = json!({ "logGroupName": "/aws/lambda/hands-dev-worker" });
            shop.json("logs", "Logs_20140328.DeleteLogGroup", &body);
        },
        says: &["! recreate Logs LogGroup /aws/lambda/hands-dev-worker [drift]"],
    },
    ByHand {
        what: "threshold of an alarm",
        does: |shop| alarm(shop, "hands-dev-errors", "50"),
        says: &["update CloudWatch Alarm hands-dev-errors [drift]", "Threshold: "],
    },
    ByHand {
        what: "an alarm deleted",
        does: |shop| drop(shop.query("monitoring", "DeleteAlarms", &[("AlarmNames.member.1", "hands-dev-silent")])),
        says: &["! recreate CloudWatch Alarm hands-dev-silent [drift]"],
    },
    ByHand {
        what: "an alarm of somebody's on our function",
        does: |shop| alarm(shop, "somebodys", "1"),
        says: &["? leave CloudWatch Alarm somebodys of hands-dev-api [drift]"],
    },
    ByHand {
        what: "a widget",
        does: |shop| {
            let body = r#"{"widgets":[{"type":"text","width":6,"height":2,"properties":{"markdown":"bye"}}]}"#;
            shop.query("monitoring", "PutDashboard", &[("DashboardName", "hands-dev-board"), ("DashboardBody", body)]);
        },
        says: &["update CloudWatch Dashboard hands-dev-board [drift]", "bye → hi"],
    },
    ByHand {
        what: "a dashboard deleted",
        does: |shop| {
            shop.query("monitoring", "DeleteDashboards", &[("DashboardNames.member.1", "hands-dev-screen")]);
        },
        says: &["! recreate CloudWatch Dashboard hands-dev-screen [drift]"],
    },
    ByHand {
        what: "a trigger switched off",
        does: |shop| {
            let uuid = shop.physical_id("WorkerFromJobsQueue");
            shop.call("lambda", &format!("PUT /2015-03-31/event-source-mappings/{uuid}"), &json!({ "Enabled": false }));
        },
        says: &["Enabled: false → true"],
    },
    ByHand {
        what: "a trigger added",
        does: |shop| {
            let source = format!("arn:aws:sqs:{}:{ACCOUNT}:hands-dev-others", shop.region);
            let body = json!({ "FunctionName": "hands-dev-api", "EventSourceArn": source });
            shop.call("lambda", "POST /2015-03-31/event-source-mappings", &body);
        },
        says: &["x remove Lambda EventSourceMapping", "hands-dev-others"],
    },
    ByHand {
        what: "a permission added",
        does: |shop| {
            let body = json!({ "StatementId": "anybody", "Action": "lambda:InvokeFunction", "Principal": "*" });
            shop.lambda("POST", "api", "policy?Qualifier=live", &body);
        },
        says: &["x remove Lambda Permission anybody of hands-dev-api [drift]"],
    },
    ByHand {
        what: "a permission taken away",
        does: |shop| {
            let sid = shop.physical_id("ApiRouteGetApiPermission");
            shop.lambda("DELETE", "api", &format!("policy/{sid}?Qualifier=live"), &Value::Null);
        },
        says: &["! recreate Lambda Permission ApiRouteGetApiPermission [drift]"],
    },
    ByHand {
        what: "a URL opened to everybody",
        does: |shop| {
            let head = "PUT /2021-10-31/functions/hands-dev-api/url?Qualifier=live";
            shop.call("lambda", head, &json!({ "AuthType": "NONE" }));
        },
        says: &["AuthType: NONE → AWS_IAM"],
    },
    ByHand {
        what: "a rule switched off",
        does: |shop| {
            let rule = shop.physical_id("WorkerEvent");
            shop.json("events", "AWSEvents.DisableRule", &json!({ "Name": rule }));
        },
        says: &["State: DISABLED → ENABLED"],
    },
    ByHand {
        what: "a schedule slowed down",
        does: |shop| {
            let name = shop.physical_id("WorkerSchedule");
            let mut now = shop.call("scheduler", &format!("GET /schedules/{name}"), &Value::Null);
            now["ScheduleExpression"] = json!("rate(1 day)");
            shop.call("scheduler", &format!("PUT /schedules/{name}"), &now);
        },
        says: &["ScheduleExpression: rate(1 day) → cron(0 3 * * ? *)"],
    },
    ByHand {
        what: "visibility of a queue",
        does: |shop| queue(shop, json!({ "VisibilityTimeout": "5" })),
        says: &["VisibilityTimeout: 5 s → "],
    },
    ByHand {
        what: "failures that go nowhere",
        does: |shop| queue(shop, json!({ "RedrivePolicy": "" })),
        says: &["RedrivePolicy"],
    },
    ByHand {
        what: "name of a topic",
        does: |shop| {
            let arn = shop.physical_id("OrdersTopic");
            let parameters =
                [("TopicArn", arn.as_str()), ("AttributeName", "DisplayName"), ("AttributeValue", "Cheap watches")];
            shop.query("sns", "SetTopicAttributes", &parameters);
        },
        says: &["DisplayName: Cheap watches → (none)"],
    },
    ByHand {
        what: "executions reserved",
        does: |shop| {
            let head = "PUT /2017-10-31/functions/hands-dev-worker/concurrency";
            shop.call("lambda", head, &json!({ "ReservedConcurrentExecutions": 3 }));
        },
        says: &["ReservedConcurrentExecutions: 3 → (none)"],
    },
    ByHand {
        what: "somebody's queue for what fails",
        does: |shop| {
            let queue = format!("arn:aws:sqs:{}:{ACCOUNT}:hands-dev-others", shop.region);
            configure(shop, "api", json!({ "DeadLetterConfig": { "TargetArn": queue } }));
        },
        says: &["DeadLetterConfig", "hands-dev-others"],
    },
    ByHand {
        what: "versions of a bucket suspended",
        does: |shop| {
            let bucket = shop.physical_id("FilesBucket");
            let body = "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>";
            shop.s3(&format!("PUT /{bucket}?versioning"), body);
        },
        says: &["VersioningConfiguration: (none) → "],
    },
    ByHand {
        what: "a bucket that may become public",
        does: |shop| {
            let bucket = shop.physical_id("FilesBucket");
            shop.s3(&format!("DELETE /{bucket}?publicAccessBlock"), "");
        },
        says: &["PublicAccessBlockConfiguration"],
    },
    ByHand {
        what: "a route that asks for nobody's key",
        does: |shop| {
            let (api, route) = (shop.physical_id("Api"), shop.physical_id("ApiRouteGetApi"));
            let route = route.rsplit('/').next().unwrap_or_default();
            shop.call(
                "apigateway",
                &format!("PATCH /v2/apis/{api}/routes/{route}"),
                &json!({ "authorizationType": "AWS_IAM" }),
            );
        },
        says: &["AuthorizationType: AWS_IAM → NONE"],
    },
    ByHand {
        what: "description of a secret",
        does: |shop| {
            let body = json!({ "SecretId": "hands/dev/token", "Description": "somebody else's" });
            shop.json("secretsmanager", "secretsmanager.UpdateSecret", &body);
        },
        says: &["Description: somebody else's → a token"],
    },
];

fn configure(shop: &Shop, function: &str, body: Value) {
    shop.lambda("PUT", function, "configuration", &body);
}

fn role(shop: &Shop, logical_id: &str, action: &str, parameters: &[(&str, &str)]) {
    let role = shop.physical_id(logical_id);
    shop.query("iam", action, &[&[("RoleName", role.as_str())], parameters].concat());
}

fn queue(shop: &Shop, attributes: Value) {
    let url = shop.physical_id("JobsQueue");
    shop.json("sqs", "AmazonSQS.SetQueueAttributes", &json!({ "QueueUrl": url, "Attributes": attributes }));
}

fn alarm(shop: &Shop, name: &str, threshold: &str) {
    let parameters = [
        ("AlarmName", name),
        ("Namespace", "AWS/Lambda"),
        ("MetricName", "Errors"),
        ("Dimensions.member.1.Name", "FunctionName"),
        ("Dimensions.member.1.Value", "hands-dev-api"),
        ("Statistic", "Sum"),
        ("Period", "60"),
        ("EvaluationPeriods", "1"),
        ("Threshold", threshold),
        ("ComparisonOperator", "GreaterThanThreshold"),
    ];
    shop.query("monitoring", "PutMetricAlarm", &parameters);
}

#[test]
fn what_was_changed_by_hand_is_found_named_put_right_and_gone() {
    // A region of its own: alarms are looked for in the whole of it.
    let shop = Shop::in_region("hands", "eu-north-1", &stack());
    shop.deploy();
    shop.is_settled();
    for change in CHANGES {
        (change.does)(&shop);
    }
    let plan = shop.ends(3, &["plan", "--exit-code"]);
    let missing = |text: &str| {
        let unsaid = |change: &&ByHand| change.says.iter().any(|line| !text.contains(line));
        CHANGES.iter().filter(unsaid).map(|change| change.what).collect::<Vec<_>>()
    };
    assert_eq!(missing(&plan.stdout), [""; 0], "{}", plan.text());
    assert!(!plan.stdout.contains("[yours"), "nothing of it is ours: {}", plan.text());
    let drift = shop.ends(3, &["drift", "--exit-code"]);
    assert_eq!(missing(&drift.stdout), [""; 0], "{}", drift.text());

    let kept = shop.ends(0, &["deploy", "--yes", "--keep-drift"]);
    assert_eq!(missing(&kept.stdout.replace("[drift, kept]", "[drift]")), [""; 0], "{}", kept.text());
    assert!(
        kept.stdout.contains("Nothing to do: what was changed outside of the stack file is kept."),
        "{}",
        kept.text()
    );
    shop.deploy();
    let after = shop.ends(0, &["plan", "--exit-code"]);
    assert!(after.stdout.contains("? leave CloudWatch Alarm somebodys"), "{}", after.text());
    shop.query("monitoring", "DeleteAlarms", &[("AlarmNames.member.1", "somebodys")]);
    shop.is_settled();
    assert_eq!(shop.invoke("api")["statusCode"], 200);
}
