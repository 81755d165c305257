//! The options of `incident`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use command_line::flags::{duration, whole};
use command_line::secret::ControlToken;
use golden_http_client::BaseUrl;

/// The options of `incident`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// The steps of a game.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Begin a game: something will go wrong, or nothing. Prints the seal
    Arm(Arm),
    /// Show how far the game has come
    Status(At),
    /// Say that something is wrong: stops the clock of the detection
    Declare(At),
    /// Answer what is wrong, from a file
    Diagnose(Diagnose),
    /// End the game: the truth, its nonce, and the marks
    Reveal(Reveal),
    /// Check that what was revealed is what was sealed
    Verify(Verify),
    /// Print the words that an answer may have
    Words,
}

/// Where the service is.
#[derive(Args, Clone, Debug)]
pub struct At {
    /// URL of the service
    #[arg(
        long,
        env = "GOLDEN_APP",
        value_name = "URL",
        default_value = "http://127.0.0.1:8000"
    )]
    pub app: BaseUrl,

    /// The token that the service wants.
    #[command(flatten)]
    pub control_token: ControlToken,
}

/// A game to begin.
#[derive(Args, Clone, Debug)]
pub struct Arm {
    /// What the game is.
    #[command(flatten)]
    pub game: NewGame,

    /// Where it is played.
    #[command(flatten)]
    pub service: At,
}

/// What a game is.
#[derive(Args, Clone, Debug)]
pub struct NewGame {
    /// Name of the game
    #[arg(long, value_name = "NAME", default_value = "game")]
    pub name: String,

    /// Level of the incident, if there is one: 1 (a dashboard shows it) to 3 [default: any]
    #[arg(long, value_name = "N", value_parser = whole::<u8>(1, 3))]
    pub level: Option<u8>,

    /// Length of the game, from 10s to 2h
    #[arg(long, value_name = "DURATION", default_value = "20m", value_parser = duration)]
    pub window: Duration,
}

/// An answer to give.
#[derive(Args, Clone, Debug)]
pub struct Diagnose {
    /// File with the answer, in YAML or JSON; - reads standard input
    pub file: PathBuf,

    /// Where it is given.
    #[command(flatten)]
    pub service: At,
}

/// A game to end.
#[derive(Args, Clone, Debug)]
pub struct Reveal {
    /// URL of the Prometheus that judges the evidence
    #[arg(
        long,
        env = "GOLDEN_PROMETHEUS",
        value_name = "URL",
        default_value = "http://127.0.0.1:9090"
    )]
    pub prometheus: BaseUrl,

    /// File to write what is revealed to, as JSON
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Where it was played.
    #[command(flatten)]
    pub service: At,
}

/// What was revealed, to be checked.
#[derive(Args, Clone, Debug)]
pub struct Verify {
    /// File that reveal --output wrote
    pub file: PathBuf,

    /// The seal that was printed when the game was armed [default: the one in the file]
    #[arg(long, value_name = "SHA256")]
    pub seal: Option<String>,
}
