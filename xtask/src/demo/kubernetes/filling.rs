//! The kubelets of both nodes ask for addresses side by side, and the map of the pools is drawn meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use anyhow::{Result, bail};
use serde_json::Value;

use super::cluster::{Cluster, DONE_WITHIN, Pod};
use super::draw::{self, Picture, Row};
use super::kubelet::{Kubelet, report_running};
use super::manifests::{NAMESPACE, NODES};
use super::pools::{self, Watch};
use crate::demo::cni::Refusal;

/// What the map is drawn by, and what ends the drawing.
#[derive(Debug)]
pub(super) enum News {
    /// A pool as it is now.
    Pool(Value),
    /// A kubelet is through with its pods.
    Given(Result<Addresses>),
}

/// Who has which address: the pod's name, then its address.
pub(super) type Addresses = BTreeMap<String, Ipv4Addr>;

/// The pools as they are drawn.
#[derive(Debug)]
pub(super) struct Map {
    rows: BTreeMap<String, Row>,
    reserved: BTreeSet<Ipv4Addr>,
    letters: BTreeMap<String, char>,
}

impl Map {
    /// The pools as they are now, with no pod that is known.
    pub(super) fn read(cluster: &Cluster) -> Result<Self> {
        let mut map = Self { rows: BTreeMap::new(), reserved: BTreeSet::new(), letters: BTreeMap::new() };
        for reserved in items(&cluster.json(&["get", "spiderreservedips"])?) {
            map.reserved.extend(pools::listed(reserved)?);
        }
        map.reread(cluster)?;
        Ok(map)
    }

    /// The same with the pools as they are by now.
    pub(super) fn reread(&mut self, cluster: &Cluster) -> Result<()> {
        items(&cluster.json(&["get", "spiderippools"])?).iter().try_for_each(|pool| self.take(pool))
    }

    /// Pods that may have addresses.
    pub(super) fn know(&mut self, pods: &[Pod]) {
        for Pod { name, node, .. } in pods {
            let letter = NODES.iter().find(|(known, _)| known == node).map_or('?', |(_, letter)| *letter);
            self.letters.insert(format!("{NAMESPACE}/{name}"), letter);
        }
    }

    pub(super) fn reserved(&self) -> &BTreeSet<Ipv4Addr> {
        &self.reserved
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let rows: Vec<Row> = self.rows.values().cloned().collect();
        draw::lines(&rows, &self.reserved)
    }

    fn take(&mut self, pool: &Value) -> Result<()> {
        let row = pools::row(pool, |pod| self.letters.get(pod).copied().unwrap_or('?'))?;
        self.rows.insert(row.name.clone(), row);
        Ok(())
    }

    fn records(&self) -> usize {
        self.rows.values().map(|row| row.held.len()).sum()
    }
}

/// Gives each pod its address; what each has.
pub(super) fn fill(
    cluster: &Cluster,
    kubelets: &BTreeMap<&str, Kubelet>,
    pods: &[Pod],
    map: &mut Map,
) -> Result<Addresses> {
    let (sender, news) = mpsc::channel();
    let _watch = Watch::start(cluster, sender.clone())?;
    thread::scope(|scope| {
        for (node, kubelet) in kubelets {
            let sender = sender.clone();
            scope.spawn(move || {
                let pods = pods.iter().filter(|pod| pod.node == *node);
                // The receiver is gone when the other kubelet has failed.
                let _ = sender.send(News::Given(give(cluster, kubelet, pods)));
            });
        }
        drop(sender);
        draw_until_given(&news, map, pods.len())
    })
}

fn give<'a>(cluster: &Cluster, kubelet: &Kubelet, pods: impl Iterator<Item = &'a Pod>) -> Result<Addresses> {
    let mut given = Addresses::new();
    for pod in pods {
        match kubelet.add(pod)? {
            Ok(address) => {
                report_running(cluster, pod, address)?;
                given.insert(pod.name.clone(), address);
            }
            Err(Refusal { code, message }) => {
                bail!("pod {} was refused with error {code}: {message}", pod.name)
            }
        }
    }
    Ok(given)
}

/// Draws until each pod has its address and the map shows it.
fn draw_until_given(news: &Receiver<News>, map: &mut Map, want: usize) -> Result<Addresses> {
    let mut picture = Picture::new();
    let mut given = Addresses::new();
    let deadline = Instant::now() + DONE_WITHIN;
    loop {
        picture.show(&map.lines(), map.records(), map.records() == want)?;
        if given.len() == want && map.records() == want {
            return Ok(given);
        }
        match news.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(News::Pool(pool)) => map.take(&pool)?,
            Ok(News::Given(addresses)) => given.extend(addresses?),
            Err(RecvTimeoutError::Timeout) => {
                bail!(
                    "after {DONE_WITHIN:?} {} pods of {want} have addresses, and the pools have {} records",
                    given.len(),
                    map.records()
                )
            }
            Err(RecvTimeoutError::Disconnected) => bail!("kubectl has stopped watching the pools"),
        }
    }
}

fn items(list: &Value) -> &[Value] {
    list.get("items").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
