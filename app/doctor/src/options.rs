//! The options of `doctor`: where the stack is, and which links to skip.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use golden_http_client::{BaseUrl, UrlError};
use serde::Serialize;

/// Former names of variables, by the option that they still set.
pub const FORMER_VARIABLES: &[(&str, &str)] = &[("send_test_alert", "GOLDEN_RING")];

/// The options of `doctor`. Each can come from the environment instead.
#[derive(Args, Clone, Debug)]
#[command(args_override_self = true)]
pub struct Options {
    /// URL of the service
    #[arg(
        long,
        env = "GOLDEN_APP",
        value_name = "URL",
        default_value = "http://127.0.0.1:8000",
        value_parser = url
    )]
    pub app: BaseUrl,

    /// URL of Prometheus
    #[arg(
        long,
        env = "GOLDEN_PROMETHEUS",
        value_name = "URL",
        default_value = "http://127.0.0.1:9090",
        value_parser = url
    )]
    pub prometheus: BaseUrl,

    /// URL of Alertmanager
    #[arg(
        long,
        env = "GOLDEN_ALERTMANAGER",
        value_name = "URL",
        default_value = "http://127.0.0.1:9093",
        value_parser = url
    )]
    pub alertmanager: BaseUrl,

    /// URL of Grafana; queried as an anonymous viewer
    #[arg(
        long,
        env = "GOLDEN_GRAFANA",
        value_name = "URL",
        default_value = "http://127.0.0.1:3000",
        value_parser = url
    )]
    pub grafana: BaseUrl,

    /// URL of the pager
    #[arg(
        long,
        env = "GOLDEN_PAGER",
        value_name = "URL",
        default_value = "http://127.0.0.1:8002",
        value_parser = url
    )]
    pub pager: BaseUrl,

    /// Prometheus job that scrapes the service
    #[arg(long, env = "GOLDEN_JOB", value_name = "NAME", default_value = "app", value_parser = job)]
    pub job: String,

    /// Links to skip, together with those that depend on them; separated by commas
    #[arg(
        long,
        env = "GOLDEN_SKIP",
        value_name = "LINK",
        value_delimiter = ',',
        value_enum
    )]
    pub skip: Vec<Name>,

    /// Directory of dashboards (JSON) whose queries are sent to Prometheus directly;
    /// requires --skip grafana
    #[arg(long, env = "GOLDEN_DASHBOARDS", value_name = "DIR", value_parser = directory)]
    pub dashboards: Option<PathBuf>,

    /// Send a harmless test alert of level 3 to Alertmanager, wait until the pager
    /// shows it, and resolve it
    #[arg(long, alias = "ring", env = "GOLDEN_SEND_TEST_ALERT")]
    pub send_test_alert: bool,

    /// Timeout of each answer
    #[arg(long, env = "GOLDEN_TIMEOUT", value_name = "DURATION", default_value = "5s", value_parser = timeout)]
    pub timeout: Duration,

    /// How long to wait for the stack to become healthy
    #[arg(long, env = "GOLDEN_WAIT", value_name = "DURATION", default_value = "0s", value_parser = wait)]
    pub wait: Duration,

    /// Write the report as JSON
    #[arg(long, env = "GOLDEN_JSON")]
    pub json: bool,
}

impl Options {
    /// Whether this link is skipped: itself, or because one that it depends on is.
    pub(super) fn skips(&self, link: Name) -> bool {
        let not_asked_for = link == Name::TestAlert && !self.send_test_alert;
        not_asked_for
            || self.skip.contains(&link)
            || self.needs(link).iter().any(|needed| self.skips(*needed))
    }

    /// Why [`Self::skips`] says so.
    pub(super) fn why_skipped(&self, link: Name) -> &'static str {
        if link == Name::TestAlert && !self.send_test_alert {
            "not asked for (--send-test-alert)"
        } else {
            "skipped (--skip)"
        }
    }

    /// Whether dashboards come from files and their queries go to Prometheus.
    pub(super) fn without_grafana(&self) -> Option<&PathBuf> {
        let directory = self.dashboards.as_ref();
        directory.filter(|_| self.skip.contains(&Name::Grafana))
    }

    /// The links without which this one cannot hold: it is examined only if all of them do.
    pub(super) fn hangs_on(&self, link: Name) -> Vec<Name> {
        let more: &[Name] = match link {
            // What does not answer, or exposes nothing, cannot be scraped.
            Name::Target => &[Name::Metrics],
            Name::DataSource => &[Name::Target],
            Name::Panels => &[Name::Traffic, Name::Sample, Name::Rules],
            _ => &[],
        };
        let needed = self.needs(link).iter().chain(more);
        needed
            .copied()
            .filter(|needed| !self.skips(*needed))
            .collect()
    }

    /// The links that are skipped together with this one, if they are.
    fn needs(&self, link: Name) -> &'static [Name] {
        match link {
            Name::App | Name::Prometheus | Name::Grafana | Name::Alertmanager | Name::Pager => &[],
            Name::Metrics => &[Name::App],
            Name::Traffic => &[Name::Metrics],
            Name::Target | Name::Rules => &[Name::Prometheus],
            Name::Sample => &[Name::Target],
            Name::Dashboards if self.without_grafana().is_some() => &[],
            Name::DataSource | Name::Dashboards => &[Name::Grafana],
            Name::Panels if self.without_grafana().is_some() => {
                &[Name::Dashboards, Name::Prometheus]
            }
            Name::Panels => &[Name::DataSource, Name::Dashboards],
            Name::Webhook => &[Name::Alertmanager],
            Name::TestAlert => &[Name::Webhook, Name::Pager],
        }
    }

    /// Checks what depends on several options.
    ///
    /// # Errors
    ///
    /// One line that names the flag, the value and the remedy.
    pub fn check(&self) -> Result<(), String> {
        match &self.dashboards {
            Some(directory) if self.without_grafana().is_none() => Err(format!(
                "--dashboards {}: is used only without Grafana; add --skip grafana or leave it out",
                directory.display()
            )),
            _ => Ok(()),
        }
    }
}

/// The links of the chain, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Name {
    /// The service answers.
    App,
    /// Its `/metrics` has the four golden signals.
    Metrics,
    /// Requests are being counted.
    Traffic,
    /// Prometheus answers and is ready.
    Prometheus,
    /// Prometheus scrapes the service.
    Target,
    /// The newest sample is fresh, and the clocks agree.
    Sample,
    /// The rules are loaded and evaluate.
    Rules,
    /// Grafana answers.
    Grafana,
    /// Grafana's data source exists and reaches Prometheus.
    DataSource,
    /// The dashboards exist.
    Dashboards,
    /// The dashboards' queries have answers.
    Panels,
    /// Prometheus knows Alertmanager, which is ready.
    Alertmanager,
    /// Alertmanager's webhook delivers.
    Webhook,
    /// The pager answers and hears that all before it are alive.
    Pager,
    /// A test alert arrives; only with `--send-test-alert`.
    #[value(alias = "ring")]
    TestAlert,
}

impl Name {
    /// All, in the chain's order.
    pub const ALL: [Self; 15] = [
        Self::App,
        Self::Metrics,
        Self::Traffic,
        Self::Prometheus,
        Self::Target,
        Self::Sample,
        Self::Rules,
        Self::Grafana,
        Self::DataSource,
        Self::Dashboards,
        Self::Panels,
        Self::Alertmanager,
        Self::Webhook,
        Self::Pager,
        Self::TestAlert,
    ];

    /// As `--skip` and the JSON report write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Metrics => "metrics",
            Self::Traffic => "traffic",
            Self::Prometheus => "prometheus",
            Self::Target => "target",
            Self::Sample => "sample",
            Self::Rules => "rules",
            Self::Grafana => "grafana",
            Self::DataSource => "data_source",
            Self::Dashboards => "dashboards",
            Self::Panels => "panels",
            Self::Alertmanager => "alertmanager",
            Self::Webhook => "webhook",
            Self::Pager => "pager",
            Self::TestAlert => "test_alert",
        }
    }
}

/// A peer's address, which says what is wrong with it in the terms of its flag.
fn url(text: &str) -> Result<BaseUrl, String> {
    const FORM: &str = "must be a URL like http://127.0.0.1:9090";
    text.parse().map_err(|error| match error {
        UrlError::NotHttp if text.starts_with("https:") => {
            format!("{FORM}; https is not supported")
        }
        UrlError::Invalid | UrlError::NotHttp => FORM.to_owned(),
        UrlError::Credentials => format!("{FORM}, without user name and password"),
        UrlError::Superfluous => format!("{FORM}, without ? and #"),
    })
}

fn job(text: &str) -> Result<String, String> {
    // What stands in a query without being escaped.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("must be a job name: letters, digits and _ - . : /".to_owned())
    }
}

fn directory(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.is_dir() {
        Ok(path)
    } else {
        Err("must be a directory that exists, like grafana/provisioning/dashboards".to_owned())
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    duration(text, Duration::from_millis(1), Duration::from_secs(60))
}

fn wait(text: &str) -> Result<Duration, String> {
    duration(text, Duration::ZERO, Duration::from_secs(3600))
}

fn duration(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let parsed = humantime::parse_duration(text).ok();
    parsed
        .filter(|duration| (least..=most).contains(duration))
        .ok_or_else(|| {
            let (least, most) = (
                humantime::format_duration(least),
                humantime::format_duration(most),
            );
            format!("must be a time with its unit from {least} to {most}, like 500ms or 5s")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_cannot_be_asked_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "must be a URL like http://127.0.0.1:9090"),
            ("127.0.0.1:9090", "must be a URL like http://127.0.0.1:9090"),
            ("localhost:9090", "must be a URL like http://127.0.0.1:9090"),
            ("ftp://x", "must be a URL like http://127.0.0.1:9090"),
            ("http://x:99999", "must be a URL like http://127.0.0.1:9090"),
            ("https://x", "https is not supported"),
            ("http://a:b@x", "without user name and password"),
            ("http://x?q", "without ? and #"),
            ("http://x#f", "without ? and #"),
        ] {
            let refused = url(text).unwrap_err();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }

    #[test]
    fn every_link_has_its_place_and_its_name() {
        let names: Vec<_> = Name::value_variants().to_vec();
        assert_eq!(names, Name::ALL);
        for name in Name::ALL {
            assert_eq!(Name::from_str(name.as_str(), false), Ok(name));
            assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
        }
    }
}
