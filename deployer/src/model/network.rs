//! Networks: subnets and security groups for functions in a VPC.

use super::reference::Target;
use crate::decode::record;

record! {
    /// Where functions run that reach into a VPC.
    #[called("a network")]
    pub(crate) struct Network {
        /// Subnet ids, or `{ssm: …}` / `{import: …}`.
        subnets: Vec<Target>,
        /// Security group ids, or `{ssm: …}` / `{import: …}`.
        security_groups: Vec<Target>,
    }
}
