//! `routes`.

use ipam_core::annotation::{AnnotationError, CustomRoute, PodAnnotations};

use crate::{annotations, begins};

fn routes(value: &str) -> Result<Vec<CustomRoute>, AnnotationError> {
    let on_pod = annotations(&[("routes", value)]);
    PodAnnotations::new(&on_pod).routes()
}

const PREFIX: &str = "wrong input, invalid format of Pod annotation 'ipam.spidernet.io/routes': ";

#[test]
fn routes_keep_their_text() {
    let read = routes(
        r#"[{"dst":"172.16.5.5/16","gw":"10.6.0.2"},{"DST":"fd11:0::/64","Gw":"FD00:6::2","note":1}]"#,
    )
    .unwrap();
    let texts: Vec<_> = read.iter().map(|route| (route.dst_text(), route.gw_text())).collect();
    assert_eq!(texts, [("172.16.5.5/16", "10.6.0.2"), ("fd11:0::/64", "FD00:6::2")]);
    assert_eq!(read[0].dst().to_string(), "172.16.5.5/16");
    assert_eq!(read[1].gw(), "fd00:6::2".parse().unwrap());
    assert_eq!(routes("null"), Ok(vec![]));
    assert_eq!(routes("[]"), Ok(vec![]));
    assert_eq!(PodAnnotations::new(&annotations(&[])).routes(), Ok(vec![]));
}

#[test]
fn routes_that_are_none() {
    for (value, want) in [
        ("", "unexpected end of JSON input"),
        (r#"[{"dst":"172.16.0.0","gw":"10.6.0.2"}]"#, "invalid route format 'dst: 172.16.0.0, gw: 10.6.0.2'"),
        (
            r#"[{"dst":"172.16.0.0/16","gw":"10.6.0.2/16"}]"#,
            "invalid route format 'dst: 172.16.0.0/16, gw: 10.6.0.2/16'",
        ),
        (r#"[{"dst":"172.16.0.0/16"}]"#, "invalid route format 'dst: 172.16.0.0/16, gw: '"),
        (r#"[{"gw":"10.6.0.2"}]"#, "invalid route format 'dst: , gw: 10.6.0.2'"),
        ("[null]", "invalid route format 'dst: , gw: '"),
        (
            r#"[{"dst":"172.16.0.0/16","gw":"fd00::1"}]"#,
            "invalid route format 'dst: 172.16.0.0/16, gw: fd00::1'",
        ),
        (r#"[{"dst":"fd00::/64","gw":"10.6.0.2"}]"#, "invalid route format 'dst: fd00::/64, gw: 10.6.0.2'"),
        (
            r#"[{"dst":"10.0.0.0/33","gw":"10.6.0.2"}]"#,
            "invalid route format 'dst: 10.0.0.0/33, gw: 10.6.0.2'",
        ),
    ] {
        begins(&routes(value).unwrap_err(), &format!("{PREFIX}{want}"));
    }
    assert!(routes(r#"{"dst":"172.16.0.0/16","gw":"10.6.0.2"}"#).is_err());
}
