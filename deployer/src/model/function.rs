//! Functions: what runs, with how much, started by what.

use super::access::Access;
use super::reference::{EnvValue, Target};
use super::release::{Check, Course};
use super::suppression::Suppression;
use super::trigger::Trigger;
use super::watch::Alarms;
use crate::decode::{Decode, choice, record};
use crate::diag::Diagnostics;
use crate::source::Spanned;
use crate::units::Mebibytes;
use crate::yaml::{Kind, Node};
use indexmap::IndexMap;
use std::time::Duration;

record! {
    /// A Lambda function.
    #[called("a function")]
    pub(crate) struct Function {
        /// What it does.
        description: Option<String>,
        /// The workspace crate that is built and deployed. This, or `code`.
        crate_name("crate"): Option<Spanned<String>>,
        /// Code that is not a Rust crate: a folder, a zip or a container image.
        code: Option<Code>,
        /// Lambda's own name for the function; by default `<stack>-<stage>-<name>`.
        name: Option<Spanned<String>>,
        /// What starts it.
        triggers: Vec<Trigger>,
        /// Environment variables. 4 KB in total.
        env: IndexMap<String, Spanned<EnvValue>>,
        /// What it may do; every function has a role of its own.
        access: Vec<Spanned<Access>>,
        /// What the comparison of the role with the code finds and is to stay, with the reason.
        suppress: Vec<Suppression>,
        /// An existing role instead of a generated one.
        role: Option<Spanned<Target>>,
        /// Permissions boundary of the generated role: an ARN, or the name of a policy of the account.
        permissions_boundary: Option<Spanned<String>>,
        /// The network it runs in, one of `networks`.
        network: Option<Spanned<String>>,
        /// Memory in MiB, 128 to 10,240; default 256.
        memory: Option<Spanned<Mebibytes>>,
        /// Longest run, 1 s to 15 min; default 30 s.
        timeout: Option<Spanned<Duration>>,
        /// `/tmp` in MiB, 512 to 10,240; default 512.
        storage: Option<Spanned<Mebibytes>>,
        /// Processor; default x86_64.
        architecture: Option<Architecture>,
        /// Layer version ARNs, at most 5.
        layers: Vec<Spanned<String>>,
        /// Reserved and provisioned concurrency.
        concurrency: Option<Concurrency>,
        /// Asynchronous invocation: retries and where failures go.
        asynchronous("async"): Option<Asynchronous>,
        /// EFS access points to mount.
        file_systems: Vec<FileSystem>,
        /// X-Ray; default on.
        tracing: Option<bool>,
        /// How long logs are kept; default 30 days.
        logs: Option<Spanned<Duration>>,
        /// Tags of the function and its role.
        tags: IndexMap<String, String>,
        /// How traffic moves to a new version, and what watches it.
        release: Option<Spanned<Course>>,
        /// Calls of the new version before any traffic moves.
        before: Vec<Check>,
        /// Alarm sets: those of the stack unless it says otherwise.
        alarms: Option<Alarms>,
        /// How long 95 of 100 invocations take at most when all is well; alarms compare with it. `deployer alarms baseline`
        /// measures it.
        baseline: Option<Spanned<Duration>>,
    }
}

record! {
    /// What every function of the stack has unless it says otherwise.
    #[called("`defaults`")]
    pub(crate) struct Defaults {
        /// Memory in MiB.
        memory: Option<Spanned<Mebibytes>>,
        /// Longest run.
        timeout: Option<Spanned<Duration>>,
        /// `/tmp` in MiB.
        storage: Option<Spanned<Mebibytes>>,
        /// Processor.
        architecture: Option<Architecture>,
        /// X-Ray.
        tracing: Option<bool>,
        /// How long logs are kept.
        logs: Option<Spanned<Duration>>,
        /// Environment variables of every function.
        env: IndexMap<String, Spanned<EnvValue>>,
        /// The network all functions run in.
        network: Option<Spanned<String>>,
        /// Tags of every function and role.
        tags: IndexMap<String, String>,
        /// How traffic moves to a new version, and what watches it.
        release: Option<Spanned<Course>>,
        /// Alarm sets of every function, and of the queues.
        alarms: Option<Alarms>,
        /// Permissions boundary of every generated role: an ARN, or the name of a policy of the account.
        permissions_boundary: Option<Spanned<String>>,
    }
}

impl Default for Defaults {
    fn default() -> Self {
        let nothing = Node { span: crate::source::Span::default(), kind: Kind::Map(Vec::new()) };
        Self::decode(&nothing, &mut Diagnostics::default()).expect("no key of the defaults is required")
    }
}

record! {
    /// Code that is not a crate of the workspace. Exactly one of `dir`, `zip`, `image`.
    #[called("`code`")]
    pub(crate) struct Code {
        /// A folder to zip, relative to the project.
        dir: Option<Spanned<String>>,
        /// A zip that is made already, relative to the project.
        zip: Option<Spanned<String>>,
        /// URI of a container image.
        image: Option<Spanned<String>>,
        /// Lambda runtime, such as `python3.13`; needed with `dir` and `zip`.
        runtime: Option<Spanned<String>>,
        /// Entry point, such as `main.handler`; needed with `dir` and `zip`.
        handler: Option<Spanned<String>>,
    }
}

choice! {
    /// The processor a function runs on.
    pub(crate) enum Architecture {
        X86_64 = "x86_64",
        Arm64 = "arm64",
    }
}

record! {
    /// Concurrency of a function.
    #[called("`concurrency`")]
    pub(crate) struct Concurrency {
        /// Executions reserved for, and at most used by, this function. 0 stops it.
        reserved: Option<Spanned<u32>>,
        /// Executions kept warm for the version that is live.
        provisioned: Option<Spanned<u32>>,
    }
}

record! {
    /// Asynchronous invocation.
    #[called("`async`")]
    pub(crate) struct Asynchronous {
        /// Attempts after the first, 0 to 2; default 2.
        retries: Option<Spanned<u8>>,
        /// Oldest event still tried; 1 minute to 6 hours.
        max_age: Option<Spanned<Duration>>,
        /// Where events go that failed; default a queue that is made for them when a schedule, a topic, an event or a
        /// bucket starts the function. `{}` is nowhere.
        on_failure: Option<Destination>,
        /// Where results go that succeeded.
        on_success: Option<Destination>,
    }
}

record! {
    /// A queue, a topic or a function that takes events. Exactly one.
    #[called("a destination")]
    pub(crate) struct Destination {
        /// A queue.
        queue: Option<Target>,
        /// A topic.
        topic: Option<Target>,
        /// A function.
        function: Option<Target>,
    }
}

impl Destination {
    pub(crate) fn is_somewhere(&self) -> bool {
        self.queue.is_some() || self.topic.is_some() || self.function.is_some()
    }
}

record! {
    /// An EFS access point in the function's file system.
    #[called("a file system")]
    pub(crate) struct FileSystem {
        /// ARN of the access point.
        access_point: Target,
        /// Where it is mounted: below `/mnt/`.
        path: Spanned<String>,
    }
}
