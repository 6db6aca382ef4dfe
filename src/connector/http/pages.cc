#include "connector/http/pages.h"

#include "format/json_body.h"

namespace leat::connector {

Result<Paging> Paging::from(const Settings& group) {
  Paging paging;
  if (!group.has("kind")) return paging;
  const std::string& kind = group.text("kind");
  paging.kind_ = kind == "page"       ? Kind::page
                 : kind == "cursor"   ? Kind::cursor
                 : kind == "next_url" ? Kind::next_url
                                      : Kind::link;
  paging.parameter_ = group.text("parameter").empty() ? kind : group.text("parameter");
  paging.at_ = group.text("at");
  paging.first_ = group.integer("first");
  paging.pages_max_ = group.integer("pages_max");
  if ((paging.kind_ == Kind::cursor || paging.kind_ == Kind::next_url) && paging.at_.empty()) {
    return user_error("bad-paging",
                      "paging by {} needs `at`: the JSON pointer to it in the answer, as in "
                      "/info/next",
                      kind);
  }
  return paging;
}

Result<Url> Paging::first_page(const Url& url) const {
  if (kind_ != Kind::page) return url;
  return parse_url(with_parameter(url.text, parameter_, fmt::format("{}", first_)));
}

Result<std::optional<Url>> Paging::next_page(const Url& requested, const FetchResponse& response,
                                             std::size_t records, std::int64_t number) const {
  std::string next;
  switch (kind_) {
    case Kind::single:
      return std::nullopt;
    case Kind::page:
      if (records == 0) return std::nullopt;
      next = with_parameter(requested.text, parameter_, fmt::format("{}", first_ + number + 1));
      break;
    case Kind::link:
      next = next_link(response.link);
      break;
    case Kind::cursor:
    case Kind::next_url:
      if (response.body.empty()) return std::nullopt;
      next = LEAT_TRY(format::JsonBody().text_at(response.body, at_)).value_or("");
      if (kind_ == Kind::cursor && !next.empty()) {
        next = with_parameter(requested.text, parameter_, next);
      }
  }
  if (next.empty()) return std::nullopt;
  return LEAT_TRY(resolve_url(response.url, next));
}

}  // namespace leat::connector
