//! Killed, throttled, cut off and interrupted at every call: the next run completes the work, and what is there then is what
//! an undisturbed run leaves.
//!
//! Every case has a region of its own in the shared sandbox, so cases share nothing and run side by side.

use crate::aws::{PYTHON, Shop};
use crate::harness::Run;
use crate::proxy::{Call, Fault, Proxy, Script};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};

/// Cases at the same time: the sandbox is one process.
const SIDE_BY_SIDE: usize = 8;

/// Two functions, one behind an address, one behind a queue.
pub(crate) fn declared(greeting: &str) -> String {
    format!(
        "queues: {{jobs: {{}}}}\nfunctions:\n  hello:\n    code: {PYTHON}\n    triggers: [{{http: GET /hello}}]\n    \
         env: {{GREETING: {greeting}}}\n  work:\n    code: {PYTHON}\n    triggers: [{{queue: jobs}}]\n    \
         env: {{GREETING: {greeting}}}\n"
    )
}

/// What is deployed: a new stack, or new code and configuration over what somebody changed by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    New,
    Update,
}

/// A word that nobody else uses: roles are named by the stack and belong to the account, all else belongs to the region.
fn word() -> &'static str {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let letter = |digit: usize| char::from(b'a' + u8::try_from(digit % 26).expect("below 26"));
    let word: String = [letter(number / 676), letter(number / 26), letter(number)].iter().collect();
    Box::leak(format!("fault{word}").into_boxed_str())
}

/// A shop in which the deployment under test is the next thing to happen.
pub(crate) fn before(kind: Kind) -> Shop {
    let word = word();
    let shop = Shop::in_region(word, Box::leak(format!("qa-{word}-1").into_boxed_str()), &declared("old"));
    if kind == Kind::Update {
        shop.deploy();
        shop.declare(&declared("new")).code("second");
        shop.lambda("PUT", "work", "configuration", &json!({ "MemorySize": 512 }));
    }
    shop
}

/// Runs `deploy --yes` through a proxy.
pub(crate) fn through(shop: &Shop, script: Script) -> (Run, Proxy) {
    // Only who meets a hang is impatient.
    let is_hang = matches!(script.at, Some((_, Fault::Hang)));
    shop.through(&["deploy", "--yes"], script, if is_hang { &[("DEPLOYER_TIMEOUT", "3")] } else { &[] })
}

/// What must be the same however a deployment came about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Alias, what it answers, published versions and memory of each function.
    functions: Vec<(String, String, usize, u64)>,
    status: String,
    template: String,
    change_sets: usize,
}

fn end(shop: &Shop, kind: Kind) -> End {
    let function = |name: &str| {
        let versions = shop.lambda("GET", name, "versions", &Value::Null);
        let published = versions["Versions"].as_array().map_or(0, Vec::len);
        let live = shop.lambda("GET", name, "configuration?Qualifier=live", &Value::Null);
        let greeting = live["Environment"]["Variables"]["GREETING"].as_str().unwrap_or_default().to_owned();
        let digest = live["CodeSha256"].as_str().unwrap_or_default();
        (shop.alias(name), format!("{greeting} {digest}"), published, live["MemorySize"].as_u64().unwrap_or_default())
    };
    let status = shop.status();
    let expected = if kind == Kind::New { "CREATE_COMPLETE" } else { "UPDATE_COMPLETE" };
    End {
        functions: vec![function("hello"), function("work")],
        // Whether the last run had something for CloudFormation to do is no difference.
        status: if status.ends_with("_COMPLETE") { expected.to_owned() } else { status },
        template: shop.template().replace(shop.stack, "STACK"),
        change_sets: shop.open_change_sets(),
    }
}

/// What an undisturbed run leaves, and how many calls it makes.
pub(crate) fn undisturbed(kind: Kind) -> &'static (End, Vec<Call>) {
    fn measured(kind: Kind) -> (End, Vec<Call>) {
        let shop = before(kind);
        let (run, proxy) = through(&shop, Script::default());
        assert_eq!(run.code, 0, "{}", run.text());
        shop.is_settled();
        let calls = proxy.calls().into_iter().map(|(name, nth)| (name.replace(shop.stack, "SHOP"), nth));
        (end(&shop, kind), calls.collect())
    }
    static NEW: LazyLock<(End, Vec<Call>)> = LazyLock::new(|| measured(Kind::New));
    static UPDATE: LazyLock<(End, Vec<Call>)> = LazyLock::new(|| measured(Kind::Update));
    match kind {
        Kind::New => &NEW,
        Kind::Update => &UPDATE,
    }
}

/// The ledger's numbers have no gap, the last release stands and names what is live, and each one before it says how it
/// ended.
pub(crate) fn ledger(shop: &Shop) -> Result<(), String> {
    let releases = shop.releases();
    let numbers: Vec<_> = releases.iter().filter_map(|release| release["number"].as_u64()).collect();
    let told = format!("{releases:#?}");
    if numbers != (1..=numbers.len() as u64).collect::<Vec<_>>() {
        return Err(format!("a gap in the ledger: {told}"));
    }
    let last = releases.last().ok_or("no release at all")?;
    if last["outcome"]["result"] != "succeeded" {
        return Err(format!("the last release does not stand: {told}"));
    }
    if let Some(open) = releases.iter().find(|release| release["outcome"]["result"] == "started") {
        return Err(format!("release {} is open for ever: {told}", open["number"]));
    }
    for name in ["hello", "work"] {
        let (recorded, live) = (last["functions"][name]["version"].as_str(), shop.alias(name));
        if recorded != Some(live.as_str()) {
            return Err(format!("{name} serves {live}, and the last release says {recorded:?}: {told}"));
        }
    }
    Ok(())
}

/// Disturbs a deployment at one call, runs the command again where it did not succeed, and compares the end.
fn case(kind: Kind, call: &Call, fault: Fault) -> Result<(), String> {
    let shop = before(kind);
    let at = (call.0.replace("SHOP", shop.stack), call.1);
    let (first, proxy) = through(&shop, Script { at: Some((at.clone(), fault)), ..Script::default() });
    // How often a function is asked whether it is ready varies.
    if !proxy.has_struck() && call.0.starts_with("lambda GET /*/functions/") && first.code == 0 {
        return Ok(());
    }
    let failed = |why: &str, run: &Run| {
        Err(format!(
            "{kind:?}, {fault:?} at {} no. {}: {why}\n{}-- first\n{}",
            call.0,
            call.1,
            run.text(),
            first.text()
        ))
    };
    let told =
        ["error: ", "now: ", "next: "].iter().all(|word| first.stderr.lines().any(|line| line.starts_with(word)));
    match (fault, first.code) {
        (Fault::Kill, -1) | (Fault::Interrupt, 0) => {}
        (Fault::Kill, _) => return failed("it was not killed", &first),
        // What may not be planned on what could not be read is blocked.
        (Fault::Interrupt, 130) | (_, 1 | 6) if told => {}
        (Fault::Throttle | Fault::Broken | Fault::Reset | Fault::Refuse | Fault::Hang, 0) => {}
        _ => return failed("neither through nor explained", &first),
    }
    let again = shop.run(&["deploy", "--yes"]);
    if again.code != 0 {
        return failed("the next run does not complete it", &again);
    }
    let plan = shop.run(&["plan", "--exit-code"]);
    if plan.code != 0 || !plan.stdout.contains("No changes.") {
        return failed("it is not settled", &plan);
    }
    let (found, expected) = (end(&shop, kind), &undisturbed(kind).0);
    if found != *expected {
        return failed(&format!("the end is another\n{found:#?}\ninstead of\n{expected:#?}"), &again);
    }
    ledger(&shop).or_else(|why| failed(&why, &again))
}

/// Runs all cases, several at a time, and fails with all that went wrong.
fn all(cases: &[(Kind, Call, Fault)]) {
    each(cases, |(kind, call, fault)| case(*kind, call, *fault));
}

fn each<T: Sync>(cases: &[T], case: impl Fn(&T) -> Result<(), String> + Sync) {
    let count = cases.len();
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(one) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = case(one) {
                        failures.lock().expect("no case panics here").push(why);
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().expect("no case panics here");
    failures.sort();
    assert!(failures.is_empty(), "{} of {count} cases\n{}", failures.len(), failures.join("\n\n"));
}

/// Every call of an undisturbed run.
fn every(kind: Kind, fault: Fault) -> Vec<(Kind, Call, Fault)> {
    undisturbed(kind).1.iter().map(|call| (kind, call.clone(), fault)).collect()
}

#[test]
fn killed_at_any_call_of_a_first_deployment() {
    all(&every(Kind::New, Fault::Kill));
}

#[test]
fn killed_at_any_call_of_an_update() {
    all(&every(Kind::Update, Fault::Kill));
}

/// The same command again completes it, and does not go back once more.
#[test]
fn killed_at_any_call_of_a_rollback() {
    const BACK: [&str; 4] = ["rollback", "--to", "1", "--yes"];
    let two_releases = || {
        let shop = before(Kind::New);
        shop.deploy();
        shop.code("second").deploy();
        shop
    };
    let shop = two_releases();
    let (run, proxy) = shop.through(&BACK, Script::default(), &[]);
    assert_eq!(run.code, 0, "{}", run.text());
    let calls: Vec<Call> =
        proxy.calls().into_iter().map(|(name, nth)| (name.replace(shop.stack, "SHOP"), nth)).collect();
    assert!(calls.iter().any(|(name, _)| name.contains("aliases/live")), "{calls:?}");
    each(&calls, |call| {
        let shop = two_releases();
        let at = Some(((call.0.replace("SHOP", shop.stack), call.1), Fault::Kill));
        let (first, _) = shop.through(&BACK, Script { at, ..Script::default() }, &[]);
        let again = shop.run(&BACK);
        let doctor = shop.run(&["doctor", "--exit-code"]);
        let served = ["hello", "work"].map(|name| shop.alias(name));
        // Where nothing was left to do the lease of the dead one lies there still; it keeps nobody.
        let is_sound = doctor.code == 0 || doctor.stdout.contains("One thing is to be known");
        match (first.code, again.code, is_sound, served.each_ref().map(String::as_str)) {
            (-1, 0, true, ["1", "1"]) => ledger(&shop),
            found => Err(format!("{found:?}")),
        }
        .map_err(|why| format!("killed at {call:?}: {why}\n{}{}{}", first.text(), again.text(), doctor.text()))
    });
}

/// What goes wrong between the tool and AWS without ending either.
const FAULTS: [Fault; 7] =
    [Fault::Throttle, Fault::Broken, Fault::BrokenForGood, Fault::Reset, Fault::Refuse, Fault::Hang, Fault::Interrupt];

/// Each kind of fault at a share of the calls, so that every kind and every call is met: call `n` with fault `n` mod 6.
#[test]
fn disturbed_at_any_call() {
    let cases = [Kind::New, Kind::Update].into_iter().flat_map(|kind| {
        undisturbed(kind).1.iter().enumerate().map(move |(n, call)| (kind, call.clone(), FAULTS[n % FAULTS.len()]))
    });
    all(&cases.collect::<Vec<_>>());
}

#[test]
#[ignore = "every fault at every call takes a quarter of an hour (`make faults`); the test above takes a sixth of them"]
fn disturbed_at_every_call_by_everything() {
    let each = |kind| FAULTS.into_iter().flat_map(move |fault| every(kind, fault));
    all(&[Kind::New, Kind::Update].into_iter().flat_map(each).collect::<Vec<_>>());
}
