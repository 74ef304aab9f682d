//! The pools as the API server tells them, each time that one changes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;
use std::net::Ipv4Addr;
use std::process::Stdio;
use std::sync::mpsc::Sender;
use std::thread;

use anyhow::{Context, Result};
use serde_json::{Deserializer, Value};

use super::cluster::Cluster;
use super::draw::{self, Row};
use super::filling::News;
use super::life::Mortal;

/// Tells the states of all pools until it goes.
#[derive(Debug)]
pub(super) struct Watch {
    _kubectl: Mortal,
}

impl Watch {
    pub(super) fn start(cluster: &Cluster, news: Sender<News>) -> Result<Self> {
        let mut command = cluster.watching_pools()?;
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut kubectl = Mortal(child.context("kubectl: cannot be started")?);
        let stdout = kubectl.0.stdout.take().context("kubectl has a standard output")?;
        thread::spawn(move || {
            let states = Deserializer::from_reader(BufReader::new(stdout)).into_iter::<Value>();
            // The receiver is gone when the story has gone on; a stream that ends is missed there.
            states.map_while(std::result::Result::ok).all(|pool| news.send(News::Pool(pool)).is_ok())
        });
        Ok(Self { _kubectl: kubectl })
    }
}

/// Who has which address of a pool: address, then `namespace/name` of the pod.
pub(super) fn records(pool: &Value) -> Result<BTreeMap<Ipv4Addr, String>> {
    let Some(text) = pool.pointer("/status/allocatedIPs").and_then(Value::as_str) else {
        return Ok(BTreeMap::new());
    };
    let records: BTreeMap<Ipv4Addr, Value> = serde_json::from_str(text).context("status.allocatedIPs")?;
    let pod = |record: &Value| record.get("pod").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(records.iter().map(|(address, record)| (*address, pod(record))).collect())
}

/// All addresses that a spec lists.
pub(super) fn listed(object: &Value) -> Result<BTreeSet<Ipv4Addr>> {
    let ips = object.pointer("/spec/ips").and_then(Value::as_array).context("an object without spec.ips")?;
    draw::addresses(ips.iter().filter_map(Value::as_str))
}

/// A pool as it is drawn, with the node of each pod.
pub(super) fn row(pool: &Value, letter: impl Fn(&str) -> char) -> Result<Row> {
    let name = pool.pointer("/metadata/name").and_then(Value::as_str).context("a pool without a name")?;
    let held = records(pool)?.iter().map(|(address, pod)| (*address, letter(pod))).collect();
    Ok(Row { name: name.to_owned(), addresses: listed(pool)?, held })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::row;

    #[test]
    fn a_pool_is_read() {
        let pool = json!({
            "metadata": {"name": "lan"}, "spec": {"ips": ["10.6.0.10-10.6.0.12"]},
            "status": {"allocatedIPs": r#"{"10.6.0.11":{"interface":"eth0","pod":"shop/web-1","podUid":"u"}}"#}
        });
        let row = row(&pool, |pod| if pod == "shop/web-1" { 'a' } else { '?' }).unwrap();
        assert_eq!(row.held.into_iter().collect::<Vec<_>>(), [("10.6.0.11".parse().unwrap(), 'a')]);
        assert_eq!(row.addresses.len(), 3);
        let fresh = json!({"metadata": {"name": "lan"}, "spec": {"ips": ["10.6.0.10"]}});
        assert!(super::row(&fresh, |_| 'a').unwrap().held.is_empty());
    }
}
