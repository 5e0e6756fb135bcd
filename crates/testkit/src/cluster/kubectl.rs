//! kubectl as a subprocess: what a user would type.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context as _, Result, bail};

/// kubectl for one kubeconfig.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    /// This program with this kubeconfig.
    pub fn new(program: PathBuf, kubeconfig: &Path) -> Self {
        Self { program, kubeconfig: kubeconfig.to_owned() }
    }

    /// The same program as another user.
    #[must_use]
    pub fn with_kubeconfig(&self, kubeconfig: &Path) -> Self {
        Self::new(self.program.clone(), kubeconfig)
    }

    /// The program's path.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// A command that is ready but for its arguments.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env("KUBECONFIG", &self.kubeconfig).stdin(Stdio::null());
        command
    }

    /// Runs it and returns what it prints; an error carries its stderr.
    pub fn run<A: AsRef<OsStr>>(&self, args: &[A], stdin: Option<&str>) -> Result<String> {
        let mut command = self.command();
        command.args(args);
        capture(&mut command, stdin)
    }
}

/// Runs a command to its end and returns its stdout; an error carries its stderr.
pub fn capture(command: &mut Command, stdin: Option<&str>) -> Result<String> {
    command.stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let what = line(command);
    let mut child = command.spawn().with_context(|| format!("cannot start {what}"))?;
    let pipe = child.stdin.take();
    let text = stdin.unwrap_or_default().to_owned();
    // Beside the reading, or a long input and a long output wait for each other.
    let writer = thread::spawn(move || pipe.map_or(Ok(()), |mut pipe| pipe.write_all(text.as_bytes())));
    let output = child.wait_with_output().with_context(|| format!("waiting for {what}"))?;
    if !output.status.success() {
        bail!("{what}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    match writer.join() {
        Ok(Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => {
            bail!("{what}: writing its input: {error}")
        }
        _ => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
    }
}

fn line(command: &Command) -> String {
    let program =
        Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let args = command.get_args().map(|arg| arg.to_string_lossy().into_owned());
    std::iter::once(program).chain(args).collect::<Vec<_>>().join(" ")
}
