//! Which service reads and repairs which CloudFormation type. One row per service in [`read`] and [`put`].
//!
//! Types that stand in no row are left to CloudFormation's drift detection.

use super::{AwsError, Clients, iam, wiring};
use crate::ids::LogicalId;
use crate::state::{Known, Properties};
use futures::StreamExt as _;
use futures::future::LocalBoxFuture;

/// A resource to read, as the stack knows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) id: LogicalId,
    pub(crate) kind: String,
    pub(crate) physical_id: String,
    /// As deployed, evaluated as far as that can be done.
    pub(crate) declared: Properties,
}

/// What was read of one resource.
pub(crate) type Reading = (LogicalId, Result<Known<Properties>, AwsError>);

/// Calls of one service that run at the same time.
pub(super) const SIDE_BY_SIDE: usize = 8;

/// Reads `wanted`, each by its service, the services side by side; what hangs on functions is read by [`wiring`].
pub(crate) async fn read(clients: &Clients, wanted: &[Wanted]) -> Vec<Reading> {
    let of = |kinds: &[&str]| -> Vec<&Wanted> {
        wanted.iter().filter(|wanted| kinds.contains(&wanted.kind.as_str())).collect()
    };
    let services: Vec<LocalBoxFuture<'_, Vec<Reading>>> =
        vec![Box::pin(iam::read(&clients.iam, of(&["AWS::IAM::Role"])))];
    futures::future::join_all(services).await.into_iter().flatten().collect()
}

/// Makes the live resource `physical_id` what `desired` says, by the service's own API. `desired` holds every property that
/// the reader covers, evaluated; `changed` names the top-level ones that differ. What is gone is made again where the
/// service lets the caller choose its identifier.
pub(crate) async fn put(
    clients: &Clients,
    kind: &str,
    physical_id: &str,
    desired: &Properties,
    changed: &[String],
) -> Result<(), AwsError> {
    match kind {
        "AWS::IAM::Role" => iam::put(&clients.iam, physical_id, desired, changed).await,
        _ if wiring::KINDS.contains(&kind) => wiring::put(&clients.lambda, kind, physical_id, desired).await,
        _ => Err(AwsError::unable(format!("{kind} has no API of its own here"))),
    }
}

/// Reads one by one, some at the same time: for services without a list call that tells enough.
pub(super) async fn each<'a, F>(wanted: Vec<&'a Wanted>, read: impl Fn(&'a Wanted) -> F) -> Vec<Reading>
where
    F: Future<Output = Result<Known<Properties>, AwsError>>,
{
    futures::stream::iter(wanted)
        .map(|wanted| {
            let reading = read(wanted);
            async { (wanted.id.clone(), reading.await) }
        })
        .buffer_unordered(SIDE_BY_SIDE)
        .collect()
        .await
}
