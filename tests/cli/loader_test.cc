#include "cli/loader.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "chunk_text.h"
#include "cli/connection.h"
#include "fake_server.h"
#include "text_input.h"

namespace batchsql::cli {
namespace {

using Texts = std::vector<std::string>;
using Request = v1::WriteStreamRequest;
using Response = v1::WriteStreamResponse;

constexpr std::chrono::seconds kConnect{5};

// Acknowledges through `sequence` at every level.
Response Through(uint64_t sequence) {
  Response response;
  response.set_accepted_through(sequence);
  response.set_committed_through(sequence);
  return response;
}

void Reject(Response* response, uint64_t sequence, uint32_t row, const std::string& field) {
  v1::RejectedRows* const rejected = response->add_rejected();
  rejected->set_sequence(sequence);
  v1::RejectedRow* const one = rejected->add_rows();
  one->set_row(row);
  one->set_field(field);
  one->set_reason(v1::REJECT_REASON_WRONG_TYPE);
  one->set_detail("int64 expected, text came");
}

// Takes every message and acknowledges it at once.
grpc::Status TakeAll(FakeServer::Stream& stream, std::vector<Request>* requests) {
  Request request;
  stream.Write(Response());
  while (stream.Read(&request)) {
    requests->push_back(request);
    stream.Write(Through(request.sequence()));
  }
  return grpc::Status::OK;
}

struct Loaded {
  LoadOutcome outcome;
  Texts printed;
  std::string path;
};

LoadOptions Options(uint32_t rows_per_message) {
  LoadOptions options;
  options.limits.rows_max = rows_per_message;
  options.stream.table = "t";
  return options;
}

Loaded Load(FakeServer& server, std::string_view csv, const LoadOptions& options,
            const StopFlags& stop = StopFlags(), const std::string& rejects_path = "") {
  const TextInput text(csv);
  InputFile input = text.Open();
  Loaded loaded;
  loaded.path = text.path();
  const auto channel = Connect(server.address(), kConnect);
  REQUIRE(channel.ok());
  const auto stub = v1::Ingest::NewStub(*channel);
  std::FILE* const nowhere = std::fopen("/dev/null", "w");
  Progress progress(nowhere, false);
  auto rejects = RejectReport::Create(
      text.path(), rejects_path, [&](const std::string& line) { loaded.printed.push_back(line); });
  REQUIRE(rejects.ok());
  loaded.outcome = Loader(options, *stub, input, **rejects, progress, stop).Run();
  REQUIRE((*rejects)->Finish().ok());
  std::fclose(nowhere);
  return loaded;
}

std::string Rows(int count) {
  std::string csv = "id\n";
  for (int row = 0; row < count; ++row) absl::StrAppend(&csv, row, "\n");
  return csv;
}

TEST_CASE("A load sends every row, numbered, and counts what is committed") {
  FakeServer server;
  server.columns = {{"id", "int64"}, {"name", "text"}};
  std::vector<Request> requests;
  server.serve = [&](auto& stream) { return TakeAll(stream, &requests); };
  const Loaded loaded = Load(server, "id,name\n1,a\n2,\n3,c\n", Options(2));
  CHECK(loaded.outcome.server.ok());
  CHECK(loaded.outcome.input.ok());
  CHECK(loaded.outcome.rows == 3);
  CHECK(loaded.outcome.rejected == 0);
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].table() == "t");
  CHECK(requests[0].ack() == v1::ACK_LEVEL_DATABASE);
  CHECK(requests[0].sequence() == 1);
  CHECK(requests[1].table().empty());
  CHECK(requests[1].sequence() == 2);
  CHECK(ColumnTexts(requests[0]) == Texts{"id:ints[1|2]", "name:texts[a|NULL]"});
  CHECK(ColumnTexts(requests[1]) == Texts{"id:ints[3]", "name:texts[c]"});
}

TEST_CASE("A load into a table that does not exist infers from more than the first message") {
  FakeServer server;
  std::vector<Request> requests;
  server.serve = [&](auto& stream) { return TakeAll(stream, &requests); };
  const Loaded loaded = Load(server, "a\n1\n2\n2.5\n", Options(1));
  CHECK(loaded.outcome.rows == 3);
  REQUIRE(requests.size() == 3);
  CHECK(ColumnTexts(requests[0]) == Texts{"a:doubles[1]"});
}

TEST_CASE("A column that the table lacks is inferred, the others are as the table says") {
  FakeServer server;
  server.columns = {{"a", "text"}};
  std::vector<Request> requests;
  server.serve = [&](auto& stream) { return TakeAll(stream, &requests); };
  CHECK(Load(server, "a,b\n1,1\n2,2.5\n", Options(1)).outcome.rows == 2);
  REQUIRE(requests.size() == 2);
  CHECK(ColumnTexts(requests[0]) == Texts{"a:texts[1]", "b:doubles[1]"});
}

TEST_CASE("A load never has more messages unacknowledged than its window") {
  FakeServer server;
  std::vector<Request> requests;
  uint64_t most = 0;
  server.serve = [&](FakeServer::Stream& stream) {
    Request request;
    uint64_t acknowledged = 0;
    while (stream.Read(&request)) {
      most = std::max(most, request.sequence() - acknowledged);
      // Nothing is acknowledged before the window must be full.
      if (request.sequence() - acknowledged == 5 || request.sequence() == 100) {
        acknowledged = request.sequence();
        stream.Write(Through(acknowledged));
      }
    }
    return grpc::Status::OK;
  };
  LoadOptions options = Options(1);
  options.stream.window_messages = 5;
  const Loaded loaded = Load(server, Rows(100), options);
  CHECK(loaded.outcome.server.ok());
  CHECK(loaded.outcome.rows == 100);
  CHECK(most == 5);
}

TEST_CASE("A load stops sending at its window of bytes") {
  FakeServer server;
  uint64_t most = 0;
  server.serve = [&](FakeServer::Stream& stream) {
    Request request;
    uint64_t acknowledged = 0;
    while (stream.Read(&request)) {
      most = std::max(most, request.sequence() - acknowledged);
      if (request.sequence() - acknowledged == 3 || request.sequence() == 9) {
        acknowledged = request.sequence();
        stream.Write(Through(acknowledged));
      }
    }
    return grpc::Status::OK;
  };
  LoadOptions options = Options(1);
  options.stream.window_bytes = 3;  // a row is one byte
  CHECK(Load(server, Rows(9), options).outcome.rows == 9);
  CHECK(most == 3);
}

TEST_CASE("Refused rows are told with their lines") {
  FakeServer server;
  server.columns = {{"a", "int64"}, {"b", "text"}};
  server.serve = [](FakeServer::Stream& stream) {
    Request request;
    while (stream.Read(&request)) {
      Response response = Through(request.sequence());
      if (request.sequence() == 2) Reject(&response, 2, 1, "a");
      stream.Write(response);
    }
    return grpc::Status::OK;
  };
  const TextInput rejects("");
  const Loaded loaded = Load(server, "a,b\n1,\"x\ny\"\n2,z\n3,\"u\nv\"\nx,w\n5,w\n", Options(2),
                             StopFlags(), rejects.path());
  CHECK(loaded.outcome.server.ok());
  CHECK(loaded.outcome.rows == 4);
  CHECK(loaded.outcome.rejected == 1);
  REQUIRE(loaded.printed.size() == 1);
  CHECK(loaded.printed[0] ==
        loaded.path + ":7: column \"a\": wrong_type: int64 expected, text came");
  std::ifstream file(rejects.path());
  const std::string written((std::istreambuf_iterator<char>(file)), {});
  CHECK(written ==
        "{\"line\":7,\"row\":4,\"field\":\"a\",\"reason\":\"wrong_type\","
        "\"detail\":\"int64 expected, text came\"}\n");
}

TEST_CASE("Only the first refused rows are printed, the rest counted") {
  FakeServer server;
  server.serve = [](FakeServer::Stream& stream) {
    Request request;
    while (stream.Read(&request)) {
      Response response = Through(request.sequence());
      Reject(&response, request.sequence(), 0, "");
      stream.Write(response);
    }
    return grpc::Status::OK;
  };
  const Loaded loaded = Load(server, Rows(25), Options(1));
  CHECK(loaded.outcome.rejected == 25);
  CHECK(loaded.outcome.rows == 0);
  REQUIRE(loaded.printed.size() == 21);
  CHECK(loaded.printed[0] == loaded.path + ":2: wrong_type: int64 expected, text came");
  CHECK(loaded.printed[20] == "… and 5 more rejected rows");
}

TEST_CASE("At level memory a row that the database refuses later is not counted as accepted") {
  FakeServer server;
  server.serve = [](FakeServer::Stream& stream) {
    Request request;
    while (stream.Read(&request)) {
      Response accepted;
      accepted.set_accepted_through(request.sequence());
      stream.Write(accepted);
    }
    Response committed = Through(2);
    Reject(&committed, 1, 1, "id");
    stream.Write(committed);
    return grpc::Status::OK;
  };
  LoadOptions options = Options(2);
  options.stream.ack = v1::ACK_LEVEL_MEMORY;
  const Loaded loaded = Load(server, Rows(4), options);
  CHECK(loaded.outcome.server.ok());
  CHECK(loaded.outcome.rows == 3);
  CHECK(loaded.outcome.rejected == 1);
  REQUIRE(loaded.printed.size() == 1);
  CHECK(loaded.printed[0].starts_with(loaded.path + ":3: column \"id\""));
}

TEST_CASE("A lost server ends the load with what was acknowledged") {
  FakeServer server;
  server.serve = [](FakeServer::Stream& stream) {
    Request request;
    for (int message = 0; message < 3 && stream.Read(&request); ++message) {
      stream.Write(Through(request.sequence()));
    }
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "stopping");
  };
  const Loaded loaded = Load(server, Rows(20'000), Options(10));
  CHECK(absl::IsUnavailable(loaded.outcome.server));
  CHECK(loaded.outcome.rows == 30);
}

TEST_CASE("A stream that ends well with rows unacknowledged is an error") {
  FakeServer server;
  server.serve = [](FakeServer::Stream& stream) {
    Request request;
    while (stream.Read(&request)) {
    }
    return grpc::Status::OK;
  };
  CHECK(absl::IsInternal(Load(server, Rows(10), Options(10)).outcome.server));
}

TEST_CASE("Malformed input ends the load after the rows before it") {
  FakeServer server;
  std::vector<Request> requests;
  server.serve = [&](auto& stream) { return TakeAll(stream, &requests); };
  const Loaded loaded = Load(server, "a,b\n1,2\n3,4\n5\n6,7\n", Options(1));
  CHECK(loaded.outcome.server.ok());
  CHECK(loaded.outcome.input.message() == loaded.path + ":4: 1 field, but the header has 2");
  CHECK(loaded.outcome.rows == 2);
}

TEST_CASE("A load that is stopped waits for what was sent") {
  FakeServer server;
  server.columns = {{"id", "int64"}};
  StopFlags stop;
  std::vector<Request> requests;
  server.serve = [&](FakeServer::Stream& stream) {
    Request request;
    while (stream.Read(&request)) {
      stop.stop = true;
      requests.push_back(request);
      stream.Write(Through(request.sequence()));
    }
    return grpc::Status::OK;
  };
  LoadOptions options = Options(10);
  options.stream.window_messages = 1;
  const Loaded loaded = Load(server, Rows(20'000), options, stop);
  CHECK(absl::IsCancelled(loaded.outcome.input));
  CHECK(loaded.outcome.server.ok());
  CHECK(loaded.outcome.rows == requests.size() * 10);
  CHECK(loaded.outcome.rows < 20'000);
}

TEST_CASE("A load that is aborted does not wait") {
  FakeServer server;
  StopFlags stop;
  server.serve = [&](FakeServer::Stream& stream) {
    Request request;
    stream.Read(&request);
    stream.Write(Through(1));
    stop.stop = true;
    stop.abort = true;
    while (stream.Read(&request)) {
    }
    return grpc::Status::OK;
  };
  LoadOptions options = Options(10);
  options.stream.window_messages = 2;
  const Loaded loaded = Load(server, Rows(20'000), options, stop);
  CHECK(absl::IsCancelled(loaded.outcome.server));
  CHECK(loaded.outcome.rows <= 10);
}

TEST_CASE("An empty file opens no stream") {
  FakeServer server;
  bool opened = false;
  server.serve = [&](FakeServer::Stream&) {
    opened = true;
    return grpc::Status::OK;
  };
  const Loaded loaded = Load(server, "id\n", Options(10));
  CHECK(loaded.outcome.server.ok());
  CHECK(loaded.outcome.input.ok());
  CHECK_FALSE(opened);
}

TEST_CASE("Nobody listening is said plainly") {
  std::string address;
  {
    const FakeServer gone;
    address = gone.address();
  }
  CHECK(Connect(address, kConnect).status().message() ==
        absl::StrCat("cannot reach ", address, ": is batchsqld running?"));
}

}  // namespace
}  // namespace batchsql::cli
