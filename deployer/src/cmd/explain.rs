//! `deployer explain FUNCTION`: what is live of it, since when, from which commit, by whom, and what it takes to go back.

use super::releases::short_arn;
use crate::cli::Format;
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::release::{Action, Release, made_live};
use crate::render::tables::ago;
use crate::session::Session;
use crate::state::{Known, LiveFunction, Place, State};
use crate::synth::logical_ids;
use crate::{live, pipeline, project, release, settle};
use serde_json::json;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Function, as the stack file calls it
    function: String,
    /// Stack, where several have a function of this name
    #[arg(long)]
    stack: Option<String>,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    let project = project::load(ctx, args.stack.as_slice())?;
    let stack = project.having(&args.function)?;
    let mut session = Session::open(ctx).await?;
    let connection = session.connect(stack).await?;
    let place = live::place(stack, &connection.clients, &connection.identity);
    let mut state = live::read_functions(&connection.clients, place).await.map_err(pipeline::unread)?;
    let settled = settle::settle(&mut state);
    let known = state.functions.get(&logical_ids::function(&args.function));
    let Some(Known::Present(found)) = known else {
        let why = match known {
            Some(Known::Unknown(why)) => format!("{} cannot be read: {why}", args.function),
            _ => format!("{} is not deployed", args.function),
        };
        return Err(Failure::failed(why, "nothing was changed", state.place.command("plan")));
    };
    let story = Story::of(&args.function, found, &state);
    match ctx.format() {
        Format::Json => {
            let text = serde_json::to_string_pretty(&json!({
                "function": found.name, "live": found, "release": story.made, "back": story.back,
            }));
            ctx.result(&(text.expect("a story holds only JSON values") + "\n"));
        }
        Format::Terminal | Format::Markdown | Format::Html => {
            ctx.result(&story.text(&args.function, &state.place, ctx.now));
            for record in &settled {
                ctx.result(&format!(
                    "Release {} is not closed; `{}` tells more.\n",
                    record.number,
                    state.place.command("doctor")
                ));
            }
        }
    }
    session.tell_calls(ctx);
    Ok(Exit::Done)
}

struct Story<'a> {
    live: &'a LiveFunction,
    /// The release that moved the alias to what it serves.
    made: Option<&'a Release>,
    /// Where its code comes from: of a rollback, the release that it went back to.
    source: Option<&'a Release>,
    /// What a rollback would make live.
    back: Option<&'a Release>,
}

impl<'a> Story<'a> {
    fn of(name: &str, live: &'a LiveFunction, state: &'a State) -> Self {
        let releases = state.releases.present().map_or(&[][..], Vec::as_slice);
        let version = live.alias.present().map(|alias| alias.version.as_str());
        let made = version.and_then(|version| made_live(releases, &live.name, version));
        let source = made.and_then(|release| match release.action {
            Action::Rollback { to } => releases.iter().find(|release| release.number == to),
            Action::Deploy | Action::Destroy => Some(release),
        });
        let back = release::target(releases, &state.place.stack, None).ok();
        Self { live, made, source, back: back.filter(|back| back.functions.contains_key(name)) }
    }

    fn text(&self, name: &str, place: &Place, now: jiff::Timestamp) -> String {
        let mut text = match self.live.alias.present() {
            None => format!("{} has no alias `live`: nothing serves.\n", self.live.name),
            Some(alias) => {
                let mut text = format!("{} serves version {}", self.live.name, alias.version);
                for (version, share) in &alias.weights {
                    text += &format!(", and version {version} for {:.0}% of the calls", share * 100.0);
                }
                text + ".\n"
            }
        };
        match self.made {
            None => text += "No release of this ledger made it live.\n",
            Some(release) => {
                let how = match release.action {
                    Action::Rollback { to } => format!("release {}, which went back to release {to}", release.number),
                    Action::Deploy | Action::Destroy => format!("release {}", release.number),
                };
                let when = release.finished.unwrap_or(release.started);
                text += &format!(
                    "Made live by {how}, {} ({}), by {}.\n",
                    ago(when, now),
                    when.strftime("%Y-%m-%d %H:%M:%S UTC"),
                    short_arn(&release.by)
                );
                text += &format!("By this plan: {} --plan {}\n", place.command("releases"), release.number);
            }
        }
        text += &match self.source.and_then(|release| release.commit.as_ref()) {
            Some(commit) => format!("Built from commit {}: {}\n", commit.short(), commit.subject),
            None => "Built outside of a git repository.\n".to_owned(),
        };
        let released = self.back.and_then(|back| Some((back.number, back.functions.get(name)?)));
        let live = self.live.alias.present().map(|alias| alias.version.as_str());
        text += &match released {
            None => "There is no release to go back to.\n".to_owned(),
            Some((number, released)) if Some(released.version.as_str()) == live => {
                format!("Release {number}, the one before, served the same version {}.\n", released.version)
            }
            Some((number, released)) => format!(
                "To go back to version {} of release {number}: one call, about a second:\n  {} --function {name}\n",
                released.version,
                place.command("rollback"),
            ),
        };
        text
    }
}
