#include "sql/engine.h"
#include "sql/input_function.h"
#include "sql/once_function.h"
#include "sql/program.h"
#include "sql/session.h"

namespace leat::sql {
namespace {

class EngineDatabase final : public Database {
 public:
  explicit EngineDatabase(DatabaseHandle handle)
      : handle_(std::make_shared<const DatabaseHandle>(std::move(handle))) {}

  Result<std::shared_ptr<Session>> connect() override {
    ConnectionHandle connection = LEAT_TRY(connect_engine(handle_->get()));
    return std::make_shared<Session>(handle_, std::move(connection));
  }

 private:
  std::shared_ptr<const DatabaseHandle> handle_;
};

}  // namespace

Result<std::unique_ptr<Database>> Database::open() { return open_with_files("", 0); }

Result<std::unique_ptr<Database>> Database::open_with_files(const std::string& folder,
                                                            std::size_t memory_bytes_max) {
  DatabaseHandle handle =
      LEAT_TRY(open_engine({.threads = 1, .memory_bytes_max = memory_bytes_max, .folder = folder}));
  const ConnectionHandle connection = LEAT_TRY(connect_engine(handle.get()));
  LEAT_TRY(register_input_functions(connection.get()));
  LEAT_TRY(register_once_function(connection.get()));
  return std::make_unique<EngineDatabase>(std::move(handle));
}

}  // namespace leat::sql
