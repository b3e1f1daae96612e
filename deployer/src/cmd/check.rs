//! `deployer check`: every mistake in the stack files, for every stage.

use crate::cli::Format;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::project::{self, Checked};
use crate::render::diagnostics;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stacks, or paths to stack files; default: all
    #[arg(value_name = "STACK")]
    stacks: Vec<String>,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let checked = project::check(ctx, &args.stacks)?;
    let exit = if checked.diagnostics.has_errors() { Exit::Usage } else { Exit::Done };
    if ctx.format() == Format::Json {
        let report = json!({
            "format_version": 1,
            "ok": exit == Exit::Done,
            "diagnostics": diagnostics::json(&checked.diagnostics, &checked.sources),
        });
        ctx.result(&format!("{report:#}\n"));
        return Ok(exit);
    }
    if exit == Exit::Usage {
        return Err(Failure::Input { diagnostics: checked.diagnostics, sources: checked.sources });
    }
    if !checked.diagnostics.0.is_empty() {
        ctx.say(diagnostics::text(&checked.diagnostics, &checked.sources, true).trim_end());
    }
    ctx.result(&summary(&checked));
    Ok(exit)
}

fn summary(checked: &Checked) -> String {
    let count = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    // Each stack is there once for every stage; what it declares is counted once.
    let stacks: BTreeMap<&str, usize> =
        checked.stacks.iter().map(|stack| (stack.file.stack.as_str(), stack.file.functions.len())).collect();
    let stages: BTreeSet<&str> = checked.stacks.iter().map(|stack| stack.stage.as_str()).collect();
    let names: Vec<&str> = stages.iter().copied().collect();
    format!(
        "ok: {}, {} ({}), {}\n",
        count(stacks.len(), "stack"),
        count(stages.len(), "stage"),
        names.join(", "),
        count(stacks.values().sum(), "function")
    )
}
