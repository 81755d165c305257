//! What the roles refuse of each other: a message that is invalid or too long ends in an
//! error that says so, and does no harm.

use std::sync::Arc;

use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::Request;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Endpoint;
use tonic_prost::ProstCodec;
use training::call::CallError;
use training::embedding_worker::EmbeddingWorker;
use training::faults::Faults;
use training::features::{DIMENSION, FEATURES};
use training::loader::Loader;
use training::messages::{
    BatchGradients, BatchIds, BatchRef, Envelope, FeatureGradient, FeatureIds, Lookup,
    MAX_NAME_BYTES, MAX_SAMPLES, Session, ShardGradients,
};
use training::parameter_server::ParameterServer;
use training::rpc::{
    EmbeddingWorkerClient, ParameterServerClient, Peer, serve_embedding_worker,
    serve_parameter_server,
};
use training::shard::Shard;

/// A shard and a worker that listen; both end with the test.
async fn serve() -> (ParameterServerClient, EmbeddingWorkerClient, Peer) {
    let faults = watch::channel(Faults {
        table_capacity: 1_000_000,
        ..Faults::default()
    });
    let always = "1".parse().expect("it is a probability");
    let shard = Arc::new(ParameterServer::new(0, always, 1, faults.1, None, None));
    let worker = EmbeddingWorker::new(vec![Shard::Local(Arc::clone(&shard))], None);
    let [(to_shard, shard_at), (to_worker, worker_at)] = [listen().await, listen().await];
    let never = std::future::pending;
    tokio::spawn(async move { serve_parameter_server(shard, to_shard, never()).await });
    tokio::spawn(async move { serve_embedding_worker(Arc::new(worker), to_worker, never()).await });
    (
        ParameterServerClient::new(shard_at.clone()),
        EmbeddingWorkerClient::new(worker_at),
        shard_at,
    )
}

async fn listen() -> (TcpListener, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("the loopback has free ports");
    let address = listener.local_addr().expect("it is bound").to_string();
    (listener, address.parse().expect("it is a peer"))
}

fn reason<T: std::fmt::Debug>(refused: Result<T, CallError>) -> String {
    match refused {
        Err(CallError::Invalid(reason)) => reason,
        other => panic!("it was to be refused: {other:?}"),
    }
}

fn batch(number: u64) -> BatchRef {
    BatchRef { session: 7, number }
}

/// What is wrong with a batch.
type Change = fn(&mut Vec<FeatureIds>);

fn skipped() -> FeatureGradient {
    FeatureGradient {
        skipped: true,
        values: vec![],
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_shard_refuses() {
    let (shard, _, address) = serve().await;
    // 40 MB of ids, where the greatest batch has four.
    let endless = Lookup {
        ids: vec![1; 5_000_000],
        training: true,
    };
    let said = reason(shard.look_up(&endless).await);
    assert!(said.ends_with("where at most 33554432 are taken"), "{said}");
    // Nor does it take what a client sends that does not know how much it takes.
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let mut careless = Grpc::new(endpoint.connect().await.unwrap());
    careless.ready().await.unwrap();
    let path = PathAndQuery::from_static("/golden_signals.ParameterServer/Talk");
    let codec = ProstCodec::<Envelope, Envelope>::default();
    let question = Envelope {
        number: 1,
        kind: 1,
        body: endless.encode_to_vec().into(),
    };
    let questions = Request::new(futures_util::stream::iter([question]));
    let answers = careless.streaming(questions, path, codec).await;
    let refused = match answers {
        Ok(answers) => answers.into_inner().message().await,
        Err(status) => Err(status),
    };
    assert!(refused.is_err(), "{refused:?}");
    let crooked = ShardGradients {
        ids: vec![1, 2],
        values: vec![0.0; DIMENSION],
    };
    let said = reason(shard.update(&crooked).await);
    assert_eq!(said, format!("{DIMENSION} numbers as gradients of 2 ids"));

    // It is there for the others all the same, as large as batches get.
    let ids: Vec<u64> = (0..8 * MAX_SAMPLES as u64).collect();
    let largest = ShardGradients {
        values: vec![0.0; ids.len() * DIMENSION],
        ids: ids.clone(),
    };
    let lookup = Lookup {
        ids,
        training: false,
    };
    let numbers = shard
        .look_up(&lookup)
        .await
        .expect("it is no longer than allowed");
    assert_eq!(numbers.values.len(), 8 * MAX_SAMPLES * DIMENSION);
    shard
        .update(&largest)
        .await
        .expect("it is no longer than allowed");
}

/// They share a stream; what one of them gets wrong is its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_at_a_time_get_their_own_answers() {
    let (shard, _, _) = serve().await;
    let ids: Vec<u64> = (0..200).map(|number| number << 40).collect();
    let own = |id: u64, training| Lookup {
        ids: vec![id; usize::try_from(id >> 40).unwrap() + 1],
        training,
    };
    let calls = ids.iter().map(|&id| {
        let shard = shard.clone();
        async move {
            let wrong = ShardGradients {
                ids: vec![id],
                values: vec![],
            };
            let (lookup, refused) = (own(id, true), shard.update(&wrong));
            let (found, refused) = tokio::join!(shard.look_up(&lookup), refused);
            assert_eq!(reason(refused), "0 numbers as gradients of 1 ids");
            let found = found.expect("it is a good one").values;
            assert_eq!(found.len(), lookup.ids.len() * DIMENSION);
            found[..DIMENSION].to_vec()
        }
    });
    let found = futures_util::future::join_all(calls).await;
    for (id, found) in ids.into_iter().zip(found) {
        let again = shard.look_up(&own(id, false)).await.unwrap();
        assert_eq!(again.values[..DIMENSION], found);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_worker_refuses() {
    let (_, worker, _) = serve().await;
    let mut drawn = Loader::new(4, 1, 0, 0.0);
    let mut features = || drawn.next_batch(&Faults::default()).features;
    let with = |change: Change, mut features: Vec<FeatureIds>| {
        change(&mut features);
        BatchIds {
            batch: batch(1),
            features,
        }
    };
    let changes: [(Change, &str); 4] = [
        (|all| drop(all.pop()), "a batch of other features"),
        (
            |all| all[1].places[0] = 1000,
            "an id's place beyond the ids",
        ),
        (
            |all| all[2].lengths[0] += 1,
            "ids that do not divide among the samples",
        ),
        (
            |all| {
                for ids in all {
                    *ids = FeatureIds::default();
                    ids.lengths = vec![0; MAX_SAMPLES + 1];
                }
            },
            "a batch of more than 65,535 samples",
        ),
    ];
    for (change, expected) in changes {
        let crooked = with(change, features());
        assert_eq!(reason(worker.forward_batched(&crooked).await), expected);
        assert_eq!(reason(worker.evaluate(crooked).await), expected);
    }
    let session = |trainer: String| Session {
        trainer,
        session: 7,
    };
    let endless = session("t".repeat(MAX_NAME_BYTES + 1));
    assert!(reason(worker.begin(endless).await).contains("name of more than 256 bytes"));

    // A batch that was not sent is not known; gradients of another shape are refused.
    let unknown = Err(CallError::UnknownBatch);
    assert_eq!(worker.forward(&batch(2)).await.map(|_| ()), unknown);
    let late = BatchGradients {
        batch: batch(2),
        features: vec![skipped(); FEATURES.len()],
    };
    assert_eq!(worker.update(&late).await.map(|_| ()), unknown);
    worker.begin(session("trainer".to_owned())).await.unwrap();
    let right = with(|_| {}, features());
    worker.forward_batched(&right).await.unwrap();
    worker.forward(&batch(1)).await.unwrap();
    let crooked = BatchGradients {
        batch: batch(1),
        features: vec![skipped()],
    };
    assert!(reason(worker.update(&crooked).await).contains("not of the batch's shape"));
}
