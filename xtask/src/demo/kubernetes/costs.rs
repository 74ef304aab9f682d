//! What the addresses cost: counters of the API server and of the agents, in the text form of Prometheus.

use std::collections::BTreeMap;

/// Requests for addresses, as an agent counts them.
const ADDS: &str = "spiderpool_ipam_allocation_counts_total";
/// Requests, as an API server counts them.
const REQUESTS: &str = "apiserver_request_total";
/// The kinds that nobody but agents asks one by one while addresses are given: our own, and what pods are made by.
const KINDS: [&str; 4] = ["spiderippools", "spiderendpoints", "replicasets", "deployments"];
/// Watches and lists are opened once, and the demo's own map is drawn by one. An update of a Deployment or a ReplicaSet is its controller's.
const VERBS: [&str; 4] = ["GET", "POST", "PUT", "PATCH"];

/// Requests by what they do: a verb and a kind, with how it ended if not well.
pub(super) type Requests = BTreeMap<String, u64>;

/// What an API server has counted of the requests of agents.
pub(super) fn requests(metrics: &str) -> Requests {
    let mut all = Requests::new();
    for line in metrics.lines() {
        let Some((labels, value)) = series(line, REQUESTS) else { continue };
        let of = |name: &str| label(labels, name).unwrap_or_default();
        let (verb, kind, part, code) = (of("verb"), of("resource"), of("subresource"), of("code"));
        let is_ours = of("group") == "spiderpool.spidernet.io";
        if !KINDS.contains(&kind) || !VERBS.contains(&verb) || (!is_ours && verb != "GET") {
            continue;
        }
        let what = if part.is_empty() { format!("{verb} {kind}") } else { format!("{verb} {kind}/{part}") };
        let what = if code.starts_with('2') { what } else { format!("{what}, answered {code}") };
        *all.entry(what).or_default() += value;
    }
    all
}

/// What was counted since.
pub(super) fn since(before: &Requests, now: &Requests) -> Requests {
    let grown = |(what, count): (&String, &u64)| {
        let grown = count.saturating_sub(before.get(what).copied().unwrap_or_default());
        (grown > 0).then(|| (what.clone(), grown))
    };
    now.iter().filter_map(grown).collect()
}

/// How many addresses an agent was asked for.
pub(super) fn adds(metrics: &str) -> u64 {
    metrics.lines().filter_map(|line| series(line, ADDS)).map(|(_, value)| value).sum()
}

/// The labels and the value of a line, if it is of this counter.
fn series<'a>(line: &'a str, name: &str) -> Option<(&'a str, u64)> {
    let rest = line.strip_prefix(name)?;
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => rest.rsplit_once("} ")?,
        None => ("", rest.strip_prefix(' ')?),
    };
    Some((labels, value.split(' ').next()?.parse().ok()?))
}

fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    labels.split(',').find_map(|one| one.strip_prefix(name)?.strip_prefix("=\"")?.strip_suffix('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# TYPE apiserver_request_total counter
apiserver_request_total{code="200",group="spiderpool.spidernet.io",resource="spiderippools",subresource="status",verb="PUT",version="v2beta1"} 3
apiserver_request_total{code="409",group="spiderpool.spidernet.io",resource="spiderippools",subresource="status",verb="PUT",version="v2beta1"} 1
apiserver_request_total{code="200",group="spiderpool.spidernet.io",resource="spiderippools",subresource="",verb="LIST",version="v2beta1"} 7
apiserver_request_total{code="200",group="apps",resource="deployments",subresource="",verb="GET",version="v1"} 2
apiserver_request_total{code="200",group="apps",resource="deployments",subresource="",verb="POST",version="v1"} 2
apiserver_request_total{code="200",group="",resource="pods",subresource="",verb="GET",version="v1"} 9
"#;

    #[test]
    fn requests_of_agents_are_counted() {
        let found = requests(TEXT);
        let want = [
            ("GET deployments", 2),
            ("PUT spiderippools/status", 3),
            ("PUT spiderippools/status, answered 409", 1),
        ];
        assert_eq!(found, want.iter().map(|(what, count)| ((*what).to_owned(), *count)).collect());
        let before =
            Requests::from([("GET deployments".to_owned(), 2), ("PUT spiderippools/status".to_owned(), 1)]);
        let grown = since(&before, &found);
        assert_eq!(grown.get("PUT spiderippools/status"), Some(&2));
        assert_eq!(grown.get("GET deployments"), None);
    }

    #[test]
    fn adds_are_counted() {
        assert_eq!(adds("# HELP x\nspiderpool_ipam_allocation_counts_total 10\n"), 10);
        assert_eq!(adds("spiderpool_ipam_allocation_counts_total{a=\"b\"} 4\n"), 4);
        assert_eq!(adds("spiderpool_ipam_allocation_counts_totals 4\n"), 0);
    }
}
