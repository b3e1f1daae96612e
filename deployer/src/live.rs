//! Reads what was deployed and what is live, side by side, into a [`State`].
//!
//! A part that cannot be read becomes `Unknown`; only a failure to read the stack itself ends the run.

use crate::aws::{AwsError, Clients, Identity, cloudformation, lambda, s3};
use crate::cfn::Template;
use crate::ids::{LogicalId, StackName};
use crate::model::Stack;
use crate::state::{Deployed, Known, Place, State};
use futures::StreamExt as _;
use indexmap::IndexMap;
use std::collections::BTreeMap;

/// Functions that are read at the same time; each takes three calls.
const SIDE_BY_SIDE: usize = 10;

/// Where `stack` stands, for whoever calls.
pub(crate) fn place(stack: &Stack, clients: &Clients, identity: &Identity) -> Place {
    let region = clients.region.clone();
    let account = identity.account.clone();
    Place {
        stack: stack.name(),
        stage: stack.stage.clone(),
        bucket: format!("deployer-{account}-{region}"),
        partition: identity.arn.split(':').nth(1).unwrap_or("aws").to_owned(),
        caller: identity.arn.clone(),
        region,
        account,
    }
}

/// Reads everything that a plan is made from. `desired` tells whether exports are needed.
pub(crate) async fn read(clients: &Clients, place: Place, desired: &Template) -> Result<State, AwsError> {
    let imports = serde_json::to_string(desired).is_ok_and(|text| text.contains("Fn::ImportValue"));
    let exports = async {
        match imports {
            true => cloudformation::exports(&clients.cloudformation).await.unwrap_or_default(),
            false => BTreeMap::new(),
        }
    };
    let deployed_and_functions = async {
        let deployed = cloudformation::read(&clients.cloudformation, &place.stack).await?;
        let functions = functions(clients, deployed.present(), &place.stack).await;
        Ok::<_, AwsError>((deployed, functions))
    };
    let (read, releases, exports) =
        futures::join!(deployed_and_functions, releases(clients, &place.bucket, &place.stack), exports);
    let (deployed, functions) = read?;
    let resources = IndexMap::new();
    Ok(State { place, deployed, functions, resources, strangers: Vec::new(), releases, exports })
}

async fn releases(clients: &Clients, bucket: &str, stack: &StackName) -> Known<Vec<crate::release::Release>> {
    match s3::releases(&clients.s3, bucket, stack).await {
        Ok(releases) => Known::Present(releases),
        Err(error) if error.is_missing() => Known::Absent,
        Err(error) => Known::Unknown(error.to_string()),
    }
}

async fn functions(
    clients: &Clients,
    deployed: Option<&Deployed>,
    stack: &StackName,
) -> IndexMap<LogicalId, Known<crate::state::LiveFunction>> {
    let resources = deployed.into_iter().flat_map(|deployed| &deployed.resources);
    let functions = resources.filter(|(_, resource)| resource.kind == "AWS::Lambda::Function");
    futures::stream::iter(functions)
        .map(|(id, resource)| async move {
            let read = lambda::read(&clients.lambda, resource.physical_id.as_str(), stack).await;
            (id.clone(), read.unwrap_or_else(|error| Known::Unknown(error.to_string())))
        })
        .buffered(SIDE_BY_SIDE)
        .collect()
        .await
}
