//! `deployer releases`: the history of a stack.

use super::plan as plan_command;
use crate::aws::s3;
use crate::cli::Format;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::plan::Plan;
use crate::release::{self, Action, Outcome, Release};
use crate::render::tables::{ago, table};
use crate::saved::Saved;
use crate::session::{Connection, Session};
use crate::state::Place;
use crate::{live, pipeline, project};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stacks; default: all
    stacks: Vec<String>,
    /// Show the plan that this release of the stack carried out
    #[arg(long, value_name = "RELEASE")]
    plan: Option<u32>,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let project = project::load(ctx, &args.stacks)?;
    let mut session = Session::open(ctx).await?;
    if let Some(number) = args.plan {
        let [stack] = project.stacks.as_slice() else {
            let next = format!("name the stack: deployer releases STACK --plan {number}");
            return Err(Failure::usage("`--plan` shows the plan of one stack", next));
        };
        let connection = session.connect(stack).await?;
        let place = live::place(stack, &connection.clients, &connection.identity);
        plan_command::show(ctx, &kept(&connection, &place, number).await?, None);
        return Ok(Exit::Done);
    }
    let mut all = Vec::new();
    for stack in &project.stacks {
        let connection = session.connect(stack).await?;
        let place = live::place(stack, &connection.clients, &connection.identity);
        let releases = match s3::releases(&connection.clients.s3, &place.bucket, &place.stack).await {
            Ok(releases) => releases,
            Err(error) if error.is_missing() => Vec::new(),
            Err(error) => return Err(pipeline::unread(error)),
        };
        if ctx.format() != Format::Json {
            ctx.result(&format!("{}\n", place.stack));
            ctx.result(&match releases.is_empty() {
                true => "no release yet\n\n".to_owned(),
                false => {
                    table(&HEADING, &releases.iter().rev().map(|release| row(release, ctx.now)).collect::<Vec<_>>())
                        + "\n"
                }
            });
        }
        all.extend(releases);
    }
    if ctx.format() == Format::Json {
        ctx.result(&(serde_json::to_string_pretty(&all).expect("a release holds only JSON values") + "\n"));
    }
    Ok(Exit::Done)
}

/// The plan that a release carried out, as it was.
async fn kept(connection: &Connection, place: &Place, number: u32) -> Result<Plan, Failure> {
    let key = release::plan_key(&place.stack, number);
    let lost = |why: String| {
        let message = format!("the plan of release {number} of {} cannot be shown: {why}", place.stack);
        Failure::failed(message, "nothing was changed", place.command("releases"))
    };
    let text =
        s3::get_text(&connection.clients.s3, &place.bucket, &key).await.map_err(|error| match error.is_missing() {
            true => {
                lost("none is kept; there is no such release, it was pruned, or an older version made it".to_owned())
            }
            false => pipeline::unread(error),
        })?;
    Saved::parse(&text).map(|saved| saved.plan).map_err(|error| lost(error.to_string()))
}

const HEADING: [&str; 7] = ["release", "when", "what", "outcome", "moved", "commit", "by"];

fn row(release: &Release, now: jiff::Timestamp) -> Vec<String> {
    let what = match release.action {
        Action::Deploy => "deploy".to_owned(),
        Action::Rollback { to } => format!("rollback to {to}"),
        Action::Destroy => "destroy".to_owned(),
    };
    let moved: Vec<&str> =
        release.functions.iter().filter(|(_, released)| released.changed).map(|(name, _)| name.as_str()).collect();
    let moved = match moved.len() {
        0 => "-".to_owned(),
        1 | 2 => moved.join(", "),
        count => format!("{count} functions"),
    };
    let outcome = match &release.outcome {
        Outcome::Failed { reason } | Outcome::TakenBack { reason } | Outcome::Held { reason } => {
            let short: String = reason.chars().take(60).collect();
            format!("{}: {short}", release.outcome.word())
        }
        other => other.word().to_owned(),
    };
    let commit = release.commit.as_ref().map_or_else(|| "-".to_owned(), crate::release::Commit::short);
    vec![release.number.to_string(), ago(release.started, now), what, outcome, moved, commit, short_arn(&release.by)]
}

/// `arn:aws:iam::1:user/ann` → `user/ann`.
pub(crate) fn short_arn(arn: &str) -> String {
    arn.rsplit(':').next().unwrap_or(arn).to_owned()
}
