"""The demo: a run, shown as it goes, and its report."""

from __future__ import annotations

from rich.console import Console

from aggregator.driver import RoundReport
from aggregator.public import write_atomically
from aggregator.summary import Table
from examples.spam_detection.corpus import load_corpus
from examples.spam_detection.progress import RoundRow, RoundTable, member_table
from examples.spam_detection.report import Report, render
from examples.spam_detection.run import Run, improvement_shares
from examples.spam_detection.settings import DELTA, SYMBOL, Settings
from examples.spam_detection.tabular import load_table
from examples.spam_detection.world import build_cast
from federation.contribution import SCORE_BITS
from federation.errors import VerificationFailed
from federation.rounds import Status
from federation.secureprivacy import epsilons

_DP_NOTE = (
    "Unit: one mail; neighbouring data sets differ by adding or removing one mail. Full-batch Gaussian "
    "steps, each mail's step clipped, noise from ChaCha20; exact composition as Gaussian DP."
)
_NO_DP_NOTE = "This run trains without differential privacy: every delta shows its member's words."


class _Watcher:
    def __init__(self, table: RoundTable) -> None:
        self._table = table

    def note(self, text: str) -> None:
        self._table.note(text)

    def round_closed(self, run: Run, report: RoundReport, auc: float) -> None:
        outcome, facts = report.outcome, run.facts[-1]
        epsilon = max(run.epsilons(actor)[-1] for actor in run.actors)
        self._table.add(
            RoundRow(
                round=outcome.round,
                loss_before=facts.loss_before,
                loss_after=facts.loss_after,
                auc=auc,
                eta=outcome.eta,
                epsilon=epsilon if run.settings.epsilon is not None else None,
                credited=sum(m.credit > 0 for m in outcome.members),
                wei=facts.credited_wei,
                rejections=facts.rejections,
                suspensions=sum(m.status is Status.SUSPENDED for m in outcome.members),
            )
        )


def run_demo(settings: Settings, table: RoundTable, *, quiet: bool) -> Table:
    """Run, report and print where everything is.

    Args:
        settings: The run's options.
        table: The live display on stderr.
        quiet: Whether to leave stdout to the caller.

    Raises:
        VerificationFailed: The independent verification said no.
    """
    mails = load_table(settings.data) if settings.data else load_corpus(table.note)
    run = Run(settings, build_cast(mails, settings), _Watcher(table))
    table.start(settings.rounds)
    try:
        summary = run.execute()
    finally:
        table.stop()
    write_atomically(settings.out / "report.html", render(report_of(run, summary)).encode())
    console = Console(stderr=True)
    console.print(member_table(summary, symbol=SYMBOL))
    if run.manifest.secure and settings.epsilon is not None:
        spent = epsilons(run.manifest, len(run.reports))
        console.print(
            f"epsilon  {spent.sum:.2f} of the sums, {spent.transcript:.2f} of all that is public, "
            f"{spent.server:.2f} against an aggregator with {run.manifest.secure.colluders} colluders"
        )
    if not quiet:
        print(run.verification)  # noqa: T201 - the demo's result
        print(f"report   {settings.out / 'report.html'}")  # noqa: T201 - as above
        print(f"summary  {settings.out / 'summary.json'}")  # noqa: T201 - as above
    if not summary["verified"]:
        raise VerificationFailed(str(settings.out), "the independent verification said no, see above")
    return summary


def _verdict(text: str) -> str:
    """Return the verifier's words for the report: what recomputes, and the block that pins it."""
    facts, _, place = text.removeprefix("yes: ").partition("; ")
    _, _, head = place.partition("head ")
    return f"{facts}; last block {head}" if head else text


def report_of(run: Run, summary: Table) -> Report:
    """Return what the report shows of a run."""
    paid, projection, clip, rest = improvement_shares(run)
    names = {actor.did: actor.party.name for actor in run.actors}
    balances = {
        name: [report.outcome.state.credits[did] for report in run.reports] for did, name in names.items()
    }
    outcomes = [{name: run.status_text(did, report) for did, name in names.items()} for report in run.reports]
    private = run.settings.epsilon is not None
    return Report(
        summary=summary,
        balances=balances,
        epsilons={a.party.name: run.epsilons(a) for a in run.actors} if private else {},
        outcomes=outcomes,
        improvement=[max(0, r.outcome.improvement) / (1 << SCORE_BITS) for r in run.reports],
        paid_share=paid,
        projection_share=projection,
        clip_share=clip,
        rest_share=rest,
        federation=run.epoch.domain.federation,
        chain_id=run.chain.chain_id,
        token_symbol=SYMBOL,
        token_decimals=18,
        verification=_verdict(run.verification),
        budget_epsilon=run.settings.epsilon,
        delta=float(DELTA),
        seeded=run.settings.seed is not None,
        dp_note=_DP_NOTE if private else _NO_DP_NOTE,
    )
