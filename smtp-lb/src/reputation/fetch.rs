//! A small HTTPS client: one GET, by a proxy if there is one, within bounds of size and time.

use std::path::Path;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Redirections that are followed.
const REDIRECTIONS: usize = 5;
/// Octets of a proxy's answer.
const PROXY_ANSWER: usize = 8 * 1024;

/// Why nothing came.
#[derive(Debug, Error)]
pub(super) enum FetchError {
    /// The address makes no sense; of a redirection, most likely.
    #[error("{0:?} is no https URL")]
    BadUrl(String),
    /// No connection.
    #[error("cannot connect to {to}: {source}")]
    Connect {
        /// Host and port.
        to: String,
        /// Why.
        source: std::io::Error,
    },
    /// The proxy says no.
    #[error("the proxy {proxy} does not connect: {answer}")]
    Proxy {
        /// Host and port.
        proxy: String,
        /// Its first line.
        answer: String,
    },
    /// Whom to trust cannot be read.
    #[error("{0}")]
    Authorities(String),
    /// TLS failed.
    #[error("TLS with {host}: {source}")]
    Tls {
        /// Host.
        host: String,
        /// Why.
        source: std::io::Error,
    },
    /// HTTP failed.
    #[error("{0}")]
    Http(#[from] hyper::Error),
    /// Not the answer that was hoped for.
    #[error("the server answers {0}")]
    Status(StatusCode),
    /// It leads round and round.
    #[error("there are more than {REDIRECTIONS} redirections")]
    Redirections,
    /// More than the bound.
    #[error("it is larger than max_size, {0} octets")]
    TooLarge(u64),
    /// It cannot be put on disk.
    #[error("cannot write it: {0}")]
    Write(#[source] std::io::Error),
    /// It took too long.
    #[error("it took longer than the time-out")]
    Timeout,
}

/// By what a server knows whether we have the newest.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Validators {
    /// `ETag`.
    pub(super) etag: Option<String>,
    /// `Last-Modified`.
    pub(super) last_modified: Option<String>,
}

/// What to ask for, and how.
pub(super) struct Fetch<'a> {
    pub(super) url: &'a str,
    pub(super) proxy: Option<&'a str>,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) max_size: u64,
}

/// A configuration of TLS that trusts the authorities in a file, or the system's.
pub(super) fn tls(ca: Option<&Path>) -> Result<Arc<ClientConfig>, FetchError> {
    crate::tls::trusting(ca).map_err(FetchError::Authorities)
}

impl Fetch<'_> {
    /// Writes what is there into `file`; `None`: it is what `known` says.
    pub(super) async fn get(
        &self,
        known: &Validators,
        file: &mut tokio::fs::File,
    ) -> Result<Option<Validators>, FetchError> {
        let mut url = uri(self.url)?;
        for _ in 0..=REDIRECTIONS {
            let answer = self.ask(&url, known).await?;
            match answer.status() {
                StatusCode::OK => {
                    let validators = Validators {
                        etag: text(&answer, header::ETAG),
                        last_modified: text(&answer, header::LAST_MODIFIED),
                    };
                    self.save(answer.into_body(), file).await?;
                    return Ok(Some(validators));
                }
                StatusCode::NOT_MODIFIED => return Ok(None),
                StatusCode::MOVED_PERMANENTLY
                | StatusCode::FOUND
                | StatusCode::SEE_OTHER
                | StatusCode::TEMPORARY_REDIRECT
                | StatusCode::PERMANENT_REDIRECT => {
                    let to = text(&answer, header::LOCATION).unwrap_or_default();
                    url = if to.starts_with('/') && !to.starts_with("//") {
                        let host = url.authority().map(ToString::to_string);
                        uri(&format!("https://{}{to}", host.unwrap_or_default()))?
                    } else {
                        uri(&to)?
                    };
                }
                other => return Err(FetchError::Status(other)),
            }
        }
        Err(FetchError::Redirections)
    }

    async fn save(&self, mut body: Incoming, file: &mut tokio::fs::File) -> Result<(), FetchError> {
        let mut size = 0;
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                size += data.len() as u64;
                if size > self.max_size {
                    return Err(FetchError::TooLarge(self.max_size));
                }
                file.write_all(&data).await.map_err(FetchError::Write)?;
            }
        }
        file.flush().await.map_err(FetchError::Write)
    }

    async fn ask(&self, url: &Uri, known: &Validators) -> Result<Response<Incoming>, FetchError> {
        let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
        let port = url.port_u16().unwrap_or(443);
        let stream = self.connect(host, port).await?;
        let failed = |source| FetchError::Tls {
            host: host.to_owned(),
            source,
        };
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| failed(std::io::Error::other(error)))?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream = connector.connect(name, stream).await.map_err(failed)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // Ends by itself when the sender and the body are dropped.
        tokio::spawn(connection);
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.method_mut() = Method::GET;
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path
            .parse()
            .map_err(|_| FetchError::BadUrl(without_query(&url.to_string()).to_owned()))?;
        let mut put = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                request.headers_mut().insert(name, value);
            }
        };
        put(header::HOST, url.authority().map_or(host, |it| it.as_str()));
        put(
            header::USER_AGENT,
            concat!("smtp-lb/", env!("CARGO_PKG_VERSION")),
        );
        put(header::ACCEPT_ENCODING, "identity");
        if let Some(etag) = &known.etag {
            put(header::IF_NONE_MATCH, etag);
        }
        if let Some(time) = &known.last_modified {
            put(header::IF_MODIFIED_SINCE, time);
        }
        Ok(sender.send_request(request).await?)
    }

    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, FetchError> {
        let Some(proxy) = self.proxy else {
            return TcpStream::connect((host, port))
                .await
                .map_err(|source| FetchError::Connect {
                    to: format!("{host}:{port}"),
                    source,
                });
        };
        let failed = |source| FetchError::Connect {
            to: proxy.to_owned(),
            source,
        };
        let mut stream = TcpStream::connect(proxy).await.map_err(failed)?;
        let target = if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        };
        let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.map_err(failed)?;
        let mut answer = Vec::new();
        // By octets: what is behind the answer belongs to TLS.
        while !answer.ends_with(b"\r\n\r\n") && answer.len() < PROXY_ANSWER {
            answer.push(stream.read_u8().await.map_err(failed)?);
        }
        let first = answer.split(|octet| *octet == b'\r').next();
        let first = String::from_utf8_lossy(first.unwrap_or_default()).into_owned();
        if first.split(' ').nth(1) != Some("200") {
            return Err(FetchError::Proxy {
                proxy: proxy.to_owned(),
                answer: first,
            });
        }
        Ok(stream)
    }
}

fn uri(text: &str) -> Result<Uri, FetchError> {
    let bad = || FetchError::BadUrl(without_query(text).to_owned());
    let uri: Uri = text.parse().map_err(|_| bad())?;
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(_)) => Ok(uri),
        _ => Err(bad()),
    }
}

/// A URL as it may be shown: keys of subscribers stand in queries.
pub(super) fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

fn text(answer: &Response<Incoming>, name: HeaderName) -> Option<String> {
    let value = answer.headers().get(name)?.to_str().ok()?;
    Some(value.to_owned())
}
