"""The table of the results, made of the JSON file alone."""

from __future__ import annotations

from typing import Any

COLUMNS = (
    ("facts", "key facts, other words"),
    ("own_wording", "key facts, trained wording"),
    ("unseen_f1", "F1 on unseen questions"),
    ("unseen_gain", "gain there over live"),
    ("refused", "refuses what is unsafe"),
)
SHARES = (
    ("given", "approved answer given"),
    ("given_wrongly", "given where none fits"),
    ("offered", "up to three offered"),
    ("offered_wrongly", "offered where none fits"),
)


def rendered(result: dict[str, Any]) -> str:
    """The page as Markdown."""
    heads = [title for _, title in (*COLUMNS, *SHARES)] + ["drift, nats/token", "verdict of the gate", "minutes"]
    lines = [
        "# The learning loop on real questions, with simulated people",
        "",
        "Made by `make loop-demo`; do not edit. The figures are in [loop-demo.json](loop-demo.json).",
        "",
        f"Questions and answers: {result['attribution']}. Simulated: {result['simulated']}",
        "",
        f"Machine: {result['machine']}. Model: {result['model']}. Took {result['minutes']:.0f} minutes.",
        "",
        f"From {result['questions']} questions and {result['ratings']} simulated ratings came {result['facts']} answers"
        f" to be learned, in snapshots of {_rows(result['snapshots'])}. Recipe: `{result['recipe']}`; "
        f"with other wordings: `{result['worded']}`.",
        "",
        f"| | {' | '.join(heads)} |",
        f"|---|{'---|' * len(heads)}",
    ]
    lines += [_line(arm) for arm in result["arms"]]
    lines += [
        "",
        "A figure stands with the two bounds of its cluster bootstrap, each one-sided at 5 %. "
        f"Key facts: {result['asked']} questions in other words, written by hand and never trained on, half of those "
        "there are; the other half chose recipe and thresholds. Of offered answers one of up to three holds them. "
        f"Approved answers: {result['approved_answers']}, those that were taught are some among them. "
        "Drift: of the base model's own answers to prompts that are never trained on, as the trainer measured it.",
        "",
        *_seeds(result["arms"]),
        *_trolls(result),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _rows(snapshots: dict[str, dict[str, Any]]) -> str:
    return " and ".join(f"{snapshot['rows']} rows ({name})" for name, snapshot in snapshots.items())


def _line(arm: dict[str, Any]) -> str:
    cells = [arm["says"]]
    cells += [_figure(arm.get("measured", {}).get(key), -1 if key == "unseen_gain" else 0) for key, _ in COLUMNS]
    cells += [f"{arm['measured'][key]:.0%}" if "measured" in arm else "–" for key, _ in SHARES]
    drift = arm.get("drift")
    cells.append("–" if drift is None else f"{drift:.3f}")
    cells.append(arm.get("gate", {}).get("verdict", "–").replace("_", " "))
    cells.append(f"{arm['minutes']:.1f}")
    if arm.get("failed"):
        cells[1] = f"no adapter: {arm['failed']}"
    return f"| {' | '.join(cells)} |"


def _figure(mean: dict[str, float] | None, least: int) -> str:
    """Bounds from a distribution of t may lie where no share can."""
    if mean is None:
        return "–"
    return f"{mean['estimate']:.3f} ({max(least, mean['lo']):.3f} to {min(1, mean['hi']):.3f})"


def _seeds(arms: list[dict[str, Any]]) -> list[str]:
    """What the seed alone makes of the same rows."""
    alike = [arm for arm in arms if arm["name"].split("-")[0] == "wordings" and "measured" in arm]
    if len(alike) < 2:
        return []
    facts = ", ".join(f"{arm['measured']['facts']['estimate']:.3f}" for arm in alike)
    gains = ", ".join(f"{arm['measured']['unseen_gain']['estimate']:+.3f}" for arm in alike)
    return [f"The same rows with {len(alike)} seeds: key facts {facts}; gain on unseen questions {gains}.", ""]


def _trolls(result: dict[str, Any]) -> list[str]:
    weight = {name: f"{share:.2%}" for name, share in result["troll_weight"].items()}
    said = {arm["name"]: arm["measured"]["troll_name"] for arm in result["arms"] if "measured" in arm}
    named = ", ".join(f"{name} {share:.1%}" for name, share in said.items())
    return [
        f"Trolls: three people put one name into {result['troll_answers']} corrections. Of the weight they have"
        f" {weight['filtered']} after the review, {weight['unreviewed']} where the reviewer accepts everything and "
        f"the product's filters alone work, {weight['unfiltered']} where what these hold back is released as well. "
        f"Answers that hold the name: {named}.",
    ]
