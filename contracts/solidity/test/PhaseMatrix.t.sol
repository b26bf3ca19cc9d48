// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";
import {World} from "./World.sol";

/// @title Every function in every phase, and from every caller.
contract PhaseMatrixTest is World {
    uint256 internal constant FUNCTIONS = 10;
    uint256 internal constant FIRST_FOR_ANYONE = 7;

    function test_function_isRefused_inEveryPhaseButItsOwn() public {
        for (uint8 p = 0; p <= uint8(type(IFederation.Phase).max); ++p) {
            reach(IFederation.Phase(p));
            for (uint256 f = 0; f < FUNCTIONS; ++f) {
                (bytes memory data, IFederation.Phase required) = _call(f);
                if (uint8(required) == p) continue;
                vm.prank(AGGREGATOR);
                (bool done, bytes memory reason) = address(federation).call(data);
                check(!done, "refused");
                eq(keccak256(reason), keccak256(_wrong(IFederation.Phase(p), required)), "WrongPhase");
            }
        }
    }

    function testFuzz_function_isRefused_fromAnyOtherCaller(address caller) public {
        vm.assume(caller != AGGREGATOR);
        for (uint8 p = 0; p <= uint8(type(IFederation.Phase).max); ++p) {
            reach(IFederation.Phase(p));
            for (uint256 f = 0; f < FIRST_FOR_ANYONE; ++f) {
                (bytes memory data,) = _call(f);
                vm.prank(caller);
                (bool done, bytes memory reason) = address(federation).call(data);
                check(!done, "refused");
                bytes memory expected = abi.encodeWithSelector(IFederation.NotAggregator.selector, caller);
                eq(keccak256(reason), keccak256(expected), "NotAggregator");
            }
        }
    }

    function test_step_movesToThePhase_thatTheDocumentsName() public {
        uint8[15] memory path = [0, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 6, 7, 0];
        for (uint256 i = 0; i < path.length; ++i) {
            phaseIs(IFederation.Phase(path[i]));
            step();
        }
    }

    function _call(uint256 f) private pure returns (bytes memory data, IFederation.Phase required) {
        bytes32 h = keccak256("any");
        if (f == 0) return (abi.encodeCall(IFederation.openEpoch, (terms(3, 2, FUNDS))), IFederation.Phase.Closed);
        if (f == 1) return (abi.encodeCall(IFederation.openRound, (h)), IFederation.Phase.Open);
        if (f == 2) return (abi.encodeCall(IFederation.closeCommits, (h)), IFederation.Phase.Commit);
        if (f == 3) return (abi.encodeCall(IFederation.closeReveals, (h)), IFederation.Phase.Reveal);
        if (f == 4) return (abi.encodeCall(IFederation.recordRound, (h, h, h, h)), IFederation.Phase.Record);
        if (f == 5) return (abi.encodeCall(IFederation.revealEpoch, (h)), IFederation.Phase.Open);
        if (f == 6) return (abi.encodeCall(IFederation.propose, (h, 0)), IFederation.Phase.Revealed);
        if (f == FIRST_FOR_ANYONE) {
            return (abi.encodeCall(IFederation.drawShard, (links(LINKS - 1))), IFederation.Phase.Draw);
        }
        if (f == 8) return (abi.encodeCall(IFederation.retarget, ()), IFederation.Phase.Draw);
        return (abi.encodeCall(IFederation.finalize, ()), IFederation.Phase.Proposed);
    }

    function _wrong(IFederation.Phase current, IFederation.Phase required) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IFederation.WrongPhase.selector, current, required);
    }
}
