// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {EpochPhases} from "./base/EpochPhases.sol";
import {Exits} from "./base/Exits.sol";
import {FederationState} from "./base/FederationState.sol";
import {ForcedReveals} from "./base/ForcedReveals.sol";
import {Judgements} from "./base/Judgements.sol";
import {RoundPhases} from "./base/RoundPhases.sol";
import {IFederation} from "./interfaces/IFederation.sol";
import {Leaves} from "./libraries/Leaves.sol";
import {RoundDigest} from "./libraries/RoundDigest.sol";

/// @title One federation: its epochs, from the promise to the payout table.
/// @notice See `interfaces/IFederation.sol`, which says what every function does.
contract Federation is EpochPhases, RoundPhases, ForcedReveals, Exits, Judgements {
    using RoundDigest for RoundWords;

    constructor(Config memory config_) FederationState(config_) EIP712("Folkmoot Federation", "1") {}

    /// @inheritdoc IFederation
    function pool() external view returns (address) {
        return address(_pool);
    }

    /// @inheritdoc IFederation
    function vault() external view returns (address) {
        return address(_vault);
    }

    /// @inheritdoc IFederation
    function eventInRound(
        uint64 epoch_,
        uint32 round_,
        RoundWords calldata words,
        bytes32 streamDigest,
        bytes32 payloadDigest,
        bytes32[] calldata proof
    ) external view returns (bool) {
        bytes32 leaf = Leaves.signedEvent(streamDigest, payloadDigest);
        return words.recorded() == roundDigest[epoch_][round_]
            && MerkleProof.verifyCalldata(proof, words.eventsRoot, leaf);
    }
}
