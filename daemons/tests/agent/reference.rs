//! `docs/reference/agent.md` has exactly the variables, keys, metrics and commands that the agent has.
//!
//! `UPDATE_DOCS=1 cargo test -p spiderpool-daemons --test agent` writes the page's generated part anew.

use spiderpool_daemons::agent::metrics::{MetricKind, Metrics};
use spiderpool_daemons::agent::pages;
use spiderpool_daemons::agent::settings::{KEYS, Use, VARIABLES, VariableKind};

use crate::page::is_generated;

const PAGE: &str = "docs/reference/agent.md";

/// A text as a table shows it, in code; a dash for none.
fn code(text: &str) -> String {
    if text.is_empty() { "–".to_owned() } else { format!("`{text}`") }
}

fn generated() -> String {
    let mut text = String::from(
        "## Environment\n\n| Variable | Value | Default | May be empty | Effect |\n|---|---|---|---|---|\n",
    );
    for variable in VARIABLES {
        let kind = match &variable.kind {
            VariableKind::Text => "text".to_owned(),
            VariableKind::Truth => "bool".to_owned(),
            VariableKind::Number(bounds) => format!("{} to {}", bounds.start(), bounds.end()),
        };
        let empty = if variable.is_required { "no" } else { "yes" };
        let (name, default) = (variable.name, code(variable.default));
        text.push_str(&format!("| `{name}` | {kind} | {default} | {empty} | {} |\n", variable.effect));
    }
    text.push_str(
        "\n## conf.yml\n\n| Key | Value | If absent | A change | Effect |\n|---|---|---|---|---|\n",
    );
    for key in KEYS {
        let (change, effect) = match key.used {
            Use::Live => ("holds at once", key.effect),
            Use::AtStart => ("wants a restart", key.effect),
            Use::Controller => ("–", "the controller's; the agent does nothing about it"),
            Use::Unsupported => ("–", key.effect),
        };
        text.push_str(&format!(
            "| `{}` | {} | {} | {change} | {effect} |\n",
            key.name,
            key.kind,
            code(key.absent)
        ));
    }
    text.push_str("\n## Metrics\n\n| Name | Type | Meaning |\n|---|---|---|\n");
    for row in Metrics::new().rows() {
        let kind = match row.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        text.push_str(&format!("| `{}` | {kind} | {} |\n", row.name, row.help));
    }
    text.push_str("\n## Commands\n");
    for (_, page) in pages() {
        text.push_str(&format!("\n#{page}"));
    }
    text
}

#[test]
fn the_page_is_what_the_agent_has() {
    is_generated(PAGE, &generated(), "agent");
}
