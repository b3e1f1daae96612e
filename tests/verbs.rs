//! `explain`, `doctor` and `prune` against the sandbox.

use crate::aws::Shop;
use serde_json::{Value, json};

#[test]
fn a_function_is_explained_with_the_way_back() {
    let shop = Shop::in_region("told", "eu-told-1", &Shop::hello("hi"));
    shop.deploy();
    let alone = shop.ends(0, &["explain", "hello"]);
    assert!(alone.stdout.contains("told-dev-hello serves version 1.\nMade live by release 1, "), "{}", alone.text());
    assert!(alone.stdout.contains("There is no release to go back to."), "{}", alone.text());
    shop.code("second").deploy();
    let told = shop.ends(0, &["explain", "hello"]);
    assert!(told.stdout.contains("serves version 2.\nMade live by release 2, "), "{}", told.text());
    assert!(told.stdout.contains("To go back to version 1 of release 1: one call"), "{}", told.text());
    let by = "By this plan: deployer releases told --stage dev --sandbox --plan 2";
    assert!(told.stdout.contains(by), "{}", told.text());
    let plan = shop.ends(0, &["releases", "told", "--plan", "2"]);
    assert!(plan.stdout.contains("update Lambda Function told-dev-hello"), "{}", plan.text());
    let none = shop.ends(1, &["releases", "told", "--plan", "9"]);
    assert!(none.stderr.contains("the plan of release 9 of told-dev cannot be shown"), "{}", none.text());
    assert!(told.stdout.contains("  deployer rollback told --stage dev --sandbox --function hello"), "{}", told.text());
    shop.ends(0, &["rollback", "--yes"]);
    let back = shop.ends(0, &["explain", "hello"]);
    assert!(back.stdout.contains("Made live by release 3, which went back to release 1, "), "{}", back.text());
    shop.ends(2, &["explain", "helo"]);
}

#[test]
fn what_nothing_refers_to_is_pruned() {
    let shop = Shop::in_region("pruned", "eu-pruned-1", &Shop::hello("hi"));
    for word in ["one", "two", "three", "four"] {
        shop.code(word).deploy();
    }
    // Somebody else's alias keeps a version.
    shop.lambda("POST", "hello", "aliases", &json!({ "Name": "audit", "FunctionVersion": "2" }));
    let versions = || -> Vec<String> {
        let answer = shop.lambda("GET", "hello", "versions", &Value::Null);
        let versions = answer["Versions"].as_array().expect("a list").iter();
        versions.filter_map(|version| version["Version"].as_str()).map(str::to_owned).collect()
    };
    assert_eq!(versions(), ["$LATEST", "1", "2", "3", "4"]);
    let asked = shop.ends(6, &["prune", "--keep", "2"]);
    assert!(asked.stdout.contains("delete the versions 1 of pruned-dev-hello"), "{}", asked.text());
    assert!(asked.stdout.contains("no release before number 3 can be gone back to"), "{}", asked.text());
    assert_eq!(versions().len(), 5, "nothing goes without a yes");
    shop.ends(0, &["prune", "--keep", "2", "--yes"]);
    assert_eq!(versions(), ["$LATEST", "2", "3", "4"]);
    let again = shop.ends(0, &["prune", "--keep", "2"]);
    assert!(again.stdout.contains("Nothing: all of it is still needed."), "{}", again.text());
    let gone = shop.ends(6, &["rollback", "--to", "1", "--yes"]);
    let told = "version 1 of pruned-dev-hello, which release 1 served, is gone: it was pruned or deleted";
    assert!(gone.stdout.contains(told) && gone.stderr.contains("next: go back to a later release"), "{}", gone.text());
    assert_eq!(shop.alias("hello"), "4");
    shop.ends(0, &["rollback", "--yes"]);
    assert_eq!(shop.alias("hello"), "3");
}

#[test]
fn a_stack_that_was_never_made_is_removed_by_the_doctor() {
    let broken =
        "resources:\n  Alert: {Type: \"AWS::SNS::Topic\", Properties: {TopicName: \"{{resolve:ssm:/nope}}\"}}\n";
    let shop = Shop::in_region("ailing", "eu-ailing-1", &(Shop::hello("hi") + broken));
    shop.ends(1, &["deploy", "--yes"]);
    assert_eq!(shop.status(), "ROLLBACK_COMPLETE");
    let told = shop.ends(3, &["doctor", "--exit-code"]);
    assert!(told.stdout.contains("ailing-dev is in ROLLBACK_COMPLETE"), "{}", told.text());
    assert!(told.stdout.contains("  delete the stack\n"), "{}", told.text());
    shop.ends(0, &["doctor", "--yes"]);
    assert_eq!(shop.status(), "");
    shop.declare(&Shop::hello("hi")).deploy();
    let sound = shop.ends(0, &["doctor", "--exit-code"]);
    assert!(sound.stdout.contains("Nothing is wrong with ailing-dev."), "{}", sound.text());
    shop.is_settled();
}

#[test]
fn weights_and_change_sets_that_were_left_are_taken_away_by_the_doctor() {
    let shop = Shop::in_region("halfway", "eu-halfway-1", &Shop::hello("hi"));
    shop.deploy();
    shop.code("second").deploy();
    let weights = json!({ "RoutingConfig": { "AdditionalVersionWeights": { "1": 0.25 } } });
    shop.lambda("PUT", "hello", "aliases/live", &weights);
    let template = r#"{"Resources": {"Other": {"Type": "AWS::SQS::Queue"}}}"#;
    shop.propose_update("release-1-5-6", template);
    let told = shop.ends(3, &["doctor", "--exit-code"]);
    assert!(told.stdout.contains("left between versions: 25% on version 1, the rest on 2"), "{}", told.text());
    assert!(told.stdout.contains("the change set release-1-5-6 was left behind"), "{}", told.text());
    shop.ends(0, &["doctor", "--yes"]);
    assert_eq!(shop.open_change_sets(), 0);
    shop.ends(0, &["doctor", "--exit-code"]);
    shop.is_settled();
}

#[test]
fn a_rollback_of_the_infrastructure_brings_back_what_the_template_had() {
    let shop = Shop::in_region("infra", "eu-infra-1", &(Shop::hello("old") + "topics: {news: {}}\n"));
    shop.deploy();
    shop.code("second").declare(&Shop::hello("new")).deploy();
    assert_eq!(shop.alias("hello"), "2");
    let asked = shop.ends(6, &["rollback", "--infra"]);
    assert!(asked.stdout.contains("+ create SNS Topic"), "{}", asked.text());
    assert!(asked.stdout.contains("Traffic: 2 → 1"), "{}", asked.text());
    assert_eq!(shop.open_change_sets(), 0, "a plan that nobody agreed to leaves nothing behind");
    let run = shop.ends(0, &["rollback", "--infra", "--yes"]);
    assert!(run.stderr.contains("infra-dev serves release 1 again (recorded as release 3)"), "{}", run.text());
    assert_eq!(shop.alias("hello"), "1");
    assert!(shop.template().contains("NewsTopic"), "{}", shop.template());
    assert!(shop.physical_id("NewsTopic").ends_with("infra-dev-news"));
    // The stack file still says what it said.
    shop.ends(3, &["plan", "--exit-code"]);
    shop.deploy();
    shop.is_settled();
    assert!(!shop.template().contains("NewsTopic"));
}
