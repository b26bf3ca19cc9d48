// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {BondVault} from "../BondVault.sol";
import {RewardPool} from "../RewardPool.sol";
import {IConvictions} from "../interfaces/IConvictions.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {IFederationEvents} from "../interfaces/IFederationEvents.sol";
import {FederationConfig} from "./FederationConfig.sol";

/// @title What a federation remembers, and who may move it from which phase to which.
/// @dev The first two slots are written by almost every step, so they hold all that is small.
abstract contract FederationState is FederationConfig, IConvictions, IFederationEvents {
    Phase public phase;
    uint64 public epoch;
    uint32 public round;
    uint32 public recorded;
    uint32 public rounds;
    uint64 public deadline;
    uint16 public holds;
    bool public aggregatorLost;

    uint64 public drawTarget;
    uint32 internal _shards;
    uint32 internal _dim;
    uint32 internal _shown;
    uint32 internal _consented;
    uint32 internal _accusedBefore;
    uint8 internal _accused;
    uint8 public voids;
    uint8 internal _retargets;

    bytes32 public tipsHash;

    uint128 internal _funds;
    uint128 internal _total;

    uint128 public forfeited;
    uint128 internal _handedOut;

    address internal _proposer;
    bytes32 internal _payoutRoot;
    bytes32 internal _settlementRoot;

    mapping(uint64 epoch => bytes32) public termsHash;
    mapping(uint64 epoch => mapping(uint32 round => bytes32)) public roundDigest;

    RewardPool internal immutable _pool;
    BondVault internal immutable _vault;

    modifier onlyAggregator() {
        if (msg.sender != aggregator) revert NotAggregator(msg.sender);
        _;
    }

    /// @dev The federation stands in `required`, and its time is not over.
    modifier inTime(Phase required) {
        _requirePhase(required);
        _requireInTime();
        _;
    }

    constructor(Config memory config_) FederationConfig(config_) {
        _pool = new RewardPool(IERC20(config_.token), address(this));
        _vault = new BondVault(IERC20(config_.token), _pool, IFederation(address(this)));
    }

    function _requirePhase(Phase required) internal view {
        if (phase != required) revert WrongPhase(phase, required);
    }

    function _requireInTime() internal view {
        if (block.timestamp >= deadline) revert DeadlinePassed(deadline);
    }

    /// @dev Refuses terms other than those of the epoch under way.
    function _requireTerms(EpochTerms calldata terms) internal view {
        bytes32 given = keccak256(abi.encode(terms));
        if (given != termsHash[epoch]) revert WrongTerms(given, termsHash[epoch]);
    }

    function _enter(Phase to, uint64 duration) internal returns (uint64 until) {
        phase = to;
        until = uint64(block.timestamp) + duration;
        deadline = until;
    }

    /// @dev Takes up to `amount` of a bond, for the members and a challenger, if there is one. Comes last in
    /// every function, since tokens move.
    function _lose(address account, uint256 amount, address challenger) internal {
        uint256 bond = _vault.bondOf(account);
        if (amount > bond) amount = bond;
        uint256 rest = challenger == address(0) ? amount : amount - amount / 2;
        forfeited += uint128(rest);
        emit BondLost(epoch, account, challenger, amount, rest);
        _vault.slash(account, amount, challenger);
    }

    /// @dev The aggregator loses its bond at most once in an epoch.
    function _loseAggregator(address challenger) internal {
        if (aggregatorLost) return;
        aggregatorLost = true;
        _lose(aggregator, _aggregatorBond, challenger);
    }

    /// @dev Refuses zero, which stands for "not committed yet" in every view.
    function _given(bytes32 hash) internal pure returns (bytes32) {
        if (hash == 0) revert ZeroHash();
        return hash;
    }
}
