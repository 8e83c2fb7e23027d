//! Entries of a metrics directory that have an unexpected type, or belong to another user.
//!
//! The tests run in a separate process, because they start this program again as another user.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at the first surprise and says what it skips"
)]

use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown, symlink},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

use ictus::{Error, Reader, Registry, RegistryOptions, snapshot::Value};

const DIRECTORY: &str = "ICTUS_TEST_DIRECTORY";
const GROUP: &str = "ICTUS_TEST_GROUP";
const STRANGER: u32 = 12345;
const TEAM: u32 = 23456;

fn increment(registry: &Registry) {
    registry.counter("jobs", "", &[]).unwrap().labels(&[]).unwrap().inc();
}

/// Creates a metrics directory with one dead segment of one job. Returns it and its folder.
fn directory() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    increment(&Registry::open(parent.path()).unwrap());
    let folder = parent.path().join("ictus");
    (parent, folder)
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "seg")).collect()
}

/// Returns the number of jobs that a reader sees, and of segments that it rejects.
fn seen(reader: &mut Reader) -> (f64, u64) {
    let snapshot = reader.snapshot().unwrap();
    let jobs = match snapshot.family("jobs").and_then(|family| family.get(&[])) {
        Some(Value::Counter(jobs)) => *jobs,
        None => 0.0,
        other => panic!("{other:?}"),
    };
    (jobs, snapshot.health.bad_segments)
}

/// Takes snapshots until the dead segments are retired. A process that another test starts holds a
/// copy of each lock until it executes its own program.
fn retire(reader: &mut Reader, folder: &Path) {
    for _ in 0..1000 {
        reader.snapshot().unwrap();
        if segments(folder).is_empty() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("{:?} are not retired", segments(folder));
}

fn refusal(result: Result<Registry, Error>) -> String {
    let error = result.err().unwrap();
    assert!(matches!(error, Error::Io { .. }), "{error:?}");
    error.to_string()
}

#[test]
fn link_or_file_in_place_of_the_folder_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let folder = parent.path().join("ictus");
    symlink(elsewhere.path(), &folder).unwrap();
    for _ in 0..2 {
        let said = refusal(Registry::open(parent.path()));
        assert!(said.contains("a link or a file") && said.contains("ictus"), "{said}");
        Reader::new(parent.path()).snapshot().unwrap_err();
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
        let _ = fs::remove_file(&folder);
        fs::write(&folder, "").unwrap();
    }
}

#[test]
fn world_writable_folder_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("ictus");
    fs::create_dir(&folder).unwrap();
    let mode = |mode| fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
    mode(0o777);
    assert!(refusal(Registry::open(parent.path())).contains("everybody may write"));
    Reader::new(parent.path()).snapshot().unwrap_err();
    mode(0o770);
    assert!(refusal(Registry::open(parent.path())).contains("option `group`"));
    Reader::new(parent.path()).snapshot().unwrap();
    mode(0o755);
    increment(&Registry::open(parent.path()).unwrap());
    assert_eq!(seen(&mut Reader::new(parent.path())).0, 1.0);
    fs::remove_dir_all(&folder).unwrap();
    increment(&Registry::open(parent.path()).unwrap());
    assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o7777, 0o700);
    for entry in fs::read_dir(&folder).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().mode() & 0o7777, 0o600);
    }
}

#[test]
fn links_are_not_followed() {
    let (parent, folder) = directory();
    let mut reader = Reader::new(parent.path()).without_retiring();
    assert_eq!(seen(&mut reader), (1.0, 0));

    // A link to a good segment, under a segment's name.
    symlink(&segments(&folder)[0], folder.join("00000000000000aa.seg")).unwrap();
    assert_eq!(seen(&mut reader), (1.0, 1));
    assert_eq!(seen(&mut Reader::new(parent.path()).without_retiring()), (1.0, 1));
    fs::remove_file(folder.join("00000000000000aa.seg")).unwrap();

    // Good totals behind a link: cached values stay, nothing is written, nothing is retired.
    retire(&mut Reader::new(parent.path()), &folder);
    assert_eq!(seen(&mut reader), (1.0, 0));
    let (totals, elsewhere) = (folder.join("totals"), parent.path().join("totals"));
    fs::rename(&totals, &elsewhere).unwrap();
    let content = fs::read(&elsewhere).unwrap();
    symlink(&elsewhere, &totals).unwrap();
    increment(&Registry::open(parent.path()).unwrap());
    assert_eq!(seen(&mut reader), (2.0, 0), "the last good totals and the new segment");
    let mut retiring = Reader::new(parent.path());
    assert_eq!(seen(&mut retiring), (1.0, 0), "the new segment alone");
    assert_eq!(seen(&mut retiring), (1.0, 0));
    assert_eq!((fs::read(&elsewhere).unwrap(), segments(&folder).len()), (content, 1));
    fs::rename(&elsewhere, &totals).unwrap();
    assert_eq!((seen(&mut retiring), seen(&mut reader)), ((2.0, 0), (2.0, 0)));
    retire(&mut retiring, &folder);

    // The temporary name of the totals, the lock, and the epoch.
    let target = parent.path().join("target");
    fs::write(&target, "precious").unwrap();
    for name in [".new-totals", "lock", "epoch"] {
        let _ = fs::remove_file(folder.join(name));
        symlink(&target, folder.join(name)).unwrap();
        increment(&Registry::open(parent.path()).unwrap());
        seen(&mut Reader::new(parent.path()));
        assert_eq!(fs::read(&target).unwrap(), b"precious", "{name}");
        let _ = fs::remove_file(folder.join(name));
    }
}

#[test]
fn named_pipes_do_not_block() {
    let (parent, folder) = directory();
    let pipe = |name: &&str| {
        let _ = fs::remove_file(folder.join(name));
        assert!(Command::new("mkfifo").arg(folder.join(name)).status().unwrap().success());
    };
    ["00000000000000aa.seg", ".new-00000000000000ab", ".new-totals"].iter().for_each(pipe);
    let mut reader = Reader::new(parent.path());
    while !folder.join("totals").exists() {
        assert_eq!(seen(&mut reader), (1.0, 1));
    }
    assert_eq!(seen(&mut reader), (1.0, 1));
    ["totals", "lock", "epoch"].iter().for_each(pipe);
    assert_eq!(seen(&mut reader).0, 1.0);
    assert_eq!(seen(&mut Reader::new(parent.path())).1, 1);
    // Without an epoch, only this process sees its observations.
    let registry = Registry::open(parent.path()).unwrap();
    increment(&registry);
    assert!(registry.snapshot().unwrap().family("jobs").is_some());
}

/// Whether this process may act as another user.
fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "continuous integration must run this as root");
        println!("skipped: acting as another user needs root");
    }
    root
}

/// Runs only where a test below starts it, as another user.
#[test]
fn other_user() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let group = std::env::var(GROUP).ok().map(|group| group.parse().unwrap());
    let options =
        group.map_or_else(RegistryOptions::default, |group| RegistryOptions::default().group(group));
    increment(&Registry::open_with(Path::new(&directory), options).unwrap());
}

/// Runs a child of this test that records as another user, in a group. Returns whether it
/// succeeded.
fn as_stranger(directory: &Path, uid: u32, gid: u32, group: Option<u32>) -> bool {
    // Other users may have no access to the folder of the test's program.
    let program = tempfile::tempdir().unwrap();
    fs::set_permissions(program.path(), Permissions::from_mode(0o755)).unwrap();
    let path = program.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &path).unwrap();
    let mut child = Command::new(&path);
    child.args(["--exact", "other_user", "--test-threads=1"]).env(DIRECTORY, directory).current_dir("/");
    if let Some(group) = group {
        child.env(GROUP, group.to_string());
    }
    child.uid(uid).gid(gid);
    loop {
        match child.output() {
            // A process that another test just started still has the copy open for writing.
            Err(busy) if busy.kind() == std::io::ErrorKind::ExecutableFileBusy => {}
            output => return output.unwrap().status.success(),
        }
    }
}

#[test]
fn files_of_other_users_are_ignored() {
    if !is_root() {
        return;
    }
    let (parent, folder) = directory();
    let strange = &segments(&folder)[0];
    let own = Registry::open(parent.path()).unwrap();
    increment(&own);
    chown(strange, Some(STRANGER), None).unwrap();
    let mut reader = Reader::new(parent.path());
    assert_eq!(seen(&mut reader), (1.0, 1));
    for _ in 0..3 {
        reader.snapshot().unwrap();
    }
    assert!(strange.exists(), "what does not count is not retired");
}

#[test]
fn root_and_the_owner_share_a_directory() {
    if !is_root() {
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    fs::set_permissions(parent.path(), Permissions::from_mode(0o755)).unwrap();
    let folder = parent.path().join("ictus");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
    chown(&folder, Some(STRANGER), Some(STRANGER)).unwrap();
    let root = Registry::open(parent.path()).unwrap();
    increment(&root);
    let record = || as_stranger(parent.path(), STRANGER, STRANGER, None);
    assert!(record());
    let mut reader = Reader::new(parent.path());
    assert_eq!(seen(&mut reader), (2.0, 0));
    drop(root);
    retire(&mut reader, &folder);
    // The user can read the files that root left, and goes on with them.
    for entry in fs::read_dir(&folder).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().mode() & 0o7777, 0o644);
    }
    assert!(record());
    assert_eq!(seen(&mut reader), (3.0, 0));
    retire(&mut reader, &folder);
    // Another user has no access, and its files do not count.
    assert!(!as_stranger(parent.path(), STRANGER + 1, STRANGER, None));
    assert_eq!(seen(&mut reader), (3.0, 0));
    chown(folder.join("totals"), Some(STRANGER + 1), None).unwrap();
    assert!(record());
    assert_eq!(seen(&mut reader), (4.0, 0), "the last good totals, and the new segment");
}

#[test]
fn members_of_a_group_share_a_directory() {
    if !is_root() {
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    fs::set_permissions(parent.path(), Permissions::from_mode(0o755)).unwrap();
    let folder = parent.path().join("ictus");
    let options = RegistryOptions::default().group(TEAM);
    let registry = Registry::open_with(parent.path(), options.clone()).unwrap();
    increment(&registry);
    assert!(as_stranger(parent.path(), STRANGER, TEAM, Some(TEAM)));
    assert!(as_stranger(parent.path(), STRANGER + 1, TEAM, Some(TEAM)));
    assert!(!as_stranger(parent.path(), STRANGER, TEAM, None), "without the option");
    assert!(!as_stranger(parent.path(), STRANGER, STRANGER, Some(TEAM)), "not a member");
    assert!(!as_stranger(parent.path(), STRANGER, TEAM, Some(TEAM + 1)), "another group");
    let mut reader = Reader::new(parent.path());
    assert_eq!(seen(&mut reader), (3.0, 0));
    drop(registry);
    retire(&mut reader, &folder);
    assert_eq!(seen(&mut reader), (3.0, 0));
    let modes = |path: &Path| fs::metadata(path).map(|data| (data.mode() & 0o7777, data.gid())).unwrap();
    assert_eq!(modes(&folder), (0o770, TEAM));
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(modes(&path), (0o640, TEAM), "{path:?}");
    }
    // A member goes on with the files that another member left.
    assert!(as_stranger(parent.path(), STRANGER, TEAM, Some(TEAM)));
    assert_eq!(seen(&mut reader), (4.0, 0));
}
