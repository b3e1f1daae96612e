//! `deployer bootstrap` in the sandbox, which enforces IAM: what the deploy role may do is enough to deploy, update, roll
//! back and destroy a stack, and nothing else. The role is assumed as GitHub's workflows do it, with a token whose subject is
//! a repository and an environment; MiniStack looks at the token's claims and not at its signature.

use crate::aws::{ACCOUNT, Server, Shop, shared};
use crate::harness::{Project, folders, repository};
use base64::Engine as _;
use serde_json::{Value, json};

const REGION: &str = "eu-boot-1";
const BOUNDARY: &str = "defaults: {permissions_boundary: deployer-boundary-eu-boot-1}\n";

/// A token as GitHub gives it to a job in an environment.
fn token(subject: &str) -> String {
    let part = |value: Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    let claims =
        json!({ "iss": "https://token.actions.githubusercontent.com", "aud": "sts.amazonaws.com", "sub": subject });
    format!("{}.{}.{}", part(json!({ "alg": "RS256" })), part(claims), part(json!("no signature")))
}

/// Status and answer of `AssumeRoleWithWebIdentity`.
fn assume(server: &Server, role: &str, subject: &str) -> (u16, String) {
    let body = format!(
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=ci&RoleArn={role}&WebIdentityToken={}",
        token(subject)
    );
    let kind = [("Content-Type", "application/x-www-form-urlencoded")];
    let answer = server.request(REGION, "sts", "POST /", &kind, &body);
    (answer.status, answer.body)
}

fn tag<'a>(xml: &'a str, name: &str) -> &'a str {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {xml}"));
    rest.split('<').next().unwrap_or_default()
}

#[test]
fn the_role_of_the_pipeline_can_deploy_its_stacks_and_nothing_else() {
    let queue = "queues: {jobs: {}}\nbuckets: {files: {retain: false}}\n";
    let text = |greeting: &str| Shop::hello(greeting) + queue + BOUNDARY;
    let mut shop = Shop::in_region("cart", REGION, &text("hi"));
    let run = shop.ends(0, &["bootstrap", "--github", "acme/shop", "--environment", "dev", "--yes"]);
    assert!(run.stdout.contains("+ create IAM Role DeployRole"), "{}", run.text());
    let again = shop.ends(0, &["bootstrap", "--github", "acme/shop", "--environment", "dev", "--yes"]);
    assert!(again.stdout.starts_with("No changes."), "{}", again.text());
    let bucket = |what: &str| {
        let head = format!("GET /deployer-{ACCOUNT}-{REGION}?{what}");
        shared().request(REGION, "s3", &head, &[], "").body
    };
    let lifecycle = bucket("lifecycle");
    assert!(lifecycle.contains("<NoncurrentDays>30</NoncurrentDays>"), "{lifecycle}");
    assert!(!lifecycle.contains("<Expiration><Days>"), "what is current never expires: {lifecycle}");
    for (what, part) in
        [("versioning", "Enabled"), ("ownershipControls", "BucketOwnerEnforced"), ("encryption", "AES256")]
    {
        assert!(bucket(what).contains(part), "{}", bucket(what));
    }
    let role = run.stdout.lines().find_map(|line| line.strip_prefix("DeployRole: ")).expect("its ARN").to_owned();

    let server = shared();
    for stranger in ["repo:acme/shop:ref:refs/heads/main", "repo:acme/other:environment:dev"] {
        let (status, body) = assume(server, &role, stranger);
        assert!(status == 403 && body.contains("AccessDenied"), "{stranger}: {status} {body}");
    }
    let (status, session) = assume(server, &role, "repo:acme/shop:environment:dev");
    assert_eq!(status, 200, "{session}");
    let parts = ["AccessKeyId", "SecretAccessKey", "SessionToken"].map(|name| tag(&session, name));
    shop.project.environment("DEPLOYER_SANDBOX_CREDENTIALS", &parts.join(" "));

    shop.deploy();
    let status = shop.ends(0, &["status", "--format", "json"]);
    assert!(status.stdout.contains("cart-dev"), "{}", status.text());
    shop.code("second").declare(&text("hello"));
    shop.deploy();
    shop.is_settled();
    assert_eq!(shop.alias("hello"), "2");
    shop.ends(0, &["rollback", "--yes"]);
    assert_eq!(shop.alias("hello"), "1");
    shop.ends(0, &["drift"]);

    // What others declare it may not touch: a stack of another name, though the project has it.
    let other = Shop::hello("hi").replace("GET /hello", "GET /other");
    let other = format!("stack: other\nstages: {{dev: {{region: {REGION}}}}}\n{other}{BOUNDARY}");
    shop.project.write("stacks/other.yaml", other);
    let denied = shop.ends(1, &["deploy", "other", "--yes"]);
    assert!(denied.stderr.contains("the caller may not cloudformation:"), "{}", denied.text());
    assert!(denied.stderr.contains("nothing was changed"), "{}", denied.text());
    std::fs::remove_file(shop.project.root.join("stacks/other.yaml")).expect("it was written");

    // Nor does it make a role by hand, give itself more, or read another stack's bucket.
    let refused = |service: &str, head: &str, body: &str| {
        let answer = server.request_as(&parts, REGION, service, head, body);
        assert!(answer.status == 403 && answer.body.contains("AccessDenied"), "{head} {body}: {answer:?}");
    };
    let trust = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D";
    let create = "Action=CreateRole&Version=2010-05-08&RoleName=cart-dev-mine";
    refused("iam", "POST /", &format!("{create}&AssumeRolePolicyDocument={trust}"));
    let own = role.rsplit('/').next().expect("a name");
    refused("iam", "POST /", &format!("Action=DetachRolePolicy&Version=2010-05-08&RoleName={own}&PolicyArn=arn:x"));
    let made = server.request("us-east-1", "s3", "PUT /somebody-elses", &[], "");
    assert_eq!(made.status, 200, "{made:?}");
    refused("s3", "GET /somebody-elses?list-type=2", "");
    let policy = "Action=CreatePolicyVersion&Version=2010-05-08&PolicyDocument=x&PolicyArn=";
    let boundary = format!("arn:aws:iam::{}:policy/deployer-boundary-{REGION}", ACCOUNT);
    refused("iam", "POST /", &format!("{policy}{boundary}"));
    // The control: what it may do is answered.
    let ledger = format!("GET /deployer-{}-{REGION}?list-type=2", ACCOUNT);
    let fine = server.request_as(&parts, REGION, "s3", &ledger, "");
    assert_eq!(fine.status, 200, "{fine:?}");

    shop.ends(0, &["destroy", "cart", "--yes", "--allow", "delete-data"]);
    assert_eq!(shop.status(), "");
}

#[test]
fn a_bucket_that_is_there_is_taken_over_only_when_told_so() {
    let shop = Shop::in_region("taken", "eu-boot-2", &Shop::hello("hi"));
    // The first deployment makes the bucket by itself.
    shop.deploy();
    let told = shop.ends(1, &["bootstrap", "--yes"]);
    assert!(told.stderr.contains("is there already") && told.stderr.contains("--import-existing"), "{}", told.text());
    // MiniStack 1.5.33 makes the change set, and refuses to execute it since the bucket exists: here it ends with the question.
    let asked = shop.ends(6, &["bootstrap", "--deploy", "--import-existing"]);
    assert!(asked.stdout.contains("+ take over S3 Bucket ArtifactBucket"), "{}", asked.text());
    assert!(asked.stderr.contains("nobody can be asked here"), "{}", asked.text());
    let left = shared().cloudformation("eu-boot-2", "DescribeStacks", "deployer-bootstrap", "");
    assert!(left.contains("does not exist"), "nothing stays behind: {left}");
    shop.is_settled();
}

#[test]
fn the_role_is_what_this_program_needs() {
    let run = Project::new("audit").run(&["bootstrap", "--audit"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(run.stdout.contains("actions are granted since this program reaches them"), "{}", run.text());
}

#[test]
fn it_is_printed_unless_told_otherwise_and_bad_input_is_refused() {
    let project = Project::new("printed");
    for stack in ["foundation", "ticketbottle"] {
        let text = std::fs::read_to_string(repository().join(format!("stacks/{stack}.yaml"))).expect("it is there");
        project.write(&format!("stacks/{stack}.yaml"), text);
    }
    let run = project.run(&["--stage", "dev", "bootstrap", "--github", "acme/shop"]);
    assert_eq!(run.code, 0, "{}", run.text());
    let template: Value = serde_json::from_str(&run.stdout).expect("a template in JSON");
    let trust = &template["Resources"]["DeployRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0];
    let keys = &trust["Condition"]["StringEquals"];
    assert_eq!(keys["token.actions.githubusercontent.com:sub"], json!(["repo:acme/shop:ref:refs/heads/main"]));
    assert!(run.stderr.contains("the role may not make AWS::EC2::EIP"), "{}", run.text());

    let several = project.run(&["bootstrap"]);
    assert_eq!(several.code, 2, "{}", several.text());
    assert!(several.stderr.contains("choose with --stage (dev, prod)"), "{}", several.text());
    for wrong in ["acme", "acme/*", "acme/shop:ref"] {
        let run = project.run(&["--stage", "dev", "bootstrap", "--github", wrong]);
        assert!(run.code == 2 && run.stderr.contains("is no repository of GitHub"), "{}", run.text());
    }
    let run = project.run(&["--stage", "dev", "bootstrap", "--github", "acme/shop", "--branch", "release/*"]);
    assert!(run.code == 2 && run.stderr.contains("is no single branch"), "{}", run.text());
}

#[test]
fn whatever_the_language_makes_the_role_can_make() {
    for case in folders(&repository().join("tests/cases/synth")) {
        let project = Project::new("kinds");
        project.write("stacks/stack.yaml", std::fs::read(case.join("stack.yaml")).expect("a case has a stack"));
        let run = project.run(&["--stage", "dev", "bootstrap", "--github", "acme/shop"]);
        let name = case.file_name().expect("a case has a name").to_string_lossy().into_owned();
        assert_eq!(run.code, 0, "{name}: {}", run.text());
        // These hold raw resources, which people make.
        let raw = ["access-elsewhere", "network", "pipes", "raw-and-patch"].contains(&name.as_str());
        assert!(raw || !run.stderr.contains("may not make"), "{name}: {}", run.text());
    }
}
