"""The page: its order, its words for what is unknown, its safety against hostile names, its bytes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulators.joint_result import joint_result, missing
from tests.simulators.pseudo_locale import PseudoArabic

from consilience.errors import InputError, StoreError
from consilience.evaluation import joint_result as jr
from consilience.reporting import joint_report
from consilience.reporting.joint_report import render, write_report
from consilience.reporting.messages import without_markup
from consilience.reporting.sections import view
from consilience.reporting.sections.context import Context
from consilience.reporting.sections.gaps import turned
from consilience.reporting.sections.plan import CHECKLIST_LINES
from consilience.reporting.sections.provenance import bibtex_text

VOID = {"meta", "link", "br", "img", "hr", "input"}
ORDER = (
    "verdict", "scores", "gaps", "laboratories", "variance", "decisions", "judges", "bayes", "failures",
    "deviations", "checklist", "runs", "methods", "cite", "data",
)  # fmt: skip
HOSTILE = (
    "</title></style><script>alert(1)</script>",
    '" onmouseover="alert(1)',
    "\u202eevil\u2066",
    "=HYPERLINK(1)",
    "x" * 10_000,
    "{{ 7*7 }}",
)


class Page(HTMLParser):
    """Reads a page strictly: what is opened is closed, ids are unique."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.stack or self.stack[-1] not in {"style"}:
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def result() -> jr.JointResult:
    return joint_result()


@pytest.fixture(scope="module")
def page(result: jr.JointResult) -> Page:
    return Page(render(result))


def test_sections_stand_in_the_order_of_the_protocol(page: Page) -> None:
    assert [found["id"] for tag, found in page.tags if tag == "section"] == list(ORDER)


def test_ids_are_unique_and_links_lead_somewhere(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    for tag, found in page.tags:
        if tag == "a" and (found.get("href") or "").startswith("#"):
            assert str(found["href"])[1:] in page.ids


def test_the_same_result_gives_the_same_bytes(result: jr.JointResult) -> None:
    again = msgspec.json.decode(msgspec.json.encode(result), type=jr.JointResult)
    for language in ("en", "fr"):
        assert render(result, language=language) == render(again, language=language)


def test_there_is_no_script_and_no_foreign_host(page: Page) -> None:
    for tag, found in page.tags:
        assert tag not in {"script", "iframe", "object", "embed", "img", "form", "base"}
        assert not any(name.startswith("on") or name == "style" for name in found)
        for name in ("href", "src", "action", "srcset"):
            address = found.get(name)
            assert address is None or re.match(r"(#|data:)", address), (tag, address)


def test_the_policy_allows_exactly_the_stylesheet(result: jr.JointResult) -> None:
    html = render(result)
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    told = policy[1].replace("&#39;", "'")
    assert told.startswith(f"default-src 'none'; style-src 'sha256-{digest}'")
    assert "unsafe" not in told


def test_the_verdict_comes_first_and_names_the_laboratory_that_differs(page: Page) -> None:
    assert page.words.index("The laboratories do not agree: south is") < page.words.index("How sure is this?")
    assert "there temperature was 1.0 where the protocol said 0.2" in page.words
    assert "with south left out, the spread between laboratories falls from" in page.words


def test_simulated_ratings_and_missing_manifests_are_warned_of_without_any_note(
    result: jr.JointResult,
) -> None:
    words = Page(render(msgspec.structs.replace(result, notes=()))).words
    assert "Simulated ratings: the 240 scores of panel were made by a program" in words
    assert "No manifest from east" in words
    clean = msgspec.structs.replace(
        result,
        notes=(),
        raters=tuple(msgspec.structs.replace(rater, simulated=False) for rater in result.raters),
        runs=tuple(msgspec.structs.replace(run, has_manifest=True) for run in result.runs),
    )
    assert "Read with care" not in Page(render(clean)).words


def test_every_estimate_shown_has_interval_and_n_or_a_reason(result: jr.JointResult) -> None:
    context = Context(result)
    for cell in result.cells:
        for estimate in (cell.benchmark, cell.generalized):
            told = context.reading(estimate, binary=True)
            assert told.n
            assert told.interval if told.known else "not estimable" in told.value


def test_unknown_is_told_in_words(page: Page, result: jr.JointResult) -> None:
    assert "not estimable: these data have only one of it" in page.words
    assert "not measured: no counter on this machine" in page.words
    assert "no manifest" in page.words
    assert not re.search(
        r"\b(nan|NaN|None|inf|null)\b", page.words.replace("None of them counts as wrong", "")
    )
    cells = re.findall(r"<td[^>]*>(.*?)</td>", render(result), re.DOTALL)
    assert all(without_markup(text).strip() or "<svg" in text for text in cells)  # type: ignore[arg-type]


def test_a_number_that_is_not_finite_is_refused(result: jr.JointResult) -> None:
    broken = msgspec.structs.replace(result.between[0], repeatability_sd=float("nan"))
    with pytest.raises(InputError, match="canonical"):
        render(msgspec.structs.replace(result, between=(broken,)))


def test_all_twelve_lines_stand_there_even_when_the_result_has_none(result: jr.JointResult) -> None:
    words = Page(render(msgspec.structs.replace(result, checklist=()))).words
    assert words.count("The result does not speak of it.") == len(CHECKLIST_LINES) == 12
    assert "0 of 12 lines are met, 0 are not, 12 could not be assessed." in words
    assert "check against the original" in words


def test_one_laboratory_one_language_and_nothing_scored() -> None:
    words = Page(render(joint_result(laboratories=["only"], languages=["en"]))).words
    assert "Nobody has repeated the measurement." in words
    assert "with the others" not in words
    empty = msgspec.structs.replace(
        joint_result(), cells=(), contrasts=(), between=(), variance=(), judges=(), agreement=(), failures=(),
        deviations=(), runs=(), minimum_differences=(),
    )  # fmt: skip
    words = Page(render(empty)).words
    for told in (
        "Not measured: there is no score.",
        "Not compared: there is only one language",
        "Not estimated.",
        "Every rating has a score.",
        "Not known: the result holds no run.",
    ):
        assert told in words


def test_estimates_without_a_value_have_no_mark(result: jr.JointResult) -> None:
    cells = tuple(
        msgspec.structs.replace(cell, generalized=missing("one_item", n_items=1))
        for cell in result.cells
        if cell.primary
    )
    html = render(msgspec.structs.replace(result, cells=cells))
    scores = html[html.index('id="scores"') : html.index('id="gaps"')]
    assert 'class="mark' not in scores
    assert "not estimable: only one item, so its spread cannot be seen" in Page(scores_only(scores)).words


def scores_only(html: str) -> str:
    return "<section " + html[: html.rindex("</section>")] + "</section>"


def test_french_has_its_own_marks_and_no_english_heading(result: jr.JointResult) -> None:
    french = Page(render(result, language="fr"))
    assert "43," in french.words
    assert "Écarts au protocole" in french.words
    english = {text for tag in ("h2",) for text in re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", render(result))}
    in_french = set(re.findall(r"<h2[^>]*>(.*?)</h2>", render(result, language="fr")))
    assert not english & in_french


def test_every_text_of_the_page_is_marked_for_translation(result: jr.JointResult) -> None:
    html = render(result, language="ar-XB", texts=PseudoArabic())
    for tag in ("h2", "caption", "summary", "dt"):
        for text in re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", html, re.DOTALL):
            own = re.sub(r"<(bdi|code)[^>]*>.*?</\1>|<[^>]*>", "", text)
            assert not re.search("[a-z]{3,}", own), text


def test_right_to_left_pages_say_so(result: jr.JointResult) -> None:
    html = render(result, language="ar-XB", texts=PseudoArabic())
    assert '<html lang="ar-XB" dir="rtl">' in html
    text = re.sub(
        r"<bdi[^>]*>.*?</bdi>", "", re.sub(r"<(style|svg|code|pre)\b.*?</\1>", "", html, flags=re.DOTALL)
    )
    outside = re.findall(r">([^<]*)<", text)
    assert not [part for part in outside if re.search(r"\d\S* to |\d.*%", part)]


def test_an_arabic_endonym_is_marked_as_arabic(result: jr.JointResult) -> None:
    assert '<span class="endonym" lang="ar" dir="rtl">العربية</span>' in render(result)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_change_nothing_but_their_text(result: jr.JointResult, name: str) -> None:
    hostile = joint_result(laboratories=[name, f"{name}2", f"{name}3"], models=[name], handling=name)
    hostile = msgspec.structs.replace(
        hostile,
        exercise=msgspec.structs.replace(
            hostile.exercise,
            titles={"en": name},
            name=name,
            construct=name,
            estimand=name,
            protocol_digest=name,
        ),
        concepts=tuple(
            msgspec.structs.replace(c, titles={"en": name}, definition=name) for c in hostile.concepts
        ),
        methods={name: name},
        software={name: name},
        generated_at=name,
        failures=tuple(
            msgspec.structs.replace(f, cause=name, rater=name, language=name) for f in hostile.failures
        ),
    )
    html = render(hostile)
    usual = render(joint_result())
    assert "<script" not in html
    assert "\u202e" not in html
    assert "\u2066" not in html
    assert "x" * 3_000 not in re.sub(r'href="data:[^"]*"', "", html)
    names = {tag for tag, _ in Page(html).tags}
    assert names <= {tag for tag, _ in Page(usual).tags}
    attributes = {key for _, found in Page(html).tags for key in found}
    assert attributes <= {key for _, found in Page(usual).tags for key in found} | {"title"}


@settings(max_examples=15)
@given(st.text(max_size=80))
def test_any_name_gives_a_whole_page(name: str) -> None:
    Page(render(joint_result(laboratories=[name, name + "2", "c"], languages=["en", "ar"])))


def test_bibtex_cannot_be_left(result: jr.JointResult) -> None:
    assert bibtex_text("a}, b = {\\input") == r"a\}, b = \{\textbackslash{}input"


def test_links_hold_the_tables(result: jr.JointResult, page: Page) -> None:
    links = {
        found["download"]: found["href"] for tag, found in page.tags if tag == "a" and "download" in found
    }
    assert {"cells.csv", "cells.json", "result.json", "methods.csv"} <= set(links)
    content = base64.b64decode(str(links["result.json"]).partition("base64,")[2])
    assert msgspec.json.decode(content, type=jr.JointResult) == result
    head = base64.b64decode(str(links["cells.csv"]).partition("base64,")[2]).decode().split("\r\n")[0]
    assert head.startswith("laboratory,model,language,concept,rater,primary,benchmark,benchmark_low")


def test_what_is_too_large_for_a_link_is_in_the_folder(
    result: jr.JointResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joint_report, "MAX_LINK_BYTES", 1_500)
    page = Page(render(result, data_folder="my data"))
    hrefs = [found["href"] for tag, found in page.tags if tag == "a"]
    assert "my%20data/cells.csv" in hrefs
    assert "my%20data/result.json" in hrefs
    assert "too large for this page" in Page(render(result)).words


def test_the_page_as_a_whole_holds_a_bounded_amount_of_data(
    result: jr.JointResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(render(result))
    monkeypatch.setattr(joint_report, "MAX_PAGE_DATA_BYTES", 60_000)
    assert len(render(result)) < before
    links = [found for tag, found in Page(render(result)).tags if "download" in found and tag == "a"]
    carried = sum(len(str(found["href"])) for found in links if found["download"] != "result.json")
    assert carried <= 60_000 * 1.4


def test_long_tables_are_cut_and_say_so(result: jr.JointResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "MAX_TABLE_ROWS", 5)
    words = Page(render(result)).words
    assert "The first 5 of 21 rows. The data folder has them all." in words


def test_long_forests_are_cut_and_say_so() -> None:
    many = joint_result(laboratories=[f"lab-{number}" for number in range(60)])
    words = Page(render(many)).words
    assert "Not all rows fit; the table in the data folder has every one." in words


def test_pairs_have_the_larger_side_first(result: jr.JointResult) -> None:
    contrast = next(c for c in result.contrasts if c.difference.value is not None and c.difference.value < 0)
    other = turned(contrast)
    assert (other.left, other.right) == (contrast.right, contrast.left)
    assert contrast.difference.value is not None
    assert other.difference.value == -contrast.difference.value
    assert other.difference.interval is not None
    assert contrast.difference.interval is not None
    assert other.difference.interval.low == -contrast.difference.interval.high
    assert turned(other) == other


@pytest.mark.parametrize(
    ("text", "class_"),
    [("TLP:AMBER+STRICT", "tlp-amber-strict"), ("tlp:red", "tlp-red"), ("secret", "tlp-unknown")],
)
def test_markings(text: str, class_: str) -> None:
    html = render(joint_result(handling=text))
    assert f'class="tlp {class_}"' in html
    assert text.upper() in html or text in html


def test_other_languages_are_refused(result: jr.JointResult) -> None:
    with pytest.raises(InputError, match="does not speak"):
        render(result, language="xx")


def test_written_files(result: jr.JointResult, tmp_path: Path) -> None:
    written = write_report(result, tmp_path / "a" / "r.html", data_folder=tmp_path / "a" / "r-data")
    content = written.report.read_bytes()
    assert written.sha256 == "sha256:" + hashlib.sha256(content).hexdigest()
    assert written.bytes == len(content)
    assert {"cells.parquet", "result.json", "README.md"} <= set(written.data_files)
    assert json.loads((tmp_path / "a" / "r-data" / "result.json").read_bytes())["seed"] == result.seed
    assert b'href="r-data/cells.parquet"' in content
    assert not list(tmp_path.rglob(".*"))


def test_a_report_that_cannot_be_written_is_a_clear_error(result: jr.JointResult, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="report cannot be written") as caught:
        write_report(result, tmp_path / "file" / "r.html")
    assert "--out" in caught.value.next_step
    assert "Errno" not in caught.value.detail
