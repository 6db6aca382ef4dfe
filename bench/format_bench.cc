// How fast records become columns: flat JSON of 285 bytes (3 and 7 of its 12 fields), nested JSON
// of 1,080 bytes (12 columns), and CSV (7 columns). One worker, slices of about 1 MB.
#include <benchmark/benchmark.h>

#include <functional>
#include <random>

#include "format/decoder.h"

namespace {

using namespace leat;

constexpr std::size_t slice_bytes = 1u << 20;

/// Random values of one kind, the same in every run.
class People {
 public:
  std::string uuid() {
    return fmt::format("{:08x}-{:04x}-4{:03x}-9{:03x}-{:012x}", random_() & 0xFFFFFFFF,
                       random_() & 0xFFFF, random_() & 0xFFF, random_() & 0xFFF,
                       random_() & 0xFFFFFFFFFFFF);
  }
  std::string name() {
    static constexpr std::string_view names[] = {"Maria",   "Søren",     "Katarína", "Williams",
                                                 "Sanchez", "Alexandra", "José",     "Johansson"};
    return std::string(names[random_() % std::size(names)]);
  }
  std::string time() {
    return fmt::format("20{:02}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", below(26), 1 + below(12),
                       1 + below(28), below(24), below(60), below(60), below(1000));
  }
  std::uint64_t below(std::uint64_t end) { return random_() % end; }

 private:
  std::mt19937_64 random_{42};
};

std::string flat_json(People& of) {
  return fmt::format(
      R"({{"id":"{}","first_name":"{}","last_name":"{}","gender":"female","country":"Norway",)"
      R"("city":"Trondheim","email":"{}.{}@example.com","age":{},"registered":"{}",)"
      R"("amount":{}.{:02},"user_key":{},"event_time":{}}})",
      of.uuid(), of.name(), of.name(), of.name(), of.name(), of.below(90), of.time(),
      of.below(10'000), of.below(100), of.below(10'000), 1'760'000'000'000 + of.below(100'000));
}

std::string nested_json(People& of) {
  return fmt::format(
      R"({{"gender":"female","name":{{"title":"Mrs","first":"{}","last":"{}"}},"location":{{)"
      R"("street":{{"number":{},"name":"Manor Road"}},"city":"Bergen","state":"Vestland",)"
      R"("country":"Norway","postcode":{},"coordinates":{{"latitude":"-82.9869",)"
      R"("longitude":"-166.3040"}},"timezone":{{"offset":"-8:00","description":"Pacific Time"}}}},)"
      R"("email":"{}@example.com","login":{{"uuid":"{}","username":"bluecat915","password":"3a0b",)"
      R"("md5":"{:0>32}","sha1":"{:0>40}","sha256":"{:0>64}"}},"dob":{{"date":"{}","age":{}}},)"
      R"("registered":{{"date":"{}","age":14}},"phone":"(775) 824-1529","nat":"NO","picture":)"
      R"("{:x>360}"}})",
      of.name(), of.name(), of.below(9999), 1000 + of.below(9000), of.name(), of.uuid(), "", "", "",
      of.time(), of.below(90), of.time(), "");
}

std::string csv_row(People& of) {
  return fmt::format("{},{},{},Norway,Trondheim,{}@example.com,{},{}.{:02}", of.uuid(), of.name(),
                     of.name(), of.name(), of.below(90), of.below(10'000), of.below(100));
}

Slice slice_of(const std::function<std::string(People&)>& record) {
  People people;
  Slice slice;
  slice.bytes.reserve(slice_bytes + 4096 + slice_padding);
  while (slice.bytes.size() < slice_bytes) {
    const std::string text = record(people);
    const char* const begin = slice.bytes.data() + slice.bytes.size();
    slice.bytes.insert(slice.bytes.end(), text.begin(), text.end());
    slice.bytes.push_back('\n');
    slice.records.push_back({.value = {begin, text.size()}});
  }
  slice.bytes.resize(slice.bytes.size() + slice_padding);
  return slice;
}

DecodedColumn column(std::string name, duckdb_type type, std::string pointer = "") {
  DecodedColumn made;
  made.pointer = pointer.empty() ? "/" + name : std::move(pointer);
  made.name = std::move(name);
  made.type = Type::of(type);
  return made;
}

constexpr auto text = DUCKDB_TYPE_VARCHAR;

std::vector<DecodedColumn> three_columns() {
  std::vector<DecodedColumn> columns = {column("amount", DUCKDB_TYPE_DOUBLE),
                                        column("user_key", DUCKDB_TYPE_BIGINT),
                                        column("event_time", DUCKDB_TYPE_TIMESTAMP)};
  columns.back().time_unit = "ms";
  return columns;
}

std::vector<DecodedColumn> seven_columns() {
  return {column("id", text),
          column("first_name", text),
          column("last_name", text),
          column("country", text),
          column("email", text),
          column("age", DUCKDB_TYPE_INTEGER),
          column("amount", DUCKDB_TYPE_DOUBLE)};
}

std::vector<DecodedColumn> twelve_columns() {
  return {column("id", DUCKDB_TYPE_UUID, "/login/uuid"),
          column("first_name", text, "/name/first"),
          column("last_name", text, "/name/last"),
          column("gender", text),
          column("street_number", DUCKDB_TYPE_INTEGER, "/location/street/number"),
          column("street_name", text, "/location/street/name"),
          column("city", text, "/location/city"),
          column("country", text, "/location/country"),
          column("post_code", text, "/location/postcode"),
          column("email", text),
          column("age", DUCKDB_TYPE_INTEGER, "/dob/age"),
          column("registered", DUCKDB_TYPE_TIMESTAMP, "/registered/date")};
}

void decode(benchmark::State& state, format::Decoder& decoder,
            const std::vector<DecodedColumn>& columns, const Slice& slice) {
  std::vector<Column> of_chunk;
  for (const DecodedColumn& of : columns) of_chunk.push_back({of.name, of.type});
  Chunk chunk{Schema(std::move(of_chunk))};
  std::vector<std::uint32_t> record_of;
  std::vector<format::Refused> refused;
  for (auto _ : state) {
    decoder.begin_slice();
    std::size_t rows = 0;
    for (std::size_t next = 0; next < slice.records.size(); rows += record_of.size()) {
      chunk.reset();
      next =
          decoder.decode(slice, {"topic", Partition(0)}, next, chunk.handle(), record_of, refused);
    }
    if (rows != slice.records.size()) return state.SkipWithError("records were refused");
  }
  const auto turns = static_cast<std::int64_t>(state.iterations());
  state.SetItemsProcessed(turns * static_cast<std::int64_t>(slice.records.size()));
  state.SetBytesProcessed(turns * static_cast<std::int64_t>(slice.bytes.size() - slice_padding));
}

void decode_json(benchmark::State& state, const std::vector<DecodedColumn>& columns,
                 std::string (*record)(People&)) {
  const auto decoder = format::make_json_decoder(columns).value();
  decode(state, *decoder, columns, slice_of(record));
}

void decode_csv(benchmark::State& state) {
  std::vector<DecodedColumn> columns = seven_columns();
  for (DecodedColumn& of : columns) {
    of.pointer.clear();
    of.field = of.name;
  }
  format::CsvOptions options;
  options.header = {"id", "first_name", "last_name", "country", "city", "email", "age", "amount"};
  const auto decoder = format::make_csv_decoder(columns, options).value();
  decode(state, *decoder, columns, slice_of(csv_row));
}

BENCHMARK_CAPTURE(decode_json, json_3_columns, three_columns(), flat_json);
BENCHMARK_CAPTURE(decode_json, json_7_columns, seven_columns(), flat_json);
BENCHMARK_CAPTURE(decode_json, json_12_columns_nested, twelve_columns(), nested_json);
BENCHMARK(decode_csv)->Name("decode_csv/csv_7_columns");

}  // namespace
