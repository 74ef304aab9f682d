//! The file: appended to by many processes, put aside by one of them when it is full.
//!
//! Whoever finds the file full tries for its `flock` and, once it has it, looks whether the path still leads to the file
//! that it locked. Only then is it renamed: each file is put aside once, whatever the number of processes. The others
//! go on writing to the file that they have open, under its new name; nothing waits, nothing is lost.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use rustix::fs::{Mode, OFlags};

use super::settings::LogSettings;
use super::time::file_stamp;

/// `write` may be interrupted by a signal; a process that gets more of them has other worries than its log.
const INTERRUPTIONS_MAX: usize = 16;

#[derive(Debug)]
pub(super) struct LogFile {
    file: File,
    settings: LogSettings,
}

impl LogFile {
    pub(super) fn open(settings: LogSettings) -> io::Result<Self> {
        if let Some(folder) = settings.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = append_to(&settings)?;
        let meta = file.metadata()?;
        // A terminal or /dev/null may be both; a pipe, a socket or a file that is both would mix lines into the result.
        if !meta.file_type().is_char_device() && is_stdout(&meta) {
            return Err(io::Error::other("it is standard output, which belongs to the CNI result"));
        }
        Ok(Self { file, settings })
    }

    /// Appends a line; what cannot be written is lost.
    pub(super) fn append(&mut self, line: &[u8]) {
        if self.is_full() {
            // Too long a log is better than none.
            let _ = self.put_aside();
        }
        for _ in 0..INTERRUPTIONS_MAX {
            match self.file.write(line) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A line that was cut off by a full disk is not taken up again: by then another one may stand behind it.
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn is_full(&self) -> bool {
        let meta = self.file.metadata();
        meta.is_ok_and(|meta| meta.is_file() && meta.len() >= self.settings.size_max_bytes)
    }

    fn put_aside(&mut self) -> io::Result<()> {
        // Somebody else is at it; their new file is found by the next process.
        self.file.try_lock()?;
        let mine = self.file.metadata()?;
        let is_current = fs::metadata(&self.settings.path).is_ok_and(|current| is_same(&current, &mine));
        if is_current {
            fs::rename(&self.settings.path, self.free_name(SystemTime::now())?)?;
        }
        // This drops the old file and, with it, the lock.
        self.file = append_to(&self.settings)?;
        if is_current { self.prune() } else { Ok(()) }
    }

    /// A name for the file, with the first millisecond from now that no other has. Nobody else looks for one: the next file
    /// to be put aside begins to exist by this rename.
    fn free_name(&self, now: SystemTime) -> io::Result<PathBuf> {
        const NAMES_MAX: u64 = 10_000;
        (0..NAMES_MAX)
            .filter_map(|millis| now.checked_add(Duration::from_millis(millis)))
            .map(|moment| self.aside(&file_stamp(moment)))
            .find(|name| !name.exists())
            .ok_or_else(|| io::Error::other("no name is free for the file to be put aside"))
    }

    fn aside(&self, stamp: &str) -> PathBuf {
        let (stem, extension) = self.name();
        self.settings.path.with_file_name(format!("{stem}-{stamp}{extension}"))
    }

    /// `spiderpool` and `.log`
    fn name(&self) -> (String, String) {
        let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let extension = text(self.settings.path.extension());
        let extension = if extension.is_empty() { extension } else { format!(".{extension}") };
        (text(self.settings.path.file_stem()), extension)
    }

    /// Removes the files that are too old or too many. Two processes may do so at once: what is gone is gone.
    fn prune(&self) -> io::Result<()> {
        let (stem, extension) = self.name();
        let folder = self.settings.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut stamps: Vec<String> = fs::read_dir(folder.unwrap_or_else(|| ".".as_ref()))?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|name| {
                let stamp = name.strip_prefix(&stem)?.strip_prefix('-')?.strip_suffix(extension.as_str())?;
                is_stamp(stamp).then(|| stamp.to_owned())
            })
            .collect();
        stamps.sort_unstable_by(|a, b| b.cmp(a));
        let oldest = self.settings.age_max.and_then(|age| SystemTime::now().checked_sub(age)).map(file_stamp);
        for (newer, stamp) in stamps.iter().enumerate() {
            let too_many = self.settings.files_max.is_some_and(|max| newer >= max);
            let too_old = oldest.as_ref().is_some_and(|oldest| stamp < oldest);
            if too_many || too_old {
                match fs::remove_file(self.aside(stamp)) {
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                    Ok(()) | Err(_) => {}
                }
            }
        }
        Ok(())
    }
}

/// `NONBLOCK`: a named pipe that nobody reads is an error, not a plugin that hangs.
fn append_to(settings: &LogSettings) -> io::Result<File> {
    let flags = OFlags::WRONLY
        | OFlags::APPEND
        | OFlags::CREATE
        | OFlags::CLOEXEC
        | OFlags::NOCTTY
        | OFlags::NONBLOCK;
    let fd = rustix::fs::open(&settings.path, flags, Mode::RUSR | Mode::WUSR)?;
    Ok(File::from(fd))
}

fn is_same(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

fn is_stdout(meta: &Metadata) -> bool {
    let stdout = io::stdout().as_fd().try_clone_to_owned().and_then(|fd| File::from(fd).metadata());
    stdout.is_ok_and(|stdout| is_same(&stdout, meta))
}

/// Digits and signs where [`file_stamp`] has them.
fn is_stamp(text: &str) -> bool {
    let form = "0000-00-00T00-00-00.000";
    text.len() == form.len()
        && text
            .chars()
            .zip(form.chars())
            .all(|(c, form)| if form == '0' { c.is_ascii_digit() } else { c == form })
}
