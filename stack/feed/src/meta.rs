//! The indexes: a segment's `meta.json` and the feed's `meta/segments.json`, in Azure's form.
//! Source: "Change feed support in Azure Blob Storage", segment index.

use crate::schema::{SCHEMA_VERSION, id_of};
use crate::segment::{LOGS, Segment, below_container, segment_time, shard_number};
use crate::{FeedError, shard, shown, time};
use greenroom_model::feed::FEED_CONTAINER;
use serde::{Deserialize, Serialize};

/// Path of the feed's own index.
pub const META_PATH: &str = "meta/segments.json";
/// Largest index, in bytes. One of 256 logs has some 12 KiB.
pub const INDEX_BYTES_MAX: usize = 256 * 1024;
/// Most logs of a segment. Microsoft's own tests show five.
pub const SHARDS_OF_INDEX_MAX: usize = 256;
/// Longest segment, in seconds: a day, where Azure has hours.
const SEGMENT_SECONDS_READ_MAX: u32 = 86_400;

/// Whether a segment may still get events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    Publishing,
    Finalized,
}

/// How far the feed has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedMeta {
    /// Segments that begin at this time or before are whole, in seconds since the epoch.
    pub last_consumable_s: i64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SegmentJson {
    #[serde(default)]
    version: u32,
    begin: String,
    interval_secs: u32,
    status: Status,
    #[serde(default, skip_deserializing)]
    config: ConfigJson,
    #[serde(default)]
    chunk_file_paths: Vec<String>,
    #[serde(default, skip_deserializing)]
    storage_diagnostics: DiagnosticsJson,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfigJson {
    version: u32,
    config_version_etag: String,
    num_shards: u16,
    records_format: &'static str,
    format_schema_version: i32,
    shard_dist_fn_version: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FeedJson {
    #[serde(default)]
    version: u32,
    last_consumable: String,
    #[serde(default, skip_deserializing)]
    storage_diagnostics: DiagnosticsJson,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct DiagnosticsJson {
    version: u32,
    last_modified_time: String,
    data: DiagnosticsData,
}

#[derive(Debug, Default, Serialize)]
struct DiagnosticsData {
    aid: String,
}

impl Segment {
    /// Its index. `shards_of_feed`: into how many logs a segment may be parted, whether or not each has events.
    pub fn to_json(&self, status: Status, shards_of_feed: u16, modified_us: i64) -> Vec<u8> {
        let folders = self.shards.iter().map(|shard| format!("{FEED_CONTAINER}/{}", self.log_folder(*shard)));
        let (seconds, shards) = (self.seconds.to_le_bytes(), shards_of_feed.to_le_bytes());
        let json = SegmentJson {
            version: 0,
            begin: time::of_index(self.begin_s.saturating_mul(1_000_000)),
            interval_secs: self.seconds,
            status,
            config: ConfigJson {
                version: 0,
                config_version_etag: format!("0x{:x}", shard::fnv1a([seconds.as_slice(), &shards])),
                num_shards: shards_of_feed,
                records_format: "avro",
                format_schema_version: SCHEMA_VERSION,
                shard_dist_fn_version: 1,
            },
            chunk_file_paths: folders.collect(),
            storage_diagnostics: DiagnosticsJson::of(self.begin_s, modified_us),
        };
        serde_json::to_vec(&json).expect("texts and numbers are JSON")
    }

    /// Reads the index that lies at `path`. Its logs must be those that a segment of its time has, each once.
    pub fn parse(path: &str, json: &[u8]) -> Result<(Self, Status), FeedError> {
        let read: SegmentJson = parse(json)?;
        let begin_s = begin_s(&read.begin)?;
        if segment_time(path) != Some(begin_s) {
            return Err(FeedError::Index(format!("'{}' begins at {}", shown(path), shown(&read.begin))));
        }
        if read.interval_secs > SEGMENT_SECONDS_READ_MAX {
            let (found, max) = (u64::from(read.interval_secs), u64::from(SEGMENT_SECONDS_READ_MAX));
            return Err(FeedError::TooLarge { what: "a segment, in seconds,", found, max });
        }
        if read.chunk_file_paths.len() > SHARDS_OF_INDEX_MAX {
            let (found, max) = (read.chunk_file_paths.len() as u64, SHARDS_OF_INDEX_MAX as u64);
            return Err(FeedError::TooLarge { what: "a segment, in logs,", found, max });
        }
        let mut segment = Self { begin_s, seconds: read.interval_secs, shards: Vec::new() };
        for folder in &read.chunk_file_paths {
            let shard = segment.shard_in(folder).ok_or_else(|| FeedError::Path(shown(folder)))?;
            segment.shards.push(shard);
        }
        segment.shards.sort_unstable();
        if segment.shards.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(FeedError::Index("names a log twice".to_owned()));
        }
        Ok((segment, read.status))
    }

    /// The shard whose folder this is: the whole path is compared, so it cannot lead anywhere else.
    fn shard_in(&self, folder: &str) -> Option<u16> {
        let (shard, _) = below_container(folder).strip_prefix(LOGS)?.split_once('/')?;
        let shard = shard_number(shard)?;
        (folder == format!("{FEED_CONTAINER}/{}", self.log_folder(shard))).then_some(shard)
    }
}

impl FeedMeta {
    pub fn to_json(self, modified_us: i64) -> Vec<u8> {
        let json = FeedJson {
            version: 0,
            last_consumable: time::of_index(self.last_consumable_s.saturating_mul(1_000_000)),
            storage_diagnostics: DiagnosticsJson::of(self.last_consumable_s, modified_us),
        };
        serde_json::to_vec(&json).expect("texts and numbers are JSON")
    }

    pub fn parse(json: &[u8]) -> Result<Self, FeedError> {
        let read: FeedJson = parse(json)?;
        Ok(Self { last_consumable_s: begin_s(&read.last_consumable)? })
    }
}

impl DiagnosticsJson {
    fn of(time_s: i64, modified_us: i64) -> Self {
        let aid = id_of(time_s.cast_unsigned());
        Self { version: 0, last_modified_time: time::of_index(modified_us), data: DiagnosticsData { aid } }
    }
}

/// JSON from elsewhere, no larger than an index may be.
pub(crate) fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, FeedError> {
    if json.len() > INDEX_BYTES_MAX {
        let (found, max) = (json.len() as u64, INDEX_BYTES_MAX as u64);
        return Err(FeedError::TooLarge { what: "an index, in bytes,", found, max });
    }
    serde_json::from_slice(json)
        .map_err(|error| FeedError::Index(format!("is not understood: {}", shown(&error.to_string()))))
}

fn begin_s(text: &str) -> Result<i64, FeedError> {
    let at_us = time::parse_us(text).ok_or_else(|| FeedError::Index(format!("names no time: '{}'", shown(text))))?;
    Ok(at_us.div_euclid(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATH: &str = "idx/segments/2019/02/22/1810/meta.json";
    const AZURES: &str = r#"{
        "version": 0, "begin": "2019-02-22T18:10:00.000Z", "intervalSecs": 3600, "status": "Finalized",
        "config": {"version": 0, "configVersionEtag": "0x8d698f0fba563db", "numShards": 2, "recordsFormat": "avro",
            "formatSchemaVersion": 1, "shardDistFnVersion": 1},
        "chunkFilePaths": ["$blobchangefeed/log/01/2019/02/22/1810/", "$blobchangefeed/log/00/2019/02/22/1810/"],
        "storageDiagnostics": {"version": 0, "lastModifiedTime": "2019-02-22T18:11:01.187Z",
            "data": {"aid": "55e507bf-8006-0000-00d9-ca346706b70c"}}
    }"#;

    fn segment() -> Segment {
        Segment { begin_s: 1_550_859_000, seconds: 3_600, shards: vec![0, 1] }
    }

    #[test]
    fn azures_index_is_read() {
        assert_eq!(Segment::parse(PATH, AZURES.as_bytes()).unwrap(), (segment(), Status::Finalized));
    }

    #[test]
    fn an_index_is_written_as_azure_writes_it() {
        let json = segment().to_json(Status::Finalized, 2, 1_550_859_061_187_000);
        let expected = concat!(
            r#"{"version":0,"begin":"2019-02-22T18:10:00.000Z","intervalSecs":3600,"status":"Finalized","#,
            r#""config":{"version":0,"configVersionEtag":"0xETAG","numShards":2,"recordsFormat":"avro","#,
            r#""formatSchemaVersion":1,"shardDistFnVersion":1},"#,
            r#""chunkFilePaths":["$blobchangefeed/log/00/2019/02/22/1810/","$blobchangefeed/log/01/2019/02/22/1810/"],"#,
            r#""storageDiagnostics":{"version":0,"lastModifiedTime":"2019-02-22T18:11:01.187Z","#,
            r#""data":{"aid":"00000000-0000-0000-0000-00005c703af8"}}}"#,
        );
        let etag = format!("0x{:x}", shard::fnv1a([[0x10, 0x0E, 0, 0].as_slice(), &[2, 0]]));
        assert_eq!(String::from_utf8(json).unwrap(), expected.replace("0xETAG", &etag));
    }

    #[test]
    fn the_feeds_own_index_is_written_and_azures_is_read() {
        let meta = FeedMeta { last_consumable_s: 1_550_859_000 };
        let json = String::from_utf8(meta.to_json(1_550_859_061_187_000)).unwrap();
        assert!(json.starts_with(r#"{"version":0,"lastConsumable":"2019-02-22T18:10:00.000Z","storageDiagnostics":{"#));
        assert_eq!(FeedMeta::parse(json.as_bytes()).unwrap(), meta);
        let azures = br#"{"version":0,"lastConsumable":"2020-05-04T19:00:00.000Z","storageDiagnostics":{"version":0,
            "lastModifiedTime":"2020-05-04T19:25:09.594Z","data":{"aid":"a6b895a0-7006-0041-0049-22cadf06029a",
            "lfz":"2020-04-29T06:00:00.000Z"}}}"#;
        assert_eq!(FeedMeta::parse(azures).unwrap().last_consumable_s, 1_588_618_800);
    }

    #[test]
    fn azures_empty_first_segment_is_read() {
        let json = br#"{"begin":"1601-01-01T00:00:00.000Z","intervalSecs":0,"status":"Finalized","chunkFilePaths":[]}"#;
        let (first, _) = Segment::parse("idx/segments/1601/01/01/0000/meta.json", json).unwrap();
        assert!(first.shards.is_empty());
    }

    #[test]
    fn an_index_that_leads_elsewhere_is_refused() {
        let good = "$blobchangefeed/log/00/2019/02/22/1810/";
        for bad in [
            "log/00/2019/02/22/1810/",
            "$blobchangefeed/log/00/../../../../secret/",
            "$blobchangefeed/log/00/2019/02/22/1810/../",
            "$blobchangefeed/log/00/2019/02/22/1810",
            "$blobchangefeed/log/00/2019/02/22/1910/",
            "$blobchangefeed/log/0/2019/02/22/1810/",
            "$blobchangefeed/idx/00/2019/02/22/1810/",
            "photos/log/00/2019/02/22/1810/",
            "",
        ] {
            let json = AZURES.replace(good, bad);
            assert!(matches!(Segment::parse(PATH, json.as_bytes()), Err(FeedError::Path(_))), "{bad}");
        }
    }

    #[test]
    fn an_index_beyond_its_bounds_is_refused() {
        let refused = |path: &str, json: String| Segment::parse(path, json.as_bytes()).unwrap_err().to_string();
        let folders: Vec<String> =
            (0..300).map(|shard| format!("\"{FEED_CONTAINER}/log/{shard:02}/2019/02/22/1810/\"")).collect();
        let many = AZURES.replace("\"$blobchangefeed/log/00/2019/02/22/1810/\"", &folders.join(","));
        assert!(refused(PATH, many).contains("at most 256"));
        assert!(refused(PATH, " ".repeat(INDEX_BYTES_MAX) + AZURES).contains("in bytes"));
        assert!(refused(PATH, AZURES.replace("3600", "86401")).contains("in seconds"));
        assert!(refused(PATH, AZURES.replace("log/01", "log/00")).contains("twice"));
        assert!(refused(PATH, AZURES.replace("Finalized", "Otherwise")).contains("not understood"));
        assert!(refused("idx/segments/2019/02/22/1910/meta.json", AZURES.to_owned()).contains("begins at"));
        assert!(refused(PATH, AZURES.replace("18:10:00", "18:10")).contains("names no time"));
        assert!(FeedMeta::parse(b"[[[[").unwrap_err().to_string().contains("not understood"));
    }

    proptest! {
        #[test]
        fn a_segment_is_read_as_it_was_written(
            time_us in 0..253_000_000_000_000_000_i64,
            seconds in prop::sample::select(vec![1_u32, 10, 60, 90, 3_600]),
            shards in prop::collection::btree_set(0..120_u16, 0..20),
            status in prop::sample::select(vec![Status::Publishing, Status::Finalized]),
        ) {
            let segment = Segment { shards: shards.into_iter().collect(), ..Segment::at(time_us, seconds) };
            let json = segment.to_json(status, 120, time_us);
            prop_assert_eq!(Segment::parse(&segment.path(), &json).unwrap(), (segment, status));
        }
    }
}
