"""What one producer knows of its requests in one round.

Acknowledgements are cumulative, so three numbers tell all: requests `first` to `acked` are
acknowledged at the producer's level, the others below `next` were sent and are in an unknown state.
"""

import dataclasses

PROBLEMS_TOLD = 3  # Of one producer in one round.


@dataclasses.dataclass
class Ledger:
    producer: object
    first: int = 1
    next: int = 1
    acked: int = 0
    settled: bool = True
    settle_seconds: float = 0  # From the end of the faults to the last acknowledgement.
    resumed_at: int = 0  # Behind the requests that were given up last.
    given_up: int = 0      # Requests acknowledged at MEMORY that the daemon no longer had.
    repeated: int = 0      # Acknowledged requests that were sent once more on purpose.
    forged: int = 0        # Sequences sent once more with other rows, and refused.
    untold: int = 0        # Refused rows that an answer at DATABASE did not tell.
    late: int = 0          # Requests that were refused because they are committed.
    reopened: int = 0
    problems: list = dataclasses.field(default_factory=list)

    def begin_round(self):
        """What is behind was judged; only the position goes on."""
        self.first = self.next
        self.given_up = self.repeated = self.forged = self.untold = self.late = 0
        self.reopened = 0
        self.problems = []

    @property
    def unknown(self):
        """Requests that were sent and not acknowledged."""
        return self.next - 1 - self.acked

    def problem(self, text):
        """Something that the daemon may not do, apart from what the tables show."""
        if len(self.problems) < PROBLEMS_TOLD:
            self.problems.append(f"{self.producer.producer_id} ({self.producer.table.name}, "
                                 f"{self.producer.level}): {text}")
