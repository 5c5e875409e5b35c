//! Which folders were touched: the system tells of most, and those that it cannot watch are looked at.
//!
//! Decided here: what happens when a folder is deleted and made again, and that the system's limit
//! (`fs.inotify.max_user_watches`, one for each folder in a folder) costs promptness and nothing else, and that only for as long as it is
//! reached: the system is asked again now and then (`Pause`). One watch of the system serves all workspaces, because a user may have only
//! 128 of them.
//!
//! Each `sweep` puts right what events cannot tell: folders that came, went or were replaced.

use super::folder::{Identity, Mark};
use super::heard::{Heard, words};
use gitlab_sync_host::connection_id::ConnectionId;
use notify::{Config, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Folders by their paths, which never lie in each other.
pub(super) type Wanted = HashMap<PathBuf, ConnectionId>;

/// Sweeps before the system is asked again to tell of a folder: a minute at first, in the end an hour and four minutes. Asking walks the
/// folder, and takes all watches that are left until it fails.
const FIRST_PAUSE: u32 = 12;
const MOST_DOUBLINGS: u32 = 6;

/// Listens to folders.
pub(super) struct Ears {
    /// An error: the system gives no watch at all.
    system: Result<RecommendedWatcher, String>,
    pause: Pause,
    folders: HashMap<PathBuf, Folder>,
    heard: Arc<Heard>,
    /// Called between two folders.
    sign: Box<dyn Fn() + Send + Sync>,
}

struct Folder {
    connection: ConnectionId,
    /// None: it is not there.
    identity: Option<Identity>,
    way: Way,
}

/// How edits are noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The system tells at once.
    Told,
    /// It is looked at with each sweep.
    Looked(Mark, Pause),
}

/// Until the system is asked again, each time twice as long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pause {
    sweeps: u32,
    doublings: u32,
}

impl Pause {
    const NEW: Self = Self { sweeps: FIRST_PAUSE, doublings: 0 };
    /// The system is asked with this sweep.
    const OVER: Self = Self { sweeps: 1, doublings: 0 };

    /// Counts a sweep.
    fn is_over(&mut self) -> bool {
        self.sweeps -= 1;
        if self.sweeps > 0 {
            return false;
        }
        self.doublings = (self.doublings + 1).min(MOST_DOUBLINGS);
        self.sweeps = FIRST_PAUSE << self.doublings;
        true
    }
}

/// What a sweep found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Swept {
    /// Something was edited.
    pub(super) touched: Vec<ConnectionId>,
    /// Connections whose folder is new to this process, so that nobody knows what was edited before.
    pub(super) new: Vec<ConnectionId>,
    /// Connections whose folder is another one than before.
    pub(super) replaced: Vec<ConnectionId>,
    /// Connections whose folder is looked at from now on, with the reason.
    pub(super) looked: Vec<(ConnectionId, String)>,
    /// Connections whose folder was looked at, and of which the system tells from now on.
    pub(super) told: Vec<ConnectionId>,
}

impl Ears {
    /// Gives a sign of life between two folders.
    pub(super) fn new(sign: impl Fn() + Send + Sync + 'static) -> Self {
        let heard = Arc::new(Heard::default());
        let system = system(&heard);
        Self { system, pause: Pause::NEW, folders: HashMap::new(), heard, sign: Box::new(sign) }
    }

    pub(super) fn heard(&self) -> Arc<Heard> {
        self.heard.clone()
    }

    /// How many folders the system tells of, and how many are looked at.
    pub(super) fn count(&self) -> (usize, usize) {
        let told = self.folders.values().filter(|folder| folder.way == Way::Told).count();
        (told, self.folders.len() - told)
    }

    /// Listens to these and no others. Blocks: a folder that is new is walked, and one that is looked at each time.
    pub(super) fn sweep(&mut self, wanted: &Wanted) -> Swept {
        let gone: Vec<_> = self.folders.keys().filter(|path| !wanted.contains_key(*path)).cloned().collect();
        gone.iter().for_each(|path| self.forget(path));
        let mut swept = Swept::default();
        let (lost, deaf) = self.heard.take_broken();
        for path in lost {
            swept.replaced.extend(self.folders.get(&path).map(|folder| folder.connection.clone()));
            self.forget(&path);
        }
        if self.system.is_err() && self.pause.is_over() {
            self.begin_anew();
        }
        for (path, connection) in wanted {
            self.visit(path, connection, &mut swept);
            (self.sign)();
        }
        for (path, reason) in deaf {
            // What was edited since it went deaf is in nobody's mark.
            swept.touched.extend(self.folders.get(&path).map(|folder| folder.connection.clone()));
            self.look_instead(&path, reason, &mut swept);
        }
        swept
    }

    fn visit(&mut self, path: &Path, connection: &ConnectionId, swept: &mut Swept) {
        let identity = Identity::of(path);
        let known = self.folders.get_mut(path).filter(|folder| folder.connection == *connection);
        match known {
            Some(folder) if folder.identity == identity => {
                let asks = match &mut folder.way {
                    Way::Looked(_, pause) => pause.is_over(),
                    Way::Told => false,
                };
                if asks && self.is_told(path, connection) {
                    swept.told.push(connection.clone());
                }
                self.look(path, swept);
                return;
            }
            Some(_) => swept.replaced.push(connection.clone()),
            None => {}
        }
        self.forget(path);
        if identity.is_some() {
            swept.new.push(connection.clone());
        }
        let folder = Folder { connection: connection.clone(), identity, way: Way::Told };
        self.folders.insert(path.to_path_buf(), folder);
        if identity.is_some() {
            self.listen(path, connection, swept);
        }
    }

    fn listen(&mut self, path: &Path, connection: &ConnectionId, swept: &mut Swept) {
        if let Err(reason) = self.watch(path, connection) {
            self.look_instead(path, reason, swept);
        }
    }

    fn watch(&mut self, path: &Path, connection: &ConnectionId) -> Result<(), String> {
        self.heard.told().roots.insert(path.to_path_buf(), connection.clone());
        match &mut self.system {
            Ok(system) => system.watch(path, RecursiveMode::Recursive).map_err(|error| words(&error)),
            Err(reason) => Err(reason.clone()),
        }
    }

    /// Whether the system tells of a folder now that was looked at.
    fn is_told(&mut self, path: &Path, connection: &ConnectionId) -> bool {
        let told = self.watch(path, connection).is_ok();
        if !told {
            self.silence(path);
        }
        told
    }

    /// A last time, if the system has just begun to tell of it: so no edit falls between the two ways.
    fn look(&mut self, path: &Path, swept: &mut Swept) {
        let Some(folder) = self.folders.get_mut(path) else { return };
        let Way::Looked(mark, _) = &mut folder.way else { return };
        if std::mem::replace(mark, Mark::of(path)) != *mark {
            swept.touched.push(folder.connection.clone());
        }
        if swept.told.contains(&folder.connection) {
            folder.way = Way::Told;
        }
    }

    /// The system may give watches by now.
    fn begin_anew(&mut self) {
        self.system = system(&self.heard);
        if self.system.is_ok() {
            for folder in self.folders.values_mut() {
                if let Way::Looked(_, pause) = &mut folder.way {
                    *pause = Pause::OVER;
                }
            }
        }
    }

    fn look_instead(&mut self, path: &Path, reason: String, swept: &mut Swept) {
        self.silence(path);
        let Some(folder) = self.folders.get_mut(path) else { return };
        folder.way = Way::Looked(Mark::of(path), Pause::NEW);
        swept.looked.push((folder.connection.clone(), reason));
    }

    fn forget(&mut self, path: &Path) {
        self.silence(path);
        // The system may tell only now what a sweep has just seen; it was once told twice.
        self.heard.told().lost.remove(path);
        self.folders.remove(path);
    }

    /// Gives watches back, also of a folder of which only a part could be watched.
    fn silence(&mut self, path: &Path) {
        self.heard.told().roots.remove(path);
        if let (Ok(system), true) = (&mut self.system, self.folders.contains_key(path)) {
            // It fails where the folder is gone, and the watches with it.
            let _ = system.unwatch(path);
        }
    }
}

fn system(heard: &Arc<Heard>) -> Result<RecommendedWatcher, String> {
    let hearing = heard.clone();
    let config = Config::default().with_follow_symlinks(false);
    RecommendedWatcher::new(move |event| hearing.event(event), config).map_err(|error| words(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::Event;
    use notify::event::{EventKind, Flag};
    use std::collections::HashSet;
    use std::fs;
    use std::time::{Duration, Instant};

    struct Place {
        folder: tempfile::TempDir,
        ears: Ears,
        wanted: Wanted,
    }

    impl Place {
        fn new() -> Self {
            Self::with(Ears::new(|| {}))
        }

        /// As where the system gives no watch.
        fn without_system() -> Self {
            Self::with(Ears { system: Err("no watches here".into()), ..Ears::new(|| {}) })
        }

        fn with(ears: Ears) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().canonicalize().unwrap();
            let mut place = Self { folder, ears, wanted: Wanted::new() };
            for name in ["one", "two"] {
                fs::create_dir(root.join(name)).unwrap();
                place.wanted.insert(root.join(name), ConnectionId::parse(name).unwrap());
            }
            let swept = place.ears.sweep(&place.wanted);
            assert_eq!((swept.new.len(), swept.touched.len()), (2, 0), "{swept:?}");
            place
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().canonicalize().unwrap().join(name)
        }

        /// What was heard until an edit in `two` is, so that all before it has been told. It once left events of that edit behind, which
        /// ended the next wait too early.
        fn touched(&mut self) -> Vec<String> {
            fs::write(self.path("two/mark"), "").unwrap();
            let mut all = HashSet::new();
            let since = Instant::now();
            while !all.contains("two") {
                assert!(since.elapsed() < Duration::from_secs(10), "nothing was heard");
                all.extend(self.ears.heard.take().iter().map(ToString::to_string));
                std::thread::yield_now();
            }
            self.settle();
            all.extend(self.ears.heard.take().iter().map(ToString::to_string));
            all.remove("two");
            all.into_iter().collect()
        }

        /// The thread that hears answers only when it has told everything, and watches the folders that are new.
        fn settle(&mut self) {
            let nowhere = self.path("nowhere");
            let answer = self.ears.system.as_mut().map(|system| system.unwatch(&nowhere).is_err());
            assert_eq!(answer, Ok(true), "it is not watched");
        }
    }

    #[test]
    fn each_way_to_edit_is_heard_and_reading_is_not() {
        let mut place = Place::new();
        let root = place.path("");
        let path = |name: &str| root.join(name);
        let edits: [(&str, &dyn Fn()); 8] = [
            ("create", &|| fs::write(path("one/a.md"), "1").unwrap()),
            ("write", &|| fs::write(path("one/a.md"), "2").unwrap()),
            ("save by rename", &|| {
                fs::write(path("one/.a.md.swp"), "3").unwrap();
                fs::rename(path("one/.a.md.swp"), path("one/a.md")).unwrap();
            }),
            ("rename", &|| fs::rename(path("one/a.md"), path("one/b.md")).unwrap()),
            ("a folder with a file", &|| {
                fs::create_dir_all(path("one/x/y")).unwrap();
                fs::write(path("one/x/y/c.md"), "4").unwrap();
            }),
            ("a file in the new folder", &|| fs::write(path("one/x/y/c.md"), "5").unwrap()),
            ("moved out", &|| fs::rename(path("one/x"), path("elsewhere")).unwrap()),
            ("delete", &|| fs::remove_file(path("one/b.md")).unwrap()),
        ];
        for (name, edit) in edits {
            edit();
            assert_eq!(place.touched(), ["one"], "{name}");
        }
        fs::write(path("one/d.md"), "6").unwrap();
        assert_eq!(place.touched(), ["one"]);
        fs::create_dir_all(path("one/.gitlab-sync")).unwrap();
        assert_eq!(place.touched(), [""; 0], "the host's own folder");
        fs::write(path("one/.gitlab-sync/journal"), "7").unwrap();
        fs::read(path("one/d.md")).unwrap();
        fs::read_dir(path("one")).unwrap().for_each(drop);
        fs::write(path("elsewhere/y/c.md"), "8").unwrap();
        assert_eq!(place.touched(), [""; 0], "neither reading, nor the host's own, nor what was moved out");
    }

    #[test]
    fn a_folder_that_was_deleted_and_made_again_is_heard_again() {
        for mut place in [Place::new(), Place::without_system()] {
            let root = place.path("one");
            let one = ConnectionId::parse("one").unwrap();
            fs::remove_dir_all(&root).unwrap();
            let swept = place.ears.sweep(&place.wanted);
            assert_eq!((swept.new.contains(&one), swept.replaced), (false, vec![one.clone()]), "it is gone");
            assert_eq!(place.ears.sweep(&place.wanted).replaced, [], "which is told once");
            fs::create_dir(&root).unwrap();
            let swept = place.ears.sweep(&place.wanted);
            assert!(swept.new.contains(&one) && swept.replaced == [one.clone()], "{swept:?}");
            place.ears.heard.take();
            fs::write(root.join("a.md"), "1").unwrap();
            match place.ears.system.is_ok() {
                true => assert_eq!(place.touched(), ["one"]),
                false => assert_eq!(place.ears.sweep(&place.wanted).touched, [one]),
            }
        }
    }

    // On most file systems the new folder gets the number of the old one, so the number alone tells nothing.
    #[test]
    fn a_folder_that_was_deleted_and_made_again_between_two_sweeps_is_heard_again() {
        let mut place = Place::new();
        let one = ConnectionId::parse("one").unwrap();
        fs::remove_dir(place.path("one")).unwrap();
        fs::create_dir(place.path("one")).unwrap();
        place.touched();
        assert_eq!(
            place.ears.sweep(&place.wanted),
            Swept { new: vec![one.clone()], replaced: vec![one], ..Swept::default() }
        );
        fs::write(place.path("one/a.md"), "1").unwrap();
        assert_eq!(place.touched(), ["one"]);
    }

    #[test]
    fn a_folder_that_was_moved_away_is_no_longer_heard_and_its_successor_is() {
        let mut place = Place::new();
        fs::rename(place.path("one"), place.path("before")).unwrap();
        fs::create_dir(place.path("one")).unwrap();
        place.ears.sweep(&place.wanted);
        place.touched();
        fs::write(place.path("before/a.md"), "1").unwrap();
        assert_eq!(place.touched(), [""; 0]);
        fs::write(place.path("one/a.md"), "1").unwrap();
        assert_eq!(place.touched(), ["one"]);
    }

    #[test]
    fn where_the_system_gives_no_watch_folders_are_looked_at_and_it_is_said_once() {
        let mut place = Place::without_system();
        assert_eq!(place.ears.count(), (0, 2));
        assert_eq!(place.ears.sweep(&place.wanted), Swept::default());
        fs::write(place.path("one/a.md"), "1").unwrap();
        let swept = place.ears.sweep(&place.wanted);
        assert_eq!(swept, Swept { touched: vec![ConnectionId::parse("one").unwrap()], ..Swept::default() });
    }

    #[test]
    fn a_limit_that_is_reached_later_makes_one_folder_be_looked_at() {
        let mut place = Place::new();
        let error = notify::Error::new(notify::ErrorKind::MaxFilesWatch).add_path(place.path("one/deep/er"));
        place.ears.heard.event(Err(error));
        let one = ConnectionId::parse("one").unwrap();
        let swept = place.ears.sweep(&place.wanted);
        let reason = "the system's limit of watches is reached".to_owned();
        assert_eq!((swept.touched, swept.looked), (vec![one.clone()], vec![(one.clone(), reason)]));
        assert_eq!(place.ears.count(), (1, 1));
        fs::write(place.path("one/a.md"), "1").unwrap();
        assert_eq!(place.ears.sweep(&place.wanted).touched, [one]);
        assert_eq!(place.touched(), [""; 0], "the system tells of it no more");
    }

    /// It was once looked at until the server was started again.
    #[test]
    fn a_folder_that_was_looked_at_is_told_of_again_as_soon_as_the_system_can() {
        let one = ConnectionId::parse("one").unwrap();
        let limit = |place: &Place| {
            let error = notify::Error::new(notify::ErrorKind::MaxFilesWatch).add_path(place.path("one"));
            place.ears.heard.event(Err(error));
        };
        for mut place in [Place::new(), Place::without_system()] {
            limit(&place);
            place.ears.sweep(&place.wanted);
            assert!(place.ears.count().1 > 0, "it is looked at");
            let mut sweeps = 1..;
            let mut sweep = |place: &mut Place| (sweeps.next().unwrap(), place.ears.sweep(&place.wanted));
            let (number, swept) = loop {
                let (number, swept) = sweep(&mut place);
                if !swept.told.is_empty() {
                    break (number, swept);
                }
                assert_eq!(swept, Swept::default(), "sweep {number}");
            };
            assert!(number >= FIRST_PAUSE - 2 && swept.told.contains(&one), "{number} {swept:?}");
            assert_eq!((swept.touched, swept.looked, place.ears.count()), (vec![], vec![], (2, 0)));
            fs::write(place.path("one/a.md"), "1").unwrap();
            assert_eq!(place.touched(), ["one"]);
            assert_eq!(place.ears.sweep(&place.wanted), Swept::default(), "and looked at no more");
        }
    }

    #[test]
    fn what_is_edited_in_the_sweep_that_ends_the_looking_is_not_lost() {
        let mut place = Place::new();
        let error = notify::Error::new(notify::ErrorKind::MaxFilesWatch).add_path(place.path("one"));
        place.ears.heard.event(Err(error));
        place.ears.sweep(&place.wanted);
        for _ in 1..FIRST_PAUSE {
            assert_eq!(place.ears.sweep(&place.wanted), Swept::default());
        }
        fs::write(place.path("one/a.md"), "1").unwrap();
        let one = vec![ConnectionId::parse("one").unwrap()];
        assert_eq!(place.ears.sweep(&place.wanted), Swept { touched: one.clone(), told: one, ..Swept::default() });
    }

    #[test]
    fn the_system_is_asked_less_and_less_often_but_never_no_more() {
        let mut pause = Pause::NEW;
        let asked: Vec<_> = (1..=4_000).filter(|_| pause.is_over()).collect();
        let gaps: Vec<_> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!((asked[0], gaps), (12, vec![24, 48, 96, 192, 384, 768, 768, 768, 768]));
    }

    #[test]
    fn lost_events_touch_everything_and_who_is_no_longer_wanted_is_forgotten() {
        let mut place = Place::new();
        let lost = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        place.ears.heard.event(Ok(lost.clone()));
        assert_eq!(place.ears.heard.take().len(), 2);
        place.wanted.remove(&place.path("one"));
        assert_eq!(place.ears.sweep(&place.wanted), Swept::default());
        fs::write(place.path("one/a.md"), "1").unwrap();
        assert_eq!(place.touched(), [""; 0]);
        place.ears.heard.event(Ok(lost));
        assert_eq!((place.ears.heard.take().len(), place.ears.count()), (1, (1, 0)));
    }
}
