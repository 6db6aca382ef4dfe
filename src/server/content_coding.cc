#include "server/content_coding.h"

#include <memory>

#include <zlib.h>
#include <zstd.h>

#include <boost/beast/core/string.hpp>

namespace leat::server {
namespace {

constexpr std::size_t piece_bytes = 128 << 10;
constexpr std::size_t padding = 64;

std::unexpected<Error> too_large(std::size_t bytes_max) {
  return user_error("body-too-large",
                    "the body is larger than {} bytes when decompressed; send it in several "
                    "requests",
                    bytes_max);
}

Result<std::string> inflate_gzip(std::string_view body, std::size_t bytes_max) {
  z_stream stream{};
  constexpr int gzip_only = 16 + MAX_WBITS;
  if (inflateInit2(&stream, gzip_only) != Z_OK) {
    return internal_error("out-of-memory", "zlib could not be started");
  }
  const std::unique_ptr<z_stream, int (*)(z_stream*)> owner(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  std::string out;
  while (true) {
    const std::size_t before = out.size();
    out.resize(before + piece_bytes);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    stream.avail_out = piece_bytes;
    const int result = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
    if (out.size() > bytes_max) return too_large(bytes_max);
    if (result == Z_STREAM_END) {
      if (stream.avail_in == 0) break;
      // Several members one after the other are one body, as gzip(1) has it.
      if (inflateReset(&stream) == Z_OK) continue;
    }
    if (result != Z_OK || (stream.avail_in == 0 && stream.avail_out > 0)) {
      return user_error("malformed-encoding", "the body is not whole gzip data: {}, at byte {}",
                        stream.msg != nullptr ? stream.msg : "it ends too early",
                        body.size() - stream.avail_in);
    }
  }
  out.reserve(out.size() + padding);
  return out;
}

Result<std::string> decompress_zstd(std::string_view body, std::size_t bytes_max) {
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(),
                                                                   ZSTD_freeDCtx);
  if (!context) return internal_error("out-of-memory", "zstd could not be started");
  // A frame may ask for a window that is kept in memory: 2^23 is what zstd's usual levels use.
  constexpr int window_log_max = 23;
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, window_log_max);
  ZSTD_inBuffer in{body.data(), body.size(), 0};
  std::string out;
  std::size_t left = 1;
  while (in.pos < in.size || left != 0) {
    const std::size_t before = out.size();
    out.resize(before + piece_bytes);
    ZSTD_outBuffer room{out.data() + before, piece_bytes, 0};
    const std::size_t in_before = in.pos;
    left = ZSTD_decompressStream(context.get(), &room, &in);
    out.resize(before + room.pos);
    if (out.size() > bytes_max) return too_large(bytes_max);
    const bool stuck = in.pos == in_before && room.pos == 0;
    if (ZSTD_isError(left) != 0 || (stuck && left != 0)) {
      return user_error("malformed-encoding", "the body is not whole zstd data: {}, at byte {}",
                        ZSTD_isError(left) != 0 ? ZSTD_getErrorName(left) : "it ends too early",
                        in.pos);
    }
  }
  out.reserve(out.size() + padding);
  return out;
}

}  // namespace

Result<std::string> decode_content(std::string_view encoding, std::string body,
                                   std::size_t bytes_max) {
  const auto is = [&](std::string_view name) {
    return boost::beast::iequals({encoding.data(), encoding.size()}, {name.data(), name.size()});
  };
  if (encoding.empty() || is("identity")) return body;
  if (is("gzip") || is("x-gzip")) return inflate_gzip(body, bytes_max);
  if (is("zstd")) return decompress_zstd(body, bytes_max);
  return user_error("unsupported-encoding",
                    "the Content-Encoding `{}` is not taken; use gzip, zstd or none", encoding);
}

}  // namespace leat::server
