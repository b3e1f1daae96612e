//! `deployer deploy` and `plan` on stacks that go well: what is deployed, what is said, which calls are made.

use crate::aws::{Shop, address, calls, get, writes};
use serde_json::Value;

#[test]
fn a_first_deployment_answers_and_a_second_one_changes_nothing() {
    let shop = Shop::new("first", &Shop::hello("hi"));
    let run = shop.deploy();
    assert!(run.stderr.contains("release 1 of first-dev is live"), "{}", run.text());
    assert_eq!(shop.alias("hello"), "1");
    let answer = get(&address(&run, "hello"));
    assert_eq!((answer.status, answer.body.as_str()), (200, "first hi 1"));

    let run = shop.ends(0, &["deploy", "--yes", "-vv"]);
    assert!(run.stdout.contains("No changes. first-dev is as the stack file says."), "{}", run.text());
    assert_eq!(writes(&run), Vec::<String>::new(), "{}", run.text());
    assert_eq!(shop.releases().len(), 1, "a run without changes is no release");
}

#[test]
fn a_changed_variable_is_planned_by_name_and_served_by_a_new_version() {
    let shop = Shop::new("variable", &Shop::hello("old-value"));
    let first = shop.deploy();
    shop.declare(&Shop::hello("new-value"));

    let plan = shop.ends(3, &["plan", "--exit-code"]);
    assert!(plan.stdout.contains("~ update Lambda Function variable-dev-hello"), "{}", plan.text());
    assert!(plan.stdout.contains("Environment.Variables.GREETING: old-value → new-value"), "{}", plan.text());
    let json = shop.ends(3, &["plan", "--exit-code", "--format", "json"]);
    let plans: Value = serde_json::from_str(&json.stdout).expect("a plan in JSON");
    let properties = plans[0]["lines"][0]["properties"].as_array().expect("a change has properties").clone();
    let found = properties.iter().find(|property| property["path"] == "Environment.Variables.GREETING");
    assert_eq!(found.expect("the variable is named")["cause"], "yours");
    assert_eq!(get(&address(&first, "hello")).body, "first old-value 1", "a plan changes nothing");

    shop.deploy();
    assert_eq!(shop.alias("hello"), "2");
    assert_eq!(get(&address(&first, "hello")).body, "first new-value 2");
    let status = shop.ends(0, &["status", "--format", "json"]);
    assert!(!status.text().contains("new-value"), "{}", status.text());
    shop.is_settled();
}

#[test]
fn changed_code_is_released_without_cloudformation() {
    let shop = Shop::new("code", &Shop::hello("hi"));
    let first = shop.deploy();
    shop.code("second");
    let plan = shop.ends(3, &["plan", "--exit-code"]);
    assert!(plan.stdout.contains("    Code: "), "{}", plan.text());

    let run = shop.ends(0, &["deploy", "--yes", "-vv"]);
    let stack_calls: Vec<_> = writes(&run).into_iter().filter(|name| name.starts_with("CloudFormation")).collect();
    assert_eq!(stack_calls, Vec::<String>::new(), "{}", run.text());
    assert_eq!(shop.alias("hello"), "2");
    assert_eq!(get(&address(&first, "hello")).body, "second hi 2");
    shop.is_settled();
}

#[test]
fn without_a_yes_nothing_is_changed_and_nothing_is_left_behind() {
    let shop = Shop::new("unasked", &Shop::hello("hi"));
    let run = shop.ends(6, &["deploy"]);
    assert_eq!(
        run.stderr,
        "error: nobody can be asked here\nnow: nothing was changed\nnext: deployer --sandbox deploy --yes\n"
    );
    assert_eq!(shop.status(), "", "no stack is left in REVIEW_IN_PROGRESS");
    assert!(shop.releases().is_empty());

    shop.deploy();
    shop.declare(&Shop::hello("hello"));
    shop.ends(6, &["deploy"]);
    shop.ends(3, &["plan", "--exit-code"]);
    assert_eq!(shop.status(), "CREATE_COMPLETE");
    assert_eq!(shop.open_change_sets(), 0);
    assert_eq!(shop.alias("hello"), "1");
    assert_eq!(shop.releases().len(), 1);
}

#[test]
fn a_template_over_the_limit_of_a_request_goes_through_the_bucket() {
    const COUNT: usize = 60;
    let items: Vec<String> = (0..COUNT).map(|number| format!("\"{number:02}\"")).collect();
    let text = |greeting: &str| {
        format!(
            "vars: {{items: [{}]}}\nfunctions:\n  \"work-{{{{ item }}}}\":\n    for_each: \"{{{{ items }}}}\"\n    \
             code: {}\n    env: {{GREETING: {greeting}}}\n",
            items.join(", "),
            crate::aws::PYTHON,
        )
    };
    let shop = Shop::new("many", &text("hi"));
    let size = shop.ends(0, &["synth", "many"]).stdout.len();
    assert!(size > 51_200, "{size} bytes go into a request");
    let created = shop.ends(0, &["deploy", "--yes", "-vv"]);
    assert_eq!((shop.alias("work-00"), shop.alias("work-59")), ("1".to_owned(), "1".to_owned()));
    let settled = shop.ends(0, &["deploy", "--yes", "-vv"]);
    assert_eq!(writes(&settled), Vec::<String>::new(), "{}", settled.text());
    let count = |run| calls(run).iter().map(|(_, count)| count).sum::<usize>();
    // Three reads a function, two of its policies, and what the stack itself takes.
    assert!(count(&settled) < COUNT * 5 + 20, "{}", settled.text());

    shop.declare(&text("hello"));
    let markdown = shop.ends(0, &["plan", "--format", "markdown"]).stdout;
    assert!(markdown.len() < 65_536, "{} bytes do not fit into a comment", markdown.len());
    assert!(markdown.contains("many-dev-work-59"), "{markdown}");
    let updated = shop.ends(0, &["deploy", "--yes", "-vv"]);
    assert_eq!(shop.alias("work-59"), "2");
    let counts = [count(&created), count(&settled), count(&updated)];
    eprintln!("{COUNT} functions, template of {size} bytes: AWS requests to create, check, update: {counts:?}");
}
