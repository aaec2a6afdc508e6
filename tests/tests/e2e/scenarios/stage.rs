//! What the scenarios share: certificates of both sides, and the configuration.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

use smtp_lb_tests::certs::{Certs, Leaf};
use smtp_lb_tests::clients::{Target, Tls};
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::{self, Client};
use smtp_lb_tests::tls_client::TlsClient;
use smtp_lb_tests::wait::LONG;

use crate::host::{Files, Host};

/// What clients know smtp-lb as.
pub(super) const PUBLIC: &str = "mail.outside.example";

/// What smtp-lb knows its members as.
pub(super) const INSIDE: &str = "mx.inside.example";

/// Two authorities that know nothing of each other: one that clients trust, one that smtp-lb does.
pub(super) struct Trust {
    pub(super) outside: Certs,
    pub(super) inside: Certs,
    pub(super) public: Leaf,
    pub(super) member: Leaf,
}

impl Trust {
    pub(super) fn new() -> Self {
        let outside = Certs::new().unwrap();
        let inside = Certs::new().unwrap();
        let public = outside.server("public", &[PUBLIC]).unwrap();
        let member = inside.server("member", &[INSIDE]).unwrap();
        Self {
            outside,
            inside,
            public,
            member,
        }
    }

    /// A client that trusts the outside and nobody else.
    pub(super) fn client(&self) -> TlsClient {
        TlsClient::new(&self.outside.ca(), PUBLIC).unwrap()
    }

    /// The profile `public` of `[[client_tls]]`, with further keys.
    pub(super) fn client_tls(&self, more: &str) -> String {
        format!(
            "[[client_tls]]\nname = \"public\"\ncertificate = {}\nkey = \"file:{}\"\n{more}\n",
            quoted(&self.public.chain),
            self.public.key.display()
        )
    }

    /// The profile `inside` of `[[server_tls]]`.
    pub(super) fn server_tls(&self, start: &str) -> String {
        format!(
            "[[server_tls]]\nname = \"inside\"\nstart = \"{start}\"\nca = {}\n\
             server_name = \"{INSIDE}\"\n",
            quoted(&self.inside.ca())
        )
    }
}

/// A path as a string of the configuration. Temporary folders have no characters to escape.
pub(super) fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display())
}

/// A virtual server and its pool, `NAME-pool`, whose members are `NAME-1`, `NAME-2`, ….
pub(crate) fn virtual_server(
    name: &str,
    listen: SocketAddr,
    keys: &str,
    members: &[SocketAddr],
) -> String {
    let mut text = format!(
        "[[virtual_server]]\nname = \"{name}\"\nlisten = [\"{listen}\"]\npool = \"{name}-pool\"\n\
         {keys}\n\n[[pool]]\nname = \"{name}-pool\"\nmembers = [\n"
    );
    for (number, member) in (1..).zip(members) {
        writeln!(
            text,
            "  {{ name = \"{name}-{number}\", address = \"{member}\" }},"
        )
        .unwrap();
    }
    text + "]\n\n"
}

/// Starts smtp-lb with this behind what any configuration needs.
pub(crate) fn start(site: &Site, parts: &[&str]) -> Host {
    start_in(site, parts, &[])
}

/// As [`start`], with variables in its environment that name files.
pub(super) fn start_in(site: &Site, parts: &[&str], environment: &[(&str, &Path)]) -> Host {
    let files = Files::new();
    let folder = files.folder.path().display();
    let text = format!(
        "[general]\nworkers = 2\ngrace = \"10s\"\nstate_path = \"{folder}/state\"\n\n\
         [admin]\nsocket = \"{folder}/admin.sock\"\n\n\
         [firewall]\npin_path = \"{}\"\n\n[log]\nsystem_profile = \"all\"\n\n\
         [[log.destination]]\nname = \"file\"\ntype = \"file\"\npath = \"{folder}/events.json\"\n\n\
         [[log.publisher]]\nname = \"file\"\ndestinations = [\"file\"]\n\n\
         [[log.profile]]\nname = \"all\"\npublisher = \"file\"\n\n{}",
        files.pins.path().display(),
        parts.concat()
    );
    Host::start_in(site, files, &text, environment)
}

/// Mail servers on both machines, on this port.
pub(super) fn members(family: Family, port: u16) -> [SocketAddr; 2] {
    [family.mx1(), family.mx2()].map(|address| SocketAddr::new(address, port))
}

/// A client program's way to the service, in the clear or to smtp-lb's own certificate.
pub(super) fn target(trust: &Trust, family: Family, tls: Tls) -> Target {
    Target::new(family.service(), tls, PUBLIC, &trust.outside.ca())
}

/// A connection to the service, greeted, nothing said.
pub(super) fn greeted(site: &Site, family: Family) -> Client {
    Client::connect(Some(&site.outside), None, family.service(), LONG).unwrap()
}

/// A connection to the service, EHLO said, in the clear.
pub(super) fn hello(site: &Site, family: Family) -> Client {
    let mut client = greeted(site, family);
    client.hello().unwrap();
    client
}

/// A session to the service inside STARTTLS, EHLO said.
pub(super) fn inside(site: &Site, family: Family, tls: &TlsClient) -> Client {
    let mut client = hello(site, family).start_tls(tls).unwrap();
    client.hello().unwrap();
    client
}

/// A session to the service inside TLS from the first octet, greeted, EHLO said.
pub(super) fn implicit(site: &Site, family: Family, tls: &TlsClient) -> Client {
    let socket = smtp_client::connect(Some(&site.outside), None, family.service(), LONG).unwrap();
    let mut client = Client::over_tls(socket, tls).unwrap();
    client.greeted().unwrap();
    client.hello().unwrap();
    client
}
