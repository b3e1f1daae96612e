//! Needed, shown by taking it away: of every role of every function, each action on each resource is removed in the sandbox,
//! which enforces IAM, and the function's end-to-end scene has to fail. What nothing notices stands with its reason in
//! `least-privilege.json`, and a reason that is no longer true fails too.
//!
//! Takes minutes, so it is a target of its own: `make prove`.

use crate::aws::{ACCOUNT, Server};
use crate::harness::{files, repository};
use crate::prove_ticketbottle;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// A deployed stack whose functions can be put to the test one by one.
pub(crate) trait World {
    fn server(&self) -> &'static Server;
    fn region(&self) -> &'static str;
    /// The stack's template, as it was deployed.
    fn template(&self) -> Value;
    /// Runs everything that the function does, through `call`, which invokes it anew; `run` is another number each time.
    ///
    /// # Errors
    /// What did not come out as it has to.
    fn scene(&self, function: &str, run: u32, call: &dyn Fn(&Value) -> Result<Value, String>) -> Result<(), String>;
}

/// Deploys a stack to be put to the test.
type Deploy = fn() -> Box<dyn World>;

/// Every stack of the repository that has functions, and how it is deployed. A new stack takes a line here and a file with
/// its scenes.
const WORLDS: &[(&str, Deploy)] = &[("ticketbottle", prove_ticketbottle::world), ("taly", crate::taly::prove::world)];

/// Stacks whose scenes are still to be written: that their roles are what the code can reach is shown (`iam check`), that all of
/// it is needed is not.
const UNPROVEN: [&str; 2] = ["comfrt", "streams"];

/// Why an action stays though nothing in the sandbox notices that it is gone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    actions: Vec<String>,
    /// The resource ends so; left out: any.
    #[serde(default)]
    on: String,
    /// Functions, as AWS calls them; left out: all.
    #[serde(default)]
    of: Vec<String>,
    because: String,
    /// AWS's page that says so.
    source: String,
}

impl Reason {
    fn is_about(&self, grant: &Grant) -> bool {
        self.actions.contains(&grant.action)
            && grant.resource.ends_with(&self.on)
            && (self.of.is_empty() || self.of.contains(&grant.function))
    }
}

/// One action on one resource, as a role allows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    function: String,
    action: String,
    resource: String,
}

#[test]
#[ignore = "takes minutes; `make prove` runs it"]
fn every_action_of_every_role_is_needed() {
    let text = std::fs::read_to_string(repository().join("tests/least-privilege.json")).expect("the reasons are there");
    let reasons: Vec<Reason> = serde_json::from_str(&text).expect("reasons in JSON");
    let (mut wrong, mut used, mut needed) = (Vec::new(), BTreeSet::new(), 0);
    for (stack, deploy) in WORLDS {
        let world = deploy();
        for function in functions(&world.template()) {
            let role = Role::of(world.as_ref(), &function);
            if let Err(why) = role.plays() {
                wrong.push(format!("{function}: its scene fails with all of its role: {why}"));
                continue;
            }
            for grant in role.grants() {
                role.put(&without(&role.policies, &grant));
                let noticed = role.plays();
                let reason = reasons.iter().position(|reason| reason.is_about(&grant));
                let told = match (&noticed, reason) {
                    (Err(why), None) => {
                        needed += 1;
                        format!("needed: {}", line(why))
                    }
                    (Ok(()), Some(index)) => {
                        used.insert(index);
                        format!("kept: {} ({})", reasons[index].because, reasons[index].source)
                    }
                    (Err(why), Some(_)) => {
                        wrong.push(format!("{grant:?} is noticed ({}), so its reason is not needed", line(why)));
                        "a reason too much".to_owned()
                    }
                    (Ok(()), None) => {
                        wrong.push(format!("nothing notices that {grant:?} is gone: remove it, or say why it stays"));
                        "unnoticed".to_owned()
                    }
                };
                eprintln!("{stack} | {} | {} | {} | {told}", grant.function, grant.action, grant.resource);
                role.put(&role.policies);
            }
            if let Err(why) = role.plays() {
                wrong.push(format!("{function}: its scene fails after all was put back: {why}"));
            }
        }
    }
    let stale = reasons.iter().enumerate().filter(|(index, _)| !used.contains(index));
    wrong.extend(stale.map(|(_, reason)| format!("a reason for nothing: {reason:?}")));
    eprintln!("{needed} needed, {} reasons for what the sandbox does not ask for, {} wrong", used.len(), wrong.len());
    eprintln!("not proven yet: {}", UNPROVEN.join(", "));
    assert!(needed > 0 && wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_stack_with_functions_is_proven() {
    let stacks = files(&repository().join("stacks"), "yaml");
    let with_functions: Vec<String> = stacks
        .into_iter()
        .filter(|path| std::fs::read_to_string(path).expect("a stack file is text").contains("\nfunctions:"))
        .map(|path| path.file_stem().expect("a file has a name").to_string_lossy().into_owned())
        .collect();
    let is_proven = |stack: &str| WORLDS.iter().any(|(known, _)| *known == stack);
    assert!(UNPROVEN.iter().all(|stack| !is_proven(stack)), "what has scenes is not unproven");
    let missing: Vec<&String> =
        with_functions.iter().filter(|stack| !is_proven(stack) && !UNPROVEN.contains(&stack.as_str())).collect();
    assert!(missing.is_empty(), "no scenes show that the roles of {missing:?} need what they have: tests/prove.rs");
}

#[test]
fn a_grant_is_taken_out_and_nothing_else() {
    let policy = json!({ "Statement": [
        { "Effect": "Allow", "Action": ["a:X", "a:Y"], "Resource": ["r1", "r2"] },
        { "Effect": "Deny", "Action": "a:Z", "Resource": "*" },
    ] });
    let policies = BTreeMap::from([("access".to_owned(), policy)]);
    let grant = Grant { function: String::new(), action: "a:X".to_owned(), resource: "r2".to_owned() };
    let after = &without(&policies, &grant)["access"]["Statement"];
    let expected = json!([
        { "Effect": "Allow", "Action": "a:X", "Resource": "r1" },
        { "Effect": "Allow", "Action": "a:Y", "Resource": "r1" },
        { "Effect": "Allow", "Action": "a:Y", "Resource": "r2" },
        { "Effect": "Deny", "Action": "a:Z", "Resource": "*" },
    ]);
    assert_eq!(after, &expected);
}

/// A function's role, and the function.
struct Role<'a> {
    world: &'a dyn World,
    function: String,
    name: String,
    /// Inline policies by name.
    policies: BTreeMap<String, Value>,
    run: std::cell::Cell<u32>,
}

impl<'a> Role<'a> {
    fn of(world: &'a dyn World, function: &str) -> Self {
        let (server, region) = (world.server(), world.region());
        let configuration =
            server.lambda(region, &format!("GET /2015-03-31/functions/{function}/configuration"), &Value::Null);
        let arn = configuration["Role"].as_str().expect("a function has a role");
        let name = arn.rsplit('/').next().expect("a name").to_owned();
        let mut role = Self {
            world,
            function: function.to_owned(),
            name,
            policies: BTreeMap::new(),
            run: std::cell::Cell::new(0),
        };
        let list = role.iam("ListRolePolicies", "");
        for policy in list.split("<member>").skip(1).filter_map(|rest| rest.split('<').next()) {
            let answer = role.iam("GetRolePolicy", &format!("&PolicyName={policy}"));
            let document = answer.split("<PolicyDocument>").nth(1).and_then(|rest| rest.split('<').next());
            let text = percent_encoding::percent_decode_str(document.expect("a document")).decode_utf8_lossy();
            let text = text.replace("&quot;", "\"").replace("&amp;", "&");
            role.policies.insert(policy.to_owned(), serde_json::from_str(&text).expect("a policy in JSON"));
        }
        assert!(!role.policies.is_empty(), "{function} has no policy: {list}");
        role
    }

    fn iam(&self, action: &str, more: &str) -> String {
        let body = format!("Action={action}&Version=2010-05-08&RoleName={}{more}", self.name);
        let kind = [("Content-Type", "application/x-www-form-urlencoded")];
        let answer = self.world.server().request(self.world.region(), "iam", "POST /", &kind, &body);
        assert_eq!(answer.status, 200, "{action}: {answer:?}");
        answer.body
    }

    fn put(&self, policies: &BTreeMap<String, Value>) {
        for (name, document) in policies {
            let text = percent_encoding::utf8_percent_encode(&document.to_string(), percent_encoding::NON_ALPHANUMERIC)
                .to_string();
            self.iam("PutRolePolicy", &format!("&PolicyName={name}&PolicyDocument={text}"));
        }
    }

    /// Every action that is allowed, by resource.
    fn grants(&self) -> BTreeSet<Grant> {
        let all = self.policies.values().flat_map(split).filter(|statement| statement["Effect"] == "Allow");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        all.map(|statement| Grant {
            function: self.function.clone(),
            action: text(&statement["Action"]),
            resource: text(&statement["Resource"]),
        })
        .collect()
    }

    /// Runs the function's scene in a fresh process, which has read nothing before.
    fn plays(&self) -> Result<(), String> {
        let (server, region) = (self.world.server(), self.world.region());
        self.run.set(self.run.get() + 1);
        let path = format!("/2015-03-31/functions/{}", self.function);
        let now = server.lambda(region, &format!("GET {path}/configuration"), &Value::Null);
        let mut variables = now["Environment"]["Variables"].clone();
        variables["PROOF"] = json!(self.run.get().to_string());
        let environment = json!({ "Environment": { "Variables": variables } });
        server.lambda(region, &format!("PUT {path}/configuration"), &environment);
        let since = Instant::now();
        loop {
            let now = server.lambda(region, &format!("GET {path}/configuration"), &Value::Null);
            if now["LastUpdateStatus"] == "Successful" && now["State"] == "Active" {
                break;
            }
            assert!(since.elapsed() < Duration::from_secs(30), "{now}");
            std::thread::sleep(Duration::from_millis(50));
        }
        let call = |event: &Value| {
            let kind = [("Content-Type", "application/json")];
            let head = format!("POST {path}/invocations");
            let answer = server.request(region, "lambda", &head, &kind, &event.to_string());
            let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
            match answer.status < 300 && body["errorMessage"].is_null() {
                true => Ok(body),
                false => Err(answer.body),
            }
        };
        self.world.scene(&self.function, self.run.get(), &call)
    }
}

/// Names of the functions in a template.
fn functions(template: &Value) -> Vec<String> {
    let resources = template["Resources"].as_object().expect("a template has resources").values();
    let functions = resources.filter(|resource| resource["Type"] == "AWS::Lambda::Function");
    functions.map(|function| function["Properties"]["FunctionName"].as_str().expect("a name").to_owned()).collect()
}

/// The statements of a document, one for each action on each resource; what denies stays as it is.
fn split(document: &Value) -> Vec<Value> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let mut all = Vec::new();
    for statement in list(&document["Statement"]) {
        if statement["Effect"] != "Allow" {
            all.push(statement);
            continue;
        }
        for action in list(&statement["Action"]) {
            for resource in list(&statement["Resource"]) {
                let mut one = statement.clone();
                one["Action"] = action.clone();
                one["Resource"] = resource;
                // A Sid may stand only once.
                one.as_object_mut().expect("a statement is an object").remove("Sid");
                all.push(one);
            }
        }
    }
    all
}

/// The policies without one grant.
fn without(policies: &BTreeMap<String, Value>, grant: &Grant) -> BTreeMap<String, Value> {
    let rest = |document: &Value| {
        let is_it = |statement: &Value| {
            statement["Effect"] == "Allow"
                && statement["Action"] == grant.action.as_str()
                && statement["Resource"] == grant.resource.as_str()
        };
        let rest: Vec<Value> = split(document).into_iter().filter(|statement| !is_it(statement)).collect();
        json!({ "Version": "2012-10-17", "Statement": rest })
    };
    policies.iter().map(|(name, document)| (name.clone(), rest(document))).collect()
}

/// The first line, not too long.
fn line(text: &str) -> String {
    text.lines().next().unwrap_or_default().replace(ACCOUNT, "…").chars().take(160).collect()
}
