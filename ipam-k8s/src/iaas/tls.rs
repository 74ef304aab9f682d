//! Whom a connection to the provider trusts.

use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt as _;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::settings::{ProviderSettings, SettingsError, Trust};

/// The configuration of TLS. Reads the file of certificates, or those of the system.
pub(super) fn config(settings: &ProviderSettings) -> Result<ClientConfig, SettingsError> {
    let tls = |source: Error| SettingsError::Tls { url: settings.url(), source: Box::new(source) };
    let crypto = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&crypto));
    let builder = builder.with_safe_default_protocol_versions().map_err(tls)?;
    if !settings.url.is_https() {
        // Never used: the connector wants one.
        return Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    }
    let builder = match settings.trust() {
        Trust::System => builder
            .with_native_roots()
            .map_err(|source| SettingsError::NoRoots { url: settings.url(), source: Box::new(source) })?,
        Trust::File(file) => {
            let unread = |source: rustls::pki_types::pem::Error| SettingsError::CaFile {
                file: file.clone(),
                source: Box::new(source),
            };
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(file).map_err(unread)? {
                roots.add(certificate.map_err(unread)?).map_err(|source| SettingsError::CaFile {
                    file: file.clone(),
                    source: Box::new(source),
                })?;
            }
            if roots.is_empty() {
                return Err(SettingsError::NoCertificate { file: file.clone() });
            }
            builder.with_root_certificates(roots)
        }
        Trust::Anyone => builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone::new(&crypto))),
    };
    Ok(builder.with_no_client_auth())
}

/// Takes any certificate, whoever signed it and for whom. The peer must still own its key, as with Go's `InsecureSkipVerify`.
#[derive(Debug)]
struct Anyone(WebPkiSupportedAlgorithms);

impl Anyone {
    fn new(crypto: &CryptoProvider) -> Self {
        Self(crypto.signature_verification_algorithms)
    }
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
