-- The history, version 1. Times are whole nanoseconds since the Unix epoch, unless a
-- name says otherwise. NULL is what a proplet did not tell.

CREATE TABLE proplets (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    -- Where it publishes: nobody else may use its name.
    domain TEXT NOT NULL,
    channel TEXT NOT NULL,
    namespace TEXT,
    -- What it told of itself at its start, as JSON.
    metadata TEXT,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL
) STRICT;

-- A task on a proplet.
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    task TEXT NOT NULL,
    proplet INTEGER NOT NULL REFERENCES proplets,
    UNIQUE (task, proplet)
) STRICT;

CREATE TABLE task_metrics (
    series INTEGER NOT NULL REFERENCES series,
    at INTEGER NOT NULL,
    cpu_percent REAL,
    memory_bytes REAL,
    memory_percent REAL,
    disk_read_bytes REAL,
    disk_write_bytes REAL,
    network_rx_bytes REAL,
    network_tx_bytes REAL,
    uptime_seconds REAL,
    thread_count REAL,
    file_descriptor_count REAL,
    avg_cpu_usage REAL,
    max_cpu_usage REAL,
    avg_memory_usage REAL,
    max_memory_usage REAL,
    total_disk_read REAL,
    total_disk_write REAL,
    total_network_rx REAL,
    total_network_tx REAL,
    sample_count REAL,
    -- Further measurements, as a JSON object.
    more TEXT
) STRICT;

-- Finds a task's samples, and refuses what comes a second time.
CREATE UNIQUE INDEX task_metrics_series ON task_metrics (series, at);

CREATE TABLE proplet_metrics (
    proplet INTEGER NOT NULL REFERENCES proplets,
    at INTEGER NOT NULL,
    user_seconds REAL,
    system_seconds REAL,
    percent REAL,
    rss_bytes REAL,
    heap_alloc_bytes REAL,
    heap_sys_bytes REAL,
    heap_inuse_bytes REAL,
    container_usage_bytes REAL,
    container_limit_bytes REAL,
    more TEXT
) STRICT;

CREATE UNIQUE INDEX proplet_metrics_proplet ON proplet_metrics (proplet, at);

CREATE TABLE alive (
    proplet INTEGER NOT NULL REFERENCES proplets,
    at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX alive_proplet ON alive (proplet, at);

-- All tasks of all proplets, in pieces of ten seconds.
CREATE TABLE rollups (
    -- The piece's beginning, in seconds since the epoch.
    at_seconds INTEGER PRIMARY KEY,
    samples INTEGER NOT NULL,
    cpu_percent_sum REAL NOT NULL,
    cpu_percent_max REAL NOT NULL,
    memory_bytes_sum REAL NOT NULL,
    memory_bytes_max REAL NOT NULL,
    disk_read_bytes REAL NOT NULL,
    disk_write_bytes REAL NOT NULL,
    network_rx_bytes REAL NOT NULL,
    network_tx_bytes REAL NOT NULL
) STRICT;

-- What was asked for by way of the API.
CREATE TABLE tasks (
    id TEXT PRIMARY KEY,
    -- The task as the proplet is told it, as a JSON object.
    definition TEXT NOT NULL,
    state TEXT NOT NULL,
    -- The proplet that it was given to.
    proplet TEXT,
    error TEXT,
    created INTEGER NOT NULL,
    changed INTEGER NOT NULL
) STRICT;
