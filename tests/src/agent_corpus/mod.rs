//! Replays what the Go original's agent answered and wrote against our agent, on a real API server.
//!
//! Nothing of ours is called but the program: it is started with the settings of a case, asked over its socket, and what it wrote
//! is read from the API server.

pub mod agent;
mod case;
pub mod cluster;
mod compare;
pub mod http;
pub mod uids;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::agent::Agent;
use self::case::{Call, Case, Mended, Step};
use self::cluster::Cluster;
use self::http::Request;
use self::uids::Uids;

/// The record was made with pauses of 200 to 400 ms after each change, which its caches needed.
const SETTLED_AFTER: Duration = Duration::from_millis(250);

/// What is always there.
#[must_use]
pub fn fixture() -> Vec<Value> {
    vec![
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "labels": {"kubernetes.io/hostname": "n1", "zone": "z1"}}}),
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n2", "labels": {"zone": "z2"}}}),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "spiderpool"}}),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "t", "labels": {"team": "a"}}}),
    ]
}

/// What became of a case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Our agent did what is recorded.
    AsRecorded,
    /// It did what the table of mended answers wants; the difference's name.
    Mended(String),
    /// It did something else.
    Differs(String),
}

/// One case that was replayed.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The file, without its ending.
    pub file: String,
    /// The name of the case.
    pub name: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What a scraper got of its agent afterwards.
    pub metrics: String,
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, name, outcome, .. } = self;
        match outcome {
            Outcome::AsRecorded => write!(f, "{file}/{name}: as recorded"),
            Outcome::Mended(difference) => write!(f, "{file}/{name}: mended: {difference}"),
            Outcome::Differs(problem) => write!(f, "{file}/{name}: {problem}"),
        }
    }
}

/// A cluster to replay cases in. It must have no controllers, and our custom resources.
#[derive(Debug)]
pub struct Stage {
    cluster: Cluster,
    kubeconfig: PathBuf,
    mended: Vec<Mended>,
    /// One that has the settings of the last case.
    agent: Option<(BTreeMap<String, Value>, Agent)>,
}

impl Stage {
    /// A stage on the cluster that `admin` reaches with all rights; the agent uses `agent`.
    ///
    /// # Errors
    /// The table of mended answers cannot be read, or no client can be made.
    pub async fn new(admin: &Path, agent: &Path) -> Result<Self> {
        let config = crate::connection::config(admin).await?;
        let client = kube::Client::try_from(config).context("make a client")?;
        let mended = read(&crate::golden::home().join("mended/agent.json"))?;
        Ok(Self { cluster: Cluster::new(client), kubeconfig: agent.to_owned(), mended, agent: None })
    }

    /// Replays the cases of a file that `wanted` picks by name.
    ///
    /// # Errors
    /// The file cannot be read, or the API server fails.
    pub async fn replay_file(&mut self, path: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<Replayed>> {
        let file = path.file_stem().and_then(|stem| stem.to_str()).context("a file without a name")?;
        let cases: Vec<Case> = read(path)?;
        let mut replayed = Vec::new();
        for case in cases.iter().filter(|case| wanted(&case.name)) {
            let outcome = self.replay(file, case).await?;
            let (_, agent) = self.agent.as_ref().context("an agent")?;
            let (file, name, metrics) = (file.to_owned(), case.name.clone(), agent.metrics().await?);
            replayed.push(Replayed { file, name, outcome, metrics });
        }
        Ok(replayed)
    }

    async fn replay(&mut self, file: &str, case: &Case) -> Result<Outcome> {
        self.cluster.clear().await.context("clear the stage")?;
        let mut uids = Uids::default();
        for object in fixture().iter().chain(&case.given) {
            self.cluster.create(object, &mut uids).await.with_context(|| case.name.clone())?;
        }
        if self.agent.as_ref().is_none_or(|(settings, _)| *settings != case.agent) {
            self.agent = None;
            let agent = Agent::start(&self.kubeconfig, &case.agent).await?;
            self.agent = Some((case.agent.clone(), agent));
        }
        let mended = self.mended.iter().find(|one| one.file == file && one.name == case.name);
        let (_, agent) = self.agent.as_ref().context("an agent")?;
        tokio::time::sleep(SETTLED_AFTER).await;
        Ok(match play(&self.cluster, agent, case, mended, &mut uids).await {
            Ok(()) => match mended {
                Some(mended) => Outcome::Mended(mended.difference.clone()),
                None => Outcome::AsRecorded,
            },
            Err(problem) => Outcome::Differs(format!("{problem:#}")),
        })
    }
}

async fn play(
    cluster: &Cluster,
    agent: &Agent,
    case: &Case,
    mended: Option<&Mended>,
    uids: &mut Uids,
) -> Result<()> {
    ensure!(
        mended.is_some() || case.mend.is_none(),
        "the record wants a mended answer ({}), and there is none",
        case.mend.as_deref().unwrap_or_default()
    );
    let mut mended_answers = mended.map(|mended| mended.answers.iter());
    for (number, step) in case.steps.iter().enumerate() {
        let call = match step {
            Step::Api(step) => {
                cluster.apply(step, uids).await.with_context(|| format!("step {number}"))?;
                tokio::time::sleep(SETTLED_AFTER).await;
                continue;
            }
            Step::Call(call) => call,
        };
        let answer = agent.send(&request(call, uids)?).await;
        let answer =
            answer.with_context(|| format!("step {number}; the agent's log ends: {}", agent.log()))?;
        let compared = match &mut mended_answers {
            Some(answers) if call.call == "POST /v1/ipam/ip" => {
                let mut want = answers.next().context("a mended answer is missing")?.clone();
                if let case::MendedAnswer::Given(want) = &mut want {
                    *want = uids.fill_value(want)?;
                }
                compare::same_mended(&want, &answer)
            }
            _ => {
                let mut want = Call::clone(call);
                if let Some(mended) = mended.and_then(|mended| mended.calls.get(&number)) {
                    (want.code, want.answer) = (Some(mended.code), mended.answer.clone());
                }
                want.answer = uids.fill_value(&want.answer)?;
                compare::same_answer(&want, &answer)
            }
        };
        compared.with_context(|| format!("step {number}"))?;
    }
    let pools = cluster.list("SpiderIPPool").await?;
    match mended {
        Some(mended) => compare::same_records(&mended.records, &pools),
        None => {
            let after = filled(&case.after, uids)?;
            let (endpoints, subnets) =
                (cluster.list("SpiderEndpoint").await?, cluster.list("SpiderSubnet").await?);
            compare::same_state(&after, &pools, &endpoints, &subnets)
        }
    }
}

fn filled(after: &case::After, uids: &Uids) -> Result<case::After> {
    let mut after = after.clone();
    for pool in after.pools.values_mut().chain(after.subnets.values_mut()) {
        pool.status = uids.fill_value(&pool.status)?;
        pool.created = pool.created.take().map(|created| uids.fill_value(&created)).transpose()?;
    }
    for endpoint in &mut after.endpoints {
        endpoint.metadata = uids.fill_value(&endpoint.metadata)?;
        endpoint.status = uids.fill_value(&endpoint.status)?;
    }
    Ok(after)
}

fn request(call: &Call, uids: &Uids) -> Result<Request> {
    let Some((method, path)) = call.call.split_once(' ') else { bail!("no request: {}", call.call) };
    let body = call.raw_body.clone().or_else(|| call.body.as_ref().map(Value::to_string));
    Ok(Request {
        method: method.to_owned(),
        path: path.to_owned(),
        body: body.map(|body| uids.fill(&body)),
        headers: call.headers.clone(),
        on_health_port: call.on.is_some(),
    })
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}
