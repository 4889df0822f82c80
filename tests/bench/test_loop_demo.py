"""The demo of the learning loop on a tiny model and invented questions: that it works at all, and what it writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.loop_demo import faq
from bench.loop_demo.measures import recall, share, states_facts
from bench.loop_demo.table import rendered
from tests.inference.conftest import tiny_folder
from tests.product import ROOT

__all__ = ["tiny_folder"]
THINGS = [
    "oak",
    "elm",
    "ash",
    "fir",
    "yew",
    "box",
    "bay",
    "fig",
    "nut",
    "pea",
    "rye",
    "oat",
    "hop",
    "tea",
    "pear",
    "plum",
    "lime",
    "palm",
    "teak",
    "pine",
    "rose",
    "iris",
    "lily",
    "moss",
]


def test_every_question_in_other_words_names_its_entry_and_facts_that_can_be_told() -> None:
    asked = faq.read_paraphrases(faq.PARAPHRASES)
    answerable = [one for one in asked if one.entry_id]
    assert len({one.entry_id for one in answerable}) == 60
    assert len(answerable) == 120
    assert sum(one.entry_id is None for one in asked) == 20
    assert all(one.facts for one in answerable)
    assert {one.use for one in asked} == {"threshold", "result"}
    assert len({one.text for one in asked}) == len(asked)


def test_facts_are_told_whatever_the_case_and_all_of_them_are_needed() -> None:
    assert states_facts("Yes, it is 10 WEEKS.", [r"\b10 weeks", r"\byes\b"])
    assert not states_facts("It is 10 weeks.", [r"\b10 weeks", r"\byes\b"])
    assert not states_facts("It is 110 weeks.", [r"\b10 weeks"])


def test_recall_counts_facts_as_clusters() -> None:
    asked = [faq.Asked(str(at // 2), f"q{at}", ("yes",), "result") for at in range(8)]
    found = recall(asked, {one.text: "yes" if one.entry_id == "0" else "no" for one in asked})
    assert (found.n, found.clusters, found.estimate) == (8, 4, 0.25)
    assert found.lo < 0.25 < found.hi
    assert share([True, False]) == 0.5


def test_a_share_of_none_or_all_is_not_certain() -> None:
    asked = [faq.Asked(str(at), f"q{at}", ("yes",), "result") for at in range(20)]
    none = recall(asked, {one.text: "no" for one in asked})
    every = recall(asked, {one.text: "yes" for one in asked})
    assert (none.estimate, none.lo) == (0.0, 0.0)
    assert 0.13 < none.hi < 0.15
    assert (every.estimate, every.hi) == (1.0, 1.0)
    assert 0.85 < every.lo < 0.87


@pytest.fixture(scope="module")
def result(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `loop demo --quick` has written into."""
    folder = tmp_path_factory.mktemp("demo")
    entries = [
        {"id": name, "q": f"How tall does a {name} become in {at} years?", "a": f"A {name} becomes {at + 2} feet tall."}
        for at, name in enumerate(THINGS)
    ]
    write(folder / "faq.jsonl", entries)
    others = [{"text": row["q"].lower().rstrip("?"), "facts": ["feet"]} for row in entries]
    write(
        folder / "words.jsonl",
        [{"id": row["id"], "use": "result", "asked": [asked]} for row, asked in zip(entries, others, strict=True)],
    )
    recipe = {"epochs": 1, "dtype": "float32", "replay": {"max_tokens": 4}, "stopping": {"drift_budget": 100.0}}
    command = [
        *(sys.executable, "manage.py", "loop", "demo", "--quick", "--facts", "12", "--unseen", "6"),
        *("--faq", str(folder / "faq.jsonl"), "--paraphrases", str(folder / "words.jsonl")),
        *("--recipe", json.dumps(recipe), "--worded", json.dumps({"augmentation": {"wordings": 2, "written": 2}})),
        *("--output", str(folder / "evidence")),
    ]
    environment = {**os.environ, "DATA_DIR": str(folder / "data"), "MODEL": str(tiny_folder), "MAX_REPLY_TOKENS": "8"}
    for name in ("INFERENCE_ENGINE", "ENGINE_MAX_RUNNING"):
        environment.pop(name, None)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
    return folder / "evidence"


def write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.slow
def test_the_loop_runs_from_questions_to_a_table(result: Path) -> None:
    found = json.loads((result / "loop-demo.json").read_text())
    assert [arm["name"] for arm in found["arms"]] == [
        "live",
        "wordings",
        "replay",
        "unfiltered",
        "retrieval",
        "wordings+",
        "offered",
        "product",
    ]
    for arm in found["arms"]:
        assert arm["measured"]["facts"]["n"] == found["asked"] > 0
    worded, plain = (arm["training"] for arm in found["arms"][1:3])
    assert plain["augmentation"] == {}
    assert worded["rows"]["sft"] == plain["rows"]["sft"] + sum(worded["augmentation"]["rows"].values())
    assert {arm["name"]: arm["measured"]["given"] > 0 for arm in found["arms"]} == {
        **dict.fromkeys(("live", "wordings", "replay", "unfiltered"), False),
        **dict.fromkeys(("retrieval", "wordings+", "offered", "product"), True),
    }
    weight = found["troll_weight"]
    assert 0 == weight["filtered"] <= weight["unreviewed"] <= weight["unfiltered"] > 0
    assert found["snapshots"]["filtered"]["counts"]["train"]["sft"] > 0


@pytest.mark.slow
def test_the_page_is_made_of_the_file_alone(result: Path) -> None:
    found = json.loads((result / "loop-demo.json").read_text())
    page = (result / "loop-demo.md").read_text()
    assert rendered(found) == page
    for arm in found["arms"]:
        assert f"| {arm['says']} |" in page
    assert "Simulated: all people" in page


def test_a_line_without_an_adapter_says_why() -> None:
    arm = {"name": "sft", "says": "SFT alone", "failed": "It drifted.", "minutes": 1.0}
    weight = {"filtered": 0.0, "unreviewed": 0.0, "unfiltered": 0.1}
    result = dict.fromkeys(("attribution", "simulated", "machine", "model", "recipe", "worded"), "a")
    numbers = dict.fromkeys(
        ("minutes", "questions", "ratings", "asked", "facts", "approved_answers", "troll_answers"), 1.0
    )
    page = rendered({**result, **numbers, "snapshots": {}, "troll_weight": weight, "arms": [arm]})
    assert "| SFT alone | no adapter: It drifted. |" in page
