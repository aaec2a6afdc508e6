//! The end of the daemon, as sessions through the gateway see it.

use rustix::process::Signal;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::Message;
use smtp_lb_tests::wait::LONG;

use super::stage::{self, Trust, hello, inside, members, virtual_server};
use crate::host::{arrived, sinks};
use crate::over_both;

over_both! {
    /// A message in flight ends with its own reply; between messages 421 is said.
    fn at_a_message_boundary(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let sinks = sinks(&site, family);
        let keys = "mode = \"starttls\"\nclient_tls = \"public\"\n\
                    [virtual_server.gateway]\nstarttls = \"allow\"\n";
        let server = virtual_server("mail", family.service(), keys, &members(family, 25));
        let mut host = stage::start(&site, &[&server, &trust.client_tls("")]);

        let tls = trust.client();
        let mut idle = [hello(&site, family), inside(&site, family, &tls)];
        let mut busy = [hello(&site, family), inside(&site, family, &tls)];
        let message = Message::new("in-flight", 50_000);
        let wire = message.stuffed();
        let (first, second) = wire.split_at(20_000);
        for client in &mut busy {
            client.envelope(&message).unwrap();
            client.command("DATA", 354).unwrap();
            client.write(first).unwrap();
        }
        host.daemon.process().signal(Signal::TERM).unwrap();
        for client in &mut idle {
            let reply = client.reply().unwrap();
            assert!(reply.is("421 4.3.2 "), "{reply}");
            client.closed().unwrap();
        }
        for client in &mut busy {
            client.write(second).unwrap();
            client.expect(250).unwrap();
            let reply = client.reply().unwrap();
            assert!(reply.is("421 4.3.2 "), "{reply}");
            client.closed().unwrap();
        }
        let status = host.daemon.process().wait(LONG).unwrap();
        assert!(status.success(), "{status}");
        assert_eq!(arrived(&sinks), [message.digest(); 2]);
    }
}
