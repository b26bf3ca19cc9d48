// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Base, Selectors} from "./Base.sol";
import {Handler} from "./Handler.sol";
import {People} from "./People.sol";

/// @title What stays true whatever anybody does, and that there is always a way out.
contract InvariantTest is Base {
    Handler internal handler;

    function setUp() public {
        handler = new Handler();
        handler.setUp();
    }

    function targetSelectors() external view returns (Selectors[] memory targets) {
        bytes4[] memory selectors = new bytes4[](19);
        selectors[0] = Handler.advance.selector;
        selectors[1] = Handler.attempt.selector;
        selectors[2] = Handler.fund.selector;
        selectors[3] = Handler.donate.selector;
        selectors[4] = Handler.wait.selector;
        selectors[5] = Handler.usurp.selector;
        selectors[6] = Handler.claim.selector;
        selectors[7] = People.bond.selector;
        selectors[8] = People.retire.selector;
        selectors[9] = People.withdraw.selector;
        selectors[10] = People.agree.selector;
        selectors[11] = People.show.selector;
        selectors[12] = People.accuse.selector;
        selectors[13] = People.cancel.selector;
        selectors[14] = People.convict.selector;
        selectors[15] = People.ask.selector;
        selectors[16] = People.answer.selector;
        selectors[17] = People.lapseNow.selector;
        selectors[18] = People.convictValidator.selector;
        targets = new Selectors[](1);
        targets[0] = Selectors(address(handler), selectors);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev One function, because forge walks all its runs anew for each.
    function invariant_moneyAndEpochs() external view {
        handler.checkMoney();
        handler.checkEpoch();
    }

    /// @dev Runs at the end of every walk, from wherever it stands.
    function afterInvariant() external {
        handler.finish();
        handler.checkMoney();
    }
}
