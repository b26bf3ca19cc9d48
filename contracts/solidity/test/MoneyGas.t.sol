// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ContributorRegistry} from "../ContributorRegistry.sol";
import {EventAnchor} from "../EventAnchor.sol";
import {RewardPool} from "../RewardPool.sol";
import {IRewardPool} from "../interfaces/IRewardPool.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {PoolWorld} from "./PoolWorld.sol";
import {Tree} from "./Tree.sol";

/// @title Gas of whole transactions around money: each pays for its calldata and finds all storage cold.
/// forge-config: default.isolate = true
contract MoneyGasTest is PoolWorld {
    uint256 internal constant BATCH = 100;

    function test_gas_ofClaims_staysWithinItsBounds_whateverTheTree() public {
        uint16[4] memory sizes = [1, 10, 100, 1000];
        for (uint256 s = 0; s < sizes.length; ++s) {
            uint256 size = sizes[s];
            RewardPool pool = _pool();
            string memory name = string.concat("claim of ", vm.toString(size));
            bytes32[] memory leaves = _leaves(pool, size, 1e18);
            pool.post(Tree.root(leaves), size * 1e18);
            pool.claim(_payee(pool, 0), 1e18, Tree.proof(leaves, 0));
            atMost(_save(name, "first"), 95_000, "the pool's very first claim");
            leaves = _leaves(pool, size, 2e18);
            pool.post(Tree.root(leaves), size * 2e18);
            pool.claim(_payee(pool, 0), 2e18, Tree.proof(leaves, 0));
            atMost(_save(name, "later"), 60_000, "a later claim");
        }
    }

    function test_gas_ofBatches_staysWithinItsBounds_inSmallTrees() public {
        _batches(10, 10);
        _batches(100, 100);
    }

    function test_gas_ofBatches_staysWithinItsBounds_inALargeTree() public {
        _batches(1000, 100);
    }

    function test_gas_ofFunding() public {
        fundFrom(STRANGER, FUNDS);
        _save("fund", "first");
        own.fund(FUNDS);
        _save("fund", "later");
        own.donate(FUNDS);
        _save("donate", "later");
        vm.warp(own.expiry());
        own.sweep();
        _save("sweep", "first");
    }

    function test_gas_ofMembership() public {
        ContributorRegistry registry = new ContributorRegistry(token, 1 days);
        EventAnchor anchor = new EventAnchor();
        token.approve(address(registry), FUNDS);
        bytes32 did = keccak256("did");
        registry.register(did);
        _save("register", "first");
        registry.changePayee(did, address(this), address(this));
        _save("changePayee", "first");
        for (uint256 time = 1; time <= 2; ++time) {
            string memory when = time == 1 ? "first" : "later";
            vm.warp(time * 1000);
            registry.stake(did, 10);
            _save("stake", when);
            registry.unstake(did, 5);
            _save("unstake", when);
            anchor.anchorDagCbor("root");
            _save("anchorDagCbor", when);
        }
    }

    function _pool() private returns (RewardPool pool) {
        pool = new RewardPool(token, address(this));
        token.mint(address(this), 1e22);
        token.approve(address(pool), 1e22);
        pool.fund(1e22);
    }

    function _batches(uint256 size, uint256 many) private {
        RewardPool pool = _pool();
        string memory name = string.concat("claimMany of ", vm.toString(many), " in ", vm.toString(size));
        _batch(pool, size, many, 1e18);
        atMost(_save(name, "first") / many, 75_000, "a member's first");
        _batch(pool, size, many, 2e18);
        atMost(_save(name, "later") / many, 40_000, "a member's later");
    }

    function _batch(RewardPool pool, uint256 size, uint256 many, uint256 each) private {
        (bytes32 root, IRewardPool.Claim[] memory claims) = this.batch(pool, size, many, each);
        pool.post(root, size * each);
        pool.claimMany(claims);
    }

    /// @dev In a call of its own, since the trees take more memory than one call can pay for twice.
    function batch(RewardPool pool, uint256 size, uint256 many, uint256 each)
        external
        view
        returns (bytes32, IRewardPool.Claim[] memory claims)
    {
        bytes32[] memory leaves = _leaves(pool, size, each);
        claims = new IRewardPool.Claim[](many);
        for (uint256 i = 0; i < many; ++i) {
            claims[i] = IRewardPool.Claim(_payee(pool, i), each, Tree.proof(leaves, i));
        }
        return (Tree.root(leaves), claims);
    }

    /// @dev Every pool's payees are new to the token.
    function _payee(RewardPool pool, uint256 i) private pure returns (address) {
        return address(uint160(uint256(keccak256(abi.encode(pool, i)))));
    }

    function _leaves(RewardPool pool, uint256 size, uint256 each) private view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](size);
        for (uint256 i = 0; i < size; ++i) {
            leaves[i] = Leaves.payout(address(pool), _payee(pool, i), each);
        }
    }

    function _save(string memory name, string memory when) private returns (uint256) {
        return vm.snapshotGasLastCall("gas", string.concat(name, ", ", when));
    }
}
