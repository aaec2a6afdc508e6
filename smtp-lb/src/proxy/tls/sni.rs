//! The host name that a client asks for: rustls shows it to those who choose certificates only.

use std::sync::{Arc, OnceLock};

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// The name that one client asked for.
pub(super) type Asked = Arc<OnceLock<Box<str>>>;

#[derive(Debug)]
struct Overhearing {
    chooses: Arc<dyn ResolvesServerCert>,
    asked: Asked,
}

/// The same configuration, for one handshake, from which `asked` learns the name.
pub(super) fn overhear(config: &ServerConfig, asked: &Asked) -> Arc<ServerConfig> {
    let mut config = config.clone();
    config.cert_resolver = Arc::new(Overhearing {
        chooses: config.cert_resolver,
        asked: Arc::clone(asked),
    });
    Arc::new(config)
}

impl ResolvesServerCert for Overhearing {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(name) = hello.server_name() {
            // A second hello of one handshake says the same.
            let _ = self.asked.set(name.into());
        }
        self.chooses.resolve(hello)
    }

    fn only_raw_public_keys(&self) -> bool {
        self.chooses.only_raw_public_keys()
    }
}
