//! Replays what the Go original's webhooks answered (`tests/golden`, see the README there) against the pure rules.
//!
//! [`replay_folder`] takes any folder in that form, so a corpus that is kept elsewhere is held against the same rules
//! and the same table of mended answers. Each case ends as one [`Outcome`]; none drops out in silence.

mod case;
mod compare;
mod mended;
mod records;
mod replay;
mod subnets;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use self::case::Case;
pub use self::mended::{Mended, mended};
use self::replay::{Answer, replay};

/// The kinds whose admission is replayed, as the files are named.
pub const KINDS: &[&str] = &["spiderippool", "spiderreservedip", "spidersubnet"];

/// The folder of the recorded answers that are part of this repository.
#[must_use]
pub fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

/// What became of one case.
#[derive(Debug)]
pub enum Outcome {
    /// Our answer is the original's.
    AsRecorded,
    /// Our answer is another one, and the one that the table of mended answers wants.
    Mended {
        /// The recorded and our answer.
        answers: Answers,
        /// The difference's name, as the book tells it, and the rule that asks for it.
        because: String,
    },
    /// Admission has no part in the case.
    LeftOut(&'static str),
    /// Our answer is another one, and nothing explains it.
    Unexplained {
        /// The recorded and our answer.
        answers: Answers,
        /// What differs.
        problem: String,
    },
}

/// Both answers to one request, for people.
#[derive(Debug)]
pub struct Answers {
    recorded: String,
    ours: String,
}

/// One case that was replayed.
#[derive(Debug)]
pub struct Replayed {
    /// The kind of the object, as the file is named.
    pub kind: &'static str,
    /// The name of the case.
    pub name: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// How many cases ended in which way.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// [`Outcome::AsRecorded`].
    pub as_recorded: usize,
    /// [`Outcome::Mended`].
    pub mended: usize,
    /// [`Outcome::LeftOut`].
    pub left_out: usize,
    /// [`Outcome::Unexplained`].
    pub unexplained: usize,
}

impl Counts {
    /// Counts cases.
    pub fn of<'a>(replayed: impl IntoIterator<Item = &'a Replayed>) -> Self {
        let mut counts = Self::default();
        for one in replayed {
            let counter = match one.outcome {
                Outcome::AsRecorded => &mut counts.as_recorded,
                Outcome::Mended { .. } => &mut counts.mended,
                Outcome::LeftOut(_) => &mut counts.left_out,
                Outcome::Unexplained { .. } => &mut counts.unexplained,
            };
            *counter += 1;
        }
        counts
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { as_recorded, mended, left_out, unexplained } = self;
        let all = as_recorded + mended + left_out + unexplained;
        write!(
            f,
            "{all} cases: {as_recorded} as recorded, {mended} mended, {left_out} left out, {unexplained} unexplained"
        )
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}: ", self.kind, self.name)?;
        match &self.outcome {
            Outcome::AsRecorded => f.write_str("as recorded"),
            Outcome::LeftOut(reason) => write!(f, "left out: {reason}"),
            Outcome::Mended { answers, because } => write!(f, "mended: {because}\n{answers}"),
            Outcome::Unexplained { answers, problem } => write!(f, "UNEXPLAINED: {problem}\n{answers}"),
        }
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  recorded: {}\n  ours:     {}", self.recorded, self.ours)
    }
}

/// The files of a folder: those of a known kind, and the names of the others.
#[derive(Debug)]
pub struct Folder {
    /// Each known kind with its file, in the order of [`KINDS`].
    pub files: Vec<(&'static str, PathBuf)>,
    /// Other files with recordings, which are not replayed.
    pub ignored: Vec<String>,
}

impl Folder {
    /// Looks into a folder.
    ///
    /// # Errors
    /// The folder cannot be read, or has no file of a known kind.
    pub fn open(folder: &Path) -> Result<Self> {
        let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
        for entry in
            fs::read_dir(folder).with_context(|| format!("{}: cannot be listed", folder.display()))?
        {
            let path = entry?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if name.ends_with(".json") {
                found.insert(name, path);
            }
        }
        let files: Vec<(&'static str, PathBuf)> =
            KINDS.iter().filter_map(|kind| Some((*kind, found.remove(&format!("{kind}.json"))?))).collect();
        if files.is_empty() {
            bail!("{}: no file of {}, named as KIND.json", folder.display(), KINDS.join(", "));
        }
        Ok(Self { files, ignored: found.into_keys().collect() })
    }
}

/// Replays every case of a folder, and compares with what was recorded and with this repository's mended answers.
///
/// # Errors
/// A file cannot be read or is no array.
pub fn replay_folder(folder: &Folder) -> Result<Vec<Replayed>> {
    let mut replayed = Vec::new();
    for (kind, file) in &folder.files {
        let kind = *kind;
        let mended = mended(kind)?;
        let text = fs::read_to_string(file).with_context(|| format!("{}: cannot be read", file.display()))?;
        let cases: Vec<Value> = serde_json::from_str(&text)
            .with_context(|| format!("{}: is no array of cases", file.display()))?;
        for (index, case) in cases.into_iter().enumerate() {
            let name =
                case.get("name").and_then(Value::as_str).map_or_else(|| format!("#{index}"), str::to_owned);
            let outcome = judge(kind, case, mended.get(&name));
            replayed.push(Replayed { kind, name, outcome });
        }
    }
    Ok(replayed)
}

fn judge(kind: &str, case: Value, mended: Option<&Mended>) -> Outcome {
    let unread = |problem: String| {
        let answers = Answers { recorded: "unknown".to_owned(), ours: "none".to_owned() };
        Outcome::Unexplained { answers, problem }
    };
    let case: Case = match serde_json::from_value(case) {
        Ok(case) => case,
        Err(error) => return unread(format!("the case cannot be read: {error}")),
    };
    let case = case.with_dry_run();
    let answer = match replay(kind, &case) {
        Ok(answer) => answer,
        Err(problem) => return unread(format!("the case cannot be replayed: {problem}")),
    };
    if let Answer::NotAsked(reason) = answer {
        return Outcome::LeftOut(reason);
    }
    let answers = || Answers { recorded: case.told(), ours: answer.told() };
    let result = match mended {
        Some(mended) => compare::with_mended(mended, &answer).map(|()| Some(mended.because())),
        None => compare::with_recorded(&case, &answer).map(|()| None),
    };
    match result {
        Ok(None) => Outcome::AsRecorded,
        Ok(Some(because)) => Outcome::Mended { answers: answers(), because },
        Err(problem) => Outcome::Unexplained { answers: answers(), problem },
    }
}
