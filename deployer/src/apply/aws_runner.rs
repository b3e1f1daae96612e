//! Runs steps against AWS: one match arm per step.

mod traffic;

use super::event::Event;
use super::stack::{self, Followed};
use super::{Done, StepError, StepRunner};
use crate::aws::cloudformation::{self, Body, Request};
use crate::aws::{AwsError, Clients, kinds, lambda, s3, secrets, wiring};
use crate::cfn::Template;
use crate::change_set::Made;
use crate::exit::Failure;
use crate::hold::{self, Held, Waiting};
use crate::ids::{FunctionVersion, LogicalId};
use crate::normalize;
use crate::plan::{Plan, StackStep, Step};
use crate::release::{self, Outcome, Release};
use crate::resolve::{self, Scope};
use crate::saved::Saved;
use crate::state::{Deployed, Known, Properties};
use indexmap::IndexMap;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

/// Largest template that a request may carry; above it goes through S3. Bytes.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html> (read 2026-11).
pub(crate) const TEMPLATE_BODY_LIMIT: usize = 51_200;

/// What steps share: the record that grows, and the plan that they belong to.
pub(crate) struct AwsRunner<'a, F: Fn(Event)> {
    clients: &'a Clients,
    plan: &'a Plan,
    /// Ends up in the ledger.
    record: Mutex<Release>,
    published: Mutex<IndexMap<String, FunctionVersion>>,
    now: fn() -> jiff::Timestamp,
    tell: F,
    /// The stack after its operation; read when a step first asks.
    deployed: tokio::sync::OnceCell<Deployed>,
    /// Somebody wants it to stop; looked at while it waits.
    stop: Option<&'a AtomicBool>,
    /// The stack's lease; `None` until there is a bucket to keep it in.
    lease: tokio::sync::Mutex<Option<Held>>,
    /// What was typed; stands in the lease.
    typed: String,
}

impl<'a, F: Fn(Event)> AwsRunner<'a, F> {
    pub(crate) fn new(clients: &'a Clients, plan: &'a Plan, now: fn() -> jiff::Timestamp, tell: F) -> Self {
        let record = Mutex::new(plan.record.clone());
        let (published, lease) = (Mutex::default(), tokio::sync::Mutex::default());
        Self {
            clients,
            plan,
            record,
            published,
            now,
            tell,
            lease,
            typed: String::new(),
            stop: None,
            deployed: tokio::sync::OnceCell::new(),
        }
    }

    /// Stops waiting once `stop` is true.
    pub(crate) fn until(self, stop: &'a AtomicBool) -> Self {
        Self { stop: Some(stop), ..self }
    }

    /// Works under `lease`; where there is none yet, takes it before the release number is claimed.
    pub(crate) fn under(self, lease: Option<Held>, typed: &str) -> Self {
        Self { lease: tokio::sync::Mutex::new(lease), typed: typed.to_owned(), ..self }
    }

    /// Gives the lease back.
    pub(crate) async fn free(&self) {
        if let Some(lease) = self.lease.lock().await.take() {
            lease.free().await;
        }
    }

    /// Nothing is begun on a stack that somebody else has taken.
    async fn is_ours(&self) -> Result<(), StepError> {
        match self.lease.lock().await.as_ref().is_some_and(Held::is_lost) {
            false => Ok(()),
            true => Err(StepError {
                message: format!("somebody else took the stack {} with --force", self.plan.place.stack),
                now: "this deployment stopped where it was; the other one goes on".to_owned(),
            }),
        }
    }

    /// The record with its end; what the ledger holds when the plan is through.
    fn closed(&self, outcome: Outcome) -> Release {
        let mut record = self.record.lock().expect("no step panics while it writes the record");
        record.finished = Some((self.now)());
        record.outcome = outcome;
        record.clone()
    }

    async fn ended(&self, outcome: Outcome) -> Result<Done, StepError> {
        let record = self.closed(outcome);
        s3::close_release(&self.clients.s3, &self.plan.place.bucket, &record).await.map_err(unchanged)?;
        Ok(Done::Plain)
    }

    async fn open_release(&self) -> Result<Done, StepError> {
        let place = &self.plan.place;
        let mut lease = self.lease.lock().await;
        if lease.is_none() {
            let taken = hold::take(self.clients, place, &self.typed, &Waiting::default(), |_| {}).await;
            *lease = taken.map_err(|failure| match failure {
                Failure::World { message, now, .. } => StepError { message, now },
                other => StepError { message: format!("{other:?}"), now: "nothing was changed".to_owned() },
            })?;
        }
        drop(lease);
        let record = self.record.lock().expect("no step panics while it writes the record").clone();
        let unchanged =
            |error: AwsError| StepError { message: error.to_string(), now: "nothing was changed".to_owned() };
        match s3::open_release(&self.clients.s3, &place.bucket, &record).await {
            Ok(()) => {}
            Err(error) if error.is_conflict() => {
                return Err(StepError {
                    message: format!("release {} of {} was claimed by another deployment", record.number, record.stack),
                    now: "nothing was changed here; the other one goes on".to_owned(),
                });
            }
            Err(error) => return Err(unchanged(error)),
        }
        // Plan and template are kept with their release, so that it can be explained and re-applied.
        let template = self.plan.steps.iter().find_map(|step| match step {
            Step::Stack(step) => Some(step.template.clone()),
            _ => None,
        });
        let plan = Saved::new(self.plan.clone(), Template::default()).to_text();
        let plan_key = release::plan_key(&place.stack, record.number);
        let plan = s3::put_text(&self.clients.s3, &place.bucket, &plan_key, plan);
        let template = async {
            match (&record.template_key, template) {
                (Some(key), Some(template)) => s3::put_text(&self.clients.s3, &place.bucket, key, template).await,
                _ => Ok(()),
            }
        };
        futures::try_join!(plan, template).map_err(unchanged)?;
        Ok(Done::Plain)
    }

    /// Executes the step's change set; one that has yet to be made is called `release-<number><suffix>`.
    async fn change_stack(&self, step: &StackStep, suffix: &str) -> Result<Done, StepError> {
        let place = &self.plan.place;
        let id = match &step.change_set {
            Some(change_set) => change_set.id.clone(),
            None => {
                let name = format!("release-{}{suffix}", self.plan.record.number);
                match change_set(self.clients, self.plan, step, &name).await {
                    Ok(Made::Changes(made)) => made.id,
                    Ok(Made::Nothing) => return Ok(Done::Nothing),
                    Err(error) => {
                        return Err(stack::unchanged(&place.stack, &error));
                    }
                }
            }
        };
        stack::execute(self.clients, &place.stack, &id, &self.tell).await.map(|()| Done::Plain)
    }

    /// The stack after its operation.
    async fn stack_now(&self) -> Result<Deployed, StepError> {
        let stack = &self.plan.place.stack;
        match cloudformation::read(&self.clients.cloudformation, stack).await.map_err(still)? {
            Known::Present(mut deployed) => {
                secrets::with_arns(&self.clients.secrets, &mut deployed.resources).await;
                Ok(deployed)
            }
            _ => Err(StepError { message: format!("stack {stack} is gone"), now: "nothing is deployed".to_owned() }),
        }
    }

    /// What `properties` say with the stack as it is now, and what `id` is called there.
    async fn evaluated(&self, id: &LogicalId, properties: &Properties) -> Result<(String, Properties), StepError> {
        let place = &self.plan.place;
        let deployed = self.deployed.get_or_try_init(|| self.stack_now()).await?;
        let exports = match properties.values().any(|value| value.to_string().contains("Fn::ImportValue")) {
            true => cloudformation::exports(&self.clients.cloudformation).await.map_err(still)?,
            false => BTreeMap::new(),
        };
        let name = deployed.resources.get(id).map(|resource| resource.physical_id.to_string());
        let scope = Scope {
            region: &place.region,
            account: &place.account,
            partition: &place.partition,
            stack_name: place.stack.as_str(),
            deployed,
            exports: &exports,
        };
        let resolved: Option<Properties> =
            properties.iter().map(|(key, value)| Some((key.clone(), resolve::resolve(value, &scope)?))).collect();
        name.zip(resolved).ok_or_else(|| {
            let keys: Vec<&str> = properties.keys().map(String::as_str).collect();
            StepError {
                message: format!("cannot evaluate {} of {id} outside of CloudFormation", keys.join(", ")),
                now: "every alias still serves the version that it served before".to_owned(),
            }
        })
    }

    async fn configure(&self, id: &LogicalId, properties: &Properties) -> Result<Done, StepError> {
        let (name, resolved) = self.evaluated(id, properties).await?;
        lambda::settled(&self.clients.lambda, &name).await.map_err(still)?;
        lambda::update_configuration(&self.clients.lambda, &name, &resolved).await.map_err(still)?;
        Ok(Done::Plain)
    }

    async fn repair(
        &self,
        id: &LogicalId,
        kind: &str,
        properties: &Properties,
        changed: &[String],
    ) -> Result<Done, StepError> {
        let (physical_id, resolved) = self.evaluated(id, properties).await?;
        let desired = normalize::live(kind, &resolved);
        kinds::put(self.clients, kind, &physical_id, &desired, changed).await.map_err(still)?;
        Ok(Done::Plain)
    }

    async fn publish(&self, function: &str, name: &str, code_sha256: Option<&str>) -> Result<Done, StepError> {
        let client = &self.clients.lambda;
        lambda::settled(client, name).await.map_err(still)?;
        let record = &self.plan.record;
        let commit = record.commit.as_ref().map(|commit| format!(", commit {}", commit.short()));
        let description = format!("release {}{}", record.number, commit.unwrap_or_default());
        let version = lambda::publish(client, name, code_sha256, &description).await.map_err(still)?;
        self.published
            .lock()
            .expect("no step panics while it notes a version")
            .insert(function.to_owned(), version.clone());
        Ok(Done::Published { function: function.to_owned(), version: version.0 })
    }

    /// Moves the alias, provided that it is where the plan saw it.
    async fn shift(&self, step: &Step) -> Result<Done, StepError> {
        let Step::Shift { function, name, from, to, revision_id } = step else { return Ok(Done::Nothing) };
        let client = &self.clients.lambda;
        let published =
            || self.published.lock().expect("no step panics while it notes a version").get(function).cloned();
        let Some(to) = to.clone().or_else(published) else {
            return Err(StepError { message: format!("no version of {name} was published"), now: String::new() });
        };
        let stays = |error: AwsError| {
            let message = match error.is_conflict() {
                true => format!("somebody else moved the alias of {name} since the plan was made"),
                false => error.to_string(),
            };
            let now = match from {
                _ if error.is_conflict() => format!("{name} serves what the other one chose"),
                Some(from) => format!("{name} still serves version {from}"),
                None => format!("{name} serves no published version yet"),
            };
            StepError { message, now }
        };
        // Without a revision the alias was made by this very plan, or this is the way back.
        let (current, revision_id) = match (from, revision_id) {
            (Some(from), Some(revision_id)) => (from.clone(), revision_id.clone()),
            _ => match lambda::alias(client, name).await.map_err(stays)? {
                Known::Present(alias) => (alias.version, alias.revision_id),
                _ => return Err(StepError { message: format!("{name} has no alias `live`"), now: String::new() }),
            },
        };
        let moved = lambda::move_alias(client, name, &to, &revision_id).await.map_err(stays)?;
        let mut record = self.record.lock().expect("no step panics while it writes the record");
        if let Some(released) = record.functions.get_mut(function) {
            released.changed |= current != to;
            released.version = to.clone();
        }
        Ok(Done::Moved {
            back: Box::new(Step::Shift {
                function: function.clone(),
                name: name.clone(),
                from: Some(to),
                to: Some(current),
                revision_id: Some(moved.revision_id),
            }),
        })
    }

    async fn delete_stack(&self, id: &str) -> Result<Done, StepError> {
        let stack = &self.plan.place.stack;
        let client = &self.clients.cloudformation;
        let remains =
            |error: AwsError| StepError { message: error.to_string(), now: format!("stack {stack} is still there") };
        let newest = cloudformation::newest_event(client, id).await.map_err(remains)?;
        cloudformation::delete_stack(client, id).await.map_err(remains)?;
        match stack::follow(self.clients, id, newest, &self.tell).await.map_err(remains)? {
            Followed::Gone => Ok(Done::Plain),
            Followed::Complete => Err(StepError {
                message: format!("CloudFormation did not start to delete {stack}"),
                now: format!("stack {stack} is still there"),
            }),
            Followed::Failed { status, cause } => {
                Err(StepError { message: cause, now: format!("stack {stack} is in {status}; what it deleted is gone") })
            }
        }
    }
}

/// Before any alias has moved.
fn still(error: AwsError) -> StepError {
    StepError {
        message: error.to_string(),
        now: "every alias still serves the version that it served before".to_owned(),
    }
}

fn unchanged(error: AwsError) -> StepError {
    StepError { message: error.to_string(), now: "nothing that runs was changed".to_owned() }
}

/// Asks CloudFormation for a change set of the step's template. A large template is put into the artifact bucket first.
pub(crate) async fn change_set(clients: &Clients, plan: &Plan, step: &StackStep, name: &str) -> Result<Made, AwsError> {
    let place = &plan.place;
    let body = if step.template.len() > TEMPLATE_BODY_LIMIT {
        let digest = plan.record.template_sha256.as_deref().unwrap_or("template");
        let key = format!("templates/{digest}.json");
        s3::put_text(&clients.s3, &place.bucket, &key, step.template.clone()).await?;
        Body::Url(s3::url(&place.bucket, &key, &place.region, &place.partition))
    } else {
        Body::Text(step.template.clone())
    };
    let request = Request {
        stack: &place.stack,
        name,
        body,
        parameters: &step.parameters,
        tags: &step.tags,
        create: step.create,
        import_existing: step.import_existing,
        revert_drift: step.revert_drift,
    };
    cloudformation::create_change_set(&clients.cloudformation, request).await
}

impl<F: Fn(Event)> StepRunner for AwsRunner<'_, F> {
    async fn run(&self, step: &Step) -> Result<Done, StepError> {
        let place = &self.plan.place;
        let clients = self.clients;
        if !matches!(step, Step::FailRelease { .. }) {
            self.is_ours().await?;
        }
        match step {
            Step::CreateBucket { bucket } => {
                s3::create_bucket(&clients.s3, bucket, &place.region, &place.partition).await.map_err(unchanged)?;
                Ok(Done::Plain)
            }
            Step::Upload { bucket, key, path, .. } => {
                s3::upload_file(&clients.s3, bucket, key, path).await.map_err(unchanged)?;
                Ok(Done::Plain)
            }
            Step::OpenRelease => self.open_release().await,
            Step::LetGo(step) => self.change_stack(step, "-let-go").await,
            Step::Stack(step) => self.change_stack(step, "").await,
            Step::Repair { id, kind, properties, changed, .. } => self.repair(id, kind, properties, changed).await,
            Step::Remove { stranger, .. } => {
                wiring::remove(&clients.lambda, stranger).await.map_err(still)?;
                Ok(Done::Plain)
            }
            Step::Protect { on } => {
                let client = &clients.cloudformation;
                cloudformation::set_termination_protection(client, &place.stack, *on).await.map_err(still)?;
                Ok(Done::Plain)
            }
            Step::Configure { id, properties, .. } => self.configure(id, properties).await,
            Step::UpdateCode { name, code, .. } => {
                lambda::settled(&clients.lambda, name).await.map_err(still)?;
                lambda::update_code(&clients.lambda, name, code).await.map_err(still)?;
                Ok(Done::Plain)
            }
            Step::Publish { function, name, code_sha256 } => self.publish(function, name, code_sha256.as_deref()).await,
            Step::Check { function, name, checks } => self.check(function, name, checks).await,
            Step::Shift { .. } => self.shift(step).await,
            Step::Gradual(step) => self.gradual(step).await,
            Step::Provision { function, name, version, executions, remove } => {
                self.provision(function, name, version.as_ref(), *executions, remove).await
            }
            Step::EmptyBucket { bucket, .. } => {
                s3::empty_bucket(&clients.s3, bucket).await.map_err(still)?;
                Ok(Done::Plain)
            }
            Step::DeleteStack { id } => self.delete_stack(id).await,
            Step::Settle { records } => {
                for record in records {
                    s3::close_release(&clients.s3, &place.bucket, record).await.map_err(unchanged)?;
                }
                Ok(Done::Plain)
            }
            Step::ContinueRollback { skip } => {
                stack::go_on_back(clients, &place.stack, skip, &self.tell).await.map(|()| Done::Plain)
            }
            Step::DropVersions { name, versions } => {
                for version in versions {
                    lambda::delete_version(&clients.lambda, name, version).await.map_err(still)?;
                }
                Ok(Done::Plain)
            }
            Step::DropObjects { bucket, keys } => {
                s3::delete_objects(&clients.s3, bucket, keys).await.map_err(unchanged)?;
                Ok(Done::Plain)
            }
            Step::DropChangeSets { names } => {
                for name in names {
                    // They do no harm; the next plan names them again.
                    let _ = cloudformation::delete_change_set(&clients.cloudformation, &place.stack, name).await;
                }
                Ok(Done::Plain)
            }
            Step::CloseRelease => {
                let record = self.closed(Outcome::Succeeded);
                s3::close_release(&clients.s3, &place.bucket, &record).await.map_err(|error| StepError {
                    message: error.to_string(),
                    now: format!("release {} is live but its record still says `started`", record.number),
                })?;
                Ok(Done::Plain)
            }
            Step::FailRelease { reason } => self.ended(Outcome::Failed { reason: reason.clone() }).await,
            Step::TakeBack { reason } => self.ended(Outcome::TakenBack { reason: reason.clone() }).await,
            Step::HoldRelease { reason } => self.ended(Outcome::Held { reason: reason.clone() }).await,
        }
    }
}
