//! What an operation demands of a credential.

/// What an operation demands of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permit {
    /// Any one of these letters; empty where any valid credential will do.
    pub any_of: &'static str,
    /// The letter of `srt` that an account SAS needs; any where absent.
    pub resource_type: Option<char>,
    pub reach: Reach,
}

/// Which kinds of credential reach an operation. The account's key reaches all but the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    AnySas,
    /// Operations on the container itself and on the account: no service SAS.
    AccountSas,
    /// Access control itself: no SAS.
    KeyOrRole,
    /// Only someone with a role may have a key that signs in the role's name.
    RoleOnly,
}

impl Permit {
    /// What reading a blob demands; a copy demands it of its source.
    pub const READ_BLOB: Permit = Permit { any_of: "r", resource_type: Some('o'), reach: Reach::AnySas };
}
