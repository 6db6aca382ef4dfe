#include "connector/http/spec.h"

#include "connector/request_settings.h"

namespace leat::connector {
namespace {

std::vector<Setting> request_settings() {
  return {
      {.name = "url",
       .kind = Kind::url,
       .doc = "The http or https address to ask. Its query is never shown in messages.",
       .required = true},
      {.name = "every",
       .kind = Kind::duration,
       .doc = "Time from the start of one pull to the start of the next; the first one is at once. "
              "A pull that takes longer is followed by the next at once.",
       .default_value = "1m",
       .min = 10},
      {.name = "pulls_max",
       .kind = Kind::integer,
       .doc = "The source ends after so many pulls; 0: never. For a batch run (`--once`).",
       .default_value = "0",
       .min = 0},
      {.name = "records",
       .kind = Kind::json_pointer,
       .doc = "JSON pointer to the records: each element of an array there is one record, any "
              "other value is one record. Left out: the whole document.",
       .default_value = ""},
      {.name = "method",
       .kind = Kind::enumeration,
       .doc = "How to ask.",
       .default_value = "GET",
       .choices = {"GET", "POST"}},
      {.name = "headers",
       .kind = Kind::text_map,
       .doc = "Request headers. Their values are never shown, and only sent to the host that `url` "
              "names, not to one that it redirects to.",
       .secret = true},
      {.name = "body",
       .kind = Kind::text,
       .doc = "What a POST sends, as `application/json` unless `headers` says otherwise.",
       .secret = true},
  };
}

std::vector<Setting> limit_settings() {
  return {
      {.name = "timeout",
       .kind = Kind::duration,
       .doc = "A request that has no whole answer after this time has failed.",
       .default_value = "30s",
       .min = 1},
      {.name = "connect_timeout",
       .kind = Kind::duration,
       .doc = "The part of `timeout` that connecting may take.",
       .default_value = "10s",
       .min = 1},
      {.name = "retries",
       .kind = Kind::integer,
       .doc = "How often a request is tried again within one pull: after a failed connection, a "
              "time-out, answers that are not JSON as expected, 408, 425, 429 and 5xx. Other "
              "refusals wait for the next pull.",
       .default_value = "5",
       .min = 0,
       .max = 100},
      {.name = "backoff",
       .kind = Kind::group,
       .doc = "Waits before retries: doubled each time, and shortened by chance by up to a half. A "
              "`Retry-After` that asks for more is heeded, up to `retry_after_max`.",
       .fields = {{.name = "first",
                   .kind = Kind::duration,
                   .doc = "Before the first retry.",
                   .default_value = "500ms",
                   .min = 1},
                  {.name = "max",
                   .kind = Kind::duration,
                   .doc = "The longest.",
                   .default_value = "30s",
                   .min = 1},
                  {.name = "retry_after_max",
                   .kind = Kind::duration,
                   .doc = "The longest wait that a server may ask for.",
                   .default_value = "5m",
                   .min = 0}}},
      {.name = "response_bytes_max",
       .kind = Kind::bytes,
       .doc = "A larger answer is a failure; counted after decompression.",
       .default_value = "32MiB",
       .min = 1,
       .max = 1 << 30},
      {.name = "redirects_max",
       .kind = Kind::integer,
       .doc = "Redirects that one request follows; never from https to http.",
       .default_value = "5",
       .min = 0,
       .max = 20},
      {.name = "allow_private",
       .kind = Kind::boolean,
       .doc =
           "Lets the source reach addresses that are not public: this machine, private networks, "
           "link-local addresses. Left out: only this machine, and only when `url` itself names "
           "it (`localhost`, `127.0.0.1`, `[::1]`)."},
      tls_setting(),
  };
}

Setting paging_setting() {
  return {
      .name = "paging",
      .kind = Kind::group,
      .doc = "How one pull gets more than one page. Left out: it gets one.",
      .fields = {
          {.name = "kind",
           .kind = Kind::enumeration,
           .doc =
               "`page`: counts a query parameter up until a page has no records. `cursor`: sends "
               "the value at `at` in the next request's `parameter`. `next_url`: the value at "
               "`at` is the next address. `link`: follows the header `Link: <…>; rel=\"next\"`. "
               "All but `page` end where there is no next one.",
           .required = true,
           .choices = {"page", "cursor", "next_url", "link"}},
          {.name = "parameter",
           .kind = Kind::text,
           .doc = "Query parameter of the page number or cursor; when left out, the kind's name."},
          {.name = "first",
           .kind = Kind::integer,
           .doc = "Number of the first page.",
           .default_value = "1",
           .min = 0},
          {.name = "at",
           .kind = Kind::json_pointer,
           .doc = "Where an answer has the cursor or the next address; none, null or \"\": it was "
                  "the last page."},
          {.name = "pages_max",
           .kind = Kind::integer,
           .doc = "Pages of one pull at most.",
           .default_value = "100",
           .min = 1,
           .max = 1e6}}};
}

}  // namespace

Spec http_source_spec() {
  Spec spec;
  spec.name = "http";
  spec.role = Role::source;
  spec.summary = "Asks an HTTP API again and again, and takes records out of its JSON answers.";
  spec.doc = R"(Every record is written to the source's topic as received, before anything looks at
it. Delivery is at least once: an API has no position to go on from, so a pull that is repeated
gives its records again (a view by key counts them once).

A failed pull is shown (`/v1/pipeline`, metrics, the log) and never ends the run: the next one comes
when it is due. Pages that came before the failure stay.

Answers may be compressed (gzip, deflate, br, zstd). Proxies are taken from the environment
(`https_proxy`, `http_proxy`, `all_proxy`, `no_proxy`); a proxy then decides which names lead where,
and only addresses written as numbers are still checked here. Certificates are always verified.)";
  spec.settings = request_settings();
  spec.settings.push_back(paging_setting());
  for (Setting& setting : limit_settings()) spec.settings.push_back(std::move(setting));
  spec.example = R"(http:
  url: https://api.example.com/users?limit=100
  every: 10s
  records: /results
  headers:
    Authorization: Bearer ${API_TOKEN:-none}
)";
  return spec;
}

}  // namespace leat::connector
