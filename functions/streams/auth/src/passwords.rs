//! Passwords, as argon2id hashes. What is not there is compared all the same, with as much work.

use std::sync::LazyLock;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use shared::Problem;

/// Memory in KiB, passes, lanes: what OWASP recommends at least.
///
/// Source: <https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html> (read 2026-11).
const MEMORY: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Shortest and longest password. Characters, and bytes.
pub const SHORTEST: usize = 12;
pub const LONGEST: usize = 256;

/// Of a password that nobody knows, made when the process starts.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    let random = uuid::Uuid::new_v4().to_string();
    hash(&random).expect("a password of 36 letters can be hashed")
});

fn argon2id() -> Argon2<'static> {
    let params = Params::new(MEMORY, PASSES, LANES, None).expect("OWASP's numbers are in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// The hash, in PHC's form, with a random salt.
///
/// # Errors
/// When the system gives no random numbers.
pub fn hash(password: &str) -> Result<String, Problem> {
    let hash: Result<PasswordHash, _> = argon2id().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| Problem::internal("hash a password", error.to_string()))
}

/// Whether `password` is the one of `stored`. Without one it is not, which takes as long.
pub fn is_right(password: &str, stored: Option<&str>) -> bool {
    let hash = PasswordHash::new(stored.unwrap_or(&NOBODY));
    let matches = hash.is_ok_and(|hash| argon2id().verify_password(password.as_bytes(), &hash).is_ok());
    matches && stored.is_some()
}

/// Readies what [`is_right`] needs, so that the first caller does not wait for it: the time would tell that the process is new.
pub fn warm_up() {
    LazyLock::force(&NOBODY);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_and_costs_what_it_should() {
        let stored = hash("correct horse battery").expect("random numbers");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(is_right("correct horse battery", Some(&stored)));
        assert!(!is_right("correct horse batterz", Some(&stored)));
        assert_ne!(hash("correct horse battery").expect("random numbers"), stored, "salted");
    }

    #[test]
    fn nobody_has_no_password_but_costs_as_much() {
        let of_nobody = PasswordHash::new(&NOBODY).expect("it is a hash");
        let of_somebody = hash("correct horse battery").expect("random numbers");
        let of_somebody = PasswordHash::new(&of_somebody).expect("it is a hash");
        assert_eq!(
            (of_nobody.algorithm.as_str(), of_nobody.version, of_nobody.params.to_string()),
            (of_somebody.algorithm.as_str(), of_somebody.version, of_somebody.params.to_string())
        );
        assert!(!is_right("anything", None));
        assert!(!is_right("anything", Some("not a hash")));
    }
}
