//! A recorded case, as its file has it. The README beside the record says what the keys mean.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// One case.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Case {
    pub(super) name: String,
    /// Settings that differ from the recorder's; `null`: not set.
    #[serde(default)]
    pub(super) agent: BTreeMap<String, Value>,
    pub(super) given: Vec<Value>,
    pub(super) steps: Vec<Step>,
    #[serde(default)]
    pub(super) after: After,
    pub(super) mend: Option<String>,
}

/// Something that happened.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Step {
    /// A request to the agent with its answer.
    Call(Box<Call>),
    /// A change by somebody else.
    Api(Box<Api>),
}

/// A request.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Call {
    pub(super) call: String,
    pub(super) body: Option<Value>,
    pub(super) raw_body: Option<String>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Option<String>>,
    /// `health-port`, or the socket.
    pub(super) on: Option<String>,
    /// None if no answer came.
    pub(super) code: Option<u16>,
    #[serde(default)]
    pub(super) answer: Value,
    pub(super) allow: Option<String>,
}

/// A change.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Api {
    pub(super) api: String,
    pub(super) object: Value,
    #[serde(default)]
    pub(super) patch: Value,
    #[serde(default)]
    pub(super) options: Value,
}

/// The state afterwards.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct After {
    pub(super) pools: BTreeMap<String, PoolAfter>,
    pub(super) endpoints: Vec<EndpointAfter>,
    pub(super) subnets: BTreeMap<String, PoolAfter>,
}

/// A pool or subnet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PoolAfter {
    pub(super) status: Value,
    /// What the agent made, where it did.
    pub(super) created: Option<Value>,
}

/// An endpoint.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct EndpointAfter {
    pub(super) metadata: Value,
    pub(super) status: Value,
}

/// What is right where the record is not (`tests/golden/mended/agent.json`).
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Mended {
    pub(super) file: String,
    pub(super) name: String,
    /// The name under which the book tells the difference.
    pub(super) difference: String,
    /// Answer by answer, of ADDs.
    pub(super) answers: Vec<MendedAnswer>,
    /// Other answers, by the number of the step.
    #[serde(default)]
    pub(super) calls: BTreeMap<usize, MendedCall>,
    /// Pod by address, pool by pool; pools without records are not listed.
    #[serde(default)]
    pub(super) records: BTreeMap<String, BTreeMap<String, String>>,
}

/// What another call than an ADD is to be answered.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct MendedCall {
    pub(super) code: u16,
    #[serde(default)]
    pub(super) answer: Value,
}

/// A mended answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum MendedAnswer {
    /// 500, with a text that begins with this.
    Refused {
        /// The text.
        refused: String,
    },
    /// 200.
    Given(Value),
}
