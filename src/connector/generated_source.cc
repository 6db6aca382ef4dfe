#include "connector/generated_source.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace leat::connector {
namespace {

class Stripe final : public PartitionReader {
 public:
  Stripe(std::shared_ptr<const GeneratedRecords> records, std::uint64_t number, const Clock& clock)
      : records_(std::move(records)),
        number_(number),
        rate_(records_->rate / static_cast<double>(records_->partitions)),
        clock_(clock) {
    if (records_->count > 0) {
      end_ = records_->count / records_->partitions +
             (number < records_->count % records_->partitions ? 1 : 0);
    }
  }

  std::string name() const override { return fmt::format("{}", number_); }

  Result<Outcome> read(Slice& slice, std::size_t bytes_max) override {
    slice.records.clear();
    if (next_ >= end_) return Outcome::ended;
    if (!started_) start_clock();
    const std::uint64_t until = rate_ > 0 ? std::min(end_, due()) : end_;
    if (next_ >= until) return Outcome::nothing;

    slice.begin = Offset(static_cast<std::int64_t>(next_));
    text_.clear();
    ends_.clear();
    const std::int64_t now_ms = clock_.now_ms();
    const auto bytes = [&] { return std::max(text_.size(), ends_.size() * records_->bytes_meant); };
    while (next_ + ends_.size() < until && (ends_.empty() || bytes() < bytes_max)) {
      records_->append(number_ + (next_ + ends_.size()) * records_->partitions, text_);
      ends_.push_back(text_.size());
    }
    slice.bytes.resize(text_.size() + slice_padding);
    std::memcpy(slice.bytes.data(), text_.data(), text_.size());
    std::memset(slice.bytes.data() + text_.size(), 0, slice_padding);
    slice.records.resize(ends_.size());
    std::size_t begin = 0;
    for (std::size_t i = 0; i < ends_.size(); ++i) {
      Record& record = slice.records[i];
      record = Record{};
      record.offset = Offset(static_cast<std::int64_t>(next_ + i));
      record.timestamp = rate_ > 0 ? due_at_ms(next_ + i) : now_ms;
      record.value = {slice.bytes.data() + begin, ends_[i] - begin};
      begin = ends_[i];
    }
    next_ += ends_.size();
    slice.next = Offset(static_cast<std::int64_t>(next_));
    slice.bytes_meant = ends_.size() * records_->bytes_meant;
    return Outcome::records;
  }

  Status seek(Offset position) override {
    if (position.value() < 0) {
      return user_error("position-lost", "{}: position {} is before the first record",
                        records_->name, position);
    }
    next_ = static_cast<std::uint64_t>(position.value());
    started_ = false;
    return {};
  }

  std::uint64_t lag() const override {
    if (rate_ > 0) {
      return started_ ? std::min(end_, due()) - std::min(next_, std::min(end_, due())) : 0;
    }
    return records_->count > 0 && end_ > next_ ? end_ - next_ : 0;
  }

 private:
  void start_clock() {
    started_ = true;
    first_ = next_;
    start_ = clock_.steady();
    start_ms_ = clock_.now_ms();
  }

  /// Index of the first record that is not due yet. The first one is due at once.
  std::uint64_t due() const {
    const std::chrono::duration<double> passed = clock_.steady() - start_;
    return first_ + static_cast<std::uint64_t>(std::floor(passed.count() * rate_)) + 1;
  }

  std::int64_t due_at_ms(std::uint64_t index) const {
    return start_ms_ +
           static_cast<std::int64_t>(static_cast<double>(index - first_) * 1000 / rate_);
  }

  const std::shared_ptr<const GeneratedRecords> records_;
  const std::uint64_t number_;
  const double rate_;  ///< records a second; 0: no limit
  const Clock& clock_;
  std::uint64_t end_ = UINT64_MAX;
  std::uint64_t next_ = 0;
  bool started_ = false;
  std::uint64_t first_ = 0;
  std::chrono::steady_clock::time_point start_;
  std::int64_t start_ms_ = 0;
  std::string text_;
  std::vector<std::size_t> ends_;
};

class GeneratedSource final : public ReplayableSource {
 public:
  GeneratedSource(GeneratedRecords records, const Clock& clock)
      : records_(std::make_shared<const GeneratedRecords>(std::move(records))), clock_(clock) {}

  Result<std::vector<std::unique_ptr<PartitionReader>>> discover() override {
    std::vector<std::unique_ptr<PartitionReader>> stripes;
    if (discovered_) return stripes;
    discovered_ = true;
    for (std::uint64_t i = 0; i < records_->partitions; ++i) {
      stripes.push_back(std::make_unique<Stripe>(records_, i, clock_));
    }
    return stripes;
  }

 private:
  const std::shared_ptr<const GeneratedRecords> records_;
  const Clock& clock_;
  bool discovered_ = false;
};

}  // namespace

std::unique_ptr<ReplayableSource> make_generated_source(GeneratedRecords records,
                                                        const Clock& clock) {
  return std::make_unique<GeneratedSource>(std::move(records), clock);
}

std::vector<Setting> generated_source_settings(const std::string& things,
                                               const std::string& default_rate) {
  return {{.name = "rate",
           .kind = Kind::number,
           .doc = fmt::format("{} a second, of all partitions together; 0 makes them as fast as "
                              "they are taken. When reading falls behind, those that are due are "
                              "made up for.",
                              things),
           .default_value = default_rate,
           .min = 0,
           .max = 1e9},
          {.name = "count",
           .kind = Kind::integer,
           .doc = "Ends after this many; 0 never ends.",
           .default_value = "0",
           .min = 0},
          {.name = "seed",
           .kind = Kind::text,
           .doc = "Any text; the same seed gives the same records.",
           .default_value = "leat"},
          {.name = "partitions",
           .kind = Kind::integer,
           .doc = "Independently made parts, which are read in parallel. Keep it the same for as "
                  "long as the pipeline's data is kept: positions are per partition.",
           .default_value = "1",
           .min = 1,
           .max = 1024}};
}

GeneratedRecords generated_records(std::string name, const Settings& settings) {
  return {.name = std::move(name),
          .rate = settings.number("rate"),
          .count = static_cast<std::uint64_t>(std::max<std::int64_t>(0, settings.integer("count"))),
          .partitions =
              static_cast<std::uint64_t>(std::max<std::int64_t>(1, settings.integer("partitions"))),
          .append = {}};
}

}  // namespace leat::connector
