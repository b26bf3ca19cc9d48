// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "./IFederation.sol";

/// @title Why a federation refuses a call.
interface IFederationErrors {
    /// @notice Only the aggregator may do this.
    error NotAggregator(address caller);
    /// @notice Only a judge that the federation was deployed with may do this.
    error NotJudge(address caller);
    /// @notice The federation stands in another phase: look at `phase`.
    error WrongPhase(IFederation.Phase current, IFederation.Phase required);
    /// @notice The time for this duty is over: call `lapse`.
    error DeadlinePassed(uint64 deadline);
    /// @notice The time for the duty is not over yet: wait for the deadline.
    error DeadlineAhead(uint64 deadline);
    /// @notice The delay of the draw must be 1 to 256 blocks.
    error InvalidDrawDelay(uint64 drawDelay);
    /// @notice Every duration must be 1 second to 90 days, and answers due sooner than proposals.
    error InvalidDuration(uint64 duration);
    /// @notice A bond must be below 2^96 wei.
    error InvalidBond(uint256 bond);
    /// @notice The quorum must not be larger than the number of validators.
    error InvalidQuorum(uint32 quorum, uint256 validators);
    /// @notice An epoch needs at least one round, and a shard for each.
    error InvalidRounds(uint32 rounds, uint32 shards);
    /// @notice A bounty must be below 2^128 wei.
    error InvalidBounty(uint256 bounty);
    /// @notice An epoch needs a member, a quota and a weight.
    error NobodyAdmitted();
    /// @notice An epoch needs 2 to 32 step sizes, and 1 to 32 momenta.
    error InvalidGrid(uint256 etas, uint256 betas);
    /// @notice An epoch needs 1 to 32 providers.
    error InvalidProviderCount(uint256 providers);
    /// @notice Every provider needs a tip and an account.
    error LengthMismatch(uint256 tips, uint256 providers);
    /// @notice A hash is missing.
    error ZeroHash();
    /// @notice The pool holds less than this that is promised to nobody: fund it.
    error InsufficientFunds(uint256 available, uint256 required);
    /// @notice The account's bond is too small, or about to leave: deposit more, or stay.
    error InsufficientBond(address account, uint256 bond, uint256 required);
    /// @notice These are not the terms that the epoch was opened with: read them from its event.
    error WrongTerms(bytes32 given, bytes32 stored);
    /// @notice These are not the words that the round committed: read them from its events.
    error WrongWords(bytes32 given, bytes32 stored);
    /// @notice The epoch has no more rounds: reveal it.
    error AllRoundsRecorded(uint32 rounds);
    /// @notice The epoch has rounds left.
    error RoundsRemain(uint32 recorded, uint32 rounds);
    /// @notice The preimages do not hash to the providers' tips.
    error WrongPreimages(bytes32 given, bytes32 stored);
    /// @notice The preimage does not hash to the provider's tip.
    error WrongPreimage(uint256 provider, bytes32 preimage);
    /// @notice The epoch has no such provider.
    error UnknownProvider(uint32 provider, uint256 providers);
    /// @notice The randomness of the draw can still be had: draw.
    error BeaconNotExpired(uint64 target, uint256 current);
    /// @notice The draw was put off as often as it may be: wait for the deadline, then call `lapse`.
    error RetargetsSpent(uint8 most);
    /// @notice The draw is decided: nothing can be revealed any more.
    error RevealTooLate(uint64 drawTarget, uint256 current);
    /// @notice The bytes are not a delta with this number of weights.
    error InvalidDelta(uint256 length, uint32 dim);
    /// @notice The round has no such commitment of this member.
    error UnknownCommitment(bytes32 didHash, bytes32 commitment);
    /// @notice The member has revealed on chain already.
    error AlreadyForced(bytes32 didHash);
    /// @notice The signature is not the provider's consent to the terms of this epoch.
    error InvalidConsent(uint32 provider, address account);
    /// @notice The provider has not consented to the terms, so it cannot be accused: show its signature.
    error NotConsented(uint32 provider);
    /// @notice The provider was accused in this round already, or another one is.
    error AlreadyAccused(uint32 provider);
    /// @notice The provider is not accused.
    error NotAccused(uint32 provider);
    /// @notice The total of a table must lie within these bounds.
    error TotalOutOfRange(uint256 total, uint256 least, uint256 most);
    /// @notice Until then only the aggregator may propose.
    error ProposerTooEarly(address caller, uint64 from);
    /// @notice The table can still be challenged.
    error ChallengeWindowOpen(uint64 challengeEnd);
    /// @notice Questions to the proposer are open: wait for their answers.
    error QuestionsOpen(uint16 holds);
    /// @notice The judge has no open question.
    error NothingHeld();
    /// @notice The round is not recorded, or does not count any more.
    error RoundNotRecorded(uint32 round, uint32 recorded);
    /// @notice The challenger must announce its proof in an earlier block.
    error NotAnnounced(address challenger, bytes32 proofHash);
}
