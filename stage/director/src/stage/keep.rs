//! Keeps the last two minutes: of the talk while its clock has run, else of the demo that is recorded, else of the last run.

use super::kernel::Kernel;
use crate::recorder::{Marked, Tap};
use crate::takes::library::{LibraryError, Part, Takes, Until};
use greenroom_show::call::CallError;
use greenroom_show::playback::Of;
use std::sync::Arc;

/// The name of what was kept.
pub async fn last(kernel: &Arc<Kernel>) -> Result<String, CallError> {
    let tap = kernel.taps().into_iter().max_by_key(|tap| tap.of == Of::Talk);
    let kept = kernel.at_the_disk(move |kernel| keep(kernel, tap.as_ref())).await?;
    let Some(Kept { part, of }) = kept.map_err(|error| CallError::Failed { detail: error.to_string() })? else {
        let detail =
            "nothing has been recorded yet: start the clock (T) or run a demo, and Shift C keeps the last of it";
        return Err(CallError::Failed { detail: detail.into() });
    };
    kernel.notice(match of {
        WhatIs::Recorded => format!("Kept: {}. The recording goes on.", part.name),
        WhatIs::Over => format!("Nothing is being recorded. Kept of the last run: {}.", part.name),
    });
    Ok(part.name)
}

struct Kept {
    part: Part,
    of: WhatIs,
}

enum WhatIs {
    Recorded,
    Over,
}

fn keep(kernel: &Kernel, tap: Option<&Tap>) -> Result<Option<Kept>, LibraryError> {
    // A take that ended while the key was pressed is the last run.
    if let Some((tap, Marked { id, bytes })) = tap.and_then(|tap| Some((tap, tap.mark()?))) {
        let part = Takes::open(&kernel.places).keep_last(&id, Until::Written { bytes, last: tap.last })?;
        return Ok(Some(Kept { part, of: WhatIs::Recorded }));
    }
    let Some(newest) = kernel.shelf_now(Kernel::takes).into_iter().next() else { return Ok(None) };
    let part = Takes::open(&kernel.places).keep_last(&newest.id, Until::ItsEnd)?;
    Ok(Some(Kept { part, of: WhatIs::Over }))
}
