//! The tasks requested through the API, and their states.

use rusqlite::{OptionalExtension as _, Row};
use serde::Serialize;
use utoipa::ToSchema;

use super::{History, HistoryError, Page};

/// The state of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// No proplet is alive; the next one gets it.
    Pending,
    /// It is assigned to a proplet.
    Starting,
    /// Its proplet reports samples of it.
    Running,
    /// It was stopped on request.
    Stopped,
    /// It ended by itself.
    Completed,
    /// It could not be started, or ended with an error.
    Failed,
}

impl State {
    const ALL: [(Self, &str); 6] = [
        (Self::Pending, "pending"),
        (Self::Starting, "starting"),
        (Self::Running, "running"),
        (Self::Stopped, "stopped"),
        (Self::Completed, "completed"),
        (Self::Failed, "failed"),
    ];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let found = Self::ALL.iter().find(|(state, _)| *state == self);
        found.map_or("", |(_, text)| text)
    }

    fn parse(text: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, written)| *written == text);
        found.map(|(state, _)| *state)
    }
}

/// A task and its state.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its `id`.
    pub id: String,
    /// Its definition as the proplet receives it, a JSON object.
    pub definition: String,
    /// Its state.
    pub state: State,
    /// The proplet that it is assigned to.
    pub proplet: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// In nanoseconds since the epoch.
    pub created: i64,
    /// When the state changed, in nanoseconds since the epoch.
    pub changed: i64,
}

/// What became of a task that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is kept.
    New,
    /// There is one of its id.
    Exists,
    /// There are too many.
    Full,
}

const COLUMNS: &str = "id, definition, state, proplet, error, created, changed";

impl Task {
    /// Whether it ran, or was to run, and does no longer.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(
            self.state,
            State::Stopped | State::Completed | State::Failed
        )
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let state: String = row.get(2)?;
        Ok(Self {
            id: row.get(0)?,
            definition: row.get(1)?,
            state: State::parse(&state).unwrap_or(State::Failed),
            proplet: row.get(3)?,
            error: row.get(4)?,
            created: row.get(5)?,
            changed: row.get(6)?,
        })
    }
}

impl History {
    /// Keeps a new task, unless there is one of this id or there are `limit` already.
    ///
    /// # Errors
    ///
    /// If SQLite does.
    pub fn create_task(&self, task: &Task, limit: u64) -> Result<Created, HistoryError> {
        self.change(|connection| {
            let kept: i64 =
                connection.query_row("SELECT count(*) FROM tasks", [], |row| row.get(0))?;
            if u64::try_from(kept).unwrap_or(0) >= limit {
                return Ok(Created::Full);
            }
            let rows = connection.execute(
                &format!("INSERT OR IGNORE INTO tasks ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"),
                (
                    &task.id,
                    &task.definition,
                    task.state.as_str(),
                    &task.proplet,
                    &task.error,
                    task.created,
                    task.changed,
                ),
            )?;
            Ok(if rows > 0 {
                Created::New
            } else {
                Created::Exists
            })
        })
    }

    /// A task.
    ///
    /// # Errors
    ///
    /// If SQLite does.
    pub fn task(&self, id: &str) -> Result<Option<Task>, HistoryError> {
        self.read(|connection| {
            let select = format!("SELECT {COLUMNS} FROM tasks WHERE id = ?");
            connection.query_row(&select, [id], Task::read).optional()
        })
    }

    /// The tasks, the newest first.
    ///
    /// # Errors
    ///
    /// If SQLite does.
    pub fn tasks(&self, offset: u32, limit: u32) -> Result<Page<Task>, HistoryError> {
        self.read(|connection| {
            let total: i64 =
                connection.query_row("SELECT count(*) FROM tasks", [], |row| row.get(0))?;
            let select =
                format!("SELECT {COLUMNS} FROM tasks ORDER BY created DESC, id LIMIT ? OFFSET ?");
            let mut statement = connection.prepare(&select)?;
            let rows = statement.query_map((limit, offset), Task::read)?;
            Ok(Page {
                total: u64::try_from(total).unwrap_or(0),
                items: rows.collect::<rusqlite::Result<_>>()?,
            })
        })
    }

    /// The tasks of this state, the oldest first.
    ///
    /// # Errors
    ///
    /// If SQLite does.
    pub fn tasks_in(&self, state: State) -> Result<Vec<Task>, HistoryError> {
        self.read(|connection| {
            let select =
                format!("SELECT {COLUMNS} FROM tasks WHERE state = ? ORDER BY created, id");
            let mut statement = connection.prepare(&select)?;
            let rows = statement.query_map([state.as_str()], Task::read)?;
            rows.collect()
        })
    }

    /// Changes a task's state if it is one of `from`; whether it was.
    ///
    /// # Errors
    ///
    /// If SQLite does.
    pub fn change_task(
        &self,
        id: &str,
        from: &[State],
        to: State,
        proplet: Option<&str>,
        error: Option<&str>,
        now: i64,
    ) -> Result<bool, HistoryError> {
        let from: Vec<_> = from.iter().map(|state| state.as_str()).collect();
        // The names of states hold neither quotes nor commas.
        let from = from.join("', '");
        self.change(|connection| {
            let update = format!(
                "UPDATE tasks SET state = ?2, proplet = coalesce(?3, proplet), error = ?4,
                    changed = ?5
                 WHERE id = ?1 AND state IN ('{from}')"
            );
            let rows = connection.execute(&update, (id, to.as_str(), proplet, error, now))?;
            Ok(rows > 0)
        })
    }

    /// Forgets a task; its samples stay. Whether there was one.
    ///
    /// # Errors
    ///
    /// If SQLite does.
    pub fn delete_task(&self, id: &str) -> Result<bool, HistoryError> {
        self.change(|connection| {
            let rows = connection.execute("DELETE FROM tasks WHERE id = ?", [id])?;
            Ok(rows > 0)
        })
    }
}
