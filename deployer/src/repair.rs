//! Who puts drift right, by type: the service's own put-style API, a drift-aware change set, or a second change set.
//!
//! A table of facts; `plan` asks it, `aws/kinds.rs` carries out its first row.

/// How something that is gone is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// One call to its service.
    Service,
    /// The stack lets go of it, then makes it anew.
    OutAndBack,
}

/// Types whose live state is read from their own service and put right by it, and whether the service makes them again under
/// the identifier that CloudFormation knows, because the caller chooses it.
const BY_SERVICE: &[(&str, bool)] = &[
    ("AWS::ApiGatewayV2::Api", false),
    ("AWS::ApiGatewayV2::Authorizer", false),
    ("AWS::ApiGatewayV2::Integration", false),
    ("AWS::ApiGatewayV2::Route", false),
    ("AWS::ApiGatewayV2::Stage", false),
    ("AWS::CloudWatch::Alarm", true),
    ("AWS::CloudWatch::CompositeAlarm", true),
    ("AWS::CloudWatch::Dashboard", true),
    ("AWS::Events::EventBus", false),
    ("AWS::Events::EventBusPolicy", true),
    ("AWS::Events::Rule", true),
    ("AWS::IAM::Role", false),
    ("AWS::Lambda::EventInvokeConfig", true),
    ("AWS::Lambda::EventSourceMapping", false),
    ("AWS::Lambda::Permission", true),
    ("AWS::Lambda::Url", false),
    ("AWS::Logs::LogGroup", true),
    ("AWS::Logs::MetricFilter", true),
    ("AWS::Logs::SubscriptionFilter", true),
    ("AWS::S3::Bucket", false),
    ("AWS::S3::BucketPolicy", true),
    ("AWS::SNS::Subscription", false),
    ("AWS::SNS::Topic", true),
    ("AWS::SNS::TopicPolicy", true),
    ("AWS::SQS::Queue", true),
    ("AWS::SQS::QueuePolicy", true),
    ("AWS::Scheduler::Schedule", true),
    ("AWS::SecretsManager::Secret", false),
];

/// Whether its own service tells what is live of this type.
pub(crate) fn is_by_service(kind: &str) -> bool {
    BY_SERVICE.iter().any(|(known, _)| *known == kind)
}

/// The types whose own service tells what is live.
#[cfg(test)]
pub(crate) fn kinds() -> impl Iterator<Item = &'static str> {
    BY_SERVICE.iter().map(|(kind, _)| *kind)
}

/// How something that is gone is made again.
pub(crate) fn of_absence(kind: &str) -> Way {
    match BY_SERVICE.contains(&(kind, true)) {
        true => Way::Service,
        false => Way::OutAndBack,
    }
}

/// The property by which a resource of this type takes its identifier, so that one can look whether it is taken.
pub(crate) fn naming_property(kind: &str) -> Option<&'static str> {
    let named = [
        ("AWS::CloudWatch::Alarm", "AlarmName"),
        ("AWS::CloudWatch::CompositeAlarm", "AlarmName"),
        ("AWS::CloudWatch::Dashboard", "DashboardName"),
        ("AWS::IAM::Role", "RoleName"),
        ("AWS::Logs::LogGroup", "LogGroupName"),
        ("AWS::S3::Bucket", "BucketName"),
    ];
    named.into_iter().find(|(named, _)| *named == kind).map(|(_, property)| property)
}

/// Whether CloudFormation is asked what is live of this type: neither a function nor read by its service, and nothing that
/// exists only inside of CloudFormation.
pub(crate) fn is_left_to_drift_detection(kind: &str) -> bool {
    let elsewhere = ["AWS::Lambda::Function", "AWS::Lambda::Alias", "AWS::Lambda::Version"];
    !is_by_service(kind)
        && !elsewhere.contains(&kind)
        && kind.starts_with("AWS::")
        && !kind.starts_with("AWS::CloudFormation::")
}
