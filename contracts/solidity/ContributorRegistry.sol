// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {Deposits} from "./base/Deposits.sol";
import {IContributorRegistry} from "./interfaces/IContributorRegistry.sol";

/// @title See `interfaces/IContributorRegistry.sol`, which says what every function does.
contract ContributorRegistry is IContributorRegistry, Deposits, EIP712 {
    using Checkpoints for Checkpoints.Trace208;

    /// @param payee Who is paid now; zero means whom the DID names.
    /// @param next Who is paid from the second `from` on; zero means no change.
    struct Succession {
        address payee;
        uint48 from;
        address next;
    }

    /// @notice Seconds in which whoever is paid now can cancel a change made with a stolen key.
    uint48 public constant CHANGE_DELAY = 3 days;

    bytes32 private constant REGISTER_TYPEHASH =
        keccak256("Register(address payee,bytes32 didHash,uint256 nonce,uint256 deadline)");

    mapping(bytes32 didHash => mapping(address payee => bool)) public accepts;
    mapping(address payee => uint256) public nonces;
    mapping(bytes32 didHash => mapping(address named => Succession)) private _successions;
    mapping(bytes32 didHash => mapping(address account => Checkpoints.Trace208)) private _stakes;

    constructor(IERC20 token_, uint48 lock_) Deposits(token_, lock_) EIP712("Folkmoot ContributorRegistry", "1") {}

    /// @inheritdoc IContributorRegistry
    function register(bytes32 didHash) external {
        _register(didHash, msg.sender);
    }

    /// @inheritdoc IContributorRegistry
    function registerBySig(
        address payee,
        bytes32 didHash,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external {
        if (block.timestamp > deadline) revert SignatureExpired(deadline);
        if (nonce != nonces[payee]) revert InvalidNonce(nonce, nonces[payee]);
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(REGISTER_TYPEHASH, payee, didHash, nonce, deadline)));
        if (!SignatureChecker.isValidSignatureNow(payee, digest, signature)) revert InvalidSignature(payee);

        nonces[payee] = nonce + 1;
        _register(didHash, payee);
    }

    /// @inheritdoc IContributorRegistry
    function changePayee(bytes32 didHash, address named, address next) external {
        if (msg.sender != payeeOf(didHash, named)) revert NotPayee(didHash, named, msg.sender);
        if (!accepts[didHash][next]) revert NotAccepted(didHash, next);
        uint48 from = uint48(block.timestamp) + CHANGE_DELAY;
        _successions[didHash][named] = Succession(msg.sender, from, next);
        emit PayeeChanging(didHash, named, next, from);
    }

    /// @inheritdoc IContributorRegistry
    function keepPayee(bytes32 didHash, address named) external {
        Succession storage line = _successions[didHash][named];
        bool pending = line.next != address(0) && block.timestamp < line.from;
        if (!pending || msg.sender != line.payee) revert NoChangePending(didHash, named, msg.sender);
        line.next = address(0);
        emit PayeeKept(didHash, named, msg.sender);
    }

    /// @inheritdoc IContributorRegistry
    function stake(bytes32 didHash, uint256 amount) external {
        _take(amount);
        _push(didHash, stakeOf(didHash, msg.sender) + amount);
        emit Staked(didHash, msg.sender, amount);
    }

    /// @inheritdoc IContributorRegistry
    function unstake(bytes32 didHash, uint256 amount) external {
        if (amount == 0) revert NothingGiven();
        uint256 staked = stakeOf(didHash, msg.sender);
        if (amount > staked) revert InsufficientStake(amount, staked);
        _push(didHash, staked - amount);
        emit Unstaked(didHash, msg.sender, amount, _leave(amount));
    }

    /// @inheritdoc IContributorRegistry
    function payeeOf(bytes32 didHash, address named) public view returns (address) {
        Succession memory line = _successions[didHash][named];
        if (line.next != address(0) && block.timestamp >= line.from) return line.next;
        if (line.payee != address(0)) return line.payee;
        return accepts[didHash][named] ? named : address(0);
    }

    /// @inheritdoc IContributorRegistry
    function stakeOf(bytes32 didHash, address account) public view returns (uint256) {
        return _stakes[didHash][account].latest();
    }

    /// @inheritdoc IContributorRegistry
    function stakeAt(bytes32 didHash, address account, uint48 time) external view returns (uint256) {
        if (time >= block.timestamp) revert FutureSnapshot(time, block.timestamp);
        return _stakes[didHash][account].upperLookupRecent(time);
    }

    function _register(bytes32 didHash, address payee) private {
        if (accepts[didHash][payee]) revert AlreadyRegistered(didHash, payee);
        accepts[didHash][payee] = true;
        emit Registered(didHash, payee);
    }

    function _push(bytes32 didHash, uint256 staked) private {
        // slither-disable-next-line unused-return: what was staked before and is now is read elsewhere.
        _stakes[didHash][msg.sender].push(uint48(block.timestamp), SafeCast.toUint208(staked));
    }
}
