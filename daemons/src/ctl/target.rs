//! Where a command looks: the store of this host, or a cluster.
//!
//! The first of these that says something decides: `--store`; `--cluster`, `--kubeconfig` or `--context`; the variable
//! `SPIDERPOOL_STORE`; the variable `KUBECONFIG`; the default store. Which one it was is a part of each error that may come of it.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use super::args::Command;
use super::exit::Usage;

/// Where packages put it.
const STORE_DEFAULT: &str = "/var/lib/spiderpool/ipam.db";

const STORE: &str = "SPIDERPOOL_STORE";
const KUBECONFIG: &str = "KUBECONFIG";

/// The options that choose.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "For every command")]
pub(super) struct TargetArgs {
    /// The store of this host, by its file. Variable: SPIDERPOOL_STORE. Default: /var/lib/spiderpool/ipam.db.
    #[arg(long, global = true, value_name = "PATH")]
    store: Option<PathBuf>,
    /// The cluster of KUBECONFIG or ~/.kube/config; without either the one that this pod runs in.
    #[arg(long, global = true)]
    cluster: bool,
    /// The cluster that this file names. Variable: KUBECONFIG.
    #[arg(long, global = true, value_name = "PATH")]
    kubeconfig: Option<PathBuf>,
    /// The cluster of this context of the file.
    #[arg(long, global = true, value_name = "NAME")]
    context: Option<String>,
}

/// What a command is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Target {
    pub(super) place: Place,
    /// Who chose it.
    by: &'static str,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Place {
    Store(PathBuf),
    Cluster(Access),
}

/// The way to a cluster.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Access {
    pub(super) kubeconfig: Option<PathBuf>,
    pub(super) context: Option<String>,
}

impl Target {
    /// What the options and the environment say.
    pub(super) fn choose(
        args: TargetArgs,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Usage> {
        let TargetArgs { store, cluster, kubeconfig, context } = args;
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let by_cluster = match (cluster, &kubeconfig, &context) {
            (_, Some(_), _) => Some("--kubeconfig"),
            (_, None, Some(_)) => Some("--context"),
            (true, None, None) => Some("--cluster"),
            (false, None, None) => None,
        };
        let access = Access { kubeconfig, context };
        let (place, by) = match (store, by_cluster) {
            (Some(_), Some(other)) => {
                let text = format!("--store and {other}: want one of them, a store or a cluster");
                return Err(Usage(text));
            }
            (Some(path), None) => (Place::Store(path), "--store"),
            (None, Some(by)) => (Place::Cluster(access), by),
            (None, None) => {
                if let Some(path) = set(STORE) {
                    (Place::Store(path.into()), STORE)
                } else if set(KUBECONFIG).is_some() {
                    (Place::Cluster(access), KUBECONFIG)
                } else {
                    (Place::Store(STORE_DEFAULT.into()), "nothing else")
                }
            }
        };
        Ok(Self { place, by })
    }

    /// Refuses a command that the place has nothing for.
    pub(super) fn admit(&self, command: &Command) -> Result<(), Usage> {
        let Place::Cluster(_) = self.place else { return Ok(()) };
        let (name, instead) = match command {
            Command::Apply(_) => ("apply", "`kubectl apply -f FILE`"),
            Command::Delete(_) => ("delete", "`kubectl delete spiderippool NAME`"),
            Command::Gc(_) => {
                ("gc", "`spiderpoolctl fsck --repair`, which releases what pods had that are gone")
            }
            Command::Export(_) => {
                ("export", "`kubectl get spiderippools,spiderreservedips,spiderendpoints -A -o yaml`")
            }
            Command::Import(_) => ("import", "`kubectl apply -f FILE`"),
            Command::Get(_)
            | Command::Pool(_)
            | Command::Ip(_)
            | Command::Explain(_)
            | Command::Fsck(_)
            | Command::Completions { .. } => return Ok(()),
        };
        Err(Usage(format!(
            "`{name}` is for the store of one host, and {self} was chosen; use {instead}, or choose a store with --store PATH"
        )))
    }

    /// How to choose the other one.
    pub(super) fn hint(&self) -> String {
        match &self.place {
            Place::Store(_) => {
                format!("{self} was chosen; a cluster is chosen by --cluster or --kubeconfig PATH")
            }
            Place::Cluster(_) => format!("{self} was chosen; a store of one host is chosen by --store PATH"),
        }
    }

    /// Whether the caller named it.
    pub(super) fn is_explicit(&self) -> bool {
        self.by.starts_with("--")
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Store(path) => write!(f, "the store {} (by {})", path.display(), self.by),
            Place::Cluster(access) => write!(f, "{access} (by {})", self.by),
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the cluster")?;
        if let Some(context) = &self.context {
            write!(f, " of context {context}")?;
        }
        match &self.kubeconfig {
            Some(file) => write!(f, " of {}", file.display()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Variables<'a> = &'a [(&'a str, &'a str)];

    fn chosen(flags: &[&str], variables: Variables<'_>) -> Result<String, String> {
        let mut args = TargetArgs::default();
        for flag in flags {
            match flag.split_once('=') {
                Some(("--store", value)) => args.store = Some(value.into()),
                Some(("--kubeconfig", value)) => args.kubeconfig = Some(value.into()),
                Some((_, value)) => args.context = Some(value.to_owned()),
                None => args.cluster = true,
            }
        }
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        Target::choose(args, variable).map(|target| target.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_first_that_is_given_decides() {
        let both = [(STORE, "/s"), (KUBECONFIG, "/k")];
        let cases: [(&[&str], Variables<'_>, &str); 10] = [
            (&[], &[], "the store /var/lib/spiderpool/ipam.db (by nothing else)"),
            (
                &[],
                &[(STORE, ""), (KUBECONFIG, "")],
                "the store /var/lib/spiderpool/ipam.db (by nothing else)",
            ),
            (&[], &both, "the store /s (by SPIDERPOOL_STORE)"),
            (&[], &[(KUBECONFIG, "/k")], "the cluster (by KUBECONFIG)"),
            (&["--store=/x"], &both, "the store /x (by --store)"),
            (&["--cluster"], &both, "the cluster (by --cluster)"),
            (&["--kubeconfig=/x"], &both, "the cluster of /x (by --kubeconfig)"),
            (&["--context=c"], &both, "the cluster of context c (by --context)"),
            (&["--context=c", "--kubeconfig=/x"], &[], "the cluster of context c of /x (by --kubeconfig)"),
            (&["--cluster", "--context=c"], &[], "the cluster of context c (by --context)"),
        ];
        for (flags, variables, want) in cases {
            assert_eq!(chosen(flags, variables).unwrap(), want, "{flags:?} {variables:?}");
        }
        assert_eq!(
            chosen(&["--store=/x", "--cluster"], &[]).unwrap_err(),
            "--store and --cluster: want one of them, a store or a cluster"
        );
    }
}
