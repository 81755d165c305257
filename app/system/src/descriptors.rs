//! The limit of open file descriptors. Every connection is one.

/// Raises the soft limit to the hard one, which needs no privilege, and
/// returns it; `None` where it is unlimited or the system knows no such limit.
///
/// The usual soft limit of 1,024 dates from programs that used `select`.
#[cfg(unix)]
pub fn raise_limit() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

/// Other systems have no such limit.
#[cfg(not(unix))]
pub fn raise_limit() -> Option<u64> {
    None
}
