//! What the operating system reports about the processes of a job.

use crate::dashboard::{Dashboard, Row};
use crate::field::{Color, Unit};
use crate::panel::{graph, stat, table};
use crate::query::SELECTED;
use crate::variable::Variable;

pub(crate) fn dashboard() -> Dashboard {
    Dashboard::new(
        "process",
        "Process",
        "What the operating system reports about the processes: CPU, memory, threads, files, age.",
        vec![
            Variable::service("http_requests_total"),
            Variable::instances(),
        ],
        vec![processes()],
    )
    .live_page()
}

fn processes() -> Row {
    Row::new(
        "Processes",
        vec![
            stat("Uptime", Unit::Seconds)
                .description(
                    "Time since the youngest of the selected processes started. A value that \
                     drops to zero is a restart: counters start again from zero, and rate() \
                     allows for that.",
                )
                .wide(6, 4)
                .query(
                    format!("time() - max(process_start_time_seconds{SELECTED})"),
                    "youngest",
                ),
            stat("CPU", Unit::Cores)
                .description(
                    "CPU time per second of all selected processes together: 1 is one core, fully \
                     used.",
                )
                .wide(6, 4)
                .decimals(3)
                .query(
                    format!(
                        "sum(rate(process_cpu_seconds_total{SELECTED}[1m])) and on () \
                         up{SELECTED} == 1"
                    ),
                    "cores",
                ),
            stat("Memory", Unit::Bytes)
                .description(
                    "Resident memory of all selected processes together: the physical memory they \
                     use.",
                )
                .wide(6, 4)
                .query(
                    format!("sum(process_resident_memory_bytes{SELECTED})"),
                    "resident",
                ),
            stat("File descriptors used", Unit::Ratio)
                .description(
                    "The highest share of its limit that any selected process uses. At 100 % it \
                     can accept no connections.",
                )
                .wide(6, 4)
                .decimals(1)
                .colors(Color::Green, [(0.9, Color::Red)])
                .query(
                    format!("max(process_open_fds{SELECTED} / process_max_fds{SELECTED})"),
                    "used",
                ),
            graph("CPU by instance", Unit::Cores)
                .description(
                    "Cores in use. Look for a change without a change in traffic (a busy loop), \
                     and for a line that is cut off flat: that is a limit.",
                )
                .wide(12, 8)
                .every_s(5)
                .query(
                    format!(
                        "sum by (instance) \
                         (rate(process_cpu_seconds_total{SELECTED}[$__rate_interval]))"
                    ),
                    "{{instance}}",
                ),
            graph("Resident memory by instance", Unit::Bytes)
                .description(
                    "It should level off. A line that climbs for hours under even traffic is a \
                     leak; a sudden drop is a restart.",
                )
                .wide(12, 8)
                .every_s(5)
                .query(
                    format!("process_resident_memory_bytes{SELECTED}"),
                    "{{instance}}",
                ),
            graph("Virtual memory by instance", Unit::Bytes)
                .description(
                    "Address space, most of it never touched, beside its limit (if there is one). \
                     It costs nothing by itself: do not alert on it.",
                )
                .every_s(5)
                .query(
                    format!("process_virtual_memory_bytes{SELECTED}"),
                    "{{instance}}",
                )
                .query(
                    format!("process_virtual_memory_max_bytes{SELECTED} < +Inf"),
                    "{{instance}} limit",
                ),
            graph("Data segment by instance", Unit::Bytes)
                .description(
                    "Address space that is reserved for data: heap, stacks and the allocator's \
                     reserves. It is virtual: pages count as resident memory only once they are \
                     written, so this is usually far more than the resident memory beside it. \
                     What matters is whether it only ever grows.",
                )
                .every_s(5)
                .query(format!("process_heap_bytes{SELECTED}"), "{{instance}}"),
            graph("Threads by instance", Unit::Short)
                .description(
                    "A handful for an asynchronous service, however many requests are in flight. \
                     Growth means that something blocks.",
                )
                .every_s(5)
                .query(format!("process_threads{SELECTED}"), "{{instance}}"),
            graph("Open file descriptors by instance", Unit::Short)
                .description(
                    "Most of them are sockets, so it follows the number of connections. A line \
                     that rises and never falls is a leak, and ends at the limit.",
                )
                .every_s(5)
                .query(format!("process_open_fds{SELECTED}"), "{{instance}}"),
            graph("Limit of file descriptors by instance", Unit::Short)
                .description(
                    "The maximum that the process may open (ulimit -n). It does not change during \
                     the life of the process.",
                )
                .every_s(5)
                .query(format!("process_max_fds{SELECTED}"), "{{instance}}"),
            graph("Uptime by instance", Unit::Seconds)
                .description(
                    "Time since each process started. A sawtooth is a crash loop: its log says \
                     why.",
                )
                .every_s(5)
                .query(
                    format!("time() - process_start_time_seconds{SELECTED}"),
                    "{{instance}}",
                ),
            table("Versions running", Unit::Short)
                .description(
                    "Version and revision of each instance. After a deployment all rows should \
                     say the same.",
                )
                .wide(24, 6)
                .query(format!("build_info{SELECTED}"), "")
                .columns(
                    &[
                        ("instance", "Instance"),
                        ("version", "Version"),
                        ("revision", "Revision"),
                        ("rustc", "Compiler"),
                    ],
                    &["Time", "Value", "__name__", "job"],
                ),
        ],
    )
}
