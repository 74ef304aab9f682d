//! `conf.yml` while the agent runs: what may change holds from the next request on, and what may not is told.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ipam_k8s::Causes;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::settings::{Environment, LiveSettings, Settings, SettingsError, Warning};

/// How often the file is looked at. The kubelet itself takes up to a minute to bring a new one.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Follows the file for ever. A file that cannot be used changes nothing, and is told once.
pub(super) async fn follow(
    environment: impl Environment + Clone + Send + 'static,
    path: PathBuf,
    mut settings: Settings,
    live: watch::Sender<LiveSettings>,
) {
    let mut seen = None;
    loop {
        let (environment, file) = (environment.clone(), path.clone());
        // A volume that hangs must not hold up requests.
        let looked = tokio::task::spawn_blocking(move || look(&environment, &file)).await;
        if let Ok((text, loaded)) = looked
            && seen.as_ref() != Some(&text)
        {
            // The first look only takes note of what the agent has started with.
            let is_first = seen.replace(text).is_none();
            match loaded {
                Ok((newer, _)) if is_first && newer == settings => {}
                Ok((newer, warnings)) => take_over(&mut settings, &newer, &warnings, &live),
                Err(error) => {
                    error!(error = %Causes(&error), "conf.yml cannot be used and changes nothing")
                }
            }
        }
        sleep(LOOK_EVERY).await;
    }
}

type Loaded = Result<(Settings, Vec<Warning>), SettingsError>;

/// The text of the file, nothing where it cannot be read, and what it comes to.
fn look(environment: &impl Environment, path: &Path) -> (Option<String>, Loaded) {
    (std::fs::read_to_string(path).ok(), Settings::load(environment, path))
}

fn take_over(
    settings: &mut Settings,
    newer: &Settings,
    warnings: &[Warning],
    live: &watch::Sender<LiveSettings>,
) {
    for warning in warnings {
        warn!("{warning}");
    }
    for change in settings.changes(newer) {
        let (key, from, to) = (change.key.name, &change.from, &change.to);
        if change.is_live() {
            info!(key, from, to, "a setting has changed");
        } else {
            warn!(key, from, to, "a setting has changed and wants a restart; until then the old value holds");
        }
    }
    *settings = settings.adopt(newer);
    live.send_if_modified(|now| std::mem::replace(now, settings.live.clone()) != settings.live);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use ipam_core::Policy;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_new_file_is_taken_over_as_far_as_it_may_be() {
        let names = ["SPIDERPOOL_POD_NAMESPACE", "SPIDERPOOL_POD_NAME", "SPIDERPOOL_NODE_NAME"];
        let environment: BTreeMap<&str, String> =
            names.into_iter().map(|name| (name, "x".to_owned())).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("conf.yml");
        let write = |text: &str| fs::write(&path, format!("enableIPv4: true\n{text}")).unwrap();
        write("");
        let (settings, _) = Settings::load(&environment, &path).unwrap();
        let (sender, mut live) = watch::channel(settings.live.clone());
        let following = tokio::spawn(follow(environment, path.clone(), settings, sender));

        sleep(LOOK_EVERY * 3).await;
        assert!(!live.has_changed().unwrap());
        // A new value holds, whatever else the file says that wants a restart.
        write("allocationPolicy: spread\nenableIPv6: true\n");
        timeout(LOOK_EVERY * 3, live.changed()).await.unwrap().unwrap();
        assert_eq!(live.borrow_and_update().policy, Policy::Spread);
        // What cannot be used changes nothing, nor does a file that is gone for a while.
        write("allocationPolicy: rotate\n");
        sleep(LOOK_EVERY * 2).await;
        fs::remove_file(&path).unwrap();
        sleep(LOOK_EVERY * 2).await;
        assert!(!live.has_changed().unwrap());
        write("");
        timeout(LOOK_EVERY * 3, live.changed()).await.unwrap().unwrap();
        assert_eq!(live.borrow_and_update().policy, Policy::Lowest);
        following.abort();
    }
}
