//! `deployer check`: every mistake in the stack files, for every stage.

use crate::cli::Format;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::project::{self, Checked};
use crate::render::diagnostics;
use serde_json::json;

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
    ctx.say(diagnostics::text(&checked.diagnostics, &checked.sources, true).trim_end());
    ctx.result(&summary(&checked));
    Ok(exit)
}

fn summary(checked: &Checked) -> String {
    let count = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    let stacks: Vec<&str> = checked.stacks.iter().map(|stack| stack.file.stack.as_str()).collect();
    let functions = |name: &str| checked.stacks.iter().find(|stack| stack.file.stack.as_str() == name);
    let mut names = stacks.clone();
    names.dedup();
    let functions: usize = names.iter().copied().filter_map(functions).map(|stack| stack.file.functions.len()).sum();
    format!("ok: {}, {}, {}\n", count(names.len(), "stack"), count(stacks.len(), "stage"), count(functions, "function"))
}
