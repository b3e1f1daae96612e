//! The environment, read once at start, with everything that is wrong named together.
//!
//! Each getter returns a usable placeholder when its variable is missing or invalid and remembers the
//! mistake; [`Env::finish`] hands the finished configuration out only if there was none. Values may be
//! references to secrets (see [`crate::secrets`]); those that a function names when it calls [`Env::load`]
//! are read then, concurrently, so a wrong one stops the function before its first event.

use std::{collections::HashMap, fmt, str::FromStr};

use futures::future::join_all;

use crate::secrets::{Secret, SecretError, Secrets, Source};

/// Every variable that kept a function from starting.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// One sentence per variable, in the order they were asked for.
    pub mistakes: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "configuration: {}", self.mistakes.join("; "))
    }
}

/// The variables, and what was found wrong with them so far.
#[derive(Debug)]
pub struct Env {
    variables: HashMap<String, String>,
    resolved: HashMap<String, Result<Secret, SecretError>>,
    mistakes: Vec<String>,
}

impl Env {
    /// This process's environment, with the variables in `secret` resolved.
    pub async fn load(secrets: &Secrets, secret: &[&str]) -> Self {
        Self::from_variables(process(), secrets, secret).await
    }

    /// This process's environment, for a function that has no secrets: nothing that could read one is linked into it, so
    /// that its role need not allow it.
    pub fn plain() -> Self {
        Self { variables: filled(process()), resolved: HashMap::new(), mistakes: Vec::new() }
    }

    /// The same over given variables: for tests.
    pub async fn from_variables(
        variables: impl IntoIterator<Item = (String, String)>,
        secrets: &Secrets,
        secret: &[&str],
    ) -> Self {
        let variables = filled(variables);
        let reads = secret.iter().filter_map(|name| {
            let source = Source::parse(variables.get(*name)?);
            Some(async move { ((*name).to_owned(), secrets.value(&source).await) })
        });
        let resolved = join_all(reads).await.into_iter().collect();
        Self { variables, resolved, mistakes: Vec::new() }
    }

    /// A required text.
    pub fn text(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| self.missing(name))
    }

    /// A text that may be absent.
    pub fn optional(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|value| value.trim().to_owned())
    }

    /// A required value of a type that reads itself from text, such as a number or a flag.
    pub fn parsed<T: FromStr + Default>(&mut self, name: &str, expected: &str) -> T {
        match self.variables.get(name) {
            None => self.missing(name),
            Some(value) => value.trim().parse().unwrap_or_else(|_| self.invalid(name, expected)),
        }
    }

    /// The same with a value for when the variable is not set.
    pub fn parsed_or<T: FromStr + Default>(&mut self, name: &str, expected: &str, default: T) -> T {
        if self.variables.contains_key(name) { self.parsed(name, expected) } else { default }
    }

    /// A required secret: its value as of now. The variable must have been named in [`Env::load`].
    pub fn secret(&mut self, name: &str) -> Secret {
        self.optional_secret(name).unwrap_or_else(|| self.missing(name))
    }

    /// A secret that may be absent.
    pub fn optional_secret(&mut self, name: &str) -> Option<Secret> {
        match self.resolved.get(name) {
            Some(Ok(value)) => Some(value.clone()),
            Some(Err(error)) => {
                self.mistakes.push(format!("{name}: {error}"));
                Some(Secret::default())
            }
            None => {
                debug_assert!(!self.variables.contains_key(name), "{name} was not named in Env::load");
                None
            }
        }
    }

    /// A required secret's source, for a holder that reads it again later (see [`Secrets::value`]).
    /// It was read once already, so a wrong reference is reported here.
    pub fn secret_source(&mut self, name: &str) -> Source {
        self.secret(name);
        self.variables.get(name).map(|value| Source::parse(value)).unwrap_or_default()
    }

    /// Adds a mistake that only the function itself can see.
    pub fn mistake(&mut self, sentence: impl Into<String>) {
        self.mistakes.push(sentence.into());
    }

    /// Hands `config` out if every variable was right.
    ///
    /// # Errors
    /// All mistakes together.
    pub fn finish<T>(self, config: T) -> Result<T, ConfigError> {
        if self.mistakes.is_empty() { Ok(config) } else { Err(ConfigError { mistakes: self.mistakes }) }
    }

    fn missing<T: Default>(&mut self, name: &str) -> T {
        self.mistakes.push(format!("{name} is not set"));
        T::default()
    }

    fn invalid<T: Default>(&mut self, name: &str, expected: &str) -> T {
        // The value is not repeated: what was pasted into the wrong variable may be a secret.
        self.mistakes.push(format!("{name} must be {expected}"));
        T::default()
    }
}

fn process() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// A variable that is set to nothing is one that someone forgot to fill in.
fn filled(variables: impl IntoIterator<Item = (String, String)>) -> HashMap<String, String> {
    variables.into_iter().filter(|(_, value)| !value.trim().is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn env(pairs: &[(&str, &str)], secret: &[&str]) -> Env {
        Env::from_variables(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())), &Secrets::none(), secret)
            .await
    }

    #[tokio::test]
    async fn every_mistake_is_named_at_once() {
        let arn = "arn:aws:secretsmanager:eu-west-1:1:secret:x";
        let mut env = env(&[("BLANK", "  "), ("DAYS", "seven"), ("KEY", arn)], &["KEY", "OTHER_KEY"]).await;
        env.text("BLANK");
        env.text("TOPIC");
        env.parsed::<u32>("DAYS", "a number of days");
        env.secret("KEY");
        env.secret_source("OTHER_KEY");
        env.mistake("KAFKA_SASL_PASSWORD is needed with KAFKA_SASL_USERNAME");
        let error = env.finish(()).expect_err("five mistakes and one of the function's own");
        let sentences = error.mistakes.join("\n");
        for expected in [
            "BLANK is not set",
            "TOPIC is not set",
            "DAYS must be a number of days",
            "KEY: read secret arn",
            "OTHER_KEY is not set",
            "KAFKA_SASL_PASSWORD is needed",
        ] {
            assert!(sentences.contains(expected), "{expected} in {sentences}");
        }
        assert!(!sentences.contains("seven"), "an invalid value is not repeated");
    }

    #[tokio::test]
    async fn a_right_environment_gives_its_values() {
        let mut env = env(&[("DAYS", " 7 "), ("SSL", "true"), ("KEY", "k")], &["KEY"]).await;
        let found = (
            env.parsed::<u32>("DAYS", "a number"),
            env.parsed::<bool>("SSL", "true or false"),
            env.secret("KEY"),
            env.parsed_or("N", "a number", 3_u8),
            env.optional("X"),
        );
        let found = env.finish(found).expect("nothing is wrong");
        assert_eq!(found, (7, true, Secret::new("k"), 3, None));
    }
}
