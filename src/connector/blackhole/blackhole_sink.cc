#include "connector/blackhole/blackhole_sink.h"

namespace leat::connector {
namespace {

/// Nothing is outside of the commit that could differ from it, so recovery has nothing to do.
class BlackholeSink final : public EpochSink {
 public:
  Status encode(const ChangeChunk&, std::string&) const override { return {}; }
  Status write(std::string_view, std::uint64_t) override { return {}; }
  Result<std::string> prepare() override { return std::string(); }
  Status committed() override { return {}; }
  Status recover(const std::optional<std::string>&) override { return {}; }
  void finish() override {}
};

}  // namespace

std::unique_ptr<EpochSink> make_blackhole_sink() { return std::make_unique<BlackholeSink>(); }

}  // namespace leat::connector
