use super::*;
use tokio::net::UnixDatagram;

#[tokio::test]
async fn entries_come_as_datagrams_and_a_restart_of_the_journal_is_waited_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let mut plan = syslog(lonely_address(), Transport::Udp, 1000);
    plan.kind = DestinationKind::Journald { path: path.clone() };
    plan.format = Format::Journal;
    let destination = start(&plan);
    offer(&destination, 0..5);
    for round in 0..2 {
        let socket = UnixDatagram::bind(&path).unwrap();
        let mut buffer = vec![0; 10_000];
        for number in round * 5..(round + 1) * 5 {
            let received = tokio::time::timeout(Duration::from_secs(20), socket.recv(&mut buffer));
            let length = received.await.unwrap().unwrap();
            let entry = String::from_utf8(buffer[..length].to_vec()).unwrap();
            assert!(
                entry.starts_with(&format!("MESSAGE=started: {number}\nPRIORITY=5\n")),
                "{entry}"
            );
            let sequence = format!("\nSMTP_LB_SEQUENCE_ID={}\n", number + 1);
            assert!(
                entry.contains(&sequence) && entry.contains("\nSMTP_LB_WHAT=started\n"),
                "{entry}"
            );
        }
        drop(socket);
        std::fs::remove_file(&path).unwrap();
        if round == 0 {
            offer(&destination, 5..10);
        }
    }
    let status = finish(&destination).await;
    assert_eq!((status.sent, status.lost.total()), (10, 0));
}
