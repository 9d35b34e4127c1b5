//! Block ids: Base64 on the wire, bytes in the store.

use crate::error::{Code, Error};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use greenroom_store::BlockId;

pub fn id(text: &str) -> Result<BlockId, Error> {
    let bytes = BASE64_STANDARD.decode(text).map_err(|_| Code::InvalidBlockId)?;
    BlockId::new(bytes).ok_or_else(|| Error::new(Code::InvalidBlockId, "It has 1 to 64 bytes before encoding."))
}

pub fn text(id: &BlockId) -> String {
    BASE64_STANDARD.encode(id.as_bytes())
}
