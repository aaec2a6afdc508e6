use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_folder_is_made_for_its_owner_alone_and_files_are_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b");
    let folder = Folder::open(&path).unwrap();
    assert_eq!(mode(&path), 0o700);
    assert_eq!(names(&path), [""; 0]);

    assert_eq!(folder.read("members", 10).unwrap(), None);
    folder.write("members", b"one").unwrap();
    folder.write("members", b"two").unwrap();
    assert_eq!(folder.read("members", 3).unwrap().unwrap(), b"two");
    assert_eq!(mode(&path.join("members")), 0o600);
    assert_eq!(names(&path), ["members"]);
}

#[test]
fn what_a_crash_left_beside_a_file_is_in_nobodys_way() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let victim = dir.path().join("victim");
    fs::write(&victim, "kept").unwrap();
    std::os::unix::fs::symlink(&victim, dir.path().join(".members.new")).unwrap();
    folder.write("members", b"new").unwrap();
    assert_eq!(fs::read(&victim).unwrap(), b"kept");
    assert_eq!(names(dir.path()), ["members", "victim"]);
}

#[test]
fn a_file_too_large_or_not_regular_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    folder.write("members", b"four").unwrap();
    assert!(matches!(
        folder.read("members", 3),
        Err(StateError::TooLarge { limit: 3, .. })
    ));
    fs::create_dir(dir.path().join("folder")).unwrap();
    assert!(matches!(
        folder.read("folder", 3),
        Err(StateError::Read { .. })
    ));
    assert!(matches!(
        folder.write("folder", b"x"),
        Err(StateError::Write { .. })
    ));
    assert_eq!(names(dir.path()), ["folder", "members"]);

    let aside = folder.set_aside("members").unwrap();
    assert_eq!(fs::read(aside).unwrap(), b"four");
    assert_eq!(folder.read("members", 3).unwrap(), None);
    assert!(folder.set_aside("members").is_err());
}

#[test]
fn a_folder_is_for_one_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let first = Folder::open(dir.path()).unwrap();
    assert!(matches!(
        Folder::open(dir.path()),
        Err(StateError::Taken(_))
    ));
    drop(first);
    Folder::open(dir.path()).unwrap();
}

#[test]
fn a_folder_that_cannot_be_had_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [&file, &file.join("below")] {
        let error = Folder::open(path).unwrap_err();
        assert!(matches!(error, StateError::Make { .. }), "{error}");
        assert!(error.to_string().contains("cannot make"), "{error}");
    }
    let open = dir.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(Folder::open(&open), Err(StateError::Open(_))));
}
