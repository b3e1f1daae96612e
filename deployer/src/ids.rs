//! Newtypes for strings that could otherwise be swapped.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($($(#[doc = $doc:literal])* $name:ident;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub(crate) struct $name(pub(crate) String);

        impl $name {
            pub(crate) fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }
            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    )*};
}

id! {
    /// A CloudFormation stack's name: `ticketbottle-dev`.
    StackName;
    /// A resource's key in a template: letters and digits only.
    LogicalId;
    /// What AWS calls the made resource; a name, an ARN or a URL, by type.
    PhysicalId;
    /// A published Lambda version: `"7"`, or `"$LATEST"`.
    FunctionVersion;
    /// SHA-256 of an artifact, in lower-case hexadecimal.
    Sha256;
}
