//! STATUS: would an ADD of a container get its addresses now?
//!
//! Asked of the store by the very question that an ADD asks, and nothing is written: pools of the configuration that are not in the
//! store yet are judged by what is written, since the first ADD will bring them in.

use std::sync::Arc;

use ipam_core::{
    Family, Nic, Obstacle, PickQuery, PoolName, PoolSpec, Query, Start, Store as _, Verdict, View, Want, Why,
};
use ipam_local::{LocalStore, OpenMode, Session};

use super::config::{AddConfig, StoreConfig};
use super::error::Error;
use super::local::{self, Operation};

/// [`crate::cni::ErrorCode::NotAvailable`] if not.
pub(super) fn run(operation: Operation<'_>) -> Result<(), Error> {
    let ipam = operation.ipam()?;
    let store = StoreConfig::read(&ipam)?;
    let config = AddConfig::read(&ipam)?;
    match judge(operation, &store, &config) {
        Ok(()) => Ok(()),
        // Whatever stands in the way of an ADD is the same answer here; a runtime looks at the number only.
        Err(error @ Error::NotAvailable { .. }) => Err(error),
        Err(error) => Err(Error::NotAvailable { why: error.to_string() }),
    }
}

fn judge(operation: Operation<'_>, store: &StoreConfig, config: &AddConfig) -> Result<(), Error> {
    let nic: Nic = "eth0".parse().map_err(Error::Name)?;
    let source = local::source(config);
    let mut written = Vec::new();
    for pool in &config.pools {
        // Faults were found as the configuration was read.
        written.extend(PoolSpec::new(&pool.name, &pool.fields).ok().map(Arc::new));
    }
    let mut local = match LocalStore::open(&store.path, OpenMode::MustExist, operation.left()) {
        Ok(local) => local,
        Err(ipam_local::Error::NotFound { .. }) if !written.is_empty() => {
            let candidates = source.candidates(&nic, &written)?;
            local::log_rejected(&candidates, operation.log);
            return serve(&candidates.v4, Family::V4, |pool| written_obstacle(&written, pool))
                .and_then(|()| serve(&candidates.v6, Family::V6, |pool| written_obstacle(&written, pool)));
        }
        Err(error) => return Err(error.into()),
    };
    let mut session = local.session(operation.left())?;
    let mut specs = session.specs()?;
    for pool in &written {
        match session.pool(pool.name())? {
            None => specs.push(Arc::clone(pool)),
            Some(stored) if stored.spec.fields() != pool.fields() => {
                let asked = ipam_local::Source::Network(operation.call.config().name().as_str().to_owned());
                if stored.source != asked {
                    let name = pool.name().to_string();
                    let (stored, asked) = (Box::new(stored.source), Box::new(asked));
                    return Err(
                        ipam_local::Error::OtherSource { kind: "SpiderIPPool", name, stored, asked }.into()
                    );
                }
            }
            Some(_) => {}
        }
    }
    let candidates = source.candidates(&nic, &specs)?;
    local::log_rejected(&candidates, operation.log);
    for (family, pools) in [(Family::V4, &candidates.v4), (Family::V6, &candidates.v6)] {
        serve(pools, family, |pool| match stored_obstacle(&mut session, pool, store)? {
            Some(Obstacle::NoPool) => written_obstacle(&written, pool),
            other => Ok(other),
        })?;
    }
    Ok(())
}

/// Looks for one pool without an obstacle. No candidates: no such address is wanted.
fn serve(
    pools: &[PoolName],
    family: Family,
    mut obstacle: impl FnMut(&PoolName) -> Result<Option<Obstacle>, Error>,
) -> Result<(), Error> {
    let mut why = Vec::new();
    for pool in pools {
        match obstacle(pool)? {
            None => return Ok(()),
            Some(obstacle) => {
                why.push(Verdict { pool: pool.clone(), why: Why::Obstacle(obstacle) }.to_string())
            }
        }
    }
    if why.is_empty() {
        Ok(())
    } else {
        Err(Error::NotAvailable { why: format!("no {family} address is free: {}", why.join(", ")) })
    }
}

fn stored_obstacle(
    session: &mut Session<'_>,
    pool: &PoolName,
    store: &StoreConfig,
) -> Result<Option<Obstacle>, Error> {
    let query = PickQuery {
        pool: pool.clone(),
        want: Want::Any(Start::Lowest),
        except: Vec::new(),
        now: session.stamp().at,
        cooldown: store.cooldown,
    };
    // A store that breaks its contract is found by the ADD.
    let view = session.read(&Query::Pick(query))?;
    Ok(if let View::Pick(view) = view { view.outcome.err() } else { None })
}

fn written_obstacle(written: &[Arc<PoolSpec>], pool: &PoolName) -> Result<Option<Obstacle>, Error> {
    let spec = written.iter().find(|spec| spec.name() == pool);
    Ok(match spec {
        None => Some(Obstacle::NoPool),
        Some(spec) if spec.is_disabled() => Some(Obstacle::Disabled),
        Some(spec) if spec.allocatable().is_empty() => Some(Obstacle::Exhausted { capacity: 0 }),
        Some(_) => None,
    })
}
