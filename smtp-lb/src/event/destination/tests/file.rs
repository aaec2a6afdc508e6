use super::*;
use crate::config::plan::RotatePlan;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

fn plan(path: &Path) -> DestinationPlan {
    DestinationPlan {
        name: "log".to_owned(),
        kind: DestinationKind::File {
            path: path.to_owned(),
            rotate: None,
        },
        format: Format::Json,
        queue: 10_000,
        overflow: Overflow::Newest,
        disk: None,
    }
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    (folder, path)
}

/// The numbers that the lines of a file hold.
fn read(path: &Path) -> Vec<usize> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    let numbers = text.lines().map(|line| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        value["detail"].as_str().unwrap().parse().unwrap()
    });
    numbers.collect()
}

#[tokio::test]
async fn appends_lines() {
    let (_folder, path) = folder();
    for start_at in [0, 5000] {
        let destination = start(&plan(&path));
        offer(&destination, start_at..start_at + 5000);
        let status = finish(&destination).await;
        assert_eq!((status.sent, status.failures), (5000, 0));
    }
    assert_eq!(read(&path), (0..10_000).collect::<Vec<_>>());
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o027, 0, "not for others");
}

#[tokio::test]
async fn follows_its_path_when_rotated_or_removed() {
    let (folder, path) = folder();
    let rotated = folder.path().join("events.1");
    let destination = start(&plan(&path));
    offer(&destination, 0..10);
    until_sent(&destination, 10).await;
    fs::rename(&path, &rotated).unwrap();
    offer(&destination, 10..20);
    until_sent(&destination, 20).await;
    assert_eq!(read(&rotated), (0..10).collect::<Vec<_>>());
    assert_eq!(read(&path), (10..20).collect::<Vec<_>>());
    fs::remove_file(&path).unwrap();
    destination.nudge();
    until("a nudge makes the file", || path.exists().then_some(())).await;
    offer(&destination, 20..30);
    assert_eq!(finish(&destination).await.failures, 0);
    assert_eq!(read(&path), (20..30).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_full_disk_is_waited_out() {
    let (folder, path) = folder();
    let real = folder.path().join("real");
    symlink("/dev/full", &path).unwrap();
    let destination = start(&plan(&path));
    offer(&destination, 0..100);
    let failed = || (destination.status().failures > 2).then(|| destination.status());
    let status = until("writes have failed", failed).await;
    check(&status);
    assert_eq!((status.queued, status.sent), (100, 0));
    assert!(status.last_error.unwrap().contains("No space left"));

    fs::write(&real, "").unwrap();
    let next = folder.path().join("next");
    symlink(&real, &next).unwrap();
    fs::rename(&next, &path).unwrap();
    until_sent(&destination, 100).await;
    assert_eq!(destination.status().state, DestinationState::Up);
    finish(&destination).await;
    assert_eq!(read(&real), (0..100).collect::<Vec<_>>());
}

/// While the path leads nowhere records wait, and do not go to the file that was moved away.
#[tokio::test]
async fn a_lost_folder_is_waited_for() {
    let (folder, _) = folder();
    let (here, away) = (folder.path().join("here"), folder.path().join("away"));
    fs::create_dir(&here).unwrap();
    let destination = start(&plan(&here.join("log")));
    offer(&destination, 0..10);
    until_sent(&destination, 10).await;
    fs::rename(&here, &away).unwrap();
    offer(&destination, 10..20);
    until("it has failed", || {
        (destination.status().failures > 2).then_some(())
    })
    .await;
    fs::create_dir(&here).unwrap();
    until_sent(&destination, 20).await;
    finish(&destination).await;
    assert_eq!(read(&away.join("log")), (0..10).collect::<Vec<_>>());
    assert_eq!(read(&here.join("log")), (10..20).collect::<Vec<_>>());
}

/// A record cut in two by a full pipe is written from its beginning to the file that takes the
/// pipe's place.
#[tokio::test]
async fn a_cut_record_is_whole_in_the_next_file() {
    let (folder, path) = folder();
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut reader = fs::OpenOptions::new();
    let mut reader = reader
        .read(true)
        .custom_flags(nonblocking)
        .open(&path)
        .unwrap();
    rustix::pipe::fcntl_setpipe_size(&reader, 4096).unwrap();
    let destination = start(&plan(&path));
    offer(&destination, 0..1000);
    until("the pipe is full", || {
        (destination.status().failures > 2).then_some(())
    })
    .await;
    let next = folder.path().join("next");
    fs::write(&next, "").unwrap();
    fs::rename(&next, &path).unwrap();
    until_sent(&destination, 1000).await;
    finish(&destination).await;

    let mut piped = String::new();
    // The writer has gone, so the pipe ends.
    reader.read_to_string(&mut piped).unwrap();
    assert!(!piped.ends_with('\n'), "one was to be cut");
    let whole = piped.matches('\n').count();
    assert_eq!(read(&path), (whole..1000).collect::<Vec<_>>());
}

#[test]
fn a_path_that_cannot_be_opened_is_told_by_name() {
    let (folder, _) = folder();
    let path = folder.path().join("missing/events.jsonl");
    let error = Ready::prepare(&plan(&path), QUICK, &Arc::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`log`") && error.contains("missing/events.jsonl"),
        "{error}"
    );
    assert!(error.contains("No such file"), "{error}");
}

/// A pipe nobody reads must not hang the start.
#[tokio::test]
async fn a_pipe_without_a_reader_is_an_error() {
    let (_folder, path) = folder();
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
    let error = Ready::prepare(&plan(&path), QUICK, &Arc::default()).unwrap_err();
    assert!(matches!(error, EventError::OpenFile { .. }));
}

/// At its size the file is put aside and begun anew, and only so many are kept.
#[tokio::test]
async fn is_put_aside_at_its_size() {
    let (folder, path) = folder();
    let mut plan = plan(&path);
    plan.kind = DestinationKind::File {
        path: path.clone(),
        rotate: Some(RotatePlan {
            size: 1000,
            age: None,
            keep: 3,
        }),
    };
    let destination = start(&plan);
    for number in 0..60 {
        offer(&destination, number * 10..(number + 1) * 10);
        until_sent(&destination, (number as u64 + 1) * 10).await;
    }
    let status = finish(&destination).await;
    assert_eq!((status.sent, status.failures), (600, 0));
    let mut kept = Vec::new();
    for name in [
        "events.jsonl.3",
        "events.jsonl.2",
        "events.jsonl.1",
        "events.jsonl",
    ] {
        kept.extend(read(&folder.path().join(name)));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    let first = kept[0];
    assert!(first > 400, "{first}");
    assert_eq!(
        kept,
        (first..600).collect::<Vec<_>>(),
        "none lost between files"
    );
}

/// After its time the file is put aside, too, whatever its size.
#[tokio::test]
async fn is_put_aside_after_its_time() {
    let (folder, path) = folder();
    let mut plan = plan(&path);
    plan.kind = DestinationKind::File {
        path: path.clone(),
        rotate: Some(RotatePlan {
            size: 1 << 30,
            age: Some(Duration::from_millis(100)),
            keep: 1000,
        }),
    };
    let destination = start(&plan);
    offer(&destination, 0..1);
    until_sent(&destination, 1).await;
    let mut number = 1;
    let aside = folder.path().join("events.jsonl.1");
    until("it is put aside", || {
        offer(&destination, number..number + 1);
        number += 1;
        aside.exists().then_some(())
    })
    .await;
    finish(&destination).await;
    let files = fs::read_dir(folder.path()).unwrap();
    let mut numbers: Vec<_> = files.flat_map(|file| read(&file.unwrap().path())).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..number).collect::<Vec<_>>());
}
