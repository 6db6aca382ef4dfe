#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace leat::server {

class PipelineChanger;

/// What one client, or all together, may take. Named in docs/formats/http.md.
struct Limits {
  std::size_t header_bytes_max = 16 << 10;
  std::size_t body_bytes_max = 32 << 20;
  std::size_t decompressed_bytes_max = 64 << 20;
  std::size_t bodies_bytes_max = 512 << 20;  ///< of all requests together
  std::size_t connections_max = 4096;
  std::size_t pipelined_max = 64;
  std::chrono::milliseconds header_time_max{10'000};
  std::chrono::milliseconds request_time_max{60'000};
  std::chrono::milliseconds idle_time_max{75'000};
  std::chrono::milliseconds write_time_max{30'000};  ///< without a piece being taken
  std::chrono::milliseconds linger_time_max{2'000};  ///< for a client to take the last answer
  std::size_t stream_bytes_max = 1 << 20;            ///< waiting for one client
  std::chrono::milliseconds stream_wait_max{5'000};  ///< for such a client, by a query's thread
  std::chrono::milliseconds heartbeat{10'000};
  std::size_t push_requests_waiting_max = 16'384;
  std::size_t push_batch_records_max = 20'000;
  std::size_t push_batch_bytes_max = 8 << 20;
  std::size_t work_waiting_max = 256;
  std::size_t query_rows_max = 100'000;
  std::chrono::milliseconds query_time_max{10'000};
  std::size_t query_memory_max = 512 << 20;
  unsigned queries_max = 8;  ///< at once, those of the dashboard among them
};

struct ServerOptions {
  std::string host = "127.0.0.1";  ///< an address or a name
  std::uint16_t port = 8080;       ///< 0: any free one, see Server::port
  /// A listener that isn't loopback is refused without this: there is no TLS and no sign-in.
  bool allow_remote = false;
  /// Further names that a request's Host may have ("leat.example.org"), without port. On a loopback
  /// listener, loopback names are always allowed; on others, empty means any.
  std::vector<std::string> hosts;
  unsigned io_threads = 2;
  unsigned work_threads = 4;   ///< for queries and other reads that block
  unsigned push_threads = 16;  ///< that wait for the disk
  std::string version;         ///< of the program
  Limits limits;
  PipelineChanger* changer = nullptr;  ///< outlives the server; null: the pipeline stays as it is
  /// A socket that listens on host and port already (Server::duplicate_listener); -1: none. The
  /// server has it from then on.
  int listening_socket = -1;
};

}  // namespace leat::server
