//! What an operation is given. It can be made of an authenticated request only.

use crate::auth::{Authenticated, Authority, Identity};
use crate::body::BodyIn;
use crate::error::{Code, Error};
use crate::head::Head;
use crate::request::Request;
use crate::source::Sources;
use greenroom_model::{AccountName, BlobPath, ContainerPath};
use greenroom_store::{Blob, ETags, Precondition, Store, StoreError, TRIES_MAX, Timestamp};
use std::sync::Arc;

#[derive(Debug)]
pub struct Call {
    pub head: Head,
    pub body: BodyIn,
    pub store: Store,
    /// For requests within this one: each brings a credential of its own.
    pub authority: Authority,
    pub now: Timestamp,
    pub sources: Arc<Sources>,
    identity: Identity,
}

impl Call {
    pub fn new(request: Authenticated<Request>, authority: Authority, sources: Arc<Sources>, now: Timestamp) -> Self {
        let (Request { head, body }, identity) = request.into_parts();
        Self { head, body, store: authority.store.clone(), authority, sources, now, identity }
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    pub fn account(&self) -> &AccountName {
        &self.head.target.account
    }

    /// The container that the request names; the route table sends no other request here.
    pub fn container(&self) -> Result<ContainerPath, Error> {
        Ok(self.head.target.container().ok_or(Code::InvalidUri)?.clone())
    }

    /// The blob that the request names; the route table sends no other request here.
    pub fn blob(&self) -> Result<BlobPath, Error> {
        Ok(self.head.target.blob().ok_or(Code::InvalidUri)?.clone())
    }

    /// The snapshot of it that the request names.
    pub fn snapshot(&self) -> Result<Option<Timestamp>, Error> {
        let Some(text) = self.head.query.filled("snapshot") else { return Ok(None) };
        let at = crate::time::parse_iso(text);
        Ok(Some(at.ok_or_else(|| Error::new(Code::InvalidQueryParameterValue, "snapshot"))?))
    }

    /// The blob, or the snapshot of it, that the request names.
    pub async fn find_blob(&self) -> Result<Blob, Error> {
        Ok(self.store.blob_at(&self.blob()?, self.snapshot()?).await?)
    }

    /// Does what needs a blob's content on flash. Where that is in the cloud it comes here first, and meanwhile the request holds no place
    /// that others wait for.
    pub async fn with_content_here<T, F: Future<Output = Result<T, StoreError>>>(
        &mut self,
        path: &BlobPath,
        act: impl Fn(Store) -> F,
    ) -> Result<T, Error> {
        for _ in 1..TRIES_MAX {
            match act(self.store.clone()).await {
                Err(StoreError::InCloud) => {
                    self.body.let_go();
                    self.store.bring_here(path).await?;
                    self.body.write().await?;
                }
                done => return Ok(done?),
            }
        }
        match act(self.store.clone()).await {
            Err(StoreError::InCloud) => Err(Code::CloudAway.into()),
            done => Ok(done?),
        }
    }

    /// The conditional headers of a write that makes or replaces a blob. A SAS that only creates may not replace.
    pub fn creation(&self) -> Result<(Precondition, MayReplace), Error> {
        let precondition = crate::headers::precondition(&self.head)?;
        if self.identity.has('w') {
            return Ok((precondition, MayReplace::Yes));
        }
        Ok((Precondition { if_none_match: Some(ETags::Any), ..precondition }, MayReplace::No))
    }

    /// Setting tags needs a permission of its own, also where they come along with a write.
    pub fn tags(&self) -> Result<greenroom_store::Tags, Error> {
        let tags = crate::tags::of(&self.head)?;
        if !tags.is_empty() && !self.identity.has('t') {
            return Err(Error::new(Code::AuthorizationPermissionMismatch, "x-ms-tags needs the permission t."));
        }
        Ok(tags)
    }
}

/// Whether the credential covers overwriting what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MayReplace {
    Yes,
    No,
}

impl MayReplace {
    /// What a write that found a blob is told.
    pub fn explain(self, error: Error) -> Error {
        match (self, error.code) {
            (MayReplace::No, Code::BlobAlreadyExists) => Code::UnauthorizedBlobOverwrite.into(),
            (MayReplace::Yes | MayReplace::No, _) => error,
        }
    }
}
