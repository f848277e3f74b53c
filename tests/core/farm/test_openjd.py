# SPDX-License-Identifier: GPL-3.0-or-later
"""The job bundle for Deadline Cloud. tests/farm runs it with the programs of OpenJD."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tracking_sessions.core.errors import StorageFailed, SubmitFailed, UsageError
from tracking_sessions.core.farm.engines import openjd
from tracking_sessions.core.farm.engines.openjd import OpenJD
from tracking_sessions.core.farm.manifest import FILE, FarmShot, Head, Manifest, write_manifest
from tracking_sessions.core.farm.submission import Resources
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.core.farm.submissions import BLENDER, submission

JOB = "job-0123456789abcdef0123456789abcdef"
ODD = 'a "b"\n{{x}} c\u2028d\x7f é😀 \\ # : - 1-2'


def written(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def template(folder: Path, *arguments: Any, **resources: Any) -> dict[str, Any]:
    return written(OpenJD(is_online=True).write(submission(folder, *arguments, **resources))[0])


def run_of(document: dict[str, Any]) -> dict[str, Any]:
    return document["steps"][0]["script"]["actions"]["onRun"]


def test_a_task_is_the_command_line_of_the_worker(tmp_path: Path) -> None:
    step = template(tmp_path / "a b", time_limit=90)["steps"][0]
    run = step["script"]["actions"]["onRun"]
    assert run["command"] == "{{Param.Program}}"
    rules, shots = "--path-map={{Session.PathMappingRulesFile}}", "--manifest={{Param.Manifest}}"
    assert run["args"] == [*BLENDER[1:], "task", shots, rules, "--index={{Task.Param.Shot}}", "--progress=openjd"]
    assert run["timeout"] == 90 * 60
    assert run["cancelation"] == {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": 90}
    check = step["stepEnvironments"][0]["script"]["actions"]["onEnter"]
    assert check["args"] == [*BLENDER[1:], "task", shots, rules, "--check"]


def test_the_parameters_are_the_manifest_the_program_and_the_shots(tmp_path: Path) -> None:
    files = OpenJD(is_online=True).write(submission(tmp_path, [1, 2, 3, 7, 9, 10]))
    assert [path.relative_to(tmp_path).as_posix() for path in files] == [
        "bundle/template.yaml",
        "bundle/parameter_values.yaml",
        "bundle/asset_references.yaml",
    ]
    document = written(files[0])
    found = {one["name"]: one for one in document["parameterDefinitions"]}
    assert found["Program"]["default"] == BLENDER[0]
    assert found["Shots"]["default"] == "1-3,7,9-10"
    assert document["steps"][0]["parameterSpace"]["taskParameterDefinitions"] == [
        {"name": "Shot", "type": "INT", "range": "{{Param.Shots}}"}
    ]
    assert found["Manifest"]["dataFlow"] == "NONE", "a copy of the session folder would lose what is recorded"
    assert written(files[1]) == {"parameterValues": [{"name": "Manifest", "value": str(tmp_path / FILE)}]}
    assert written(files[2]) == {"assetReferences": {"referencedPaths": [str(tmp_path.parent)]}}
    assert "extensions" not in document and document["specificationVersion"] == "jobtemplate-2023-09"


def test_many_scattered_shots_stand_in_the_template_as_a_range(tmp_path: Path) -> None:
    document = template(tmp_path, range(1, 100_000, 2))
    assert "Shots" not in {one["name"] for one in document["parameterDefinitions"]}
    shots = document["steps"][0]["parameterSpace"]["taskParameterDefinitions"][0]["range"]
    assert [int(number) for number in shots.split(",")] == list(range(1, 100_000, 2))


def test_resources(tmp_path: Path) -> None:
    document = template(tmp_path, cpus=4, memory=8000, comment="for\n{{Ann}}")
    amounts = document["steps"][0]["hostRequirements"]["amounts"]
    assert amounts == [{"name": "amount.worker.vcpu", "min": 4}, {"name": "amount.worker.memory", "min": 8000}]
    assert document["description"] == "for {Ann}"
    bare = template(tmp_path)
    assert "hostRequirements" not in bare["steps"][0] and "timeout" not in run_of(bare) and "description" not in bare


def test_any_name_and_any_path_is_written(tmp_path: Path) -> None:
    place = f"/show/{ODD}"
    files = OpenJD(is_online=True).write(
        submission(tmp_path, name=ODD * 20, place=place, worker=[f"/opt/{ODD}", "it's", "#"])
    )
    document = written(files[0])
    assert len(document["name"]) <= 128 and document["name"].isprintable() and "{{" not in document["name"]
    assert written(files[1])["parameterValues"][0]["value"] == f"{place}/{FILE}"
    assert document["parameterDefinitions"][1]["default"] == f"/opt/{ODD}"
    assert run_of(document)["args"][:2] == ["it's", "#"]
    assert template(tmp_path, name=" \n")["name"] == "20260131-101500-5f0c2d1e"
    assert template(tmp_path, name="\udcff{{{")["name"] == " {"


@pytest.mark.parametrize("word", ["{{x}}", "}}", "a\nb", "\udcff"])
def test_a_word_that_openjd_cannot_have_is_refused(tmp_path: Path, word: str) -> None:
    with pytest.raises(UsageError, match="OpenJD cannot have"):
        OpenJD(is_online=True).write(submission(tmp_path, worker=["blender", word]))


def test_a_path_that_openjd_cannot_have_is_refused(tmp_path: Path) -> None:
    for place in ("/show/\udcff", "/" + "a" * 1024):
        with pytest.raises(UsageError, match="OpenJD takes UTF-8 of 1024 characters at most"):
            OpenJD(is_online=True).write(submission(tmp_path, place=place))


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "bundle").write_text("")
    with pytest.raises(StorageFailed):
        OpenJD(is_online=True).write(submission(tmp_path))


def deadline(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A stand-in for the program that sends bundles, which notes its arguments."""
    program = folder / "deadline"
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" >{folder}/arguments\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")


def test_a_bundle_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = f"Submitting to Queue: q\nSubmitted job bundle:\n   /x\nJob creation completed successfully\n{JOB}"
    deadline(tmp_path, monkeypatch, f"echo '{said}'")
    sent = submission(tmp_path / "a b", range(1, 301), queue="queue-1", priority=70, max_running=16)
    OpenJD(is_online=True).write(sent)
    assert OpenJD(is_online=True).missing(Resources()) == ""
    assert OpenJD(is_online=True).send(sent) == [JOB]
    arguments = (tmp_path / "arguments").read_text().splitlines()
    assert arguments == [
        *("bundle", "submit", "--yes", "--queue-id=queue-1", "--priority=70", "--max-worker-count=16"),
        *("--max-failed-tasks-count=300", str(tmp_path / "a b" / "bundle")),
    ]
    monkeypatch.undo()
    (tmp_path / "arguments").unlink()
    subprocess.run(
        ["sh", "-c", f"PATH={tmp_path}:$PATH; {OpenJD(is_online=True).advice(sent)}"], check=True, timeout=30
    )
    assert (tmp_path / "arguments").read_text().splitlines() == arguments


def test_a_bundle_that_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = submission(tmp_path)
    for script, words in (
        ("echo 'The AWS credentials have expired' >&2; exit 1", "The AWS credentials have expired"),
        ("exit 3", "deadline says nothing"),
        ("echo 'Job created'", "Job created. It may have taken the job: look there"),
        (f"echo {JOB}; exec sleep 60", "did not end within 0 seconds. It may have taken the job: look there"),
    ):
        deadline(tmp_path, monkeypatch, script)
        if "sleep" in script:
            monkeypatch.setattr(openjd, "_TAKE", 0.3)
        with pytest.raises(SubmitFailed, match=re.escape(words)):
            OpenJD(is_online=True).send(sent)
    (tmp_path / "deadline").write_bytes(b"\x7fELF")
    with pytest.raises(SubmitFailed, match="cannot be started"):
        OpenJD(is_online=True).send(sent)
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert "Allow Online Access" in OpenJD(is_online=False).missing(Resources())
    assert "deadline” of AWS Deadline Cloud" in OpenJD(is_online=True).missing(Resources())
    with pytest.raises(SubmitFailed, match="cannot be started: No such file"):
        OpenJD(is_online=True).send(sent)


def test_a_session_without_rules_leaves_those_beside_the_manifest(tmp_path: Path) -> None:
    folder = tmp_path / "seen" / "farm" / "id"
    folder.mkdir(parents=True)
    head = Head("id", "", "2026-01-31T10:15:00Z", Path("/show"), 1)
    write_manifest(folder / FILE, head, [FarmShot(1, ShotSpec(footage="/show/a.mov"), head.root)])
    empty, rules = tmp_path / "empty.json", tmp_path / "rules.json"
    empty.write_text("{}")
    assert Manifest(folder / FILE, empty).shot(1).spec.footage == "/show/a.mov"
    for path, there in ((folder / "paths.json", "/beside"), (rules, "/engine")):
        rule = {"source_path_format": "POSIX", "source_path": "/show", "destination_path": there}
        path.write_text(json.dumps({"version": "pathmapping-1.0", "path_mapping_rules": [rule]}))
    assert Manifest(folder / FILE, empty).shot(1).spec.footage == "/beside/a.mov"
    assert Manifest(folder / FILE, rules).shot(1).spec.footage == "/engine/a.mov"
