//! What is behind an SR-IOV NIC: a virtual function has a physical one, whose interface is the host's.
//!
//! The kernel tells the device of an interface in the pod's namespace (`IFLA_PARENT_DEV_NAME`, since Linux 5.14); sysfs of the host
//! tells the device's physical function (`physfn`) and the name of its interface; the kernel tells that one's addresses.

use std::fs;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkMessage};

use crate::Error;
use crate::namespace::run_in;
use crate::socket::Socket;

/// A physical function of the host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PhysicalFunction {
    /// Its interface.
    pub interface: String,
    /// The addresses of that, with their prefix lengths.
    pub addresses: Vec<IpNet>,
}

/// The physical function behind a NIC in a network namespace. To be called in the host's namespace; `root` is `/` but in tests.
///
/// # Errors
/// [`Error`]; of a NIC that is no virtual function [`Error::NoDevice`] or [`Error::NotVirtual`].
pub fn physical_function(root: &Path, netns: &Path, nic: &str) -> Result<PhysicalFunction, Error> {
    let device = run_in(netns, || device_of(nic))?;
    let interface = physical_interface(root, nic, &device)?;
    let addresses = addresses_of(&interface)?;
    Ok(PhysicalFunction { interface, addresses })
}

/// The device of an interface in this thread's namespace, such as `0000:3b:02.1`.
///
/// # Errors
/// [`Error::Netlink`]: there is no such interface, for one; [`Error::NoDevice`].
pub fn device_of(interface: &str) -> Result<String, Error> {
    let link = link(&mut Socket::open()?, interface)?;
    device(&link).ok_or_else(|| Error::NoDevice { interface: interface.to_owned() })
}

fn device(link: &LinkMessage) -> Option<String> {
    let name = link.attributes.iter().find_map(|attribute| {
        if let LinkAttribute::ParentDevName(name) = attribute { Some(name) } else { None }
    })?;
    // It becomes a part of a path.
    (!name.is_empty() && !name.contains('/') && !name.starts_with("..")).then(|| name.clone())
}

/// The interface of the physical function that a device is a virtual one of, by the host's sysfs below `root`. `nic` is for the
/// errors.
///
/// # Errors
/// [`Error::NotVirtual`], [`Error::NoInterface`].
pub fn physical_interface(root: &Path, nic: &str, device: &str) -> Result<String, Error> {
    let (interface, device_name) = (nic.to_owned(), device.to_owned());
    let path: PathBuf = root.join("sys/bus/pci/devices").join(device).join("physfn/net");
    let found = fs::read_dir(&path);
    let names = found.map_err(|source| Error::NotVirtual {
        interface: interface.clone(),
        device: device_name.clone(),
        path: path.clone(),
        source,
    })?;
    let mut names: Vec<String> =
        names.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    // One but for cards with several ports on one function: the first by name, which is the first port.
    names.sort();
    names.into_iter().next().ok_or(Error::NoInterface { interface, device: device_name, path })
}

/// The addresses of an interface in this thread's namespace.
///
/// # Errors
/// [`Error::Netlink`], [`Error::Unreadable`].
pub fn addresses_of(interface: &str) -> Result<Vec<IpNet>, Error> {
    let mut socket = Socket::open()?;
    let index = link(&mut socket, interface)?.header.index;
    let question = RouteNetlinkMessage::GetAddress(AddressMessage::default());
    let answers = socket.dump(&question, "the addresses of the host")?;
    let of = |answer| {
        let RouteNetlinkMessage::NewAddress(message) = answer else { return None };
        (message.header.index == index).then_some(message)
    };
    Ok(answers.into_iter().filter_map(of).filter_map(|message| address(&message)).collect())
}

/// The local one: on a point-to-point link `Address` is the peer's.
fn address(message: &AddressMessage) -> Option<IpNet> {
    let mut peer = None;
    let mut local = None;
    for attribute in &message.attributes {
        if let AddressAttribute::Local(address) = attribute {
            local = Some(*address);
        } else if let AddressAttribute::Address(address) = attribute {
            peer = Some(*address);
        }
    }
    IpNet::new(local.or(peer)?, message.header.prefix_len).ok()
}

fn link(socket: &mut Socket, interface: &str) -> Result<LinkMessage, Error> {
    let what = format!("interface {interface}");
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::IfName(interface.to_owned()));
    let answer = socket.ask(RouteNetlinkMessage::GetLink(message), &what)?;
    if let RouteNetlinkMessage::NewLink(link) = answer { Ok(link) } else { Err(Error::Unreadable { what }) }
}

#[cfg(test)]
mod tests {
    use netlink_packet_core::{NlaBuffer, ParseableParametrized as _};
    use netlink_packet_route::AddressFamily;

    use super::*;

    /// An attribute of a link as the kernel sends it.
    fn link(kind: u16, value: &[u8]) -> LinkMessage {
        let mut bytes = u16::try_from(value.len() + 4).unwrap().to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        let buffer = NlaBuffer::new_checked(bytes.as_slice()).unwrap();
        let attribute = LinkAttribute::parse_with_param(&buffer, AddressFamily::Unspec).unwrap();
        let mut link = LinkMessage::default();
        link.attributes = vec![LinkAttribute::Mtu(1500), attribute];
        link
    }

    #[test]
    fn the_device_is_an_attribute_of_its_own() {
        // `IFLA_PARENT_DEV_NAME` and `IFLA_PARENT_DEV_BUS_NAME` of `linux/if_link.h`.
        assert_eq!(device(&link(56, b"0000:3b:02.1\0")).as_deref(), Some("0000:3b:02.1"));
        assert_eq!(device(&link(57, b"pci\0")), None);
        for odd in [&b"\0"[..], b"../x\0", b"a/b\0"] {
            assert_eq!(device(&link(56, odd)), None, "{odd:?}");
        }
    }

    #[test]
    fn the_physical_function_is_told_by_sysfs() {
        let root = tempfile::tempdir().unwrap();
        let device = "0000:3b:02.1";
        let told = |root: &Path| physical_interface(root, "eth0", device);
        assert!(matches!(told(root.path()), Err(Error::NotVirtual { .. })));
        let net = root.path().join("sys/bus/pci/devices").join(device).join("physfn/net");
        fs::create_dir_all(&net).unwrap();
        let error = told(root.path()).unwrap_err().to_string();
        assert!(error.contains("eth0") && error.contains(device) && error.contains("physfn/net"), "{error}");
        for name in ["ens1f1", "ens1f0"] {
            fs::create_dir(net.join(name)).unwrap();
        }
        assert_eq!(told(root.path()).unwrap(), "ens1f0");
    }
}
