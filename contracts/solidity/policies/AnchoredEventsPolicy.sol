// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {Deposits} from "../base/Deposits.sol";
import {IEventAnchor} from "../interfaces/IEventAnchor.sol";
import {IQuotaPolicy} from "../interfaces/IQuotaPolicy.sol";
import {Leaves} from "../libraries/Leaves.sol";

/// @title One example per anchored import event, up to a ceiling, against a deposit for each.
/// @notice Anybody can make and anchor events, so the deposit is what a quota costs. Whether an event is
/// the DID's own cannot be seen here: readers of the roster check its signature, and count none that is
/// not. What one account counts for a DID says nothing about another account or DID.
contract AnchoredEventsPolicy is IQuotaPolicy, Deposits {
    using Checkpoints for Checkpoints.Trace208;

    /// @param root An anchored root.
    /// @param streamDigest Digest of the event's stream.
    /// @param payloadDigest Digest of its payload.
    struct ImportEvent {
        bytes32 root;
        bytes32 streamDigest;
        bytes32 payloadDigest;
        bytes32[] proof;
    }

    IEventAnchor public immutable anchor;
    uint256 public immutable depositPerEvent;
    uint256 public immutable ceiling;

    /// @notice Whether an account counted an event for a DID, be it released since.
    mapping(bytes32 didHash => mapping(address account => mapping(bytes32 leaf => bool))) public counted;

    mapping(bytes32 didHash => mapping(address account => Checkpoints.Trace208)) private _counts;

    event EventsCounted(bytes32 indexed didHash, address indexed account, uint256 number, bytes32[] leaves);
    event EventsReleased(bytes32 indexed didHash, address indexed account, uint256 number, uint256 from);

    /// @notice An event must cost something.
    error ZeroDeposit();
    /// @notice No such event is in an anchored root.
    error NotAnchored(bytes32 root, bytes32 leaf);
    /// @notice An event counts once.
    error AlreadyCounted(bytes32 didHash, bytes32 leaf);
    /// @notice More events than an account may count for a DID.
    error CeilingExceeded(uint256 number, uint256 ceiling);
    /// @notice More than the account counted for the DID.
    error NotCounted(uint256 number, uint256 counted);

    constructor(IEventAnchor anchor_, IERC20 token_, uint48 lock_, uint256 depositPerEvent_, uint256 ceiling_)
        Deposits(token_, lock_)
    {
        if (depositPerEvent_ == 0) revert ZeroDeposit();
        (anchor, depositPerEvent, ceiling) = (anchor_, depositPerEvent_, ceiling_);
    }

    /// @notice Count events for a DID; the sender pays the deposits and is the payee that they count for.
    function count(bytes32 didHash, ImportEvent[] calldata events) external {
        bytes32[] memory leaves = new bytes32[](events.length);
        for (uint256 i = 0; i < events.length; ++i) {
            leaves[i] = _mark(didHash, events[i]);
        }
        _take(events.length * depositPerEvent);
        uint256 number = countOf(didHash, msg.sender) + events.length;
        if (number > ceiling) revert CeilingExceeded(number, ceiling);
        _push(didHash, number);
        emit EventsCounted(didHash, msg.sender, number, leaves);
    }

    /// @notice Count fewer events for a DID; their deposits can be withdrawn after the lock.
    function release(bytes32 didHash, uint256 number) external {
        if (number == 0) revert NothingGiven();
        uint256 before = countOf(didHash, msg.sender);
        if (number > before) revert NotCounted(number, before);
        _push(didHash, before - number);
        emit EventsReleased(didHash, msg.sender, before - number, _leave(number * depositPerEvent));
    }

    /// @notice Events that an account counts for a DID now.
    function countOf(bytes32 didHash, address account) public view returns (uint256) {
        return _counts[didHash][account].latest();
    }

    /// @inheritdoc IQuotaPolicy
    function quotaOf(bytes32 didHash, address payee, uint48 time) external view returns (uint256) {
        if (time >= block.timestamp) revert FutureSnapshot(time, block.timestamp);
        return _counts[didHash][payee].upperLookupRecent(time);
    }

    function _mark(bytes32 didHash, ImportEvent calldata given) private returns (bytes32 leaf) {
        leaf = Leaves.signedEvent(given.streamDigest, given.payloadDigest);
        if (counted[didHash][msg.sender][leaf]) revert AlreadyCounted(didHash, leaf);
        counted[didHash][msg.sender][leaf] = true;
        // slither-disable-next-line calls-loop: one known contract, and no more often than the ceiling says.
        if (!anchor.includes(given.root, given.streamDigest, given.payloadDigest, given.proof)) {
            revert NotAnchored(given.root, leaf);
        }
    }

    function _push(bytes32 didHash, uint256 number) private {
        // slither-disable-next-line unused-return: what was counted before and is now is read elsewhere.
        _counts[didHash][msg.sender].push(uint48(block.timestamp), SafeCast.toUint208(number));
    }
}
