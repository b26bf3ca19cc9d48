// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title One federation: the phases of its epochs and rounds, and what each phase committed.
/// @notice The aggregator moves a round along; anybody may move what stands still. Every duty has a deadline:
/// before it the duty may be done, from it on anybody may call `lapse`, which takes the bond of whoever is at
/// fault. Every transition emits all its values, so that a reader needs nothing but the logs.
/// @dev Events and errors: `IFederationEvents`, `IFederationErrors`.
interface IFederation {
    /// @notice Where the federation stands. See `docs/protocol.md`, Epoch and round.
    /// @dev Closed -> Open -> (Commit -> Reveal -> Draw -> Record -> Open)* -> Settle -> Proposed -> Closed.
    /// From each to Settle, or from Settle to Closed, when a duty lapses; from Open, Commit, Reveal to Settle
    /// when the aggregator cancels; from any with a recorded round to Settle when a fault is proven.
    enum Phase {
        Closed,
        Open,
        Commit,
        Reveal,
        Draw,
        Record,
        Settle,
        Proposed
    }

    /// @notice What is fixed when a federation is deployed.
    /// @param manifestHash SHA-256 of the manifest.
    /// @param aggregator The account that moves rounds along.
    /// @param token ERC-20 token of the pool and of the bonds.
    /// @param randomness An `IRandomness`.
    /// @param drawDelay Blocks from the close of reveals to the target of the draw, 1 to 256.
    /// @param phaseDuration Seconds that each phase of a round may take.
    /// @param settleDuration Seconds from the end of the rounds until the last moment to propose.
    /// @param challengeWindow Seconds from a proposal to its finalization.
    /// @param answerWindow Seconds to answer a demand, an accusation or a call for a quorum.
    /// @param aggregatorBond Wei of the aggregator, and of anybody else who proposes.
    /// @param providerBond Wei of each provider.
    /// @param challengerBond Wei that a demand or a call for a quorum costs whoever loses it.
    /// @param validatorBond Wei of each validator.
    /// @param quorum How many validators must sign.
    /// @param validators Who may sign.
    /// @param judges Contracts that may convict.
    struct Config {
        bytes32 manifestHash;
        address aggregator;
        address token;
        address randomness;
        uint64 drawDelay;
        uint64 phaseDuration;
        uint64 settleDuration;
        uint64 challengeWindow;
        uint64 answerWindow;
        uint256 aggregatorBond;
        uint256 providerBond;
        uint256 challengerBond;
        uint256 validatorBond;
        uint32 quorum;
        address[] validators;
        address[] judges;
    }

    /// @notice What an epoch promises before its first round. Only its hash is stored.
    /// @param validationRoot Merkle root over the salted validation examples, shard by shard.
    /// @param meanHash SHA-256 of the integer mean of the whole validation set.
    /// @param publicHash SHA-256 of the public portion, revealed at once.
    /// @param rosterHash SHA-256 of the signed roster.
    /// @param rosterRoot Merkle root over `(index, didHash, quota, cap, payee)`, in the order of the index.
    /// @param dim Weights of the model.
    /// @param members Leaves under `rosterRoot`.
    /// @param quotaTotal Sum of the quotas.
    /// @param shards Sealed shards, numbered from 1; shard 0 is the public portion.
    /// @param rounds Rounds of the epoch; each draws another shard, so at most `shards`.
    /// @param bounty Wei per whole unit of improvement of the Brier loss.
    /// @param funds Most wei that the epoch may pay besides lost bonds.
    /// @param clipMilli Share of its quota up to which a member is paid, in thousandths.
    /// @param suspensionMilli Loss at which a member is suspended, in thousandths of its share.
    /// @param suspensionFrom First round in which a member can be suspended.
    /// @param etas Step sizes to choose from.
    /// @param betasTenths Momenta to choose from, in tenths.
    /// @param providerTips Per provider, the last element of a keccak hash chain.
    /// @param providers Per provider, the account whose bond stands for it.
    struct EpochTerms {
        bytes32 validationRoot;
        bytes32 meanHash;
        bytes32 publicHash;
        bytes32 rosterHash;
        bytes32 rosterRoot;
        uint32 dim;
        uint32 members;
        uint64 quotaTotal;
        uint32 shards;
        uint32 rounds;
        uint256 bounty;
        uint256 funds;
        uint32 clipMilli;
        uint32 suspensionMilli;
        uint32 suspensionFrom;
        uint32[] etas;
        uint32[] betasTenths;
        bytes32[] providerTips;
        address[] providers;
    }

    /// @notice What a round has committed; one digest of it is stored. Zero where a phase has not been reached.
    struct RoundWords {
        bytes32 baseHash;
        bytes32 commitRoot;
        bytes32 revealRoot;
        uint32 shard;
        bytes32 modelHash;
        bytes32 eventsRoot;
        bytes32 traceRoot;
        bytes32 receiptHash;
    }

    /// @notice A payout table within its challenge window; all zero while there is none.
    /// @param proposer Whose bond stands for it.
    /// @param payoutRoot Root over every payee's cumulative pay, of all epochs.
    /// @param total Sum of the table in wei.
    /// @param settlementRoot Root over the records that derive the table.
    /// @param rounds Recorded rounds that it pays.
    /// @param forfeited Lost bonds that it hands to the members by quota, in wei.
    /// @param challengeEnd When it may be finalized.
    struct Proposal {
        address proposer;
        bytes32 payoutRoot;
        uint256 total;
        bytes32 settlementRoot;
        uint32 rounds;
        uint256 forfeited;
        uint64 challengeEnd;
    }

    /// @notice Open an epoch whose funds the pool already holds, not promised to anyone. Aggregator only.
    /// @return opened Its number, from 1.
    function openEpoch(EpochTerms calldata terms) external returns (uint64 opened);

    /// @notice Open the next round on a base model. Aggregator only.
    /// @return opened Its number, from 1.
    function openRound(bytes32 baseHash) external returns (uint32 opened);

    /// @notice Fix the members' commitments. Aggregator only.
    /// @param commitRoot Root over `(didHash, commitment)`.
    function closeCommits(bytes32 commitRoot) external;

    /// @notice Fix the revealed deltas, and the target of the draw. Aggregator only.
    /// @param revealRoot Root over `(didHash, deltaSha256)`.
    function closeReveals(bytes32 revealRoot) external;

    /// @notice Record the outcome of a round. Aggregator only.
    function recordRound(bytes32 modelHash, bytes32 eventsRoot, bytes32 traceRoot, bytes32 receiptHash) external;

    /// @notice Commit to the drawn shards, now public, after the last round. Aggregator only.
    function revealEpoch(bytes32 shardsHash) external;

    /// @notice End the epoch before a draw: the rounds recorded so far are paid. Aggregator only.
    function cancel() external;

    /// @notice Say that a provider has not opened its part of the drawn shard. It must within the answer window,
    /// or lose its bond. Once per provider and round; only one that consented. Aggregator only.
    function accuse(uint32 provider, EpochTerms calldata terms) external;

    /// @notice Record that a provider agreed to the terms of the epoch under way. Anyone may call it.
    /// @dev A provider without recorded consent loses no bond: its faults are the aggregator's, who collects the
    /// signatures before it opens the epoch and shows them only when it must.
    /// @param signature EIP-712 (or EIP-1271) over `Consent(uint64 epoch,bytes32 termsHash)` by the provider.
    function consent(uint32 provider, EpochTerms calldata terms, bytes calldata signature) external;

    /// @notice Draw a shard that the epoch has not drawn yet. Anyone with the preimages may call it.
    /// @param preimages Per provider, the element before its tip; it becomes the new tip.
    function drawShard(bytes32[] calldata preimages) external returns (uint32 shard);

    /// @notice Choose a new target once the randomness of the old one is out of reach. Anyone may call it.
    function retarget() external;

    /// @notice Show a provider's preimage, which keeps its bond safe if the draw lapses. Anyone may call it.
    /// @param tips All providers' present tips.
    function showPreimage(uint32 provider, bytes32 preimage, bytes32[] calldata tips) external;

    /// @notice Reveal a committed delta past the aggregator, who must then count it. Anyone with the salt.
    /// @dev In Reveal until its deadline, in Draw up to the target.
    /// @param delta Canonical bytes; see `libraries/Commitment.sol`.
    /// @param proof Siblings of `(didHash, commitment)` under the commit root.
    /// @param words What the round has committed so far.
    function forceReveal(
        bytes32 didHash,
        bytes calldata delta,
        bytes32 salt,
        bytes32[] calldata proof,
        RoundWords calldata words
    ) external;

    /// @notice Leave a phase whose deadline has passed. Anyone may call it.
    /// @dev Whoever is at fault loses its bond to the members. From Settle, and from a proposal that nobody could
    /// finalize for as long as one may take to propose, the epoch closes and pays nothing.
    function lapse(EpochTerms calldata terms) external;

    /// @notice Propose the payout table and start the challenge window. The aggregator; or anybody bonded, once
    /// the aggregator has lost its bond or half of the time to propose has passed.
    /// @param payoutRoot Root over every payee's cumulative pay, of all epochs.
    /// @param total Sum of the table in wei: at least the last one; at most the epoch's funds and the lost
    /// bonds more.
    /// @param settlementRoot Root over the records that derive the table.
    function propose(bytes32 payoutRoot, uint256 total, bytes32 settlementRoot) external;

    /// @notice Make the proposed table claimable after the challenge window. Anyone may call it.
    function finalize() external;

    /// @notice Say that a proof is coming, so that nobody who sees it first can take it. Anyone may call it.
    /// @param commitment `keccak256(abi.encode(challenger, keccak256(the data of the call to the judge)))`.
    function announce(bytes32 commitment) external;

    /// @notice A judge found a fault in a recorded round. It and later rounds are not paid; half of the
    /// aggregator's bond goes to the challenger, who announced the proof in an earlier block. Judges only.
    function convictRound(uint32 round_, address challenger, bytes32 proofHash) external;

    /// @notice A judge found a fault in the proposal. Half of the proposer's bond goes to the challenger, who
    /// announced the proof in an earlier block. Judges only.
    function convictProposal(address challenger, bytes32 proofHash) external;

    /// @notice A judge found nobody to vouch for the proposal; no bond is lost. Judges only.
    function voidProposal() external;

    /// @notice A judge has one more open question: finalization waits. Each takes one `unhold`. Judges only.
    function hold() external;

    /// @notice A question of a judge is settled, whatever has become of the proposal. Judges only.
    function unhold() external;

    /// @notice An accused provider has opened its part on chain; the time to record starts anew. Judges only.
    function clearAccusation(uint32 provider) external;

    function phase() external view returns (Phase);

    /// @notice The epoch under way, or the last one; 0 before the first.
    function epoch() external view returns (uint64);

    /// @notice The round under way, or the last one opened; 0 before the first of an epoch.
    function round() external view returns (uint32);

    /// @notice Rounds that are recorded and not proven wrong: those that may be paid.
    function recorded() external view returns (uint32);

    /// @notice Until when the duty of the phase may be done; in Proposed, the end of the challenge window.
    function deadline() external view returns (uint64);

    /// @notice The target of the draw; see `IRandomness`.
    function drawTarget() external view returns (uint64);

    /// @notice `keccak256(abi.encode(terms))` of an epoch.
    function termsHash(uint64 epoch_) external view returns (bytes32);

    /// @notice What a round has committed; see `libraries/RoundDigest.sol`.
    function roundDigest(uint64 epoch_, uint32 round_) external view returns (bytes32);

    function proposal() external view returns (Proposal memory);

    /// @notice SHA-256 of the delta that a member revealed on chain; 0 if it did not.
    function forced(uint64 epoch_, uint32 round_, bytes32 didHash) external view returns (bytes32 deltaSha256);

    function config() external view returns (Config memory);
    function judges() external view returns (address[] memory);

    /// @notice The `RewardPool`.
    function pool() external view returns (address);

    /// @notice The `BondVault`.
    function vault() external view returns (address);

    /// @notice Whether a signed event belongs to a recorded round.
    /// @param words All that the round committed.
    /// @param streamDigest SHA-256 digest of the event's stream.
    /// @param payloadDigest SHA-256 digest of the event's payload.
    /// @param proof Siblings from the leaf up to the round's events root.
    function eventInRound(
        uint64 epoch_,
        uint32 round_,
        RoundWords calldata words,
        bytes32 streamDigest,
        bytes32 payloadDigest,
        bytes32[] calldata proof
    ) external view returns (bool);
}
