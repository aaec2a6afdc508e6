//! A session that is relayed with TLS on either side.

use std::pin::{Pin, pin};

use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::channel::Channel;
use super::flow::Channels;
use super::handshake;
use crate::pool::Lease;
use crate::proxy::clock;
use crate::proxy::connect::Attempts;
use crate::proxy::leg::Leg;
use crate::proxy::refusal;
use crate::proxy::relay::Relay;
use crate::proxy::server::Place;
use crate::proxy::story::Outcome;

/// Serves one client: its handshake, the member's, and what they have to say.
pub(in crate::proxy) async fn run(client: TcpStream, place: Place) {
    let mut client = Channel::new(Leg::new(client));
    // The session's only timer, for one thing after the other.
    let mut timer = pin!(tokio::time::sleep(place.limits.handshake_timeout));
    if let Some(acceptor) = &place.client_tls {
        let config = acceptor.config();
        let shaken = handshake::with_client(&place, &mut client, config, timer.as_mut());
        if shaken.await.is_err() {
            return;
        }
    }
    let Some((member, lease)) = member(&place, timer.as_mut()).await else {
        place.ends(Outcome::NoMember);
        return refusal::no_member(client, &place, timer).await;
    };
    Relay::new(Channels::new(client, member), lease, place)
        .run(timer)
        .await;
}

/// A member that took the connection, and TLS where it is asked for.
async fn member(place: &Place, mut timer: Pin<&mut Sleep>) -> Option<(Channel, Lease)> {
    let mut attempts = Attempts::new(place);
    loop {
        let mut lease = attempts.choose(place, &[], timer.as_mut()).await?;
        let Some(member) = attempts.connect(place, &lease, timer.as_mut()).await else {
            continue;
        };
        let mut member = Channel::new(member);
        if let Some(tls) = &place.member_tls {
            let index = lease.index();
            let shaken = handshake::with_member(place, tls, index, &mut member, timer.as_mut());
            if shaken.await.is_err() {
                attempts.tried(&lease);
                continue;
            }
        }
        lease.connected(clock::coarse());
        return Some((member, lease));
    }
}
