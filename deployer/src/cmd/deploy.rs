//! `deployer deploy`: plan, confirm, apply, record; or apply a plan that was saved.

use super::{confirm, plan as plan_command, status};
use crate::artifact;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::hold::{Held, Waiting};
use crate::model::stage::Allow;
use crate::pipeline::{Options, Prepared};
use crate::plan::{Plan, Step};
use crate::saved::Saved;
use crate::session::{Connection, Session};
use crate::synth::logical_ids;
use crate::{files, git, live, pipeline, project};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stacks to deploy; default: all, in dependency order
    stacks: Vec<String>,
    /// Accept a risk that the plan names; may be repeated
    #[arg(long, value_name = "RISK")]
    allow: Vec<Allow>,
    /// Take over buckets, secrets and the like that exist already under the names that the stack gives them
    #[arg(long)]
    import_existing: bool,
    /// Leave alone what somebody changed in AWS; it is shown all the same
    #[arg(long)]
    keep_drift: bool,
    /// Release although this alarm is in ALARM already, and without it; may be repeated
    #[arg(long, value_name = "NAME")]
    ignore_alarm: Vec<String>,
    /// Rules in cfn-guard's language that the template must keep; may be repeated
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,
    /// Apply a plan that `plan --out` saved, provided that nothing has moved since
    #[arg(long, value_name = "FILE", conflicts_with_all = ["stacks", "import_existing", "keep_drift", "policy", "ignore_alarm"])]
    plan: Option<PathBuf>,
    #[command(flatten)]
    waiting: Waiting,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    if let Some(path) = &args.plan {
        return saved(ctx, path, args).await;
    }
    let project = project::load(ctx, &args.stacks)?;
    let artifacts = artifact::build(ctx, &project.sources, &project.stacks, artifact::Platform::of(ctx)).await?;
    let options = Options {
        allow: args.allow.clone(),
        import_existing: args.import_existing,
        keep_drift: args.keep_drift,
        rules: plan_command::rules(ctx, &args.policy)?,
        commit: git::commit(ctx).await,
        ignore_alarms: args.ignore_alarm.clone(),
    };
    let mut session = Session::open(ctx).await?;
    for (stack, artifacts) in project.stacks.iter().zip(&artifacts) {
        let connection = session.connect(stack).await?;
        let place = live::place(stack, &connection.clients, &connection.identity);
        let work = async |held: &mut Option<Held>| {
            let Prepared { plan, adapted, .. } =
                pipeline::prepare(ctx, &connection, &project.sources, stack, artifacts, &options).await?;
            plan_command::tell_adapted(ctx, &adapted);
            apply(ctx, &session, &connection, &plan, held, &args.waiting).await
        };
        confirm::holding(ctx, &connection, &place, &args.waiting, work).await?;
    }
    session.tell_calls(ctx);
    Ok(Exit::Done)
}

/// Shows, asks, carries out and says what is live.
async fn apply(
    ctx: &Ctx,
    session: &Session,
    connection: &Connection,
    plan: &Plan,
    held: &mut Option<Held>,
    waiting: &Waiting,
) -> Result<(), Failure> {
    plan_command::show(ctx, plan, None);
    if !plan.has_changes() && !plan.is_blocked() {
        return Ok(());
    }
    let stack = &plan.place.stack;
    if let Err(refused) = confirm::agree(ctx, plan, &format!("Deploy {stack}?")) {
        pipeline::forget(connection, plan).await?;
        return Err(refused);
    }
    if let Err(failed) = confirm::carry_out(ctx, connection, plan, held, waiting).await {
        // What nobody will execute is no longer wanted; that it may stay is not worth another error.
        let _ = pipeline::forget(connection, plan).await;
        return Err(failed);
    }
    if !plan.steps.contains(&Step::OpenRelease) {
        ctx.say(format!("what was left open of {stack} is recorded"));
        return Ok(());
    }
    ctx.say(format!("release {} of {stack} is live", plan.record.number));
    status::endpoints(ctx, connection, &plan.place, session.sandbox_url()).await
}

/// Applies a saved plan to a world that is still the one it was made from.
async fn saved(ctx: &Ctx, path: &Path, args: &Args) -> Result<Exit, Failure> {
    let mut saved = Saved::parse(&files::read(ctx, path)?).map_err(|error| {
        Failure::usage(format!("{}: {error}", path.display()), "make one with `deployer plan STACK --out FILE`")
    })?;
    saved.plan.blocked.retain(|block| {
        block.allow.as_ref().is_none_or(|needed| !args.allow.iter().any(|allow| allow.word() == needed))
    });
    let artifact = saved.plan.steps.iter().find_map(|step| match step {
        Step::Upload { function, path, .. } if !files::exists(path) => Some((function, path)),
        _ => None,
    });
    if let Some((function, artifact)) = artifact {
        return Err(Failure::usage(
            format!("{} needs {}, which is gone", function, artifact.display()),
            "bring the build folder along with the plan, or plan again",
        ));
    }
    let mut session = Session::open(ctx).await?;
    let connection = session.connect_to(&saved.plan.place).await?;
    let state = live::read(&connection.clients, saved.plan.place.clone(), &saved.desired).await;
    let mut state = state.map_err(pipeline::unread)?;
    let warm = saved.plan.record.functions.iter().filter(|(_, released)| released.provisioned.is_some());
    let warm: Vec<_> = warm.map(|(name, _)| logical_ids::function(name)).collect();
    live::warm(&connection.clients, &mut state, &warm).await.map_err(pipeline::unread)?;
    let moved = saved.moved(&state);
    if !moved.is_empty() {
        return Err(Failure::World {
            exit: Exit::Stale,
            message: format!("{} was made from a world that has moved: {}", path.display(), moved.join(", ")),
            now: "nothing was changed".to_owned(),
            next: format!("{} --out {}", saved.plan.place.command("plan"), path.display()),
        });
    }
    apply(ctx, &session, &connection, &saved.plan, &mut None, &args.waiting).await?;
    session.tell_calls(ctx);
    Ok(Exit::Done)
}
