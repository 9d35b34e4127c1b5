//! Set Blob Tags: replaces all of them.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::headers::{self, TAGS_MAX};
use crate::reply::Reply;
use crate::xml;
use greenroom_store::{BlobChange, Tags};
use http::StatusCode;

/// Ten tags with the longest names and values, escaped, and some air.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let precondition = headers::tag_precondition(&call.head)?;
    call.body.length()?;
    let document = call.body.document(DOCUMENT_BYTES_MAX).await?;
    let change = BlobChange::Tags(parse(&document)?);
    call.store.update_blob(&call.blob()?, change, &precondition).await?;
    Ok(Reply::new(StatusCode::NO_CONTENT))
}

pub fn parse(document: &[u8]) -> Result<Tags, Error> {
    let leaves = xml::leaves(document, 2 * TAGS_MAX + 2)?;
    let mut pairs = Vec::new();
    let mut key = None;
    for leaf in leaves {
        match (leaf.path.as_str(), key.take()) {
            ("Tags/TagSet/Tag/Key", None) => key = Some(leaf.text),
            ("Tags/TagSet/Tag/Value", Some(key)) => pairs.push((key, leaf.text)),
            ("Tags/TagSet" | "Tags", None) => {}
            _ => return Err(Code::InvalidXmlDocument.into()),
        }
    }
    match key {
        None => headers::checked_tags(pairs),
        Some(_) => Err(Code::InvalidXmlDocument.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_as_azure_writes_them() {
        let document =
            "<Tags><TagSet><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value /></Tag></TagSet></Tags>";
        let tags = parse(document.as_bytes()).expect("good tags");
        let expected = [("a", "1"), ("b", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(tags, Tags::from(expected));
        assert_eq!(parse(b"<Tags><TagSet></TagSet></Tags>"), Ok(Tags::default()));
        assert!(parse(b"<Tags><TagSet><Tag><Key>a</Key></Tag></TagSet></Tags>").is_err());
    }
}
