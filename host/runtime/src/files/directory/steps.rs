//! Where a test stops the process or lets the disk fail: before each change to the file system, counted. Nothing outside tests.
//! Looks at files and listings of folders are counted, too.

/// What is counted apart from steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Name,
    Listing,
}

#[cfg(not(test))]
#[derive(Clone, Default)]
pub(crate) struct Steps(());

#[cfg(not(test))]
impl Steps {
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "its twin in tests counts and fails")]
    pub(crate) fn take(&self) -> std::io::Result<()> {
        Ok(())
    }

    pub(crate) fn take_sync(&self) -> std::io::Result<()> {
        self.take()
    }

    #[expect(clippy::unused_self, reason = "its twin in tests can say no")]
    pub(crate) fn can_exchange(&self) -> bool {
        true
    }

    /// For a look at a name or a listing of a folder, which change nothing.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "its twin in tests counts and fails")]
    pub(crate) fn take_look(&self, _: Look) -> std::io::Result<()> {
        Ok(())
    }

    pub(crate) const WRITES_IN_HALVES: bool = false;
}

#[cfg(test)]
pub(crate) use counted::{Fault, Steps};

#[cfg(test)]
mod counted {
    use std::io;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use super::Look;

    /// What happens at the chosen step.
    #[derive(Clone, Default)]
    pub(crate) enum Fault {
        #[default]
        None,
        /// The process dies, as by `kill -9`.
        Abort,
        /// This one step fails.
        Once(io::ErrorKind),
        /// This step and all later ones fail: to the disk the same as a death, without a process to pay for.
        FromHere(io::ErrorKind),
        /// Someone else does something in this moment.
        Meanwhile(Arc<dyn Fn() + Send + Sync>),
    }

    #[derive(Clone, Default)]
    pub(crate) struct Steps {
        taken: Arc<AtomicUsize>,
        syncs: Arc<AtomicUsize>,
        looks: Arc<Mutex<Vec<Look>>>,
        blind_at: Option<usize>,
        fault: Fault,
        at: usize,
        no_exchange: bool,
    }

    impl Steps {
        pub(crate) const WRITES_IN_HALVES: bool = true;

        pub(crate) fn failing(fault: Fault, at: usize) -> Self {
            Self { fault, at, ..Self::default() }
        }

        /// As on a file system that cannot let two names change places.
        pub(crate) fn without_exchange(self) -> Self {
            Self { no_exchange: true, ..self }
        }

        pub(crate) fn can_exchange(&self) -> bool {
            !self.no_exchange
        }

        pub(crate) fn taken(&self) -> usize {
            self.taken.load(Ordering::SeqCst)
        }

        /// How many of them waited for the disk.
        pub(crate) fn syncs(&self) -> usize {
            self.syncs.load(Ordering::SeqCst)
        }

        pub(crate) fn take_look(&self, look: Look) -> io::Result<()> {
            let mut looks = self.looks.lock().unwrap();
            looks.push(look);
            if self.blind_at == Some(looks.len()) { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
        }

        /// Where one look fails, the first being number one.
        pub(crate) fn blind_at(look: usize) -> Self {
            Self { blind_at: Some(look), ..Self::default() }
        }

        /// How many names were looked at and how many folders listed since this was asked last.
        pub(crate) fn looked(&self) -> (usize, usize) {
            let looks = std::mem::take(&mut *self.looks.lock().unwrap());
            let names = looks.iter().filter(|look| **look == Look::Name).count();
            (names, looks.len() - names)
        }

        /// A step that waits for the disk.
        pub(crate) fn take_sync(&self) -> io::Result<()> {
            self.syncs.fetch_add(1, Ordering::SeqCst);
            self.take()
        }

        pub(crate) fn take(&self) -> io::Result<()> {
            let step = self.taken.fetch_add(1, Ordering::SeqCst);
            match &self.fault {
                Fault::Abort if step == self.at => std::process::abort(),
                Fault::Once(kind) if step == self.at => Err((*kind).into()),
                Fault::FromHere(kind) if step >= self.at => Err((*kind).into()),
                Fault::Meanwhile(act) if step == self.at => {
                    act();
                    Ok(())
                }
                _ => Ok(()),
            }
        }
    }
}
