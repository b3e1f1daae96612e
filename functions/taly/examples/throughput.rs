//! How fast the three functions that work through many things are, and how much memory that takes.
//!
//! `cargo run --release --example throughput` prints a table. Each line is a process of its own, so that its peak is its own;
//! beside it runs another that answers as DynamoDB, S3 and SES would, at once and without work. So what is measured is the
//! functions' own code with the SDK, one core, without the network and without waiting for AWS.

#![expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "a table of a few digits is what it is for")]

use std::{
    env,
    error::Error,
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use lambda_runtime::Context;
use serde_json::{Value, json};
use shared::{Env, Secrets, clients};
use taly::{activity, cleanup, report};
use testkit::{HttpRequest, HttpServer};

type Failed = Box<dyn Error + Send + Sync>;

/// Items in one answer of a query, so that it has about 1 MB.
const PAGE: usize = 2_500;

fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve", count] => serve(count.parse()?),
        ["one", what, count] => one(what, count.parse()?),
        _ => all(),
    }
}

fn all() -> Result<(), Failed> {
    println!("| what | things | per second | peak memory |\n| --- | ---: | ---: | ---: |");
    for (what, count) in [
        ("csv", 100_000),
        ("csv", 1_000_000),
        ("xlsx", 100_000),
        ("xlsx", 1_000_000),
        ("pdf", 100_000),
        ("pdf", 1_000_000),
        ("cleanup", 100_000),
        ("activity", 100_000),
    ] {
        let mut server = Command::new(env::current_exe()?);
        let mut server = server.args(["serve", &count.to_string()]).stdout(Stdio::piped()).spawn()?;
        let mut port = String::new();
        BufReader::new(server.stdout.take().ok_or("it was piped")?).read_line(&mut port)?;
        let mut run = Command::new(env::current_exe()?);
        for (name, value) in [
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", port.trim())),
            ("AWS_ACCESS_KEY_ID", "x".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "x".to_owned()),
            ("AWS_REGION", "eu-west-1".to_owned()),
        ] {
            run.env(name, value);
        }
        let done = run.args(["one", what, &count.to_string()]).status();
        server.kill()?;
        server.wait()?;
        assert!(done?.success(), "{what} {count}");
    }
    Ok(())
}

/// Answers at once, until it is killed.
fn serve(count: usize) -> Result<(), Failed> {
    let text = |value: String| json!({ "S": value });
    let items: Vec<Value> = (0..PAGE)
        .map(|number| {
            json!({ "id": text(format!("195e7322-862a-50e6-9e88-{number:012}")), "at": text(format!("2026-11-20T10:00:00.{number:06}Z")),
                    "kind": text("payment".into()), "status": text("captured".into()), "provider": text("stripe".into()),
                    "customer": text(format!("customer-{number}")), "booking": text(format!("booking {number}, Salon Lumière")),
                    "amount": { "N": "12345" }, "currency": text("EUR".into()), "day": text("2026-11-20".into()) })
        })
        .collect();
    let items = Value::Array(items).to_string();
    let objects: String = (0..1_000)
        .map(|number| {
            format!("<Contents><Key>temp/{number:040}</Key><Size>1000</Size><LastModified>2020-01-01T00:00:00.000Z</LastModified></Contents>")
        })
        .collect();
    let server = HttpServer::start(move |request| (200, answer(request, count, &items, &objects)));
    println!("{}", server.port);
    std::thread::sleep(Duration::from_secs(600));
    Ok(())
}

fn answer(request: &HttpRequest, count: usize, items: &str, objects: &str) -> String {
    let path = request.path.as_str();
    match request.header("x-amz-target") {
        "DynamoDB_20120810.Query" => {
            let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            let begun = body["ExclusiveStartKey"]["n"]["N"].as_str().and_then(|text| text.parse().ok());
            let done = begun.unwrap_or(0) + PAGE;
            let last = if done < count { json!({ "n": { "N": done.to_string() } }) } else { Value::Null };
            format!("{{\"Items\":{items},\"Count\":{PAGE},\"LastEvaluatedKey\":{last}}}")
        }
        _ if path.contains("list-type=2") => {
            let begun = path.split('&').find_map(|pair| pair.split_once("continuation-token=")?.1.parse().ok());
            let done = begun.unwrap_or(0) + 1_000;
            let next = if done < count {
                format!("<NextContinuationToken>{done}</NextContinuationToken>")
            } else {
                String::new()
            };
            format!("<ListBucketResult>{objects}{next}</ListBucketResult>")
        }
        _ if path.contains("uploads") => {
            "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>".to_owned()
        }
        _ if path.contains("delete") => "<DeleteResult></DeleteResult>".to_owned(),
        _ if path.contains("uploadId=") && request.method == "POST" => {
            "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>".to_owned()
        }
        _ if path.contains("email") => json!({ "MessageId": "m" }).to_string(),
        _ => "{}".to_owned(),
    }
}

fn one(what: &str, count: usize) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let began = Instant::now();
    let done = runtime.block_on(run(what, count))?;
    let per_second = done as f64 / began.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    let peak: f64 = peak.trim().trim_end_matches(" kB").parse()?;
    println!("| {what} | {done} | {per_second:.0} | {:.0} MB |", peak / 1024.0);
    Ok(())
}

async fn run(what: &str, count: usize) -> Result<u64, Failed> {
    let config = clients::sdk_config().await;
    let mut context = Context::default();
    let soon = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)? + Duration::from_secs(900);
    context.deadline = u64::try_from(soon.as_millis())?;
    let variables = [
        ("BOOKINGS_TABLE", "bookings"),
        ("PAYMENTS_TABLE", "payments"),
        ("ACTIVITY_TABLE", "activity"),
        ("FILES_BUCKET", "files"),
        ("SES_FROM_EMAIL", "noreply@taly.example"),
        ("SES_REGION", "eu-west-1"),
        ("TEMP_PREFIX", "temp/"),
        ("REPORTS_PREFIX", "reports/"),
        ("MAX_AGE_HOURS", "48"),
        ("RETENTION_DAYS", "30"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let env = Env::from_variables(variables, &Secrets::none(), &[]).await;
    let number = |answer: &Value, name: &str| answer[name].as_u64().ok_or(format!("no {name} in {answer}"));
    match what {
        "cleanup" => {
            let deps = cleanup::Deps::from_env(env, &config)?;
            let done = cleanup::handle(cleanup::Order::default(), context, &deps).await?;
            Ok(done.deleted)
        }
        "activity" => {
            let deps = activity::Deps::from_env(env, &config)?;
            let now = jiff::Timestamp::now();
            let mut done = 0;
            while done < count as u64 {
                let entry = |n: u64| json!({ "id": format!("e-{n}"), "user": "u-1", "kind": "booking.viewed", "at": now, "data": { "page": n } });
                let entries: Vec<Value> = (done..done + 100).map(entry).collect();
                let body = json!({ "entries": entries }).to_string();
                let event = json!({ "version": "2.0", "routeKey": "POST /activity", "rawPath": "/activity", "headers": {}, "isBase64Encoded": false,
                    "requestContext": { "http": { "method": "POST" }, "timeEpoch": 0 }, "body": body });
                let answer = activity::handle(serde_json::from_value(event)?, context.clone(), &deps).await?;
                assert_eq!(answer["statusCode"], 202, "{answer}");
                done += 100;
            }
            Ok(done)
        }
        format => {
            let deps = report::Deps::from_env(env, &config)?;
            let order = json!({ "report": "payments", "format": format, "period": "yesterday", "mail_to": "owner@taly.example" });
            let made = report::handle(serde_json::from_value(order)?, context, &deps).await?;
            Ok(number(&made, "rows")?)
        }
    }
}
