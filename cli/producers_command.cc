#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "batchsql/v1/admin.grpc.pb.h"
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/letter_lines.h"
#include "cli/text_table.h"

namespace batchsql::cli {
namespace {

using Admin = v1::Admin::Stub;

constexpr size_t kProducersInCall = 1000;

void PrintProducers(const v1::ListProducersResponse& response) {
  TextTable table({"PRODUCER", "LAST SEQUENCE", "LAST REQUEST", "STATE"},
                  {false, true, false, false});
  for (const v1::Producer& producer : response.producers()) {
    table.Add({producer.producer_id(), absl::StrCat(producer.last_sequence()),
               TimeText(producer.last_time_ms()), producer.waiting() ? "waiting" : "committed"});
  }
  std::printf("%s", table.Text().c_str());
  if (!response.more()) return;
  std::printf("\nmore follow: --after %s\n", response.producers().rbegin()->producer_id().c_str());
}

}  // namespace

int RunProducersList(const ProducersCommand& command) {
  Caller<Admin> admin(command.server);
  v1::ListProducersRequest request;
  request.set_table(command.table);
  request.set_after_producer_id(command.after);
  request.set_limit(command.limit);
  const auto response = admin.Call(&Admin::ListProducers, request);
  if (!response.ok()) return Fail(response.status());
  if (command.json) return PrintJson(*response);
  PrintProducers(*response);
  return kExitOk;
}

int RunProducersRemove(const ProducersCommand& command) {
  Caller<Admin> admin(command.server);
  uint64_t removed = 0;
  int waiting = 0;
  int unknown = 0;
  absl::Status status;
  for (size_t next = 0; next < command.ids.size() && status.ok(); next += kProducersInCall) {
    v1::ForgetProducersRequest request;
    request.set_table(command.table);
    const size_t end = std::min(next + kProducersInCall, command.ids.size());
    for (size_t i = next; i < end; ++i) request.add_producer_ids(command.ids[i]);
    const auto response = admin.Call(&Admin::ForgetProducers, request);
    status = response.status();
    if (!response.ok()) break;
    removed += response->forgotten();
    waiting += response->waiting_size();
    unknown += response->unknown_size();
    for (const std::string& id : response->waiting()) {
      std::fprintf(stderr, "producer %s: its last rows are not committed yet\n", id.c_str());
    }
    for (const std::string& id : response->unknown()) {
      std::fprintf(stderr, "producer %s: is not known\n", id.c_str());
    }
  }
  std::printf("remove: removed=%s waiting=%d unknown=%d\n", absl::StrCat(removed).c_str(), waiting,
              unknown);
  if (!status.ok()) return Fail(status);
  return waiting > 0 ? kExitRejected : kExitOk;
}

}  // namespace batchsql::cli
