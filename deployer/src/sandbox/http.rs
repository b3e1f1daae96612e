//! The one HTTP request that the sandbox needs before there is a client: is it there, and is it ours?

use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What answers on a port of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing listens.
    Nothing,
    /// MiniStack; `edition` is what it was started with, and by which a server is told from another.
    MiniStack { edition: String },
    /// Something else, or something that does not answer in time.
    Other,
}

/// Asks the health page. Waits at most `patience`.
pub(super) async fn ask(port: u16, patience: Duration) -> Answer {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else {
        return Answer::Nothing;
    };
    let exchange = async {
        stream.write_all(b"GET /_ministack/health HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").await?;
        let mut answer = Vec::new();
        stream.take(64 * 1024).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    match tokio::time::timeout(patience, exchange).await {
        Ok(Ok(answer)) => read(&String::from_utf8_lossy(&answer)),
        _ => Answer::Other,
    }
}

/// The health page carries `edition` beside the list of services.
fn read(answer: &str) -> Answer {
    let body = answer.split_once("\r\n\r\n").filter(|_| answer.starts_with("HTTP/1.")).map(|(_, body)| body);
    let page: Option<serde_json::Value> = body.and_then(|body| serde_json::from_str(body).ok());
    let field = |name: &str| page.as_ref()?.get(name)?.as_str().map(str::to_owned);
    match (field("edition"), field("auth")) {
        (Some(edition), Some(_)) => Answer::MiniStack { edition },
        _ => Answer::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, read};

    #[test]
    fn a_health_page_names_its_edition() {
        let page = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"auth\": \"enabled\", \"edition\": \"deployer-1\"}";
        assert_eq!(read(page), Answer::MiniStack { edition: "deployer-1".to_owned() });
    }

    #[test]
    fn anything_else_is_something_else() {
        assert_eq!(read("HTTP/1.1 200 OK\r\n\r\n<html>"), Answer::Other);
        assert_eq!(read("SSH-2.0-OpenSSH_9.2\r\n"), Answer::Other);
        assert_eq!(read(""), Answer::Other);
    }
}
