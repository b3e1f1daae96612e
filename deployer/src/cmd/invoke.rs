//! `deployer invoke`: calls a function that is deployed, and shows its answer and the end of its log.

use crate::aws::traffic;
use crate::checks;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::ids::FunctionVersion;
use crate::project;
use crate::session::Session;
use crate::{live, pipeline};
use serde_json::Value;
use std::io::Read as _;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true)))]
pub(crate) struct Args {
    /// Function, as the stack file calls it
    function: String,
    /// Stack, where several have a function of this name
    #[arg(long)]
    stack: Option<String>,
    /// File that holds the event in JSON; `-` for standard input
    #[arg(long, value_name = "FILE", group = "what")]
    event: Option<PathBuf>,
    /// The event itself, in JSON
    #[arg(long, value_name = "JSON", group = "what")]
    payload: Option<String>,
    /// Version to call; default: what the alias `live` serves
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// Show the last 4 KB of the log; of a call that failed they are always shown
    #[arg(long)]
    tail: bool,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let event = event(ctx, args)?;
    let project = project::load(ctx, args.stack.as_slice())?;
    let stack = project.having(&args.function)?;
    let mut session = Session::open(ctx).await?;
    let connection = session.connect(stack).await?;
    let place = live::place(stack, &connection.clients, &connection.identity);
    let name = stack.function_name(&args.function);
    let version = args.version.as_deref().unwrap_or(crate::aws::lambda::ALIAS);
    let called = traffic::invoke(&connection.clients.lambda, &name, &FunctionVersion::new(version), &event).await;
    let answer = called.map_err(|error| match error.is_missing() {
        true => Failure::failed(
            format!(
                "{name} has no {}",
                if args.version.is_some() { format!("version {version}") } else { "alias `live`".to_owned() }
            ),
            "nothing was called",
            place.command("status"),
        ),
        false => pipeline::unread(error),
    })?;
    ctx.result(&(answer.payload.clone() + "\n"));
    session.tell_calls(ctx);
    if args.tail || answer.error.is_some() {
        answer.log.lines().for_each(|line| ctx.say(line));
    }
    match answer.error {
        None => Ok(Exit::Done),
        Some(error) => Err(Failure::failed(
            format!("{name} failed ({error}): {}", checks::shortened(&answer.payload)),
            format!("version {} was called once; whatever it did before it failed is done", answer.version),
            format!("deployer logs {} --stage {}{}", args.function, stack.stage, ctx.sandbox_flag()),
        )),
    }
}

/// # Errors
/// `Failure::Usage` with what is wrong with the event.
fn event(ctx: &Ctx, args: &Args) -> Result<Value, Failure> {
    let (text, from) = match (&args.payload, &args.event) {
        (Some(text), _) => (text.clone(), "`--payload`".to_owned()),
        (None, Some(path)) if path.as_os_str() == "-" => {
            let mut text = String::new();
            let read = std::io::stdin().lock().read_to_string(&mut text);
            read.map_err(|error| {
                Failure::usage(format!("standard input cannot be read: {error}"), "pipe JSON into it")
            })?;
            (text, "standard input".to_owned())
        }
        (None, Some(path)) => {
            let path = ctx.folder.join(path);
            let text = std::fs::read_to_string(&path).map_err(|error| {
                Failure::usage(format!("{} cannot be read: {error}", path.display()), "give `--event` a file with JSON")
            })?;
            (text, path.display().to_string())
        }
        (None, None) => {
            return Err(Failure::usage("there is nothing to call it with", "add `--payload '{}'` or `--event FILE`"));
        }
    };
    serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!("{from} is no JSON: {error}"), "an event is JSON, such as '{\"id\": 1}'")
    })
}
