#include "server/grpc/producer_calls.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/grpc/find_pipeline.h"

namespace batchsql {
namespace {

constexpr int kProducersMax = 1000;  // of one call

}  // namespace

absl::Status ListProducers(const Ingestor& ingestor, const v1::ListProducersRequest& request,
                           v1::ListProducersResponse* response) {
  const absl::StatusOr<Pipeline*> pipeline = FindPipeline(ingestor, request.table());
  if (!pipeline.ok()) return pipeline.status();
  if (request.limit() > kProducersMax) {
    return absl::InvalidArgumentError(absl::StrCat("limit is more than ", kProducersMax));
  }
  const size_t limit = request.limit() == 0 ? kProducersMax : request.limit();
  std::vector<Pipeline::KnownProducer> known =
      (*pipeline)->ListProducers(request.after_producer_id(), limit + 1);
  response->set_more(known.size() > limit);
  if (known.size() > limit) known.pop_back();
  for (Pipeline::KnownProducer& producer : known) {
    v1::Producer* const entry = response->add_producers();
    entry->set_producer_id(std::move(producer.producer_id));
    entry->set_last_sequence(producer.last_sequence);
    entry->set_last_time_ms(producer.time_ms);
    entry->set_waiting(producer.waiting);
  }
  return absl::OkStatus();
}

absl::Status ForgetProducers(const Ingestor& ingestor, const v1::ForgetProducersRequest& request,
                             v1::ForgetProducersResponse* response) {
  const absl::StatusOr<Pipeline*> pipeline = FindPipeline(ingestor, request.table());
  if (!pipeline.ok()) return pipeline.status();
  const int count = request.producer_ids_size();
  if (count == 0 || count > kProducersMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(count, " producers, where 1 to ", kProducersMax, " are taken"));
  }
  const std::vector<std::string> ids(request.producer_ids().begin(), request.producer_ids().end());
  Pipeline::Forgotten result = (*pipeline)->ForgetProducers(ids);
  response->set_forgotten(result.forgotten);
  for (std::string& id : result.waiting) response->add_waiting(std::move(id));
  for (std::string& id : result.unknown) response->add_unknown(std::move(id));
  return absl::OkStatus();
}

}  // namespace batchsql
