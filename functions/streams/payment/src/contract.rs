//! A stream's state as its contract has it, through JSON-RPC: read at one block, whose number is told along.

use alloy_primitives::{Address, Bytes, U64, U256};
use alloy_rpc_client::{ClientBuilder, RpcClient};
use alloy_sol_types::{SolCall as _, sol};
use reqwest::Url;
use serde_json::json;
use streams_model::stream::Stream;

use crate::wallet::Place;

sol! {
    /// What is used of `contracts/PaymentStream.sol`.
    #[derive(Debug)]
    contract PaymentStream {
        struct State {
            address sender;
            address recipient;
            uint256 remainingBalance;
            uint256 flowRate;
            uint64 startTime;
            uint256 withdrawn;
            bool active;
        }
        error StreamNotFound(uint256 streamId);
        function getStream(uint256 streamId) external view returns (State memory);
    }
}

/// Why a stream could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    #[error("the contract has no such stream")]
    NotFound,
    /// The node is away, refuses, or has no such contract. Its address stays out of the text: it often holds a key.
    #[error("{0}")]
    Node(String),
}

/// The contract on its chain.
#[derive(Debug)]
pub struct Contract {
    rpc: RpcClient,
    pub place: Place,
}

impl Contract {
    pub fn new(http: reqwest::Client, url: Url, place: Place) -> Self {
        Self { rpc: ClientBuilder::default().http_with_client(http, url), place }
    }

    /// The stream at the newest block.
    ///
    /// # Errors
    /// [`ContractError::NotFound`] when the contract says so; else what the node said.
    pub async fn stream(&self, id: U256) -> Result<Stream, ContractError> {
        let block: U64 = self.rpc.request_noparams("eth_blockNumber").await.map_err(|error| node(&error))?;
        let data = Bytes::from(PaymentStream::getStreamCall { streamId: id }.abi_encode());
        let call = json!({"to": self.place.contract, "data": data});
        let answer: Result<Bytes, _> = self.rpc.request("eth_call", (call, block)).await;
        let answer = answer.map_err(|error| {
            let decoded =
                error.as_error_resp().and_then(|said| said.as_decoded_error::<PaymentStream::StreamNotFound>());
            if decoded.is_some() { ContractError::NotFound } else { node(&error) }
        })?;
        let state = PaymentStream::getStreamCall::abi_decode_returns(&answer)
            .map_err(|error| ContractError::Node(format!("no PaymentStream at this address: {error}")))?;
        Ok(Stream {
            id,
            sender: lower(state.sender),
            recipient: lower(state.recipient),
            is_active: state.active,
            balance: state.remainingBalance,
            flow_rate: state.flowRate,
            start_time: state.startTime,
            withdrawn: state.withdrawn,
            block: block.to(),
        })
    }
}

fn node<E: std::fmt::Display>(error: &E) -> ContractError {
    let text = error.to_string();
    // reqwest puts the address at its end.
    let kept = text.split(" for url (").next().unwrap_or_default();
    ContractError::Node(kept.chars().take(300).collect())
}

/// As it is stored: one spelling per address.
pub fn lower(address: Address) -> String {
    format!("{address:#x}")
}
