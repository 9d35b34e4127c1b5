//! What is done with containers.

use crate::acl::{ContainerAcl, PublicAccess};
use crate::blobs::check_size;
use crate::catalog::Txn;
use crate::error::{Result, StoreError};
use crate::lease::{Lease, LeaseAction};
use crate::list::{ContainerPage, ListQuery};
use crate::precondition::{Access, Precondition, Version};
use crate::props::{ContainerProps, DefaultScope, Metadata};
use crate::quota::Growth;
use crate::rows::{AccountState, ContainerRow, GarbageRow, container_key};
use crate::store::Store;
use crate::usage::{Owner, TenantUsage};
use greenroom_model::{AccountName, ContainerPath};

impl Store {
    /// Err: `AccountMissing`, `ContainerExists`, `PropsTooLarge`.
    pub async fn create_container(&self, path: &ContainerPath, metadata: Metadata) -> Result<ContainerProps> {
        let path = path.clone();
        check_size(&metadata)?;
        self.write(move |txn| create(txn, &path, New::of(metadata), Room::Given)).await
    }

    /// For a client. Its request may have been let in a moment before its account was disabled, and what that holds removed: it makes
    /// nothing then. Err: `AccountMissing`, `AccountDisabled`, `ContainerExists`, `PropsTooLarge`.
    pub async fn create_clients_container(
        &self,
        path: &ContainerPath,
        metadata: Metadata,
        public: PublicAccess,
        scope: Option<DefaultScope>,
    ) -> Result<ContainerProps> {
        let path = path.clone();
        check_size(&metadata)?;
        self.write(move |txn| match txn.account(&path.account)?.map(|account| account.state) {
            Some(AccountState::Disabled) => Err(StoreError::AccountDisabled),
            Some(AccountState::Enabled) | None => create(txn, &path, New { metadata, public, scope }, Room::Asked),
        })
        .await
    }

    /// Err: `ContainerMissing`.
    pub async fn container(&self, path: &ContainerPath) -> Result<ContainerProps> {
        Ok(self.snapshot()?.container(path)?.props)
    }

    /// Err: `ContainerMissing`, `ConditionNotMet`, `PropsTooLarge`.
    pub async fn set_container_metadata(
        &self,
        path: &ContainerPath,
        metadata: Metadata,
        precondition: &Precondition,
    ) -> Result<ContainerProps> {
        let (path, precondition) = (path.clone(), precondition.clone());
        check_size(&metadata)?;
        self.write(move |txn| set_metadata(txn, &path, metadata, &precondition)).await
    }

    /// As `lease_blob`. Err: `ContainerMissing`, `ConditionNotMet`, `LeaseRefused`.
    pub async fn lease_container(
        &self,
        path: &ContainerPath,
        action: LeaseAction,
        precondition: &Precondition,
    ) -> Result<ContainerProps> {
        let (path, precondition) = (path.clone(), precondition.clone());
        self.write(move |txn| lease(txn, &path, action, &precondition)).await
    }

    /// Replaces the public level and all policies. Err: `ContainerMissing`, `ConditionNotMet`, `PropsTooLarge`.
    pub async fn set_container_acl(
        &self,
        path: &ContainerPath,
        acl: ContainerAcl,
        precondition: &Precondition,
    ) -> Result<ContainerProps> {
        let (path, precondition) = (path.clone(), precondition.clone());
        check_size(&acl)?;
        self.write(move |txn| set_acl(txn, &path, acl, &precondition)).await
    }

    /// The name is free when this returns; the blobs under it are removed in the background.
    /// Err: `ContainerMissing`, `ConditionNotMet`.
    pub async fn delete_container(&self, path: &ContainerPath, precondition: &Precondition) -> Result<()> {
        let (path, precondition) = (path.clone(), precondition.clone());
        self.write(move |txn| delete(txn, &path, &precondition)).await
    }

    /// Err: `AccountMissing`.
    pub async fn list_containers(&self, account: &AccountName, query: &ListQuery) -> Result<ContainerPage> {
        if self.tenant_of(account).is_none() {
            return Err(StoreError::AccountMissing(account.clone()));
        }
        let (account, query) = (account.clone(), query.clone());
        self.read_many(move |snapshot| snapshot.list_containers(&account, &query)).await
    }
}

/// Whether a new container has to be within the quotas: what an operator makes has its room.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    Asked,
    Given,
}

/// What is said of a new container.
struct New {
    metadata: Metadata,
    public: PublicAccess,
    scope: Option<DefaultScope>,
}

impl New {
    fn of(metadata: Metadata) -> Self {
        Self { metadata, public: PublicAccess::Private, scope: None }
    }
}

fn create(txn: &mut Txn<'_>, path: &ContainerPath, new: New, room: Room) -> Result<ContainerProps> {
    let New { metadata, public, scope } = new;
    let account = txn.account(&path.account)?;
    let account = account.ok_or_else(|| StoreError::AccountMissing(path.account.clone()))?;
    let owner = account.tenant;
    if txn.find_container(path)?.is_some() {
        return Err(StoreError::ContainerExists);
    }
    let (etag, now) = (txn.next_etag(), txn.now);
    let acl = ContainerAcl { public, ..ContainerAcl::default() };
    let props = ContainerProps { etag, created: now, modified: now, metadata, lease: Lease::Free, acl, scope };
    let (id, account, container) = (txn.next_id(), path.account.clone(), path.container.clone());
    let tenant = Owner { tenant: owner, account, container, id };
    let row = ContainerRow { id, tenant, props, placed: None, revision: 0 };
    if room == Room::Asked {
        txn.afford(&row.tenant, Growth::from(TenantUsage::default(), row.usage()))?;
    }
    put(txn, path, row)
}

/// Makes a container that the system writes to for itself, where there is none.
pub(crate) fn make_system_container(txn: &mut Txn<'_>, path: &ContainerPath) -> Result<()> {
    if txn.find_container(path)?.is_none() {
        create(txn, path, New::of(Metadata::new()), Room::Given)?;
    }
    Ok(())
}

/// Takes a container away; what is in it is left to the sweep.
pub(crate) fn delete_container(txn: &mut Txn<'_>, path: &ContainerPath) -> Result<()> {
    delete(txn, path, &Precondition::default())
}

fn set_metadata(
    txn: &mut Txn<'_>,
    path: &ContainerPath,
    metadata: Metadata,
    precondition: &Precondition,
) -> Result<ContainerProps> {
    let mut row = txn.container(path)?;
    precondition.check(Some(Version::from(&row.props)), Access::FreeWrite, txn.now)?;
    row.props.etag = txn.next_etag();
    row.props.modified = txn.now;
    let was = row.usage();
    row.props.metadata = metadata;
    txn.afford(&row.tenant, Growth::from(was, row.usage()))?;
    row.revision = row.revision.wrapping_add(1);
    put(txn, path, row)
}

fn lease(
    txn: &mut Txn<'_>,
    path: &ContainerPath,
    action: LeaseAction,
    precondition: &Precondition,
) -> Result<ContainerProps> {
    let mut row = txn.container(path)?;
    precondition.check(Some(Version::from(&row.props)), Access::FreeWrite, txn.now)?;
    row.props.lease = row.props.lease.transition(action, txn.now)?;
    txn.dirty = true;
    put(txn, path, row)
}

fn set_acl(
    txn: &mut Txn<'_>,
    path: &ContainerPath,
    acl: ContainerAcl,
    precondition: &Precondition,
) -> Result<ContainerProps> {
    let mut row = txn.container(path)?;
    precondition.check(Some(Version::from(&row.props)), Access::FreeWrite, txn.now)?;
    row.props.etag = txn.next_etag();
    row.props.modified = txn.now;
    let was = row.usage();
    row.props.acl = acl;
    txn.afford(&row.tenant, Growth::from(was, row.usage()))?;
    row.revision = row.revision.wrapping_add(1);
    put(txn, path, row)
}

fn put(txn: &mut Txn<'_>, path: &ContainerPath, row: ContainerRow) -> Result<ContainerProps> {
    txn.put_container(path, &row)?;
    Ok(row.props)
}

fn delete(txn: &mut Txn<'_>, path: &ContainerPath, precondition: &Precondition) -> Result<()> {
    let row = txn.container(path)?;
    precondition.check(Some(Version::from(&row.props)), Access::Write, txn.now)?;
    txn.containers.remove(container_key(path).as_slice())?;
    txn.mirrored.remove(row.id)?;
    txn.books.recount(&row.tenant, row.usage(), TenantUsage::default());
    if let Some(placed) = row.placed {
        txn.release(placed.place)?;
    }
    txn.leave(&GarbageRow::Container { id: row.id, tenant: row.tenant })
}
