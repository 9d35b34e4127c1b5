//! Which events are delivered together. Pure.

use super::written::written;
use greenroom_model::BlobName;
use greenroom_model::feed::{BlobEvent, EVENTS_A_PAGE_MAX, Shape};
use std::sync::Arc;

/// Events that are delivered together.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch<'e> {
    /// Empty where none of them is of a blob: there is nothing to deliver.
    pub told: Vec<Told<'e>>,
    /// The sink has all up to this event once these are taken.
    pub last: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Told<'e> {
    pub event: &'e BlobEvent,
    pub blob: &'e BlobName,
    pub json: Vec<u8>,
}

/// As many of the events, from the first on, as have so many bytes with one between them, or the first alone; `None` where there are none. `blobs` is where
/// blobs are: a URL without a slash at its end.
pub fn batch<'e>(events: &'e [Arc<BlobEvent>], shape: Shape, blobs: &str, bytes_max: usize) -> Option<Batch<'e>> {
    let (mut told, mut bytes, mut last) = (Vec::new(), 0, None);
    for event in events.iter().take(EVENTS_A_PAGE_MAX) {
        if let Some(blob) = &event.blob {
            let json = written(event, blob, shape, blobs);
            bytes += json.len() + 1;
            if !told.is_empty() && bytes > bytes_max {
                break;
            }
            told.push(Told { event, blob, json });
        }
        last = Some(event.sequence);
    }
    last.map(|last| Batch { told, last })
}

#[cfg(test)]
mod tests {
    use super::super::written::tests::{BLOBS, event};
    use super::*;
    use greenroom_model::feed::EventKind;

    const BYTES_MAX: usize = 1 << 20;

    fn count(events: &[Arc<BlobEvent>]) -> Option<usize> {
        batch(events, Shape::CloudEvents, BLOBS, BYTES_MAX).map(|batch| batch.told.len())
    }

    #[test]
    fn what_is_of_no_blob_is_passed_over_and_counts_as_taken() {
        let control = |sequence| event(sequence, EventKind::Control, None);
        assert_eq!(batch(&[], Shape::CloudEvents, BLOBS, BYTES_MAX), None);
        assert_eq!(
            batch(&[control(4)], Shape::CloudEvents, BLOBS, BYTES_MAX),
            Some(Batch { told: Vec::new(), last: 4 })
        );
        let events = [control(4), event(5, EventKind::Created, Some("a")), control(6)];
        assert_eq!(count(&events), Some(1));
        assert_eq!(batch(&events, Shape::EventGrid, BLOBS, BYTES_MAX).map(|batch| batch.last), Some(6));
    }

    #[test]
    fn a_post_is_bounded_in_events_and_in_bytes() {
        let many: Vec<_> = (1..=600).map(|sequence| event(sequence, EventKind::Created, Some("a"))).collect();
        assert_eq!(count(&many), Some(EVENTS_A_PAGE_MAX));
        let long = |sequence| {
            let mut long = (*event(sequence, EventKind::Created, Some("a"))).clone();
            long.content_type = "x".repeat(300 * 1024);
            Arc::new(long)
        };
        let last_of = |events: &[_]| batch(events, Shape::CloudEvents, BLOBS, BYTES_MAX).map(|batch| batch.last);
        assert_eq!(last_of(&[long(1), long(2), long(3), long(4), long(5)]), Some(3));
        let mut huge = (*long(7)).clone();
        huge.content_type = "x".repeat(2 << 20);
        assert_eq!(last_of(&[Arc::new(huge), long(8)]), Some(7), "it goes alone, and is not stuck");
    }
}
