// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IDataDemands} from "../interfaces/IDataDemands.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {Examples} from "../libraries/Examples.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {Roster} from "../libraries/Roster.sol";
import {Trace} from "../libraries/Trace.sol";
import {BytesDemands} from "./BytesDemands.sol";

/// @title Demands for what parties committed to: members' quotas and deltas, providers' examples.
abstract contract MemberDemands is BytesDemands {
    using Trace for Record;
    using Roster for IFederation.EpochTerms;

    /// @dev keccak256("folkmoot.commitment"), as in `federation/hashing.py`.
    bytes32 private constant COMMITMENT = keccak256("folkmoot.commitment");

    uint8 private constant ACCEPTED = 1;
    uint8 private constant SILENT = 3;

    /// @inheritdoc IDataDemands
    function demandSeat(Context calldata context, uint32 i) external returns (uint256) {
        _tree(context, _proposal(context.federation));
        _requireDemandable(i < context.terms.members);
        return _ask(context, Kind.Seat, 0, abi.encode(i));
    }

    /// @inheritdoc IDataDemands
    function answerSeat(uint256 id, Context calldata context, Roster.Seat calldata seat) external {
        (IFederation federation, IFederation.Proposal memory proposal) =
            _asked(id, Kind.Seat, abi.encode(seat.index));
        _tree(context, federation, proposal);
        context.terms.requireSeat(seat);
        _settle(id, true);
    }

    /// @inheritdoc IDataDemands
    function demandMembership(Context calldata context, Record calldata member) external returns (uint256) {
        (bytes32 root, bytes32 tag) = _tree(context, _proposal(context.federation));
        _requireDemandable(context.round != 0);
        member.open(root, tag, Trace.MEMBER, member.i, 0);
        int256 status = member.values[0];
        _requireDemandable(member.i < context.terms.members);
        _requireDemandable(status == int256(uint256(ACCEPTED)) || status == int256(uint256(SILENT)));
        bytes memory subject =
            abi.encode(context.round, member.i, uint8(uint256(status)), bytes32(uint256(member.values[1])));
        return _ask(context, Kind.Membership, context.round, subject);
    }

    /// @inheritdoc IDataDemands
    function answerMembership(
        uint256 id,
        Context calldata context,
        uint8 status,
        bytes32 deltaSha256,
        Roster.Seat calldata seat,
        Evidence calldata evidence
    ) external {
        (IFederation federation, IFederation.Proposal memory proposal) =
            _asked(id, Kind.Membership, abi.encode(context.round, seat.index, status, deltaSha256));
        _tree(context, federation, proposal);
        context.terms.requireSeat(seat);
        _settle(
            id,
            status == SILENT
                ? _committed(context, seat.didHash, evidence.commitment, evidence)
                : _accepted(context, seat.didHash, deltaSha256, evidence)
        );
    }

    /// @inheritdoc IDataDemands
    function demandExample(Context calldata context, uint32 provider, uint32 index) external returns (uint256) {
        _tree(context, _proposal(context.federation));
        _requireDemandable(provider < context.terms.providers.length);
        if (context.terms.dim > LARGEST) revert TooLarge(context.terms.dim, LARGEST);
        uint32 shard = context.round == 0 ? 0 : context.words.shard;
        return _ask(context, Kind.Example, context.round, abi.encode([shard, provider, index]));
    }

    /// @inheritdoc IDataDemands
    function answerExample(
        uint256 id,
        Context calldata context,
        uint32[3] calldata subject,
        Examples.PartEntry calldata entry,
        bytes32 salt,
        bytes calldata example,
        bytes32[] calldata proof
    ) external {
        (IFederation federation, IFederation.Proposal memory proposal) =
            _asked(id, Kind.Example, abi.encode(subject));
        _tree(context, federation, proposal);
        Examples.Place memory place = Examples.Place({
            federation: address(federation),
            epoch: federation.epoch(),
            validationRoot: context.terms.validationRoot,
            shard: subject[0]
        });
        Examples.open(entry, place, subject[1]);
        bool answered = subject[2] >= entry.count;
        if (!answered) {
            bytes32 salted = sha256(bytes.concat(salt, example));
            bytes32 leaf = Examples.leafOf(place, subject[1], subject[2], salted);
            answered = MerkleProof.verifyCalldata(proof, entry.root, leaf);
        }
        _settle(id, answered);
    }

    /// @dev Committed to this delta and revealed it, to the aggregator or on chain.
    function _accepted(Context calldata context, bytes32 didHash, bytes32 delta, Evidence calldata evidence)
        private
        view
        returns (bool)
    {
        uint64 epoch = context.federation.epoch();
        if (delta == 0) return false;
        if (context.federation.forced(epoch, context.round, didHash) == delta) return true;
        bytes32 commitment = keccak256(
            abi.encode(
                COMMITMENT,
                block.chainid,
                context.federation,
                epoch,
                context.round,
                didHash,
                context.words.baseHash,
                delta,
                evidence.salt
            )
        );
        return _committed(context, didHash, commitment, evidence)
            && MerkleProof.verifyCalldata(
                evidence.revealed, context.words.revealRoot, Leaves.member(didHash, delta)
            );
    }

    function _committed(Context calldata context, bytes32 didHash, bytes32 commitment, Evidence calldata evidence)
        private
        pure
        returns (bool)
    {
        bytes32 leaf = Leaves.member(didHash, commitment);
        return MerkleProof.verifyCalldata(evidence.committed, context.words.commitRoot, leaf);
    }
}
