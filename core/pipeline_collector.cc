#include "core/pipeline_collector.h"

#include <chrono>
#include <iterator>
#include <string>
#include <utility>

namespace batchsql {
namespace {

using Kind = SampleFamily::Kind;

prometheus::Labels With(prometheus::Labels labels, const char* name, std::string_view value) {
  labels.emplace(name, std::string(value));
  return labels;
}

// The families of all pipelines; one call of Add for each pipeline.
class PipelineFamilies {
 public:
  explicit PipelineFamilies(uint64_t journal_bytes_max) : journal_bytes_max_(journal_bytes_max) {}

  void Add(const prometheus::Labels& labels, const PipelineStatus& status) {
    received_.Add(labels, status.received_rows);
    replayed_.Add(labels, status.replayed_rows);
    recovered_.Add(labels, status.recovered_rows);
    deduplicated_.Add(labels, status.deduplicated_rows);
    coalesced_.Add(labels, status.coalesced_rows);
    lost_.Add(labels, status.lost_rows);
    skipped_.Add(labels, status.skipped_requests);
    AddByReason(labels, status.rejected_by_reason, &rejected_);
    AddByReason(labels, status.dead_lettered_by_reason, &dead_lettered_);
    dead_letters_.Add(labels, status.dead_letters);
    queue_rows_.Add(labels, status.queued_rows);
    queue_bytes_.Add(labels, status.queued_bytes);
    oldest_.Add(labels, std::chrono::duration<double>(status.oldest_age).count());
    inflight_.Add(labels, status.inflight_flushes);
    batch_rows_.Add(labels, status.batch_rows_target);
    batch_linger_.Add(labels, std::chrono::duration<double>(status.batch_linger).count());
    for (const PipelineState state : kPipelineStates) {
      state_.Add(With(labels, "state", PipelineStateName(state)), status.state == state ? 1 : 0);
    }
    at_least_once_.Add(labels, status.at_least_once ? 1 : 0);
    journal_bytes_.Add(labels, status.journal_bytes);
    journal_segments_.Add(labels, status.journal_segments);
    journal_limit_.Add(labels, journal_bytes_max_);
  }

  std::vector<prometheus::MetricFamily> Take() {
    std::vector<prometheus::MetricFamily> families;
    for (Family* family :
         {&received_,     &replayed_,    &recovered_,     &deduplicated_,  &coalesced_,
          &lost_,         &skipped_,     &rejected_,      &dead_lettered_, &dead_letters_,
          &queue_rows_,   &queue_bytes_, &oldest_,        &inflight_,      &batch_rows_,
          &batch_linger_, &state_,       &at_least_once_, &journal_bytes_, &journal_segments_,
          &journal_limit_}) {
      families.push_back(family->Take());
    }
    return families;
  }

 private:
  // Takes counts of any width.
  class Family {
   public:
    Family(Kind kind, const char* name, const char* help) : family_(kind, {name, help}) {}
    template <typename Number>
    void Add(const prometheus::Labels& labels, Number value) {
      family_.Add(labels, static_cast<double>(value));
    }
    prometheus::MetricFamily Take() { return family_.Take(); }

   private:
    SampleFamily family_;
  };

  static void AddByReason(const prometheus::Labels& labels, const RowsByReason& rows,
                          Family* family) {
    for (size_t i = 0; i < rows.size(); ++i) {
      const auto reason = static_cast<RejectReason>(i);
      // Rows of requests that were refused as a whole have no reason of their own.
      const std::string_view name =
          reason == RejectReason::kNone ? "request_refused" : RejectReasonName(reason);
      family->Add(With(labels, "reason", name), rows[i]);
    }
  }

  const uint64_t journal_bytes_max_;
  Family received_{Kind::kCounter, "batchsql_rows_received_total", "Rows that clients sent."};
  Family replayed_{Kind::kCounter, "batchsql_rows_replayed_total",
                   "Rows of dead letters that were written again."};
  Family recovered_{Kind::kCounter, "batchsql_rows_recovered_total",
                    "Rows read back from the journal of an earlier process."};
  Family deduplicated_{Kind::kCounter, "batchsql_rows_deduplicated_total",
                       "Rows of requests that were answered before."};
  Family coalesced_{Kind::kCounter, "batchsql_rows_coalesced_total",
                    "Rows that another row of their batch stands for."};
  Family lost_{Kind::kCounter, "batchsql_rows_lost_total",
               "Rows that were given up at the shutdown's deadline and are not in the journal."};
  Family skipped_{Kind::kCounter, "batchsql_requests_skipped_total",
                  "Sequences that producers gave up with resume_at."};
  Family rejected_{Kind::kCounter, "batchsql_rows_rejected_total",
                   "Rows that were refused before they were acknowledged, by reason."};
  Family dead_lettered_{Kind::kCounter, "batchsql_rows_dead_lettered_total",
                        "Rows that the database, or the altered table, refused, by reason."};
  Family dead_letters_{Kind::kGauge, "batchsql_dead_letters",
                       "Dead letters that are kept now, not replayed and not purged."};
  Family queue_rows_{Kind::kGauge, "batchsql_queue_rows", "Rows that are not committed yet."};
  Family queue_bytes_{Kind::kGauge, "batchsql_queue_bytes",
                      "Memory of rows that are not committed yet."};
  Family oldest_{Kind::kGauge, "batchsql_oldest_unflushed_row_age_seconds",
                 "Time since the oldest row that is not committed was accepted; 0: none waits."};
  Family inflight_{Kind::kGauge, "batchsql_inflight_flushes", "Flushes under way."};
  Family batch_rows_{Kind::kGauge, "batchsql_batch_target_rows",
                     "Rows at which a batch closes: configured, or found by batching: auto."};
  Family batch_linger_{Kind::kGauge, "batchsql_batch_linger_seconds",
                       "Age at which a batch closes: configured, or found by batching: auto."};
  Family state_{Kind::kGauge, "batchsql_pipeline_state",
                "1 for the state that the pipeline is in, 0 for the others."};
  Family at_least_once_{Kind::kGauge, "batchsql_pipeline_at_least_once",
                        "1 where the table cannot be written exactly once, and need not."};
  Family journal_bytes_{Kind::kGauge, "batchsql_journal_bytes", "The journal's size on disk."};
  Family journal_segments_{Kind::kGauge, "batchsql_journal_segments", "The journal's segments."};
  Family journal_limit_{Kind::kGauge, "batchsql_journal_limit_bytes",
                        "What all journals of the daemon may take together."};
};

}  // namespace

std::vector<prometheus::MetricFamily> CollectPipelines(const std::vector<Pipeline*>& pipelines,
                                                       const Metrics& metrics,
                                                       uint64_t journal_bytes_max) {
  PipelineFamilies families(journal_bytes_max);
  for (const Pipeline* pipeline : pipelines) {
    families.Add(
        metrics.PipelineLabels(pipeline->target().name(), pipeline->options().table.ToString()),
        pipeline->status());
  }
  return families.Take();
}

}  // namespace batchsql
