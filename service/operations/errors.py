"""What stops an operator's command, in words that say what to do."""


class OperationFailed(Exception):
    """The command could not be carried out; nothing that was there before has changed."""
