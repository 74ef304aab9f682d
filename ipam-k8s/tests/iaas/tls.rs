//! Certificates.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use ipam_k8s::iaas::{Provider, ProviderError, ProviderFields, ProviderSettings, SettingsError};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

use crate::server::{Reply, Server};
use crate::{AGENT, allocate_request, chain, fields, provider_of, release_request};

/// Who signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A server whose certificate is for this name.
    fn server(&self, name: &str) -> Server {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            );
        Server::start_tls(Arc::new(config.unwrap()), |_| Reply::answer("200 OK", "{}"))
    }

    fn write(&self, folder: &Path) -> String {
        let path = folder.join("ca.pem");
        fs::write(&path, self.0.pem()).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

fn https(server: &Server) -> ProviderFields {
    fields(&format!("https://{}", server.address))
}

async fn refused(fields: &ProviderFields) -> String {
    let error = provider_of(fields).allocate(&allocate_request(), None).await.unwrap_err();
    assert!(matches!(error, ProviderError::NoConnection { .. }), "{error:?}");
    assert!(!error.may_be_done(), "nothing was sent");
    chain(&error)
}

#[tokio::test]
async fn whoever_the_file_names_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let server = authority.server("127.0.0.1");
    let provider = provider_of(&ProviderFields { ca_file: authority.write(folder.path()), ..https(&server) });
    provider.allocate(&allocate_request(), None).await.unwrap();
    provider.release(&release_request("10.0.0.10"), None).await.unwrap();
    assert_eq!(server.rest().len(), 2);
}

#[tokio::test]
async fn nobody_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, other) = (Authority::new(), Authority::new());
    let ca_file = authority.write(folder.path());
    // Signed by somebody else.
    let server = other.server("127.0.0.1");
    let told = refused(&ProviderFields { ca_file: ca_file.clone(), ..https(&server) }).await;
    assert!(told.contains("no connection: ") && told.contains("certificate"), "{told}");
    assert!(server.rest().is_empty());
    // For another name.
    let server = authority.server("127.0.0.2");
    let told = refused(&ProviderFields { ca_file, ..https(&server) }).await;
    assert!(told.contains("certificate"), "{told}");
    assert!(server.rest().is_empty());
}

#[tokio::test]
async fn unless_it_is_said_that_anybody_is() {
    let server = Authority::new().server("127.0.0.2");
    let provider = provider_of(&ProviderFields { tls_insecure_skip_verify: true, ..https(&server) });
    provider.allocate(&allocate_request(), None).await.unwrap();
    assert_eq!(server.rest().len(), 1);
}

#[tokio::test]
async fn by_default_the_system_is_asked() {
    let server = Authority::new().server("127.0.0.1");
    let settings = ProviderSettings::new(&https(&server)).unwrap().unwrap();
    match Provider::new(&settings, AGENT) {
        Ok(provider) => {
            let error = provider.allocate(&allocate_request(), None).await.unwrap_err();
            assert!(chain(&error).contains("certificate"), "{}", chain(&error));
        }
        // A machine that trusts nobody says so at the start.
        Err(error) => assert!(matches!(error, SettingsError::NoRoots { .. }), "{error:?}"),
    }
    assert!(server.rest().is_empty());
}

#[tokio::test]
async fn plain_http_is_no_https() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").unwrap();
        // Until the peer goes, so that the answer is not lost.
        while stream.read(&mut [0; 64]).is_ok_and(|length| length > 0) {}
    });
    let told = refused(&ProviderFields { tls_insecure_skip_verify: true, ..fields(&url) }).await;
    assert!(told.contains(&url), "{told}");
}

#[test]
fn a_file_that_cannot_be_used_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let written = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let absent = folder.path().join("absent").to_str().unwrap().to_owned();
    for (ca_file, want) in [
        (absent, "cannot be read; want certificates in PEM: "),
        (written("empty", ""), "has no certificate; want one or more in PEM"),
        (written("text", "no certificate"), "has no certificate; want one or more in PEM"),
        (
            written("broken", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "cannot be read; want certificates in PEM: ",
        ),
    ] {
        let fields = ProviderFields { ca_file: ca_file.clone(), ..fields("https://provider") };
        let settings = ProviderSettings::new(&fields).unwrap().unwrap();
        let told = chain(&Provider::new(&settings, AGENT).unwrap_err());
        assert!(told.starts_with(&format!("iaasNetworkProvider.caFile: {ca_file:?} {want}")), "{told}");
    }
}
