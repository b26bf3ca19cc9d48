// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What judges read of a federation, set at will, and what they tell it, written down.
contract MockFederation {
    uint64 public epoch = 1;
    uint32 public round;
    uint32 public recorded;
    mapping(uint64 epoch => bytes32) public termsHash;
    mapping(uint64 epoch => mapping(uint32 round => bytes32)) public roundDigest;
    mapping(uint64 epoch => mapping(uint32 round => mapping(bytes32 didHash => bytes32))) public forced;

    event Convicted(uint32 round, address challenger, bytes32 proofHash);
    event Cleared(uint32 provider);

    function setEpoch(uint64 epoch_, bytes32 terms) external {
        epoch = epoch_;
        termsHash[epoch_] = terms;
    }

    function setRound(uint32 round_, uint32 recorded_) external {
        round = round_;
        recorded = recorded_;
    }

    function setDigest(uint32 round_, bytes32 digest) external {
        roundDigest[epoch][round_] = digest;
    }

    function setForced(uint32 round_, bytes32 didHash, bytes32 deltaSha256) external {
        forced[epoch][round_][didHash] = deltaSha256;
    }

    function convictRound(uint32 round_, address challenger, bytes32 proofHash) external virtual {
        emit Convicted(round_, challenger, proofHash);
    }

    function clearAccusation(uint32 provider) external {
        emit Cleared(provider);
    }
}
