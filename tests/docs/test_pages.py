"""The reader of pages itself: blocks, marks, anchors, links."""

from __future__ import annotations

import pytest
from tests.docs import pages

PAGE = """# A `page` of two parts

See [the other](other.md#a-part) and ![a picture](images/a.png), not `[this](no.md)`.

<!-- file: a.toml -->
```toml
x = 1
```

Words between take a mark away.

<!-- exit: 2 -->

```console
$ consilience nonsense \\
>   --json
$ cat a.toml
x = 1
```

1. In a list:

    ```python
    print(1)
    ```
"""


def test_blocks_have_language_text_and_marks() -> None:
    first, second, third = pages.blocks(PAGE)
    assert (first.language, first.text, first.marks) == ("toml", "x = 1\n", {"file": "a.toml"})
    assert second.marks == {"exit": "2"}
    assert second.commands() == [("consilience nonsense \\\n  --json", []), ("cat a.toml", ["x = 1"])]
    assert (third.language, third.text, third.marks) == ("python", "print(1)\n", {})


def test_a_block_that_is_not_closed_is_an_error() -> None:
    with pytest.raises(ValueError, match="line 1"):
        list(pages.blocks("```python\nprint(1)\n"))


def test_output_without_a_command_is_an_error() -> None:
    (block,) = pages.blocks("```console\nconsilience --help\n```\n")
    with pytest.raises(ValueError, match="begins with"):
        block.commands()


def test_links_and_anchors() -> None:
    assert pages.links(PAGE) == {"other.md#a-part", "images/a.png"}
    assert pages.anchors(PAGE) == {"a-page-of-two-parts"}
    assert pages.slug("What `n` means: 0 of n, and more") == "what-n-means-0-of-n-and-more"


def test_code_words_are_taken_from_spans_and_blocks_only() -> None:
    words = pages.code_words("the word plain, `--json`, `a.b` and\n\n```toml\nkey_one = 2\n```\n")
    assert {"--json", "a.b", "key_one"} <= words
    assert "plain" not in words
