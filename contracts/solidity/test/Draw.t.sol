// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";
import {BlockBeacon} from "../libraries/BlockBeacon.sol";
import {World} from "./World.sol";

/// @title The draw of a shard, and the choice of a new block when its hash is lost.
contract DrawTest is World {
    function testFuzz_drawShard_drawsByTheSeed_onlyWithinTheHorizon(uint256 blocks) public {
        reach(IFederation.Phase.Draw);
        uint64 target = federation.drawTarget();
        vm.roll(block.number + bound(blocks, 0, 300));
        if (block.number <= target) {
            vm.expectRevert(abi.encodeWithSelector(BlockBeacon.BeaconNotReady.selector, target, block.number));
        } else if (block.number > target + 256) {
            vm.expectRevert(abi.encodeWithSelector(BlockBeacon.BeaconExpired.selector, target, block.number));
        } else {
            bytes32 beacon = blockhash(target);
            check(beacon != 0, "the hash exists");
            bytes memory head = abi.encode(
                keccak256("folkmoot.draw"), block.chainid, federation, uint64(1), uint32(1), beacon, preimages()[0]
            );
            bytes32 seed = keccak256(bytes.concat(head, preimages()[1], keccak256("commits"), keccak256("reveals")));
            vm.expectEmit(address(federation));
            emit IFederation.ShardDrawn(1, 1, uint32(uint256(seed) % 3) + 1, seed, beacon, preimages());
        }
        vm.prank(STRANGER);
        federation.drawShard(preimages());
    }

    function test_drawShard_opensAndExpires_atTheEdges() public {
        reach(IFederation.Phase.Draw);
        uint64 target = federation.drawTarget();
        vm.roll(target);
        vm.expectRevert(abi.encodeWithSelector(BlockBeacon.BeaconNotReady.selector, target, target));
        federation.drawShard(preimages());
        vm.roll(target + 257);
        vm.expectRevert(abi.encodeWithSelector(BlockBeacon.BeaconExpired.selector, target, target + 257));
        federation.drawShard(preimages());
        vm.roll(target + 256);
        federation.drawShard(preimages());
        phaseIs(IFederation.Phase.Record);
    }

    function test_drawShard_movesTheTips_andRefusesAPreimageTwice() public {
        reach(IFederation.Phase.Record);
        bytes32[] memory spent = links(LINKS - 1);
        eq(keccak256(abi.encode(federation.providerTips())), keccak256(abi.encode(spent)), "tips");
        step();
        reach(IFederation.Phase.Draw);
        vm.roll(uint256(federation.drawTarget()) + 1);
        vm.expectRevert(abi.encodeWithSelector(IFederation.WrongPreimage.selector, 0, spent[0]));
        federation.drawShard(spent);
    }

    function testFuzz_drawShard_namesTheProvider_whosePreimageIsWrong(uint256 provider, bytes32 wrong) public {
        provider = bound(provider, 0, PROVIDERS - 1);
        reach(IFederation.Phase.Draw);
        vm.roll(uint256(federation.drawTarget()) + 1);
        bytes32[] memory given = preimages();
        vm.assume(wrong != given[provider]);
        given[provider] = wrong;
        vm.expectRevert(abi.encodeWithSelector(IFederation.WrongPreimage.selector, provider, wrong));
        federation.drawShard(given);
    }

    function test_drawShard_isRefused_whenPreimagesAreMissingOrTooMany() public {
        reach(IFederation.Phase.Draw);
        vm.roll(uint256(federation.drawTarget()) + 1);
        for (uint256 count = 0; count <= PROVIDERS + 1; ++count) {
            if (count == PROVIDERS) continue;
            vm.expectRevert(abi.encodeWithSelector(IFederation.WrongPreimageCount.selector, count, PROVIDERS));
            federation.drawShard(new bytes32[](count));
        }
    }

    function test_drawShard_neverRepeatsAShard_withinAnEpoch() public {
        reach(IFederation.Phase.Record);
        step();
        reach(IFederation.Phase.Record);
        uint32 first = federation.roundInfo(1, 1).shard;
        uint32 second = federation.roundInfo(1, 2).shard;
        check(first != second && first >= 1 && first <= 3 && second >= 1 && second <= 3, "two of three");
    }

    function test_retarget_waits_untilTheHashIsOutOfReach() public {
        reach(IFederation.Phase.Draw);
        uint64 target = federation.drawTarget();
        vm.roll(target + 256);
        vm.expectRevert(abi.encodeWithSelector(BlockBeacon.BeaconNotExpired.selector, target, target + 256));
        federation.retarget();
        vm.roll(target + 257);
        vm.expectEmit(address(federation));
        emit IFederation.DrawRetargeted(1, 1, target + 257 + DELAY);
        vm.prank(STRANGER);
        federation.retarget();
        draw();
        phaseIs(IFederation.Phase.Record);
    }
}
