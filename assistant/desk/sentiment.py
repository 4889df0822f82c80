"""How content somebody sounds. English is read by VADER (Hutto & Gilbert 2014), whose lexicon and rules were made for
short informal texts; Chinese by the words below, our own. Other languages count as neither.

How often that is right stands in docs/decisions/0026-reports-webhooks-rest.md: enough for the mood of many
conversations, not for judging one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import sqrt
from typing import Any

# From here on a text counts as negative.
NEGATIVE = -0.3
# A word weighs as in VADER a strong one; its normalisation brings the sum into [-1, 1].
WEIGHT, ALPHA = 2.5, 15
READ_CHARS = 5000
_HAN = re.compile("[\u4e00-\u9fff]")
_GOOD = (
    *(
        "满意",
        "喜欢",
        "感谢",
        "谢谢",
        "多谢",
        "开心",
        "高兴",
        "太好了",
        "很好",
        "真好",
        "不错",
        "挺好",
        "方便",
        "优秀",
        "完美",
    ),
    *(
        "推荐",
        "值得",
        "好用",
        "好看",
        "漂亮",
        "舒服",
        "精彩",
        "实用",
        "贴心",
        "热情",
        "耐心",
        "给力",
        "好评",
        "赞",
        "棒",
        "爱",
    ),
    *("解决了", "很快", "清楚", "超值", "实惠", "放心", "受益", "经典", "有趣", "好听", "有用", "有帮助"),
)
_BAD = (
    *(
        "不满",
        "失望",
        "生气",
        "愤怒",
        "讨厌",
        "糟糕",
        "垃圾",
        "差劲",
        "太差",
        "很差",
        "真差",
        "最差",
        "差评",
        "投诉",
        "退款",
        "退货",
    ),
    *(
        "骗",
        "坏了",
        "坏的",
        "破损",
        "问题",
        "无法",
        "没用",
        "没法",
        "难用",
        "难看",
        "难受",
        "麻烦",
        "后悔",
        "上当",
        "浪费",
        "无聊",
    ),
    *(
        "恶心",
        "气死",
        "受不了",
        "不行",
        "不能用",
        "不好",
        "不值",
        "不喜欢",
        "不推荐",
        "不满意",
        "不如",
        "不怎么",
        "不咋",
        "死机",
    ),
    *(
        "太慢",
        "很慢",
        "错误",
        "故障",
        "缺点",
        "遗憾",
        "可惜",
        "郁闷",
        "粗糙",
        "假货",
        "肤浅",
        "根本",
        "千万别",
        "一般般",
        "欺骗",
    ),
)
# The longest first: 不满意 is one word, not 满意 after a 不.
_WORD = re.compile("|".join(sorted((*_GOOD, *_BAD), key=len, reverse=True)))
_NOT = re.compile("(不|没|没有|未|别|不太|不是很|不是)$")


def sentiment_of(text: str) -> float:
    """From -1, angry or sad, to 1; 0 where it says nothing of that."""
    text = text[:READ_CHARS]
    return _chinese(text) if _HAN.search(text) else float(_vader().polarity_scores(text)["compound"])


def _chinese(text: str) -> float:
    total = 0.0
    for found in _WORD.finditer(text):
        value = -WEIGHT if found[0] in _BAD else WEIGHT
        total += -value if _NOT.search(text[max(0, found.start() - 3) : found.start()]) else value
    return total / sqrt(total * total + ALPHA)


@lru_cache(maxsize=1)
def _vader() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # reads its lexicon, for workers alone

    return SentimentIntensityAnalyzer()
