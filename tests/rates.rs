//! Rates and round trips: a large stack under the rates that AWS grants, and how long the way back takes.

use crate::aws::{PYTHON, Shop};
use crate::harness::Run;
use crate::proxy::{Proxy, Script};
use std::time::{Duration, Instant};

/// `count` functions, all greeting with `greeting`.
fn many(count: usize, greeting: &str) -> String {
    let items: Vec<String> = (0..count).map(|number| format!("\"{number:03}\"")).collect();
    format!(
        "vars: {{items: [{}]}}\nfunctions:\n  \"work-{{{{ item }}}}\":\n    for_each: \"{{{{ items }}}}\"\n    \
         code: {PYTHON}\n    env: {{GREETING: {greeting}}}\n",
        items.join(", "),
    )
}

/// Twenty stacks of fifty functions each: a stack holds 500 resources at most.
#[test]
#[ignore = "a quarter of an hour: run by `make faults`"]
fn a_thousand_functions_are_deployed_under_the_rates_of_lambda() {
    let shop = Shop::in_region("k00", "eu-thousand-1", &many(50, "hi"));
    for number in 1..20 {
        let text = format!("stack: k{number:02}\nstages: {{dev: {{region: eu-thousand-1}}}}\n{}", many(50, "hi"));
        shop.project.write(&format!("stacks/k{number:02}.yaml"), text);
    }
    let script = || Script { lambda_per_second: Some(15.0), ..Script::default() };
    for arguments in [&["deploy", "--yes"][..], &["plan", "--exit-code"]] {
        let (_, proxy, took) = through(&shop, arguments, script(), true);
        let (calls, refused) = (proxy.calls().len(), proxy.throttled());
        eprintln!("1,000 functions, {}: {calls} calls in {took:.1?}, {refused} refused", arguments[0]);
        assert!(refused * 50 <= calls, "{refused} of {calls} refused");
    }
}

/// Runs through a proxy; how long it took.
fn through(shop: &Shop, arguments: &[&str], script: Script, paced: bool) -> (Run, Proxy, Duration) {
    let began = Instant::now();
    let (run, proxy) = shop.through(arguments, script, if paced { &[("DEPLOYER_SANDBOX_PACE", "1")] } else { &[] });
    assert_eq!(run.code, 0, "{}", run.text());
    (run, proxy, began.elapsed())
}

#[test]
fn a_large_stack_is_deployed_under_the_rates_of_lambda() {
    let shop = Shop::in_region("rated", "eu-rated-1", &many(60, "hi"));
    let script = || Script { lambda_per_second: Some(15.0), ..Script::default() };
    let (_, proxy, took) = through(&shop, &["deploy", "--yes"], script(), true);
    eprintln!(
        "60 functions, 15 requests a second: {} calls in {took:.1?}, {} refused",
        proxy.calls().len(),
        proxy.throttled()
    );
    assert!(proxy.throttled() * 50 <= proxy.calls().len(), "{} of {} refused", proxy.throttled(), proxy.calls().len());
    shop.is_settled();
}

#[test]
#[ignore = "a measurement: prints a table of calls and times, on which nothing can be asserted"]
fn the_way_back_in_calls_and_seconds() {
    eprintln!(
        "| functions | added per call | calls | of them waited for | seconds |\n| ---: | ---: | ---: | ---: | ---: |"
    );
    for (count, stack, region) in [(5, "five", "eu-five-1"), (50, "fifty", "eu-fifty-1")] {
        let shop = Shop::in_region(stack, region, &many(count, "hi"));
        shop.deploy();
        shop.code("second").deploy();
        for added in [0, 50] {
            let script = Script { latency: Duration::from_millis(added), ..Script::default() };
            let to = if added == 0 { "1" } else { "2" };
            let (_, proxy, took) = through(&shop, &["rollback", "--to", to, "--yes"], script, false);
            eprintln!(
                "| {count} | {added} ms | {} | {} | {:.2} |",
                proxy.calls().len(),
                proxy.depth(),
                took.as_secs_f64()
            );
            if count == 5 && added == 0 {
                eprintln!("{:#?}", proxy.by_name());
            }
        }
        shop.code("third");
        let script = Script { latency: Duration::from_millis(50), ..Script::default() };
        let (_, proxy, took) = through(&shop, &["deploy", "--yes"], script, false);
        eprintln!(
            "code of {count}: {} calls, {} after one another, {:.2} s",
            proxy.calls().len(),
            proxy.depth(),
            took.as_secs_f64()
        );
    }
}
