//! A mail server, complete as far as a probe can tell, that does all well but for one fault.

use super::*;
use crate::config::plan::{Mechanism, MonitorAuthPlan, Secret, Setting, Start};
use crate::tls::Connector;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::path::PathBuf;
use std::sync::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

pub(super) const PASSWORD: &str = "tanstaaf tanstaaf";

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
    Nothing,
    Greeting554,
    ClosesAfterEhlo,
    SilentAfterGreeting,
    Dribbles,
    HugeLine,
    NoStartTls,
    InjectsAfterStartTls,
    StartTlsRefused,
    NoTls,
    NoAuth,
    EchoesPassword,
    RecipientRefused,
    SenderRefused,
    DataRefused,
    MessageRefused,
    OldHello,
}

/// It, running.
pub(super) struct Mx {
    pub(super) address: SocketAddr,
    pub(super) heard: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Mx {
    fn drop(&mut self) {
        self.task.abort();
    }
}

trait Both: AsyncRead + AsyncWrite + Unpin + std::marker::Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + std::marker::Send> Both for T {}

struct Serve {
    stream: BufReader<Box<dyn Both>>,
    fault: Fault,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Serve {
    async fn send(&mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes()).await;
        let _ = self.stream.flush().await;
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await.ok()?;
        let line = line.strip_suffix("\r\n")?.to_owned();
        self.heard.lock().unwrap().push(line.clone());
        (read > 0).then_some(line)
    }

    /// Until the end, or STARTTLS.
    async fn talk(&mut self, encrypted: bool) -> bool {
        let mut logged_in = false;
        while let Some(line) = self.line().await {
            let verb = line.split([' ', ':']).next().unwrap_or_default();
            match (verb, self.fault) {
                ("EHLO", Fault::ClosesAfterEhlo) => return false,
                ("EHLO", Fault::SilentAfterGreeting) => {
                    while self.line().await.is_some() {}
                    return false;
                }
                ("EHLO", Fault::Dribbles) => {
                    self.send("250-").await;
                    loop {
                        self.send("x").await;
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
                ("EHLO", Fault::HugeLine) => {
                    self.send(&format!("250-{}", "x".repeat(1_000_000))).await;
                }
                ("EHLO", Fault::OldHello) => self.send("502 what?\r\n").await,
                ("EHLO", fault) => {
                    let tls = match fault {
                        Fault::NoStartTls => "",
                        _ if encrypted => "",
                        _ => "250-STARTTLS\r\n",
                    };
                    let auth = match fault {
                        Fault::NoAuth => "",
                        _ => "250-AUTH PLAIN LOGIN CRAM-MD5\r\n",
                    };
                    self.send(&format!("250-mx\r\n{tls}{auth}250 8BITMIME\r\n"))
                        .await;
                }
                ("STARTTLS", Fault::StartTlsRefused) => self.send("454 not now\r\n").await,
                ("STARTTLS", Fault::InjectsAfterStartTls) => {
                    self.send("220 go\r\n250 injected\r\n").await;
                    return true;
                }
                ("STARTTLS", _) => {
                    self.send("220 go\r\n").await;
                    return true;
                }
                ("AUTH", fault) => {
                    let good = self.auth(&line).await;
                    logged_in = good;
                    match (good, fault) {
                        (true, _) => self.send("235 in\r\n").await,
                        (_, Fault::EchoesPassword) => {
                            let echo = STANDARD.encode(PASSWORD);
                            self.send(&format!("535 {PASSWORD} is {echo}?\r\n")).await;
                        }
                        _ => self.send("535 5.7.8 authentication failed\r\n").await,
                    }
                }
                ("MAIL", Fault::SenderRefused) => self.send("550 5.7.1 not you\r\n").await,
                ("RCPT", Fault::RecipientRefused) => self.send("550 5.1.1 nobody\r\n").await,
                ("DATA", Fault::DataRefused) => self.send("451 later\r\n").await,
                ("MAIL" | "RCPT", _) => self.send("250 ok\r\n").await,
                ("DATA", fault) => {
                    self.send("354 go\r\n").await;
                    while self.line().await.is_some_and(|line| line != ".") {}
                    match fault {
                        Fault::MessageRefused => self.send("452 4.3.1 full\r\n").await,
                        _ => self.send("250 2.0.0 queued\r\n").await,
                    }
                }
                ("HELO" | "NOOP", _) => self.send("250 mx\r\n").await,
                ("QUIT", _) => {
                    self.send("221 bye\r\n").await;
                    let _ = self.stream.shutdown().await;
                    return false;
                }
                _ => self.send("500 what?\r\n").await,
            }
        }
        let _ = logged_in;
        false
    }

    async fn auth(&mut self, line: &str) -> bool {
        let decode = |text: &str| STANDARD.decode(text).unwrap_or_default();
        match line.split(' ').nth(1) {
            Some("PLAIN") => {
                let response = line.split(' ').nth(2).unwrap_or_default();
                decode(response) == format!("\0probe\0{PASSWORD}").as_bytes()
            }
            Some("LOGIN") => {
                self.send("334 VXNlcm5hbWU6\r\n").await;
                let user = self.line().await.unwrap_or_default();
                self.send("334 UGFzc3dvcmQ6\r\n").await;
                let password = self.line().await.unwrap_or_default();
                decode(&user) == b"probe" && decode(&password) == PASSWORD.as_bytes()
            }
            _ => {
                let challenge = STANDARD.encode("<1.2@mx>");
                self.send(&format!("334 {challenge}\r\n")).await;
                let expected = sasl::cram_md5(b"probe", PASSWORD.as_bytes(), challenge.as_bytes());
                self.line().await.unwrap_or_default() == *expected.unwrap()
            }
        }
    }
}

pub(super) async fn mx(start: Option<Start>, fault: Fault, tls: Arc<ServerConfig>) -> Mx {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Arc::<Mutex<Vec<String>>>::default();
    let told = Arc::clone(&heard);
    let task = tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(tls);
        loop {
            let stream = listener.accept().await.unwrap().0;
            let mut stream: Box<dyn Both> = Box::new(stream);
            if start == Some(Start::Implicit) && fault != Fault::NoTls {
                let Ok(encrypted) = acceptor.accept(stream).await else {
                    continue;
                };
                stream = Box::new(encrypted);
            }
            let mut serve = Serve {
                stream: BufReader::new(stream),
                fault,
                heard: Arc::clone(&told),
            };
            if fault == Fault::Greeting554 {
                serve.send("554 5.7.1 no service\r\n").await;
            } else {
                serve.send("220 mx ESMTP\r\n").await;
            }
            let implicit = start == Some(Start::Implicit);
            if serve.talk(implicit).await {
                let plain = serve.stream.into_inner();
                let Ok(encrypted) = acceptor.accept(plain).await else {
                    continue;
                };
                serve.stream = BufReader::new(Box::new(encrypted));
                serve.talk(true).await;
            }
        }
    });
    Mx {
        address,
        heard,
        task,
    }
}

/// The certificates that were made, by the configuration that shows them.
static MADE: Mutex<Vec<(usize, String)>> = Mutex::new(Vec::new());

/// The certificate of a server, in PEM.
pub(super) fn pem(server: &Arc<ServerConfig>) -> String {
    let made = MADE.lock().unwrap();
    let at = Arc::as_ptr(server).addr();
    made.iter().find(|(of, _)| *of == at).unwrap().1.clone()
}

/// A certificate for `localhost` that is its own authority, and whether its time is over.
pub(super) fn certificate(expired: bool) -> (Arc<ServerConfig>, Arc<Profiles>) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    if expired {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    }
    // Or else one would seem to be signed by another, badly.
    let name = format!("mx {:x}", crate::chance::draw());
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = Connector::new(Arc::new(client), Start::Implicit, None);
    let profiles = Profiles::new(Vec::new(), vec![Arc::new(connector)]);
    let server = Arc::new(server);
    let made = (Arc::as_ptr(&server).addr(), certificate.pem());
    MADE.lock().unwrap().push(made);
    (server, Arc::new(profiles))
}

/// A folder with the password.
pub(super) struct Desk(tempfile::TempDir);

impl Desk {
    pub(super) fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.put("password", &format!("{PASSWORD}\n"));
        desk.put("wrong", "guess\n");
        desk
    }

    pub(super) fn put(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn auth(&self, mechanism: Mechanism, password: &str) -> MonitorAuthPlan {
        MonitorAuthPlan {
            mechanism,
            user: Setting::Text("probe".into()),
            password: Secret::File(self.path(password)),
        }
    }
}
