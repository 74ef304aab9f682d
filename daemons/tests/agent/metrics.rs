//! Metrics as a scraper sees them.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use ipam_k8s::observe::Observer;
use spiderpool_daemons::agent::ipam::{Cause, Refusal};
use spiderpool_daemons::agent::metrics::Metrics;

use crate::bed::{Act, Bed, go_request, tcp};
use crate::page::root;
use crate::wire::ADD;

const SNAPSHOT: &str = "daemons/tests/agent/metrics.snap";

/// `UPDATE_DOCS=1` writes it anew.
#[test]
fn a_fresh_agent_shows_every_metric() {
    let shown = Metrics::new().exposition();
    let path = root().join(SNAPSHOT);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &shown).unwrap();
        return;
    }
    let wanted = fs::read_to_string(path).unwrap();
    let differs = shown.lines().zip(wanted.lines()).find(|(shown, wanted)| shown != wanted);
    assert!(shown == wanted, "{SNAPSHOT} differs, first at {differs:?}; update it with UPDATE_DOCS=1");
}

/// The original's name since 1.1.1 for a documented one: its identifier, by mistake.
fn mistaken(name: &str) -> String {
    let rest = name.strip_prefix("spiderpool_").unwrap();
    let rest = rest.strip_prefix("debug_").unwrap_or(rest).trim_end_matches("_total");
    let mut words = rest.split('_');
    let mut out = words.next().unwrap().to_owned();
    for word in words {
        match word {
            "ippool" => out.push_str("IPPool"),
            "ip" => out.push_str("IP"),
            word => {
                out.push_str(&word[..1].to_uppercase());
                out.push_str(&word[1..]);
            }
        }
    }
    let suffix = if name.ends_with("_total") { "_total" } else { "" };
    format!("spiderpool_{out}Name{suffix}")
}

/// What the original shows at its start, under the names that it documents.
#[test]
fn nothing_that_the_original_shows_is_missing() {
    let recorded =
        fs::read_to_string(root().join("daemons/tests/agent/metrics-of-the-original.txt")).unwrap();
    let theirs: BTreeSet<(String, String)> = recorded
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
        .collect();
    assert_eq!(theirs.len(), 29);
    let exposition = Metrics::new().exposition();
    let types = exposition.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let ours: BTreeSet<(String, String)> =
        types.map(|(name, kind)| (mistaken(name), kind.to_owned())).collect();
    let missing: Vec<_> = theirs.difference(&ours).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn value(exposition: &str, name: &str) -> f64 {
    let line = exposition.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {exposition}")).parse().unwrap()
}

#[test]
fn calls_are_counted_by_kind_and_cause() {
    let bed = Bed::new();
    let add = |act, body| {
        bed.recorder.expect(act);
        bed.raw(&go_request("POST /v1/ipam/ip", &[], Some(body)))
    };
    add(Act::Done, ADD);
    add(Act::Refuse(Refusal::failed("x", [Cause::UsedOut, Cause::UsedOut, Cause::NoAvailablePool])), ADD);
    add(Act::Refuse(Refusal::failed("x", [Cause::RetriesExhausted])), ADD);
    add(Act::Refuse(Refusal::failed("x", [Cause::WrongInput])), ADD);
    add(Act::Refuse(Refusal::internal("x")), ADD);
    bed.raw(&go_request("POST /v1/ipam/ip", &[], Some("{}")));
    for call in ["DELETE /v1/ipam/ip", "DELETE /v1/ipam/ips"] {
        bed.raw(&go_request(call, &[], Some(ADD)));
    }
    bed.recorder.expect(Act::Refuse(Refusal::stateless()));
    assert_eq!(bed.raw(&go_request("DELETE /v1/ipam/ips", &[], Some(ADD))).code, 521);
    // What is only looked up counts nowhere, as in the original.
    bed.raw(&go_request("GET /v1/coordinator/config", &[], Some("{}")));
    bed.metrics.allocation().waited(Duration::from_millis(250));
    bed.metrics.allocation().waited(Duration::from_millis(750));
    bed.metrics.release().conflict();
    Observer::auto_pool_waited(bed.metrics.as_ref());

    let scrape = tcp(bed.metric_port, &go_request("GET /metrics", &[("Accept", None)], None));
    assert_eq!(scrape.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for (name, want) in [
        ("ipam_allocation_counts_total", 6.0),
        ("ipam_allocation_failure_counts_total", 5.0),
        ("ipam_allocation_err_ip_used_out_counts_total", 1.0),
        ("ipam_allocation_err_no_available_pool_counts_total", 1.0),
        ("ipam_allocation_err_retries_exhausted_counts_total", 1.0),
        ("ipam_allocation_err_internal_counts_total", 1.0),
        // A malformed request has no time.
        ("ipam_allocation_duration_seconds_count", 5.0),
        ("ipam_allocation_average_limit_duration_seconds", 0.5),
        ("ipam_allocation_min_limit_duration_seconds", 0.25),
        ("ipam_allocation_max_limit_duration_seconds", 0.75),
        ("ipam_allocation_latest_limit_duration_seconds", 0.75),
        ("ipam_allocation_limit_duration_seconds_bucket{le=\"0.3\"}", 1.0),
        ("ipam_allocation_limit_duration_seconds_bucket{le=\"15\"}", 2.0),
        ("ipam_allocation_update_ippool_conflict_counts_total", 0.0),
        ("ipam_release_counts_total", 3.0),
        ("ipam_release_failure_counts_total", 1.0),
        ("ipam_release_err_internal_counts_total", 1.0),
        ("ipam_release_update_ippool_conflict_counts_total", 1.0),
        ("debug_auto_pool_waited_for_available_counts_total", 1.0),
    ] {
        let got = value(&scrape.body, &format!("spiderpool_{name}"));
        assert!((got - want).abs() < 1e-9, "{name}: {got}, want {want}");
    }

    let open = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
    let scrape = tcp(bed.metric_port, &go_request("GET /whatever", &[("Accept", Some(open))], None));
    assert!(scrape.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    assert!(scrape.body.ends_with("# EOF\n"));
    assert_eq!(tcp(bed.metric_port, &go_request("POST /metrics", &[], None)).code, 405);
}

#[test]
fn promtool_finds_nothing_wrong() {
    let program = std::env::var_os("PROMTOOL").unwrap_or_else(|| "promtool".into());
    let mut command = Command::new(program);
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            println!("skipped: promtool_finds_nothing_wrong: promtool cannot be run: {error}");
            return;
        }
    };
    child.stdin.take().unwrap().write_all(Metrics::new().exposition().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}
