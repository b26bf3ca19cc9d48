"""Providers of validation data in processes of their own: mailbox, both its sides, and their election."""
