"""An operator's own things: settings, admission, the desk, what is watched and how it is told."""
