//! The loop around a handler: one event in, one answer out; and the time that is left.
//!
//! Knows nothing of what an event means. A handler is an `async fn handle(event, context, &deps)`.

use std::{
    fmt,
    pin::Pin,
    process::ExitCode,
    time::{Duration, Instant, SystemTime},
};

use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use serde::{Serialize, de::DeserializeOwned};

use crate::{StartError, telemetry};

/// When this invocation must be over. Lambda kills it then, in the middle of whatever it does.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    pub fn of(context: &Context) -> Self {
        Self::after(context.deadline().duration_since(SystemTime::now()).unwrap_or_default())
    }

    pub fn after(left: Duration) -> Self {
        Self(Instant::now() + left)
    }

    /// Time that is left; zero when it has passed.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// The same deadline, earlier by `reserve`: for work that must be followed by something.
    #[must_use]
    pub fn earlier(self, reserve: Duration) -> Self {
        Self(self.0.checked_sub(reserve).unwrap_or_else(Instant::now))
    }

    /// The same moment for tokio's timers.
    pub fn instant(self) -> tokio::time::Instant {
        self.0.into()
    }
}

/// The whole of a function's `main`: logging, then `load` for what the handler needs, then one event
/// after the other. The handler's error is what Lambda records (and, for asynchronous and queue events,
/// what makes it try again). A start that fails is one log line and exit code 1, which Lambda reports
/// as a failed initialisation.
pub fn main<D, E, R, P, L, H>(load: L, handler: H) -> ExitCode
where
    E: DeserializeOwned,
    R: Serialize,
    P: std::error::Error,
    L: AsyncFnOnce() -> Result<D, StartError>,
    H: AsyncFn(E, Context, &D) -> Result<R, P>,
{
    telemetry::init();
    // One thread: an environment handles one event at a time, and a small function has less than one core.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the kernel gives timers and sockets");
    let outcome = runtime.block_on(async {
        // Boxed without their types: the compiler would otherwise see one future of an SDK call's whole depth.
        let loading: Pin<Box<dyn Future<Output = _>>> = Box::pin(load());
        let deps = loading.await?;
        let (deps, handler) = (&deps, &handler);
        lambda_runtime::run(service_fn(|event: LambdaEvent<E>| async move {
            let answer: Pin<Box<dyn Future<Output = _>>> = Box::pin(handler(event.payload, event.context, deps));
            answer.await.map_err(|problem| Failed(problem.to_string()))
        }))
        .await
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the function did not start");
            ExitCode::FAILURE
        }
    }
}

/// A handler's error on its way to Lambda. The runtime client logs it by its `Debug` text, so that is plain.
struct Failed(String);

impl fmt::Debug for Failed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl From<Failed> for Diagnostic {
    fn from(failed: Failed) -> Self {
        Self { error_type: "Problem".into(), error_message: failed.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_in_the_past_leaves_nothing() {
        let mut context = Context::default();
        context.deadline = 1;
        assert_eq!(Deadline::of(&context).left(), Duration::ZERO);
    }

    #[test]
    fn a_reserve_comes_off_what_is_left() {
        let deadline = Deadline::after(Duration::from_secs(100));
        assert!(deadline.earlier(Duration::from_secs(40)).left() <= Duration::from_secs(60));
        assert!(deadline.left() > Duration::from_secs(60));
    }
}
