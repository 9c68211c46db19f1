#include "app/serve_options.h"

#include "base/team.h"

namespace sluice::app {
namespace {

constexpr double kDaySeconds = 86400;
constexpr int32_t kContextMax = 1 << 24;

int to_ms(double seconds) { return static_cast<int>(seconds * 1000); }

void model_rows(OptionTable& table, ServeOptions& o) {
  table.group("Model");
  table.text("model", &o.model, "NAME|FILE", "a name of `sluice models`, a .gguf file, or fake")
      .aliases = {"model-path"};
  table.text("models-dir", &o.models_dir, "DIR", "where fetched models are kept");
  table.list("served-model-name", &o.served_model_names, "A,B",
             "names that requests may use; the first is shown");
  table.flag("any-model-name", &o.any_model_name, "accept any model name in requests");
  table.text("chat-template", &o.chat_template_file, "FILE",
             "a Jinja template instead of the model's own");
  table
      .integer("ctx", &o.ctx, {0, kContextMax},
               "tokens of prompt and answer; 0: the trained length, as far as memory goes")
      .aliases = {"max-model-len"};
}

void sampling_rows(OptionTable& table, ServeOptions& o) {
  table.group("Sampling defaults (what requests leave open; -1, or -2 for top-k: the model's own)");
  table.real("temperature", &o.temperature, -1, 2, "0 is greedy");
  table.real("top-p", &o.top_p, -1, 1, "share of the probability that may be drawn from");
  table.integer("top-k", &o.top_k, {-2, 1 << 20}, "tokens that may be drawn from; 0 and -1: all");
  table.real("min-p", &o.min_p, -1, 1, "least probability, relative to the likeliest");
  table.real("repetition-penalty", &o.repetition_penalty, -1, 2, "1 is none");
  table.integer("default-max-tokens", &o.default_max_tokens, {1, kContextMax},
                "tokens of an answer whose request names no limit (512 in the classic family)");
}

void network_rows(OptionTable& table, ServeOptions& o) {
  table.group("Network");
  table.text("host", &o.host, "ADDRESS", "address to listen on; 0.0.0.0 for all, IPv6 too");
  table.integer("port", &o.port, {0, 65535}, "TCP port; 0 for any free one");
  table.text("unix-socket", &o.unix_socket, "PATH", "listen on a Unix socket as well");
  table.list("allowed-hosts", &o.allowed_hosts, "NAME,...",
             "further Host names that a loopback address answers to");
  table.list("cors-origin", &o.cors_origins, "ORIGIN,...",
             "web pages that may call from a browser; * for all");
  table.list("trusted-proxies", &o.trusted_proxies, "NET,...",
             "peers whose X-Forwarded-For is believed");
  table.integer("limit-connections", &o.limit_connections, {1, 1 << 20}, "open connections");
  table.bytes("max-body", &o.max_body, 1024, uint64_t{1} << 30, "largest request body");
  table.seconds("timeout-keep-alive", &o.timeout_keep_alive_s, 0.1, kDaySeconds,
                "idle time before a connection is closed");
  table.seconds("timeout-header", &o.timeout_header_s, 0.1, kDaySeconds, "to receive a head");
  table.seconds("timeout-body", &o.timeout_body_s, 0.1, kDaySeconds, "to receive a body");
  table.seconds("timeout-write", &o.timeout_write_s, 0.1, kDaySeconds,
                "for a client that does not read");
}

void overload_rows(OptionTable& table, ServeOptions& o) {
  table.group("Overload");
  table.integer("max-running", &o.max_running, {1, 4096}, "sequences that are computed together")
      .aliases = {"max-num-seqs"};
  table.integer("max-waiting", &o.max_waiting, {0, 1 << 20},
                "requests that may wait; 0: twice max-running");
  table.integer("max-waiting-tokens", &o.max_waiting_tokens, {0, INT64_MAX},
                "prompt tokens that may wait; 0: no limit");
  table.seconds("queue-timeout", &o.queue_timeout_s, 0, kDaySeconds,
                "longest wait before a 503; 0: none");
  table.seconds("timeout-request", &o.timeout_request_s, 0, kDaySeconds,
                "longest whole request; 0: none");
}

void engine_rows(OptionTable& table, ServeOptions& o) {
  table.group("Engine");
  table.integer("threads", &o.threads, {1, kTeamSizeMax}, "compute threads");
  table.integer("io-threads", &o.io_threads, {1, 64}, "threads that speak HTTP");
  table.integer("pool-threads", &o.pool_threads, {1, 64}, "threads for long prompts");
  table.choice("cpu-isa", &o.cpu_isa, {"auto", "scalar", "avx2", "avx512"}, "kernels to use");
  table.choice("kv-dtype", &o.kv_dtype, {"bf16", "f32"}, "type of cached keys and values");
  table.bytes("memory-limit", &o.memory_limit, 0, uint64_t{1} << 46,
              "memory for weights and KV cache; 0: what is free");
  table.flag("prefix-cache", &o.prefix_cache, "keep the KV of prompts for later requests");
}

void operation_rows(OptionTable& table, ServeOptions& o) {
  table.group("Operation");
  table.text("metrics-prefix", &o.metrics_prefix, "TEXT", "of the names in /metrics");
  table.flag("access-log", &o.access_log, "one line a request on standard output");
  table.choice("log-level", &o.log_level, {"debug", "info", "warning", "error"},
               "least level of the program's own log");
  table.seconds("drain-grace", &o.drain_grace_s, 0, kDaySeconds,
                "after SIGTERM: time in which requests are still taken");
  table.seconds("drain-timeout", &o.drain_timeout_s, 0, kDaySeconds,
                "then: time for running streams to finish");
}

}  // namespace

OptionTable ServeOptions::table() {
  OptionTable table;
  model_rows(table, *this);
  sampling_rows(table, *this);
  network_rows(table, *this);
  overload_rows(table, *this);
  engine_rows(table, *this);
  operation_rows(table, *this);
  return table;
}

int32_t ServeOptions::effective_max_waiting() const {
  return max_waiting > 0 ? max_waiting : 2 * max_running;
}

http::ServerOptions ServeOptions::http_options() const {
  http::ServerOptions out;
  out.host = host;
  out.port = static_cast<uint16_t>(port);
  out.unix_socket = unix_socket;
  out.io_threads = io_threads;
  out.limit_connections = static_cast<size_t>(limit_connections);
  out.max_body_bytes = max_body;
  out.keep_alive_timeout_ms = to_ms(timeout_keep_alive_s);
  out.header_timeout_ms = to_ms(timeout_header_s);
  out.body_timeout_ms = to_ms(timeout_body_s);
  out.stalled_writer_timeout_ms = to_ms(timeout_write_s);
  out.allowed_hosts = allowed_hosts;
  out.cors_origins = cors_origins;
  out.trusted_proxies = trusted_proxies;
  return out;
}

}  // namespace sluice::app
