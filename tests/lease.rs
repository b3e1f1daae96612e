//! One at a time: who comes second hears who is first, waits or stops; and no lease outlives its process for long.

use crate::aws::{Shop, address, get};
use crate::proxy::{Fault, Script};
use serde_json::{Value, json};
use std::process::{Child, Stdio};

/// Writes the lease of somebody on another machine, `seconds` from its end.
fn lease_of_another(shop: &Shop, seconds: i64) {
    let at = |seconds: i64| {
        let now = jiff::Timestamp::now();
        now.checked_add(jiff::SignedDuration::from_secs(seconds)).expect("a time near now").to_string()
    };
    let lease = json!({
        "format_version": 1, "stack": shop.name(), "since": at(seconds - 120), "expires": at(seconds),
        "holder": { "by": "arn:aws:iam::1:user/ann", "host": "build-7", "pid": 1, "machine": "another", "born": "1",
            "command": "deployer deploy shop", "nonce": "x" },
    });
    let put = shop.s3(&format!("PUT {}", path(shop)), &lease.to_string());
    assert_eq!(put.status, 200, "{put:?}");
}

fn path(shop: &Shop) -> String {
    format!("/deployer-000000000000-{}/leases/{}.json", shop.region, shop.name())
}

fn lease(shop: &Shop) -> Value {
    serde_json::from_str(&shop.s3(&format!("GET {}", path(shop)), "").body).expect("a lease in JSON")
}

fn start(shop: &Shop, arguments: &[&str]) -> Child {
    let mut command = shop.project.command(&[&["--sandbox"], arguments].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the built binary runs")
}

#[test]
fn who_comes_second_hears_who_works_and_stops() {
    let shop = Shop::in_region("leased", "eu-leased-1", &Shop::hello("hi"));
    shop.deploy();
    assert_eq!(lease(&shop)["holder"], Value::Null, "it was given back");
    lease_of_another(&shop, 60);
    shop.code("second");
    let run = shop.ends(1, &["deploy", "--yes"]);
    let told = "error: stack leased-dev is being changed by user/ann on build-7 (process 1, `deployer deploy shop`)";
    assert!(run.stderr.contains(told), "{}", run.text());
    assert!(run.stderr.contains("now: nothing was changed here; the other one goes on"), "{}", run.text());
    assert!(run.stderr.contains("next: deployer --sandbox deploy --yes --wait"), "{}", run.text());
    assert_eq!(shop.releases().len(), 1, "no number was claimed");
    let forced = shop.ends(0, &["deploy", "--yes", "--force"]);
    assert!(forced.stderr.contains("taken from user/ann on build-7"), "{}", forced.text());
    shop.is_settled();
}

#[test]
fn an_expired_lease_is_taken_over_and_told() {
    let shop = Shop::in_region("expired", "eu-expired-1", &Shop::hello("hi"));
    shop.deploy();
    lease_of_another(&shop, -5);
    let doctor = shop.ends(3, &["doctor", "--exit-code"]);
    assert!(doctor.stdout.contains("the lease of user/ann on build-7"), "{}", doctor.text());
    let run = shop.code("second").deploy();
    assert!(run.stderr.contains("ran out"), "{}", run.text());
    assert!(run.stderr.contains("taken over"), "{}", run.text());
    assert_eq!(lease(&shop)["holder"], Value::Null);
    shop.ends(0, &["doctor", "--exit-code"]);
}

#[test]
fn who_waits_plans_after_the_other_is_through() {
    let shop = Shop::in_region("queue", "eu-queue-1", &Shop::hello("hi"));
    let first = shop.deploy();
    shop.code("second");
    lease_of_another(&shop, 3);
    let waiting = [start(&shop, &["deploy", "--yes", "--wait"]), start(&shop, &["deploy", "--yes", "--wait=5m"])];
    let runs = waiting.map(|child| shop.project.ended(&child.wait_with_output().expect("it ends")));
    for run in &runs {
        assert_eq!(run.code, 0, "{}", run.text());
        assert!(run.stderr.contains("waiting for "), "{}", run.text());
    }
    let released = runs.iter().filter(|run| run.stderr.contains("release 2 of queue-dev is live")).count();
    let nothing = runs.iter().filter(|run| run.stdout.contains("No changes.")).count();
    assert_eq!((released, nothing), (1, 1), "{}{}", runs[0].text(), runs[1].text());
    assert_eq!(get(&address(&first, "hello")).body, "second hi 2");
    assert_eq!(shop.releases().len(), 2);
}

#[test]
fn the_lease_of_a_process_that_is_gone_keeps_nobody_waiting() {
    let shop = Shop::in_region("robbed", "eu-robbed-1", &Shop::hello("hi"));
    shop.deploy();
    shop.code("second");
    // Killed while it holds the lease: a machine that sees the process gone need not wait.
    let claim = format!("s3 PUT /deployer-000000000000-{}/releases/robbed-dev/00000002.json", shop.region);
    let script = Script { at: Some(((claim, 1), Fault::Kill)), ..Script::default() };
    assert_eq!(shop.through(&["deploy", "--yes"], script, &[]).0.code, -1);
    assert_eq!(lease(&shop)["holder"]["host"].as_str().map(str::is_empty), Some(false));
    let plan = shop.ends(3, &["plan", "--exit-code"]);
    assert!(
        plan.stdout.contains("record release 2: failed, its process ended before it was through"),
        "{}",
        plan.text()
    );
    let doctor = shop.ends(3, &["doctor", "--exit-code"]);
    assert!(doctor.stdout.contains("release 2 was begun"), "{}", doctor.text());
    let healed = shop.ends(0, &["doctor", "--yes"]);
    assert!(healed.stderr.contains("its lease is taken over"), "{}", healed.text());
    assert_eq!(shop.releases()[1]["outcome"]["result"], "failed");
    shop.deploy();
    shop.is_settled();
}
