//! One of the repository's own stacks, deployed into the shared sandbox with IAM enforced, and what its tests do there.

use crate::aws::{self, Server};
use crate::harness::{Project, Run, repository};
use serde_json::{Value, json};
use std::fs;
use std::time::{Duration, Instant};

/// How long anything may take that happens by itself. Met long before, unless it never comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A stack that is deployed in its stage `dev`.
pub(crate) struct System {
    pub(crate) project: Project,
    pub(crate) server: &'static Server,
    pub(crate) stack: &'static str,
    pub(crate) region: &'static str,
    /// Where it is called, ends in a slash.
    pub(crate) url: String,
}

impl System {
    /// Deploys `stacks/<stack>.yaml` with `lines` more in its stage `dev`: what its users fill in there too.
    pub(crate) fn deploy(stack: &'static str, region: &'static str, lines: &str) -> Self {
        let server = aws::shared();
        let mut project = Project::of_this_workspace(stack);
        project.environment("DEPLOYER_SANDBOX_PORT", &server.port.to_string());
        let text = fs::read_to_string(repository().join(format!("stacks/{stack}.yaml"))).expect("the stack is there");
        let head = format!("  dev:\n    region: {region}\n");
        assert_eq!(text.matches(&head).count(), 1, "the stage looks different:\n{text}");
        project.write(&format!("stacks/{stack}.yaml"), text.replace(&head, &format!("{head}{lines}")));
        let mut system = Self { project, server, stack, region, url: String::new() };
        let run = system.deployer(&["deploy", "--yes"]);
        system.url = aws::address(&run, "");
        system
    }

    /// `deployer` in the sandbox, which has to succeed.
    pub(crate) fn deployer(&self, arguments: &[&str]) -> Run {
        let run = self.project.run(&[&["--sandbox", "--stage", "dev"], arguments].concat());
        assert_eq!(run.code, 0, "deployer {}\n{}", arguments.join(" "), run.text());
        run
    }

    /// Stores a secret, as its users do.
    pub(crate) fn set_secret(&self, name: &str, value: &str) {
        let arguments = ["--sandbox", "--stage", "dev", "secret", "set", self.stack, name];
        let run = self.project.run_with(&arguments, value);
        assert_eq!(run.code, 0, "{}", run.text());
    }

    /// Fails unless a second deployment has nothing to do.
    pub(crate) fn is_settled(&self) {
        let run = self.deployer(&["plan", "--exit-code"]);
        assert!(run.stdout.contains("No changes."), "{}", run.text());
    }

    /// Calls a function as its schedule does.
    pub(crate) fn invoke(&self, function: &str, event: &Value) -> Value {
        let (stack, name) = (self.stack, function);
        let head = format!("POST /2015-03-31/functions/{stack}-dev-{name}/invocations?Qualifier=live");
        self.server.lambda(self.region, &head, event)
    }

    pub(crate) fn sqs(&self, operation: &str, queue: &str, mut body: Value) -> Value {
        let (port, stack) = (self.server.port, self.stack);
        body["QueueUrl"] = json!(format!("http://localhost:{port}/{}/{stack}-dev-{queue}", aws::ACCOUNT));
        self.server.json(self.region, "sqs", &format!("AmazonSQS.{operation}"), &body)
    }

    /// Takes a message out of a queue: its body, and the attribute `Reason`.
    pub(crate) fn message(&self, queue: &str) -> Option<(String, String)> {
        let answer = self.sqs("ReceiveMessage", queue, json!({ "MessageAttributeNames": ["All"] }));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let message = answer["Messages"].as_array()?.first()?;
        Some((text(&message["Body"]), text(&message["MessageAttributes"]["Reason"]["StringValue"])))
    }

    /// A call of DynamoDB's API on one of the stack's tables.
    pub(crate) fn table(&self, operation: &str, table: &str, mut body: Value) -> Value {
        body["TableName"] = json!(format!("{}-dev-{table}", self.stack));
        self.server.json(self.region, "dynamodb", &format!("DynamoDB_20120810.{operation}"), &body)
    }

    /// What a function wrote down, a line each.
    pub(crate) fn log(&self, function: &str) -> String {
        let body = json!({ "logGroupName": format!("/aws/lambda/{}-dev-{function}", self.stack) });
        let answer = self.server.json(self.region, "logs", "Logs_20140328.FilterLogEvents", &body);
        let events = answer["events"].as_array().cloned().unwrap_or_default();
        events.iter().map(|event| format!("{}\n", event["message"].as_str().unwrap_or_default().trim_end())).collect()
    }

    /// Looks again and again until there is something; `function` is whose log is shown when there never is.
    pub(crate) fn eventually<T>(&self, what: &str, function: &str, look: impl Fn() -> Option<T>) -> T {
        let since = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(since.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}\n{}", self.log(function));
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
