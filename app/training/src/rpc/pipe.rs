//! Calls over one stream that lasts, many at a time, answered in any order: most of what a
//! call costs by itself is its stream's beginning and end. The stream is opened when it is
//! first needed, and again after it was lost.

use std::collections::HashMap;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::Stream;
use prost::Message;
use prost::bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tonic::{Code, Response, Status, Streaming};

use crate::call::CallError;
use crate::messages::Envelope;

/// A call that waits to be sent, and who waits for its answer.
#[derive(Debug)]
struct Question {
    kind: u32,
    body: Bytes,
    answer: oneshot::Sender<Result<Bytes, CallError>>,
}

/// The calling end.
#[derive(Clone, Debug)]
pub(super) struct Pipe(mpsc::UnboundedSender<Question>);

/// The questions on their way into a stream.
#[derive(Debug)]
pub(super) struct Questions(mpsc::UnboundedReceiver<Envelope>);

impl Stream for Questions {
    type Item = Envelope;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Envelope>> {
        self.0.poll_recv(cx)
    }
}

impl Pipe {
    /// One whose streams are opened so. It ends with the last of those who call.
    pub(super) fn new<F>(open: impl Fn(Questions) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Response<Streaming<Envelope>>, Status>> + Send + 'static,
    {
        let (calls, waiting) = mpsc::unbounded_channel();
        tokio::spawn(pass_on(open, waiting));
        Self(calls)
    }

    /// Calls, and waits for the answer.
    pub(super) async fn call<T: Message + Default>(
        &self,
        kind: u32,
        message: &impl Message,
    ) -> Result<T, CallError> {
        let (answer, answered) = oneshot::channel();
        let body = message.encode_to_vec().into();
        let gone = || CallError::Unavailable("the process is ending".to_owned());
        let question = Question { kind, body, answer };
        self.0.send(question).map_err(|_| gone())?;
        let body = answered.await.map_err(|_| gone())??;
        T::decode(body).map_err(|error| CallError::Invalid(error.to_string()))
    }
}

/// Who waits for which answer.
type Waiting = HashMap<u64, oneshot::Sender<Result<Bytes, CallError>>>;

/// Opens a stream for the first call, and another one for the first after it was lost.
async fn pass_on<F>(
    open: impl Fn(Questions) -> F + Send + Sync,
    mut calls: mpsc::UnboundedReceiver<Question>,
) where
    F: Future<Output = Result<Response<Streaming<Envelope>>, Status>> + Send,
{
    while let Some(first) = calls.recv().await {
        let (outgoing, questions) = mpsc::unbounded_channel();
        let mut waiting = Waiting::new();
        let mut number = 0;
        ask(first, &mut number, &mut waiting, &outgoing);
        let lost = match open(Questions(questions)).await {
            Ok(answers) => {
                let mut answers = answers.into_inner();
                loop {
                    tokio::select! {
                        call = calls.recv() => match call {
                            Some(call) => ask(call, &mut number, &mut waiting, &outgoing),
                            None => return,
                        },
                        answer = answers.message() => match answer {
                            Ok(Some(answer)) => take(answer, &mut waiting),
                            Ok(None) => break Status::unavailable("it has ended the stream"),
                            Err(status) => break status,
                        },
                    }
                }
            }
            Err(status) => status,
        };
        // What the stream ended with says whether it may be tried again.
        for (_, answer) in waiting {
            let _ = answer.send(Err(lost.clone().into()));
        }
    }
}

fn ask(
    question: Question,
    number: &mut u64,
    waiting: &mut Waiting,
    outgoing: &mpsc::UnboundedSender<Envelope>,
) {
    *number += 1;
    waiting.insert(*number, question.answer);
    // If the stream is lost, so is what waits for its answers, which is told then.
    let _ = outgoing.send(Envelope {
        number: *number,
        kind: question.kind,
        body: question.body,
    });
}

fn take(answer: Envelope, waiting: &mut Waiting) {
    // Who asked may have gone.
    let Some(asker) = waiting.remove(&answer.number) else {
        return;
    };
    let code = i32::try_from(answer.kind).map_or(Code::Unknown, Code::from_i32);
    let _ = asker.send(match code {
        Code::Ok => Ok(answer.body),
        code => {
            let reason = String::from_utf8_lossy(&answer.body).into_owned();
            Err(Status::new(code, reason).into())
        }
    });
}
