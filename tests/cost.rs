//! What a plan costs that finds nothing: requests to AWS, and time.
//!
//! `cargo test --workspace --test cli plans_without_changes -- --ignored --nocapture` prints a table. The sandbox answers
//! from this machine: requests are what AWS would be sent, times leave its latency out.

use crate::aws::{PYTHON, Server, calls};
use crate::harness::Project;
use crate::settled;
use std::time::Instant;

/// Plans of which the fastest counts.
const RUNS: usize = 5;
/// Functions of the generated stack.
const FUNCTIONS: usize = 50;

#[test]
#[ignore = "a measurement: prints a table of requests and times, on which nothing can be asserted"]
fn plans_without_changes() {
    let server = Server::start();
    let many = many(&server);
    let own = settled::of_the_repository(&server);
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    eprintln!(
        "\n{build} build, the fastest of {RUNS}\n\n| stack | resources | requests | time |\n| --- | ---: | ---: | ---: |"
    );
    for (project, stack) in [(&own, "foundation"), (&own, "ticketbottle"), (&many, "many")] {
        let run = |arguments: &[&str]| {
            let run = project.run(&[&["--sandbox"], arguments].concat());
            assert_eq!(run.code, 0, "{}", run.text());
            run
        };
        run(&["deploy", stack, "--yes"]);
        let synth = run(&["synth", stack]);
        let template: serde_json::Value = serde_json::from_str(&synth.stdout).expect("a template");
        let resources = template["Resources"].as_object().expect("resources").len();
        let mut fastest = std::time::Duration::MAX;
        let mut requests = Vec::new();
        for _ in 0..RUNS {
            let began = Instant::now();
            let plan = run(&["plan", stack, "--exit-code", "-vv"]);
            fastest = fastest.min(began.elapsed());
            requests = calls(&plan);
        }
        let count: usize = requests.iter().map(|(_, count)| count).sum();
        eprintln!("| {stack} | {resources} | {count} | {} ms |", fastest.as_millis());
        requests.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let most: Vec<String> =
            requests.iter().take(6).map(|(operation, count)| format!("{operation} {count}")).collect();
        eprintln!("|   {} | | | |", most.join(", "));
    }
}

/// Functions with a role, a log group and a queue that starts each.
fn many(server: &Server) -> Project {
    let mut project = Project::new("many");
    project.environment("DEPLOYER_SANDBOX_PORT", &server.port.to_string());
    project.write("fn/main.py", crate::aws::CODE);
    let each: String = (0..FUNCTIONS)
        .map(|at| format!("  worker-{at}: {{ code: {PYTHON}, triggers: [{{ queue: jobs-{at} }}] }}\n"))
        .collect();
    let queues: String = (0..FUNCTIONS).map(|at| format!("  jobs-{at}: {{ visibility: 3m }}\n")).collect();
    project.write(
        "stacks/many.yaml",
        format!("stack: many\nstages: {{ dev: {{ region: eu-west-1 }} }}\nqueues:\n{queues}functions:\n{each}"),
    );
    project
}
