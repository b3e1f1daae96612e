//! Plans that are kept: saved and applied later, made from a saved state, held against rules of others; and the drift
//! alone.

use crate::aws::Shop;
use serde_json::{Value, json};

#[test]
fn a_saved_plan_is_what_is_applied() {
    let shop = Shop::new("saved", &Shop::hello("hi"));
    shop.deploy();
    shop.declare(&Shop::hello("hello"));
    let planned = shop.ends(0, &["plan", "saved", "--out", "plan.json"]);
    assert!(planned.stderr.contains("`deployer deploy --plan plan.json` applies it"), "{}", planned.text());
    // What the file says meanwhile plays no part: what was reviewed is what is executed.
    shop.declare(&Shop::hello("something else"));
    let applied = shop.ends(0, &["deploy", "--plan", "plan.json", "--yes"]);
    assert!(applied.stdout.contains("Environment.Variables.GREETING: hi → hello"), "{}", applied.text());
    assert!(shop.invoke("hello").to_string().contains("first hello 2"), "{}", shop.invoke("hello"));
    let again = shop.ends(5, &["deploy", "--plan", "plan.json", "--yes"]);
    assert!(again.stderr.contains("the release records"), "{}", again.text());
}

#[test]
fn a_saved_plan_of_a_new_stack_makes_it() {
    let shop = Shop::new("fromfile", &Shop::hello("hi"));
    shop.ends(0, &["plan", "--out", "plan.json"]);
    shop.ends(0, &["deploy", "--plan", "plan.json", "--yes"]);
    shop.is_settled();
}

#[test]
fn a_saved_plan_is_refused_when_the_world_has_moved() {
    let shop = Shop::new("stale", &Shop::hello("hi"));
    shop.deploy();
    shop.declare(&Shop::hello("hello"));
    shop.ends(0, &["plan", "stale", "--out", "plan.json"]);
    shop.lambda("PUT", "hello", "configuration", &json!({ "MemorySize": 512 }));
    let refused = shop.ends(5, &["deploy", "--plan", "plan.json", "--yes"]);
    assert!(refused.stderr.contains("has moved: function HelloFunction\n"), "{}", refused.text());
    assert!(
        refused.stderr.contains("next: deployer plan stale --stage dev --sandbox --out plan.json"),
        "{}",
        refused.text()
    );
    assert_eq!(shop.alias("hello"), "1");

    let elsewhere = shop.project.run(&["deploy", "--plan", "plan.json", "--yes"]);
    assert_eq!(elsewhere.code, 2, "{}", elsewhere.text());
    assert!(elsewhere.stderr.contains("the plan was made for the sandbox"), "{}", elsewhere.text());
    shop.project.write("plan.json", "{\"format_version\": 7}");
    let newer = shop.ends(2, &["deploy", "--plan", "plan.json", "--yes"]);
    assert!(newer.stderr.contains("format 7"), "{}", newer.text());
}

#[test]
fn a_plan_from_a_saved_state_is_the_plan_from_the_live_one() {
    let shop = Shop::new("pulled", &Shop::hello("hi"));
    shop.deploy();
    let by_hand = json!({ "MemorySize": 512, "Environment": { "Variables": { "GREETING": "word-of-mouth" } } });
    shop.lambda("PUT", "hello", "configuration", &by_hand);
    shop.ends(0, &["state", "pull", "pulled", "-o", "state.json"]);
    let text = std::fs::read_to_string(shop.project.root.join("state.json")).expect("the state was written");
    assert!(text.contains("digest:") && !text.contains("word-of-mouth"), "live values are digests");
    shop.declare(&Shop::hello("hello"));
    let live = shop.ends(0, &["plan", "--format", "json"]);
    // Without `--sandbox`, and without credentials: no AWS is called.
    let offline = shop.project.run(&["plan", "--state", "state.json", "--format", "json"]);
    assert_eq!(offline.code, 0, "{}", offline.text());
    let lines = |text: &str| serde_json::from_str::<Value>(text).expect("plans in JSON")[0]["lines"].clone();
    assert_eq!(lines(&offline.stdout), lines(&live.stdout));
    let other = shop.project.run(&["plan", "--state", "stacks/pulled.yaml"]);
    assert_eq!(other.code, 2, "{}", other.text());
}

#[test]
fn drift_alone_is_told_without_a_build() {
    let shop = Shop::new("drifting", &Shop::hello("hi"));
    shop.deploy();
    let none = shop.ends(0, &["drift", "--exit-code"]);
    assert!(none.stdout.contains("No drift."), "{}", none.text());
    shop.lambda("PUT", "hello", "configuration", &json!({ "Timeout": 7 }));
    // The file's own changes are no drift, and code that cannot be built is no hindrance.
    shop.declare(&Shop::hello("hello").replace("dir: fn", "dir: nowhere"));
    shop.project.write("nowhere/main.py", "");
    let found = shop.ends(3, &["drift", "--exit-code"]);
    assert!(found.stdout.contains("Timeout: 7 s → "), "{}", found.text());
    assert!(!found.stdout.contains("GREETING"), "{}", found.text());
}

#[test]
fn drift_that_is_kept_is_shown_and_left() {
    let shop = Shop::new("kept", &Shop::hello("hi"));
    shop.deploy();
    shop.lambda("PUT", "hello", "configuration", &json!({ "Timeout": 7 }));
    let kept = shop.ends(0, &["deploy", "--yes", "--keep-drift"]);
    assert!(kept.stdout.contains("Timeout: 7 s → ") && kept.stdout.contains("[drift, kept]"), "{}", kept.text());
    let timeout = |shop: &Shop| shop.lambda("GET", "hello", "configuration", &Value::Null)["Timeout"].clone();
    assert_eq!(timeout(&shop), 7);
    shop.deploy();
    assert_ne!(timeout(&shop), 7);
}

#[test]
fn a_rule_of_others_that_is_not_kept_stops_the_deployment() {
    let shop = Shop::new("ruled", &Shop::hello("hi"));
    let rule = "rule functions_are_small {\n  Resources.*[ Type == 'AWS::Lambda::Function' ] {\n    \
        Properties.MemorySize <= 64 <<no function needs more>>\n  }\n}\n";
    shop.project.write("house.guard", rule);
    let refused = shop.ends(6, &["deploy", "--yes", "--policy", "house.guard"]);
    assert!(refused.stderr.contains("rule functions_are_small of house.guard is not kept"), "{}", refused.text());
    assert!(refused.stderr.contains("no function needs more"), "{}", refused.text());
    assert_eq!(shop.status(), "");
    shop.project.write("house.guard", rule.replace("64", "4096"));
    shop.ends(0, &["deploy", "--yes", "--policy", "house.guard"]);
    shop.project.write("house.guard", "rule {");
    let broken = shop.ends(2, &["plan", "--policy", "house.guard"]);
    assert!(broken.stderr.contains("house.guard"), "{}", broken.text());
}
