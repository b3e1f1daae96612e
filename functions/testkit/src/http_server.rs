//! A small HTTP server on loopback, for whatever a test stands in for: one request a connection, as many at once as come.
//!
//! Ends with the process; nothing is encrypted.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

/// What came in.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    pub method: String,
    /// With its query.
    pub path: String,
    /// By lower-case name.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// Empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// A running server.
#[derive(Debug, Clone, Copy)]
pub struct HttpServer {
    pub port: u16,
}

impl HttpServer {
    /// Starts one that answers with the status and the JSON that `answer` gives.
    ///
    /// # Panics
    /// When loopback takes no listener.
    pub fn start(answer: impl Fn(&HttpRequest) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback takes listeners");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = Arc::clone(&answer);
                // A caller that goes away in the middle has nobody to be told of it.
                thread::spawn(move || serve(stream, answer.as_ref()));
            }
        });
        Self { port }
    }

    pub fn url(self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

fn serve(mut stream: TcpStream, answer: &dyn Fn(&HttpRequest) -> (u16, String)) -> io::Result<()> {
    let Some(request) = read(&stream)? else { return Ok(()) };
    let (status, body) = answer(&request);
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

fn read(stream: &TcpStream) -> io::Result<Option<HttpRequest>> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(HttpRequest { method, path, headers, body }))
}
