#include "server/intake.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/row_block_builder.h"

namespace batchsql {
namespace {

// The databases' largest BIGINT, which keeps positions.
constexpr uint64_t kSequenceMax = INT64_MAX;

// A request under way. Owned by whichever callback comes next.
class Intake {
 public:
  Intake(IntakeRequest request, Budget& budget, Receipt::Listener listener, IntakeCallback callback)
      : request_(std::move(request)), budget_(budget), callback_(std::move(callback)) {
    block_.receipt = Receipt(std::move(listener));
    block_.level = request_.level;
    block_.answer.producer_id = std::move(request_.producer_id);
    block_.answer.sequence = request_.sequence;
    block_.answer.digest = request_.digest;
    block_.resumes = request_.resumes;
    block_.session = request_.session;
    block_.replay = request_.replay;
    block_.letter_time_ms = request_.letter_time_ms;
  }

  // A repetition is found before validation: the answer is the original's.
  static void Start(std::unique_ptr<Intake> intake) {
    const bool as_replay = intake->block_.answer.producer_id.starts_with(kReplayProducerPrefix);
    if (as_replay && !intake->block_.replay) {
      intake->Refuse(absl::InvalidArgumentError(
          "producer_id begins with dlq:, which is kept for replayed dead letters"));
      return;
    }
    if (intake->block_.answer.sequence > kSequenceMax) {
      intake->Refuse(absl::InvalidArgumentError(
          absl::StrCat("sequence ", intake->block_.answer.sequence, " is above 2^63 - 1")));
      return;
    }
    if (intake->IsNumbered() && intake->request_.pipeline->MustLookUp(intake->block_)) {
      LookUp(std::move(intake));
    } else {
      Find(std::move(intake));
    }
  }

 private:
  bool IsNumbered() const { return !block_.answer.producer_id.empty(); }

  // The target knows how far its producer is.
  static void LookUp(std::unique_ptr<Intake> intake) {
    Pipeline* const pipeline = intake->request_.pipeline;
    const std::string producer_id = intake->block_.answer.producer_id;
    pipeline->LookUp(producer_id, [intake = std::move(intake)](const absl::Status& known) mutable {
      if (known.ok()) {
        Find(std::move(intake));
      } else {
        intake->Refuse(known);
      }
    });
  }

  static void Find(std::unique_ptr<Intake> intake) {
    if (intake->IsNumbered()) {
      absl::StatusOr<std::optional<Submitted>> repeated =
          intake->request_.pipeline->FindRepeated(intake->block_, intake->block_.receipt);
      if (!repeated.ok()) {
        intake->Refuse(repeated.status());
        return;
      }
      if (repeated->has_value()) {
        intake->Answer(**std::move(repeated));
        return;
      }
    }
    if (intake->request_.pipeline->schema() == nullptr) {
      OpenTable(std::move(intake));
    } else {
      ReserveMemory(std::move(intake));
    }
  }

  void Refuse(absl::Status status) {
    block_.receipt.Dismiss();
    callback_(std::move(status));
  }

  void Answer(Submitted submitted) {
    callback_(IntakeResult{submitted.rows, std::move(submitted.rejected), true});
  }

  static void OpenTable(std::unique_ptr<Intake> intake) {
    intake->opened_ = true;
    absl::StatusOr<std::vector<NewColumn>> shape = intake->request_.rows->InferColumns();
    if (!shape.ok()) {
      intake->Refuse(shape.status());
      return;
    }
    Pipeline* const pipeline = intake->request_.pipeline;
    pipeline->Open(*std::move(shape), [intake = std::move(intake)](
                                          const absl::StatusOr<Pipeline::Schema>& schema) mutable {
      if (schema.ok()) {
        ReserveMemory(std::move(intake));
      } else {
        intake->Refuse(schema.status());
      }
    });
  }

  static void ReserveMemory(std::unique_ptr<Intake> intake) {
    if (intake->memory_.held()) {
      Decode(std::move(intake));
      return;
    }
    const uint64_t bytes = intake->request_.size_bytes;
    const std::shared_ptr<MemoryWait> wait = intake->request_.memory_wait;
    if (wait == nullptr) {
      std::optional<Budget::Reservation> memory = intake->budget_.TryReserve(bytes);
      if (memory.has_value()) {
        intake->memory_ = *std::move(memory);
        Decode(std::move(intake));
      } else {
        intake->Refuse(absl::ResourceExhaustedError(
            "the daemon's memory budget, limits.memory_bytes_max, is used up; try again later"));
      }
      return;
    }
    wait->Begin(bytes, [intake = std::move(intake)](Budget::Reservation memory) mutable {
      if (!memory.held()) {
        intake->Refuse(absl::UnavailableError("the daemon is stopping, or the client is gone"));
        return;
      }
      intake->memory_ = std::move(memory);
      Decode(std::move(intake));
    });
  }

  static void Decode(std::unique_ptr<Intake> intake) {
    // Scratch that is kept, so that decoding allocates nothing per row.
    thread_local RowBlockBuilder builder;
    const Pipeline::Schema schema = intake->request_.pipeline->schema();
    builder.Start(*schema);
    if (absl::Status status = intake->request_.rows->Decode(builder); !status.ok()) {
      intake->Refuse(std::move(status));
      return;
    }
    const bool may_add = intake->request_.pipeline->options().add_columns && !intake->opened_;
    if (builder.has_unknown_column() && may_add) {
      OpenTable(std::move(intake));
      return;
    }
    intake->Queue(schema, builder.Finish());
  }

  // Of a numbered request the answer is journaled even where no row is left.
  void Queue(const Pipeline::Schema& schema, BuiltRows built) {
    Pipeline& pipeline = *request_.pipeline;
    if (request_.replay && !built.rejected.empty()) {
      block_.receipt.Dismiss();
      callback_(IntakeResult{0, std::move(built.rejected), false});
      return;
    }
    if (!built.block.has_value() && !IsNumbered()) {
      pipeline.CountRejected(built.rejected);
      block_.receipt.Dismiss();
      callback_(IntakeResult{0, std::move(built.rejected), false});
      return;
    }
    if (built.block.has_value()) block_.rows = *std::move(built.block);
    block_.answer.rejected = std::move(built.rejected);
    block_.answer.time_ms = static_cast<uint64_t>(absl::ToUnixMillis(absl::Now()));
    block_.schema = schema;
    memory_.Resize(block_.rows.size_bytes());
    block_.memory = std::move(memory_);
    absl::StatusOr<Submitted> submitted = pipeline.Submit(std::move(block_));
    if (submitted.ok()) {
      Answer(*std::move(submitted));
    } else {
      callback_(submitted.status());
    }
  }

  IntakeRequest request_;
  Budget& budget_;
  QueuedBlock block_;
  IntakeCallback callback_;
  Budget::Reservation memory_;
  bool opened_ = false;
};

}  // namespace

absl::StatusOr<AckLevel> ResolveLevel(std::optional<AckLevel> asked, const Pipeline& pipeline) {
  if (pipeline.has_journal()) return asked.value_or(AckLevel::kJournal);
  if (asked == AckLevel::kJournal) {
    return absl::FailedPreconditionError(
        absl::StrCat("table ", pipeline.options().label,
                     " has no journal (journal: none): use level MEMORY or DATABASE"));
  }
  return asked.value_or(AckLevel::kDatabase);
}

void TakeRows(IntakeRequest request, Budget& budget, Receipt::Listener listener,
              IntakeCallback callback) {
  Intake::Start(std::make_unique<Intake>(std::move(request), budget, std::move(listener),
                                         std::move(callback)));
}

}  // namespace batchsql
