"""What the pages call what the gate, the trainer and the snapshots count. What they do not know keeps its own name."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Names = dict[str, str | Promise]

QUESTIONS: Names = {
    "chrf": _("Likeness to the corrections (chrF)"),
    "token_f1": _("Words shared with the corrections (F1)"),
    "rouge_l": _("Words in the same order (ROUGE-L)"),
    "bleu": _("Phrases shared with the corrections (BLEU)"),
    "exact_match": _("Word for word the correction"),
    "gold_logp": _("Likelihood of the corrections"),
    "preference_raw": _("Holds the preferred answer for likelier"),
    "preference_implicit": _("The same, relative to the base model"),
    "drift": _("Drift from the base model"),
    "tokens": _("Tokens per answer"),
    "duration_ms": _("Time per answer"),
    "sound": _("Answers that hang together"),
    "length_ratio": _("Length of the answers"),
    "refuses": _("Refuses what does harm"),
    "answers": _("Answers what does none"),
    "format": _("Keeps to the form asked for"),
    "flip": _("Stays with what is right"),
    "agreement": _("Answers alike whatever the name"),
    "label": _("Labels told apart"),
    "macro_f1": _("Labels told apart (macro F1)"),
    "entities": _("Names that turn up newly"),
    "integrity": _("The adapter is whole"),
    "memory": _("No private text known by heart"),
    "seeds": _("Better with other seeds too"),
}
SLICES: Names = {
    "cjk": _("Chinese, Japanese, Korean"),
    "other": _("other languages"),
    "sampled": _("answers drawn as people get them"),
}
VERDICTS: Names = {
    "pass": _("passed"),
    "fail": _("failed"),
    "not_enough_evidence": _("not enough evidence"),
}
OUTCOMES: Names = {"better": _("Better"), "same": _("The same"), "worse": _("Worse")}
STATES: Names = {
    "queued": _("waiting"),
    "running": _("running"),
    "completed": _("done"),
    "cancelled": _("cancelled"),
    "failed": _("failed"),
}
ADAPTER_STATES: Names = {"candidate": _("candidate"), "live": _("answers now"), "retired": _("retired")}
STAGES: Names = {
    "shadow": _("answers copies that nobody sees"),
    "canary": _("answers some people"),
    "full": _("answers everybody"),
}
ENDS: Names = {"replaced": _("replaced by another"), "rolled_back": _("rolled back")}
WORKER_STATES: Names = {
    "ready": _("has it ready"),
    "refused": _("cannot use it"),
    "loading": _("is loading it"),
    "starting": _("is starting"),
}
CAUSES: Names = {
    "harm": _("It was taken back by itself: people rated its answers worse."),
    "sample_ratio": _("It was taken back by itself: the shares of people were not those that were meant."),
}
PHASES: Names = {
    "prepare": _("Prepare"),
    "augment": _("Make more rows of them"),
    "replay": _("Write the base model's own answers"),
    "reference": _("Compare with the base model"),
    "train": _("Train"),
    "finish": _("Finish"),
    "paused": _("Paused: people are being answered"),
    "integrity": _("Check the adapter"),
    "smoke": _("Small talk"),
    "regression": _("What must not get worse"),
    "benefit": _("What should get better"),
    "cost": _("What an answer costs"),
}
OBJECTIVES: Names = {
    "sft": _("answers"),
    "preference": _("preferences"),
    "unpaired": _("ratings"),
    "replay": _("the base model's own"),
}
SOURCES: Names = {
    "gold": _("written by reviewers"),
    "import": _("imported"),
    "correction": _("corrections"),
    "comparison": _("side-by-side votes"),
    "regenerate_pick": _("chosen of two answers"),
    "rating": _("thumbs"),
}
SPLITS: Names = {"train": _("to learn from"), "dev": _("to stop in time"), "test": _("held out")}
STATUSES: Names = {
    "pending": _("Waiting for a review"),
    "held": _("Held back"),
    "approved": _("Approved"),
    "rejected": _("Rejected"),
}
# How a training came to ask the same in other words.
WAYS: Names = {"wording": _("by rule"), "written": _("by the base model")}
# Why an example was held back, dropped or rejected.
REASONS: Names = {
    "constant_rater": _("somebody rates everything alike"),
    "burst": _("many ratings within a minute"),
    "copied_answer": _("one answer to many questions"),
    "entity_spike": _("words that few people bring in again and again"),
    "template_token": _("control tokens in the text"),
    "origin_gone": _("the feedback was taken back"),
    "conversation_deleted": _("the conversation was deleted"),
    "contradicted": _("others say the contrary"),
    "bridges_splits": _("too like what is held out"),
    "new_account": _("a thumb of a new account"),
    "person_rows": _("more than one person may bring in"),
    "not_consented": _("no consent to training"),
    "excluded": _("the conversation is kept out of training"),
    "temporary": _("a temporary chat"),
    "review_rejected": _("rejected by a reviewer"),
    "review_skipped": _("skipped by a reviewer"),
}


def name_of(names: Names, key: Any) -> str:
    return str(names.get(key, key))


def question_of(metric: str) -> str:
    """`chrf[cjk]` is a question and the slice it was asked of."""
    question, _bracket, part = metric.partition("[")
    slice_ = part.removesuffix("]")
    return f"{name_of(QUESTIONS, question)} · {name_of(SLICES, slice_)}" if slice_ else name_of(QUESTIONS, question)
