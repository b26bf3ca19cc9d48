// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IFederation} from "../interfaces/IFederation.sol";
import {Commitment} from "../libraries/Commitment.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {RoundDigest} from "../libraries/RoundDigest.sol";
import {FederationState} from "./FederationState.sol";

/// @title Reveals on chain, for members whom the aggregator does not acknowledge.
abstract contract ForcedReveals is FederationState {
    using RoundDigest for RoundWords;

    mapping(uint64 epoch => mapping(uint32 round => mapping(bytes32 didHash => bytes32 deltaSha256))) public forced;

    /// @inheritdoc IFederation
    function forceReveal(
        bytes32 didHash,
        bytes calldata delta,
        bytes32 salt,
        bytes32[] calldata proof,
        RoundWords calldata words
    ) external {
        _requireOpenReveal(words);
        if (forced[epoch][round][didHash] != 0) revert AlreadyForced(didHash);
        if (!Commitment.isDelta(delta, _dim)) revert InvalidDelta(delta.length, _dim);
        bytes32 hash = sha256(delta);
        bytes32 commitment = Commitment.digest(epoch, round, didHash, words.baseHash, hash, salt);
        if (!MerkleProof.verifyCalldata(proof, words.commitRoot, Leaves.member(didHash, commitment))) {
            revert UnknownCommitment(didHash, commitment);
        }
        forced[epoch][round][didHash] = hash;
        emit RevealForced(epoch, round, didHash, hash, salt, delta);
    }

    /// @dev A round takes reveals as long as nobody can know its shard.
    function _requireOpenReveal(RoundWords calldata words) private view {
        bool drawing = phase == Phase.Draw;
        if (!drawing) _requirePhase(Phase.Reveal);
        _requireInTime();
        if (drawing && block.number > drawTarget) revert RevealTooLate(drawTarget, block.number);
        bytes32 given = drawing ? words.revealed() : words.committed();
        bytes32 stored = roundDigest[epoch][round];
        if (given != stored) revert WrongWords(given, stored);
    }
}
