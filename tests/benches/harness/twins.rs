//! Builds and starts the servers that the service is compared with.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

/// A running twin. Dropping it kills it.
pub struct Twin {
    child: Child,
    authority: String,
}

impl Twin {
    /// The handler on bare axum.
    pub fn bare() -> Self {
        Self::axum("twin-bare", &[])
    }

    /// The handler on axum with axum-prometheus.
    pub fn axum_prometheus() -> Self {
        Self::axum("twin-axum-prometheus", &["--features", "axum-prometheus"])
    }

    // Built here, one at a time: built together they would share their features.
    fn axum(binary: &str, features: &[&str]) -> Self {
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--profile", "bench"])
            .args(["--package", "twins", "--bin", binary])
            .args(features)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .expect("cargo was there when it compiled this");
        assert!(status.success(), "{binary} was not built");
        let service = Path::new(env!("CARGO_BIN_EXE_golden-signals"));
        let child = Command::new(service.with_file_name(binary))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it was built a moment ago");
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

    /// `http://address/path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
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
