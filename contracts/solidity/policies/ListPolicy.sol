// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {IQuotaPolicy} from "../interfaces/IQuotaPolicy.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {MerkleRoot} from "../libraries/MerkleRoot.sol";

/// @title Quotas from a Merkle list that the owner keeps; whoever is on it proves so once for each list.
contract ListPolicy is IQuotaPolicy, Ownable2Step {
    using Checkpoints for Checkpoints.Trace208;

    struct Entry {
        uint208 quota;
        uint48 since;
    }

    /// @notice The root of the list in force, over leaves `(chainId, policy, didHash, quota)`, hashed twice.
    bytes32 public root;

    Checkpoints.Trace208 private _versions;
    mapping(uint208 version => mapping(bytes32 didHash => Entry)) private _entries;

    event ListChanged(uint208 indexed version, bytes32 root);
    event QuotaProved(uint208 indexed version, bytes32 indexed didHash, uint208 quota);

    /// @notice The list in force has no such entry.
    error NotListed(bytes32 didHash, uint208 quota);
    /// @notice The DID proved its entry of this list before.
    error AlreadyProved(bytes32 didHash, uint208 quota);

    constructor(address owner) Ownable(owner) {}

    /// @notice Put another list in force, from this second on. Everybody proves anew.
    function setRoot(bytes32 root_) external onlyOwner {
        uint208 version = _versions.latest() + 1;
        root = root_;
        // slither-disable-next-line unused-return: the version before and this one are known.
        _versions.push(uint48(block.timestamp), version);
        emit ListChanged(version, root_);
    }

    /// @notice Show a DID's entry of the list in force. Anyone may; it counts from this second on.
    function prove(bytes32 didHash, uint208 quota, bytes32[] calldata proof) external {
        bytes32 leaf = Leaves.listedQuota(address(this), didHash, quota);
        if (MerkleRoot.climb(proof, leaf) != root) revert NotListed(didHash, quota);
        uint208 version = _versions.latest();
        Entry storage entry = _entries[version][didHash];
        if (entry.since != 0) revert AlreadyProved(didHash, entry.quota);
        (entry.quota, entry.since) = (quota, uint48(block.timestamp));
        emit QuotaProved(version, didHash, quota);
    }

    /// @inheritdoc IQuotaPolicy
    /// @dev The list names the DID, whoever its payee is.
    function quotaOf(bytes32 didHash, address, uint48 time) external view returns (uint256) {
        if (time >= block.timestamp) revert FutureSnapshot(time, block.timestamp);
        Entry memory entry = _entries[_versions.upperLookupRecent(time)][didHash];
        return entry.since <= time ? entry.quota : 0;
    }
}
