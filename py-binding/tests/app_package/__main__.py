"""``python -m app_package``."""

from app import run

if __name__ == "__main__":
    run()
