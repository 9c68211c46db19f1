// The options of `sluice serve`, parsed and validated once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/option_table.h"
#include "http/server.h"

namespace sluice::app {

struct ServeOptions {
  // Model
  std::string model;  // a name of the catalogue, a .gguf file, or "fake"
  std::string models_dir;
  std::vector<std::string> served_model_names;  // empty: the model's own name
  bool any_model_name = false;
  std::string chat_template_file;
  int32_t ctx = 0;  // 0: the trained length, as far as memory goes

  // Sampling defaults; below their range: not set
  double temperature = -1;
  double top_p = -1;
  int32_t top_k = -2;
  double min_p = -1;
  double repetition_penalty = -1;
  int32_t default_max_tokens = 2048;

  // Network
  std::string host = "127.0.0.1";
  int32_t port = 8000;
  std::string unix_socket;
  std::vector<std::string> allowed_hosts;
  std::vector<std::string> cors_origins;
  std::vector<std::string> trusted_proxies = {"127.0.0.0/8", "::1"};
  int32_t limit_connections = 16384;
  uint64_t max_body = uint64_t{16} << 20;
  double timeout_keep_alive_s = 30;
  double timeout_header_s = 10;
  double timeout_body_s = 60;
  double timeout_write_s = 60;

  // Overload
  int32_t max_running = 64;
  int32_t max_waiting = 0;  // 0: twice max_running
  int64_t max_waiting_tokens = 0;
  double queue_timeout_s = 30;
  double timeout_request_s = 600;

  // Engine
  int32_t threads = 1;
  int32_t io_threads = 1;
  int32_t pool_threads = 1;
  std::string cpu_isa = "auto";
  std::string kv_dtype = "bf16";
  uint64_t memory_limit = 0;  // 0: what is free
  bool prefix_cache = true;

  // Operation
  std::string metrics_prefix = "sluice_";
  bool access_log = true;
  std::string log_level = "info";
  double drain_grace_s = 5;
  double drain_timeout_s = 300;

  OptionTable table();
  int32_t effective_max_waiting() const;
  http::ServerOptions http_options() const;
};

}  // namespace sluice::app
