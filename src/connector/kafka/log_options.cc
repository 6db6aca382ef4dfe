#include "connector/kafka/log_options.h"

namespace leat::connector::kafka {

Result<LogOptions> read_log_options(const Settings& settings, const Context& context) {
  LogOptions out{.connection = LEAT_TRY(read_connection(settings, context))};
  out.prefix = settings.text("topic_prefix");
  if (settings.has("replication")) {
    out.replication = static_cast<int>(settings.integer("replication"));
  }
  out.topic_settings = settings.map("topic_settings");
  out.timeout_ms = settings.duration_ms("timeout");
  out.transactional_id = "leat.log." + context.owner;
  out.notes_directory = context.durable_directory;
  return out;
}

}  // namespace leat::connector::kafka
