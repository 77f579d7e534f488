"""Ports of this machine for what scripts start."""

import socket


def port():
    """One that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def listens(at):
    """Whether somebody does."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", at)) == 0
