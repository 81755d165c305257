//! Memory and processor time of another process, as the kernel counts them.

/// The resident set of this process, in MiB.
///
/// # Panics
///
/// If there is no such process, or no `/proc`.
pub fn resident_mib(pid: u32) -> f64 {
    status_mib(pid, "VmRSS:")
}

/// The part of the resident set that is the process's own, in MiB: without the pages of
/// its program's file, which come and go with what else the machine's memory is used for.
///
/// # Panics
///
/// If there is no such process, or no `/proc`.
pub fn anonymous_mib(pid: u32) -> f64 {
    status_mib(pid, "RssAnon:")
}

fn status_mib(pid: u32, field: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process lives");
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .and_then(|value| value.trim().strip_suffix(" kB"))
        .and_then(|value| value.trim().parse::<f64>().ok());
    kib.expect("every process that lives has a resident set") / 1024.0
}

/// The processor time this process has used, in seconds, to the hundredth.
///
/// # Panics
///
/// If there is no such process, or no `/proc`.
pub fn cpu_seconds(pid: u32) -> f64 {
    // Linux counts in hundredths towards its users, whatever it does inside (USER_HZ).
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process lives");
    // The second field is a name in parentheses that may contain anything: count from behind it.
    let (_, fields) = stat.rsplit_once(')').expect("the name is in parentheses");
    let of_both = fields.split_whitespace().skip(11).take(2);
    of_both
        .map(|ticks| ticks.parse::<f64>().expect("a count"))
        .sum::<f64>()
        / TICKS_PER_SECOND
}
