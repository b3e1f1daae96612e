//! What the handler needs: the stores with their tokens, the rules, the queue, the table, from the environment.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aws_sdk_sqs::Client as Sqs;
use shared::{ConfigError, Env, Secrets, StartError, clients, https, queue::DeadLetters, secrets::Source};

use crate::{
    ledger::Ledger,
    tier::{Rules, is_tag},
};

/// Longest answer of Shopify: a large page on a bad day.
const ANSWER: Duration = Duration::from_secs(30);

/// The address of a store's API. `{shop}` and `{version}` stand for themselves.
const ENDPOINT: &str = "https://{shop}/admin/api/{version}/graphql.json";

#[derive(Debug)]
pub struct Deps {
    pub http: reqwest::Client,
    pub secrets: Arc<Secrets>,
    /// Each store's domain, and where its token is.
    pub stores: BTreeMap<String, Source>,
    /// What callers of the endpoint have to know, unless AWS has asked them already (a URL with IAM).
    pub api_token: Option<Source>,
    pub rules: Rules,
    pub endpoint: String,
    pub ledger: Ledger,
    pub sqs: Sqs,
    /// Runs that wait: those of the schedule, and those that did not fit into one invocation.
    pub runs_queue_url: String,
    pub dead_letters: Option<DeadLetters>,
    /// The CloudWatch namespace of the metrics.
    pub namespace: String,
}

impl Deps {
    pub async fn load() -> Result<Self, StartError> {
        let config = clients::sdk_config().await;
        let secrets = Arc::new(Secrets::new(&config));
        // Tokens are read when their store is asked: one that is missing stops no other store.
        Ok(Self::from_env(Env::plain(), &config, secrets, https::client(ANSWER)?)?)
    }

    pub fn from_env(
        mut env: Env,
        config: &aws_types::SdkConfig,
        secrets: Arc<Secrets>,
        http: reqwest::Client,
    ) -> Result<Self, ConfigError> {
        let tiers = env.text("VIP_TIERS");
        let tiers = Rules::tiers(&tiers).unwrap_or_else(|error| {
            env.mistake(format!("VIP_TIERS: {error}"));
            Vec::new()
        });
        let dropoff_months = env.parsed_or("DROPOFF_MONTHS", "a number of months", 12);
        if !(1..=1_200).contains(&dropoff_months) {
            env.mistake("DROPOFF_MONTHS must be 1 to 1200");
        }
        let lapsed_tag = env.optional("LAPSED_TAG");
        if let Some(Err(error)) = lapsed_tag.as_deref().map(is_tag) {
            env.mistake(format!("LAPSED_TAG: {error}"));
        }
        let version = env.optional("SHOPIFY_API_VERSION").unwrap_or_else(|| "2026-10".to_owned());
        let endpoint = env.optional("SHOPIFY_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        let deps = Self {
            http,
            secrets,
            stores: stores(&mut env),
            api_token: env.optional("API_TOKEN").map(|token| Source::parse(&token)),
            rules: Rules { tiers, dropoff_months, lapsed_tag },
            endpoint: endpoint.replace("{version}", &version),
            ledger: match env.optional("BUCKETS_TABLE") {
                Some(name) => Ledger::table(aws_sdk_dynamodb::Client::new(config), name),
                None => Ledger::memory(),
            },
            sqs: Sqs::new(config),
            runs_queue_url: env.text("RUNS_QUEUE_URL"),
            dead_letters: DeadLetters::from_env(&env, config),
            namespace: env.text("CLOUDWATCH_NAMESPACE"),
        };
        env.finish(deps)
    }
}

/// `STORES` is a list of `key=domain`; the token of each is in `STORE_TOKEN_<KEY>`.
fn stores(env: &mut Env) -> BTreeMap<String, Source> {
    let mut stores = BTreeMap::new();
    for store in env.text("STORES").split_whitespace() {
        match store.split_once('=') {
            Some((key, domain)) if is_domain(domain) => {
                let name = format!("STORE_TOKEN_{}", key.to_uppercase().replace('-', "_"));
                let token = env.text(&name);
                stores.insert(domain.to_owned(), Source::parse(&token));
            }
            _ => env.mistake(format!("STORES: `{store}` is not key=domain, such as main=shop.myshopify.com")),
        }
    }
    stores
}

/// Whether the token may be sent there: a host name, nothing that would lead elsewhere.
fn is_domain(text: &str) -> bool {
    text.contains('.') && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn deps(pairs: &[(&str, &str)]) -> Result<Deps, ConfigError> {
        let config = testkit::FakeAws::default().config();
        let variables = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let env = Env::from_variables(variables, &Secrets::none(), &[]).await;
        let http = https::client(ANSWER).expect("TLS is compiled in");
        Deps::from_env(env, &config, Arc::new(Secrets::none()), http)
    }

    #[tokio::test]
    async fn all_that_is_wrong_is_named_together() {
        let error =
            deps(&[("STORES", "main=a.myshopify.com evil=a/b b"), ("DROPOFF_MONTHS", "0"), ("LAPSED_TAG", "a,b")])
                .await
                .expect_err("nearly all is wrong");
        let text = error.to_string();
        for said in [
            "VIP_TIERS is not set",
            "DROPOFF_MONTHS must be 1 to 1200",
            "LAPSED_TAG: `a,b` cannot be a tag",
            "STORE_TOKEN_MAIN is not set",
            "`evil=a/b` is not key=domain",
            "`b` is not key=domain",
            "RUNS_QUEUE_URL is not set",
            "CLOUDWATCH_NAMESPACE is not set",
        ] {
            assert!(text.contains(said), "{said} in {text}");
        }
    }

    #[tokio::test]
    async fn each_store_has_its_own_token() {
        let deps = deps(&[
            ("STORES", "main=a.myshopify.com eu-west=b.myshopify.com"),
            ("STORE_TOKEN_MAIN", "1"),
            ("STORE_TOKEN_EU_WEST", "2"),
            ("VIP_TIERS", r#"[{"tag": "VIP", "orders": 4}]"#),
            ("RUNS_QUEUE_URL", "http://queue"),
            ("CLOUDWATCH_NAMESPACE", "Comfrt"),
        ])
        .await
        .expect("all is there");
        assert_eq!(deps.stores.keys().collect::<Vec<_>>(), ["a.myshopify.com", "b.myshopify.com"]);
        assert_eq!(deps.stores["b.myshopify.com"], Source::parse("2"));
        assert_eq!(deps.endpoint, "https://{shop}/admin/api/2026-10/graphql.json");
    }
}
