//! The keys of a plugin's configuration that concern its log.

use std::path::PathBuf;
use std::time::Duration;

use super::Level;
use crate::cni::{Error, Field, Keys};

const MEGABYTE: u64 = 1 << 20;
const DAY: u64 = 24 * 60 * 60;

/// Where to log, from which level on, and how much is kept: at most `size_max_bytes` × (1 + `files_max`), and what
/// other processes write while one of them renames the file.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LogSettings {
    /// `log_level`; `debug`.
    pub level: Level,
    /// `log_file_path`; `/var/log/spidernet/spiderpool.log`.
    pub path: PathBuf,
    /// `log_file_max_size`, in megabytes there; 100 MB.
    pub size_max_bytes: u64,
    /// `log_file_max_age`, in days there; 30 days. `None`: for ever. It is looked at when a file is put aside.
    pub age_max: Option<Duration>,
    /// `log_file_max_count`: how many files that were put aside are kept; 7. `None`: all.
    pub files_max: Option<usize>,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            level: Level::Debug,
            path: PathBuf::from("/var/log/spidernet/spiderpool.log"),
            size_max_bytes: 100 * MEGABYTE,
            age_max: Some(Duration::from_secs(30 * DAY)),
            files_max: Some(7),
        }
    }
}

impl LogSettings {
    /// The keys that are read.
    pub const KEYS: &'static [&'static str] =
        &["log_level", "log_file_path", "log_file_max_size", "log_file_max_age", "log_file_max_count"];

    /// Reads the keys; what is not there has its default, so the log is bounded unless somebody says otherwise.
    ///
    /// The numbers may be written as text, as the original's manual has them. An age or a count of 0 means *no bound*, a
    /// size of 0 and anything negative the default, as in the original.
    ///
    /// # Errors
    /// [`Error::UnsupportedLogLevel`], [`Error::WrongType`], [`Error::InvalidValue`].
    pub fn from_keys(keys: &Keys<'_>) -> Result<Self, Error> {
        let mut settings = Self::default();
        if let Some(level) = keys.text("log_level")?.filter(|level| !level.is_empty()) {
            settings.level = level.parse()?;
        }
        if let Some(path) = keys.text("log_file_path")?.filter(|path| !path.is_empty()) {
            settings.path = PathBuf::from(path);
        }
        match number(keys, "log_file_max_size")? {
            None | Some(0) => {}
            Some(megabytes) => settings.size_max_bytes = megabytes.saturating_mul(MEGABYTE),
        }
        match number(keys, "log_file_max_age")? {
            None => {}
            Some(0) => settings.age_max = None,
            Some(days) => settings.age_max = Some(Duration::from_secs(days.saturating_mul(DAY))),
        }
        match number(keys, "log_file_max_count")? {
            None => {}
            Some(0) => settings.files_max = None,
            Some(files) => settings.files_max = usize::try_from(files).ok(),
        }
        Ok(settings)
    }
}

/// `None` where the default holds.
fn number(keys: &Keys<'_>, key: &str) -> Result<Option<u64>, Error> {
    let number = keys.get(key).as_ref().map(Field::integer_or_text).transpose()?;
    Ok(number.and_then(|number| u64::try_from(number).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cni::Json;

    fn read(text: &str) -> Result<LogSettings, Error> {
        LogSettings::from_keys(&Json::parse(text.as_bytes())?.keys()?)
    }

    #[test]
    fn keys() {
        let default = LogSettings::default();
        for text in [
            "{}",
            r#"{"log_level":"","log_file_path":""}"#,
            r#"{"log_file_max_size":0,"log_file_max_age":-1,"log_file_max_count":"-1"}"#,
            r#"{"log_file_max_size":100,"log_file_max_age":"30","log_file_max_count":7}"#,
        ] {
            assert_eq!(read(text).unwrap(), default, "{text}");
        }
        let settings = read(
            r#"{"Log_Level":"WARN","log_file_max_size":"1","log_file_max_age":0,"log_file_max_count":0}"#,
        );
        let settings = settings.unwrap();
        assert_eq!(settings.level, Level::Warn);
        assert_eq!(settings.size_max_bytes, MEGABYTE);
        assert_eq!(settings.age_max, None);
        assert_eq!(settings.files_max, None);
    }

    #[test]
    fn refusals() {
        for (text, want) in [
            (r#"{"log_level":"loud"}"#, "unsupported log level loud"),
            (r#"{"log_level":1}"#, "log_level is a number; want text"),
            (r#"{"log_file_max_size":"100M"}"#, r#"log_file_max_size is "100M": not a whole number"#),
            (r#"{"log_file_max_count":true}"#, "log_file_max_count is a boolean; want a whole number"),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), want);
        }
    }
}
