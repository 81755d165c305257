//! The bucket lab: the same requests, counted in several histograms at once, on a
//! port, for Prometheus and `curl` to look at.
//!
//! Nothing is sent and nothing waits: the requests are drawn, a hundred in each
//! second, and each is counted in every histogram.

mod protobuf;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::finding::Finding;
use crate::mystery::Distribution;
use crate::prometheus::Prometheus;
use crate::server::{Request, Response, Server, serve_http};

/// The default of most libraries.
pub const DEFAULT: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// Around a promise of 300 ms: Prometheus' own example,
/// <https://prometheus.io/docs/practices/histograms/>.
pub const SLO: &[f64] = &[0.1, 0.2, 0.3, 0.45];
/// Of the native histogram: each bound is 2^(1/8) times the one before.
pub const SCHEMA: u32 = 3;

// Requests in a second.
const RATE: f64 = 100.0;

/// A running lab. Dropping it ends it.
#[derive(Debug)]
pub struct Lab {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    start: Instant,
    // They are repeated when all of them have come.
    delays: Vec<f64>,
    truth: f64,
    histograms: Vec<Histogram>,
}

/// One way to count.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// `default`, `slo`, `own` or `native`.
    pub buckets: &'static str,
    /// Upper bounds in seconds; none for the native one.
    pub bounds: Option<Vec<f64>>,
}

/// What Prometheus reports of one histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Reported {
    /// As [`Histogram::buckets`].
    pub buckets: &'static str,
    /// The 95th percentile in seconds.
    pub p95: f64,
    /// Series that Prometheus keeps of it.
    pub series: u64,
    /// The same of a scrape that made of its classic buckets one native histogram with
    /// custom buckets: the 95th percentile in seconds, and series.
    pub converted: Option<(f64, u64)>,
    /// The bounds between which it lies, as far as the buckets can tell.
    pub between: (f64, f64),
}

impl Lab {
    /// One that listens there, whose delays follow the distribution;
    /// `own` are the student's bounds, if there are any.
    ///
    /// # Errors
    ///
    /// `no-port`.
    pub fn start(
        bind: &str,
        delays: &Distribution,
        own: Option<Vec<f64>>,
    ) -> Result<Self, Finding> {
        let classic = |buckets, bounds| Histogram {
            buckets,
            bounds: Some(bounds),
        };
        let mut histograms = vec![
            classic("default", DEFAULT.to_vec()),
            classic("slo", SLO.to_vec()),
        ];
        histograms.extend(own.map(|bounds| classic("own", bounds)));
        histograms.push(Histogram {
            buckets: "native",
            bounds: None,
        });
        let shared = Arc::new(Shared {
            start: Instant::now(),
            delays: delays.samples(),
            truth: delays.quantile(0.95),
            histograms,
        });
        let serving = Arc::clone(&shared);
        let server = Server::bind(bind, move |stream| {
            serve_http(stream, |request| Some(serving.answer(request)))
        })?;
        Ok(Self { server, shared })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// What the 95th percentile really is, in seconds.
    #[must_use]
    pub fn truth(&self) -> f64 {
        self.shared.truth
    }

    /// A Prometheus that scrapes this lab every second, once as it is and once with classic
    /// histograms converted (NHCB,
    /// <https://prometheus.io/docs/specs/native_histograms/#custom-buckets>).
    ///
    /// # Errors
    ///
    /// As [`Prometheus::start`].
    pub fn prometheus(&self) -> Result<Prometheus, Finding> {
        let job = |name: &str, more: &str| {
            format!(
                "- job_name: {name}\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  \
                 scrape_protocols: [PrometheusProto]\n{more}  static_configs:\n  - targets: ['{}']\n",
                self.address()
            )
        };
        // What is native already is the first job's: each name is there once.
        let converted = "  convert_classic_histograms_to_nhcb: true\n  metric_relabel_configs:\n  \
                         - {source_labels: [__name__], regex: lab_native_seconds, action: drop}\n";
        let (plain, converted) = (job("lab", ""), job("lab_nhcb", converted));
        let configuration = format!("scrape_configs:\n{plain}{converted}");
        Prometheus::start_with(&configuration, &["--enable-feature=native-histograms"])
    }

    /// What that Prometheus reports of each histogram, once it has seen enough.
    ///
    /// # Errors
    ///
    /// `prometheus-failed`, also if it has seen nothing by the timeout.
    pub fn reported(
        &self,
        prometheus: &Prometheus,
        timeout: Duration,
    ) -> Result<Vec<Reported>, Finding> {
        let histograms = self.shared.histograms.iter();
        histograms
            .map(|histogram| {
                let ask = |native| -> Result<(f64, u64), Finding> {
                    let p95 = prometheus.number_when(&histogram.query(native), timeout)?;
                    let series = prometheus.number_when(&histogram.series(native), timeout)?;
                    Ok((p95, series as u64))
                };
                let is_native = histogram.bounds.is_none();
                let (p95, series) = ask(is_native)?;
                Ok(Reported {
                    buckets: histogram.buckets,
                    p95,
                    series,
                    converted: (!is_native).then(|| ask(true)).transpose()?,
                    between: histogram.around(p95),
                })
            })
            .collect()
    }
}

impl Histogram {
    /// Its name at `/metrics`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("lab_{}_seconds", self.buckets)
    }

    /// What asks Prometheus for the 95th percentile: of a native histogram (that was native,
    /// or was converted), or of classic buckets.
    #[must_use]
    pub fn query(&self, native: bool) -> String {
        let bucket = if native { "" } else { "_bucket" };
        format!(
            "histogram_quantile(0.95, rate({}{bucket}[10s]))",
            self.name()
        )
    }

    /// What asks Prometheus how many series it keeps for that.
    #[must_use]
    pub fn series(&self, native: bool) -> String {
        let parts = if native { "" } else { "_(bucket|sum|count)" };
        format!("count({{__name__=~\"{}{parts}\"}})", self.name())
    }

    /// The bucket that holds this time: its bounds in seconds.
    #[must_use]
    pub fn around(&self, seconds: f64) -> (f64, f64) {
        let Some(bounds) = &self.bounds else {
            let steps = f64::from(2_u32.pow(SCHEMA));
            let high = (seconds.log2() * steps).ceil() / steps;
            return ((high - 1.0 / steps).exp2(), high.exp2());
        };
        // The last bound is also what is reported of all that is above it.
        let last = bounds.last().is_none_or(|last| seconds >= *last);
        let above = bounds.iter().position(|bound| seconds <= *bound);
        match above {
            Some(index) if !last => (
                index.checked_sub(1).map_or(0.0, |low| bounds[low]),
                bounds[index],
            ),
            _ => (bounds.last().copied().unwrap_or(0.0), f64::INFINITY),
        }
    }
}

impl Shared {
    fn answer(&self, request: &Request) -> Response {
        if request.method != "GET" || request.path != "/metrics" {
            return Response::text(
                "404 Not Found",
                "Look at /metrics.
",
            );
        }
        let accept = request.header("accept").to_ascii_lowercase();
        if !accept.contains("io.prometheus.client.metricfamily") {
            return Response::text("200 OK", self.page());
        }
        Response {
            status: "200 OK",
            content_type: protobuf::CONTENT_TYPE,
            body: self.encoded(),
        }
    }

    // How many requests there have been.
    fn count(&self) -> u64 {
        (self.start.elapsed().as_secs_f64() * RATE) as u64
    }

    // How many of `count` requests took each of the delays that were drawn.
    fn times(&self, count: u64) -> impl Iterator<Item = (f64, u64)> {
        let all = self.delays.len() as u64;
        let (rounds, rest) = (count / all, count % all);
        let delays = self.delays.iter().zip(0..);
        delays.map(move |(delay, index)| (*delay, rounds + u64::from(index < rest)))
    }

    // Prometheus' text format, <https://prometheus.io/docs/instrumenting/exposition_formats/>.
    fn page(&self) -> String {
        let mut page = String::new();
        let count = self.count();
        for histogram in &self.histograms {
            let name = histogram.name();
            let (sum, below) = self.classic(count, histogram.bounds.as_deref().unwrap_or(&[]));
            if histogram.bounds.is_none() {
                page +=
                    "# Its buckets are in the protobuf format only, which Prometheus asks for.\n";
            }
            let _ = writeln!(page, "# TYPE {name} histogram");
            for (bound, below) in below {
                let _ = writeln!(page, "{name}_bucket{{le=\"{bound}\"}} {below}");
            }
            let _ = writeln!(page, "{name}_bucket{{le=\"+Inf\"}} {count}");
            let _ = writeln!(page, "{name}_sum {sum}\n{name}_count {count}");
        }
        page
    }

    fn encoded(&self) -> Vec<u8> {
        let mut all = Vec::new();
        let count = self.count();
        for histogram in &self.histograms {
            let family = match &histogram.bounds {
                Some(bounds) => {
                    let (sum, below) = self.classic(count, bounds);
                    let buckets = protobuf::Buckets::Classic(&below);
                    protobuf::family(&histogram.name(), count, sum, &buckets)
                }
                None => {
                    let (sum, _) = self.classic(count, &[]);
                    let mut filled = BTreeMap::new();
                    for (delay, times) in self.times(count).filter(|(_, times)| *times > 0) {
                        let index = (delay.max(1e-6).log2() * f64::from(2_u32.pow(SCHEMA))).ceil();
                        *filled.entry(index as i64).or_default() += times;
                    }
                    let buckets = protobuf::Buckets::Native(i64::from(SCHEMA), &filled);
                    protobuf::family(&histogram.name(), count, sum, &buckets)
                }
            };
            all.extend(family);
        }
        all
    }

    // The sum, and how many took at most each of the bounds.
    fn classic(&self, count: u64, bounds: &[f64]) -> (f64, Vec<(f64, u64)>) {
        let mut below: Vec<_> = bounds.iter().map(|bound| (*bound, 0)).collect();
        let mut sum = 0.0;
        for (delay, times) in self.times(count) {
            sum += delay * times as f64;
            for (bound, within) in &mut below {
                *within += if delay <= *bound { times } else { 0 };
            }
        }
        (sum, below)
    }
}
