//! Which service reads and repairs which CloudFormation type. One row per service in [`read`] and [`put`].
//!
//! Types that stand in no row are left to CloudFormation's drift detection.

use super::{
    AwsError, Clients, api_put, apis, bucket, cloudwatch, events, iam, logs, scheduler, secrets, sns, sqs, wiring,
};
use crate::ids::LogicalId;
use crate::normalize;
use crate::state::{Known, Properties};
use futures::StreamExt as _;
use futures::future::LocalBoxFuture;
use serde_json::Value;

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
    let services: Vec<LocalBoxFuture<'_, Vec<Reading>>> = vec![
        Box::pin(iam::read(&clients.iam, of(&["AWS::IAM::Role"]))),
        Box::pin(apis::read(&clients.apis, of(apis::KINDS))),
        Box::pin(bucket::read(&clients.s3, of(bucket::KINDS))),
        Box::pin(cloudwatch::read(&clients.cloudwatch, of(cloudwatch::KINDS))),
        Box::pin(events::read(&clients.events, of(events::KINDS))),
        Box::pin(logs::read(&clients.logs, of(logs::KINDS))),
        Box::pin(scheduler::read(&clients.scheduler, of(scheduler::KINDS))),
        Box::pin(secrets::read(&clients.secrets, of(secrets::KINDS))),
        Box::pin(sns::read(&clients.sns, of(sns::KINDS))),
        Box::pin(sqs::read(&clients.sqs, of(sqs::KINDS))),
    ];
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
    let (desired, id) = (&normalize::kinds::kind(kind, desired), physical_id);
    match kind {
        "AWS::IAM::Role" => iam::put(&clients.iam, id, desired, changed).await,
        _ if wiring::KINDS.contains(&kind) => wiring::put(&clients.lambda, kind, id, desired).await,
        _ if apis::KINDS.contains(&kind) => api_put::put(&clients.apis, kind, id, desired, changed).await,
        _ if bucket::KINDS.contains(&kind) => bucket::put(&clients.s3, kind, id, desired, changed).await,
        _ if cloudwatch::KINDS.contains(&kind) => cloudwatch::put(&clients.cloudwatch, kind, id, desired).await,
        _ if events::KINDS.contains(&kind) => events::put(&clients.events, kind, id, desired).await,
        _ if logs::KINDS.contains(&kind) => logs::put(&clients.logs, kind, id, desired, changed).await,
        _ if scheduler::KINDS.contains(&kind) => scheduler::put(&clients.scheduler, id, desired).await,
        _ if secrets::KINDS.contains(&kind) => secrets::put_properties(&clients.secrets, id, desired).await,
        _ if sns::KINDS.contains(&kind) => sns::put(&clients.sns, kind, id, desired, changed).await,
        _ if sqs::KINDS.contains(&kind) => sqs::put(&clients.sqs, kind, id, desired, changed).await,
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

/// The texts of a list that names what a policy hangs on.
///
/// # Errors
/// When one of them is not evaluated.
pub(super) fn all_texts(declared: &Properties, key: &str) -> Result<Vec<String>, AwsError> {
    let unknown = || AwsError::unable(format!("it is not known what {key} stands for"));
    let items = declared.get(key).and_then(Value::as_array).ok_or_else(unknown)?;
    items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(unknown)).collect()
}

/// What the policies of several owners are together: gone when all are gone, and else the first that is not as declared.
pub(super) fn common_policy(wanted: &Wanted, owners: &str, found: Vec<Option<Value>>) -> Known<Properties> {
    if found.iter().all(Option::is_none) {
        return Known::Absent;
    }
    let declared = wanted.declared.get("PolicyDocument");
    let other = found.iter().position(|policy| policy.as_ref() != declared).unwrap_or(0);
    let policy = found.into_iter().nth(other).flatten().unwrap_or(Value::Null);
    let owner = wanted.declared.get(owners).cloned().unwrap_or(Value::Null);
    Known::Present(Properties::from_iter([(owners.to_owned(), owner), ("PolicyDocument".to_owned(), policy)]))
}
