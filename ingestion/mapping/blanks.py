"""Text that is nothing but blanks, of any script: as good as none."""

from __future__ import annotations

from ingestion.mapping.duck_sql import quoted

# Spaces and line ends of Unicode, control characters (a tab), those without a width (U+200B,
# U+FEFF), and four letters and signs that show nothing (Hangul fillers, the empty Braille cell).
BLANK = r"[\s\pZ\p{Cc}\p{Cf}\x{115F}\x{1160}\x{2800}\x{3164}\x{FFA0}]"


def is_filled(text: str) -> str:
    """The expression of whether a text has more than blanks; null where the text is null.

    Most values begin with a visible ASCII character, which two comparisons show; the others are
    looked through, which costs ten times more.
    """
    return f"""(({text} >= '!' and {text} < chr(127))
        or not regexp_full_match({text}, {quoted(BLANK + "*")}))"""
