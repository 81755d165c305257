//! Reads single lines of `/proc` files that are made of `Name:   1234 kB`. A scrape wants
//! two of sixty; a parser of whole files takes ten times as long for all of them.

use std::fs::File;
use std::io::Read as _;

/// More than such a file has. Of files in `/proc` nobody knows the length before, so a
/// buffer that grows would take many small reads.
const ENOUGH_BYTES: usize = 4096;

/// The bytes that stand behind each of these names; `None` where the file cannot be read
/// or lacks one.
pub(crate) fn read<const N: usize>(file: &str, names: [&str; N]) -> Option<[u64; N]> {
    let mut text = String::with_capacity(ENOUGH_BYTES);
    File::open(file).ok()?.read_to_string(&mut text).ok()?;
    find(&text, names)
}

fn find<const N: usize>(text: &str, names: [&str; N]) -> Option<[u64; N]> {
    let mut found = [0; N];
    for (bytes, name) in found.iter_mut().zip(names) {
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let kilobytes: u64 = value.strip_suffix("kB")?.trim().parse().ok()?;
        *bytes = kilobytes.checked_mul(1024)?;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_their_whole_name() {
        let text =
            "Name:\tVmRSS\nVmRSSX:\t 7 kB\nVmRSS:\t    5312 kB\nThreads:\t4\nVmData:\t1 kB\n";
        assert_eq!(find(text, ["VmData", "VmRSS"]), Some([1_024, 5_439_488]));
        assert_eq!(find(text, ["VmRSS", "VmSwap"]), None);
        assert_eq!(find(text, ["Threads"]), None);
    }

    #[test]
    fn this_machine_has_them() {
        let own = read("/proc/self/status", ["VmRSS", "VmData"]);
        assert!(own.is_some_and(|own| own.iter().all(|bytes| *bytes > 0)));
        let [total, available] = read("/proc/meminfo", ["MemTotal", "MemAvailable"]).unwrap();
        assert!(available < total);
    }
}
