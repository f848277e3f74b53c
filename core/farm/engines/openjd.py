# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenJD: a job bundle for AWS Deadline Cloud; any program for Open Job Description runs the template in it.

Sources: “Template Schemas” and “How Jobs Are Run” of the OpenJD specifications, revision 2023-09, without extensions;
the Deadline Cloud developer guide for the files beside the template.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterable
from pathlib import Path
from string import Template

from ...errors import SubmitFailed, UsageError
from ...model.ranges import FrameRanges
from ...model.wording import short
from ...processes.answers import ask
from ...processes.own import flags
from ...storage.files import make_folder, replace_file
from ..submission import Resources, Submission, offline_words

_BUNDLE = "bundle"
_TEMPLATE = "openjd.yaml"
_NAME = 128  # characters of the name of a job, at most
_DESCRIPTION = 2048
_VALUE = 1024  # characters of the value of a parameter, at most
_TAKE = 900.0  # seconds for Deadline Cloud to take a job
_SHOTS = """  - name: Shots
    type: STRING
    default: {}
    description: Their numbers, such as 1-24,30
"""


class OpenJD:
    """The engine. Its ids are those of jobs of Deadline Cloud."""

    name = "openjd"
    title = "Deadline Cloud"
    takes = frozenset({"max_running", "time_limit", "cpus", "memory", "queue", "priority", "comment"})

    def __init__(self, *, is_online: bool) -> None:
        """`is_online`: whether this process may use the network."""
        self._is_online = is_online

    def missing(self, resources: Resources) -> str:
        if not self._is_online:
            return offline_words(self.title)
        if shutil.which("deadline"):
            return ""
        return "The command “deadline” of AWS Deadline Cloud (the Python package deadline) is not on the PATH"

    def write(self, submission: Submission) -> list[Path]:
        manifest, root = (_quoted(_value(text)) for text in (submission.manifest, submission.root))
        contents = {
            "template.yaml": _template(submission),
            "parameter_values.yaml": f"parameterValues:\n  - name: Manifest\n    value: {manifest}\n",
            "asset_references.yaml": f"assetReferences:\n  referencedPaths:\n    - {root}\n",
        }
        folder = submission.folder / _BUNDLE
        make_folder(folder)
        for name, content in contents.items():
            replace_file(folder / name, content.encode())
        return [folder / name for name in contents]

    def send(self, submission: Submission) -> list[str]:
        code, output, errors = ask(_command(submission), _TAKE)
        jobs = re.findall(r"\bjob-[0-9a-f]{32}\b", output)
        if code or not jobs:
            said = (errors or output)[-1000:] or "deadline says nothing"
            again = ". It may have taken the job: look there before you send it again" if code <= 0 else ""
            raise SubmitFailed(f"Deadline Cloud has not confirmed the job: {said}{again}")
        return jobs[-1:]

    def advice(self, submission: Submission) -> str:
        return shlex.join(_command(submission))


def _command(submission: Submission) -> list[str]:
    """The command line that sends the bundle. However many shots are bad, the others go on."""
    resources = submission.resources
    options = {
        "queue_id": resources.queue,
        "priority": resources.priority,
        "max_worker_count": resources.max_running,
        "max_failed_tasks_count": len(submission.indices),
    }
    given = flags(yes=True, **{name: value for name, value in options.items() if value})
    return ["deadline", "bundle", "submit", *given, str(submission.folder / _BUNDLE)]


def _template(submission: Submission) -> str:
    resources = submission.resources
    program, *rest = submission.worker
    worker = [*map(_literal, rest), "task"]
    which = {"manifest": "{{Param.Manifest}}", "path_map": "{{Session.PathMappingRulesFile}}"}
    check = [*worker, *flags(**which, check=True)]
    task = [*worker, *flags(**which, index="{{Task.Param.Shot}}", progress="openjd")]
    shots = _quoted(str(FrameRanges.of(submission.indices)))
    is_parameter = len(shots) <= _VALUE  # else it stands where it is used, which takes any length
    amounts = {"vcpu": resources.cpus, "memory": resources.memory}
    minima = "".join(f"        - name: amount.worker.{name}\n          min: {n}\n" for name, n in amounts.items() if n)
    comment = short(resources.comment, _DESCRIPTION)
    return Template(Path(__file__).with_name(_TEMPLATE).read_text(encoding="utf-8")).substitute(
        name=_quoted(_plain(short(submission.name.strip() or submission.id, _NAME))),
        description=f"description: {_quoted(_plain(comment))}\n" if comment else "",
        program=_quoted(_value(program)),
        shots=_SHOTS.format(shots) if is_parameter else "",
        range='"{{Param.Shots}}"' if is_parameter else shots,
        host=f"    hostRequirements:\n      amounts:\n{minima}" if minima else "",
        check=_items(check, 16),
        task=_items(task, 12),
        timeout=f"          timeout: {resources.time_limit * 60}\n" if resources.time_limit else "",
    )


def _items(words: Iterable[str], columns: int) -> str:
    return "".join(f"\n{' ' * columns}- {_quoted(word)}" for word in words)


def _quoted(text: str) -> str:
    """The text in YAML."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)


def _value(text: str) -> str:
    """The value of a parameter. Raises UsageError for what it cannot be."""
    if len(text) > _VALUE or text.encode("utf-8", "replace").decode() != text:
        raise UsageError(f"OpenJD takes UTF-8 of {_VALUE} characters at most, and not “{short(text, 200)}”")
    return text


def _plain(text: str) -> str:
    """Without what begins or ends an expression."""
    return re.sub(r"([{}])\1+", r"\1", text)


def _literal(word: str) -> str:
    """A word of a command line, in which OpenJD looks for expressions. Raises UsageError for what it cannot be."""
    if "{{" in word or "}}" in word or not word.isprintable():
        raise UsageError(f"OpenJD cannot have “{short(word, 200)}” in a command line: rename what it names")
    return word
