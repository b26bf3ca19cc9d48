// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";
import {IFederationErrors} from "../interfaces/IFederationErrors.sol";
import {IFederationEvents} from "../interfaces/IFederationEvents.sol";
import {IRandomness} from "../interfaces/IRandomness.sol";
import {World} from "./World.sol";

/// @title The draw of a shard, and the choice of a new target when its randomness is lost.
contract DrawTest is World {
    function testFuzz_drawShard_drawsByTheSeed_onlyWithinTheHorizon(uint256 blocks) public {
        reach(IFederation.Phase.Draw);
        uint64 target = federation.drawTarget();
        vm.roll(block.number + bound(blocks, 0, 300));
        if (block.number <= target) {
            vm.expectRevert(abi.encodeWithSelector(IRandomness.BeaconNotReady.selector, target, block.number));
        } else if (block.number > target + 256) {
            vm.expectRevert(abi.encodeWithSelector(IRandomness.BeaconExpired.selector, target, block.number));
        } else {
            bytes32 beacon = blockhash(target);
            check(beacon != 0, "the hash exists");
            bytes32 digest = keccak256(abi.encode(keccak256("base")));
            digest = keccak256(abi.encode(digest, keccak256("commits")));
            digest = keccak256(abi.encode(digest, keccak256("reveals")));
            bytes memory head = abi.encode(
                keccak256("folkmoot.draw"), block.chainid, federation, uint64(1), uint32(1), beacon, preimages()[0]
            );
            bytes32 seed = keccak256(bytes.concat(head, preimages()[1], digest));
            uint32 shard = uint32(uint256(seed) % 3) + 1;
            vm.expectEmit(address(federation));
            emit IFederationEvents.ShardDrawn(
                1, 1, shard, seed, beacon, preimages(), uint64(block.timestamp) + PHASE
            );
        }
        vm.prank(STRANGER);
        federation.drawShard(preimages());
    }

    function test_drawShard_opensAndExpires_atTheEdges() public {
        reach(IFederation.Phase.Draw);
        uint64 target = federation.drawTarget();
        vm.roll(target);
        vm.expectRevert(abi.encodeWithSelector(IRandomness.BeaconNotReady.selector, target, target));
        federation.drawShard(preimages());
        vm.roll(target + 257);
        vm.expectRevert(abi.encodeWithSelector(IRandomness.BeaconExpired.selector, target, target + 257));
        federation.drawShard(preimages());
        vm.roll(target + 256);
        federation.drawShard(preimages());
        phaseIs(IFederation.Phase.Record);
    }

    function test_drawShard_movesTheTips_andRefusesAPreimageTwice() public {
        reach(IFederation.Phase.Record);
        bytes32[] memory spent = links(LINKS - 1);
        bytes32 moved = keccak256(abi.encodePacked(spent));
        eq(federation.tipsHash(), moved, "tips");
        step();
        reach(IFederation.Phase.Draw);
        vm.roll(uint256(federation.drawTarget()) + 1);
        bytes32 given = keccak256(abi.encodePacked(links(LINKS)));
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.WrongPreimages.selector, given, moved));
        federation.drawShard(spent);
    }

    function test_drawShard_refusesMissingAndSurplusPreimages() public {
        reach(IFederation.Phase.Draw);
        vm.roll(uint256(federation.drawTarget()) + 1);
        bytes32[] memory two = preimages();
        bytes32[] memory one = new bytes32[](1);
        one[0] = two[0];
        _refuse(one);
        bytes32[] memory three = new bytes32[](3);
        (three[0], three[1]) = (two[0], two[1]);
        _refuse(three);
        (two[0], two[1]) = (two[1], two[0]);
        _refuse(two);
        _refuse(new bytes32[](0));
    }

    function test_drawShard_drawsEveryShardOnce_inAnEpoch() public {
        open(3, FUNDS);
        uint256 seen;
        for (uint32 r = 1; r <= 3; ++r) {
            reach(IFederation.Phase.Record);
            check(drawn[1][r] >= 1 && drawn[1][r] <= 3, "a shard of the deck");
            seen |= 1 << drawn[1][r];
            step();
        }
        eq(seen, 14, "all three");
    }

    function test_retarget_choosesANewBlock_onlyWhenTheOldOneIsLost() public {
        reach(IFederation.Phase.Draw);
        uint64 deadline = federation.deadline();
        uint64 target = federation.drawTarget();
        vm.roll(target + 256);
        vm.expectRevert(
            abi.encodeWithSelector(IFederationErrors.BeaconNotExpired.selector, target, target + 256)
        );
        federation.retarget();
        vm.roll(target + 257);
        vm.expectEmit(address(federation));
        emit IFederationEvents.DrawRetargeted(1, 1, target + 257 + DELAY);
        vm.prank(STRANGER);
        federation.retarget();
        eq(federation.drawTarget(), target + 257 + DELAY, "target");
        eq(federation.deadline(), deadline, "the deadline stays");
        draw();
        phaseIs(IFederation.Phase.Record);
    }

    function test_retarget_choosesANewBlock_threeTimesInARound() public {
        reach(IFederation.Phase.Draw);
        for (uint256 round = 1; round <= 2; ++round) {
            for (uint256 time = 1; time <= 3; ++time) {
                vm.roll(uint256(federation.drawTarget()) + 257);
                federation.retarget();
            }
            vm.roll(uint256(federation.drawTarget()) + 257);
            vm.expectRevert(abi.encodeWithSelector(IFederationErrors.RetargetsSpent.selector, 3));
            federation.retarget();
            if (round == 2) break;
            vm.roll(uint256(federation.drawTarget()) + 1);
            step();
            step();
            reach(IFederation.Phase.Draw);
        }
        lapse();
        phaseIs(IFederation.Phase.Settle);
    }

    function _refuse(bytes32[] memory given) private {
        bytes32[] memory hashed = new bytes32[](given.length);
        for (uint256 i = 0; i < given.length; ++i) {
            hashed[i] = keccak256(abi.encode(given[i]));
        }
        bytes32 stored = keccak256(abi.encodePacked(tips()));
        bytes32 hash = keccak256(abi.encodePacked(hashed));
        vm.expectRevert(abi.encodeWithSelector(IFederationErrors.WrongPreimages.selector, hash, stored));
        federation.drawShard(given);
    }
}
