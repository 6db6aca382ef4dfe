#include "connector/http_sink/spec.h"

#include "connector/request_settings.h"

namespace leat::connector {
namespace {

constexpr const char* doc =
    R"(Rows go out in requests of up to `rows_max` rows and about `bytes_max` bytes, one after the
other, in the order of the input's partition. The body is a JSON array, or lines of JSON
(`application/x-ndjson`). One element is

- of a **stream**: the row as an object;
- of a **view** whose rows change: `{"op":"upsert","row":{…}}` for what a key's row is now, and
  `{"op":"delete","row":{…}}` with the row as it was before it went; with `changes: true` beside the
  connector, every single change, with `weight` (+1 or -1) before the row's own fields;
- of a **topic**: the record's value, which must be JSON; `null` for a record without a value.

Each request has these header fields:

- `Idempotency-Key`: 32 hexadecimal digits, the same whenever these rows are sent again, other ones
  for any other rows.
- `Leat-Sink`, `Leat-Partition`: the sink's name, the input's partition.
- `Leat-First-Offset`, `Leat-Last-Offset`: the rows' places there, both included. They rise: whoever
  keeps the greatest last offset of each partition with what it did can pass over what comes twice,
  however it is cut into requests.
- `Leat-Timestamp`, `Leat-Signature`, with `secret`: seconds since 1970, and `sha256=` with the
  HMAC-SHA-256 of timestamp, a full stop and the body under that secret, in hexadecimal digits.

To verify a request, compute the signature over the body's bytes as received, compare in constant
time, and refuse a timestamp that is some minutes old. In Python:

    expected = hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    hmac.compare_digest("sha256=" + expected, signature)

What the answer does:

- 2xx: the rows are delivered.
- 408, 425, 429, 5xx, none in time, a lost connection: sent again, with growing waits and no sooner
  than `Retry-After` says.
- Any other 4xx: the rows are refused. They are sent again in halves, until those that are refused
  even alone go to the dead letters with the status and the beginning of the answer.
- A redirect, and what `hold_on` names: somebody has to mend the address or the credentials. It is
  told, and tried again seldom; no row is given up. `hold_on: [401, 403, 404]` is for those who
  rather wait than look through the dead letters after a token has expired.

Certificates are always verified. Addresses that are not public are refused unless `url` names this
machine, or `allow_private` is set.)";

std::vector<Setting> sending_settings() {
  return {
      {.name = "url",
       .kind = Kind::url,
       .doc = "The http or https address to send to. Its query is never shown in messages.",
       .required = true},
      {.name = "method",
       .kind = Kind::enumeration,
       .doc = "How to send.",
       .default_value = "POST",
       .choices = {"POST", "PUT", "PATCH"}},
      {.name = "format",
       .kind = Kind::enumeration,
       .doc = "`json`: one array. `ndjson`: a line for each row.",
       .default_value = "json",
       .choices = {"json", "ndjson"}},
      {.name = "headers",
       .kind = Kind::text_map,
       .doc = "Header fields of each request. Their values are never shown.",
       .secret = true},
      {.name = "secret",
       .kind = Kind::text,
       .doc = "Signs each request, as described above. Left out: it is not signed.",
       .secret = true},
      {.name = "rows_max",
       .kind = Kind::integer,
       .doc = "Rows of a request at most.",
       .default_value = "500",
       .min = 1,
       .max = 100'000},
      {.name = "bytes_max",
       .kind = Kind::bytes,
       .doc = "A request that has reached this many bytes is sent; a single row may be larger.",
       .default_value = "1MiB",
       .min = 1,
       .max = 256 << 20},
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
      {.name = "retry_after_max",
       .kind = Kind::duration,
       .doc = "The longest wait that a server may ask for by `Retry-After`.",
       .default_value = "5m",
       .min = 0},
      {.name = "hold_on",
       .kind = Kind::text_list,
       .doc =
           "Statuses from 400 to 499 that hold the sink back instead of sending rows to the dead "
           "letters. Left out: none."},
      {.name = "allow_private",
       .kind = Kind::boolean,
       .doc = "Lets the sink reach addresses that are not public: this machine, private networks, "
              "link-local addresses. Left out: only this machine, and only when `url` itself names "
              "it (`localhost`, `127.0.0.1`, `[::1]`)."},
      tls_setting(),
  };
}

}  // namespace

Spec http_sink_spec() {
  Spec spec;
  spec.name = "http";
  spec.role = Role::sink;
  spec.summary = "Batches of rows to a webhook, signed, at least once.";
  spec.doc = doc;
  spec.delivery =
      "At least once: rows whose answer was lost are sent again, with the same `Idempotency-Key` "
      "when they are cut alike, and always with the same offsets, by which a receiver can tell.";
  spec.takes_topics = true;
  spec.target = {"url"};
  spec.settings = sending_settings();
  for (Setting& setting : limit_settings()) spec.settings.push_back(std::move(setting));
  spec.example = R"(http:
  url: https://hooks.example.com/users
  secret: ${HOOK_SECRET:-none}
  headers:
    Authorization: Bearer ${HOOK_TOKEN:-none}
)";
  return spec;
}

}  // namespace leat::connector
