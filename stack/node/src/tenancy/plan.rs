//! What applying a file would change, field by field, and whether the machine can keep what it promises. Pure.

use greenroom_model::tenancy::{Change, ChangeAction, FieldFault, Rate, TenantSpec, TenantsFile};
use greenroom_model::{AccountName, ContainerPath, TenantName};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What is there, whoever made it.
#[derive(Debug, Clone, Default)]
pub struct There {
    pub tenants: BTreeSet<TenantName>,
    pub accounts: BTreeMap<AccountName, TenantName>,
    /// Of the containers that the file names, those that are there.
    pub containers: BTreeSet<(AccountName, String)>,
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
    let mut changes: Vec<Change> =
        changes(file, file, there).into_iter().filter(|change| change.action == ChangeAction::Create).collect();
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

/// Every value of a document by its path; items of lists go by their names, so that a moved one is no change.
fn leaves(tenant: &TenantSpec) -> BTreeMap<String, String> {
    fn walk(value: &Value, at: String, found: &mut BTreeMap<String, String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields.iter().filter(|(name, _)| *name != "name") {
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
    walk(&serde_json::to_value(tenant).expect("plain values serialise"), String::new(), &mut found);
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
