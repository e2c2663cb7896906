//! Commits: the configurations that were in force before them, on disk, and the one that waits to be confirmed.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::model::Config;

/// Configurations that are kept.
pub const KEPT: usize = 20;

/// Who may read a configuration that is written for the first time: it has passwords.
const MODE: u32 = 0o640;

/// Puts a file in place as a whole, with the owner and the mode of the one that it replaces.
pub fn write_file(path: &Path, text: &str) -> io::Result<()> {
    let old = fs::metadata(path).ok();
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = path.with_file_name(name);
    // What an attempt that was killed has left.
    let _ = fs::remove_file(&fresh);
    let write = || {
        let mode = old.as_ref().map_or(MODE, |m| m.permissions().mode() & 0o7777);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        if let Some(old) = &old {
            // Without the capability it stays ours.
            let _ = std::os::unix::fs::fchown(&file, Some(old.uid()), Some(old.gid()));
        }
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&fresh);
    })
}

/// One configuration of the past.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Past {
    /// When it ceased to be in force, seconds since 1970.
    pub at: u64,
    /// What ended it.
    pub by: String,
}

/// Configurations of the past, a numbered file each in a folder beside the configuration. The newest has the highest
/// number; an interrupted write or removal leaves whole files and at worst one more or fewer.
#[derive(Debug)]
pub struct History {
    folder: PathBuf,
}

impl History {
    /// That of the configuration in a file.
    pub fn of(config: &Path) -> History {
        let mut name = config.file_name().unwrap_or_default().to_owned();
        name.push(".history");
        History { folder: config.with_file_name(name) }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Numbers of the files, the newest first.
    fn numbers(&self) -> Vec<u64> {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let number = |name: std::ffi::OsString| name.to_str()?.strip_suffix(".conf")?.parse().ok();
        let mut numbers: Vec<u64> = files.filter_map(|f| number(f.file_name())).collect();
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        numbers
    }

    fn file(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number}.conf"))
    }

    /// Remembers what was in force until now, and lets go of the oldest.
    pub fn push(&self, text: &str, past: &Past) -> io::Result<()> {
        if !self.folder.is_dir() {
            fs::DirBuilder::new().mode(0o700).create(&self.folder)?;
        }
        let numbers = self.numbers();
        let next = numbers.first().map_or(1, |newest| newest.saturating_add(1));
        write_file(&self.file(next), &format!("! until {} {}\n{text}", past.at, past.by))?;
        for number in numbers.iter().skip(KEPT - 1) {
            fs::remove_file(self.file(*number))?;
        }
        Ok(())
    }

    /// What there is, the newest first.
    pub fn list(&self) -> Vec<Past> {
        let read = |number: u64| {
            let text = fs::read_to_string(self.file(number)).ok()?;
            let first = text.lines().next()?.strip_prefix("! until ");
            let (at, by) = first.and_then(|l| l.split_once(' ')).unwrap_or(("", "unknown"));
            Some(Past { at: at.parse().unwrap_or(0), by: by.to_owned() })
        };
        self.numbers().into_iter().take(KEPT).filter_map(read).collect()
    }

    /// The text of one of them; the newest is 1.
    pub fn read(&self, back: usize) -> Result<String, String> {
        let number = self.numbers().into_iter().take(KEPT).nth(back.saturating_sub(1));
        let number = number.ok_or_else(|| format!("there is no configuration {back} in the history"))?;
        let file = self.file(number);
        fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))
    }
}

/// A commit that is taken back unless it is confirmed in time.
#[derive(Debug, Default)]
pub struct Unconfirmed(Option<(Arc<Config>, Instant)>);

impl Unconfirmed {
    /// A commit was made on `before`: with a time, it waits to be confirmed; without one it confirms itself and what
    /// waited. Several that wait are taken back together.
    pub fn committed(&mut self, before: Arc<Config>, within: Option<Duration>, now: Instant) {
        let oldest = self.0.take().map_or(before, |(oldest, _)| oldest);
        self.0 = within.map(|within| (oldest, now + within));
    }

    /// Nothing waits any more. Whether anything did.
    pub fn confirm(&mut self) -> bool {
        self.0.take().is_some()
    }

    /// Until when there is time, if anything waits.
    pub fn until(&self) -> Option<Instant> {
        self.0.as_ref().map(|(_, until)| *until)
    }

    /// The configuration to go back to, when the time is over.
    pub fn expired(&mut self, now: Instant) -> Option<Arc<Config>> {
        self.0.take_if(|(_, until)| *until <= now).map(|(before, _)| before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("router-commits-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_file_keeps_its_mode_and_is_replaced_as_a_whole() {
        let folder = folder("write");
        let path = folder.join("frr.conf");
        write_file(&path, "one\n").unwrap();
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(), MODE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        write_file(&path, "two\n").unwrap();
        assert_eq!((mode(), fs::read_to_string(&path).unwrap()), (0o600, "two\n".to_owned()));
        assert!(write_file(&folder.join("no/such/folder"), "").is_err());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left behind");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn history_is_bounded_and_the_newest_comes_first() {
        let folder = folder("history");
        let history = History::of(&folder.join("frr.conf"));
        assert!(history.list().is_empty());
        assert!(history.read(1).is_err());
        for number in 0..KEPT as u64 + 5 {
            history
                .push(&format!("hostname h{number}\n"), &Past { at: number, by: "a commit".into() })
                .unwrap();
        }
        let list = history.list();
        assert_eq!(list.len(), KEPT);
        assert_eq!(list[0], Past { at: KEPT as u64 + 4, by: "a commit".into() });
        assert_eq!(fs::read_dir(history.folder()).unwrap().count(), KEPT);
        assert!(history.read(1).unwrap().ends_with(&format!("\nhostname h{}\n", KEPT + 4)));
        assert!(history.read(KEPT).unwrap().ends_with("\nhostname h5\n"));
        assert!(history.read(KEPT + 1).is_err());
        // Another process goes on where this one ended.
        let again = History::of(&folder.join("frr.conf"));
        again.push("hostname next\n", &Past { at: 99, by: "a commit".into() }).unwrap();
        assert_eq!((again.list().len(), again.list()[0].at), (KEPT, 99));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_waits_goes_back_to_the_last_that_was_confirmed() {
        let config = |name: &str| Arc::new(Config { hostname: Some(name.into()), ..Config::default() });
        let (a, b) = (config("a"), config("b"));
        let start = Instant::now();
        let minute = Duration::from_secs(60);
        let mut waiting = Unconfirmed::default();
        assert!(!waiting.confirm());
        waiting.committed(a.clone(), Some(minute), start);
        assert_eq!(waiting.expired(start + minute / 2), None);
        // Another one that waits: both go, and the time begins again.
        waiting.committed(b.clone(), Some(minute), start + minute / 2);
        assert_eq!(waiting.until(), Some(start + minute + minute / 2));
        assert_eq!(waiting.expired(start + minute), None);
        assert_eq!(waiting.expired(start + 2 * minute), Some(a.clone()));
        assert_eq!(waiting.expired(start + 2 * minute), None, "once");
        waiting.committed(a.clone(), Some(minute), start);
        assert!(waiting.confirm());
        assert_eq!(waiting.expired(start + 2 * minute), None);
        waiting.committed(a, Some(minute), start);
        waiting.committed(b, None, start);
        assert_eq!(waiting.until(), None, "a commit without a time confirms");
    }
}
