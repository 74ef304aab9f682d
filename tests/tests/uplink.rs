//! The physical function behind a NIC, in namespaces of the test's own. No machine of ours has an SR-IOV card: what sysfs says of one is in a
//! folder, and what the kernel says of its device is in a unit test of `netcfg`.
#![forbid(unsafe_code)]

use std::error::Error as _;
use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use netcfg::Error;
use netcfg::uplink::{addresses_of, device_of, physical_function, physical_interface};
use spiderpool_tests::bed::bed;
use spiderpool_tests::command::sh;

#[test]
fn a_nic_is_looked_at_where_it_is() -> Result<()> {
    bed("a_nic_is_looked_at_where_it_is", &[], |bed| {
        bed.netns("pod")?;
        let pod = Path::new("/run/netns/pod");
        sh("ip link add ens1 type bridge && ip link set ens1 up
            ip addr add 10.9.0.2/16 dev ens1 && ip addr add 10.9.0.3 peer 10.8.0.1/24 dev ens1
            ip addr add fd00:9::2/64 dev ens1 nodad
            ip link add other type bridge && ip addr add 10.10.0.2/16 dev other
            ip -n pod link add eth0 type bridge && ip -n pod addr add 10.11.0.2/16 dev eth0")?;
        let addresses: Vec<String> = addresses_of("ens1")?.iter().map(ToString::to_string).collect();
        for address in ["10.9.0.2/16", "10.9.0.3/24", "fd00:9::2/64"] {
            ensure!(addresses.iter().any(|found| found == address), "{address} is not in {addresses:?}");
        }
        ensure!(!addresses.iter().any(|found| found.starts_with("10.10.")), "another's: {addresses:?}");

        // `eth0` is the pod's; the host has none, and this thread has not moved.
        let seen = netcfg::namespace::run_in(pod, || addresses_of("eth0"))?;
        ensure!(seen.iter().any(|net| net.to_string() == "10.11.0.2/16"), "{seen:?}");
        ensure!(matches!(addresses_of("eth0"), Err(Error::Netlink { .. })), "the host has no eth0");

        let refused = |nic: &str, netns: &str| {
            let error = physical_function(bed.dir(), Path::new(netns), nic).err();
            error.map(|error| {
                let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
                format!("{error}{source}")
            })
        };
        let told = refused("eth0", "/run/netns/pod").unwrap_or_default();
        ensure!(told.contains("interface eth0: the kernel names no device"), "{told}");
        let told = refused("eth7", "/run/netns/pod").unwrap_or_default();
        ensure!(told.contains("interface eth7") && told.contains("No such device"), "{told}");
        let told = refused("eth0", "/run/netns/gone").unwrap_or_default();
        ensure!(told.contains("/run/netns/gone") && told.contains("cannot be opened"), "{told}");
        let told = refused("eth0", "/etc/hostname").unwrap_or_default();
        ensure!(told.contains("/etc/hostname") && told.contains("cannot be entered"), "{told}");

        let device = device_of("ens1");
        ensure!(matches!(device, Err(Error::NoDevice { .. })), "a bridge is no device of a bus");
        let net = bed.path("sys/bus/pci/devices/0000:3b:02.1/physfn/net/ens1");
        fs::create_dir_all(net)?;
        ensure!(physical_interface(bed.dir(), "eth0", "0000:3b:02.1")? == "ens1", "the wrong interface");
        Ok(())
    })
}
