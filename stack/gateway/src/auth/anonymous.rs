//! Requests without a credential: they reach what a container's public level opens, where its account allows public containers.

use super::denied::Denied;
use super::permit::{Permit, Reach};
use crate::error::Code;
use greenroom_store::{AccountRecord, ContainerAcl, PublicAccess, PublicContainers};

/// The level at which a container must be public for anybody to do this; `None` where nobody may without a credential.
pub fn level_needed(permit: &Permit) -> Option<PublicAccess> {
    match (permit.any_of, permit.resource_type, permit.reach) {
        ("r", Some('o'), Reach::AnySas) => Some(PublicAccess::Blob),
        ("l" | "r", Some('c'), Reach::AnySas | Reach::AccountSas) => Some(PublicAccess::Container),
        _ => None,
    }
}

/// What is not there and what is not public look alike, so that nothing can be probed.
pub fn verify(permit: &Permit, account: Option<&AccountRecord>, acl: Option<&ContainerAcl>) -> Result<(), Denied> {
    let Some(needed) = level_needed(permit) else {
        let detail = "neither an Authorization header nor a SAS is sent";
        return Err(Denied::new(Code::NoAuthenticationInformation, detail));
    };
    match account.map(|account| account.public_containers) {
        Some(PublicContainers::Allowed) => {}
        Some(PublicContainers::Forbidden) => {
            let detail = "no credential is sent, and the account allows no public containers";
            return Err(Denied::new(Code::PublicAccessNotPermitted, detail));
        }
        None => return Err(Denied::new(Code::PublicAccessNotPermitted, "there is no such account")),
    }
    match acl.map(|acl| acl.public) {
        Some(level) if level >= needed => Ok(()),
        Some(level) => {
            let detail = format!("no credential is sent; the container is {level:?} and {needed:?} is needed");
            Err(Denied::new(Code::ResourceNotFound, detail))
        }
        None => Err(Denied::new(Code::ResourceNotFound, "there is no such container")),
    }
}
