//! How long functions take to answer for the first time, and how large they are: TicketBottle's here, Taly's in `taly/measure.rs`.
//!
//! `cargo test --workspace --test cli cold_starts -- --ignored --nocapture` prints a table. What is measured are the release
//! artifacts, as they go to AWS, in the sandbox: from the call of Lambda's API to its answer, so with the start of the
//! process, its configuration, its secrets, and one piece of real work. AWS adds what it takes to fetch the code and to
//! make a machine for it, which the sandbox does not do.

use crate::aws::Server;
use crate::harness::{Project, repository};
use crate::ticketbottle::{COMPLETED, REGION, Shop, zalopay};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::fs;
use std::time::{Duration, Instant};

/// Cold starts of each function.
const STARTS: usize = 9;
/// Functions in the order in which a payment meets them.
const FUNCTIONS: [&str; 5] =
    ["payment-webhook-handler", "outbox-processor", "pdf-generator", "email-sender", "outbox-cleanup"];

#[test]
#[ignore = "a measurement, and it compiles everything for AWS first: minutes"]
fn cold_starts() {
    let shop = Shop::deploy();
    let starts = Starts { project: &shop.project, server: shop.server, region: REGION, stack: "ticketbottle" };
    let mut order = String::new();
    starts.measure(&FUNCTIONS, |start, function| {
        if function == FUNCTIONS[0] {
            order = format!("261120_{start}");
            shop.checkout(&order, "anh@example.com", 1_250_000);
        }
        (event(&shop, function, &order), is_done)
    });
}

/// The functions of a deployed stack, to be started anew as often as one likes.
pub(crate) struct Starts<'a> {
    pub(crate) project: &'a Project,
    pub(crate) server: &'a Server,
    pub(crate) region: &'a str,
    pub(crate) stack: &'a str,
}

impl Starts<'_> {
    /// Prints a table. `work` gives the event for the so-many-th start of a function, and what tells from the answer whether
    /// the work was done, so that the times mean something.
    pub(crate) fn measure(
        &self,
        functions: &[&str],
        mut work: impl FnMut(usize, &str) -> (Value, fn(&str, &Value) -> bool),
    ) {
        let build = self.project.run(&["--stage", "dev", "--format", "json", "build", self.stack]);
        assert_eq!(build.code, 0, "{}", build.text());
        let build: Value = serde_json::from_str(&build.stdout).expect("JSON on stdout");
        let sizes: Vec<u64> = functions.iter().map(|function| self.install(&build, function)).collect();
        let mut times: Vec<Vec<Duration>> = vec![Vec::new(); functions.len()];
        for start in 0..STARTS {
            let versions: Vec<String> = functions.iter().map(|function| self.publish(function, start)).collect();
            for ((function, version), times) in functions.iter().zip(versions).zip(&mut times) {
                let (event, is_done) = work(start, function);
                let began = Instant::now();
                let answer = self.call("POST", function, &format!("invocations?Qualifier={version}"), &event);
                times.push(began.elapsed());
                assert!(is_done(function, &answer), "{function}: {answer}");
            }
        }
        eprintln!("\n| function | zip | first answer, median | slowest of {STARTS} |\n| --- | ---: | ---: | ---: |");
        for ((function, size), times) in functions.iter().zip(sizes).zip(&mut times) {
            times.sort_unstable();
            let [median, slowest] = [times[STARTS / 2], times[STARTS - 1]].map(|time| time.as_millis());
            let tenths = size.div_ceil(100_000);
            eprintln!("| `{function}` | {}.{} MB | {median} ms | {slowest} ms |", tenths / 10, tenths % 10);
        }
    }

    /// Puts the release artifact in the place of what was deployed; its size in bytes.
    fn install(&self, build: &Value, function: &str) -> u64 {
        let artifacts = build["artifacts"].as_array().expect("a list").iter();
        let artifact = artifacts.into_iter().find(|artifact| artifact["function"] == function).expect("it was built");
        let zip = fs::read(artifact["path"].as_str().expect("a path")).expect("it was built there");
        self.call("PUT", function, "code", &json!({ "ZipFile": STANDARD.encode(&zip) }));
        artifact["size"].as_u64().expect("a size")
    }

    /// A new version, for which no process runs yet.
    fn publish(&self, function: &str, start: usize) -> String {
        self.call("PUT", function, "configuration", &json!({ "Description": format!("start {start}") }));
        let version = self.call("POST", function, "versions", &json!({}));
        version["Version"].as_str().expect("a version").to_owned()
    }

    fn call(&self, method: &str, function: &str, rest: &str, body: &Value) -> Value {
        let head = format!("{method} /2015-03-31/functions/{}-dev-{function}/{rest}", self.stack);
        self.server.lambda(self.region, &head, body)
    }
}

/// The function's example event, with that order in it.
fn event(shop: &Shop, function: &str, order: &str) -> Value {
    let file = match function {
        "payment-webhook-handler" => "zalopay",
        "outbox-processor" => "every-minute",
        "outbox-cleanup" => "daily",
        _ => "batch",
    };
    let path = repository().join(format!("functions/ticketbottle/{function}/events/{file}.json"));
    let event = fs::read_to_string(path).expect("the example is there");
    let mut event: Value = serde_json::from_str(&event).expect("the example is JSON");
    if function == "payment-webhook-handler" {
        event["body"] = json!(zalopay(order, 1_250_000));
    } else if file == "batch" {
        let records = shop.kafka.records(COMPLETED);
        let record = records.iter().find(|record| record.key == order).expect("the processor published it");
        event["Records"].as_array_mut().expect("messages").truncate(1);
        event["Records"][0]["body"] = json!(record.pipe_message().to_string());
    }
    event
}

/// Whether the work was done, so that the times mean something.
fn is_done(function: &str, answer: &Value) -> bool {
    match function {
        "payment-webhook-handler" => answer["statusCode"] == 200,
        "outbox-processor" => answer["complete"] == true && answer["failed"] == 0,
        "outbox-cleanup" => answer["complete"] == true,
        _ => answer["batchItemFailures"].as_array().is_some_and(Vec::is_empty),
    }
}
