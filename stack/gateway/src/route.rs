//! The table of operations: method, what is named, and two query parameters decide which row a request is. Pure.
//! Source: "Blob service REST API"; the permissions are those of "Create a service SAS" and "Create an account SAS".

use crate::auth::{Permit, Reach};
use crate::call::Call;
use crate::error::{Code, Error};
use crate::ops;
use crate::query::Query;
use crate::reply::Reply;
use crate::target::Scope;
use futures::future::BoxFuture;
use greenroom_model::metrics::OpClass;
use http::{HeaderMap, Method};

/// One operation of the protocol.
#[derive(Debug)]
pub struct Row {
    pub operation: &'static str,
    method: Method,
    scope: Scope,
    /// `restype` and `comp`; empty where the operation has none.
    restype: &'static str,
    comp: &'static str,
    from_url: FromUrl,
    pub class: OpClass,
    pub permit: Permit,
    pub snapshots: Snapshots,
    pub action: Action,
}

/// Whether the operation may be asked of a snapshot, which the query names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snapshots {
    Allowed,
    Refused,
}

impl Row {
    const fn content(mut self, from_url: FromUrl) -> Self {
        self.from_url = from_url;
        self
    }

    const fn of_snapshots_too(mut self) -> Self {
        self.snapshots = Snapshots::Allowed;
        self
    }

    pub fn reads(&self) -> bool {
        self.method == GET || self.method == HEAD
    }

    /// Whether it is refused while the tenant's key is: what says or changes something of a blob, but for leases and deletions. Lists of names go on.
    /// Source: "Customer-managed keys for Azure Storage encryption", what fails once access is revoked.
    pub fn needs_key(&self, query: &Query) -> bool {
        match (self.scope, self.class) {
            (_, OpClass::List) => self.comp == "blobs" || query.get("include").is_some_and(says_more),
            (Scope::Blob, OpClass::Delete) => false,
            (Scope::Blob, OpClass::Put | OpClass::Get | OpClass::Other) => self.comp != "lease",
            (Scope::Service | Scope::Container, _) => false,
        }
    }

    /// Whether it makes a blob or a block, whatever is there under its name.
    pub fn makes_blob(&self) -> bool {
        self.class == OpClass::Put && !matches!(self.comp, "page" | "snapshot")
    }

    /// What it writes is fetched first, which may take as long as it likes.
    pub fn fetches(&self) -> bool {
        self.from_url != FromUrl::No
    }
}

/// Whether the content comes from another blob, which `x-ms-copy-source` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FromUrl {
    /// And the blob's type is given: the operation puts a blob.
    Typed,
    Yes,
    No,
}

impl FromUrl {
    pub fn of(headers: &HeaderMap) -> Self {
        match (headers.contains_key("x-ms-copy-source"), headers.contains_key("x-ms-blob-type")) {
            (true, true) => FromUrl::Typed,
            (true, false) => FromUrl::Yes,
            (false, _) => FromUrl::No,
        }
    }
}

pub type Handler = for<'a> fn(&'a mut Call) -> BoxFuture<'a, Result<Reply, Error>>;

#[derive(Debug, Clone, Copy)]
pub enum Action {
    Run(Handler),
    /// An operation of Azure's that this endpoint does not offer.
    Refuse(Code),
}

/// Whether a list tells what was said of blobs.
fn says_more(include: &str) -> bool {
    include.split(',').any(|part| matches!(part.trim(), "metadata" | "tags"))
}

/// The row that a request is, or why there is none.
pub fn find(method: &Method, scope: Scope, query: &Query, from_url: FromUrl) -> Result<&'static Row, Error> {
    let restype = query.get("restype").unwrap_or("");
    let comp = query.get("comp").unwrap_or("");
    let named = |row: &&Row| {
        row.scope == scope && row.restype.eq_ignore_ascii_case(restype) && row.comp.eq_ignore_ascii_case(comp)
    };
    let matching = |row: &&Row| named(row) && row.method == *method && row.from_url == from_url;
    // A copy source means something to the operations that copy only.
    let without_source = |row: &&Row| named(row) && row.method == *method && row.from_url == FromUrl::No;
    if let Some(row) = ROWS.iter().find(matching).or_else(|| ROWS.iter().find(without_source)) {
        return Ok(row);
    }
    if ROWS.iter().any(|row| named(&row)) {
        return Err(Code::UnsupportedHttpVerb.into());
    }
    let detail = format!("restype={restype:?} and comp={comp:?} name no operation on this resource.");
    Err(Error::new(Code::InvalidQueryParameterValue, detail))
}

const fn service(any_of: &'static str) -> Permit {
    Permit { any_of, resource_type: Some('s'), reach: Reach::AccountSas }
}

const fn container(any_of: &'static str) -> Permit {
    Permit { any_of, resource_type: Some('c'), reach: Reach::AccountSas }
}

const fn object(any_of: &'static str) -> Permit {
    Permit { any_of, resource_type: Some('o'), reach: Reach::AnySas }
}

const LIST_BLOBS: Permit = Permit { any_of: "l", resource_type: Some('c'), reach: Reach::AnySas };
/// Account information is anyone's who has a credential; the requests within a batch each bring one of their own.
const ANY: Permit = Permit { any_of: "", resource_type: None, reach: Reach::AnySas };

/// Access control itself.
const ACCESS_CONTROL: Permit = Permit { any_of: "p", resource_type: None, reach: Reach::KeyOrRole };
const DELEGATION: Permit = Permit { any_of: "", resource_type: None, reach: Reach::RoleOnly };

const FILTER: Permit = Permit { any_of: "f", resource_type: None, reach: Reach::AnySas };

const GET: Method = Method::GET;
const HEAD: Method = Method::HEAD;
const PUT: Method = Method::PUT;
const POST: Method = Method::POST;
const DELETE: Method = Method::DELETE;

const fn on(
    operation: &'static str,
    method: Method,
    scope: Scope,
    (restype, comp): (&'static str, &'static str),
    (class, permit): (OpClass, Permit),
    run: Handler,
) -> Row {
    Row {
        operation,
        method,
        scope,
        restype,
        comp,
        from_url: FromUrl::No,
        class,
        permit,
        snapshots: Snapshots::Refused,
        action: Action::Run(run),
    }
}

const fn no(
    operation: &'static str,
    method: Method,
    scope: Scope,
    (restype, comp): (&'static str, &'static str),
    code: Code,
) -> Row {
    let action = Action::Refuse(code);
    Row {
        operation,
        method,
        scope,
        restype,
        comp,
        from_url: FromUrl::No,
        class: OpClass::Other,
        permit: ANY,
        snapshots: Snapshots::Refused,
        action,
    }
}

use OpClass::{Delete, Get, List, Other, Put};
use Scope::{Blob, Container, Service};

const UNOFFERED: Code = Code::OperationNotSupported;

#[rustfmt::skip]
pub static ROWS: &[Row] = &[
    on("List Containers", GET, Service, ("", "list"), (List, service("l")), |call| Box::pin(ops::list_containers::run(call))),
    on("Get Account Information", GET, Service, ("account", "properties"), (Other, ANY), |call| Box::pin(ops::get_account_information::run(call))),
    on("Get Account Information", HEAD, Service, ("account", "properties"), (Other, ANY), |call| Box::pin(ops::get_account_information::run(call))),
    on("Get Blob Service Properties", GET, Service, ("service", "properties"), (Other, service("r")), |call| Box::pin(ops::get_service_properties::run(call))),
    on("Set Blob Service Properties", PUT, Service, ("service", "properties"), (Other, service("w")), |call| Box::pin(ops::set_service_properties::run(call))),
    on("Get Blob Service Stats", GET, Service, ("service", "stats"), (Other, service("r")), |call| Box::pin(ops::get_service_stats::run(call))),
    on("Get User Delegation Key", POST, Service, ("service", "userdelegationkey"), (Other, DELEGATION), |call| Box::pin(ops::get_user_delegation_key::run(call))),
    on("Find Blobs by Tags", GET, Service, ("", "blobs"), (List, FILTER), |call| Box::pin(ops::find_blobs_by_tags::run(call))),
    on("Blob Batch", POST, Service, ("", "batch"), (Other, ANY), |call| Box::pin(ops::blob_batch::run(call))),
    on("Blob Batch", POST, Service, ("container", "batch"), (Other, ANY), |call| Box::pin(ops::blob_batch::run(call))),

    on("Create Container", PUT, Container, ("container", ""), (Other, container("cw")), |call| Box::pin(ops::create_container::run(call))),
    on("Get Container Properties", GET, Container, ("container", ""), (Other, container("r")), |call| Box::pin(ops::get_container_properties::run(call))),
    on("Get Container Properties", HEAD, Container, ("container", ""), (Other, container("r")), |call| Box::pin(ops::get_container_properties::run(call))),
    on("Get Container Metadata", GET, Container, ("container", "metadata"), (Other, container("r")), |call| Box::pin(ops::get_container_properties::run(call))),
    on("Get Container Metadata", HEAD, Container, ("container", "metadata"), (Other, container("r")), |call| Box::pin(ops::get_container_properties::run(call))),
    on("Set Container Metadata", PUT, Container, ("container", "metadata"), (Other, container("w")), |call| Box::pin(ops::set_container_metadata::run(call))),
    on("Delete Container", DELETE, Container, ("container", ""), (Delete, container("d")), |call| Box::pin(ops::delete_container::run(call))),
    on("List Blobs", GET, Container, ("container", "list"), (List, LIST_BLOBS), |call| Box::pin(ops::list_blobs::run(call))),
    on("Get Account Information", GET, Container, ("account", "properties"), (Other, ANY), |call| Box::pin(ops::get_account_information::run(call))),
    on("Get Account Information", HEAD, Container, ("account", "properties"), (Other, ANY), |call| Box::pin(ops::get_account_information::run(call))),
    on("Get Container ACL", GET, Container, ("container", "acl"), (Other, ACCESS_CONTROL), |call| Box::pin(ops::get_container_acl::run(call))),
    on("Get Container ACL", HEAD, Container, ("container", "acl"), (Other, ACCESS_CONTROL), |call| Box::pin(ops::get_container_acl::run(call))),
    on("Set Container ACL", PUT, Container, ("container", "acl"), (Other, ACCESS_CONTROL), |call| Box::pin(ops::set_container_acl::run(call))),
    on("Lease Container", PUT, Container, ("container", "lease"), (Other, container("w")), |call| Box::pin(ops::lease_container::run(call))),
    no("Restore Container", PUT, Container, ("container", "undelete"), UNOFFERED),
    no("Rename Container", PUT, Container, ("container", "rename"), UNOFFERED),
    on("Find Blobs by Tags in Container", GET, Container, ("container", "blobs"), (List, FILTER), |call| Box::pin(ops::find_blobs_by_tags::run(call))),
    on("Blob Batch", POST, Container, ("container", "batch"), (Other, ANY), |call| Box::pin(ops::blob_batch::run(call))),

    on("Put Blob", PUT, Blob, ("", ""), (Put, object("cw")), |call| Box::pin(ops::put_blob::run(call))),
    on("Copy Blob, Copy Blob From URL", PUT, Blob, ("", ""), (Put, object("cw")), |call| Box::pin(ops::copy_blob::run(call))).content(FromUrl::Yes),
    on("Put Blob From URL", PUT, Blob, ("", ""), (Put, object("cw")), |call| Box::pin(ops::put_blob_from_url::run(call))).content(FromUrl::Typed),
    on("Put Block", PUT, Blob, ("", "block"), (Put, object("cw")), |call| Box::pin(ops::put_block::run(call))),
    on("Put Block From URL", PUT, Blob, ("", "block"), (Put, object("cw")), |call| Box::pin(ops::put_block_from_url::run(call))).content(FromUrl::Yes),
    on("Put Block List", PUT, Blob, ("", "blocklist"), (Put, object("cw")), |call| Box::pin(ops::put_block_list::run(call))),
    on("Get Block List", GET, Blob, ("", "blocklist"), (List, object("r")), |call| Box::pin(ops::get_block_list::run(call))).of_snapshots_too(),
    on("Get Blob", GET, Blob, ("", ""), (Get, object("r")), |call| Box::pin(ops::get_blob::run(call))).of_snapshots_too(),
    on("Get Blob Properties", HEAD, Blob, ("", ""), (Other, object("r")), |call| Box::pin(ops::get_blob_properties::run(call))).of_snapshots_too(),
    on("Get Blob Metadata", GET, Blob, ("", "metadata"), (Other, object("r")), |call| Box::pin(ops::get_blob_properties::run(call))).of_snapshots_too(),
    on("Get Blob Metadata", HEAD, Blob, ("", "metadata"), (Other, object("r")), |call| Box::pin(ops::get_blob_properties::run(call))).of_snapshots_too(),
    on("Set Blob Metadata", PUT, Blob, ("", "metadata"), (Other, object("w")), |call| Box::pin(ops::set_blob_metadata::run(call))),
    on("Set Blob Properties", PUT, Blob, ("", "properties"), (Other, object("w")), |call| Box::pin(ops::set_blob_properties::run(call))),
    on("Set Blob Tier", PUT, Blob, ("", "tier"), (Other, object("w")), |call| Box::pin(ops::set_blob_tier::run(call))).of_snapshots_too(),
    on("Get Blob Tags", GET, Blob, ("", "tags"), (Other, object("t")), |call| Box::pin(ops::get_blob_tags::run(call))).of_snapshots_too(),
    on("Set Blob Tags", PUT, Blob, ("", "tags"), (Other, object("t")), |call| Box::pin(ops::set_blob_tags::run(call))),
    on("Delete Blob", DELETE, Blob, ("", ""), (Delete, object("d")), |call| Box::pin(ops::delete_blob::run(call))).of_snapshots_too(),
    on("Get Account Information", GET, Blob, ("account", "properties"), (Other, ANY), |call| Box::pin(ops::get_account_information::run(call))),
    on("Get Account Information", HEAD, Blob, ("account", "properties"), (Other, ANY), |call| Box::pin(ops::get_account_information::run(call))),
    on("Snapshot Blob", PUT, Blob, ("", "snapshot"), (Put, object("cw")), |call| Box::pin(ops::snapshot_blob::run(call))),
    on("Lease Blob", PUT, Blob, ("", "lease"), (Other, object("w")), |call| Box::pin(ops::lease_blob::run(call))),
    on("Put Page", PUT, Blob, ("", "page"), (Put, object("w")), |call| Box::pin(ops::put_page::run(call))),
    on("Put Page From URL", PUT, Blob, ("", "page"), (Put, object("w")), |call| Box::pin(ops::put_page_from_url::run(call))).content(FromUrl::Yes),
    on("Get Page Ranges", GET, Blob, ("", "pagelist"), (List, object("r")), |call| Box::pin(ops::get_page_ranges::run(call))).of_snapshots_too(),
    no("Incremental Copy Blob", PUT, Blob, ("", "incrementalcopy"), Code::BlobTypeNotSupported),
    no("Append Block", PUT, Blob, ("", "appendblock"), Code::BlobTypeNotSupported),
    no("Append Blob Seal", PUT, Blob, ("", "seal"), Code::BlobTypeNotSupported),
    on("Abort Copy Blob", PUT, Blob, ("", "copy"), (Other, object("cw")), |call| Box::pin(ops::abort_copy_blob::run(call))),
    no("Undelete Blob", PUT, Blob, ("", "undelete"), UNOFFERED),
    no("Set Blob Expiry", PUT, Blob, ("", "expiry"), UNOFFERED),
    no("Set Immutability Policy", PUT, Blob, ("", "immutabilityPolicies"), UNOFFERED),
    no("Delete Immutability Policy", DELETE, Blob, ("", "immutabilityPolicies"), UNOFFERED),
    no("Set Legal Hold", PUT, Blob, ("", "legalhold"), UNOFFERED),
    no("Query Blob Contents", POST, Blob, ("", "query"), UNOFFERED),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn raw_query(row: &Row) -> String {
        let pairs = [("restype", row.restype), ("comp", row.comp)];
        pairs.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}={value}&")).collect()
    }

    #[test]
    fn every_row_is_found_by_its_own_request() {
        for row in ROWS {
            for raw in [raw_query(row), raw_query(row).to_uppercase()] {
                let query = Query::parse(&format!("{raw}timeout=901")).expect("a good query");
                let found = find(&row.method, row.scope, &query, row.from_url).expect(row.operation);
                assert!(std::ptr::eq(found, row), "{} was taken for {}", row.operation, found.operation);
            }
        }
    }

    #[test]
    fn what_writes_or_deletes_never_goes_without_a_permission() {
        for row in ROWS.iter().filter(|row| matches!(row.action, Action::Run(_))) {
            let open = row.permit.any_of.is_empty();
            let may_be_open = ["Blob Batch", "Get Account Information", "Get User Delegation Key"];
            assert_eq!(open, may_be_open.contains(&row.operation), "{}", row.operation);
            let reading = row.method == GET || row.method == HEAD;
            assert!(reading || row.permit.any_of.chars().all(|letter| "cwdtp".contains(letter)), "{}", row.operation);
        }
    }

    /// The table that users read says what this one does.
    #[test]
    fn the_document_lists_every_row_with_its_answer() {
        let document = include_str!("../../../docs/GATEWAY.md");
        for row in ROWS {
            let on = match row.scope {
                Service => "account",
                Container => "container",
                Blob => "blob",
            };
            let answer = match row.action {
                Action::Run(_) => "supported".to_owned(),
                Action::Refuse(code) => format!("{} `{}`", code.row().status.as_u16(), code.row().code),
            };
            let named = |line: &&str| line.starts_with(&format!("| {} |", row.operation));
            let here = |line: &&str| {
                line.contains(&format!("{} {on} |", row.method)) || line.contains(&format!("{}/", row.method))
            };
            let line = document.lines().filter(named).filter(here).find(|line| line.contains(&format!(" {on} |")));
            let line =
                line.unwrap_or_else(|| panic!("{} {} on {on} is not in docs/GATEWAY.md", row.method, row.operation));
            assert!(line.contains(&format!("| {answer} |")), "{answer}: {line}");
        }
    }

    #[test]
    fn what_is_no_operation_is_a_clear_4xx() {
        let code = |method: Method, scope, raw: &str| {
            find(&method, scope, &Query::parse(raw).expect("a good query"), FromUrl::No)
                .map_err(|error| error.code)
                .err()
        };
        for (method, scope, raw, expected) in [
            (POST, Blob, "", Code::UnsupportedHttpVerb),
            (DELETE, Blob, "comp=block", Code::UnsupportedHttpVerb),
            (PUT, Blob, "comp=nonsense", Code::InvalidQueryParameterValue),
            (GET, Container, "", Code::InvalidQueryParameterValue),
            (GET, Service, "", Code::InvalidQueryParameterValue),
            (Method::OPTIONS, Service, "comp=list", Code::UnsupportedHttpVerb),
        ] {
            assert_eq!(code(method.clone(), scope, raw), Some(expected), "{method} {raw}");
        }
    }
}
