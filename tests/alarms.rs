//! Alarm sets in the sandbox: a failure is seen by alarms, the one that stands for them, `status` and a release; every alarm of
//! the sets goes on and comes back; past data are replayed and measured.

use crate::aws::{PYTHON, Shop};
use crate::shift::Running;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long anything may take that happens by itself. Met long before, unless it never comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Fails, is refused by somebody, or answers, as the event says.
const MOODY: &str = "def handler(event, context):\n    print(event.get('say', 'hello'))\n    if event.get('fail'):\n        \
                     raise RuntimeError('as asked')\n    return 'WORD'\n";

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs_f64()
}

/// The states of the stack's alarms, by what follows the stack's name.
fn states(shop: &Shop) -> BTreeMap<String, String> {
    let status = shop.ends(0, &["status", shop.stack, "--format", "json"]);
    let status: Value = serde_json::from_str(&status.stdout).expect("a status in JSON");
    let alarms = status[0]["alarms"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let prefix = format!("{}-", shop.name());
    alarms.iter().map(|alarm| (text(&alarm["name"]).replacen(&prefix, "", 1), text(&alarm["state"]))).collect()
}

/// Looks again and again until the states are as wanted.
fn until(shop: &Shop, what: &str, wanted: impl Fn(&BTreeMap<String, String>) -> bool) -> BTreeMap<String, String> {
    let since = Instant::now();
    loop {
        let states = states(shop);
        if wanted(&states) {
            return states;
        }
        assert!(since.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}: {states:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// A datapoint of an alarm's metric, `age` seconds old.
fn put(shop: &Shop, metric: &Value, value: f64, age: f64) {
    put_many(shop, metric, value, 1, age);
}

/// The same value, so many times.
fn put_many(shop: &Shop, metric: &Value, value: f64, count: u32, age: f64) {
    let time = format!("{:.3}", now() - age);
    let value = value.to_string();
    let text = |key: &str| metric[key].as_str().unwrap_or_default().to_owned();
    let (namespace, name) = (text("Namespace"), text("MetricName"));
    let mut parameters = vec![
        ("Namespace".to_owned(), namespace),
        ("MetricData.member.1.MetricName".to_owned(), name),
        ("MetricData.member.1.Values.member.1".to_owned(), value),
        ("MetricData.member.1.Counts.member.1".to_owned(), count.to_string()),
        ("MetricData.member.1.Timestamp".to_owned(), time),
    ];
    for (at, dimension) in (1..).zip(metric["Dimensions"].as_array().into_iter().flatten()) {
        for key in ["Name", "Value"] {
            let path = format!("MetricData.member.1.Dimensions.member.{at}.{key}");
            parameters.push((path, dimension[key].as_str().unwrap_or_default().to_owned()));
        }
    }
    let parameters: Vec<(&str, &str)> = parameters.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    shop.query("monitoring", "PutMetricData", &parameters);
}

/// The alarms of the stack's template by what follows the stack's name.
fn alarms(shop: &Shop) -> BTreeMap<String, Value> {
    let template: Value = serde_json::from_str(&shop.ends(0, &["synth", shop.stack]).stdout).expect("a template");
    let prefix = format!("{}-", shop.name());
    let all = template["Resources"].as_object().expect("resources").values();
    all.filter(|resource| resource["Type"] == "AWS::CloudWatch::Alarm")
        .map(|resource| {
            let name = resource["Properties"]["AlarmName"].as_str().expect("alarms have names");
            (name.replacen(&prefix, "", 1), resource["Properties"].clone())
        })
        .collect()
}

#[test]
fn every_alarm_of_the_sets_goes_on_and_comes_back() {
    // One function for each set: both look at memory and duration, and must not drive each other's alarms.
    let text = format!(
        "alarms: [critical, warning]\nqueues: {{jobs: {{}}}}\nfunctions:\n  \
         bad: {{code: {PYTHON}, alarms: [critical], triggers: [{{queue: jobs}}]}}\n  \
         worse: {{code: {PYTHON}, alarms: [warning], baseline: 100ms, concurrency: {{reserved: 10}}}}\n  \
         quiet: {{code: {PYTHON}}}\n"
    );
    let shop = Shop::new("driven", &text);
    shop.deploy();
    shop.is_settled();
    let alarms = alarms(&shop);
    let driven = [
        "bad-critical-complete-failure",
        "bad-critical-errors",
        "bad-critical-memory",
        "bad-critical-timeouts",
        "jobs-critical-oldest-message",
        "jobs-dead-critical-dead-letters",
        "warning-account-concurrency",
        "worse-warning-concurrency",
        "worse-warning-duration",
        "worse-warning-memory",
        "worse-warning-rate-limits",
        "worse-warning-throttles",
    ];
    let wanted = |name: &str| !name.starts_with("quiet-");
    let found: Vec<&str> = alarms.keys().map(String::as_str).filter(|name| wanted(name)).collect();
    assert_eq!(found, driven);
    let quiet = states(&shop);
    assert_eq!(quiet.len(), alarms.len() + 2, "{quiet:?}");
    assert!(quiet.values().all(|state| state != "ALARM"), "{quiet:?}");

    // Each datapoint is nearly as old as its period lets it be: seconds later the first is out of sight.
    const LEFT: f64 = 8.0;
    for (_, alarm) in alarms.iter().filter(|(name, _)| wanted(name)) {
        let number = |key: &str| alarm[key].as_f64();
        let (period, periods) = (number("Period").expect("a period"), number("EvaluationPeriods").expect("a number"));
        let needed = number("DatapointsToAlarm").unwrap_or(periods);
        let bad = if alarm["MetricName"] == "Errors" { 1.0 } else { number("Threshold").expect("one") * 1.5 + 1.0 };
        let mut back = periods;
        while back > periods - needed {
            put(&shop, alarm, bad, period * back - LEFT);
            back -= 1.0;
        }
    }
    let on = states(&shop);
    for (name, state) in &on {
        assert_eq!(state == "ALARM", wanted(name), "{name} is {state}");
    }
    let status = shop.ends(0, &["status"]);
    let told = format!("alarms: {} in ALARM of {}", driven.len() + 2, on.len());
    assert!(status.stdout.contains(&told), "{}", status.text());

    // Two alarms share the metric: by then most invocations of those minutes went well.
    for minute in 0..5 {
        put_many(&shop, &alarms["bad-critical-errors"], 0.0, 100, f64::from(minute) * 60.0 + 30.0);
    }
    until(&shop, "all come back", |states| states.values().all(|state| state != "ALARM"));
}

#[test]
fn a_function_that_fails_is_seen_everywhere_and_its_release_taken_back() {
    let text = format!(
        "topics: {{pages: {{}}}}\nqueues: {{told: {{}}}}\n\
         alarms: {{critical: {{to: pages, with: {{error_periods: 1, failure_periods: 1, memory: 1}}}}, warning: {{}}}}\n\
         defaults: {{release: canary 10% for 60s}}\n\
         functions:\n  hello: {{code: {PYTHON}, alarms: {{critical: {{off: [memory]}}}}}}\n  eater: {{code: {}}}\n",
        PYTHON.replace("dir: fn", "dir: eat"),
    );
    let shop = Shop::new("moody", &text);
    shop.project.write("fn/main.py", MOODY.replace("WORD", "first")).write("eat/main.py", MOODY);
    shop.deploy();
    let call = |function: &str, version: &str, event: Value| {
        shop.lambda("POST", function, &format!("invocations?Qualifier={version}"), &event);
    };

    // The runtime's record of each invocation becomes a metric, and its alarm goes on: 1 % of 256 MB is little.
    call("eater", "live", json!({ "say": "ThrottlingException: Rate exceeded" }));
    let seen = until(&shop, "memory and refusals are seen", |states| {
        ["eater-critical-memory", "eater-warning-rate-limits"].iter().all(|name| states[*name] == "ALARM")
    });
    assert_eq!((seen["critical"].as_str(), seen["warning"].as_str()), ("ALARM", "ALARM"), "{seen:?}");
    for (name, state) in seen.iter().filter(|(name, _)| name.starts_with("hello-")) {
        assert_ne!(state, "ALARM", "{name}");
    }
    let read = [
        ("Namespace", "Lambda/moody-dev-eater"),
        ("MetricName", "MemoryUsed"),
        ("StartTime", "2026-01-01T00:00:00Z"),
        ("EndTime", "2099-01-01T00:00:00Z"),
        ("Period", "3600"),
        ("Statistics.member.1", "Maximum"),
    ];
    let answer = shop.query("monitoring", "GetMetricStatistics", &read);
    let (_, rest) = answer.split_once("<Maximum>").unwrap_or_else(|| panic!("no metric: {answer}"));
    let used: f64 = rest.split('<').next().and_then(|text| text.parse().ok()).expect("a number");
    assert!(used > 2.56, "{used} MB");

    // A new version that fails: its alarm takes the release back, and everybody can see why.
    shop.project.write("fn/main.py", MOODY.replace("WORD", "second"));
    let plan = shop.ends(0, &["plan"]);
    let watched = "watched by moody-dev-hello-critical-complete-failure, moody-dev-hello-critical-errors, moody-dev-hello-critical-timeouts";
    assert!(plan.stdout.contains(watched), "{}", plan.text());
    let running = Running::when(&shop, "hello: live 1 → 2 at 10 %");
    call("hello", "2", json!({ "fail": true }));
    let run = running.ended();
    assert_eq!(run.code, 4, "{}", run.text());
    assert!(run.stderr.contains("was taken back: alarm moody-dev-hello-critical-"), "{}", run.text());
    assert_eq!(shop.alias("hello"), "1");
    let status = shop.ends(0, &["status"]);
    for line in ["  moody-dev-hello-critical-errors: ", "  moody-dev-critical: "] {
        assert!(status.stdout.contains(line), "{line} in {}", status.text());
    }
}

#[test]
fn past_data_are_replayed_and_measured() {
    let text = format!(
        "alarms: [critical, warning]\nfunctions:\n  # answers\n  hello:\n    code: {PYTHON} # Python\n  other: {{code: {PYTHON}}}\n"
    );
    let shop = Shop::new("replayed", &text);
    shop.deploy();
    let alarms = alarms(&shop);
    // 40 and 10 minutes ago, in periods of their own.
    for minutes in [40.0, 39.0, 10.0] {
        put(&shop, &alarms["hello-warning-throttles"], 3.0, minutes * 60.0);
    }
    let backtest = |more: &[&str]| {
        let run = shop.ends(0, &[&["alarms", "backtest", "--since", "1h", "--format", "json"], more].concat());
        serde_json::from_str::<Value>(&run.stdout).expect("JSON")
    };
    let all = backtest(&[]);
    let times = |all: &Value, name: &str| {
        let found = all.as_array().into_iter().flatten().find(|one| one["alarm"] == format!("replayed-dev-{name}"));
        found.unwrap_or_else(|| panic!("no {name} in {all}"))["times"].as_array().map_or(0, Vec::len)
    };
    assert_eq!((times(&all, "hello-warning-throttles"), times(&all, "other-warning-throttles")), (2, 0));
    let looser = backtest(&["--alarm", "hello-warning-throttles", "--threshold", "100"]);
    assert_eq!(times(&looser, "hello-warning-throttles"), 0);
    let told = shop.ends(0, &["alarms", "backtest", "--since", "1h", "--alarm", "hello-warning-throttles"]);
    assert!(told.stdout.contains("2 times"), "{}", told.text());
    let nothing = shop.ends(2, &["alarms", "backtest", "--alarm", "nobody"]);
    assert!(nothing.stderr.contains("there are replayed-dev-hello-critical-errors"), "{}", nothing.text());

    let duration = json!({ "Namespace": "AWS/Lambda", "MetricName": "Duration",
                           "Dimensions": [{ "Name": "FunctionName", "Value": "replayed-dev-hello" }] });
    for (day, value) in [(1.0, 120.0), (2.0, 5_000.0), (3.0, 100.0)] {
        put(&shop, &duration, value, day * 86_400.0);
    }
    let dry = shop.ends(0, &["alarms", "baseline"]);
    assert!(dry.stdout.contains("+    baseline: \"120ms\""), "{}", dry.text());
    assert!(dry.stderr.contains("nobody called it") && dry.stderr.contains("nothing was written"), "{}", dry.text());
    shop.ends(0, &["alarms", "baseline", "--write"]);
    let file = fs::read_to_string(shop.project.root.join("stacks/replayed.yaml")).expect("the stack file");
    assert!(file.contains("# answers") && file.contains("# Python\n    baseline: \"120ms\""), "{file}");
    let again = shop.ends(0, &["alarms", "baseline"]);
    assert!(again.stderr.contains("the baselines stand in the stack file already"), "{}", again.text());
    assert!(self::alarms(&shop).contains_key("hello-warning-duration"), "what has a baseline is compared with it");
}
