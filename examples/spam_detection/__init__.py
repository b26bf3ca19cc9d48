"""A paid spam-filter federation on the public SpamAssassin corpus, or on the user's own table."""
