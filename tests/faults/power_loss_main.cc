// Losses of power by seeds: random pipelines, rows, batches and places, checked as power_loss_run.h
// says.
//   power_loss [--seeds N] [--first N] [--seed N] [--twice]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include <spdlog/spdlog.h>

#include "case_pipeline.h"
#include "power_loss_run.h"
#include "seeds.h"

namespace {

using namespace leat;
using namespace leat::proof;

constexpr std::uint64_t seeds_usual = 200;
/// So many seeds in a row have the same pipeline and rows: to check it takes longer than a run.
constexpr std::uint64_t seeds_of_a_case = 10;
/// Where DuckDB itself fails on a case's rows, others are made.
constexpr std::uint64_t cases_tried = 5, case_stride = 1u << 30;
constexpr std::size_t faults_max = 20;

struct Wishes {
  Seeds seeds{.count = seeds_usual};
  bool twice = false;
};

std::optional<Wishes> wishes_in(int count, char** arguments) {
  Wishes wishes;
  for (int i = 1; i < count; ++i) {
    const std::string word = arguments[i];
    if (word == "--twice") {
      wishes.twice = true;
      continue;
    }
    if (++i == count || !wishes.seeds.take(word, arguments[i])) return std::nullopt;
  }
  return wishes;
}

/// A pipeline with all that a run of it needs.
class Prepared {
 public:
  static Result<std::unique_ptr<Prepared>> open() {
    auto made = std::make_unique<Prepared>();
    made->analyser_ = LEAT_TRY(sql::Analyser::open());
    made->database_ = LEAT_TRY(sql::Database::open());
    made->judge_ = LEAT_TRY(Judge::open());
    return made;
  }

  Status take(std::uint64_t number) {
    if (number_ == number) return {};
    Status taken;
    for (std::uint64_t i = 0; i < cases_tried; ++i) {
      taken = try_case(number + i * case_stride);
      if (taken) break;
    }
    number_ = number;
    return taken;
  }
  Result<PowerLossRun::Outcome> run(std::uint64_t seed) const {
    return PowerLossRun({.made = made_,
                         .graph = *graph_,
                         .database = database_,
                         .judge = *judge_,
                         .answer = answer_})
        .run(seed);
  }
  const PowerLossCase& made() const { return made_; }

 private:
  Status try_case(std::uint64_t number) {
    made_ = power_loss_case(number);
    const pipeline::Checked checked = proof::checked(made_.one, *analyser_);
    if (!checked.graph) {
      std::string said;
      for (const auto& found : checked.diagnostics) said += "\n  " + pipeline::to_text(found);
      return internal_error("case-refused", "leat check refuses case {}{}", number, said);
    }
    graph_.emplace(*checked.graph);
    LEAT_TRY(judge_->take(made_.one));
    answer_ = LEAT_TRY(judge_->answer(made_.one));
    return {};
  }

  std::unique_ptr<sql::Analyser> analyser_;
  std::shared_ptr<sql::Database> database_;
  std::unique_ptr<Judge> judge_;
  std::optional<std::uint64_t> number_;
  PowerLossCase made_;
  std::optional<pipeline::Graph> graph_;
  Table answer_;
};

class Runs {
 public:
  Runs(const Wishes& wishes, Prepared& prepared) : wishes_(wishes), prepared_(prepared) {}

  int run() {
    const auto begin = std::chrono::steady_clock::now();
    for (std::uint64_t i = 0; i < wishes_.seeds.count && failed_ < faults_max; ++i) {
      try_seed(wishes_.seeds.first + i);
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    fmt::print(
        "seeds {} to {}: {} losses of power, {} of them in a start; {} batches answered; {} not, "
        "{} of them kept and counted once; {:.1f} s\n",
        wishes_.seeds.first, wishes_.seeds.last(), all_.losses, all_.losses_at_start, all_.batches,
        all_.unanswered, all_.kept, took.count());
    if (wishes_.twice) fmt::print("{} seeds went the same way twice\n", same_);
    fmt::print("{} passed, {} failed, 0 skipped\n", passed_, failed_);
    return failed_ == 0 && passed_ > 0 ? 0 : 1;
  }

 private:
  void try_seed(std::uint64_t seed) {
    const auto outcome = outcome_of(seed);
    if (!outcome) {
      ++failed_;
      fmt::print("FAIL --seed {}: {}\n", seed, outcome.error().message);
      return;
    }
    ++passed_;
    all_.add(*outcome);
    if (!wishes_.twice) return;
    const auto again = outcome_of(seed);
    if (again && again->trace == outcome->trace) ++same_;
  }

  Result<PowerLossRun::Outcome> outcome_of(std::uint64_t seed) {
    LEAT_TRY(prepared_.take(seed / seeds_of_a_case));
    if (wishes_.seeds.shows) fmt::print("{}\n", to_text(prepared_.made().one));
    return prepared_.run(seed);
  }

  const Wishes& wishes_;
  Prepared& prepared_;
  PowerLossRun::Outcome all_;
  std::size_t passed_ = 0, failed_ = 0, same_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
  spdlog::set_level(spdlog::level::off);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const auto wishes = wishes_in(count, arguments);
  if (!wishes) {
    std::fputs(
        "usage: power_loss [--seeds N] [--first N] [--seed N] [--twice]\n"
        "--seed: shows that one's pipeline and does it again. --twice: each seed two times, "
        "to see whether both go the same way.\n",
        stderr);
    return 2;
  }
  const auto prepared = Prepared::open();
  if (!prepared) {
    fmt::print("power_loss: {}\n", prepared.error().message);
    return 70;
  }
  return Runs(*wishes, **prepared).run();
}
