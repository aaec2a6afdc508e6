//! What the kernel says of an interface: index and attached XDP program.
//!
//! Over rtnetlink and not `/sys/class/net`, which shows the namespace it was mounted in.

use futures_util::TryStreamExt as _;
use rtnetlink::packet_route::link::{LinkAttribute, LinkXdp, XdpAttached};

use crate::netlink;
pub use crate::netlink::NetlinkError;

/// An interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) xdp: Option<Attached>,
}

/// An XDP program on an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attached {
    pub(crate) native: bool,
    pub(crate) program: u32,
}

/// The interface of that name, `None` if there is none. Blocks for one round trip.
pub(crate) fn link(name: &str) -> Result<Option<Link>, NetlinkError> {
    netlink::run(async |handle| {
        let mut all = std::pin::pin!(handle.link().get().execute());
        while let Some(message) = all.try_next().await? {
            let named = |a: &LinkAttribute| matches!(a, LinkAttribute::IfName(n) if n == name);
            if message.attributes.iter().any(named) {
                let xdp = message
                    .attributes
                    .iter()
                    .find_map(|attribute| match attribute {
                        LinkAttribute::Xdp(xdp) => attached(xdp),
                        _ => None,
                    });
                let index = message.header.index;
                return Ok(Some(Link { index, xdp }));
            }
        }
        Ok(None)
    })
}

fn attached(attributes: &[LinkXdp]) -> Option<Attached> {
    let program = attributes.iter().find_map(|a| match a {
        LinkXdp::ProgId(id) | LinkXdp::DrvProgId(id) | LinkXdp::SkbProgId(id) if *id != 0 => {
            Some(*id)
        }
        _ => None,
    })?;
    let native = attributes.iter().any(|a| {
        matches!(
            a,
            LinkXdp::Attached(XdpAttached::Driver | XdpAttached::Hardware)
        )
    });
    Some(Attached { native, program })
}
