// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";
import {Blobs} from "../libraries/Blobs.sol";
import {Examples} from "../libraries/Examples.sol";
import {LinearModel} from "../libraries/LinearModel.sol";
import {Parts} from "../libraries/Parts.sol";
import {RoundDigest} from "../libraries/RoundDigest.sol";
import {Trace} from "../libraries/Trace.sol";
import {Vectors} from "../libraries/Vectors.sol";
import {DisputeBase} from "./DisputeBase.sol";

/// @title Disputes about the validation examples of a round, and the defence of an accused provider.
/// @notice Every dispute convicts the round if the recorded value is not the one that the rules give.
contract ExampleDisputes is DisputeBase {
    using Vectors for Chunk;

    /// @notice One example of a position and what was recorded of it.
    /// @param examples The position's record.
    /// @param mean The record of the mean's square (MEAN).
    /// @param example The example itself.
    /// @param labels The chunk with its label.
    /// @param scales The chunk with its scale.
    /// @param counts The published bytes of the mean.
    /// @param index The example's place at the position.
    struct ExampleClaim {
        Record examples;
        Record mean;
        Examples.Opening example;
        Chunk labels;
        Chunk scales;
        bytes counts;
        uint32 index;
    }

    /// @notice Only the part of the shard drawn in the present round can be asked for.
    error NotThisRound(uint32 round, uint32 present);

    /// @notice Dispute the label or the scale of one example. A round that used an example which is not in
    /// canonical form is convicted too: whoever opened it should have been accused instead.
    function example(Context calldata context, ExampleClaim calldata claim) external {
        bytes32 tag = _enter(context);
        _open(context, tag, claim.examples, Trace.EXAMPLES, 0, claim.examples.j);
        _open(context, tag, claim.mean, Trace.MEAN, 0, 0);
        uint256 shard = uint256(claim.examples.values[0]);
        Examples.open(claim.example, Examples.placeOf(context, context.federation.epoch(), shard), claim.index);
        bool right = Examples.canonical(claim.example.data, context.terms.dim);
        _judge(context, right && _label(claim) && _scale(context, claim));
    }

    /// @notice Dispute which shard stands at a position, or how many examples it has.
    /// @param examples The position's record.
    /// @param drawn The words of the round that drew the position's shard; not read for the public portion.
    /// @param entries What the index says of every provider's part of the recorded shard; none is needed
    /// where the shard itself is wrong.
    function size(
        Context calldata context,
        Record calldata examples,
        IFederation.RoundWords calldata drawn,
        Examples.PartEntry[] calldata entries
    ) external {
        bytes32 tag = _enter(context);
        uint32 position = examples.j;
        _open(context, tag, examples, Trace.EXAMPLES, 0, position);
        if (position > context.round) revert InvalidRecord(examples.op, examples.i, position);
        uint64 epoch = context.federation.epoch();
        if (position != 0) _requireWords(context.federation, epoch, position, drawn);
        uint256 shard = position == 0 ? 0 : drawn.shard;
        bool right = examples.values[0] == int256(shard);
        if (right) right = examples.values[1] == _count(Examples.placeOf(context, epoch, shard), context, entries);
        _judge(context, right);
    }

    /// @notice Dispute the sum of squares of the mean, or bytes of the mean that are no mean.
    /// @param square The record (MEAN).
    /// @param counts The bytes behind the hash that the epoch opened with.
    function mean(Context calldata context, Record calldata square, bytes calldata counts) external {
        bytes32 tag = _enter(context);
        _open(context, tag, square, Trace.MEAN, 0, 0);
        Blobs.open(counts, context.terms.meanHash);
        bool right = Blobs.shaped(counts, Blobs.MEAN, 8, context.terms.dim);
        if (right) {
            uint256 total = Blobs.little(counts, 4, 8);
            right = total != 0 && total < 1 << 40 && square.values[0] >= 0
                && square.values[0] == LinearModel.meanSquare(counts[12:], total);
        }
        _judge(context, right);
    }

    /// @notice Dispute an index that holds two parts for one shard and provider: its author could choose
    /// between them after the draw. Any recorded round of the epoch is convicted.
    /// @param shard The shard of both.
    /// @param provider The provider of both.
    function doubled(
        Context calldata context,
        uint32 shard,
        uint32 provider,
        Examples.PartEntry calldata one,
        Examples.PartEntry calldata other
    ) external {
        _enter(context);
        Examples.Place memory place = Examples.placeOf(context, context.federation.epoch(), shard);
        Examples.open(one, place, provider);
        Examples.open(other, place, provider);
        _judge(context, one.count == other.count && one.root == other.root);
    }

    /// @notice Open an accused provider's part of the drawn shard in public, which clears the provider.
    /// @param context The present round, which is not recorded; of its words only those up to the shard
    /// are read.
    /// @param provider The provider's place.
    /// @param part The part's bytes.
    /// @param entry What the index says of it.
    function openPart(
        Context calldata context,
        uint32 provider,
        bytes calldata part,
        Examples.PartEntry calldata entry
    ) external {
        uint64 epoch = _epoch(context);
        uint32 present = context.federation.round();
        if (context.round != present) revert NotThisRound(context.round, present);
        bytes32 expected = context.federation.roundDigest(epoch, present);
        bytes32 given = RoundDigest.extend(RoundDigest.revealed(context.words), bytes32(uint256(context.words.shard)));
        if (given != expected) revert WrongWords(given, expected);
        uint256 shard = context.words.shard;
        uint256 rows = Parts.open(part, entry, Examples.placeOf(context, epoch, shard), provider);
        if (!Parts.canonical(part, rows, context.terms.dim)) revert Parts.WrongPart(shard, provider);
        context.federation.clearAccusation(provider);
    }

    function _label(ExampleClaim calldata claim) private pure returns (bool) {
        int256[] calldata values = claim.examples.values;
        int256 recorded = claim.labels.entry(values[2], claim.index, uint256(values[1]));
        return recorded == Examples.label(claim.example.data);
    }

    function _scale(Context calldata context, ExampleClaim calldata claim) private pure returns (bool) {
        int256[] calldata values = claim.examples.values;
        int256 recorded = claim.scales.entry(values[3], claim.index, uint256(values[1]));
        (uint256 total, bytes calldata counts) = Blobs.mean(claim.counts, context.terms.meanHash, context.terms.dim);
        return recorded == LinearModel.scale(claim.example.data, counts, total, claim.mean.values[0]);
    }

    function _count(Examples.Place memory place, Context calldata context, Examples.PartEntry[] calldata entries)
        private
        pure
        returns (int256 total)
    {
        uint256 providers = context.terms.providers.length;
        if (entries.length != providers) revert Examples.NotInIndex(place.shard, entries.length);
        for (uint256 provider = 0; provider < providers; ++provider) {
            Examples.open(entries[provider], place, provider);
            total += int256(uint256(entries[provider].count));
        }
    }
}
