//! CNI 1.1.0 by real libcni: ADD, CHECK, DEL, GC and STATUS through `cnitool`.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::net::IpAddr;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use spiderpool_tests::bed::bed;
use spiderpool_tests::cnitool::{CniTool, TOOLS};
use spiderpool_tests::command::sh;
use spiderpool_tests::network::{Network, Pool};
use spiderpool_tests::plugin::{Attachment, Plugin, address_of};
use spiderpool_tests::store::Store;

/// The protocol's code for a plugin that cannot serve ADD.
const NOT_AVAILABLE: u64 = 50;

/// The conflist's plugin when ours stands alone, so that libcni calls it without a main plugin in between: Debian's and upstream's
/// `bridge` pass GC to nobody.
fn alone() -> Value {
    json!({"type": "spiderpool", "capabilities": {"ips": true}})
}

#[test]
fn life_of_attachments_behind_bridge() -> Result<()> {
    bed("life_of_attachments_behind_bridge", &TOOLS, |bed| {
        let cnitool = CniTool::new(bed)?;
        let network = Network::new("net1", bed.dir(), Pool::new("v4", 6, 3)).version("1.1.0");
        network.write_conflist(cnitool.conflists(), network.bridge())?;
        let store = Store::at(&network.store);
        let spaces = [bed.netns("n1")?, bed.netns("n2")?];

        cnitool.call("status", "net1", &spaces[0])?.success()?;
        let mut given = Vec::new();
        for space in &spaces {
            let result = cnitool.call("add", "net1", space)?.success()?;
            given.push(address_of(&result)?);
            let version = serde_json::from_str::<Value>(&result)?.get("cniVersion").cloned();
            ensure!(version == Some(json!("1.1.0")), "{result}");
            cnitool.call("check", "net1", space)?.success()?;
        }
        let held: BTreeSet<IpAddr> = store.held()?.into_values().collect();
        ensure!(held == given.iter().copied().collect() && held.len() == 2, "given {given:?}, held {held:?}");
        sh(&format!("ip netns exec n1 ping -c 1 -W 5 {}", given[1]))?;

        // CHECK sees a record that is gone.
        store.ctl(&["ip", "release", &given[0].to_string()])?.success()?;
        cnitool.call("check", "net1", &spaces[0])?.failure()?;
        cnitool.call("check", "net1", &spaces[1])?.success()?;

        for space in spaces.iter().chain(&spaces) {
            cnitool.call("del", "net1", space)?.success()?;
        }
        store.ensure_empty()
    })
}

#[test]
fn status_tells_when_no_pool_can_serve() -> Result<()> {
    bed("status_tells_when_no_pool_can_serve", &TOOLS, |bed| {
        let cnitool = CniTool::new(bed)?;
        let full = Network::new("full", bed.dir(), Pool::new("v4", 6, 1)).version("1.1.0");
        let disabled =
            Network::new("disabled", bed.dir(), Pool::new("off", 7, 10)).version("1.1.0").without_pools();
        let space = bed.netns("n1")?;
        let nobody = Attachment::eth0("nobody");
        full.write_conflist(cnitool.conflists(), alone())?;
        disabled.write_conflist(cnitool.conflists(), alone())?;

        cnitool.call("status", "full", &space)?.success()?;
        cnitool.call("add", "full", &space)?.success()?;
        let said = cnitool.call("status", "full", &space)?.failure()?;
        ensure!(said.contains("v4"), "the full pool is not named: {said}");
        // cnitool prints the message without the code.
        let refusal = Plugin::of(&full)?.refusal("STATUS", &nobody)?;
        ensure!(refusal.code == NOT_AVAILABLE, "{refusal:?}");
        cnitool.call("del", "full", &space)?.success()?;
        cnitool.call("status", "full", &space)?.success()?;

        let store = Store::at(&disabled.store);
        let manifest = bed.path("pool.yaml");
        for (disable, served) in [(false, true), (true, false), (false, true)] {
            disabled.write_manifest(&manifest, &[("disable", json!(disable))])?;
            store.ctl(&["apply", "-f", &manifest.to_string_lossy()])?.success()?;
            let status = cnitool.call("status", "disabled", &space)?;
            ensure!(status.status.success() == served, "disable: {disable}: {status}");
            if !served {
                let refusal = Plugin::of(&disabled)?.refusal("STATUS", &nobody)?;
                ensure!(refusal.code == NOT_AVAILABLE && refusal.text.contains("off"), "{refusal:?}");
            }
        }
        Ok(())
    })
}

#[test]
fn gc_frees_exactly_what_is_not_valid() -> Result<()> {
    bed("gc_frees_exactly_what_is_not_valid", &TOOLS, |bed| {
        let cnitool = CniTool::new(bed)?;
        let mine = Network::new("mine", bed.dir(), Pool::new("v4", 6, 100)).version("1.1.0");
        let other = Network::new("other", bed.dir(), Pool::new("w4", 7, 100)).version("1.1.0");
        let store = Store::at(&mine.store);
        mine.write_conflist(cnitool.conflists(), alone())?;
        let containers: Vec<Attachment> =
            (0..10).map(|number| Attachment::eth0(format!("c{number}"))).collect();
        let second_nic = Attachment { interface: "net1".to_owned(), ..containers[0].clone() };
        for plugin in [Plugin::of(&mine)?, Plugin::of(&other)?] {
            containers
                .iter()
                .chain([&second_nic])
                .try_for_each(|attachment| plugin.add(attachment).map(drop))?;
        }
        let of = |name: &str| -> Result<BTreeSet<Attachment>> {
            let records = store.records()?.into_iter().filter(|record| record.network == name);
            Ok(records.map(|record| record.attachment).collect())
        };
        let others = of("other")?;

        // The runtime has these three, and one that the store has never heard of.
        let valid: BTreeSet<Attachment> =
            [&containers[0], &containers[4], &containers[7]].into_iter().cloned().collect();
        let listed: Vec<Attachment> = valid.iter().cloned().chain([Attachment::eth0("unknown")]).collect();
        cnitool.collect("mine", &listed)?.success()?;
        ensure!(of("mine")? == valid, "left {:?}", of("mine")?);
        ensure!(of("other")? == others, "another network lost some of {others:?}");

        // cnitool names no attachments at all. What libcni knows of goes by DEL; the plugin must not take that for an empty list.
        let space = bed.netns("n1")?;
        cnitool.call("add", "mine", &space)?.success()?;
        let said = cnitool.call("gc", "mine", &space)?.failure()?;
        ensure!(said.contains("cni.dev/valid-attachments"), "the missing key is not named: {said}");
        ensure!(of("mine")? == valid, "left {:?}", of("mine")?);

        // An empty list is one.
        cnitool.collect("mine", &[])?.success()?;
        ensure!(of("mine")?.is_empty(), "left {:?}", of("mine")?);
        ensure!(of("other")? == others, "another network lost some of {others:?}");
        store.ensure_sound()
    })
}

#[test]
fn addresses_asked_for_by_arguments_and_capability() -> Result<()> {
    bed("addresses_asked_for_by_arguments_and_capability", &TOOLS, |bed| {
        let cnitool = CniTool::new(bed)?;
        let network = Network::new("net1", bed.dir(), Pool::new("v4", 6, 100)).version("1.1.0");
        network.write_conflist(cnitool.conflists(), alone())?;
        let spaces = [bed.netns("n1")?, bed.netns("n2")?, bed.netns("n3")?];

        let first =
            cnitool.call_with("add", "net1", &spaces[0], &[("CNI_ARGS", "IgnoreUnknown=1;IP=10.6.0.77")])?;
        ensure!(address_of(&first.success()?)?.to_string() == "10.6.0.77", "by CNI_ARGS");
        let second =
            cnitool.call_with("add", "net1", &spaces[1], &[("CAP_ARGS", r#"{"ips":["10.6.0.78/16"]}"#)])?;
        ensure!(address_of(&second.success()?)?.to_string() == "10.6.0.78", "by the ips capability");
        // A refusal says who has it.
        let holder = Store::at(&network.store)
            .records()?
            .into_iter()
            .find(|record| record.address.to_string() == "10.6.0.77");
        let said =
            cnitool.call_with("add", "net1", &spaces[2], &[("CNI_ARGS", "IP=10.6.0.77")])?.failure()?;
        ensure!(
            holder.is_some_and(|holder| said.contains(&holder.attachment.container)),
            "the holder is not named: {said}"
        );
        Ok(())
    })
}
