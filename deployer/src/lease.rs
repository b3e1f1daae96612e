//! Who works on a stack: a lease that ends by itself. Pure: what stands in the object, and what it means now.
//!
//! `leases/<stack>.json` in the artifact bucket. Whoever changes a stack writes it under the condition that it is as it was
//! read, renews it while working, and frees it at the end. A killed process frees nothing: its lease runs out, or is taken
//! at once by whoever sees on the same machine that the process is gone. See `hold.rs`.

use crate::ids::StackName;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How long a lease lasts that nobody renews.
pub(crate) const LIFETIME: SignedDuration = SignedDuration::from_secs(120);

/// The object. `format_version` 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lease {
    pub(crate) format_version: u32,
    pub(crate) stack: StackName,
    /// Nobody, when it was freed.
    pub(crate) holder: Option<Holder>,
    /// When the holder took it.
    pub(crate) since: Timestamp,
    pub(crate) expires: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// ARN.
    pub(crate) by: String,
    /// Name of the machine, for people.
    pub(crate) host: String,
    pub(crate) pid: u32,
    /// Tells machines (and containers on one) apart; empty where that cannot be told.
    pub(crate) machine: String,
    /// When the process began, in the machine's own count: a number may be given twice.
    pub(crate) born: Option<String>,
    /// What was typed.
    pub(crate) command: String,
    /// Differs for every taking.
    pub(crate) nonce: String,
}

/// What a lease means to somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Free,
    /// Nobody renewed it in time.
    Expired,
    /// Its process ended on this machine.
    Dead,
    Held,
}

impl Lease {
    pub(crate) fn new(stack: StackName, holder: Option<Holder>, since: Timestamp, now: Timestamp) -> Self {
        let expires = if holder.is_some() { now.saturating_add(LIFETIME).unwrap_or(now) } else { now };
        Self { format_version: 1, stack, holder, since, expires }
    }

    /// `is_gone` says whether a process of this machine has ended.
    pub(crate) fn standing(&self, now: Timestamp, is_gone: impl Fn(&Holder) -> bool) -> Standing {
        match &self.holder {
            None => Standing::Free,
            Some(_) if self.expires <= now => Standing::Expired,
            Some(holder) if is_gone(holder) => Standing::Dead,
            Some(_) => Standing::Held,
        }
    }

    /// Seconds until it ends when nobody renews it.
    pub(crate) fn left(&self, now: Timestamp) -> i64 {
        self.expires.duration_since(now).as_secs().max(0)
    }

    /// `user/ann on build-7 (process 123, "deployer deploy shop") since 17:03:12`
    pub(crate) fn told(&self) -> String {
        let since = self.since.strftime("%H:%M:%S UTC");
        match &self.holder {
            None => "nobody".to_owned(),
            Some(holder) => {
                let who = holder.by.rsplit(':').next().unwrap_or(&holder.by);
                format!("{who} on {} (process {}, `{}`) since {since}", holder.host, holder.pid, holder.command)
            }
        }
    }
}

/// Key of the object.
pub(crate) fn key(stack: &StackName) -> String {
    format!("leases/{stack}.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_stands_until_it_runs_out_or_its_process_is_gone() {
        let at = |second: i64| Timestamp::from_second(second).expect("a time");
        let holder = Holder {
            by: "arn:aws:sts::1:assumed-role/deploy/ann".to_owned(),
            host: "build-7".to_owned(),
            pid: 123,
            machine: "m".to_owned(),
            born: None,
            command: "deployer deploy shop".to_owned(),
            nonce: "n".to_owned(),
        };
        let lease = Lease::new(StackName::new("shop-dev"), Some(holder), at(0), at(60));
        assert_eq!(lease.left(at(100)), 80);
        let table = [(100, false, Standing::Held), (100, true, Standing::Dead), (180, false, Standing::Expired)];
        for (now, gone, expected) in table {
            assert_eq!(lease.standing(at(now), |_| gone), expected, "{now} {gone}");
        }
        assert_eq!(
            lease.told(),
            "assumed-role/deploy/ann on build-7 (process 123, `deployer deploy shop`) since 00:00:00 UTC"
        );
        let freed = Lease::new(StackName::new("shop-dev"), None, at(0), at(60));
        assert_eq!(freed.standing(at(61), |_| false), Standing::Free);
    }
}
