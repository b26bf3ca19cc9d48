// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IDataDemands} from "../interfaces/IDataDemands.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {IRewardPool} from "../interfaces/IRewardPool.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {Trace} from "../libraries/Trace.sol";
import {Demands} from "./Demands.sol";

/// @title Demands for leaves of the payout tables: the one proposed and the one before.
abstract contract TableDemands is Demands {
    using Trace for Record;

    /// @dev With fewer rows for each node at its depth, a node must be answered with its leaves: an honest
    /// table has at most twice as many below it, which fit a transaction. Otherwise a tree much larger
    /// than the rows could hide a leaf that they do not have.
    uint256 private constant ROWS = 256;

    /// @inheritdoc IDataDemands
    function demandLeaf(Context calldata context, Record calldata row) external returns (uint256) {
        _openRow(context, row);
        _requireDemandable(row.values[4] == 1 && row.values[3] > 0);
        return _ask(context, Kind.Leaf, 0, abi.encode(_payee(row), row.values[3]));
    }

    /// @inheritdoc IDataDemands
    function answerLeaf(uint256 id, address payee, uint256 cumulative, bytes32[] calldata proof) external {
        (IFederation federation, IFederation.Proposal memory proposal) =
            _asked(id, Kind.Leaf, abi.encode(payee, cumulative));
        bytes32 leaf = Leaves.payout(federation.pool(), payee, cumulative);
        _settle(id, MerkleProof.verifyCalldata(proof, proposal.payoutRoot, leaf));
    }

    /// @inheritdoc IDataDemands
    /// @dev The one leaf of an empty table, which pays nothing, has no row.
    function demandSource(Context calldata context, address payee, uint256 cumulative, bytes32[] calldata proof)
        external
        returns (uint256)
    {
        bytes32 payoutRoot = _proposal(context.federation).payoutRoot;
        bytes32 leaf = Leaves.payout(context.federation.pool(), payee, cumulative);
        _requireDemandable(cumulative != 0 && MerkleProof.verifyCalldata(proof, payoutRoot, leaf));
        return _ask(context, Kind.Source, 0, abi.encode(payee, cumulative));
    }

    /// @inheritdoc IDataDemands
    function answerSource(
        uint256 id,
        Context calldata context,
        address payee,
        uint256 cumulative,
        Record calldata row
    ) external {
        (IFederation federation,) = _asked(id, Kind.Source, abi.encode(payee, cumulative));
        _requireOf(context, federation);
        _openRow(context, row);
        int256[] calldata values = row.values;
        bool same = uint256(values[0]) == uint160(payee) && uint256(values[3]) == cumulative;
        _settle(id, same && values[4] == 1);
    }

    /// @inheritdoc IDataDemands
    function demandPrevious(Context calldata context, Record calldata row) external returns (uint256) {
        _openRow(context, row);
        _requireDemandable(row.values[2] > 0);
        return _ask(context, Kind.Previous, 0, abi.encode(_payee(row), row.values[2]));
    }

    /// @inheritdoc IDataDemands
    function answerPrevious(uint256 id, address payee, uint256 cumulative, bytes32[] calldata proof) external {
        (IFederation federation,) = _asked(id, Kind.Previous, abi.encode(payee, cumulative));
        address pool = federation.pool();
        bytes32 leaf = Leaves.payout(pool, payee, cumulative);
        _settle(id, MerkleProof.verifyCalldata(proof, IRewardPool(pool).root(), leaf));
    }

    /// @inheritdoc IDataDemands
    function demandNode(Context calldata context, bytes32 node, bytes32[] calldata proof)
        external
        returns (uint256)
    {
        bytes32 payoutRoot = _proposal(context.federation).payoutRoot;
        _requireDemandable(MerkleProof.verifyCalldata(proof, payoutRoot, node));
        return _ask(context, Kind.Node, 0, abi.encode(node, proof.length));
    }

    /// @inheritdoc IDataDemands
    /// @dev Every subtree of the complete binary tree of `federation/merkle.py` is one itself.
    function answerNode(
        uint256 id,
        bytes32 node,
        uint256 depth,
        address[] calldata payees,
        uint256[] calldata cumulatives
    ) external {
        (IFederation federation,) = _asked(id, Kind.Node, abi.encode(node, depth));
        uint256 count = payees.length;
        if (count == 0 || cumulatives.length != count) revert NoAnswer(id);
        address pool = federation.pool();
        bytes32[] memory nodes = new bytes32[](2 * count - 1);
        for (uint256 i = 0; i < count; ++i) {
            nodes[count - 1 + i] = Leaves.payout(pool, payees[i], cumulatives[i]);
        }
        for (uint256 k = count - 1; k > 0; --k) {
            nodes[k - 1] = Hashes.commutativeKeccak256(nodes[2 * k - 1], nodes[2 * k]);
        }
        _settle(id, nodes[0] == node);
    }

    /// @inheritdoc IDataDemands
    function answerChildren(
        uint256 id,
        Context calldata context,
        bytes32 node,
        uint256 depth,
        bytes32[2] calldata children,
        Record calldata row
    ) external {
        (IFederation federation,) = _asked(id, Kind.Node, abi.encode(node, depth));
        _requireOf(context, federation);
        _openRow(context, row);
        bool large = (uint256(row.i) + 1) >> depth >= ROWS;
        _settle(id, large && Hashes.commutativeKeccak256(children[0], children[1]) == node);
    }

    function _openRow(Context calldata context, Record calldata row) private view {
        (bytes32 root, bytes32 tag) = _tree(context, _proposal(context.federation));
        _requireDemandable(context.round == 0);
        row.open(root, tag, Trace.ROW, row.i, 0);
    }

    /// @dev Whoever is not an address has a row that can be convicted as it stands.
    function _payee(Record calldata row) private pure returns (address) {
        return address(uint160(uint256(row.values[0])));
    }
}
