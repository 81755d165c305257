//! Resident memory as the kernel counts it.

/// The resident set of this process, in MiB.
///
/// # Panics
///
/// If there is no such process, or no `/proc`.
pub fn resident_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process lives");
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|value| value.trim().strip_suffix(" kB"))
        .and_then(|value| value.trim().parse::<f64>().ok());
    kib.expect("every process that lives has a resident set") / 1024.0
}
