#include <filesystem>
#include <fstream>

#include "app/command.h"
#include "app/terminal.h"

namespace leat::app {
namespace {

struct InitOptions {
  std::string file = "pipeline.yaml";
};

/// A first pipeline of one's own: small enough to read at one go, and it runs as it is.
constexpr std::string_view first_pipeline =
    R"yaml(# A pipeline: records come in, are typed and cleaned, and counted as they arrive.
#   leat run pipeline.yaml
#   curl http://127.0.0.1:8080/v1/topics/orders/records -H 'Content-Type: application/json' \
#        -d '{"id": 1, "ordered_at": "2026-01-01T10:00:00Z", "customer": "Ada", "amount": 12.50}'
#   leat sql 'SELECT * FROM by_customer'
pipeline: shop

topics:
  orders: {}                      # records are pushed to /v1/topics/orders/records

streams:
  orders_clean:
    from: orders
    columns:
      id: {type: bigint, required: true}
      ordered_at: {type: timestamp}
      customer: {type: text}
      amount: {type: "decimal(12,2)"}
    select: |
      SELECT *, date_trunc('day', ordered_at) AS day
    expect:
      positive: {that: "amount > 0", else: quarantine}   # refused rows go to the topic dead_letters

views:
  latest_orders: {from: orders_clean, key: id}
  by_customer:
    query: |
      SELECT customer, count(*) AS orders, sum(amount) AS amount
      FROM latest_orders GROUP BY customer

dashboard:
  - {title: Orders, stat: "SELECT sum(orders) AS orders FROM by_customer"}
  - {title: Best customers, bar: "SELECT customer, amount FROM by_customer ORDER BY amount DESC LIMIT 10"}

tests:                            # leat test pipeline.yaml
  - name: an order that comes again is counted once
    given:
      - topic: orders
        records:
          - {id: 1, customer: Ada, amount: 12.50}
          - {id: 1, customer: Ada, amount: 20}
          - {id: 2, customer: Ada, amount: -1}
    expect:
      - view: by_customer
        rows: [{customer: Ada, orders: 1, amount: 20}]
      - dead_letters: [{expectation: positive}]
)yaml";

Status init(const InitOptions& options) {
  const std::filesystem::path path(options.file);
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    return user_error("file-exists", "{}: exists already; name another file", options.file);
  }
  std::ofstream stream(path, std::ios::binary);
  stream << first_pipeline;
  stream.close();
  if (!stream) {
    return external_error("io-error", "{}: can't be written; check the folder and its permissions",
                          options.file);
  }
  fmt::print("{} {}\nNext: leat test {} && leat run {}\n", paint_for(stdout).green("wrote"),
             options.file, options.file, options.file);
  return {};
}

}  // namespace

void add_init(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("init", "Write a first pipeline file to start from");
  auto options = std::make_shared<InitOptions>();
  command->add_option("FILE", options->file, "Where to write it")->capture_default_str();
  command->footer("Example:\n  leat init shop.yaml");
  command->callback([options, &outcome] { finish(outcome, init(*options)); });
}

}  // namespace leat::app
