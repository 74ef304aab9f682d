//! How large the pools are that the agent knows. etcd takes no object of more than 1.5 MiB, so that a pool can be full before its
//! addresses are.

use std::fmt;
use std::sync::{Arc, OnceLock};

use ipam_k8s::store::{ClusterStore, POOL_BYTES_MAX};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

/// The gauge, without its prefix.
pub(super) const NAME: &str = "ippool_bytes";

/// What it says.
pub(super) fn help() -> String {
    format!(
        "Size of an IPPool that this agent has read or written, label ippool; it takes no more addresses at {POOL_BYTES_MAX}"
    )
}

/// Where sizes come from, once there is a store.
#[derive(Clone, Debug, Default)]
pub(super) struct Sizes(pub(super) Arc<OnceLock<Arc<ClusterStore>>>);

impl Collector for Sizes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut metric = encoder.encode_descriptor(NAME, &help(), None, MetricType::Gauge)?;
        let Some(store) = self.0.get() else { return Ok(()) };
        for (pool, bytes) in store.pool_bytes() {
            let gauge = ConstGauge::new(i64::try_from(bytes).unwrap_or(i64::MAX));
            gauge.encode(metric.encode_family(&[("ippool", pool.as_str())])?)?;
        }
        Ok(())
    }
}
