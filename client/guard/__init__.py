"""The process that alone holds a member's keys and rows, and what speaks with it."""
