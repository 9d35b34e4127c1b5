//! What applying a file would change, field by field, and whether the machine can keep what it promises. Pure.

use greenroom_model::keys::EncryptionScope;
use greenroom_model::mirror::{MIRRORS_MAX, Mirror};
use greenroom_model::tenancy::{
    AccountSpec, Change, ChangeAction, FieldFault, MirrorSpec, Rate, TenantSpec, TenantsFile,
};
use greenroom_model::{AccountName, ContainerPath, TenantName};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What is there, whoever made it.
#[derive(Debug, Clone, Default)]
pub struct There {
    pub tenants: BTreeSet<TenantName>,
    pub accounts: BTreeMap<AccountName, TenantName>,
    /// Of the containers that the file names, those that are there.
    pub containers: BTreeSet<(AccountName, String)>,
    /// Of the accounts that the file names.
    pub mirrors: BTreeMap<(AccountName, TenantName), Mirror>,
}

/// What would change if `new` took the place of `old`.
pub fn changes(old: &TenantsFile, new: &TenantsFile, there: &There) -> Vec<Change> {
    let mut changes = Vec::new();
    for tenant in &new.tenants {
        let before = old.tenant(&tenant.name);
        if !there.tenants.contains(&tenant.name) {
            changes.push(change(ChangeAction::Create, tenant.name.to_string()));
        }
        let unsaid = TenantSpec::new(tenant.name.clone());
        fields(&leaves(before.unwrap_or(&unsaid)), &leaves(tenant), tenant.name.as_str(), &mut changes);
    }
    for (tenant, project, account) in new.accounts() {
        let subject = format!("{}/{}/{}", tenant.name, project.name, account.name);
        if !there.accounts.contains_key(&account.name) {
            changes.push(change(ChangeAction::Create, subject.clone()));
        }
        for container in &account.containers {
            if !there.containers.contains(&(account.name.clone(), container.name.to_string())) {
                changes.push(change(ChangeAction::Create, format!("{subject}/{}", container.name)));
            }
        }
        for spec in &account.mirrors {
            let subject = format!("{subject}/mirrors/{}", spec.name);
            match there.mirrors.get(&(account.name.clone(), spec.name.clone())) {
                Some(is) => fields(&leaves(is), &leaves(&spec.mirror(Some(is))), &subject, &mut changes),
                None => changes.push(change(ChangeAction::Create, subject)),
            }
        }
        let declared = |name: &TenantName| account.mirrors.iter().any(|spec| spec.name == *name);
        for (_, name) in there.mirrors.keys().filter(|(of, name)| *of == account.name && !declared(name)) {
            changes.push(change(ChangeAction::Keep, format!("{subject}/mirrors/{name}")));
        }
    }
    for tenant in &old.tenants {
        if new.tenant(&tenant.name).is_none() {
            changes.push(change(ChangeAction::Keep, tenant.name.to_string()));
        }
    }
    let named: BTreeSet<_> = new.accounts().map(|(_, _, account)| &account.name).collect();
    for (tenant, project, account) in old.accounts() {
        if new.tenant(&tenant.name).is_some() && !named.contains(&account.name) {
            changes.push(change(ChangeAction::Keep, format!("{}/{}/{}", tenant.name, project.name, account.name)));
        }
    }
    changes
}

/// What is there and differs from what was declared.
pub fn drift(file: &TenantsFile, there: &There) -> Vec<Change> {
    // Of a file and itself nothing but what is there differs.
    let mut changes = changes(file, file, there);
    let declared: BTreeSet<_> = file.accounts().map(|(_, _, account)| &account.name).collect();
    for tenant in there.tenants.iter().filter(|tenant| file.tenant(tenant).is_none()) {
        changes.push(change(ChangeAction::Keep, tenant.to_string()));
    }
    for (account, tenant) in &there.accounts {
        if file.tenant(tenant).is_some() && !declared.contains(account) {
            changes.push(change(ChangeAction::Keep, format!("{tenant}//{account}")));
        }
    }
    changes
}

/// Accounts that belong to somebody else already.
pub fn taken(new: &TenantsFile, there: &There) -> Vec<FieldFault> {
    let mut faults = Vec::new();
    for (t, tenant) in new.tenants.iter().enumerate() {
        for (p, project) in tenant.projects.iter().enumerate() {
            for (a, account) in project.accounts.iter().enumerate() {
                if there.accounts.get(&account.name).is_some_and(|owner| *owner != tenant.name) {
                    let path = format!("tenants[{t}].projects[{p}].accounts[{a}].name");
                    faults.push(FieldFault { path, message: format!("{} is another tenant's", account.name) });
                }
            }
        }
    }
    faults
}

/// Accounts that would have too many mirrors, those that were attached by hand included.
pub fn crowded(new: &TenantsFile, there: &There) -> Vec<FieldFault> {
    let mut faults: Vec<FieldFault> = Vec::new();
    for (path, account, _) in mirrors(new) {
        let mut names: BTreeSet<_> = account.mirrors.iter().map(|spec| &spec.name).collect();
        let declared = names.len();
        names.extend(there.mirrors.keys().filter(|(of, _)| *of == account.name).map(|(_, name)| name));
        let path = path.rsplit_once('[').map_or(path.as_str(), |(list, _)| list).to_owned();
        if declared <= MIRRORS_MAX && names.len() > MIRRORS_MAX && faults.iter().all(|fault| fault.path != path) {
            let message = format!("with those that are attached it would be {}, and {MIRRORS_MAX} may be", names.len());
            faults.push(FieldFault { path, message });
        }
    }
    faults
}

/// Every mirror of a file, with its place in it.
pub fn mirrors(file: &TenantsFile) -> impl Iterator<Item = (String, &AccountSpec, &MirrorSpec)> {
    file.tenants.iter().enumerate().flat_map(|(t, tenant)| {
        tenant.projects.iter().enumerate().flat_map(move |(p, project)| {
            project.accounts.iter().enumerate().flat_map(move |(a, account)| {
                account.mirrors.iter().enumerate().map(move |(m, mirror)| {
                    (format!("tenants[{t}].projects[{p}].accounts[{a}].mirrors[{m}]"), account, mirror)
                })
            })
        })
    })
}

/// Every encryption scope of a tenant, with the place of its key in the file.
pub fn scopes<'t>(
    tenant: &'t TenantSpec,
    at: &str,
) -> impl Iterator<Item = (String, &'t AccountName, &'t str, &'t EncryptionScope)> {
    tenant.projects.iter().enumerate().flat_map(move |(p, project)| {
        project.accounts.iter().enumerate().flat_map(move |(a, account)| {
            account.encryption_scopes.iter().map(move |(name, scope)| {
                let path = format!("{at}.projects[{p}].accounts[{a}].encryption_scopes.{name}.key");
                (path, &account.name, name.as_str(), scope)
            })
        })
    })
}

/// What all tenants together have reserved.
pub fn reserved(file: &TenantsFile) -> Rate {
    let sum = |of: fn(&Rate) -> Option<u64>| {
        let all: Vec<u64> = file.tenants.iter().filter_map(|tenant| of(&tenant.share.reserve)).collect();
        (!all.is_empty()).then(|| all.into_iter().fold(0, u64::saturating_add))
    };
    Rate {
        ops_per_s: sum(|rate| rate.ops_per_s),
        bytes_per_s: sum(|rate| rate.bytes_per_s.map(|bytes| bytes.0)).map(greenroom_model::tenancy::ByteCount),
    }
}

/// The first reservation of each kind with which the machine is sold out.
pub fn oversold(file: &TenantsFile, capacity: &Rate) -> Vec<FieldFault> {
    type Kind = (&'static str, fn(&Rate) -> Option<u64>);
    let kinds: [Kind; 2] =
        [("ops_per_s", |rate| rate.ops_per_s), ("bytes_per_s", |rate| rate.bytes_per_s.map(|bytes| bytes.0))];
    let mut faults = Vec::new();
    for (name, of) in kinds {
        let Some(can) = of(capacity) else { continue };
        let mut sold = 0_u64;
        for (number, tenant) in file.tenants.iter().enumerate() {
            let Some(reserve) = of(&tenant.share.reserve) else { continue };
            sold = sold.saturating_add(reserve);
            if sold > can {
                let path = format!("tenants[{number}].share.reserve.{name}");
                let message = format!("reservations come to {sold} with this one, and the machine can do {can}");
                faults.push(FieldFault { path, message });
                break;
            }
        }
    }
    faults
}

pub fn containers(file: &TenantsFile) -> impl Iterator<Item = ContainerPath> {
    file.accounts().flat_map(|(_, _, account)| {
        let path = |name: &greenroom_model::ContainerName| ContainerPath {
            account: account.name.clone(),
            container: name.clone(),
        };
        account.containers.iter().map(move |container| path(&container.name))
    })
}

fn change(action: ChangeAction, subject: String) -> Change {
    Change { action, subject, field: String::new(), from: String::new(), to: String::new() }
}

/// Every value of a document by its path; items of lists go by their names, so that a moved one is no change. Without mirrors, of which what
/// is there is compared.
fn leaves(document: &impl Serialize) -> BTreeMap<String, String> {
    fn walk(value: &Value, at: String, found: &mut BTreeMap<String, String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields.iter().filter(|(name, _)| !["name", "mirrors"].contains(&name.as_str())) {
                    walk(value, if at.is_empty() { name.clone() } else { format!("{at}.{name}") }, found);
                }
            }
            Value::Array(items) => {
                for (number, item) in items.iter().enumerate() {
                    let name = item.get("name").or_else(|| item.get("id")).and_then(Value::as_str);
                    walk(item, format!("{at}[{}]", name.map_or_else(|| number.to_string(), str::to_owned)), found);
                }
            }
            Value::Null => {}
            Value::String(text) => drop(found.insert(at, text.clone())),
            Value::Bool(_) | Value::Number(_) => drop(found.insert(at, value.to_string())),
        }
    }
    let mut found = BTreeMap::new();
    walk(&serde_json::to_value(document).expect("plain values serialise"), String::new(), &mut found);
    found
}

fn fields(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>, subject: &str, changes: &mut Vec<Change>) {
    for field in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let (from, to) = (old.get(field), new.get(field));
        if from != to {
            let text = |value: Option<&String>| value.cloned().unwrap_or_default();
            let update = change(ChangeAction::Update, subject.to_owned());
            changes.push(Change { field: field.clone(), from: text(from), to: text(to), ..update });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(tenants: &str) -> TenantsFile {
        serde_json::from_str(&format!("{{\"version\": 1, \"tenants\": {tenants}}}")).expect("a good shape")
    }

    fn said(changes: &[Change]) -> Vec<String> {
        let say = |change: &Change| {
            format!("{:?} {} {} {}>{}", change.action, change.subject, change.field, change.from, change.to)
        };
        changes.iter().map(say).collect()
    }

    #[test]
    fn a_plan_says_what_changes_and_nothing_where_nothing_does() {
        let old = file(r#"[{"name": "a", "quota": {"bytes": 5}}, {"name": "b"}]"#);
        let new = file(
            r#"[{"name": "c"}, {"name": "a", "quota": {"bytes": 6},
            "projects": [{"name": "p", "accounts": [{"name": "acct", "containers": [{"name": "photos"}]}]}]}]"#,
        );
        let there = There { tenants: ["a", "b"].map(|name| name.parse().expect("good")).into(), ..There::default() };
        assert_eq!(
            said(&changes(&old, &new, &there)),
            ["Create c  >", "Update a quota.bytes 5>6", "Create a/p/acct  >", "Create a/p/acct/photos  >", "Keep b  >",]
        );
        assert!(changes(&old, &old, &there).is_empty());
        assert_eq!(
            said(&drift(&new, &there)),
            ["Create c  >", "Create a/p/acct  >", "Create a/p/acct/photos  >", "Keep b  >"]
        );
    }

    #[test]
    fn mirrors_are_compared_with_what_is_attached() {
        let spec = |mirrors: &str| {
            file(&format!(
                r#"[{{"name": "a", "projects": [{{"name": "p", "accounts": [{{"name": "acct", "mirrors": {mirrors}}}]}}]}}]"#
            ))
        };
        let new = spec(r#"[{"name": "lake", "origin": "s3://raw", "poll_ms": 250, "pinned": ["hot/"]}]"#);
        let (account, lake): (AccountName, TenantName) = ("acct".parse().expect("good"), "lake".parse().expect("good"));
        let mut there = There {
            tenants: [TenantName::new("a").expect("good")].into(),
            accounts: [(account.clone(), TenantName::new("a").expect("good"))].into(),
            ..There::default()
        };
        assert_eq!(said(&changes(&spec("[]"), &new, &there)), ["Create a/p/acct/mirrors/lake  >"]);
        let is = Mirror { paused: true, ..Mirror::of("s3://raw") };
        there.mirrors.insert((account.clone(), lake.clone()), is.clone());
        let differs = ["Update a/p/acct/mirrors/lake pinned[0] >hot/", "Update a/p/acct/mirrors/lake poll_ms 5000>250"];
        assert_eq!(said(&changes(&spec("[]"), &new, &there)), differs);
        assert_eq!(said(&drift(&new, &there)), differs, "whoever changed it by hand");
        let as_declared = new.tenants[0].projects[0].accounts[0].mirrors[0].mirror(Some(&is));
        there.mirrors.insert((account.clone(), lake), as_declared);
        assert!(changes(&new, &new, &there).is_empty() && drift(&new, &there).is_empty());
        assert_eq!(said(&changes(&new, &spec("[]"), &there)), ["Keep a/p/acct/mirrors/lake  >"]);
        let by_hand = (0..MIRRORS_MAX - 1).map(|at| TenantName::new(format!("m{at}")).expect("good"));
        there.mirrors.extend(by_hand.map(|name| ((account.clone(), name), is.clone())));
        assert!(crowded(&new, &there).is_empty());
        there.mirrors.insert((account, TenantName::new("more").expect("good")), is);
        let paths: Vec<_> = crowded(&new, &there).into_iter().map(|fault| fault.path).collect();
        assert_eq!(paths, ["tenants[0].projects[0].accounts[0].mirrors"]);
    }

    #[test]
    fn no_more_is_reserved_than_there_is() {
        let reserve =
            |ops: u64, bytes: u64| format!("{{\"reserve\": {{\"ops_per_s\": {ops}, \"bytes_per_s\": {bytes}}}}}");
        let two = file(&format!(
            "[{{\"name\": \"a\", \"share\": {}}}, {{\"name\": \"b\", \"share\": {}}}]",
            reserve(60, 10),
            reserve(50, 10)
        ));
        let can = |ops_per_s, bytes| Rate {
            ops_per_s: Some(ops_per_s),
            bytes_per_s: Some(greenroom_model::tenancy::ByteCount(bytes)),
        };
        assert!(oversold(&two, &can(110, 20)).is_empty());
        assert!(oversold(&two, &Rate::default()).is_empty(), "nothing is known of the machine");
        let paths = |capacity| oversold(&two, &capacity).into_iter().map(|fault| fault.path).collect::<Vec<_>>();
        assert_eq!(paths(can(109, 20)), ["tenants[1].share.reserve.ops_per_s"]);
        assert_eq!(paths(can(59, 19)), ["tenants[0].share.reserve.ops_per_s", "tenants[1].share.reserve.bytes_per_s"]);
        assert_eq!(reserved(&two), can(110, 20));
    }
}
