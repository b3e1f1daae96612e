//! A deletion is a plan: the stack goes, what holds data is kept unless that is allowed to go too.

use crate::cfn::Resource;
use crate::diff::Change;
use crate::model::stage::Allow;
use crate::picture;
use crate::plan::{Block, Intent, Line, Plan, StackStep, Step, Undo, blank_record};
use crate::release::{self, Commit};
use crate::risk::{self, Risk};
use crate::state::{Deployed, Known, State};
use indexmap::IndexMap;
use serde_json::Value;
use std::collections::BTreeMap;

/// The plan that deletes the stack of `state`. `changes` are the deletions of everything in it.
pub(crate) fn plan(
    changes: Vec<Change>,
    state: &State,
    allow: &[Allow],
    protect: bool,
    commit: Option<Commit>,
    now: jiff::Timestamp,
) -> Plan {
    let mut plan = Plan {
        format_version: 1,
        intent: Intent::Destroy,
        place: state.place.clone(),
        base: state.fingerprints(),
        lines: Vec::new(),
        blocked: Vec::new(),
        steps: Vec::new(),
        record: blank_record(state, release::Action::Destroy, commit, now),
        notes: Vec::new(),
        unverified: Vec::new(),
        access: Vec::new(),
        picture: state.deployed.present().map(|deployed| picture::of(&deployed.template)).unwrap_or_default(),
        dashboards: Vec::new(),
    };
    let Some(deployed) = state.deployed.present() else { return plan };
    let delete_data = allow.contains(&Allow::DeleteData);
    plan.lines = changes.into_iter().filter_map(|change| line(change, deployed, delete_data)).collect();
    plan.lines.sort_by(|one, two| two.risk.cmp(&one.risk).then_with(|| one.change.kind.cmp(&two.change.kind)));
    if protect {
        plan.blocked.push(Block {
            what: format!("stage {} is protected", state.place.stage),
            allow: None,
            way_out: "take `protect: true` out of the stage first".to_owned(),
        });
    }
    for line in plan.lines.iter().filter(|line| line.risk == Risk::LosesData && !delete_data) {
        plan.blocked.push(Block {
            what: format!("{} would lose what it holds", line.change.name),
            allow: Some(Allow::DeleteData.word().to_owned()),
            way_out: "add `--allow delete-data` when that is meant".to_owned(),
        });
    }
    let has_ledger = matches!(state.releases, Known::Present(_));
    let kept: Vec<_> = plan.lines.iter().filter(|line| is_kept(&line.change, deployed)).collect();
    if !delete_data && !kept.is_empty() {
        plan.notes.push(format!(
            "{} kept in AWS; `--allow delete-data` deletes them too",
            match kept.len() {
                1 => "one resource is".to_owned(),
                count => format!("{count} resources are"),
            }
        ));
    }
    if has_ledger {
        plan.steps.push(Step::OpenRelease);
    }
    if delete_data && (!kept.is_empty() || deployed.template.resources.values().any(is_protected)) {
        plan.steps.push(Step::Stack(letting_go(deployed)));
    }
    if deployed.protected {
        plan.steps.push(Step::Protect { on: false });
    }
    for line in plan.lines.iter().filter(|line| line.change.kind == "AWS::S3::Bucket") {
        let goes = delete_data || !is_kept(&line.change, deployed);
        if let Some(bucket) = deployed.resources.get(&line.change.id).filter(|_| goes) {
            plan.steps.push(Step::EmptyBucket { id: line.change.id.clone(), bucket: bucket.physical_id.to_string() });
        }
    }
    plan.steps.push(Step::DeleteStack { id: deployed.id.clone() });
    if has_ledger {
        plan.steps.push(Step::CloseRelease);
    }
    plan
}

fn is_kept(change: &Change, deployed: &Deployed) -> bool {
    let resource = deployed.template.resources.get(&change.id);
    resource.is_some_and(|resource| risk::is_retained(resource.deletion_policy.as_deref()))
}

/// Whether the service refuses to delete it.
fn is_protected(resource: &Resource) -> bool {
    resource.properties.get("DeletionProtectionEnabled") == Some(&Value::Bool(true))
}

fn line(change: Change, deployed: &Deployed, delete_data: bool) -> Option<Line> {
    let resource = deployed.template.resources.get(&change.id)?;
    let (risk, reason) = match (delete_data && is_kept(&change, deployed), resource.kind.as_str()) {
        (true, _) => (Risk::LosesData, "deletes what it holds".to_owned()),
        // Messages are on their way, not stored: whoever deletes a stack means its queues too.
        (false, "AWS::SQS::Queue") => (Risk::Interrupts, "messages still in it are lost".to_owned()),
        (false, _) => risk::of_delete(resource),
    };
    let undo = if risk == Risk::LosesData { Undo::No } else { Undo::ChangeSet };
    Some(Line { change, risk, reason, undo, meaning: IndexMap::new(), kept: false })
}

/// The deployed template with every deletion policy set to `Delete`, and tables that can be deleted. CloudFormation takes no update that changes only
/// that, so a handle that costs nothing comes with it.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html> (read 2026-11).
fn letting_go(deployed: &Deployed) -> StackStep {
    let mut template = deployed.template.clone();
    for resource in template.resources.values_mut().filter(|resource| resource.deletion_policy.is_some()) {
        resource.deletion_policy = Some("Delete".to_owned());
    }
    for resource in template.resources.values_mut().filter(|resource| is_protected(resource)) {
        resource.properties.insert("DeletionProtectionEnabled".to_owned(), Value::Bool(false));
    }
    let handle = Resource { kind: "AWS::CloudFormation::WaitConditionHandle".to_owned(), ..Resource::default() };
    template.resources.insert(crate::ids::LogicalId::new("DeployerLettingGo"), handle);
    StackStep {
        create: false,
        change_set: None,
        template: crate::cfn::to_text(&template),
        parameters: deployed.parameters.keys().map(|key| (key.clone(), None)).collect::<BTreeMap<_, _>>(),
        tags: Vec::new(),
        import_existing: false,
        revert_drift: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_protected_table_is_made_deletable_before_the_stack_goes() {
        let deployed: Deployed = serde_json::from_value(json!({
            "id": "arn:stack", "status": "CREATE_COMPLETE", "status_reason": null, "protected": false,
            "template": { "Resources": {
                "OrdersTable": { "Type": "AWS::DynamoDB::Table", "DeletionPolicy": "RetainExceptOnCreate",
                                 "Properties": { "DeletionProtectionEnabled": true } },
                "JobsQueue": { "Type": "AWS::SQS::Queue" },
            } },
            "parameters": {}, "resolved": {}, "outputs": {}, "resources": {},
        }))
        .expect("a deployed stack");
        let step = letting_go(&deployed);
        let template: Value = serde_json::from_str(&step.template).expect("a template");
        let table = &template["Resources"]["OrdersTable"];
        assert_eq!(table["DeletionPolicy"], "Delete");
        assert_eq!(table["Properties"]["DeletionProtectionEnabled"], false);
        assert_eq!(template["Resources"]["JobsQueue"], json!({ "Type": "AWS::SQS::Queue" }));
    }
}
