// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {ContributorRegistry} from "../ContributorRegistry.sol";
import {RewardPool} from "../RewardPool.sol";
import {IContributorRegistry} from "../interfaces/IContributorRegistry.sol";
import {IRewardPool} from "../interfaces/IRewardPool.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {ListPolicy} from "../policies/ListPolicy.sol";
import {Base} from "./Base.sol";
import {Moot, Shares} from "./Moot.sol";

/// @title A DAO owns, funds, joins and takes back by vote; to the contracts it is an address like any other.
contract GovernorTest is Base {
    uint48 internal constant LOCK = 30 days;
    uint256 internal constant TREASURY = 1000;
    bytes32 internal constant DID = keccak256("did:key:dao");

    Shares internal shares;
    TimelockController internal timelock;
    Moot internal moot;
    RewardPool internal pool;
    ContributorRegistry internal registry;
    ListPolicy internal list;

    address[] private _targets;
    bytes[] private _calls;

    function setUp() public {
        shares = new Shares(10_000);
        shares.delegate(address(this));
        vm.roll(block.number + 1);
        timelock = new TimelockController(2 days, new address[](0), new address[](1), address(this));
        moot = new Moot(shares, timelock);
        timelock.grantRole(timelock.PROPOSER_ROLE(), address(moot));
        timelock.renounceRole(timelock.DEFAULT_ADMIN_ROLE(), address(this));
        shares.transfer(address(timelock), TREASURY);
        pool = new RewardPool(shares, address(this));
        registry = new ContributorRegistry(shares, LOCK);
        list = new ListPolicy(address(this));
        list.transferOwnership(address(timelock));
    }

    function reserved() external pure returns (uint256) {
        return 0;
    }

    function test_governor_fundsAndTakesBack_whatNobodyEarned() public {
        _call(address(shares), abi.encodeCall(IERC20.approve, (address(pool), 600)));
        _call(address(pool), abi.encodeCall(IRewardPool.fund, (600)));
        _pass("fund");
        eq(pool.shareOf(address(timelock)), 600, "share");
        eq(pool.unallocated(), 600, "unallocated");
        pool.post(Leaves.payout(address(pool), address(timelock), 100), 100);
        vm.warp(pool.expiry());
        _call(address(pool), abi.encodeCall(IRewardPool.sweep, ()));
        _pass("sweep");
        pool.claim(address(timelock), 100, new bytes32[](0));
        eq(shares.balanceOf(address(timelock)), TREASURY, "all is back");
    }

    function test_governor_ownsAList_andJoinsAsAMember() public {
        _call(address(list), abi.encodeCall(list.acceptOwnership, ()));
        _call(address(list), abi.encodeCall(list.setRoot, (Leaves.listedQuota(address(list), DID, 50))));
        _call(address(registry), abi.encodeCall(IContributorRegistry.register, (DID)));
        _call(address(shares), abi.encodeCall(IERC20.approve, (address(registry), 7)));
        _call(address(registry), abi.encodeCall(IContributorRegistry.stake, (DID, 7)));
        _pass("join");
        eq(list.owner(), address(timelock), "owner");
        list.prove(DID, 50, new bytes32[](0));
        uint48 time = uint48(block.timestamp);
        vm.warp(time + 1);
        eq(list.quotaOf(DID, address(timelock), time), 50, "quota");
        eq(registry.payeeOf(DID, address(timelock)), address(timelock), "payee");
        eq(registry.stakeAt(DID, address(timelock), time), 7, "stake");

        _call(address(registry), abi.encodeCall(IContributorRegistry.unstake, (DID, 7)));
        _pass("leave");
        vm.warp(block.timestamp + LOCK);
        _call(address(registry), abi.encodeCall(registry.withdraw, ()));
        _pass("withdraw");
        eq(shares.balanceOf(address(timelock)), TREASURY, "all is back");
    }

    function test_governor_movesNothing_withoutAQuorum() public {
        _call(address(shares), abi.encodeCall(IERC20.approve, (address(pool), 600)));
        uint256 id = moot.propose(_targets, new uint256[](1), _calls, "unseen");
        vm.roll(block.number + 12);
        eq(uint256(moot.state(id)), uint256(IGovernor.ProposalState.Defeated), "defeated");
        vm.expectRevert(
            abi.encodeWithSelector(
                IGovernor.GovernorUnexpectedProposalState.selector,
                id,
                IGovernor.ProposalState.Defeated,
                bytes32(uint256(1) << uint256(IGovernor.ProposalState.Succeeded))
            )
        );
        moot.queue(_targets, new uint256[](1), _calls, keccak256("unseen"));
    }

    function _call(address target, bytes memory data) private {
        _targets.push(target);
        _calls.push(data);
    }

    /// @dev From the proposal through vote and queue to the execution, which anybody may send.
    function _pass(string memory what) private {
        uint256[] memory values = new uint256[](_targets.length);
        uint256 id = moot.propose(_targets, values, _calls, what);
        vm.roll(block.number + 2);
        moot.castVote(id, 1);
        vm.roll(block.number + 10);
        moot.queue(_targets, values, _calls, keccak256(bytes(what)));
        vm.warp(block.timestamp + 2 days);
        vm.prank(address(0x57A));
        moot.execute(_targets, values, _calls, keccak256(bytes(what)));
        delete _targets;
        delete _calls;
    }
}
