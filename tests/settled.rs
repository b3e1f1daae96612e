//! No false alarms: what was just deployed has no changes, whatever it is made of, and none after a restart of the sandbox.

use crate::aws::{ACCOUNT, CODE, PYTHON, Server};
use crate::harness::{Project, files, folders, repository};
use serde_json::json;
use std::fs;
use std::path::Path;

/// Region of the cases.
const REGION: &str = "eu-west-1";
/// Deployments at the same time.
const SIDE_BY_SIDE: usize = 4;

/// Cases of `cases/synth` that cannot be deployed into the sandbox, and why.
const NOT_HERE: &[(&str, &str)] = &[("code", "its image lies in a registry, which the sandbox has none of")];

/// What is written in another way here.
const WORKAROUNDS: &[(&str, &str)] = &[
    ("123456789012", ACCOUNT),
    // What its CloudFormation cannot hold is set by Lambda's API, from where parameters are not evaluated yet.
    ("{ ssm: /net/a }", "subnet-0123456789abcdef1"),
    ("{ ssm: /net/group }", "sg-0123456789abcdef0"),
];

/// What the cases import from other stacks, and what that has to look like.
const EXPORTS: &[(&str, &str)] = &[
    ("data-key", "arn:aws:kms:eu-west-1:000000000000:key/0a1b2c3d-0000-1111-2222-333344445555"),
    ("shared-secret", "arn:aws:secretsmanager:eu-west-1:000000000000:secret:shared-AbCdEf"),
    ("table-arn", "arn:aws:dynamodb:eu-west-1:000000000000:table/orders"),
    ("net-b", "subnet-0123456789abcdef0"),
    ("access-point", "arn:aws:elasticfilesystem:eu-west-1:000000000000:access-point/fsap-0123456789abcdef0"),
    ("cluster", "arn:aws:kafka:eu-west-1:000000000000:cluster/main/0a1b2c3d-1"),
    ("kafka-secret", "arn:aws:secretsmanager:eu-west-1:000000000000:secret:kafka-AbCdEf"),
];

/// What they read from Systems Manager.
const PARAMETERS: &[(&str, &str)] = &[
    ("/keys/shared", "arn:aws:kms:eu-west-1:000000000000:key/0a1b2c3d-0000-1111-2222-333344445556"),
    ("/tables/main", "orders"),
    ("/secrets/third", "arn:aws:secretsmanager:eu-west-1:000000000000:secret:third-AbCdEf"),
];

/// The stack that exports what the cases import, and the parameters.
fn surroundings(server: &Server) {
    let outputs = EXPORTS
        .iter()
        .enumerate()
        .map(|(at, (name, value))| (format!("Output{at}"), json!({ "Value": value, "Export": { "Name": name } })));
    let outputs: serde_json::Map<_, _> = outputs.collect();
    let nothing = json!({ "Type": "AWS::CloudFormation::WaitConditionHandle" });
    let template = json!({ "Resources": { "Nothing": nothing }, "Outputs": outputs }).to_string();
    let template: String = template.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let answer = server.cloudformation(REGION, "CreateStack", "surroundings", &format!("&TemplateBody={template}"));
    assert!(answer.contains("<StackId>"), "{answer}");
    let boundary = json!({
        "Version": "2012-10-17",
        "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" },
    });
    let boundary: String = boundary.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
    let policy = format!("Action=CreatePolicy&Version=2010-05-08&PolicyName=boundary&PolicyDocument={boundary}");
    let topic = "Action=CreateTopic&Version=2010-03-31&Name=elsewhere".to_owned();
    for (service, body) in [("iam", policy), ("sns", topic)] {
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let answer = server.request(REGION, service, "POST /", &form, &body);
        assert!(answer.status < 300, "{answer:?}");
    }
    for (name, value) in PARAMETERS {
        server.json(
            REGION,
            "ssm",
            "AmazonSSM.PutParameter",
            &json!({ "Name": name, "Value": value, "Type": "String" }),
        );
    }
}

/// A stack file whose functions are all the same few lines of Python instead of crates.
fn stand_ins(text: &str) -> String {
    let text = WORKAROUNDS.iter().fold(text.to_owned(), |text, (here, there)| text.replace(here, there));
    let mut parts = text.split("crate: ");
    let mut stack = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // Behind it stands the crate's name, which may end a line, a member or a map.
        let rest = part.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || letter == '-');
        stack.push_str(&format!("code: {PYTHON}{rest}"));
    }
    stack
}

/// A project for a server, with the code of stand-ins.
fn project(server: &Server) -> Project {
    let mut project = Project::new("settled");
    project.environment("DEPLOYER_SANDBOX_PORT", &server.port.to_string());
    for file in ["fn/main.py", "functions/folder/main.py"] {
        project.write(file, CODE);
    }
    project
}

/// The case in a project of its own, under its name as a case: two are called the same, and the sandbox takes a path with
/// `/urls` in it for that of a function's address.
fn case_project(name: &str, case: &Path, server: &Server) -> Project {
    let text = fs::read_to_string(case.join("stack.yaml")).expect("a case has a stack.yaml");
    let (before, behind) = text.split_once("stack: ").expect("a stack has a name");
    let (_, behind) = behind.split_once('\n').expect("more than one line");
    let project = project(server);
    project.write("stacks/case.yaml", stand_ins(&format!("{before}stack: {name}\n{behind}")));
    project
}

/// The stacks of this repository, with stand-ins for their functions.
pub(crate) fn of_the_repository(server: &Server) -> Project {
    let project = project(server);
    for stack in files(&repository().join("stacks"), "yaml") {
        let name = stack.file_name().and_then(|name| name.to_str()).expect("a name");
        let text = fs::read_to_string(&stack).expect("a stack file");
        project.write(&format!("stacks/{name}"), stand_ins(&text));
    }
    project
}

/// Runs `work` on every project, some at the same time, and gives what it complained about.
fn each(projects: &[(String, Project)], work: impl Fn(&Project) -> Option<String> + Sync) -> Vec<String> {
    let chunk = projects.len().div_ceil(SIDE_BY_SIDE);
    let of = |part: &[(String, Project)]| -> Vec<String> {
        part.iter().filter_map(|(name, project)| Some(format!("== {name}\n{}", work(project)?))).collect()
    };
    std::thread::scope(|scope| {
        let parts: Vec<_> = projects.chunks(chunk).map(|part| scope.spawn(|| of(part))).collect();
        parts.into_iter().flat_map(|part| part.join().expect("its panic is told")).collect()
    })
}

fn has_changes(project: &Project) -> Option<String> {
    let run = project.run(&["--sandbox", "plan", "--exit-code"]);
    (run.code != 0 || !run.stdout.contains("No changes.")).then(|| run.text())
}

#[test]
fn what_was_just_deployed_has_no_changes_also_after_a_restart() {
    let server = Server::start();
    surroundings(&server);
    let cases = folders(&repository().join("tests/cases/synth"));
    let name = |case: &Path| case.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    let here = cases.iter().map(|case| (name(case), case));
    let here = here.filter(|(name, _)| !NOT_HERE.iter().any(|(left_out, _)| left_out == name));
    let mut projects: Vec<(String, Project)> =
        here.map(|(name, case)| (name.clone(), case_project(&name, case, &server))).collect();
    projects.insert(0, ("the repository's stacks".to_owned(), of_the_repository(&server)));
    let deployed = each(&projects, |project| {
        let run = project.run(&["--sandbox", "deploy", "--yes"]);
        (run.code != 0).then(|| run.text())
    });
    assert!(deployed.is_empty(), "{}", deployed.join("\n"));
    let changed = each(&projects, has_changes);
    assert!(changed.is_empty(), "{}", changed.join("\n"));
    let (_, any) = &projects[0];
    assert_eq!(any.run(&["sandbox", "stop"]).code, 0);
    assert!(has_changes(any).is_none(), "the first that comes starts it again");
    let changed = each(&projects, has_changes);
    assert!(changed.is_empty(), "after a restart\n{}", changed.join("\n"));
}
