"""An operator's side: the Flower ServerApp, round driver, settlement and verification."""
