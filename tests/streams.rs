//! Stream payments from end to end: the stack in the sandbox, with IAM enforced, and a real Ethereum node with the contract
//! of this repository on it. One deployment for all of it.

use crate::aws::{self, Answer};
use crate::harness::repository;
use crate::system::System;
use crate::taly::stand_ins::Stripe;
use serde_json::{Value, json};
use std::thread;
use testkit::{Anvil, solidity};

const KEYS: &str = "a-key-of-the-tests-with-forty-characters";
const PASSWORD: &str = "correct horse battery staple";
/// Where account 0 of a fresh node deploys its first contract, as the stack file says for its stage `dev`.
const CONTRACT: &str = "0x5fbdb2315678afecb367f032d93f642f64180aa3";

/// Stream payments, deployed, and the chain below.
pub(crate) struct Streams {
    pub(crate) system: System,
    pub(crate) node: Anvil,
    gateway: Stripe,
    methods: Value,
}

impl Streams {
    pub(crate) fn deploy() -> Self {
        let node = Anvil::start();
        let compiled = solidity(&repository().join("functions/streams/payment/contracts/PaymentStream.sol"));
        let code = compiled["code"].as_str().expect("bytecode");
        let receipt = node.send(&node.account(0), None, "0x0", code);
        assert_eq!(receipt["contractAddress"], CONTRACT);
        let gateway = Stripe::start();
        let line = format!(
            "    override: {{ functions: {{ payment: {{ env: {{ GATEWAY_URL: \"http://127.0.0.1:{}/\" }} }} }} }}\n",
            gateway.port
        );
        let system = System::deploy("streams", "us-east-1", &line);
        system.set_secret("jwt-keys", KEYS);
        system.set_secret("rpc-url", &node.url());
        system.set_secret("gateway", "sk_test_streams");
        Self { system, node, gateway, methods: compiled["methods"].clone() }
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        aws::send(method, &format!("{}api/{path}", self.system.url), headers, body)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        read(&self.send("POST", path, &[("Content-Type", "application/json")], &body.to_string()))
    }

    fn get(&self, path: &str) -> (u16, Value) {
        read(&self.send("GET", path, &[], ""))
    }

    /// Calls a function of the contract; `words` are its arguments in hexadecimal.
    fn transact(&self, from: &str, method: &str, value: &str, words: &[&str]) {
        self.node.send(from, Some(CONTRACT), value, &self.data(method, words));
    }

    fn data(&self, method: &str, words: &[&str]) -> String {
        let selector = self.methods[method].as_str().unwrap_or_else(|| panic!("no {method} in {}", self.methods));
        let words: String = words.iter().map(|word| format!("{:0>64}", word.trim_start_matches("0x"))).collect();
        format!("0x{selector}{words}")
    }

    /// Word number `word` of what the contract says about a stream.
    fn on_chain(&self, stream: &str, word: usize) -> u128 {
        let call = json!([{"to": CONTRACT, "data": self.data("getStream(uint256)", &[stream])}, "latest"]);
        let answer = self.node.call("eth_call", call);
        let words = answer.as_str().expect("bytes").trim_start_matches("0x");
        u128::from_str_radix(&words[word * 64 + 32..word * 64 + 64], 16).expect("a word")
    }

    /// What a wallet sends, signed by `signer` as wallets sign.
    pub(crate) fn signed(&self, stream: &str, wallet: &str, signer: &str, scheme: &str) -> Value {
        let issued = jiff::Timestamp::now().to_string();
        let signature = match scheme {
            "eip191" => {
                // Addresses stand in a text as wallets show them.
                let text = format!(
                    "Stream payments\n\nI want to see this stream.\n\nStream: {stream}\nWallet: {}\nChain: 31337\nContract: \
                     0x5FbDB2315678afecb367f032d93F642f64180aa3\nIssued at: {issued}",
                    self.spelled(wallet)
                );
                self.node.call("personal_sign", json!([format!("0x{}", hex::encode(text)), signer]))
            }
            _ => {
                let field = |name: &str, kind: &str| json!({"name": name, "type": kind});
                let types = json!({
                    "EIP712Domain": [field("name", "string"), field("version", "string"), field("chainId", "uint256"), field("verifyingContract", "address")],
                    "StreamAccess": [field("streamId", "uint256"), field("wallet", "address"), field("issuedAt", "string")],
                });
                let domain =
                    json!({"name": "Stream payments", "version": "1", "chainId": 31337, "verifyingContract": CONTRACT});
                let message = json!({"streamId": stream, "wallet": wallet, "issuedAt": issued});
                let typed =
                    json!({"types": types, "primaryType": "StreamAccess", "domain": domain, "message": message});
                self.node.call("eth_signTypedData_v4", json!([signer, typed]))
            }
        };
        json!({"streamId": stream, "wallet": wallet, "issuedAt": issued, "scheme": scheme, "signature": signature})
    }

    /// Addresses of the first accounts with their checksum (EIP-55), as every Ethereum tool shows them.
    fn spelled(&self, wallet: &str) -> &'static str {
        let known = [
            "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
            "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
        ];
        known.into_iter().find(|known| known.eq_ignore_ascii_case(wallet)).expect("one of the first accounts")
    }
}

fn read(answer: &Answer) -> (u16, Value) {
    (answer.status, serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}")))
}

/// Status and code of a refusal, which has the three members that every refusal has.
fn refusal((status, body): (u16, Value)) -> (u16, String) {
    let members: Vec<&str> = body.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(
        (members.as_slice(), &body["success"]),
        (["success", "error", "code"].as_slice(), &json!(false)),
        "{body}"
    );
    (status, body["code"].as_str().expect("a code").to_owned())
}

fn expected(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let lines = answer.head.lines().filter_map(|line| line.split_once(": "));
    lines.into_iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

#[test]
fn accounts_wallets_and_streams_work_together_and_refuse_what_they_should() {
    let streams = Streams::deploy();
    let token = accounts(&streams);
    lockout(&streams);
    wallets(&streams);
    caches_and_pages(&streams);
    gateway(&streams, &token);
    for (method, path, body, status, code) in [
        ("GET", "nothing", "", 404, "NOT_FOUND"),
        ("GET", "streams/1/more", "", 404, "NOT_FOUND"),
        ("GET", "streams/one", "", 400, "BAD_REQUEST"),
        ("GET", "streams?limit=0", "", 400, "BAD_REQUEST"),
        ("GET", "streams?recipient=ann", "", 400, "BAD_REQUEST"),
        ("POST", "streams", "{}", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "auth/login", "", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "auth/logout", "{}", 404, "NOT_FOUND"),
        ("POST", "auth/login", "{", 400, "BAD_REQUEST"),
        ("GET", "payment", "", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "payment", "", 400, "BAD_REQUEST"),
        ("POST", "payment", r#"{"method": "cash"}"#, 400, "BAD_REQUEST"),
        (
            "POST",
            "payment",
            r#"{"method": "gateway", "streamId": "1", "amount": 1, "currency": "usd", "idempotencyKey": "order-01"}"#,
            401,
            "UNAUTHORIZED",
        ),
    ] {
        let answer = streams.send(method, path, &[("Content-Type", "application/json")], body);
        assert_eq!(refusal(read(&answer)), expected(status, code), "{method} {path}");
        assert_eq!(header(&answer, "cache-control"), Some("no-store"), "{method} {path}");
    }
    streams.system.is_settled();

    // The chain and the gateway are away.
    let wallet = streams.node.account(0);
    let signed = streams.signed("1", &wallet, &wallet, "eip191");
    let Streams { system, node, gateway, .. } = streams;
    let (address, url) = (node.url(), format!("{}api/payment", system.url));
    drop((node, gateway));
    for body in [signed, by_card("order-0002")] {
        let bearer = format!("Bearer {token}");
        let answer = aws::send("POST", &url, &[("Authorization", &bearer)], &body.to_string());
        assert_eq!(refusal(read(&answer)), expected(500, "INTERNAL_ERROR"));
    }
    let log = system.log("payment");
    assert!(log.contains("read the stream from its contract"), "{log}");
    assert!(log.contains("create the payment at the gateway"), "{log}");
    for secret in [address.trim_start_matches("http://"), KEYS, "sk_test_streams", "_secret_"] {
        assert!(!log.contains(secret), "{secret} stands in the log");
    }
    let log = system.log("auth");
    for secret in [PASSWORD, token.as_str(), "$argon2id", KEYS] {
        assert!(!log.contains(secret), "{secret} stands in the log");
    }
}

/// Registers, logs in, verifies and refreshes; a token.
fn accounts(streams: &Streams) -> String {
    let ann = json!({"username": "Ann", "email": "ann@example.com", "password": PASSWORD});
    let (status, registered) = streams.post("auth/register", &ann);
    assert_eq!((status, &registered["user"]["username"]), (201, &json!("ann")), "{registered}");
    assert_eq!(refusal(streams.post("auth/register", &ann)), expected(400, "BAD_REQUEST"), "the name is taken");
    for (member, wrong) in [("username", "a"), ("email", "ann"), ("password", "too short")] {
        let mut asked = json!({"username": "bob", "email": "bob@example.com", "password": PASSWORD});
        asked[member] = json!(wrong);
        assert_eq!(refusal(streams.post("auth/register", &asked)), expected(400, "BAD_REQUEST"), "{member}");
    }

    let login = json!({"username": "ann", "password": PASSWORD});
    let (status, said) = streams.post("auth/login", &login);
    let user = json!({"id": registered["user"]["id"], "username": "ann", "email": "ann@example.com"});
    assert_eq!(
        (status, &said["success"], &said["user"], &said["expiresIn"]),
        (200, &json!(true), &user, &json!(86_400))
    );
    let token = said["token"].as_str().expect("a token").to_owned();
    let verify = |token: &str| {
        let bearer = format!("Bearer {token}");
        read(&streams.send("POST", "auth/verify", &[("Authorization", &bearer)], ""))
    };
    let (status, verified) = verify(&token);
    assert_eq!((status, &verified["user"]), (200, &json!({"id": user["id"], "username": "ann"})), "{verified}");
    assert_eq!(refusal(verify(&format!("{token}x"))), expected(401, "UNAUTHORIZED"));
    assert_eq!(refusal(read(&streams.send("POST", "auth/verify", &[], ""))), expected(401, "UNAUTHORIZED"));

    let refresh = |token: &Value| streams.post("auth/refresh", &json!({ "refreshToken": token }));
    let (status, next) = refresh(&said["refreshToken"]);
    assert_eq!((status, &next["user"]), (200, &user), "{next}");
    assert_eq!(verify(next["token"].as_str().expect("a token")).0, 200);
    assert_eq!(refusal(refresh(&said["refreshToken"])), expected(401, "UNAUTHORIZED"), "it works once");
    assert_eq!(refusal(refresh(&next["refreshToken"])), expected(401, "UNAUTHORIZED"), "and then nobody's does");
    assert_eq!(refresh(&registered["refreshToken"]).0, 200, "other sessions go on");
    assert_eq!(refusal(refresh(&json!("no-token"))), expected(401, "UNAUTHORIZED"));
    token
}

/// Guessing ends after five attempts, and nothing tells a user from nobody.
fn lockout(streams: &Streams) {
    let eve = json!({"username": "eve", "email": "eve@example.com", "password": PASSWORD});
    assert_eq!(streams.post("auth/register", &eve).0, 201);
    let guess = |username: &str, password: &str| {
        let body = json!({"username": username, "password": password}).to_string();
        let answer = streams.send("POST", "auth/login", &[("Content-Type", "application/json")], &body);
        (answer.status, header(&answer, "content-length").map(str::to_owned), answer.body)
    };
    let wrong = guess("eve", "guessed wrong!");
    assert_eq!(wrong.0, 401);
    assert_eq!(guess("nobody", "guessed wrong!"), wrong, "no such user");
    assert_eq!(guess("not a name", "guessed wrong!"), wrong, "no such name");
    // Many at once: each is written down before it is looked at.
    thread::scope(|scope| {
        let guesses: Vec<_> = (0..6).map(|_| scope.spawn(|| guess("eve", "guessed wrong!"))).collect();
        assert!(guesses.into_iter().all(|guess| guess.join().expect("answered") == wrong));
    });
    assert_eq!(guess("eve", PASSWORD), wrong, "locked, and it looks the same");
    let attempts = |name: &str| {
        let key = json!({"Key": {"pk": {"S": format!("attempts#{name}")}}});
        streams.system.table("GetItem", "accounts", key)["Item"]["count"]["N"].as_str().map(str::to_owned)
    };
    assert_eq!((attempts("eve").as_deref(), attempts("ann")), (Some("5"), None), "a login that succeeds forgets them");
    // A quarter of an hour later.
    let past = json!({"Key": {"pk": {"S": "attempts#eve"}}, "UpdateExpression": "SET expires_at = :past",
                      "ExpressionAttributeValues": {":past": {"N": "1"}}});
    streams.system.table("UpdateItem", "accounts", past);
    assert_eq!(guess("eve", PASSWORD).0, 200);
}

/// Streams are told to their wallets, as the contract has them.
fn wallets(streams: &Streams) {
    let [sender, recipient, stranger] = [0, 1, 2].map(|number| streams.node.account(number));
    // One and a half ether, a thousandth of it each second.
    streams.transact(&sender, "open(address,uint256)", "0x14d1120d7b160000", &[&recipient, "38d7ea4c68000"]);
    assert_eq!(refusal(streams.get("streams/1")), expected(404, "NOT_FOUND"), "nobody has asked for it yet");
    for (wallet, scheme) in [(&sender, "eip191"), (&recipient, "eip712")] {
        let (status, said) = streams.post("payment", &streams.signed("1", wallet, wallet, scheme));
        let data = &said["data"];
        assert_eq!((status, &said["success"]), (200, &json!(true)), "{scheme}: {said}");
        let members = ["streamId", "isActive", "currentBalance", "recipient", "flowRate"].map(|name| &data[name]);
        let wanted = [json!("1"), json!(true), json!("1.5"), json!(recipient), json!("0.001 tokens/sec")];
        assert_eq!(members, wanted.each_ref(), "{said}");
        assert_eq!(data["currentBalanceWei"], "1500000000000000000");
    }
    let mut another = streams.signed("1", &sender, &sender, "eip191");
    another["streamId"] = json!("2");
    let mut later = streams.signed("1", &sender, &sender, "eip712");
    later["issuedAt"] = json!(jiff::Timestamp::now().to_string());
    for (what, asked, status, code) in [
        ("signed by another", streams.signed("1", &sender, &stranger, "eip191"), 401, "UNAUTHORIZED"),
        ("signed by another", streams.signed("1", &sender, &stranger, "eip712"), 401, "UNAUTHORIZED"),
        ("no part in it", streams.signed("1", &stranger, &stranger, "eip191"), 401, "UNAUTHORIZED"),
        ("for another stream", another, 401, "UNAUTHORIZED"),
        ("at another time", later, 401, "UNAUTHORIZED"),
        ("no such stream", streams.signed("99", &sender, &sender, "eip191"), 404, "NOT_FOUND"),
        ("as the source sends it", json!({"streamId": "1", "signature": "0x"}), 400, "BAD_REQUEST"),
        (
            "no number",
            json!({"streamId": "one", "wallet": sender, "issuedAt": "", "signature": ""}),
            400,
            "BAD_REQUEST",
        ),
    ] {
        assert_eq!(refusal(streams.post("payment", &asked)), expected(status, code), "{what}");
    }
}

fn by_card(idempotency_key: &str) -> Value {
    json!({"method": "gateway", "streamId": "1", "amount": 1_250, "currency": "usd", "idempotencyKey": idempotency_key})
}

/// A payment by gateway is made for who has a token.
fn gateway(streams: &Streams, token: &str) {
    let pay = |token: &str, body: &Value| {
        let bearer = format!("Bearer {token}");
        read(&streams.send("POST", "payment", &[("Authorization", &bearer)], &body.to_string()))
    };
    let (status, said) = pay(token, &by_card("order-0001"));
    let data = &said["data"];
    assert_eq!(
        (status, &data["amount"], &data["currency"], &data["streamId"]),
        (200, &json!(1_250), &json!("usd"), &json!("1")),
        "{said}"
    );
    assert!(data["clientSecret"].as_str().is_some_and(|secret| secret.contains("_secret_")), "{said}");
    let id = data["paymentId"].as_str().expect("an id");
    let made = streams.gateway.call(&format!("GET /v1/payment_intents/{id}"), "");
    assert_eq!((&made["amount"], &made["metadata"]["stream_id"]), (&json!(1_250), &json!("1")), "{made}");
    let mut free = by_card("order-0003");
    free["amount"] = json!(0);
    assert_eq!(refusal(pay(token, &free)), expected(400, "BAD_REQUEST"));
    assert_eq!(refusal(pay("a.b.c", &by_card("order-0004"))), expected(401, "UNAUTHORIZED"));
}

/// What the table has is served with an ETag, and page by page.
fn caches_and_pages(streams: &Streams) {
    let [sender, recipient, third] = [0, 1, 2].map(|number| streams.node.account(number));
    let first = streams.send("GET", "streams/1", &[], "");
    let etag = header(&first, "etag").expect("an ETag").to_owned();
    let caching = header(&first, "cache-control");
    assert_eq!((first.status, caching), (200, Some("public, max-age=5, stale-while-revalidate=30")));
    let again = streams.send("GET", "streams/1", &[("If-None-Match", &etag)], "");
    assert_eq!((again.status, again.body.as_str(), header(&again, "etag")), (304, "", Some(etag.as_str())));

    // A thousand seconds flow: the recipient takes out one ether, to the last wei.
    streams.node.call("evm_increaseTime", json!([1_000]));
    streams.transact(&recipient, "withdraw(uint256)", "0x0", &["1"]);
    assert_eq!(streams.post("payment", &streams.signed("1", &recipient, &recipient, "eip191")).0, 200);
    let changed = streams.send("GET", "streams/1", &[("If-None-Match", &etag)], "");
    let (status, told) = read(&changed);
    let left = streams.on_chain("1", 2);
    assert!(left < 500_000_000_000_000_001, "a second or two may have gone by as well: {left}");
    assert_eq!((status, &told["data"]["currentBalanceWei"]), (200, &json!(left.to_string())), "{told}");
    assert_eq!(told["data"]["withdrawnWei"], json!(streams.on_chain("1", 5).to_string()));
    assert_ne!(header(&changed, "etag"), Some(etag.as_str()));

    for (id, to) in [("2", &recipient), ("3", &third)] {
        streams.transact(&sender, "open(address,uint256)", "0x1", &[to, "1"]);
        assert_eq!(streams.post("payment", &streams.signed(id, &sender, &sender, "eip712")).0, 200);
    }
    let pages = |query: &str| {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        for _ in 0..9 {
            let (status, page) = streams.get(&format!("streams?{query}{cursor}"));
            assert_eq!(status, 200, "{page}");
            let ids = page["data"].as_array().expect("a list").iter().map(|stream| stream["streamId"].to_string());
            found.extend(ids);
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        found.sort();
        found.join(" ")
    };
    assert_eq!(pages("limit=2"), r#""1" "2" "3""#);
    assert_eq!(pages(&format!("limit=1&recipient={}", recipient.to_uppercase().replace("0X", "0x"))), r#""1" "2""#);
    assert_eq!(pages(&format!("recipient={sender}")), "");
    streams.transact(&sender, "close(uint256)", "0x0", &["3"]);
    let (_, closed) = streams.post("payment", &streams.signed("3", &sender, &sender, "eip191"));
    assert_eq!(
        (&closed["data"]["isActive"], &closed["data"]["currentBalance"]),
        (&json!(false), &json!("0.0")),
        "{closed}"
    );
}
