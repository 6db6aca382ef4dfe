#pragma once

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine_run.h"
#include "judge.h"
#include "power_loss_case.h"

namespace leat::proof {

/// One engine whose log, store and output lie on a disk of a machine that loses power, now and
/// then, before any operation that changes something there, and again while it starts; clients push
/// to it. A client knows what was answered; what was not, it sends again by the same name. The law,
/// after every start:
///   topics hold all that was answered, in order, each once, and of the rest nothing or the batch;
/// and in the end, and after one more loss of power:
///   the view is what DuckDB says of all rows, the file of rows has each once, in order, the file
///   of changes adds up to the view, and each undecodable record is one dead letter.
/// The engine runs in one thread and its clock stands still; all chances are the seed's. Used by
/// one thread.
class PowerLossRun {
 public:
  struct Setup {
    const PowerLossCase& made;
    const pipeline::Graph& graph;
    std::shared_ptr<sql::Database> database;
    Judge& judge;         ///< has taken the case
    const Table& answer;  ///< DuckDB's, of all rows
  };
  struct Outcome {
    std::size_t losses = 0;           ///< of power
    std::size_t losses_at_start = 0;  ///< of these, before the engine had started
    std::size_t batches = 0;          ///< answered
    std::size_t unanswered = 0;       ///< batches whose answer was lost
    std::size_t kept = 0;             ///< of these, that were there nevertheless
    std::uint64_t trace = 0;          ///< differs where two runs went different ways

    void add(const Outcome& other);
  };
  explicit PowerLossRun(Setup setup) : setup_(std::move(setup)) {}

  /// An Error is a breach of the law, or what should not have failed.
  Result<Outcome> run(std::uint64_t seed);

 private:
  struct Client {
    std::string stream;
    const Relation* relation = nullptr;
    const std::vector<std::string>* records = nullptr;
    std::size_t answered = 0;  ///< records that are sure to be there
    std::size_t sent = 0;      ///< those and the batch whose answer is open
    std::int64_t sequence = 0;
    bool is_there = false;  ///< the open batch was found after a loss of power
  };

  std::size_t any(std::size_t bound) { return random_() % bound; }
  /// The law is broken.
  template <typename... Args>
  std::unexpected<Error> breach(const char* code, fmt::format_string<Args...> text,
                                Args&&... args) {
    is_broken_ = true;
    return internal_error(code, text, std::forward<Args>(args)...);
  }
  void note(std::uint64_t what) { outcome_.trace = (outcome_.trace ^ what) * 1'099'511'628'211U; }
  void begin();
  void plan_loss();
  Status start_again();
  Status look_at_topics();
  Client* next();
  Status send(Client& client);
  Status work();
  Status end();
  Status compare_so_far();
  Status compare_all(const char* when);
  Status compare_answer(const Table& wanted, const char* when);
  Status compare_rows(const char* when);
  Status compare_changes(const char* when);
  Status compare_letters(const char* when);

  const Setup setup_;
  std::mt19937_64 random_;
  std::unique_ptr<EngineRun> engine_;
  std::vector<Client> clients_;
  std::size_t losses_left_ = 0;
  std::size_t pushes_until_loss_ = 0;  ///< 0: the next one is none in a push
  bool is_broken_ = false;
  Outcome outcome_;
};

}  // namespace leat::proof
