//! `transport` of a log destination, and what belongs to it.

use super::names::Sections;
use super::server_tls;
use super::{Check, Checked};
use crate::config::plan::{Framing, ServerTlsId, Start, Transport};
use crate::config::raw;

/// `framing` is what the format would have.
pub(super) fn compile(
    check: &mut Check<'_>,
    sections: &Sections,
    profiles: &[raw::ServerTls],
    raw: &raw::Destination,
    framing: Framing,
) -> Checked<Transport> {
    let profile = sections.server_tls.find_any(check, raw.server_tls.as_ref());
    let framing = match raw.framing.as_deref() {
        None => framing,
        Some(raw::Framing::OctetCounting) => Framing::OctetCounting,
        Some(raw::Framing::Newline) => Framing::Newline,
    };
    let transport = raw.transport.as_deref().unwrap_or(&raw::Transport::Udp);
    if let (raw::Transport::Udp, Some(written)) = (transport, &raw.framing) {
        let message = "`framing` is for streams, and each datagram is one record";
        let help = "leave `framing` out, or add `transport = \"tcp\"`";
        return Err(check.error(written, message, help));
    }
    match (transport, &raw.transport, &raw.server_tls) {
        (raw::Transport::Tls, Some(written), None) => {
            check.whole(raw.name.as_ref())?;
            let message = "the transport `tls` needs `server_tls`";
            let help = "add `server_tls = \"NAME\"`, the name of a `[[server_tls]]`";
            Err(check.error(written, message, help))
        }
        (raw::Transport::Udp | raw::Transport::Tcp, _, Some(written)) => {
            let message = "`server_tls` means something with `transport = \"tls\"` only";
            let help = "leave `server_tls` out, or write `transport = \"tls\"`";
            Err(check.error(written, message, help))
        }
        (raw::Transport::Udp, ..) => Ok(Transport::Udp),
        (raw::Transport::Tcp, ..) => Ok(Transport::Tcp(framing)),
        (raw::Transport::Tls, _, written) => {
            let profile = profile?.unwrap_or_default();
            let start = profiles.get(profile).map(server_tls::start);
            if let (Some(Start::StartTls), Some(written)) = (start, written) {
                let message = "collectors know no STARTTLS, which this profile begins with";
                let help = "name a profile with `start = \"implicit\"`";
                return Err(check.error(written, message, help));
            }
            Ok(Transport::Tls(framing, ServerTlsId(profile)))
        }
    }
}
