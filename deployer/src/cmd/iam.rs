//! `deployer iam`: what roles grant against what the code can reach, and a role in plain words.

mod explain;
mod fix;
mod live;
mod reach;
mod simulate;
mod unused;

use crate::artifact;
use crate::cli::Format;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::model::Stack;
use crate::privilege::{Verdict, verdict};
use crate::project;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Compare what each built function can reach with what its role grants: what is missing, what is too much
    Check {
        /// Stacks to check; default: all
        stacks: Vec<String>,
        /// Exit with 1 also when a role grants more than the code can reach, or a suppression matches nothing
        #[arg(long)]
        strict: bool,
        /// Write into the stack files what is missing, and take out what is too much; comments stay
        #[arg(long, conflicts_with = "strict")]
        fix: bool,
    },
    /// Say which AWS operations an executable can send, one a line
    Reach {
        /// A built executable for Linux
        file: PathBuf,
    },
    /// Say which allowed actions were not used, as far as AWS remembers, and of which it does not tell
    Unused(unused::Args),
    /// Ask IAM whether each live role allows what it says, and none of its neighbours
    Simulate(simulate::Args),
    /// Say what a function's role allows, which line grants it and which code uses it
    Explain {
        /// Its name in the stack file
        function: String,
    },
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    match &args.action {
        Action::Check { stacks, fix: true, .. } => fix::run(ctx, stacks).await,
        Action::Check { stacks, strict, .. } => check(ctx, stacks, *strict).await,
        Action::Unused(args) => unused::run(ctx, args).await,
        Action::Simulate(args) => simulate::run(ctx, args).await,
        Action::Reach { file } => reach::run(ctx, file),
        Action::Explain { function } => explain::run(ctx, function).await,
    }
}

async fn check(ctx: &Ctx, names: &[String], strict: bool) -> Result<Exit, Failure> {
    let project = project::load(ctx, names)?;
    let built = artifact::build(ctx, &project.sources, &project.stacks, artifact::Platform::of(ctx)).await?;
    let (mut missing, mut excess) = (0, 0);
    let mut all = Vec::new();
    for (stack, artifacts) in project.stacks.iter().zip(&built) {
        for seen in artifact::seen(ctx, stack, artifacts, |_| true).await? {
            let Some(found) = verdict(stack, &project.sources, &seen) else {
                ctx.say(format!("{}: its role is made elsewhere and not looked into", seen.name));
                continue;
            };
            missing += found.missing.len();
            excess += found.excess.len() + found.idle.len();
            match ctx.format() {
                Format::Json => all.push(as_json(stack, &found)),
                _ => ctx.result(&as_text(stack, &found)),
            }
        }
    }
    if ctx.format() == Format::Json {
        ctx.result(&format!("{:#}\n", Value::Array(all)));
    }
    match missing > 0 || (strict && excess > 0) {
        true => Err(Failure::failed(
            format!("{missing} actions are missing and {excess} too many"),
            "nothing was changed",
            "correct the lines above (`--fix` does), then check again",
        )),
        false => Ok(Exit::Done),
    }
}

fn as_json(stack: &Stack, found: &Verdict) -> Value {
    let mut json = json!({ "stack": stack.name() });
    if let (Value::Object(json), Ok(Value::Object(found))) = (&mut json, serde_json::to_value(found)) {
        json.extend(found);
    }
    json
}

fn as_text(stack: &Stack, found: &Verdict) -> String {
    let mut out = format!("{} of {}: {} operations reached", found.function, stack.name(), found.reached.len());
    if found.missing.is_empty() && found.excess.is_empty() {
        out += ", granted what they need";
    }
    out.push('\n');
    for missing in &found.missing {
        out += &format!("  missing {}: {}\n", missing.action, missing.calls());
        out += &format!("    add to `access:` of {}: `{}`\n", found.function, missing.add);
    }
    for excess in &found.excess {
        out += &format!("  excess {}: nothing in the code reaches it\n    {}\n", excess.action, excess.granted());
    }
    for operation in &found.unknown {
        out += &format!("  unknown {operation}: no action of that name; grant it by hand\n");
    }
    for why in &found.incomplete {
        out += &format!("  incomplete: {why}\n");
    }
    for suppressed in &found.suppressed {
        out += &format!("  suppressed {}: {}\n", suppressed.what, suppressed.because);
    }
    for place in &found.idle {
        out += &format!("  idle suppression at {place}: it matches nothing\n");
    }
    out
}
