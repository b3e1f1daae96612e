//! `deployer iam simulate`: asks IAM whether each live role allows what it says, and none of its neighbours.

use super::live::{Role, roles, untold};
use crate::aws::evidence;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::iam::simulation::{Question, questions};
use crate::project;
use crate::session::Session;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stacks to ask about; default: all
    stacks: Vec<String>,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let project = project::load(ctx, &args.stacks)?;
    let mut session = Session::open(ctx).await?;
    let mut wrong = 0;
    for stack in &project.stacks {
        let connection = session.connect(stack).await?;
        for Role { function, name, policies } in roles(&connection, stack).await? {
            let client = &connection.clients.iam;
            let untold = |error| untold(&connection, &error, "simulation");
            let (arn, _) = evidence::role(client, &name).await.map_err(untold)?;
            let asked = questions(&policies);
            let answers = evidence::simulate(client, &arn, &asked).await.map_err(untold)?;
            let count = |allowed: bool| asked.iter().filter(|question| question.allowed == allowed).count();
            let found: Vec<&Question> = asked
                .iter()
                .zip(&answers)
                .filter(|(question, answer)| question.allowed != **answer)
                .map(|(question, _)| question)
                .collect();
            let verdict = if found.is_empty() { ", as it says" } else { "" };
            ctx.result(&format!(
                "{function} of {}: {} allowed and {} denied were asked for{verdict}\n",
                stack.name(),
                count(true),
                count(false)
            ));
            for question in &found {
                let (is, ought) = if question.allowed { ("denied", "allows") } else { ("allowed", "does not allow") };
                ctx.result(&format!(
                    "  {is}: {} on {}, which the role's own statements say it {ought}{}\n",
                    question.action,
                    question.resource,
                    question.context.iter().map(|(key, value)| format!(", {key} {value}")).collect::<String>()
                ));
            }
            wrong += found.len();
        }
    }
    session.tell_calls(ctx);
    match wrong {
        0 => Ok(Exit::Done),
        _ => Err(Failure::failed(
            format!("{wrong} answers are not what the roles say"),
            "nothing was changed",
            "look for other policies on the role, a boundary, or a policy of the organization; `deployer drift` shows the first",
        )),
    }
}
