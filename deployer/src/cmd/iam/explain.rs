//! `deployer iam explain FUNCTION`: a role in plain words, with the line that grants and the code that uses.

use crate::artifact;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::iam::operations::needs;
use crate::iam::policy::{Effect, Statement};
use crate::model::Stack;
use crate::privilege::{covers, operations, place};
use crate::project;
use crate::synth::role;

pub(super) async fn run(ctx: &Ctx, name: &str) -> Result<Exit, Failure> {
    let project = project::load(ctx, &[])?;
    let with: Vec<&Stack> = project.stacks.iter().filter(|stack| stack.file.functions.contains_key(name)).collect();
    let [stack] = with.as_slice() else {
        let message = match with.len() {
            0 => format!("no stack has a function `{name}`"),
            _ => format!("{} stacks have a function `{name}`", with.len()),
        };
        let known = project.stacks.iter().flat_map(|stack| stack.file.functions.keys());
        return Err(Failure::usage(
            message,
            format!("functions are: {}", known.cloned().collect::<Vec<_>>().join(", ")),
        ));
    };
    let platform = artifact::Platform::of(ctx);
    let built = artifact::build(ctx, &project.sources, std::slice::from_ref(*stack), platform).await?;
    let built = built.into_iter().next().unwrap_or_default();
    let seen = artifact::seen(ctx, stack, &built, |wanted| wanted == name).await?.pop().unwrap_or_default();
    let operations = seen.reach.as_ref().map(|reach| operations(reach, &seen.code)).unwrap_or_default();
    let mut out = format!("{} may:\n", stack.function_name(name));
    for granted in role::statements(stack, name, &stack.file.functions[name]) {
        out += &sentence(&granted.statement);
        out += &match granted.from {
            Some(span) => format!("    because of {}\n", place(&project.sources, span)),
            None => "    for its triggers and settings\n".to_owned(),
        };
        let uses = operations.iter().filter_map(|operation| {
            let needs = needs(operation)?;
            let core = needs.core.iter().map(String::as_str);
            let mut actions = core.chain(needs.conditional.iter().map(|more| more.action));
            let is_used = actions.any(|action| granted.statement.actions.iter().any(|own| covers(own, action)));
            let place = seen.code.call(operation).map(|place| format!(" at {place}")).unwrap_or_default();
            is_used.then(|| format!("{operation}{place}"))
        });
        let uses: Vec<String> = uses.collect();
        if granted.from.is_some() {
            out += &match uses.is_empty() {
                true => "    used by nothing that could be seen\n".to_owned(),
                false => format!("    used by {}\n", uses.join(", ")),
            };
        }
    }
    ctx.result(&out);
    Ok(Exit::Done)
}

fn sentence(statement: &Statement) -> String {
    let may = if statement.effect == Effect::Deny { "not " } else { "" };
    let on = statement.resources.iter().map(crate::meaning::brief).collect::<Vec<_>>().join(", ");
    let on = if on == "*" { "everything".to_owned() } else { on };
    let when = statement.condition.as_ref().map(|when| format!(" when {when}")).unwrap_or_default();
    format!("  {may}{} on {on}{when}\n", statement.actions.join(", "))
}
