"""Who has a device: two processes, a child, an owner that ends."""

import multiprocessing
import socket

from m3vit.errors import UserError
from m3vit.host import claim as claims
from m3vit.host.claim import claim


def attempt(name, answers):
    try:
        claim(name)
    except UserError as error:
        answers.put(str(error))
    else:
        answers.put("mine")


def test_a_child_has_not_what_its_parent_has():
    fork = multiprocessing.get_context("fork")
    claim("test-of-a-child")
    claim("test-of-a-child")
    answers = fork.SimpleQueue()
    child = fork.Process(target=attempt, args=("test-of-a-child", answers))
    child.start()
    child.join()
    assert answers.get().startswith(f"process {multiprocessing.current_process().pid} uses")


def test_an_owner_that_ends_while_it_is_asked(monkeypatch):
    asked = []

    def owner(address):
        asked.append(address)
        other.close()

    other = socket.socket(socket.AF_UNIX)
    other.bind("\0m3vit-test-of-an-end")
    assert claims._owner("\0m3vit-test-of-an-end") is None, "nobody listens"
    monkeypatch.setattr(claims, "_owner", owner)
    claim("test-of-an-end")
    assert asked == ["\0m3vit-test-of-an-end"]
