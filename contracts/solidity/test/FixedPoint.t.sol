// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FixedPoint} from "../libraries/FixedPoint.sol";
import {SigmoidTable} from "../libraries/SigmoidTable.sol";
import {SoftplusTable} from "../libraries/SoftplusTable.sol";
import {Base} from "./Base.sol";

/// @title Fixed point against its definitions; its tables against Python in `tests/contracts/disputes`.
contract FixedPointTest is Base {
    function testFuzz_floorDivRoundsDown(int128 a, uint64 divisor) public pure {
        int256 b = int256(bound(divisor, 1, type(uint64).max));
        int256 q = FixedPoint.floorDiv(a, b);
        check(q * b <= a && a < (q + 1) * b, "q is the largest with q b <= a");
    }

    function testFuzz_roundShiftIsTheNearest(int128 value, uint256 bits) public pure {
        bits = bound(bits, 1, 64);
        int256 a = value;
        int256 unit = int256(1 << bits);
        int256 q = FixedPoint.roundShift(a, bits);
        check(2 * a - unit < 2 * q * unit && 2 * q * unit <= 2 * a + unit, "halves go upwards");
    }

    function testFuzz_sigmoidIsSymmetricAndGrows(int256 z, uint256 by) public pure {
        bytes memory table = SigmoidTable.ENTRIES;
        int256 p = FixedPoint.sigmoid(table, z);
        check(p >= 0 && p <= FixedPoint.ONE, "a probability");
        if (z > type(int256).min && z != 0) {
            eq(uint256(p + FixedPoint.sigmoid(table, -z)), uint256(FixedPoint.ONE), "p(-z) = 1 - p(z)");
        }
        z = int256(bound(uint256(z), 0, 1 << 30)) - (1 << 29);
        int256 more = z + int256(bound(by, 0, 1 << 20));
        check(FixedPoint.sigmoid(table, z) <= FixedPoint.sigmoid(table, more), "never falls");
    }

    function testFuzz_softplusDiffersByTheLogit(int64 z) public pure {
        bytes memory table = SoftplusTable.ENTRIES;
        if (z == type(int64).min) ++z;
        int256 difference = FixedPoint.softplus(table, z) - FixedPoint.softplus(table, -int256(z));
        check(difference == z, "log(1 + e^z) - log(1 + e^-z) = z");
    }
}
