//! Users, sessions and failed attempts, in one table with the key `pk`. Every change that depends on what is there has it as
//! its condition.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::AttributeValue,
};
use shared::Problem;

use crate::attempts::Attempts;

/// Somebody who registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: String,
    pub username: String,
    pub email: String,
}

/// A chain of refresh tokens that began with a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: String,
    pub user: User,
    /// The digest of the only token that is good.
    pub current: String,
    /// Seconds since 1970.
    pub ends: i64,
}

/// The table.
#[derive(Debug)]
pub struct Accounts {
    client: Client,
    table: String,
}

type Item = HashMap<String, AttributeValue>;

impl Accounts {
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Adds a user; whether the name was free.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn add_user(&self, user: &User, password: String, now: i64) -> Result<bool, Problem> {
        let mut item = of_user(user, format!("user#{}", user.username));
        item.insert("password".into(), AttributeValue::S(password));
        item.insert("created".into(), number(now));
        self.put(item, "attribute_not_exists(pk)", []).await
    }

    /// A user and the hash of the password.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn user(&self, username: &str) -> Result<Option<(User, String)>, Problem> {
        let item = self.get(format!("user#{username}")).await?;
        Ok(item.map(|item| (user(&item), text(&item, "password"))))
    }

    /// # Errors
    /// When the table cannot be read.
    pub async fn attempts(&self, username: &str) -> Result<Option<Attempts>, Problem> {
        let item = self.get(format!("attempts#{username}")).await?;
        Ok(item.map(|item| Attempts {
            count: whole(&item, "count").try_into().unwrap_or(u32::MAX),
            until: whole(&item, "expires_at"),
        }))
    }

    /// Writes `after` down, if `before` is still what is there; whether it was.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn set_attempts(
        &self,
        username: &str,
        before: Option<Attempts>,
        after: Attempts,
    ) -> Result<bool, Problem> {
        let item = Item::from([
            ("pk".into(), AttributeValue::S(format!("attempts#{username}"))),
            ("count".into(), number(after.count)),
            ("expires_at".into(), number(after.until)),
        ]);
        match before {
            None => self.put(item, "attribute_not_exists(pk)", []).await,
            Some(before) => {
                let values = [(":count", number(before.count)), (":until", number(before.until))];
                self.put(item, "#count = :count AND expires_at = :until", values).await
            }
        }
    }

    /// # Errors
    /// When the table cannot be written.
    pub async fn forget_attempts(&self, username: &str) -> Result<(), Problem> {
        self.delete(format!("attempts#{username}")).await
    }

    /// # Errors
    /// When the table cannot be read.
    pub async fn session(&self, id: &str) -> Result<Option<Session>, Problem> {
        let item = self.get(format!("session#{id}")).await?;
        Ok(item.map(|item| Session {
            id: id.to_owned(),
            user: user(&item),
            current: text(&item, "current"),
            ends: whole(&item, "expires_at"),
        }))
    }

    /// Begins a session, or goes on with it if `before` is still its current token; whether it was.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn set_session(&self, session: &Session, before: Option<&str>) -> Result<bool, Problem> {
        let mut item = of_user(&session.user, format!("session#{}", session.id));
        item.insert("current".into(), AttributeValue::S(session.current.clone()));
        item.insert("expires_at".into(), number(session.ends));
        match before {
            None => self.put(item, "attribute_not_exists(pk)", []).await,
            Some(before) => {
                self.put(item, "#current = :current", [(":current", AttributeValue::S(before.to_owned()))]).await
            }
        }
    }

    /// # Errors
    /// When the table cannot be written.
    pub async fn end_session(&self, id: &str) -> Result<(), Problem> {
        self.delete(format!("session#{id}")).await
    }

    async fn get(&self, key: String) -> Result<Option<Item>, Problem> {
        let get = self.client.get_item().table_name(&self.table).key("pk", AttributeValue::S(key));
        let found = get.consistent_read(true).send().await;
        Ok(found.map_err(|error| failed("read", error))?.item)
    }

    /// Whether the condition held.
    async fn put<const N: usize>(
        &self,
        item: Item,
        condition: &str,
        values: [(&str, AttributeValue); N],
    ) -> Result<bool, Problem> {
        let mut put =
            self.client.put_item().table_name(&self.table).set_item(Some(item)).condition_expression(condition);
        // Words of DynamoDB's own, which stand in conditions by another name.
        for name in ["count", "current"] {
            if condition.contains(&format!("#{name}")) {
                put = put.expression_attribute_names(format!("#{name}"), name);
            }
        }
        for (name, value) in values {
            put = put.expression_attribute_values(name, value);
        }
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
            Err(error) => Err(failed("write", error)),
        }
    }

    async fn delete(&self, key: String) -> Result<(), Problem> {
        let gone = self.client.delete_item().table_name(&self.table).key("pk", AttributeValue::S(key)).send().await;
        gone.map(|_| ()).map_err(|error| failed("write", error))
    }
}

fn failed<E, R>(doing: &str, error: SdkError<E, R>) -> Problem
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    Problem::internal(format!("{doing} the accounts ({})", error.code().unwrap_or("no answer")), error)
}

fn of_user(user: &User, key: String) -> Item {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    Item::from([
        ("pk".into(), AttributeValue::S(key)),
        ("id".into(), text(&user.id)),
        ("username".into(), text(&user.username)),
        ("email".into(), text(&user.email)),
    ])
}

fn user(item: &Item) -> User {
    User { id: text(item, "id"), username: text(item, "username"), email: text(item, "email") }
}

fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn text(item: &Item, name: &str) -> String {
    item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
}

fn whole(item: &Item, name: &str) -> i64 {
    item.get(name).and_then(|value| value.as_n().ok()).and_then(|number| number.parse().ok()).unwrap_or_default()
}
