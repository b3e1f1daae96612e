//! Releases that move little by little: checks before, alarms while, and every way in which a shift comes to its end.

use crate::aws::{PYTHON, Shop};
use crate::harness::Run;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command, Stdio};

/// Two functions that are released by `release`, and an alarm over the errors of the first.
fn two(stack: &str, release: &str, more: &str) -> String {
    format!(
        "defaults: {{release: {release}}}
functions:
  hello: {{code: {PYTHON}{more}}}
  other: {{code: {PYTHON}}}
resources:
  HelloErrors:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: {stack}-errors
      Namespace: AWS/Lambda
      MetricName: Errors
      Dimensions: [{{Name: FunctionName, Value: {{Ref: HelloFunction}}}}]
      Statistic: Sum
      Period: 60
      EvaluationPeriods: 1
      Threshold: 1
      ComparisonOperator: GreaterThanOrEqualToThreshold
"
    )
}

/// A deployed stack of two functions, both live with version 1.
fn shop(stack: &'static str, release: &str) -> Shop {
    // A region of its own: what is counted there would ring the others' alarms.
    let region = Box::leak(format!("eu-{stack}-1").into_boxed_str());
    let shop = Shop::in_region(stack, region, &two(stack, release, ""));
    shop.deploy();
    assert_eq!(versions(&shop), ["1", "1"]);
    shop.code("second");
    shop
}

fn versions(shop: &Shop) -> [String; 2] {
    ["hello", "other"].map(|function| {
        let alias = shop.lambda("GET", function, "aliases/live", &Value::Null);
        let version = alias["FunctionVersion"].as_str().unwrap_or_default();
        match alias["RoutingConfig"]["AdditionalVersionWeights"].as_object() {
            Some(weights) if !weights.is_empty() => format!("{version} {}", Value::from(weights.clone())),
            _ => version.to_owned(),
        }
    })
}

const AT_TEN: [&str; 2] = [r#"1 {"2":0.1}"#, r#"1 {"2":0.1}"#];

fn alarm(shop: &Shop, state: &str) {
    let name = format!("{}-errors", shop.stack);
    let parameters = [("AlarmName", name.as_str()), ("StateValue", state), ("StateReason", "five calls failed")];
    shop.query("monitoring", "SetAlarmState", &parameters);
}

/// What Lambda would count for a version behind the alias; the sandbox counts nothing.
fn counted(shop: &Shop, function: &str, version: &str, calls: &str, errors: &str) {
    let name = format!("{}-dev-{function}", shop.stack);
    let resource = format!("{name}:live");
    for (metric, value) in [("Invocations", calls), ("Errors", errors)] {
        let parameters = [
            ("Namespace", "AWS/Lambda"),
            ("MetricData.member.1.MetricName", metric),
            ("MetricData.member.1.Value", value),
            ("MetricData.member.1.Dimensions.member.1.Name", "FunctionName"),
            ("MetricData.member.1.Dimensions.member.1.Value", &name),
            ("MetricData.member.1.Dimensions.member.2.Name", "Resource"),
            ("MetricData.member.1.Dimensions.member.2.Value", &resource),
            ("MetricData.member.1.Dimensions.member.3.Name", "ExecutedVersion"),
            ("MetricData.member.1.Dimensions.member.3.Value", version),
        ];
        shop.query("monitoring", "PutMetricData", &parameters);
    }
}

/// A deployment, followed until it says that both functions have their share.
pub(crate) struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
}

impl Running {
    fn at_ten(shop: &Shop) -> Self {
        Self::after(shop, |said| said.matches("at 10 %").count() == 2)
    }

    /// Until it has said `words`.
    pub(crate) fn when(shop: &Shop, words: &str) -> Self {
        Self::after(shop, |said| said.contains(words))
    }

    fn after(shop: &Shop, is_there: impl Fn(&str) -> bool) -> Self {
        let mut command = shop.project.command(&["--sandbox", "deploy", "--yes"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the built binary runs");
        let mut stderr = BufReader::new(child.stderr.take().expect("it was piped"));
        let mut said = String::new();
        while !is_there(&said) {
            let read = stderr.read_line(&mut said).expect("it speaks UTF-8");
            assert!(read > 0, "it ended before it moved anything: {said}");
        }
        Self { child, stderr, said }
    }

    pub(crate) fn ended(mut self) -> Run {
        self.stderr.read_to_string(&mut self.said).expect("it speaks UTF-8");
        let status = self.child.wait().expect("it ends");
        Run { stdout: String::new(), stderr: self.said, code: status.code().unwrap_or(-1) }
    }

    /// Ctrl-C.
    fn interrupted(self) -> Run {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status().expect("there is a program to send signals");
        assert!(sent.success(), "nobody to interrupt: {}", self.said);
        self.ended()
    }

    fn killed(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }
}

fn last(shop: &Shop) -> Value {
    shop.releases().pop().expect("there is a release")
}

#[test]
fn a_canary_goes_through_and_is_settled() {
    let shop = shop("canary", "canary 10% for 1s");
    let plan = shop.ends(0, &["plan"]);
    assert!(plan.stdout.contains("hello, other canary 10% for 1s; watched by canary-errors"), "{}", plan.text());
    let run = shop.deploy();
    for line in ["hello: live 1 → 2 at 10 %", "other: live 1 → 2 at 10 %", "hello: live 1 → 2\n", "too little traffic"]
    {
        assert!(run.stderr.contains(line), "{line} in {}", run.text());
    }
    assert_eq!(versions(&shop), ["2", "2"]);
    assert_eq!(last(&shop)["outcome"]["result"], "succeeded");
    assert_eq!(last(&shop)["functions"]["hello"]["version"], "2");
    shop.is_settled();
    // Back goes all at once.
    shop.ends(0, &["rollback", "--yes"]);
    assert_eq!(versions(&shop), ["1", "1"]);
}

#[test]
fn an_alarm_in_the_middle_takes_every_function_back() {
    let shop = shop("alarmed", "canary 10% for 20s");
    let running = Running::at_ten(&shop);
    assert_eq!(versions(&shop), AT_TEN);
    counted(&shop, "hello", "1", "95", "1");
    counted(&shop, "hello", "2", "11", "5");
    alarm(&shop, "ALARM");
    let run = running.ended();
    assert_eq!(run.code, 4, "{}", run.text());
    for line in [
        "error: release 2 of alarmed-dev was taken back: alarm alarmed-errors is in ALARM: five calls failed",
        "now: every alias serves the version that it served before: hello 1, other 1",
        "alarm alarmed-errors: Errors Sum per 60 s:",
        "hello: old version 1: 95 calls, 1 errors; new version 2: 11 calls, 5 errors",
        "other: old version 1: no calls counted; new version 2: no calls counted",
        "next: deployer status alarmed --stage dev --sandbox",
    ] {
        assert!(run.stderr.contains(line), "{line} in {}", run.text());
    }
    assert_eq!(versions(&shop), ["1", "1"]);
    assert_eq!(last(&shop)["outcome"]["result"], "taken_back");

    // It is still on: the next one does not begin, unless it is told to go without it.
    let blocked = shop.ends(6, &["deploy", "--yes"]);
    assert!(blocked.stderr.contains("alarm alarmed-errors is in ALARM already"), "{}", blocked.text());
    assert_eq!(versions(&shop), ["1", "1"]);
    shop.declare(&two("alarmed", "canary 10% for 1s", ""));
    shop.ends(0, &["deploy", "--yes", "--ignore-alarm", "alarmed-errors"]);
    assert_eq!(versions(&shop), ["2", "2"]);
    shop.is_settled();
}

#[test]
fn a_check_that_fails_moves_nothing() {
    let check = "canary 10% for 1s";
    let shop = shop("checked", check);
    let expecting = |body: &str| {
        let before = format!(
            ", before: [{{event: events/hello.json, expect: {{status: 200, json: {{body: \"{body}\"}}}}}}, {{event: {{}}}}]"
        );
        two("checked", check, &before)
    };
    shop.project.write("events/hello.json", "{\"name\": \"Ann\"}");
    shop.declare(&expecting("third - 2"));
    let run = shop.ends(4, &["deploy", "--yes"]);
    for line in [
        "version 2 of hello was called with events/hello.json: expected \"third - 2\" at `body`, got \"second - 2\"",
        "now: no traffic has moved",
    ] {
        assert!(run.stderr.contains(line), "{line} in {}", run.text());
    }
    assert_eq!(versions(&shop), ["1", "1"]);
    assert_eq!(last(&shop)["outcome"]["result"], "taken_back");

    shop.declare(&expecting("second - 2")).deploy();
    assert_eq!(versions(&shop), ["2", "2"]);
    shop.is_settled();

    shop.declare(&two("checked", check, ", before: events/gone.json"));
    let missing = shop.ends(2, &["plan"]);
    assert!(missing.stderr.contains("error[D0117]"), "{}", missing.text());
}

#[test]
fn too_little_traffic_holds_until_somebody_decides() {
    let shop = shop("quiet", "{canary: 10% for 1s, too_little: hold, least: 5}");
    let held = shop.ends(7, &["deploy", "--yes"]);
    for line in [
        "release 2 of quiet-dev is held: too little traffic to judge: hello had 0 of 5 invocations",
        "next: deployer promote quiet --stage dev --sandbox",
    ] {
        assert!(held.stderr.contains(line), "{line} in {}", held.text());
    }
    assert_eq!(versions(&shop), AT_TEN);
    assert_eq!(last(&shop)["outcome"]["result"], "held");
    let status = shop.ends(0, &["status"]);
    assert!(status.stdout.contains("1 → 2 at 10 %"), "{}", status.text());
    assert!(status.stdout.contains("`deployer abort quiet --stage dev --sandbox` takes it back"), "{}", status.text());

    shop.ends(0, &["promote", "quiet", "--yes"]);
    assert_eq!(versions(&shop), ["2", "2"]);
    assert_eq!(last(&shop)["outcome"]["result"], "succeeded");
    assert_eq!(shop.releases().len(), 2, "a promotion finishes a release and is none");
    shop.is_settled();
    let nothing = shop.ends(1, &["promote", "quiet", "--yes"]);
    assert!(nothing.stderr.contains("no shift of quiet-dev stands in the middle"), "{}", nothing.text());

    shop.code("third").ends(7, &["deploy", "--yes"]);
    shop.ends(0, &["abort", "quiet", "--yes"]);
    assert_eq!(versions(&shop), ["2", "2"]);
    assert_eq!(last(&shop)["outcome"]["result"], "taken_back");

    // In the middle, a rollback goes to what is live.
    shop.ends(7, &["deploy", "--yes"]);
    shop.ends(0, &["rollback", "quiet", "--yes"]);
    assert_eq!(versions(&shop), ["2", "2"]);
    assert_eq!(last(&shop)["action"], json!({ "rollback": { "to": 2 } }));
}

#[test]
fn a_shift_that_was_killed_goes_on_or_back() {
    let long = "canary 10% for 10m";
    let shop = shop("shifted", long);
    Running::at_ten(&shop).killed();
    assert_eq!(versions(&shop), AT_TEN);
    let plan = shop.ends(0, &["plan"]);
    assert!(
        plan.stdout.contains("the shift of release 2 stands in the middle (hello 1 → 2 at 10 %"),
        "{}",
        plan.text()
    );
    let doctor = shop.run(&["doctor", "shifted"]);
    assert!(doctor.text().contains("the shift of release 2 stands in the middle"), "{}", doctor.text());
    assert!(!doctor.text().contains("left between versions"), "{}", doctor.text());
    shop.ends(0, &["promote", "shifted", "--yes"]);
    assert_eq!(versions(&shop), ["2", "2"]);
    shop.is_settled();

    shop.code("third");
    let at_ten = [r#"2 {"3":0.1}"#, r#"2 {"3":0.1}"#];
    Running::at_ten(&shop).killed();
    assert_eq!(versions(&shop), at_ten);
    shop.declare(&two("shifted", "linear 50% every 1s", ""));
    shop.ends(0, &["promote", "shifted", "--gradually", "--yes"]);
    assert_eq!(versions(&shop), ["3", "3"]);

    shop.code("fourth").declare(&two("shifted", long, ""));
    let run = Running::at_ten(&shop).interrupted();
    assert_eq!(run.code, 130, "{}", run.text());
    assert!(run.stderr.contains("`deployer promote shifted --stage dev --sandbox` finishes"), "{}", run.text());
    assert_eq!(last(&shop)["outcome"]["result"], "held");
    shop.declare(&two("shifted", "canary 20% for 1s", "")).deploy();
    assert_eq!(versions(&shop), ["4", "4"]);
    shop.is_settled();
}

#[test]
fn another_role_goes_all_at_once() {
    let shop = shop("roles", "canary 10% for 1s");
    let role = shop.lambda("GET", "other", "configuration", &Value::Null)["Role"].clone();
    shop.declare(&two("roles", "canary 10% for 1s", &format!(", role: {{arn: {role}}}")));
    let plan = shop.ends(0, &["plan"]);
    let note = "hello: all at once instead of canary 10% for 1s: the new version has another role";
    assert!(plan.stdout.replace('\n', " ").contains(note), "{}", plan.text());
    let run = shop.deploy();
    assert!(!run.stderr.contains("hello: live 1 → 2 at"), "{}", run.text());
    assert!(run.stderr.contains("other: live 1 → 2 at 10 %"), "{}", run.text());
    assert_eq!(versions(&shop), ["2", "2"]);
    shop.is_settled();
}

#[test]
fn executions_are_kept_warm_for_the_version_that_is_live() {
    let with = |concurrency: &str| format!("functions:\n  hello: {{code: {PYTHON}{concurrency}}}\n");
    let two = with(", concurrency: {provisioned: 2}");
    let shop = Shop::new("warm", &two);
    shop.deploy();
    let warm = |version: &str| shop.provisioned("hello", version);
    assert_eq!(warm("1"), Some(2));
    shop.is_settled();
    shop.code("second").deploy();
    assert_eq!([warm("1"), warm("2")], [None, Some(2)]);
    shop.is_settled();

    shop.provision("hello", "2", 5);
    let drift = shop.ends(3, &["drift", "--exit-code"]);
    assert!(drift.stdout.contains("ProvisionedConcurrency"), "{}", drift.text());
    shop.deploy();
    assert_eq!(warm("2"), Some(2));

    shop.ends(0, &["rollback", "warm", "--to", "1", "--yes"]);
    assert_eq!([warm("1"), warm("2")], [Some(2), None]);
    shop.deploy();
    shop.declare(&with("")).deploy();
    assert_eq!([warm("1"), warm("2")], [None, None]);
    shop.is_settled();
}
