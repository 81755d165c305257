//! Answers of every kind, over a stream in memory.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

use super::*;

/// What comes of this answer; `ends`: the connection is closed behind it.
async fn asked(answer: &[u8], ends: bool) -> Result<String, String> {
    let (own, mut theirs) = duplex(1024 * 1024);
    let answers = async {
        // Who is asked first reads what is asked.
        let mut request = [0; 1024];
        let read = theirs.read(&mut request).await.unwrap();
        assert!(request[..read].starts_with(b"GET /metrics HTTP/1.1\r\n"));
        // Who has read enough goes away.
        let _ = theirs.write_all(answer).await;
        if ends {
            let _ = theirs.shutdown().await;
        }
        theirs
    };
    let (body, _open) = tokio::join!(exchange(own, "/metrics"), answers);
    body
}

#[tokio::test]
async fn a_body_ends_with_its_length_its_last_chunk_or_its_connection() {
    let body = Ok("a 1\n".to_owned());
    let until_end = b"HTTP/1.0 200 OK\r\n\r\na 1\n";
    assert_eq!(asked(until_end, true).await, body);
    let counted = b"HTTP/1.1 200 OK\r\nContent-LENGTH: 4\r\n\r\na 1\nmore";
    assert_eq!(asked(counted, false).await, body);
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\na 1\n\r\n0\r\n\r\n";
    assert_eq!(asked(chunked, false).await, body);
}

#[tokio::test]
async fn what_is_no_answer_says_why() {
    for (answer, expected) in [
        (&b""[..], "gave no answer"),
        (b"a 1\n", "gave no answer"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "status 404"),
        (b"HTTP/1.1 200 OK\r\n\r\n\xff", "no UTF-8"),
    ] {
        let refused = asked(answer, true).await.unwrap_err();
        assert!(refused.contains(expected), "{refused}");
    }
    let mut long = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    long.resize(2 * MAX_BODY, b'#');
    let refused = asked(&long, false).await.unwrap_err();
    assert!(refused.contains("more than 262144 bytes"), "{refused}");
    // Of a head hyper takes no more than its buffer.
    let refused = asked(&[b'x'; 2 * MAX_BODY], false).await.unwrap_err();
    assert!(refused.contains("gave no answer"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_says_nothing_is_not_waited_for() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::Tcp(silent.local_addr().unwrap());
    let custom = ask(target, "/metrics".to_owned()).await;
    assert_eq!(custom.error(), Some("did not answer within 1s"));
    assert_eq!(custom.series().len(), 0);
}
