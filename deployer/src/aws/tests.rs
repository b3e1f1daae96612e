//! Readers and repairs against answers made up here: what a listing's pages, batches and errors become.

use super::kinds::{self, Reading, Wanted};
use super::{Clients, Override, apis, bucket, cloudwatch, events, evidence, logs, sqs};
use crate::ids::LogicalId;
use crate::state::{Known, Properties};
use aws_credential_types::Credentials;
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::body::SdkBody;
use http::{Request, Response};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// What was asked: path with query, and body.
type Asked = Arc<Mutex<Vec<(String, String)>>>;

/// A connection that answers by `answer` from path with query and body.
fn answering(answer: impl Fn(&str, &str) -> (u16, String) + Send + Sync + 'static) -> (SharedHttpClient, Asked) {
    let asked = Asked::default();
    let kept = asked.clone();
    let client = infallible_client_fn(move |request: Request<SdkBody>| {
        let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let (status, text) = answer(&path, &body);
        kept.lock().expect("no answer panics").push((path, body));
        Response::builder().status(status).body(SdkBody::from(text)).expect("a response")
    });
    (client, asked)
}

macro_rules! client {
    ($sdk:ident, $http:expr) => {
        $sdk::Client::from_conf(
            $sdk::Config::builder()
                .behavior_version_latest()
                .region($sdk::config::Region::new("eu-west-1"))
                .credentials_provider(Credentials::new("AKID", "SECRET", None, None, "test"))
                .http_client($http)
                .build(),
        )
    };
}

fn wanted(kind: &str, id: &str, physical_id: &str, declared: Value) -> Wanted {
    Wanted {
        id: LogicalId::new(id),
        kind: kind.to_owned(),
        physical_id: physical_id.to_owned(),
        declared: declared.as_object().cloned().expect("an object"),
    }
}

fn one(readings: Vec<Reading>) -> Result<Known<Properties>, String> {
    let (_, reading) = readings.into_iter().next().expect("one reading");
    reading.map_err(|error| error.to_string())
}

#[tokio::test]
async fn log_groups_are_asked_for_in_batches_and_those_that_are_not_told_are_gone() {
    let (http, asked) = answering(|_, body| {
        let asked: Value = serde_json::from_str(body).expect("JSON");
        let names = asked["logGroupIdentifiers"].as_array().cloned().unwrap_or_default();
        let there = names.iter().filter(|name| **name != "g7");
        let groups: Vec<Value> = there.map(|name| json!({ "logGroupName": name, "retentionInDays": 7 })).collect();
        (200, json!({ "logGroups": groups }).to_string())
    });
    let all: Vec<Wanted> =
        (0..120).map(|n| wanted("AWS::Logs::LogGroup", &format!("G{n}"), &format!("g{n}"), json!({}))).collect();
    let readings = logs::read(&client!(aws_sdk_cloudwatchlogs, http), all.iter().collect()).await;
    assert_eq!((readings.len(), asked.lock().expect("no panic").len()), (120, 3));
    for (id, reading) in readings {
        let reading = reading.expect("it was answered");
        assert_eq!(reading == Known::Absent, id.as_str() == "G7", "{id}");
    }
}

#[tokio::test]
async fn a_denied_listing_is_an_error_for_each_that_was_in_it() {
    let (http, _) = answering(|_, _| (400, json!({ "__type": "AccessDeniedException", "message": "no" }).to_string()));
    let all = ["a", "b"].map(|name| wanted("AWS::Logs::LogGroup", name, name, json!({})));
    let readings = logs::read(&client!(aws_sdk_cloudwatchlogs, http), all.iter().collect()).await;
    assert_eq!(readings.len(), 2);
    for (_, reading) in readings {
        assert!(reading.expect_err("it is denied").is_denied());
    }
}

#[tokio::test]
async fn routes_are_listed_once_over_all_pages() {
    let (http, asked) = answering(|path, _| {
        let (items, next) = match path.contains("nextToken=2") {
            true => (json!([{ "routeId": "r2", "routeKey": "GET /2" }]), Value::Null),
            false => (json!([{ "routeId": "r1", "routeKey": "GET /1" }]), json!("2")),
        };
        (200, json!({ "items": items, "nextToken": next }).to_string())
    });
    let route = |id: &str| wanted("AWS::ApiGatewayV2::Route", id, id, json!({ "ApiId": "a" }));
    let all = [route("r1"), route("a/r2"), route("r3")];
    let readings = apis::read(&client!(aws_sdk_apigatewayv2, http), all.iter().collect()).await;
    let found = |id: &str| {
        let reading = readings.iter().find(|(found, _)| found.as_str() == id).map(|(_, reading)| reading.clone());
        reading.expect("a reading").expect("it was answered")
    };
    let key = |known: Known<Properties>| known.present().map(|found| found["RouteKey"].clone());
    assert_eq!(key(found("r1")), Some(json!("GET /1")));
    assert_eq!(key(found("a/r2")), Some(json!("GET /2")));
    assert_eq!(found("r3"), Known::Absent);
    assert_eq!(asked.lock().expect("no panic").len(), 2);
}

#[tokio::test]
async fn what_belongs_to_an_api_that_is_gone_is_gone_and_to_one_unknown_unknown() {
    let (http, _) = answering(|_, _| (404, json!({ "message": "no such API" }).to_string()));
    let client = client!(aws_sdk_apigatewayv2, http);
    let gone = wanted("AWS::ApiGatewayV2::Stage", "S", "$default", json!({ "ApiId": "a" }));
    assert_eq!(one(apis::read(&client, vec![&gone]).await), Ok(Known::Absent));
    let unknown = wanted("AWS::ApiGatewayV2::Stage", "S", "$default", json!({}));
    let error = one(apis::read(&client, vec![&unknown]).await).expect_err("nobody knows which API");
    assert!(error.contains("which ApiId"), "{error}");
}

#[tokio::test]
async fn parts_of_a_bucket_that_are_not_set_are_null_and_a_bucket_that_is_gone_is_absent() {
    let error = |code: &str| (404, format!("<Error><Code>{code}</Code><Message>no</Message></Error>"));
    let (http, _) = answering(move |path, _| match path.split_once('?').map(|(_, query)| query).unwrap_or_default() {
        query if query.starts_with("versioning") => (200, "<VersioningConfiguration/>".to_owned()),
        query if query.starts_with("notification") => (200, "<NotificationConfiguration/>".to_owned()),
        query if query.starts_with("publicAccessBlock") => error("NoSuchPublicAccessBlockConfiguration"),
        query if query.starts_with("encryption") => error("ServerSideEncryptionConfigurationNotFoundError"),
        query if query.starts_with("lifecycle") => error("NoSuchLifecycleConfiguration"),
        query if query.starts_with("ownershipControls") => error("OwnershipControlsNotFoundError"),
        _ => error("NoSuchCORSConfiguration"),
    });
    let of = wanted("AWS::S3::Bucket", "B", "b", json!({}));
    let found = one(bucket::read(&client!(aws_sdk_s3, http), vec![&of]).await).expect("it was answered");
    let found = found.present().expect("it is there").clone();
    let access = found["PublicAccessBlockConfiguration"].as_object().expect("it is said in full");
    assert!(access.len() == 4 && access.values().all(|flag| *flag == json!(false)), "{access:?}");
    for part in ["LifecycleConfiguration", "BucketEncryption", "NotificationConfiguration", "CorsConfiguration"] {
        assert_eq!(found[part], Value::Null, "{part}");
    }

    let (http, _) = answering(move |_, _| error("NoSuchBucket"));
    assert_eq!(one(bucket::read(&client!(aws_sdk_s3, http), vec![&of]).await), Ok(Known::Absent));
}

#[tokio::test]
async fn the_usual_size_of_messages_is_no_difference_unless_one_is_declared() {
    let answer = json!({ "Attributes": { "MaximumMessageSize": "262144", "VisibilityTimeout": "30", "RedrivePolicy": "{\"maxReceiveCount\":\"3\"}" } });
    let (http, _) = answering(move |_, _| (200, answer.to_string()));
    let client = client!(aws_sdk_sqs, http);
    let read = async |declared: Value| {
        let queue = wanted("AWS::SQS::Queue", "Q", "https://sqs.eu-west-1.amazonaws.com/1/q", declared);
        one(sqs::read(&client, vec![&queue]).await).expect("it was answered").present().expect("it is there").clone()
    };
    assert_eq!(read(json!({})).await["MaximumMessageSize"], Value::Null);
    let declared = read(json!({ "MaximumMessageSize": 1_048_576 })).await;
    assert_eq!(declared["MaximumMessageSize"], json!(262_144));
    assert_eq!(declared["RedrivePolicy"], json!({ "maxReceiveCount": "3" }));
    assert_eq!(declared["KmsMasterKeyId"], Value::Null);
}

#[tokio::test]
async fn a_target_that_was_not_taken_is_an_error() {
    let (http, _) = answering(|_, body| match body.contains("\"Targets\"") {
        true => {
            let failed = json!([{ "TargetId": "a", "ErrorCode": "ManagedRuleException", "ErrorMessage": "not yours" }]);
            (200, json!({ "FailedEntryCount": 1, "FailedEntries": failed }).to_string())
        }
        false => (200, "{}".to_owned()),
    });
    let desired = json!({ "ScheduleExpression": "rate(1 day)", "Targets": { "a": { "Arn": "arn:x" } } });
    let desired = desired.as_object().expect("an object");
    let put = events::put(&client!(aws_sdk_eventbridge, http), "AWS::Events::Rule", "r", desired).await;
    assert_eq!(
        put.expect_err("it was refused").to_string(),
        "events:PutTargets answered ManagedRuleException: not yours"
    );
}

#[test]
fn the_rule_of_a_bus_of_ones_own_is_named_after_it() {
    let place = |id: &str, declared: Value| events::rule_place(id, declared.as_object().expect("an object"));
    assert_eq!(place("r", json!({})), Ok(("default".to_owned(), "r".to_owned())));
    assert_eq!(place("r", json!({ "EventBusName": "b" })), Ok(("b".to_owned(), "r".to_owned())));
    assert_eq!(place("b|r", json!({})), Ok(("b".to_owned(), "r".to_owned())));
    assert!(place("r", json!({ "EventBusName": { "Ref": "Bus" } })).is_err());
}

#[test]
fn a_policy_of_several_owners_is_gone_only_when_all_are_without() {
    let declared = json!({ "Queues": ["a", "b"], "PolicyDocument": { "Statement": [] } });
    let of = wanted("AWS::SQS::QueuePolicy", "P", "p", declared.clone());
    let common = |found: Vec<Option<Value>>| kinds::common_policy(&of, "Queues", found);
    let document = |known: Known<Properties>| known.present().map(|found| found["PolicyDocument"].clone());
    let ours = || Some(declared["PolicyDocument"].clone());
    assert_eq!(common(vec![None, None]), Known::Absent);
    assert_eq!(document(common(vec![ours(), ours()])), ours());
    assert_eq!(document(common(vec![ours(), None])), Some(Value::Null));
    assert_eq!(document(common(vec![ours(), Some(json!({ "Statement": [1] }))])), Some(json!({ "Statement": [1] })));
}

#[tokio::test]
async fn an_alarm_with_parts_that_are_not_read_is_unknown_and_others_are_found_by_their_function() {
    use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricAlarm, MetricDataQuery, MetricStat};
    let dimension = Dimension::builder().name("FunctionName").value("f").build();
    let metric = Metric::builder().dimensions(dimension).build();
    let query = MetricDataQuery::builder().id("m").metric_stat(MetricStat::builder().metric(metric).build()).build();
    let alarm = MetricAlarm::builder().alarm_name("a").metrics(query);
    let found = super::alarm::functions(&alarm.clone().build()).into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(found, ["f"]);
    let error = super::alarm::of_metric(alarm.evaluation_interval(10).build()).expect_err("a part is not read");
    assert!(error.to_string().contains("EvaluationInterval"), "{error}");
    // Nobody to watch over: nothing is asked.
    let (http, asked) = answering(|_, _| (500, String::new()));
    assert_eq!(cloudwatch::watching(&client!(aws_sdk_cloudwatch, http), &[]).await, Ok(Vec::new()));
    assert!(asked.lock().expect("no panic").is_empty());
}

#[tokio::test]
async fn an_alarm_over_metric_math_is_put_with_its_expression_and_metrics() {
    let stat = json!({ "Metric": { "Namespace": "AWS/Lambda", "MetricName": "Errors" }, "Period": 60, "Stat": "Sum" });
    let desired = json!({
        "ComparisonOperator": "GreaterThanThreshold", "Threshold": 5, "EvaluationPeriods": 1,
        "Metrics": { "errors": { "MetricStat": stat, "ReturnData": false }, "result": { "Expression": "100 * errors" } },
    });
    let (http, asked) = answering(|_, _| (200, String::new()));
    let client = client!(aws_sdk_cloudwatch, http);
    // The answer is none that the protocol knows; what was asked is looked at.
    let _ = cloudwatch::put(&client, "AWS::CloudWatch::Alarm", "a", desired.as_object().expect("an object")).await;
    let (path, body) = asked.lock().expect("no panic").first().cloned().expect("it was asked");
    assert!(path.ends_with("/PutMetricAlarm"), "{path}");
    for words in ["AlarmName", "100 * errors", "MetricStat", "Errors", "ReturnData", "EvaluationPeriods"] {
        assert!(body.contains(words), "{words} in {body}");
    }
}

#[tokio::test]
async fn a_type_without_a_service_is_neither_read_nor_put() {
    let over = Override {
        session_token: None,
        is_paced: true,
        url: "http://127.0.0.1:9".to_owned(),
        access_key_id: "000000000000".to_owned(),
        secret_access_key: "x".to_owned(),
    };
    let clients = Clients::new(Some("eu-west-1".to_owned()), Some(&over), std::time::Duration::from_secs(60)).await;
    let of = wanted("AWS::Other::Thing", "T", "t", json!({}));
    assert!(kinds::read(&clients, std::slice::from_ref(&of)).await.is_empty());
    let put = kinds::put(&clients, &of.kind, "t", &of.declared, &[]).await;
    assert!(put.expect_err("nobody puts it").to_string().contains("has no API of its own"));
}

#[tokio::test(start_paused = true)]
async fn last_accessed_data_is_waited_for_and_read_page_by_page() {
    let looks = Arc::new(Mutex::new(0));
    let (http, asked) = answering(move |_, body| {
        let answer = |name: &str, inner: &str| {
            (200, format!("<{name}Response><{name}Result>{inner}</{name}Result></{name}Response>"))
        };
        if body.contains("Action=Generate") {
            return answer("GenerateServiceLastAccessedDetails", "<JobId>job-1</JobId>");
        }
        let mut looks = looks.lock().expect("no answer panics");
        *looks += 1;
        let dates = "<JobCreationDate>2026-11-20T00:00:00Z</JobCreationDate><JobCompletionDate>2026-11-20T00:00:01Z</JobCompletionDate>";
        let service = |name: &str, inner: &str| {
            format!("<member><ServiceName>x</ServiceName><ServiceNamespace>{name}</ServiceNamespace>{inner}</member>")
        };
        let page = |services: String, more: &str| {
            format!(
                "<JobStatus>COMPLETED</JobStatus>{dates}<ServicesLastAccessed>{services}</ServicesLastAccessed>{more}"
            )
        };
        let inner = match *looks {
            1 => format!("<JobStatus>IN_PROGRESS</JobStatus>{dates}<ServicesLastAccessed/>"),
            2 => {
                let tracked = "<LastAuthenticated>2026-11-01T00:00:00Z</LastAuthenticated><TrackedActionsLastAccessed>\
                    <member><ActionName>InvokeFunction</ActionName><LastAccessedTime>2026-11-01T00:00:00Z</LastAccessedTime></member>\
                    <member><ActionName>GetFunction</ActionName></member></TrackedActionsLastAccessed>";
                page(service("lambda", tracked), "<IsTruncated>true</IsTruncated><Marker>next</Marker>")
            }
            _ => page(service("sqs", ""), "<IsTruncated>false</IsTruncated>"),
        };
        answer("GetServiceLastAccessedDetails", &inner)
    });
    let client = client!(aws_sdk_iam, http);
    let found = evidence::last_accessed(&client, "arn:aws:iam::1:role/r").await.expect("a report");
    assert_eq!(found.keys().collect::<Vec<_>>(), ["lambda", "sqs"]);
    let actions: Vec<(&str, bool)> =
        found["lambda"].actions.iter().map(|(name, last)| (name.as_str(), last.is_some())).collect();
    assert_eq!(actions, [("GetFunction", false), ("InvokeFunction", true)]);
    assert!(found["sqs"].last.is_none() && found["lambda"].last.is_some());
    let asked = asked.lock().expect("no answer panics");
    assert!(asked[0].1.contains("Granularity=ACTION_LEVEL") && asked[3].1.contains("Marker=next"), "{asked:?}");
}

#[tokio::test]
async fn a_report_that_fails_is_an_error_with_its_reason() {
    let (http, _) = answering(|_, body| {
        match body.contains("Action=Generate") {
        true => (200, "<GenerateServiceLastAccessedDetailsResponse><GenerateServiceLastAccessedDetailsResult><JobId>j</JobId></GenerateServiceLastAccessedDetailsResult></GenerateServiceLastAccessedDetailsResponse>".to_owned()),
        false => (200, "<GetServiceLastAccessedDetailsResponse><GetServiceLastAccessedDetailsResult><JobStatus>FAILED</JobStatus><JobCreationDate>2026-11-20T00:00:00Z</JobCreationDate><JobCompletionDate>2026-11-20T00:00:01Z</JobCompletionDate><ServicesLastAccessed/><Error><Message>try later</Message><Code>X</Code></Error></GetServiceLastAccessedDetailsResult></GetServiceLastAccessedDetailsResponse>".to_owned()),
    }
    });
    let error = evidence::last_accessed(&client!(aws_sdk_iam, http), "arn:r").await.expect_err("it failed");
    assert!(error.to_string().contains("ended as FAILED: try later"), "{error}");
}

#[tokio::test]
async fn a_simulation_sends_each_question_with_its_context() {
    let (http, asked) = answering(|_, body| {
        let decision = if body.contains("a%40b.c") { "allowed" } else { "implicitDeny" };
        (
            200,
            format!(
                "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><EvaluationResults><member><EvalActionName>x</EvalActionName><EvalDecision>{decision}</EvalDecision></member></EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
            ),
        )
    });
    let question = |context: &[(&str, &str)]| crate::iam::simulation::Question {
        action: "ses:SendEmail".to_owned(),
        resource: "arn:i".to_owned(),
        context: context.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        allowed: true,
    };
    let questions = [question(&[("ses:FromAddress", "a@b.c")]), question(&[])];
    let answers = evidence::simulate(&client!(aws_sdk_iam, http), "arn:r", &questions).await;
    assert_eq!(answers, Ok(vec![true, false]));
    let asked = asked.lock().expect("no answer panics");
    let with = asked.iter().find(|(_, body)| body.contains("a%40b.c")).expect("one has a context");
    for part in [
        "PolicySourceArn=arn%3Ar",
        "ActionNames.member.1=ses%3ASendEmail",
        "ResourceArns.member.1=arn%3Ai",
        "ContextKeyName=ses%3AFromAddress",
    ] {
        assert!(with.1.contains(part), "{part}: {}", with.1);
    }
}
