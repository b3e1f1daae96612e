//! `deployer bootstrap`: the artifact bucket, the role that deploys and the limit of the roles it makes. Prints the
//! template, or deploys it.

use super::confirm;
use crate::apply::event::Event;
use crate::apply::stack;
use crate::aws::cloudformation::{self, Body, Parameters, Request};
use crate::aws::{AwsError, kinds, s3};
use crate::bootstrap::{self, Bootstrap, Github, Site, audit};
use crate::cfn;
use crate::change_set::{ChangeSet, Made};
use crate::ctx::Ctx;
use crate::exit::{Exit, Failure};
use crate::iam::reach;
use crate::ids::{LogicalId, StackName};
use crate::model::Stack;
use crate::sandbox::{self, Adapted};
use crate::session::{Connection, Session};
use crate::{files, live, pipeline, project, render};
use indexmap::IndexMap;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// CloudFormation's name of the stack; one per account and region.
const STACK: &str = "deployer-bootstrap";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stacks that the role may deploy; default: all
    stacks: Vec<String>,
    /// Also a role that this repository's workflows may assume
    #[arg(long, value_name = "OWNER/REPO")]
    github: Option<String>,
    /// Branch whose workflows may assume it; may be repeated; default: main, unless --environment is given
    #[arg(long, value_name = "NAME", requires = "github")]
    branch: Vec<String>,
    /// GitHub environment whose jobs may assume it; may be repeated
    #[arg(long, value_name = "NAME", requires = "github")]
    environment: Vec<String>,
    /// The account has an identity provider for GitHub already (it can have only one)
    #[arg(long, requires = "github")]
    existing_provider: bool,
    /// Deploy it, after asking; without it (and without --yes) the template is printed
    #[arg(long)]
    deploy: bool,
    /// Take over the artifact bucket that is there already
    #[arg(long)]
    import_existing: bool,
    /// Write the template to this file instead of the standard output
    #[arg(short, long, value_name = "FILE", conflicts_with = "deploy")]
    output: Option<PathBuf>,
    /// Hold the role against what this very program can ask AWS for
    #[arg(long, hide = true)]
    audit: bool,
}

pub(crate) async fn run(ctx: &Ctx, args: &Args) -> Result<Exit, Failure> {
    if args.audit {
        return audited(ctx);
    }
    let checked = project::check(ctx, &args.stacks)?;
    if checked.diagnostics.has_errors() {
        return Err(Failure::Input { diagnostics: checked.diagnostics, sources: checked.sources });
    }
    let region = region(ctx, &checked.stacks)?;
    let site = Site { region: &region, stacks: checked.stacks.iter().collect(), github: github(args)? };
    let made = bootstrap::bootstrap(&site).map_err(|message| Failure::usage(message, "name fewer stacks"))?;
    if !made.left_out.is_empty() && site.github.is_some() {
        ctx.say(format!("the role may not make {}: deploy what has them by hand", made.left_out.join(", ")));
    }
    if !args.deploy && !ctx.global.yes {
        let text = cfn::to_text(&made.template);
        match &args.output {
            Some(path) => files::write(&ctx.folder.join(path), &text)?,
            None => ctx.result(&text),
        }
        return Ok(Exit::Done);
    }
    let mut session = Session::open(ctx).await?;
    // Each of them stands in the same account and region.
    let Some(first) = checked.stacks.first() else { return Ok(Exit::Done) };
    let connection = session.connect(first).await?;
    deploy(ctx, args, &connection, first, made).await?;
    session.tell_calls(ctx);
    Ok(Exit::Done)
}

fn github(args: &Args) -> Result<Option<Github>, Failure> {
    let Some(repository) = &args.github else { return Ok(None) };
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
    };
    // A pattern would let other repositories in.
    if !repository.split_once('/').is_some_and(|(owner, name)| is_word(owner) && is_word(name)) {
        return Err(Failure::usage(format!("{repository} is no repository of GitHub"), "write --github OWNER/REPO"));
    }
    if let Some(name) = args.branch.iter().chain(&args.environment).find(|name| name.contains(['*', '?', ':'])) {
        return Err(Failure::usage(
            format!("{name} is no single branch or environment"),
            "name each with an option of its own: --branch main --branch release",
        ));
    }
    let is_default = args.branch.is_empty() && args.environment.is_empty();
    let branches = if is_default { vec!["main".to_owned()] } else { args.branch.clone() };
    let environments = args.environment.clone();
    Ok(Some(Github { repository: repository.clone(), branches, environments, has_provider: args.existing_provider }))
}

/// The one region of the one account that all these stand in.
fn region(ctx: &Ctx, stacks: &[Stack]) -> Result<String, Failure> {
    let place = |stack: &Stack| {
        let region = stack.settings.region.as_ref().map(|region| region.value.clone());
        (stack.settings.account.as_ref().map(|account| account.value.clone()), region)
    };
    let places: BTreeSet<_> = stacks.iter().map(place).collect();
    if places.len() > 1 {
        let stages: BTreeSet<&str> = stacks.iter().map(|stack| stack.stage.as_str()).collect();
        return Err(Failure::usage(
            "these stacks stand in several accounts or regions, each of which has a bootstrap of its own",
            format!("choose with --stage ({}) or name the stacks", stages.into_iter().collect::<Vec<_>>().join(", ")),
        ));
    }
    let declared = places.into_iter().next().and_then(|(_, region)| region);
    let given = || ctx.environment.get("AWS_REGION").cloned();
    let sandbox = || ctx.global.sandbox.then(|| crate::session::SANDBOX_REGION.to_owned());
    declared
        .or_else(sandbox)
        .or_else(given)
        .ok_or_else(|| Failure::usage("the stage names no region", "add `region: …` to the stage, or set AWS_REGION"))
}

async fn deploy(ctx: &Ctx, args: &Args, connection: &Connection, any: &Stack, made: Bootstrap) -> Result<(), Failure> {
    let clients = &connection.clients;
    let place = live::place(any, clients, &connection.identity);
    let name = StackName::new(STACK);
    let status = cloudformation::status(&clients.cloudformation, STACK).await.map_err(pipeline::unread)?;
    let create = status.as_deref().is_none_or(|status| status == "REVIEW_IN_PROGRESS");
    if create && !args.import_existing && has_bucket(connection, &place.bucket).await.map_err(pipeline::unread)? {
        return Err(Failure::failed(
            format!("the artifact bucket {} is there already, and no stack of this tool's own has it", place.bucket),
            "nothing was changed",
            format!("{} --import-existing   # takes it over, with all that is in it", ctx.typed),
        ));
    }
    let mut template = made.template;
    if let Some(bucket) = template.resources.get_mut(&LogicalId::new(bootstrap::BUCKET)) {
        // CloudFormation finds what it is to take over by names that need no evaluation.
        bucket.properties.insert("BucketName".to_owned(), Value::String(place.bucket.clone()));
    }
    let Adapted { template, by_api, notes } = match clients.is_sandbox {
        true => sandbox::adapt(&template, &sandbox::brokers(ctx)),
        false => Adapted { template, ..Adapted::default() },
    };
    notes.iter().for_each(|note| ctx.say(format!("sandbox: {note}")));
    let request = Request {
        stack: &name,
        name: &format!("bootstrap-{}", ctx.now.as_millisecond()),
        body: Body::Text(cfn::to_text(&template)),
        parameters: &Parameters::new(),
        tags: &[],
        create,
        import_existing: args.import_existing,
        revert_drift: false,
    };
    let found = cloudformation::create_change_set(&clients.cloudformation, request).await.map_err(refused)?;
    let Made::Changes(set) = found else {
        ctx.result(&format!("No changes. {STACK} stands in {}.\n", place.region));
        return Ok(());
    };
    ctx.result(&told(&set, &place.region, &place.account));
    if let Err(failure) = confirm::asked(ctx, &format!("Change {STACK}?")) {
        cloudformation::delete_change_set(&clients.cloudformation, &name, &set.id).await.map_err(pipeline::unread)?;
        if create {
            // Asking for a change set began a stack that nobody wants now.
            cloudformation::delete_stack(&clients.cloudformation, STACK).await.map_err(pipeline::unread)?;
        }
        return Err(failure);
    }
    let tell = |event: Event| {
        if let Some(line) = render::progress::line(&event, std::time::Duration::ZERO) {
            ctx.say(line);
        }
    };
    let done = stack::execute(clients, &name, &set.id, &tell).await;
    done.map_err(|error| Failure::failed(error.message, error.now, ctx.typed.clone()))?;
    settle(connection, &template, by_api, &place.bucket, args.import_existing).await.map_err(|error| {
        Failure::failed(error.to_string(), format!("{STACK} stands, its bucket is not as declared"), ctx.typed.clone())
    })?;
    for (name, value) in cloudformation::outputs(&clients.cloudformation, &name).await.map_err(pipeline::unread)? {
        ctx.result(&format!("{name}: {value}\n"));
    }
    Ok(())
}

/// CloudFormation takes a bucket over as it is, and the sandbox forgets some properties: both are set by S3's own API.
async fn settle(
    connection: &Connection,
    template: &cfn::Template,
    by_api: IndexMap<LogicalId, Map<String, Value>>,
    bucket: &str,
    is_imported: bool,
) -> Result<(), AwsError> {
    let Some(declared) = template.resources.get(&LogicalId::new(bootstrap::BUCKET)) else { return Ok(()) };
    let forgotten = by_api.get(&LogicalId::new(bootstrap::BUCKET));
    let changed: Vec<String> = match (is_imported, forgotten) {
        (true, _) => declared.properties.keys().filter(|name| *name != "BucketName").cloned().collect(),
        (false, Some(forgotten)) => forgotten.keys().cloned().collect(),
        (false, None) => return Ok(()),
    };
    let desired = declared.properties.clone().into_iter().collect();
    kinds::put(&connection.clients, "AWS::S3::Bucket", bucket, &desired, &changed).await
}

async fn has_bucket(connection: &Connection, bucket: &str) -> Result<bool, AwsError> {
    match s3::keys(&connection.clients.s3, bucket, "leases/").await {
        Ok(_) => Ok(true),
        Err(error) if error.is_missing() => Ok(false),
        Err(error) => Err(error),
    }
}

fn told(set: &ChangeSet, region: &str, account: &str) -> String {
    let mut text = format!("{STACK} in {region} (account {account}):\n");
    for change in &set.changes {
        let sign = match change.action.as_str() {
            "Add" => "+ create",
            "Remove" => "x remove",
            "Import" => "+ take over",
            _ if change.replacement == "True" => "± replace",
            _ => "~ update",
        };
        text +=
            &format!("  {sign} {} {}\n", change.kind.trim_start_matches("AWS::").replace("::", " "), change.logical_id);
    }
    text
}

fn refused(error: AwsError) -> Failure {
    let next = match error.message.contains("already exists") {
        true => "an identity provider for GitHub that is there: --existing-provider; a bucket: --import-existing",
        false => "put that right, then run the command again",
    };
    Failure::failed(format!("CloudFormation does not accept the bootstrap: {error}"), "nothing was changed", next)
}

/// What this program can ask AWS for against what the role grants.
fn audited(ctx: &Ctx) -> Result<Exit, Failure> {
    let own = std::env::current_exe().and_then(std::fs::read);
    let own =
        own.map_err(|error| Failure::usage(format!("this program cannot read itself: {error}"), "run it from a file"))?;
    let found = audit::audit(&reach::of([own.as_slice()]));
    for (action, operation) in &found.missing {
        ctx.result(&format!("missing {action}: {operation}\n"));
    }
    found.excess.iter().for_each(|action| ctx.result(&format!("excess {action}\n")));
    found.unknown.iter().for_each(|operation| ctx.result(&format!("unknown {operation}\n")));
    ctx.result(&format!("{} actions are granted since this program reaches them\n", found.granted.len()));
    match found.is_sound() {
        true => Ok(Exit::Done),
        false => Err(Failure::failed(
            "the deploy role is not what this program needs",
            "nothing was changed",
            "correct bootstrap/needs.rs",
        )),
    }
}
