//! `deployer secret`: values go in from standard input and never come out.

use crate::aws::secrets;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::model::Stack;
use crate::project;
use crate::render::tables::table;
use crate::session::Session;
use std::io::Read as _;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Store a value, read from standard input; one final newline is dropped
    Set {
        /// Stack that declares the secret
        stack: String,
        /// Name of the secret in the stack file
        name: String,
    },
    /// List the secrets of stacks and when they were last set
    List {
        /// Stacks; default: all
        stacks: Vec<String>,
    },
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    match &args.command {
        Command::Set { stack, name } => set(ctx, stack, name).await,
        Command::List { stacks } => list(ctx, stacks).await,
    }
}

async fn set(ctx: &Ctx, stack: &str, name: &str) -> Result<Exit, Failure> {
    let project = project::load(ctx, &[stack.to_owned()])?;
    let Some(stack) = project.stacks.first() else { return Ok(Exit::Usage) };
    if !stack.file.secrets.contains_key(name) {
        let known: Vec<&str> = stack.file.secrets.keys().map(String::as_str).collect();
        let help = match known.is_empty() {
            true => "it declares none".to_owned(),
            false => format!("it declares: {}", known.join(", ")),
        };
        return Err(Failure::usage(format!("stack {} has no secret `{name}`", stack.file.stack.value), help));
    }
    let mut value = String::new();
    if let Err(error) = std::io::stdin().lock().read_to_string(&mut value) {
        return Err(Failure::usage(
            format!("cannot read the value from standard input: {error}"),
            "pipe text into the command",
        ));
    }
    let value = value.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text)).unwrap_or(&value);
    if value.is_empty() {
        return Err(Failure::usage(
            "the value is empty",
            format!("printf %s \"$VALUE\" | deployer secret set {} {name}", stack.file.stack.value),
        ));
    }
    let id = id(stack, name);
    let mut session = Session::open(ctx).await?;
    let connection = session.connect(stack).await?;
    secrets::put(&connection.clients.secrets, &id, value.to_owned()).await.map_err(|error| {
        let next = match error.is_missing() {
            true => {
                let (stack, stage, sandbox) = (&stack.file.stack.value, &stack.stage, ctx.sandbox_flag());
                format!("deployer deploy {stack} --stage {stage}{sandbox}")
            }
            false => "run the command again".to_owned(),
        };
        Failure::failed(format!("cannot store the value of {id}: {error}"), "the secret is unchanged", next)
    })?;
    ctx.say(format!("{id} is set; functions read it at their next cold start"));
    Ok(Exit::Done)
}

async fn list(ctx: &Ctx, stacks: &[String]) -> Result<Exit, Failure> {
    let project = project::load(ctx, stacks)?;
    let mut session = Session::open(ctx).await?;
    let mut rows = Vec::new();
    for stack in &project.stacks {
        for name in stack.file.secrets.keys() {
            let id = id(stack, name);
            let connection = session.connect(stack).await?;
            let state = match secrets::describe(&connection.clients.secrets, &id).await {
                Ok(Some(info)) => info.changed.unwrap_or_else(|| "made".to_owned()),
                Ok(None) => "not deployed".to_owned(),
                Err(error) => format!("not read: {error}"),
            };
            rows.push(vec![stack.name().0, name.clone(), id, state]);
        }
    }
    ctx.result(&table(&["stack", "secret", "id", "last changed"], &rows));
    Ok(Exit::Done)
}

/// What Secrets Manager knows it by.
fn id(stack: &Stack, name: &str) -> String {
    use crate::model::reference::{Outside, Target};
    match stack.file.secrets.get(name).and_then(|secret| secret.from.as_ref()) {
        Some(Target::Outside(outside)) => match &outside.value {
            Outside::Arn(text) | Outside::Ssm(text) | Outside::Import(text) => text.clone(),
        },
        Some(Target::Name(text)) => text.value.clone(),
        None => stack.secret_name(name),
    }
}
