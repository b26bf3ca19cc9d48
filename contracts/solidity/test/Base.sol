// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The cheat codes of forge that the tests use.
interface Vm {
    function addr(uint256 key) external returns (address);
    function assume(bool condition) external;
    function chainId(uint256 id) external;
    function expectEmit(address emitter) external;
    function expectRevert(bytes calldata data) external;
    function parseJsonAddress(string calldata json, string calldata path) external returns (address);
    function parseJsonBytes32(string calldata json, string calldata path) external returns (bytes32);
    function parseJsonBytes32Array(string calldata json, string calldata path) external returns (bytes32[] memory);
    function parseJsonUint(string calldata json, string calldata path) external returns (uint256);
    function prank(address sender) external;
    function readFile(string calldata path) external returns (string memory);
    function roll(uint256 number) external;
    function sign(uint256 key, bytes32 digest) external returns (uint8 v, bytes32 r, bytes32 s);
    function snapshotGasLastCall(string calldata group, string calldata name) external returns (uint256);
    function toString(uint256 value) external returns (string memory);
    function warp(uint256 timestamp) external;
}

/// @dev What forge asks an invariant test for: the functions that it may call, per contract.
struct Selectors {
    address addr;
    bytes4[] selectors;
}

/// @title What every test contract has: cheat codes, checks, a bounded random number.
abstract contract Base {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    error NotTrue(string rule);
    error NotEqual(string rule, bytes32 left, bytes32 right);
    error NotAtMost(string rule, uint256 left, uint256 right);

    function check(bool condition, string memory rule) internal pure {
        if (!condition) revert NotTrue(rule);
    }

    function eq(uint256 left, uint256 right, string memory rule) internal pure {
        eq(bytes32(left), bytes32(right), rule);
    }

    function eq(address left, address right, string memory rule) internal pure {
        eq(uint256(uint160(left)), uint256(uint160(right)), rule);
    }

    function eq(bytes32 left, bytes32 right, string memory rule) internal pure {
        if (left != right) revert NotEqual(rule, left, right);
    }

    function atMost(uint256 left, uint256 right, string memory rule) internal pure {
        if (left > right) revert NotAtMost(rule, left, right);
    }

    /// @dev `value` if it lies in least..most, else folded into it.
    function bound(uint256 value, uint256 least, uint256 most) internal pure returns (uint256) {
        if (value >= least && value <= most) return value;
        return least + value % (most - least + 1);
    }
}
