//! How the provider is reached, as written and as checked.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::url::{ServerUrl, redacted};
use crate::duration::parse_go_duration;

/// What a call may take where nothing is said: the provider's worst case (`budget`) and a little.
const TIMEOUT: Duration = Duration::from_secs(50);
/// The plugin waits for the agent so long; a call that is as long would never be answered in time.
const TIMEOUT_BELOW: Duration = Duration::from_secs(100);

/// `iaasNetworkProvider` of the configuration file, unchecked.
#[derive(Clone, Default)]
pub struct ProviderFields {
    /// Where the provider is; empty for none, and then nothing else matters.
    pub server_url: String,
    /// How long one call may take, as Go writes durations; empty for 50 s.
    pub http_request_timeout: String,
    /// Whether any certificate is taken for the provider's. Not a key of the original, which takes any.
    pub tls_insecure_skip_verify: bool,
    /// A file with the certificates, in PEM, of who may sign the provider's; empty for those that the system trusts. Not a key of the
    /// original.
    pub ca_file: String,
}

impl fmt::Debug for ProviderFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderFields")
            .field("server_url", &redacted(&self.server_url))
            .field("http_request_timeout", &self.http_request_timeout)
            .field("tls_insecure_skip_verify", &self.tls_insecure_skip_verify)
            .field("ca_file", &self.ca_file)
            .finish()
    }
}

/// Whose certificates are taken for the provider's.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Trust {
    /// Those signed by whom the system trusts.
    System,
    /// Those signed by whom this file names, and no others.
    File(PathBuf),
    /// Anybody's: whoever is in between can read and answer.
    Anyone,
}

/// A provider's settings, checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProviderSettings {
    pub(super) url: ServerUrl,
    timeout: Duration,
    trust: Trust,
}

/// Why an agent or controller does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The URL cannot be used.
    #[error(
        "iaasNetworkProvider.serverUrl: {value:?} {problem}; want http://HOST or https://HOST, with :PORT and /PATH where needed"
    )]
    ServerUrl {
        /// The URL, without what may be a password.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The timeout is none, or out of bounds.
    #[error(
        "iaasNetworkProvider.httpRequestTimeout: {value:?} is not what a call can take; want a duration above 0 and below 100s, such as 50s or 1m30s"
    )]
    Timeout {
        /// The value.
        value: String,
    },
    /// Both that anybody is trusted, and who is.
    #[error("iaasNetworkProvider.caFile: {file:?} beside tlsInsecureSkipVerify: true; want one of the two")]
    TwoTrusts {
        /// The file.
        file: String,
    },
    /// The file with certificates cannot be read.
    #[error("iaasNetworkProvider.caFile: {file:?} cannot be read; want certificates in PEM")]
    CaFile {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// There is no certificate in the file.
    #[error("iaasNetworkProvider.caFile: {file:?} has no certificate; want one or more in PEM")]
    NoCertificate {
        /// The file.
        file: PathBuf,
    },
    /// A certificate in the file is none, or nothing that is used for TLS is available.
    #[error("iaasNetworkProvider.serverUrl: {url} cannot be reached with TLS")]
    Tls {
        /// The URL.
        url: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The system trusts nobody, so no certificate could ever be taken.
    #[error(
        "iaasNetworkProvider.serverUrl: {url} is https, and the system trusts nobody; want a file of certificates in caFile"
    )]
    NoRoots {
        /// The URL.
        url: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The `User-Agent` is no value of a header.
    #[error("the name of the program is no value of a header: {value:?}")]
    UserAgent {
        /// The value.
        value: String,
    },
}

impl ProviderSettings {
    /// The settings, if there is a provider at all.
    ///
    /// # Errors
    /// [`SettingsError::ServerUrl`], [`SettingsError::Timeout`], [`SettingsError::TwoTrusts`].
    pub fn new(fields: &ProviderFields) -> Result<Option<Self>, SettingsError> {
        let ProviderFields { server_url, http_request_timeout, tls_insecure_skip_verify, ca_file } = fields;
        let server_url = server_url.trim();
        if server_url.is_empty() {
            return Ok(None);
        }
        let url = ServerUrl::new(server_url)
            .map_err(|problem| SettingsError::ServerUrl { value: redacted(server_url), problem })?;
        let timeout = match http_request_timeout.as_str() {
            "" => Some(TIMEOUT),
            text => parse_go_duration(text),
        };
        let timeout = timeout.filter(|timeout| !timeout.is_zero() && *timeout < TIMEOUT_BELOW);
        let timeout =
            timeout.ok_or_else(|| SettingsError::Timeout { value: http_request_timeout.clone() })?;
        let trust = match (ca_file.as_str(), tls_insecure_skip_verify) {
            ("", false) => Trust::System,
            ("", true) => Trust::Anyone,
            (file, false) => Trust::File(file.into()),
            (file, true) => return Err(SettingsError::TwoTrusts { file: file.to_owned() }),
        };
        Ok(Some(Self { url, timeout, trust }))
    }

    /// Where the provider is, without user and password.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.to_string()
    }

    /// What one call may take.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whose certificates are taken. Says nothing where the URL is no `https`.
    #[must_use]
    pub const fn trust(&self) -> &Trust {
        &self.trust
    }
}
