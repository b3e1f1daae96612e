//! Real requests against a real PostgreSQL: what is answered and what stands in the tables afterwards.

use std::sync::Arc;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use futures::future::join_all;
use lambda_runtime::Context;
use payment_webhook_handler::{deps::Deps, handler::handle};
use serde_json::{Value, json};
use shared::{Env, Secrets, http::Response};
use testkit::{Postgres, TestDatabase};
use ticketbottle_outbox::migrations::migrate;
use tokio_postgres::{Client, NoTls};

/// The keys that the providers publish with their samples; see the unit tests.
const ZALOPAY_KEY2: &str = "kLtgPl8HHhfvMuDHPwKfgfsY4Ydm9eIz";
const PAYOS_KEY: &str = "1a54716c8f0efb2744fb28b6e38b25da7f67a925d98bc1c18bd8faaecadd7675";

const ZALOPAY: &str = include_str!("../events/zalopay.json");
const PAYOS: &str = include_str!("../events/payos.json");
const PAYOS_REGISTRATION: &str = include_str!("../events/payos-registration.json");

struct Shop {
    database: TestDatabase,
    client: Client,
    deps: Deps,
}

async fn deps(url: &str) -> Deps {
    let secrets = Arc::new(Secrets::none());
    let pairs = [("DATABASE_URL", url), ("ZALOPAY_KEY2", ZALOPAY_KEY2), ("PAYOS_CHECKSUM_KEY", PAYOS_KEY)];
    let variables = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let env = Env::from_variables(variables, &secrets, &["DATABASE_URL", "ZALOPAY_KEY2", "PAYOS_CHECKSUM_KEY"]).await;
    Deps::from_env(env, secrets).expect("all variables are set")
}

async fn shop(name: &str) -> Shop {
    shop_in(Postgres::shared(), name).await
}

async fn shop_in(server: Arc<Postgres>, name: &str) -> Shop {
    let database = server.database(name).await;
    let (mut client, connection) = tokio_postgres::connect(&database.url, NoTls).await.expect("the server runs");
    tokio::spawn(connection);
    migrate(&mut client).await.expect("an empty database takes the schema");
    let deps = deps(&database.url).await;
    Shop { database, client, deps }
}

fn request(event: &str) -> ApiGatewayV2httpRequest {
    serde_json::from_str(event).expect("a real event")
}

async fn post(deps: &Deps, event: &str) -> (u16, Value) {
    post_request(deps, request(event)).await
}

async fn post_request(deps: &Deps, request: ApiGatewayV2httpRequest) -> (u16, Value) {
    let mut context = Context::default();
    context.xray_trace_id = Some("Root=1-655d0c80-1c3f5a7b9d2e4f6081a2b3c4;Sampled=1".into());
    let Response { status_code, body, .. } = handle(request, context, deps).await.expect("every outcome is an answer");
    (status_code, serde_json::from_str(&body).expect("JSON"))
}

impl Shop {
    /// (outbox rows, accepted webhooks)
    async fn rows(&self) -> (i64, i64) {
        let sql = "SELECT (SELECT count(*) FROM outbox_events), (SELECT count(*) FROM payment_webhooks)";
        let row = self.client.query_one(sql, &[]).await.expect("the tables are there");
        (row.get(0), row.get(1))
    }
}

#[tokio::test]
async fn a_zalopay_callback_becomes_one_row() {
    let shop = shop("zalopay_row").await;
    assert_eq!(post(&shop.deps, ZALOPAY).await, (200, json!({"return_code": 1, "return_message": "success"})));
    let sql = "SELECT aggregate_type, aggregate_id, event_type, payload, trace_header, published_at IS NULL, attempts FROM outbox_events";
    let row = shop.client.query_one(sql, &[]).await.expect("one row");
    let texts: (&str, &str, &str) = (row.get(0), row.get(1), row.get(2));
    assert_eq!(texts, ("order", "200904_2553_1598435687208", "payment.completed"));
    let payload: Value = row.get(3);
    assert_eq!(
        (payload["amount"].clone(), payload["currency"].clone(), payload["transaction_id"].clone()),
        (json!(10000), json!("VND"), json!("200904000000389"))
    );
    assert_eq!(payload.get("order"), None, "the shop left no snapshot");
    assert!(row.get::<_, &str>(4).starts_with("Root=1-655d0c80"));
    assert!(row.get::<_, bool>(5) && row.get::<_, i32>(6) == 0);
}

#[tokio::test]
async fn a_payos_webhook_in_base64_becomes_one_row_with_the_orders_snapshot() {
    let shop = shop("payos_row").await;
    let snapshot = json!({"buyer": {"name": "Nguyễn Văn A", "email": "a@example.com"}, "total": 1_250_000, "tickets": [
        {"id": "T-1", "event": "Đêm nhạc", "venue": "Nhà hát Lớn", "starts_at": "20:00 24/12/2026", "seat": "A-12", "holder": "Nguyễn Văn A"}]});
    shop.client.execute("INSERT INTO order_snapshots VALUES ('240817', $1)", &[&snapshot]).await.expect("inserts");
    assert_eq!(post(&shop.deps, PAYOS).await, (200, json!({"success": true})));
    let row = shop.client.query_one("SELECT aggregate_id, payload FROM outbox_events", &[]).await.expect("one row");
    assert_eq!(row.get::<_, &str>(0), "240817");
    let payload: Value = row.get(1);
    assert_eq!(payload["occurred_at"], "2026-11-20T02:00:12Z");
    assert_eq!(payload["order"]["tickets"][0]["seat"], "A-12");
}

#[tokio::test]
async fn the_registration_of_a_payos_url_is_acknowledged_without_a_row() {
    let shop = shop("payos_registration").await;
    assert_eq!(post(&shop.deps, PAYOS_REGISTRATION).await, (200, json!({"success": true})));
    assert_eq!(shop.rows().await, (0, 0));
}

#[tokio::test]
async fn a_repeated_callback_has_the_same_answer_and_no_second_row() {
    let shop = shop("repeated").await;
    let first = post(&shop.deps, ZALOPAY).await;
    assert_eq!(post(&shop.deps, ZALOPAY).await, first);
    assert_eq!(shop.rows().await, (1, 1));
    shop.client.execute("DELETE FROM outbox_events", &[]).await.expect("as the cleanup does");
    assert_eq!(post(&shop.deps, ZALOPAY).await, first);
    assert_eq!(shop.rows().await, (0, 1), "also after the row was published and removed");
}

#[tokio::test]
async fn concurrent_repetitions_write_one_row() {
    let shop = shop("concurrent").await;
    // Each has a connection of its own, as execution environments do.
    let environments = join_all((0..8).map(|_| deps(&shop.database.url))).await;
    let answers = join_all(environments.iter().map(|deps| post(deps, PAYOS))).await;
    assert!(answers.iter().all(|answer| *answer == (200, json!({"success": true}))), "{answers:?}");
    assert_eq!(shop.rows().await, (1, 1));
}

#[tokio::test]
async fn bad_signatures_are_401_in_the_providers_words() {
    let shop = shop("signatures").await;
    let mut zalopay = request(ZALOPAY);
    zalopay.body = zalopay.body.map(|body| body.replace("\\\"amount\\\":10000", "\\\"amount\\\":1"));
    let (status, body) = post_request(&shop.deps, zalopay).await;
    assert_eq!(
        (status, body["code"].clone(), body["return_code"].clone(), body["return_message"].clone()),
        (401, json!("UNAUTHORIZED"), json!(-1), json!("mac not equal"))
    );
    let mut payos = request(PAYOS_REGISTRATION);
    payos.body = payos.body.map(|body| body.replace("3000", "3001"));
    let (status, body) = post_request(&shop.deps, payos).await;
    assert_eq!((status, body["success"].clone(), body["code"].clone()), (401, json!(false), json!("UNAUTHORIZED")));
    assert_eq!(shop.rows().await, (0, 0));
}

#[tokio::test]
async fn malformed_bodies_are_400_and_unknown_providers_404() {
    let shop = shop("malformed").await;
    for body in [None, Some("{"), Some("{\"data\":\"{}\"}")] {
        let mut request = request(ZALOPAY);
        request.body = body.map(Into::into);
        let (status, answer) = post_request(&shop.deps, request).await;
        assert_eq!(
            (status, answer["code"].clone(), answer["return_code"].clone()),
            (400, json!("BAD_REQUEST"), json!(-1)),
            "{body:?}"
        );
    }
    let mut large = request(PAYOS);
    (large.body, large.is_base64_encoded) = (Some("x".repeat(70_000)), false);
    assert_eq!(post_request(&shop.deps, large).await.0, 400);
    let mut other = request(PAYOS);
    other.path_parameters.insert("provider".into(), "momo".into());
    let (status, answer) = post_request(&shop.deps, other).await;
    assert_eq!((status, answer["code"].clone()), (404, json!("NOT_FOUND")));
}

#[tokio::test]
async fn a_database_that_is_away_asks_for_another_call_and_its_return_is_noticed() {
    let shop = shop_in(Arc::new(Postgres::start()), "away").await;
    assert_eq!(post(&shop.deps, PAYOS).await.0, 200);

    shop.database.server.pause();
    let (status, body) = post(&shop.deps, ZALOPAY).await;
    assert_eq!(
        (status, body),
        (
            500,
            json!({"success": false, "error": "internal error", "code": "INTERNAL_ERROR", "return_code": 0, "return_message": "try again"})
        )
    );

    shop.database.server.resume();
    assert_eq!(post(&shop.deps, ZALOPAY).await.0, 200, "over the connection that was kept: it is replaced");
    let after = tokio_postgres::connect(&shop.database.url, NoTls).await.expect("is back");
    tokio::spawn(after.1);
    let count: i64 = after.0.query_one("SELECT count(*) FROM outbox_events", &[]).await.expect("reads").get(0);
    assert_eq!(count, 2);
}
