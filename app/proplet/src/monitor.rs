//! Samples processes when they are due, on a thread of its own: reading `/proc`
//! blocks, and a thousand timers cost more than one.

mod publishing;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use self::publishing::Exposed;
use super::history::History;
use super::outgoing::Outgoing;
use super::sampler::{Activity, Glance, Machine, Sampler};
use golden_mqtt::Publisher;
use proplet_schema::{Aggregated, Custom, MonitoringProfile, Traceparent};

/// Whose process it is.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A task's: its id, and the trace that it belongs to.
    Task(String, Option<Traceparent>),
    /// The proplet's own.
    Proplet,
}

/// What every message says of its proplet.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Its id.
    pub proplet_id: String,
    /// Its Kubernetes namespace.
    pub namespace: String,
}

/// A process that is sampled. Dropped, it is sampled no more.
#[derive(Debug)]
pub struct Watch {
    number: u64,
    commands: Sender<Command>,
}

impl Watch {
    /// Takes the last sample and ends. What the samples came to, if any are kept.
    pub async fn finish(self) -> Option<Aggregated> {
        let (reply, answered) = oneshot::channel();
        // The thread runs as long as the monitor; a process that is gone has
        // ended by itself.
        self.commands
            .send(Command::Finish(self.number, reply))
            .ok()?;
        answered.await.ok().flatten()
    }

    /// A process of the task that still runs, where its descendants are counted.
    pub async fn survivor(&self) -> Option<u32> {
        let (reply, answered) = oneshot::channel();
        self.commands
            .send(Command::Survivor(self.number, reply))
            .ok()?;
        answered.await.ok().flatten()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Forget(self.number));
    }
}

#[derive(Debug)]
enum Command {
    Watch(u64, Box<Process>),
    Finish(u64, oneshot::Sender<Option<Aggregated>>),
    Survivor(u64, oneshot::Sender<Option<u32>>),
    /// What a task exposes itself.
    Exposed(u64, Custom),
    Forget(u64),
}

/// The thread that samples. Dropped, the thread ends.
#[derive(Debug)]
pub struct Monitor {
    commands: Sender<Command>,
    watched: u64,
}

impl Monitor {
    /// Starts the thread. Samples of tasks leave through `tasks`, those of the
    /// proplet itself through `own`.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime, on which tasks are asked for their own metrics.
    pub fn start(
        origin: Origin,
        publisher: Publisher,
        tasks: Outgoing,
        own: Outgoing,
    ) -> io::Result<Self> {
        let (commands, taken) = mpsc::channel();
        let schedule = Schedule {
            origin,
            publisher,
            tasks,
            own,
            processes: HashMap::new(),
            due: BinaryHeap::new(),
            machine: Machine::default(),
            runtime: Handle::current(),
        };
        thread::Builder::new()
            .name("sampler".to_owned())
            .spawn(move || schedule.run(&taken))?;
        Ok(Self {
            commands,
            watched: 0,
        })
    }

    /// Samples a process at once, and then as its profile says. Nothing is done
    /// for a profile that is not enabled.
    pub fn watch(
        &mut self,
        subject: Subject,
        sampler: Sampler,
        profile: MonitoringProfile,
    ) -> Option<Watch> {
        if !profile.enabled {
            return None;
        }
        self.watched += 1;
        let exposed = profile.application_metrics.as_ref().map(|_| Exposed {
            number: self.watched,
            answers: self.commands.clone(),
            asked: false,
            waiting: None,
            failing: false,
        });
        let process = Process {
            history: History::new(&profile),
            exposed,
            subject,
            sampler,
            profile,
            sampled: None,
            glance: None,
            activity: None,
        };
        // It is received by the thread, which ends only with this.
        let _ = self
            .commands
            .send(Command::Watch(self.watched, Box::new(process)));
        Some(Watch {
            number: self.watched,
            commands: self.commands.clone(),
        })
    }
}

#[derive(Debug)]
struct Process {
    subject: Subject,
    sampler: Sampler,
    profile: MonitoringProfile,
    history: History,
    /// When the last sample was taken.
    sampled: Option<Instant>,
    glance: Option<Glance>,
    /// What it did at the last sample.
    activity: Option<Activity>,
    /// Of a task that exposes metrics of its own.
    exposed: Option<Exposed>,
}

impl Process {
    /// Whether, with an adaptive profile, there is nothing new to say.
    fn is_unchanged(&mut self, now: Instant, machine: &mut Machine) -> bool {
        let Some(slowest) = self.profile.adaptive else {
            return false;
        };
        let Some(glance) = self.sampler.glance(&self.profile, machine) else {
            return false;
        };
        let activity = self.glance.map(|earlier| glance.since(&earlier));
        self.glance = Some(glance);
        let same = match (activity, self.activity) {
            (Some(activity), Some(last)) => !activity.differs(&last),
            _ => false,
        };
        // Half an interval early is nearer than half of one late.
        let elapsed = self.sampled.map(|sampled| now.duration_since(sampled));
        let still = elapsed.is_some_and(|elapsed| {
            elapsed + self.profile.interval.duration() / 2 < slowest.duration()
        });
        if !(same && still) {
            self.activity = activity;
        }
        same && still
    }
}

struct Schedule {
    origin: Origin,
    publisher: Publisher,
    tasks: Outgoing,
    own: Outgoing,
    processes: HashMap<u64, Process>,
    due: BinaryHeap<Reverse<(Instant, u64)>>,
    machine: Machine,
    runtime: Handle,
}

impl Schedule {
    /// Until nobody can give commands any more.
    fn run(mut self, commands: &Receiver<Command>) {
        loop {
            let next = self.next();
            let wait = next.map_or(Duration::MAX, |next| {
                next.saturating_duration_since(Instant::now())
            });
            match commands.recv_timeout(wait) {
                Ok(command) => self.handle(command),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.sample_due();
        }
        self.tasks.flush();
        self.own.flush();
    }

    fn next(&self) -> Option<Instant> {
        let sample = self.due.peek().map(|Reverse((due, _))| *due);
        let flushes = [self.tasks.due(), self.own.due()];
        sample
            .into_iter()
            .chain(flushes.into_iter().flatten())
            .min()
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Watch(number, process) => {
                self.processes.insert(number, *process);
                self.due.push(Reverse((Instant::now(), number)));
            }
            Command::Finish(number, reply) => {
                let aggregated = self.processes.remove(&number).and_then(|mut process| {
                    self.publish_waiting(&mut process, None);
                    // It exposes nothing any more.
                    process.exposed = None;
                    self.sample(&mut process, Instant::now());
                    process.history.aggregated()
                });
                self.tasks.flush();
                // Whoever asked may have given up.
                let _ = reply.send(aggregated);
            }
            Command::Survivor(number, reply) => {
                let process = self.processes.get_mut(&number);
                let machine = &mut self.machine;
                let _ = reply.send(process.and_then(|p| p.sampler.survivor(machine)));
            }
            Command::Exposed(number, custom) => {
                if let Some(mut process) = self.processes.remove(&number) {
                    self.publish_waiting(&mut process, Some(custom));
                    self.processes.insert(number, process);
                }
            }
            Command::Forget(number) => {
                self.processes.remove(&number);
            }
        }
    }

    fn sample_due(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((due, number))) = self.due.peek().copied() {
            if due > now {
                break;
            }
            self.due.pop();
            // A process that is watched no more leaves its place behind.
            let Some(mut process) = self.processes.remove(&number) else {
                continue;
            };
            if !process.is_unchanged(now, &mut self.machine) && !self.sample(&mut process, now) {
                tracing::debug!(subject = ?process.subject, "process gone; sampling ends");
                continue;
            }
            // What a suspended machine has missed is not made up for.
            let interval = process.profile.interval.duration();
            let missed = now.duration_since(due).as_nanos() / interval.as_nanos();
            let skipped = u32::try_from(missed).unwrap_or(u32::MAX).saturating_add(1);
            self.due.push(Reverse((due + interval * skipped, number)));
            self.processes.insert(number, process);
        }
        for outgoing in [&mut self.tasks, &mut self.own] {
            if outgoing.due().is_some_and(|due| due <= now) {
                outgoing.flush();
            }
        }
    }

    /// Takes a sample; `false` if the process is gone.
    fn sample(&mut self, process: &mut Process, now: Instant) -> bool {
        // The one before it goes first, whether its answer has come or not.
        self.publish_waiting(process, None);
        let sample = process.sampler.sample(&process.profile, &mut self.machine);
        let Some(sample) = sample else {
            return false;
        };
        process.sampled = Some(now);
        process.history.add(&sample);
        if process.profile.export_to_mqtt {
            if process.exposed.is_some() {
                self.ask(process, sample);
            } else {
                self.publish(process, sample);
            }
        }
        true
    }
}
