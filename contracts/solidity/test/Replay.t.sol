// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Base} from "./Base.sol";
import {MootToken} from "../MootToken.sol";
import {DataDemands} from "../disputes/DataDemands.sol";
import {ExampleDisputes} from "../disputes/ExampleDisputes.sol";
import {FitDisputes} from "../disputes/FitDisputes.sol";
import {GradientDisputes} from "../disputes/GradientDisputes.sol";
import {MemberDisputes} from "../disputes/MemberDisputes.sol";
import {PointDisputes} from "../disputes/PointDisputes.sol";
import {ProjectionDisputes} from "../disputes/ProjectionDisputes.sol";
import {RecordDisputes} from "../disputes/RecordDisputes.sol";
import {SettlementDisputes} from "../disputes/SettlementDisputes.sol";
import {StateDisputes} from "../disputes/StateDisputes.sol";
import {ValidatorQuorum} from "../disputes/ValidatorQuorum.sol";
import {MockFederation} from "./MockFederation.sol";
import {MockProposal} from "./MockProposal.sol";

/// @title The cheat codes that only this test uses.
interface ReplayVm {
    function etch(address target, bytes calldata code) external;
    function exists(string calldata path) external returns (bool);
    function parseAddress(string calldata text) external pure returns (address);
    function parseBytes(string calldata text) external pure returns (bytes memory);
    function parseUint(string calldata text) external pure returns (uint256);
    function readLine(string calldata path) external returns (string memory);
    function revertToState(uint256 id) external returns (bool);
    function snapshotState() external returns (uint256);
    function skip(bool skipped) external;
    function split(string calldata text, string calldata delimiter) external pure returns (string[] memory);
}

/// @title Every call that the tests in Python made to the judges, made again: the same ones are refused.
/// @dev `tests/contracts/disputes/recording.py` writes the calls; skipped where nobody has recorded any.
contract ReplayTest is Base {
    ReplayVm private constant replay = ReplayVm(address(vm));
    string private constant CALLS = "node_modules/.cache/calls.txt";

    mapping(bytes32 name => bytes) private codes;

    error OtherOutcome(uint256 line, bytes4 expected, bytes found);

    constructor() {
        codes["MootToken"] = type(MootToken).creationCode;
        codes["MockFederation"] = type(MockFederation).creationCode;
        codes["MockProposal"] = type(MockProposal).creationCode;
        codes["DataDemands"] = type(DataDemands).creationCode;
        codes["ExampleDisputes"] = type(ExampleDisputes).creationCode;
        codes["FitDisputes"] = type(FitDisputes).creationCode;
        codes["GradientDisputes"] = type(GradientDisputes).creationCode;
        codes["MemberDisputes"] = type(MemberDisputes).creationCode;
        codes["PointDisputes"] = type(PointDisputes).creationCode;
        codes["ProjectionDisputes"] = type(ProjectionDisputes).creationCode;
        codes["RecordDisputes"] = type(RecordDisputes).creationCode;
        codes["SettlementDisputes"] = type(SettlementDisputes).creationCode;
        codes["StateDisputes"] = type(StateDisputes).creationCode;
        codes["ValidatorQuorum"] = type(ValidatorQuorum).creationCode;
    }

    function test_TheJudgesAnswerAsTheyDidInPython() public {
        replay.skip(!replay.exists(CALLS));
        uint256 line = 0;
        uint256 fresh = replay.snapshotState();
        // A call of its own for every line, so that memory is given back.
        while (this.step(line, fresh)) ++line;
        check(line > 1000, "calls were recorded");
    }

    function step(uint256 line, uint256 fresh) external returns (bool) {
        string memory text = replay.readLine(CALLS);
        if (bytes(text).length == 0) return false;
        string[] memory words = replay.split(text, " ");
        bytes32 kind = keccak256(bytes(words[0]));
        if (kind == keccak256("chain")) {
            replay.revertToState(fresh);
            vm.chainId(replay.parseUint(words[1]));
        } else if (kind == keccak256("deploy")) {
            bytes memory code = bytes.concat(codes[bytes32(bytes(words[1]))], replay.parseBytes(words[3]));
            deploy(replay.parseAddress(words[2]), code, replay.parseAddress(words[4]));
        } else {
            (address target, bytes memory data) = (replay.parseAddress(words[1]), replay.parseBytes(words[2]));
            vm.roll(replay.parseUint(words[4]));
            vm.warp(replay.parseUint(words[5]));
            vm.prank(replay.parseAddress(words[3]));
            (bool done, bytes memory output) = target.call(data);
            bytes4 expected = bytes4(replay.parseBytes(words[6]));
            if (done != (expected == 0) || (!done && bytes4(output) != expected)) {
                revert OtherOutcome(line + 1, expected, output);
            }
        }
        return true;
    }

    /// @dev At the address where it stood: what a constructor stores and derives from it is the same.
    function deploy(address target, bytes memory code, address sender) private {
        replay.etch(target, code);
        vm.prank(sender);
        (bool done, bytes memory runtime) = target.call("");
        check(done && runtime.length != 0, "deployed");
        replay.etch(target, runtime);
    }
}
