//! The roles of a stack's functions as they are in AWS.

use crate::aws::AwsError;
use crate::aws::cloudformation;
use crate::aws::kinds::{self, Wanted};
use crate::exit::Failure;
use crate::model::Stack;
use crate::pipeline;
use crate::session::Connection;
use crate::state::{Known, Properties};
use crate::synth::logical_ids;
use serde_json::Value;

/// A function's own role.
pub(super) struct Role {
    /// As the stack file calls it.
    pub(super) function: String,
    /// IAM's name of the role.
    pub(super) name: String,
    /// Its inline policies.
    pub(super) policies: Vec<Value>,
}

/// The roles that the stack made for its functions. A function with a role of somebody else is left out.
pub(super) async fn roles(connection: &Connection, stack: &Stack) -> Result<Vec<Role>, Failure> {
    let clients = &connection.clients;
    let made = match cloudformation::resources(&clients.cloudformation, &stack.name()).await {
        Err(error) if error.is_missing() => {
            let next = format!("deployer deploy {} --stage {}", stack.file.stack.value, stack.stage);
            return Err(Failure::failed(format!("{} is not deployed", stack.name()), "nothing was changed", next));
        }
        answer => answer.map_err(pipeline::unread)?,
    };
    let own = stack.file.functions.keys().filter_map(|function| {
        let id = logical_ids::role(function);
        let physical = made.get(&id)?.physical_id.as_str().to_owned();
        Some((
            function.clone(),
            Wanted { id, kind: "AWS::IAM::Role".to_owned(), physical_id: physical, declared: Properties::new() },
        ))
    });
    let (functions, wanted): (Vec<String>, Vec<Wanted>) = own.unzip();
    let readings = kinds::read(clients, &wanted).await;
    let mut roles = Vec::new();
    for (function, wanted) in functions.into_iter().zip(&wanted) {
        let reading = readings.iter().find(|(id, _)| *id == wanted.id).map(|(_, reading)| reading.clone());
        if let Some(Known::Present(found)) = reading.transpose().map_err(pipeline::unread)? {
            let policies = found.get("Policies").and_then(Value::as_object).into_iter().flatten();
            let policies = policies.map(|(_, document)| document.clone()).collect();
            roles.push(Role { function, name: wanted.physical_id.clone(), policies });
        }
    }
    Ok(roles)
}

/// What to say where AWS does not tell.
pub(super) fn untold(connection: &Connection, error: &AwsError, what: &str) -> Failure {
    if connection.clients.is_sandbox {
        return Failure::failed(
            format!("the sandbox has no {what}: {error}"),
            "nothing was changed",
            "run it against AWS; in the sandbox `make prove` shows that every action is needed",
        );
    }
    let next = match error.is_denied() {
        true => format!("grant {} to the caller, then run the command again", error.action),
        false => "run the command again".to_owned(),
    };
    Failure::failed(format!("AWS tells no {what}: {error}"), "nothing was changed", next)
}
