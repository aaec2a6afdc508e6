//! Programs of operators, and what they can do wrong.

use super::*;
use crate::config::plan::{ExternalMonitorPlan, Secret, Setting};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn script(folder: &Path, mode: u32, text: &str) -> PathBuf {
    let path = folder.join("script.sh");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    path
}

async fn run(
    program: PathBuf,
    variables: Vec<(String, Setting)>,
    address: &str,
    limit: Duration,
) -> Result<Transcript, ProbeError> {
    let plan = monitor(MonitorKind::External(ExternalMonitorPlan {
        program,
        variables,
    }));
    probe(&subject(address.parse().unwrap()), &plan, limit).await
}

async fn shell(text: &str, limit: Duration) -> Result<Transcript, ProbeError> {
    let folder = tempfile::tempdir().unwrap();
    let program = script(folder.path(), 0o700, &format!("#!/bin/sh\n{text}\n"));
    run(program, Vec::new(), "192.0.2.1:25", limit).await
}

fn lines(transcript: &Transcript) -> Vec<&str> {
    let said = transcript.exchanges.iter();
    said.flat_map(|said| &said.lines)
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn arguments_and_variables_are_as_on_big_ip() {
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "s3cret\n").unwrap();
    let program = script(
        folder.path(),
        0o700,
        "#!/bin/sh\nread -r line\n\
         echo \"$# $1 $2 $USER $PASSWORD ${#PASSWORD} $MON_TMPL_NAME $NODE_IP $NODE_PORT $(env | grep -c CARGO) $line$(pwd)\"",
    );
    let variables = vec![
        ("USER".into(), Setting::Text("probe user".into())),
        ("PASSWORD".into(), Setting::Secret(Secret::File(password))),
    ];
    for (address, shown) in [
        ("192.0.2.1:25", "::ffff:192.0.2.1"),
        ("[2001:db8::25]:25", "2001:db8::25"),
    ] {
        let done = run(program.clone(), variables.clone(), address, LIMIT).await;
        let expected = format!("2 {shown} 25 probe user ******** 6 test {shown} 25 0 /");
        assert_eq!(lines(&done.unwrap()), [expected]);
    }
}

#[tokio::test]
async fn silence_is_down_and_tells_how_it_ended() {
    for (text, expected) in [
        ("exit 0", "program: nothing printed, exit status: 0"),
        (
            "echo one >&2; printf 'tw\\033o' >&2; exit 3",
            "program: nothing printed, exit status: 3: tw\\x1bo",
        ),
        (
            "kill -TERM $$",
            "program: nothing printed, signal: 15 (SIGTERM)",
        ),
    ] {
        let error = shell(text, LIMIT).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test]
async fn what_cannot_be_run_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let run = |program| run(program, Vec::new(), "192.0.2.1:25", LIMIT);
    for (mode, text, expected) in [
        (
            0o600,
            "#!/bin/sh\necho UP\n",
            "program: cannot be run: Permission denied",
        ),
        (
            0o700,
            "#!/nowhere/sh\n",
            "program: cannot be run: No such file",
        ),
        (
            0o700,
            "\x7f\x01 no program",
            "program: cannot be run: Exec format error",
        ),
    ] {
        let error = run(script(folder.path(), mode, text))
            .await
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    let error = run(folder.path().join("none"))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("No such file"), "{error}");
    let error = run(folder.path().to_path_buf())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("Permission denied"), "{error}");
}

#[tokio::test]
async fn a_secret_that_is_not_there_stops_it_before_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let program = script(folder.path(), 0o700, "#!/bin/sh\necho UP\n");
    let gone = Setting::Secret(Secret::File("/nowhere/password".into()));
    let variables = vec![("PASSWORD".into(), gone)];
    let error = run(program, variables, "192.0.2.1:25", LIMIT)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "prepare: /nowhere/password does not exist"
    );
}

/// Whether no process of this number lives.
fn is_gone(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z "))
}

async fn all_gone(file: &Path) {
    let pids = std::fs::read_to_string(file).unwrap();
    assert!(!pids.trim().is_empty());
    for pid in pids.split_whitespace() {
        for _ in 0..500 {
            if is_gone(pid) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(is_gone(pid), "{pid} lives");
    }
}

#[tokio::test]
async fn the_whole_group_ends_with_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let text = format!(
        "trap '' TERM INT HUP\nfor i in 1 2 3; do sleep 1000 & echo $! >> {0}; done\n\
         echo $$ >> {0}\nwait",
        pids.display()
    );
    let error = shell(&text, Duration::from_millis(700)).await.unwrap_err();
    assert_eq!(error.to_string(), "program: no answer within 700ms");
    all_gone(&pids).await;
}

/// One that has spoken ends too, with what it left behind; and one whose monitor is taken away.
#[tokio::test]
async fn the_whole_group_ends_with_its_word() {
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let text = format!(
        "sleep 1000 & echo $! $$ > {}\necho UP\nwait",
        pids.display()
    );
    let done = shell(&text, LIMIT).await.unwrap();
    assert_eq!(lines(&done), ["UP"]);
    all_gone(&pids).await;

    std::fs::remove_file(&pids).unwrap();
    let text = format!("sleep 1000 & echo $! $$ > {}\nwait", pids.display());
    let task = tokio::spawn(async move { shell(&text, LIMIT).await.map(drop) });
    while std::fs::read_to_string(&pids)
        .unwrap_or_default()
        .is_empty()
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    task.abort();
    let _ = task.await;
    all_gone(&pids).await;
}

#[tokio::test]
async fn floods_are_cut() {
    let done = shell("exec head -c 1000000000 /dev/zero", LIMIT)
        .await
        .unwrap();
    assert!(lines(&done).concat().len() < 2000);
    let error = shell("head -c 1000000000 /dev/zero >&2; echo UP", LIMIT)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "program: more than 1048576 octets on standard error"
    );
    // One that closes its output can say nothing more.
    let error = shell("exec >&-; sleep 1000", LIMIT).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Silent { .. }), "{error}");
}
