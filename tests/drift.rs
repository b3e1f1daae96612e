//! What somebody changed by hand: shown as drift, put right by the next deployment, never overwritten unseen where the
//! file changed as well.

use crate::aws::{ACCOUNT, Shop, address, get};
use serde_json::{Value, json};

#[test]
fn configuration_changed_by_hand_is_shown_as_drift_and_repaired() {
    let shop = Shop::new("drift", &Shop::hello("hi"));
    let first = shop.deploy();
    let by_hand =
        json!({ "MemorySize": 1024, "Environment": { "Variables": { "GREETING": "from-outside", "EXTRA": "x" } } });
    shop.lambda("PUT", "hello", "configuration", &by_hand);

    let plan = shop.ends(3, &["plan", "--exit-code"]);
    assert!(plan.stdout.contains("~ update Lambda Function drift-dev-hello"), "{}", plan.text());
    assert!(plan.stdout.contains("[drift]"), "{}", plan.text());
    assert!(plan.stdout.contains("MemorySize: 1024 → 256"), "{}", plan.text());
    assert!(plan.stdout.contains("Environment.Variables.EXTRA: removed"), "{}", plan.text());
    let json = shop.ends(3, &["plan", "--exit-code", "--format", "json"]);
    let markdown = shop.ends(3, &["plan", "--exit-code", "--format", "markdown"]);
    for run in [&plan, &json, &markdown] {
        assert!(!run.text().contains("from-outside"), "what somebody else wrote may be secret: {}", run.text());
    }

    shop.deploy();
    let live = shop.lambda("GET", "hello", "configuration", &json!(null));
    assert_eq!((&live["MemorySize"], &live["Environment"]["Variables"]), (&json!(256), &json!({ "GREETING": "hi" })));
    assert!(get(&address(&first, "hello")).body.starts_with("first hi"));
    shop.is_settled();
}

#[test]
fn code_changed_by_hand_is_shown_as_drift_and_repaired() {
    let shop = Shop::new("hotfix", &Shop::hello("hi"));
    let first = shop.deploy();
    // Somebody uploads another function's package.
    let other = Shop::new("hotfix-source", &Shop::hello("hi"));
    other.code("foreign").deploy();
    let (bucket, key) = artifact(&other);
    shop.lambda("PUT", "hello", "code", &json!({ "S3Bucket": bucket, "S3Key": key }));

    let plan = shop.ends(3, &["plan", "--exit-code"]);
    assert!(plan.stdout.contains("    Code: ") && plan.stdout.contains("[drift]"), "{}", plan.text());
    shop.deploy();
    assert!(get(&address(&first, "hello")).body.starts_with("first hi"));
    shop.is_settled();
}

#[test]
fn what_changed_here_and_by_hand_is_overwritten_only_when_allowed() {
    let shop = Shop::new("both", &Shop::hello("hi"));
    let first = shop.deploy();
    let by_hand = json!({ "Environment": { "Variables": { "GREETING": "urgent" } } });
    shop.lambda("PUT", "hello", "configuration", &by_hand);
    shop.declare(&Shop::hello("hello"));

    let refused = shop.ends(6, &["deploy", "--yes"]);
    assert!(refused.stdout.contains("[yours and drift]"), "{}", refused.text());
    assert!(refused.stderr.contains("both-dev-hello was changed both here and by hand"), "{}", refused.text());
    assert!(refused.stderr.contains("now: nothing was changed"), "{}", refused.text());
    assert!(refused.stderr.contains("next: deployer --sandbox deploy --yes --allow live-loss"), "{}", refused.text());
    let live = shop.lambda("GET", "hello", "configuration", &json!(null));
    assert_eq!(live["Environment"]["Variables"]["GREETING"], "urgent");
    assert_eq!(shop.open_change_sets(), 0);

    shop.ends(0, &["deploy", "--yes", "--allow", "live-loss"]);
    assert!(get(&address(&first, "hello")).body.starts_with("first hello"));
    shop.is_settled();
}

#[test]
fn an_alias_moved_by_hand_is_put_right() {
    let shop = Shop::new("moved", &Shop::hello("hi"));
    let first = shop.deploy();
    shop.code("second").deploy();
    shop.lambda("PUT", "hello", "aliases/live", &json!({ "FunctionVersion": "1" }));
    let plan = shop.ends(3, &["plan", "--exit-code"]);
    assert!(plan.stdout.contains("Traffic: 1 → a new version"), "{}", plan.text());
    shop.deploy();
    assert!(get(&address(&first, "hello")).body.starts_with("second hi"));
    shop.is_settled();
}

#[test]
fn a_function_deleted_by_hand_is_made_again_when_that_is_allowed() {
    let shop = Shop::new("gone", &Shop::hello("hi"));
    shop.deploy();
    shop.lambda("DELETE", "hello", "", &json!(null));
    let plan = shop.ends(3, &["plan", "--exit-code"]);
    assert!(plan.stdout.contains("! recreate Lambda Function gone-dev-hello [drift]"), "{}", plan.text());
    let refused = shop.ends(6, &["deploy", "--yes"]);
    assert!(refused.stderr.contains("--allow replace"), "{}", refused.text());

    let back = shop.ends(0, &["deploy", "--yes", "--allow", "replace"]);
    assert!(get(&address(&back, "hello")).body.starts_with("first hi"), "{}", back.text());
    shop.is_settled();
}

#[test]
fn an_alias_deleted_by_hand_is_made_again() {
    let shop = Shop::new("aliasless", &Shop::hello("hi"));
    let first = shop.deploy();
    shop.lambda("DELETE", "hello", "aliases/live", &json!(null));
    let plan = shop.ends(3, &["plan", "--exit-code"]);
    assert!(plan.stdout.contains("! recreate Lambda Alias HelloLive [drift]"), "{}", plan.text());
    shop.deploy();
    assert!(get(&address(&first, "hello")).body.starts_with("first hi"));
    shop.is_settled();
}

/// Bucket and key of the artifact of a stack's only function, which was deployed.
fn artifact(shop: &Shop) -> (String, String) {
    let built = shop.ends(0, &["build", "--format", "json"]).stdout;
    let built: Value = serde_json::from_str(&built).expect("artifacts in JSON");
    let digest = built["artifacts"][0]["sha256"].as_str().expect("a zip has a digest");
    (format!("deployer-{ACCOUNT}-{}", shop.region), format!("artifacts/{digest}.zip"))
}
