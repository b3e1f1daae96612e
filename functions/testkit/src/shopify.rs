//! Shopify's Admin API on loopback: `shopify/server.mjs`, executed by node over the schema of the function under test.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

use crate::npm::{Companion, installed};

/// The reference implementation of GraphQL.
const GRAPHQL: &str = "graphql@16.11.0";

/// A running server with any number of stores.
#[derive(Debug)]
pub struct Shopify {
    server: Mutex<Companion>,
    port: u16,
}

impl Shopify {
    /// Starts a server over the schema in that file.
    ///
    /// # Panics
    /// When node or npm is missing, or the schema is none.
    pub fn start(schema: &Path) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("shopify/server.mjs");
        let mut server = Companion::start("node", &[&script, &installed(&[GRAPHQL]), schema]);
        let port = server.line().parse().expect("it says its port");
        Self { server: Mutex::new(server), port }
    }

    /// The address of a store's API; `{shop}` stands for its domain.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/{{shop}}/admin/api/2026-10/graphql.json", self.port)
    }

    /// Sends one of the commands that `shopify/server.mjs` lists.
    pub fn command(&self, command: &Value) -> Value {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        server.say(&command.to_string());
        serde_json::from_str(&server.line()).expect("it answers in JSON")
    }

    /// What happened to a store: `requests`, `throttled`, `mutations`, `pages`, `spent`, and how often each of `tags` is there.
    pub fn state(&self, shop: &str) -> Value {
        self.command(&json!({ "state": shop }))
    }

    /// The tags of the customer with that number, from 1.
    pub fn tags(&self, shop: &str, id: usize) -> Value {
        self.command(&json!({ "customer": shop, "id": id }))["tags"].clone()
    }
}
