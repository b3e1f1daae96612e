//! `deployer iam reach FILE`: the AWS operations that an executable can send.

use crate::artifact;
use crate::cli::Format;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use std::path::Path;

pub(super) fn run(ctx: &Ctx, file: &Path) -> Result<Exit, Failure> {
    let reach = artifact::reach(&ctx.folder.join(file)).map_err(|error| {
        Failure::usage(format!("{} cannot be read: {error}", file.display()), "name a built executable")
    })?;
    let told = |operations: &std::collections::BTreeSet<_>| operations.iter().map(ToString::to_string).collect();
    let (operations, plumbing): (Vec<String>, Vec<String>) = (told(&reach.operations), told(&reach.plumbing));
    match ctx.format() {
        Format::Json => {
            let json =
                serde_json::json!({ "operations": operations, "plumbing": plumbing, "incomplete": reach.incomplete });
            ctx.result(&format!("{json:#}\n"));
        }
        _ => {
            operations.iter().for_each(|operation| ctx.result(&format!("{operation}\n")));
            if !plumbing.is_empty() {
                ctx.say(format!("linked for credentials and sessions: {}", plumbing.join(", ")));
            }
            reach.incomplete.iter().for_each(|why| ctx.say(format!("incomplete: {why}")));
        }
    }
    Ok(Exit::Done)
}
