"""The evidence on an adapter: what its page says is what was found, and every figure leads to its cases."""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import Callable
from urllib.parse import urljoin

import pytest
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from assistant.adapters.registry import AUTOMATIC, adapter_for_new_reply
from assistant.chat.erasure import erase_person
from assistant.finetuning.runs.items import Scope, cases_of, counts_of, scope_of
from assistant.finetuning.runs.kinds import folder_of
from assistant.models import Adapter, AuditEvent, EvaluationRun, Person, Rollout, RolloutLook, TrainingRun
from tests.learned import ANSWER, HOSTILE
from tests.webui.learned import _own_data, ada, adapter, computed, tiny_folder

__all__ = ["_own_data", "ada", "adapter", "computed", "tiny_folder"]  # fixtures

Browse = Callable[..., Client]


@pytest.fixture
def browse(bob: Person, ada: Person) -> Browse:
    people = {"bob": bob, "ada": ada}

    def browser_of(name: str, language: str = "en") -> Client:
        client = Client(headers={"Accept-Language": language})
        client.force_login(people[name], "django.contrib.auth.backends.ModelBackend")
        return client

    return browser_of


def address_of(adapter: Adapter, part: str = "") -> str:
    return f"/learning/adapters/{adapter.sha256[:12]}/{part}"


def text_at(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer.content
    return html.unescape(answer.content.decode())


def evaluation_of(adapter: Adapter) -> EvaluationRun:
    return adapter.evaluation_runs.get()


def test_the_figures_are_those_of_the_result(browse: Browse, adapter: Adapter) -> None:
    page = text_at(browse("bob"), address_of(adapter))

    findings = evaluation_of(adapter).result["findings"]
    differences = [found for found in findings if found["lo"] is not None]
    assert len(differences) > 5
    for found in differences:
        form = "{:+.1%}" if found["metric"] in ("tokens", "duration_ms") else "{:+.3f}"
        estimate, lo, hi = (form.format(found[name]) for name in ("estimate", "lo", "hi"))
        assert f"{estimate} ({lo} to {hi})" in page
        assert found["reason"] in page
    primary = next(found for found in findings if found["role"] == "primary")
    assert f"nearer to what people corrected by {primary['estimate']:+.3f} (at least {primary['lo']:+.3f}" in page


def test_every_question_leads_to_its_cases(browse: Browse, adapter: Adapter) -> None:
    client = browse("bob")
    page = text_at(client, address_of(adapter))

    links = {link for link in re.findall(r'href="([^"]+/cases/\?[^"]+)"', page) if "outcome" not in link}

    assert len(links) > 5
    evaluation = evaluation_of(adapter)
    counted = {scope_of(found): found["n"] for found in evaluation.result["findings"] if scope_of(found)}
    for link in links:
        assert client.get(urljoin(address_of(adapter), link)).status_code == 200
    for scope, cases in counted.items():
        assert sum(counts_of(evaluation, scope).values()) == cases


def test_better_same_and_worse_are_counted_from_the_scores(browse: Browse, adapter: Adapter) -> None:
    evaluation = evaluation_of(adapter)
    counts = counts_of(evaluation, Scope("held_out", "chrf"))

    assert sum(counts.values()) == 30
    assert counts["better"] > counts["worse"]
    page = text_at(browse("bob"), address_of(adapter))
    for outcome, name in (("better", "Better"), ("worse", "Worse")):
        assert f"outcome={outcome}" in page
        assert f"{name} <strong>{counts[outcome]}</strong>" in page
        shown = cases_of(evaluation, Scope("held_out", "chrf"), outcome, limit=100)
        assert len(shown.items) == counts[outcome]
        for case in shown.items:
            ours, theirs = case.scores["chrf"]
            assert (ours > theirs) == (outcome == "better")


def test_a_case_shows_the_question_what_was_wanted_and_both_answers(browse: Browse, adapter: Adapter) -> None:
    [case] = cases_of(evaluation_of(adapter), Scope("held_out", "chrf"), "better", limit=1).items
    page = text_at(browse("bob"), address_of(adapter, "cases/?suite=held_out&score=chrf&outcome=better"))

    [asked] = case.asked
    assert asked.gold == ANSWER
    assert asked.prompt[-1]["content"] in page
    assert ANSWER in page
    for part, mark in ((asked.candidate, "ins"), (asked.baseline, "del")):
        word = max(part.split(), key=len)
        assert word in re.sub(rf"</?{mark}>", "", page)


def test_cases_come_a_page_at_a_time_each_once(adapter: Adapter) -> None:
    evaluation, seen, cursor = evaluation_of(adapter), [], ""
    while True:
        page = cases_of(evaluation, Scope("held_out", "chrf"), "", cursor, limit=7)
        assert len(page.items) <= 7
        seen += [case.id for case in page.items]
        if page.next_cursor is None:
            break
        cursor = page.next_cursor

    assert len(seen) == len(set(seen)) == 30


def test_a_question_with_markup_in_it_is_shown_as_it_was_written(browse: Browse, adapter: Adapter) -> None:
    answer = browse("bob").get(address_of(adapter, "cases/?suite=short&score=pass"))

    assert html.escape(HOSTILE) in answer.content.decode()
    assert HOSTILE not in answer.content.decode()


@pytest.mark.parametrize("query", ["at=x", "at=-"])
def test_a_place_that_is_none_is_refused(query: str, browse: Browse, adapter: Adapter) -> None:
    assert browse("bob").get(address_of(adapter, f"cases/?{query}")).status_code == 400


def test_where_the_files_are_gone_the_page_says_so_and_keeps_the_rest(browse: Browse, adapter: Adapter) -> None:
    shutil.rmtree(folder_of(evaluation_of(adapter)))

    page = text_at(browse("bob"), address_of(adapter))
    assert "The cases behind this verdict are gone" in page
    assert "/cases/?" not in page
    assert "What differs, and how surely" in page
    assert browse("bob").get(address_of(adapter, "cases/")).status_code == 410


def test_it_says_what_went_in(browse: Browse, adapter: Adapter) -> None:
    page = text_at(browse("bob"), address_of(adapter))

    [run] = TrainingRun.objects.filter(adapter=adapter)
    assert run.snapshot_id in page
    assert run.result["spec_sha256"] in page
    assert "optimizer.learning_rate=0.005" in page
    assert f"torch {run.result['versions']['torch']}" in page
    assert "CC0-1.0: 55" in page
    assert "How the training went" in page
    assert f"<td>{run.result['checks'][-1]['drift']:.3f}</td>" in page


def test_the_verdict_is_told_in_chinese_too(browse: Browse, adapter: Adapter) -> None:
    page = text_at(browse("bob", "zh-hans"), address_of(adapter))

    assert "v3 的回答优于基础模型" in page
    assert "越靠右越好" in page


def test_the_card_says_the_same_and_as_markdown_nobody_s_words_mean_anything(browse: Browse, adapter: Adapter) -> None:
    Adapter.objects.update(name=f"v3\n# {HOSTILE}")

    page = text_at(browse("bob"), address_of(adapter, "card/"))
    answer = browse("bob").get(address_of(adapter, "card.md"))
    card = answer.content.decode()

    assert answer["Content-Type"] == "text/markdown; charset=utf-8"
    assert adapter.sha256 in page
    assert adapter.sha256 in card
    primary = next(found for found in evaluation_of(adapter).result["findings"] if found["role"] == "primary")
    assert f"{primary['estimate']:+.3f}" in card.replace("\\", "")
    assert HOSTILE not in card
    assert r"\<img src=x onerror=alert\(1\)\> \| \`\*\*not bold\*\*\` \[x\]\(javascript\:alert\(1\)\)" in card
    assert [line for line in card.splitlines() if line.startswith("# ")] == [card.splitlines()[0]]


def test_it_says_how_much_of_what_it_learned_from_was_erased(
    browse: Browse,
    adapter: Adapter,
    charlie: Person,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    evaluation = evaluation_of(adapter)
    with django_capture_on_commit_callbacks(execute=True):
        erase_person(charlie.id)

    page = text_at(browse("ada"), address_of(adapter))
    adapter.refresh_from_db()
    assert 0 < adapter.erased_share < 0.2
    assert f"{adapter.erased_share:.1%}" in page or f"{adapter.erased_share:.0%}" in page
    assert "Train it again without" in text_at(browse("ada"), address_of(adapter, "card/"))
    assert not folder_of(evaluation).exists()

    answer = browse("ada").post(address_of(adapter, "retrain/"), follow=True)

    assert "It is being trained again without what was erased" in answer.content.decode()
    run = TrainingRun.objects.get(state="queued")
    assert run.config == adapter.training_runs.get().config
    receipts = text_at(browse("bob"), "/learning/data/receipts/")
    assert adapter.training_runs.get().snapshot_id[:12] in receipts


def test_an_administrator_lets_it_answer_and_takes_it_back_with_a_reason(
    browse: Browse, adapter: Adapter, alice: Person
) -> None:
    client = browse("ada")

    answer = client.post(address_of(adapter, "promote/"), {"reason": ""}, follow=True)
    assert "New replies use it from now on." in answer.content.decode()
    assert adapter_for_new_reply(alice, AUTOMATIC, "") == adapter

    answer = client.post(address_of(adapter, "back/"), {"reason": " "}, follow=True)
    assert "Say why" in answer.content.decode()
    assert adapter_for_new_reply(alice, AUTOMATIC, "") == adapter

    client.post(address_of(adapter, "back/"), {"reason": "It rambles."})
    assert adapter_for_new_reply(alice, AUTOMATIC, "") is None
    assert AuditEvent.objects.get(action="rollout.rolled_back").reason == "It rambles."


def test_one_that_has_not_passed_needs_a_reason(browse: Browse, adapter: Adapter) -> None:
    EvaluationRun.objects.update(verdict="fail")

    answer = browse("ada").post(address_of(adapter, "promote/"), {"reason": ""}, follow=True)

    assert "Give a reason" in answer.content.decode()
    assert not Rollout.objects.exists()
    browse("ada").post(address_of(adapter, "promote/"), {"reason": "We know better."})
    assert AuditEvent.objects.latest("number").action == "rollout.promoted_without_proof"


def test_it_is_tried_on_some_people_and_what_was_seen_is_drawn(browse: Browse, adapter: Adapter) -> None:
    client = browse("ada")
    client.post(address_of(adapter, "try/"), {"reason": ""})
    client.post(address_of(adapter, "advance/"), {"reason": ""})
    rollout = Rollout.objects.get()
    assert (rollout.stage, rollout.percent) == ("canary", 5)
    for rated in (4, 8):
        RolloutLook.objects.create(
            rollout=rollout,
            percent=5,
            live_people=90,
            live_rated=10 * rated,
            live_positive=6.0 * rated,
            candidate_people=9,
            candidate_rated=rated,
            candidate_positive=0.75 * rated,
            pairs=rated,
            z=None,
            boundary=None,
            e_value=0.9,
        )

    page = text_at(client, address_of(adapter))

    assert "answers some people" in page
    assert "<td>0.750</td><td>0.600</td>" in page  # the two arms' shares
    assert "Does it do harm?" in page
    client.post(address_of(adapter, "back/"), {"reason": "Enough seen."})
    assert "rolled back" in text_at(client, address_of(adapter))


def test_what_is_taken_back_is_this_adapter_and_no_other(browse: Browse, adapter: Adapter, ada: Person) -> None:
    other = Adapter.objects.create(name="v4", sha256="d" * 64, base_model_sha256=adapter.base_model_sha256)
    client = browse("ada")
    client.post(address_of(adapter, "promote/"), {"reason": ""})
    client.post(address_of(other, "try/"), {"reason": ""})

    answer = client.post(address_of(adapter, "back/"), {"reason": "No."}, follow=True)

    assert "Another adapter is on its way already" in answer.content.decode()
    assert Rollout.objects.get(adapter=other).end == ""
    answer = client.post(address_of(adapter, "advance/"), {"reason": "On."}, follow=True)
    assert "No adapter is on its way" in answer.content.decode()


def test_a_verdict_against_what_answered_once_is_called_so(browse: Browse, adapter: Adapter) -> None:
    Adapter.objects.create(name="v9", sha256="e" * 64, base_model_sha256=adapter.base_model_sha256, state="live")

    page = text_at(browse("ada"), address_of(adapter))

    assert "Since then v9 answers" in page
    assert re.search(r"<textarea[^>]+required", page)


def test_an_adapter_from_elsewhere_has_a_page_too(browse: Browse, db: None) -> None:
    other = Adapter.objects.create(name="<b>v0</b>", sha256="f" * 64, base_model_sha256="0" * 64)

    answer = browse("ada").get(address_of(other))

    assert answer.status_code == 200
    assert "<b>v0</b>" not in answer.content.decode()
    assert "It was brought in from elsewhere" in answer.content.decode()
    assert browse("ada").get(address_of(other, "cases/")).status_code == 404
    assert browse("ada").get(address_of(other, "card.md")).status_code == 200
