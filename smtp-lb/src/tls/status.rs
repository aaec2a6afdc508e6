//! What an operator sees of profiles.

/// A profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileStatus {
    /// `client_tls` or `server_tls`.
    pub kind: &'static str,
    /// Name.
    pub name: String,
    /// What members must prove; `None` of a client profile.
    pub verify: Option<&'static str>,
    /// Our own certificates in force, in the order of the file.
    pub certificates: Vec<CertificateStatus>,
    /// Changes of files that could not be taken up, since the start.
    pub reload_failures: u64,
    /// Why the files as they are now are not in force.
    pub failure: Option<String>,
}

/// A certificate in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateStatus {
    /// File of its chain.
    pub file: String,
    /// Subject. Foreign text.
    pub subject: String,
    /// DNS names in it. Foreign text.
    pub names: Vec<String>,
    /// Its end, in seconds since the Unix epoch.
    pub expires: i64,
    /// Whole days until then; negative: it is over.
    pub days_left: i64,
}
