//! The operations: one file each, and a row of the route table. What several share is in `crate::properties` and `crate::intake`.

pub mod blob_batch;
pub mod create_container;
pub mod delete_blob;
pub mod delete_container;
pub mod get_account_information;
pub mod get_blob;
pub mod get_blob_properties;
pub mod get_blob_tags;
pub mod get_block_list;
pub mod get_container_acl;
pub mod get_container_properties;
pub mod get_user_delegation_key;
pub mod lease_blob;
pub mod lease_container;
pub mod list_blobs;
pub mod list_containers;
pub mod put_blob;
pub mod put_block;
pub mod put_block_list;
pub mod set_blob_metadata;
pub mod set_blob_properties;
pub mod set_blob_tags;
pub mod set_blob_tier;
pub mod set_container_acl;
pub mod set_container_metadata;
pub mod snapshot_blob;
