//! Two cores for the server, the others for the load.

use crate::tenants::Scene;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Those of the server, and those of everything else.
pub(crate) const SERVER: [usize; 2] = [0, 1];
pub(crate) const LOAD: [usize; 2] = [2, 3];

/// This thread, and whatever it starts from now on.
pub(crate) fn take(cores: [usize; 2]) {
    let mut set = rustix::thread::CpuSet::new();
    cores.into_iter().for_each(|core| set.set(core));
    // On a machine with fewer cores all share them, and the figures say so.
    let _ = rustix::thread::sched_setaffinity(None, &set);
}

/// A process on the server's cores. Ends when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(scene: &Scene) -> Self {
        let mut command = scene.command(&["serve", "--listen", "127.0.0.1:0"]);
        Self::spawn(command.stderr(Stdio::piped()))
    }

    /// This very program, as a server that stores what it is sent.
    pub(crate) fn start_storing(folder: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
        Self::spawn(command.arg("--store-only").arg(folder).stderr(Stdio::piped()))
    }

    fn spawn(command: &mut Command) -> Self {
        take(SERVER);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        take(LOAD);
        let mut child = child.expect("the server starts");
        let mut said = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut line = String::new();
        said.read_line(&mut line).expect("a line");
        // The product says it in a line of JSON, the storing one in words.
        let address = line
            .split("http://")
            .nth(1)
            .and_then(|rest| rest.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok());
        let address = address.unwrap_or_else(|| panic!("{line}"));
        // A pipe that nobody reads would stop it.
        std::thread::spawn(move || said.read_to_end(&mut vec![]));
        Self { child, address }
    }

    /// What it has used of its cores.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("Linux");
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        // The kernel counts in hundredths of a second for whoever asks this way.
        Duration::from_millis(ticks * 10)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
