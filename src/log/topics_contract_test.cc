#include "log/topics_contract.h"

#include "io/simulated_file_system.h"

namespace leat::log {
namespace {

/// Topics on a simulated disk.
class EmbeddedHost final : public TopicsHost {
 public:
  Topics& topics() override { return *topics_; }
  Status restart() override {
    topics_.reset();
    topics_ = LEAT_TRY(open_embedded_topics(files_, "/data/topics", {}));
    return {};
  }
  std::string new_name() override { return fmt::format("topic-{}", ++names_); }

 private:
  io::SimulatedFileSystem files_;
  int names_ = 0;
  std::unique_ptr<Topics> topics_;
};

std::unique_ptr<TopicsHost> make_embedded(std::string& why_not) {
  auto host = std::make_unique<EmbeddedHost>();
  if (const Status started = host->restart(); !started) {
    why_not = started.error().message;
    return nullptr;
  }
  return host;
}

INSTANTIATE_TEST_SUITE_P(Embedded, TopicsContract,
                         testing::Values(HostMaker{"embedded", make_embedded}));

}  // namespace
}  // namespace leat::log
