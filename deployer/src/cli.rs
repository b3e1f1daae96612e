//! The command line: global flags and the list of commands. No logic.

use crate::cmd;
use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Deploys AWS Lambda functions and all they need from declarative YAML.
#[derive(Debug, Parser)]
#[command(name = "deployer", version, about, max_term_width = 110, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Global {
    /// Stage to work on; needed when the stack declares more than one (in the sandbox the first is taken)
    #[arg(long, global = true, env = "DEPLOYER_STAGE", value_name = "STAGE")]
    pub(crate) stage: Option<String>,
    /// Work against a local AWS, started when needed
    #[arg(long, global = true, env = "DEPLOYER_SANDBOX")]
    pub(crate) sandbox: bool,
    /// How the result is printed
    #[arg(long, global = true, value_enum, default_value_t = Format::Terminal)]
    pub(crate) format: Format,
    /// Agree to ordinary changes without being asked
    #[arg(long, short = 'y', global = true)]
    pub(crate) yes: bool,
    /// Folder that holds `stacks/`; default: this folder or the nearest one above that does
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// Say less
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Say more; twice for every AWS call
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Terminal,
    Markdown,
    Json,
    /// One page that needs nothing else; of plans alone, the rest is text
    Html,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    /// Makes this the choice for all that is printed; `auto` looks at the terminal and at `NO_COLOR`.
    pub(crate) fn apply(self) {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Find mistakes in the stack files; calls nothing
    Check(cmd::check::Args),
    /// Print the JSON Schema of stack files, for editors, or of plans
    Schema(cmd::schema::Args),
    /// Print the CloudFormation template of a stack
    Synth(cmd::synth::Args),
    /// What has to be there before the first deployment: artifact bucket, deploy role, permissions boundary
    Bootstrap(cmd::bootstrap::Args),
    /// Build the artifacts of the functions
    Build(cmd::build::Args),
    /// Show what a deployment would change, and why
    #[command(alias = "diff")]
    Plan(cmd::plan::Args),
    /// Show what somebody changed in AWS since the last deployment; builds nothing
    Drift(cmd::drift::Args),
    /// Write what somebody changed in AWS into the stack file, as a patch to review
    Adopt(cmd::adopt::Args),
    /// Save what is deployed and live, to plan from it without AWS
    State(cmd::state::Args),
    /// Plan, confirm, apply, record
    Deploy(cmd::deploy::Args),
    /// Least privilege: what roles grant against what the code can reach
    Iam(cmd::iam::Args),
    /// Move every alias back to an earlier release
    Rollback(cmd::rollback::Args),
    /// Finish the shift of a release that stands in the middle
    Promote(cmd::shift::Promote),
    /// Take the shift of a release back that stands in the middle
    Abort(cmd::shift::Abort),
    /// List the releases of a stack
    Releases(cmd::releases::Args),
    /// Say what is live: version, commit, when, by whom, alarms
    Status(cmd::status::Args),
    /// Say what is live of one function, since when, from which commit, and what it takes to go back
    Explain(cmd::explain::Args),
    /// Replay alarms on past data; measure the baselines that they compare with
    Alarms(cmd::alarms::Args),
    /// Dashboards as a page, before they exist or as they are
    Dashboard(cmd::dashboard::Args),
    /// Show what functions wrote, in the order of time
    Logs(cmd::logs::Args),
    /// Show calls, errors, durations and queues of stacks over time
    Metrics(cmd::metrics::Args),
    /// Call a function and show its answer
    Invoke(cmd::invoke::Args),
    /// Explain a stack that is stuck, and put it right
    Doctor(cmd::doctor::Args),
    /// Delete versions and artifacts that nothing needs any more
    Prune(cmd::prune::Args),
    /// Delete a stack; buckets, secrets and databases are kept unless told otherwise
    Destroy(cmd::destroy::Args),
    /// Store and list the values of secrets
    Secret(cmd::secret::Args),
    /// The local AWS: start, stop, status, reset
    Sandbox(cmd::sandbox::Args),
    /// Print a completion script for a shell
    Completions(cmd::completions::Args),
}

impl Command {
    /// Whether it works on the stacks of a project. Those that also take a path to a file look for it themselves.
    pub(crate) fn needs_project(&self) -> bool {
        !matches!(self, Self::Check(_) | Self::Synth(_) | Self::Schema(_) | Self::Completions(_) | Self::Sandbox(_))
    }
}
