//! The one error type of the functions, and what it answers over HTTP.
//!
//! | kind | status | `code` | the caller reads |
//! | --- | --- | --- | --- |
//! | [`Kind::BadRequest`] | 400 | `BAD_REQUEST` | the message |
//! | [`Kind::Unauthorized`] | 401 | `UNAUTHORIZED` | the message |
//! | [`Kind::NotFound`] | 404 | `NOT_FOUND` | the message |
//! | [`Kind::MethodNotAllowed`] | 405 | `METHOD_NOT_ALLOWED` | the message |
//! | [`Kind::Internal`] | 500 | `INTERNAL_ERROR` | "internal error": the cause goes to the log only |
//!
//! The body is `{"success": false, "error": …, "code": …}`, and what a caller's protocol wants besides
//! stands next to these three ([`Problem::with`]). For triggers that are not HTTP the `Display` text is
//! what Lambda records as the failure.

use std::{error::Error, fmt};

use serde_json::{Map, Value, json};

use crate::http::Response;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    BadRequest,
    Unauthorized,
    NotFound,
    MethodNotAllowed,
    Internal,
}

impl Kind {
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Internal => 500,
        }
    }

    pub fn code(self) -> &'static str {
        match self {
            Self::BadRequest => "BAD_REQUEST",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::NotFound => "NOT_FOUND",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::Internal => "INTERNAL_ERROR",
        }
    }
}

/// What went wrong, for the caller and for the log.
#[derive(Debug)]
pub struct Problem {
    pub kind: Kind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    extra: Map<String, Value>,
}

impl Problem {
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Kind::BadRequest, message)
    }

    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(Kind::Unauthorized, message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    pub fn method_not_allowed() -> Self {
        Self::new(Kind::MethodNotAllowed, "Method Not Allowed")
    }

    /// `doing` is what was tried, in a few words; both it and `source` stay in the log.
    pub fn internal(doing: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..Self::new(Kind::Internal, doing) }
    }

    /// Adds members to the HTTP body: what the caller's own protocol expects to find there.
    #[must_use]
    pub fn with(mut self, members: Value) -> Self {
        if let Value::Object(members) = members {
            self.extra.extend(members);
        }
        self
    }

    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None, extra: Map::new() }
    }

    /// The answer over HTTP, after writing the log line: a caller's mistake is a warning, ours an error.
    pub fn respond(&self) -> Response {
        let code = self.kind.code();
        match self.kind {
            Kind::Internal => tracing::error!(code, error = %self, "request failed"),
            _ => tracing::warn!(code, error = %self, "request refused"),
        }
        let said = if self.kind == Kind::Internal { "internal error" } else { &self.message };
        let mut body = Map::new();
        body.insert("success".into(), json!(false));
        body.insert("error".into(), json!(said));
        body.insert("code".into(), json!(code));
        body.extend(self.extra.clone());
        Response::json(self.kind.status(), &Value::Object(body))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)?;
        let mut cause: Option<&(dyn Error + 'static)> = match &self.source {
            Some(source) => Some(source.as_ref()),
            None => None,
        };
        while let Some(error) = cause {
            write!(out, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(problem: &Problem, status: u16, body: Value) {
        let response = problem.respond();
        assert_eq!(
            (response.status_code, serde_json::from_str::<Value>(&response.body).expect("JSON")),
            (status, body)
        );
    }

    #[test]
    fn each_kind_has_its_status_and_code() {
        check(
            &Problem::bad_request("no `data`"),
            400,
            json!({"success": false, "error": "no `data`", "code": "BAD_REQUEST"}),
        );
        check(
            &Problem::unauthorized("bad signature"),
            401,
            json!({"success": false, "error": "bad signature", "code": "UNAUTHORIZED"}),
        );
        check(
            &Problem::not_found("no such provider"),
            404,
            json!({"success": false, "error": "no such provider", "code": "NOT_FOUND"}),
        );
        check(
            &Problem::method_not_allowed(),
            405,
            json!({"success": false, "error": "Method Not Allowed", "code": "METHOD_NOT_ALLOWED"}),
        );
    }

    #[test]
    fn the_cause_of_an_internal_error_is_logged_and_not_answered() {
        let problem = Problem::internal("write the event", std::io::Error::other("password authentication failed"));
        assert_eq!(problem.to_string(), "write the event: password authentication failed");
        check(&problem, 500, json!({"success": false, "error": "internal error", "code": "INTERNAL_ERROR"}));
    }

    #[test]
    fn a_protocol_can_add_members() {
        let problem = Problem::unauthorized("mac not equal").with(json!({"return_code": -1}));
        check(
            &problem,
            401,
            json!({"success": false, "error": "mac not equal", "code": "UNAUTHORIZED", "return_code": -1}),
        );
    }
}
