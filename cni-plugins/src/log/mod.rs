//! A log for programs that live for a millisecond: one JSON object a line, appended to a file that many share.
//!
//! Standard output belongs to the CNI result and standard error to the runtime, so a plugin's history goes to a file. Each
//! line is one `write` to a descriptor in append mode, so lines of processes that run at once do not mix. When the file has
//! grown to its limit, one of them renames it and drops the oldest ones, see [`LogSettings`] for the bounds.
//!
//! Once the file is open, logging cannot fail: a full disk loses lines, never an ADD.
//!
//! This is a value that is passed along, not a global subscriber of `tracing`: a plugin has one thread and one request,
//! which is its only span, and there is nothing to set up before the first line.
//!
//! ```
//! use cni_plugins::log::{LogSettings, Logger};
//!
//! let folder = std::env::temp_dir().join(format!("cni-plugins-doc-{}", std::process::id()));
//! let mut settings = LogSettings::default();
//! settings.path = folder.join("spiderpool.log");
//! let log = Logger::open(&settings)?.with("cni.command", "ADD").with("ifname", "eth0");
//! log.info("address given", &[("pool", "v4".into()), ("attempt", 1.into())]);
//!
//! let line = std::fs::read_to_string(&settings.path)?;
//! assert!(line.starts_with(r#"{"level":"INFO","ts":"2"#));
//! assert!(line.ends_with("\"msg\":\"address given\",\"cni.command\":\"ADD\",\"ifname\":\"eth0\",\"pool\":\"v4\",\"attempt\":1}\n"));
//! # std::fs::remove_dir_all(folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod file;
mod settings;
mod time;

use std::fmt;
use std::panic::Location;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use crate::cni::Error;
use file::LogFile;
pub use settings::LogSettings;

/// How much a line matters, least first.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// Decisions, with their reasons.
    #[default]
    Debug,
    /// A change of state that a person wants to see.
    Info,
    /// Degraded; it goes on.
    Warn,
    /// Somebody must act.
    Error,
    /// Only a threshold: nothing here is fatal to more than its own request.
    Fatal,
    /// Only a threshold.
    Panic,
}

impl Level {
    const ALL: &'static [Self] =
        &[Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal, Self::Panic];

    /// As it is written in a line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Panic => "PANIC",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Level {
    type Err = Error;

    /// In any case.
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .iter()
            .copied()
            .find(|level| level.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| Error::UnsupportedLogLevel { value: text.to_owned() })
    }
}

/// A field of a line: a key and what JSON can say.
pub type LogField = (&'static str, Value);

/// Where lines go, from which level on, and what each of them repeats.
#[derive(Clone, Debug, Default)]
pub struct Logger {
    level: Level,
    file: Option<Arc<Mutex<LogFile>>>,
    span: Vec<LogField>,
}

impl Logger {
    /// A logger that writes nothing.
    pub fn off() -> Self {
        Self::default()
    }

    /// Opens the file, its folder too, and rotates it if it is full.
    ///
    /// # Errors
    /// [`Error::LogFile`] if it cannot be opened for appending, or is standard output.
    pub fn open(settings: &LogSettings) -> Result<Self, Error> {
        let file = LogFile::open(settings.clone())
            .map_err(|problem| Error::LogFile { path: settings.path.clone(), problem })?;
        Ok(Self { level: settings.level, file: Some(Arc::new(Mutex::new(file))), span: Vec::new() })
    }

    /// The same logger with a field in each line: what the request is about.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.span.push((key, value.into()));
        self
    }

    /// Whether a line of `level` would be written; for fields that cost something.
    pub fn is_enabled(&self, level: Level) -> bool {
        self.file.is_some() && level >= self.level
    }

    /// A decision, with its reasons. `msg` is a constant phrase in lower case; what varies goes to `fields`.
    #[track_caller]
    pub fn debug(&self, msg: &'static str, fields: &[LogField]) {
        self.write(Level::Debug, msg, fields, Location::caller());
    }

    /// A change of state.
    #[track_caller]
    pub fn info(&self, msg: &'static str, fields: &[LogField]) {
        self.write(Level::Info, msg, fields, Location::caller());
    }

    /// Degraded.
    #[track_caller]
    pub fn warn(&self, msg: &'static str, fields: &[LogField]) {
        self.write(Level::Warn, msg, fields, Location::caller());
    }

    /// Somebody must act.
    #[track_caller]
    pub fn error(&self, msg: &'static str, fields: &[LogField]) {
        self.write(Level::Error, msg, fields, Location::caller());
    }

    fn write(&self, level: Level, msg: &'static str, fields: &[LogField], caller: &Location<'_>) {
        let Some(file) = self.file.as_ref().filter(|_| level >= self.level) else { return };
        let line = Line {
            level,
            ts: time::line_stamp(SystemTime::now()),
            caller: short(caller),
            msg,
            fields: [self.span.as_slice(), fields],
        };
        // Values are JSON already, keys are text: nothing is left that could fail.
        let Ok(mut text) = serde_json::to_string(&line) else { return };
        text.push('\n');
        file.lock().unwrap_or_else(PoisonError::into_inner).append(text.as_bytes());
    }
}

struct Line<'a> {
    level: Level,
    ts: String,
    caller: String,
    msg: &'static str,
    fields: [&'a [LogField]; 2],
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("level", self.level.as_str())?;
        map.serialize_entry("ts", &self.ts)?;
        map.serialize_entry("caller", &self.caller)?;
        map.serialize_entry("msg", self.msg)?;
        for (key, value) in self.fields.iter().copied().flatten() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// Folder, file and line: `spiderpool/add.rs:42`.
fn short(caller: &Location<'_>) -> String {
    let path = caller.file();
    let start = path.rmatch_indices('/').nth(1).map_or(0, |(slash, _)| slash.saturating_add(1));
    format!("{}:{}", path.get(start..).unwrap_or(path), caller.line())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        for (text, want) in
            [("debug", Level::Debug), ("INFO", Level::Info), ("Warn", Level::Warn), ("panic", Level::Panic)]
        {
            assert_eq!(text.parse::<Level>().unwrap(), want);
        }
        for bad in ["", "trace", "warning", "info "] {
            assert_eq!(bad.parse::<Level>().unwrap_err().to_string(), format!("unsupported log level {bad}"));
        }
    }

    #[test]
    fn a_line() {
        let fields = [("pool", "a\"b\n".into()), ("n", 3.into())];
        let line = Line {
            level: Level::Warn,
            ts: "2026-01-02T03:04:05.678Z".to_owned(),
            caller: "a/b.rs:1".to_owned(),
            msg: "pool is full",
            fields: [&[("ifname", "eth0".into())], &fields],
        };
        assert_eq!(
            serde_json::to_string(&line).unwrap(),
            r#"{"level":"WARN","ts":"2026-01-02T03:04:05.678Z","caller":"a/b.rs:1","msg":"pool is full","ifname":"eth0","pool":"a\"b\n","n":3}"#
        );
    }

    #[test]
    fn off_writes_nowhere() {
        let log = Logger::off().with("a", 1);
        assert!(!log.is_enabled(Level::Panic));
        log.error("nobody hears", &[]);
    }
}
