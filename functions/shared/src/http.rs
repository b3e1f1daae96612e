//! What a function takes from and gives to an HTTP API or a function URL (payload format 2.0).
//!
//! Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html> (read 2026-11).

use std::collections::BTreeMap;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use base64::Engine as _;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{problem::Problem, secrets::Secret};

/// The answer, as the gateway wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    pub status_code: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
    pub is_base64_encoded: bool,
}

impl Response {
    pub fn json(status_code: u16, body: &Value) -> Self {
        let headers = BTreeMap::from([("content-type".to_owned(), "application/json; charset=utf-8".to_owned())]);
        Self { status_code, headers, body: body.to_string(), is_base64_encoded: false }
    }
}

/// The request's body as the JSON that it has to be.
///
/// # Errors
/// As [`body`], and when it is not JSON or not a `T`; the message says where and what was expected.
pub fn json<T: DeserializeOwned>(request: &ApiGatewayV2httpRequest, limit: usize) -> Result<T, Problem> {
    serde_json::from_slice(&body(request, limit)?).map_err(|error| Problem::bad_request(format!("the body: {error}")))
}

/// A header of the request, its name in lower case, where it is text.
pub fn header<'a>(request: &'a ApiGatewayV2httpRequest, name: &str) -> Option<&'a str> {
    request.headers.get(name).and_then(|value| value.to_str().ok())
}

/// What stands after `Authorization: Bearer`.
pub fn bearer(request: &ApiGatewayV2httpRequest) -> Option<&str> {
    let (scheme, token) = header(request, "authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether `given` is the secret. Digests are compared, in constant time: neither the place of the first difference nor
/// the secret's length shows in how long it takes.
pub fn is_secret(given: &str, secret: &Secret) -> bool {
    Sha256::digest(given).ct_eq(&Sha256::digest(secret.expose())).into()
}

/// The request's body as bytes: the gateway encodes it whenever the content type is not text to it.
///
/// # Errors
/// [`Problem::bad_request`] when there is none, it is longer than `limit` bytes, or its base64 is broken.
pub fn body(request: &ApiGatewayV2httpRequest, limit: usize) -> Result<Vec<u8>, Problem> {
    let text = request.body.as_deref().unwrap_or_default();
    // Four characters of base64 carry three bytes; checked first, so that nothing large is decoded.
    let most = if request.is_base64_encoded { limit.div_ceil(3) * 4 } else { limit };
    if text.len() > most {
        return Err(Problem::bad_request(format!("the body is larger than {limit} bytes")));
    }
    let bytes = if request.is_base64_encoded {
        base64::engine::general_purpose::STANDARD
            .decode(text)
            .map_err(|_| Problem::bad_request("the body is not base64"))?
    } else {
        text.as_bytes().to_vec()
    };
    if bytes.is_empty() { Err(Problem::bad_request("the body is empty")) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: Option<&str>, encoded: bool) -> ApiGatewayV2httpRequest {
        let mut request = ApiGatewayV2httpRequest::default();
        request.body = body.map(Into::into);
        request.is_base64_encoded = encoded;
        request
    }

    #[test]
    fn a_body_comes_as_text_or_as_base64() {
        assert_eq!(body(&request(Some("abc"), false), 3).expect("fits"), b"abc");
        assert_eq!(body(&request(Some("YWJj"), true), 3).expect("fits"), b"abc");
    }

    #[test]
    fn no_body_a_large_one_and_broken_base64_are_refused() {
        for (text, encoded) in
            [(None, false), (Some(""), true), (Some("abcd"), false), (Some("YWJjZGU="), true), (Some("*"), true)]
        {
            body(&request(text, encoded), 3).expect_err("refused");
        }
    }

    #[test]
    fn a_bearer_token_is_what_follows_the_scheme() {
        for (header, expected) in
            [("Bearer abc", Some("abc")), ("bearer  abc ", Some("abc")), ("Basic abc", None), ("Bearer", None)]
        {
            let mut given = request(None, false);
            given.headers.insert("authorization", header.parse().expect("text"));
            assert_eq!(bearer(&given), expected, "{header}");
        }
        assert_eq!(bearer(&request(None, false)), None);
        let secret = Secret::new("abc");
        assert!(is_secret("abc", &secret));
        assert!(!is_secret("abd", &secret) && !is_secret("", &secret) && !is_secret("abcd", &secret));
    }

    #[test]
    fn a_body_that_is_not_what_was_expected_says_what_was() {
        let error = json::<u8>(&request(Some("{"), false), 9).expect_err("refused").to_string();
        assert!(error.starts_with("the body: invalid type: map, expected u8"), "{error}");
    }

    #[test]
    fn the_answer_has_the_gateways_member_names() {
        let text = serde_json::to_string(&Response::json(200, &serde_json::json!({"ok": true}))).expect("plain data");
        assert_eq!(
            text,
            r#"{"statusCode":200,"headers":{"content-type":"application/json; charset=utf-8"},"body":"{\"ok\":true}","isBase64Encoded":false}"#
        );
    }
}
