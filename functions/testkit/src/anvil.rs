//! A private Ethereum node on loopback (anvil), and a Solidity compiler: both come by npm.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::npm::{Companion, installed};

const ANVIL: &str = "@foundry-rs/anvil@1.7.1";
const SOLC: &str = "solc@0.8.31";

/// How long a node may take to listen; a loaded machine is slow.
const START: Duration = Duration::from_secs(60);

/// Runs anvil until its own input ends, which is with the test at the latest.
const KEEPER: &str = "\"$0\" --silent --port \"$1\" </dev/null & read -r _; kill $!";

/// Prints a contract's bytecode and the selectors of its functions, as JSON.
const COMPILER: &str = "const [folder, file] = process.argv.slice(1);
const solc = require(`${folder}/node_modules/solc`);
const content = require('fs').readFileSync(file, 'utf8');
const settings = { evmVersion: 'cancun', optimizer: { enabled: true }, outputSelection: { '*': { '*': ['evm.bytecode.object', 'evm.methodIdentifiers'] } } };
const said = JSON.parse(solc.compile(JSON.stringify({ language: 'Solidity', sources: { it: { content } }, settings })));
if (said.errors?.length) { console.error(said.errors.map((one) => one.formattedMessage).join('\\n')); process.exit(1); }
const [contract] = Object.values(said.contracts.it);
console.log(JSON.stringify({ code: '0x' + contract.evm.bytecode.object, methods: contract.evm.methodIdentifiers }));";

/// A running node. Dropping it ends it.
#[derive(Debug)]
pub struct Anvil {
    port: u16,
    /// Holds on to the process.
    _keeper: Companion,
}

impl Anvil {
    /// Starts a node with a chain of its own, number 31337.
    ///
    /// # Panics
    /// When npm is missing, or the node does not listen in time.
    pub fn start() -> Self {
        let folder = installed(&[ANVIL]).join("node_modules/@foundry-rs");
        let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let system = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
        let program = folder.join(format!("anvil-{system}-{machine}/bin/anvil"));
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback takes listeners");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        drop(listener);
        let text = port.to_string();
        let keeper = Companion::start("sh", &[Path::new("-c"), Path::new(KEEPER), &program, Path::new(&text)]);
        let since = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(since.elapsed() < START, "anvil does not listen on port {port}");
            thread::sleep(Duration::from_millis(20));
        }
        Self { port, _keeper: keeper }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Calls the node; the result has to be a good one.
    pub fn call(&self, method: &str, params: Value) -> Value {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the node listens");
        let length = body.len();
        let head = format!(
            "POST / HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).expect("the node reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the node answers in text");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP: {answer}"));
        let answer: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
        assert!(answer.get("error").is_none(), "{method} {params}: {answer}");
        answer["result"].clone()
    }

    /// The address of account number `number`, whose key the node has: it can sign and pay.
    pub fn account(&self, number: usize) -> String {
        self.call("eth_accounts", json!([]))[number].as_str().expect("ten accounts are there").to_owned()
    }

    /// Sends a transaction and waits until it is in a block; its receipt.
    pub fn send(&self, from: &str, to: Option<&str>, value: &str, data: &str) -> Value {
        let mut transaction = json!({"from": from, "value": value, "data": data});
        if let Some(to) = to {
            transaction["to"] = json!(to);
        }
        let hash = self.call("eth_sendTransaction", json!([transaction]));
        let since = Instant::now();
        let receipt = loop {
            let receipt = self.call("eth_getTransactionReceipt", json!([hash]));
            if !receipt.is_null() {
                break receipt;
            }
            assert!(since.elapsed() < START, "{hash} comes into no block");
            thread::sleep(Duration::from_millis(5));
        };
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        receipt
    }
}

/// The bytecode of the contract in that file (`code`), and the selectors of its functions by their signature (`methods`).
///
/// # Panics
/// When it does not compile without a warning.
pub fn solidity(file: &Path) -> Value {
    let folder = installed(&[SOLC]);
    let output = Command::new("node").args(["-e", COMPILER]).arg(folder).arg(file).output().expect("node is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}
