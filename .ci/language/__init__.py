"""The rules of the language of Ictus, and the texts that they apply to."""
