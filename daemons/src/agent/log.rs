//! The log: one JSON object a line on standard output, with the keys of the original (`level`, `ts`, `logger`, `caller`, `msg`).
//!
//! Lines about a call carry its fields, outermost first. From other crates only warnings and errors are shown, whatever the level.

use std::fmt;
use std::io;
use std::panic::PanicHookInfo;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;

/// What the program is called in the log.
const LOGGER: &str = "spiderpool-agent";
/// Whose lines are shown down to the level: ours, and lines that name the part of the agent that they are about.
const OURS: [&str; 5] = ["spiderpool_daemons", "ipam_core", "ipam_k8s", "IPAM", "WorkloadEndpoint"];

/// From which level on lines are logged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogLevel {
    /// Decisions with their reasons.
    Debug,
    /// What a person wants to see: one line a call.
    Info,
    /// Something is not as it should be, and goes on.
    Warn,
    /// An operator must act.
    Error,
}

impl LogLevel {
    /// Reads a level, in any case. The original knows two levels above `error`; nothing here is logged at them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "debug" => Some(Self::Debug),
            "info" => Some(Self::Info),
            "warn" => Some(Self::Warn),
            "error" | "fatal" | "panic" => Some(Self::Error),
            _ => None,
        }
    }

    const fn filter(self) -> LevelFilter {
        match self {
            Self::Debug => LevelFilter::DEBUG,
            Self::Info => LevelFilter::INFO,
            Self::Warn => LevelFilter::WARN,
            Self::Error => LevelFilter::ERROR,
        }
    }
}

/// A subscriber that writes lines of this level and above. LevelFilter's order is that of verbosity.
pub fn subscriber<W>(level: LogLevel, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = level.filter();
    let targets = OURS.iter().map(|target| (*target, level));
    let filter = Targets::new().with_default(level.min(LevelFilter::WARN)).with_targets(targets);
    let lines = tracing_subscriber::fmt::layer()
        .event_format(Lines)
        .fmt_fields(JsonFields::new())
        .with_writer(writer)
        .with_filter(filter);
    tracing_subscriber::registry().with(lines)
}

/// Sends the lines of this process to standard output, those about a panic too.
pub(super) fn install(level: LogLevel) {
    // Only a process that has a subscriber already refuses a second one: its lines go there.
    let _ = tracing::subscriber::set_global_default(subscriber(level, io::stdout));
    std::panic::set_hook(Box::new(log_panic));
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
    let trace = std::backtrace::Backtrace::capture();
    tracing::error!(place, error = text, backtrace = %trace, "panic: this is a bug");
}

/// How a line is made.
struct Lines;

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> tracing_subscriber::fmt::FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut line = Map::new();
        let mut set = |key: &str, value: String| line.insert(key.to_owned(), Value::String(value));
        set("level", metadata.level().to_string());
        set("ts", now());
        let is_module = metadata.target().contains("::") || metadata.target() == "spiderpool_daemons";
        set("logger", if is_module { LOGGER } else { metadata.target() }.to_owned());
        if let (Some(file), Some(number)) = (metadata.file(), metadata.line()) {
            set("caller", format!("{file}:{number}"));
        }
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        line.insert("msg".to_owned(), fields.0.remove("message").unwrap_or_default());
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let Some(written) = extensions.get::<FormattedFields<N>>() else { continue };
            if let Ok(Value::Object(fields)) = serde_json::from_str(&written.fields) {
                line.extend(fields);
            }
        }
        line.extend(fields.0);
        let text = serde_json::to_string(&line).map_err(|_| fmt::Error)?;
        writeln!(writer, "{text}")
    }
}

/// The moment, as the original writes it.
fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

/// The fields of an event.
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        // Milliseconds and the like; more would be no number of JSON.
        let value = u64::try_from(value).map_or_else(|_| value.to_string().into(), Value::from);
        self.0.insert(field.name().to_owned(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: LogLevel, work: impl FnOnce()) -> Vec<Value> {
        let sink = Sink::default();
        let writer = sink.clone();
        tracing::subscriber::with_default(subscriber(level, move || writer.clone()), work);
        let bytes = sink.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_has_the_keys_of_the_original_and_those_of_its_call() {
        let lines = logged(LogLevel::Info, || {
            let span = tracing::error_span!(target: "IPAM", "call", PodName = "web-0", CNICommand = "ADD");
            span.in_scope(|| tracing::info!(target: "IPAM", elapsed_ms = 7_u128, is_new = true, "allocated"));
            tracing::debug!(target: "IPAM", "not shown");
            tracing::warn!("plain");
        });
        assert_eq!(lines.len(), 2);
        let line = &lines[0];
        assert_eq!((line["level"].as_str(), line["logger"].as_str()), (Some("INFO"), Some("IPAM")));
        assert_eq!((line["msg"].as_str(), line["PodName"].as_str()), (Some("allocated"), Some("web-0")));
        assert_eq!((line["elapsed_ms"].as_u64(), line["is_new"].as_bool()), (Some(7), Some(true)));
        assert!(line["caller"].as_str().unwrap().contains("log.rs:"), "{line}");
        let ts = line["ts"].as_str().unwrap();
        assert_eq!((ts.len(), ts.ends_with('Z')), ("2026-01-02T03:04:05.678Z".len(), true), "{ts}");
        assert_eq!(lines[1]["logger"], LOGGER);
    }

    #[test]
    fn other_crates_are_heard_when_something_is_wrong() {
        let lines = logged(LogLevel::Debug, || {
            tracing::info!(target: "hyper::proto", "not shown");
            tracing::warn!(target: "kube_client", "shown");
            tracing::debug!(target: "ipam_k8s::store", "shown");
        });
        let loggers: Vec<_> = lines.iter().map(|line| line["logger"].as_str().unwrap()).collect();
        assert_eq!(loggers, ["kube_client", LOGGER]);
        assert!(logged(LogLevel::Error, || tracing::warn!("not shown")).is_empty());
    }

    #[test]
    fn levels() {
        for (text, want) in [
            ("debug", Some(LogLevel::Debug)),
            ("INFO", Some(LogLevel::Info)),
            ("Fatal", Some(LogLevel::Error)),
            ("panic", Some(LogLevel::Error)),
            ("trace", None),
            ("", None),
        ] {
            assert_eq!(LogLevel::parse(text), want, "{text}");
        }
    }
}
