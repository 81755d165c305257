//! Builds the service and the servers that it is compared with, and starts the latter.

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

/// A running twin. Dropping it kills it.
pub struct Twin {
    child: Child,
    authority: String,
}

/// A program to be built as its users have it: the service, or a twin on axum. What
/// `cargo bench` itself builds has the features of the tests' dependencies, too, such as a
/// clock of Tokio's that can be paused, which costs each wait some hundred instructions.
#[derive(Clone, Copy)]
pub struct Program {
    /// Of its workspace.
    manifest: &'static str,
    package: &'static str,
    binary: &'static str,
    features: &'static [&'static str],
}

impl Program {
    pub const SERVICE: Self = Self {
        manifest: "Cargo.toml",
        package: "golden-signals",
        binary: "golden-signals",
        features: &["--features", "jemalloc"],
    };
    pub const BARE: Self = Self {
        manifest: "Cargo.toml",
        package: "twins",
        binary: "twin-bare",
        features: &["--features", "jemalloc"],
    };
    pub const AXUM_PROMETHEUS: Self = Self {
        manifest: "Cargo.toml",
        package: "twins",
        binary: "twin-axum-prometheus",
        features: &["--features", "axum-prometheus,jemalloc"],
    };
    pub const ACTIX: Self = Self {
        manifest: "tests/benches/twins/actix/Cargo.toml",
        package: "twin-actix",
        binary: "twin-actix",
        features: &[],
    };

    /// Builds it and returns where it is. One at a time: built together they would share
    /// their features.
    pub fn build(self) -> PathBuf {
        let target = Path::new(env!("CARGO_BIN_EXE_golden-signals"))
            .ancestors()
            .nth(2)
            .expect("a program is in its profile's directory");
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--profile", "measured"])
            .args(["--manifest-path", self.manifest, "--target-dir"])
            .arg(target)
            .args(["--package", self.package, "--bin", self.binary])
            .args(self.features)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .expect("cargo was there when it compiled this");
        assert!(status.success(), "{} was not built", self.binary);
        target.join("measured").join(self.binary)
    }
}

impl Twin {
    /// The handler on bare axum.
    pub fn bare() -> Self {
        Self::start(Command::new(Program::BARE.build()))
    }

    /// The handler on axum with axum-prometheus.
    pub fn axum_prometheus() -> Self {
        Self::start(Command::new(Program::AXUM_PROMETHEUS.build()))
    }

    /// The handler on actix-web with actix-web-prom.
    pub fn actix() -> Self {
        Self::start(Command::new(Program::ACTIX.build()))
    }

    /// Express with prom-client in one Node.js process; in a directory made on first use.
    ///
    /// Returns none where there is no Node.js, and says so.
    pub fn express() -> Option<Self> {
        let installed = Command::new("npm").arg("--version").output();
        if !installed.is_ok_and(|output| output.status.success()) {
            println!("npm is not installed: Express is left out");
            return None;
        }
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/benches/twins/express");
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("express");
        fs::create_dir_all(&directory).expect("the target directory can be written");
        for file in ["main.js", "package.json", "package-lock.json"] {
            fs::copy(sources.join(file), directory.join(file)).expect("it is checked in");
        }
        let status = Command::new("npm")
            .args(["ci", "--silent", "--no-audit", "--no-fund"])
            .current_dir(&directory)
            .stdin(Stdio::null())
            .status();
        assert!(status.is_ok_and(|status| status.success()), "npm ci failed");
        let mut node = Command::new("node");
        node.arg("main.js")
            .env("NODE_ENV", "production")
            .current_dir(directory);
        Some(Self::start(node))
    }

    /// Starts this command, which must come down to a program that writes its address.
    pub fn start(mut command: Command) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self::when_it_says(
            child,
            |child| Box::new(child.stdout.take().expect("it is piped")),
            "",
        )
    }

    /// FastAPI under uvicorn with prometheus-fastapi-instrumentator, in one
    /// process, as its instrumentation needs; in an environment made on first use.
    pub fn fastapi() -> Self {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/benches/twins/fastapi");
        let python = fastapi_environment(&sources.join("requirements.txt"));
        let child = Command::new(python)
            .args([
                "-m",
                "uvicorn",
                "main:app",
                "--port",
                "0",
                "--no-access-log",
            ])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .current_dir(sources)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the environment has a python");
        let stderr = |child: &mut Child| -> Box<dyn Read + Send> {
            Box::new(child.stderr.take().expect("it is piped"))
        };
        Self::when_it_says(child, stderr, "http://")
    }

    // Waits for the line with the address, after this mark, and reads on so that the pipe never fills.
    fn when_it_says(
        mut child: Child,
        pipe: impl Fn(&mut Child) -> Box<dyn Read + Send>,
        mark: &str,
    ) -> Self {
        let mut lines = BufReader::new(pipe(&mut child))
            .lines()
            .map_while(Result::ok);
        let authority = lines
            .by_ref()
            .find_map(|line| {
                let at = line.find(&format!("{mark}127.0.0.1:"))? + mark.len();
                Some(line[at..].split(' ').next()?.to_owned())
            })
            .expect("the twin says where it listens");
        thread::spawn(move || lines.for_each(drop));
        Self { child, authority }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.authority.parse().expect("an address and a port")
    }

    /// `http://address/path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it with the signal that a program may end by itself, and waits until it has.
    pub fn stop(&mut self) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        let pid = pid.expect("a child's id is a process id");
        kill_process(pid, Signal::TERM).expect("the child has not been waited for");
        self.child.wait().expect("it is our child");
    }
}

impl Drop for Twin {
    fn drop(&mut self) {
        // Both fail only if it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// pip does nothing if the environment already has what the file asks for.
fn fastapi_environment(requirements: &Path) -> PathBuf {
    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fastapi");
    let python = environment.join("bin/python");
    let run = |command: &mut Command| {
        let status = command.stdin(Stdio::null()).status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "{command:?} failed"
        );
    };
    if !python.is_file() {
        run(Command::new("python3")
            .args(["-m", "venv"])
            .arg(&environment));
    }
    run(Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
        ])
        .arg(requirements));
    python
}
