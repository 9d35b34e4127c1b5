//! Takes that are more than the user wants to keep are put away when a show begins: into the place for what was deleted, and it is said.

use super::kernel::Kernel;
use crate::takes::library::{LibraryError, Takes};
use greenroom_show::unit::Unit;
use std::sync::Arc;

pub async fn run(kernel: Arc<Kernel>) {
    match kernel.at_the_disk(tidy).await {
        Ok(Ok(None)) => {}
        Ok(Ok(Some(said))) => kernel.notice(said),
        Ok(Err(error)) => kernel.notice(format!("Takes are not tidied: {error}")),
        Err(error) => kernel.notice(format!("Takes are not tidied: {error}")),
    }
}

fn tidy(kernel: &Kernel) -> Result<Option<String>, LibraryError> {
    let folder = kernel.takes_folder();
    let Some(limits) = crate::takes::library::kept_limits(&folder)? else { return Ok(None) };
    let takes = Takes::open(&kernel.places);
    let going = takes.surplus(limits);
    for take in &going {
        takes.delete(&take.id)?;
    }
    let bytes = Unit::Bytes.say(going.iter().map(|take| take.bytes).sum::<u64>() as f64);
    let said = match going.len() {
        0 => return Ok(None),
        1 => format!("1 take of {bytes} was more than you keep"),
        count => format!("{count} takes, {bytes}, were more than you keep"),
    };
    Ok(Some(format!("{said}: deleted, and 'greenroom take undelete' brings it back.")))
}
