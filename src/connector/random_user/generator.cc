#include "connector/random_user/generator.h"

#include <algorithm>
#include <cmath>

#include "connector/random_user/nationality.h"
#include "connector/random_user/users.h"

namespace leat::connector {
namespace {

struct Plan {
  UserRecipe recipe;
  double rate = 0;          ///< records a second of one partition; 0: no limit
  std::uint64_t count = 0;  ///< of all partitions together; 0: endless
  std::uint64_t partitions = 1;
};

class Stripe final : public PartitionReader {
 public:
  Stripe(const Plan& plan, std::uint64_t number, const Clock& clock)
      : plan_(plan), number_(number), clock_(clock) {
    if (plan.count > 0) {
      end_ = plan.count / plan.partitions + (number < plan.count % plan.partitions ? 1 : 0);
    }
  }

  std::string name() const override { return fmt::format("{}", number_); }

  Result<Outcome> read(Slice& slice, std::size_t bytes_max) override {
    slice.records.clear();
    if (next_ >= end_) return Outcome::ended;
    if (!started_) start_clock();
    const std::uint64_t until = plan_.rate > 0 ? std::min(end_, due()) : end_;
    if (next_ >= until) return Outcome::nothing;

    slice.begin = Offset(static_cast<std::int64_t>(next_));
    text_.clear();
    ends_.clear();
    const std::int64_t now_ms = clock_.now_ms();
    while (next_ + ends_.size() < until && (ends_.empty() || text_.size() < bytes_max)) {
      append_user(plan_.recipe, number_ + (next_ + ends_.size()) * plan_.partitions, text_);
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
      record.timestamp = plan_.rate > 0 ? due_at_ms(next_ + i) : now_ms;
      record.value = {slice.bytes.data() + begin, ends_[i] - begin};
      begin = ends_[i];
    }
    next_ += ends_.size();
    slice.next = Offset(static_cast<std::int64_t>(next_));
    return Outcome::records;
  }

  Status seek(Offset position) override {
    if (position.value() < 0) {
      return user_error("position-lost", "random_user: position {} is before the first record",
                        position);
    }
    next_ = static_cast<std::uint64_t>(position.value());
    started_ = false;
    return {};
  }

  std::uint64_t lag() const override {
    if (plan_.rate > 0) {
      return started_ ? std::min(end_, due()) - std::min(next_, std::min(end_, due())) : 0;
    }
    return plan_.count > 0 && end_ > next_ ? end_ - next_ : 0;
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
    return first_ + static_cast<std::uint64_t>(std::floor(passed.count() * plan_.rate)) + 1;
  }

  std::int64_t due_at_ms(std::uint64_t index) const {
    return start_ms_ +
           static_cast<std::int64_t>(static_cast<double>(index - first_) * 1000 / plan_.rate);
  }

  const Plan plan_;
  const std::uint64_t number_;
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

class RandomUserSource final : public ReplayableSource {
 public:
  RandomUserSource(Plan plan, const Clock& clock) : plan_(std::move(plan)), clock_(clock) {}

  Result<std::vector<std::unique_ptr<PartitionReader>>> discover() override {
    std::vector<std::unique_ptr<PartitionReader>> stripes;
    if (discovered_) return stripes;
    discovered_ = true;
    for (std::uint64_t i = 0; i < plan_.partitions; ++i) {
      stripes.push_back(std::make_unique<Stripe>(plan_, i, clock_));
    }
    return stripes;
  }

 private:
  const Plan plan_;
  const Clock& clock_;
  bool discovered_ = false;
};

}  // namespace

Result<std::unique_ptr<ReplayableSource>> make_random_user_source(const Settings& settings,
                                                                  const Context& context) {
  Plan plan;
  plan.recipe.seed = seed_of(settings.text("seed"));
  for (const std::string& code : settings.list("nationalities")) {
    const auto found = find_nationality(code);
    if (!found) {
      return user_error("unknown-nationality",
                        "random_user: there is no nationality \"{}\"; take two-letter codes such "
                        "as US, GB, DE, IR or UA, or leave the setting out for all",
                        code);
    }
    plan.recipe.nationalities.push_back(*found);
  }
  plan.partitions =
      static_cast<std::uint64_t>(std::max<std::int64_t>(1, settings.integer("partitions")));
  plan.rate = settings.number("rate") / static_cast<double>(plan.partitions);
  plan.count = static_cast<std::uint64_t>(std::max<std::int64_t>(0, settings.integer("count")));
  return std::make_unique<RandomUserSource>(std::move(plan), context.clock);
}

}  // namespace leat::connector
