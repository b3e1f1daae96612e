//! Secrets. The template makes them with a random value: the user's never passes through CloudFormation.

use super::draft::{Draft, tag_list};
use super::logical_ids as ids;
use crate::cfn::Resource;
use serde_json::json;

pub(crate) fn secrets(draft: &mut Draft<'_>) {
    let stack = draft.stack;
    for (name, secret) in stack.file.secrets.iter().filter(|(_, secret)| secret.from.is_none()) {
        let key = secret.key.as_ref().map(|key| draft.raw_arn(key));
        let mut resource = Resource::new(
            "AWS::SecretsManager::Secret",
            json!({
                "Name": stack.secret_name(name),
                "Description": secret.description,
                "KmsKeyId": key,
                // Until `deployer secret set` stores the value.
                "GenerateSecretString": { "PasswordLength": 32 },
                "Tags": tag_list(&stack.tags()),
            }),
        )
        .kept(secret.retain);
        if key.is_none() {
            resource = resource.skip("CKV_AWS_149", "encrypted with the AWS managed key; `key:` names another");
        }
        draft.add(ids::secret(name), resource);
    }
}
