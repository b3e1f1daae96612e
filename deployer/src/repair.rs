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

/// Types whose live state is read from their own service and put right by it.
pub(crate) const BY_SERVICE: &[&str] = &[
    "AWS::IAM::Role",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Url",
];

/// Of those, the ones that can be made again under the identifier that CloudFormation knows: the caller chooses it.
const REMADE_BY_SERVICE: &[&str] = &["AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Permission"];

/// How something that is gone is made again.
pub(crate) fn of_absence(kind: &str) -> Way {
    if REMADE_BY_SERVICE.contains(&kind) { Way::Service } else { Way::OutAndBack }
}

/// The property by which a resource of this type takes its identifier, so that one can look whether it is taken.
pub(crate) fn naming_property(kind: &str) -> Option<&'static str> {
    let named = [
        ("AWS::CloudWatch::Alarm", "AlarmName"),
        ("AWS::CloudWatch::Dashboard", "DashboardName"),
        ("AWS::IAM::Role", "RoleName"),
        ("AWS::Logs::LogGroup", "LogGroupName"),
        ("AWS::S3::Bucket", "BucketName"),
    ];
    named.into_iter().find(|(named, _)| *named == kind && BY_SERVICE.contains(named)).map(|(_, property)| property)
}

/// Whether CloudFormation is asked what is live of this type: neither a function nor read by its service, and nothing that
/// exists only inside of CloudFormation.
pub(crate) fn is_left_to_drift_detection(kind: &str) -> bool {
    let elsewhere = ["AWS::Lambda::Function", "AWS::Lambda::Alias", "AWS::Lambda::Version"];
    !BY_SERVICE.contains(&kind)
        && !elsewhere.contains(&kind)
        && kind.starts_with("AWS::")
        && !kind.starts_with("AWS::CloudFormation::")
}
