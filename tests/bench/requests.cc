#include "tests/bench/requests.h"

namespace batchsql::bench {
namespace {

const char* const kColumns[] = {"id", "ts", "user_id", "name", "amount", "payload"};

void AddRow(const WorkloadRow& row, v1::Rows* rows) {
  v1::Row* const cells = rows->add_rows();
  cells->add_values()->set_int_value(row.id);
  cells->add_values()->set_timestamp_us(row.ts_us);
  cells->add_values()->set_int_value(row.user_id);
  cells->add_values()->set_text_value(row.name);
  cells->add_values()->set_double_value(row.amount);
  cells->add_values()->set_text_value(row.payload);
}

void AddText(const std::string& text, v1::Blobs* blobs) {
  blobs->mutable_data()->append(text);
  blobs->add_ends(static_cast<uint32_t>(blobs->data().size()));
}

void AddToColumns(const WorkloadRow& row, v1::Columns* columns) {
  columns->set_row_count(columns->row_count() + 1);
  columns->mutable_columns(0)->mutable_ints()->add_values(row.id);
  columns->mutable_columns(1)->mutable_timestamps_us()->add_values(row.ts_us);
  columns->mutable_columns(2)->mutable_ints()->add_values(row.user_id);
  AddText(row.name, columns->mutable_columns(3)->mutable_texts());
  columns->mutable_columns(4)->mutable_doubles()->add_values(row.amount);
  AddText(row.payload, columns->mutable_columns(5)->mutable_texts());
}

}  // namespace

std::string EncodeRequest(absl::Span<const WorkloadRow> rows, RequestForm form,
                          const std::string& table, v1::AckLevel ack) {
  v1::WriteStreamRequest request;
  request.set_table(table);
  request.set_ack(ack);
  for (const char* name : kColumns) {
    if (form == RequestForm::kColumns) {
      request.mutable_columns()->add_columns()->set_name(name);
    } else {
      request.mutable_rows()->add_columns(name);
    }
  }
  for (const WorkloadRow& row : rows) {
    if (form == RequestForm::kColumns) {
      AddToColumns(row, request.mutable_columns());
    } else {
      AddRow(row, request.mutable_rows());
    }
  }
  return request.SerializeAsString();
}

WorkloadRow ReadRow(const v1::Row& cells) {
  WorkloadRow row;
  row.id = cells.values(0).int_value();
  row.ts_us = cells.values(1).timestamp_us();
  row.user_id = static_cast<int32_t>(cells.values(2).int_value());
  row.name = cells.values(3).text_value();
  row.amount = cells.values(4).double_value();
  row.payload = cells.values(5).text_value();
  return row;
}

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace batchsql::bench
