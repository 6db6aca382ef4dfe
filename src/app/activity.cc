#include "app/activity.h"

#include <algorithm>
#include <cmath>
#include <span>

#include <fmt/format.h>

#include "app/terminal.h"

namespace leat::app {
namespace {

using Json = Activity::Json;

enum class Kind { text, count, bytes, seconds, rate, byte_rate };

/// A column of a table: a member of the status, or with `rate` how much it grows in a second.
struct Figure {
  const char* header;
  const char* member;
  Kind kind;
};

struct Listing {
  const char* member;  ///< of the status
  const char* title;
  std::vector<Figure> figures;
};

const std::vector<Listing>& listings() {
  static const std::vector<Listing> all = {
      {"sources",
       "source",
       {{"state", "state", Kind::text},
        {"records/s", "records", Kind::rate},
        {"bytes/s", "bytes", Kind::byte_rate},
        {"failures", "failures", Kind::count}}},
      {"topics",
       "topic",
       {{"records", "records", Kind::count},
        {"bytes", "bytes", Kind::bytes},
        {"records/s", "records", Kind::rate},
        {"bytes/s", "bytes", Kind::byte_rate},
        {"unread", "lag", Kind::count}}},
      {"streams",
       "stream",
       {{"in/s", "accepted", Kind::rate},
        {"out/s", "out", Kind::rate},
        {"late", "late", Kind::count},
        {"future", "future", Kind::count},
        {"dead", "dead_letters", Kind::count},
        {"watermark", "watermark", Kind::text},
        {"behind", "lag_seconds", Kind::seconds}}},
      {"views",
       "view",
       {{"rows", "rows", Kind::count},
        {"changes/s", "changes", Kind::rate},
        {"state", "memory_bytes", Kind::bytes},
        {"late", "late", Kind::count}}},
      {"sinks",
       "sink",
       {{"state", "state", Kind::text},
        {"rows/s", "rows", Kind::rate},
        {"unwritten", "lag", Kind::count},
        {"failures", "failures", Kind::count}}},
  };
  return all;
}

bool is_rate(Kind kind) { return kind == Kind::rate || kind == Kind::byte_rate; }

double number_in(const Json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

/// Counters begin again where the server was started again.
double rate_of(const Json& before, const Json& after, const char* member, double seconds) {
  return std::max(0.0, number_in(after, member) - number_in(before, member)) / seconds;
}

std::string rate_name(const Figure& figure) { return std::string(figure.member) + "_per_second"; }

Json named(const Json& list, const Json& name) {
  for (const Json& item : list) {
    if (item.value("name", Json()) == name) return item;
  }
  return Json::object();
}

std::string seconds_text(double seconds) {
  const bool ahead = seconds < 0;
  double left = std::abs(seconds);
  std::string text = fmt::format("{:.1f} s", left);
  if (left >= 120) text = fmt::format("{:.1f} min", left / 60);
  if (left >= 7'200) text = fmt::format("{:.1f} h", left / 3'600);
  if (left >= 172'800) text = fmt::format("{:.1f} d", left / 86'400);
  return ahead ? "-" + text : text;
}

std::string count_text(double number) {
  return with_thousands(static_cast<unsigned long long>(std::llround(std::max(0.0, number))));
}

std::string cell_of(const Json& item, const Figure& figure) {
  const auto value = item.find(is_rate(figure.kind) ? rate_name(figure) : figure.member);
  if (value == item.end() || value->is_null()) return "-";
  switch (figure.kind) {
    case Kind::text:
      return value->is_string() ? value->get<std::string>() : value->dump();
    case Kind::seconds:
      return seconds_text(value->get<double>());
    case Kind::bytes:
    case Kind::byte_rate:
      return as_bytes(static_cast<unsigned long long>(value->get<double>()));
    case Kind::count:
    case Kind::rate:
      break;
  }
  return count_text(value->get<double>());
}

std::string table_text(const Listing& listing, const Json& items) {
  std::vector<std::string> header = {listing.title};
  std::vector<bool> right = {false};
  for (const Figure& figure : listing.figures) {
    header.emplace_back(figure.header);
    right.push_back(figure.kind != Kind::text);
  }
  std::vector<std::vector<std::string>> rows;
  for (const Json& item : items) {
    std::vector<std::string>& row = rows.emplace_back();
    row.push_back(item.value("name", std::string()));
    for (const Figure& figure : listing.figures) row.push_back(cell_of(item, figure));
  }
  constexpr std::size_t width_max = 40;
  return "\n" + table_of(header, rows, right, width_max);
}

}  // namespace

Activity::Activity(const Json& before, const Json& after, double seconds) {
  json_ = {{"seconds", seconds},
           {"records_per_second", rate_of(before, after, "records_in", seconds)},
           {"cpu_percent", 100 * rate_of(before, after, "cpu_seconds", seconds)}};
  for (const char* member : {"memory_bytes", "state_bytes", "uptime_seconds", "epoch", "lag",
                             "dead_letters", "ready", "failure"}) {
    json_[member] = after.value(member, Json());
  }
  for (const Listing& listing : listings()) {
    Json items = Json::array();
    const Json earlier = before.value(listing.member, Json::array());
    for (const Json& item : after.value(listing.member, Json::array())) {
      const Json was = named(earlier, item.value("name", Json()));
      Json& made = items.emplace_back(Json{{"name", item.value("name", Json())}});
      for (const Figure& figure : listing.figures) {
        if (is_rate(figure.kind)) {
          made[rate_name(figure)] = was.empty() ? 0 : rate_of(was, item, figure.member, seconds);
        } else {
          made[figure.member] = item.value(figure.member, Json());
        }
      }
    }
    json_[listing.member] = std::move(items);
  }
}

std::string Activity::text(const std::string& server) const {
  std::string text = fmt::format(
      "{}  up {}  in {}/s  unread {}  dead letters {}  epoch {}  CPU {:.0f} %  memory {}  state "
      "{}\n",
      server, seconds_text(number_in(json_, "uptime_seconds")),
      count_text(number_in(json_, "records_per_second")), count_text(number_in(json_, "lag")),
      count_text(number_in(json_, "dead_letters")), count_text(number_in(json_, "epoch")),
      number_in(json_, "cpu_percent"),
      as_bytes(static_cast<unsigned long long>(number_in(json_, "memory_bytes"))),
      as_bytes(static_cast<unsigned long long>(number_in(json_, "state_bytes"))));
  const Json& failure = json_.at("failure");
  if (failure.is_string()) text += fmt::format("stopped: {}\n", failure.get<std::string>());
  for (const Listing& listing : listings()) {
    const Json& items = json_.at(listing.member);
    if (!items.empty()) text += table_text(listing, items);
  }
  return text;
}

}  // namespace leat::app
