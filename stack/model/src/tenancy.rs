//! Tenancy as the control API tells it and takes it: the file that declares tenants, what applying it would do, how they stand, what
//! they have used, and who did what.

mod amount;
mod file;
mod mirrors;
mod state;

pub use amount::{AmountError, ByteCount};
pub use file::{
    AccountSpec, Contact, ContainerSpec, FieldFault, PolicySpec, ProjectSpec, PublicLevel, Quota, Rate, Share,
    TENANTS_FILE_VERSION, TenantSpec, TenantsFile, Tiering, WEIGHT_DEFAULT, WEIGHT_MAX,
};
pub use mirrors::MirrorSpec;
pub use state::*;
