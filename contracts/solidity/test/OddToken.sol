// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A token whose balances move by themselves, and that can say no or say nothing. For tests.
contract OddToken {
    enum Answer { Yes, No, Nothing }

    mapping(address owner => uint256) private _units;
    mapping(address owner => mapping(address spender => uint256)) public allowance;
    uint256 public percent = 100;
    Answer public answer;

    constructor(uint256 supply) {
        _units[msg.sender] = supply;
    }

    /// @dev From now on everybody holds so many hundredths of what it was given.
    function rebase(uint256 percent_) external {
        percent = percent_;
    }

    function say(Answer answer_) external {
        answer = answer_;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address to, uint256 amount) external {
        _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount);
    }

    function balanceOf(address owner) external view returns (uint256) {
        return _units[owner] * percent / 100;
    }

    function _move(address from, address to, uint256 amount) private {
        if (answer == Answer.No) _reply(0);
        uint256 units = amount * 100 / percent;
        _units[from] -= units;
        _units[to] += units;
        if (answer == Answer.Yes) _reply(1);
    }

    /// @dev Ends the call with one word. Assembly, because the functions themselves return none, as some old
    /// tokens do.
    function _reply(uint256 word) private pure {
        assembly ("memory-safe") {
            mstore(0, word)
            return(0, 32)
        }
    }
}
