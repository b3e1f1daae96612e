//! The relation of policies, held against an evaluator of single requests that knows nothing of it.

use super::canonical;
use super::*;
use crate::iam::evaluator::{Request, Verdict, applies, decide, texts};
use proptest::prelude::*;
use serde_json::{Value, json};

const PRINCIPALS: [&str; 2] = ["arn:one", "arn:two"];
const ACTIONS: [&str; 5] = ["s:Get", "s:GetAll", "s:Put", "s:P", "t:Get"];
const RESOURCES: [&str; 4] = ["b", "b/x", "b/xy", "c"];

/// With and without the keys `k` and `m`.
const CONTEXTS: [&[(&str, &str)]; 8] = [
    &[],
    &[("k", "a")],
    &[("k", "ab")],
    &[("k", "c")],
    &[("m", "a")],
    &[("k", "a"), ("m", "a")],
    &[("k", "ab"), ("m", "a")],
    &[("k", "c"), ("m", "a")],
];

fn requests() -> Vec<Request<'static>> {
    let mut requests = Vec::new();
    for principal in PRINCIPALS {
        for action in ACTIONS {
            for resource in RESOURCES {
                requests.extend(CONTEXTS.map(|context| Request { principal, action, resource, context }));
            }
        }
    }
    requests
}

/// Statements as a document in canonical form.
fn canonical_of(statements: &[Statement]) -> Value {
    let known = statements.iter().filter_map(|statement| canonical::statement(statement.clone()));
    json!({ "Version": "2012-10-17", "Statement": known.collect::<Vec<_>>() })
}

fn element(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let one = proptest::sample::select(words).prop_map(|word| json!(word));
    let many = proptest::collection::vec(proptest::sample::select(words), 1..3).prop_map(|words| json!(words));
    prop_oneof![one, many]
}

static OPERATORS: [&str; 6] =
    ["StringEquals", "stringequals", "StringLike", "StringNotEquals", "StringNotLike", "StringEqualsIfExists"];

fn statement() -> impl Strategy<Value = Value> {
    let actions =
        element(&["s:Get", "S:get", "s:Get*", "s:P?t", "s:P*", "s:*", "t:Get", "*", "s:**", "?:Get*", "s:?*t"]);
    let resources = element(&["b", "b/*", "b/x", "b/x?", "*", "c", "b*", "b/?*"]);
    let principals = prop_oneof![
        3 => Just(None),
        1 => Just(Some(json!("*"))),
        1 => element(&["arn:one", "arn:two", "*"]).prop_map(|names| Some(json!({ "AWS": names }))),
    ];
    let clause = (
        proptest::sample::select(&OPERATORS[..]),
        proptest::sample::select(&["k", "K", "m"][..]),
        element(&["a", "ab", "a*", "?", "c"]),
    );
    let condition = proptest::collection::vec(clause, 0..3).prop_map(|clauses| {
        let mut condition = json!({});
        for (operator, key, values) in clauses {
            // Wildcards mean something to StringLike only, and the evaluator takes others literally, as AWS does.
            condition[operator][key] = values;
        }
        condition
    });
    (any::<bool>(), 0..4u8, actions, resources, principals, condition).prop_map(
        |(deny, not, actions, resources, principals, condition)| {
            let mut statement = json!({ "Effect": if deny { "Deny" } else { "Allow" } });
            statement[if not == 1 { "NotAction" } else { "Action" }] = actions;
            statement[if not == 2 { "NotResource" } else { "Resource" }] = resources;
            if let Some(principals) = principals {
                statement["Principal"] = principals;
            }
            if condition != json!({}) {
                statement["Condition"] = condition;
            }
            statement
        },
    )
}

fn document() -> impl Strategy<Value = Value> {
    proptest::collection::vec(statement(), 0..4)
        .prop_map(|statements| json!({ "Version": "2012-10-17", "Statement": statements }))
}

/// A document and one that differs from it in a few statements: two random ones hardly ever compare.
fn pair() -> impl Strategy<Value = (Value, Value)> {
    let near = (document(), document(), any::<bool>()).prop_map(|(one, more, swap)| {
        let both: Vec<Value> = [&one, &more]
            .iter()
            .flat_map(|document| document["Statement"].as_array().cloned().unwrap_or_default())
            .collect();
        let two = json!({ "Version": "2012-10-17", "Statement": both });
        if swap { (two, one) } else { (one, two) }
    });
    prop_oneof![near, (document(), document())]
}

proptest! {
    // Each decides hundreds of requests; tried with 15,000 cases when it was written.
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_canonical_document_decides_every_request_as_before(document in document()) {
        let written = canonical::canonical(&document);
        for request in requests() {
            let (before, after) = (decide(&document, request), decide(&written, request));
            prop_assert_eq!(before, after, "{:?}\n{}\n{}", request, document, written);
        }
        prop_assert_eq!(canonical::canonical(&written), written.clone(), "{}", document);
        prop_assert_eq!(relation(Some(&document), Some(&written)), Relation::Equal);
    }

    #[test]
    fn what_is_called_equal_or_narrower_allows_nothing_new((before, after) in pair()) {
        let relation = relation(Some(&before), Some(&after));
        for request in requests() {
            let (before, after) = (decide(&before, request), decide(&after, request));
            let narrower = (after != Verdict::Allowed || before == Verdict::Allowed) && (before != Verdict::Denied || after == Verdict::Denied);
            let wider = (before != Verdict::Allowed || after == Verdict::Allowed) && (after != Verdict::Denied || before == Verdict::Denied);
            let holds = match relation {
                Relation::Equal => before == after,
                Relation::Narrower => narrower,
                Relation::Wider => wider,
                Relation::Incomparable => true,
            };
            prop_assert!(holds, "{:?} {:?}: {:?} → {:?}", relation, request, before, after);
        }
    }

    #[test]
    fn whatever_is_newly_allowed_is_named((before, after) in pair()) {
        let new = canonical_of(&added(Some(&before), Some(&after)));
        let gone = canonical_of(&removed(Some(&before), Some(&after)));
        for request in requests() {
            if decide(&after, request) == Verdict::Allowed && decide(&before, request) != Verdict::Allowed {
                let granted = new["Statement"].as_array().expect("statements").iter().any(|statement| statement["Effect"] == "Allow" && applies(statement, request));
                let freed = gone["Statement"].as_array().expect("statements").iter().any(|statement| statement["Effect"] == "Deny" && applies(statement, request));
                prop_assert!(granted || freed, "{:?}\n{}\n{}", request, new, gone);
            }
        }
    }

    #[test]
    fn statements_in_any_order_and_split_are_equal(statements in proptest::collection::vec(statement(), 1..4), turn in 0..4usize) {
        let mut other = statements.clone();
        let turn = turn % other.len();
        other.rotate_left(turn);
        let split: Vec<Value> = other.into_iter().flat_map(|statement| {
            texts(&statement["Action"]).into_iter().map(|action| {
                let mut part = statement.clone();
                part["Action"] = json!(action);
                part["Sid"] = json!("Any");
                part
            }).collect::<Vec<_>>().into_iter().chain(statement.get("NotAction").map(|_| statement.clone())).collect::<Vec<_>>()
        }).collect();
        prop_assert_eq!(relation(Some(&json!({ "Statement": statements })), Some(&json!({ "Statement": split }))), Relation::Equal);
    }
}

fn allow(actions: Value, resource: Value) -> Value {
    json!({ "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": resource }] })
}

#[track_caller]
fn check(before: &Value, after: &Value, expected: Relation) {
    assert_eq!(relation(Some(before), Some(after)), expected, "{before}\n{after}");
    let back = match expected {
        Relation::Wider => Relation::Narrower,
        Relation::Narrower => Relation::Wider,
        same => same,
    };
    assert_eq!(relation(Some(after), Some(before)), back, "the other way round");
}

#[test]
fn wildcards_and_exceptions_are_compared_by_what_they_name() {
    check(&allow(json!("s3:GetObject"), json!("*")), &allow(json!("s3:Get*"), json!("*")), Relation::Wider);
    check(
        &allow(json!(["s3:get*", "S3:GetObject"]), json!("*")),
        &allow(json!("s3:Get*"), json!("*")),
        Relation::Equal,
    );
    let all_but = json!({ "Statement": { "Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*" } });
    check(&allow(json!("s3:GetObject"), json!("*")), &all_but, Relation::Wider);
    check(&allow(json!("iam:PassRole"), json!("*")), &all_but, Relation::Incomparable);
    check(&all_but, &allow(json!("*"), json!("*")), Relation::Wider);
}

#[test]
fn conditions_narrow_and_more_values_widen() {
    let when = |condition: Value| json!({ "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "lambda.amazonaws.com" }, "Condition": condition } });
    let free = json!({ "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": ["lambda.amazonaws.com"] } } });
    let one = when(json!({ "ArnEquals": { "aws:SourceArn": "a" } }));
    check(&one, &free, Relation::Wider);
    check(&one, &when(json!({ "arnlike": { "AWS:SourceArn": ["a", "b"] } })), Relation::Wider);
    check(&one, &when(json!({ "ArnLike": { "aws:sourcearn": ["a"] } })), Relation::Equal);
    check(
        &when(json!({ "StringNotEquals": { "k": "a" } })),
        &when(json!({ "StringNotEquals": { "k": ["a", "b"] } })),
        Relation::Narrower,
    );
    check(
        &when(json!({ "StringLike": { "k": "a*" } })),
        &when(json!({ "StringLike": { "k": "ab*" } })),
        Relation::Narrower,
    );
    check(&one, &when(json!({ "Fn::If": ["C", 1, 2] })), Relation::Incomparable);
}

#[test]
fn what_is_not_known_is_equal_to_itself_alone() {
    let q = allow(json!("sqs:SendMessage"), json!({ "Fn::GetAtt": ["Q", "Arn"] }));
    check(&q, &allow(json!(["SQS:SendMessage"]), json!([{ "Fn::Sub": "${Q.Arn}" }])), Relation::Equal);
    check(&q, &allow(json!("sqs:SendMessage"), json!({ "Fn::GetAtt": ["R", "Arn"] })), Relation::Incomparable);
    check(&q, &allow(json!("sqs:SendMessage"), json!("*")), Relation::Wider);
    let either = json!({ "Fn::If": ["C", q, { "Ref": "AWS::NoValue" }] });
    check(&either, &either, Relation::Equal);
    check(&either, &q, Relation::Incomparable);
    let home = |version: &str| json!({ "Version": version, "Statement": { "Effect": "Allow", "Action": "s3:*", "Resource": "home/${aws:username}" } });
    check(&home("2012-10-17"), &home("2008-10-17"), Relation::Incomparable);
}

#[test]
fn denials_count_the_other_way_round() {
    let deny = json!({ "Statement": [{ "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "q" }] });
    assert_eq!(relation(None, Some(&deny)), Relation::Narrower);
    assert_eq!(relation(Some(&deny), None), Relation::Wider);
    let masked = json!({ "Statement": [
        { "Effect": "Deny", "Principal": { "AWS": "*" }, "Action": "sqs:*", "Resource": "q" },
        { "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "q" },
    ] });
    check(&deny, &masked, Relation::Equal);
}

#[test]
fn policies_are_compared_in_lists_in_maps_and_by_their_arns() {
    let document = allow(json!("s3:GetObject"), json!("b/*"));
    let list = json!([{ "PolicyName": "access", "PolicyDocument": document }]);
    check(&list, &json!({ "other-name": document }), Relation::Equal);
    check(&json!([]), &list, Relation::Wider);
    let managed = |name: &str| json!([format!("arn:aws:iam::aws:policy/{name}")]);
    check(&json!([]), &managed("AWSXRayDaemonWriteAccess"), Relation::Wider);
    check(&json!([]), &managed("AWSDenyAll"), Relation::Incomparable);
    check(&json!([]), &json!(["arn:aws:iam::123456789012:policy/own"]), Relation::Incomparable);
}

#[test]
fn an_account_is_its_root() {
    let trust = |principal: Value| json!({ "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal } });
    let root = trust(json!({ "AWS": "arn:aws:iam::123456789012:root" }));
    check(&root, &trust(json!({ "AWS": ["123456789012"] })), Relation::Equal);
    check(&root, &trust(json!({ "AWS": "*" })), Relation::Wider);
    check(&root, &trust(json!({ "Service": "lambda.amazonaws.com" })), Relation::Incomparable);
}

#[test]
fn the_difference_is_told_in_few_statements() {
    let before = allow(json!(["sqs:ReceiveMessage"]), json!("q"));
    let after = json!({ "Statement": [
        { "Effect": "Allow", "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage"], "Resource": "q" },
        { "Effect": "Allow", "Action": "sqs:PurgeQueue", "Resource": ["q"] },
    ] });
    let new = added(Some(&before), Some(&after));
    let [Statement::Known { actions, resources, .. }] = new.as_slice() else { panic!("one statement: {new:?}") };
    let shown: Vec<&str> = actions.of.iter().map(|action| action.shown.as_str()).collect();
    assert_eq!(shown, ["sqs:DeleteMessage", "sqs:PurgeQueue"]);
    assert_eq!(resources.of.len(), 1);
    assert!(removed(Some(&before), Some(&after)).is_empty());
}
