//! Stacks that got stuck: what `doctor` says of them, what it offers, and that it helps.

use crate::aws::Shop;
use crate::proxy::{Fault, Script};
use serde_json::json;
use std::time::Duration;

/// A custom resource whose provider goes back from a change, and goes away, only when it was mended (its variable `MENDED`),
/// and takes four seconds for the word `slow`.
fn stubborn(shop: &str, word: &str) -> String {
    let code = "
          import json, os, time, urllib.request
          def handler(event, context):
              old = event.get('OldResourceProperties', {}).get('Word')
              new = event['ResourceProperties']['Word']
              goes_back = event['RequestType'] == 'Update' and old == 'new' and new == 'old'
              if new == 'slow':
                  time.sleep(4)
              goes_away = event['RequestType'] == 'Delete' and new == 'stay'
              status = 'FAILED' if (goes_back or goes_away) and 'MENDED' not in os.environ else 'SUCCESS'
              answer = {'Status': status, 'Reason': 'it is jammed', 'PhysicalResourceId': 'keeper',
                        'StackId': event['StackId'], 'RequestId': event['RequestId'],
                        'LogicalResourceId': event['LogicalResourceId']}
              body = json.dumps(answer).encode()
              urllib.request.urlopen(urllib.request.Request(event['ResponseURL'], body, method='PUT'))";
    format!(
        r#"resources:
  KeeperRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{{Effect: Allow, Principal: {{Service: lambda.amazonaws.com}}, Action: "sts:AssumeRole"}}]
  Keeper:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: {shop}-keeper
      Runtime: python3.12
      Handler: index.handler
      Timeout: 20
      Role: {{"Fn::GetAtt": [KeeperRole, Arn]}}
      Code:
        ZipFile: |{code}
  Kept:
    Type: Custom::Kept
    Properties: {{ServiceToken: {{"Fn::GetAtt": [Keeper, Arn]}}, Word: {word}}}
"#
    )
}

/// A topic that cannot be made, after what is kept was changed.
const BROKEN: &str = "  Alert: {Type: \"AWS::SNS::Topic\", DependsOn: Kept, \
                      Properties: {TopicName: \"{{resolve:ssm:/nope}}\"}}\n";

fn mend(shop: &Shop) {
    let mended = json!({ "Environment": { "Variables": { "MENDED": "1" } } });
    shop.call("lambda", &format!("PUT /2015-03-31/functions/{}-keeper/configuration", shop.stack), &mended);
}

#[test]
fn a_stack_that_cannot_go_back_is_explained_and_helped_back() {
    let shop = Shop::in_region("jammed", "eu-jammed-1", &stubborn("jammed", "old"));
    shop.deploy();
    shop.declare(&(stubborn("jammed", "new") + BROKEN));
    let failed = shop.ends(1, &["deploy", "--yes"]);
    assert_eq!(shop.status(), "UPDATE_ROLLBACK_FAILED", "{}", failed.text());

    let blocked = shop.ends(6, &["deploy", "--yes"]);
    assert!(blocked.stderr.contains("stack jammed-dev is in UPDATE_ROLLBACK_FAILED"), "{}", blocked.text());
    assert!(blocked.stderr.contains("next: `deployer doctor jammed --stage dev --sandbox`"), "{}", blocked.text());
    let told = shop.ends(3, &["doctor", "--exit-code"]);
    assert!(told.stdout.contains("going back of Kept failed half-way"), "{}", told.text());
    assert!(told.stdout.contains("leave as it is with `--skip`: Kept"), "{}", told.text());

    let still = shop.ends(1, &["doctor", "--yes"]);
    assert!(still.stderr.contains("error: the recovery of jammed-dev failed: "), "{}", still.text());
    assert!(still.stderr.contains("UPDATE_ROLLBACK_FAILED"), "{}", still.text());
    mend(&shop);
    shop.ends(0, &["doctor", "--yes"]);
    assert_eq!(shop.status(), "UPDATE_ROLLBACK_COMPLETE");
    shop.declare(&stubborn("jammed", "new")).deploy();
    shop.is_settled();
}

#[test]
fn what_cannot_go_back_may_be_left_as_it_is() {
    let shop = Shop::in_region("skipped", "eu-skipped-1", &stubborn("skipped", "old"));
    shop.deploy();
    shop.declare(&(stubborn("skipped", "new") + BROKEN)).ends(1, &["deploy", "--yes"]);
    assert_eq!(shop.status(), "UPDATE_ROLLBACK_FAILED");
    let stray = shop.ends(2, &["doctor", "--yes", "--skip", "Kpet"]);
    assert!(stray.stderr.contains("Kpet of skipped-dev did not fail to go back"), "{}", stray.text());
    shop.ends(0, &["doctor", "--yes", "--skip", "Kept"]);
    assert_eq!(shop.status(), "UPDATE_ROLLBACK_COMPLETE");
}

#[test]
fn a_deletion_that_failed_goes_on_once_its_cause_is_gone() {
    let keeper = Shop::in_region("clutch", "eu-clutch-1", &stubborn("clutch", "old"));
    keeper.deploy();
    let clings = "resources:\n  Clings:\n    Type: Custom::Kept\n    Properties:\n      \
                  ServiceToken: arn:aws:lambda:eu-clutch-1:000000000000:function:clutch-keeper\n      Word: stay\n";
    let shop = Shop::in_region("clinging", "eu-clutch-1", &(Shop::hello("hi") + clings));
    shop.deploy();
    let failed = shop.ends(1, &["destroy", "clinging", "--yes"]);
    assert_eq!(shop.status(), "DELETE_FAILED", "{}", failed.text());
    let told = shop.ends(3, &["doctor", "--exit-code"]);
    assert!(told.stdout.contains("the deletion of Clings failed; what it deleted before is gone"), "{}", told.text());
    let still = shop.ends(1, &["doctor", "--yes"]);
    assert!(still.stderr.contains("Clings"), "{}", still.text());
    mend(&keeper);
    shop.ends(0, &["doctor", "--yes"]);
    assert_eq!(shop.status(), "");
}

/// The sandbox knows no function in `Failed`, so the answer is changed on its way.
#[test]
fn a_function_that_failed_is_told_with_its_reason() {
    let shop = Shop::in_region("limp", "eu-limp-1", &Shop::hello("hi"));
    shop.deploy();
    let read = "lambda GET /*/functions/limp-dev-hello".to_owned();
    let failed = "\"Failed\",\"LastUpdateStatusReason\":\"The subnet has no free address.\",\"Was\":\"\"";
    let instead = Some((read, "\"Successful\"", failed));
    eprintln!("{}", shop.lambda("GET", "hello", "", &json!(null)));
    let told = shop.through(&["doctor", "--exit-code"], Script { instead, ..Script::default() }, &[]).0;
    assert_eq!(told.code, 3, "{}", told.text());
    assert!(
        told.stdout.contains("limp-dev-hello is Active, its last update Failed (The subnet has no free address)"),
        "{}",
        told.text()
    );
}

#[test]
fn who_waits_also_waits_for_cloudformation() {
    let shop = Shop::in_region("slowly", "eu-slowly-1", &stubborn("slowly", "old"));
    shop.deploy();
    shop.declare(&stubborn("slowly", "slow"));
    let at = Some((("cloudformation ExecuteChangeSet".to_owned(), 1), Fault::Kill));
    assert_eq!(shop.through(&["deploy", "--yes"], Script { at, ..Script::default() }, &[]).0.code, -1);
    assert_eq!(shop.status(), "UPDATE_IN_PROGRESS");
    let blocked = shop.ends(6, &["deploy", "--yes"]);
    assert!(blocked.stderr.contains("stack slowly-dev is in UPDATE_IN_PROGRESS"), "{}", blocked.text());
    let waited = shop.ends(0, &["deploy", "--yes", "--wait"]);
    assert!(waited.stderr.contains("waiting for CloudFormation, which is at work on slowly-dev"), "{}", waited.text());
    assert_eq!(shop.status(), "UPDATE_COMPLETE");
    shop.is_settled();
}

/// The first one hangs in the middle; the second takes the stack and finishes; the first one must not go on.
#[test]
fn who_loses_the_stack_stops_before_its_next_phase() {
    let shop = Shop::in_region("seized", "eu-seized-1", &Shop::hello("hi"));
    shop.deploy();
    shop.code("second").declare(&Shop::hello("hello"));
    let at = Some((("cloudformation ExecuteChangeSet".to_owned(), 1), Fault::Hang));
    let script = Script { at, ..Script::default() };
    let (first, proxy) = shop.start_through(&["deploy", "--yes"], script, &[("DEPLOYER_TIMEOUT", "25")]);
    while !proxy.has_struck() {
        std::thread::sleep(Duration::from_millis(50));
    }
    let second = shop.ends(0, &["deploy", "--yes", "--force"]);
    assert!(second.stderr.contains("which stops before its next phase"), "{}", second.text());
    let first = shop.project.ended(&first.wait_with_output().expect("it ends"));
    assert_eq!(first.code, 1, "{}", first.text());
    assert!(
        first.stderr.contains("error: release 2 of seized-dev failed: somebody else took the stack"),
        "{}",
        first.text()
    );
    shop.is_settled();
    let last = shop.releases().pop().expect("a release");
    assert_eq!(last["outcome"]["result"], "succeeded", "{last:#}");
}
