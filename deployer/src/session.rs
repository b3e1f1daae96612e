//! The connection of one command: clients per region, who calls, and whether that is the sandbox.

use crate::aws::{AwsError, Clients, Identity, Override};
use crate::ctx::Ctx;
use crate::exit::Failure;
use crate::model::Stack;
use crate::sandbox;
use crate::state::Place;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Session {
    sandbox: Option<Override>,
    /// How long an answer of AWS is waited for.
    patience: Duration,
    connections: BTreeMap<String, Connection>,
}

/// Clients for one region, and who calls.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(crate) clients: Clients,
    pub(crate) identity: Identity,
}

/// How long an answer is waited for, unless DEPLOYER_TIMEOUT says otherwise. No API that is called here takes this long to
/// begin its answer: what takes long is asked for again and again.
const PATIENCE: Duration = Duration::from_secs(60);

/// Region of a stack in the sandbox that names none.
pub(crate) const SANDBOX_REGION: &str = "us-east-1";

impl Session {
    /// Starts the sandbox when it is asked for.
    pub(crate) async fn open(ctx: &Ctx) -> Result<Self, Failure> {
        let sandbox = match ctx.global.sandbox {
            false => None,
            true => {
                let endpoint = sandbox::ensure(ctx).await?;
                Some(Override {
                    url: endpoint.url,
                    access_key_id: endpoint.access_key_id,
                    secret_access_key: endpoint.secret_access_key,
                    session_token: endpoint.session_token,
                    is_paced: ctx.environment.contains_key("DEPLOYER_SANDBOX_PACE"),
                })
            }
        };
        let given = ctx.environment.get("DEPLOYER_TIMEOUT").map(|text| text.trim().parse::<u32>().map_err(|_| text));
        let patience = match given.transpose() {
            Ok(Some(seconds @ 1..)) => Duration::from_secs(u64::from(seconds)),
            Ok(None) => PATIENCE,
            Ok(Some(_)) | Err(_) => {
                return Err(Failure::usage(
                    "DEPLOYER_TIMEOUT is no number of seconds",
                    "set it to 60, or leave it out",
                ));
            }
        };
        Ok(Self { sandbox, patience, connections: BTreeMap::new() })
    }

    /// Address of the sandbox, when that is what we talk to.
    pub(crate) fn sandbox_url(&self) -> Option<&str> {
        self.sandbox.as_ref().map(|sandbox| sandbox.url.as_str())
    }

    /// Connects to where `stack` belongs and makes sure that it is the account that the stage names.
    pub(crate) async fn connect(&mut self, stack: &Stack) -> Result<Connection, Failure> {
        let wanted = stack.settings.region.as_ref().map(|region| region.value.clone());
        let name = format!("stage {} of {}", stack.stage, stack.file.stack.value);
        let connection = self.connection(wanted, &name).await?;
        let account = stack.settings.account.as_ref().filter(|_| self.sandbox.is_none());
        match account {
            Some(account) if account.value != connection.identity.account => Err(Failure::usage(
                format!(
                    "stage {} of {} belongs to account {}, but these credentials are for {}",
                    stack.stage, stack.file.stack.value, account.value, connection.identity.account
                ),
                "switch to credentials of that account, or choose another `--stage`",
            )),
            _ => Ok(connection),
        }
    }

    /// Connects to where a saved plan was made, and nowhere else.
    pub(crate) async fn connect_to(&mut self, place: &Place) -> Result<Connection, Failure> {
        if place.sandbox != self.sandbox.is_some() {
            let (there, flag) = match place.sandbox {
                true => ("the sandbox", "add `--sandbox`"),
                false => ("AWS", "leave out `--sandbox`"),
            };
            return Err(Failure::usage(format!("the plan was made for {there}"), flag));
        }
        let connection = self.connection(Some(place.region.clone()), "the plan").await?;
        match connection.identity.account == place.account {
            true => Ok(connection),
            false => Err(Failure::usage(
                format!(
                    "the plan belongs to account {}, but these credentials are for {}",
                    place.account, connection.identity.account
                ),
                "switch to credentials of that account",
            )),
        }
    }

    async fn connection(&mut self, region: Option<String>, whose: &str) -> Result<Connection, Failure> {
        let wanted = region.or_else(|| self.sandbox.as_ref().map(|_| SANDBOX_REGION.to_owned()));
        let key = wanted.clone().unwrap_or_default();
        if let Some(connection) = self.connections.get(&key) {
            return Ok(connection.clone());
        }
        let clients = Clients::new(wanted, self.sandbox.as_ref(), self.patience).await;
        if clients.region.is_empty() {
            return Err(Failure::usage(
                format!("{whose} names no region and the environment has none"),
                "add `region: …` to the stage, or set AWS_REGION",
            ));
        }
        let identity = clients.identity().await.map_err(no_identity)?;
        let connection = Connection { clients, identity };
        self.connections.insert(key, connection.clone());
        Ok(connection)
    }

    /// Requests so far, by operation.
    pub(crate) fn calls(&self) -> BTreeMap<String, usize> {
        let mut all = BTreeMap::new();
        for (operation, count) in
            self.connections.values().flat_map(|connection| connection.clients.calls.by_operation())
        {
            *all.entry(operation).or_default() += count;
        }
        all
    }

    /// With `-v` the number of requests, with `-vv` each operation's.
    pub(crate) fn tell_calls(&self, ctx: &Ctx) {
        let calls = self.calls();
        if ctx.global.verbose > 0 {
            ctx.say(format!("{} AWS requests", calls.values().sum::<usize>()));
        }
        if ctx.global.verbose > 1 {
            for (operation, count) in calls {
                ctx.say(format!("  {count:>4} {operation}"));
            }
        }
    }
}

fn no_identity(error: AwsError) -> Failure {
    Failure::failed(
        format!("cannot tell who calls AWS: {error}"),
        "nothing was changed",
        "check the credentials (`aws sts get-caller-identity`), or add `--sandbox` to work without an account",
    )
}
