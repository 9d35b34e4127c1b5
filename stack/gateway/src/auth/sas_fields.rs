//! The fields of a shared access signature, as the query carries them.

use crate::query::Query;

/// The fields of a SAS, as text, decoded; absent ones are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SasFields {
    pub permissions: String,
    pub start: String,
    pub expiry: String,
    pub identifier: String,
    pub ip: String,
    pub protocol: String,
    pub version: String,
    pub services: String,
    pub resource_types: String,
    pub resource: String,
    pub snapshot: String,
    pub directory_depth: String,
    pub encryption_scope: String,
    pub cache_control: String,
    pub content_disposition: String,
    pub content_encoding: String,
    pub content_language: String,
    pub content_type: String,
    /// The user-delegation key that signed, where one did.
    pub key: KeyFields,
    pub authorized_agent: String,
    pub unauthorized_agent: String,
    pub correlation_id: String,
    pub bound_tenant_id: String,
    pub bound_object_id: String,
    /// Names in the query; in the string to sign, `name:value` lines.
    pub signed_headers: String,
    pub signed_query: String,
}

/// What names a user-delegation key: everything about it but its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyFields {
    pub object_id: String,
    pub tenant_id: String,
    pub start: String,
    pub expiry: String,
    pub service: String,
    pub version: String,
}

/// Whose signature a SAS carries, told by its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Account,
    Service,
    UserDelegation,
}

impl SasFields {
    /// Reads the fields and the signature. A field given twice is refused, in a sentence: which one was meant would be a guess.
    pub fn read(query: &Query) -> Result<(SasFields, String), String> {
        let mut fields = SasFields::default();
        let mut signature = String::new();
        for (name, value) in query.pairs() {
            let slot = match name.to_ascii_lowercase().as_str() {
                "sig" => &mut signature,
                lower => match fields.slot(lower) {
                    Some(slot) => slot,
                    None => continue,
                },
            };
            if !slot.is_empty() {
                return Err(format!("{name} is given twice"));
            }
            value.clone_into(slot);
        }
        // Base64 has no spaces: they were plus signs that the client did not encode.
        Ok((fields, signature.replace(' ', "+")))
    }

    fn slot(&mut self, name: &str) -> Option<&mut String> {
        Some(match name {
            "sp" => &mut self.permissions,
            "st" => &mut self.start,
            "se" => &mut self.expiry,
            "si" => &mut self.identifier,
            "sip" => &mut self.ip,
            "spr" => &mut self.protocol,
            "sv" => &mut self.version,
            "ss" => &mut self.services,
            "srt" => &mut self.resource_types,
            "sr" => &mut self.resource,
            "snapshot" => &mut self.snapshot,
            "sdd" => &mut self.directory_depth,
            "ses" => &mut self.encryption_scope,
            "rscc" => &mut self.cache_control,
            "rscd" => &mut self.content_disposition,
            "rsce" => &mut self.content_encoding,
            "rscl" => &mut self.content_language,
            "rsct" => &mut self.content_type,
            "skoid" => &mut self.key.object_id,
            "sktid" => &mut self.key.tenant_id,
            "skt" => &mut self.key.start,
            "ske" => &mut self.key.expiry,
            "sks" => &mut self.key.service,
            "skv" => &mut self.key.version,
            "saoid" => &mut self.authorized_agent,
            "suoid" => &mut self.unauthorized_agent,
            "scid" => &mut self.correlation_id,
            "skdutid" => &mut self.bound_tenant_id,
            "sduoid" => &mut self.bound_object_id,
            "srh" => &mut self.signed_headers,
            "srq" => &mut self.signed_query,
            _ => return None,
        })
    }

    pub fn kind(&self) -> Kind {
        let of_key = [&self.key.object_id, &self.key.tenant_id, &self.key.start, &self.key.expiry, &self.key.service];
        if !self.services.is_empty() || !self.resource_types.is_empty() {
            Kind::Account
        } else if of_key.iter().any(|field| !field.is_empty()) {
            Kind::UserDelegation
        } else {
            Kind::Service
        }
    }
}
