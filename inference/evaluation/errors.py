"""How an evaluation ends without a verdict."""


class InputError(Exception):
    """What the evaluation was given cannot be used: a stable `noun.reason` code, and a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class EngineFailed(Exception):
    """The engine cannot go on; the message is a sentence."""
