//! Exact amounts as text. Nothing here passes through a floating-point number.

use alloy_primitives::U256;

/// Decimal places of the chain's own coin.
const PLACES: usize = 18;

/// An amount of wei in ether, as `ethers.utils.formatEther` writes it: at least one decimal place, no zeros after the last
/// one that counts.
pub fn ether(wei: U256) -> String {
    let digits = format!("{wei:0>width$}", width = PLACES + 1);
    let (whole, fraction) = digits.split_at(digits.len() - PLACES);
    match fraction.trim_end_matches('0') {
        "" => format!("{whole}.0"),
        fraction => format!("{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ether_is_exact_to_the_last_wei() {
        for (wei, expected) in [
            ("0", "0.0"),
            ("1", "0.000000000000000001"),
            ("1000000000000000000", "1.0"),
            ("1500000000000000000", "1.5"),
            ("123456789012345678901234567890", "123456789012.34567890123456789"),
        ] {
            assert_eq!(ether(wei.parse().expect("a number")), expected);
        }
        let most = ether(U256::MAX);
        assert_eq!(most, "115792089237316195423570985008687907853269984665640564039457.584007913129639935");
    }
}
