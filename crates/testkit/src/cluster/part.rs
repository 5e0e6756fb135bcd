//! One program of a control plane, to be taken away and brought back.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::kubectl::capture;
use crate::net;

/// A program of a control plane. Dropping it changes nothing.
#[derive(Debug)]
pub struct Part {
    file: PathBuf,
    line: Vec<String>,
    folder: PathBuf,
    log: PathBuf,
}

impl Part {
    /// The program whose process id is in this file.
    pub(super) fn new(file: PathBuf) -> Result<Self> {
        let id = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let process = PathBuf::from("/proc").join(id.trim());
        let line = fs::read_to_string(process.join("cmdline")).context("its command line")?;
        let line = line.split('\0').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let log = fs::read_link(process.join("fd/2")).context("its log")?;
        Ok(Self { file, line, folder: fs::read_link(process.join("cwd")).context("its folder")?, log })
    }

    fn id(&self) -> Result<u32> {
        fs::read_to_string(&self.file)?.trim().parse().context("a process id")
    }

    fn signal(&self, signal: &str) -> Result<()> {
        capture(Command::new("kill").arg(signal).arg(self.id()?.to_string()), None).map(drop)
    }

    /// Stops it where it is: its connections stay open, and nothing is answered.
    pub fn freeze(&self) -> Result<()> {
        self.signal("-STOP")
    }

    /// Lets it go on.
    pub fn thaw(&self) -> Result<()> {
        self.signal("-CONT")
    }

    /// Ends it at once, as a crash does.
    pub fn kill(&self) -> Result<()> {
        let id = self.id()?;
        self.signal("-KILL")?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while net::process_runs(id) {
            ensure!(Instant::now() < deadline, "process {id} does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Starts it again with the arguments it had.
    pub fn start(&self) -> Result<()> {
        let (program, args) = self.line.split_first().context("an empty command line")?;
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.folder).process_group(0);
        let log = File::options().append(true).open(&self.log).context("its log")?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("starting {program}"))?;
        fs::write(&self.file, child.id().to_string()).context("noting the process id")
    }
}
