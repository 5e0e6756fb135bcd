//! Ports, plain HTTP and processes on this machine.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// A port on 127.0.0.1 that nobody listens on.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("binding a port")?;
    Ok(listener.local_addr()?.port())
}

/// The body of a plain HTTP GET on 127.0.0.1; an answer other than 200 is an error.
pub fn http_get(port: u16, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    // In one piece: a server that reads once has all of it.
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").context("not an HTTP answer")?;
    if head.split_whitespace().nth(1) != Some("200") {
        bail!("GET {path}: {}", head.lines().next().unwrap_or_default());
    }
    Ok(body.to_owned())
}

/// Whether the process runs and its command line contains `text`. False where there is no `/proc`.
pub fn process_mentions(id: &str, text: &str) -> bool {
    let Ok(line) = fs::read(format!("/proc/{id}/cmdline")) else { return false };
    String::from_utf8_lossy(&line).contains(text)
}

/// Whether the process runs; one that has ended and was not waited for does not. (A command line is no sign of
/// life: it is empty for a moment while the program is loaded.) As long as any thread is left its ports are taken,
/// although the first thread of a killed process is a zombie at once.
pub fn process_runs(id: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{id}/task")).map_or(0, Iterator::count);
    if threads > 1 {
        return true;
    }
    let of_proc = || {
        fs::read_to_string(format!("/proc/{id}/stat"))
            .ok()
            .and_then(|it| Some(it.rsplit_once(") ")?.1.to_owned()))
    };
    let of_ps = || {
        let output = Command::new("ps").args(["-o", "stat=", "-p", &id.to_string()]).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()).filter(|it| !it.is_empty())
    };
    let state = if fs::exists("/proc/self/stat").unwrap_or(false) { of_proc() } else { of_ps() };
    state.is_some_and(|state| !state.starts_with('Z'))
}

/// Asks a process to end.
pub fn terminate(id: u32) {
    let _ = Command::new("kill").arg("-TERM").arg(id.to_string()).status();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_runs_until_it_ends_and_not_as_a_zombie() {
        let mut child = Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        assert!(process_runs(child.id()));
        assert!(process_runs(std::process::id()));
        drop(child.stdin.take());
        // Not waited for yet: it becomes a zombie, then goes.
        while process_runs(child.id()) {
            std::thread::yield_now();
        }
        assert!(child.wait().unwrap().success());
        assert!(!process_runs(child.id()));
    }

    #[test]
    fn a_free_port_can_be_bound_and_answers_nobody() {
        let port = free_port().unwrap();
        assert!(http_get(port, "/").is_err());
        TcpListener::bind(("127.0.0.1", port)).unwrap();
    }

    #[test]
    fn a_get_returns_the_body_and_an_error_for_another_status() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            for status in ["200 OK", "503 Busy"] {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 1024]).unwrap();
                write!(stream, "HTTP/1.0 {status}\r\n\r\nbody").unwrap();
            }
        });
        assert_eq!(http_get(port, "/readyz").unwrap(), "body");
        assert!(http_get(port, "/readyz").unwrap_err().to_string().contains("503"));
        server.join().unwrap();
    }
}
