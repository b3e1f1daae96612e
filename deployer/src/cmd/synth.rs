//! `deployer synth`: the CloudFormation template of a stack.

use crate::cfn;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::files;
use crate::model::Stack;
use crate::project;
use crate::render::diagnostics;
use crate::synth;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stacks, or paths to stack files; default: all
    #[arg(value_name = "STACK")]
    stacks: Vec<String>,
    /// Write to this file; or, if it is a folder or ends with `/`, one file per stack into it
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let project = project::load(ctx, &args.stacks)?;
    let warnings = diagnostics::text(&project.warnings, &project.sources, true);
    if !warnings.is_empty() {
        ctx.say(warnings.trim_end());
    }
    let output = args.output.as_ref().map(|path| ctx.folder.join(path));
    // A joined path keeps its final slash, which is all that tells a folder that is not there yet.
    let folder = output.as_ref().filter(|path| path.is_dir() || path.as_os_str().to_string_lossy().ends_with('/'));
    let text = |stack: &Stack| cfn::to_text(&synth::synth(stack));
    match (project.stacks.as_slice(), folder, &output) {
        ([stack], None, None) => ctx.result(&text(stack)),
        ([stack], None, Some(file)) => write(ctx, file.clone(), &text(stack))?,
        (stacks, Some(folder), _) => {
            for stack in stacks {
                write(ctx, folder.join(format!("{}.json", stack.name())), &text(stack))?;
            }
        }
        (stacks, None, _) => {
            let names: Vec<&str> = stacks.iter().map(|stack| stack.file.stack.as_str()).collect();
            return Err(Failure::usage(
                format!("{} stacks do not fit into one template", stacks.len()),
                format!("name one of them ({}), or write all into a folder: -o templates/", names.join(", ")),
            ));
        }
    }
    Ok(Exit::Done)
}

fn write(ctx: &Ctx, path: PathBuf, text: &str) -> Result<(), Failure> {
    files::write(&path, text)?;
    ctx.say(format!("wrote {}", path.display()));
    Ok(())
}
