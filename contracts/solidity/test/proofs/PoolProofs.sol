// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IReserves} from "../../interfaces/IReserves.sol";
import {Vm} from "../Base.sol";
import {Ledger, OpenPool} from "./OpenPool.sol";

/// @title The pool's books, proved for every state and every argument by `make halmos`.
/// @dev Each proof starts from any state in which the books are sound, does one call, and finds them sound:
/// by induction they are after every sequence of calls. A call that reverts changes nothing.
contract PoolProofs is IReserves {
    /// @dev Any state of the books, and what arrived past them.
    struct State {
        uint104 promised;
        uint104 paid;
        uint104 funded;
        uint104 shares;
        uint104 gift;
    }

    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    address internal constant PAYEE = address(0xB0B);
    address internal constant FUNDER = address(0xF00);

    Ledger internal token;
    OpenPool internal pool;
    uint256 public reserved;

    function setUp() public {
        token = new Ledger();
        pool = new OpenPool(IERC20(address(token)), address(this));
    }

    function check_fund_keepsTheBooks(State calldata state, uint256 given, uint256 amount) public {
        _start(state);
        token.set(FUNDER, given);
        vm.prank(FUNDER);
        pool.fund(amount);
        _sound();
        assert(pool.funded() == uint256(state.funded) + amount);
        assert(pool.allShares() == uint256(state.shares) + amount);
        assert(pool.shareOf(FUNDER) == amount);
        assert(token.balanceOf(FUNDER) == given - amount);
    }

    function check_donate_keepsTheBooks(State calldata state, uint256 given, uint256 amount) public {
        _start(state);
        token.set(FUNDER, given);
        vm.prank(FUNDER);
        pool.donate(amount);
        _sound();
        assert(pool.funded() == uint256(state.funded) + amount);
        assert(pool.allShares() == state.shares);
    }

    /// @dev From any books at all, whatever is held: a token may take back what it gave.
    function check_post_promisesNoMoreThanIsHeld(State calldata state, uint128 held, uint256 total) public {
        pool.load(state.promised, state.paid, state.funded, state.shares);
        token.set(address(pool), held);
        pool.post("table", total);
        assert(pool.totalCumulative() == total);
        assert(total >= state.promised);
        assert(total <= state.funded);
        assert(total <= uint256(state.paid) + held);
        assert(pool.totalPaid() == state.paid);
    }

    function check_claim_paysTheDifference(State calldata state, uint256 before, uint256 cumulative) public {
        _start(state);
        pool.table(PAYEE, before, cumulative);
        uint256 held = token.balanceOf(address(pool));
        pool.claim(PAYEE, cumulative, new bytes32[](0));
        _sound();
        assert(cumulative > before);
        assert(pool.paid(PAYEE) == cumulative);
        assert(pool.totalPaid() == state.paid + (cumulative - before));
        assert(token.balanceOf(PAYEE) == cumulative - before);
        assert(token.balanceOf(address(pool)) == held - (cumulative - before));
    }

    /// @dev A quotient of two unknowns is beyond a prover: here a funder owns a quarter of 2^64
    /// shares, and `Sweep.t.sol` fuzzes all else.
    function check_sweep_takesNoMoreThanIsFree(State memory state, uint104 kept) public {
        state.shares = 1 << 64;
        _start(state);
        uint256 share = 1 << 62;
        pool.give(FUNDER, share);
        reserved = kept;
        uint256 free = pool.unallocated();
        vm.warp(pool.expiry());
        vm.prank(FUNDER);
        uint256 amount = pool.sweep();
        _sound();
        assert(amount > 0 && amount <= share);
        assert(amount + kept <= free);
        assert(pool.unallocated() == free - amount);
        assert(pool.shareOf(FUNDER) == 0);
        assert(token.balanceOf(FUNDER) == amount);
    }

    /// @dev Any state in which the books are sound.
    function _start(State memory state) private {
        vm.assume(state.paid <= state.promised && state.promised <= state.funded && state.shares <= state.funded);
        pool.load(state.promised, state.paid, state.funded, state.shares);
        token.set(address(pool), uint256(state.funded) - state.paid + state.gift);
    }

    function _sound() private view {
        (uint256 promised, uint256 paid, uint256 funded) = (pool.totalCumulative(), pool.totalPaid(), pool.funded());
        assert(paid <= promised);
        assert(promised <= funded);
        assert(pool.allShares() <= funded);
        assert(funded - paid <= token.balanceOf(address(pool)));
        assert(pool.unallocated() == funded - promised);
    }
}
