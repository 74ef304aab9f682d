//! What the operator of the story writes.

/// Where the application lives.
pub(super) const NAMESPACE: &str = "shop";

/// The application.
pub(super) const DEPLOYMENT: &str = "web";

/// How many pods it has, as many as the pools have addresses.
pub(super) const REPLICAS: usize = 20;

/// The two nodes, each with the letter that stands for it in the map.
pub(super) const NODES: [(&str, char); 2] = [("node-a", 'a'), ("node-b", 'b')];

/// What the ConfigMap `spiderpool-conf` says: to the agents, and to `spiderpoolctl`, which foretells what they do. JSON is YAML.
pub(super) const CONF: &str = r#"{"enableIPv4": true, "enableIPv6": false}"#;

/// Two pools of one network, and a range of it that is never given out.
pub(super) const POOLS: &str = "\
apiVersion: spiderpool.spidernet.io/v2beta1
kind: SpiderIPPool
metadata: {name: lan}
spec: {ipVersion: 4, subnet: 10.6.0.0/24, gateway: 10.6.0.1, ips: [10.6.0.10-10.6.0.27]}
---
apiVersion: spiderpool.spidernet.io/v2beta1
kind: SpiderIPPool
metadata: {name: lan-more}
spec: {ipVersion: 4, subnet: 10.6.0.0/24, gateway: 10.6.0.1, ips: [10.6.0.40-10.6.0.43]}
---
apiVersion: spiderpool.spidernet.io/v2beta1
kind: SpiderReservedIP
metadata: {name: printers}
spec: {ipVersion: 4, ips: [10.6.0.18-10.6.0.19]}
";

/// The application, with the pools that its pods draw from.
pub(super) const APPLICATION: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 20
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
      annotations:
        ipam.spidernet.io/ippool: '{"ipv4": ["lan", "lan-more"]}'
    spec:
      containers: [{name: web, image: example.com/web}]
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_application_is_what_the_story_calls_it() {
        for part in
            [format!("{{name: {DEPLOYMENT}, namespace: {NAMESPACE}}}"), format!("replicas: {REPLICAS}\n")]
        {
            assert!(APPLICATION.contains(&part), "{part}");
        }
    }
}
