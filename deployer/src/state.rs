//! What AWS says: the stack as it was deployed, and what is live. A plain value, read by `live.rs`, that can be saved.
//!
//! Values of environment variables never stand here: the rim turns them into salted digests ([`digest`]).

use crate::cfn::Template;
use crate::ids::{FunctionVersion, LogicalId, PhysicalId, StackName};
use crate::lease::Lease;
use crate::release::Release;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Something that was looked for. Not knowing is a value: a denied read makes one part `Unknown`, not the run an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Known<T> {
    Present(T),
    Absent,
    /// Why it could not be read.
    Unknown(String),
}

/// All that a plan is made from, besides the stack file and the artifacts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) place: Place,
    /// The CloudFormation stack, `Absent` before the first deployment.
    pub(crate) deployed: Known<Deployed>,
    /// Functions by logical id: those of the deployed stack.
    pub(crate) functions: IndexMap<LogicalId, Known<LiveFunction>>,
    /// Every other resource that can be read, by logical id: those of the deployed stack, and those that the stack is to
    /// make under a name that is taken already.
    #[serde(default)]
    pub(crate) resources: IndexMap<LogicalId, Known<LiveResource>>,
    /// What hangs on something of ours and is declared by no stack.
    #[serde(default)]
    pub(crate) strangers: Vec<Stranger>,
    /// Why some of that could not be looked for, each reason once.
    #[serde(default)]
    pub(crate) unsearched: Vec<String>,
    /// Releases of the stack, oldest first; `Absent` when there is no artifact bucket.
    pub(crate) releases: Known<Vec<Release>>,
    /// Who works on the stack; looked for when a release is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) busy: Option<Lease>,
    /// Names of the change sets that wait to be executed.
    #[serde(default)]
    pub(crate) change_sets: Vec<String>,
    /// Exports of the region that the stack may import, by name. Empty when the template imports nothing.
    pub(crate) exports: BTreeMap<String, String>,
}

/// Digests of the parts of a state, by name.
pub(crate) type Fingerprints = BTreeMap<String, String>;

/// Where the stack stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Place {
    pub(crate) stack: StackName,
    pub(crate) stage: String,
    pub(crate) region: String,
    /// Twelve digits.
    pub(crate) account: String,
    /// `aws`, `aws-cn`, `aws-us-gov`
    pub(crate) partition: String,
    /// The artifact bucket's name, whether or not it exists.
    pub(crate) bucket: String,
    /// ARN of whoever calls.
    pub(crate) caller: String,
    /// Whether that is the local AWS.
    #[serde(default)]
    pub(crate) sandbox: bool,
}

impl Place {
    /// `deployer VERB STACK --stage STAGE`, to be typed.
    pub(crate) fn command(&self, verb: &str) -> String {
        let name = self.stack.as_str();
        let short = name.strip_suffix(&format!("-{}", self.stage)).unwrap_or(name);
        let sandbox = if self.sandbox { " --sandbox" } else { "" };
        format!("deployer {verb} {short} --stage {}{sandbox}", self.stage)
    }
}

/// A CloudFormation stack as it was last deployed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Deployed {
    /// ARN of the stack.
    pub(crate) id: String,
    /// `UPDATE_COMPLETE` and the like.
    pub(crate) status: String,
    pub(crate) status_reason: Option<String>,
    pub(crate) protected: bool,
    /// The template as it was submitted.
    pub(crate) template: Template,
    pub(crate) parameters: BTreeMap<String, String>,
    /// What parameters that name a Systems Manager parameter were resolved to.
    pub(crate) resolved: BTreeMap<String, String>,
    pub(crate) outputs: BTreeMap<String, String>,
    pub(crate) resources: IndexMap<LogicalId, DeployedResource>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeployedResource {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) physical_id: PhysicalId,
    pub(crate) status: String,
}

/// Properties in the shape of a CloudFormation type. In what is live, `null` is "looked for and not there"; a property
/// that is missing was not looked for.
pub(crate) type Properties = Map<String, Value>;

/// A resource as its service, or CloudFormation's drift detection, reports it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LiveResource {
    pub(crate) properties: Properties,
    pub(crate) source: ReadBy,
}

/// Who said what is live, and so who can put it right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReadBy {
    /// The service's own API.
    Service,
    /// CloudFormation's drift detection; a drift-aware change set puts it right.
    DriftDetection,
}

/// Something that somebody attached to a resource of ours outside of every stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Stranger {
    /// What it hangs on.
    pub(crate) owner: LogicalId,
    /// Its CloudFormation type: `AWS::IAM::RolePolicy`, `AWS::Lambda::Permission` …
    pub(crate) kind: String,
    /// What its service calls it: a policy's name, a statement's id, a mapping's UUID.
    pub(crate) identifier: String,
    pub(crate) properties: Properties,
}

/// A function as Lambda reports it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LiveFunction {
    pub(crate) name: String,
    /// `$LATEST`.
    pub(crate) latest: Snapshot,
    /// The alias `live`.
    pub(crate) alias: Known<LiveAlias>,
    /// The version that the alias points at, unless that is `$LATEST`.
    pub(crate) serving: Option<Snapshot>,
    /// Executions that are kept warm, by version. Looked for only where some are declared or were.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) provisioned: BTreeMap<String, u32>,
}

/// Code and configuration of one version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// Base64 of the SHA-256 of the zip.
    pub(crate) code_sha256: String,
    /// Configuration in the shape of `AWS::Lambda::Function`; environment values are digests.
    pub(crate) properties: Map<String, Value>,
    /// `Active`, `Pending`, `Inactive`, `Failed`
    pub(crate) state: String,
    /// `Successful`, `InProgress`, `Failed`
    pub(crate) last_update: String,
    /// Why one of the two is not as it should be, in Lambda's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LiveAlias {
    pub(crate) version: FunctionVersion,
    /// Version and share of a second version, 0 to 1.
    pub(crate) weights: BTreeMap<String, f64>,
    pub(crate) revision_id: String,
}

impl<T> Known<T> {
    pub(crate) fn present(&self) -> Option<&T> {
        match self {
            Self::Present(value) => Some(value),
            Self::Absent | Self::Unknown(_) => None,
        }
    }
}

#[cfg(test)]
impl Deployed {
    /// A stack of which only the resources are known.
    pub(crate) fn of(resources: IndexMap<LogicalId, DeployedResource>) -> Self {
        Self {
            id: String::new(),
            status: String::new(),
            status_reason: None,
            protected: false,
            template: Template::default(),
            parameters: BTreeMap::new(),
            resolved: BTreeMap::new(),
            outputs: BTreeMap::new(),
            resources,
        }
    }
}

impl LiveAlias {
    /// `1`, or `1 and 2 (10%)`.
    pub(crate) fn text(&self) -> String {
        match self.weights.iter().next() {
            None => self.version.to_string(),
            Some((second, share)) => format!("{} and {second} ({:.0}%)", self.version, share * 100.0),
        }
    }
}

impl Snapshot {
    /// The properties with a key for each that Lambda reports: `null` where there is nothing.
    pub(crate) fn covered(&self) -> Properties {
        let all = crate::normalize::LIVE_FUNCTION_PROPERTIES.into_iter();
        all.map(|key| (key.to_owned(), self.properties.get(key).cloned().unwrap_or(Value::Null))).collect()
    }
}

impl State {
    /// The stack, once it holds something: a stack in review is only a place for a change set.
    pub(crate) fn stack(&self) -> Option<&Deployed> {
        self.deployed.present().filter(|deployed| deployed.status != "REVIEW_IN_PROGRESS")
    }

    pub(crate) fn live(&self, id: &LogicalId) -> Option<&LiveFunction> {
        self.functions.get(id).and_then(Known::present)
    }

    /// The newest release whose changes stand.
    pub(crate) fn current_release(&self) -> Option<&Release> {
        self.releases.present()?.iter().rev().find(|release| release.outcome.stands())
    }

    /// SHA-256 of every part that a plan is made from, by name: what a saved plan is checked against.
    pub(crate) fn fingerprints(&self) -> Fingerprints {
        let functions = self.functions.iter().map(|(id, known)| (format!("function {id}"), short(known)));
        let resources = self.resources.iter().map(|(id, known)| (format!("resource {id}"), short(known)));
        let others = [
            ("the stack".to_owned(), short(&self.deployed)),
            ("what is attached from outside".to_owned(), short(&self.strangers)),
            ("the release records".to_owned(), short(&self.releases)),
            ("exports of other stacks".to_owned(), short(&self.exports)),
        ];
        functions.chain(resources).chain(others).collect()
    }
}

fn short(value: &impl Serialize) -> String {
    let bytes = serde_json::to_vec(value).expect("a state holds only JSON values");
    hex::encode(Sha256::digest(bytes))[..16].to_owned()
}

/// Digest of an environment value, salted with the stack so that equal values of two stacks do not look alike.
///
/// Twelve hexadecimal digits: enough to tell a change, nothing to read.
pub(crate) fn digest(stack: &StackName, key: &str, value: &str) -> String {
    let hash = Sha256::digest(format!("{stack}\0{key}\0{value}"));
    format!("digest:{}", &hex::encode(hash)[..12])
}
