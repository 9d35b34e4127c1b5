//! The keys, a file each. Every question reads what is on disk, so that whoever changes it is heard at once; there are few.

use super::cipher::Pair;
use super::folder::{Folder, Held, KEYS};
use super::random;
use super::record::{Change, Record, Version};
use super::refusal::Refusal;
use greenroom_vault::{KeyName, KeyVersion};
use zeroize::Zeroizing;

const KEYS_MAX: usize = 1000;

#[derive(Debug, Clone)]
pub struct Keys {
    folder: Folder,
}

/// A version that is to be: making it takes a while, and holds nobody up.
#[derive(Debug)]
pub struct MakeKey {
    version: Version,
}

impl MakeKey {
    pub fn new(bits: u32, change: Change, now_s: i64) -> Result<MakeKey, Refusal> {
        let version = random::hex::<16>()?.parse().map_err(|_| Refusal::Broken("no version".to_owned()))?;
        let mut version = Version::new(version, Pair::make(bits)?, now_s);
        version.apply(change, now_s)?;
        Ok(MakeKey { version })
    }
}

impl Keys {
    pub fn new(folder: Folder) -> Keys {
        Keys { folder }
    }

    pub fn find(&self, name: &KeyName, now_s: i64) -> Result<Record, Refusal> {
        let found = self.read(&file(name), now_s)?.filter(|record| record.deleted_s.is_none());
        found.ok_or_else(|| Refusal::NoKey(name.to_string()))
    }

    pub fn find_deleted(&self, name: &KeyName, now_s: i64) -> Result<Record, Refusal> {
        let found = self.read(&file(name), now_s)?.filter(|record| record.deleted_s.is_some());
        found.ok_or_else(|| Refusal::NotDeleted(name.to_string()))
    }

    /// All that are not deleted, and all that are; by name.
    pub fn all(&self, now_s: i64) -> Result<(Vec<Record>, Vec<Record>), Refusal> {
        let mut records = Vec::new();
        for name in self.folder.list_keys()? {
            records.extend(self.read(&format!("{KEYS}/{name}"), now_s)?);
        }
        Ok(records.into_iter().partition(|record| record.deleted_s.is_none()))
    }

    /// A key, or a new version of one that is there.
    pub fn create(&self, name: &KeyName, make: MakeKey, now_s: i64) -> Result<Record, Refusal> {
        let held = self.folder.hold()?;
        let mut record = match self.read(&file(name), now_s)? {
            Some(record) if record.deleted_s.is_some() => return Err(Refusal::Deleted(name.to_string())),
            Some(record) => record,
            None if self.folder.list_keys()?.len() >= KEYS_MAX => {
                return Err(Refusal::Bad(format!("There are {KEYS_MAX} keys already.")));
            }
            None => Record { name: name.clone(), versions: Vec::new(), deleted_s: None },
        };
        record.push(make.version)?;
        self.write(&held, &record)?;
        Ok(record)
    }

    /// A new version like the current one, but for its dates: those are of the one that they were set for.
    pub fn rotate(&self, name: &KeyName, now_s: i64) -> Result<Record, Refusal> {
        let record = self.find(name, now_s)?;
        let (uses, tags) = (record.current()?.uses.clone(), record.current()?.tags.clone());
        let change = Change { uses: Some(uses), tags: Some(tags), ..Change::default() };
        let make = MakeKey::new(record.current()?.pair.bits, change, now_s)?;
        self.change(name, now_s, |record| record.push(make.version))
    }

    pub fn update(
        &self,
        name: &KeyName,
        version: Option<&KeyVersion>,
        change: Change,
        now_s: i64,
    ) -> Result<Record, Refusal> {
        self.change(name, now_s, |record| record.at_mut(version)?.apply(change, now_s))
    }

    /// Every version, or the one named.
    pub fn enable(
        &self,
        name: &KeyName,
        version: Option<&KeyVersion>,
        change: &Change,
        now_s: i64,
    ) -> Result<Record, Refusal> {
        self.change(name, now_s, |record| {
            record.at(version)?;
            let meant = record.versions.iter_mut().filter(|one| version.is_none_or(|version| one.version == *version));
            meant.into_iter().try_for_each(|one| one.apply(change.clone(), now_s))
        })
    }

    pub fn delete(&self, name: &KeyName, now_s: i64) -> Result<Record, Refusal> {
        self.change(name, now_s, |record| {
            record.deleted_s = Some(now_s);
            Ok(())
        })
    }

    pub fn recover(&self, name: &KeyName, now_s: i64) -> Result<Record, Refusal> {
        let held = self.folder.hold()?;
        let mut record = self.find_deleted(name, now_s)?;
        record.deleted_s = None;
        self.write(&held, &record)?;
        Ok(record)
    }

    /// For good.
    pub fn purge(&self, name: &KeyName, now_s: i64) -> Result<Record, Refusal> {
        let held = self.folder.hold()?;
        let record = self.find_deleted(name, now_s)?;
        self.folder.remove(&held, &file(name))?;
        Ok(record)
    }

    /// Removes what was deleted so long ago that it counts as gone.
    pub fn sweep(&self, now_s: i64) -> Result<(), Refusal> {
        let held = self.folder.hold()?;
        for name in self.folder.list_keys()? {
            let name = format!("{KEYS}/{name}");
            if self.read(&name, i64::MIN)?.is_some() && self.read(&name, now_s)?.is_none() {
                self.folder.remove(&held, &name)?;
            }
        }
        Ok(())
    }

    fn change(
        &self,
        name: &KeyName,
        now_s: i64,
        change: impl FnOnce(&mut Record) -> Result<(), Refusal>,
    ) -> Result<Record, Refusal> {
        let held = self.folder.hold()?;
        let mut record = self.find(name, now_s)?;
        change(&mut record)?;
        self.write(&held, &record)?;
        Ok(record)
    }

    fn read(&self, name: &str, now_s: i64) -> Result<Option<Record>, Refusal> {
        let Some(bytes) = self.folder.read(name)?.map(Zeroizing::new) else { return Ok(None) };
        let broken = |_| Refusal::Broken(format!("{} cannot be read", self.folder.path(name).display()));
        let record: Record = serde_json::from_slice(&bytes).map_err(broken)?;
        Ok(Some(record).filter(|record| record.purged_s().is_none_or(|at| now_s < at)))
    }

    fn write(&self, held: &Held, record: &Record) -> Result<(), Refusal> {
        let bytes = serde_json::to_vec_pretty(record).map_err(|error| Refusal::Broken(error.to_string()))?;
        Ok(self.folder.write(held, &file(&record.name), &Zeroizing::new(bytes))?)
    }
}

/// Case makes no other key.
fn file(name: &KeyName) -> String {
    format!("{KEYS}/{}.json", name.as_str().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::{Change, Folder, Keys, MakeKey, Refusal};
    use crate::server::record::{RECOVERABLE_DAYS, Use};

    const DAY_S: i64 = 24 * 60 * 60;

    #[test]
    fn a_deleted_key_is_gone_when_its_days_are_over() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::open(&dir.path().join("vault")).expect("a folder");
        let (keys, name) = (Keys::new(folder.clone()), "root".parse().expect("a name"));
        let make = |now_s| MakeKey::new(2048, Change::default(), now_s).expect("a key");
        keys.create(&name, make(0), 0).expect("created");
        keys.delete(&name, DAY_S).expect("deleted");
        let last = (1 + RECOVERABLE_DAYS) * DAY_S - 1;
        keys.find_deleted(&name, last).expect("still there");
        assert!(matches!(keys.create(&name, make(last), last), Err(Refusal::Deleted(_))));
        keys.sweep(last).expect("swept");
        assert_eq!(folder.list_keys().expect("a list").len(), 1);
        assert!(matches!(keys.recover(&name, last + 1), Err(Refusal::NotDeleted(_))));
        keys.sweep(last + 1).expect("swept");
        assert!(folder.list_keys().expect("a list").is_empty());
    }

    #[test]
    fn outside_its_dates_a_key_does_nothing_new() {
        let (from, until) = (100, 200);
        let change = Change { not_before_s: Some(from), expires_s: Some(until), ..Change::default() };
        let version = MakeKey::new(2048, change, 0).expect("a key").version;
        for (now_s, new_work) in [(99, false), (100, true), (199, true), (200, false)] {
            assert_eq!(version.allows(Use::WrapKey, now_s).is_ok(), new_work, "{now_s}");
            assert_eq!(version.allows(Use::Encrypt, now_s).is_ok(), new_work, "{now_s}");
            assert!(version.allows(Use::UnwrapKey, now_s).is_ok() && version.allows(Use::Decrypt, now_s).is_ok());
        }
    }
}
