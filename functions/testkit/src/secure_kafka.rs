//! A cluster that only talks over TLS, and only to whom knows the password.
//!
//! In front of each broker stands a listener that ends the TLS connection, answers the login itself (PLAIN,
//! SCRAM-SHA-256, SCRAM-SHA-512; the server's side of RFC 5802, written here and not with the library
//! under test), and then passes requests on, one at a time. Two answers are changed on the way: the list of
//! supported requests gets the login's two, and the brokers' ports become the listeners'.
//!
//! Source: <https://kafka.apache.org/protocol.html#sasl_handshake> (read 2026-11).

use std::{
    collections::HashMap,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sha2::{Digest as _, Sha256, Sha512};

use crate::{Authority, Kafka};

const API_VERSIONS: i16 = 18;
const METADATA: i16 = 3;
const SASL_HANDSHAKE: i16 = 17;
const SASL_AUTHENTICATE: i16 = 36;

const UNSUPPORTED_VERSION: i16 = 35;
const UNSUPPORTED_MECHANISM: i16 = 33;
const AUTHENTICATION_FAILED: i16 = 58;

/// Rounds of the password's hashing: the least that RFC 7677 allows.
const ROUNDS: u32 = 4096;

/// The listeners in front of a cluster. They end with the process.
#[derive(Debug)]
pub struct SecureKafka {
    ports: Vec<u16>,
    pub authority: Authority,
}

/// Who may log in, and how.
#[derive(Debug, Clone, Copy)]
struct Login {
    mechanism: &'static str,
    username: &'static str,
    password: &'static str,
}

impl SecureKafka {
    /// Stands in front of `kafka` and lets in whom knows the password by `mechanism`.
    pub fn in_front_of(kafka: &Kafka, mechanism: &'static str, username: &'static str, password: &'static str) -> Self {
        let authority = Authority::with_certificate_for("127.0.0.1");
        let tls = authority.server_config();
        let login = Login { mechanism, username, password };
        let brokers = kafka.brokers();
        let upstream: Vec<u16> = brokers
            .split(',')
            .map(|broker| broker.rsplit(':').next().and_then(|port| port.parse().ok()).expect("host:port"))
            .collect();
        let listeners: Vec<TcpListener> =
            upstream.iter().map(|_| TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port")).collect();
        let ports: Vec<u16> =
            listeners.iter().map(|listener| listener.local_addr().expect("is bound").port()).collect();
        let map: Arc<HashMap<u16, u16>> = Arc::new(upstream.iter().copied().zip(ports.iter().copied()).collect());
        for (listener, broker) in listeners.into_iter().zip(upstream) {
            let (tls, map) = (tls.clone(), map.clone());
            thread::spawn(move || {
                for connection in listener.incoming().flatten() {
                    let (tls, map) = (tls.clone(), map.clone());
                    // A client that hangs up, or is not let in, ends its own connection only.
                    thread::spawn(move || serve(connection, &tls, broker, &map, login));
                }
            });
        }
        Self { ports, authority }
    }

    /// `host:port`, separated by commas.
    pub fn brokers(&self) -> String {
        self.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>().join(",")
    }
}

fn serve(
    connection: TcpStream,
    tls: &Arc<ServerConfig>,
    broker: u16,
    ports: &HashMap<u16, u16>,
    login: Login,
) -> io::Result<()> {
    let session = ServerConnection::new(tls.clone()).map_err(io::Error::other)?;
    let mut client = StreamOwned::new(session, connection);
    let mut broker = TcpStream::connect(("127.0.0.1", broker))?;
    let mut dialogue = Dialogue::new(login);
    loop {
        let request = read_frame(&mut client)?;
        let mut fields = Fields(&request);
        let (api, version, correlation) = (fields.int16()?, fields.int16()?, fields.take(4)?.to_vec());
        let _client_id = fields.string()?;
        let answer = match api {
            // The newer form is laid out differently; a client goes back to this one by itself.
            API_VERSIONS if version > 2 => {
                [&correlation[..], &UNSUPPORTED_VERSION.to_be_bytes(), &0_i32.to_be_bytes()].concat()
            }
            API_VERSIONS => with_login_requests(&pass_on(&mut broker, &request)?)?,
            SASL_HANDSHAKE => [correlation, dialogue.handshake(&fields.string()?)].concat(),
            SASL_AUTHENTICATE => [correlation, dialogue.authenticate(fields.bytes()?)].concat(),
            _ if !dialogue.is_in => return Err(io::Error::other("not logged in")),
            METADATA => with_ports(pass_on(&mut broker, &request)?, ports),
            _ => pass_on(&mut broker, &request)?,
        };
        write_frame(&mut client, &answer)?;
    }
}

fn pass_on(broker: &mut TcpStream, request: &[u8]) -> io::Result<Vec<u8>> {
    write_frame(broker, request)?;
    read_frame(broker)
}

fn read_frame(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    from.read_exact(&mut frame)?;
    Ok(frame)
}

fn write_frame(to: &mut impl Write, frame: &[u8]) -> io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
    to.write_all(&[&length.to_be_bytes(), frame].concat())?;
    to.flush()
}

/// Correlation id, error, count, then six bytes for each request that the broker knows.
fn with_login_requests(answer: &[u8]) -> io::Result<Vec<u8>> {
    let mut fields = Fields(answer);
    let start = fields.take(6)?.to_vec();
    let count = i32::from_be_bytes(fields.take(4)?.try_into().map_err(io::Error::other)?);
    let known = fields.take(usize::try_from(count).map_err(io::Error::other)? * 6)?.to_vec();
    let login: Vec<u8> =
        [SASL_HANDSHAKE, 0, 1, SASL_AUTHENTICATE, 0, 0].iter().flat_map(|number| number.to_be_bytes()).collect();
    Ok([start, (count + 2).to_be_bytes().to_vec(), known, login, fields.0.to_vec()].concat())
}

/// A broker stands there as its host and its port.
fn with_ports(mut answer: Vec<u8>, ports: &HashMap<u16, u16>) -> Vec<u8> {
    const HOST: &[u8] = b"127.0.0.1";
    for at in 0..answer.len().saturating_sub(HOST.len() + 4) {
        if answer[at..].starts_with(HOST) {
            let port = at + HOST.len()..at + HOST.len() + 4;
            let known = u32::from_be_bytes(answer[port.clone()].try_into().expect("four bytes"));
            if let Some(listener) = u16::try_from(known).ok().and_then(|known| ports.get(&known)) {
                answer[port].copy_from_slice(&u32::from(*listener).to_be_bytes());
            }
        }
    }
    answer
}

/// What is left to read of a request.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> io::Result<&'a [u8]> {
        let (taken, rest) =
            self.0.split_at_checked(count).ok_or_else(|| io::Error::other("the request is too short"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn int16(&mut self) -> io::Result<i16> {
        Ok(i16::from_be_bytes(self.take(2)?.try_into().map_err(io::Error::other)?))
    }

    /// Empty when it is null.
    fn string(&mut self) -> io::Result<String> {
        let length = usize::try_from(self.int16()?).unwrap_or(0);
        String::from_utf8(self.take(length)?.to_vec()).map_err(io::Error::other)
    }

    fn bytes(&mut self) -> io::Result<&'a [u8]> {
        let length = i32::from_be_bytes(self.take(4)?.try_into().map_err(io::Error::other)?);
        self.take(usize::try_from(length).map_err(io::Error::other)?)
    }
}

/// One client's login.
struct Dialogue {
    login: Login,
    is_in: bool,
    /// The client's first message without its header, and ours, when SCRAM has begun.
    begun: Option<(String, String)>,
}

impl Dialogue {
    fn new(login: Login) -> Self {
        Self { login, is_in: false, begun: None }
    }

    fn handshake(&self, mechanism: &str) -> Vec<u8> {
        let error = if mechanism == self.login.mechanism { 0 } else { UNSUPPORTED_MECHANISM };
        let name = self.login.mechanism.as_bytes();
        let length = i16::try_from(name.len()).expect("a short name");
        [&error.to_be_bytes()[..], &1_i32.to_be_bytes(), &length.to_be_bytes(), name].concat()
    }

    fn authenticate(&mut self, message: &[u8]) -> Vec<u8> {
        let (error, said) = match self.step(message) {
            Some(said) => (0, said),
            None => (AUTHENTICATION_FAILED, Vec::new()),
        };
        let length = i32::try_from(said.len()).expect("a short answer");
        // In between: no words about the error.
        [&error.to_be_bytes()[..], &(-1_i16).to_be_bytes(), &length.to_be_bytes(), &said].concat()
    }

    fn step(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        let message = std::str::from_utf8(message).ok()?;
        let Login { mechanism, username, password } = self.login;
        if mechanism == "PLAIN" {
            self.is_in = message.split('\0').skip(1).eq([username, password]);
            return self.is_in.then(Vec::new);
        }
        let Some((client_first, server_first)) = self.begun.take() else {
            let bare = message.strip_prefix("n,,")?;
            let (user, nonce) = bare.strip_prefix("n=")?.split_once(",r=")?;
            let said = format!("r={nonce}testkit,s={},i={ROUNDS}", STANDARD.encode("salt"));
            self.begun = Some((bare.to_owned(), said.clone()));
            return (user == username).then(|| said.into_bytes());
        };
        let (without_proof, proof) = message.rsplit_once(",p=")?;
        let nonce = server_first.split(',').next()?;
        let spoken = format!("{client_first},{server_first},{without_proof}");
        let keys = if mechanism == "SCRAM-SHA-256" {
            Keys::of::<Sha256Rounds>(password)
        } else {
            Keys::of::<Sha512Rounds>(password)
        };
        let signature = (keys.hmac)(&(keys.hash)(&keys.client), spoken.as_bytes());
        let expected: Vec<u8> = keys.client.iter().zip(signature).map(|(key, signature)| key ^ signature).collect();
        self.is_in = without_proof == format!("c=biws,{nonce}") && STANDARD.decode(proof).ok()? == expected;
        let verifier = (keys.hmac)(&keys.server, spoken.as_bytes());
        self.is_in.then(|| format!("v={}", STANDARD.encode(verifier)).into_bytes())
    }
}

/// SCRAM's two keys for a password, and the functions they were made with.
struct Keys {
    client: Vec<u8>,
    server: Vec<u8>,
    hmac: fn(&[u8], &[u8]) -> Vec<u8>,
    hash: fn(&[u8]) -> Vec<u8>,
}

trait Rounds {
    fn hmac(key: &[u8], message: &[u8]) -> Vec<u8>;
    fn hash(message: &[u8]) -> Vec<u8>;
}

struct Sha256Rounds;
struct Sha512Rounds;

impl Rounds for Sha256Rounds {
    fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        mac.update(message);
        mac.finalize().into_bytes().to_vec()
    }
    fn hash(message: &[u8]) -> Vec<u8> {
        Sha256::digest(message).to_vec()
    }
}

impl Rounds for Sha512Rounds {
    fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
        let mut mac = Hmac::<Sha512>::new_from_slice(key).expect("HMAC takes a key of any length");
        mac.update(message);
        mac.finalize().into_bytes().to_vec()
    }
    fn hash(message: &[u8]) -> Vec<u8> {
        Sha512::digest(message).to_vec()
    }
}

impl Keys {
    fn of<R: Rounds>(password: &str) -> Self {
        let mut block = R::hmac(password.as_bytes(), b"salt\0\0\0\x01");
        let mut salted = block.clone();
        for _ in 1..ROUNDS {
            block = R::hmac(password.as_bytes(), &block);
            salted.iter_mut().zip(&block).for_each(|(sum, byte)| *sum ^= byte);
        }
        Self {
            client: R::hmac(&salted, b"Client Key"),
            server: R::hmac(&salted, b"Server Key"),
            hmac: R::hmac,
            hash: R::hash,
        }
    }
}
