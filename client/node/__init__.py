"""The member's SuperNode: its folder and key, the one bundle it runs, and why it is not connected."""
