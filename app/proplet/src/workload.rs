//! The built-in workloads, each in a process of its own: this program again,
//! with the hidden subcommand `workload`. Ends with its proplet.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::number::exact;
use proplet_schema::{Workload, WorkloadKind};

/// Maximum number of leaked descriptors: a workshop must not take the machine down.
const MAX_DESCRIPTORS: usize = 10_000;

/// Maximum size of the file, which is then truncated so that no disk fills.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// Memory grows by pieces that the allocator does not round up.
const PIECE: u64 = 64 * 1024;

/// The variable in which a proplet tells its tasks its process id.
pub(super) const PROPLET_PID: &str = "GOLDEN_PROPLET_PID";

/// Work is done in steps of this length.
const STEP: Duration = Duration::from_millis(20);

/// Does the work, for as long as it says; without end it never returns.
///
/// # Errors
///
/// If the system denies a file, a socket or a thread.
pub fn run(workload: &Workload) -> io::Result<()> {
    end_with_the_parent()?;
    let until = workload.duration.map(|duration| Instant::now() + duration);
    let over = move || until.is_some_and(|until| Instant::now() >= until);
    match workload.kind {
        WorkloadKind::Cpu { percent, threads } => {
            for _ in 1..threads {
                thread::Builder::new().spawn(move || burn(percent, over))?;
            }
            burn(percent, over);
        }
        WorkloadKind::Memory {
            bytes,
            bytes_per_second,
            bytes_limit,
        } => hold(bytes, bytes_per_second, bytes_limit, over),
        WorkloadKind::Disk {
            bytes,
            bytes_per_second,
        } => write(bytes, bytes_per_second, over)?,
        WorkloadKind::Network {
            bytes,
            bytes_per_second,
        } => send(bytes, bytes_per_second, over)?,
        WorkloadKind::Idle {
            threads,
            descriptors,
            descriptors_per_second,
        } => idle(threads, descriptors, descriptors_per_second, over)?,
    }
    Ok(())
}

/// If the proplet is killed, nobody else would ever end this.
#[cfg(target_os = "linux")]
fn end_with_the_parent() -> io::Result<()> {
    use rustix::process::{Signal, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // A proplet that was killed before sends no signal: this is somebody else's child now.
    let proplet = std::env::var(PROPLET_PID).ok();
    let proplet: Option<u32> = proplet.and_then(|id| id.parse().ok());
    if proplet.is_some_and(|id| id != std::os::unix::process::parent_id()) {
        return Err(io::Error::other("the proplet of this task has ended"));
    }
    Ok(())
}

/// Its standard input is the proplet's end of a pipe: closed when it is gone.
#[cfg(not(target_os = "linux"))]
fn end_with_the_parent() -> io::Result<()> {
    thread::Builder::new().spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        std::process::exit(1);
    })?;
    Ok(())
}

fn rest(over: impl Fn() -> bool) {
    while !over() {
        thread::sleep(STEP);
    }
}

/// Busy for its share of the time since the beginning, in CPU time: a machine
/// that is busy with other things delays it and does not lessen it.
fn burn(percent: u8, over: impl Fn() -> bool) {
    /// What a long pause took is not made up for beyond this.
    const MAX_MISSED: Duration = Duration::from_secs(1);

    let start = Instant::now();
    let mut spent = CpuTime::start();
    let mut forgone = Duration::ZERO;
    while !over() {
        let wanted = start.elapsed().mul_f64(f64::from(percent) / 100.0) - forgone;
        let missed = wanted.saturating_sub(spent.so_far());
        forgone += missed.saturating_sub(MAX_MISSED);
        let burst = spent.so_far() + missed.min(STEP);
        while spent.so_far() < burst {
            for _ in 0..1000 {
                std::hint::spin_loop();
            }
        }
        if percent < 100 {
            thread::sleep(STEP / 4);
        }
    }
}

/// The CPU time that this thread has used.
#[cfg(unix)]
struct CpuTime;

#[cfg(unix)]
impl CpuTime {
    fn start() -> Self {
        Self
    }

    #[expect(clippy::needless_pass_by_ref_mut, reason = "the other one counts")]
    fn so_far(&mut self) -> Duration {
        use rustix::time::{ClockId, clock_gettime};
        let time = clock_gettime(ClockId::ThreadCPUTime);
        let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
        Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), nanos)
    }
}

/// Where the system does not say: the time between calls that are close together.
#[cfg(not(unix))]
struct CpuTime {
    spent: Duration,
    last: Instant,
}

#[cfg(not(unix))]
impl CpuTime {
    fn start() -> Self {
        Self {
            spent: Duration::ZERO,
            last: Instant::now(),
        }
    }

    fn so_far(&mut self) -> Duration {
        let since = self.last.elapsed();
        self.last = Instant::now();
        if since < STEP / 20 {
            self.spent += since;
        }
        self.spent
    }
}

fn hold(bytes: u64, per_second: u64, limit: u64, over: impl Fn() -> bool) {
    // Written to, or the system would not give it.
    let taken = |bytes| vec![1_u8; usize::try_from(bytes).unwrap_or(usize::MAX)];
    let mut held = vec![taken(bytes)];
    let mut size = bytes;
    let start = Instant::now();
    while !over() {
        let grown = start.elapsed().as_secs_f64() * exact(per_second);
        let wanted = bytes.saturating_add(as_u64(grown)).min(limit);
        while size + PIECE <= wanted {
            held.push(taken(PIECE));
            size += PIECE;
        }
        thread::sleep(STEP);
    }
    drop(held);
}

fn write(bytes: u64, per_second: u64, over: impl Fn() -> bool) -> io::Result<()> {
    let path = std::env::temp_dir().join(format!("golden-signals-{}", std::process::id()));
    let mut file = File::options().create_new(true).write(true).open(&path)?;
    // Where a file can be removed while it is open, nothing remains of it.
    let removed = std::fs::remove_file(&path).is_ok();
    let mut in_file = 0;
    let written = paced(bytes, per_second, &over, |chunk| {
        if in_file >= MAX_FILE_BYTES {
            file.set_len(0)?;
            file.rewind()?;
            in_file = 0;
        }
        file.write_all(chunk)?;
        in_file += chunk.len() as u64;
        Ok(())
    });
    rest(over);
    if !removed {
        drop(file);
        std::fs::remove_file(&path)?;
    }
    written
}

fn send(bytes: u64, per_second: u64, over: impl Fn() -> bool) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut sender = TcpStream::connect(listener.local_addr()?)?;
    let (mut receiver, _) = listener.accept()?;
    let mut buffer = vec![0; 64 * 1024];
    paced(bytes, per_second, &over, |chunk| {
        sender.write_all(chunk)?;
        let mut left = chunk.len();
        while left > 0 {
            left -= receiver.read(&mut buffer[..left])?;
        }
        Ok(())
    })?;
    rest(over);
    Ok(())
}

/// Hands out chunks at this rate, until so many bytes are out (0: for ever).
fn paced(
    bytes: u64,
    per_second: u64,
    over: impl Fn() -> bool,
    mut give: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let chunk = vec![b'x'; 32 * 1024];
    let most = if bytes == 0 { u64::MAX } else { bytes };
    let start = Instant::now();
    let mut given = 0;
    while given < most && !over() {
        let wanted = as_u64(start.elapsed().as_secs_f64() * exact(per_second)).min(most);
        let step = Instant::now();
        while given < wanted && step.elapsed() < STEP {
            let size = (wanted - given).min(chunk.len() as u64);
            give(&chunk[..usize::try_from(size).expect("at most a chunk")])?;
            given += size;
        }
        thread::sleep(STEP);
    }
    Ok(())
}

fn idle(
    threads: u64,
    descriptors: u64,
    per_second: u64,
    over: impl Fn() -> bool,
) -> io::Result<()> {
    let already = own_threads();
    for _ in already..threads {
        // As little stack as the system allows: there may be a thousand.
        thread::Builder::new().stack_size(16 * 1024).spawn(|| {
            loop {
                thread::park();
            }
        })?;
    }
    let mut files = Vec::new();
    let start = Instant::now();
    while !over() {
        let grown = as_u64(start.elapsed().as_secs_f64() * exact(per_second));
        let wanted = usize::try_from(descriptors + grown).unwrap_or(usize::MAX);
        while files.len() < wanted.min(MAX_DESCRIPTORS) {
            files.push(File::open(std::env::current_exe()?)?);
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// With the allocator's own, where the system says how many there are.
fn own_threads() -> u64 {
    #[cfg(target_os = "linux")]
    {
        let myself = procfs::process::Process::myself().and_then(|myself| myself.stat());
        if let Ok(stat) = myself {
            return u64::try_from(stat.num_threads).unwrap_or(1);
        }
    }
    1
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, and is never negative"
)]
fn as_u64(number: f64) -> u64 {
    number as u64
}
