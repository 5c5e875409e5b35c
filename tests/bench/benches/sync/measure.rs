//! Measuring: what each tool needs beforehand, one run of it, and the check that it did what it says.

use crate::cell::{Job, Sample, Tool, folder};
use crate::connector::{Done, ERRAND, Errand, What, workspace};
use crate::lab::{self, Edits, Lab, Place, count_files, folder_holds, link_all};
use crate::peers;
use crate::stopwatch::{Step, Taken, time};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One tool with a project of its own and what it keeps of it.
pub(crate) struct Bench {
    tool: Tool,
    place: Place,
    home: PathBuf,
    python: Option<PathBuf>,
}

impl Bench {
    /// For this project, with nothing in the workspace.
    pub(crate) fn new(tool: Tool, place: Place, python: Option<&Path>, lab: &Lab) -> Result<Self, String> {
        let home = lab.homes.join(format!("{}-{}", tool.name(), place.id));
        fs::create_dir_all(workspace(&home)).map_err(|error| error.to_string())?;
        let bench = Self { tool, place, home, python: python.map(Path::to_owned) };
        if matches!(tool, Tool::Sandbox | Tool::Native) {
            let what = What::Configure { token: lab.token.clone(), project: bench.place.id };
            time(&[bench.errand(what, lab)])?;
        }
        Ok(bench)
    }

    pub(crate) fn tool(&self) -> Tool {
        self.tool
    }

    /// An empty project and a workspace with these files, whose other names keep their content.
    pub(crate) fn put_files(&self, sources: &Path) {
        link_all(sources, &workspace(&self.home));
        grow_old();
    }

    /// Ten files change where the job begins, which is not measured.
    pub(crate) fn change(&self, job: Job, edits: &Edits, lab: &Lab) {
        match job {
            Job::PullTen => lab.change_branch(&self.place, edits),
            Job::PushTen => {
                edits.iter().for_each(|(path, content)| lab::write(&workspace(&self.home), path, content));
                grow_old();
            }
            _ => {}
        }
    }

    /// Does the job once.
    pub(crate) fn run(&self, job: Job, lab: &Lab) -> Result<Sample, String> {
        let steps = self.steps(job, lab);
        settle_disk(&self.home)?;
        lab.admin().log().clear();
        lab.relay.take_traffic();
        let taken = time(&steps)?;
        let (traffic, totals) = (lab.relay.take_traffic(), lab.admin().log().totals());
        let done = self.done(&taken)?;
        Ok(Sample {
            wall_ms: taken.steps_ms.iter().sum(),
            last_ms: taken.steps_ms.last().copied().unwrap_or_default(),
            requests: totals.requests as u64,
            connections: traffic.connections,
            bytes_up: traffic.up,
            bytes_down: traffic.down,
            peak_rss: taken.peak_rss,
            guest_memory: done.guest_memory,
            fuel: done.fuel,
            calls: matches!(self.tool, Tool::Sandbox | Tool::Native).then_some(done.calls),
        })
    }

    /// Looks at the side that was to change.
    pub(crate) fn check(&self, job: Job, files: usize, edits: &Edits, lab: &Lab) -> Result<(), String> {
        let workspace = workspace(&self.home);
        let right = match job {
            Job::ColdPull => count_files(&workspace) == files,
            Job::NothingNew => true,
            Job::PullTen => folder_holds(&workspace, edits),
            Job::PushTen => lab.branch_holds(&self.place, edits),
            Job::FirstPush => lab.files_on_branch(&self.place) == files,
        };
        let wrong = || format!("{} did not do {} of {files} files", self.tool.name(), job.name());
        right.then_some(()).ok_or_else(wrong)
    }

    fn steps(&self, job: Job, lab: &Lab) -> Vec<Step> {
        let workspace = workspace(&self.home);
        let pushes = matches!(job, Job::PushTen | Job::FirstPush);
        match (self.tool, &self.python) {
            (Tool::Sandbox, _) => vec![self.errand(if pushes { What::Push } else { What::Pull }, lab)],
            (Tool::Native, _) => vec![self.errand(if pushes { What::NativePush } else { What::NativePull }, lab)],
            (Tool::Git, _) => peers::git_steps(job, lab, &self.place, &workspace),
            (Tool::Python, Some(python)) => peers::python_steps(python, job, lab, &self.place, &workspace),
            (Tool::Python, None) => Vec::new(),
        }
    }

    fn errand(&self, what: What, lab: &Lab) -> Step {
        let cache = folder().join("compiled");
        let errand = Errand { home: self.home.clone(), cache, origin: lab.url(), what };
        let errand = serde_json::to_string(&errand).expect("plain data");
        let own = std::env::current_exe().expect("this program has a path");
        Step::new(own, &[ERRAND, &errand], &self.home)
    }

    fn done(&self, taken: &Taken) -> Result<Done, String> {
        match self.tool {
            Tool::Git | Tool::Python => Ok(Done::default()),
            _ => serde_json::from_str(&taken.said).map_err(|error| format!("`{}`: {error}", taken.said)),
        }
    }
}

/// Removes what the tools have left behind, and waits until that costs nothing any more. Not between rounds: ext4 without a journal
/// passes over every inode that was freed in the last 35 seconds, so that whoever writes many files into one folder afterwards
/// searches for most of the time.
pub(crate) fn clear_away(lab: &Lab, files: usize) {
    if lab.homes.exists() {
        // What cannot be removed now is removed by the next run.
        let _ = fs::remove_dir_all(&lab.homes);
        if files >= 10_000 {
            std::thread::sleep(Duration::from_secs(40));
        }
    }
}

/// What the tool before has left to the system to write down is its own cost: a tool that makes its files outlast a power cut would
/// wait for it otherwise, in its own time.
fn settle_disk(folder: &Path) -> Result<(), String> {
    let synced = fs::File::open(folder).and_then(|folder| Ok(rustix::fs::syncfs(folder)?));
    synced.map_err(|error| format!("cannot sync `{}`: {error}", folder.display()))
}

/// A file of the last tenth of a second is read by the host whatever its date, and looked at again later.
fn grow_old() {
    std::thread::sleep(Duration::from_millis(150));
}
