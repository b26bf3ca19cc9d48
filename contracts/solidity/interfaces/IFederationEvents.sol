// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "./IFederation.sol";

/// @title What a federation says about every step: all values, so that a reader needs only logs.
interface IFederationEvents {
    event EpochOpened(uint64 indexed epoch, IFederation.EpochTerms terms, uint64 deadline);
    event RoundOpened(uint64 indexed epoch, uint32 indexed round, bytes32 baseHash, uint64 deadline);
    event CommitsClosed(uint64 indexed epoch, uint32 indexed round, bytes32 commitRoot, uint64 deadline);
    event RevealsClosed(
        uint64 indexed epoch, uint32 indexed round, bytes32 revealRoot, uint64 drawTarget, uint64 deadline
    );
    event RevealForced(
        uint64 indexed epoch,
        uint32 indexed round,
        bytes32 indexed didHash,
        bytes32 deltaSha256,
        bytes32 salt,
        bytes delta
    );
    event DrawRetargeted(uint64 indexed epoch, uint32 indexed round, uint64 drawTarget);
    event PreimageShown(uint64 indexed epoch, uint32 indexed round, uint32 indexed provider, bytes32 preimage);
    event ShardDrawn(
        uint64 indexed epoch,
        uint32 indexed round,
        uint32 shard,
        bytes32 seed,
        bytes32 beacon,
        bytes32[] preimages,
        uint64 deadline
    );
    event Consented(uint64 indexed epoch, uint32 indexed provider, address indexed account);
    event Accused(
        uint64 indexed epoch, uint32 indexed round, uint32 indexed provider, address account, uint64 deadline
    );
    event AccusationCleared(uint64 indexed epoch, uint32 indexed round, uint32 indexed provider, uint64 deadline);
    event RoundRecorded(
        uint64 indexed epoch,
        uint32 indexed round,
        bytes32 modelHash,
        bytes32 eventsRoot,
        bytes32 traceRoot,
        bytes32 receiptHash,
        uint64 deadline
    );
    event EpochRevealed(uint64 indexed epoch, bytes32 shardsHash, uint64 deadline);
    event Cancelled(uint64 indexed epoch, uint32 indexed round, uint32 recorded, uint64 deadline);

    /// @notice A duty was not done in time. The deadline is 0 where the epoch has closed.
    event Lapsed(uint64 indexed epoch, uint32 indexed round, IFederation.Phase phase, uint64 deadline);

    /// @notice A bond was lost, in parts to a challenger (none: the zero address) and to the members.
    event BondLost(
        uint64 indexed epoch, address indexed account, address indexed challenger, uint256 amount, uint256 forfeited
    );
    event Announced(bytes32 indexed commitment, uint256 blockNumber);

    /// @notice A recorded round was proven wrong; `round` and all after it are not paid.
    event RoundConvicted(
        uint64 indexed epoch, uint32 indexed round, address indexed challenger, address judge, uint64 deadline
    );

    /// @notice A proposal was proven wrong.
    event ProposalConvicted(
        uint64 indexed epoch, address indexed proposer, address indexed challenger, address judge, uint64 deadline
    );

    /// @notice A validator had vouched for a proposal that was proven wrong.
    event ValidatorConvicted(
        uint64 indexed epoch, address indexed validator, address indexed challenger, address judge
    );
    event ProposalVoided(uint64 indexed epoch, address indexed proposer, address judge, uint64 deadline);
    event Held(uint64 indexed epoch, address indexed judge, uint16 holds);
    event Unheld(uint64 indexed epoch, address indexed judge, uint16 holds, uint64 deadline);
    event Proposed(
        uint64 indexed epoch,
        address indexed proposer,
        bytes32 payoutRoot,
        uint256 total,
        bytes32 settlementRoot,
        uint32 rounds,
        uint256 forfeited,
        uint64 challengeEnd
    );
    event Finalized(uint64 indexed epoch, bytes32 payoutRoot, uint256 total);
}
