//! Takes the lease of a stack, renews it while somebody works, and frees it. What a lease means is in `lease.rs`.
//!
//! Clocks: a lease is judged by the reader's clock. Whoever loses it notices at the next renewal and stops before the next
//! phase; until then release numbers and alias revisions keep the two apart, since both are written under a condition.

use crate::aws::s3::{self, Condition};
use crate::aws::{AwsError, Clients};
use crate::exit::Failure;
use crate::lease::{self, Holder, LIFETIME, Lease, Standing};
use crate::state::Place;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Many chances to renew before it runs out; and whoever loses the stack to `--force` hears of it this soon.
const RENEWAL: Duration = Duration::from_secs(10);
/// How often somebody who waits looks again.
const LOOK: Duration = Duration::from_secs(2);
/// How long `--wait` waits that names no time.
pub(crate) const PATIENCE: &str = "15m";

/// What to do when somebody else holds the lease.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Waiting {
    /// Wait for whoever works on the stack, and plan after that; 15 minutes unless told otherwise
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = PATIENCE,
        value_parser = patience)]
    pub(crate) wait: Option<Duration>,
    /// Take the stack from whoever works on it; that one stops before its next phase
    #[arg(long)]
    pub(crate) force: bool,
}

fn patience(text: &str) -> Result<Duration, String> {
    crate::units::parse_duration(text).ok_or_else(|| "such as `90s` or `15m`".to_owned())
}

/// A lease that is ours, renewed in the background until it is freed.
#[derive(Debug)]
pub(crate) struct Held {
    stop: oneshot::Sender<()>,
    renewing: JoinHandle<()>,
    lost: Arc<AtomicBool>,
}

impl Held {
    /// Whether somebody else has taken the lease.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Gives it back.
    pub(crate) async fn free(self) {
        // The task has ended when the lease was lost; then there is nothing to give back.
        let _ = self.stop.send(());
        let _ = self.renewing.await;
    }
}

/// Takes the lease of the stack at `place`; `None` when there is no artifact bucket yet to keep it in.
///
/// # Errors
/// When somebody else holds it and does not free it in time, or when S3 does not answer.
pub(crate) async fn take(
    clients: &Clients,
    place: &Place,
    typed: &str,
    waiting: &Waiting,
    say: impl Fn(String),
) -> Result<Option<Held>, Failure> {
    let since = jiff::Timestamp::now();
    let ours = holder(place, typed, since);
    let patience = waiting.wait.and_then(|wait| jiff::SignedDuration::try_from(wait).ok());
    let deadline = patience.map_or(since, |patience| since.saturating_add(patience).unwrap_or(since));
    let key = lease::key(&place.stack);
    let mut told = false;
    loop {
        let found = match read(clients, place).await {
            Ok(found) => found,
            Err(error) if error.code == "NoSuchBucket" => return Ok(None),
            Err(error) => return Err(untaken(place, &error)),
        };
        let now = jiff::Timestamp::now();
        let condition = match &found {
            None => Condition::Absent,
            Some((lease, etag)) => {
                let theirs = lease.told();
                match lease.standing(now, is_gone) {
                    Standing::Free => {}
                    Standing::Expired => {
                        let late = -lease.expires.duration_since(now).as_secs();
                        say(format!("the lease of {theirs} ran out {late} s ago; taken over"));
                    }
                    Standing::Dead => say(format!("the process of {theirs} is gone; its lease is taken over")),
                    Standing::Held if waiting.force => {
                        say(format!("taken from {theirs}, which stops before its next phase"))
                    }
                    Standing::Held if now < deadline => {
                        if !told {
                            say(format!("waiting for {theirs}"));
                            told = true;
                        }
                        tokio::time::sleep(LOOK).await;
                        continue;
                    }
                    Standing::Held => return Err(held(place, lease, now, typed)),
                }
                Condition::Is(etag.clone())
            }
        };
        let lease = Lease::new(place.stack.clone(), Some(ours.clone()), now, now);
        match write(clients, place, &key, &lease, &condition).await {
            Ok(etag) => return Ok(Some(renewed(clients, place, lease, etag))),
            // Somebody was faster: look who.
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(untaken(place, &error)),
        }
    }
}

/// The lease as it is, and what it means.
pub(crate) async fn look(clients: &Clients, place: &Place) -> Result<Option<(Lease, Standing)>, AwsError> {
    let found = read(clients, place).await?.map(|(lease, _)| lease);
    Ok(found.map(|lease| {
        let standing = lease.standing(jiff::Timestamp::now(), is_gone);
        (lease, standing)
    }))
}

/// The lease, when somebody else holds it.
pub(crate) async fn busy(clients: &Clients, place: &Place) -> Result<Option<Lease>, AwsError> {
    let found = read(clients, place).await?.map(|(lease, _)| lease);
    let is_ours = |holder: &Holder| holder.pid == std::process::id() && holder.machine == machine();
    let others = found.filter(|lease| lease.holder.as_ref().is_some_and(|holder| !is_ours(holder)));
    Ok(others.filter(|lease| lease.standing(jiff::Timestamp::now(), is_gone) == Standing::Held))
}

async fn read(clients: &Clients, place: &Place) -> Result<Option<(Lease, String)>, AwsError> {
    let key = lease::key(&place.stack);
    let Some((text, etag)) = s3::get_tagged(&clients.s3, &place.bucket, &key).await? else { return Ok(None) };
    let lease = serde_json::from_str(&text).map_err(|error| AwsError {
        action: "s3:GetObject",
        code: "NotALease".to_owned(),
        message: format!("s3://{}/{key} is no lease: {error}", place.bucket),
        request_id: None,
    })?;
    Ok(Some((lease, etag)))
}

/// Writes under a condition. An answer that was lost on the way looks like somebody else's lease when the SDK tries again, so
/// a refusal counts only when what stands there is not what was written.
async fn write(
    clients: &Clients,
    place: &Place,
    key: &str,
    lease: &Lease,
    condition: &Condition,
) -> Result<String, AwsError> {
    let text = serde_json::to_string_pretty(lease).expect("a lease holds only JSON values");
    match s3::put_if(&clients.s3, &place.bucket, key, text, condition).await {
        Err(error) if error.is_conflict() => match read(clients, place).await {
            Ok(Some((found, etag))) if found == *lease => Ok(etag),
            _ => Err(error),
        },
        answer => answer,
    }
}

/// Renews until told to stop, then frees.
fn renewed(clients: &Clients, place: &Place, mut lease: Lease, mut etag: String) -> Held {
    let (stop, mut stopped) = oneshot::channel();
    let lost = Arc::new(AtomicBool::new(false));
    let (clients, place, flag) = (clients.clone(), place.clone(), Arc::clone(&lost));
    let renewing = tokio::spawn(async move {
        let key = lease::key(&place.stack);
        loop {
            let ends = tokio::time::timeout(RENEWAL, &mut stopped).await.is_ok();
            let now = jiff::Timestamp::now();
            let holder = lease.holder.clone().filter(|_| !ends);
            lease = Lease::new(place.stack.clone(), holder, lease.since, now);
            match write(&clients, &place, &key, &lease, &Condition::Is(etag.clone())).await {
                Ok(_) if ends => return,
                Ok(next) => etag = next,
                Err(error) if error.is_conflict() || ends => {
                    flag.store(error.is_conflict(), Ordering::Relaxed);
                    return;
                }
                // Tried again at the next renewal; S3 has several more chances.
                Err(error) => tracing::debug!(%error, "the lease was not renewed"),
            }
        }
    });
    Held { stop, renewing, lost }
}

fn held(place: &Place, lease: &Lease, now: jiff::Timestamp, typed: &str) -> Failure {
    Failure::failed(
        format!("stack {} is being changed by {}", place.stack, lease.told()),
        format!(
            "nothing was changed here; the other one goes on, and if its process is dead its lease ends in {} s",
            lease.left(now)
        ),
        format!("{typed} --wait   (or --force, which takes the stack from it)"),
    )
}

fn untaken(place: &Place, error: &AwsError) -> Failure {
    let next = match error.is_denied() {
        true => format!("grant {} on {}/leases/*, then run the command again", error.action, place.bucket),
        false => "run the command again".to_owned(),
    };
    Failure::failed(format!("cannot take the lease of {}: {error}", place.stack), "nothing was changed", next)
}

fn holder(place: &Place, typed: &str, now: jiff::Timestamp) -> Holder {
    let pid = std::process::id();
    Holder {
        by: place.caller.clone(),
        host: host(),
        pid,
        machine: machine(),
        born: born(pid),
        command: typed.to_owned(),
        nonce: format!("{pid}-{}", now.as_nanosecond()),
    }
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    name.or_else(|| std::env::var("HOSTNAME").ok()).map_or_else(|| "?".to_owned(), |name| name.trim().to_owned())
}

/// This start of this machine, and the container's own count of processes.
fn machine() -> String {
    let Ok(boot) = std::fs::read_to_string("/proc/sys/kernel/random/boot_id") else { return String::new() };
    let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{} {}", boot.trim(), namespace.display())
}

/// When a process of this machine began, in ticks since the machine's start; `None` when it is gone or a zombie.
///
/// Source: proc_pid_stat(5), fields 3 and 22.
fn born(pid: u32) -> Option<String> {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = line.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    fields.nth(18).filter(|_| !["Z", "X"].contains(&state)).map(str::to_owned)
}

/// Whether the process of `holder` ran on this machine and has ended.
fn is_gone(holder: &Holder) -> bool {
    let here = machine();
    !here.is_empty() && holder.machine == here && holder.born.is_some() && born(holder.pid) != holder.born
}

const _: () = assert!(RENEWAL.as_secs() * 3 < LIFETIME.as_secs().unsigned_abs());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_process_is_not_gone_and_a_namesake_is() {
        let place = crate::diff::tests::place();
        let ours = holder(&place, "deployer deploy", jiff::Timestamp::UNIX_EPOCH);
        assert!(!is_gone(&ours));
        let namesake = Holder { born: Some("1".to_owned()), ..ours.clone() };
        assert!(is_gone(&namesake), "another process had this number before");
        assert!(!is_gone(&Holder { machine: "elsewhere".to_owned(), ..namesake }), "what cannot be seen may live");
    }
}
