// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {IBondVault} from "../interfaces/IBondVault.sol";
import {IConvictions} from "../interfaces/IConvictions.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {IQuestions} from "../interfaces/IQuestions.sol";
import {IValidatorQuorum} from "../interfaces/IValidatorQuorum.sol";
import {Bonds} from "./Bonds.sol";

/// @title See `interfaces/IValidatorQuorum.sol`, which says what every function does.
/// @dev One contract serves every federation that names it as a judge.
// slither-disable-next-line unimplemented-functions: `owed` is a public variable.
contract ValidatorQuorum is IValidatorQuorum, Bonds, EIP712 {
    bytes32 private constant TYPEHASH = keccak256(
        "Proposal(address federation,uint64 epoch,uint32 rounds,bytes32 payoutRoot,uint256 total,bytes32 settlementRoot)"
    );

    /// @dev The judge whose convictions show that data was withheld, not that it was false.
    address public immutable demands;

    mapping(bytes32 ballot => uint256) public voters;
    mapping(IFederation federation => Call) private _calls;

    constructor(address demands_) EIP712("Folkmoot ValidatorQuorum", "1") {
        // slither-disable-next-line missing-zero-check: zero where no judge takes demands.
        demands = demands_;
    }

    /// @inheritdoc IValidatorQuorum
    /// @dev A federation that calls back from `unhold` harms only the bonds of those who deal with it.
    // slither-disable-next-line reentrancy-no-eth,reentrancy-events: see above; an honest one calls nobody.
    function callQuorum(IFederation federation) external {
        IFederation.Phase phase = federation.phase();
        if (phase != IFederation.Phase.Proposed) revert NothingProposed(phase);
        IFederation.Proposal memory proposal = federation.proposal();
        if (block.timestamp >= proposal.challengeEnd) revert WindowOver(proposal.challengeEnd);
        IFederation.Config memory config = federation.config();
        if (config.quorum == 0) revert NoValidators();
        bytes32 ballot = _ballot(federation, proposal);
        if (voters[ballot] != 0) revert AlreadyUpheld(ballot);
        Call memory open = _calls[federation];
        if (open.caller != address(0)) {
            if (_isAbout(open, proposal.proposer, ballot)) revert AlreadyCalled(ballot);
            release(federation);
        }

        uint64 deadline = uint64(block.timestamp) + config.answerWindow;
        _calls[federation] =
            Call(msg.sender, proposal.proposer, deadline, IERC20(config.token), config.challengerBond, ballot);
        emit QuorumCalled(federation, ballot, msg.sender, deadline);

        federation.hold();
        _take(IERC20(config.token), config.challengerBond);
    }

    /// @inheritdoc IValidatorQuorum
    function uphold(IFederation federation, Vote[] calldata votes) external {
        Call memory open = _standing(federation);
        if (block.timestamp > open.deadline) revert VotingOver(open.deadline);
        uint256 given = _count(federation, open.ballot, votes);

        voters[open.ballot] = given;
        emit Upheld(federation, open.ballot, given);
        _close(federation, open, open.proposer);
    }

    /// @inheritdoc IValidatorQuorum
    function lapseCall(IFederation federation) external {
        Call memory open = _standing(federation);
        if (block.timestamp <= open.deadline) revert VotingOpen(open.deadline);
        uint16 holds = IQuestions(address(federation)).holds();
        if (holds > 1) revert QuestionsOpen(holds);

        emit NoQuorum(federation, open.ballot);
        _close(federation, open, open.caller);
        federation.voidProposal();
    }

    /// @inheritdoc IValidatorQuorum
    function convictValidator(Ballot calldata ballot, uint8 validator, address judge) external {
        bytes32 digest_ = _digest(ballot);
        uint256 bit = 1 << validator;
        if (voters[digest_] & bit == 0) revert NotVoted(validator, digest_);
        IConvictions convictions = IConvictions(address(ballot.federation));
        bytes32 key = keccak256(
            abi.encode(ballot.epoch, ballot.rounds, ballot.payoutRoot, ballot.total, ballot.settlementRoot)
        );
        if (judge == demands || !convictions.convictedBy(key, judge)) revert NotConvicted(digest_, judge);

        voters[digest_] &= ~bit;
        address account = ballot.federation.config().validators[validator];
        emit ValidatorConvicted(ballot.federation, digest_, account);
        convictions.convictValidator(account, msg.sender);
    }

    /// @inheritdoc IValidatorQuorum
    function callOf(IFederation federation) external view returns (Call memory) {
        return _calls[federation];
    }

    /// @inheritdoc IValidatorQuorum
    function digest(Ballot calldata ballot) external view returns (bytes32) {
        return _digest(ballot);
    }

    /// @inheritdoc IValidatorQuorum
    function release(IFederation federation) public {
        Call memory open = _called(federation);
        if (_stands(federation, open)) revert BallotStands(open.ballot);

        emit CallReleased(federation, open.ballot);
        _close(federation, open, open.caller);
    }

    function _close(IFederation federation, Call memory open, address to) private {
        delete _calls[federation];
        _owe(open.token, to, open.bond);
        federation.unhold();
    }

    /// @dev Whoever voted, one bit each. A validator counts only while its bond stands.
    function _count(IFederation federation, bytes32 ballot, Vote[] calldata votes)
        private
        view
        returns (uint256 bits)
    {
        IFederation.Config memory config = federation.config();
        if (votes.length < config.quorum) revert TooFewVotes(votes.length, config.quorum);
        IBondVault vault = IBondVault(federation.vault());
        for (uint256 v = 0; v < votes.length; ++v) {
            uint8 place = votes[v].validator;
            if (v != 0 && place <= votes[v - 1].validator) revert VotesOutOfOrder(votes[v - 1].validator, place);
            if (place >= config.validators.length) revert NotAValidator(place);
            address validator = config.validators[place];
            // slither-disable-next-line calls-loop: no more often than there are validators.
            uint256 bond = vault.standing(validator);
            if (bond < config.validatorBond) revert ValidatorNotBonded(validator, bond, config.validatorBond);
            if (!SignatureChecker.isValidSignatureNowCalldata(validator, ballot, votes[v].signature)) {
                revert InvalidVote(validator, ballot);
            }
            bits |= 1 << place;
        }
    }

    function _called(IFederation federation) private view returns (Call memory open) {
        open = _calls[federation];
        if (open.caller == address(0)) revert NotCalled(federation);
    }

    function _standing(IFederation federation) private view returns (Call memory open) {
        open = _called(federation);
        if (!_stands(federation, open)) revert BallotGone(open.ballot);
    }

    function _stands(IFederation federation, Call memory open) private view returns (bool) {
        if (federation.phase() != IFederation.Phase.Proposed) return false;
        IFederation.Proposal memory proposal = federation.proposal();
        return _isAbout(open, proposal.proposer, _ballot(federation, proposal));
    }

    function _isAbout(Call memory open, address proposer, bytes32 ballot) private pure returns (bool) {
        // slither-disable-next-line incorrect-equality: digests of what was proposed.
        return open.ballot == ballot && open.proposer == proposer;
    }

    function _ballot(IFederation federation, IFederation.Proposal memory proposal) private view returns (bytes32) {
        return _digest(
            Ballot({
                federation: federation,
                epoch: federation.epoch(),
                rounds: proposal.rounds,
                payoutRoot: proposal.payoutRoot,
                total: proposal.total,
                settlementRoot: proposal.settlementRoot
            })
        );
    }

    function _digest(Ballot memory ballot) private view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(TYPEHASH, ballot)));
    }
}
