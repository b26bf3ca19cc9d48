"""The released model for everybody: answers over HTTP, and files for other software."""
