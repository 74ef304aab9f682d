//! `golden admission FOLDER`: replays recorded answers and prints each difference. `cargo xtask golden` starts it.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "this program talks to a person or to a CI page")]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use spiderpool_tests::golden::{Counts, Folder, Outcome, replay_folder};

fn main() -> Result<ExitCode> {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let folder = match args.as_slice() {
        [what, folder] if what == "admission" => PathBuf::from(folder),
        _ => bail!("want: golden admission FOLDER"),
    };
    let folder = Folder::open(&folder)?;
    for name in &folder.ignored {
        println!("ignored: {name}: no kind that is replayed");
    }
    let replayed = replay_folder(&folder)?;
    for one in replayed.iter().filter(|one| !matches!(one.outcome, Outcome::AsRecorded)) {
        println!("{one}");
    }
    for (kind, _) in &folder.files {
        println!("{kind}: {}", Counts::of(replayed.iter().filter(|one| one.kind == *kind)));
    }
    let counts = Counts::of(&replayed);
    println!("{counts}");
    Ok(if counts.unexplained == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
