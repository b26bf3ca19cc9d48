// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;
// The agreed seam (author of `core` completes NatSpec, events, errors; nobody else changes names or order without telling the lead).

interface IFederation {
    enum Phase { Closed, Open, Commit, Reveal, Draw, Record, Settle, Proposed }

    /// Fixed at deployment (constructor argument; most become immutables).
    struct Config {
        bytes32 manifestHash;
        address aggregator;
        address token;            // ERC-20 of pool and bonds
        address randomness;       // IRandomness
        uint64 drawDelay;         // blocks
        uint64 phaseDuration;     // seconds each phase of a round may take
        uint64 settleDuration;    // seconds from Settle until the last moment to propose
        uint64 challengeWindow;   // seconds from a proposal to its finalization
        uint64 answerWindow;      // seconds to answer a demand, an accusation, a call for a quorum
        uint256 aggregatorBond;   // also what any other proposer must have bonded
        uint256 providerBond;
        uint256 challengerBond;   // what a demand or a call for a quorum costs its loser
        uint256 validatorBond;
        uint32 quorum;            // k validators
        address[] validators;     // m accounts (may be empty with quorum 0)
        address[] judges;         // contracts that may convict
    }

    /// An epoch's promise. Emitted whole; only keccak256(abi.encode(terms)) is stored (termsHash); passed back to whoever needs it.
    struct EpochTerms {
        bytes32 validationRoot;
        bytes32 meanHash;
        bytes32 publicHash;
        bytes32 rosterHash;       // SHA-256 of the signed roster's bytes
        bytes32 rosterRoot;       // tree over leaf(index, didHash, quota, cap, payee), by index, unsorted
        uint32 dim;
        uint32 members;           // leaves of rosterRoot
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
        address[] providers;      // accounts whose bonds stand for the providers, same order as tips
    }

    /// All a round committed. One digest is stored per round, extended phase by phase:
    /// d1 = keccak256(abi.encode(baseHash)); d2 = keccak256(abi.encode(d1, commitRoot)); d3 = keccak256(abi.encode(d2, revealRoot));
    /// d4 = keccak256(abi.encode(d3, shard)); d5 = keccak256(abi.encode(d4, modelHash, eventsRoot, traceRoot, receiptHash)).
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

    struct Proposal {
        address proposer;
        bytes32 payoutRoot;
        uint256 total;
        bytes32 settlementRoot;   // tree over settlement records (round 0 of the trace)
        uint32 rounds;            // recorded rounds that it pays
        uint256 forfeited;        // lost bonds that it hands to the members by quota
        uint64 challengeEnd;
    }

    // --- the aggregator ---
    function openEpoch(EpochTerms calldata terms) external returns (uint64 epoch);
    function openRound(bytes32 baseHash) external returns (uint32 round);
    function closeCommits(bytes32 commitRoot) external;
    function closeReveals(bytes32 revealRoot) external;
    function recordRound(bytes32 modelHash, bytes32 eventsRoot, bytes32 traceRoot, bytes32 receiptHash) external;
    function revealEpoch(bytes32 shardsHash) external;
    function cancel() external;                       // aggregator ends the epoch before a draw (Open, Commit, Reveal): -> Settle, recorded rounds are paid, no bond lost
    function accuse(uint32 provider, EpochTerms calldata terms) external; // Record phase: a provider has not opened its part; it must within answerWindow
    // --- anyone ---
    function drawShard(bytes32[] calldata preimages) external returns (uint32 shard);
    function retarget() external;
    function showPreimage(uint32 provider, bytes32 preimage, bytes32[] calldata tips) external; // a provider protects itself in Draw
    function forceReveal(bytes32 didHash, bytes calldata delta, bytes32 salt, bytes32[] calldata proof, RoundWords calldata words) external; // Reveal, or Draw up to the target block
    function lapse(EpochTerms calldata terms) external;  // a deadline has passed: the one at fault loses its bond to the pool (members by quota); -> Settle, or Settle -> Closed
    function propose(bytes32 payoutRoot, uint256 total, bytes32 settlementRoot) external; // Settle; aggregator, or anyone bonded once the aggregator lost its bond or half of settleDuration has passed
    function finalize() external;
    function announce(bytes32 commitment) external;   // keccak256(abi.encode(challenger, proofHash)), proofHash = keccak256(msg.data) of the later call to the judge
    // --- judges only ---
    function convictRound(uint32 round, address challenger, bytes32 proofHash) external; // aggregator's bond: half to challenger, half to pool; rounds >= round unpaid; -> Settle (proposal voided, its third-party proposer's bond untouched)
    function convictProposal(address challenger, bytes32 proofHash) external;            // proposer's bond likewise; -> Settle
    function voidProposal() external;                 // judge (quorum): no fault shown, no quorum found: -> Settle, no bond lost
    function hold() external;                         // judge: one more open question; finalize waits
    function unhold() external;                       // judge: answered; challengeEnd = max(challengeEnd, now + answerWindow)
    function clearAccusation(uint32 provider) external; // judge: the provider opened its part on chain; the Record deadline starts anew
    // --- views ---
    function phase() external view returns (Phase);
    function epoch() external view returns (uint64);
    function round() external view returns (uint32);          // current or last opened round
    function recorded() external view returns (uint32);       // recorded rounds that may be paid
    function deadline() external view returns (uint64);
    function drawTarget() external view returns (uint64);
    function termsHash(uint64 epoch) external view returns (bytes32);
    function roundDigest(uint64 epoch, uint32 round) external view returns (bytes32);
    function proposal() external view returns (Proposal memory);
    function forced(uint64 epoch, uint32 round, bytes32 didHash) external view returns (bytes32 deltaSha256); // 0 if none
    function config() external view returns (Config memory);
    function judges() external view returns (address[] memory);
    function pool() external view returns (address);  // RewardPool (concrete type in the contract)
    function vault() external view returns (address); // BondVault
}
// IRandomness: target(uint64 delay) view returns (uint64); value(uint64 target) view returns (bytes32) (reverts while not ready / expired); expired(uint64 target) view returns (bool).
// BondVault: deposit(address account, uint256 amount) (anyone pays), bondOf(account) view, leave() / leaving(account), withdraw(amount) only while the federation is Closed and the account has left,
//            slash(account, amount, beneficiary) federation only: half to the beneficiary, the rest to the pool through pool.fund (all of it if beneficiary is 0). Judges collect a challenger's bond in tokens themselves.
