//! What is made of an answer.

use std::net::TcpListener;

use ipam_core::Addr;
use ipam_k8s::iaas::{Binding, Mac, ProviderError, Vlan};

use crate::server::{Reply, Server};
use crate::{allocate_request, chain, fields, provider_of, release_request};

fn addr(text: &str) -> Addr {
    text.parse().unwrap()
}

fn bound(mac: &str, vlan: i64) -> Binding {
    Binding { mac: mac.parse::<Mac>().ok(), vlan: Vlan::new(vlan) }
}

/// What an allocation comes to whose answer has these items.
async fn items(items: &str) -> Result<[Binding; 2], String> {
    let body = format!(r#"{{"podName":"p1","newer":1,"iaasIPsAllocationResponse":{items}}}"#);
    let server = Server::start(move |_| Reply::answer("201 Created", &body));
    let answer = provider_of(&fields(&server.url())).allocate(&allocate_request(), None).await;
    match answer {
        Ok(bindings) => Ok([addr("10.0.0.10"), addr("fd00::a")].map(|address| bindings.of(address))),
        Err(error) => {
            assert!(error.may_be_done(), "{error:?}");
            Err(chain(&error))
        }
    }
}

#[tokio::test]
async fn hardware_address_and_vlan_of_each() {
    let both = r#"[
        {"parentNicMac":"fa:16:3e:00:00:01","subnet":"10.0.0.0/24","ipAddress":"10.0.0.10","macAddress":"FA:16:3E:00:00:0A","vlanId":100},
        {"subnet":"fd00::/64","ipAddress":"FD00:0::000a","macAddress":"fa:16:3e:00:00:0b","vlanId":4094,"more":[]}]"#;
    assert_eq!(items(both).await, Ok([bound("fa:16:3e:00:00:0a", 100), bound("fa:16:3e:00:00:0b", 4094)]));
}

#[tokio::test]
async fn what_the_answer_does_not_say_is_not_there() {
    let nothing = Ok([Binding::default(); 2]);
    for text in [
        "[]",
        "null",
        r#"[{"ipAddress":"10.0.0.10"}]"#,
        r#"[{"ipAddress":"10.0.0.10","macAddress":"","vlanId":0}]"#,
        r#"[{"ipAddress":"10.0.0.10","macAddress":null,"vlanId":null}]"#,
    ] {
        assert_eq!(items(text).await, nothing, "{text}");
    }
    let vlan_only = r#"[{"ipAddress":"10.0.0.10","vlanId":7}]"#;
    assert_eq!(items(vlan_only).await, Ok([bound("", 7), Binding::default()]));
    let twice = r#"[{"ipAddress":"10.0.0.10","vlanId":7},{"ipAddress":"10.0.0.10","vlanId":7}]"#;
    assert_eq!(items(twice).await, Ok([bound("", 7), Binding::default()]));
}

#[tokio::test]
async fn bad_values_are_named() {
    for (text, want) in [
        (
            r#"[{"ipAddress":"10.0.0.99","vlanId":7}]"#,
            r#"iaas allocate API returned unknown IP "10.0.0.99"; want one of those asked for: [10.0.0.10, fd00::a]"#,
        ),
        (r#"[{"vlanId":7}]"#, r#"iaas allocate API returned unknown IP "";"#),
        (r#"[null]"#, r#"iaas allocate API returned unknown IP "";"#),
        (r#"[{"ipAddress":"10.0.0.10/24"}]"#, r#"iaas allocate API returned unknown IP "10.0.0.10/24";"#),
        (r#"[{"ipAddress":"::ffff:10.0.0.10"}]"#, "iaas allocate API returned unknown IP"),
        (
            r#"[{"ipAddress":"fd00::a","macAddress":"fa:16:3e"}]"#,
            r#"iaas allocate API returned for IP fd00::a a bad macAddress: "fa:16:3e" is no hardware address"#,
        ),
        (
            r#"[{"ipAddress":"10.0.0.10","macAddress":"01:00:5e:00:00:01"}]"#,
            r#"for IP 10.0.0.10 a bad macAddress: "01:00:5e:00:00:01""#,
        ),
        (
            r#"[{"ipAddress":"10.0.0.10","vlanId":4095}]"#,
            "iaas allocate API returned for IP 10.0.0.10 a bad vlanId: 4095; want 1 to 4094, or 0 for none",
        ),
        (r#"[{"ipAddress":"10.0.0.10","vlanId":-1}]"#, "a bad vlanId: -1;"),
        (
            r#"[{"ipAddress":"10.0.0.10","vlanId":7},{"ipAddress":"10.0.0.10","vlanId":8}]"#,
            "iaas allocate API returned IP 10.0.0.10 twice",
        ),
        (
            r#"[{"ipAddress":"10.0.0.10","vlanId":"7"}]"#,
            "iaas allocate API returned an answer that cannot be read: {",
        ),
        (r#"{}"#, "iaas allocate API returned an answer that cannot be read: {"),
    ] {
        let told = items(text).await.unwrap_err();
        assert!(told.contains(want), "{text}: {told}");
    }
}

#[tokio::test]
async fn one_nic_has_one_of_each() {
    let body = r#"{"iaasIPsAllocationResponse":[{"ipAddress":"10.0.0.10","macAddress":"fa:16:3e:00:00:0a"},
        {"ipAddress":"fd00::a","vlanId":100}]}"#;
    let server = Server::answering("200 OK", body);
    let provider = provider_of(&fields(&server.url()));
    let bindings = provider.allocate(&allocate_request(), None).await.unwrap();
    let nic = "net1".parse().unwrap();
    let both = [addr("10.0.0.10"), addr("fd00::a")];
    assert_eq!(bindings.of_nic(&nic, both).unwrap(), bound("fa:16:3e:00:00:0a", 100));
    assert_eq!(bindings.of_nic(&nic, []).unwrap(), Binding::default());
    assert_eq!(bindings.of(addr("10.0.0.11")), Binding::default());

    for (field, one, other, want) in [
        (
            "macAddress",
            "\"fa:16:3e:00:00:0a\"",
            "\"fa:16:3e:00:00:0b\"",
            "both macAddress fa:16:3e:00:00:0a and fa:16:3e:00:00:0b",
        ),
        ("vlanId", "7", "8", "both vlanId 7 and 8"),
    ] {
        let body = format!(
            r#"{{"iaasIPsAllocationResponse":[{{"ipAddress":"10.0.0.10","{field}":{one}}},{{"ipAddress":"fd00::a","{field}":{other}}}]}}"#
        );
        let server = Server::start(move |_| Reply::answer("200 OK", &body));
        let provider = provider_of(&fields(&server.url()));
        let bindings = provider.allocate(&allocate_request(), None).await.unwrap();
        let told = bindings.of_nic(&nic, both).unwrap_err().to_string();
        assert!(told.contains("for NIC net1") && told.contains(want), "{told}");
    }
}

#[tokio::test]
async fn other_statuses_are_told_and_nothing_is_repeated() {
    for (status, code) in [
        ("500 Internal Server Error", 500),
        ("429 Too Many Requests", 429),
        ("404 Not Found", 404),
        ("301 Moved Permanently", 301),
        ("308 Permanent Redirect", 308),
    ] {
        let server = Server::start(move |_| {
            Reply::Bytes(format!(
                "HTTP/1.1 {status}\r\nLocation: /elsewhere\r\nContent-Length: 8\r\n\r\nno luck\n"
            ))
        });
        let provider = provider_of(&fields(&server.url()));
        let error = provider.allocate(&allocate_request(), None).await.unwrap_err();
        assert_eq!(error.to_string(), format!("iaas allocate API returned status {code}: no luck"));
        assert_eq!(error.may_be_done(), code == 500);
        let error = provider.release(&release_request("10.0.0.10"), None).await.unwrap_err();
        assert_eq!(error.to_string(), format!("iaas release API returned status {code}: no luck"));
        assert_eq!(server.rest().len(), 2, "{status}: each call once");
    }
}

#[tokio::test]
async fn a_long_body_is_cut() {
    let long = "x".repeat(5000);
    let server = Server::start(move |_| Reply::answer("503 Service Unavailable", &long));
    let error = provider_of(&fields(&server.url())).allocate(&allocate_request(), None).await.unwrap_err();
    let told = error.to_string();
    assert!(told.ends_with('…') && told.matches('x').count() == 1024, "{}", told.len());

    let endless = " ".repeat(1024 * 1024 + 1);
    let server = Server::start(move |_| Reply::answer("200 OK", &endless));
    let provider = provider_of(&fields(&server.url()));
    let error = provider.allocate(&allocate_request(), None).await.unwrap_err();
    assert_eq!(error.to_string(), "iaas allocate API returned more than 1048576 bytes");
    provider.release(&release_request("10.0.0.10"), None).await.expect("its body does not count");
}

#[tokio::test]
async fn a_connection_that_breaks_is_told_and_nothing_is_repeated() {
    for bytes in ["", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "nonsense\r\n\r\n"] {
        let server = Server::start(move |_| Reply::Last(bytes.to_owned()));
        let url = format!("http://user:secret@{}", server.address);
        let error = provider_of(&fields(&url)).allocate(&allocate_request(), None).await.unwrap_err();
        let told = format!("{} {error:?}", chain(&error));
        let want = format!("iaas allocate API at http://{}: the connection broke", server.address);
        assert!(told.starts_with(&want) && !told.contains("secret"), "{told}");
        assert!(error.may_be_done());
        server.next();
        assert!(server.rest().is_empty(), "once");
    }
    // Its status says enough.
    let server =
        Server::start(|_| Reply::Last("HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\nhalf".to_owned()));
    let error = provider_of(&fields(&server.url())).allocate(&allocate_request(), None).await.unwrap_err();
    assert_eq!(error.to_string(), "iaas allocate API returned status 500: half");
}

#[tokio::test]
async fn nobody_there() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let provider = provider_of(&fields(&format!("http://user:secret@{address}/x")));
    let error = provider.allocate(&allocate_request(), None).await.unwrap_err();
    assert!(matches!(error, ProviderError::NoConnection { .. }), "{error:?}");
    assert!(!error.may_be_done());
    let told = format!("{} {error:?}", chain(&error));
    assert!(told.starts_with(&format!("iaas allocate API at http://{address}/x: no connection: ")), "{told}");
    assert!(!told.contains("secret") && !told.contains("user"), "{told}");
}

#[tokio::test]
async fn no_content_releases_and_does_not_bind() {
    let server = Server::start(|_| Reply::Bytes("HTTP/1.1 204 No Content\r\n\r\n".to_owned()));
    let provider = provider_of(&fields(&server.url()));
    provider.release(&release_request("10.0.0.10"), None).await.unwrap();
    let error = provider.allocate(&allocate_request(), None).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unreadable { .. }), "{error:?}");
}
