// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DisputeBase} from "./DisputeBase.sol";
import {Blobs} from "../libraries/Blobs.sol";
import {Examples} from "../libraries/Examples.sol";
import {Parts} from "../libraries/Parts.sol";
import {PathNode} from "../libraries/PathNode.sol";
import {ShardSum} from "../libraries/ShardSum.sol";
import {Trace} from "../libraries/Trace.sol";
import {Vectors} from "../libraries/Vectors.sol";

/// @title Proofs that the gradient along a round's path, or the improvement, was computed wrongly.
/// @dev Vectors over examples have as many entries as EXAMPLES of the drawn shard says.
contract GradientDisputes is DisputeBase {
    /// @notice The parts given hold another number of examples than the record of the shard says.
    error WrongNumberOfExamples(uint256 expected, uint256 given);

    /// @notice The records of node `k` of the path.
    /// @param node NODE (k, 0).
    /// @param point POINT of the node.
    /// @param sums SUMS of the node on the drawn shard.
    /// @param examples EXAMPLES of the drawn shard.
    struct NodeClaim {
        Record node;
        Record point;
        Record sums;
        Record examples;
    }

    /// @notice Convict if a node's sums of residuals or of curvatures are wrong.
    /// @param logits z at the node, whole.
    /// @param labels The shard's labels, whole.
    function nodeSums(
        Context calldata context,
        NodeClaim calldata claim,
        bytes calldata logits,
        bytes calldata labels
    ) external {
        uint256 n = _openNode(context, claim);
        Vectors.open(logits, claim.sums.values[0], n);
        Vectors.open(labels, claim.examples.values[2], n);
        (int256 residuals, int256 curvatures) = PathNode.sums(logits, labels, claim.point.values[2]);
        _judge(context, claim.node.values[0] == residuals && claim.node.values[1] == curvatures);
    }

    /// @notice Convict if the coefficient of example `e` at a node is wrong.
    /// @param coefficients The chunk of the node's coefficients.
    /// @param logits The chunk of z at the node.
    /// @param labels The chunk of the shard's labels.
    function coefficient(
        Context calldata context,
        NodeClaim calldata claim,
        Chunk calldata coefficients,
        Chunk calldata logits,
        Chunk calldata labels,
        uint256 e
    ) external {
        uint256 n = _openNode(context, claim);
        int256 z = Vectors.entry(logits, claim.sums.values[0], e, n);
        int256 y = Vectors.entry(labels, claim.examples.values[2], e, n);
        int256 expected = PathNode.coefficient(
            PathNode.shifted(z, claim.point.values[2]), y, claim.node.values[0], claim.node.values[1]
        );
        _judge(context, Vectors.entry(coefficients, claim.node.values[2], e, n) == expected);
    }

    /// @notice Convict if the averaged coefficient of example `e` is wrong.
    /// @param nodes NODE (0, 0) to (3, 0).
    /// @param averaged The chunk of the averaged coefficients.
    /// @param coefficients The chunk of each node's coefficients.
    function average(
        Context calldata context,
        Record calldata gradient_,
        Record calldata examples,
        Record[] calldata nodes,
        Chunk calldata averaged,
        Chunk[] calldata coefficients,
        uint256 e
    ) external {
        bytes32 tag = _enter(context);
        uint256 n = _openGradient(context, tag, gradient_, examples);
        // slither-disable-next-line uninitialized-local: each is set below.
        int256[4] memory t;
        for (uint256 k = 0; k < t.length; ++k) {
            _open(context, tag, nodes[k], Trace.NODE, k, 0);
            t[k] = Vectors.entry(coefficients[k], nodes[k].values[2], e, n);
        }
        _judge(context, Vectors.entry(averaged, gradient_.values[0], e, n) == PathNode.average(t));
    }

    /// @notice Convict if the sum of all scaled coefficients is wrong.
    /// @param averaged The averaged coefficients, whole.
    /// @param scales The examples' scales, whole.
    function scaledSum(
        Context calldata context,
        Record calldata gradient_,
        Record calldata examples,
        bytes calldata averaged,
        bytes calldata scales
    ) external {
        uint256 n = _openGradient(context, _enter(context), gradient_, examples);
        Vectors.open(averaged, gradient_.values[0], n);
        Vectors.open(scales, examples.values[3], n);
        _judge(context, gradient_.values[1] == Vectors.dot(averaged, scales));
    }

    /// @notice Convict if the entry of gbar at a word is wrong.
    /// @param gbar The chunk of the gradient.
    function gradient(
        Context calldata context,
        ShardSum.WordClaim calldata claim,
        Chunk calldata gbar,
        uint256 word
    ) external {
        uint256 n = _openGradient(context, _enter(context), claim.gradient, claim.examples);
        int256 recorded = Vectors.entry(gbar, claim.gradient.values[2], word, context.terms.dim);
        int256 withWord = _withWord(context, claim, word, n);
        int256 mean = _meanOf(context, claim.mean, word);
        _judge(context, recorded == PathNode.gradient(withWord, claim.gradient.values[1], mean, n));
    }

    /// @notice Convict if the improvement, or what it counts as, is wrong.
    /// @param before SUMS of the path's beginning on the drawn shard; ignored if nobody was accepted.
    /// @param after_ SUMS of the path's end; likewise.
    /// @param examples EXAMPLES of the drawn shard; likewise.
    function improvement(
        Context calldata context,
        Record calldata improvement_,
        Record calldata choice,
        Record calldata before,
        Record calldata after_,
        Record calldata examples
    ) external {
        bytes32 tag = _enter(context);
        int256 gain = 0;
        _open(context, tag, improvement_, Trace.IMPROVEMENT, 0, 0);
        _open(context, tag, choice, Trace.CHOICE, 0, 0);
        if (choice.values[1] >= 0) {
            _open(context, tag, before, Trace.SUMS, Trace.PATH, context.round);
            _open(context, tag, after_, Trace.SUMS, Trace.PATH + 5, context.round);
            _open(context, tag, examples, Trace.EXAMPLES, 0, context.round);
            gain = PathNode.improvement(before.values[3], after_.values[3], uint256(examples.values[1]));
        }
        int256 counted = choice.values[1] > 0 || gain < 0 ? gain : int256(0);
        _judge(context, improvement_.values[0] == gain && improvement_.values[1] == counted);
    }

    /// @dev Opens a node's records and returns the number of examples.
    function _openNode(Context calldata context, NodeClaim calldata claim) private view returns (uint256) {
        bytes32 tag = _enter(context);
        uint256 point = Trace.PATH + 1 + uint256(claim.node.i);
        _open(context, tag, claim.node, Trace.NODE, claim.node.i, 0);
        _open(context, tag, claim.point, Trace.POINT, point, 0);
        _open(context, tag, claim.sums, Trace.SUMS, point, context.round);
        _open(context, tag, claim.examples, Trace.EXAMPLES, 0, context.round);
        return uint256(claim.examples.values[1]);
    }

    /// @dev Opens the gradient's record and the shard's, and returns the number of examples.
    function _openGradient(Context calldata context, bytes32 tag, Record calldata gradient_, Record calldata examples)
        private
        pure
        returns (uint256)
    {
        _open(context, tag, gradient_, Trace.GRADIENT, 0, 0);
        _open(context, tag, examples, Trace.EXAMPLES, 0, context.round);
        return uint256(examples.values[1]);
    }

    /// @dev The sum of a times scale over the shard's examples that contain the word.
    function _withWord(Context calldata context, ShardSum.WordClaim calldata claim, uint256 word, uint256 n)
        private
        view
        returns (int256 total)
    {
        Vectors.open(claim.averaged, claim.gradient.values[0], n);
        Vectors.open(claim.scales, claim.examples.values[3], n);
        Examples.Place memory place = Examples.Place({
            federation: address(context.federation),
            epoch: context.federation.epoch(),
            validationRoot: context.terms.validationRoot,
            shard: context.words.shard
        });
        uint256 next = 0;
        for (uint256 p = 0; p < context.terms.providers.length; ++p) {
            uint256 rows = Parts.open(claim.parts[p], claim.entries[p], place, p);
            int256 sum;
            (sum, next) = ShardSum.ofPart(claim, p, rows, word, next);
            total += sum;
        }
        if (next != n) revert WrongNumberOfExamples(n, next);
    }

    function _meanOf(Context calldata context, bytes calldata mean, uint256 word) private pure returns (int256) {
        (uint256 total, bytes calldata counts) = Blobs.mean(mean, context.terms.meanHash, context.terms.dim);
        return int256(uint256(Vectors.read(counts, word)) << Blobs.MEAN_BITS) / int256(total);
    }
}
