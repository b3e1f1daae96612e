//! Tables: on demand, encrypted, with continuous backups and deletion protection unless the file says otherwise.

use super::draft::{Draft, tag_list};
use super::logical_ids as ids;
use crate::cfn::{Resource, without_nulls};
use crate::model::table::{Attribute, Capacity, Index, Table};
use crate::source::Spanned;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) fn tables(draft: &mut Draft<'_>) {
    let stack = draft.stack;
    for (name, table) in &stack.file.tables {
        let key = table.key.as_ref().map(|key| draft.raw_arn(key));
        let attributes: BTreeMap<&str, &str> =
            table.attributes().map(|attribute| (attribute.name.as_str(), attribute.kind.letter())).collect();
        let attributes: Vec<Value> = attributes
            .into_iter()
            .map(|(name, kind)| json!({ "AttributeName": name, "AttributeType": kind }))
            .collect();
        let (local, global): (Vec<_>, Vec<_>) = table.indexes.iter().partition(|(_, index)| index.partition.is_none());
        let indexes = |of: Vec<(&String, &Index)>| {
            let all: Vec<Value> = of.into_iter().map(|(name, index)| self::index(name, index, table)).collect();
            (!all.is_empty()).then_some(all)
        };
        let mut resource = Resource::new(
            "AWS::DynamoDB::Table",
            json!({
                "TableName": stack.table_name(name),
                "AttributeDefinitions": attributes,
                "KeySchema": keys(&table.partition, table.sort.as_ref()),
                "LocalSecondaryIndexes": indexes(local),
                "GlobalSecondaryIndexes": indexes(global),
                "BillingMode": if table.capacity.is_some() { "PROVISIONED" } else { "PAY_PER_REQUEST" },
                "ProvisionedThroughput": table.capacity.as_ref().map(throughput),
                "TimeToLiveSpecification":
                    table.ttl.as_ref().map(|ttl| json!({ "AttributeName": ttl.value, "Enabled": true })),
                "StreamSpecification": table.stream.as_ref().map(|view| json!({ "StreamViewType": view.value.kind() })),
                "PointInTimeRecoverySpecification": { "PointInTimeRecoveryEnabled": table.recovery },
                "SSESpecification":
                    key.as_ref().map(|key| json!({ "SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": key })),
                "DeletionProtectionEnabled": table.is_protected(),
                "Tags": tag_list(&stack.tags()),
            }),
        )
        .kept(table.retain);
        if key.is_none() {
            resource = resource.skip("CKV_AWS_119", "encrypted with DynamoDB's own key; `key:` takes one of yours");
        }
        if !table.recovery {
            resource = resource.skip("CKV_AWS_28", "`recovery: false` says that the items can be made again");
        }
        draft.add(ids::table(name), resource);
    }
}

fn keys(partition: &Attribute, sort: Option<&Spanned<Attribute>>) -> Vec<Value> {
    let sort = sort.map(|sort| json!({ "AttributeName": sort.name, "KeyType": "RANGE" }));
    [json!({ "AttributeName": partition.name, "KeyType": "HASH" })].into_iter().chain(sort).collect()
}

fn index(name: &str, index: &Index, table: &Table) -> Value {
    let projection = match index.project.as_deref() {
        None => json!({ "ProjectionType": "ALL" }),
        Some([]) => json!({ "ProjectionType": "KEYS_ONLY" }),
        Some(some) => {
            let some: Vec<&str> = some.iter().map(|attribute| attribute.value.as_str()).collect();
            json!({ "ProjectionType": "INCLUDE", "NonKeyAttributes": some })
        }
    };
    without_nulls(json!({
        "IndexName": name,
        "KeySchema": keys(index.partition.as_ref().unwrap_or(&table.partition), index.sort.as_ref()),
        "Projection": projection,
        "ProvisionedThroughput": table.capacity.as_ref().filter(|_| index.partition.is_some()).map(throughput),
    }))
}

fn throughput(capacity: &Capacity) -> Value {
    json!({ "ReadCapacityUnits": capacity.read.value, "WriteCapacityUnits": capacity.write.value })
}
