"""Which faults a run plays and how often: the ordinary plan, and one aimed at each sabotage."""

import dataclasses

import faults
import proxy

SABOTAGES = ("ack-before-append", "watermark-outside-transaction", "blind-retry", "no-dedup",
             "no-fence", "order-by-arrival")


@dataclasses.dataclass
class Plan:
    """Weights by name; pauses in seconds, (shortest, longest)."""
    lives: dict
    points: dict
    database: dict
    cuts: dict
    database_pause: tuple = (4, 9)
    cut_pause: tuple = (0.1, 1.2)
    lingers_ms: tuple = (0, 5, 50, 300)  # A round takes one for each table.
    batchings: tuple = ("fixed", "fixed", "auto")  # The same.
    producers: tuple = ("journal", "target")  # Who keeps positions; the same, where there is a journal.
    round_seconds: float = 25
    settle_seconds: float = 60  # For what is not acknowledged yet, and again for the queues.


def ordinary(kind, with_journal):
    lives = {"any_moment": 3, "named_point": 5, "clean_stop": 1}
    points = {point: 2 for point in faults.FLUSH_POINTS}
    if with_journal:
        lives |= {"torn_write": 3, "failing_io": 1.5, "full_disk": 1,
                  "second_daemon": 0.5}
        points |= {point: 1 for point in faults.JOURNAL_POINTS}
    if kind == "sqlite":
        lives |= {"database_io": 4} | ({"older_file": 1} if with_journal else {})
    cuts = {kind: 3 for kind in proxy.COMMIT_CUTS}
    cuts |= {proxy.AT_BYTE: 2, proxy.DELAY: 1, proxy.STALL: 0.5}
    return Plan(lives, points, {"kill": 3, "immediate_stop": 1}, cuts)


def aimed_at(sabotage, kind, with_journal=True):
    """Short rounds of what shows this sabotage best."""
    plan = ordinary(kind, with_journal)
    plan.round_seconds = 8
    plan.settle_seconds = 20
    if sabotage == "ack-before-append":
        plan.lives = {"named_point": 1}
        plan.points = {"journal.before_append": 1, "journal.before_sync": 1}
    elif sabotage == "watermark-outside-transaction":
        plan.lives = {"named_point": 1}
        plan.points = {"flush.before_commit": 1, "flush.after_commit": 1}
    elif sabotage == "blind-retry":
        plan.lives = {"database_io": 3, "any_moment": 1} if kind == "sqlite" else {"any_moment": 1}
        plan.cuts = {proxy.AFTER_COMMIT: 1, proxy.AFTER_REPLY: 1}
        plan.cut_pause, plan.database_pause = (0, 0.2), (30, 60)
    elif sabotage == "no-dedup":
        plan.lives = {"any_moment": 1}
    elif sabotage == "order-by-arrival":
        plan.lives = {"any_moment": 1}
        plan.cuts = {proxy.DELAY: 3, proxy.AT_BYTE: 1}
        plan.cut_pause, plan.database_pause = (0, 0.1), (30, 60)
    elif sabotage == "no-fence":
        plan.lives = {"second_daemon": 1}
        plan.cut_pause = plan.database_pause = (30, 60)
        plan.lingers_ms = (1000,)  # So that the stopped one has rows which both know.
        plan.batchings = ("fixed",)
        plan.producers = ("journal",)  # The target's positions would notice that rows come twice.
    return plan
