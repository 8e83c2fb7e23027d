"""The program as a package."""
