//! Makes what is there be what is declared: every step may be done twice, so that one cut short is simply done again.

use super::Tenancy;
use super::plan::{self, There};
use crate::dev_account::new_key;
use crate::fault::Fault;
use crate::keys::{Keys, KeysFault};
use crate::mirror::{AttachFault, Mirrors};
use greenroom_gateway::time;
use greenroom_model::control::PublicContainersRule;
use greenroom_model::keys::Encryption;
use greenroom_model::mirror::Attach;
use greenroom_model::tenancy::{
    Change, ChangeAction, ContainerPlace, ContainerSpec, FieldFault, PublicLevel, TenantState, TenantsFile, TenantsPlan,
};
use greenroom_model::{AccountName, ContainerPath, TenantName};
use greenroom_store::{
    AccessPolicy, AccountRecord, AccountState, ContainerAcl, Metadata, Precondition, Project, PublicAccess,
    PublicContainers, Quotas, ScopeState, Store, StoreError,
};

#[derive(Debug)]
pub enum Applied {
    Done(TenantsPlan),
    /// But for these keys and mirrors, which cannot be used and attached as they are declared.
    InPart(Vec<FieldFault>),
    /// Another file came first.
    Stale,
}

/// What is there of what a file names, and all else that has an owner.
pub async fn there(store: &Store, mirrors: &Mirrors, file: &TenantsFile) -> Result<There, StoreError> {
    let accounts = store.accounts();
    let mut there = There {
        tenants: store.tenants().into_iter().collect(),
        accounts: accounts.iter().map(|account| (account.name.clone(), account.tenant.clone())).collect(),
        ..There::default()
    };
    for (_, _, account) in file.accounts() {
        for (name, status) in mirrors.statuses(&account.name)? {
            there.mirrors.extend(status.settings.map(|mirror| ((account.name.clone(), name), mirror)));
        }
    }
    for path in plan::containers(file) {
        match store.container(&path).await {
            Ok(_) => drop(there.containers.insert((path.account, path.container.to_string()))),
            Err(StoreError::ContainerMissing) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(there)
}

/// Applies a file that was found good.
pub async fn apply(
    store: &Store,
    (mirrors, keys): (&Mirrors, &Keys),
    tenancy: &Tenancy,
    file: TenantsFile,
    etag: Option<&str>,
) -> Result<Applied, Fault> {
    let there = there(store, mirrors, &file).await?;
    let mut changes = plan::changes(&tenancy.file(), &file, &there);
    changes.extend(changed_containers(store, &file).await?);
    // Declared first: what is cut short after it shows as drift, and applying again mends it.
    if !tenancy.adopt(file.clone(), etag)? {
        return Ok(Applied::Stale);
    }
    store.set_quotas(quotas(&file));
    let tenants = file.tenants.iter().map(|tenant| tenant.name.clone()).collect();
    let mut records = Vec::new();
    for (tenant, _, account) in file.accounts() {
        let rule = account.public_containers.map(|rule| match rule {
            PublicContainersRule::Allowed => PublicContainers::Allowed,
            PublicContainersRule::Forbidden => PublicContainers::Forbidden,
        });
        let record = match store.account(&account.name) {
            Some(known) => (*known).clone(),
            None => AccountRecord {
                second_key: Some(new_key()?),
                ..AccountRecord::new(account.name.clone(), tenant.name.clone(), new_key()?)
            },
        };
        let state = account_state(tenancy.state(&tenant.name));
        let public_containers = rule.unwrap_or(record.public_containers);
        records.push(AccountRecord { public_containers, state, ..record });
    }
    store.put_identities(tenants, records).await?;
    for (_, _, account) in file.accounts() {
        if account.change_feed.is_some() {
            store.set_feed(&account.name, account.change_feed).await?;
        }
        for container in &account.containers {
            let path = ContainerPath { account: account.name.clone(), container: container.name.clone() };
            reconcile(store, &path, container).await?;
        }
    }
    let mut faults = encrypt(keys, &file).await?;
    faults.extend(attach(mirrors, &file, &there).await?);
    if !faults.is_empty() {
        return Ok(Applied::InPart(faults));
    }
    Ok(Applied::Done(TenantsPlan { etag: tenancy.etag(), changes }))
}

/// Has tenants' content encrypted as it is declared, and says where that cannot be.
async fn encrypt(keys: &Keys, file: &TenantsFile) -> Result<Vec<FieldFault>, Fault> {
    let mut faults = Vec::new();
    for (number, tenant) in file.tenants.iter().enumerate() {
        // A file whose keys are none was refused before.
        let at = format!("tenants[{number}]");
        if let Some(Ok(declared)) = tenant.encryption.as_ref().map(Encryption::wrapping) {
            let done = match declared {
                Some(by) => keys.set(&tenant.name, &by).await,
                None => keys.stop(&tenant.name).await,
            };
            note(done, format!("{at}.encryption.key"), &mut faults)?;
        }
        for (path, account, name, scope) in plan::scopes(tenant, &at) {
            let Ok(by) = scope.wrapping() else { continue };
            let state = if scope.enabled { ScopeState::Enabled } else { ScopeState::Disabled };
            let done = keys.set_scope(&tenant.name, (account, name), by.as_ref(), state).await;
            note(done, path, &mut faults)?;
        }
    }
    Ok(faults)
}

/// What whoever wraps says no to is a fault of the file; all else ends it.
fn note(done: Result<(), KeysFault>, path: String, faults: &mut Vec<FieldFault>) -> Result<(), Fault> {
    match done {
        Ok(()) => Ok(()),
        Err(KeysFault::Wrapping(why)) => {
            faults.push(FieldFault { path, message: why.to_string() });
            Ok(())
        }
        Err(KeysFault::Nothing(why)) => Err(Fault::Vault(why)),
        Err(KeysFault::Store(error)) => Err(error.into()),
        Err(KeysFault::Other(fault)) => Err(fault),
    }
}

/// Attaches the mirrors that are not there as they are declared, each with the credential that it has, and says which cannot be.
async fn attach(mirrors: &Mirrors, file: &TenantsFile, there: &There) -> Result<Vec<FieldFault>, StoreError> {
    let mut faults = Vec::new();
    for (path, account, spec) in plan::mirrors(file) {
        let is = there.mirrors.get(&(account.name.clone(), spec.name.clone()));
        let mirror = spec.mirror(is);
        if is == Some(&mirror) {
            continue;
        }
        match mirrors.attach(&account.name, &spec.name, Attach { mirror, secret: None }).await {
            Ok(()) => {}
            Err(AttachFault::Bad(message) | AttachFault::Conflict(message)) => {
                faults.push(FieldFault { path, message })
            }
            Err(AttachFault::Store(error)) => return Err(error),
        }
    }
    Ok(faults)
}

/// Containers that are there and whose access is not what was declared.
pub async fn changed_containers(store: &Store, file: &TenantsFile) -> Result<Vec<Change>, StoreError> {
    let mut changes = Vec::new();
    for (tenant, project, account) in file.accounts() {
        for container in &account.containers {
            let path = ContainerPath { account: account.name.clone(), container: container.name.clone() };
            let is = match store.container(&path).await {
                Ok(props) => props.acl,
                Err(StoreError::ContainerMissing) => continue,
                Err(error) => return Err(error),
            };
            if is != acl(container) {
                changes.push(Change {
                    action: ChangeAction::Update,
                    subject: format!("{}/{}/{}/{}", tenant.name, project.name, account.name, container.name),
                    field: "access".to_owned(),
                    from: say(&is),
                    to: say(&acl(container)),
                });
            }
        }
    }
    Ok(changes)
}

pub fn quotas(file: &TenantsFile) -> Quotas {
    let mut quotas = Quotas::default();
    for tenant in &file.tenants {
        if !tenant.quota.is_unbounded() {
            quotas.tenants.insert(tenant.name.clone(), tenant.quota);
        }
        for project in tenant.projects.iter().filter(|project| !project.quota.is_unbounded()) {
            let accounts: Vec<AccountName> = project.accounts.iter().map(|account| account.name.clone()).collect();
            quotas.project_of.extend(accounts.iter().cloned().map(|account| (account, quotas.projects.len())));
            let name = format!("{}/{}", tenant.name, project.name);
            quotas.projects.push(Project { name, quota: project.quota, accounts });
        }
    }
    for (_, _, account) in file.accounts() {
        for container in account.containers.iter().filter(|container| !container.quota.is_unbounded()) {
            let place = ContainerPlace { account: account.name.clone(), container: container.name.clone() };
            quotas.containers.insert(place, container.quota);
        }
    }
    quotas
}

/// Dates that are none.
pub fn policy_faults(file: &TenantsFile) -> Vec<FieldFault> {
    let mut faults = Vec::new();
    for (tenant, _, account) in file.accounts() {
        for container in &account.containers {
            for policy in &container.policies {
                for (name, date) in [("start", &policy.start), ("expiry", &policy.expiry)] {
                    if date.as_ref().is_some_and(|date| time::parse_iso(date).is_none()) {
                        let path = format!(
                            "{}.{}.{}.policies.{}.{name}",
                            tenant.name, account.name, container.name, policy.id
                        );
                        faults.push(FieldFault {
                            path,
                            message: "is not a time such as 2026-11-23T08:00:00Z".to_owned(),
                        });
                    }
                }
            }
        }
    }
    faults
}

/// Switches all accounts of a tenant.
pub async fn set_state(store: &Store, tenancy: &Tenancy, tenant: &TenantName, state: TenantState) -> Result<(), Fault> {
    tenancy.set_state(tenant, state)?;
    let switched = store.accounts().into_iter().filter(|account| account.tenant == *tenant);
    let switched = switched.map(|account| AccountRecord { state: account_state(state), ..(*account).clone() });
    store.put_identities(Vec::new(), switched.collect()).await?;
    Ok(())
}

fn account_state(state: TenantState) -> AccountState {
    match state {
        TenantState::Active => AccountState::Enabled,
        TenantState::Suspended | TenantState::OffBoarded => AccountState::Disabled,
    }
}

async fn reconcile(store: &Store, path: &ContainerPath, spec: &ContainerSpec) -> Result<(), StoreError> {
    match store.create_container(path, Metadata::new()).await {
        Ok(_) | Err(StoreError::ContainerExists) => {}
        Err(error) => return Err(error),
    }
    let acl = acl(spec);
    if store.container(path).await?.acl != acl {
        store.set_container_acl(path, acl, &Precondition::default()).await?;
    }
    Ok(())
}

fn acl(spec: &ContainerSpec) -> ContainerAcl {
    let public = match spec.public {
        PublicLevel::None => PublicAccess::Private,
        PublicLevel::Blob => PublicAccess::Blob,
        PublicLevel::Container => PublicAccess::Container,
    };
    let policies = spec.policies.iter().map(|policy| AccessPolicy {
        id: policy.id.clone(),
        start: policy.start.as_deref().and_then(time::parse_iso),
        expiry: policy.expiry.as_deref().and_then(time::parse_iso),
        permissions: Some(policy.permissions.clone()),
    });
    ContainerAcl { public, policies: policies.collect() }
}

fn say(acl: &ContainerAcl) -> String {
    let policies: Vec<String> = acl
        .policies
        .iter()
        .map(|policy| format!("{}={}", policy.id, policy.permissions.as_deref().unwrap_or("-")))
        .collect();
    format!("{:?} {}", acl.public, policies.join(" ")).trim_end().to_lowercase()
}
