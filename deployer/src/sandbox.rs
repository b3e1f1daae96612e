//! The local AWS: installs, starts, stops and resets MiniStack, and adapts templates to what it lacks.
//!
//! No other file knows that it exists, except by [`Endpoint`] and [`adapt`].

use crate::cfn::Template;
use crate::ctx::Ctx;
use crate::exit::Failure;

/// Where the sandbox listens and how to sign for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// `http://127.0.0.1:4566`
    pub(crate) url: String,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    /// Twelve digits.
    pub(crate) account: String,
}

/// Starts the sandbox unless it runs, and says where it is.
pub(crate) async fn ensure(_ctx: &Ctx) -> Result<Endpoint, Failure> {
    Err(Failure::usage("the sandbox is not there yet", ""))
}

/// Takes out of a template what the sandbox cannot hold; each change is named in one line, for the story.
pub(crate) fn adapt(template: &Template) -> (Template, Vec<String>) {
    (template.clone(), Vec::new())
}
