//! Signed tokens that say who somebody is: JWTs under HS256, and only that; `alg` of a token is never believed.
//!
//! The keys are one secret, one key per line. The first signs, all verify, and a token names its key by `kid`, the
//! beginning of the key's digest. To rotate: add the new key as second line, wait until every function has read it
//! (five minutes), make it the first, and take the old one away when its last token has ended.
//!
//! Sources: RFC 7515, RFC 7519; <https://www.rfc-editor.org/rfc/rfc8725> for what to refuse (read 2026-11).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shared::Secret;
use subtle::ConstantTimeEq as _;

/// Who makes tokens, and for whom.
const ISSUER: &str = "stream-payments";

/// Shortest key that is accepted. Characters; what deployer generates has 64 of them.
const SHORTEST_KEY: usize = 32;

/// Longest token that is looked at. Bytes.
const LONGEST_TOKEN: usize = 2_048;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claims {
    pub user_id: String,
    pub username: String,
    pub iss: String,
    /// Seconds since 1970.
    pub iat: i64,
    /// Seconds since 1970: from then on it is none any more.
    pub exp: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// Keys that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token keys have to be lines of at least {SHORTEST_KEY} characters")]
pub struct KeysError;

/// A token that is not accepted. Why is nobody's business but the log's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("not a token")]
    Malformed,
    #[error("signed with a key that is not known")]
    UnknownKey,
    #[error("the signature does not match")]
    BadSignature,
    #[error("it has ended")]
    Expired,
}

/// The keys of one moment.
#[derive(Debug)]
pub struct Keys(Vec<(String, Secret)>);

impl Keys {
    /// # Errors
    /// When there is none, or one is too short to withstand guessing.
    pub fn parse(secret: &Secret) -> Result<Self, KeysError> {
        let lines = secret.expose().lines().map(str::trim).filter(|line| !line.is_empty());
        let keys: Vec<_> = lines.map(|key| (kid(key), Secret::new(key))).collect();
        let is_fine = !keys.is_empty() && keys.iter().all(|(_, key)| key.expose().len() >= SHORTEST_KEY);
        if is_fine { Ok(Self(keys)) } else { Err(KeysError) }
    }

    /// A token for that user, for `lifetime` seconds from `now` (seconds since 1970).
    pub fn sign(&self, user_id: &str, username: &str, now: i64, lifetime: i64) -> String {
        let (kid, key) = &self.0[0];
        let header = Header { alg: "HS256".into(), typ: "JWT".into(), kid: kid.clone() };
        let claims = Claims {
            user_id: user_id.to_owned(),
            username: username.to_owned(),
            iss: ISSUER.to_owned(),
            iat: now,
            exp: now.saturating_add(lifetime),
        };
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = URL_SAFE_NO_PAD.encode(mac(key.expose(), signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// What `token` says, if it is ours and has not ended at `now`.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn verify(&self, token: &str, now: i64) -> Result<Claims, Refused> {
        let (signed, signature) = token.rsplit_once('.').ok_or(Refused::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Refused::Malformed)?;
        if token.len() > LONGEST_TOKEN {
            return Err(Refused::Malformed);
        }
        let header: Header = read(header)?;
        if header.alg != "HS256" || header.typ != "JWT" {
            return Err(Refused::Malformed);
        }
        let key = self.0.iter().find(|(kid, _)| *kid == header.kid).ok_or(Refused::UnknownKey)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Refused::Malformed)?;
        if !bool::from(mac(key.1.expose(), signed.as_bytes()).ct_eq(&signature)) {
            return Err(Refused::BadSignature);
        }
        let claims: Claims = read(claims)?;
        match claims {
            Claims { ref iss, .. } if iss != ISSUER => Err(Refused::Malformed),
            Claims { exp, .. } if exp <= now => Err(Refused::Expired),
            claims => Ok(claims),
        }
    }
}

/// What a key is called: says nothing about it, since keys are random and long.
fn kid(key: &str) -> String {
    hex::encode(&Sha256::digest(key)[..6])
}

fn part(value: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).expect("texts and numbers become JSON"))
}

fn read<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, Refused> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Refused::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| Refused::Malformed)
}

fn mac(key: &str, message: &[u8]) -> Vec<u8> {
    mac_of(key.as_bytes(), message)
}

fn mac_of(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "an-old-key-of-thirty-two-letters";
    const NEW: &str = "a-new-key-with-thirty-two-letters";

    fn keys(lines: &[&str]) -> Keys {
        Keys::parse(&Secret::new(lines.join("\n"))).expect("long enough")
    }

    /// RFC 7515, appendix A.1.
    #[test]
    fn the_published_signature_comes_out() {
        let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let key = URL_SAFE_NO_PAD.decode(key).expect("base64");
        let signed = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let expected = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(URL_SAFE_NO_PAD.encode(mac_of(&key, signed.as_bytes())), expected);
    }

    #[test]
    fn a_token_says_who_it_is_until_it_ends() {
        let keys = keys(&[NEW]);
        let token = keys.sign("u-1", "ann", 1_000, 60);
        let claims = keys.verify(&token, 1_059).expect("ours");
        assert_eq!((claims.user_id.as_str(), claims.username.as_str(), claims.exp), ("u-1", "ann", 1_060));
        assert_eq!(keys.verify(&token, 1_060), Err(Refused::Expired));
    }

    #[test]
    fn a_new_key_signs_while_the_old_one_still_verifies() {
        let before = keys(&[OLD]).sign("u-1", "ann", 0, 60);
        let after = keys(&[NEW, OLD]);
        assert!(after.verify(&before, 1).is_ok());
        let token = after.sign("u-1", "ann", 0, 60);
        assert_eq!(keys(&[OLD]).verify(&token, 1), Err(Refused::UnknownKey));
        assert_eq!(keys(&[NEW]).verify(&before, 1), Err(Refused::UnknownKey));
        assert!(keys(&[OLD, NEW]).verify(&token, 1).is_ok(), "who has not yet read that it is the first");
    }

    #[test]
    fn what_was_changed_or_claims_another_algorithm_is_refused() {
        let keys = keys(&[NEW]);
        let token = keys.sign("u-1", "ann", 0, 60);
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        let (header, claims) = signed.split_once('.').expect("three parts");
        let kid = kid(NEW);
        let forged_claims =
            part(&serde_json::json!({"userId": "u-2", "username": "ann", "iss": ISSUER, "iat": 0, "exp": 60}));
        let none = part(&serde_json::json!({"alg": "none", "typ": "JWT", "kid": kid}));
        let unknown = part(&serde_json::json!({"alg": "HS256", "typ": "JWT", "kid": "0"}));
        for (token, expected) in [
            (format!("{header}.{forged_claims}.{signature}"), Refused::BadSignature),
            (format!("{header}.{claims}."), Refused::BadSignature),
            (format!("{none}.{claims}."), Refused::Malformed),
            (format!("{none}.{claims}.{signature}"), Refused::Malformed),
            (format!("{unknown}.{claims}.{signature}"), Refused::UnknownKey),
            (format!("{token}a"), Refused::BadSignature),
            ("a.b".to_owned(), Refused::Malformed),
            (String::new(), Refused::Malformed),
            (format!("{token}.{}", "a".repeat(3_000)), Refused::Malformed),
        ] {
            assert_eq!(keys.verify(&token, 1), Err(expected), "{token}");
        }
    }

    #[test]
    fn keys_that_can_be_guessed_are_refused() {
        for text in ["", "\n", "short", &format!("{NEW}\nshort")] {
            assert_eq!(Keys::parse(&Secret::new(text)).err(), Some(KeysError), "{text}");
        }
        assert!(!format!("{:?}", keys(&[NEW])).contains(NEW));
    }
}
