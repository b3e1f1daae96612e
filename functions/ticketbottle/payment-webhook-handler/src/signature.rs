//! HMAC-SHA256 over a text, compared in constant time.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// Whether `given` is the lower-case hexadecimal HMAC-SHA256 of `message` under `key`. Takes the same time
/// wherever the first difference is; only the length of `given` shows, which is no secret.
pub fn matches(key: &str, message: &[u8], given: &str) -> bool {
    sign(key, message).as_bytes().ct_eq(given.as_bytes()).into()
}

/// The lower-case hexadecimal HMAC-SHA256.
pub fn sign(key: &str, message: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(message);
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    #[test]
    fn the_published_vector_comes_out() {
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(sign("Jefe", b"what do ya want for nothing?"), expected);
        assert!(matches("Jefe", b"what do ya want for nothing?", expected));
        for wrong in ["", &expected[..63], &format!("{expected}0"), &expected.to_uppercase()] {
            assert!(!matches("Jefe", b"what do ya want for nothing?", wrong), "{wrong}");
        }
    }
}
