// The whole engine, its log and its store on a disk that stops, fails, fills up and rots: a fault
// at every operation that changes something, one run each.
//   engine_faults [--only TEXT] [--fault stop|io_error|disk_full|short_write|flip] [--nth N]
//                 [--places N] FILE…
#include <array>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include <spdlog/spdlog.h>

#include "case_pipeline.h"
#include "fault_run.h"

namespace {

using namespace leat;
using namespace leat::proof;

constexpr std::array all_faults = {DiskFault::stop, DiskFault::io_error, DiskFault::disk_full,
                                   DiskFault::short_write};

struct Wishes {
  std::string only;
  std::string fault;  ///< empty: all
  std::optional<std::uint64_t> nth;
  std::size_t places = 24;  ///< in a file, where a bit is turned
  std::vector<std::string> files;
};

std::optional<Wishes> wishes_in(int count, char** arguments) {
  Wishes wishes;
  for (int i = 1; i < count; ++i) {
    const std::string word = arguments[i];
    if (!word.starts_with("--")) {
      wishes.files.push_back(word);
      continue;
    }
    if (++i == count) return std::nullopt;
    if (word == "--only") {
      wishes.only = arguments[i];
    } else if (word == "--fault") {
      wishes.fault = arguments[i];
    } else if (word == "--places") {
      wishes.places = std::strtoull(arguments[i], nullptr, 10);
    } else if (word == "--nth") {
      wishes.nth = std::strtoull(arguments[i], nullptr, 10);
    } else {
      return std::nullopt;
    }
  }
  if (wishes.files.empty()) return std::nullopt;
  return wishes;
}

/// How many operations were made to go wrong.
Result<std::uint64_t> sweep(FaultRun& run, DiskFault fault, const Wishes& wishes) {
  std::uint64_t nth = wishes.nth.value_or(0);
  while (true) {
    const auto happened = run.run(fault, nth);
    if (!happened) {
      return internal_error(happened.error().code, "--fault {} --nth {}: {}", to_string(fault), nth,
                            happened.error().message);
    }
    if (!*happened || wishes.nth) return nth;
    ++nth;
  }
}

Status check(const Case& one, FaultRun& run, const Wishes& wishes) {
  std::string said = fmt::format("{}:", one.name);
  for (const DiskFault fault : all_faults) {
    if (!wishes.fault.empty() && wishes.fault != to_string(fault)) continue;
    said += fmt::format(" {} {}", LEAT_TRY(sweep(run, fault, wishes)), to_string(fault));
  }
  if (wishes.fault.empty() || wishes.fault == "flip") {
    const FaultRun::Flips flips = LEAT_TRY(run.flip_bits(wishes.places));
    said += fmt::format(" {} bits turned ({} refused)", flips.tried, flips.refused);
  }
  fmt::print("{}\n", said);
  std::fflush(stdout);
  return {};
}

Result<std::size_t> check_file(const std::string& path, const Wishes& wishes) {
  const auto analyser = LEAT_TRY(sql::Analyser::open());
  const std::shared_ptr<sql::Database> database = LEAT_TRY(sql::Database::open());
  const auto judge = LEAT_TRY(Judge::open());
  std::size_t faults = 0;
  for (const Case& one : LEAT_TRY(read_cases(path))) {
    if (!one.name.contains(wishes.only)) continue;
    const pipeline::Checked checked = proof::checked(one, *analyser);
    if (!checked.graph)
      return internal_error("case-refused", "{}: leat check refuses it", one.name);
    LEAT_TRY(judge->take(one));
    FaultRun run(FaultRun::Setup{
        .one = one, .graph = *checked.graph, .database = database, .judge = *judge});
    if (const Status status = check(one, run, wishes); !status) {
      fmt::print("{}: case {}: {}\n", one.place(), one.name, status.error().message);
      ++faults;
    }
  }
  return faults;
}

}  // namespace

int main(int count, char** arguments) {
  const auto wishes = wishes_in(count, arguments);
  if (!wishes) {
    std::fputs(
        "usage: engine_faults [--only TEXT] [--fault stop|io_error|disk_full|short_write|flip]\n"
        "                     [--nth N] [--places N] FILE…\n"
        "--nth: the operation that goes wrong, else each. --places: in each file, for flip.\n",
        stderr);
    return 2;
  }
  spdlog::set_level(spdlog::level::off);
  std::size_t faults = 0;
  for (const std::string& file : wishes->files) {
    const auto found = check_file(file, *wishes);
    if (!found) {
      fmt::print("{}: {}\n", file, found.error().message);
      return 1;
    }
    faults += *found;
  }
  return faults == 0 ? 0 : 1;
}
