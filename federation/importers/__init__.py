"""Files to rows: CSV, JSON Lines, mbox and maildir."""
