# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors as the command line prints them."""

import pytest

from tracking_sessions.commands.errors import ACTIONS, error_words
from tracking_sessions.core.errors import Action, TrackingSessionError
from tracking_sessions.tests.core.each_error import EACH_ERROR, classes_of_errors


@pytest.mark.parametrize(("error", "sentence"), EACH_ERROR, ids=lambda one: type(one).__name__)
def test_an_error_names_the_options_that_help(error: TrackingSessionError, sentence: str) -> None:
    assert error_words(error) == sentence


def test_each_class_of_errors_and_each_action_is_worded() -> None:
    assert {type(error) for error, _ in EACH_ERROR} == classes_of_errors()
    tried = {action for error, _ in EACH_ERROR for action in error.actions}
    assert tried == set(ACTIONS) == set(Action)
