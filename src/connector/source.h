#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/slice.h"

namespace leat::connector {

/// How a source is doing, for the status line, `/v1/pipeline` and metrics. Thread-safe.
class SourceStatus {
 public:
  std::atomic<std::uint64_t> records{0};
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::uint64_t> attempts{
      0};  ///< pulls, opens: whatever the source does again and again
  std::atomic<std::uint64_t> failures{0};
  std::atomic<std::uint64_t> retries{0};
  /// Objects and the like that were passed over for good, as they can't be read; the error says
  /// which was the last.
  std::atomic<std::uint64_t> skipped{0};
  std::atomic<std::uint64_t> partitions_failing{0};  ///< their error stays until none is
  /// Bytes of its own log that the system keeps because this source has not read or confirmed them
  /// (a replication slot's); nothing_told: it keeps none for us, or has not been asked yet.
  static constexpr std::int64_t nothing_told = -1;
  std::atomic<std::int64_t> held_back_bytes{nothing_told};
  void set_state(std::string state) {
    std::lock_guard lock(mutex_);
    state_ = std::move(state);
  }
  void set_error(std::string error) {
    std::lock_guard lock(mutex_);
    last_error_ = std::move(error);
  }
  /// One or two words: "reading", "waiting", "retrying", "ended".
  std::string state() const {
    std::lock_guard lock(mutex_);
    return state_;
  }
  /// The last failure in words, empty after a success. Never holds a secret.
  std::string last_error() const {
    std::lock_guard lock(mutex_);
    return last_error_;
  }

 private:
  mutable std::mutex mutex_;
  std::string state_ = "starting";
  std::string last_error_;
};

/// Where a live source puts what it received: a topic. `append` returns once the records are on
/// disk.
class RecordWriter {
 public:
  virtual ~RecordWriter() = default;
  struct Entry {
    std::string_view value;
    std::string_view key;
    bool has_key = false;
    bool tombstone = false;  ///< no value at all: the key is gone
  };
  virtual Status append(std::span<const Entry> records) = 0;
  /// Appends, and stores with the records where the source goes on after them: an opaque text, a
  /// few bytes to a few KiB. Both are there after a crash, or neither. All records of a source that
  /// uses this go to one partition, in order.
  virtual Status append(std::span<const Entry> records, std::string_view position) = 0;
  /// What the newest `append` with a position stored, in this run or an earlier one; nothing: there
  /// was none.
  virtual Result<std::optional<std::string>> position() = 0;
};

/// A source that can't be read again (an HTTP API): it writes what it receives to a topic before
/// anybody looks at it.
class LiveSource {
 public:
  virtual ~LiveSource() = default;
  /// Runs on a thread of its own until `stop` is asked for or the source has ended by itself. A
  /// failure that can pass is retried inside, with a bound on the waits, and told to `status`; only
  /// what can never work is returned.
  virtual Status run(std::stop_token stop, RecordWriter& writer, SourceStatus& status) = 0;
  /// For `leat check --connect`: connects and looks, changes nothing. Gives what was found in a
  /// line; an Error says what is missing and how to make it. Nothing: asking would be reading (an
  /// HTTP API).
  virtual Result<std::optional<std::string>> probe(std::stop_token stop) {
    (void)stop;
    return std::nullopt;
  }
};

/// One independently read part of a source that can be read again: a file, a generator's stripe.
/// Its position goes into the epoch's commit and nothing is copied. Used by one thread at a time.
class PartitionReader {
 public:
  virtual ~PartitionReader() = default;
  enum class Outcome {
    records,  ///< the slice holds at least one record
    nothing,  ///< nothing now, more may come
    ended,    ///< nothing now and never again
  };
  /// The partition's stable identity within its source, for the committed position: a path, a
  /// stripe number.
  virtual std::string name() const = 0;
  /// Where reading begins without a `seek`: what a commit holds before anything was read.
  virtual Offset start() const { return Offset(0); }
  /// What `$topic` and `$partition` say of its records.
  struct Origin {
    std::string topic;
    Partition partition;
  };
  /// Nothing: the pipeline's topic, and a number in the order of discovery.
  virtual std::optional<Origin> origin() const { return std::nullopt; }
  /// Asks to be told when there may be something to read after `read` gave nothing: `notify` is
  /// called from any thread then, is quick and does not call back. Before the first read. False:
  /// the reader can't tell, and is asked every few milliseconds.
  virtual bool tell_when_ready(std::function<void()> notify) {
    (void)notify;
    return false;
  }
  /// Fills `slice` (its old content is discarded, its memory reused) with whole records of about
  /// `bytes_max` bytes, but at least one record. Bad bytes are no error here: they become records
  /// that decoding refuses.
  virtual Result<Outcome> read(Slice& slice, std::size_t bytes_max) = 0;
  /// Goes on at `position`, which a slice's `next` gave earlier. Error `position-lost` when it is
  /// no longer there.
  virtual Status seek(Offset position) = 0;
  /// Everything before `position` is part of a durable commit: a system that shows its readers' lag
  /// can be told. Called between reads, now and then; must be quick.
  virtual void committed(Offset position) { (void)position; }
  /// Bytes or records that are there and not yet read, where it can be told.
  virtual std::uint64_t lag() const { return 0; }
};

/// A source that can be read again from a position (files, a generator): its partitions are read in
/// the epoch itself.
class ReplayableSource {
 public:
  virtual ~ReplayableSource() = default;
  /// Partitions not returned by an earlier call. Called at the start and then every
  /// `discover_every` (a new file matched the glob).
  virtual Result<std::vector<std::unique_ptr<PartitionReader>>> discover() = 0;
  /// False: after the first call nothing more will be discovered.
  virtual bool keeps_discovering() const { return false; }
  /// For `leat check --connect`: looks, as a sink's `probe` does. Nothing: there is nothing to
  /// connect to.
  virtual Result<std::optional<std::string>> probe(std::stop_token stop) {
    (void)stop;
    return std::nullopt;
  }
};

}  // namespace leat::connector
