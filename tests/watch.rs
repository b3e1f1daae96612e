//! `invoke`, `logs`, `metrics` and the health in `status`: what somebody looks at first when something is wrong.

use crate::aws::{PYTHON, Shop};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

/// Answers with what it is asked, logs it as JSON, and fails when told to.
const CODE: &str = r#"
import json


def handler(event, context):
    say = event.get("say", "hello")
    level = "ERROR" if event.get("fail") else event.get("level", "INFO")
    record = {"level": level, "message": say, "requestId": context.aws_request_id, "n": event.get("n")}
    print(json.dumps(record))
    if event.get("fail"):
        raise ValueError("as told")
    return {"said": say, "version": context.function_version}
"#;

fn shop(stack: &'static str, region: &'static str) -> Shop {
    let text = format!(
        "queues: {{jobs: {{}}}}\nfunctions:\n  one:\n    code: {PYTHON}\n  other:\n    code: {PYTHON}\n    \
         triggers: [{{queue: jobs}}]\n"
    );
    let shop = Shop::in_region(stack, region, &text);
    shop.project.write("fn/main.py", CODE);
    shop.deploy();
    shop
}

#[test]
fn a_function_is_called_and_its_log_is_read() {
    let shop = shop("heard", "eu-heard-1");
    let run = shop.ends(0, &["invoke", "one", "--payload", r#"{"say": "first", "n": 1}"#]);
    assert_eq!(run.stdout, "{\"said\": \"first\", \"version\": \"1\"}\n");
    shop.project.write("event.json", r#"{"say": "second", "level": "WARN"}"#);
    let tailed = shop.ends(0, &["invoke", "other", "--event", "event.json", "--version", "1", "--tail"]);
    assert!(tailed.stderr.contains("second"), "{}", tailed.text());
    let failed = shop.ends(1, &["invoke", "one", "--payload", r#"{"say": "third", "fail": true}"#]);
    for line in
        ["as told", "error: heard-dev-one failed (Unhandled)", "version 1 was called once", "next: deployer logs one"]
    {
        assert!(failed.stderr.contains(line), "{line}\n{}", failed.text());
    }
    // What it is called with has to be JSON, and the version has to be there.
    assert!(shop.ends(2, &["invoke", "one", "--payload", "{say}"]).stderr.contains("`--payload` is no JSON"));
    shop.ends(2, &["invoke", "nobody", "--payload", "{}"]);
    let missing = shop.ends(1, &["invoke", "one", "--payload", "{}", "--version", "9"]);
    assert!(missing.stderr.contains("heard-dev-one has no version 9"), "{}", missing.text());

    // All functions in the order of time, laid out for people.
    let logs = shop.ends(0, &["logs"]);
    let said: Vec<&str> = logs
        .stdout
        .lines()
        .filter(|line| ["first", "second", "third"].iter().any(|word| line.contains(word)))
        .collect();
    assert!(
        said.len() >= 3
            && said[0].contains("one    INFO   first  n=1  request=")
            && said[1].contains("other  WARN   second")
            && said[2].contains("one    ERROR  third"),
        "{}",
        logs.text()
    );
    assert!(!logs.stdout.contains("START RequestId"), "{}", logs.text());
    let grave = shop.ends(0, &["logs", "--level", "warn", "--since", "1h"]);
    assert!(!grave.stdout.contains("first") && grave.stdout.contains("second"), "{}", grave.text());
    let one = shop.ends(0, &["logs", "one", "--filter", "first", "--format", "json"]);
    let line: Value =
        serde_json::from_str(one.stdout.trim()).unwrap_or_else(|_| panic!("one JSON object: {}", one.text()));
    assert_eq!((line["function"].as_str(), line["fields"]["n"].as_i64()), (Some("one"), Some(1)), "{}", one.text());
    shop.ends(2, &["logs", "nobody"]);

    // Somebody watches; once what was before is shown, it is called again.
    let mut watching = shop.project.command(&["--sandbox", "logs", "--follow", "--since", "1h"]);
    let mut watching = watching.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the built binary runs");
    let mut lines = BufReader::new(watching.stdout.take().expect("it was piped")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("one    ERROR  third")), "what was before is not shown");
    shop.ends(0, &["invoke", "other", "--payload", r#"{"say": "live"}"#]);
    assert!(lines.any(|line| line.contains("other  INFO   live")), "what came then was not seen");
    let sent = std::process::Command::new("kill").args(["-INT", &watching.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
    assert_eq!(watching.wait().expect("it ends").code(), Some(0));

    // What was counted.
    let metrics = shop.ends(0, &["metrics", "--since", "10m"]);
    let row = |name: &str| metrics.stdout.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    let cells: Vec<String> = row("heard-dev-one").split_whitespace().map(str::to_owned).collect();
    assert_eq!(cells[1..4], ["2", "1", "0"], "{}", metrics.text());
    assert!(cells.last().is_some_and(|bars| bars.contains('█')), "{}", metrics.text());
    assert!(row("heard-dev-jobs").contains("heard-dev-jobs"), "{}", metrics.text());
    let status = shop.ends(0, &["status"]);
    assert!(status.stdout.starts_with("heard-dev: CREATE_COMPLETE, 1 function with errors\n"), "{}", status.text());
    assert!(status.stdout.contains("2 calls, 1 failed"), "{}", status.text());
}
