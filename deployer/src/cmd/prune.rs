//! `deployer prune`: deletes what no release that is kept, no alias and no provisioned concurrency refers to.

use super::{confirm, plan as plan_command};
use crate::aws::{AwsError, Clients, lambda, s3};
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::hold::{Held, Waiting};
use crate::prune::{self, Stock};
use crate::session::Session;
use crate::state::{Known, State};
use crate::{live, pipeline, project, settle};
use futures::{StreamExt as _, TryStreamExt as _};
use std::num::NonZeroUsize;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stacks; default: all
    stacks: Vec<String>,
    /// Releases to keep, of those that stand; the one that is live is among them
    #[arg(long, value_name = "N", default_value = "10")]
    keep: NonZeroUsize,
    #[command(flatten)]
    waiting: Waiting,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let project = project::load(ctx, &args.stacks)?;
    let mut session = Session::open(ctx).await?;
    for stack in &project.stacks {
        let connection = session.connect(stack).await?;
        let clients = &connection.clients;
        let place = live::place(stack, clients, &connection.identity);
        let work = async |held: &mut Option<Held>| {
            let mut state = live::read_functions(clients, place.clone()).await.map_err(pipeline::unread)?;
            settle::settle(&mut state);
            let stock = stock(clients, &state).await.map_err(pipeline::unread)?;
            let plan = prune::plan(&state, &stock, args.keep.get(), ctx.now);
            plan_command::show(ctx, &plan, None);
            if !plan.has_changes() {
                return Ok(());
            }
            confirm::agree(ctx, &plan, &format!("Delete this of {}?", place.stack))?;
            confirm::carry_out(ctx, &connection, &plan, held, &args.waiting).await
        };
        confirm::holding(ctx, &connection, &place, &args.waiting, work).await?;
    }
    session.tell_calls(ctx);
    Ok(Exit::Done)
}

/// What cannot be read ends the run: nothing is deleted on half of the knowledge.
async fn stock(clients: &Clients, state: &State) -> Result<Stock, AwsError> {
    if let Some(Known::Unknown(why)) = state.functions.values().find(|known| matches!(known, Known::Unknown(_))) {
        return Err(AwsError::unable(why.clone()));
    }
    let bucket = &state.place.bucket;
    let plans = format!("plans/{}/", state.place.stack);
    let (releases, artifacts, templates, plans) = match state.releases {
        Known::Present(_) => futures::try_join!(
            s3::all_releases(&clients.s3, bucket),
            s3::keys(&clients.s3, bucket, "artifacts/"),
            s3::keys(&clients.s3, bucket, "templates/"),
            s3::keys(&clients.s3, bucket, &plans)
        )?,
        Known::Absent => Default::default(),
        Known::Unknown(ref why) => return Err(AwsError::unable(why.clone())),
    };
    let each = futures::stream::iter(prune::functions(state)).map(|name| async move {
        let (versions, referred) =
            futures::try_join!(lambda::versions(&clients.lambda, &name), lambda::referred(&clients.lambda, &name))?;
        Ok((name, versions, referred))
    });
    let each: Vec<_> = each.buffered(8).try_collect().await?;
    let objects = artifacts.into_iter().chain(templates).chain(plans).collect();
    let mut stock = Stock { releases, objects, ..Stock::default() };
    for (name, versions, referred) in each {
        stock.versions.insert(name.clone(), versions);
        stock.referred.insert(name, referred);
    }
    Ok(stock)
}
