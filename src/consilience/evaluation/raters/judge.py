"""Judges: a model is asked for a score, and its reply is read.

Responsible for the question (safe substitution, delimiters, limits) and for turning any reply or failure into
a rating. Invariants:
- what stands in an answer is never read as part of the template: placeholders are replaced in one pass, so
  braces and format marks in an answer stay text;
- answer, prompt and target stand between delimiters that carry a mark which the answer's author cannot know;
- a judge that fails or cannot be understood gives a cause, never a score.

Delimiters make it harder for an answer to speak to the judge; they are no guarantee (see
docs/reference/raters.md).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from consilience.errors import InputError, PartnerError
from consilience.evaluation.model import Chat, ChatReply, ChatRequest
from consilience.evaluation.protocol import Item, Protocol, Rater, RaterKind
from consilience.evaluation.raters.identity import prompt_digest, rater_version
from consilience.evaluation.raters.label import Parsed, reply_parser
from consilience.evaluation.run_record import Answer, RaterIdentity, Rating, rating_id
from consilience.evaluation.scores import Cause, Status

MAX_SHOWN_CHARS = 16_000
"""A longer answer is cut before it is shown to a judge; the rating says so."""
MAX_KEPT_REPLY_CHARS = 2_000
_PLACEHOLDER = re.compile(r"\{(prompt|answer|target|language|concept)\}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_CHAT_MARKS = re.compile(
    r"(?i)<(?=\|)|\|(?=>)|<(?=/?(?:s|bos|eos|pad|unk|start_of_turn|end_of_turn|think)>)|\[(?=/?INST\])|<(?=<SYS>|</SYS>)"
)


def fill_template(template: str, values: dict[str, str]) -> str:
    """Put values into the places {prompt}, {answer}, {target}, {language} and {concept}, once, as text.

    Other braces stay as they are, and what a value contains is not looked at again.
    """
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), template)


def harmless(text: str, limit: int = MAX_SHOWN_CHARS) -> tuple[str, bool]:
    """Return a text as a judge sees it, and whether it was cut.

    Control characters go, and the marks by which chat formats separate speakers (such as `<|im_end|>`,
    `[INST]`) get a space inside, because a server may read them as marks even in the middle of a message.
    """
    cut = len(text) > limit
    shown = _CONTROL.sub("", text[:limit].replace("\r\n", "\n"))
    shown = _CHAT_MARKS.sub(lambda match: match[0] + " ", shown)
    if cut:
        shown += f"\n[cut: {limit} of {len(text)} characters are shown]"
    return shown, cut


class Judge:
    """A judge model as a rater.

    Args:
        rater: From the protocol.
        client: The model that judges.

    Raises:
        InputError: The prompt has no {answer}, or the parser is no pattern.
    """

    is_async = True

    def __init__(self, rater: Rater, client: Chat) -> None:
        if rater.kind is not RaterKind.JUDGE or not rater.prompt or "{answer}" not in rater.prompt:
            raise InputError(
                f"judge {rater.id} has no prompt with a place for the {{answer}}",
                next_step="Add `prompt` with {answer}, and {prompt} or {target} where the judge needs them.",
            )
        self._rater = rater
        self._template = rater.prompt
        self._client = client
        self._parse: Callable[[str], Parsed] = reply_parser(rater)
        weights = client.endpoint if client.endpoint.startswith("local:") else None
        self.identity = RaterIdentity(
            id=rater.id,
            kind=RaterKind.JUDGE,
            version=rater_version(rater, model=client.spec, weights=weights),
            model=client.spec,
            endpoint=client.endpoint,
            prompt_digest=prompt_digest(rater),
        )

    def applies(self, item: Item, answer: Answer) -> bool:
        """Say whether this judge rates this answer, by its concept and attempt."""
        if self._rater.concepts and item.concept not in self._rater.concepts:
            return False
        return answer.text is not None and (self._rater.attempts == "all" or answer.attempt == 1)

    def rate_now(self, protocol: Protocol, item: Item, answer: Answer) -> Rating:
        """Refuse: a judge must be waited for."""
        raise TypeError("a judge rates by `await rate(…)`")

    async def rate(self, protocol: Protocol, item: Item, answer: Answer) -> Rating:
        """Ask the judge for a score. Whatever happens to the question gives a rating with a cause."""
        if answer.text is None or not answer.text.strip():
            cause = Cause.EMPTY if answer.text is not None else answer.cause or Cause.UNKNOWN
            status = Status.FAILED if answer.text is None else Status.UNSCORED
            return self._rating(answer, ChatReply(), status=status, cause=cause)
        request, cut = self.request(protocol, item, answer)
        try:
            reply = await self._client.chat(request)
        except PartnerError as error:
            return self._rating(
                answer,
                ChatReply(),
                cause=Cause.JUDGE_ERROR,
                explanation=f"the judge cannot be asked: {error.detail}",
            )
        if reply.text is None:
            why = f"the judge gave no reply: {reply.cause or Cause.UNKNOWN} {reply.detail}".strip()
            return self._rating(answer, reply, cause=Cause.JUDGE_ERROR, explanation=why)
        parsed = self._parse(reply.text)
        note = "[the answer was cut for the judge] " if cut else ""
        said = note + reply.text[:MAX_KEPT_REPLY_CHARS]
        if parsed.score is None:
            return self._rating(
                answer, reply, cause=Cause.JUDGE_UNPARSABLE, explanation=f"[{parsed.problem}] {said}"
            )
        return self._rating(
            answer, reply, status=Status.SCORED, score=parsed.score, label=parsed.label, explanation=said
        )

    def request(self, protocol: Protocol, item: Item, answer: Answer) -> tuple[ChatRequest, bool]:
        """Return what the judge is asked about an answer, and whether the answer was cut for it."""
        mark = hashlib.sha256(f"delimiter\x1f{answer.generation}\x1f{self.identity.version}".encode())
        concept = next((concept for concept in protocol.concepts if concept.id == item.concept), None)
        shown_answer, cut = harmless(answer.text or "")

        def between(name: str, text: str) -> str:
            tag = f"{name}-{mark.hexdigest()[:8]}"
            return f"<{tag}>\n{text}\n</{tag}>"

        values = {
            "prompt": between("prompt", harmless(item.prompt)[0]),
            "answer": between("answer", shown_answer),
            "target": between("target", harmless(item.target or "")[0]),
            "language": item.language,
            "concept": concept.title if concept is not None else item.concept,
        }
        question = ("user", fill_template(self._template, values))
        system = self._rater.system_prompt
        return ChatRequest(
            messages=(("system", system), question) if system else (question,),
            temperature=self._rater.temperature,
            max_tokens=self._rater.max_tokens,
            seed=self._seed(answer),
        ), cut

    def _seed(self, answer: Answer) -> int:
        """Return a seed of 31 bits that is the same whenever this rating is asked for."""
        content = f"judge\x1f{answer.generation}\x1f{self.identity.version}"
        return int.from_bytes(hashlib.sha256(content.encode()).digest()[:4], "big") >> 1

    def _rating(
        self,
        answer: Answer,
        reply: ChatReply,
        *,
        status: Status = Status.UNSCORED,
        score: float | None = None,
        cause: Cause | None = None,
        label: str | None = None,
        explanation: str = "",
    ) -> Rating:
        return Rating(
            rating=rating_id(
                generation=answer.generation, rater=self.identity.id, version=self.identity.version
            ),
            generation=answer.generation,
            rater=self.identity.id,
            rater_kind=RaterKind.JUDGE,
            version=self.identity.version,
            status=status,
            score=score,
            cause=cause,
            label=label,
            explanation=explanation,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
        )
