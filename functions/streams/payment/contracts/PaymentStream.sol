// SPDX-License-Identifier: MIT
pragma solidity 0.8.31;

/// Payments that flow by the second: whoever opens a stream pays its whole amount in, and the recipient takes out what
/// has flowed so far.
contract PaymentStream {
    struct Stream {
        address sender;
        address recipient;
        /// What was paid in and not yet taken out.
        uint256 remainingBalance;
        /// Per second.
        uint256 flowRate;
        uint64 startTime;
        /// Taken out so far.
        uint256 withdrawn;
        bool active;
    }

    error StreamNotFound(uint256 streamId);
    error NothingToPay();
    error NotYours();
    error TransferFailed();

    event Opened(uint256 indexed streamId, address indexed sender, address indexed recipient, uint256 amount, uint256 flowRate);
    event Withdrawn(uint256 indexed streamId, uint256 amount);
    event Closed(uint256 indexed streamId);

    uint256 public nextStreamId = 1;
    mapping(uint256 => Stream) private streams;

    function open(address recipient, uint256 flowRate) external payable returns (uint256 streamId) {
        if (msg.value == 0 || flowRate == 0 || recipient == address(0)) revert NothingToPay();
        streamId = nextStreamId++;
        streams[streamId] = Stream(msg.sender, recipient, msg.value, flowRate, uint64(block.timestamp), 0, true);
        emit Opened(streamId, msg.sender, recipient, msg.value, flowRate);
    }

    function getStream(uint256 streamId) external view returns (Stream memory stream) {
        stream = streams[streamId];
        if (stream.sender == address(0)) revert StreamNotFound(streamId);
    }

    /// What the recipient may take out now.
    function owed(uint256 streamId) public view returns (uint256) {
        Stream storage stream = streams[streamId];
        uint256 flowed = (block.timestamp - stream.startTime) * stream.flowRate;
        uint256 due = flowed > stream.withdrawn ? flowed - stream.withdrawn : 0;
        return due < stream.remainingBalance ? due : stream.remainingBalance;
    }

    function withdraw(uint256 streamId) external {
        Stream storage stream = streams[streamId];
        if (stream.recipient != msg.sender) revert NotYours();
        uint256 amount = owed(streamId);
        if (amount == 0) revert NothingToPay();
        stream.remainingBalance -= amount;
        stream.withdrawn += amount;
        if (stream.remainingBalance == 0) stream.active = false;
        emit Withdrawn(streamId, amount);
        send(msg.sender, amount);
    }

    /// Ends a stream: what has flowed goes to the recipient, the rest back to the sender.
    function close(uint256 streamId) external {
        Stream storage stream = streams[streamId];
        if (stream.sender != msg.sender || !stream.active) revert NotYours();
        uint256 flowed = owed(streamId);
        uint256 back = stream.remainingBalance - flowed;
        stream.withdrawn += flowed;
        stream.remainingBalance = 0;
        stream.active = false;
        emit Closed(streamId);
        if (flowed > 0) send(stream.recipient, flowed);
        if (back > 0) send(stream.sender, back);
    }

    function send(address to, uint256 amount) private {
        (bool done,) = to.call{value: amount}("");
        if (!done) revert TransferFailed();
    }
}
