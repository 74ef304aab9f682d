//! The operations of the API: their paths, methods and names. One table for the socket and the health port, each of which serves a
//! part of it and answers the rest with 501, as the original does.

use hyper::Method;

/// An operation by what it does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    Healthy,
    Allocate,
    Release,
    AllocateBatch,
    ReleaseBatch,
    CoordinatorConfig,
    WorkloadEndpoint,
    Startup,
    Readiness,
    Liveness,
}

/// Path, method and operation, with the name by which the original says that it does not serve it.
const OPERATIONS: &[(&str, Method, Operation, &str)] = &[
    ("/v1/ipam/healthy", Method::GET, Operation::Healthy, "connectivity.GetIpamHealthy"),
    ("/v1/ipam/ip", Method::POST, Operation::Allocate, "daemonset.PostIpamIP"),
    ("/v1/ipam/ip", Method::DELETE, Operation::Release, "daemonset.DeleteIpamIP"),
    ("/v1/ipam/ips", Method::POST, Operation::AllocateBatch, "daemonset.PostIpamIps"),
    ("/v1/ipam/ips", Method::DELETE, Operation::ReleaseBatch, "daemonset.DeleteIpamIps"),
    ("/v1/coordinator/config", Method::GET, Operation::CoordinatorConfig, "daemonset.GetCoordinatorConfig"),
    ("/v1/workloadendpoint", Method::GET, Operation::WorkloadEndpoint, "daemonset.GetWorkloadendpoint"),
    ("/v1/runtime/startup", Method::GET, Operation::Startup, "runtime.GetRuntimeStartup"),
    ("/v1/runtime/readiness", Method::GET, Operation::Readiness, "runtime.GetRuntimeReadiness"),
    ("/v1/runtime/liveness", Method::GET, Operation::Liveness, "runtime.GetRuntimeLiveness"),
];

/// What a request line leads to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Route {
    Found(Operation),
    /// The path is known, and these methods on it.
    WrongMethod(Vec<Method>),
    NotFound,
}

impl Operation {
    /// The name that a 501 tells.
    pub(super) fn name(self) -> &'static str {
        OPERATIONS.iter().find(|row| row.2 == self).map_or("", |row| row.3)
    }

    /// The parameter that the request's body is, where there must be one.
    pub(super) const fn body_parameter(self) -> Option<&'static str> {
        match self {
            Self::Allocate => Some("ipamAddArgs"),
            Self::Release => Some("ipamDelArgs"),
            Self::ReleaseBatch => Some("ipamBatchDelArgs"),
            Self::CoordinatorConfig => Some("getCoordinatorConfig"),
            Self::Healthy
            | Self::AllocateBatch
            | Self::WorkloadEndpoint
            | Self::Startup
            | Self::Readiness
            | Self::Liveness => None,
        }
    }
}

/// Finds the operation of a request. A path may have empty, `.` and `..` segments and a slash at its end.
pub(super) fn route(method: &Method, path: &str) -> Route {
    let path = clean(path);
    let at_path = || OPERATIONS.iter().filter(|row| row.0 == path);
    if let Some(row) = at_path().find(|row| row.1 == *method) {
        return Route::Found(row.2);
    }
    let methods: Vec<Method> = at_path().map(|row| row.1.clone()).collect();
    if methods.is_empty() { Route::NotFound } else { Route::WrongMethod(methods) }
}

/// As Go's `path.Clean`, for a path that begins with a slash.
fn clean(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    format!("/{}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned() {
        for (path, want) in [
            ("/v1/ipam/ip/", "/v1/ipam/ip"),
            ("//v1/./ipam//ip", "/v1/ipam/ip"),
            ("/v1/x/../ipam/ip", "/v1/ipam/ip"),
            ("/../..", "/"),
            ("", "/"),
            ("/V1/ipam/ip", "/V1/ipam/ip"),
        ] {
            assert_eq!(clean(path), want, "{path}");
        }
    }

    #[test]
    fn a_known_path_with_another_method_names_the_right_ones() {
        assert_eq!(
            route(&Method::PUT, "/v1/ipam/ip"),
            Route::WrongMethod(vec![Method::POST, Method::DELETE])
        );
        assert_eq!(route(&Method::HEAD, "/v1/ipam/healthy"), Route::WrongMethod(vec![Method::GET]));
        assert_eq!(route(&Method::GET, "/v1"), Route::NotFound);
        assert_eq!(route(&Method::GET, "/v1/ipam/healthy"), Route::Found(Operation::Healthy));
    }
}
