#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>

#include "connector/kafka/reading_client.h"

namespace leat::connector::kafka {

/// The clients that a log's partitions are read with. One client reads a partition at one place at
/// a time, so each lane lets every partition have one more reader. Thread-safe.
class LogLanes {
 public:
  /// Readers of one partition that go on side by side; more take turns.
  static constexpr std::size_t count_max = 4;

  explicit LogLanes(Connection connection);

  /// Made when it is first wanted. Errors: Client's.
  Result<std::shared_ptr<ReadingClient>> lane(std::size_t index);
  /// Why the cluster can't be reached; nothing: it can.
  void set_trouble(std::optional<Error> trouble);
  std::optional<Error> trouble() const;
  /// A topic that is read was deleted.
  void note_deletion();
  /// Runs callbacks that are due.
  void serve();

 private:
  Connection connection_;
  mutable std::mutex mutex_;
  std::optional<Error> trouble_;
  std::array<std::shared_ptr<ReadingClient>, count_max> lanes_;
};

}  // namespace leat::connector::kafka
