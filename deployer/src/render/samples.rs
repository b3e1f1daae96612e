//! Plans for the tests of all formats.

use crate::diff::{Action, CODE, Cause, Change, PropertyChange, TRAFFIC};
use crate::ids::{LogicalId, StackName};
use crate::meaning;
use crate::picture::{Node, Picture};
use crate::plan::{Block, Intent, Line, Plan, Step, Undo};
use crate::release::{Action as Done, Commit, Outcome, Release};
use crate::risk::Risk;
use crate::state::Place;
use indexmap::IndexMap;
use serde_json::{Value, json};

/// A plan of nothing.
pub(crate) fn empty() -> Plan {
    let stack = StackName::new("shop-dev");
    let place = Place {
        stack: stack.clone(),
        stage: "dev".to_owned(),
        region: "eu-west-1".to_owned(),
        account: "123456789012".to_owned(),
        partition: "aws".to_owned(),
        bucket: "deployer-123456789012-eu-west-1".to_owned(),
        caller: "arn:aws:iam::123456789012:user/ada".to_owned(),
        sandbox: false,
    };
    let commit = Commit { id: "3f2a1bc9d8".to_owned(), subject: "queue: longer visibility".to_owned(), dirty: false };
    Plan {
        format_version: 1,
        intent: Intent::Deploy,
        base: std::collections::BTreeMap::new(),
        lines: Vec::new(),
        blocked: Vec::new(),
        steps: Vec::new(),
        record: Release {
            format_version: 1,
            number: 42,
            stack,
            stage: "dev".to_owned(),
            action: Done::Deploy,
            commit: Some(commit),
            started: jiff::Timestamp::UNIX_EPOCH,
            finished: None,
            by: place.caller.clone(),
            template_sha256: None,
            template_key: None,
            functions: IndexMap::new(),
            shifting: IndexMap::new(),
            outcome: Outcome::Started,
        },
        place,
        notes: Vec::new(),
        unverified: Vec::new(),
        access: Vec::new(),
        picture: Picture::default(),
        dashboards: Vec::new(),
    }
}

/// A line of a plan, by logical id, type, action, cause, risk and reason.
pub(crate) fn line(id: &str, kind: &str, action: Action, cause: Cause, risk: Risk, reason: &str) -> Line {
    Line {
        change: Change {
            id: LogicalId::new(id),
            kind: kind.to_owned(),
            name: format!("shop-dev-{}", id.to_lowercase()),
            action,
            cause,
            properties: Vec::new(),
            unverified: None,
        },
        risk,
        reason: reason.to_owned(),
        undo: match (risk, kind) {
            (Risk::LosesData, _) => Undo::No,
            (_, "AWS::Lambda::Function") => Undo::Alias,
            _ => Undo::ChangeSet,
        },
        meaning: IndexMap::new(),
        kept: false,
    }
}

impl Line {
    /// With one more property, as the plan would tell it.
    pub(crate) fn property(mut self, path: &str, before: Value, after: Value) -> Self {
        let some = |value: Value| (!value.is_null()).then_some(value);
        let cause = self.change.cause;
        let property = PropertyChange { path: path.to_owned(), before: some(before), after: some(after), cause };
        self.change.properties.push(property);
        self.meaning = meaning::of(&self.change, None);
        self
    }
}

/// Every action, cause and risk, a block, a note and a picture.
pub(crate) fn mixed() -> Plan {
    use {Action as A, Cause as C, Risk as R};
    let allow = |actions: Value| json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": { "Fn::GetAtt": ["Emails", "Arn"] } }] });
    let widget = |title: &str, period: u32| json!({ "type": "metric", "x": 0, "y": 0, "width": 12, "height": 6, "properties": { "title": title, "period": period } });
    let lines = vec![
        line("Archive", "AWS::S3::Bucket", A::Delete, C::Yours, R::LosesData, "deletes what it holds"),
        line("Emails", "AWS::SQS::Queue", A::Replace, C::Yours, R::Replaces, "`QueueName` can only be set at creation")
            .property("QueueName", json!("shop-dev-mails"), json!("shop-dev-emails"))
            .property("VisibilityTimeout", json!(30), json!(180)),
        line(
            "Nightly",
            "AWS::Lambda::Function",
            A::Recreate,
            C::Drift,
            R::Replaces,
            "deleted by hand; nothing serves its triggers",
        ),
        line(
            "SenderRole",
            "AWS::IAM::Role",
            A::Update,
            C::Yours,
            R::Broadens,
            "allows something that was not allowed before",
        )
        .property(
            "Policies.access",
            allow(json!(["sqs:ReceiveMessage"])),
            allow(json!(["SQS:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"])),
        ),
        line("Sender", "AWS::Lambda::Function", A::Update, C::Both, R::Interrupts, "how many may run at once changes")
            .property("MemorySize", json!(128), json!(256))
            .property("Environment.Variables.GREETING", json!("digest:0123456789ab"), json!("digest:ba9876543210"))
            .property("ReservedConcurrentExecutions", Value::Null, json!(5))
            .property(CODE, json!("pz4Ad3Wq0k1Zl8u2"), json!("Qq9wX1ab77LmOp00"))
            .property(TRAFFIC, json!("7"), json!("a new version")),
        line("Errors", "AWS::CloudWatch::Alarm", A::Update, C::Drift, R::Safe, "changed in place").property(
            "Period",
            json!(60),
            json!(300),
        ),
        line("Overview", "AWS::CloudWatch::Dashboard", A::Update, C::Converged, R::Safe, "changed in place").property(
            "DashboardBody",
            json!({ "widgets": [widget("Errors", 60)] }),
            json!({ "widgets": [widget("Errors", 300), widget("Queue | <age>", 60)] }),
        ),
        line("Reports", "AWS::S3::Bucket", A::Create, C::Yours, R::Safe, "new"),
        line("Orders", "AWS::SNS::Topic", A::Create, C::Yours, R::Safe, "new"),
        line("Refunds", "AWS::SNS::Topic", A::Create, C::Yours, R::Safe, "new"),
    ];
    let block = |what: &str, allow: &str| Block {
        what: what.to_owned(),
        allow: Some(allow.to_owned()),
        way_out: format!("add `--allow {allow}` when that is meant"),
    };
    let node = |id: &str, kind: &str, parts: &[&str]| Node {
        id: LogicalId::new(id),
        kind: kind.to_owned(),
        name: format!("shop-dev-{}", id.to_lowercase()),
        parts: parts.iter().map(|part| LogicalId::new(*part)).collect(),
    };
    let edges = [
        ("Route", "Checkout"),
        ("Orders", "Emails"),
        ("Checkout", "Orders"),
        ("Emails", "Sender"),
        ("Sender", "Archive"),
        ("Clock", "Nightly"),
        ("Nightly", "Reports"),
        ("Checkout", "Refunds"),
    ];
    let steps = vec![
        Step::OpenRelease,
        Step::CreateBucket { bucket: "deployer-123456789012-eu-west-1".to_owned() },
        Step::CloseRelease,
    ];
    Plan {
        lines,
        blocked: vec![
            block("shop-dev-archive would lose what it holds", "delete-data"),
            block("shop-dev-emails would be replaced: `QueueName` can only be set at creation", "replace"),
        ],
        steps,
        notes: vec!["sender: `release: canary` is not done by this version, traffic moves at once".to_owned()],
        picture: Picture {
            nodes: vec![
                node("Route", "AWS::ApiGatewayV2::Route", &[]),
                node("Clock", "AWS::Events::Rule", &[]),
                node("Checkout", "AWS::Lambda::Function", &["CheckoutRole"]),
                node("Sender", "AWS::Lambda::Function", &["SenderRole", "Errors"]),
                node("Nightly", "AWS::Lambda::Function", &[]),
                node("Emails", "AWS::SQS::Queue", &[]),
                node("Orders", "AWS::SNS::Topic", &[]),
                node("Refunds", "AWS::SNS::Topic", &[]),
                node("Archive", "AWS::S3::Bucket", &[]),
                node("Reports", "AWS::S3::Bucket", &[]),
                node("Overview", "AWS::CloudWatch::Dashboard", &[]),
            ],
            edges: edges.map(|(from, to)| [LogicalId::new(from), LogicalId::new(to)]).to_vec(),
        },
        ..empty()
    }
}

/// `count` changes of few sorts, in names that no terminal has room for.
pub(crate) fn many(count: usize) -> Plan {
    use {Action as A, Cause as C, Risk as R};
    let mut plan = empty();
    let mut lines = Vec::new();
    for number in 0..count {
        let id = format!("Worker{number:03}");
        let node = |id: &str, kind: &str| Node {
            id: LogicalId::new(id),
            kind: kind.to_owned(),
            name: format!("shop-dev-{}", id.to_lowercase()),
            parts: Vec::new(),
        };
        plan.picture.nodes.push(node(&id, "AWS::Lambda::Function"));
        if number % 4 == 0 {
            let queue = format!("Queue{number:03}");
            plan.picture.nodes.push(node(&queue, "AWS::SQS::Queue"));
            plan.picture.edges.push([LogicalId::new(queue), LogicalId::new(id.clone())]);
        }
        let kind = "AWS::Lambda::Function";
        lines.push(match number % 10 {
            0 => line(&id, kind, A::Create, C::Yours, R::Safe, "new"),
            1 => line(&id, kind, A::Delete, C::Yours, R::Interrupts, "its triggers stop working"),
            2 => line(&id, kind, A::Update, C::Drift, R::Safe, "changed in place").property(
                "Timeout",
                json!(9),
                json!(30),
            ),
            _ => line(&id, kind, A::Update, C::Yours, R::Safe, "traffic moves to a new version")
                .property("MemorySize", json!(128), json!(256))
                .property(CODE, json!(format!("{number:012}")), json!(format!("new{number:09}")))
                .property(TRAFFIC, json!(number.to_string()), json!("a new version")),
        });
    }
    lines.sort_by_key(|line| std::cmp::Reverse(line.risk));
    plan.lines = lines;
    plan.steps = vec![Step::OpenRelease, Step::CloseRelease];
    plan
}
