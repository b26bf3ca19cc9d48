// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

library First {
    /// The first of two errors of one name.
    error Clash(uint256 amount);
}

library Second {
    /// The second of two errors of one name.
    error Clash(address who, uint8 howOften);
}

/// @title Takes and returns values of every shape that bindings know. For tests.
contract Shapes {
    enum Kind {
        Nothing,
        Some,
        AlmostAll
    }

    struct Inner {
        address who;
        int256[] values;
        bytes32[2] pair;
    }

    struct Outer {
        Kind kind;
        Inner inner;
        Inner[] list;
        bytes[] blobs;
        address[] people;
        uint32[][] grid;
        string text;
        Shapes self;
    }

    struct Single {
        bytes4 word;
    }

    event Seen(Kind indexed kind, Outer outer);
    event Silent();

    /// Values of \every "shape" came back. This is the second sentence of a notice.
    error Refused(Outer outer, Kind kind, uint256 code);
    /// Nothing was allowed.
    error NotAllowed();

    mapping(address => mapping(uint8 => uint256)) public counts;

    function echo(Outer calldata outer) external pure returns (Outer memory) {
        return outer;
    }

    function echoAll(Outer[][] calldata outers, Kind kind, Single calldata single)
        external
        pure
        returns (Outer[][] memory, Kind, Single memory)
    {
        return (outers, kind, single);
    }

    function over(uint8 small) external pure returns (uint256, address) {
        return (small, address(0));
    }

    function over(address who) external pure returns (uint256, address) {
        return (1, who);
    }

    function check(bool allowed) external pure {
        if (!allowed) revert NotAllowed();
    }

    function emitAll(Outer calldata outer) external {
        ++counts[msg.sender][uint8(outer.kind)];
        emit Seen(outer.kind, outer);
        emit Silent();
    }

    function refuse(Outer calldata outer) external {
        ++counts[msg.sender][0];
        revert Refused(outer, outer.kind, 7);
    }

    function refuseBelow(Shapes below, Outer calldata outer) external {
        below.refuse(outer);
    }

    function clash(bool first) external view {
        if (first) revert First.Clash(5);
        revert Second.Clash(msg.sender, 6);
    }

    function panic(uint256 zero) external pure returns (uint256) {
        return 1 / zero;
    }
}
