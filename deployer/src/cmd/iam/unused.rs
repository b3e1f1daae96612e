//! `deployer iam unused`: which of the actions that roles allow were not used, as far as AWS remembers.

use super::live::{Role, roles};
use crate::aws::evidence;
use crate::cli::Format;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::iam::last_accessed::{TRACKED_DAYS, Use, day, used};
use crate::iam::policy::Effect;
use crate::project;
use crate::session::Session;
use crate::synth::role;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stacks to look at; default: all
    stacks: Vec<String>,
    /// A role that is younger than this many days is not called unused
    #[arg(long, default_value_t = 90, value_name = "DAYS", value_parser = clap::value_parser!(i64).range(1..=TRACKED_DAYS))]
    days: i64,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let project = project::load(ctx, &args.stacks)?;
    let mut session = Session::open(ctx).await?;
    let mut all = Vec::new();
    for stack in &project.stacks {
        let connection = session.connect(stack).await?;
        for Role { function, name, .. } in roles(&connection, stack).await? {
            let client = &connection.clients.iam;
            let untold = |error| super::live::untold(&connection, &error, "last-accessed data");
            let (arn, made) = evidence::role(client, &name).await.map_err(untold)?;
            let services = evidence::last_accessed(client, &arn).await.map_err(untold)?;
            let earliest = ctx.now - SignedDuration::from_hours(24 * TRACKED_DAYS);
            let since = made.unwrap_or(ctx.now).max(earliest);
            let enough = ctx.now - SignedDuration::from_hours(24 * args.days);
            let declared = &stack.file.functions[&function];
            let granted = role::statements(stack, &function, declared).into_iter();
            let granted = granted.filter(|granted| granted.statement.effect == Effect::Allow);
            // What stands in several statements is one question.
            let actions: BTreeMap<String, bool> = granted.fold(BTreeMap::new(), |mut actions, granted| {
                for action in granted.statement.actions {
                    *actions.entry(action).or_default() |= granted.from.is_some();
                }
                actions
            });
            let told: Vec<(String, bool, Use)> = actions
                .into_iter()
                .map(|(action, is_own)| {
                    let use_ = used(&action, &services, since, enough);
                    (action, is_own, use_)
                })
                .collect();
            match ctx.format() {
                Format::Json => all.push(as_json(&stack.name().to_string(), &function, &told)),
                _ => ctx.result(&as_text(&function, since, &told)),
            }
        }
    }
    match ctx.format() {
        Format::Json => ctx.result(&format!("{:#}\n", Value::Array(all))),
        _ => ctx.say(format!(
            "IAM looks back {TRACKED_DAYS} days at most and knows of a call some hours later; what it keeps no count of is no evidence"
        )),
    }
    session.tell_calls(ctx);
    Ok(Exit::Done)
}

fn as_text(function: &str, since: Timestamp, told: &[(String, bool, Use)]) -> String {
    let mut text = format!("{function}, of whose role IAM can know since {}:\n", day(since));
    for (action, is_own, use_) in told {
        let whose = if *is_own { "" } else { " (granted for Lambda's own sake)" };
        text += &match use_ {
            Use::Last(at) => format!("  used     {action}: last on {}{whose}\n", day(*at)),
            Use::Never => format!("  unused   {action}{whose}\n"),
            Use::Untold(why) => format!("  not told {action}: {why}{whose}\n"),
        };
    }
    text
}

fn as_json(stack: &str, function: &str, told: &[(String, bool, Use)]) -> Value {
    let actions = told.iter().map(|(action, is_own, use_)| {
        let (verdict, detail) = match use_ {
            Use::Last(at) => ("used", at.to_string()),
            Use::Never => ("unused", String::new()),
            Use::Untold(why) => ("not told", why.clone()),
        };
        json!({ "action": action, "verdict": verdict, "detail": detail, "from_access": is_own })
    });
    json!({ "stack": stack, "function": function, "actions": actions.collect::<Vec<_>>() })
}
