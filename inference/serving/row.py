"""One running reply as the scheduler sees it."""

from __future__ import annotations

from dataclasses import dataclass, field

from inference.contract import GenerationRequest, PromptInfo
from inference.serving.lookup import Lookup
from inference.serving.output_format import Matcher
from inference.serving.pages import Chain
from inference.serving.reply import Reply
from inference.serving.sampling import SamplingRow


@dataclass(eq=False, slots=True)
class Row:
    """`pages` hold the keys and values of the first `cached` tokens of its history."""

    request: GenerationRequest
    number: int  # the order in which requests came
    asked_at: float  # by time.monotonic
    prompt: PromptInfo
    reply: Reply
    sampling: SamplingRow
    adapter: str | None
    chain: Chain
    matcher: Matcher | None = None  # of its format, after the reply so far
    lookup: Lookup = field(default_factory=Lookup)
    cached: int = 0
    pages: list[int] = field(default_factory=list)
    told: int = 0  # how many of its pages the backend knows
    slot: int = -1
    is_begun: bool = False  # whether `started` was said
    wrote_at: float | None = None  # when its last token was written here

    @property
    def history(self) -> list[int]:
        """The prompt and the reply."""
        return self.sampling.history

    @property
    def unread(self) -> int:
        """Tokens that the model has not read yet: 1 while the row writes."""
        return len(self.sampling.history) - self.cached
