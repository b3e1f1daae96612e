//! What a wallet signs, and who signed it. No effects.
//!
//! Both forms name the stream, the wallet, the chain, the contract and the moment, so that a signature is good for nothing
//! else and not for long. Sources: <https://eips.ethereum.org/EIPS/eip-191>, <https://eips.ethereum.org/EIPS/eip-712>.

use alloy_primitives::{Address, Signature, U256, eip191_hash_message};
use alloy_sol_types::{Eip712Domain, SolStruct as _, eip712_domain, sol};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// How old a signature may be, and how far the wallet's clock may be ahead.
const FRESH: SignedDuration = SignedDuration::from_mins(5);
const AHEAD: SignedDuration = SignedDuration::from_secs(60);

sol! {
    /// What is signed under EIP-712.
    #[derive(Debug)]
    struct StreamAccess {
        uint256 streamId;
        address wallet;
        string issuedAt;
    }
}

/// How it was signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// A text, by `personal_sign`.
    #[default]
    Eip191,
    /// A structure that wallets show, by `eth_signTypedData_v4`.
    Eip712,
}

/// What a wallet claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub stream_id: U256,
    pub wallet: Address,
    /// As it was written, since that is what was signed.
    pub issued_at: String,
    pub scheme: Scheme,
}

/// The place where streams live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub chain_id: u64,
    pub contract: Address,
}

/// A signature that is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("not a signature of 65 bytes in hexadecimal")]
    Malformed,
    #[error("one of two signatures that say the same; only the lower one counts")]
    Malleable,
    #[error("signed by another wallet, or something else was signed")]
    NotTheirs,
    #[error("not from these five minutes")]
    Stale,
}

/// The text that is signed under EIP-191.
pub fn message(claim: &Claim, place: &Place) -> String {
    format!(
        "Stream payments\n\nI want to see this stream.\n\nStream: {}\nWallet: {}\nChain: {}\nContract: {}\nIssued at: {}",
        claim.stream_id, claim.wallet, place.chain_id, place.contract, claim.issued_at
    )
}

/// The domain under EIP-712.
pub fn domain(place: &Place) -> Eip712Domain {
    eip712_domain! {
        name: "Stream payments",
        version: "1",
        chain_id: place.chain_id,
        verifying_contract: place.contract,
    }
}

/// Accepts `signature` (hexadecimal with `0x`) if the claim's wallet made it within the last minutes.
///
/// # Errors
/// Why it is not accepted.
pub fn verify(claim: &Claim, signature: &str, place: &Place, now: Timestamp) -> Result<(), Refused> {
    let issued: Timestamp = claim.issued_at.parse().map_err(|_| Refused::Stale)?;
    let age = now.duration_since(issued);
    if age > FRESH || -age > AHEAD {
        return Err(Refused::Stale);
    }
    let bytes = alloy_primitives::hex::decode(signature).map_err(|_| Refused::Malformed)?;
    let signature = Signature::from_raw(&bytes).map_err(|_| Refused::Malformed)?;
    // Whoever has a signature can make its twin: EIP-2 lets only one of the two count.
    if signature.normalize_s().is_some() {
        return Err(Refused::Malleable);
    }
    let hash = match claim.scheme {
        Scheme::Eip191 => eip191_hash_message(message(claim, place)),
        Scheme::Eip712 => {
            let (id, wallet, at) = (claim.stream_id, claim.wallet, claim.issued_at.clone());
            StreamAccess { streamId: id, wallet, issuedAt: at }.eip712_signing_hash(&domain(place))
        }
    };
    match signature.recover_address_from_prehash(&hash) {
        Ok(signer) if signer == claim.wallet => Ok(()),
        _ => Err(Refused::NotTheirs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::address;

    /// The example of EIP-712 itself: type hash, domain and signing hash as the standard lists them.
    #[test]
    fn typed_data_is_hashed_as_the_standard_says() {
        sol! {
            struct Person { string name; address wallet; }
            struct Mail { Person from; Person to; string contents; }
        }
        let mail = Mail {
            from: Person { name: "Cow".into(), wallet: address!("CD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826") },
            to: Person { name: "Bob".into(), wallet: address!("bBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB") },
            contents: "Hello, Bob!".into(),
        };
        let domain = eip712_domain! {
            name: "Ether Mail",
            version: "1",
            chain_id: 1,
            verifying_contract: address!("CcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"),
        };
        let expected = "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2";
        assert_eq!(mail.eip712_signing_hash(&domain).to_string(), expected);
    }

    const WALLET: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");

    fn claim(issued_at: &str) -> Claim {
        let (stream_id, issued_at) = (U256::from(7), issued_at.to_owned());
        Claim { stream_id, wallet: WALLET, issued_at, scheme: Scheme::Eip191 }
    }

    fn place() -> Place {
        Place { chain_id: 31_337, contract: Address::ZERO }
    }

    #[test]
    fn the_text_says_what_it_is_good_for() {
        let text = message(&claim("2026-11-20T10:00:00Z"), &place());
        for line in [
            "Stream: 7",
            "Wallet: 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            "Chain: 31337",
            "Contract: 0x0000000000000000000000000000000000000000",
            "Issued at: 2026-11-20T10:00:00Z",
        ] {
            assert!(text.lines().any(|own| own == line), "{line} in {text}");
        }
    }

    #[test]
    fn what_is_old_of_the_future_or_no_signature_is_refused() {
        let now: Timestamp = "2026-11-20T10:00:00Z".parse().expect("a time");
        let verified = |issued: &str, signature: &str| verify(&claim(issued), signature, &place(), now);
        let any = format!("0x{}1b", "11".repeat(64));
        assert_eq!(verified("2026-11-20T09:54:59Z", &any), Err(Refused::Stale));
        assert_eq!(verified("2026-11-20T10:01:01Z", &any), Err(Refused::Stale));
        assert_eq!(verified("today", &any), Err(Refused::Stale));
        for wrong in ["", "0x", "0x11", "zz", &any[..130], &format!("{any}00"), &format!("0x{}05", "11".repeat(64))] {
            assert_eq!(verified("2026-11-20T10:00:00Z", wrong), Err(Refused::Malformed), "{wrong}");
        }
        assert_eq!(verified("2026-11-20T10:00:00Z", &any), Err(Refused::NotTheirs));
        let high = format!("0x{}{}1b", "11".repeat(32), "f0".repeat(32));
        assert_eq!(verified("2026-11-20T10:00:00Z", &high), Err(Refused::Malleable));
    }
}
