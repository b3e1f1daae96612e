//! The stack as its author meant it: one typed value per stack and stage.
//!
//! Each file holds a noun: its type, defaults and units in one place. Nothing here knows CloudFormation, except that
//! raw parts are carried through.

pub(crate) mod access;
pub(crate) mod alarm_set;
pub(crate) mod board;
pub(crate) mod function;
mod load;
pub(crate) mod names;
pub(crate) mod network;
pub(crate) mod pipe;
mod places;
pub(crate) mod queue;
pub(crate) mod reference;
pub(crate) mod release;
pub(crate) mod settled;
pub(crate) mod stage;
pub(crate) mod storage;
pub(crate) mod suppression;
pub(crate) mod table;
mod things;
pub(crate) mod trigger;
pub(crate) mod watch;
pub(crate) mod watched;

pub(crate) use load::{Loaded, load, stages};
pub(crate) use places::Places;

use crate::decode::record;
use crate::source::Spanned;
use function::{Defaults, Function};
use indexmap::IndexMap;
use network::Network;
use pipe::Pipe;
use queue::{Queue, Topic};
use serde_json::{Map, Value};
use storage::{Bucket, Secret};
use table::Table;

record! {
    /// One stack, as it is in one stage: overlay, loops and templates are already applied.
    #[called("a stack")]
    pub(crate) struct StackFile {
        /// Name of the stack; the CloudFormation stack is called `<stack>-<stage>`.
        stack: Spanned<String>,
        /// What the stack is for; becomes the template's description.
        description: Option<String>,
        /// Names of stacks that must be deployed before this one. Stacks whose exports are imported need not be named.
        after: Vec<Spanned<String>>,
        /// Stages by name.
        stages: IndexMap<String, stage::StageSettings>,
        /// Variables for `{{ name }}`; a stage's `vars` override them.
        vars: IndexMap<String, Value>,
        /// What every function has unless it says otherwise.
        defaults: Defaults = Defaults::default(),
        /// What becomes of a role that allows more than the code can reach: `warn` (default) or `strict`.
        iam: suppression::Strictness = suppression::Strictness::Warn,
        /// Alarm sets, by the names of files in `alarms/`, and what is different about them here.
        alarms: Option<watch::Alarms>,
        /// Dashboards, by the names of files in `dashboards/`.
        dashboards: Vec<Spanned<String>>,
        /// Tags on everything that takes tags.
        tags: IndexMap<String, String>,
        /// Lambda functions by name.
        functions: IndexMap<String, Function>,
        /// SQS queues by name.
        queues: IndexMap<String, Queue>,
        /// SNS topics by name.
        topics: IndexMap<String, Topic>,
        /// S3 buckets by name.
        buckets: IndexMap<String, Bucket>,
        /// DynamoDB tables by name.
        tables: IndexMap<String, Table>,
        /// Secrets Manager secrets by name. Values never stand here: `deployer secret set` stores them.
        secrets: IndexMap<String, Secret>,
        /// Subnets and security groups that functions run in.
        networks: IndexMap<String, Network>,
        /// EventBridge Pipes by name.
        pipes: IndexMap<String, Pipe>,
        /// HTTP API settings shared by all `http` triggers of the stack.
        api: Option<trigger::Api>,
        /// Raw CloudFormation resources by logical id, passed through verbatim.
        resources: Map<String, Value>,
        /// Raw CloudFormation parameters.
        parameters: Map<String, Value>,
        /// Raw CloudFormation conditions.
        conditions: Map<String, Value>,
        /// Raw CloudFormation mappings.
        mappings: Map<String, Value>,
        /// Raw CloudFormation outputs.
        outputs: Map<String, Value>,
        /// What others may import: export name to value, a reference or a text.
        exports: IndexMap<String, Spanned<reference::EnvValue>>,
        /// Edits of generated resources: logical id to a deep merge; a null removes a key.
        patch: Map<String, Value>,
    }
}

/// One stack in one stage: what every later step works from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stack {
    pub(crate) file: StackFile,
    /// Name of the stage, `dev`.
    pub(crate) stage: String,
    /// The settings of that stage.
    pub(crate) settings: stage::StageSettings,
    /// Where the names stand, for diagnostics.
    pub(crate) places: Places,
    /// The alarms of its sets.
    pub(crate) watched: watched::Watched,
    /// Its dashboards.
    pub(crate) dashboards: Vec<board::Dashboard>,
}

impl Stack {
    /// CloudFormation's name of the stack: `<stack>-<stage>`.
    pub(crate) fn name(&self) -> crate::ids::StackName {
        crate::ids::StackName::new(self.prefix())
    }

    /// What the names of made things begin with.
    pub(crate) fn prefix(&self) -> String {
        format!("{}-{}", self.file.stack.value, self.stage)
    }

    /// Lambda's name of a declared function.
    pub(crate) fn function_name(&self, name: &str) -> String {
        let explicit = self.file.functions.get(name).and_then(|function| function.name.as_ref());
        explicit.map_or_else(|| format!("{}-{name}", self.prefix()), |name| name.value.clone())
    }
}
