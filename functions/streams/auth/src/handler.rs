//! `POST /api/auth/register`, `login`, `verify` and `refresh`.
//!
//! Whether a name exists, is locked, or has another password: the answer to a login is the same, and so is the work that it
//! takes. A refresh token works once; one that comes again was stolen by either of the two, and ends the session for both.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use jiff::Timestamp;
use lambda_runtime::Context;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared::{Problem, Secret, http, http::Response};
use uuid::Uuid;

use crate::{
    accounts::{Session, User},
    attempts::another,
    deps::Deps,
    passwords,
};

/// Largest body that is looked at. Bytes.
const BODY_LIMIT: usize = 4 * 1024;

/// How often an attempt is written down when others try at the same moment; each of them counts as one too.
const TURNS: u32 = 10;

/// Never fails: a problem is an answer too. None of these may be kept by a cache.
pub async fn handle(request: ApiGatewayV2httpRequest, _: Context, deps: &Deps) -> Result<Response, Problem> {
    let mut response = answer(&request, deps).await.unwrap_or_else(|problem| problem.respond());
    response.headers.insert("cache-control".into(), "no-store".into());
    Ok(response)
}

async fn answer(request: &ApiGatewayV2httpRequest, deps: &Deps) -> Result<Response, Problem> {
    let action = request.path_parameters.get("action").map(String::as_str).unwrap_or_default();
    if !["register", "login", "verify", "refresh"].contains(&action) {
        return Err(Problem::not_found("Not found"));
    }
    if request.request_context.http.method.as_str() != "POST" {
        return Err(Problem::method_not_allowed());
    }
    let now = Timestamp::now().as_second();
    match action {
        "register" => register(http::json(request, BODY_LIMIT)?, now, deps).await,
        "login" => login(http::json(request, BODY_LIMIT)?, now, deps).await,
        "refresh" => refresh(http::json(request, BODY_LIMIT)?, now, deps).await,
        _ => verify(request, now, deps).await,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration {
    username: String,
    email: String,
    password: String,
}

async fn register(asked: Registration, now: i64, deps: &Deps) -> Result<Response, Problem> {
    let Some(username) = username(&asked.username) else {
        return Err(Problem::bad_request("a username has 3 to 32 letters, digits, `.`, `-` or `_`"));
    };
    let (local, domain) = asked.email.split_once('@').unwrap_or_default();
    let is_address = !local.is_empty() && domain.contains('.') && asked.email.len() <= 254;
    if !is_address || asked.email.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(Problem::bad_request("that is no mail address"));
    }
    let (shortest, longest) = (passwords::SHORTEST, passwords::LONGEST);
    if asked.password.chars().count() < shortest || asked.password.len() > longest {
        return Err(Problem::bad_request(format!("a password has {shortest} to {longest} characters")));
    }
    let user = User { id: Uuid::new_v4().to_string(), username, email: asked.email };
    let password = passwords::hash(&asked.password)?;
    if !deps.accounts.add_user(&user, password, now).await? {
        return Err(Problem::bad_request("this username is taken"));
    }
    tracing::info!(user_id = user.id, "registered");
    signed_in(201, user, now, deps).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    username: String,
    password: String,
}

async fn login(asked: Login, now: i64, deps: &Deps) -> Result<Response, Problem> {
    let refused = || Problem::unauthorized("Invalid credentials");
    let name = username(&asked.username).filter(|_| asked.password.len() <= passwords::LONGEST);
    let mut known = None;
    if let Some(name) = &name {
        // Both are asked for in any case; who is locked out is not even compared.
        let may_try = may_try(name, now, deps).await?;
        known = deps.accounts.user(name).await?.filter(|_| may_try);
    }
    let is_right = passwords::is_right(&asked.password, known.as_ref().map(|(_, password)| password.as_str()));
    let (Some((user, _)), true) = (known, is_right) else { return Err(refused()) };
    deps.accounts.forget_attempts(&user.username).await?;
    tracing::info!(user_id = user.id, "logged in");
    signed_in(200, user, now, deps).await
}

/// Writes the attempt down; false while the name is locked.
async fn may_try(name: &str, now: i64, deps: &Deps) -> Result<bool, Problem> {
    for _ in 0..TURNS {
        let before = deps.accounts.attempts(name).await?;
        let Some(after) = another(before, now) else {
            tracing::warn!(name = digest(name), "locked out");
            return Ok(false);
        };
        if deps.accounts.set_attempts(name, before, after).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn verify(request: &ApiGatewayV2httpRequest, now: i64, deps: &Deps) -> Result<Response, Problem> {
    let token = http::bearer(request).ok_or_else(|| Problem::unauthorized("a bearer token is needed"))?;
    let claims = deps.keys().await?.verify(token, now).map_err(|refused| {
        tracing::info!(%refused, "token refused");
        Problem::unauthorized("Invalid token")
    })?;
    let user = json!({"id": claims.user_id, "username": claims.username});
    Ok(Response::json(200, &json!({"success": true, "user": user, "expiresAt": claims.exp})))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Refresh {
    refresh_token: String,
}

async fn refresh(asked: Refresh, now: i64, deps: &Deps) -> Result<Response, Problem> {
    let refused = || Problem::unauthorized("Invalid token");
    let (id, random) = asked.refresh_token.split_once('.').ok_or_else(refused)?;
    let id = Uuid::parse_str(id).map_err(|_| refused())?.to_string();
    let session = deps.accounts.session(&id).await?.filter(|session| session.ends > now).ok_or_else(refused)?;
    if !http::is_secret(&digest(random), &Secret::new(&session.current)) {
        tracing::warn!(session = id, user_id = session.user.id, "a refresh token came again; the session has ended");
        deps.accounts.end_session(&id).await?;
        return Err(refused());
    }
    let (token, current) = refresh_token(&id);
    let next = Session { current, ends: now + deps.session_lifetime, ..session.clone() };
    if !deps.accounts.set_session(&next, Some(&session.current)).await? {
        return Err(refused());
    }
    welcome(200, &session.user, token, now, deps).await
}

async fn signed_in(status: u16, user: User, now: i64, deps: &Deps) -> Result<Response, Problem> {
    let id = Uuid::new_v4().to_string();
    let (token, current) = refresh_token(&id);
    let session = Session { id, user, current, ends: now + deps.session_lifetime };
    if !deps.accounts.set_session(&session, None).await? {
        return Err(Problem::internal("begin a session", "there is one of that random id"));
    }
    welcome(status, &session.user, token, now, deps).await
}

async fn welcome(status: u16, user: &User, refresh: String, now: i64, deps: &Deps) -> Result<Response, Problem> {
    let token = deps.keys().await?.sign(&user.id, &user.username, now, deps.token_lifetime);
    let told = json!({"id": user.id, "username": user.username, "email": user.email});
    let body: Value = json!({"success": true, "token": token, "refreshToken": refresh, "expiresIn": deps.token_lifetime, "user": told});
    Ok(Response::json(status, &body))
}

/// A refresh token of that session, and its digest: only that is stored.
fn refresh_token(session: &str) -> (String, String) {
    let random = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let digest = digest(&random);
    (format!("{session}.{random}"), digest)
}

fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// As it is stored: names that differ in case are the same one.
fn username(text: &str) -> Option<String> {
    let is_name = (3..=32).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    is_name.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_know_no_case() {
        assert_eq!(username("Ann.Lee-1"), Some("ann.lee-1".to_owned()));
        for wrong in ["", "ab", "a b c", "ann@x", "анна", &"a".repeat(33)] {
            assert_eq!(username(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn refresh_tokens_are_random_and_only_their_digest_is_kept() {
        let ((one, kept), (other, _)) = (refresh_token("s"), refresh_token("s"));
        assert_ne!(one, other);
        assert_eq!(digest(one.strip_prefix("s.").expect("the session's id comes first")), kept);
    }
}
