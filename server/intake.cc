#include "server/intake.h"

#include <optional>
#include <utility>

#include "core/row_block_builder.h"

namespace batchsql {
namespace {

// A request under way. Owned by whichever callback comes next.
class Intake {
 public:
  Intake(IntakeRequest request, Budget& budget, Receipt::Listener listener, IntakeCallback callback)
      : request_(std::move(request)),
        budget_(budget),
        listener_(std::move(listener)),
        callback_(std::move(callback)) {}

  static void Start(std::unique_ptr<Intake> intake) {
    if (intake->request_.pipeline->schema() == nullptr) {
      OpenTable(std::move(intake));
    } else {
      ReserveMemory(std::move(intake));
    }
  }

 private:
  static void OpenTable(std::unique_ptr<Intake> intake) {
    intake->opened_ = true;
    absl::StatusOr<std::vector<NewColumn>> shape = intake->request_.rows->InferColumns();
    if (!shape.ok()) {
      intake->callback_(shape.status());
      return;
    }
    Pipeline* const pipeline = intake->request_.pipeline;
    pipeline->Open(*std::move(shape), [intake = std::move(intake)](
                                          const absl::StatusOr<Pipeline::Schema>& schema) mutable {
      if (schema.ok()) {
        ReserveMemory(std::move(intake));
      } else {
        intake->callback_(schema.status());
      }
    });
  }

  static void ReserveMemory(std::unique_ptr<Intake> intake) {
    if (intake->memory_.held()) {
      Decode(std::move(intake));
      return;
    }
    const uint64_t bytes = intake->request_.size_bytes;
    Budget& budget = intake->budget_;
    if (!intake->request_.waits_for_memory) {
      std::optional<Budget::Reservation> memory = budget.TryReserve(bytes);
      if (memory.has_value()) {
        intake->memory_ = *std::move(memory);
        Decode(std::move(intake));
      } else {
        intake->callback_(absl::ResourceExhaustedError(
            "the daemon's memory budget, limits.memory_bytes_max, is used up; try again later"));
      }
      return;
    }
    budget.ReserveWhenFree(bytes, [intake = std::move(intake)](Budget::Reservation memory) mutable {
      if (!memory.held()) {
        intake->callback_(absl::UnavailableError("the daemon is stopping"));
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
      intake->callback_(std::move(status));
      return;
    }
    const bool may_add = intake->request_.pipeline->options().add_columns && !intake->opened_;
    if (builder.has_unknown_column() && may_add) {
      OpenTable(std::move(intake));
      return;
    }
    intake->Queue(schema, builder.Finish());
  }

  void Queue(const Pipeline::Schema& schema, BuiltRows built) {
    IntakeResult result;
    result.rejected = std::move(built.rejected);
    if (!result.rejected.empty()) request_.pipeline->CountRejected(result.rejected.size());
    if (built.block.has_value()) {
      result.queued_rows = built.block->rows();
      memory_.Resize(built.block->size_bytes());
      QueuedBlock block{*std::move(built.block),
                        schema,
                        std::move(memory_),
                        Receipt(std::move(listener_)),
                        request_.level,
                        {},
                        0,
                        std::move(request_.producer_id),
                        request_.sequence,
                        {}};
      if (absl::Status status = request_.pipeline->Submit(std::move(block)); !status.ok()) {
        callback_(std::move(status));
        return;
      }
    }
    callback_(std::move(result));
  }

  IntakeRequest request_;
  Budget& budget_;
  Receipt::Listener listener_;
  IntakeCallback callback_;
  Budget::Reservation memory_;
  bool opened_ = false;
};

}  // namespace

void TakeRows(IntakeRequest request, Budget& budget, Receipt::Listener listener,
              IntakeCallback callback) {
  Intake::Start(std::make_unique<Intake>(std::move(request), budget, std::move(listener),
                                         std::move(callback)));
}

}  // namespace batchsql
