//! The provider's client against servers of the tests' own, on loopback.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops where its ground is not what it says"
)]

mod answers;
mod networks;
mod requests;
mod server;
mod settings;
mod times;
mod tls;

use ipam_k8s::iaas::{
    AllocateRequest, Assigned, PodRef, Provider, ProviderFields, ProviderSettings, ReleaseRequest,
};

/// Name and version that the tests' provider gives itself.
const AGENT: &str = "spiderpool-agent/0.1.0";

fn fields(url: &str) -> ProviderFields {
    ProviderFields { server_url: url.to_owned(), ..ProviderFields::default() }
}

fn provider_of(fields: &ProviderFields) -> Provider {
    let settings = ProviderSettings::new(fields).unwrap().expect("a provider");
    Provider::new(&settings, AGENT).unwrap()
}

fn pod() -> PodRef {
    let (name, namespace, uid, node) = ("p1".into(), "ns1".into(), "u".into(), "n1".into());
    PodRef { name, namespace, uid, node }
}

/// Both families of one NIC.
fn allocate_request() -> AllocateRequest {
    let assigned =
        [("10.0.0.0/24", "10.0.0.10"), ("fd00::/64", "fd00::a")].map(|(subnet, address)| Assigned {
            nic: "net1".parse().unwrap(),
            subnet: subnet.parse().unwrap(),
            address: address.parse().unwrap(),
        });
    let parents = [("net1".parse().unwrap(), "fa:16:3e:00:00:01".parse().unwrap())].into();
    AllocateRequest::new(pod(), &assigned, &parents).unwrap()
}

fn release_request(address: &str) -> ReleaseRequest {
    let parent = Some("fa:16:3e:00:00:01".parse().unwrap());
    ReleaseRequest::new(pod(), "10.0.0.0/24".parse().unwrap(), address.parse().unwrap(), parent)
}

/// An error with all its causes, as an agent prints it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
