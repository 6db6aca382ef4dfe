// Random queries over random input, on the engine and on DuckDB.
//   random_sql [--seeds N] [--first N] [--seed N] [--way WAY]…
// A fault is shown as a case with few rows, in the format of README.md; --seed N does it again.
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <spdlog/spdlog.h>

#include "case_check.h"
#include "random_case.h"
#include "seeds.h"
#include "shrink.h"
#include "state/scratch_directory.h"

namespace {

using namespace leat;
using namespace leat::proof;

constexpr std::uint64_t seeds_usual = 100;
constexpr std::chrono::seconds shrink_time{20};
constexpr std::size_t faults_max = 5;

struct Wishes {
  Seeds seeds{.count = seeds_usual};
  CaseCheck::Setup setup;
};

bool take(int count, char** arguments, Wishes& wishes) {
  std::vector<Way> ways;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string word = arguments[i], value = arguments[i + 1];
    if (wishes.seeds.take(word, arguments[i + 1])) continue;
    if (word == "--way") {
      for (const Way way : wishes.setup.ways) {
        if (to_string(way) == value) ways.push_back(way);
      }
    } else {
      return false;
    }
  }
  if (!ways.empty()) wishes.setup.ways = ways;
  return count % 2 == 1;
}

class Runs {
 public:
  Runs(const Wishes& wishes, CaseCheck& check) : wishes_(wishes), check_(check) {}

  int run() {
    for (std::uint64_t i = 0; i < wishes_.seeds.count && failed_ < faults_max; ++i) {
      try_seed(wishes_.seeds.first + i);
    }
    std::printf("%zu runs of the engine, seeds %llu to %llu\n", check_.runs(),
                static_cast<unsigned long long>(wishes_.seeds.first),
                static_cast<unsigned long long>(wishes_.seeds.last()));
    std::printf("%zu passed, %zu failed, %zu skipped\n", passed_, failed_, skipped_);
    return failed_ == 0 && passed_ > 0 ? 0 : 1;
  }

 private:
  void try_seed(std::uint64_t seed) {
    Case one = random_case(seed);
    check_.set_seed(seed);
    if (!expect_judged(one)) {
      ++skipped_;  // DuckDB itself fails on a row
      return;
    }
    if (wishes_.seeds.shows) std::printf("%s\n", to_text(one).c_str());
    const auto fault = check_.fault_of(one);
    ++(fault ? failed_ : passed_);
    if (!fault) return;
    std::printf("FAIL %s", fault->c_str());
    const auto fails = [this](const Case& less) {
      Case judged = less;
      return expect_judged(judged) && check_.fault_of(judged).has_value();
    };
    Case few = shrunk(one, fails, shrink_time);
    expect_judged(few);
    const auto again = check_.fault_of(few);
    std::printf("With few rows:\n\n%s\n%s\n", to_text(few).c_str(), again ? again->c_str() : "");
  }

  bool expect_judged(Case& one) {
    const auto answer = check_.judged(one);
    if (answer) one.expected = answer->rows;
    return answer.has_value();
  }

  const Wishes& wishes_;
  CaseCheck& check_;
  std::size_t passed_ = 0, failed_ = 0, skipped_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
  spdlog::set_level(spdlog::level::off);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  Wishes wishes;
  if (!take(count, arguments, wishes)) {
    std::fputs("usage: random_sql [--seeds N] [--first N] [--seed N] [--way WAY]…\n", stderr);
    return 2;
  }
  if (std::getenv("TMPDIR") == nullptr && std::filesystem::is_directory("/dev/shm")) {
    ::setenv("TMPDIR", "/dev/shm", 1);
  }
  const state::ScratchDirectory scratch;
  wishes.setup.directory = scratch.path() + "/case";
  auto check = CaseCheck::open(wishes.setup);
  if (!check) {
    std::fprintf(stderr, "random_sql: %s\n", check.error().message.c_str());
    return 70;
  }
  return Runs(wishes, **check).run();
}
