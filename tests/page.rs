//! The page of a plan, in a real browser: everything is there, readable, light and dark, wide and narrow.

use crate::aws::{PYTHON, Shop};
use crate::browser::View;
use crate::harness::repository;
use serde_json::{Value, json};

const WIDE: View = View { width: 1280, height: 1600, dark: false };
const NARROW: View = View { width: 390, height: 1600, dark: false };
const DARK: View = View { dark: true, ..WIDE };

/// Plans as the shop has them now: the page, and the same in JSON.
fn plans(shop: &Shop) -> (String, Value) {
    let page = shop.ends(0, &["plan", "--format", "html"]).stdout;
    let json = shop.ends(0, &["plan", "--format", "json"]).stdout;
    (page, serde_json::from_str(&json).expect("plans in JSON"))
}

/// Whether JSON is as `docs/plan.schema.json` says.
fn is_as_the_schema_says(plans: &Value) {
    let text = std::fs::read_to_string(repository().join("docs/plan.schema.json")).expect("the schema is kept");
    let schema: Value = serde_json::from_str(&text).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let mistakes: Vec<String> =
        validator.iter_errors(plans).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(mistakes, Vec::<String>::new());
}

/// What must hold of every page in every view.
fn is_sound(shop: &Shop, page: &str, view: View, plans: &Value) -> Value {
    assert_eq!(view.console(&shop.project, page), Vec::<String>::new());
    let found = view.measured(&shop.project, page);
    let none = |key: &str| assert_eq!(found[key], json!([]), "{key} at {view:?}");
    none("outside");
    none("pale");
    assert_eq!(found["wide"], 0, "the page is wider than its window at {view:?}");
    assert_eq!(found["lost"], 0, "a link that leads nowhere");
    assert_eq!((&found["titles"], &found["reachable"]), (&json!(true), &json!(true)));
    for theme in ["light", "dark", "auto"] {
        assert_eq!(found["themes"][theme]["pale"], json!([]), "{theme} at {view:?}");
    }
    let luminance = |theme: &str| found["themes"][theme]["paper"].as_f64().unwrap_or_default();
    assert!(luminance("light") > 0.8 && luminance("dark") < 0.05, "{}", found["themes"]);
    let own = if view.dark { "dark" } else { "light" };
    assert_eq!(found["paper"], found["themes"][own]["paper"], "the system's choice is heeded");
    assert_eq!(found["themes"]["auto"]["paper"], found["paper"]);
    let text = found["text"].as_str().unwrap_or_default();
    for (number, plan) in plans.as_array().into_iter().flatten().enumerate() {
        for line in plan["lines"].as_array().into_iter().flatten() {
            let (id, name) = (line["id"].as_str().unwrap_or_default(), line["name"].as_str().unwrap_or_default());
            assert!(page.contains(&format!("id=\"s{number}-{id}\"")), "{id} is not on the page");
            assert!(text.contains(name), "{name} is not in the text of the page");
        }
    }
    found
}

#[test]
fn the_page_of_a_plan_is_whole_and_readable_in_a_browser() {
    let queues = |queues: &str, greeting: &str, access: &str| {
        format!(
            "queues: {{{queues}}}\nfunctions:\n  hello:\n    code: {PYTHON}\n    triggers: [{{http: GET /hello}}, {{schedule: rate(1 minute)}}]\n    \
             env: {{GREETING: {greeting}}}\n    access: [{access}]\n  \
             a-worker-with-a-name-that-is-much-too-long:\n    code: {PYTHON}\n    triggers: [{{queue: jobs}}]\n"
        )
    };
    let shop = Shop::new("page", &queues("jobs: {}, letters: {}", "hi", "{queue: jobs, can: send}"));
    shop.deploy();
    let by_hand =
        json!({ "MemorySize": 1024, "Environment": { "Variables": { "GREETING": "hi", "TOKEN": "hunter2" } } });
    shop.lambda("PUT", "hello", "configuration", &by_hand);
    shop.declare(&queues(
        "jobs: {visibility: 20m}, news: {}",
        "<hello> & | welcome",
        "{queue: jobs, can: [send, purge]}",
    ));

    let (page, plans) = plans(&shop);
    is_as_the_schema_says(&plans);
    assert!(page.contains("TOKEN") && !page.contains("hunter2"), "what somebody else wrote may be secret");
    assert!(!plans.to_string().contains("hunter2"));
    let wide = is_sound(&shop, &page, WIDE, &plans);
    is_sound(&shop, &page, NARROW, &plans);
    is_sound(&shop, &page, DARK, &plans);
    assert!(wide["nodes"].as_u64() >= Some(8), "{}", wide["nodes"]);
    assert!(wide["changed"].as_u64() >= Some(4), "{}", wide["changed"]);
    // Every filter takes something away, and brings it back.
    let filters = wide["filters"].as_object().expect("filters");
    assert!(filters.len() >= 4 && filters.values().all(|taken| taken.as_i64() > Some(0)), "{filters:?}");
    let text = wide["text"].as_str().unwrap_or_default();
    for words in
        ["GREETING", "hi → <hello> & | welcome", "1024 → 256 MB", "drift", "allow sqs:PurgeQueue on", "loses data"]
    {
        assert!(text.contains(words), "`{words}` is not in\n{text}");
    }

    let shots = [WIDE, NARROW, DARK].map(|view| view.screenshot(&shop.project, &page));
    assert!(shots[0] != shots[1] && shots[0] != shots[2]);
    // Nothing in it changes by itself.
    assert!(shots[0] == WIDE.screenshot(&shop.project, &page));

    shop.ends(0, &["deploy", "--yes", "--allow", "delete-data", "--allow", "replace"]);
    let (page, plans) = self::plans(&shop);
    let settled = is_sound(&shop, &page, WIDE, &plans);
    assert!(settled["text"].as_str().unwrap_or_default().contains("No changes."));
}

#[test]
fn hundreds_of_changes_are_folded_and_still_all_there() {
    let items: Vec<String> = (0..50).map(|number| format!("\"{number:02}\"")).collect();
    let text = format!(
        "vars: {{items: [{}]}}\nfunctions:\n  \"work-{{{{ item }}}}\":\n    for_each: \"{{{{ items }}}}\"\n    code: {PYTHON}\n    triggers: [{{schedule: rate(1 hour)}}]\n",
        items.join(", "),
    );
    let shop = Shop::new("crowd", &text);
    let (page, plans) = plans(&shop);
    is_as_the_schema_says(&plans);
    let count = plans[0]["lines"].as_array().map_or(0, Vec::len);
    assert!(count >= 300, "{count} changes");
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
    let found = is_sound(&shop, &page, WIDE, &plans);
    is_sound(&shop, &page, NARROW, &plans);
    assert!(found["folded"].as_u64() >= Some(5), "{}", found["folded"]);
    let markdown = shop.ends(0, &["plan", "--format", "markdown"]).stdout;
    assert!(markdown.len() < 65_536 && markdown.matches("<details").count() == markdown.matches("</details>").count());
}
