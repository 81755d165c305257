//! What proplets report about themselves and their tasks, as the manager exposes it.

use crate::dashboard::{Dashboard, Row};
use crate::field::Unit;
use crate::panel::{graph, stat};
use crate::query::{JOB, PROPLETS, TASKS};
use crate::variable::Variable;

pub(crate) fn dashboard() -> Dashboard {
    Dashboard::new(
        "processes",
        "Processes",
        "What proplets report about themselves and their tasks, as the manager exposes it: CPU, \
         memory, disk, network, file descriptors.",
        vec![
            Variable::job(
                "label_values(manager_broker_connected, job)",
                "manager",
                "The job of the managers in Prometheus' configuration.",
            ),
            Variable::several(
                "proplet",
                "Proplet",
                r#"label_values(proplet_last_seen_timestamp_seconds{job="$job"}, proplet)"#,
                "The proplets that report; All follows as they come and go.",
            ),
            Variable::several(
                "task",
                "Task",
                r#"label_values(proplet_task_samples_total{job="$job", proplet=~"$proplet"}, task)"#,
                "The tasks they monitor; All follows as tasks come and go.",
            ),
        ],
        vec![
            proplets(),
            cpu_and_memory(),
            disk_and_network(),
            per_task(),
            manager(),
        ],
    )
    .link(
        "Live page of the manager",
        "http://localhost:8080/",
        "Samples as they arrive, and the API",
    )
}

fn proplets() -> Row {
    Row::new(
        "Proplets",
        vec![
            stat("Proplets alive", Unit::Plain)
                .description(
                    "Proplets with a recent heartbeat and no last will. If there are fewer than \
                     there should be, the alert PropletSilent says which.",
                )
                .wide(6, 4)
                .query(
                    format!("sum(max by (proplet) (proplet_up{PROPLETS}))"),
                    "alive",
                ),
            stat("Tasks monitored", Unit::Plain)
                .description(
                    "Tasks with a recent sample. A task that ends keeps its series for five \
                     minutes.",
                )
                .wide(6, 4)
                .query(
                    format!("count(group by (proplet, task) (proplet_task_samples_total{TASKS}))"),
                    "tasks",
                ),
            stat("CPU of tasks", Unit::Cores)
                .description(
                    "The sum over the selected tasks, in cores, by the latest sample of each.",
                )
                .wide(6, 4)
                .query(
                    format!("sum(max by (proplet, task) (proplet_task_cpu_ratio{TASKS}))"),
                    "cores",
                ),
            stat("Memory of tasks", Unit::Bytes)
                .description(
                    "The sum of the resident memory of the selected tasks. Pages that tasks share \
                     count for each of them.",
                )
                .wide(6, 4)
                .query(
                    format!("sum(max by (proplet, task) (proplet_task_memory_bytes{TASKS}))"),
                    "memory",
                ),
        ],
    )
}

fn cpu_and_memory() -> Row {
    Row::new(
        "CPU and memory",
        vec![
            graph("CPU by task", Unit::Cores)
                .description(
                    "Cores that each task uses. A task that stays at 1 may be in a busy loop; the \
                     alert TaskCpuUnusual compares each task with its own last quarter of an \
                     hour.",
                )
                .wide(12, 8)
                .every_s(5)
                .query(
                    format!("max by (proplet, task) (proplet_task_cpu_ratio{TASKS})"),
                    "{{proplet}} {{task}}",
                ),
            graph("Memory by task", Unit::Bytes)
                .description(
                    "Resident memory. Waves are work; a line that only rises is a leak, and the \
                     alert TaskMemoryLeak notices it after six minutes.",
                )
                .wide(12, 8)
                .every_s(5)
                .query(
                    format!("max by (proplet, task) (proplet_task_memory_bytes{TASKS})"),
                    "{{proplet}} {{task}}",
                ),
            graph("CPU: now and usual", Unit::Cores)
                .description(
                    "The mean of the last minute beside that of the quarter of an hour before: \
                     TaskCpuUnusual compares the two. The second line begins after a few minutes.",
                )
                .wide(12, 8)
                .every_s(5)
                .query(
                    format!("proplet_task:cpu_ratio:avg1m{TASKS}"),
                    "{{proplet}} {{task}} now",
                )
                .query(
                    format!("proplet_task:cpu_ratio:avg15m{TASKS}"),
                    "{{proplet}} {{task}} usual",
                ),
            graph("Memory trend", Unit::BytesPerSecond)
                .description(
                    "How fast the memory of each task grows or, below zero, falls, by the slope \
                     of the last minutes. What stays above zero runs out some day: the panel \
                     Share of memory shows how much is left.",
                )
                .wide(12, 8)
                .without_minimum()
                .every_s(5)
                .query(
                    format!(
                        "max by (proplet, task) \
                         (deriv(proplet_task_memory_bytes{TASKS}[$__rate_interval]))"
                    ),
                    "{{proplet}} {{task}}",
                ),
        ],
    )
}

fn disk_and_network() -> Row {
    Row::new(
        "Disk and network",
        vec![
            graph("Disk reads by task", Unit::BytesPerSecond)
                .description(
                    "Bytes per second read from storage; reads served by the page cache are not \
                     included. A restart of the task does not interrupt the line.",
                )
                .wide(6, 8)
                .every_s(5)
                .query(
                    format!(
                        "sum by (proplet, task) \
                         (rate(proplet_task_disk_read_bytes_total{TASKS}[$__rate_interval]))"
                    ),
                    "{{proplet}} {{task}}",
                ),
            graph("Disk writes by task", Unit::BytesPerSecond)
                .description(
                    "Bytes per second written towards storage. TaskDiskBurst fires at ten times \
                     the usual rate and above 10 MiB/s.",
                )
                .wide(6, 8)
                .every_s(5)
                .query(
                    format!(
                        "sum by (proplet, task) \
                         (rate(proplet_task_disk_written_bytes_total{TASKS}[$__rate_interval]))"
                    ),
                    "{{proplet}} {{task}}",
                ),
            graph("TCP received by task", Unit::BytesPerSecond)
                .description(
                    "Bytes per second that the task's own TCP sockets received. UDP is not among \
                     them; proplet_network_received_bytes_total has all bytes of the proplet's \
                     network namespaces.",
                )
                .wide(6, 8)
                .every_s(5)
                .query(
                    format!(
                        "sum by (proplet, task) \
                         (rate(proplet_task_tcp_received_bytes_total{TASKS}[$__rate_interval]))"
                    ),
                    "{{proplet}} {{task}}",
                ),
            graph("TCP sent by task", Unit::BytesPerSecond)
                .description(
                    "Bytes per second that the task's own TCP sockets sent and peers acknowledged. \
                     UDP is not among them; proplet_network_sent_bytes_total has all bytes of \
                     the proplet's network namespaces.",
                )
                .wide(6, 8)
                .every_s(5)
                .query(
                    format!(
                        "sum by (proplet, task) \
                         (rate(proplet_task_tcp_sent_bytes_total{TASKS}[$__rate_interval]))"
                    ),
                    "{{proplet}} {{task}}",
                ),
        ],
    )
}

fn per_task() -> Row {
    Row::new(
        "Per task",
        vec![
            graph("Open file descriptors by task", Unit::Plain)
                .description(
                    "A line that only rises reaches its limit some day, and then the task can \
                     open nothing more: TaskDescriptorLeak.",
                )
                .every_s(5)
                .query(
                    format!("max by (proplet, task) (proplet_task_open_fds{TASKS})"),
                    "{{proplet}} {{task}}",
                ),
            graph("Threads by task", Unit::Plain)
                .description(
                    "Threads, the main one included. They should follow the work and fall again; \
                     a line that only rises is a leak too.",
                )
                .every_s(5)
                .query(
                    format!("max by (proplet, task) (proplet_task_threads{TASKS})"),
                    "{{proplet}} {{task}}",
                ),
            graph("Share of memory by task", Unit::Ratio)
                .description(
                    "Resident memory as a share of the control group's limit where there is one, \
                     else of the machine's memory.",
                )
                .every_s(5)
                .query(
                    format!("max by (proplet, task) (proplet_task_memory_ratio{TASKS})"),
                    "{{proplet}} {{task}}",
                ),
            graph("Samples by task", Unit::Plain)
                .description(
                    "Samples per second of each task in the last five minutes: one divided by its \
                     interval, which is two minutes at most. A task whose line breaks off has \
                     ended, or its proplet is silent.",
                )
                .every_s(5)
                .query(
                    format!("sum by (proplet, task) (rate(proplet_task_samples_total{TASKS}[5m]))"),
                    "{{proplet}} {{task}}",
                ),
            graph("Age of the latest sample by task", Unit::Seconds)
                .description(
                    "Seconds since the latest sample of each task was taken. It is a sawtooth \
                     from zero to the interval; a line that only rises is a task that is no \
                     longer sampled.",
                )
                .every_s(5)
                .query(
                    format!(
                        "time() - max by (proplet, task) \
                         (proplet_task_last_sample_timestamp_seconds{TASKS})"
                    ),
                    "{{proplet}} {{task}}",
                ),
            graph("Memory of the proplets", Unit::Bytes)
                .description(
                    "The cost of monitoring: the resident memory of each proplet itself, without \
                     its tasks. Colours are not related to those of the panels above.",
                )
                .every_s(5)
                .query(
                    format!("max by (proplet) (proplet_memory_rss_bytes{PROPLETS})"),
                    "{{proplet}}",
                ),
        ],
    )
}

fn manager() -> Row {
    Row::new(
        "Manager",
        vec![
            graph("Messages by kind", Unit::Plain)
                .description(
                    "Messages per second that the managers receive, by kind. All of them fall to \
                     zero when there is no connection to the broker.",
                )
                .every_s(5)
                .query(
                    format!("sum by (kind) (rate(manager_messages_total{JOB}[$__rate_interval]))"),
                    "{{kind}}",
                ),
            graph("Rejected messages by reason", Unit::Plain)
                .description(
                    "Messages per second that the managers reject: broken, too large, too old, \
                     from the future, forged, too many. Duplicates after a reconnect are \
                     expected.",
                )
                .every_s(5)
                .axis_at_least(1.0)
                .query(
                    format!(
                        "sum by (reason) \
                         (rate(manager_messages_rejected_total{JOB}[$__rate_interval]))"
                    ),
                    "{{reason}}",
                ),
            graph("Series used", Unit::Ratio)
                .description(
                    "Share of the series limit that is used. At 1 new tasks get no series, and \
                     the alert SeriesRefused fires; the history has them all the same.",
                )
                .every_s(5)
                .query(
                    format!("max by (instance) (manager_series{JOB} / manager_series_limit{JOB})"),
                    "{{instance}}",
                ),
            graph("Messages waiting by proplet", Unit::Plain)
                .description(
                    "Messages that a proplet has queued for the broker, by its latest sample. A \
                     peak after an outage is the backlog being delivered.",
                )
                .wide(12, 8)
                .every_s(5)
                .query(
                    format!("max by (proplet) (proplet_messages_waiting{PROPLETS})"),
                    "{{proplet}}",
                ),
            graph("Messages dropped by proplet", Unit::Plain)
                .description(
                    "Messages per second that a proplet has dropped because its queue was full. \
                     Anything above zero is a gap in the history.",
                )
                .wide(12, 8)
                .every_s(5)
                .axis_at_least(1.0)
                .query(
                    format!(
                        "sum by (proplet) \
                         (rate(proplet_messages_dropped_total{PROPLETS}[$__rate_interval]))"
                    ),
                    "{{proplet}}",
                ),
        ],
    )
}
