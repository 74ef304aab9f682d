//! What the demo shows, step by step, and checks as it goes: a step that did not do what its sentence says is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::Ipv4Addr;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::Programs;
use super::agents::Agent;
use super::cluster::{Cluster, Pod, check};
use super::costs;
use super::draw;
use super::filling::{Addresses, Map, fill};
use super::kubelet::{Kubelet, report_running};
use super::manifests::{APPLICATION, DEPLOYMENT, NAMESPACE, NODES, POOLS, REPLICAS};
use crate::demo::cni::Refusal;
use crate::demo::steps::Steps;

/// Lines of a table that are shown.
const TABLE_LINES: usize = 5;

/// Everything that plays. Agents end before the control plane that they speak to.
#[derive(Debug)]
struct Stage {
    kubelets: BTreeMap<&'static str, Kubelet>,
    agents: BTreeMap<&'static str, Agent>,
    cluster: Cluster,
}

impl Stage {
    fn kubelet_of(&self, pod: &Pod) -> Result<&Kubelet> {
        self.kubelets.get(pod.node.as_str()).with_context(|| format!("no kubelet on {}", pod.node))
    }
}

/// Tells the whole story.
pub(super) fn tell(programs: &Programs, is_kept: bool) -> Result<()> {
    let mut steps = Steps::default();
    println!(
        "\nKubernetes lets others give its pods their addresses. With Spiderpool these are addresses of the network that\n\
         the machines are on, out of pools that an operator writes. You will see {REPLICAS} pods on two nodes get theirs, one\n\
         refused, one given back, and an agent killed. All of it is on this machine's loopback, takes half a minute or so, and is\n\
         gone afterwards; Ctrl-C ends it at any moment."
    );
    let mut stage = set_up(&mut steps, programs)?;
    let mut map = pools(&mut steps, &stage)?;
    let pods = application(&mut steps, &stage)?;
    map.know(&pods);
    let addresses = give(&mut steps, &stage, &pods, &mut map)?;
    let waiting = refuse(&mut steps, &stage)?;
    map.know(std::slice::from_ref(&waiting));
    give_back(&mut steps, &stage, &pods, &addresses, &waiting, &mut map)?;
    survive(&mut steps, &mut stage, &pods, &addresses)?;
    end(&mut steps, &stage, is_kept)
}

fn set_up(steps: &mut Steps, programs: &Programs) -> Result<Stage> {
    steps.next("The cluster: etcd, kube-apiserver and kube-controller-manager, as in any cluster, with our kinds of objects.");
    let started = Instant::now();
    let cluster = Cluster::start(&programs.ctl)?;
    println!("   {} serves after {:.1} s.", cluster.server(), started.elapsed().as_secs_f64());

    steps.next(
        "Two nodes. Each has an agent, a real process with an agent's account (daemons/rbac/agent.yaml) and not more rights.\n   \
         There is no scheduler, no kubelet and no container: the demo puts pods on nodes, and calls the plugin as a\n   \
         container runtime does.",
    );
    let (mut agents, mut kubelets) = (BTreeMap::new(), BTreeMap::new());
    for (node, _) in NODES {
        let agent = Agent::start(&programs.agent, node, &cluster)?;
        println!("   {node}: spiderpool-agent is ready, pid {}", agent.pid());
        kubelets.insert(node, Kubelet::new(&programs.plugin_folder, &agent)?);
        agents.insert(node, agent);
    }
    Ok(Stage { kubelets, agents, cluster })
}

fn pools(steps: &mut Steps, stage: &Stage) -> Result<Map> {
    steps.next("The operator says which addresses there are: two pools, and two addresses in one of them that are somebody else's.");
    stage.cluster.apply("pools.yaml", POOLS)?;
    Map::read(&stage.cluster)
}

fn application(steps: &mut Steps, stage: &Stage) -> Result<Vec<Pod>> {
    steps.next("An application. The annotation names the pools: the second is for when the first is full.");
    stage.cluster.apply("web.yaml", APPLICATION)?;
    let pods = stage.cluster.schedule(REPLICAS)?;
    println!("   Its controllers have made {} pods; the demo has put them on the nodes in turn.", pods.len());
    Ok(pods)
}

fn give(steps: &mut Steps, stage: &Stage, pods: &[Pod], map: &mut Map) -> Result<Addresses> {
    steps.next("For each pod the plugin is called with ADD, on both nodes side by side. The pools, as the API server tells them:");
    println!("   {}", draw::legend(&NODES));
    let before = costs::requests(&stage.cluster.metrics()?);
    let started = Instant::now();
    let addresses = fill(&stage.cluster, &stage.kubelets, pods, map)?;
    let took = started.elapsed();
    let spent = costs::since(&before, &costs::requests(&stage.cluster.metrics()?));

    let distinct: BTreeSet<Ipv4Addr> = addresses.values().copied().collect();
    check(distinct.len() == pods.len(), || format!("{} pods have {} addresses", pods.len(), distinct.len()))?;
    check(distinct.is_disjoint(map.reserved()), || format!("a reserved address was given: {addresses:?}"))?;
    check(stage.cluster.records()? == records_of(&addresses), || {
        format!("the pools do not say what the pods were given: {addresses:?}")
    })?;
    println!(
        "   {} pods, {} addresses, each once; the pools say the same as the pods.",
        pods.len(),
        distinct.len()
    );
    let line = format!("get pods --namespace {NAMESPACE} --output wide");
    let table = stage.cluster.typed(&line)?;
    for line in table.lines().take(TABLE_LINES) {
        println!("   {}", line.trim_end());
    }
    println!("   …");
    check(addresses.values().all(|address| table.contains(&format!(" {address} "))), || {
        format!("kubectl does not show what the pods were given: {table}")
    })?;

    steps.next("What that took of the API server, as it counts itself:");
    let counted = adds(stage)?;
    let want = u64::try_from(pods.len()).context("so many pods")?;
    check(counted == want, || format!("the agents count {counted} ADDs, not {want}"))?;
    for (what, count) in &spent {
        println!("   {count:>3} {what}");
    }
    let total: u64 = spent.values().sum();
    let tenths = total.saturating_mul(10) / want;
    println!(
        "   {total} requests for {counted} ADDs, {}.{} each; all was given in {:.1} s.",
        tenths / 10,
        tenths % 10,
        took.as_secs_f64()
    );
    println!(
        "   Two writes a pod. Before its write of a pool an agent reads it if the other one has written it meanwhile; if that\n   \
         happens in the very moment, the API server answers 409 and nothing is stored."
    );
    check(spent.get("POST spiderendpoints") == Some(&want), || {
        format!("not one new endpoint a pod: {spent:?}")
    })?;
    Ok(addresses)
}

/// One pod more than there are addresses; that pod.
fn refuse(steps: &mut Steps, stage: &Stage) -> Result<Pod> {
    steps.next(
        "One pod more than there are addresses. The plugin refuses, pool by pool, and nothing is written:",
    );
    let replicas = REPLICAS + 1;
    let _ = stage
        .cluster
        .typed(&format!("scale deployment {DEPLOYMENT} --namespace {NAMESPACE} --replicas {replicas}"))?;
    let [pod] = <[Pod; 1]>::try_from(stage.cluster.schedule(1)?).ok().context("one pod more")?;
    let before = stage.cluster.records()?;
    match stage.kubelet_of(&pod)?.add(&pod)? {
        Ok(address) => bail!("{} was given {address} although all pools are full", pod.name),
        Err(Refusal { code, message }) => {
            println!("   error {code}: {message}");
            for pool in ["lan", "lan-more"] {
                let why = format!("all IP addresses used out in IPPool {pool} ");
                check(message.contains(&why), || format!("{pool} is not explained: {message}"))?;
            }
        }
    }
    check(stage.cluster.records()? == before, || "the refusal has changed a pool".to_owned())?;
    println!("   Whoever looks at the pod finds the same:");
    let events = stage.cluster.events(&pod.name)?;
    for line in events.lines() {
        println!("   {line}");
    }
    check(events.contains("IPAllocationFailed") && events.contains("used out"), || {
        format!("the event does not say why: {events}")
    })?;
    println!("   The operator's tool says it pool by pool, also before anybody has tried:");
    let explained = stage.cluster.ctl(&format!("explain {NAMESPACE}/{}", pod.name))?;
    check(explained.contains(" lan: ") && explained.contains(" lan-more: "), || {
        format!("not each pool is explained: {explained}")
    })?;
    Ok(pod)
}

/// A pod goes, and the one that waits gets its address.
fn give_back(
    steps: &mut Steps,
    stage: &Stage,
    pods: &[Pod],
    addresses: &Addresses,
    waiting: &Pod,
    map: &mut Map,
) -> Result<()> {
    let gone = pods.get(pods.len() / 2).context("a pod to delete")?;
    let address = *addresses.get(&gone.name).context("a pod with an address")?;
    steps.next(&format!("A pod is deleted; the runtime calls DEL, and {address} is free:"));
    let _ = stage.cluster.typed(&format!("delete pod {} --namespace {NAMESPACE} --wait=false", gone.name))?;
    stage.kubelet_of(gone)?.del(gone)?;
    // What a kubelet does when the sandbox is gone.
    let _ = stage.cluster.quietly([
        "delete",
        "pod",
        &gone.name,
        "--namespace",
        NAMESPACE,
        "--force",
        "--grace-period=0",
    ])?;
    show(stage, map)?;
    let records = stage.cluster.records()?;
    check(!records.contains_key(&address), || {
        format!("{address} is still held by {:?}", records.get(&address))
    })?;

    steps.next(
        "A kubelet tries a refused pod again and again. Now there is an address for the one that waits:",
    );
    match stage.kubelet_of(waiting)?.add(waiting)? {
        Ok(given) if given == address => {
            report_running(&stage.cluster, waiting, given)?;
            println!("   {} has {given}.", waiting.name);
        }
        Ok(given) => bail!("{} was given {given}, and only {address} was free", waiting.name),
        Err(Refusal { code, message }) => bail!("{} was refused with error {code}: {message}", waiting.name),
    }
    show(stage, map)
}

/// An agent dies and comes back, and remembers nothing that was not stored.
fn survive(steps: &mut Steps, stage: &mut Stage, pods: &[Pod], addresses: &Addresses) -> Result<()> {
    let pod = pods.first().context("a pod")?;
    let address = *addresses.get(&pod.name).context("a pod with an address")?;
    steps.next(&format!(
        "The agent of {} is killed. Whoever calls the plugin now is told where to look:",
        pod.node
    ));
    let before = stage.cluster.records()?;
    agent_of(stage, pod)?.kill();
    match stage.kubelet_of(pod)?.add(pod)? {
        Ok(given) => bail!("{} was given {given} without an agent", pod.name),
        Err(Refusal { code, message }) => {
            println!("   error {code}: {message}");
            check(message.starts_with("unhealthy spiderpool-agent backend"), || message)?;
        }
    }
    let agent = agent_of(stage, pod)?;
    agent.run()?;
    println!("   It is started again, pid {}, and the ADD of {} is repeated:", agent.pid(), pod.name);
    match stage.kubelet_of(pod)?.add(pod)? {
        Ok(given) if given == address => {
            println!("   {given}, as before. Nobody else was given it meanwhile.")
        }
        Ok(given) => bail!("{} had {address} and is given {given}", pod.name),
        Err(Refusal { code, message }) => bail!("{} was refused with error {code}: {message}", pod.name),
    }
    check(stage.cluster.records()? == before, || "a repeated ADD has changed a pool".to_owned())
}

fn end(steps: &mut Steps, stage: &Stage, is_kept: bool) -> Result<()> {
    steps.next("The operator's tool looks into the same cluster, and compares pools, pods and endpoints:");
    let _ = stage.cluster.ctl("pool show lan")?;
    let judged = stage.cluster.ctl("fsck")?;
    let sound = format!("{REPLICAS} records: nothing is wrong");
    check(judged.contains(&sound), || format!("spiderpoolctl fsck does not say \"{sound}\": {judged}"))?;
    if !is_kept {
        println!("\nTo look around in it yourself: cargo xtask demo --kubernetes --keep");
        return Ok(());
    }
    println!(
        "\nEverything runs on until you press Enter. In another shell:\n\n   {}\n   kubectl get spiderippools\n   \
         kubectl get spiderendpoints --namespace {NAMESPACE}\n\nAgents and plugins log below {}.",
        stage.cluster.way_in()?,
        stage.cluster.folder().display(),
    );
    io::stdin().read_line(&mut String::new()).context("standard input cannot be read").map(drop)
}

fn show(stage: &Stage, map: &mut Map) -> Result<()> {
    map.reread(&stage.cluster)?;
    for line in map.lines() {
        println!("   {line}");
    }
    Ok(())
}

fn agent_of<'a>(stage: &'a mut Stage, pod: &Pod) -> Result<&'a mut Agent> {
    stage.agents.get_mut(pod.node.as_str()).with_context(|| format!("no agent on {}", pod.node))
}

/// ADDs that the agents have counted.
fn adds(stage: &Stage) -> Result<u64> {
    stage.agents.values().map(|agent| Ok(costs::adds(&agent.metrics()?))).sum()
}

/// What the pools must hold for these.
fn records_of(addresses: &Addresses) -> BTreeMap<Ipv4Addr, String> {
    addresses.iter().map(|(pod, address)| (*address, format!("{NAMESPACE}/{pod}"))).collect()
}
