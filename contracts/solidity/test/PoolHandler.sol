// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRewardPool} from "../interfaces/IRewardPool.sol";
import {PoolWorld} from "./PoolWorld.sol";
import {Tree} from "./Tree.sol";

/// @title Funders, payees, strangers and a federation around one pool; some of them try what they may not.
/// @dev Knows what every call must do and fails where the pool does otherwise.
contract PoolHandler is PoolWorld {
    uint256 internal constant FUNDERS = 3;

    struct Seen {
        uint256 total;
        uint256 totalPaid;
        uint256[MEMBERS] paid;
    }

    uint256[MEMBERS] private _pay;
    bytes32[] private _leaves;
    uint256 private _given = FUNDS;
    uint256 private _gifts;
    uint256 private _swept;
    mapping(address funder => uint256) private _gave;
    mapping(address funder => uint256) private _took;

    /// @dev Whatever was called, nobody loses what was promised or paid.
    modifier observed() {
        Seen memory before = _seen();
        _;
        Seen memory now_ = _seen();
        atMost(before.total, now_.total, "the promise never falls");
        atMost(before.totalPaid, now_.totalPaid, "totalPaid never falls");
        for (uint256 i = 0; i < MEMBERS; ++i) {
            atMost(before.paid[i], now_.paid[i], "paid never falls");
        }
    }

    function fund(uint256 who, uint256 amount) external observed {
        address funder = _funder(who);
        amount = bound(amount, 1, FUNDS);
        fundFrom(funder, amount);
        _given += amount;
        _gave[funder] += amount;
    }

    function donate(uint256 amount) external observed {
        amount = bound(amount, 1, FUNDS);
        token.mint(address(this), amount);
        own.donate(amount);
        _given += amount;
    }

    /// @notice Tokens that arrive past the pool's functions.
    function gift(uint256 amount) external observed {
        amount = bound(amount, 1, FUNDS);
        token.mint(address(own), amount);
        _gifts += amount;
    }

    /// @notice Hold back some of what is free, as an epoch under way does, and sometimes more.
    function reserve(uint256 amount) external observed {
        reserved = bound(amount, 0, own.unallocated() + 10);
    }

    function wait(uint256 time) external observed {
        vm.warp(block.timestamp + bound(time, 1, 200 days));
    }

    /// @notice Three tables of four are honest; the others promise more than their total, or take pay back.
    function post(uint256 seed) external observed {
        uint256 free = own.unallocated();
        uint256 total = own.totalCumulative();
        for (uint256 i = 0; i < MEMBERS; ++i) {
            uint256 gain = bound(uint256(keccak256(abi.encode(seed, i))), 0, free / MEMBERS);
            _pay[i] += gain;
            total += gain;
        }
        if (seed % 4 == 0) _pay[seed % MEMBERS] += FUNDS;
        if (seed % 8 == 4) _pay[seed % MEMBERS] = 0;
        _post(total);
    }

    /// @notice Promise more than is there, or less than before, or from another account.
    function misPost(uint256 total, bool stranger) external observed {
        (uint256 least, uint256 most) = (own.totalCumulative(), own.totalCumulative() + own.unallocated());
        total = bound(total, 0, 2 * most + 1);
        if (!stranger && total >= least && total <= most) total = most + 1;
        vm.prank(stranger ? STRANGER : address(this));
        (bool done,) = address(own).call(abi.encodeCall(IRewardPool.post, (keccak256("stolen"), total)));
        check(!done, "no such table");
    }

    function claim(uint256 index, uint256 extra) external observed {
        index = bound(index, 0, MEMBERS - 1);
        (uint256 pay, uint256 before) = (_pay[index], own.paid(payeeAt(index)));
        if (extra % 4 != 0) extra = 0;
        bytes4 refusal;
        if (_leaves.length == 0 || extra != 0) refusal = IRewardPool.InvalidProof.selector;
        else if (pay <= before) refusal = IRewardPool.NothingToClaim.selector;
        else if (own.totalPaid() + pay - before > own.totalCumulative()) refusal = IRewardPool.Overdrawn.selector;
        unchecked {
            pay += extra;
        }
        bytes32[] memory proof = _leaves.length == 0 ? new bytes32[](0) : Tree.proof(_leaves, index);
        vm.prank(STRANGER);
        try own.claim(payeeAt(index), pay, proof) {
            check(refusal == 0, "the claim is refused");
            eq(own.paid(payeeAt(index)), pay, "paid what the leaf says");
        } catch (bytes memory reason) {
            eq(bytes4(reason), refusal, "the refusal says why");
        }
    }

    /// @notice A batch in any order, with twins.
    function claimMany(uint256 seed) external observed {
        if (_leaves.length == 0) return;
        IRewardPool.Claim[] memory claims = new IRewardPool.Claim[](MEMBERS);
        for (uint256 i = 0; i < MEMBERS; ++i) {
            uint256 index = uint256(keccak256(abi.encode(seed, i))) % MEMBERS;
            claims[i] = IRewardPool.Claim(payeeAt(index), _pay[index], Tree.proof(_leaves, index));
        }
        uint256 before = token.balanceOf(address(own));
        try own.claimMany(claims) returns (uint256 amount) {
            eq(before - token.balanceOf(address(own)), amount, "the amount is what left");
        } catch (bytes memory reason) {
            eq(bytes4(reason), IRewardPool.Overdrawn.selector, "only a false table spoils a batch");
        }
    }

    function sweep(uint256 who) external observed {
        address funder = _funder(who);
        uint256 free = own.unallocated();
        free = free > reserved ? free - reserved : 0;
        uint256 shares = own.shareOf(address(this));
        for (uint256 i = 0; i < FUNDERS; ++i) {
            shares += own.shareOf(_funder(i));
        }
        uint256 share = own.shareOf(funder);
        bool early = block.timestamp < own.expiry();
        vm.prank(funder);
        try own.sweep() returns (uint256 amount) {
            check(!early, "too early");
            eq(amount, free * share / shares < share ? free * share / shares : share, "in proportion");
            _swept += amount;
            _took[funder] += amount;
            atMost(_took[funder], _gave[funder], "never more than it gave");
        } catch (bytes memory reason) {
            bytes4 refusal = early ? IRewardPool.NotExpired.selector : IRewardPool.NothingToSweep.selector;
            eq(bytes4(reason), refusal, "the refusal says why");
            if (!early) check(share == 0 || free * share / shares == 0, "a share worth something is paid");
        }
    }

    /// @notice Pay out all that was ever promised.
    function finish() external {
        uint256 owed = own.totalCumulative() - own.totalPaid();
        for (uint256 i = 0; i < MEMBERS; ++i) {
            _pay[i] = own.paid(payeeAt(i));
        }
        _pay[0] += owed;
        _post(own.totalCumulative());
        if (owed > 0) own.claim(payeeAt(0), _pay[0], Tree.proof(_leaves, 0));
        eq(own.totalPaid(), own.totalCumulative(), "all that was promised can leave");
    }

    /// @notice Every wei is where the books say.
    function checkMoney() external view {
        uint256 held = token.balanceOf(address(own));
        eq(held + own.totalPaid() + _swept, _given + _gifts, "conserved");
        eq(own.funded(), _given - _swept, "funded is what was given and not taken back");
        atMost(own.totalPaid(), own.totalCumulative(), "paid within what was promised");
        atMost(own.totalCumulative(), own.funded(), "promised within what was given");
        eq(own.totalCumulative() + own.unallocated(), own.funded(), "promised or free");
        atMost(own.totalCumulative() - own.totalPaid() + own.unallocated(), held, "solvent");
        uint256 sum;
        for (uint256 i = 0; i < MEMBERS; ++i) {
            eq(token.balanceOf(payeeAt(i)), own.paid(payeeAt(i)), "received is what was paid");
            sum += own.paid(payeeAt(i));
        }
        eq(sum, own.totalPaid(), "totalPaid is the sum");
        uint256 shares = own.shareOf(address(this));
        for (uint256 i = 0; i < FUNDERS; ++i) {
            shares += own.shareOf(_funder(i));
        }
        atMost(shares, own.funded(), "shares within what is there or was spent");
    }

    function _post(uint256 total) private {
        bytes32[] memory leaves = new bytes32[](MEMBERS);
        for (uint256 i = 0; i < MEMBERS; ++i) {
            leaves[i] = leafOf(payeeAt(i), _pay[i]);
        }
        _leaves = leaves;
        own.post(Tree.root(leaves), total);
    }

    function _seen() private view returns (Seen memory seen) {
        (seen.total, seen.totalPaid) = (own.totalCumulative(), own.totalPaid());
        for (uint256 i = 0; i < MEMBERS; ++i) {
            seen.paid[i] = own.paid(payeeAt(i));
        }
    }

    function _funder(uint256 who) private pure returns (address) {
        return address(uint160(0xFADE0000 + who % FUNDERS));
    }
}
