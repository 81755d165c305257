//! The command line of `train`: an error is one line that names the flag, the
//! value and the remedy, before anything begins.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::daemon::Daemon;

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_golden-signals"))
        .arg("train")
        .args(arguments)
        .envs(variables.iter().copied())
        .output()
        .expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("it is UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn a_bad_value_is_reported_with_its_flag_and_a_remedy() {
    let directory = Daemon::directory("command-line");
    let file = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::write(&path, text).expect("the directory is ours");
        path.to_str().expect("it is UTF-8").to_owned()
    };
    let misspelt = file("a.yaml", "PersiaMetricsConfig:\n  enable_metric: true\n");
    let faults = file("b.yaml", "nan_evry: 3\n");
    for (arguments, variables, parts) in [
        (
            vec!["--metrics-gateway-addr", "https://gateway:9091"],
            vec![],
            vec!["--metrics-gateway-addr https://gateway:9091: must be plain http"],
        ),
        (
            vec![],
            vec![("PERSIA_METRICS_GATEWAY_ADDR", "gateway:port")],
            vec![
                "--metrics-gateway-addr gateway:port (from PERSIA_METRICS_GATEWAY_ADDR)",
                "must be a host and a port, like metrics_gateway:9091",
            ],
        ),
        (
            vec!["--global-config", &misspelt],
            vec![],
            vec![
                "--global-config ",
                "unknown setting PersiaMetricsConfig.enable_metric; did you mean enable_metrics?",
            ],
        ),
        (
            vec!["--global-config", "/nowhere/global_config.yaml"],
            vec![],
            vec![
                "--global-config /nowhere/global_config.yaml: ",
                "that can be read",
            ],
        ),
        (
            vec!["--faults-file", &faults],
            vec![],
            vec!["--faults-file ", "nan_evry"],
        ),
        (
            vec!["--staleness", "0"],
            vec![],
            vec!["--staleness 0: must be a whole number from 1 to 10000"],
        ),
        (
            vec!["--role", "server"],
            vec![],
            vec!["--role server: must be one of", "parameter-server"],
        ),
        (
            vec!["--parameter-servers", "a:1,b"],
            vec![],
            vec!["--parameter-servers b: must be a host and a port"],
        ),
        (
            vec!["--masked-features", "item,colour"],
            vec![],
            vec!["--masked-features colour: must be one of user, item, history, context"],
        ),
        (
            vec!["--slow-shard", "50ms"],
            vec![],
            vec!["--slow-shard 50ms: must be a shard and a time", "1=50ms"],
        ),
        (vec!["--drift", "-1"], vec![], vec!["--drift"]),
        (vec!["--resume"], vec![], vec!["--checkpoints"]),
        (
            vec![
                "--role",
                "parameter-server",
                "--bind",
                "127.0.0.1:0",
                "--parameter-servers",
                "192.0.2.1:7070,192.0.2.2:7070",
            ],
            vec![],
            vec![
                "--parameter-servers does not contain an address of this machine",
                "--replica-index",
            ],
        ),
    ] {
        let (code, out, err) = run(&arguments, &variables);
        let what = format!("{arguments:?} {variables:?}: {code:?} {err}");
        assert_eq!(code, Some(2), "{what}");
        assert!(out.is_empty(), "{what}");
        assert!(
            err.starts_with("error: ") && err.lines().count() == 1,
            "{what}"
        );
        for part in parts {
            assert!(err.contains(part), "{part:?} is not in {what}");
        }
    }
    fs::remove_dir_all(directory).expect("it is ours");
}

#[test]
fn help_shows_every_flag_with_its_variable() {
    let (code, help, _) = run(&["--help"], &[]);
    assert_eq!(code, Some(0));
    let mut flags = 0;
    let mut lines = help.lines().map(str::trim).peekable();
    while let Some(line) = lines.next() {
        let Some(flag) = line.split(' ').next().filter(|word| word.starts_with("--")) else {
            continue;
        };
        flags += 1;
        let mut text = line.to_owned();
        while let Some(more) =
            lines.next_if(|line| !line.starts_with("--") && !line.starts_with("-h"))
        {
            text += more;
        }
        let variable = match flag {
            "--metrics-gateway-addr" => "PERSIA_METRICS_GATEWAY_ADDR".to_owned(),
            flag => format!(
                "GOLDEN{}",
                flag.replacen("--", "_", 1).replace('-', "_").to_uppercase()
            ),
        };
        assert!(
            text.contains(&format!("[env: {variable}=")),
            "{flag}: {text}"
        );
    }
    assert!(flags > 25, "{help}");
}

/// Every line of it, with its mark taken away, is a fault that there is.
#[test]
fn the_files_of_the_stack_can_be_used() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = repository.join("training/global_config.yaml");
    let faults = fs::read_to_string(repository.join("training/faults.yaml"));
    let faults = faults.expect("it is part of the stack");
    let mut all = String::new();
    for line in faults.lines() {
        all += line
            .strip_prefix('#')
            .filter(|rest| !rest.starts_with(' '))
            .unwrap_or(line);
        all.push('\n');
    }
    let directory = Daemon::directory("command-line");
    for (name, text, named) in [("as_it_is", &faults, 0), ("all", &all, 6)] {
        let path = directory.join(name);
        fs::write(&path, text).expect("the directory is ours");
        let settings = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        assert_eq!(settings.count(), named, "{text}");
        let arguments = [
            "--steps=5",
            &format!("--global-config={}", config.display()),
            &format!("--faults-file={}", path.display()),
        ];
        let nobody = ("PERSIA_METRICS_GATEWAY_ADDR", "127.0.0.1:1");
        let (code, _, err) = run(&arguments, &[nobody]);
        assert_eq!(code, Some(0), "{err}");
        assert!(
            err.contains(r#"job="click_model""#) && err.contains("trained on 5 batches"),
            "{err}"
        );
    }
    fs::remove_dir_all(directory).expect("it is ours");
}
