// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";
import {IFederationErrors} from "../interfaces/IFederationErrors.sol";
import {IRandomness} from "../interfaces/IRandomness.sol";

/// @title What is fixed when a federation is deployed.
abstract contract FederationConfig is IFederation, IFederationErrors {
    uint64 private constant MAX_DRAW_DELAY = 256;
    uint64 private constant MAX_DURATION = 90 days;

    bytes32 public immutable manifestHash;
    address public immutable aggregator;
    address private immutable _token;
    IRandomness internal immutable _randomness;
    uint64 internal immutable _drawDelay;
    uint64 internal immutable _phaseDuration;
    uint64 internal immutable _settleDuration;
    uint64 internal immutable _challengeWindow;
    uint64 internal immutable _answerWindow;
    uint256 internal immutable _aggregatorBond;
    uint256 internal immutable _providerBond;
    uint256 private immutable _challengerBond;
    uint256 internal immutable _validatorBond;
    uint32 private immutable _quorum;

    address[] private _validators;
    address[] private _judges;

    modifier onlyJudge() {
        _requireJudge();
        _;
    }

    constructor(Config memory given) {
        if (given.drawDelay == 0 || given.drawDelay > MAX_DRAW_DELAY) revert InvalidDrawDelay(given.drawDelay);
        if (given.quorum > given.validators.length) revert InvalidQuorum(given.quorum, given.validators.length);
        manifestHash = given.manifestHash;
        aggregator = given.aggregator;
        _token = given.token;
        _randomness = IRandomness(given.randomness);
        _drawDelay = given.drawDelay;
        _phaseDuration = _duration(given.phaseDuration);
        _settleDuration = _duration(given.settleDuration);
        _challengeWindow = _duration(given.challengeWindow);
        _answerWindow = _duration(given.answerWindow);
        // A proposal that nobody finalizes may lapse; a question about it must be answered before.
        if (given.answerWindow >= given.settleDuration) revert InvalidDuration(given.answerWindow);
        _aggregatorBond = _bond(given.aggregatorBond);
        _providerBond = _bond(given.providerBond);
        _challengerBond = given.challengerBond;
        _validatorBond = _bond(given.validatorBond);
        _quorum = given.quorum;
        _validators = given.validators;
        _judges = given.judges;
    }

    /// @inheritdoc IFederation
    function config() external view returns (Config memory) {
        return Config({
            manifestHash: manifestHash,
            aggregator: aggregator,
            token: _token,
            randomness: address(_randomness),
            drawDelay: _drawDelay,
            phaseDuration: _phaseDuration,
            settleDuration: _settleDuration,
            challengeWindow: _challengeWindow,
            answerWindow: _answerWindow,
            aggregatorBond: _aggregatorBond,
            providerBond: _providerBond,
            challengerBond: _challengerBond,
            validatorBond: _validatorBond,
            quorum: _quorum,
            validators: _validators,
            judges: _judges
        });
    }

    /// @inheritdoc IFederation
    function judges() external view returns (address[] memory) {
        return _judges;
    }

    /// @dev Lost bonds are summed in 128 bits.
    function _bond(uint256 given) private pure returns (uint256) {
        if (given > type(uint96).max) revert InvalidBond(given);
        return given;
    }

    /// @dev The list itself is asked, so that nobody is a judge whom `judges` does not show.
    function _requireJudge() private view {
        uint256 left = _judges.length;
        while (left != 0 && _judges[left - 1] != msg.sender) --left;
        if (left == 0) revert NotJudge(msg.sender);
    }

    /// @dev A phase without end could never be left, one without length never be used.
    function _duration(uint64 given) private pure returns (uint64) {
        if (given == 0 || given > MAX_DURATION) revert InvalidDuration(given);
        return given;
    }
}
