// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IBonds} from "./IBonds.sol";
import {IFederation} from "./IFederation.sol";

/// @title Validators who vouch for a proposal that no contract can recompute.
/// @notice Anyone may call for a quorum during the challenge window, with a bond. If k of the federation's
/// m bonded validators signed what is proposed, by the deadline, the proposer earns the bond, and nobody can
/// call again on the same proposal. If not, the proposal is void, nobody is at fault, and the bond goes back.
///
/// One call is open at a time: a caller delays finalization by at most twice `answerWindow`, once per proposal.
interface IValidatorQuorum is IBonds {
    /// @notice What validators sign: EIP-712 "Proposal" of the domain "Folkmoot ValidatorQuorum", version "1".
    struct Ballot {
        IFederation federation;
        uint64 epoch;
        uint32 rounds;
        bytes32 payoutRoot;
        uint256 total;
        bytes32 settlementRoot;
    }

    /// @notice One validator's signature; by a contract according to EIP-1271.
    /// @param validator Its place in the federation's list.
    struct Vote {
        uint8 validator;
        bytes signature;
    }

    /// @notice An open call.
    /// @param proposer Who proposed, and earns the bond if it is upheld.
    /// @param ballot The digest that validators have to sign.
    struct Call {
        address caller;
        address proposer;
        uint64 deadline;
        IERC20 token;
        uint256 bond;
        bytes32 ballot;
    }

    /// @notice Somebody called for a quorum.
    event QuorumCalled(IFederation indexed federation, bytes32 indexed ballot, address indexed caller, uint64 deadline);

    /// @notice A quorum vouched for the proposal; bit i of `voters` stands for validator i.
    event Upheld(IFederation indexed federation, bytes32 indexed ballot, uint256 voters);

    /// @notice There was no quorum by the deadline; the proposal is void.
    event NoQuorum(IFederation indexed federation, bytes32 indexed ballot);

    /// @notice The proposal is gone; the bond went back.
    event CallReleased(IFederation indexed federation, bytes32 indexed ballot);

    /// @notice A validator that had vouched for a convicted proposal lost its bond.
    event ValidatorConvicted(IFederation indexed federation, bytes32 indexed ballot, address indexed validator);

    /// @notice Nothing stands proposed: look at the phase.
    error NothingProposed(IFederation.Phase phase);

    /// @notice The challenge window is over.
    error WindowOver(uint64 challengeEnd);

    /// @notice The federation has no validators: its proposals are proven wrong step by step.
    error NoValidators();

    /// @notice A quorum has been called for already.
    error AlreadyCalled(bytes32 ballot);

    /// @notice A quorum has vouched for this proposal.
    error AlreadyUpheld(bytes32 ballot);

    /// @notice No quorum has been called for.
    error NotCalled(IFederation federation);

    /// @notice The proposal that the call was about no longer stands: only `release` closes it.
    error BallotGone(bytes32 ballot);

    /// @notice The proposal that the call was about still stands.
    error BallotStands(bytes32 ballot);

    /// @notice The time to vote is over.
    error VotingOver(uint64 deadline);

    /// @notice There is still time to vote.
    error VotingOpen(uint64 deadline);

    /// @notice Demands are open: they must be answered or expire first.
    error QuestionsOpen(uint16 holds);

    /// @notice Fewer votes than the quorum needs.
    error TooFewVotes(uint256 given, uint256 required);

    /// @notice Votes must be in the order of the validators, one each.
    error VotesOutOfOrder(uint8 before, uint8 validator);

    /// @notice The federation's list has no such validator.
    error NotAValidator(uint256 validator);

    /// @notice The validator has less at stake than it must have.
    error ValidatorNotBonded(address validator, uint256 bond, uint256 required);

    /// @notice The validator did not sign this ballot.
    error InvalidVote(address validator, bytes32 ballot);

    /// @notice The validator did not vouch for this ballot, or has lost its bond for it.
    error NotVoted(uint8 validator, bytes32 ballot);

    /// @notice This judge did not prove the proposal false.
    error NotConvicted(bytes32 ballot, address judge);

    /// @notice Call for a quorum on what stands proposed.
    function callQuorum(IFederation federation) external;

    /// @notice Show that a quorum vouches for what stands proposed. Anyone may.
    /// @param votes At least k, in ascending order of the validators.
    function uphold(IFederation federation, Vote[] calldata votes) external;

    /// @notice Void a proposal for which there was no quorum by the deadline. Anyone may, once no other
    /// question is open: a proposer could otherwise void its own proposal before a demand convicts it.
    function lapseCall(IFederation federation) external;

    /// @notice Give the bond of a call back whose proposal is gone. Anyone may.
    function release(IFederation federation) external;

    /// @notice Take the bond of a validator that vouched for a proposal that a proof later convicted. The
    /// caller gets half. (Not of one whose proposer merely left a demand unanswered.)
    /// @param judge Who convicted the proposal.
    function convictValidator(Ballot calldata ballot, uint8 validator, address judge) external;

    /// @notice The digest that validators sign for a proposal.
    function digest(Ballot calldata ballot) external view returns (bytes32);

    /// @notice The open call about a federation; all zero if there is none.
    function callOf(IFederation federation) external view returns (Call memory);

    /// @notice Who vouched for a ballot; bit i stands for validator i.
    function voters(bytes32 ballot) external view returns (uint256);
}
