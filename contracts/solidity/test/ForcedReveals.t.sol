// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";
import {IFederationErrors} from "../interfaces/IFederationErrors.sol";
import {IFederationEvents} from "../interfaces/IFederationEvents.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {Tree} from "./Tree.sol";
import {World} from "./World.sol";

/// @title Reveals on chain: what is taken, until when, and from whom.
contract ForcedRevealsTest is World {
    bytes32 private constant DID = keccak256("did:key:member");
    bytes32 private constant SALT = keccak256("salt");
    bytes private constant DELTA = hex"464d443103000000" hex"0100000000000000" hex"feffffffffffffff" hex"0000000000000080";

    bytes32[] private _leaves;
    IFederation.RoundWords private _words;

    function setUp() public override {
        super.setUp();
        reach(IFederation.Phase.Commit);
        bytes32 commitment = _commitment(sha256(DELTA));
        _leaves = [Leaves.member("a", "1"), Leaves.member(DID, commitment), Leaves.member("b", "2")];
        (_words.baseHash, _words.commitRoot) = (keccak256("base"), Tree.root(_leaves));
        vm.prank(AGGREGATOR);
        federation.closeCommits(_words.commitRoot);
    }

    function test_forceReveal_keepsTheHash_ofACommittedDelta() public {
        eq(federation.forced(1, 1, DID), 0, "not yet");
        vm.expectEmit(address(federation));
        emit IFederationEvents.RevealForced(1, 1, DID, sha256(DELTA), SALT, DELTA);
        vm.prank(STRANGER);
        this.force(DID, DELTA, SALT);
        eq(federation.forced(1, 1, DID), sha256(DELTA), "forced");
        eq(federation.forced(1, 2, DID), 0, "another round");
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.AlreadyForced.selector, DID));
        this.force(DID, DELTA, SALT);
    }

    function test_forceReveal_isTaken_upToTheTargetOfTheDraw() public {
        _closeReveals();
        uint64 target = federation.drawTarget();
        vm.roll(target + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IFederationErrors.RevealTooLate.selector, target, target + 1)
        );
        this.force(DID, DELTA, SALT);
        vm.roll(target);
        this.force(DID, DELTA, SALT);
        eq(federation.forced(1, 1, DID), sha256(DELTA), "forced");
    }

    function test_forceReveal_isTaken_untilTheDeadline() public {
        uint64 deadline = federation.deadline();
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.DeadlinePassed.selector, deadline));
        this.force(DID, DELTA, SALT);
        vm.warp(deadline - 1);
        this.force(DID, DELTA, SALT);
    }

    function test_forceReveal_isRefused_outsideOfRevealAndDraw() public {
        _closeReveals();
        draw();
        vm.expectRevert(
            abi.encodeWithSelector(
                IFederationErrors.WrongPhase.selector, IFederation.Phase.Record, IFederation.Phase.Reveal
            )
        );
        this.force(DID, DELTA, SALT);
    }

    function testFuzz_forceReveal_isRefused_whenAnythingWasNotCommitted(uint256 what, bytes32 other) public {
        what = bound(what, 0, 2);
        bytes memory delta = DELTA;
        if (what == 0) delta[8 + uint256(other) % 24] ^= bytes1(uint8(1 + uint256(other >> 8) % 255));
        bytes32 did = what == 1 ? other : DID;
        bytes32 salt = what == 2 ? other : SALT;
        vm.assume(what == 0 || (did != DID || salt != SALT));
        bytes32 digest = keccak256(
            abi.encode(
                keccak256("folkmoot.commitment"),
                block.chainid,
                federation,
                uint64(1),
                uint32(1),
                did,
                keccak256("base"),
                sha256(delta),
                salt
            )
        );
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.UnknownCommitment.selector, did, digest));
        this.force(did, delta, salt);
    }

    function test_forceReveal_isRefused_ofBytesThatAreNoDelta() public {
        _refuseDelta(bytes.concat(DELTA, hex"00"));
        _refuseDelta(bytes.concat(DELTA, hex"0000000000000000"));
        _refuseDelta(hex"464d4431030000000100000000000000");
        _refuseDelta(hex"464d44");
        _refuseDelta("");
        for (uint256 i = 0; i < 8; ++i) {
            bytes memory delta = DELTA;
            delta[i] ^= 0x01;
            _refuseDelta(delta);
        }
    }

    function test_forceReveal_isRefused_underOtherWords() public {
        bytes32 stored = federation.roundDigest(1, 1);
        _words.baseHash = keccak256("another");
        bytes32 given =
            keccak256(abi.encode(keccak256(abi.encode(_words.baseHash)), _words.commitRoot));
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.WrongWords.selector, given, stored));
        this.force(DID, DELTA, SALT);
        _words.baseHash = keccak256("base");
        _closeReveals();
        _words.revealRoot = 0;
        stored = federation.roundDigest(1, 1);
        given = keccak256(abi.encode(keccak256(abi.encode(_words.baseHash)), _words.commitRoot));
        given = keccak256(abi.encode(given, bytes32(0)));
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.WrongWords.selector, given, stored));
        this.force(DID, DELTA, SALT);
    }

    /// @dev External, so that it is one call for an expectation.
    function force(bytes32 did, bytes calldata delta, bytes32 salt) external {
        federation.forceReveal(did, delta, salt, Tree.proof(_leaves, 1), _words);
    }

    function _closeReveals() private {
        _words.revealRoot = keccak256("reveals");
        step();
    }

    function _refuseDelta(bytes memory delta) private {
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.InvalidDelta.selector, delta.length, 3));
        this.force(DID, delta, SALT);
    }

    function _commitment(bytes32 hash) private view returns (bytes32) {
        bytes32 purpose = keccak256("folkmoot.commitment");
        bytes32 base = keccak256("base");
        return keccak256(abi.encode(purpose, block.chainid, federation, uint64(1), uint32(1), DID, base, hash, SALT));
    }
}
