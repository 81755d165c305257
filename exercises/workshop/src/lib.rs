//! `cargo workshop`: shows the exercises, watches them, checks them.
//!
//! From the screen down to what it stands on:
//!
//! - [`command`]: the command line, and what each command does and prints.
//! - [`watch`], with [`keys`], [`screen`] and [`page`]: the loop of edit and verdict.
//! - [`course`]: the exercises, their files and texts; [`progress`]: how far one is;
//!   [`keep`]: what the student wrote, when something else takes its place.
//! - [`checks`]: what each exercise demands. A check says what was observed, in a
//!   [`finding`]; it never says how to do it.
//! - [`report`]: what is told to the class; [`class`]: many students' reports, for the
//!   teacher.
//! - [`build`], [`student`], [`http`], [`exposition`]: the student's service, built,
//!   started, asked and read as Prometheus would. [`answer_file`]: answers in a text file.
//! - [`reference`](mod@reference): the program `golden-signals`, found or built.
//! - [`promtool`]: queries and rules, judged by Prometheus' own engine.
//!   [`prometheus`]: Prometheus itself, [`api`]: asked, [`backfill`]: with scenes in
//!   its memory.
//! - [`mystery`]: what is to be recovered; [`observe`]: a running service, seen
//!   through the student's bounds.
//! - [`lab`]: the same requests in several histograms at once.
//! - [`dashboard`]: what Grafana exports, read for its queries; [`grafana`]: what it
//!   has saved. [`stack`]: which Grafana and Prometheus are to be asked.
//! - [`stalling`]: a service that stalls, for load generators. [`scheduling_delay`]:
//!   whether the machine was too busy to judge them.
//! - [`processes`]: one that leaks, among others; [`mqtt`]: what a proplet says of them.
//! - [`gateway`]: a Pushgateway that can fail. [`clicks`] and [`worker`]: what the
//!   student's training learns from, and the training, fed and read. [`runs`]:
//!   three real trainings, each with a fault. [`models`]: six models, five of which ail.
//!
//! At the bottom, and private: programs that are ended in time (`child`), servers
//! (`server`), folders to write in (`scratch`), what the compiler says (`compiler`).
//!
//! Nothing here uses the code that the students write, or the reference service:
//! a checker that shares code with what it checks shares its mistakes. Only the
//! distributions of what is hidden (`simulation`) and what a monitoring profile may say
//! (`proplet_schema`) are the service's own, and the processes, the three runs and the six models are
//! its program.

pub mod answer_file;
pub mod api;
pub mod backfill;
pub mod build;
pub mod checks;
mod child;
pub mod class;
pub mod clicks;
pub mod command;
mod compiler;
pub mod course;
pub mod dashboard;
pub mod exposition;
pub mod finding;
pub mod gateway;
pub mod grafana;
pub mod http;
pub mod keep;
pub mod keys;
pub mod lab;
pub mod models;
pub mod mqtt;
pub mod mystery;
pub mod observe;
pub mod page;
pub mod processes;
pub mod progress;
pub mod prometheus;
pub mod promtool;
pub mod query;
pub mod reading;
pub mod reference;
pub mod report;
pub mod runs;
pub mod scheduling_delay;
mod scratch;
pub mod screen;
mod server;
pub mod stack;
pub mod stalling;
pub mod student;
pub mod watch;
pub mod worker;
