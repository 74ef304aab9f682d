//! With which configuration an agent starts (check 60).

use std::time::Duration;

use ipam_k8s::iaas::{ProviderFields, ProviderSettings, Trust};

use crate::fields;

fn timeout(text: &str) -> ProviderFields {
    ProviderFields { http_request_timeout: text.to_owned(), ..fields("http://provider") }
}

#[test]
fn timeouts() {
    for (text, want) in [
        ("", Duration::from_secs(50)),
        ("30s", Duration::from_secs(30)),
        ("1m", Duration::from_secs(60)),
        ("1ns", Duration::from_nanos(1)),
        ("1m39.999s", Duration::from_millis(99_999)),
    ] {
        let settings = ProviderSettings::new(&timeout(text)).unwrap().unwrap();
        assert_eq!(settings.timeout(), want, "{text}");
    }
    for text in ["0s", "0", "-5s", "abc", "50", "100s", "2m", "1m40s", "1h", " 50s"] {
        let told = ProviderSettings::new(&timeout(text)).unwrap_err().to_string();
        assert_eq!(
            told,
            format!(
                "iaasNetworkProvider.httpRequestTimeout: {text:?} is not what a call can take; \
                 want a duration above 0 and below 100s, such as 50s or 1m30s"
            )
        );
    }
}

#[test]
fn urls() {
    for (url, want) in [
        ("http://provider", "http://provider"),
        (" https://user:secret@provider:8443/x/ ", "https://provider:8443/x"),
    ] {
        let settings = ProviderSettings::new(&fields(url)).unwrap().unwrap();
        assert_eq!(settings.url(), want);
        assert_eq!(*settings.trust(), Trust::System, "certificates are verified");
        assert!(!format!("{settings:?}").contains("secret"));
    }
    for (url, want) in [
        ("provider:80", r#""provider:80" has no scheme;"#),
        ("/provider", r#""/provider" has no scheme;"#),
        ("ftp://user:secret@provider", r#""ftp://xxxxx@provider" has another scheme;"#),
        ("user:secret@provider", r#""xxxxx@provider" "#),
        ("http://user:secret@", r#""http://xxxxx@" "#),
        ("http://", r#""http://" "#),
        ("http://provider?token=secret", r#""http://provider?xxxxx" has a query or a fragment;"#),
        ("http://user:secret@pro vider", r#""http://xxxxx@pro vider" is no URL;"#),
    ] {
        let error = ProviderSettings::new(&fields(url)).unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(told.starts_with(&format!("iaasNetworkProvider.serverUrl: {want}")), "{told}");
        assert!(told.contains("want http://HOST or https://HOST") && !told.contains("secret"), "{told}");
    }
}

#[test]
fn without_a_url_nothing_matters() {
    for url in ["", "  "] {
        let all = ProviderFields {
            tls_insecure_skip_verify: true,
            ca_file: "/nowhere".into(),
            http_request_timeout: "abc".into(),
            ..fields(url)
        };
        assert_eq!(ProviderSettings::new(&all).unwrap(), None);
    }
}

#[test]
fn whom_is_trusted() {
    let trust = |ca_file: &str, tls_insecure_skip_verify| {
        let fields = ProviderFields {
            ca_file: ca_file.into(),
            tls_insecure_skip_verify,
            ..fields("https://provider")
        };
        ProviderSettings::new(&fields).map(|settings| settings.unwrap().trust().clone())
    };
    assert_eq!(trust("/ca.pem", false).unwrap(), Trust::File("/ca.pem".into()));
    assert_eq!(trust("", true).unwrap(), Trust::Anyone);
    let told = trust("/ca.pem", true).unwrap_err().to_string();
    assert_eq!(
        told,
        r#"iaasNetworkProvider.caFile: "/ca.pem" beside tlsInsecureSkipVerify: true; want one of the two"#
    );
}

#[test]
fn no_password_in_what_was_written() {
    let told = format!("{:?}", fields("http://user:secret@provider"));
    assert!(told.contains("http://xxxxx@provider") && !told.contains("secret"), "{told}");
}
