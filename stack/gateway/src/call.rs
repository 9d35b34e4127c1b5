//! What an operation is given. It can be made of an authenticated request only.

use crate::auth::{Authenticated, Authority, Identity};
use crate::body::BodyIn;
use crate::checks::Checks;
use crate::dispatch::CLIENT_REQUEST_ID_BYTES_MAX;
use crate::error::{Code, Error};
use crate::head::Head;
use crate::intake::{Intake, Md5Wanted, Taken, Wanted};
use crate::reply::Reply;
use crate::request::Request;
use crate::source::{self, Copying, Source, Sources};
use crate::structured::{self, Decoder};
use crate::{headers, sealing, tags, time};
use futures::future::BoxFuture;
use greenroom_model::feed::Cause;
use greenroom_model::{AccountName, BlobPath, ContainerPath};
use greenroom_store::{
    Access, Blob, BlobProps, CustomerKey, ETags, Encryption, Kept, Precondition, Seal, Shown, Store, StoreError,
    TRIES_MAX, Tags, Timestamp, Version,
};
use http::Method;
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
    run_part: RunPart,
    /// What the request says of what its content is sealed by, and what it shows for its copy source.
    seal: Option<Seal>,
    source_key: Option<CustomerKey>,
}

/// Of what the request changes, as those are told who asked to be.
fn cause(operation: &str, head: &Head) -> Cause {
    // Azure has one name for both ways to copy.
    let api = operation.split(',').next().unwrap_or_default().replace(' ', "");
    let client_request_id = head.filled("x-ms-client-request-id");
    let client_request_id = client_request_id.filter(|id| id.len() <= CLIENT_REQUEST_ID_BYTES_MAX);
    Cause {
        api,
        request_id: head.request_id.clone(),
        client_request_id: client_request_id.unwrap_or_default().to_owned(),
    }
}

/// How a request that came within this one is run. Whoever calls the operation says it, so that none knows the table that it is in.
pub type RunPart = for<'c> fn(&'c Call, Head) -> BoxFuture<'c, Result<Reply, Error>>;

impl Call {
    pub fn new(
        request: Authenticated<Request>,
        authority: Authority,
        sources: Arc<Sources>,
        now: Timestamp,
        (operation, run_part): (&'static str, RunPart),
    ) -> Self {
        let (Request { head, body }, identity) = request.into_parts();
        let authority = Authority { store: authority.store.caused_by(cause(operation, &head)), ..authority };
        let (store, seal, source_key) = (authority.store.clone(), None, None);
        Self { head, body, store, authority, sources, now, identity, run_part, seal, source_key }
    }

    /// What the operation of a request that came within this one is given.
    pub fn within(&self, request: Authenticated<Request>, operation: &'static str) -> Self {
        Self::new(request, self.authority.clone(), self.sources.clone(), self.now, (operation, self.run_part))
    }

    pub async fn run_part(&self, head: Head) -> Result<Reply, Error> {
        (self.run_part)(self, head).await
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
        let at = time::parse_iso(text);
        Ok(Some(at.ok_or_else(|| Error::new(Code::InvalidQueryParameterValue, "snapshot"))?))
    }

    /// Reads what the request, or its SAS, says of encryption. Before its operation runs.
    pub fn read_seal(&mut self) -> Result<(), Error> {
        // What is read needs to name no scope.
        let writes = self.head.method != Method::GET && self.head.method != Method::HEAD;
        let of_sas = self.identity.encryption_scope().filter(|_| writes);
        self.seal = sealing::asked(&self.head, of_sas)?;
        self.source_key = sealing::customer_key(&self.head, sealing::SOURCE)?;
        Ok(())
    }

    /// What the request shows for what its blob is sealed by.
    pub fn shown(&self) -> Shown {
        Shown::Asked(self.seal.as_ref().and_then(Seal::encryption))
    }

    /// As `shown`, by an operation that says nothing of what is sealed: where something is shown it must be right.
    pub fn shown_if_any(&self) -> Shown {
        if self.seal.is_none() { Shown::Unasked } else { self.shown() }
    }

    /// What a blob that the request makes is sealed by: as it says itself, or else as its container does.
    pub async fn seal_of_new(&self) -> Result<Seal, Error> {
        let container = self.store.container(&self.container()?).await?;
        let seal = sealing::of_new(self.seal.as_ref(), container.scope.as_ref())?;
        if let Seal::Scope(name) = &seal {
            // Also where what is sealed already is taken for it.
            self.store.scope_key(self.account(), name).await?;
        }
        Ok(seal)
    }

    /// What is added to a blob is sealed by: as the blob is.
    pub fn seal_of(&self, blob: Option<&BlobProps>) -> Seal {
        match (&self.seal, blob.and_then(|blob| blob.encryption.as_ref())) {
            (Some(own), _) => own.clone(),
            (None, Some(Encryption::Scope(name))) => Seal::Scope(name.clone()),
            (None, Some(Encryption::Customer(_)) | None) => Seal::Tenants,
        }
    }

    /// The blob, for whoever shows what opens it.
    pub fn opened(&self, blob: Blob) -> Result<Blob, Error> {
        Ok(blob.opened_by(self.seal.as_ref().unwrap_or(&Seal::Tenants))?)
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

    /// Refuses content that would be refused once it is here, before it takes up the wire and the flash.
    /// The store weighs the same conditions again when it writes. What there is.
    pub async fn foresee(&self, precondition: &Precondition) -> Result<Option<BlobProps>, Error> {
        let found = match self.store.blob(&self.blob()?).await {
            Ok(blob) => Some(blob.props),
            Err(StoreError::BlobMissing) => None,
            Err(error) => return Err(error.into()),
        };
        let current = found.as_ref().map(Version::from);
        precondition.check(current, Access::Write, self.now).map_err(StoreError::from)?;
        Ok(found)
    }

    /// How long the request's content is, which is less than its body where that is a structured message.
    pub fn content_length(&self) -> Result<u64, Error> {
        match structured::content_length(&self.head)? {
            Some(length) => Ok(length),
            None => self.body.length(),
        }
    }

    /// Takes the request's content in.
    pub async fn take(
        &mut self,
        bytes_max: u64,
        (kept, seal): (Kept<'_>, &Seal),
        wanted: Md5Wanted,
    ) -> Result<Taken, Error> {
        let length = self.content_length()?;
        if length > bytes_max {
            return Err(Code::RequestBodyTooLarge.into());
        }
        let checks = Checks::of_content(&self.head)?;
        let mut frames = Decoder::asked(&self.head, self.body.length()?)?;
        let target = Wanted { target: &self.blob()?, kept, seal };
        let mut intake = self.body.work(Intake::begin(&self.store, target, length, checks, wanted)).await?;
        while let Some(mut bytes) = self.body.next().await? {
            match &mut frames {
                None => self.body.work(intake.push(bytes)).await?,
                Some(frames) => {
                    while let Some(content) = frames.next(&mut bytes)? {
                        self.body.work(intake.push(content)).await?;
                    }
                }
            }
        }
        match frames {
            None => intake.finish().await,
            Some(frames) => intake.finish_framed(frames).await,
        }
    }

    /// The request as its copy source sees it.
    pub fn copying(&self) -> Copying<'_> {
        let Self { head, authority, sources, now, identity, source_key, .. } = self;
        Copying { head, identity, authority, sources, now: *now, source_key: source_key.as_ref() }
    }

    /// The conditional headers of a write that makes or replaces a blob. A SAS that only creates may not replace.
    pub fn creation(&self) -> Result<(Precondition, MayReplace), Error> {
        let precondition = headers::precondition(&self.head)?;
        if self.identity.has('w') {
            return Ok((precondition, MayReplace::Yes));
        }
        Ok((Precondition { if_none_match: Some(ETags::Any), ..precondition }, MayReplace::No))
    }

    /// The tags of a copy: those of its source, where the request says so, or else its own.
    pub async fn tags_of_copy(&self, source: &Source) -> Result<Tags, Error> {
        match source::tags(self.copying(), source).await? {
            Some(tags) => Ok(tags),
            None => self.tags(),
        }
    }

    /// Setting tags needs a permission of its own, also where they come along with a write.
    pub fn tags(&self) -> Result<Tags, Error> {
        let tags = tags::of(&self.head)?;
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
