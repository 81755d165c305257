//! Answers of every kind, over a stream in memory.

use tokio::io::duplex;

use super::*;

/// What comes of this answer; `ends`: the connection is closed behind it.
async fn asked(answer: &[u8], ends: bool) -> Result<String, String> {
    let (own, mut theirs) = duplex(1024 * 1024);
    theirs.write_all(answer).await.unwrap();
    let asking = exchange(own, "/metrics");
    if ends {
        // Only its end: what it is asked is still taken.
        theirs.shutdown().await.unwrap();
        let (body, request) = tokio::join!(asking, async {
            let mut request = [0; 22];
            theirs.read_exact(&mut request).await.unwrap();
            request
        });
        assert_eq!(&request, b"GET /metrics HTTP/1.0\r");
        body
    } else {
        asking.await
    }
}

#[tokio::test]
async fn a_body_ends_with_its_length_or_its_connection() {
    let body = Ok("a 1\n".to_owned());
    let until_end = b"HTTP/1.1 200 OK\r\n\r\na 1\n";
    assert_eq!(asked(until_end, true).await, body);
    let counted = b"HTTP/1.1 200 OK\r\nContent-LENGTH: 4\r\n\r\na 1\nmore";
    assert_eq!(asked(counted, false).await, body);
}

#[tokio::test]
async fn what_is_no_answer_says_why() {
    for (answer, expected) in [
        (&b""[..], "did not answer in HTTP"),
        (b"a 1\n", "did not answer in HTTP"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "status 404"),
        (b"HTTP/1.1 \xff\xff\r\n\r\n", "status none"),
        (b"HTTP/1.1 200 OK\r\n\r\n\xff", "no UTF-8"),
    ] {
        let refused = asked(answer, true).await.unwrap_err();
        assert!(refused.contains(expected), "{refused}");
    }
    let mut long = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    long.resize(2 * MAX_ANSWER, b'#');
    let refused = asked(&long, false).await.unwrap_err();
    assert!(refused.contains("more than 262144 bytes"), "{refused}");
    let refused = asked(&[b'x'; 2 * MAX_HEAD], false).await.unwrap_err();
    assert!(refused.contains("more than 16384 bytes"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_says_nothing_is_not_waited_for() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::Tcp(silent.local_addr().unwrap());
    let custom = ask(target, "/metrics".to_owned()).await;
    assert_eq!(custom.error(), Some("did not answer within 1s"));
    assert_eq!(custom.series().len(), 0);
}
