// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";
import {IConvictions} from "../interfaces/IConvictions.sol";
import {FederationState} from "./FederationState.sol";

/// @title What judges may do with recorded rounds and with proposals.
abstract contract Judgements is FederationState {
    /// @dev A proposal that is voided costs nobody a bond, so it gains time only so often.
    uint8 private constant MAX_VOIDS = 3;

    mapping(bytes32 commitment => uint256 blockNumber) public announced;
    mapping(bytes32 ballot => mapping(address judge => bool)) public convictedBy;

    /// @inheritdoc IFederation
    /// @dev The first announcement stays, so that nobody can make another's younger.
    function announce(bytes32 commitment) external {
        if (announced[commitment] != 0) return;
        announced[commitment] = block.number;
        emit Announced(commitment, block.number);
    }

    /// @inheritdoc IFederation
    function convictRound(uint32 round_, address challenger, bytes32 proofHash) external onlyJudge {
        if (phase == Phase.Closed) _requirePhase(Phase.Proposed);
        if (round_ == 0 || round_ > recorded) revert RoundNotRecorded(round_, recorded);
        _useAnnouncement(challenger, proofHash);
        _remember();
        recorded = round_ - 1;
        emit RoundConvicted(epoch, round_, challenger, msg.sender, _enter(Phase.Settle, _settleDuration));
        _loseAggregator(challenger);
    }

    /// @inheritdoc IFederation
    function convictProposal(address challenger, bytes32 proofHash) external onlyJudge {
        _requirePhase(Phase.Proposed);
        _useAnnouncement(challenger, proofHash);
        _remember();
        address proposer = _proposer;
        if (proposer == aggregator) aggregatorLost = true;
        emit ProposalConvicted(epoch, proposer, challenger, msg.sender, _enter(Phase.Settle, _settleDuration));
        _lose(proposer, _aggregatorBond, challenger);
    }

    /// @inheritdoc IConvictions
    function convictValidator(address validator, address challenger) external onlyJudge {
        emit ValidatorConvicted(epoch, validator, challenger, msg.sender);
        _lose(validator, _validatorBond, challenger);
    }

    /// @inheritdoc IFederation
    function voidProposal() external onlyJudge {
        _requirePhase(Phase.Proposed);
        bool again = ++voids <= MAX_VOIDS;
        uint64 until = _enter(Phase.Settle, again ? _settleDuration : 0);
        emit ProposalVoided(epoch, _proposer, msg.sender, until);
    }

    /// @inheritdoc IFederation
    function hold() external onlyJudge inTime(Phase.Proposed) {
        emit Held(epoch, msg.sender, ++holds);
    }

    /// @inheritdoc IFederation
    function unhold() external onlyJudge {
        if (holds == 0) revert NothingHeld();
        --holds;
        uint64 until = uint64(block.timestamp) + _answerWindow;
        if (phase == Phase.Proposed && until > deadline) deadline = until;
        emit Unheld(epoch, msg.sender, holds, deadline);
    }

    /// @dev Whoever vouched for what stands proposed can be held to it.
    function _remember() private {
        if (phase != Phase.Proposed) return;
        bytes32 ballot = keccak256(abi.encode(epoch, recorded, _payoutRoot, uint256(_total), _settlementRoot));
        convictedBy[ballot][msg.sender] = true;
    }

    /// @dev Each announcement convicts once.
    function _useAnnouncement(address challenger, bytes32 proofHash) private {
        bytes32 commitment = keccak256(abi.encode(challenger, proofHash));
        uint256 since = announced[commitment];
        // slither-disable-next-line incorrect-equality: only `announce` writes it, and never zero.
        if (since == 0 || since >= block.number) revert NotAnnounced(challenger, proofHash);
        delete announced[commitment];
    }
}
