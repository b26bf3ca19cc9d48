// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataDemands} from "../interfaces/IDataDemands.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {Blobs} from "../libraries/Blobs.sol";
import {Trace} from "../libraries/Trace.sol";
import {Vectors} from "../libraries/Vectors.sol";
import {Demands} from "./Demands.sol";

/// @title Demands for the bytes behind a hash: committed vectors page by page, published bytes whole.
abstract contract BytesDemands is Demands {
    using Trace for Record;

    /// @dev Chunks of a page: 32 kB, which with the hashes of a vector of 10^6 entries still fit the 128 kB
    /// that nodes accept as one transaction.
    uint256 private constant PAGE = 8;

    /// @dev Bytes that are hashed whole fit a transaction up to so many weights.
    uint32 internal constant LARGEST = 12_288;

    /// @dev Bit `k` of byte `op`: value `k` of such a record is the commitment of a vector.
    bytes17 private constant VECTORS = hex"001f000c010100040502000104000f0000";

    /// @inheritdoc IDataDemands
    function demandVector(Context calldata context, Record calldata record, uint8 which, uint256 page)
        external
        returns (uint256)
    {
        (bytes32 root, bytes32 tag) = _tree(context, _proposal(context.federation));
        record.open(root, tag, record.op, record.i, record.j);
        _requireDemandable(which < 8 && (uint8(VECTORS[record.op]) >> which) & 1 == 1);
        return _ask(context, Kind.Vector, context.round, abi.encode(record.values[which], page));
    }

    /// @inheritdoc IDataDemands
    /// @dev A page beyond the end is answered by the hashes alone, which show where the end is.
    function answerVector(
        uint256 id,
        bytes32 commitment,
        uint256 page,
        bytes32[] calldata hashes,
        bytes calldata data
    ) external {
        _asked(id, Kind.Vector, abi.encode(commitment, page));
        bool right = Vectors.lists(hashes, int256(uint256(commitment)));
        uint256 count = hashes.length;
        if (page < (count + PAGE - 1) / PAGE) {
            uint256 first = page * PAGE;
            uint256 chunks = count - first < PAGE ? count - first : PAGE;
            right = right && data.length > (chunks - 1) * Vectors.SIZE && data.length <= chunks * Vectors.SIZE;
            for (uint256 c = 0; right && c < chunks; ++c) {
                uint256 end = c + 1 == chunks ? data.length : (c + 1) * Vectors.SIZE;
                right = keccak256(data[c * Vectors.SIZE:end]) == hashes[first + c];
            }
        }
        _settle(id, right);
    }

    /// @inheritdoc IDataDemands
    function demandBlob(Context calldata context, Blob which, Record calldata member) external returns (uint256) {
        (bytes32 root, bytes32 tag) = _tree(context, _proposal(context.federation));
        _requireDemandable(context.round != 0);
        uint32 dim = context.terms.dim;
        if (dim > LARGEST) revert TooLarge(dim, LARGEST);
        bytes memory subject;
        if (which == Blob.Mean) {
            subject = _subject(context.terms.meanHash, Blobs.MEAN, 8, dim);
        } else if (which == Blob.Base) {
            subject = _subject(context.words.baseHash, Blobs.MODEL, 12, dim);
        } else if (which == Blob.Model) {
            subject = _subject(context.words.modelHash, Blobs.MODEL, 12, dim);
        } else {
            member.open(root, tag, Trace.MEMBER, member.i, 0);
            _requireDemandable(member.values[0] == 1);
            subject = _subject(bytes32(uint256(member.values[1])), Blobs.DELTA, 4, dim);
        }
        return _ask(context, Kind.Blob, context.round, subject);
    }

    /// @inheritdoc IDataDemands
    function answerBlob(uint256 id, bytes32 hash, bytes4 magic, bytes calldata data) external {
        _asked(id, Kind.Blob, abi.encode(hash, magic, data.length));
        _settle(id, bytes4(data) == magic && sha256(data) == hash);
    }

    /// @dev An honest hash is over bytes of this form: bytes in another are no answer.
    function _subject(bytes32 hash, bytes4 magic, uint256 extra, uint256 dim) private pure returns (bytes memory) {
        return abi.encode(hash, magic, 4 + extra + 8 * dim);
    }
}
