//! What somebody changed by hand becomes what the stack file says: comments and layout stay, and nothing is left to do.

use crate::aws::{PYTHON, Shop};
use serde_json::json;

#[test]
fn drift_becomes_the_stack_file() {
    let text = format!(
        "functions:\n  hello: # greets\n    code: {PYTHON}\n    memory: 128 # enough\n    env: {{ GREETING: hi }}\n"
    );
    let shop = Shop::new("adopting", &text);
    shop.deploy();
    let by_hand =
        json!({ "MemorySize": 512, "Timeout": 9, "Environment": { "Variables": { "GREETING": "hey", "EXTRA": "1" } } });
    shop.lambda("PUT", "hello", "configuration", &by_hand);

    let patch = shop.ends(0, &["adopt"]);
    for line in [
        "-    memory: 128 # enough",
        "+    memory: 512 # enough",
        "+    timeout: 9s",
        "+    env: { GREETING: hey, EXTRA: \"1\" }",
    ] {
        assert!(patch.stdout.lines().any(|found| found == line), "{line}\n{}", patch.text());
    }
    let file = || std::fs::read_to_string(shop.project.root.join("stacks/adopting.yaml")).expect("a stack file");
    assert!(!file().contains("512"), "the patch was only printed");

    shop.ends(0, &["adopt", "--write"]);
    assert!(file().contains("hello: # greets") && file().contains("memory: 512 # enough"), "{}", file());
    let plan = shop.ends(0, &["plan"]);
    assert!(plan.stdout.contains("done by hand already") && !plan.stdout.contains("[drift]"), "{}", plan.text());
    shop.deploy();
    shop.is_settled();
    let memory = shop.lambda("GET", "hello", "configuration", &serde_json::Value::Null)["MemorySize"].clone();
    assert_eq!(memory, 512);
    assert!(shop.ends(0, &["adopt"]).stderr.contains("no drift"));
}

#[test]
fn what_has_no_place_in_the_file_is_named() {
    let shop = Shop::new("unadopted", &Shop::hello("hi"));
    shop.deploy();
    let role = shop.physical_id("HelloRole");
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}"#;
    let parameters = [("RoleName", role.as_str()), ("PolicyName", "handmade"), ("PolicyDocument", policy)];
    shop.query("iam", "PutRolePolicy", &parameters);
    let adopted = shop.ends(0, &["adopt"]);
    assert!(
        adopted.stderr.contains("left: Policies.handmade of HelloRole: write it under `access:`"),
        "{}",
        adopted.text()
    );
}
