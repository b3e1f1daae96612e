//! Policy statements as values: made, merged, and written as a policy document.
//!
//! Resources are template values, since an ARN is often an intrinsic function. Knows no service.

use serde_json::{Map, Value, json};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

/// One statement. Only one without a `sid` is merged with others.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statement {
    /// Letters and digits.
    pub(crate) sid: Option<&'static str>,
    pub(crate) effect: Effect,
    /// Sorted, each once.
    pub(crate) actions: Vec<String>,
    pub(crate) resources: Vec<Value>,
    pub(crate) condition: Option<Value>,
}

impl Statement {
    pub(crate) fn allow<'a>(actions: impl IntoIterator<Item = &'a str>, resources: Vec<Value>) -> Self {
        let mut actions: Vec<String> = actions.into_iter().map(str::to_owned).collect();
        actions.sort();
        actions.dedup();
        Self { sid: None, effect: Effect::Allow, actions, resources, condition: None }
    }

    pub(crate) fn deny<'a>(actions: impl IntoIterator<Item = &'a str>, resources: Vec<Value>) -> Self {
        Self { effect: Effect::Deny, ..Self::allow(actions, resources) }
    }

    pub(crate) fn called(mut self, sid: &'static str) -> Self {
        self.sid = Some(sid);
        self
    }

    pub(crate) fn when(mut self, condition: Value) -> Self {
        self.condition = Some(condition);
        self
    }

    fn to_json(&self) -> Value {
        let mut object = Map::new();
        if let Some(sid) = self.sid {
            object.insert("Sid".to_owned(), json!(sid));
        }
        let effect = match self.effect {
            Effect::Allow => "Allow",
            Effect::Deny => "Deny",
        };
        object.insert("Effect".to_owned(), json!(effect));
        object.insert("Action".to_owned(), json!(self.actions));
        object.insert("Resource".to_owned(), json!(self.resources));
        if let Some(condition) = &self.condition {
            object.insert("Condition".to_owned(), condition.clone());
        }
        Value::Object(object)
    }
}

/// The same permissions in fewer statements: first those about the same resources, then those with the same actions.
/// A merged statement stands where its first part stood.
pub(crate) fn merged(statements: Vec<Statement>) -> Vec<Statement> {
    let by_resource = fold(statements, |into, from| {
        let same = into.resources == from.resources;
        if same {
            into.actions.extend(from.actions.iter().cloned());
            into.actions.sort();
            into.actions.dedup();
        }
        same
    });
    fold(by_resource, |into, from| {
        let same = into.actions == from.actions;
        if same {
            let new = from.resources.iter().filter(|resource| !into.resources.contains(resource)).cloned();
            let new: Vec<Value> = new.collect();
            into.resources.extend(new);
        }
        same
    })
}

fn fold(statements: Vec<Statement>, join: impl Fn(&mut Statement, &Statement) -> bool) -> Vec<Statement> {
    let mut kept: Vec<Statement> = Vec::new();
    for statement in statements {
        let joined = statement.sid.is_none()
            && kept
                .iter_mut()
                .filter(|other| other.sid.is_none())
                .filter(|other| other.effect == statement.effect && other.condition == statement.condition)
                .any(|other| join(other, &statement));
        if !joined {
            kept.push(statement);
        }
    }
    kept
}

/// A policy document of these statements.
pub(crate) fn document(statements: &[Statement]) -> Value {
    let statements: Vec<Value> = statements.iter().map(Statement::to_json).collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// A trust policy: `service` may assume the role, under `condition`.
pub(crate) fn trust(service: &str, condition: Option<Value>) -> Value {
    let mut statement = json!({
        "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole",
    });
    if let Some(condition) = condition {
        statement["Condition"] = condition;
    }
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

/// A resource policy's statement that lets an AWS service do `action`, only on behalf of `source`, whose ARN names the
/// account.
pub(crate) fn service(service: &str, action: &str, resource: Value, source: Value) -> Value {
    json!({
        "Effect": "Allow", "Principal": { "Service": service }, "Action": action, "Resource": resource,
        "Condition": { "ArnEquals": { "aws:SourceArn": source } },
    })
}

/// A resource policy's statement that refuses `action` over anything but TLS.
pub(crate) fn tls_only(action: &str, resources: Value) -> Value {
    json!({
        "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": action, "Resource": resources,
        "Condition": { "Bool": { "aws:SecureTransport": "false" } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_about_the_same_resource_become_one() {
        let both = merged(vec![
            Statement::allow(["s3:PutObject"], vec![json!("a")]),
            Statement::allow(["s3:GetObject"], vec![json!("a")]),
        ]);
        assert_eq!(both, [Statement::allow(["s3:GetObject", "s3:PutObject"], vec![json!("a")])]);
    }

    #[test]
    fn statements_with_the_same_actions_become_one() {
        let both = merged(vec![
            Statement::allow(["sqs:SendMessage"], vec![json!("a")]),
            Statement::allow(["sqs:SendMessage"], vec![json!("b")]),
        ]);
        assert_eq!(both, [Statement::allow(["sqs:SendMessage"], vec![json!("a"), json!("b")])]);
    }

    #[test]
    fn different_conditions_effects_and_named_statements_stay_apart() {
        let statements = vec![
            Statement::allow(["a:A"], vec![json!("x")]),
            Statement::allow(["a:B"], vec![json!("x")]).when(json!({ "Bool": { "k": "true" } })),
            Statement::deny(["a:C"], vec![json!("x")]),
            Statement::allow(["a:D"], vec![json!("x")]).called("Own"),
        ];
        assert_eq!(merged(statements.clone()), statements);
    }
}
