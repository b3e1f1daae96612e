//! Dashboards: their bodies are as CloudWatch documents them, releases are marked without becoming a change, and a preview is
//! whole and readable in a real browser.

use crate::aws::{PYTHON, Shop};
use crate::browser::View;
use crate::harness::{Project, repository};
use serde_json::{Value, json};
use std::fs;

const WIDE: View = View { width: 1280, height: 1600, dark: false };
const NARROW: View = View { width: 390, height: 1600, dark: false };
const DARK: View = View { dark: true, ..WIDE };

/// The bodies of a template's dashboards by name, with the words of this place filled in.
fn bodies(template: &str) -> Vec<(String, Value)> {
    let template: Value = serde_json::from_str(template).expect("a template");
    let all = template["Resources"].as_object().expect("resources").values();
    all.filter(|resource| resource["Type"] == "AWS::CloudWatch::Dashboard")
        .map(|resource| {
            let properties = &resource["Properties"];
            let text = properties["DashboardBody"]["Fn::Sub"].as_str().expect("a text to fill in");
            let text = [("Partition", "aws"), ("Region", "eu-west-1"), ("AccountId", "123456789012")]
                .iter()
                .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${{AWS::{name}}}"), value));
            let text = text.replace("${Api}", "a1b2c3").replace("${!", "${");
            let name = properties["DashboardName"].as_str().expect("a name").to_owned();
            (name, serde_json::from_str(&text).expect("a body is JSON"))
        })
        .collect()
}

#[test]
fn bodies_are_as_cloudwatch_documents_them() {
    let schema = fs::read_to_string(repository().join("tests/dashboard.schema.json")).expect("the schema is kept");
    let schema: Value = serde_json::from_str(&schema).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let project = Project::new("boards");
    let repository = repository();
    let root = repository.to_str().expect("a path that is text");
    let of_the_repository = project.run(&["--root", root, "--stage", "prod", "synth", "ticketbottle"]);
    let case = fs::read_to_string(repository.join("tests/cases/synth/dashboards/template.json")).expect("the case");
    let mut found = 0;
    for (name, body) in [of_the_repository.stdout.as_str(), &case].into_iter().flat_map(bodies) {
        let mistakes: Vec<String> =
            validator.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(mistakes, Vec::<String>::new(), "{name}");
        found += 1;
        // Every function has its place without being named in a file.
        let text = body.to_string();
        for function in if name.starts_with("shown") { ["front", "worker"] } else { ["email-sender", "outbox-cleanup"] }
        {
            assert!(text.contains(function), "{function} in {name}");
        }
        let mut odd = body.clone();
        odd["widgets"][1]["x"] = json!(25);
        assert!(!validator.is_valid(&odd), "the schema sees a widget that is outside");
    }
    assert_eq!(found, 4);
}

#[test]
fn releases_are_marked_and_that_is_no_change() {
    let text = format!(
        "alarms: [critical]\ndashboards: [operations, technical]\nfunctions:\n  hello: {{code: {PYTHON}, triggers: [{{http: GET /hello}}]}}\n"
    );
    let shop = Shop::new("marked", &text);
    shop.deploy();
    shop.code("second").deploy();
    let body = || {
        let answer = shop.query("monitoring", "GetDashboard", &[("DashboardName", "marked-dev-operations")]);
        assert!(answer.contains("<DashboardBody>"), "{answer}");
        answer
    };
    for label in ["release 1", "release 2"] {
        assert!(body().contains(label), "{label} in {}", body());
    }
    shop.is_settled();
    let drift = shop.ends(0, &["drift", "--exit-code"]);
    assert!(!drift.stdout.contains("Dashboard"), "{}", drift.text());
    shop.ends(0, &["rollback", "--yes"]);
    assert!(body().contains("release 3"), "a rollback is a release");

    // What somebody else changes is drift all the same, and putting it right leaves the markers.
    let other = [("DashboardName", "marked-dev-technical"), ("DashboardBody", r#"{"widgets":[]}"#)];
    shop.query("monitoring", "PutDashboard", &other);
    let plan = shop.ends(3, &["plan", "--exit-code"]);
    assert!(plan.stdout.contains("marked-dev-technical"), "{}", plan.text());
    shop.deploy();
    shop.is_settled();
    assert!(body().contains("release 4"));

    // What there is so far, drawn; what the sandbox cannot compute says so.
    shop.lambda("POST", "hello", "invocations?Qualifier=live", &json!({}));
    let live = shop.ends(0, &["dashboard", "preview"]).stdout;
    let seen = is_sound(&shop.project, &live, WIDE);
    let text = seen["text"].as_str().unwrap_or_default();
    for words in
        ["marked-dev-operations", "Metrics of marked-dev in us-east-1", "release 4 (", "Expressions not implemented"]
    {
        assert!(text.contains(words), "{words} in {text}");
    }
    assert!(text.contains("OK\nhello-critical-timeouts"), "{text}");
    let drawn: u64 = seen["drawn"].as_array().into_iter().flatten().filter_map(Value::as_u64).sum();
    assert!(drawn >= 3, "{}", seen["drawn"]);
}

/// What must hold of a preview in every view.
fn is_sound(project: &Project, page: &str, view: View) -> Value {
    assert_eq!(view.console(project, page), Vec::<String>::new());
    let found = view.measured(project, page);
    for key in ["panels", "pale"] {
        assert_eq!(found[key], json!([]), "{key} at {view:?}");
    }
    assert_eq!((&found["wide"], &found["lost"]), (&json!(0), &json!(0)), "at {view:?}");
    assert_eq!(found["reachable"], json!(true));
    for theme in ["light", "dark", "auto"] {
        assert_eq!(found["themes"][theme]["pale"], json!([]), "{theme} at {view:?}");
    }
    let own = if view.dark { "dark" } else { "light" };
    assert_eq!(found["paper"], found["themes"][own]["paper"], "the system's choice is heeded");
    found
}

#[test]
fn a_preview_with_sample_data_is_whole_and_readable_in_a_browser() {
    let project = Project::new("preview");
    let repository = repository();
    let root = repository.to_str().expect("a path that is text");
    let preview = |more: &[&str]| {
        let run = project.run(
            &[&["--root", root, "--stage", "dev", "dashboard", "preview", "ticketbottle", "--sample"], more].concat(),
        );
        assert_eq!(run.code, 0, "{}", run.text());
        run.stdout
    };
    let page = preview(&[]);
    assert_eq!(page, preview(&[]), "the same sample each time");
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"), "a page of its own");
    let wide = is_sound(&project, &page, WIDE);
    is_sound(&project, &page, NARROW);
    is_sound(&project, &page, DARK);
    let drawn: Vec<u64> = wide["drawn"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
    assert!(drawn.len() >= 15 && drawn.iter().all(|paths| *paths >= 1), "{drawn:?}");
    let text = wide["text"].as_str().unwrap_or_default();
    let words = [
        "Sample data",
        "Success rate",
        "Age of the oldest message",
        "email-sender: duration",
        "Cold starts",
        "release 42",
    ];
    for words in words {
        assert!(text.contains(words), "{words} in {text}");
    }
    let shots = [WIDE, NARROW, DARK].map(|view| view.screenshot(&project, &page));
    assert!(shots[0] != shots[1] && shots[0] != shots[2]);
    assert!(shots[0] == WIDE.screenshot(&project, &page), "nothing in it changes by itself");

    let one = preview(&["--dashboard", "technical"]);
    assert!(!one.contains("ticketbottle-dev-operations"));
    let none = project.run(&["--root", root, "--stage", "dev", "dashboard", "preview", "foundation", "--sample"]);
    assert_eq!(none.code, 2, "{}", none.text());
    assert!(none.stderr.contains("say `dashboards: [operations, technical]`"), "{}", none.text());
}
