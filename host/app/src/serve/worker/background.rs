//! Where jobs run: threads of their own, after which the server's others come first. However many jobs there are, a delivery or a page
//! waits for none of them.

use std::io;
use tokio::runtime::{Builder, Handle, Runtime};

/// More would only take turns on the same cores.
const MOST_THREADS: usize = 4;
/// Of 19: a tenth of the time of others where there is not enough for all, and all of it where nobody else wants it.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// The threads. They end with what runs on them when this is dropped.
pub(super) struct Background {
    runtime: Option<Runtime>,
}

impl Background {
    pub(super) fn start(jobs: u32) -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.min(MOST_THREADS).min(jobs as usize).max(1);
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(threads).thread_name("jobs").on_thread_start(stand_back).enable_all();
        Ok(Self { runtime: Some(builder.build()?) })
    }

    pub(super) fn handle(&self) -> &Handle {
        self.runtime.as_ref().expect("it is there until it is dropped").handle()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // It may be dropped by a task, which must not wait.
            runtime.shutdown_background();
        }
    }
}

/// Only Linux does so for one thread; elsewhere the scheduler shares evenly.
fn stand_back() {
    #[cfg(target_os = "linux")]
    {
        // Where it is not allowed, jobs are as good as others.
        let _ = rustix::process::nice(NICE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn jobs_stand_back_and_the_server_does_not() {
        let nice = || rustix::process::nice(0).unwrap();
        let background = Background::start(16).unwrap();
        let before = nice();
        let theirs = background.handle().spawn(async move { rustix::process::nice(0).unwrap() }).await.unwrap();
        let beside = background.handle().spawn_blocking(move || rustix::process::nice(0).unwrap()).await.unwrap();
        // 19 is as far back as one can stand, and who runs the tests may stand there.
        let back = (before + NICE).min(19);
        assert_eq!((theirs, beside), (back, back));
        assert_eq!(nice(), before);
    }
}
