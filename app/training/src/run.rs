//! One process of a training, from its start to its end: which nodes it is, who
//! they talk to, and when their metrics are pushed a last time.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::checkpoint::Checkpoints;
use super::dense::DenseNetwork;
use super::embedding_worker::EmbeddingWorker;
use super::faults::{CurrentFaults, Faults};
use super::faults_file;
use super::global_config::MetricsConfig;
use super::listening::{self, ListeningError};
use super::metrics::{EmbeddingWorkerMetrics, ParameterServerMetrics, TrainerMetrics, exact};
use super::node::{Node, Role, local_address_towards};
use super::options::{Options, RoleOption};
use super::parameter_server::ParameterServer;
use super::progress_display;
use super::push::{Outage, PushTask, exchange_timeout};
use super::rpc::{
    EmbeddingWorkerClient, ParameterServerClient, Peer, serve_embedding_worker,
    serve_parameter_server,
};
use super::shard::Shard;
use super::train_error::TrainError;
use super::trainer::{Progress, Settings, Start, Summary, Trainer};
use super::worker::Worker;
use golden_pushgateway::Pushgateway;
use golden_system::BuildInfo;
use health::heartbeat;

/// How long the batches under way may take once the training is to stop: a worker
/// or a shard that is gone would let them take for ever.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs the role that the options name until `stop` resolves or the training is
/// done. Returns the training's summary, where this process trained.
///
/// The future is boxed, so that the role is compiled in this crate and not in the
/// program that runs it.
///
/// # Errors
///
/// If it cannot start, or cannot go on.
pub fn run(
    options: Options,
    build: BuildInfo,
    stop: LocalBoxFuture<'static, ()>,
) -> LocalBoxFuture<'static, Result<Option<Summary>, TrainError>> {
    Box::pin(async move { Process::new(options, build)?.run(stop).await })
}

/// What all roles of a process have in common.
struct Process {
    options: Options,
    build: BuildInfo,
    config: MetricsConfig,
    checkpoints: Option<Checkpoints>,
    faults: CurrentFaults,
    /// Through whom they change.
    change_faults: watch::Sender<Faults>,
    pushing: Vec<PushTask>,
    outage: Arc<Outage>,
}

impl Process {
    fn new(options: Options, build: BuildInfo) -> Result<Self, TrainError> {
        let config = match &options.global_config {
            Some(path) => MetricsConfig::read(path).map_err(|error| TrainError::Config {
                path: path.clone(),
                error,
            })?,
            None => MetricsConfig::default(),
        };
        if !config.without_effect.is_empty() {
            let keys = config.without_effect.join(", ");
            tracing::info!(keys, "settings of Persia that have no effect here");
        }
        if options.global_config.is_some() && !config.enable_metrics {
            tracing::info!("enable_metrics is false: no metrics are pushed");
        }
        let checkpoints = options.checkpoints.as_deref();
        let checkpoints = checkpoints.map(Checkpoints::in_directory).transpose()?;
        let mut present = options.faults();
        let shards = options.known_shards();
        present
            .check_slow_shard(shards)
            .map_err(|(named, last)| TrainError::NoSuchShard { named, last })?;
        if let Some(path) = &options.faults_file {
            let read = faults_file::read(path, &present, shards);
            present = read.map_err(|wrong| TrainError::Faults {
                path: path.clone(),
                wrong,
            })?;
        }
        let (change_faults, faults) = watch::channel(present);
        Ok(Self {
            options,
            build,
            config,
            checkpoints,
            faults,
            change_faults,
            pushing: Vec::new(),
            outage: Arc::default(),
        })
    }

    async fn run(mut self, stop: impl Future<Output = ()>) -> Result<Option<Summary>, TrainError> {
        let faults_file = self.options.faults_file.clone();
        let faults = self.options.faults();
        let shards = self.options.known_shards();
        let change_faults = self.change_faults.clone();
        let follow = async {
            match faults_file {
                Some(path) => faults_file::follow(&path, faults, shards, change_faults).await,
                None => std::future::pending().await,
            }
        };
        let run_role = async {
            match self.options.role {
                RoleOption::All => self.train_alone(stop).await.map(Some),
                RoleOption::Trainer => self.train(stop).await.map(Some),
                RoleOption::ParameterServer => self.serve_shard(stop).await.map(|()| None),
                RoleOption::EmbeddingWorker => self.serve_worker(stop).await.map(|()| None),
            }
        };
        let ended = tokio::select! {
            ended = run_role => ended,
            () = follow => unreachable!("following the file of faults never ends"),
        };
        let last = self
            .pushing
            .into_iter()
            .map(|pushing| pushing.end(self.options.delete_metrics));
        futures_util::future::join_all(last).await;
        ended
    }

    /// Whether anything is measured.
    fn measures(&self) -> bool {
        self.config.enable_metrics
    }

    fn push(&mut self, node: Node) -> Result<(), TrainError> {
        let gateway = Pushgateway::new(
            self.options.metrics_gateway_addr.clone(),
            exchange_timeout(self.config.push_interval),
        );
        let ip_address = local_address_towards(&gateway.address().authority());
        let group = node.group(&self.config.job_name, ip_address)?;
        tracing::info!(
            role = %node.role(),
            gateway = %gateway.address(),
            job = self.config.job_name,
            "pushing metrics"
        );
        let interval = self.config.push_interval;
        self.pushing.push(PushTask::start(
            Arc::new(node),
            gateway,
            group,
            interval,
            Arc::clone(&self.outage),
        ));
        Ok(())
    }

    fn shard(
        &mut self,
        place: usize,
        with_process: bool,
    ) -> Result<Arc<ParameterServer>, TrainError> {
        let metrics = self.measures().then(Arc::<ParameterServerMetrics>::default);
        let server = Arc::new(ParameterServer::new(
            place,
            self.options.admit_probability,
            self.options.seed,
            self.faults.clone(),
            self.checkpoints.clone(),
            metrics.clone(),
        ));
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.remove_unfinished(Some(place));
        }
        // A shard on its own may be back before its trainer is, or while it waits. In one
        // process the trainer says at once what it goes on from.
        if self.options.resume && self.options.role == RoleOption::ParameterServer {
            server.resume(self.options.known_shards())?;
        }
        if let Some(metrics) = metrics {
            let node = Node::new(Role::ParameterServer, place, &*metrics);
            self.push(if with_process {
                node.with_process(self.build)
            } else {
                node
            })?;
        }
        Ok(server)
    }

    fn worker(
        &mut self,
        place: usize,
        shards: Vec<Shard>,
        with_process: bool,
    ) -> Result<Arc<EmbeddingWorker>, TrainError> {
        let metrics = self.measures().then(Arc::<EmbeddingWorkerMetrics>::default);
        if let Some(metrics) = &metrics {
            metrics.num_shards.set(exact(shards.len() as u64));
        }
        let worker = Arc::new(EmbeddingWorker::new(shards, metrics.clone()));
        if let Some(metrics) = metrics {
            let node = Node::new(Role::EmbeddingWorker, place, &*metrics);
            self.push(if with_process {
                node.with_process(self.build)
            } else {
                node
            })?;
        }
        Ok(worker)
    }

    async fn train_alone(&mut self, stop: impl Future<Output = ()>) -> Result<Summary, TrainError> {
        let shards = (0..self.options.shards)
            .map(|place| self.shard(place, false).map(Shard::Local))
            .collect::<Result<Vec<_>, _>>()?;
        let workers = (0..self.options.workers)
            .map(|place| self.worker(place, shards.clone(), false).map(Worker::Local))
            .collect::<Result<Vec<_>, _>>()?;
        self.train_with(workers, stop).await
    }

    async fn train(&mut self, stop: impl Future<Output = ()>) -> Result<Summary, TrainError> {
        let workers = self.options.embedding_workers.iter().cloned();
        let workers = workers
            .map(|peer| Worker::Remote(EmbeddingWorkerClient::new(peer)))
            .collect();
        self.train_with(workers, stop).await
    }

    async fn train_with(
        &mut self,
        workers: Vec<Worker>,
        stop: impl Future<Output = ()>,
    ) -> Result<Summary, TrainError> {
        let replica = self.options.replica_index.unwrap_or(0);
        let metrics = self.measures().then(Arc::<TrainerMetrics>::default);
        if let Some(metrics) = &metrics {
            metrics.num_workers.set(exact(workers.len() as u64));
            self.push(Node::new(Role::Trainer, replica, &**metrics).with_process(self.build))?;
        }
        let options = &self.options;
        let start = self.start()?;
        let steps = Some(options.steps).filter(|&steps| steps > 0);
        let progress = Arc::<Progress>::default();
        let trainer = Trainer {
            settings: Settings {
                name: format!("trainer-{replica}"),
                batch_size: options.batch_size,
                steps,
                staleness_bound: options.staleness,
                pending_bound: options.forward_buffer_size,
                examples_per_second: Some(options.examples_per_second).filter(|&rate| rate > 0.0),
                evaluate_every: options.evaluate_every,
                held_out: options.held_out,
                checkpoint_every: options.checkpoint_every,
                seed: options.seed,
            },
            workers,
            faults: self.faults.clone(),
            checkpoints: self.checkpoints.clone(),
            metrics,
            progress: Arc::clone(&progress),
        };
        let (stopping, stopped) = watch::channel(false);
        let training = trainer.run(start, stopped);
        let display = progress_display::show(Arc::clone(&progress), steps, options.progress_every);
        let heartbeat = heartbeat::follow(options.heartbeat.clone(), || progress.now().batches);
        let stop = async {
            stop.await;
            stopping.send_replace(true);
            tokio::time::sleep(DRAIN_TIMEOUT).await;
        };
        tokio::select! {
            ended = training => ended?,
            never = heartbeat => match never {},
            () = display => {}
            () = stop => tracing::warn!(
                seconds = DRAIN_TIMEOUT.as_secs(),
                "gave up the batches in flight: their worker, or a shard, is too slow"
            ),
        }
        Ok(progress.now())
    }

    fn start(&self) -> Result<Start, TrainError> {
        let (seed, resuming) = (self.options.seed, self.options.resume);
        let anew = |last| Start {
            step: 0,
            age: 0.0,
            network: DenseNetwork::new(seed),
            resuming,
            last,
        };
        let Some(checkpoints) = &self.checkpoints else {
            return Ok(anew(None));
        };
        checkpoints.remove_unfinished(None);
        if !resuming {
            // It stays until there is another; one that cannot be read is none.
            return Ok(anew(checkpoints.trainer().ok().flatten()));
        }
        let Some(saved) = checkpoints.trainer()? else {
            return Ok(anew(None));
        };
        let network =
            DenseNetwork::restore(&saved.network).ok_or_else(|| checkpoints.other_network())?;
        tracing::info!(
            step = saved.id.step,
            checkpoint = %saved.id,
            "resuming from a checkpoint"
        );
        Ok(Start {
            step: saved.id.step,
            age: saved.age,
            network,
            resuming,
            last: Some(saved),
        })
    }

    async fn serve_shard(&mut self, stop: impl Future<Output = ()>) -> Result<(), TrainError> {
        let listener = listening::bind(self.options.bind, 7070).await?;
        let peers = &self.options.parameter_servers;
        let place = self.place("--parameter-servers", peers, &listener)?;
        let server = self.shard(place, true)?;
        listening::announce(&listener, Role::ParameterServer, place);
        serve_parameter_server(Arc::clone(&server), listener, stop).await?;
        tracing::info!(
            embeddings = server.entries(),
            "stopped; all requests served"
        );
        Ok(())
    }

    async fn serve_worker(&mut self, stop: impl Future<Output = ()>) -> Result<(), TrainError> {
        let listener = listening::bind(self.options.bind, 7071).await?;
        let peers = &self.options.embedding_workers;
        let place = self.place("--embedding-workers", peers, &listener)?;
        let shards = self.options.parameter_servers.iter().cloned();
        let shards = shards
            .map(|peer| Shard::Remote(ParameterServerClient::new(peer)))
            .collect();
        let worker = self.worker(place, shards, true)?;
        listening::announce(&listener, Role::EmbeddingWorker, place);
        serve_embedding_worker(Arc::clone(&worker), listener, stop).await?;
        let out = worker.staleness().now();
        tracing::info!(batches_out = out, "stopped; all requests served");
        Ok(())
    }

    /// The place of this process among its peers, as given or found out.
    fn place(
        &self,
        flag: &'static str,
        peers: &[Peer],
        listener: &TcpListener,
    ) -> Result<usize, ListeningError> {
        match self.options.replica_index {
            Some(given) => Ok(given),
            None => listening::place_among(flag, peers, listener),
        }
    }
}
