//! The requested tasks: assigned to proplets, tracked, stopped. Stores them in the
//! history, and sends commands to proplets through the broker.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

use serde::Serialize;
use thiserror::Error;

use super::clock;
use super::fleet::{Fleet, PropletView};
use super::history::{Created, History, HistoryError, Page, State, Task};
use golden_mqtt::Publisher;
use proplet_schema::{
    ClockNotice, Refusal, StartTask, StopTask, TaskResult, TopicKind, Topics, Traceparent, payload,
};

/// States in which a proplet has the task.
const ACTIVE: [State; 2] = [State::Starting, State::Running];

/// Maximum number of tasks that are kept: unlike samples they are not deleted by age.
const MAX_TASKS: u64 = 10_000;

/// Maximum characters of the reason why a task failed, which its proplet writes.
const MAX_ERROR_CHARACTERS: usize = 1_000;

/// Why a task is not as it was asked for.
#[derive(Debug, Error)]
pub enum TaskError {
    /// There is no such task.
    #[error("no such task; GET /tasks lists them")]
    Unknown,
    /// There is one of this id already.
    #[error("a task with this id exists; DELETE it, or choose another id")]
    Exists,
    /// There are too many.
    #[error("limit of {MAX_TASKS} tasks reached; DELETE some")]
    Full,
    /// It cannot be started again before it has ended.
    #[error("the task is {}; stop it first", .0.as_str())]
    Active(State),
    /// It cannot be stopped.
    #[error("the task is {}; there is nothing to stop", .0.as_str())]
    Inactive(State),
    /// It was kept, and cannot be read any more.
    #[error("the task was stored by another version of this program: {0}; DELETE it")]
    Definition(Refusal),
    /// The history failed.
    #[error(transparent)]
    History(#[from] HistoryError),
}

/// The tasks that were asked for.
#[derive(Debug)]
pub struct Tasks {
    history: History,
    fleet: Arc<Fleet>,
    publisher: Publisher,
    /// By task the proplet that has it, and whether it has reported.
    owners: RwLock<HashMap<String, Owner>>,
    /// There may be tasks that wait for a proplet.
    pending: AtomicBool,
    /// Whose turn it is.
    turn: AtomicUsize,
}

#[derive(Debug)]
struct Owner {
    proplet: String,
    reported: bool,
}

impl Tasks {
    /// The tasks that the history knows.
    ///
    /// # Errors
    ///
    /// If the history fails.
    pub fn new(
        history: History,
        fleet: Arc<Fleet>,
        publisher: Publisher,
    ) -> Result<Self, HistoryError> {
        let mut owners = HashMap::new();
        for state in ACTIVE {
            for task in history.tasks_in(state)? {
                if let Some(proplet) = task.proplet {
                    let reported = state == State::Running;
                    owners.insert(task.id, Owner { proplet, reported });
                }
            }
        }
        Ok(Self {
            history,
            fleet,
            publisher,
            owners: RwLock::new(owners),
            // Whoever comes first asks the history.
            pending: AtomicBool::new(true),
            turn: AtomicUsize::new(0),
        })
    }

    /// Stores a task and assigns it to a proplet, or to the next one that is alive.
    ///
    /// # Errors
    ///
    /// If there is one of its id, there are too many, or the history fails.
    pub fn create(&self, start: &StartTask) -> Result<Task, TaskError> {
        let now = clock::now();
        let task = Task {
            id: start.id.clone(),
            definition: start.to_json().to_string(),
            state: State::Pending,
            proplet: None,
            error: None,
            created: now,
            changed: now,
        };
        match self.history.create_task(&task, MAX_TASKS)? {
            Created::New => {}
            Created::Exists => return Err(TaskError::Exists),
            Created::Full => return Err(TaskError::Full),
        }
        self.dispatch(start)?;
        self.get(&start.id)
    }

    /// One task.
    ///
    /// # Errors
    ///
    /// If there is none, or the history fails.
    pub fn get(&self, id: &str) -> Result<Task, TaskError> {
        self.history.task(id)?.ok_or(TaskError::Unknown)
    }

    /// The tasks, the newest first.
    ///
    /// # Errors
    ///
    /// If the history fails.
    pub fn list(&self, offset: u32, limit: u32) -> Result<Page<Task>, HistoryError> {
        self.history.tasks(offset, limit)
    }

    /// Starts a task that has ended, or was stopped, once more.
    ///
    /// # Errors
    ///
    /// If there is none, it has not ended, or the history fails.
    pub fn start(&self, id: &str) -> Result<Task, TaskError> {
        let task = self.get(id)?;
        if ACTIVE.contains(&task.state) {
            return Err(TaskError::Active(task.state));
        }
        let start = definition(&task)?;
        let ended = [State::Stopped, State::Completed, State::Failed];
        self.history
            .change_task(id, &ended, State::Pending, None, None, clock::now())?;
        self.dispatch(&start)?;
        self.get(id)
    }

    /// Stops a task.
    ///
    /// # Errors
    ///
    /// If there is none, it has ended, or the history fails.
    pub fn stop(&self, id: &str) -> Result<Task, TaskError> {
        let task = self.get(id)?;
        let from = [State::Pending, State::Starting, State::Running];
        let now = clock::now();
        if !self
            .history
            .change_task(id, &from, State::Stopped, None, None, now)?
        {
            return Err(TaskError::Inactive(task.state));
        }
        self.publish_stop(&task);
        self.get(id)
    }

    /// Stops a task if need be, and forgets it. Its samples stay.
    ///
    /// # Errors
    ///
    /// If there is none, or the history fails.
    pub fn delete(&self, id: &str) -> Result<(), TaskError> {
        let task = self.get(id)?;
        if ACTIVE.contains(&task.state) {
            self.publish_stop(&task);
        }
        self.history.delete_task(id)?;
        if let Some(proplet) = &task.proplet {
            self.fleet.forget_task(proplet, id);
        }
        Ok(())
    }

    fn publish_stop(&self, task: &Task) {
        self.remove_owner(&task.id);
        let Some(proplet) = &task.proplet else { return };
        let stop = StopTask {
            id: task.id.clone(),
            proplet_id: Some(proplet.clone()),
        };
        self.publish(proplet, TopicKind::Stop, &stop.to_json());
    }

    /// Assigns a pending task to a proplet that is alive, if there is one.
    fn dispatch(&self, start: &StartTask) -> Result<(), HistoryError> {
        let Some(proplet) = self.choose(start.proplet_id.as_deref()) else {
            self.pending.store(true, Relaxed);
            return Ok(());
        };
        let name = proplet.identity.name;
        let now = clock::now();
        let from = [State::Pending];
        // Of two managers that share the history one does.
        if !self
            .history
            .change_task(&start.id, &from, State::Starting, Some(&name), None, now)?
        {
            return Ok(());
        }
        let owner = Owner {
            proplet: name.clone(),
            reported: false,
        };
        self.owners_mut().insert(start.id.clone(), owner);
        let given = StartTask {
            proplet_id: Some(name.clone()),
            ..start.clone()
        };
        self.publish(&name, TopicKind::Start, &given.to_json());
        let trace_id = start.traceparent.as_ref().map(Traceparent::trace_id);
        tracing::info!(task = start.id, trace_id, proplet = name, "task assigned");
        Ok(())
    }

    /// The one that is asked for, or whose turn it is.
    fn choose(&self, wanted: Option<&str>) -> Option<PropletView> {
        let now = clock::now();
        if let Some(wanted) = wanted {
            return self
                .fleet
                .proplet(wanted, now)
                .filter(|proplet| proplet.alive);
        }
        let mut proplets = self.fleet.proplets(now);
        proplets.retain(|proplet| proplet.alive);
        let turn = self.turn.fetch_add(1, Relaxed);
        let place = turn.checked_rem(proplets.len())?;
        Some(proplets.swap_remove(place))
    }

    /// Tells a proplet that its samples are rejected because its clock is ahead.
    pub fn tell_of_clock(&self, proplet: &str, ahead_seconds: i64) {
        let notice = ClockNotice {
            proplet_id: proplet.to_owned(),
            ahead_seconds,
        };
        self.publish(proplet, TopicKind::Clock, &notice);
    }

    fn publish(&self, proplet: &str, kind: TopicKind, command: &impl Serialize) {
        let Some(identity) = self.fleet.identity(proplet) else {
            return;
        };
        // Names that came in a topic go into one again.
        if let Ok(topics) = Topics::new(&identity.domain, &identity.channel) {
            self.publisher
                .publish(topics.of(kind), payload::encode(command));
        }
    }

    /// A proplet has become alive: it may get pending tasks.
    pub fn proplet_alive(&self, proplet: &str) {
        if !self.pending.swap(false, Relaxed) {
            return;
        }
        let waiting = self.history.tasks_in(State::Pending);
        let dispatched = waiting.and_then(|tasks| {
            for task in tasks {
                match definition(&task) {
                    Ok(start) => self.dispatch(&start)?,
                    Err(error) => tracing::warn!(task = task.id, %error, "cannot start task"),
                }
            }
            Ok(())
        });
        if let Err(error) = dispatched {
            self.pending.store(true, Relaxed);
            tracing::error!(%error, proplet, "cannot assign pending tasks");
        }
    }

    /// Whether a proplet may report a task: one that is assigned may only be reported
    /// by its own proplet.
    #[must_use]
    pub fn may_run(&self, task: &str, proplet: &str) -> bool {
        let owners = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        owners
            .get(task)
            .is_none_or(|owner| owner.proplet == proplet)
    }

    /// The proplet that has a task that was asked for here.
    #[must_use]
    pub fn owner(&self, task: &str) -> Option<String> {
        let owners = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        owners.get(task).map(|owner| owner.proplet.clone())
    }

    /// Whether a sample of a task would be its first.
    #[must_use]
    pub fn is_unreported(&self, task: &str) -> bool {
        let owners = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        owners.get(task).is_some_and(|owner| !owner.reported)
    }

    /// The first sample of a task has come.
    pub fn reported(&self, task: &str, proplet: &str) {
        if let Some(owner) = self.owners_mut().get_mut(task) {
            owner.reported = true;
        }
        self.change(
            task,
            &[State::Starting],
            State::Running,
            Some(proplet),
            None,
        );
    }

    /// A task has come to its end.
    pub fn ended(&self, result: &TaskResult) {
        let (task, proplet) = (&*result.task_id, &*result.proplet_id);
        let error = result.error.as_deref();
        let state = if error.is_some() {
            State::Failed
        } else {
            State::Completed
        };
        if self.remove_owner(task) {
            let trace_id = result.traceparent.as_ref().map(Traceparent::trace_id);
            tracing::info!(
                task,
                trace_id,
                proplet,
                state = state.as_str(),
                "task ended"
            );
        }
        // It is in every list of tasks.
        let error = error.map(|text| match text.char_indices().nth(MAX_ERROR_CHARACTERS) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.to_owned(),
        });
        self.change(task, &ACTIVE, state, Some(proplet), error.as_deref());
    }

    fn change(
        &self,
        task: &str,
        from: &[State],
        to: State,
        proplet: Option<&str>,
        error: Option<&str>,
    ) {
        let now = clock::now();
        if let Err(failure) = self
            .history
            .change_task(task, from, to, proplet, error, now)
        {
            tracing::error!(task, error = %failure, "cannot store the state of a task");
        }
    }

    /// Whether it had one.
    fn remove_owner(&self, task: &str) -> bool {
        self.owners_mut().remove(task).is_some()
    }

    fn owners_mut(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<String, Owner>> {
        self.owners.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn definition(task: &Task) -> Result<StartTask, TaskError> {
    let broken = |error: &dyn std::fmt::Display| {
        Refusal::new("definition", &task.definition, error.to_string())
    };
    let value = serde_json::from_str(&task.definition);
    let value = value.map_err(|error| TaskError::Definition(broken(&error)))?;
    StartTask::from_json(&value).map_err(TaskError::Definition)
}
