//! When a bucket's objects move and go, between S3's words and CloudFormation's.

use super::shape::{Shape as _, built, parsed_time, time};
use super::{AwsError, Explain};
use crate::state::Properties;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_bucket_lifecycle_configuration::GetBucketLifecycleConfigurationOutput;
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule,
    LifecycleRuleAndOperator, LifecycleRuleFilter, NoncurrentVersionExpiration, NoncurrentVersionTransition, Tag,
    Transition, TransitionDefaultMinimumObjectSize, TransitionStorageClass,
};
use serde_json::{Value, json};

/// In the shape of `LifecycleConfiguration`. S3 gives a rule without an id one of its own: where some rules are declared
/// without, ids that are not declared are left out.
pub(super) fn of(found: GetBucketLifecycleConfigurationOutput, declared: &Properties) -> Value {
    let ours = declared.inner("LifecycleConfiguration").map(|own| own.items("Rules")).unwrap_or_default();
    let nameless = ours.iter().any(|rule| !rule.contains_key("Id"));
    let is_ours = |id: &String| !nameless || ours.iter().any(|rule| rule.text("Id").as_ref() == Some(id));
    let rules = found.rules.unwrap_or_default().into_iter();
    let rules: Vec<Value> = rules.map(|mut rule| of_rule(rule.id.take().filter(is_ours), rule)).collect();
    json!({
        "Rules": rules,
        "TransitionDefaultMinimumObjectSize":
            found.transition_default_minimum_object_size.map(|size| size.as_str().to_owned()),
    })
}

fn of_rule(id: Option<String>, rule: LifecycleRule) -> Value {
    let (filter, expiration) = (rule.filter.unwrap_or_else(nothing), rule.expiration);
    let and = filter.and;
    let tags = filter.tag.into_iter().chain(and.as_ref().and_then(|and| and.tags.clone()).unwrap_or_default());
    let tags: Vec<Value> = tags.map(|tag| json!({ "Key": tag.key, "Value": tag.value })).collect();
    let prefix = filter.prefix.or_else(|| and.as_ref()?.prefix.clone());
    #[expect(deprecated, reason = "older rules are kept by S3 as they were given")]
    let prefix = prefix.or(rule.prefix).filter(|prefix| !prefix.is_empty());
    let transitions = rule.transitions.map(|transitions| {
        let own = transitions.into_iter().map(|own| {
            json!({
                "StorageClass": own.storage_class.map(|class| class.as_str().to_owned()),
                "TransitionInDays": own.days,
                "TransitionDate": own.date.as_ref().and_then(time),
            })
        });
        own.collect::<Vec<_>>()
    });
    let noncurrent = rule.noncurrent_version_transitions.map(|transitions| {
        let own = transitions.into_iter().map(|own| {
            json!({
                "StorageClass": own.storage_class.map(|class| class.as_str().to_owned()),
                "TransitionInDays": own.noncurrent_days,
                "NewerNoncurrentVersions": own.newer_noncurrent_versions,
            })
        });
        own.collect::<Vec<_>>()
    });
    json!({
        "Id": id,
        "Status": rule.status.as_str(),
        "Prefix": prefix,
        "TagFilters": Some(tags).filter(|tags| !tags.is_empty()),
        "ObjectSizeGreaterThan": filter.object_size_greater_than.or_else(|| and.as_ref()?.object_size_greater_than),
        "ObjectSizeLessThan": filter.object_size_less_than.or_else(|| and.as_ref()?.object_size_less_than),
        "ExpirationInDays": expiration.as_ref().and_then(|own| own.days).filter(|days| *days > 0),
        "ExpirationDate": expiration.as_ref().and_then(|own| own.date.as_ref()).and_then(time),
        "ExpiredObjectDeleteMarker": expiration.as_ref().and_then(|own| own.expired_object_delete_marker),
        "Transitions": transitions,
        "NoncurrentVersionTransitions": noncurrent,
        "NoncurrentVersionExpiration": rule.noncurrent_version_expiration.map(|own| {
            json!({ "NoncurrentDays": own.noncurrent_days, "NewerNoncurrentVersions": own.newer_noncurrent_versions })
        }),
        "AbortIncompleteMultipartUpload": rule.abort_incomplete_multipart_upload
            .map(|own| json!({ "DaysAfterInitiation": own.days_after_initiation })),
    })
}

fn nothing() -> LifecycleRuleFilter {
    LifecycleRuleFilter::builder().build()
}

/// Puts the whole, from its normal form; without rules it is taken away.
pub(super) async fn put(client: &Client, bucket: &str, desired: Option<&Properties>) -> Result<(), AwsError> {
    let rules = desired.and_then(|own| own.inner("Rules")).into_iter().flatten();
    let rules = rules.filter_map(|(id, rule)| Some((id, rule.as_object()?)));
    let rules = rules.map(|(id, rule)| to_rule(id, rule)).collect::<Result<Vec<_>, _>>()?;
    if rules.is_empty() {
        let call = client.delete_bucket_lifecycle().bucket(bucket);
        return call.send().await.explain("s3:PutLifecycleConfiguration").map(drop);
    }
    let size = desired.and_then(|own| own.text("TransitionDefaultMinimumObjectSize"));
    let size = size.map(|word| TransitionDefaultMinimumObjectSize::from(word.as_str()));
    let configuration = built(BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build())?;
    client
        .put_bucket_lifecycle_configuration()
        .bucket(bucket)
        .lifecycle_configuration(configuration)
        .set_transition_default_minimum_object_size(size)
        .send()
        .await
        .explain("s3:PutLifecycleConfiguration")
        .map(drop)
}

fn to_rule(id: &str, rule: &Properties) -> Result<LifecycleRule, AwsError> {
    let date = |of: &Properties, key: &str| of.text(key).as_deref().and_then(parsed_time);
    let class = |of: &Properties| of.text("StorageClass").map(|word| TransitionStorageClass::from(word.as_str()));
    let expiration = ["ExpirationInDays", "ExpirationDate", "ExpiredObjectDeleteMarker"];
    let expiration = expiration.into_iter().any(|key| rule.contains_key(key)).then(|| {
        LifecycleExpiration::builder()
            .set_days(rule.int("ExpirationInDays"))
            .set_date(date(rule, "ExpirationDate"))
            .set_expired_object_delete_marker(rule.flag("ExpiredObjectDeleteMarker"))
            .build()
    });
    let transitions = rule.items("Transitions").into_iter().map(|own| {
        let transition = Transition::builder().set_days(own.int("TransitionInDays"));
        transition.set_date(date(own, "TransitionDate")).set_storage_class(class(own)).build()
    });
    let noncurrent = rule.items("NoncurrentVersionTransitions").into_iter().map(|own| {
        let transition = NoncurrentVersionTransition::builder().set_noncurrent_days(own.int("TransitionInDays"));
        let newer = own.int("NewerNoncurrentVersions");
        transition.set_newer_noncurrent_versions(newer).set_storage_class(class(own)).build()
    });
    let noncurrent_expiration = rule.inner("NoncurrentVersionExpiration").map(|own| {
        let expiration = NoncurrentVersionExpiration::builder().set_noncurrent_days(own.int("NoncurrentDays"));
        expiration.set_newer_noncurrent_versions(own.int("NewerNoncurrentVersions")).build()
    });
    let uploads = rule.inner("AbortIncompleteMultipartUpload").map(|own| {
        AbortIncompleteMultipartUpload::builder().set_days_after_initiation(own.int("DaysAfterInitiation")).build()
    });
    let some = |list: Vec<Transition>| Some(list).filter(|list| !list.is_empty());
    let status = rule.text("Status").map(|word| ExpirationStatus::from(word.as_str()));
    built(
        LifecycleRule::builder()
            .set_id(Some(id.to_owned()).filter(|id| !id.starts_with("(nameless")))
            .set_status(status)
            .filter(to_filter(rule)?)
            .set_expiration(expiration)
            .set_transitions(some(transitions.collect()))
            .set_noncurrent_version_transitions(Some(noncurrent.collect::<Vec<_>>()).filter(|list| !list.is_empty()))
            .set_noncurrent_version_expiration(noncurrent_expiration)
            .set_abort_incomplete_multipart_upload(uploads)
            .build(),
    )
}

/// One condition stands alone, several under `And`, none as an empty prefix.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRuleFilter.html> (read 2026-11).
fn to_filter(rule: &Properties) -> Result<LifecycleRuleFilter, AwsError> {
    let tags = rule.items("TagFilters").into_iter();
    let tags = tags.map(|tag| built(Tag::builder().set_key(tag.text("Key")).set_value(tag.text("Value")).build()));
    let mut tags = tags.collect::<Result<Vec<_>, _>>()?;
    let (prefix, more, less) =
        (rule.text("Prefix"), rule.long("ObjectSizeGreaterThan"), rule.long("ObjectSizeLessThan"));
    let conditions =
        tags.len() + usize::from(prefix.is_some()) + usize::from(more.is_some()) + usize::from(less.is_some());
    let filter = LifecycleRuleFilter::builder();
    if conditions == 0 {
        return Ok(filter.prefix("").build());
    }
    if conditions > 1 {
        let and = LifecycleRuleAndOperator::builder()
            .set_prefix(prefix)
            .set_tags(Some(tags).filter(|tags| !tags.is_empty()))
            .set_object_size_greater_than(more)
            .set_object_size_less_than(less);
        return Ok(filter.and(and.build()).build());
    }
    Ok(filter
        .set_prefix(prefix)
        .set_tag(tags.pop())
        .set_object_size_greater_than(more)
        .set_object_size_less_than(less)
        .build())
}
