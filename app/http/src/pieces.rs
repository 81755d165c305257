//! A body that is handed over in pieces, whatever it was made of: an answer counts as handed
//! over with its last piece, so that one of which most was never read is no success.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

/// Each connection has a buffer of its own into which pieces are copied: so, at most, two
/// of them. Most answers are one piece.
const MAX_PIECE_BYTES: usize = 16 * 1024;

pin_project! {
    /// A body in pieces.
    #[derive(Debug)]
    pub(super) struct Pieces<B> {
        #[pin]
        inner: B,
        rest: Bytes,
        // Nothing comes after the rest: asked once, since the answer takes a dynamic call.
        is_last: bool,
    }
}

impl<B> Pieces<B> {
    pub(super) fn new(inner: B) -> Self {
        Self {
            inner,
            rest: Bytes::new(),
            is_last: false,
        }
    }
}

impl<B: Body<Data = Bytes>> Body for Pieces<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        if this.rest.is_empty() {
            let frame = ready!(this.inner.as_mut().poll_frame(cx));
            match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => *this.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                none_or_error => return Poll::Ready(none_or_error),
            }
            *this.is_last = this.inner.is_end_stream();
        }
        let length = this.rest.len().min(MAX_PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(this.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && (self.is_last || self.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let rest = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        if self.is_last {
            return SizeHint::with_exact(rest);
        }
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(inner.lower().saturating_add(rest));
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::task::Waker;

    use axum::body::{Body as AxumBody, to_bytes};

    use super::*;

    /// The lengths of the pieces, each with what is said to be left after it.
    fn pieces(body: AxumBody) -> Vec<(usize, u64)> {
        let mut body = std::pin::pin!(Pieces::new(body));
        let mut cx = Context::from_waker(Waker::noop());
        let mut lengths = Vec::new();
        while let Poll::Ready(Some(frame)) = body.as_mut().poll_frame(&mut cx) {
            let data = frame.unwrap().into_data().unwrap();
            lengths.push((data.len(), body.size_hint().lower()));
        }
        assert!(body.is_end_stream());
        lengths
    }

    #[test]
    fn a_body_comes_in_pieces_of_bounded_size() {
        assert_eq!(pieces(AxumBody::empty()), []);
        assert_eq!(pieces(AxumBody::from("small")), [(5, 0)]);
        assert_eq!(pieces(AxumBody::from(vec![0; 16_384])), [(16_384, 0)]);
        let large = pieces(AxumBody::from(vec![0; 40_000]));
        assert_eq!(large, [(16_384, 23_616), (16_384, 7_232), (7_232, 0)]);
    }

    #[tokio::test]
    async fn nothing_is_lost_between_the_frames_of_a_stream() {
        let frames: Vec<_> = (0..4_u8).map(|n| vec![n; 100_000]).collect();
        let whole = frames.concat();
        let stream = streamed(frames);
        let read = to_bytes(AxumBody::new(Pieces::new(stream)), usize::MAX).await;
        assert!(read.unwrap() == whole);
    }

    fn streamed(frames: Vec<Vec<u8>>) -> AxumBody {
        struct Frames(std::vec::IntoIter<Vec<u8>>);
        impl Body for Frames {
            type Data = Bytes;
            type Error = Infallible;

            fn poll_frame(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
                let frame = self.0.next().map(|frame| Ok(Frame::data(frame.into())));
                Poll::Ready(frame)
            }
        }
        AxumBody::new(Frames(frames.into_iter()))
    }
}
