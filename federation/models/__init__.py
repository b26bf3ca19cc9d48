"""Model kinds. ``linear`` is the canonical one: exact integers, scores that anyone recomputes."""
