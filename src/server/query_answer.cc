#include "server/query_answer.h"

#include "server/work_pool.h"

namespace leat::server {

void answer_query(Services& services, std::string sql, std::size_t rows_max, AnswerFormat format,
                  Exchange exchange) {
  services.work.submit(
      std::move(exchange), [&services, sql = std::move(sql), rows_max, format](Exchange waiting) {
        AnswerWriter writer(std::move(waiting), format);
        const Queries::Receiver receiver{
            [&](const Schema& schema, Epoch epoch) { writer.begin(schema, epoch); },
            [&](const Chunk& chunk) { return writer.add(chunk); }};
        const auto summary = services.queries.run(sql, rows_max, receiver);
        if (summary) {
          writer.finish(*summary);
        } else {
          writer.fail(summary.error());
        }
      });
}

}  // namespace leat::server
