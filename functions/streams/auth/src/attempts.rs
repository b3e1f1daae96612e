//! When somebody has tried too often. No effects.
//!
//! Each attempt is written down before the password is looked at, so that many at once do not get more tries than one after the
//! other. A login that succeeds forgets them. Names that nobody has are counted like any other, so that being locked
//! says nothing about whether there is such a user.

/// So many attempts in a row, then nothing is looked at any more …
pub const MOST: u32 = 5;

/// … until so long after the last of them. Seconds.
pub const LOCKED: i64 = 15 * 60;

/// Attempts in a row, as they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    pub count: u32,
    /// From then on they are forgotten. Seconds since 1970.
    pub until: i64,
}

/// What becomes of another attempt at `now`: what to write down, or nothing while it is locked.
pub fn another(before: Option<Attempts>, now: i64) -> Option<Attempts> {
    let count = before.filter(|attempts| attempts.until > now).map_or(0, |attempts| attempts.count);
    (count < MOST).then_some(Attempts { count: count + 1, until: now + LOCKED })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_attempt_waits_a_quarter_of_an_hour() {
        let mut known = None;
        for second in 0..5 {
            known = another(known, second);
            assert!(known.is_some(), "{second}");
        }
        assert_eq!(known, Some(Attempts { count: 5, until: 904 }));
        assert_eq!(another(known, 5), None);
        assert_eq!(another(known, 903), None, "what is refused does not prolong it");
        assert_eq!(another(known, 904), Some(Attempts { count: 1, until: 1_804 }));
    }

    #[test]
    fn an_attempt_now_and_then_is_forgotten() {
        let once = another(None, 0);
        assert_eq!(another(once, 900), Some(Attempts { count: 1, until: 1_800 }));
    }
}
